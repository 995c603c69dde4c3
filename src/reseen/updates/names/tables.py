"""What a naming table is: the layers of a base model under canonical names, and their other names.

A family module (unet, mmdit, text) generates its tables from a few numbers. A new architecture is
one new table and one line in `DENOISERS` or `ENCODERS` of `known`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import gcd


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a base model."""

    name: str
    """Canonical, without the part."""
    out: int
    inn: int
    """Input width (or channels)."""
    kernel: int = 1
    """Side of the square kernel; 1 for a linear layer."""
    others: tuple[tuple[int, int], ...] = ()
    """Other (out, columns) of this layer in siblings of the model."""

    @property
    def columns(self) -> int:
        """Columns of the update matrix: in*kh*kw."""
        return self.inn * self.kernel * self.kernel

    def has(self, out: int, columns: int) -> bool:
        """Whether it has this size."""
        return (out, columns) == (self.out, self.columns) or (out, columns) in self.others


@dataclass(frozen=True, slots=True)
class Cut:
    """Which output rows of a file's layer are a canonical layer.

    In equal units, so that the cut holds for any width: q of a fused q, k, v is ((0, 1),) of 3;
    two swapped halves are ((1, 2), (0, 1)) of 2; the whole is ((0, 1),) of 1.
    """

    name: str
    """Canonical, without the part."""
    units: tuple[tuple[int, int], ...] = ((0, 1),)
    of: int = 1

    def rows(self, out: int) -> tuple[tuple[int, int], ...] | None:
        """The rows of a layer with `out` rows; None for all. The unit must divide `out`."""
        if self.of == 1:
            return None
        unit = out // self.of
        return tuple((start * unit, stop * unit) for start, stop in self.units)

    def height(self, out: int) -> int:
        """How many rows those are."""
        return sum(stop - start for start, stop in self.units) * out // self.of


@dataclass(frozen=True, slots=True)
class Table:
    """One base model: its layers, and every name they go by."""

    part: str
    """What canonical names of this table begin with."""
    layers: Mapping[str, Layer]
    aliases: Mapping[str, tuple[Cut, ...]]
    """From a name with every dot written as an underscore. That is unique inside each table,
    and it is all that kohya's names keep, so dotted and flattened names are looked up alike."""
    spelled: tuple[str, ...]
    """The same names with their dots."""
    dialects: Mapping[str, tuple[Alias, ...]] = field(default_factory=dict)
    """By who writes so: the names that are not the canonical ones. Under these, and under the
    canonical ones, such files were removed before the model had a table (see `names.then`)."""


Alias = tuple[str, tuple[Cut, ...]]
"""A name with its dots, and which rows of it are which layers."""


def flat(name: str) -> str:
    """A name as kohya writes it."""
    return name.replace(".", "_")


def table(
    part: str,
    layers: Iterable[Layer],
    aliases: Iterable[Alias],
    dialects: Mapping[str, tuple[Alias, ...]] | None = None,
) -> Table:
    """A table from its layers and their other names; the canonical names are added, those that
    diffusers gives to the projections of an attention where it fuses them, and `to_out`.

    Raises ValueError where one name would mean two things: a mistake in the table.
    """
    by_name = {layer.name: layer for layer in layers}
    every: dict[str, tuple[Cut, ...]] = {}
    names = [*((name, (Cut(name),)) for name in by_name), *aliases, *_fused(by_name)]
    named = {alias for alias, _ in names}
    names += [
        (alias.removesuffix(".0"), cuts)
        for alias, cuts in names
        if alias.endswith(_OUT) and alias.removesuffix(".0") not in named
    ]
    for alias, cuts in names:
        if every.setdefault(flat(alias), cuts) != cuts:
            raise ValueError(f"{alias} means two layers of {part}")
    spelled = tuple(dict.fromkeys(alias for alias, _ in names))
    return Table(part, by_name, every, spelled, dialects or {})


_OUT = ".to_out.0"
"""The processors of the first diffusers call it `to_out`, as the files of AnimateDiff have it."""
_FUSED = (
    ("to_qkv", ("to_q", "to_k", "to_v")),
    ("to_kv", ("to_k", "to_v")),
    ("to_added_qkv", ("add_q_proj", "add_k_proj", "add_v_proj")),
    ("to_added_kv", ("add_k_proj", "add_v_proj")),
)
"""What `fuse_qkv_projections` of diffusers makes of which layers, their rows one after another.
SimpleTuner trains adapters of models that are fused so."""


def _fused(layers: Mapping[str, Layer]) -> Iterator[Alias]:
    for name in layers:
        attention, dot, last = name.rpartition(".")
        for fused, parts in _FUSED:
            if last != parts[0]:
                continue
            of = [layers.get(f"{attention}{dot}{part}") for part in parts]
            found = [layer for layer in of if layer is not None]
            if len(found) == len(parts) and len({layer.columns for layer in found}) == 1:
                yield f"{attention}{dot}{fused}", one_after_another(found)


def one_after_another(layers: list[Layer]) -> tuple[Cut, ...]:
    """The rows of a layer in which the rows of these stand one after another."""
    unit = gcd(*(layer.out for layer in layers))
    total = sum(layer.out for layer in layers) // unit
    cuts, at = [], 0
    for layer in layers:
        height = layer.out // unit
        cuts.append(Cut(layer.name, ((at, at + height),), total))
        at += height
    return tuple(cuts)
