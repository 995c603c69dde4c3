"""A checkpoint against base models and removals: which base it was made from, and what is inside.

What comes in: the store, opened for reading, the base models that are in use, and what was read of
a file. What goes out: a `CheckpointSeen`. A base that has a removal inside by now is told of no
checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from reseen.fingerprints import weight_sketch
from reseen.fingerprints.weight_sketch import WeightSketch
from reseen.match import background, checkpoints
from reseen.match.checkpoint_parts import InCheckpoint, inside_checkpoint, may_hold
from reseen.match.checkpoints import AgainstBases, KnownBase
from reseen.match.registry_parts import KnownSketch, RegistryParts
from reseen.match.sketch_index import OpenStore
from reseen.observed.blind_spots import READ_OF_CHECKPOINTS, WHOLE_WEIGHTS, beside_base, no_base
from reseen.records import Fingerprint

NO_BASES = "no base model of its architecture is known: what is inside is not looked for"
UNKNOWN_BASE = "none of the known base models is its base: what is inside is not looked for"
PACKED = "its weights are in a form that is not read: what is inside is not looked for"


@dataclass(frozen=True, slots=True)
class CheckpointSeen:
    """What is known of a file of whole weights."""

    architecture: str
    base: str | None = None
    """The base model that it was made from; None where that is not known."""
    distance: float | None = None
    """From it, relative to the weights, of the middle layer."""
    modules: int = 0
    """Layers that were compared."""
    untouched: int = 0
    """Of these, those that are the base's."""
    marks: int = 0
    """Small tensors that are the base's."""
    not_read: int = 0
    """Layers of the base that are not read of it: as `checkpoints.BaseTold` says it."""
    lacks: int = 0
    """Layers of the base that it does not have: a part of a model, or one that was cut."""
    only_rounding: bool = False
    """Whether the number format explains all that differs."""
    parts: tuple[InCheckpoint, ...] = ()
    """Removals that are inside, or may be."""
    why: str = ""
    """Why nothing is said of what is inside."""

    @property
    def has_bases(self) -> bool:
        """Is any base model of its architecture known?"""
        return self.why != NO_BASES

    @property
    def text(self) -> str:
        """In a sentence."""
        kind = f"a checkpoint ({self.architecture})"
        if self.base is None:
            return f"{kind}; {self.why}"
        base = f"{kind} of the base {self.base}, {self.distance:.2g} from it over {self.modules} "
        base += "layers"
        if self.not_read:
            base += f" ({self.not_read} others are not read: what is in them is not looked for)"
        if self.lacks:
            base += f" ({self.lacks} others of the base are not in it)"
        if self.why:
            return f"{base}; {self.why}"
        if self.only_rounding:
            return f"{base}: nothing but the rounding of its number format"
        if not self.parts:
            return f"{base}: nothing inside that is known"
        return base

    @property
    def fields(self) -> dict[str, object]:
        """As a documented JSON object."""
        return {
            "architecture": self.architecture,
            "base": self.base,
            "distance": None if self.distance is None else round(self.distance, 6),
            "modules": self.modules,
            "untouched": self.untouched,
            "marks": self.marks,
            "not_read": self.not_read,
            "lacks": self.lacks,
            "only_rounding": self.only_rounding,
            "why": self.why or None,
        }


def with_base(read: Fingerprint, seen: CheckpointSeen | None) -> Fingerprint:
    """The same of a checkpoint of which some layers were sketched, with what is known of its base:
    where that is not known, or layers are not read, what is inside was not judged, and that is
    said. `seen`: None where it could not be asked, or the file is known already."""
    if read.weights is None or seen is None:
        return replace(read, weights=None)
    whole = sum(spot.count for spot in read.blind if spot.code == WHOLE_WEIGHTS)
    rest = tuple(spot for spot in read.blind if spot.code not in READ_OF_CHECKPOINTS)
    if seen.base is None:
        return replace(read, weights=None, blind=(no_base(seen.has_bases, whole), *rest))
    hidden = beside_base(seen.not_read)
    if hidden is not None:
        return replace(read, weights=None, blind=(hidden, *rest))
    return replace(read, blind=rest)


Tell = Callable[[Sequence[KnownBase]], AgainstBases | None]
"""What a file is against these base models."""


class CheckpointSearch:
    """The base models and the removals of a store, as they are when this is made."""

    def __init__(self, store: OpenStore, parts: RegistryParts, bases: Sequence[KnownBase]) -> None:
        self._store, self._parts, self._bases = store, parts, bases
        self._hiding: dict[tuple[str, ...], bool] = {}

    def kept(self, read: WeightSketch, without: Collection[str] = ()) -> CheckpointSeen:
        """A file by the sketch of some layers. `without`: removals that it is known to be."""
        seen = self.seen(lambda known: checkpoints.against(read, known), without=without)
        assert seen is not None  # it is a checkpoint
        return seen

    def of_layers(self, value: bytes, without: Collection[str] = ()) -> CheckpointSeen:
        """The same, by the sketch as a fingerprint has it. Raises Malformed for what is none."""
        return self.kept(weight_sketch.decode(value), without)

    def may_hold(self, read: WeightSketch, known: Sequence[KnownSketch]) -> bool:
        """Does anything speak for one of these removals, that such a file is worth judging?"""
        found = checkpoints.against(read, self._bases).difference
        return found is not None and may_hold(found, known, self._beside(found, self._bases))

    def hiding(self) -> list[str]:
        """The bases that have a removal inside by now, by name."""
        return [base.name for base in self._bases if self._hides(base, self._bases)]

    def seen(
        self,
        tell: Tell,
        own: KnownSketch | None = None,
        without: Collection[str] = (),
    ) -> CheckpointSeen | None:
        """What `tell` says of a file, with what is inside; None for what is no checkpoint. `own`: a
        removal that is looked for besides; `without`: as in `kept`."""
        known = self._bases
        while True:
            told = tell(known)
            if told is None:
                return None
            found = told.difference
            if found is None:
                why = {"bases": NO_BASES, "base": UNKNOWN_BASE}.get(told.lacks, PACKED)
                return CheckpointSeen(told.architecture, why=why)
            if not self._hides(found.base.base, known):
                break
            known = [base for base in known if base is not found.base.base]
        seen = _base_seen(found)
        return replace(seen, parts=self._inside(found, known, own, without))

    def _hides(self, base: KnownBase, known: Sequence[KnownBase]) -> bool:
        """Has a base a removal inside, which was removed after it was put in? Who puts one in then
        is refused."""
        asked = (base.name, *(each.name for each in known))
        if asked not in self._hiding:
            self._hiding[asked] = self._has_inside(base, known)
        return self._hiding[asked]

    def _has_inside(self, base: KnownBase, known: Sequence[KnownBase]) -> bool:
        others = [each for each in known if each is not base]
        nearest = checkpoints.which_base(base.sketch, others)
        if nearest is None:
            return False
        found = checkpoints.difference(base.sketch, nearest)
        return any(each.is_sure for each in self._inside(found, others))

    def _inside(
        self,
        found: checkpoints.Difference,
        known: Sequence[KnownBase],
        own: KnownSketch | None = None,
        without: Collection[str] = (),
    ) -> tuple[InCheckpoint, ...]:
        if found.is_rounding or not len(found.ids):
            return ()
        search = self._parts.search(found.architecture)
        near = [k for k in search.near(found.sketch()) if k.removal not in without]
        if own is not None:
            near = [own, *(k for k in near if k.name != own.name)]
        with self._store() as connection:
            strangers = background.load(connection, found.architecture)
        return inside_checkpoint(found, near, strangers, self._beside(found, known))

    def _beside(
        self, found: checkpoints.Difference, known: Sequence[KnownBase]
    ) -> list[checkpoints.Floats]:
        """What other bases, and known innocents, have of what was added."""
        beside = checkpoints.between(known, found.base, found.ids)
        innocents = self._parts.search(found.architecture).innocents
        return [*beside, *(found.of(innocent) for innocent in innocents)]


def _base_seen(found: checkpoints.Difference) -> CheckpointSeen:
    return CheckpointSeen(
        found.architecture,
        found.base.base.name,
        found.base.distance,
        len(found.ids) + found.untouched,
        found.untouched,
        found.base.marks,
        found.base.not_read,
        found.base.lacks,
        found.is_rounding,
    )
