"""Local files against the registry: one answer for the command line and for Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from reseen.errors import FileError, InputError, bulkhead
from reseen.files import limits
from reseen.match import evidence, innocents
from reseen.match.checkpoint_search import CheckpointSeen, with_base
from reseen.match.registry_index import RegistryIndex
from reseen.match.registry_parts import FoundPart, RegistryParts
from reseen.operations.checkpoints import CheckpointReader
from reseen.records import BlindSpot, Fingerprint, JudgedBy, Match, Rung
from reseen.registry import never_read
from reseen.registry.adds import why_no_model_file
from reseen.registry.never_read import NOTHING, read_local
from reseen.store.database import Store
from reseen.store.sealing import Keyring


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of one file."""

    fingerprint: Fingerprint
    matches: tuple[Match, ...]
    """Strongest first; a hint alone is no match, and stands here all the same."""
    no_model: str | None = None
    """Why it can hardly be a model (a web page, nothing, cut off), and what to do."""
    parts: tuple[FoundPart, ...] = ()
    """Removals that are inside it, as parts of a merge, and stand among the matches as well; and
    those that may be: leads, and no matches."""
    checkpoint: CheckpointSeen | None = None
    """What is known of it where it is a checkpoint."""
    members: tuple[tuple[str, Checked], ...] = ()
    """The files in it, where it is an archive, each by its place in it ("!member")."""

    @property
    def matched(self) -> bool:
        """Whether it, or a file in it, is a removed model, on any rung above the hints."""
        mine = any(match.rung > Rung.HINT for match in self.matches)
        return mine or any(member.matched for _, member in self.members)

    @property
    def judged(self) -> JudgedBy:
        """Which rungs could judge it: one that found something could, too."""
        read = self.fingerprint.judged
        by = {match.rung for match in self.matches if match.rung is Rung.WEIGHTS}
        return replace(read, rungs=tuple(sorted({*read.rungs, *by}, reverse=True)))

    @property
    def judged_whole(self) -> bool:
        """False: a model file (or one in an archive) that is damaged, judged by the digests of its
        bytes alone; or a Git LFS pointer, judged by what it states."""
        reads = (self.fingerprint, *(member.fingerprint for _, member in self.members))
        if self.no_model is not None or any(read.pointer is not None for read in reads):
            return False  # the file is not here
        return not any(read.is_damaged for read in reads)


def _with_seen(found: Checked, seen: CheckpointSeen) -> Checked:
    """The same with what is inside a checkpoint."""
    sure = [(each.removal, each.evidence) for each in seen.parts if each.is_sure]
    matches = evidence.merge(found.matches, evidence.gather(sure))
    return replace(found, matches=matches, checkpoint=seen)


class Checker:
    """The registry in force, loaded once and again when it changed."""

    def __init__(self, store: Store, keyring: Keyring | None) -> None:
        self._store, self._keyring = store, keyring
        self._known: RegistryIndex | None = None
        self._never = NOTHING
        self._parts, self._innocents = RegistryParts(store.read), b""

    def check(self, path: Path, progress: Callable[[int], None] | None = None) -> Checked:
        """One file, read once. `progress` is told bytes read. Raises FileError when it cannot be
        read, and InputError when the registry is empty."""
        self.load()
        with bulkhead():
            read = read_local(path, self._never, progress, checkpoints=limits.CHECKPOINTS)
            no_model = why_no_model_file(path, read)
        return replace(self._with_checkpoint(path, self.match(read), progress), no_model=no_model)

    def _with_checkpoint(
        self, path: Path, found: Checked, progress: Callable[[int], None] | None
    ) -> Checked:
        """The same with what is inside a checkpoint, where the file is one and not known itself.
        What was read before stands, whatever this meets."""
        if any(match.rung > Rung.WEIGHTS for match in found.matches):
            return found
        besides = {match.removal for match in found.matches if match.rung > Rung.HINT}
        try:
            with bulkhead():
                reader = CheckpointReader(self._store, self._parts)
                seen = reader.seen(path, found.fingerprint, besides, progress)
        except FileError as e:
            read, spot = found.fingerprint, BlindSpot(e.code, str(e))
            return replace(found, fingerprint=replace(read, blind=(*read.blind, spot)))
        return found if seen is None else _with_seen(found, seen)

    def match(self, read: Fingerprint) -> Checked:
        """As `check`, for a file that was read before."""
        known = self.load()
        with bulkhead():
            members = tuple((place, self._of(known, inner)) for place, inner in read.within)
            return replace(self._of(known, read), members=members)

    def _of(self, known: RegistryIndex, read: Fingerprint) -> Checked:
        matches = known.match_fingerprint(read)
        if any(match.rung > Rung.WEIGHTS for match in matches):
            return Checked(replace(read, weights=None), matches)  # the file itself is known
        besides = {match.removal for match in matches if match.rung > Rung.HINT}
        parts: tuple[FoundPart, ...] = ()
        own = () if read.sketch is None else (read.sketch,)
        for sketch in (*own, *read.further_sketches):
            parts += self._parts.found(sketch, besides | {part.removal for part in parts})
        sure = [(p.removal, p.evidence) for p in parts if p.is_sure]
        matches = evidence.merge(matches, evidence.gather(sure))
        made = Checked(read, matches, parts=parts)
        if read.weights is None:
            return made
        search = CheckpointReader(self._store, self._parts).search
        seen = search.of_layers(read.weights, besides)
        return _with_seen(replace(made, fingerprint=with_base(read, seen)), seen)

    def load(self) -> RegistryIndex:
        """The registry as it is now. Raises InputError when it is empty: nothing could match."""
        before = self._known
        with self._store.read() as connection:
            if self._known is None:
                self._known = RegistryIndex.load(connection, self._keyring)
            else:
                self._known = self._known.followed(connection)
            innocents_now = innocents.version(connection)
            if self._known is not before:
                self._never = never_read.load(connection)
            if self._known is not before or innocents_now != self._innocents:
                self._parts = RegistryParts(self._store.read)
                self._innocents = innocents_now
        if not self._known:
            raise InputError(
                f"the registry at {self._store.place} is empty: nothing can match",
                remedy="Import a list of removed models: reseen registry import --help",
            )
        return self._known
