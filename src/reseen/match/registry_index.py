"""The registry in force, in memory: one immutable index that every look-up goes through.

Scans, `check`, the gate and Python match against it; `followed` gives the next one, and whoever
asks an older one goes on undisturbed. `claims_index` holds the claims, `digest_index` says what
equal digests prove, `likeness_index` what weights tell; here it is loaded, followed, saved, and
asked for leads. Nothing sealed is in it, but for keyed tokens of names where it was loaded with the
key: they are not saved and not pickled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from reseen.errors import Tampered
from reseen.fingerprints.kinds import LADDER, LONG, OF_TENSORS, size_allows
from reseen.fingerprints.known_bogus import why_bogus
from reseen.match import evidence, saved
from reseen.match.claim_entries import POINTER, RemovalEntry, read_changed
from reseen.match.delta import Delta
from reseen.match.digest_table import Bytes
from reseen.match.evidence import gather
from reseen.match.likeness_index import LikenessIndex
from reseen.match.own_answers import as_texts, own_digests, wrong_answer
from reseen.match.saved import Parts
from reseen.match.snapshot import Snapshot
from reseen.match.store_version import StoreVersion, follows, version_of
from reseen.observed import rows as kept_rows
from reseen.observed.sketches import any_of_removals
from reseen.records import (
    Artifact,
    Digest,
    DigestKind,
    Evidence,
    Fingerprint,
    Match,
    RemovalClass,
    Repository,
)
from reseen.store.database import chunks
from reseen.store.service_schema import changes

if TYPE_CHECKING:
    from reseen.match.name_hints import Hints
    from reseen.match.rows import RowIndex
    from reseen.match.sketch_index import SketchIndex
    from reseen.store.sealing import Keyring

FOLD = 5_000
"""Removals that changed since the snapshot, from which on a new one is made."""
RELOAD = 20_000
"""Removals that changed at once, from which on all are read again."""
_PATHS = 10_000  # paths of one listed repository that are looked at for leads
_PATH_LENGTH = 1_024  # characters of a path that are looked at: the end, where the name is
_NEVER_READ = RemovalClass.CHILD_ABUSE
_SHA256 = DigestKind.SHA256


@dataclass(frozen=True, slots=True, eq=False)
class RegistryIndex(LikenessIndex):
    """All claims in force, ready to be matched against."""

    names: Hints | None = None
    """None without the key: names are no hints then; all else works."""
    version: StoreVersion = field(default_factory=StoreVersion)

    @classmethod
    def load(cls, connection: Connection, keyring: Keyring | None = None) -> RegistryIndex:
        """Read the registry in force. Without the key, names are no hints; all else works."""
        version = version_of(connection)
        snapshot = Snapshot.load(connection)
        sketches = None
        if any_of_removals(connection):
            from reseen.match.sketch_index import (
                SketchIndex,  # numpy, which most commands do not need
            )

            sketches = SketchIndex.load(connection)
        names = None
        if keyring is not None:
            from reseen.match.name_hints import Hints

            names = Hints.load(connection, keyring)
        rows = _rows_of(connection, None)
        return cls(snapshot, Delta.of(snapshot), sketches, rows, names, version)

    @classmethod
    def open(
        cls, folder: str | Path, key: bytes | str | Path, *, mac: str | None = None
    ) -> RegistryIndex:
        """A saved index, mapped from its folder: it needs no store and asks none. `key`: of
        indexes, or the file that `reseen index key` wrote. Raises InputError for a file that holds
        none, and Tampered for anything that is not what was saved, or answers wrongly."""
        of_indexes = key if isinstance(key, bytes) else saved.read_key(Path(key))
        about, parts = saved.open_parts(Path(folder), of_indexes, mac)
        try:
            opened = cls.put_back(about, parts)
            wrong = wrong_answer(opened, about.get("own", ()))
        except (ValueError, KeyError, TypeError, IndexError, OverflowError):
            wrong = "it contradicts itself"
        if wrong is not None:
            raise Tampered(
                f"the saved index answers wrongly: {wrong}",
                remedy="Save it anew: reseen index save",
            )
        return opened

    def save(self, folder: Path, key: bytes) -> str:
        """Write it into a folder; its MAC. Whole sketches go with it, names do not."""
        return saved.save(folder, key, self.parts(whole_sketches=True))

    def parts(self, *, whole_sketches: bool) -> Parts:
        """All of it but names, as arrays. `whole_sketches`: with those that it compares with and
        calibrates on, so that it needs no store."""
        index = self.put({pk: None for pk in self.delta.removals if pk < 0}).folded()
        searched = source = None
        if index.sketches is not None:
            searched = index.sketches.kept(lambda pk: index.searched(pk) is not None)
            source = index.sketches.comparer.source if whole_sketches else None
        made = saved.parts_of(index.snapshot, searched, source)
        if index.rows is not None:
            rows = index.rows.kept(lambda pk: index.searched(pk) is not None)
            made = saved.with_rows(made, rows.as_bytes())
        version = self.version
        made.about["version"] = [version.store, version.change, version.at]
        made.about["own"] = as_texts(own_digests(index))
        return made

    @classmethod
    def put_back(cls, about: Mapping[str, Any], parts: Mapping[str, Bytes]) -> RegistryIndex:
        """What `parts` gave. Raises ValueError, KeyError or TypeError for parts that do not fit
        together."""
        snapshot, sketches = saved.pieces(about, parts)
        store, change, at = about["version"]
        version = StoreVersion(None if store is None else str(store), int(change), int(at))
        rows = None
        if values := saved.rows_in(about, parts):
            from reseen.match.rows import RowIndex

            rows = RowIndex.of_bytes(values)
        return cls(snapshot, Delta.of(snapshot), sketches, rows, None, version)

    def for_export(self, *, without_class: bool) -> RegistryIndex:
        """What of it may be handed to others: of removals of the class that is never read the
        digests that tell of a file that it is one, or nothing."""
        places = [n for n, cls in enumerate(self.snapshot.classes) if cls >= _NEVER_READ]
        pks = [self.snapshot.removal_pks[n] for n in places if not self.delta.gone[n]]
        pks += [pk for pk, entry in self.delta.removals.items() if entry.cls >= _NEVER_READ]
        if not pks:
            return self
        if without_class:
            return self.put(dict.fromkeys(pks)).folded()
        only = {pk: _telling(entry) for pk, entry in self.entries(pks).items()}
        return self.put(only).folded()

    def __reduce__(self) -> tuple[Any, ...]:
        """A value that needs no store: whole sketches go with it, names do not."""
        parts = (self.snapshot, self.delta, self.sketches, self.rows, None, self.version)
        return RegistryIndex, parts

    def match_fingerprint(self, fingerprint: Fingerprint) -> tuple[Match, ...]:
        """Matches by bytes that were read: rungs bytes, tensors and weights, and hints (also
        alone)."""
        exact = self.match_digests(fingerprint)
        return evidence.merge(exact, self.copies(fingerprint, exact))

    # -- leads -----------------------------------------------------------------------------------

    def hints(self, artifact: Artifact) -> tuple[Match, ...]:
        """Leads from the file's name and path, and from short hashes."""
        found = [*self._of_path(artifact.path), *self.leads_with_size(artifact)]
        if artifact.sha256:
            short = LADDER[DigestKind.SHA256].short
            assert short is not None
            value = artifact.sha256[: short.length]
            numbers = self.find(short, value)
            if numbers and why_bogus(Digest(short, value)) is None:
                said = evidence.short(short, value)
                found.extend(
                    (self.removal(number), said)
                    for number in numbers
                    if size_allows(short, self.size(number), artifact.size)
                )
        return gather(found) if found else ()

    def hints_of_listing(self, repository: Repository) -> int:
        """How many removals a repository's listing hints at (names, paths): orders the queue."""
        found: set[str] = set()
        for path in repository.paths[:_PATHS]:
            found.update(removal for removal, _ in self._of_path(path))
        return len(found)

    def hints_inside(self, embedded: tuple[Digest, ...]) -> tuple[Match, ...]:
        """Leads from what a file says of itself in its metadata."""
        return self._gathered(self._embedded(embedded))

    def _of_path(self, path: str) -> Iterator[tuple[str, Evidence]]:
        path, name = looked_at(path)
        if len(name) >= 64:
            from reseen.match.name_hints import sha256s_in

            for value in sha256s_in(name):
                for number in self.find(_SHA256, value):
                    yield self.removal(number), evidence.file_named_by_digest(value)
        if self.names is not None:
            for pk, why in self.names.of_path(path, name):
                id = self.removal_by_pk(pk)
                if id is not None:
                    yield id, why

    # -- following -------------------------------------------------------------------------------

    def followed(self, connection: Connection) -> RegistryIndex:
        """The registry as it is now: only what changed is read, unless that is a lot, or the store
        is another than before or was set back. Itself where nothing changed."""
        if self.sketches is not None and self.sketches.partial:
            from reseen.match.sketch_index import SketchIndex

            return replace(self, sketches=SketchIndex.load(connection)).followed(connection)
        now = version_of(connection)
        if now == self.version:
            return self
        if not follows(connection, self.version, now):
            return self._again(connection)
        pks: set[int] = set()
        query = select(changes.c.first, changes.c.last)
        query = query.where(changes.c.pk > self.version.change, changes.c.pk <= now.change)
        for first, last in connection.execute(query):
            if len(pks) + last - first >= RELOAD:
                return self._again(connection)
            pks.update(range(first, last + 1))
        index = self
        if len(self.delta.touched) + len(pks) > FOLD:
            if self.names is not None:
                return self._again(connection)
            index = self.folded()
        made = index.put(read_changed(connection, pks))
        names = None if index.names is None else index.names.plus(connection, pks)
        more = _rows_of(connection, pks)
        return replace(
            made,
            sketches=index._more_sketches(connection, pks),
            names=names,
            version=now,
            rows=more if index.rows is None or more is None else index.rows.plus(more),
        )

    def _again(self, connection: Connection) -> RegistryIndex:
        made = RegistryIndex.load(connection, None if self.names is None else self.names.keyring)
        if made.sketches is not None and self.sketches is not None:
            sketches = made.sketches.read_by(self.sketches.comparer)
            made = replace(made, sketches=sketches)
        return made

    def _more_sketches(self, connection: Connection, pks: Collection[int]) -> SketchIndex | None:
        if self.sketches is None and not any_of_removals(connection):
            return None
        from reseen.match.sketch_index import SketchIndex, sketch_rows

        if self.sketches is None:
            return SketchIndex.load(connection)
        sketches = self.sketches
        for chunk in chunks(sorted(pks)):
            sketches = sketches.plus(sketch_rows(connection, chunk))
        return sketches

    def folded(self) -> RegistryIndex:
        """The same, with what changed put in with the rest. Removals by a pk below 0 are of our
        own, and stay beside."""
        if all(pk < 0 for pk in self.delta.touched):
            return self
        from reseen.match.folding import folded  # numpy, which most commands do not need

        own = {pk: entry for pk, entry in self.delta.removals.items() if pk < 0}
        added = [entry for pk, entry in self.delta.removals.items() if pk > 0]
        snapshot = folded(self.snapshot, self.delta.gone, added)
        delta = Delta.of(snapshot)
        if own:
            delta = delta.put(snapshot, own)
        made = replace(self, snapshot=snapshot, delta=delta)
        if self.rows is not None:
            made = replace(made, rows=self.rows.kept(lambda pk: self.searched(pk) is not None))
        if self.sketches is None:
            return made
        # A snapshot does not tell of which claims only digests count: their sketches are left out.
        sketches = self.sketches.folded(lambda pk: self.searched(pk) is not None)
        return replace(made, sketches=sketches)


def looked_at(path: str) -> tuple[str, str]:
    """What of a path is looked at for leads: its end; and the name in it."""
    end = path[-_PATH_LENGTH:]
    return end, end.rpartition("/")[2]


def _telling(entry: RemovalEntry) -> RemovalEntry:
    """A removal by its SHA-256s, and by what lists say of its weights; by whatever digest tells
    where no SHA-256 is known. What is in the file is left out too."""
    claims = [
        replace(
            claim,
            digests=tuple(_telling_digests(claim.digests)),
            facts=replace(claim.facts, data_size=None, layout=None),
        )
        for claim in entry.claims
    ]
    return replace(entry, claims=tuple(claim for claim in claims if claim.digests))


def _telling_digests(digests: Sequence[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    by_sha256 = any(kind == _SHA256 for kind, _ in digests)
    kinds = (_SHA256, POINTER, *OF_TENSORS) if by_sha256 else LONG
    return (each for each in digests if each[0] in kinds)


def _rows_of(connection: Connection, removal_pks: Collection[int] | None) -> RowIndex | None:
    """Of these removals (None: of all); None where none is an embedding."""
    if not kept_rows.any_of_removals(connection):
        return None
    from reseen.match.rows import RowIndex

    return RowIndex.load(connection, removal_pks)
