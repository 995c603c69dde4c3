"""Everything that a scan must know of the registry, in memory: removals in force only.

What comes in: the store's rows, once. What goes out: matches, without asking the store again.
`learn` adds what a scan found out on its way; nothing else changes. Only the sketches themselves
stay in the store: the few that something comes near are read when it does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, select

from reseen.fingerprints.known_bogus import why_bogus
from reseen.match import evidence
from reseen.match.evidence import READ_KINDS, gather
from reseen.match.hints import Hints
from reseen.match.index import DigestIndex
from reseen.match.ladder import ClaimFacts
from reseen.records import (
    Artifact,
    Digest,
    DigestKind,
    Evidence,
    Fingerprint,
    Match,
    Repository,
    Rung,
)
from reseen.store.schema import sketch_entries

if TYPE_CHECKING:
    from reseen.fingerprints.sketch import Sketch
    from reseen.match.sketches import Likeness, Sketches
    from reseen.store.sealing import Keyring

_PATHS = 10_000  # paths of one listed repository that are looked at for leads


class Known:
    """All removals in force, ready to be matched against."""

    def __init__(
        self, digests: DigestIndex, hints: Hints, engine: Engine, sketches: Sketches | None = None
    ) -> None:
        """`engine`: of the store, to read sketches from."""
        self._digests = digests
        self._hints = hints
        self._engine = engine
        self._sketches = sketches

    @classmethod
    def load(cls, connection: Connection, keyring: Keyring | None = None) -> Known:
        """Read the registry in force. Without the key, names are no hints; all else works."""
        digests = DigestIndex.load(connection)
        sketches = None
        if connection.execute(select(sketch_entries.c.claim_pk).limit(1)).first() is not None:
            from reseen.match.sketches import Sketches  # numpy, which most commands do not need

            sketches = Sketches.load(connection)
        hints = Hints.load(connection, digests, keyring)
        return cls(digests, hints, connection.engine, sketches)

    def __len__(self) -> int:
        """Removals in force."""
        return len(self._digests)

    def match(self, artifact: Artifact) -> tuple[Match, ...]:
        """Matches by what the hub declares: rungs declared and pointer, strongest first."""
        index = self._digests
        sha256, xet, oid = artifact.sha256, artifact.xet, artifact.git_oid
        by_sha256 = index.find(DigestKind.SHA256, sha256) if sha256 else ()
        by_xet = index.find(DigestKind.XET, xet) if xet else ()
        by_blob = index.find(DigestKind.GIT_BLOB, oid) if oid and not artifact.lfs else ()
        # Where the hub shows the SHA-256 the pointer's oid says nothing that it does not.
        by_pointer = index.find_pointer(oid) if oid and not sha256 else ()
        if not (by_sha256 or by_xet or by_blob or by_pointer):
            return ()
        found: list[tuple[str, Evidence]] = []
        for kind, value, numbers in (
            (DigestKind.SHA256, sha256, by_sha256),
            (DigestKind.XET, xet, by_xet),
            (DigestKind.GIT_BLOB, oid, by_blob),
        ):
            if value and numbers and why_bogus(Digest(kind, value)) is None:
                said = evidence.declared(kind, value)
                found.extend((index.removal(number), said) for number in numbers)
        if oid and by_pointer:
            said = evidence.pointer(oid)
            found.extend((index.removal(number), said) for number in by_pointer)
        return gather(found)

    def match_fingerprint(self, fingerprint: Fingerprint) -> tuple[Match, ...]:
        """Matches by bytes that were read: rungs bytes, tensors and weights, and hints (also
        alone)."""
        exact = self.match_digests(fingerprint)
        return evidence.merge(exact, self.copies(fingerprint, exact))

    def match_digests(self, fingerprint: Fingerprint) -> tuple[Match, ...]:
        """The same without the weights rung, which takes longer."""
        return gather(self._in_fingerprint(fingerprint))

    # -- weights ---------------------------------------------------------------------------------

    @property
    def sketched(self) -> bool:
        """Is there any sketch to be like?"""
        return self._sketches is not None and len(self._sketches) > 0

    def could_match(self, modules: Mapping[str, bytes]) -> frozenset[str]:
        """The groups in which a file with these modules could come near a removal: decided by its
        header alone. `modules`: as `fingerprints.entries.slots_of`, in bytes."""
        return self._sketches.could_match(modules) if self._sketches else frozenset()

    def is_near(self, sketch: Sketch) -> bool:
        """Does a file come near any removal, so that all its modules are worth comparing?"""
        return self._sketches is not None and self._sketches.near(sketch)

    def copies(
        self, read: Fingerprint | Sketch, exact: Collection[Match] = ()
    ) -> tuple[Match, ...]:
        """Matches on the weights rung: files whose updates are copies of a removal's, whatever was
        done to them. `exact`: matches by the same bytes, which need no such evidence."""
        besides = {match.removal for match in exact if match.rung > Rung.WEIGHTS}
        return gather(
            (like.removal, evidence.weights(like.comparison))
            for like in self._likenesses(read, besides)
            if like.comparison.relation.is_copy
        )

    def related(self, read: Fingerprint | Sketch) -> tuple[Likeness, ...]:
        """Removals that are no more than related by training. Accuses nobody: never a match."""
        found = self._likenesses(read, ())
        if not found:
            return ()
        from reseen.match.weights import Relation

        return tuple(like for like in found if like.comparison.relation is Relation.RELATED)

    def _likenesses(
        self, read: Fingerprint | Sketch, besides: Collection[str]
    ) -> tuple[Likeness, ...]:
        if self._sketches is None or (isinstance(read, Fingerprint) and read.sketch is None):
            return ()
        from reseen.fingerprints.sketch import decode

        if isinstance(read, Fingerprint):
            assert read.sketch is not None
            read = decode(read.sketch)
        return self._sketches.likenesses(read, besides)

    def hints(self, artifact: Artifact) -> tuple[Match, ...]:
        """Leads from the file's name and path, and from short hashes."""
        found = list(self._hints.of_path(artifact.path))
        if artifact.sha256:
            found.extend(self._short(DigestKind.AUTOV2, artifact.sha256))
        return gather(found) if found else ()

    def hints_of_listing(self, repository: Repository) -> int:
        """How many removals a repository's listing hints at (names, paths): orders the queue."""
        found: set[str] = set()
        for path in repository.paths[:_PATHS]:
            found.update(removal for removal, _ in self._hints.of_path(path))
        return len(found)

    def hints_inside(self, embedded: tuple[Digest, ...]) -> tuple[Match, ...]:
        """Leads from what a file says of itself in its metadata."""
        return gather(self._embedded(embedded))

    def could_hold(
        self, size: int | None, data_size: int | None = None, layout: bytes | None = None
    ) -> bool:
        """May such a file hold a removal's tensors? With its data section's size or its layout:
        does one equal a removal's. With the file's size only: would a removal's data section and
        a header of bounded length fit."""
        return self._digests.could_hold(size, data_size, layout)

    def claims(self, match: Match) -> tuple[ClaimFacts, ...]:
        """The removal's claims that the match's digests name: what a header must agree with.
        Their own digests are left out."""
        numbers: set[int] = set()
        for e in match.evidence:
            if e.kind == "pointer":
                numbers.update(self._digests.find_pointer(bytes.fromhex(e.value)))
            elif e.kind in _LONG:
                numbers.update(self._digests.find(_LONG[e.kind], bytes.fromhex(e.value)))
        index = self._digests
        mine = sorted(number for number in numbers if index.removal(number) == match.removal)
        return tuple(index.claim(number) for number in mine)

    def learn(self, removal: str, fingerprint: Fingerprint) -> bool:
        """A removal's bytes were read: match their digests and sketch from now on. False where the
        removal has no file with this SHA-256 or BLAKE3: a look-alike teaches nothing."""
        number = self._digests.learn(removal, fingerprint)
        if number is not None and fingerprint.sketch is not None:
            if self._sketches is None:
                from reseen.match.sketches import Sketches, snapshots

                self._sketches = Sketches(snapshots(self._engine))
            from reseen.fingerprints.sketch import decode

            # In the store it stands with what was learned, under a number that is not known here.
            claim_pk = self._digests.claim_pk(number)
            self._sketches.hold(claim_pk, decode(fingerprint.sketch))
            self._sketches.add(removal, claim_pk, fingerprint.sketch)
        return number is not None

    # -- parts -----------------------------------------------------------------------------------

    def _in_fingerprint(self, fingerprint: Fingerprint) -> Iterator[tuple[str, Evidence]]:
        for digest in fingerprint.digests:
            if digest.kind in READ_KINDS:
                numbers = self._digests.find(digest.kind, digest.value)
                if numbers and why_bogus(digest) is None:
                    said = evidence.read(digest.kind, digest.value)
                    yield from ((self._digests.removal(number), said) for number in numbers)
            elif digest.kind.is_short:
                yield from self._short(digest.kind, digest.value)
        data = fingerprint.digest(DigestKind.DATA_SHA256)
        if data:
            yield from self._short(DigestKind.AUTOV3, data.value)
        sha256 = fingerprint.digest(DigestKind.SHA256)
        if sha256:
            yield from self._short(DigestKind.AUTOV2, sha256.value)
        yield from self._embedded(fingerprint.embedded)

    def _short(self, kind: DigestKind, value: bytes) -> Iterator[tuple[str, Evidence]]:
        value = value[: kind.length]
        numbers = self._digests.find(kind, value)
        if numbers and why_bogus(Digest(kind, value)) is None:
            said = evidence.short(kind, value)
            yield from ((self._digests.removal(number), said) for number in numbers)

    def _embedded(self, embedded: tuple[Digest, ...]) -> Iterator[tuple[str, Evidence]]:
        for digest in embedded:
            if why_bogus(digest) is not None:
                continue
            numbers = list(self._digests.find(digest.kind, digest.value))
            if digest.kind is DigestKind.AUTOV3:
                numbers += self._digests.find_prefix(DigestKind.DATA_SHA256, digest.value)
            elif digest.kind is DigestKind.DATA_SHA256:
                numbers += self._digests.find(DigestKind.AUTOV3, digest.value[:6])
            if numbers:
                said = evidence.embedded(digest.kind, digest.value)
                yield from ((self._digests.removal(number), said) for number in numbers)


_LONG = {kind.label: kind for kind in DigestKind if not kind.is_short}
