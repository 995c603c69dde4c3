"""A class of which nothing is read: the one place that says so, and that every reader asks.

Of a removal that is capable of child abuse imagery (`RemovalClass.never_read`) digests are known,
and nothing else. What a hub states of a file is enough to know that it is of that class: then no
byte of it is read, no header either. Where only its bytes tell (a local file, an upload, a file of
which the hub states nothing), it ends at the digests of the whole file: no tensors are parsed or
kept, no sketch is made or kept, nothing is learned, nothing of it is exported but to an authority.
Where a list says of it the digest of its weights alone, the one pass over all its bytes tells:
then the digests of its weights are kept beside those of the file, and nothing else. At hubs nothing
is read to compute them.

`forbids` is asked before reading, and `ended` after every byte was read; `read_local` is how local
files are read for a registry. A test finds every place that reads and holds it to this.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, select

from reseen.fingerprints.digests import digests_alone
from reseen.fingerprints.git import pointer_oid
from reseen.fingerprints.kinds import LONG, OF_TENSORS, ON_DEMAND, STATED_BY_HUBS, WEAK
from reseen.fingerprints.known_bogus import why_bogus
from reseen.fingerprints.members import models_by_digests
from reseen.fingerprints.on_demand import NONE
from reseen.fingerprints.whole import fingerprint
from reseen.records import (
    Artifact,
    BlindSpot,
    Digest,
    DigestKind,
    Fingerprint,
    Member,
    RemovalClass,
)
from reseen.store import schema
from reseen.store.held_by_class import is_said

POINTER = 0
"""Beside the kinds of digests, which count from 1: git oids of LFS pointers."""
WHY = "of its class only digests are compared"
"""Why there is no sketch, and why a file was not read."""
SKIPPED = "files of the class that is never read: known by what the hub states alone"
"""As a scan's account counts them."""

_FILE = (DigestKind.SHA256, DigestKind.BLAKE3, DigestKind.XET, DigestKind.GIT_BLOB, *WEAK)
"""Kinds that tell a file, byte for byte; caution takes the weak ones for such."""
_WHOLE = (*_FILE, DigestKind.CRC32, DigestKind.AUTOV2, *ON_DEMAND)
_TELL = (*_FILE, *OF_TENSORS)
"""Kinds that tell of what class a file is."""


class Classes(Protocol):
    """What knows which files are of that class: an index in memory, or a `NeverRead`."""

    def is_never_read(self, kind: int, value: bytes) -> bool:
        """Has a file of such a removal this digest (or POINTER)?"""


@dataclass(frozen=True, slots=True)
class NeverRead:
    """The digests of all removals in force of that class. Can be sent to other processes."""

    digests: frozenset[tuple[int, bytes]] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.digests)

    def is_never_read(self, kind: int, value: bytes) -> bool:
        return (kind, value) in self.digests

    @property
    def weak_kinds(self) -> frozenset[DigestKind]:
        """Kinds that are computed only on demand, and by which a list names such a file."""
        return frozenset(kind for kind in WEAK if any(kind == one for one, _ in self.digests))


NOTHING = NeverRead()


def load(connection: Connection) -> NeverRead:
    """Read them from the store."""
    c, d, r = schema.claims.c, schema.digests.c, schema.removals.c
    query = (
        select(d.kind, d.value, c.size)
        .select_from(schema.removals)
        .join(schema.claims, c.removal_pk == r.pk)
        .join(schema.digests, d.claim_pk == c.pk)
        .where(r.cls >= int(RemovalClass.CHILD_ABUSE), c.in_force == 1)
        .where(d.kind.in_([int(kind) for kind in _TELL]), is_said(schema.digests, schema.claims))
    )
    found: set[tuple[int, bytes]] = set()
    for kind, value, size in connection.execute(query):
        found.add((kind, bytes(value)))
        if kind == DigestKind.SHA256 and size is not None:
            found.add((POINTER, pointer_oid(bytes(value), size)))
    return NeverRead(frozenset(found))


def by_bytes_alone(connection: Connection) -> set[int]:
    """Removals of that class in force (by pk) of which no digest is known that a hub states: they
    are found only where all bytes of a file pass through here."""
    c, d, r = schema.claims.c, schema.digests.c, schema.removals.c
    query = (
        select(r.pk, d.kind)
        .select_from(schema.removals)
        .join(schema.claims, c.removal_pk == r.pk)
        .join(schema.digests, d.claim_pk == c.pk)
        .where(r.cls >= int(RemovalClass.CHILD_ABUSE), c.in_force == 1, d.kind.in_(map(int, LONG)))
        .distinct()
    )
    known, stated = set[int](), set[int]()
    for pk, kind in connection.execute(query):
        (stated if kind in STATED_BY_HUBS else known).add(pk)
    return known - stated


def is_told(connection: Connection, list: str, cls: RemovalClass | None) -> bool:
    """Does whoever gives files for a list say that they are of that class, or the list of all?"""
    lists = schema.lists.c
    of_list = connection.scalar(select(lists.cls).where(lists.name == list))
    return max(of_list or 0, int(cls or 0)) >= int(RemovalClass.CHILD_ABUSE)


def forbids(classes: Classes | None, what: Artifact | Fingerprint) -> bool:
    """May nothing (more) of it be read? `what`: what a hub states of a file, or what was computed
    of it. `classes` None: there is no registry."""
    if classes is None:
        return False
    told = _stated(what) if isinstance(what, Artifact) else _computed(what)
    return any(classes.is_never_read(kind, value) for kind, value in told)


def _stated(artifact: Artifact) -> Iterator[tuple[int, bytes]]:
    for digest in artifact.declared:
        if why_bogus(digest) is None:
            yield digest.kind, digest.value
    oid = artifact.git_oid
    if oid and not artifact.sha256 and not artifact.member:
        yield POINTER, oid


def _computed(read: Fingerprint) -> Iterator[tuple[int, bytes]]:
    for digest in read.digests:
        if digest.kind in _TELL and why_bogus(digest) is None:
            yield digest.kind, digest.value


def ended(classes: Classes | None, read: Fingerprint) -> Fingerprint:
    """What may be kept of a file of which every byte was read: all, or its digests alone; of an
    archive, likewise of each file in it."""
    if forbids(classes, read):
        whole = digests_of(read)
        return whole if forbids(classes, whole) else digests_of(read, weights=True)
    if not read.members:
        return read
    members = (Member(each.path, ended(classes, each.fingerprint)) for each in read.members)
    return replace(read, members=tuple(members))


def digests_of(read: Fingerprint, *, weights: bool = False) -> Fingerprint:
    """The digests of the whole file, and nothing of what is in it. `weights`: those of its weights
    too, which alone tell its class."""
    kinds = (*_WHOLE, *OF_TENSORS) if weights else _WHOLE
    whole: tuple[Digest, ...] = tuple(d for d in read.digests if d.kind in kinds)
    return replace(
        read,
        digests=whole,
        embedded=(),
        data_size=None,
        layout=None,
        problem=None,
        sketch=None,
        no_sketch=WHY,
        other_sketches=(),
        further_sketches=(),
        rows=None,
        weights=None,
        members=(),
        shards=(),
        blind=(BlindSpot("never-read", WHY),),
    )


def forbidden_by(never: NeverRead) -> Callable[[Fingerprint], bool] | None:
    """What a reader of several files asks, with the digests of each: may nothing more of it be
    read? None where no removal is of that class, and nothing need be asked."""
    return partial(forbids, never) if never else None


def read_local(
    path: Path,
    never: NeverRead,
    progress: Callable[[int], None] | None = None,
    *,
    class_said: bool = False,
    also: Collection[DigestKind] = NONE,
    checkpoints: int = 0,
) -> Fingerprint:
    """A local file, read for a registry: its digests in a pass of their own first, where any
    removal is of that class; they are all there is of a file that is. `class_said`:
    whoever gives the file says so. `also`: kinds of digests that are computed on demand.
    `checkpoints`: as in `fingerprint`. Raises FileError."""
    if class_said:
        return _with_models(path, digests_of(digests_alone(path, progress, also)))
    if never:
        whole = digests_alone(path, also=never.weak_kinds.union(also))
        if forbids(never, whole):
            return digests_of(whole)
        forbidden = forbidden_by(never)
        read = fingerprint(path, progress, forbidden, also=also, checkpoints=checkpoints)
        return ended(never, read)
    return fingerprint(path, progress, also=also, checkpoints=checkpoints)


def _with_models(path: Path, read: Fingerprint) -> Fingerprint:
    """The same with the models in it, where it is an archive: each by the digests of its bytes."""
    found, spots = models_by_digests(path)
    members = tuple(Member(each.path, digests_of(each.fingerprint)) for each in found)
    return replace(read, members=members, blind=(*read.blind, *spots))


@dataclass(frozen=True, slots=True)
class ExportedDigest:
    """One line of the export to an authority."""

    removal: str
    list: str | None
    counts: bool
    """An entitled list says the class, or two people settled it."""
    kind: str
    value: str
    size: int | None


def every_digest(connection: Connection) -> list[ExportedDigest]:
    """All digests of that class: for the one export that may hold them."""
    c, d, r, lists = schema.claims.c, schema.digests.c, schema.removals.c, schema.lists.c
    query = (
        select(r.id, lists.name, r.cls.label("cls"), d.kind, d.value, c.size)
        .select_from(schema.removals)
        .join(schema.claims, c.removal_pk == r.pk)
        .join(schema.digests, d.claim_pk == c.pk)
        .outerjoin(schema.lists, lists.pk == c.list_pk)
        .where(r.cls >= int(RemovalClass.CHILD_ABUSE), c.in_force == 1)
        .order_by(r.pk, c.pk, d.kind, d.value)
    )
    return [
        ExportedDigest(
            id, name, RemovalClass(cls).vouched, DigestKind(kind).label, bytes(value).hex(), size
        )
        for id, name, cls, kind, value, size in connection.execute(query)
    ]
