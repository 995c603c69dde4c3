"""What hubs declared and what reading told: remembered compactly, written in batches.

What comes in: repositories and artifacts as a hub gave them, and what was read of them. What goes
out: rows, by their pks, in the order of what came in. Everything happens in the caller's
transaction, is done once however often it is repeated, and takes hostile values (numbers that no
database holds, names that are no text) without failing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, overload

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, or_, select, update

from reseen.errors import NotFound
from reseen.observed import checkpoint_sketches, embedded, further, sketches, stated_digests
from reseen.observed import rows as kept_rows
from reseen.observed.checkpoint_sketches import ReadWeights
from reseen.records import (
    FOLDER,
    Artifact,
    Container,
    Digest,
    DigestKind,
    Fingerprint,
    Repository,
    RepoType,
    Rung,
    SightingState,
    commit_key,
)
from reseen.store import schema
from reseen.store.database import chunks, insert_for, insert_many, now, upsert

GATED, DISABLED, PRIVATE, WAS_GATED = 1, 2, 4, 8
MASKED, LFS, ON_POINTER, MEMBER = 1, 2, 4, 8

_LARGEST = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


ENDED = "it ended at the digests of the whole file, for its class"
"""The problem of a reading of every byte that told nothing of what is in the file."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found out about a file by reading it: its header, some of its modules, or all of
    it."""

    container: Container | None = None
    data_size: int | None = None
    """Bytes in the data section."""
    layout: bytes | None = None
    full: bool = False
    """Every byte was read."""
    problem: str | None = None
    """Why its container could not be read, or is not what the hub says."""
    digests: tuple[Digest, ...] = ()
    """Computed from its bytes, when all were read."""
    sketch: bytes | None = None
    """Of the modules that were read, in its published layout."""
    further: tuple[bytes, ...] = ()
    """The sketches of further adapters in it, where all modules were read."""
    rows: bytes | None = None
    """Of its embeddings, in their published layout."""
    weights: ReadWeights | None = None
    """Of a checkpoint: the sketch of the layers that were read."""
    architecture: str | None = None
    """Of the weight updates in it, empty where there are none; None: nobody looked for any."""
    modules: Mapping[str, bytes] = field(default_factory=dict)
    """Which modules would be searched, by group, where the header told."""
    near: bool = False
    """What was read of its modules comes near a removal, and the rest was not read."""
    embedded: tuple[Digest, ...] = ()
    """What the file says of itself."""
    fingerprint: Fingerprint | None = None
    """When every byte was read just now; not kept as such."""
    judged_by: tuple[Rung, ...] = ()
    """What could be recognised by what was read."""


def repositories(
    connection: Connection, listed: Sequence[Repository], *, at: int | None = None
) -> list[int]:
    """Remember repositories as listed; their pks in the same order."""
    at = now() if at is None else at
    rows = {}
    for r in listed:
        rows[r.hub, r.type.value, text(r.id)] = {
            "hub": r.hub,
            "type": r.type.value,
            "repo": text(r.id),
            "sha": None if r.sha is None else commit_bytes(r.sha),
            "created_at": micros(r.created_at),
            "modified_at": micros(r.modified_at),
            "downloads": number(r.downloads),
            "likes": number(r.likes),
            "flags": GATED * r.gated | DISABLED * r.disabled | PRIVATE * r.private,
            "used_storage": number(r.used_storage),
            "last_listed": at,
            "own_id": r.own_id,
            "seen_as": r.seen_as,
        }
    moved(connection, listed)
    insert = insert_for(connection)(schema.repositories)
    old, new = schema.repositories.c, insert.excluded
    # A short listing does not say everything: what it leaves out stays as it was known.
    kept = ("sha", "created_at", "modified_at", "downloads", "likes", "used_storage", "own_id")
    gated = has(old.flags, GATED | WAS_GATED)
    flags = case((gated, new["flags"].op("|")(WAS_GATED)), else_=new["flags"])
    if rows:
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=["hub", "type", "repo"],
                set_={name: func.coalesce(new[name], old[name]) for name in kept}
                | {"flags": flags, "last_listed": new["last_listed"], "seen_as": new["seen_as"]},
            ),
            list(rows.values()),
        )
    pks: dict[tuple[str, str, str], int] = {}
    for hub, type in {(hub, type) for hub, type, _ in rows}:
        for chunk in chunks(repo for h, t, repo in rows if (h, t) == (hub, type)):
            query = select(old.repo, old.pk).where(
                old.hub == hub, old.type == type, old.repo.in_(chunk)
            )
            for repo, pk in connection.execute(query):
                pks[hub, type, repo] = pk
    return [pks[r.hub, r.type.value, text(r.id)] for r in listed]


def moved(connection: Connection, listed: Sequence[Repository]) -> None:
    """Repositories that are known by another name, by what the hub itself calls them, have a new
    one: all that is known of them goes along."""
    table = schema.repositories.c
    named = {(r.hub, r.type.value, r.own_id): text(r.id) for r in listed if r.own_id is not None}
    for some in chunks({own_id for _, _, own_id in named}):
        query = select(table.pk, table.hub, table.type, table.repo, table.own_id).where(
            table.own_id.in_(some)
        )
        for row in connection.execute(query).all():
            name = named.get((row.hub, row.type, row.own_id), row.repo)
            if name != row.repo:
                move(connection, row.pk, name)


def move(connection: Connection, pk: int, name: str) -> set[str]:
    """One of them. What is known under the new name already is not known twice: a sighting of the
    same content there takes the place of the one that moved, which is gone. Those (by id)."""
    repos, files, found = schema.repositories, schema.artifacts, schema.sightings
    row = connection.execute(select(repos).where(repos.c.pk == pk)).one()
    here = (repos.c.hub == row.hub) & (repos.c.type == row.type)
    there = connection.scalar(select(repos.c.pk).where(here, repos.c.repo == name))
    mine = select(files.c.pk).where(files.c.repository_pk == pk)
    connection.execute(update(found).where(found.c.artifact_pk.in_(mine)).values(touched=1))
    if there is None:
        connection.execute(update(repos).where(repos.c.pk == pk).values(repo=name))
        return set()
    other = files.alias()
    same = and_(
        other.c.repository_pk == there,
        other.c.path == files.c.path,
        other.c.git_oid == files.c.git_oid,
    )
    query = select(files.c.pk).where(files.c.repository_pk == pk, exists().where(same))
    twice = list(connection.scalars(query))
    gone: set[str] = set()
    for some in chunks(twice):
        of = found.c.artifact_pk.in_(some)
        gone.update(connection.scalars(select(found.c.id).where(of)))
        ended = {"state": SightingState.GONE.value, "hidden_at": None}
        connection.execute(update(found).where(of).values(ended))
    for some in chunks(set(connection.scalars(mine)) - set(twice)):
        connection.execute(update(files).where(files.c.pk.in_(some)).values(repository_pk=there))
    connection.execute(update(repos).where(repos.c.pk == pk).values(own_id=None))
    return gone


def artifacts(
    connection: Connection,
    repository_pk: int,
    seen: Sequence[Artifact],
    *,
    since: int = 0,
    at: int | None = None,
    listed: bool = True,
) -> list[int]:
    """Remember artifacts of one repository; their pks in the same order.

    One row for one path and content, however many commits and refs hold it. Its commit and ref are
    the newest on the ref where it was first seen; "main" wins over other refs, and any ref over
    history. A row that was not seen since `since` takes whatever comes. `listed`: the hub said just
    now that they are there. Else they were read where they had been seen, and where they stand may
    have been told otherwise meanwhile: that stays.
    """
    at = now() if at is None else at
    rows, keys = _artifact_rows(repository_pk, seen, at)
    if not rows:
        return []
    _put_artifacts(connection, list(rows.values()), since, listed=listed)
    old = schema.artifacts.c
    pks: dict[tuple[str, bytes], int] = {}
    for chunk in chunks({path for path, _ in rows}):
        query = select(old.path, old.git_oid, old.pk).where(
            old.repository_pk == repository_pk, old.path.in_(chunk)
        )
        for path, oid, pk in connection.execute(query):
            pks[path, oid] = pk
    stated_digests.keep(
        connection,
        [(pks[key], each) for key, each in zip(keys, seen, strict=True) if each.others],
    )
    return [pks[key] for key in keys]


def artifacts_of_many(
    connection: Connection,
    seen: Iterable[tuple[int, Sequence[Artifact]]],
    *,
    since: int = 0,
    at: int | None = None,
) -> None:
    """As `artifacts`, for many repositories (by pk) in one go, where nobody needs the pks."""
    at = now() if at is None else at
    rows: list[dict[str, Any]] = []
    for repository_pk, some in seen:
        told = [each for each in some if each.others]  # of these the pks are needed
        artifacts(connection, repository_pk, told, since=since, at=at)
        plain = [each for each in some if not each.others]
        rows += _artifact_rows(repository_pk, plain, at)[0].values()
    if rows:
        _put_artifacts(connection, rows, since)


def _artifact_rows(
    repository_pk: int, seen: Sequence[Artifact], at: int
) -> tuple[dict[tuple[str, bytes], dict[str, Any]], list[tuple[str, bytes]]]:
    """Rows by path and content; and the key of each artifact, in order."""
    rows: dict[tuple[str, bytes], dict[str, Any]] = {}
    keys: list[tuple[str, bytes]] = []
    for a in seen:
        key = (text(a.path), content(a))
        keys.append(key)
        before = rows.get(key)
        if before is not None and (a.ref is None or before["ref"] == "main"):
            continue
        rows[key] = {
            "repository_pk": repository_pk,
            "commit": commit_bytes(a.revision),
            "ref": None if a.ref is None else text(a.ref),
            "path": key[0],
            "size": number(a.size),
            "sha256": a.sha256,
            "xet": a.xet,
            "git_oid": key[1],
            "flags": MASKED * a.masked
            | LFS * a.lfs
            | ON_POINTER * a.on_pointer
            | MEMBER * a.member,
            "seen_at": at,
        }
    return rows, keys


def _put_artifacts(
    connection: Connection, rows: list[dict[str, Any]], since: int, *, listed: bool = True
) -> None:
    insert = insert_for(connection)(schema.artifacts)
    old, new = schema.artifacts.c, insert.excluded
    better = or_(
        old.ref.is_(None),
        new["ref"] == "main",
        and_(new["ref"].is_not(None), new["ref"] == old.ref),
        old.seen_at < since,
    )
    places = {
        "commit": case((better, new["commit"]), else_=old.commit),
        "ref": case((better, new["ref"]), else_=old.ref),
        "seen_at": new["seen_at"],
    }
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["repository_pk", "path", "git_oid"],
            set_={
                "size": func.coalesce(new["size"], old.size),
                # A hash once shown stays known when the repository becomes gated.
                "sha256": func.coalesce(new["sha256"], old.sha256),
                "xet": func.coalesce(new["xet"], old.xet),
                "flags": new["flags"],
                **(places if listed else {}),
            },
        ),
        rows,
    )


def only_in_history(connection: Connection, repository_pk: int, commits: Iterable[str]) -> None:
    """Nothing leads to these commits any more: files that were last seen there stand in the history
    only. What still stands on a ref is seen there again."""
    table = schema.artifacts.c
    for some in chunks(c for each in commits for c in {commit_bytes(each), short(each)}):
        there = (table.repository_pk == repository_pk) & table.commit.in_(some)
        connection.execute(
            update(schema.artifacts).where(there, table.ref.is_not(None)).values(ref=None)
        )


def hidden(connection: Connection, repository_pks: Iterable[int]) -> dict[int, set[bytes]]:
    """Commits, by repository, that were listed while a gate hid the hashes of their files, in
    repositories that are open now: the hub says more of them today."""
    a, r = schema.artifacts.c, schema.repositories.c
    found: dict[int, set[bytes]] = {}
    for some in chunks(repository_pks):
        query = (
            select(a.repository_pk, a.commit)
            .join(schema.repositories, r.pk == a.repository_pk)
            .where(r.pk.in_(some), has(r.flags, WAS_GATED), ~has(r.flags, GATED))
            .where(has(a.flags, MASKED), a.sha256.is_(None))
            .distinct()
        )
        for pk, commit in connection.execute(query):
            found.setdefault(pk, set()).add(short(commit_text(bytes(commit))))
    return found


def has(flags: ColumnElement[int], bits: int) -> ColumnElement[bool]:
    """Is any of these bits set?"""
    return flags.op("&", precedence=9)(bits) != 0


def content(artifact: Artifact) -> bytes:
    """What tells two contents at one path apart: what the hub calls them (nothing: then a path has
    one row)."""
    return artifact.content or b""


def repository_pks(connection: Connection, artifact_pks: Iterable[int]) -> dict[int, int]:
    """Which repositories these artifacts stand in."""
    a = schema.artifacts.c
    found: dict[int, int] = {}
    for some in chunks(artifact_pks):
        rows = connection.execute(select(a.pk, a.repository_pk).where(a.pk.in_(some)))
        found.update((pk, repository_pk) for pk, repository_pk in rows)
    return found


def on_disk(connection: Connection, artifact_pks: Iterable[int]) -> set[int]:
    """Those of these artifacts that stand in a folder here."""
    a, r = schema.artifacts.c, schema.repositories.c
    query = select(a.pk).join(schema.repositories, r.pk == a.repository_pk).where(r.hub == FOLDER)
    return {
        pk
        for some in chunks(artifact_pks)
        for pk in connection.scalars(query.where(a.pk.in_(some)))
    }


def artifact(connection: Connection, artifact_pk: int) -> Artifact:
    """Raises NotFound."""
    query = (
        select(schema.artifacts, *where_columns())
        .join(schema.repositories, schema.repositories.c.pk == schema.artifacts.c.repository_pk)
        .where(schema.artifacts.c.pk == artifact_pk)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("there is no such artifact")
    return artifact_of(row)


def where_columns() -> tuple[Any, ...]:
    """The columns of `repositories` that `artifact_of` needs beside those of `artifacts`."""
    table = schema.repositories.c
    return (table.hub, table.type, table.repo)


def artifact_of(row: Any) -> Artifact:
    """The artifact of a row that holds all columns of `artifacts` and `where_columns()`."""
    stands_in = row.git_oid in (row.sha256, row.xet, b"")
    return Artifact(
        hub=row.hub,
        type=RepoType(row.type),
        repo=row.repo,
        revision=commit_text(row.commit),
        ref=row.ref,
        path=row.path,
        size=row.size,
        sha256=row.sha256,
        xet=row.xet,
        git_oid=None if stands_in else row.git_oid,
        masked=bool(row.flags & MASKED),
        lfs=bool(row.flags & LFS),
        on_pointer=bool(row.flags & ON_POINTER),
        member=bool(row.flags & MEMBER),
    )


def stating(connection: Connection, beginning: bytes, limit: int) -> list[Artifact]:
    """Artifacts of which a hub states a SHA-256 that begins so, at most `limit`: a range of the
    key, so that an index serves it."""
    table = schema.artifacts.c
    query = (
        select(schema.artifacts, *where_columns())
        .join(schema.repositories, schema.repositories.c.pk == table.repository_pk)
        .where(table.sha256.between(beginning.ljust(32, b"\0"), beginning.ljust(32, b"\xff")))
        .order_by(table.sha256, table.pk)
        .limit(limit)
    )
    return [artifact_of(row) for row in connection.execute(query)]


def count_stated(connection: Connection) -> int:
    """How many different SHA-256s hubs state."""
    query = select(func.count(func.distinct(schema.artifacts.c.sha256)))
    return int(connection.scalar(query) or 0)


def are_known(connection: Connection) -> bool:
    """Has anything been seen at all?"""
    return connection.scalar(select(schema.artifacts.c.pk).limit(1)) is not None


def count(connection: Connection) -> int:
    """How many files were seen."""
    return int(connection.scalar(select(func.count()).select_from(schema.artifacts)) or 0)


def readings(
    connection: Connection, read: Sequence[tuple[int, Inspection]], *, at: int | None = None
) -> None:
    """Remember what reading artifacts (by pk) told; a full reading is never replaced by less."""
    at = now() if at is None else at
    full: set[int] = set()
    for chunk in chunks({pk for pk, _ in read}):
        table = schema.readings.c
        query = select(table.artifact_pk).where(table.artifact_pk.in_(chunk), table.full == 1)
        full.update(connection.scalars(query))
    upsert(
        connection,
        schema.readings,
        [
            {
                "artifact_pk": pk,
                "at": at,
                "container": None if r.container is None else r.container.value,
                "data_size": number(r.data_size),
                "layout": r.layout,
                "full": int(r.full),
                "problem": None if r.problem is None else text(r.problem),
            }
            for pk, r in sorted(read, key=lambda each: each[1].full)
            if pk not in full or (r.full and r.problem != ENDED)
        ],
        key=("artifact_pk",),
        update=("at", "container", "data_size", "layout", "full", "problem"),
    )
    upsert(
        connection,
        schema.readings,
        [
            {
                "artifact_pk": pk,
                "at": at,
                "full": 0,
                "architecture": r.architecture,
                "judged_by": " ".join(rung.label for rung in r.judged_by),
            }
            for pk, r in read
            if r.architecture is not None
        ],
        key=("artifact_pk",),
        update=("architecture", "judged_by"),
    )
    computed = sorted((int(d.kind), d.value, pk) for pk, r in read for d in r.digests)
    columns = ("kind", "value", "artifact_pk")
    insert_many(connection, schema.read_digests, columns, computed, ignore=True)
    embedded.keep(connection, [(pk, r.embedded) for pk, r in read])
    sketches.keep_near(connection, [pk for pk, r in read if r.near], at=at)
    sketches.keep_modules(connection, [(pk, r.modules) for pk, r in read if r.modules])
    made = [(pk, r.sketch) for pk, r in read if r.sketch is not None]
    sketches.keep_read(connection, made)
    further.keep_read(connection, [(pk, r.further) for pk, r in read if r.further])
    kept_rows.keep_read(connection, [(pk, r.rows) for pk, r in read if r.rows is not None])
    weights = [(pk, r.weights) for pk, r in read if r.weights is not None]
    checkpoint_sketches.keep_read(connection, weights)


def keep_judged_by_weights(connection: Connection, artifact_pk: int, judged: bool) -> None:
    """Whether what was read of an artifact's weights can be judged, as is known now."""
    r = schema.readings.c
    labels = connection.scalar(select(r.judged_by).where(r.artifact_pk == artifact_pk))
    rungs = {Rung.of(label) for label in (labels or "").split()} - {Rung.WEIGHTS}
    rungs |= {Rung.WEIGHTS} if judged else set()
    told = " ".join(rung.label for rung in sorted(rungs, reverse=True))
    if told != (labels or ""):
        mine = update(schema.readings).where(r.artifact_pk == artifact_pk)
        connection.execute(mine.values(judged_by=told))


def read_digests(connection: Connection, artifact_pks: Iterable[int]) -> Mapping[int, list[Digest]]:
    """The digests computed from these artifacts' bytes."""
    found: dict[int, list[Digest]] = {}
    table = schema.read_digests.c
    for chunk in chunks(artifact_pks):
        query = (
            select(table.artifact_pk, table.kind, table.value)
            .where(table.artifact_pk.in_(chunk))
            .order_by(table.artifact_pk, table.kind)
        )
        for pk, kind, value in connection.execute(query):
            found.setdefault(pk, []).append(Digest(DigestKind(kind), value))
    return found


def disabled(connection: Connection, repository_pk: int) -> None:
    """The hub says that it took the repository down."""
    table = schema.repositories.c
    connection.execute(
        update(schema.repositories)
        .where(table.pk == repository_pk)
        .values(flags=table.flags.op("|")(DISABLED))
    )


def commit_bytes(commit: str) -> bytes:
    """A commit as the store keeps it: a hash's 20 or 32 bytes; anything else is marked text."""
    try:
        value = bytes.fromhex(commit)
    except ValueError:
        value = b""
    if len(value) in (20, 32) and value.hex() == commit:
        return value
    value = b"\0" + text(commit).encode()
    return value + b"\0" if len(value) in (20, 32) else value


def short(commit: str) -> bytes:
    """The same, of a name cut to 40 digits."""
    return commit_bytes(commit_key(commit))


def commit_text(commit: bytes) -> str:
    """And back."""
    return commit.hex() if len(commit) in (20, 32) else commit.strip(b"\0").decode()


def text(value: str) -> str:
    """What any database takes as text: names of files need not be."""
    if value.isprintable():  # no NUL and no lone surrogate in it
        return value
    return value.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def number(value: int | None) -> int | None:
    """A count or size that a database can hold; None for one that no file has."""
    return value if value is not None and 0 <= value <= _LARGEST else None


def micros(instant: datetime | None) -> int | None:
    """Microseconds since 1970; an instant without a zone is UTC."""
    if instant is None:
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return (instant - _EPOCH) // timedelta(microseconds=1)


@overload
def instant(at: int) -> datetime: ...
@overload
def instant(at: None) -> None: ...
@overload
def instant(at: int | None) -> datetime | None: ...
def instant(at: int | None) -> datetime | None:
    """And back."""
    return None if at is None else _EPOCH + timedelta(microseconds=at)
