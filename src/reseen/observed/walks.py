"""Walked commits: their files are known, and it is remembered what was asked of them.

What comes in: commits that were listed, and how far a scan was asked to go. What goes out: per
repository, the most that any scan asked, what of it was followed, and up to which change of the
registry (`store.change_log`) all of that was done. A newer registry, or a stronger wish, is thereby
something that is owed; nothing else is asked for again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BindParameter, Connection, and_, bindparam, case, or_, select, update

from reseen.observed.artifacts import commit_bytes, commit_text
from reseen.records import RepoType, commit_key
from reseen.store import meta
from reseen.store.database import chunks, insert_for, now
from reseen.store.schema import artifacts, repositories, walks

REFS = 1
"""Of `follow`: branches, tags, pull-request refs and history of a repository."""
ACCOUNT = {RepoType.MODEL: 2, RepoType.DATASET: 4, RepoType.SPACE: 8}
"""Of `follow`: the other repositories of the account, by type."""
ALL_REFS = 16
"""Of `follow`: in these, whatever is found there, what REFS names too."""
_ACCOUNTS = sum(ACCOUNT.values())
READ_SO_FAR = (0, 32, 64)
"""Of `follow`, by how far a scan reads (`Asked.confirm`): so far is read where its following
leads."""
_ALTERED = 128
"""Of `follow`: altered copies are looked for there."""
LEADS = sum(READ_SO_FAR) | _ALTERED
_REOPENED = "walks reopened"
"""The name under which the store keeps how often repositories were reopened."""


def still_open(wish: int, followed: int) -> int:
    """What of a wish is left to look at, by what was looked at: REFS, and ACCOUNT's numbers."""
    left = wish & ~followed & (REFS | _ACCOUNTS)
    if wish & ALL_REFS and not followed & ALL_REFS:
        left |= wish & _ACCOUNTS
    return left


def led_to(follow: int) -> Asked:
    """What is asked of the other repositories of an account, by what was asked to be followed where
    something was found."""
    if not follow & _ACCOUNTS:
        return NOTHING
    confirm = max(level for level, bit in enumerate(READ_SO_FAR) if bit == follow & bit)
    return Asked(confirm, bool(follow & _ALTERED), follow)


def leading(confirm: int, edited: bool) -> int:
    """Of `follow`: where following leads, so far is read."""
    return READ_SO_FAR[confirm] | _ALTERED * edited


@dataclass(frozen=True, slots=True)
class Asked:
    """How far scans were asked to go at a repository; `|` is the most of two."""

    confirm: int = 0
    """0: nothing is read; 1: headers; 2: all bytes."""
    edited: bool = False
    """Altered copies are looked for."""
    follow: int = 0
    """What is looked at where something is found (REFS, ACCOUNT's numbers, ALL_REFS), and how far
    files are read where that leads (LEADS)."""

    @property
    def depth(self) -> int:
        """How far files are read, as one number."""
        return 2 * self.confirm + self.edited

    def __or__(self, other: Asked) -> Asked:
        return Asked(
            max(self.confirm, other.confirm),
            self.edited or other.edited,
            self.follow | other.follow,
        )


NOTHING = Asked()


@dataclass(frozen=True, slots=True)
class Walked:
    """What is remembered of a repository."""

    asked: Asked = Asked()
    followed: int = 0
    """What of `asked.follow` was done."""
    version: int = 0
    """The last change of the registry of which all that was asked is done, at every commit."""
    commits: frozenset[bytes] = field(default_factory=frozenset)


NEVER = Walked()


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit whose files are known from now on."""

    repository_pk: int
    commit: str
    asked: Asked = Asked()
    version: int = 0
    """0: something that was asked is left to do."""


def walked(connection: Connection, commits: Iterable[Commit], *, at: int | None = None) -> None:
    """All files of these commits are known."""
    at = now() if at is None else at
    rows = [
        {
            "repository_pk": each.repository_pk,
            "commit": key(each.commit),
            "at": at,
            "refs": 0,
            "confirm": each.asked.confirm,
            "edited": int(each.asked.edited),
            "follow": each.asked.follow,
            "version": each.version,
        }
        for each in commits
    ]
    if not rows:
        return
    insert = insert_for(connection)(walks)
    old, new = walks.c, insert.excluded
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["repository_pk", "commit"],
            set_={
                "at": new["at"],
                "confirm": case((new["confirm"] > old.confirm, new["confirm"]), else_=old.confirm),
                "edited": case((new["edited"] > old.edited, new["edited"]), else_=old.edited),
                "follow": old.follow.op("|")(new["follow"]),
                "version": new["version"],
            },
        ),
        rows,
    )


def of_repositories(connection: Connection, pks: Iterable[int]) -> dict[int, Walked]:
    """What is remembered of these repositories; those that were never walked are left out."""
    rows: dict[int, list[Any]] = {}
    for some in chunks(pks):
        for row in connection.execute(select(walks).where(walks.c.repository_pk.in_(some))):
            rows.setdefault(row.repository_pk, []).append(row)
    return {pk: _together(some) for pk, some in rows.items()}


def _together(rows: Collection[Any]) -> Walked:
    follow = followed = 0
    for row in rows:
        follow |= row.follow
        followed |= row.refs
    return Walked(
        Asked(max(row.confirm for row in rows), any(row.edited for row in rows), follow),
        followed,
        min(row.version for row in rows),
        frozenset(_cut(row.commit) for row in rows),
    )


def ask(connection: Connection, more: Mapping[int, Asked]) -> None:
    """So much is asked of these repositories from now on; what is more than before is not done."""
    rows = [
        {"pk": pk, "c": asked.confirm, "e": int(asked.edited), "f": asked.follow}
        for pk, asked in more.items()
    ]
    if not rows:
        return
    confirm: BindParameter[int] = bindparam("c")
    edited: BindParameter[int] = bindparam("e")
    follow: BindParameter[int] = bindparam("f")
    stronger = or_(walks.c.confirm < confirm, walks.c.edited < edited)
    further = walks.c.follow.op("|")(follow) != walks.c.follow
    connection.execute(
        update(walks)
        .where(walks.c.repository_pk == bindparam("pk"), or_(stronger, further))
        .values(
            confirm=case((walks.c.confirm < confirm, confirm), else_=walks.c.confirm),
            edited=case((walks.c.edited < edited, edited), else_=walks.c.edited),
            follow=walks.c.follow.op("|")(follow),
            version=0,
        ),
        rows,
    )


def done(connection: Connection, pks: Iterable[int], version: int, *, before: int) -> None:
    """All that was asked of these repositories is done, up to this change of the registry: at the
    commits that were walked before this instant."""
    for some in chunks(pks):
        connection.execute(
            update(walks)
            .where(
                walks.c.repository_pk.in_(some),
                and_(walks.c.version < version, walks.c.at <= before),
            )
            .values(version=version)
        )


def reopen(connection: Connection, artifact_pks: Iterable[int]) -> None:
    """Something was found at these files when no scan was under way: where it leads is not done."""
    some = list(artifact_pks)
    if not some:
        return
    for chunk in chunks(some):
        there = select(artifacts.c.repository_pk).where(artifacts.c.pk.in_(chunk))
        connection.execute(update(walks).where(walks.c.repository_pk.in_(there)).values(version=0))
    meta.keep(connection, _REOPENED, b"%d" % (reopened(connection) + 1))


def reopened(connection: Connection) -> int:
    """How often that was so: another number, and something more may be owed."""
    return int(meta.value(connection, _REOPENED) or 0)


def followed(connection: Connection, pks: Iterable[int], what: int) -> None:
    """This was looked at for these repositories."""
    for some in chunks(pks):
        connection.execute(
            update(walks)
            .where(walks.c.repository_pk.in_(some))
            .values(refs=walks.c.refs.op("|")(what))
        )


def followed_since(connection: Connection, hub: str, at: int, what: int) -> None:
    """This was looked at for all repositories of a hub that were listed since an instant
    (microseconds)."""
    listed = select(repositories.c.pk).where(
        repositories.c.hub == hub, repositories.c.last_listed >= at
    )
    connection.execute(
        update(walks)
        .where(
            walks.c.repository_pk.in_(listed),
            walks.c.refs.op("&", precedence=9)(what) != what,
        )
        .values(refs=walks.c.refs.op("|")(what))
    )


def not_followed(connection: Connection, pks: Iterable[int], what: int) -> None:
    """And it was not, after all: something of it could not be had."""
    for some in chunks(pks):
        connection.execute(
            update(walks)
            .where(walks.c.repository_pk.in_(some))
            .values(refs=walks.c.refs.op("&")(~what))
        )


def commits(connection: Connection, repository_pk: int) -> set[str]:
    """The walked commits of a repository, each as `commit_key` names it."""
    query = select(walks.c.commit).where(walks.c.repository_pk == repository_pk)
    return {commit_text(_cut(commit)) for commit in connection.scalars(query)}


def key(commit: str) -> bytes:
    """A commit as it is remembered: the same however much of its name the hub gave."""
    return commit_bytes(commit_key(commit))


def _cut(commit: bytes) -> bytes:
    """Older rows have the whole of a long name."""
    return bytes(commit[:20] if len(commit) == 32 else commit)
