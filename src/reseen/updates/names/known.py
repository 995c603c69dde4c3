"""The base models whose tables are here, and what a layer is by its own name and size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from reseen.updates.names import mmdit, text, unet
from reseen.updates.names.models import GROUPS, PROVED, UNPROVED, VARIANTS
from reseen.updates.names.prefixes import REMEMBERED
from reseen.updates.names.tables import Cut, Table

_BUILT = ("sd1", "sd2", "sdxl", "flux", "sd3", "sd3.5-large")
LANGUAGE = "language"
DENOISERS = (*_BUILT, *PROVED, "kolors", *UNPROVED, LANGUAGE)
ENCODERS = ("clip_l", "clip_g", "clip_h", "t5")

_MODEL = 0.7
"""The share of a part that must be a model's, by name and size, for the part to be of that model.
Shares are of stored bytes: a thousand layers of one number each, put in to hide the rest, weigh
nothing."""
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
        case "kolors":
            return unet.unet_table(unet.KOLORS)
        case "language":
            return text.LANGUAGE.table()
    if model not in _SIZED:
        raise ValueError(f"no table for {model}")
    family, sizes = _SIZED[model]
    return family.table(**sizes)


_SIZED = {**PROVED, **UNPROVED}


_OR = "|"
BY_ORDER = " by order"
"""The mark of an architecture, in a plan and in a sketch, which says that the names of the layers
are told by their order alone: what is like it is a lead and accuses nobody."""


FROM_BASE = " from its base"
"""The mark in a sketch of an adapter whose numbers say that it began as a part of its base weight
(PiSSA), which strangers share: what is like such a removal is a lead and accuses nobody."""


def unmarked(architecture: str) -> str:
    """An architecture without what a mark says of the file."""
    return architecture.removesuffix(FROM_BASE).removesuffix(BY_ORDER)


def marked(architecture: str, mark: str) -> str:
    """An architecture with a mark, where it has none."""
    return architecture if unmarked(architecture) != architecture else architecture + mark


def one_of(architecture: str) -> tuple[str, ...]:
    """The base models that an architecture may be, marked or not: several ("sd1|sd2") where all
    that a file has is in each of them, by name and by shape."""
    return tuple(unmarked(architecture).split(_OR))


def is_encoders_alone(architecture: str) -> bool:
    """Whether a file of this architecture has layers of text encoders ("clip_l", "clip_g+clip_l")
    and of nothing else. Several models have the same ones."""
    return all(each in ENCODERS for each in unmarked(architecture).split("+"))


def groups_of(architecture: str) -> tuple[str, ...]:
    """Where sketches of an architecture are searched: together with those of models that have many
    layers of one name and one size with it."""
    return tuple(dict.fromkeys(GROUPS.get(model, model) for model in one_of(architecture)))


def fits(table: Table, alias: str, out: int, columns: int) -> tuple[bool, bool]:
    """Whether the table has a layer of this name, and whether it has this shape."""
    cuts = table.aliases.get(alias)
    if cuts is None:
        return False, False
    return True, _sized(table, cuts, out, columns)


def _sized(table: Table, cuts: tuple[Cut, ...], out: int, columns: int) -> bool:
    return all(
        out % cut.of == 0 and table.layers[cut.name].has(cut.height(out), columns) for cut in cuts
    )


@dataclass(frozen=True, slots=True)
class Known:
    """What a layer is by its name."""

    table: Table
    """Of the first model that has it."""
    cuts: tuple[Cut, ...]
    models: tuple[str, ...]
    """Those that have it in this size; none where only its name is known."""


@lru_cache(REMEMBERED)
def layer(models: tuple[str, ...], alias: str, out: int, columns: int) -> Known | None:
    """What a layer is by its flattened name and its size, whatever else the file has; None for
    none of these models'.

    Models that have a layer of one name and one size name it alike (a test holds it). Where none
    has it in this size (a small or widened sibling), it is that of the model whose layer has the
    same proportions, else of the first whose cuts divide its height.
    """
    having = _having(models).get(alias, ())
    sized = [(m, cuts) for m, cuts in having if _sized(known(m), cuts, out, columns)]
    if sized:
        model, cuts = sized[0]
        return Known(known(model), cuts, tuple(m for m, _ in sized))
    dividing = [(m, cuts) for m, cuts in having if out % cuts[0].of == 0]
    for model, cuts in dividing:
        table = known(model)
        whole = sum(table.layers[cut.name].out for cut in cuts)
        if whole * columns == out * table.layers[cuts[0].name].columns:
            return Known(table, cuts, ())
    return Known(known(dividing[0][0]), dividing[0][1], ()) if dividing else None


def has_name(models: tuple[str, ...], alias: str) -> bool:
    """Whether one of these models has a layer of this flattened name."""
    return alias in _having(models)


@cache
def _having(models: tuple[str, ...]) -> Mapping[str, tuple[tuple[str, tuple[Cut, ...]], ...]]:
    """By flattened name: the models that have it, and which of their layers it is."""
    found: dict[str, tuple[tuple[str, tuple[Cut, ...]], ...]] = {}
    for model in models:
        for alias, cuts in known(model).aliases.items():
            found[alias] = (*found.get(alias, ()), (model, cuts))
    return found


@cache
def _kinds(model: str) -> Mapping[str, int]:
    """How many layers of each kind a model has."""
    counts: dict[str, int] = {}
    for name in known(model).layers:
        counts[kind(name)] = counts.get(kind(name), 0) + 1
    return counts


@lru_cache(REMEMBERED)
def kind(name: str) -> str:
    """A layer's name without the number of its block."""
    return ".".join("#" if word.isdigit() else word for word in name.split("."))


def model_of(weights: Mapping[str, int], total: int, names: Mapping[str, frozenset[str]]) -> str:
    """Which model a part is of, empty for none: the one that has the most of it.

    `weights`: stored bytes of the layers that each model has; `total`: of all; `names`: the layers
    themselves, without the part. Of several that have all alike it is the one that others are
    variants of, and none whose sizes are unproved; those of which no layer of a kind that is there
    is missing; else it is one of them: self-attention alone cannot tell SD 1.x from SD 2.x.
    """
    most = max(weights.values(), default=0)
    if not most or most < _MODEL * total:
        return ""
    alike = [model for model, weight in weights.items() if weight == most]
    if len(alike) > 1:
        alike = [m for m in alike if VARIANTS.get(m) not in alike]
        alike = [m for m in alike if m not in UNPROVED] or alike
        alike = [m for m in alike if _is_whole(m, names[m])] or alike
    return _OR.join(sorted(alike, key=(*DENOISERS, *ENCODERS).index))


def _is_whole(model: str, names: frozenset[str]) -> bool:
    counts: dict[str, int] = {}
    for name in names:
        counts[kind(name)] = counts.get(kind(name), 0) + 1
    return all(_kinds(model).get(kind, 0) == count for kind, count in counts.items())
