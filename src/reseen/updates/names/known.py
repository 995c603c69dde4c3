"""The base models whose tables are here, and which fits a file's layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from reseen.updates.names import mmdit, text, unet
from reseen.updates.names.tables import Cut, Table

DENOISERS = ("sd1", "sd2", "sdxl", "flux", "sd3", "sd3.5-large")
ENCODERS = ("clip_l", "clip_g", "clip_h", "t5")

_NAMES = 0.5
"""The share of a part that a table must name before its names are used at all. Shares are of stored
bytes: a thousand layers of one number each, put in to hide the rest, weigh nothing."""
_MODEL = 0.7
"""The share that a table must name for the part to be of its model. Stray layers may be up to three
tenths; HunyuanVideo shares 0.63 of its names with Flux."""
_SHAPES = 0.9
"""The share of what is named that must have the model's shape."""
STRAY = 1 - _MODEL
"""The share that layers of no known model may have without making the rest unknown."""


@cache
def known(model: str) -> Table:
    """The table of a base model, built once."""
    match model:
        case "sd1":
            return unet.unet_table(unet.SD1)
        case "sd2":
            return unet.unet_table(unet.SD2)
        case "sdxl":
            return unet.unet_table(unet.SDXL)
        case "flux":
            return mmdit.flux()
        case "sd3":
            return mmdit.sd3(24, dual=13)
        case "sd3.5-large":
            return mmdit.sd3(38, dual=0)
        case "clip_l":
            return text.clip("clip_l", 768, 12, 768)
        case "clip_g":
            return text.clip("clip_g", 1280, 32, 1280)
        case "clip_h":
            return text.clip("clip_h", 1024, 24, 0)
        case "t5":
            return text.t5()
    raise ValueError(f"no table for {model}")


_OR = "|"


def one_of(architecture: str) -> tuple[str, ...]:
    """The base models that an architecture may be: several ("sd1|sd2") where all that a file has is
    in each of them, by name and by shape."""
    return tuple(architecture.split(_OR))


@dataclass(frozen=True, slots=True)
class FoundTable:
    """The table that names a file's layers."""

    table: Table | None
    model: str
    """Empty where only the names fit and the widths do not; see `one_of` where several fit."""


def fits(table: Table, alias: str, out: int, columns: int) -> tuple[bool, bool]:
    """Whether the table has a layer of this name, and whether it has this shape."""
    cuts = table.aliases.get(alias)
    if cuts is None:
        return False, False
    for cut in cuts:
        layer = table.layers[cut.name]
        if out % cut.of or columns != layer.columns:
            return True, False
        if cut.height(out) not in (layer.out, layer.other_out):
            return True, False
    return True, True


def best(models: Iterable[str], layers: Mapping[str, tuple[int, int, int]]) -> FoundTable:
    """Which model's table names layers given by flattened name as (out, columns, stored bytes).

    Where several models fit alike and name the layers alike it is one of them: self-attention alone
    cannot tell SD 1.x from SD 2.x. Where the names fit and the shapes do not (a small or widened
    sibling), the names are used and the model stays unknown.
    """
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
        alike = [
            m for s, n, m in scored if (s, n) == (shaped, named) and _names_alike(m, model, layers)
        ]
        return FoundTable(known(model), _OR.join(alike))
    _, named, model = max(scored, key=lambda s: s[1], default=(0, 0, ""))
    if named and named >= _NAMES * total:
        return FoundTable(known(model), "")
    return FoundTable(None, "")


def _names_alike(model: str, other: str, layers: Iterable[str]) -> bool:
    one, two = known(model), known(other)
    return one.part == two.part and all(cuts_of(one, a) == cuts_of(two, a) for a in layers)


def cuts_of(table: Table, alias: str) -> tuple[Cut, ...]:
    """The canonical layers behind a flattened name; none where the table has no such name."""
    return table.aliases.get(alias, ())
