"""Who did what, append-only and chained. Never a sealed value, never the place of a sighting.

What comes in: what somebody did, within the transaction that does it. What goes out: lines, oldest
first. It promises: lines are numbered 1, 2, 3 ... and each holds a hash over the line before and
itself, so that no line can be changed, left out or put in without changing every hash after it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from reseen.store import audit_rows, schema
from reseen.store.database import insert_many, now

SERVICE = "reseen"
"""The actor of steps that no person makes: what follows from a recheck or from another step."""
START = bytes(32)
"""What stands for the hash before the first line."""


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One thing that somebody did."""

    number: int
    moment: int
    """Microseconds since 1970."""
    actor: str
    """The account of the operating system, "user:" and a name, "key:" and an id, or `SERVICE`."""
    action: str
    """"import", "add", "withdraw", "restore", "reveal", "export" ..."""
    subject: str
    """An id, or "*"."""
    text: str | None
    """The details as they are stored, in JSON; None where there are none."""
    hash: bytes

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.moment / 1e6, UTC)

    @property
    def details(self) -> Mapping[str, str | int | None]:
        return json.loads(self.text) if self.text else {}

    def follows(self, before: bytes) -> bool:
        """Whether its hash is the right one after a line with that hash."""
        right = chained(
            before, self.number, self.moment, self.actor, self.action, self.subject, self.text
        )
        return right == self.hash


def write(
    connection: Connection,
    action: str,
    subject: str,
    *,
    actor: str | None = None,
    **details: str | int | None,
) -> None:
    """Append one line; it stands or falls with the transaction, which must be one of
    `store.write()`: the line before is read here. `actor` None: the account of the operating
    system."""
    append(connection, [Act(action, subject, actor, details)])


@dataclass(frozen=True, slots=True)
class Appended:
    """Rows for one append-only table, in the order of its key."""

    table: Table
    rows: Sequence[Sequence[Any]]
    """Values of `audit_rows.COLUMNS`, in that order."""


@dataclass(frozen=True, slots=True)
class Stood:
    """How something that changes stands after an act (`now`), and stood before it (`was`; None for
    what is new), as digests of its rows."""

    table: str
    pk: int
    was: str | None
    now: str


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody did, and the rows in which it is kept."""

    action: str
    subject: str
    actor: str | None
    details: Mapping[str, str | int | None]
    rows: Sequence[Appended] = ()
    """The first is what the line covers (`covers`); others belong to its rows."""
    stood: Stood | None = None
    """What it changed (`stands`), which the line covers as it was (`was`) and is (`as`)."""


def append(connection: Connection, acts: Sequence[Act]) -> None:
    """Append what was done: the rows of each act and a line that holds their digest (`rows`) and
    says which they are (`covers`), so that the log proves them. The only way into the tables of
    `audit_rows.COLUMNS`. As `write` otherwise."""
    table = schema.audit.c
    last = connection.execute(
        select(table.pk, table.hash).order_by(table.pk.desc()).limit(1)
    ).one_or_none()
    number, before = (0, START) if last is None else (last.pk, bytes(last.hash or START))
    lines: list[tuple[Any, ...]] = []
    kept: dict[str, tuple[Table, list[Sequence[Any]]]] = {}
    account = ""
    for act in acts:
        number, at = number + 1, now()
        if act.actor is None:
            account = account or _account()
        by = _storable(account if act.actor is None else act.actor)
        action, subject = act.action[:32], _storable(act.subject)
        details = {**act.details, **_covering(act.rows), **_standing(act.stood)}
        told = json.dumps(details, sort_keys=True) if details else None
        before = chained(before, number, at, by, action, subject, told)
        lines.append((number, at, by, action, subject, told, before))
        for some in act.rows:
            kept.setdefault(some.table.name, (some.table, []))[1].extend(some.rows)
    for into, rows in kept.values():
        insert_many(connection, into, audit_rows.COLUMNS[into.name], rows)
    insert_many(connection, schema.audit, _COLUMNS, lines)


_COLUMNS = ("pk", "at", "actor", "action", "subject", "details", "hash")


def _covering(appended: Sequence[Appended]) -> dict[str, str]:
    if not appended:
        return {}
    texts: list[str] = []
    for some in appended:
        texts.extend(audit_rows.text(some.table.name, row) for row in some.rows)
    first = appended[0]
    return {
        "covers": audit_rows.covers(first.table.name, first.rows[0][0], first.rows[-1][0]),
        "rows": audit_rows.digest(texts),
    }


def _standing(stood: Stood | None) -> dict[str, str]:
    if stood is None:
        return {}
    was = {} if stood.was is None else {"was": stood.was}
    return {"stands": audit_rows.covers(stood.table, stood.pk, stood.pk), "as": stood.now, **was}


def chained(
    before: bytes,
    number: int,
    at: int,
    actor: str,
    action: str,
    subject: str,
    details: str | None,
) -> bytes:
    """A line's hash: SHA-256 of the hash before it and the line as a JSON array in ASCII, with no
    blanks between values. `at` is in microseconds since 1970; `details` is the text that is
    stored, or null."""
    line = json.dumps([number, at, actor, action, subject, details], separators=(",", ":"))
    return hashlib.sha256(before + line.encode("ascii")).digest()


def every(
    connection: Connection,
    subject: str | None = None,
    *,
    since: int | None = None,
    until: int | None = None,
) -> Generator[AuditLine, None, None]:
    """All lines, or those of one subject, or from `since` to before `until` (microseconds since
    1970); oldest first, streamed."""
    table = schema.audit.c
    query = _lines().order_by(table.pk)
    if subject is not None:
        query = query.where(table.subject == subject)
    if since is not None:
        query = query.where(table.at >= since)
    if until is not None:
        query = query.where(table.at < until)
    with connection.execute(query.execution_options(yield_per=1000)) as rows:
        for row in rows:
            yield _line(row)


def latest(
    connection: Connection, which: Mapping[str, str], *, before: int | None = None, most: int
) -> list[AuditLine]:
    """The last lines, the newest first. `which`: what their actor, action or subject must be, where
    that is not empty; `before`: only those with a lower number."""
    table = schema.audit.c
    query = _lines().order_by(table.pk.desc()).limit(most)
    for name, value in which.items():
        if value:
            query = query.where(table[name] == value)
    if before is not None:
        query = query.where(table.pk < before)
    return [_line(row) for row in connection.execute(query)]


def last(connection: Connection) -> AuditLine | None:
    """The newest line of all."""
    found = latest(connection, {}, most=1)
    return found[0] if found else None


def actions(connection: Connection) -> list[str]:
    """Every action that was ever recorded, by name."""
    return sorted(connection.scalars(select(schema.audit.c.action).distinct()))


def _lines() -> Any:
    return select(schema.audit)  # Any: of rows that `_line` reads


def _line(row: Row[Any]) -> AuditLine:
    told = (row.pk, row.at, row.actor, row.action, row.subject, row.details)
    return AuditLine(*told, bytes(row.hash or b""))


def linked(lines: Iterator[AuditLine], connection: Connection) -> Iterator[tuple[bytes, AuditLine]]:
    """Each line with the hash of the line before it in the log, which may not be among `lines`."""
    table = schema.audit.c
    number, last = 0, START
    for line in lines:
        if line.number != number + 1:
            query = select(table.hash).where(table.pk < line.number).order_by(table.pk.desc())
            last = bytes(connection.scalar(query.limit(1)) or START)
        yield last, line
        number, last = line.number, line.hash


def _storable(text: str) -> str:
    """Without what a database cannot hold: what somebody typed must not stop it being recorded."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _account() -> str:
    import getpass  # slow to import, and only writers need it

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"
