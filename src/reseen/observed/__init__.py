"""What was seen at hubs: artifacts, what was read of them, sightings, commits that are known."""
