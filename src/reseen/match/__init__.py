"""Finds which removals an artifact or fingerprint matches: with the rung, and why in words."""
