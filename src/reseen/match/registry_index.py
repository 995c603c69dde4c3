"""The registry in force, in memory: one immutable index that every look-up goes through.

A snapshot of all claims, and the delta of what changed since, seen as one. Scans, `check`, the gate
and Python match against it; `followed` gives the next one, and whoever asks an older one goes on
undisturbed. A claim gives a file nothing if the file has one of its digests of the whole file and
not another. Nothing sealed is in it, but for keyed tokens of names where it was loaded with the
key: they are not saved and not pickled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from reseen.errors import Tampered
from reseen.fingerprints.kinds import (
    LADDER,
    LONG_OF,
    bits,
    contradicted,
    size_allows,
)
from reseen.fingerprints.known_bogus import why_bogus
from reseen.match import evidence, saved
from reseen.match.claim_entries import LENGTHS, POINTER, ClaimEntry, RemovalEntry, read_changed
from reseen.match.delta import Delta
from reseen.match.digest_table import Bytes, Numbers
from reseen.match.evidence import gather
from reseen.match.ladder import ClaimFacts
from reseen.match.saved import Parts
from reseen.match.snapshot import Snapshot
from reseen.match.store_version import StoreVersion, follows, version_of
from reseen.observed import rows as kept_rows
from reseen.observed.further import pk_of
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
    Rung,
)
from reseen.store.database import chunks
from reseen.store.service_schema import changes

if TYPE_CHECKING:
    from reseen.fingerprints.rows import EmbeddingRows
    from reseen.fingerprints.sketch import Sketch
    from reseen.match.name_hints import Hints
    from reseen.match.rows import RowIndex, RowsLikeness
    from reseen.match.sketch_index import Likeness, SketchIndex
    from reseen.store.sealing import Keyring

FOLD = 5_000
"""Removals that changed since the snapshot, from which on a new one is made."""
RELOAD = 20_000
"""Removals that changed at once, from which on all are read again."""
_PATHS = 10_000  # paths of one listed repository that are looked at for leads
_NOTHING: Numbers = ()
_RULES = [LADDER.get(DigestKind(n)) if n else None for n in range(len(LENGTHS))]
"""By kind: a list, since an enum's hash is computed in Python at every look-up."""
_LONG_OF = [LONG_OF.get(DigestKind(n)) if n else None for n in range(len(LENGTHS))]
_LABELS = {kind.label: kind for kind, rule in LADDER.items() if rule.read > Rung.HINT}

Proof = tuple[int, Evidence]
"""A claim (by number) and what speaks for it."""
Told = tuple[DigestKind, bytes]
Say = Callable[[DigestKind, bytes], Evidence]


@dataclass(frozen=True, slots=True, eq=False)
class Proofs:
    """What is known of a file, against the claims."""

    found: tuple[Proof, ...] = ()
    contradicted: tuple[int, ...] = ()
    """Claims (by number) that give it nothing: it has one of their digests, and not another."""


@dataclass(frozen=True, slots=True, eq=False)
class RegistryIndex:
    """All claims in force, ready to be matched against."""

    snapshot: Snapshot = field(default_factory=Snapshot)
    delta: Delta = field(default_factory=Delta)
    sketches: SketchIndex | None = None
    """None where nothing is sketched."""
    names: Hints | None = None
    """None without the key: names are no hints then; all else works."""
    version: StoreVersion = field(default_factory=StoreVersion)
    rows: RowIndex | None = None
    """None where no removal is an embedding."""

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
        return cls(snapshot, Delta.of(snapshot), sketches, names, version, rows)

    @classmethod
    def open(
        cls, folder: str | Path, key: bytes | str | Path, *, mac: str | None = None
    ) -> RegistryIndex:
        """A saved index, mapped from its folder: it needs no store and asks none. `key`: of
        indexes, or the file that `reseen index key` wrote. Raises InputError for a file that holds
        none, and Tampered for anything that is not what was saved."""
        of_indexes = key if isinstance(key, bytes) else saved.read_key(Path(key))
        about, parts = saved.open_parts(Path(folder), of_indexes, mac)
        try:
            return cls.put_back(about, parts)
        except (ValueError, KeyError, TypeError, IndexError, OverflowError):
            raise Tampered(
                "the saved index contradicts itself", remedy="Save it anew: reseen index save"
            ) from None

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
        return cls(snapshot, Delta.of(snapshot), sketches, None, version, rows)

    def for_export(self, *, without_class: bool) -> RegistryIndex:
        """What of it may be handed to others: of removals of the class that is never read their
        SHA-256s alone, or nothing."""
        places = [n for n, cls in enumerate(self.snapshot.classes) if cls >= _NEVER_READ]
        pks = [self.snapshot.removal_pks[n] for n in places if not self.delta.gone[n]]
        pks += [pk for pk, entry in self.delta.removals.items() if entry.cls >= _NEVER_READ]
        if not pks:
            return self
        if without_class:
            return self.put(dict.fromkeys(pks)).folded()
        only = {pk: _sha256s(entry) for pk, entry in self.entries(pks).items()}
        return self.put(only).folded()

    def entries(self, removal_pks: Collection[int]) -> dict[int, RemovalEntry]:
        """Removals in force, with all their claims: one pass over all digests."""
        snapshot = self.snapshot
        places = {snapshot.place(pk) for pk in removal_pks if pk not in self.delta.removals}
        digests: dict[int, list[tuple[int, bytes]]] = {
            number: [] for number, place in enumerate(snapshot.removal_of) if place in places
        }
        for kind, table in enumerate(snapshot.tables):
            for value, owner in table.items():
                if owner in digests:
                    digests[owner].append((kind, bytes(value)))
        claims: dict[int, list[ClaimEntry]] = {pk: [] for pk in removal_pks}
        for n, told in digests.items():
            pk = snapshot.removal_pks[snapshot.removal_of[n]]
            facts = snapshot.facts(n)
            claims[pk].append(ClaimEntry(snapshot.claim_pks[n], facts, tuple(told), self.lists(n)))
        found = {pk: self.delta.removals[pk] for pk in removal_pks if pk in self.delta.removals}
        for place in places - {None}:
            assert place is not None
            pk, cls = snapshot.removal_pks[place], RemovalClass(snapshot.classes[place])
            found[pk] = RemovalEntry(pk, snapshot.id(place), tuple(claims[pk]), cls)
        return found

    def __len__(self) -> int:
        """Removals in force."""
        here = sum(1 for pk in self.delta.removals if pk > 0)
        return len(self.snapshot) - self.delta.gone.count(1) + here

    def __bool__(self) -> bool:
        return len(self) > 0

    def __reduce__(self) -> tuple[Any, ...]:
        """A value that needs no store: whole sketches go with it, names do not."""
        parts = (self.snapshot, self.delta, self.sketches, None, self.version, self.rows)
        return RegistryIndex, parts

    @property
    def digests(self) -> int:
        """Digests, about: those of removals that changed since the snapshot count twice."""
        tables = self.snapshot.tables[1:]
        return sum(len(t) for t in tables) + sum(len(d) for d in self.delta.later[1:])

    # -- single look-ups -------------------------------------------------------------------------

    def find(self, kind: int, value: bytes) -> Numbers:
        """Numbers of the claims in force with this digest (or POINTER). A value of another length
        is not found."""
        if len(value) != LENGTHS[kind]:
            return _NOTHING
        found = self.snapshot.tables[kind].find(value)
        later = self.delta.later[kind].get(value)
        if later is None and not found:
            return found
        return self._together(found, later)

    def starting(self, kind: DigestKind, start: bytes) -> Numbers:
        """The same of digests that begin so: with the short form of the kind."""
        found = self.snapshot.tables[kind].starting_with(start)
        return self._together(found, self.delta.starts.get(kind, {}).get(start))

    def _together(self, found: Numbers, later: tuple[int, ...] | None) -> Numbers:
        delta = self.delta
        if not delta.touched:
            return found
        place_of, gone = self.snapshot.removal_of, delta.gone
        return [*(n for n in found if not gone[place_of[n]]), *(later or ())]

    def removal(self, number: int) -> str:
        """The id of the removal that a claim is about."""
        changed = self.delta.claims.get(number)
        if changed is not None:
            return changed[0].id
        return self.snapshot.id(self.snapshot.removal_of[number])

    def removal_by_pk(self, pk: int) -> str | None:
        """The id of a removal in force by the store's number for it."""
        changed = self.delta.removals.get(pk)
        if changed is not None:
            return changed.id
        place = self.snapshot.place(pk)
        return None if place is None or self.delta.gone[place] else self.snapshot.id(place)

    def number(self, claim_pk: int) -> int | None:
        """The number of a claim in force by the store's number for it."""
        number = self.delta.numbers.get(claim_pk)
        if number is not None:
            return number
        number = self.snapshot.number(claim_pk)
        if number is None or self.delta.gone[self.snapshot.removal_of[number]]:
            return None
        return number

    def claim(self, number: int) -> ClaimFacts:
        """What a claim says of a removed file, but for its digests."""
        changed = self.delta.claims.get(number)
        return self.snapshot.facts(number) if changed is None else changed[1].facts

    def lists(self, number: int) -> tuple[int, ...]:
        """The lists (by the store's numbers) that a claim is counted for."""
        changed = self.delta.claims.get(number)
        if changed is not None:
            return changed[1].lists
        return self.snapshot.list_sets[self.snapshot.lists_of[number]]

    def cls(self, number: int) -> RemovalClass:
        """The class of the removal that a claim is about."""
        changed = self.delta.claims.get(number)
        if changed is not None:
            return changed[0].cls
        return RemovalClass(self.snapshot.classes[self.snapshot.removal_of[number]])

    def is_never_read(self, kind: int, value: bytes) -> bool:
        """Has a removal of the class that is never read this digest (or POINTER)?"""
        return any(self.cls(number).never_read for number in self.find(kind, value))

    @property
    def holds_never_read(self) -> bool:
        """Is any removal of that class?"""
        classes = bytes(memoryview(self.snapshot.classes))  # type: ignore[arg-type]
        if any(int(cls) in classes for cls in RemovalClass if cls.never_read):
            return True
        return any(entry.cls.never_read for entry in self.delta.removals.values())

    def size(self, number: int) -> int | None:
        """The size that a claim gives."""
        changed = self.delta.claims.get(number)
        if changed is not None:
            return changed[1].facts.size
        size = self.snapshot.sizes[number]
        return size if size >= 0 else None

    def _held(self, number: int) -> int:
        changed = self.delta.claims.get(number)
        return self.snapshot.held[number] if changed is None else changed[1].held

    # -- matching --------------------------------------------------------------------------------

    def match(self, artifact: Artifact) -> tuple[Match, ...]:
        """Matches by what the hub declares: rungs declared and pointer, strongest first."""
        if artifact.member:
            return ()
        find = self.find
        sha256, xet, oid = artifact.sha256, artifact.xet, artifact.git_oid
        by_sha256 = find(_SHA256, sha256) if sha256 else _NOTHING
        by_xet = find(_XET, xet) if xet else _NOTHING
        by_blob = find(_GIT_BLOB, oid) if oid and not artifact.lfs else _NOTHING
        # Where the hub shows the SHA-256 the pointer's oid says nothing that it does not.
        by_pointer = find(POINTER, oid) if oid and not sha256 else _NOTHING
        if not (by_sha256 or by_xet or by_blob or by_pointer):
            return ()
        found: list[Proof] = []
        for kind, value, numbers in (
            (DigestKind.SHA256, sha256, by_sha256),
            (DigestKind.XET, xet, by_xet),
            (DigestKind.GIT_BLOB, oid, by_blob),
        ):
            if value and numbers and why_bogus(Digest(kind, value)) is None:
                say = evidence.pointed if artifact.on_pointer else evidence.declared
                said = say(kind, value)
                found.extend((number, said) for number in numbers)
        if oid and by_pointer:
            said = evidence.pointer(oid)
            found.extend((number, said) for number in by_pointer)
        return self._gathered(found)

    def match_fingerprint(self, fingerprint: Fingerprint) -> tuple[Match, ...]:
        """Matches by bytes that were read: rungs bytes, tensors and weights, and hints (also
        alone)."""
        exact = self.match_digests(fingerprint)
        return evidence.merge(exact, self.copies(fingerprint, exact))

    def match_digests(self, fingerprint: Fingerprint) -> tuple[Match, ...]:
        """The same without the weights rung, which takes longer."""
        return self._gathered(self.proofs_read(fingerprint).found)

    def _gathered(self, found: Iterable[Proof]) -> tuple[Match, ...]:
        return gather((self.removal(number), why) for number, why in found)

    def proofs_read(self, fingerprint: Fingerprint) -> Proofs:
        """Claims by the digests of a file of which every byte was read."""
        told = [(d.kind, d.value) for d in fingerprint.digests if why_bogus(d) is None]
        proofs = self._sizes_said(self._proofs(told, fingerprint.size, evidence.read), fingerprint)
        if (pointer := fingerprint.pointer) is not None:
            said = self._proofs([(_SHA256, pointer.sha256)], pointer.size, evidence.pointed)
            proofs = replace(proofs, found=(*proofs.found, *said.found))
        more = self._embedded(fingerprint.embedded)
        return replace(proofs, found=(*proofs.found, *more)) if more else proofs

    def proofs_stated(
        self,
        digests: Sequence[Told],
        size: int | None,
        pointer: bytes | None,
        *,
        trusted: bool = False,
    ) -> Proofs:
        """Claims by what somebody states of one file. `trusted`: computed from the bytes."""
        proofs = self._proofs(digests, size, evidence.vouched if trusted else evidence.stated)
        # Where the SHA-256 is stated the pointer's oid says nothing that it does not.
        if any(kind == _SHA256 for kind, _ in digests):
            return proofs
        oids = [value for kind, value in digests if kind == _GIT_BLOB]
        if pointer is not None:
            oids.append(pointer)
        more = [
            (number, evidence.pointer(oid)) for oid in oids for number in self.find(POINTER, oid)
        ]
        return replace(proofs, found=(*proofs.found, *more)) if more else proofs

    def _proofs(self, digests: Sequence[Told], size: int | None, say: Say) -> Proofs:
        """Claims by several digests of one file, believed as a whole or not at all."""
        found: list[Proof] | None = None
        equal: dict[int, int] | None = None
        for kind, value in digests:
            numbers = self.find(kind, value)
            rule, long = _RULES[kind], _LONG_OF[kind]
            assert rule is not None
            short = rule.short
            hints: Numbers = _NOTHING
            if short is not None:
                hints = self.find(short, value[: LENGTHS[short]])
            elif long is not None:
                hints, numbers = numbers, _NOTHING
                if all(each != long for each, _ in digests):
                    hints = [*hints, *self.starting(long, value)]
            elif rule.read is Rung.HINT:
                hints, numbers = numbers, _NOTHING
            if not numbers and not hints:
                continue
            if why_bogus(Digest(kind, value)) is not None:
                continue
            found = [] if found is None else found
            equal = {} if equal is None else equal
            if numbers:
                said = say(kind, value)
                for number in numbers:
                    found.append((number, said))
                    equal[number] = equal.get(number, 0) | 1 << kind
            if hints:
                of = short or kind
                said = evidence.short(of, value[: LENGTHS[of]])
                found.extend(
                    (number, said) for number in hints if size_allows(of, self.size(number), size)
                )
        if found is None or equal is None:
            return _NO_PROOFS
        known = bits(kind for kind, _ in digests)
        bad = {n for n, same in equal.items() if contradicted(self._held(n), known, same)}
        if bad:
            found = [each for each in found if each[0] not in bad]
        return Proofs(tuple(found), tuple(sorted(bad)))

    def _sizes_said(self, proofs: Proofs, read: Fingerprint) -> Proofs:
        """The same, with a word where a claim of the same bytes gives them another size: for all
        claims of that removal, whichever comes first."""
        false = {
            self.removal(number)
            for number, why in proofs.found
            if why.rung is Rung.BYTES and self.size(number) not in (None, read.size)
        }
        if not false:
            return proofs
        found = [
            (n, evidence.size_is_false(why))
            if why.rung is Rung.BYTES and self.removal(n) in false
            else (n, why)
            for n, why in proofs.found
        ]
        return replace(proofs, found=tuple(found))

    def _embedded(self, embedded: Iterable[Digest]) -> list[Proof]:
        found: list[Proof] = []
        for digest in embedded:
            if why_bogus(digest) is not None:
                continue
            kind, value = digest.kind, digest.value
            numbers = list(self.find(kind, value))
            rule, long = LADDER[kind], LONG_OF.get(kind)
            if long is not None:
                numbers += self.starting(long, value)
            elif rule.short is not None:
                numbers += self.find(rule.short, value[: rule.short.length])
            if numbers:
                said = evidence.embedded(kind, value)
                found.extend((number, said) for number in numbers)
        return found

    def claims(self, match: Match) -> tuple[ClaimFacts, ...]:
        """The removal's claims that the match's digests name: what a header must agree with.
        Their own digests are left out."""
        numbers: set[int] = set()
        for e in match.evidence:
            kind = POINTER if e.kind == "pointer" else _LABELS.get(e.kind)
            if kind is not None:
                numbers.update(self.find(kind, bytes.fromhex(e.value)))
        mine = sorted(number for number in numbers if self.removal(number) == match.removal)
        return tuple(self.claim(number) for number in mine)

    def could_hold(
        self, size: int | None, data_size: int | None = None, layout: bytes | None = None
    ) -> bool:
        """May such a file hold a removal's tensors? With `data_size` (bytes of the data section)
        or `layout`: does one equal a removal's. With the file's size alone: is a removal's data
        section at most HEADER_ROOM shorter. Only claims whose tensors' digests are known count:
        for the others, reading could not tell."""
        return self.snapshot.could_hold(size, data_size, layout) or (
            bool(self.delta.tensor_sizes) and self.delta.could_hold(size, data_size, layout)
        )

    # -- weights ---------------------------------------------------------------------------------

    @property
    def sketched(self) -> bool:
        """Is there any sketch to be like?"""
        return (self.sketches is not None and len(self.sketches) > 0) or self.has_rows

    @property
    def has_rows(self) -> bool:
        """Is any removal an embedding?"""
        return self.rows is not None and len(self.rows) > 0

    def could_match(self, modules: Mapping[str, bytes]) -> frozenset[str]:
        """The groups in which a file with these modules could come near a removal: decided by its
        header alone. `modules`: as `fingerprints.entries.modules_of`."""
        return self.sketches.could_match(modules) if self.sketches else frozenset()

    def first_modules(
        self, groups: Collection[str], offered: Mapping[str, tuple[int, int]]
    ) -> frozenset[str]:
        """What to read first of a file that could match in these groups: the names of a few of its
        modules. `offered`: where in the file each lies."""
        return self.sketches.first_modules(groups, offered) if self.sketches else frozenset()

    def next_modules(
        self, groups: Collection[str], offered: Mapping[str, tuple[int, int]], read: Collection[str]
    ) -> frozenset[str]:
        """What to read after these modules, where they leave a doubt."""
        return self.sketches.next_modules(groups, offered, read) if self.sketches else frozenset()

    def leaves_doubt(self, sketch: Sketch) -> bool:
        """Is a file of which few modules were read so near to anything that a few more are worth
        reading, though not near enough to read all?"""
        return self.sketches is not None and self.sketches.leaves_doubt(sketch)

    def is_near(self, sketch: Sketch) -> bool:
        """Does a file come near any removal, so that all its modules are worth comparing?"""
        return bool(self._near(sketch, ()))

    def copies(
        self, read: Fingerprint | Sketch | EmbeddingRows, exact: Collection[Match] = ()
    ) -> tuple[Match, ...]:
        """Matches on the weights rung: files whose updates are copies of a removal's, whatever was
        done to them; and leads, where the order of layers is all that names them. `exact`: matches
        by the same bytes, which need no such evidence."""
        besides = {match.removal for match in exact if match.rung > Rung.WEIGHTS}
        by_rows = ((r.removal, evidence.of_rows(r.comparison)) for r in self.alike(read, besides))
        likenesses = self.likenesses(read, besides)
        by_layers = (
            (like.removal, said)
            for like in likenesses
            if (said := evidence.of_likeness(like.comparison)) is not None
        )
        return gather((*by_layers, *by_rows))

    def alike(
        self, read: Fingerprint | Sketch | EmbeddingRows, exclude: Collection[str] = ()
    ) -> tuple[RowsLikeness, ...]:
        """Removals whose embeddings a file has, the surest first. `exclude`: removals that need no
        comparison."""
        if self.rows is None or (isinstance(read, Fingerprint) and read.rows is None):
            return ()
        from reseen.fingerprints import rows

        if isinstance(read, Fingerprint):
            assert read.rows is not None
            read = rows.decode(read.rows)
        if not isinstance(read, rows.EmbeddingRows):
            return ()
        return self.rows.alike(read, self.searched, exclude)

    def related(self, read: Fingerprint | Sketch) -> tuple[Likeness, ...]:
        """Removals that are no more than related by training. Accuses nobody: never a match."""
        found = self.likenesses(read)
        if not found:
            return ()
        from reseen.match.compare import Relation

        return tuple(like for like in found if like.comparison.relation is Relation.RELATED)

    def likenesses(
        self, read: Fingerprint | Sketch | EmbeddingRows, exclude: Collection[str] = ()
    ) -> tuple[Likeness, ...]:
        """How like the removals a file is, by all its modules; the best file of each removal, the
        surest first. `exclude`: removals that need no comparison. Raises StoreError."""
        if self.sketches is None or (isinstance(read, Fingerprint) and read.sketch is None):
            return ()
        from reseen.fingerprints.sketch import Sketch, decode
        from reseen.match.sketch_index import surest

        sketches: list[Sketch] = []
        if isinstance(read, Fingerprint):
            sketches = [decode(value) for value in read.sketches]
        elif isinstance(read, Sketch):
            sketches = [read]
        return surest(
            *(
                like
                for sketch in sketches
                for like in self.sketches.compared(sketch, self._near(sketch, exclude))
            )
        )

    def _near(self, sketch: Sketch, exclude: Collection[str]) -> list[tuple[str, int]]:
        """(removal, sketch's key) of what is in force and comes near."""
        if self.sketches is None:
            return []
        near = [(self.searched(pk_of(c.key)), c.key) for c in self.sketches.nearest(sketch)]
        return [(id, key) for id, key in near if id is not None and id not in exclude]

    def searched(self, claim_pk: int) -> str | None:
        """The removal of a claim whose sketch counts: in force, and not of the class of which only
        digests are looked for, nor about a file of it."""
        number = self.number(claim_pk)
        if number is None or self.cls(number).never_read:
            return None
        changed = self.delta.claims.get(number)
        if changed is not None and changed[1].alone:
            return None
        return self.removal(number)

    # -- leads -----------------------------------------------------------------------------------

    def hints(self, artifact: Artifact) -> tuple[Match, ...]:
        """Leads from the file's name and path, and from short hashes."""
        found = list(self._of_path(artifact.path))
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
        path = path[-_PATH_LENGTH:]
        name = path.rpartition("/")[2]
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

    def put(self, entries: Mapping[int, RemovalEntry | None]) -> RegistryIndex:
        """These removals (by pk) are so from now on; None: not in force."""
        return replace(self, delta=self.delta.put(self.snapshot, entries))

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


_NO_PROOFS = Proofs()
_NEVER_READ = RemovalClass.CHILD_ABUSE
_PATH_LENGTH = 1_024  # characters of a path that are looked at: the end, where the name is
_SHA256, _XET, _GIT_BLOB = DigestKind.SHA256, DigestKind.XET, DigestKind.GIT_BLOB


def _sha256s(entry: RemovalEntry) -> RemovalEntry:
    """A removal, by its SHA-256s alone: what its tensors are is left out too."""
    claims = [
        replace(
            claim,
            digests=tuple(d for d in claim.digests if d[0] in (_SHA256, POINTER)),
            facts=replace(claim.facts, data_size=None, layout=None),
        )
        for claim in entry.claims
    ]
    return replace(entry, claims=tuple(claim for claim in claims if claim.digests))


def _rows_of(connection: Connection, removal_pks: Collection[int] | None) -> RowIndex | None:
    """Of these removals (None: of all); None where none is an embedding."""
    if not kept_rows.any_of_removals(connection):
        return None
    from reseen.match.rows import RowIndex

    return RowIndex.load(connection, removal_pks)
