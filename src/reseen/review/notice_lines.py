"""The lines of the audit log that tell of notices: each covers the step that it tells of, and the
notice with its items, as they were and as they are.

What comes in: a notice before it is changed (`begin`), the steps that are made. What goes out: one
line. Whose account a notice is about is in no line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from reseen.review import sealed_text
from reseen.review.notice_states import NoticeStep
from reseen.review.roles import Who
from reseen.store import audit, audit_rows
from reseen.store.audit_rows import NOTICE, NOTICE_ITEM
from reseen.store.database import chunks, now, reserve
from reseen.store.sealing import Keyring
from reseen.store.service_schema import notice_items, notice_steps, notices

_NOTICES = "notices"


@dataclass(slots=True)
class NoticeChange:
    """A notice that is changed, up to the line that tells of it."""

    connection: Connection
    row: Row[Any]
    was: str | None
    """How it stood; None for a new one."""
    _steps: list[tuple[Any, ...]] = field(default_factory=list)

    def step(
        self, keyring: Keyring | None, who: Who | None, made: NoticeStep, *, at: int | None = None
    ) -> None:
        """One step, written with the line; `who` None: by a recheck. Raises InputError for a note
        that is too long, SealError for one without the key."""
        note = sealed_text.written(made.note, "note") if made.note.strip() else ""
        sealed = sealed_text.seal(keyring, note, self.row.id) if note else None
        (pk,) = reserve(self.connection, notice_steps, 1)
        by = None if who is None else who.pk
        when = now() if at is None else at
        self._steps.append((pk, self.row.pk, when, by, made.state.value, made.how, sealed))

    def end(self, who: Who | None, **details: str | int | None) -> None:
        """Write the line, and the step with it. At most one step is told of by a line."""
        actor = audit.SERVICE if who is None else who.actor
        rows = [audit.Appended(notice_steps, self._steps)] if self._steps else []
        pk = self.row.pk
        stood = audit.Stood(_NOTICES, pk, self.was, _digests(self.connection, [pk])[pk])
        act = audit.Act("notice", self.row.id, actor, details, rows, stood)
        audit.append(self.connection, [act])


def begin(connection: Connection, row: Row[Any]) -> NoticeChange:
    """Before anything of this notice is changed."""
    return NoticeChange(connection, row, _digests(connection, [row.pk])[row.pk])


def new(connection: Connection, row: Row[Any]) -> NoticeChange:
    """Of a notice that was not there."""
    return NoticeChange(connection, row, None)


def every(connection: Connection) -> Iterator[tuple[int, str]]:
    """All notices, by pk, each with the digest of how it stands."""
    pks = connection.scalars(select(notices.c.pk).order_by(notices.c.pk)).all()
    for chunk in chunks(pks):
        yield from sorted(_digests(connection, chunk).items())


def _digests(connection: Connection, pks: list[int]) -> dict[int, str]:
    item, held = notice_items.c, defaultdict[int, list[tuple[Any, ...]]](list)
    query = select(item.notice_pk, *(item[name] for name in NOTICE_ITEM))
    query = query.where(item.notice_pk.in_(pks)).order_by(item.notice_pk, item.sighting_pk)
    for pk, *one in connection.execute(query):
        held[pk].append(tuple(one))
    columns = (notices.c[name] for name in NOTICE)
    return {
        row[0]: audit_rows.digest(audit_rows.notice_texts(tuple(row), held[row[0]]))
        for row in connection.execute(select(*columns).where(notices.c.pk.in_(pks)))
    }
