"""Tables for how a team shares its queue: whose a case is, and filters that have a name.

The same database and the same rules as `schema`. Neither decides anything: a case that is
somebody's may be decided by everybody who may decide it, and a claim stays what it is.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, SmallInteger, String, Table, Text

from reseen.store.schema import Pk, metadata

assignments = Table(
    "assignments",
    metadata,
    Column("case_pk", Pk, ForeignKey("cases.pk"), primary_key=True, autoincrement=False),
    Column("user_pk", ForeignKey("users.pk"), nullable=False, index=True),
    Column("by_pk", ForeignKey("users.pk"), nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Whose a case is, and who said so. Nobody's: no row. Every change has its line in the log."""

saved_filters = Table(
    "saved_filters",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("id", String(24), nullable=False, unique=True),
    Column("name", String(60), nullable=False),
    Column("user_pk", ForeignKey("users.pk"), nullable=False),
    Column("shared", SmallInteger, nullable=False),
    Column("filter", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ux_saved_filters", "user_pk", "name", unique=True),
)
"""`filter`: JSON of the values of an address, of choices alone: never of what was typed to find a
case. `shared`: 1 where the whole team sees it."""
