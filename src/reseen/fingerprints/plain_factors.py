"""The numbers of plain LoRA layers, several of one size at a time: nearly all layers are that.

In go modules with the bytes of their factors; out comes, when enough of one size are there or no
more come, what `modules` makes of each, and whether it looks begun as a part of its base. One by
one they take longer in calls than in arithmetic. What sums in float32 do not tell (it is zero, not
finite, extreme, or cancels itself) is given back to be made by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np

from reseen.files.tensors import TensorInfo
from reseen.files.values import Bytes, is_plain_float, read_into, to_float32
from reseen.fingerprints.beginnings import look_begun
from reseen.fingerprints.modules import SIDE, Module, modules_of
from reseen.fingerprints.signs import Floats
from reseen.updates.cost import MOST_FACTORS
from reseen.updates.modules import ModulePlan
from reseen.updates.update import scale_of

_MOST_AT_ONCE = 16
_MOST_NUMBERS = 1 << 19
"""Of one size at a time: 2 MiB, which mostly stay in the processor's cache."""
_MOST_HELD = 1 << 23
"""Numbers of all sizes: 32 MiB, but for layers that are larger by themselves."""
_ROLES = frozenset(("up", "down", "alpha"))


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What came of one."""

    plan: ModulePlan
    module: Module | None
    """None where it has to be made by itself; see `modules_of`."""
    begun: bool | None
    """See `beginnings.look_begun`."""
    arrays: Mapping[str, Floats]
    """Its tensors by name: only until the next is asked for."""


@dataclass(slots=True, eq=False)
class _Group:
    """Layers of one size, in arrays that are used again."""

    ups: Floats
    """(n, out, rank)"""
    downs: Floats
    """(n, rank + SIDE, columns): the down factor, and below it the signs for its columns."""
    components: bool
    plans: list[ModulePlan] = field(default_factory=list)
    alphas: list[Floats | None] = field(default_factory=list)


def is_plain(plan: ModulePlan) -> bool:
    """Whether a module is the product of two factors as they are stored, and no more."""
    tensors = plan.tensors
    up, down = tensors.get("up"), tensors.get("down")
    if up is None or down is None or plan.algorithm != "lora" or not tensors.keys() <= _ROLES:
        return False
    out, columns = plan.shape[0], prod(plan.shape[1:])
    return (
        plan.rows is None
        and plan.place is None
        and not (plan.head or plan.unpacked or plan.says_from_base)
        and 0 < plan.rank <= MOST_FACTORS
        and plan.rank**2 <= out * columns
        and is_plain_float(up)
        and is_plain_float(down)
        and _flat(up) == (out, plan.rank)
        and _flat(down) == (plan.rank, columns)
    )


def _flat(info: TensorInfo) -> tuple[int, int]:
    return info.shape[0], prod(info.shape[1:])


class PlainFactors:
    """Layers that wait for others of their size."""

    def __init__(self) -> None:
        self._groups: dict[tuple[int, int, int, bool], _Group] = {}
        self._held = 0

    def add(
        self, plan: ModulePlan, held: Mapping[str, Bytes], *, components: bool
    ) -> Iterator[Made]:
        """One that `is_plain`, with the bytes of its tensors; those that are done. Raises Malformed
        where bytes are missing."""
        out, columns = plan.shape[0], prod(plan.shape[1:])
        key = out, columns, plan.rank, components
        group = self._groups.get(key)
        if group is None:
            numbers = plan.rank * (out + columns) + SIDE * columns
            count = max(1, min(_MOST_AT_ONCE, _MOST_NUMBERS // numbers))
            if self._held + count * numbers > _MOST_HELD:
                yield from self.rest()
            ups = np.empty((count, out, plan.rank), np.float32)
            downs = np.empty((count, plan.rank + SIDE, columns), np.float32)
            group = self._groups[key] = _Group(ups, downs, components)
            self._held += count * numbers
        at = len(group.plans)
        up, down, alpha = plan.tensors["up"], plan.tensors["down"], plan.tensors.get("alpha")
        read_into(group.ups[at], up, held[up.name])
        read_into(group.downs[at, : plan.rank], down, held[down.name])
        group.alphas.append(None if alpha is None else to_float32(alpha, bytes(held[alpha.name])))
        group.plans.append(plan)
        if len(group.plans) == len(group.ups):
            yield from _done(group)

    def rest(self) -> Iterator[Made]:
        """Those that still wait."""
        groups, self._groups, self._held = self._groups, {}, 0
        for group in groups.values():
            if group.plans:
                yield from _done(group)


def _done(group: _Group) -> Iterator[Made]:
    plans, alphas = group.plans, group.alphas
    group.plans, group.alphas = [], []
    factors = [
        scale_of(plan, {} if alpha is None else {"alpha": alpha})
        for plan, alpha in zip(plans, alphas, strict=True)
    ]
    count, names = len(plans), [plan.name for plan in plans]
    found = modules_of(
        names,
        group.ups[:count],
        group.downs[:count],
        np.array(factors, np.float32),
        components=group.components,
    )
    begun = look_begun(found.up_grams, found.down_grams)
    for n, (plan, alpha) in enumerate(zip(plans, alphas, strict=True)):
        up, down = plan.tensors["up"], plan.tensors["down"]
        arrays = {up.name: group.ups[n].reshape(up.shape)}
        arrays[down.name] = group.downs[n, : plan.rank].reshape(down.shape)
        if alpha is not None:
            arrays[plan.tensors["alpha"].name] = alpha
        yield Made(plan, found.modules[n], begun[n], arrays)
