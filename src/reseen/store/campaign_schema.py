"""Tables for campaigns: accounts that re-upload together.

The same database and the same rules as `schema`. What is found is made anew after scans, and says
how things stand; what people said of it is appended and never changed.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table, Text

from reseen.store.schema import APPEND_ONLY, Pk, metadata

campaigns = Table(
    "campaigns",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("id", String(16), nullable=False, unique=True),
    Column("found_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
)
"""`changed_at`: when an account last joined or left. `ended_at`: since when it is not found any
more; it comes back under the same id."""

campaign_accounts = Table(
    "campaign_accounts",
    metadata,
    Column("campaign_pk", ForeignKey("campaigns.pk"), primary_key=True, autoincrement=False),
    Column("hub", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("joined_at", BigInteger, nullable=False),
    Column("left_at", BigInteger),
    Column("why", Text, nullable=False),
    Index("ix_campaign_accounts_account", "hub", "account"),
    sqlite_with_rowid=False,
)
"""Which accounts belong to it, and belonged (`left_at`). `why`: JSON: the bits of each kind of
signal, and how many removals the account shares with others of it."""

campaign_events = Table(
    "campaign_events",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("what", String(12), nullable=False),
    Column("campaign_pk", BigInteger, nullable=False),
    Column("hub", Text),
    Column("account", Text),
    Column("user_pk", BigInteger, nullable=False),
    Index("ix_campaign_events_campaign_pk", "campaign_pk"),
    info=APPEND_ONLY,
)
"""Append-only: what people did ("taken out", "put back", with the account; "watched", "unwatched"),
the last of which counts."""
