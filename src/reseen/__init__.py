"""Reseen knows an AI model when it sees it again.

    import reseen

    reseen.fingerprint("model.safetensors")   # all digests and the sketch, in one pass
    reseen.compare("removed.safetensors", "found.safetensors")   # cosine, p-value, relation
    with reseen.Registry.open() as registry:
        registry.check("upload.safetensors")   # is it a removed model, and why

docs/python.md has all of it. The rooms, each of which knows only rooms before it:

- `records`, `errors`, `settings`: the nouns, the error tree, what the environment says
- `files` (bytes -> tensors), `updates` (tensors -> weight updates), `fingerprints` (digests and
  the sketch), `store` (the database), `observed` (what was seen), `registry` (what was removed),
  `match` (a fingerprint or an artifact -> matches), `hubs` (places that host models)
- `scan` (the walk), `gate` (the answer at an upload), `report`, `review` (cases, notices)
- `operations`: one function for each act, with all that follows from it
- `web`, `cli`, `api`, `client`: what people and programs use
"""

from reseen.api import Incomparable, Registry, SameContent, compare, fingerprint, sketch

__version__ = "0.2.0"

__all__ = [
    "Incomparable",
    "Registry",
    "SameContent",
    "__version__",
    "compare",
    "fingerprint",
    "sketch",
]
