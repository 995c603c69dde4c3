"""Which layers of a checkpoint are read, here or at a hub: a secret of the installation decides.

What comes in: base models that are known, the store's key, and the plan of a file. What goes out:
the layers that are worth reading, in two steps: a few, which tell the base, and where one is told
the layers that both have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reseen.errors import Unread
from reseen.fingerprints.choice import ModuleOrder
from reseen.fingerprints.layer_sketch import Progress
from reseen.fingerprints.local import weights_of
from reseen.fingerprints.members import Forbidden
from reseen.fingerprints.sketch import module_id
from reseen.fingerprints.weight_sketch import WeightSketch
from reseen.fingerprints.weights_read import WeightsRead
from reseen.match.checkpoints import AgainstBases, KnownBase, against, of_model, which_base
from reseen.updates.whole_weights import FEWEST, WeightsPlan

FIRST = 16
"""Layers by which a base is looked for before others are read."""
MOST_FIRST = 64
"""And so many at most, where bases have other layers."""
MOST_SLOW = 192
"""Layers that are read of a file that `is_slow`, which the key chooses."""
MOST_AT_HUB = 64
"""Layers that are read of a checkpoint at a hub, and kept of any: the fewest from which anything is
certain."""
FINE = 0.003
"""Of the size of the weights: a base is kept of a number format that rounds by no more, which half
precision and bfloat16 do; what a coarser one hides it would hide in every checkpoint."""

Ids = NDArray[np.uint32]


class _Every:
    """All layers of a checkpoint."""

    plan: WeightsPlan | None = None

    def first(self, plan: WeightsPlan) -> WeightsPlan:
        self.plan = plan
        return plan

    def rest(self, first: WeightSketch) -> None:
        return None


def read_base(
    path: Path, progress: Progress | None = None, forbidden: Forbidden | None = None
) -> WeightSketch:
    """The sketch of a base model; `path` and `forbidden` as in `here`. Raises FileError for what is
    no checkpoint of known layers."""
    every = _Every()
    read = weights_of(path, every, progress, forbidden)
    if read is None or every.plan is None:
        raise Unread(f"{path.name} is no checkpoint of layers that are known here")
    if every.plan.not_read or every.plan.doubted or read.left_out or len(read.sketch.ids) < FEWEST:
        reasons = "; ".join(sorted(read.left_out)) or "they are packed"
        raise Unread(f"some layers of {path.name} cannot be read: {reasons}")
    return replace(read.sketch, planned=None, beside=0, not_read=0)


def is_fine(made: WeightSketch) -> None:
    """Raises Unread for a number format that is too coarse for a base."""
    share = made.rounding / np.maximum(made.norms, 1e-30)
    if not (share <= FINE).all():
        raise Unread(
            "a base model is kept of single or half precision, or bfloat16",
            remedy="Give the file that the maker published, and no quantised one.",
        )


class LayersByBase:
    """Which layers of one checkpoint are read: a few, which the key chooses, and where these tell
    its base all that both have, or `most` of them, which the key chooses as well. Of `most` alone
    no small tensors are read: for each would be a request. `anyhow`: `most` are read whatever its
    base is, where reading costs nothing."""

    def __init__(
        self,
        known: Sequence[KnownBase],
        key: bytes,
        most: int | None = None,
        *,
        anyhow: bool = False,
    ) -> None:
        self._known, self._order, self._most = known, ModuleOrder(key), most
        self._plan: WeightsPlan | None = None
        self._bases: list[KnownBase] = []
        self._both: Ids | None = None
        self._asked = np.zeros(0, np.uint32)
        """Those that were read first, or could not be."""
        self._anyhow = anyhow

    def first(self, plan: WeightsPlan) -> WeightsPlan:
        if self._most is not None:
            plan = replace(plan, marks=())
        self._plan = plan
        self._bases = of_model(self._known, plan.architecture)
        ids = _ids(plan)
        if len(ids) < FEWEST:
            return replace(plan, modules=(), marks=())
        if self._anyhow:
            return _only(plan, self._chosen(ids, self._most))
        if not self._bases:
            return replace(plan, modules=(), marks=())
        both = [np.intersect1d(ids, base.sketch.ids) for base in self._bases]
        every = np.unique(np.concatenate([self._chosen(some, FIRST) for some in both]))
        if len(every) < FEWEST:
            every = self._chosen(ids, FIRST)
        self._asked = self._chosen(every, MOST_FIRST)
        return _only(plan, self._asked)

    def rest(self, first: WeightSketch) -> WeightsPlan | None:
        nearest = which_base(first, self._bases)
        if self._plan is None or nearest is None or self._anyhow:
            return None
        self._both = np.intersect1d(_ids(self._plan), nearest.base.sketch.ids)
        most = self._most
        if self._plan.is_slow:
            most = min(most or MOST_SLOW, MOST_SLOW)
        chosen = self._chosen(self._both, most)
        return replace(_only(self._plan, np.setdiff1d(chosen, self._asked)), marks=())

    @property
    def is_enough(self) -> bool:
        """Was all chosen that there is to read, whatever base the file has?"""
        return self._anyhow or self._both is not None

    @property
    def has_bases(self) -> bool:
        """Is any base model of its architecture known?"""
        return bool(self._bases)

    @property
    def is_packed(self) -> bool:
        """Are its layers in a form that is not read?"""
        return self._plan is not None and len(_ids(self._plan)) < FEWEST

    def kept(self, read: WeightSketch) -> WeightSketch:
        """What is worth keeping of what was read: what its base has as well, where it is told."""
        return read if self._both is None else read.only(self._both)

    def told(self, read: WeightsRead | None) -> AgainstBases | None:
        """What the checkpoint is, by what was read of it; None for what is no checkpoint."""
        if read is None or self._plan is None:
            return None
        if self.is_packed and (self._bases or self._plan.not_read >= FEWEST):
            return AgainstBases(self._plan.architecture, None, "numbers")
        found = against(read.sketch, self._bases)
        if found.lacks == "base" and self._plan.doubted >= FEWEST:
            return replace(found, lacks="numbers")
        return found

    def _chosen(self, ids: Ids, most: int | None) -> Ids:
        found: Ids = ids[self._order.sorted(ids)[:most]]
        return found


def may_tell_more(
    file: WeightSketch, known: Sequence[KnownBase], *, is_enough: bool, others: bool
) -> bool:
    """Would reading more layers of a file tell more than what is kept of it? `others`: other bases
    are known than when it was read."""
    bases = of_model(known, file.architecture)
    if not bases:
        return False
    if not len(file.ids):
        return True
    nearest = which_base(file, bases)
    if nearest is not None:
        both = nearest.modules
        return not is_enough or (others and both < min(MOST_AT_HUB, len(file.ids)))
    few = any(len(np.intersect1d(file.ids, base.sketch.ids)) < FEWEST for base in bases)
    return others and few


CheckpointSource = Callable[[LayersByBase], WeightsRead | None]
"""One file, here or at a hub: the sketch of the layers that are chosen."""


def here(
    path: Path, progress: Progress | None = None, forbidden: Forbidden | None = None
) -> CheckpointSource:
    """A file on this machine, or the index of one in shards. `forbidden`: told the digests of each
    shard, whether nothing more of it may be read."""
    return partial(weights_of, path, progress=progress, forbidden=forbidden)


def read_against(
    source: CheckpointSource, known: Sequence[KnownBase], key: bytes, most: int | None = None
) -> AgainstBases | None:
    """What a checkpoint is, as far as it can be told. None for what is no checkpoint. Raises
    FileError, and HubError for one at a hub."""
    choice = LayersByBase(known, key, most)
    return choice.told(source(choice))


def _ids(plan: WeightsPlan) -> Ids:
    """Of its layers, ascending."""
    return np.array(sorted({module_id(module.name) for module in plan.modules}), np.uint32)


def _only(plan: WeightsPlan, ids: Ids) -> WeightsPlan:
    wanted = set(ids.tolist())
    return replace(plan, modules=tuple(m for m in plan.modules if module_id(m.name) in wanted))
