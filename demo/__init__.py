"""The main job on an embedded default, in a few seconds and without any network: `make demo`."""
