"""Two files that add up to a removal, and of which neither is like it.

What comes in: sketches of files of one account. What goes out: pairs that are opposed to each
other, what each pair comes to together, and whether that is a removal. Sketches are linear, so that
the sketch of a sum is the sum of the sketches.

Whoever splits a removal into two files that are loaded together puts something into the one that
the other takes out again. Where neither file has a cosine of 0.5 with their sum, theirs with each
other is -0.5 or less, whatever it was and however the removal was divided (of vectors a and b with
a + b of length 1: a²+ab < |a|/2 and b²+ab < |b|/2). So no removal is needed to find such pairs, and
among strangers there is hardly one.

What is known is a joint claim: each file alone accuses nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reseen.fingerprints.choice import ModuleOrder
from reseen.fingerprints.sketch import FEWEST_MODULES, SIDE, Sketch, in_steps
from reseen.match.calibration import unit
from reseen.match.compare import FEW_LAYERS, Background, Comparison, compare

OPPOSED = -0.3
"""To this mean cosine of their modules two are opposed. In 100,000 pairs of strangers of full size
none was below -0.1; a stranger that somebody negated is."""
LOOKED_AT = 64
"""Modules of each file that tell whether two are opposed, chosen by the installation's key."""
ADDS_UP = 0.7
"""At least this mean cosine of what two come to together with the removal. Strangers of one recipe
that are like it to 0.43, the most that was measured, come to 0.51 together."""
_LEFT = 0.01
"""So little of what was put together is left by rounding alone: steps of 1/127, half precision."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """What two files come to together."""

    how: str
    sketch: Sketch


def opposed(
    sketches: Sequence[Sketch], order: ModuleOrder, fresh: Collection[int] | None = None
) -> Iterator[tuple[int, int]]:
    """Pairs of these, by their places, that are opposed to each other. `fresh`: only those with one
    of these in them."""
    wanted = range(len(sketches)) if fresh is None else sorted(fresh)
    done: set[int] = set()
    for at in wanted:
        one = sketches[at]
        places = np.sort(order.sorted(one.ids)[:LOOKED_AT])
        ids, mine = one.ids[places], unit(one.s[places].astype(np.float32))
        for number, other in enumerate(sketches):
            if number == at or number in done:
                continue
            _, here, there = np.intersect1d(ids, other.ids, assume_unique=True, return_indices=True)
            if len(here) < FEWEST_MODULES:
                continue
            theirs = unit(other.s[there].astype(np.float32))
            if float((mine[here] * theirs).sum()) <= OPPOSED * len(here):
                yield min(at, number), max(at, number)
        done.add(at)


def joined(first: Sketch, second: Sketch) -> tuple[Joint, ...]:
    """What two come to: both at the strength that they have, and the second at the strength that
    takes away the most of the first, for nobody knows at which strengths they are loaded."""
    ids = np.union1d(first.ids, second.ids)
    one, other = first.values_of(ids), second.values_of(ids)
    dot = float(np.vdot(one, other))
    strength = -dot / max(float(np.vdot(other, other)), 1e-30)
    found = [("at equal strength", one + other)]
    if abs(strength - 1) > _LEFT:
        how = f"the second at {strength:.2g} times the strength of the first"
        found.append((how, one + np.float32(strength) * other))
    lengths = [float(np.linalg.norm(each)) for each in (one, other)]
    like = max(first, second, key=lambda sketch: len(sketch.ids))
    return tuple(
        Joint(how, _sketch(like, ids, values, first.rank + second.rank))
        for how, values in found
        if float(np.linalg.norm(values)) > _LEFT * min(lengths)
    )


def together(
    removal: Sketch, first: Sketch, second: Sketch, background: Background
) -> tuple[Joint, Comparison] | None:
    """What two come to that is most like the removal (`adds_up` says whether it is that), whatever
    each is alone; None where nothing can be compared."""
    best: tuple[Joint, Comparison] | None = None
    for joint in joined(first, second):
        found = compare(removal, joint.sketch, background)
        if found is not None and (best is None or found.mean > best[1].mean):
            best = joint, found
    return best


def adds_up(found: Comparison) -> bool:
    """Whether what two come to together is the removal."""
    return found.is_copy and found.mean >= ADDS_UP and found.modules >= FEW_LAYERS


def _sketch(like: Sketch, ids: NDArray[np.uint32], values: Floats, rank: int) -> Sketch:
    """Of these numbers; columns of a sum nobody knows."""
    there = values.any(axis=1)
    ids, values = ids[there], values[there]
    scales, steps = in_steps(values)
    return replace(
        like,
        rank=rank,
        ids=ids,
        norms=(np.linalg.norm(values, axis=1) / SIDE).astype(np.float32),
        scales=scales,
        s=steps,
        components=None,
    )
