"""The modules of a file: how each is made of which tensors, under the file's names and others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reseen.files.tensors import TensorInfo


@dataclass(frozen=True, slots=True)
class RowsWithin:
    """Some rows of a layer."""

    rows: tuple[tuple[int, int], ...]
    """In the order of the part's own rows."""
    height: int
    """Of the layer."""
    parts: int
    """How many parts the layer is made of."""


SHARED = frozenset(("vera_first", "vera_second"))
"""Roles of tensors that all layers of a file share."""


@dataclass(frozen=True, slots=True)
class DrawnProjections:
    """The two projections of VeRA where the file does not hold them."""

    key: int
    """Of the generator, below 2^32."""
    rank: int
    inn: int
    out: int

    @property
    def numbers(self) -> int:
        return self.rank * (self.inn + self.out)


@dataclass(frozen=True, slots=True)
class ModulePlan:
    """One canonical module of a file: how its update is made from which tensors."""

    name: str
    """Canonical."""
    source: str
    """The file's own name of the layer; the cuts of one fused layer share it."""
    algorithm: str
    """lora, adalora, loha, lokr or full; or one of `sides.OWN`."""
    shape: tuple[int, int, int, int]
    """Of the update: (out, in, kernel height, kernel width); a linear layer has kernel 1x1."""
    rank: int
    """Of the factors; 0 where the algorithm has none (full, LoKr of two full matrices)."""
    tensors: Mapping[str, TensorInfo]
    """By role: up, down, mid, alpha, scale, magnitude, hada_w1_a ..., lokr_w1 ..., diff."""
    rows: tuple[tuple[int, int], ...] | None = None
    """Which output rows of the file's layer make this module, in order; None for all of them."""
    fixed_scale: float | None = None
    """The scale where a configuration gives it; None where the tensors do (or else it is 1)."""
    place: RowsWithin | None = None
    """Where its rows stand in the layer that the module's name is of; None where it is all of it.
    A name that several have is that of their layer, and they are its parts."""
    reading: int = 0
    """0 for a module of the plan; else that of one of `Plan.readings`, counted from 1."""
    unpacked: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By role: shapes of factors of 4 bits, which the header does not say."""
    says_from_base: bool = False
    """Whether the configuration says that it began as a part of the base weight, which strangers
    share: its numbers decide (`fingerprints.beginnings`)."""
    head: int = 0
    """Rows of each attention head that llama.cpp turned (`turned_rows`); 0 for none."""
    drawn: DrawnProjections | None = None
    """Of VeRA as an update, where the file does not hold the projections."""
    what: str = ""
    """Which object of an algorithm of `sides.OWN` it is; empty for what is added to the weight."""

    @property
    def length(self) -> int:
        """Bytes to read for it."""
        return sum(info.length for info in self.tensors.values())


@dataclass(frozen=True, slots=True)
class Reading:
    """A file under other names, under which it is compared too (see `readings`)."""

    architecture: str
    modules: tuple[ModulePlan, ...]
    """As in `Plan`."""
    is_adapter: bool = False
    """It is another adapter that the file holds, rather than another way to name this one."""


def is_own(module: ModulePlan, own: Mapping[str, ModulePlan]) -> bool:
    """Whether a module of another reading is the plan's own of that name."""
    mine = own.get(module.name)
    return (
        mine is not None
        and module.place is None
        and (mine.source, mine.rows, mine.head) == (module.source, module.rows, module.head)
        and mine.tensors.keys() == module.tensors.keys()
    )
