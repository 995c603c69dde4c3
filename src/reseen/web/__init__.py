"""Pages for reviewers, and the gate before uploads: what people and hubs reach over HTTP."""
