"""The walk: a frontier with leases, one visit a repository, a loop that resumes after any kill."""
