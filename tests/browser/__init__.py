"""Every page used for real: Chromium, a service on a free port, a hub on loopback."""
