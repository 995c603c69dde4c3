"""The registry in force, in memory, following the store: what the gate answers from.

What comes in: a connection now and then. What goes out: `Found`s for digests and fingerprints,
without asking the store (but for the sketches that something comes near). `follow` reads on from
the last change it knows and takes in only the removals that changed. One thread follows; any number
ask meanwhile: a removal that changes is matched as it was or as it is, never as neither.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from blake3 import blake3
from sqlalchemy import Connection, select

from reseen.errors import StoreError
from reseen.fingerprints.entries import entries
from reseen.fingerprints.known_bogus import why_bogus
from reseen.fingerprints.sketch import VERSION, Sketch, decode
from reseen.match import evidence
from reseen.match.evidence import READ_KINDS
from reseen.match.frozen import LENGTHS, POINTER, Added, Frozen
from reseen.match.moment import LONG, SHORT, Holder, Moment, read_changed
from reseen.match.sketches import Sketches, Snapshot, searched
from reseen.match.weights import COPY_MEAN_ALONE
from reseen.records import Digest, DigestKind, Evidence, Fingerprint, Rung
from reseen.store.database import chunks
from reseen.store.schema import claims, meta, removals, sketch_entries
from reseen.store.service_schema import changes

FOLD = 5_000
"""Removals that changed since, from which on they are folded in with the others."""
RELOAD = 20_000
"""Removals that changed at once, from which on all are read again."""
FEWEST_SLOTS = 8
"""Searched modules without which likeness is not judged by these alone."""


@dataclass(frozen=True, slots=True)
class Found:
    """A removal, and one reason why something is taken for it."""

    removal: str
    list: str
    rung: Rung
    kind: str
    """What was compared: a digest kind's label, "pointer", "sketch"."""
    score: float | None
    """1 where a digest agrees, the cosine of similar weights; None for a hint."""
    why: str


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says of a file."""

    digests: tuple[tuple[DigestKind, bytes], ...]
    pointer: bytes | None = None
    """Git oid of the file's LFS pointer."""
    size: int | None = None


class Live:
    """All removals in force, kept up to date. Nothing in it is sealed."""

    def __init__(self, store: Snapshot) -> None:
        """`store` opens the store for reading sketches: any error of it is borne."""
        self._store = store
        self._now = Moment(Frozen())
        self._sketches = Sketches(store)
        self._sketched: dict[str, int] = {}
        """Removals with sketches: id -> pk."""
        self._files: set[int] = set()
        """Removed files whose sketches are known."""
        self._synthetic: dict[int, tuple[Added, Sketch]] = {}
        self.version = 0
        """The number of the last change that was taken in."""
        self.version_at = 0
        """When that was."""
        self.store_id: str | None = None
        """Of the store that it was read from."""
        self._sure = False
        """Whether the store is known to be that one."""

    def __len__(self) -> int:
        """Removals in force."""
        return len(self._now)

    @property
    def digests(self) -> int:
        """Digests, about: those of removals that changed since the last folding count twice."""
        now = self._now
        return sum(len(p) for p in now.frozen.packed[1:]) + sum(len(d) for d in now.later[1:])

    @property
    def sketches(self) -> int:
        """Sketches that are searched."""
        return len(self._files)

    # -- asking ----------------------------------------------------------------------------------

    def match(self, said: Said, *, trusted: bool = False) -> tuple[Found, ...]:
        """Removals by what somebody says of a file. `trusted`: who says so computed it from the
        bytes, and is believed."""
        now = self._now
        found: list[Found] | None = None
        for kind, value in said.digests:
            holders = now.find(kind, value)
            short = SHORT.get(kind)
            hints: Sequence[Holder] = ()
            if short is not None:
                hints = now.find(short, value[: short.length])
            elif kind in LONG:
                hints, holders = [*holders, *now.starting(LONG[kind], value)], ()
            elif kind is DigestKind.GIT_BLOB:
                pointers = now.find(POINTER, value)
                if pointers:
                    found = found or []
                    found.extend(_exact(pointers, evidence.pointer(value)))
            elif holders and kind.is_short:
                hints, holders = holders, ()
            if not holders and not hints:
                continue
            if why_bogus(Digest(kind, value)) is not None:
                continue
            found = found or []
            if holders:
                found.extend(_exact(holders, _evidence(kind, value, trusted)))
            found.extend(_hinted(hints, short or kind, said.size))
        if said.pointer is not None:
            pointers = now.find(POINTER, said.pointer)
            if pointers:
                found = found or []
                found.extend(_exact(pointers, evidence.pointer(said.pointer)))
        return () if found is None else _gathered(found)

    def match_fingerprint(self, fingerprint: Fingerprint) -> tuple[Found, ...]:
        """Removals by the bytes of a file that was read here: all rungs."""
        now = self._now
        found: list[Found] = []
        for digest in fingerprint.digests:
            kind, value = digest.kind, digest.value
            if why_bogus(digest) is not None:
                continue
            if kind in READ_KINDS:
                found.extend(_exact(now.find(kind, value), evidence.read(kind, value)))
            elif kind.is_short:
                found.extend(_hinted(now.find(kind, value), kind, fingerprint.size))
            if kind in SHORT:
                short = SHORT[kind]
                hints = now.find(short, value[: short.length])
                found.extend(_hinted(hints, short, fingerprint.size))
        for digest in fingerprint.embedded:
            if why_bogus(digest) is None:
                found.extend(self._embedded(now, digest))
        if fingerprint.sketch is not None:
            besides = {each.removal for each in found if each.rung > Rung.WEIGHTS}
            found.extend(self.alike(decode(fingerprint.sketch), besides))
        return _gathered(found)

    def alike(self, sketch: Sketch, besides: Iterable[str] = ()) -> list[Found]:
        """Removals whose updates this file's are copies of. Where the store does not answer, the
        searched modules alone decide, more cautiously."""
        known = self._sketches
        if not len(known):
            return []
        without = set(besides)
        found: list[Found] = []
        try:
            (near,) = known.near_many([entries(sketch)])
            near = [each for each in near if each[0] not in without and self._holder(each[0])]
            for like in known.compared(sketch, near):
                holder = self._holder(like.removal)
                if like.comparison.relation.is_copy and holder:
                    said = evidence.weights(like.comparison)
                    cosine = round(like.comparison.cosine, 4)
                    found.append(Found(*holder, said.rung, said.kind, cosine, said.why))
        except StoreError:
            for removal, candidate in known.estimates(sketch):
                holder = self._holder(removal)
                if removal in without or holder is None:
                    continue
                if candidate.cosine >= COPY_MEAN_ALONE and candidate.slots >= FEWEST_SLOTS:
                    cosine = round(candidate.cosine, 4)
                    why = (
                        f"Similar weight updates: cosine {cosine:.3f} over the {candidate.slots} "
                        "modules that are searched; the store is away, so that the others could "
                        "not be compared (uncalibrated)."
                    )
                    found.append(Found(*holder, Rung.WEIGHTS, "sketch", cosine, why))
        return found

    def _embedded(self, now: Moment, digest: Digest) -> Iterable[Found]:
        kind, value = digest.kind, digest.value
        holders = list(now.find(kind, value))
        if kind in LONG:
            holders += now.starting(LONG[kind], value)
        elif kind in SHORT:
            holders += now.find(SHORT[kind], value[: SHORT[kind].length])
        said = evidence.embedded(kind, value)
        return [Found(id, name, said.rung, said.kind, None, said.why) for id, name, _ in holders]

    def _holder(self, removal: str) -> tuple[str, str] | None:
        """(id, list) of a sketched removal that is in force."""
        pk = self._sketched.get(removal)
        return None if pk is None else self._now.holder(pk)

    def sample(self) -> list[tuple[int, bytes, str]]:
        """A few digests that are surely in force, to see whether they are found: (kind or POINTER,
        value, removal)."""
        now, found = self._now, []
        for kind, packed in enumerate(now.frozen.packed):
            count, length = len(packed), LENGTHS[kind]
            owners = packed.owners()
            for at in {0, count // 3, count // 2, count - 1} if count else ():
                place, _ = now.frozen.file(owners[at])
                if not now.gone[place]:
                    value = packed.values[at * length : at * length + length]
                    found.append((kind, value, now.frozen.removal(place)[0]))
        return found

    # -- following -------------------------------------------------------------------------------

    def load(self, connection: Connection) -> None:
        """Read all of the registry in force."""
        version, at = _head(connection)
        frozen = Frozen.load(connection)
        loaded = Sketches.load(connection, self._store)
        sketched: dict[str, int] = {}
        query = (
            select(removals.c.id, removals.c.pk, sketch_entries.c.claim_pk)
            .join(claims, claims.c.removal_pk == removals.c.pk)
            .join(sketch_entries, sketch_entries.c.claim_pk == claims.c.pk)
            .where(searched(), sketch_entries.c.version == VERSION)
            .distinct()
        )
        files: set[int] = set()
        for id, pk, claim_pk in connection.execute(query):
            sketched[id] = pk
            files.add(claim_pk)
        self._take(Moment(frozen), loaded, sketched, files)
        self.version, self.version_at = version, at
        self.store_id, self._sure = _identity(connection), True

    def follow(self, connection: Connection) -> int:
        """Take in what changed since; how many removals that were. Reads all of it again where the
        store is another than before, was set back, or changed a lot."""
        last, at = _head(connection)
        if last < self.version or not self._same_store(connection):
            self.load(connection)
            return len(self)
        if last == self.version:
            return 0
        pks: set[int] = set()
        query = select(changes.c.first, changes.c.last)
        query = query.where(changes.c.pk > self.version, changes.c.pk <= last)
        for first, end in connection.execute(query):
            if len(pks) + end - first >= RELOAD:
                self.load(connection)
                return len(self)
            pks.update(range(first, end + 1))
        if len(self._now.touched) + len(pks) > FOLD:
            self.fold()
        self._change(connection, pks)
        self.version, self.version_at = last, at
        return len(pks)

    def fold(self) -> None:
        """Put what changed in with what is frozen."""
        self._now = self._now.folded()
        self._sketches.forget_background()

    def _same_store(self, connection: Connection) -> bool:
        if self.store_id is None:
            return False
        if not self._sure:
            self._sure = self.store_id == _identity(connection)
        if not self.version or not self._sure:
            return self._sure
        query = select(changes.c.at).where(changes.c.pk == self.version)
        return bool(connection.scalar(query) == self.version_at)

    def _change(self, connection: Connection, pks: set[int]) -> None:
        now = self._now
        for chunk in chunks(sorted(pks)):
            added = {one.pk: one for one in read_changed(connection, chunk)}
            self._add_entries(connection, {pk: one.id for pk, one in added.items()})
            for pk in chunk:
                now.put(pk, added.get(pk))

    def _add_entries(self, connection: Connection, ids: Mapping[int, str]) -> None:
        query = (
            select(
                claims.c.removal_pk,
                sketch_entries.c.claim_pk,
                sketch_entries.c.group,
                sketch_entries.c.slots,
                sketch_entries.c.code,
            )
            .join(claims, claims.c.pk == sketch_entries.c.claim_pk)
            .join(removals, removals.c.pk == claims.c.removal_pk)
            .where(
                claims.c.removal_pk.in_(list(ids)),
                searched(),
                sketch_entries.c.version == VERSION,
            )
        )
        fresh: set[int] = set()
        for pk, claim_pk, group, slots, code in connection.execute(query):
            if claim_pk in self._files:
                continue
            self._sketched[ids[pk]] = pk
            self._sketches.add_entry(ids[pk], claim_pk, group, slots, code)
            fresh.add(claim_pk)
        self._files |= fresh

    def _take(
        self, moment: Moment, sketches: Sketches, sketched: dict[str, int], files: set[int]
    ) -> None:
        self._sketches, self._files = sketches, files
        self._sketched = sketched
        for added, sketch in self._synthetic.values():
            self._put_in(moment, added, sketch)
        self._now = moment

    # -- a removal of our own --------------------------------------------------------------------

    def put_in(self, added: Added, sketch: Sketch) -> None:
        """A synthetic removal, by a pk below 0, that stays whatever the store says."""
        assert added.pk < 0
        self._synthetic[added.pk] = added, sketch
        self._put_in(self._now, added, sketch)

    def _put_in(self, moment: Moment, added: Added, sketch: Sketch) -> None:
        self._sketches.hold(added.pk, sketch)
        for each in entries(sketch):
            slots, code = each.slots.astype("<u4").tobytes(), each.code.tobytes()
            self._sketches.add_entry(added.id, added.pk, each.group, slots, code)
        self._sketched[added.id] = added.pk
        moment.put(added.pk, added)

    # -- kept elsewhere --------------------------------------------------------------------------

    def parts(self) -> dict[str, bytes]:
        """All of it as bytes by name, what changed folded in. To be called by who follows."""
        if self._now.touched:
            self.fold()
        found = self._now.frozen.parts()
        about: dict[str, object] = {
            "version": self.version,
            "version_at": self.version_at,
            "store": self.store_id,
        }
        groups = []
        codes, whose, files = bytearray(), array("q"), array("q")
        for group, slots, some, ids, claim_pks in self._sketches.kept():
            width = len(some) // len(ids)
            count = 0
            for number, (id, claim_pk) in enumerate(zip(ids, claim_pks, strict=True)):
                pk = self._sketched[id]
                if pk > 0 and self._now.holder(pk):
                    codes += some[number * width : (number + 1) * width]
                    whose.append(pk)
                    files.append(claim_pk)
                    count += 1
            groups.append([group, slots.hex(), count])
        about["groups"] = groups
        found["about"] = json.dumps(about).encode()
        found["codes"], found["whose"] = bytes(codes), whose.tobytes()
        found["files"] = files.tobytes()
        return found

    def put_back(self, parts: Mapping[str, bytes]) -> None:
        """What `parts` gave. Raises ValueError or KeyError for parts that do not fit together."""
        moment = Moment(Frozen.put_back(parts))
        about = json.loads(parts["about"])
        whose, files = array("q"), array("q")
        whose.frombytes(parts["whose"])
        files.frombytes(parts["files"])
        made = Sketches(self._store)
        sketched: dict[str, int] = {}
        at = 0
        width = len(parts["codes"]) // max(1, len(files))
        for group, slots, count in about["groups"]:
            ids = []
            for pk in whose[at : at + count]:
                holder = moment.holder(pk)
                if holder is None:
                    raise ValueError("parts that do not fit together")
                sketched[holder[0]] = pk
                ids.append(holder[0])
            codes = parts["codes"][at * width : (at + count) * width]
            made.put_back(group, bytes.fromhex(slots), codes, ids, files[at : at + count])
            at += count
        self._take(moment, made, sketched, set(files))
        self.version, self.version_at = int(about["version"]), int(about["version_at"])
        self.store_id, self._sure = str(about["store"]), False


def _evidence(kind: DigestKind, value: bytes, trusted: bool) -> Evidence:
    if trusted and kind in READ_KINDS:
        why = f"The {kind.label} that was computed from this file's bytes is the removed file's."
        return replace(evidence.read(kind, value), why=why)
    return evidence.stated(kind, value)


def _exact(holders: Sequence[Holder], said: Evidence) -> list[Found]:
    return [Found(id, name, said.rung, said.kind, 1.0, said.why) for id, name, _ in holders]


def _hinted(holders: Sequence[Holder], kind: DigestKind, size: int | None) -> list[Found]:
    """Short hashes; a file of another size is another file."""
    if not holders:
        return []
    why = f"The {kind.label} agrees; it is too short to prove anything."
    return [
        Found(id, name, Rung.HINT, kind.label, None, why)
        for id, name, known in holders
        if size is None or known in (-1, size)
    ]


def _gathered(found: list[Found]) -> tuple[Found, ...]:
    """One for each removal and rung, strongest first."""
    if len(found) == 1:
        return (found[0],)
    once: dict[tuple[str, Rung], Found] = {}
    for each in found:
        once.setdefault((each.removal, each.rung), each)
    return tuple(sorted(once.values(), key=lambda f: (-f.rung, f.removal)))


def _identity(connection: Connection) -> str:
    """What tells this store from every other."""
    secret = connection.scalar(select(meta.c.value).where(meta.c.name == "secret")) or b""
    return blake3(secret, derive_key_context="reseen gate store 1").hexdigest()


def _head(connection: Connection) -> tuple[int, int]:
    """Number and time of the last change; zeros where there was none."""
    query = select(changes.c.pk, changes.c.at).order_by(changes.c.pk.desc()).limit(1)
    row = connection.execute(query).first()
    return (0, 0) if row is None else (row.pk, row.at)
