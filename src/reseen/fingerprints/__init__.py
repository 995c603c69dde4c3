"""What a file is known by: every digest in one streaming pass, and the sketch of its updates.

`digests` is the way in. The room is called `fingerprints` so that `reseen.fingerprint` is always
the function of `reseen.api`, whatever has been imported.
"""
