"""An artifact or a fingerprint in, the removals it is out: with the rung, and why in words."""
