"""Reseen knows an AI model when it sees it again.

    import reseen

    reseen.fingerprint("model.safetensors")   # all digests and the sketch, in one pass
    reseen.compare("removed.safetensors", "found.safetensors")   # cosine, p-value, relation

The rooms, in the order in which data flows: `files` (bytes -> tensors), `updates` (tensors ->
canonical modules -> weight updates), `fingerprints` (digests, the sketch), `registry` (what was
removed and what was seen), `match` (a fingerprint -> matches), `hubs` and `scan` (the walk),
`report` and `cli` (what people see). `records` and `errors` are the ground they stand on.
"""

from reseen.api import compare, fingerprint, sketch

__all__ = ["compare", "fingerprint", "sketch"]
