"""Leases: work that is somebody's for a while, and whether that process still lives.

Scans, listings, jobs and cases are held this way. A lease is two columns of a row: who holds it,
and until when. It runs out by itself; what a killed process of this machine held is free at once
when somebody comes by. A doubt is no death: that lease runs out.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, Table, and_, or_, select, update

SECOND = 1_000_000
"""Microseconds: the store's unit of time."""
LEASE = 120 * SECOND
"""How long work is ours without our saying so again; also how long what a process killed on
another machine held stays out of reach."""

_HERE: set[str] = set()
"""Holders that were made in this process."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a lease: enough to tell, on one machine, whether that process still lives."""

    host: str
    pid: int
    nonce: str

    @classmethod
    def this(cls) -> Owner:
        """A holder of its own for each walk, also where several run in one process."""
        made = cls(socket.gethostname(), os.getpid(), secrets.token_hex(4))
        _HERE.add(str(made))
        return made

    def __str__(self) -> str:
        return f"{self.host} {self.pid} {self.nonce}"

    def outlived(self, other: str) -> bool:
        """True when the other holder is certainly dead. A doubt is False: its lease runs out."""
        host, _, rest = other.partition(" ")
        pid, _, nonce = rest.partition(" ")
        if host != self.host or not pid.isdigit():
            return False
        if int(pid) == self.pid:
            # A process that was killed, and got our number before us; or a walk beside this one.
            return nonce != self.nonce and other not in _HERE
        if os.name != "posix":
            return False  # there, asking with signal 0 would end the process
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True
        except (PermissionError, OverflowError):
            return False
        return False


@dataclass(frozen=True, slots=True)
class Leases:
    """The leases of one table."""

    table: Table
    by: str = "leased_by"
    """The column of who holds a row: an `Owner` as text, or a person's number."""
    until: str = "leased_until"
    lasts: int = LEASE
    """Microseconds."""

    def taken(self, owner: Owner | int, at: int) -> dict[str, Any]:
        """The values of a row that is this owner's from now on."""
        return {self.by: _as_stored(owner), self.until: at + self.lasts}

    def free(self) -> dict[str, Any]:
        """The values of a row that is nobody's."""
        return {self.by: None, self.until: None}

    def holds(self, row: Row[Any], owner: Owner | int) -> bool:
        """Whether the row is this owner's, though it may have run out."""
        return bool(row._mapping[self.by] == _as_stored(owner))

    def is_held(self, row: Row[Any], at: int) -> bool:
        """Whether the row is somebody's, and has not run out."""
        return row._mapping[self.by] is not None and (row._mapping[self.until] or 0) > at

    def may_take(self, row: Row[Any], owner: Owner, at: int) -> bool:
        """Whether the row is nobody's, ours, has run out, or is of a process that is dead."""
        if not self.is_held(row, at) or self.holds(row, owner):
            return True
        return owner.outlived(row._mapping[self.by])

    def beat(
        self, connection: Connection, which: ColumnElement[bool], owner: Owner, at: int
    ) -> int:
        """Say again that what we hold of these rows is ours; how many there are."""
        ours = and_(which, self._by == str(owner))
        return self._set(connection, ours, {self.until: at + self.lasts})

    def give_back(
        self,
        connection: Connection,
        which: ColumnElement[bool],
        owners: Iterable[Owner | str],
        **more: object,
    ) -> int:
        """What these owners hold of these rows is nobody's; `more`: other values to set."""
        names = [str(owner) for owner in owners]
        if not names:
            return 0
        return self._set(connection, and_(which, self._by.in_(names)), {**self.free(), **more})

    def free_dead(
        self,
        connection: Connection,
        which: ColumnElement[bool],
        owner: Owner,
        at: int,
        **more: object,
    ) -> int:
        """What dead processes of this machine hold of these rows is nobody's, and what has run
        out."""
        query = select(self._by).where(which, self._by.is_not(None)).distinct()
        dead = [holder for holder in connection.scalars(query) if owner.outlived(holder)]
        gone = or_(self._until <= at, self._by.in_(dead)) if dead else self._until <= at
        held = and_(which, self._by.is_not(None), gone)
        return self._set(connection, held, {**self.free(), **more})

    @property
    def _by(self) -> Column[Any]:
        return self.table.c[self.by]

    @property
    def _until(self) -> Column[Any]:
        return self.table.c[self.until]

    def _set(
        self, connection: Connection, which: ColumnElement[bool], values: Mapping[str, object]
    ) -> int:
        return connection.execute(update(self.table).where(which).values(**values)).rowcount


def _as_stored(owner: Owner | int) -> str | int:
    return owner if isinstance(owner, int) else str(owner)
