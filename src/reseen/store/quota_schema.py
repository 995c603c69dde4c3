"""Tables for a hub's quota that several walkers share, in whatever processes and machines.

The same database and the same rules as `schema`. Nothing here is anybody's finding: after an hour
without a walk every row of it is of no use.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from reseen.store.schema import Pk, metadata

quotas = Table(
    "quotas",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("hub", Text, nullable=False),
    Column("principal", LargeBinary, nullable=False),
    Column("bucket", Text, nullable=False),
    Column("left", Integer, nullable=False),
    Column("earliest", BigInteger, nullable=False),
    Column("latest", BigInteger, nullable=False),
    Column("paused_until", BigInteger, nullable=False),
    Column("leased_by", Text),
    Column("leased_until", BigInteger),
    Index("ux_quotas", "hub", "principal", "bucket", unique=True),
)
"""The window of a quota as the hub tells it. `principal`: a keyed hash of the token that is asked
with. `bucket`: which of the hub's quotas. `left`: the fewest requests that it said are left in the
window that ends between `earliest` and `latest`. The lease is of who sends a window's first
request, which goes alone."""

quota_slices = Table(
    "quota_slices",
    metadata,
    Column("quota_pk", Pk, ForeignKey("quotas.pk"), primary_key=True, autoincrement=False),
    Column("leased_by", Text, primary_key=True),
    Column("leased_until", BigInteger, nullable=False),
    Column("held", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""Requests that a walker may send, or has sent and heard no answer to."""
