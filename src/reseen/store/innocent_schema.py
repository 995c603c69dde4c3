"""Tables for known innocents: adapters that many use (accelerators, general face adapters, popular
styles), so that what a merge has of them is told from what it has of a removal.

The same database and the same rules as `schema`. What was proposed is appended and never changed,
and so is what people did with it; whether one is in use follows from that and from
`innocent_near`, which is made anew from what it names.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
)

from reseen.store.schema import APPEND_ONLY, Pk, metadata

innocents = Table(
    "innocents",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("id", String(16), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    info=APPEND_ONLY,
)
"""One file each. `name`: what people call it: text from a person, of nobody who is depicted."""

innocent_digests = Table(
    "innocent_digests",
    metadata,
    Column("innocent_pk", Pk, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("value", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
    info=APPEND_ONLY,
)
"""Digests of its bytes and of its tensors: a removal that has one of them is that file."""

innocent_sketches = Table(
    "innocent_sketches",
    metadata,
    Column("innocent_pk", Pk, primary_key=True, autoincrement=False),
    Column("number", SmallInteger, primary_key=True, autoincrement=False),
    Column("architecture", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
    info=APPEND_ONLY,
)
"""The sketches of the adapters in it, numbered."""

innocent_events = Table(
    "innocent_events",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("what", String(12), nullable=False),
    Column("innocent_pk", BigInteger, nullable=False),
    Column("user_pk", BigInteger, nullable=False),
    Column("sealed", LargeBinary),
    Index("ix_innocent_events_innocent_pk", "innocent_pk"),
    info=APPEND_ONLY,
)
"""Append-only: what people did with it ("proposed", "confirmed", "removed"), with the reason
sealed."""

innocent_near = Table(
    "innocent_near",
    metadata,
    Column("innocent_pk", ForeignKey("innocents.pk"), primary_key=True),
    Column("removal_pk", ForeignKey("removals.pk"), primary_key=True),
    Column("rung", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Removals in force that it is, or is like, and on which rung that shows: while there is one, the
innocent is out of use. Made anew for every removal that changes."""
