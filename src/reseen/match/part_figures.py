"""How three kinds of numbers speak for an adapter inside a file, and how decoys stand to that.

What comes in: sketches of a file, of candidates, and of strangers. What goes out: `Figures` of each
candidate, by the columns (PB), by the linear numbers, and by the up factors (SB). What they are
worth, `parts` says. The columns of each candidate are judged alone; the others by a joint
regression: each time the candidate that is most like what is left of the file is taken in, and in
the end each is held against what all others leave.

Known innocents (accelerators, styles that many use) are taken in as candidates are, explain what
they explain of the file, and nothing is said of them. What of a candidate itself is theirs, where
they are in the file, is not asked for (`own_share`).

Decoys are the strangers, and the candidates that were not taken in. A few of them could be inside
all the same, or others' merges with the same parts, which an uploader may make: so the tail and the
margin hang on the twentieth of them, as in `calibration`, and of fewer than 200 on one in ten.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from reseen.fingerprints.sketch import (
    FEWEST_MODULES,
    MOST_COMPONENTS,
    NUMBERS,
    Sketch,
    module_id,
)
from reseen.match import own_share
from reseen.match.calibration import (
    CALIBRATED_FROM,
    LEAST_P,
    SAME,
    WITNESSES,
    Tail,
    tail_of,
    unit,
)
from reseen.updates.names.known import DENOISERS, ENCODERS, known, one_of

FEWEST_TO_CALIBRATE = 64
"""Modules below which the answer is uncalibrated: strangers of one recipe came to 0.47 of their
columns over 32."""
SIGMAS = 6.0
"""Standard deviations of chance from which on a candidate is taken into the regression."""
LEAD_CONTAINED = 0.5
"""Of a candidate's columns so much is inside, that it may be a part and is no decoy."""
MOST_PARTS = 16
"""More candidates than this that seem to be inside are no parts: they resemble each other."""
_ROOM = 1 / 3
"""Modules where chance alone contains more than this of a stranger's columns say nothing."""
_NEAREST = 13
"""What the nearest neighbours of decoys show hangs on so many of them."""
_NOTHING = 0.02
"""Of a module, what is left when so little of it is left: steps of 1/127, and half precision."""

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


class ToldBy(StrEnum):
    """What tells a part."""

    COLUMNS = "columns"
    LINEAR = "weights"
    UP = "up factors"


@dataclass(frozen=True, slots=True)
class Figures:
    """How one of the three speaks of a candidate."""

    value: float
    """Share of its columns that is inside, or mean cosine with what the others leave."""
    lower: float
    """The same over the weaker half of the modules."""
    sigmas: float
    """The value in standard deviations of chance."""
    modules: int
    margin: float | None
    """How far the value is above the decoys', but for the few highest; None without decoys."""
    p_value: float
    """How often a decoy reaches it; by chance alone where there are too few decoys."""
    decoys: int
    weight: float | None = None
    """Of a linear part: its strength in the file, 1 for as it was."""

    @property
    def calibrated(self) -> bool:
        return self.decoys >= CALIBRATED_FROM and self.modules >= FEWEST_TO_CALIBRATE


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What is left of a file, and how like each is to that."""

    left: Floats
    values: Doubles
    chance: Doubles


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One of the three, over the modules of the file that have it."""

    by: ToldBy
    file: Floats
    """(M, 64): with what atoms are multiplied."""
    offset: Floats
    """(M,): what is added to each product."""
    scales: Floats
    """(M, 1): what linear numbers are multiplied by, so that every module of the file counts."""
    atoms: Floats
    """(N, M, 64): zeros where there is no such module."""
    present: Floats
    """(N, M)"""
    numbers: NDArray[np.int64]
    """(N,): which of those that were given they are; the candidates come first."""
    candidates: int
    """How many of the N are candidates."""
    innocents: int
    """And how many known innocents stand behind them."""
    values: Floats
    """(N, M, 64): the numbers themselves."""
    ids: NDArray[np.uint32]
    """(M,): the modules."""

    @classmethod
    def of(
        cls,
        by: ToldBy,
        file: Sketch,
        others: Sequence[Sketch],
        candidates: int,
        innocents: int = 0,
    ) -> Side | None:
        """None where the file, or each candidate, has too little for it. `others`: so many
        candidates, so many innocents behind them, then strangers."""
        ids, mine, share = _of_file(by, file)
        if len(ids) < FEWEST_MODULES:
            return None
        kept: list[tuple[int, Floats]] = []
        for number, other in enumerate(others):
            aligned = _aligned(by, other, ids)
            has = int(aligned.any(axis=1).sum())
            # A candidate may be of few modules; a decoy tells of the whole file or not at all.
            decoy = number >= candidates + innocents
            if has >= (max(len(ids) // 2, 1) if decoy else FEWEST_MODULES):
                kept.append((number, aligned))
        numbers = np.array([number for number, _ in kept], np.int64)
        if not (numbers < candidates).any():
            return None
        values = np.stack([aligned for _, aligned in kept])
        present: Floats = np.asarray(values.any(axis=2), np.float32)
        lengths: Floats = np.maximum(np.linalg.norm(values, axis=2, keepdims=True), 1e-30)
        many = int((numbers < candidates).sum())
        known = int((numbers < candidates + innocents).sum()) - many
        atoms: Floats = np.divide(values, lengths)
        wide = np.linalg.norm(mine.astype(np.float64), axis=1, keepdims=True)
        sizes: Floats = np.maximum(wide, 1e-30).astype(np.float32)
        scales, offset = np.float32(1) / sizes, np.zeros(len(ids), np.float32)
        if by is ToldBy.COLUMNS:
            room = 1 - share
            mine, offset = mine / room[:, None], -share / room
            atoms = np.divide(atoms, lengths)
        else:
            mine = mine * scales
        return cls(by, mine, offset, scales, atoms, present, numbers, many, known, values, ids)

    def reached(self, file: Floats) -> Doubles:
        """(N,): the value of each, for the file or what is left of it."""
        products = self.atoms.reshape(len(self.atoms), -1) @ file.reshape(-1)
        sums = products + self.present @ self.offset
        made: Doubles = (sums / self.present.sum(axis=1)).astype(np.float64)
        return made

    def each(self, at: int, file: Floats) -> Floats:
        """(M,): the value of one, module by module; of those that it has not, nothing."""
        made: Floats = (self.atoms[at] * file).sum(axis=1) + self.offset
        return made

    def _lower(self, at: int, file: Floats) -> float:
        """The value over the weaker half of the modules."""
        ordered = np.sort(self.each(at, file)[self.present[at] > 0])
        return float(ordered[: (len(ordered) + 1) // 2].mean())

    def chance(self, file: Floats) -> Doubles:
        """(N,): the standard deviation of that by chance."""
        mine = (file**2).sum(axis=1)
        theirs = (self.atoms**2).sum(axis=2)
        made: Doubles = np.sqrt(theirs @ mine / NUMBERS) / self.present.sum(axis=1)
        return np.maximum(made, 1e-12)

    def among(self) -> Doubles:
        """(N, N): the value of each for each, as if it were the file."""
        flat = self.atoms.reshape(len(self.atoms), -1)
        whole = flat if self.by is not ToldBy.COLUMNS else self.values.reshape(len(flat), -1)
        both = np.maximum(self.present @ self.present.T, 1)
        made: Doubles = (whole @ flat.T).astype(np.float64) / both
        return made

    def figures(self, copies: NDArray[np.bool_]) -> list[tuple[int, Figures]]:
        """Of each candidate, by its number."""
        several = self.candidates + self.innocents
        if self.by is ToldBy.COLUMNS:
            chosen = [*self._contained(), *self._whole_innocents()]
        else:
            chosen = self._regressed(0, several)
        inside = [at for at in chosen if at < self.candidates]
        theirs = [at for at in chosen if at >= self.candidates]
        is_decoy = np.ones(len(self.numbers), np.bool_)
        is_decoy[self.candidates : several] = False
        if len(inside) <= MOST_PARTS:
            is_decoy[inside] = False
        nearest = self._nearest(is_decoy)
        own, spared = self._own(theirs)
        rest = own._seen(self._left(chosen))
        found = []
        for at, number in enumerate(self.numbers[: self.candidates].tolist()):
            mine = copies[number, self.numbers[: self.candidates]]
            others = is_decoy.copy()
            others[: self.candidates] &= ~mine
            left = [each for each in inside if not mine[each]]
            is_in = len(left) < len(inside)
            left += [] if at in spared else theirs
            seen = rest if len(left) == len(chosen) else own._seen(self._left(left))
            figures = own._figures(at, seen, others, nearest)
            if self.by is ToldBy.LINEAR and is_in:
                weight = float(self._fitted([at, *left])[0])
                figures = replace(figures, weight=weight)
            found.append((number, figures))
        return found

    def hints(self) -> bool:
        """Whether any candidate is beyond chance, in the file or in what innocents leave of it."""
        if self.by is ToldBy.COLUMNS:
            return bool(self._contained())
        return bool(self.beyond().any()) or bool(
            self.innocents
            and (theirs := self._regressed(self.candidates, self.candidates + self.innocents))
            and self._beyond(self._left(theirs)).any()
        )

    def beyond(self) -> NDArray[np.bool_]:
        """(candidates,): which are beyond chance in the file."""
        if self.by is ToldBy.COLUMNS:
            made = np.zeros(self.candidates, np.bool_)
            made[self._contained()] = True
            return made
        return self._beyond(self.file)

    def _beyond(self, left: Floats) -> NDArray[np.bool_]:
        beyond = self.reached(left) >= SIGMAS * self.chance(left)
        return np.asarray(beyond[: self.candidates], np.bool_)

    def _seen(self, left: Floats) -> _Seen:
        return _Seen(left, self.reached(left), self.chance(left))

    def _figures(self, at: int, seen: _Seen, others: NDArray[np.bool_], nearest: Tail) -> Figures:
        sigmas = seen.values / seen.chance
        value, reached, decoys = float(seen.values[at]), float(sigmas[at]), int(others.sum())
        p_value = 0.5 * math.exp(-min(max(reached, 0.0) ** 2 / 2, 690.0))
        if decoys >= CALIBRATED_FROM:
            tail = tail_of(sigmas[others])
            p_value = max(p_value, float(tail.beyond(np.array(reached))))
            p_value += float(nearest.beyond(np.array(value))) / (decoys + 1)
        return Figures(
            value=value,
            lower=self._lower(at, seen.left),
            sigmas=reached,
            modules=int(self.present[at].sum()),
            margin=value - _highest(seen.values[others]) if decoys else None,
            p_value=min(max(p_value, LEAST_P), 1.0),
            decoys=decoys,
        )

    def _contained(self) -> list[int]:
        """Candidates whose columns are inside."""
        values = self.reached(self.file)[: self.candidates]
        sigmas = values / self.chance(self.file)[: self.candidates]
        return list(np.flatnonzero((values >= LEAD_CONTAINED) & (sigmas >= SIGMAS)).tolist())

    def _whole_innocents(self) -> list[int]:
        """Innocents whose columns are all inside."""
        several = self.candidates + self.innocents
        values = self.reached(self.file)[self.candidates : several]
        return [self.candidates + at for at in np.flatnonzero(values >= own_share.WHOLE).tolist()]

    def _own(self, innocents: Sequence[int]) -> tuple[Side, set[int]]:
        """The same, of each candidate what is none of these innocents'; and those candidates of
        which too little were left, which stay as they are."""
        spared: set[int] = set()
        if not innocents:
            return self, spared
        how = own_share.own_columns if self.by is ToldBy.COLUMNS else own_share.own_weights
        values, atoms, present = self.values.copy(), self.atoms.copy(), self.present.copy()
        theirs = self.values[list(innocents)]
        for at in range(self.candidates):
            own = how(self.values[at], theirs, self.scales)
            if own is None:
                spared.add(at)
            elif own is not self.values[at] and not np.array_equal(own, self.values[at]):
                values[at], present[at] = own, own.any(axis=1)
                lengths = np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-30)
                atoms[at] = own / (lengths**2 if self.by is ToldBy.COLUMNS else lengths)
        return replace(self, values=values, atoms=atoms, present=present), spared

    def _regressed(self, begin: int, end: int) -> list[int]:
        """Those among these that together explain the file, as they are found: each time the one
        that is most like what is left."""
        chosen: list[int] = []
        left = self.file
        while sum(at < self.candidates for at in chosen) <= MOST_PARTS and len(chosen) < end:
            sigmas: Doubles = self.reached(left) / self.chance(left)
            sigmas[[*range(begin), *chosen, *range(end, len(sigmas))]] = -np.inf
            best = int(sigmas.argmax())
            if sigmas[best] < SIGMAS:
                break
            chosen.append(best)
            left = self._left(chosen)
        return chosen

    def _left(self, chosen: Sequence[int]) -> Floats:
        """What these leave of the file, each module at length 1."""
        if self.by is ToldBy.COLUMNS or not len(chosen):
            return self.file
        explained = np.einsum("c,cmn->mn", self._fitted(chosen), self._scaled(chosen))
        left = self.file - explained
        # A module of which nothing is left says nothing, not rounding errors.
        lengths = np.linalg.norm(left, axis=1, keepdims=True)
        made: Floats = np.where(lengths > _NOTHING, unit(left), 0).astype(np.float32)
        return made

    def _fitted(self, chosen: Sequence[int]) -> Doubles:
        columns = self._scaled(chosen).reshape(len(chosen), -1).astype(np.float64)
        products = columns @ columns.T
        products.flat[:: len(chosen) + 1] *= 1 + 1e-9
        made = np.linalg.solve(products, columns @ self.file.reshape(-1))
        return made.astype(np.float64)

    def _scaled(self, chosen: Sequence[int]) -> Floats:
        made: Floats = self.values[list(chosen)] * self.scales[None]
        return made

    def _nearest(self, is_decoy: NDArray[np.bool_]) -> Tail:
        """How like each decoy is to the one that is most like it, but for copies."""
        some = np.flatnonzero(is_decoy)
        if len(some) < CALIBRATED_FROM:
            return tail_of(np.zeros(1))
        values: Doubles = self.among()[np.ix_(some, some)]
        np.fill_diagonal(values, -1)
        values[values >= SAME] = -1
        nearest: Doubles = values.max(axis=1)
        return tail_of(nearest, _NEAREST)


def _highest(values: Doubles) -> float:
    """The largest, but for one in ten or a few: these may be what they are decoys for."""
    return float(np.sort(values)[-min(WITNESSES, len(values) // 10 + 1)])


def _of_file(by: ToldBy, file: Sketch) -> tuple[NDArray[np.uint32], Floats, Floats]:
    """Ids of the modules that count, their numbers, and the share that chance contains."""
    more = file.components
    none = np.zeros(0, np.float32)
    if by is ToldBy.LINEAR:
        chosen = _linear(file)
        return file.ids[chosen], file.values()[chosen], none
    if more is None:
        return file.ids[:0], none, none
    if by is ToldBy.UP:
        has = more.has_up & more.up.any(axis=1)
        return more.ids[has], more.up[has] * more.up_scales[has, None], none
    widths = _widths(file.architecture, more.ids)
    share = np.where(widths > 0, more.ranks / np.maximum(widths, 1), 1)
    has = more.has_space & more.space.any(axis=1) & (share <= _ROOM)
    numbers = more.space[has] * more.space_scales[has, None]
    return more.ids[has], numbers, share[has].astype(np.float32)


def _linear(file: Sketch) -> NDArray[np.bool_]:
    """Which modules' linear numbers are looked at: those that have components, which do where they
    are many; else the strongest."""
    more = file.components
    if more is not None and len(more.ids) >= FEWEST_TO_CALIBRATE:
        return np.isin(file.ids, more.ids)
    chosen = np.zeros(len(file.ids), np.bool_)
    chosen[np.argsort(-file.norms, kind="stable")[:MOST_COMPONENTS]] = True
    return chosen


def _aligned(by: ToldBy, other: Sketch, ids: NDArray[np.uint32]) -> Floats:
    """(M, 64): its numbers for these modules; zeros where it has none."""
    more = other.components
    made = np.zeros((len(ids), NUMBERS), np.float32)
    if by is ToldBy.LINEAR:
        theirs, steps, scales = other.ids, other.s, other.scales
    elif more is None:
        return made
    elif by is ToldBy.UP:
        theirs, steps, scales = more.ids, more.up, more.up_scales
    else:
        theirs, steps, scales = more.ids, more.space, more.space_scales
    if len(theirs) == len(ids) and (theirs == ids).all():
        made[:] = steps * scales[:, None]
        return made
    _, here, at = np.intersect1d(ids, theirs, assume_unique=True, return_indices=True)
    made[here] = steps[at] * scales[at, None]
    return made


def _widths(architecture: str, ids: NDArray[np.uint32]) -> Doubles:
    """(n,): how many rows each module's update has; 0 where no table knows it."""
    wanted = set(ids.tolist())
    widths: dict[int, int] = {}
    for model in (*one_of(architecture), *ENCODERS):
        if model in ENCODERS or model in DENOISERS:
            widths = {**_widths_of(model), **widths}
        if wanted <= widths.keys():
            break
    return np.array([widths.get(id_, 0) for id_ in ids.tolist()], np.float64)


@lru_cache(maxsize=len(ENCODERS) + len(DENOISERS))
def _widths_of(model: str) -> dict[int, int]:
    table = known(model)
    return {module_id(f"{table.part}.{name}"): la.out for name, la in table.layers.items()}
