"""What the gate asks: which removals are meant by digests that somebody states, or by an upload.

What comes in: an index and what is said or read of one file. What goes out: `StatedMatch`es, one
for each removal, list and rung, strongest first. A claim of which the file has one digest and not
another gives it nothing; that is said, as a `StatedMatch` that stands on no rung.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseen.errors import StoreError
from reseen.fingerprints.sketch import Sketch, decode
from reseen.match import evidence
from reseen.match.compare import COPY_MEAN_ALONE
from reseen.match.digest_index import Proofs
from reseen.match.registry_index import RegistryIndex
from reseen.observed.further import pk_of
from reseen.records import DigestKind, Evidence, Fingerprint, RemovalClass, Rung

if TYPE_CHECKING:
    from reseen.match.checkpoint_parts import InCheckpoint
    from reseen.match.registry_parts import FoundPart

FEWEST = 8
"""Modules that were looked at, without which likeness is not judged by these alone."""


@dataclass(frozen=True, slots=True)
class StatedMatch:
    """A removal, and one reason why something is taken for it."""

    removal: str
    list: str
    """Of the claim that agrees."""
    rung: Rung
    kind: str
    """What was compared: a digest kind's label, "pointer", "sketch", "sketch-rows" (of an
    embedding), "sketch-part", "sketch-checkpoint", "contradiction";
    "sketch-by-order" where the order of layers is all that names them, "sketch-recipe" where files
    of its recipe resemble each other, "sketch-other-part" where the removal may be a merge itself,
    and the file another part of it, "sketch-mixed" where its layers are spread over several
    adapters in the file."""
    score: float | None
    """1 where a digest agrees, the cosine of similar weights, the share of a part's columns that is
    inside; None for a hint."""
    why: str
    ruled_by: Rung
    """Whose rule of the policy counts: `rung`, or what a contradicted claim would have given."""
    cls: RemovalClass = RemovalClass.OTHER
    """Of the removal."""
    member: str | None = None
    """Which file it is, of those in an archive; None: the file itself."""


@dataclass(frozen=True, slots=True)
class StatedFile:
    """What somebody says of a file."""

    digests: tuple[tuple[DigestKind, bytes], ...]
    pointer: bytes | None = None
    """Git oid of the file's LFS pointer."""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class NamedIndex:
    """An index, and what its lists are called: the index itself knows their numbers only."""

    index: RegistryIndex
    names: Mapping[int, str]

    def stated(self, said: StatedFile, *, trusted: bool = False) -> tuple[StatedMatch, ...]:
        """Removals by what somebody says of a file. `trusted`: who says so computed it from the
        bytes, and is believed."""
        proofs = self.index.proofs_stated(said.digests, said.size, said.pointer, trusted=trusted)
        if not proofs.found and not proofs.contradicted:
            return ()
        return _gathered(self._of(proofs, Rung.BYTES if trusted else Rung.DECLARED))

    def upload(self, fingerprint: Fingerprint) -> tuple[StatedMatch, ...]:
        """Removals by the bytes of a file that was read here: all rungs."""
        found = self._of(self.index.proofs_read(fingerprint), Rung.BYTES)
        besides = {each.removal for each in found if each.rung > Rung.WEIGHTS}
        for sketch in fingerprint.sketches:
            found += self.alike(decode(sketch), besides)
        for like in self.index.alike(fingerprint, besides):
            why, number = evidence.of_rows(like.comparison), self.index.number(like.claim_pk)
            found += self._for_lists(number, why, round(like.comparison.cosine, 4))
        return _gathered(found)

    def alike(self, sketch: Sketch, exclude: Collection[str] = ()) -> list[StatedMatch]:
        """Removals whose updates this file's are copies of. Where the store does not answer, the
        searched modules alone decide, more cautiously."""
        try:
            found: list[StatedMatch] = []
            for like in self.index.likenesses(sketch, exclude):
                if (why := evidence.of_likeness(like.comparison)) is not None:
                    score = round(like.comparison.cosine, 4) if why.rung > Rung.HINT else None
                    found += self._for_lists(self.index.number(like.claim_pk), why, score)
            return found
        except StoreError:
            return self._estimated(sketch, exclude)

    def inside(self, parts: Iterable[FoundPart]) -> tuple[StatedMatch, ...]:
        """Removals that are surely inside a file, as parts of a merge."""
        found: list[StatedMatch] = []
        for part in parts:
            if self.index.searched(part.claim_pk) is not None:  # gone meanwhile
                why = part.evidence
                number = self.index.number(part.claim_pk)
                found += self._for_lists(number, why, why.likeness)
        return _gathered(found)

    def in_checkpoint(self, parts: Iterable[InCheckpoint]) -> tuple[StatedMatch, ...]:
        """Removals that are surely inside a checkpoint."""
        found: list[StatedMatch] = []
        for part in parts:
            if self.index.searched(part.claim_pk) is not None:  # gone meanwhile
                why = part.inside
                found += self._for_lists(self.index.number(part.claim_pk), why, why.likeness)
        return _gathered(found)

    def _estimated(self, sketch: Sketch, exclude: Collection[str]) -> list[StatedMatch]:
        found: list[StatedMatch] = []
        done = set(exclude)
        assert self.index.sketches is not None
        for near in self.index.sketches.nearest(sketch):
            claim_pk = pk_of(near.key)
            removal = self.index.searched(claim_pk)
            if removal is None or removal in done:
                continue
            done.add(removal)
            if near.cosine >= COPY_MEAN_ALONE and near.modules >= FEWEST:
                cosine = round(near.cosine, 4)
                why = (
                    f"Similar weight updates: cosine {cosine:.3f} over {near.modules} modules "
                    "that were looked at; the store is away, so that the others could not be "
                    "compared (uncalibrated)."
                )
                said = Evidence(Rung.WEIGHTS, "sketch", f"cosine {cosine:.3f}", why)
                found += self._for_lists(self.index.number(claim_pk), said, cosine)
        return found

    def _of(self, proofs: Proofs, would_be: Rung) -> list[StatedMatch]:
        found: list[StatedMatch] = []
        for number, why in proofs.found:
            found += self._for_lists(number, why, None if why.rung is Rung.HINT else 1.0)
        said = evidence.contradiction() if proofs.contradicted else None
        for number in proofs.contradicted:
            assert said is not None
            found += self._for_lists(number, said, None, would_be)
        return found

    def _for_lists(
        self, number: int | None, why: Evidence, score: float | None, ruled_by: Rung | None = None
    ) -> list[StatedMatch]:
        """One for each list that the claim is counted for."""
        if number is None:
            return []
        id, cls = self.index.removal(number), self.index.cls(number)
        of_rung = ruled_by or why.rung
        return [
            StatedMatch(id, self.name(of), why.rung, why.kind, score, why.why, of_rung, cls)
            for of in self.index.lists(number)
        ]

    def name(self, list_pk: int) -> str:
        """What a list is called; its number where that is not known."""
        return self.names.get(list_pk) or f"list {list_pk}"


def _gathered(found: list[StatedMatch]) -> tuple[StatedMatch, ...]:
    """One for each removal, list and rung, strongest first."""
    if len(found) == 1:
        return (found[0],)
    once: dict[tuple[str, str, Rung], StatedMatch] = {}
    for each in found:
        once.setdefault((each.removal, each.list, each.rung), each)
    return tuple(sorted(once.values(), key=lambda f: (-f.rung, f.removal, f.list)))
