"""What the history of a repository tells of habits: shapes of messages and hours, kept.

What comes in: a repository by pk, with the commits that its hub says. What goes out: the same as
keyed hashes and hours. The titles themselves are forgotten: they can hold a name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from reseen.observed import commit_messages
from reseen.records import HistoryCommit
from reseen.store import schema
from reseen.store.database import chunks, insert_many

HOUR = 3_600_000_000
"""Microseconds."""
MOST = 300
"""Kept of one repository, the newest first: whoever uploads so much has shown the habit."""


@dataclass(frozen=True, slots=True)
class KeptCommit:
    """A habit that a commit shows."""

    message: bytes
    at: int
    """The hour, in microseconds since 1970."""


def keep(
    connection: Connection, secret: bytes, repository_pk: int, commits: Iterable[HistoryCommit]
) -> None:
    """Keep what commits of a repository's history show. What others proposed, and somebody merged,
    is left out. `secret`: `store.secret`."""
    found: dict[tuple[int, bytes, int], None] = {}
    for commit in commits:
        if len(found) == MOST:
            break
        if not commit_messages.is_by_others(commit.title):
            at = int(commit.at.timestamp()) // 3600 * HOUR
            found[repository_pk, commit_messages.kept(secret, commit.title), at] = None
    columns = ("repository_pk", "message", "at")
    insert_many(connection, schema.commit_habits, columns, found, ignore=True)


def of_repositories(
    connection: Connection, repository_pks: Collection[int]
) -> dict[int, list[KeptCommit]]:
    """By repository; those of which no history is known are left out."""
    table = schema.commit_habits
    found: dict[int, list[KeptCommit]] = {}
    for some in chunks(sorted(repository_pks)):
        query = select(table).where(table.c.repository_pk.in_(some))
        for row in connection.execute(query.order_by(*table.primary_key)):
            kept = KeptCommit(bytes(row.message), row.at)
            found.setdefault(row.repository_pk, []).append(kept)
    return found
