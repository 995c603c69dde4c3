"""Fingerprints: digests in one streaming pass, what a file says of itself, and the sketch."""
