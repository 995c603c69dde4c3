"""Which files stand in which: in an archive, or as one model in several files.

What comes in: artifacts by pk. What goes out: for a file in an archive the archives around it, for
a model in several files those files; and the way back. A file in an archive has no digest that a
hub states: it has a mark, made of the archive's content, which is held to what the archive is. A
model in several files at a hub has one, too, made of all of them, and the store keeps which they
were. On a disk it is known by its index, a file of its own; of that the store keeps what its shards
were, by their bytes.
"""

from __future__ import annotations

import hashlib
import math
import re
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from sqlalchemy import Connection, select

from reseen.observed.artifacts import MEMBER, has
from reseen.records import DigestKind, archive_path, is_in_parts
from reseen.store import meta, schema
from reseen.store.database import chunks

_SHARDS = "shards of "
"""How the names begin under which the store keeps what the shards of an index were."""
_PARTS = "parts of "
"""How the names begin under which it keeps the files of a model in several, by their pks."""
_MARK = 21
"""Bytes of a mark: as long as no digest is, so that it is taken for none."""
_OF_OTHERS = 12
"""Bytes that tell, of a model in several files, those beside the first."""
_MOST_TRIED = 256
"""Contents that stood at the places of a model's files, in how many ways they are put together to
see which were its own; where there are more, all are taken for it."""


def mark_of(content: bytes) -> bytes:
    """What tells one content of an archive from another, of the files in it."""
    return hashlib.sha256(b"reseen member\0" + content).digest()[:_MARK]


def mark_of_parts(contents: Sequence[bytes]) -> bytes:
    """The same of a model in several files, of these contents in their order."""
    return mark_of(contents[0]) + _of_others(contents[1:])


def is_marked(mark: bytes, content: bytes) -> bool:
    """Is this the content of the archive, or of the first file of several, that has the mark?"""
    return mark[:_MARK] == mark_of(content)


def _of_others(contents: Sequence[bytes]) -> bytes:
    marks = b"".join(mark_of(content) for content in contents)
    return hashlib.sha256(marks).digest()[:_OF_OTHERS]


def around(connection: Connection, artifact_pks: Collection[int]) -> dict[int, set[int]]:
    """The artifacts in which these stand, or of which they consist; those that stand by themselves
    are left out."""
    a = schema.artifacts.c
    members: defaultdict[int, list[Any]] = defaultdict(list)
    for chunk in chunks(sorted(artifact_pks)):
        query = select(a.pk, a.repository_pk, a.path, a.git_oid)
        for row in connection.execute(query.where(a.pk.in_(chunk), has(a.flags, MEMBER))):
            members[row.repository_pk].append(row)
    found: dict[int, set[int]] = {}
    for repository_pk, rows in members.items():
        sets = [row for row in rows if is_in_parts(row.path)]
        paths = {path for row in rows for path in _paths_around(row.path)}
        there = _standing(connection, repository_pk, paths)
        for row in rows:
            found[row.pk] = {each.pk for each in there if _holds(each, row)}
        if sets:
            several: _Several | None = None
            for row in sets:
                parts = parts_of(connection, row.pk)
                if not parts and several is None:  # of before these were kept
                    several = _in_several(connection, repository_pk)
                found[row.pk].update(parts or _others(row, several or {}))
    return {pk: some for pk, some in found.items() if some}


def within(connection: Connection, artifact_pks: Collection[int]) -> set[int]:
    """The artifacts that stand in any of these, or consist of one."""
    a = schema.artifacts.c
    repositories: set[int] = set()
    for chunk in chunks(sorted(artifact_pks)):
        query = select(a.repository_pk).where(a.pk.in_(chunk)).distinct()
        repositories.update(connection.scalars(query))
    members: set[int] = set()
    for chunk in chunks(sorted(repositories)):
        query = select(a.pk).where(a.repository_pk.in_(chunk), has(a.flags, MEMBER))
        members.update(connection.scalars(query))
    wanted = frozenset(artifact_pks)
    every = around(connection, members).items()
    found = {pk for pk, theirs in every if not wanted.isdisjoint(theirs)}
    return found | indexes_of(connection, wanted)


def keep_parts(connection: Connection, artifact_pk: int, part_pks: Sequence[int]) -> None:
    """Remember the files that a model in several at a hub consists of, in their order."""
    meta.keep(connection, f"{_PARTS}{artifact_pk}", array("Q", part_pks).tobytes())


def parts_of(connection: Connection, artifact_pk: int) -> tuple[int, ...]:
    """Those files, in their order; of what is no such model none."""
    return tuple(array("Q", meta.value(connection, f"{_PARTS}{artifact_pk}") or b""))


def keep_shards(connection: Connection, artifact_pk: int, sha256s: Sequence[bytes]) -> None:
    """Remember the files (by SHA-256) whose index this artifact was read to be, instead of those
    that it was before. Of none nothing is told: it is no index, or they were not read now, and what
    was read of them before stays."""
    if sha256s:
        meta.keep(connection, f"{_SHARDS}{artifact_pk}", b"".join(sha256s))


def shards_of(connection: Connection, artifact_pks: Collection[int]) -> dict[int, set[int]]:
    """Those of these artifacts that are the index of a model in several files -> artifacts of which
    all bytes were read, and are one of those files."""
    read = schema.read_digests.c
    found: dict[int, set[int]] = {}
    kept = _shards(connection)
    for pk in kept.keys() & set(artifact_pks):
        query = select(read.artifact_pk).where(read.kind == int(DigestKind.SHA256))
        found[pk] = {
            artifact_pk
            for chunk in chunks(sorted(kept[pk]))
            for artifact_pk in connection.scalars(query.where(read.value.in_(chunk)))
        }
    return found


def indexes_of(connection: Connection, artifact_pks: Collection[int]) -> set[int]:
    """The artifacts that are the index of one of these files."""
    kept = _shards(connection)
    if not kept:
        return set()
    read = schema.read_digests.c
    query = select(read.value).where(read.kind == int(DigestKind.SHA256))
    values = {
        bytes(value)
        for chunk in chunks(sorted(artifact_pks))
        for value in connection.scalars(query.where(read.artifact_pk.in_(chunk)))
    }
    return {pk for pk, theirs in kept.items() if not values.isdisjoint(theirs)}


def _shards(connection: Connection) -> dict[int, frozenset[bytes]]:
    """By index: few files on a disk are one."""
    length = DigestKind.SHA256.length
    return {
        int(name.removeprefix(_SHARDS)): frozenset(
            value[at : at + length] for at in range(0, len(value), length)
        )
        for name, value in meta.starting(connection, _SHARDS).items()
    }


def _paths_around(path: str) -> Iterator[str]:
    """The paths of what a file stands in, from without."""
    yield archive_path(path)
    at = path.find("!")
    while (at := path.find("!", at + 1)) >= 0:
        yield path[:at]


def _standing(connection: Connection, repository_pk: int, paths: Collection[str]) -> list[Any]:
    a = schema.artifacts.c
    query = select(a.pk, a.path, a.git_oid, has(a.flags, MEMBER).label("member"))
    mine = query.where(a.repository_pk == repository_pk)
    return [
        row
        for chunk in chunks(sorted(paths))
        for row in connection.execute(mine.where(a.path.in_(chunk)))
    ]


def _holds(outer: Any, row: Any) -> bool:
    if outer.member:  # an archive in the same archive has the same mark
        return bool(outer.git_oid == row.git_oid and row.path.startswith(f"{outer.path}!"))
    return outer.path == archive_path(row.path) and is_marked(row.git_oid, outer.git_oid)


_NUMBERED = re.compile(r"(.*)-(\d{1,6})-of-(\d{1,6})(\.[A-Za-z0-9]{1,20})", re.ASCII | re.DOTALL)

_Several = Mapping[tuple[str, int, str], Mapping[int, list[Any]]]
"""Files that are called as one of several: by what they are called, how many they are, and their
ending; each by its number."""


def _in_several(connection: Connection, repository_pk: int) -> _Several:
    """Those of a repository."""
    a = schema.artifacts.c
    query = select(a.pk, a.path, a.git_oid).where(
        a.repository_pk == repository_pk, a.path.contains("-of-"), ~has(a.flags, MEMBER)
    )
    found: defaultdict[tuple[str, int, str], defaultdict[int, list[Any]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in connection.execute(query):
        if (called := _NUMBERED.fullmatch(row.path)) is not None:
            name, number, count, ending = called.groups()
            found[name, int(count), ending][int(number)].append(row)
    return found


def _others(row: Any, several: _Several) -> set[int]:
    """The files beside the first of a model in several."""
    called = _NUMBERED.fullmatch(archive_path(row.path))
    if called is None:
        return set()
    name, _, count, ending = called.groups()
    numbered = several.get((name, int(count), ending), {})
    ways = [some for number, some in sorted(numbered.items()) if number > 1]
    if len(ways) + 1 != int(count):
        return set()
    if math.prod(len(some) for some in ways) > _MOST_TRIED:
        return {each.pk for some in ways for each in some}
    return {
        each.pk
        for way in product(*ways)
        if row.git_oid[_MARK:] == _of_others([each.git_oid for each in way])
        for each in way
    }
