"""Places that host models: one interface, one file per hub."""
