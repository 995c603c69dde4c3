"""A small JSON object that stands in, or beside, a model file."""

from __future__ import annotations

import json

from reseen.errors import Malformed

_DEEPEST = 8


def json_object(data: bytes, what: str) -> dict[str, object]:
    """Read it. `what`: what it is, for the errors. Raises Malformed for anything else."""
    if _depth(data) > _DEEPEST:
        raise Malformed(f"{what} is nested too deeply")
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError) as e:
        raise Malformed(f"{what} is not JSON") from e
    if not isinstance(value, dict):
        raise Malformed(f"{what} is not a JSON object")
    return {str(key): item for key, item in value.items()}


def _depth(data: bytes) -> int:
    """An upper bound of how deep the brackets nest; those inside strings count too."""
    deepest = depth = 0
    for byte in data:
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest
