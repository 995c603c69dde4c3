"""How layers were named by the releases before a name was a layer's own: by the table that had most
of the file.

What was removed then has a sketch of these names, and its weights are gone: so names are still made
this way too, and never otherwise. Nothing else reads this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reseen.updates.names.known import fits, known
from reseen.updates.names.tables import Cut, Table

DENOISERS = ("sd1", "sd2", "sdxl", "flux", "sd3", "sd3.5-large")
ENCODERS = ("clip_l", "clip_g", "clip_h", "t5")
MODELS = (*DENOISERS, *ENCODERS)
"""The tables of then."""

_NAMES = 0.5
_MODEL = 0.7
_SHAPES = 0.9


def best(
    models: Iterable[str], layers: Mapping[str, tuple[int, int, int]]
) -> tuple[Table | None, str]:
    """Which model's table named layers given by flattened name as (out, columns, stored bytes), and
    that model; empty where only the names fitted."""
    scored: list[tuple[int, int, str]] = []
    for model in models:
        table = known(model)
        named = shaped = 0
        for alias, (out, columns, weight) in layers.items():
            has_name, has_shape = fits(table, alias, out, columns)
            named += weight * has_name
            shaped += weight * has_shape
        scored.append((shaped, named, model))
    total = sum(weight for _, _, weight in layers.values())
    shaped, named, model = max(scored, key=lambda s: s[:2], default=(0, 0, ""))
    if named and named >= _MODEL * total and shaped >= _SHAPES * named:
        return known(model), model
    _, named, model = max(scored, key=lambda s: s[1], default=(0, 0, ""))
    if named and named >= _NAMES * total:
        return known(model), ""
    return None, ""


def cuts_of(table: Table | None, alias: str) -> tuple[Cut, ...]:
    """The layers behind a flattened name; none where the table has no such name."""
    return () if table is None else table.aliases.get(alias, ())
