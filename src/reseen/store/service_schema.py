"""Tables for users, sessions, cases, decisions, notices, API keys and jobs.

The same database and the same rules as `schema`: times are UTC microseconds since 1970, and free
text that a person wrote (reasons, comments) can hold a name, so it is sealed: bound to the id of
the case or notice that it belongs to. Whatever was decided is appended and never changed; the
columns of `cases` and `notices` that say how things stand now are there to be sorted by, and can be
made anew from what was appended.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from reseen.store.schema import APPEND_ONLY, Pk, metadata

# -- who signs in --------------------------------------------------------------------------------

users = Table(
    "users",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("password", Text),
    Column("issuer", Text),
    Column("subject", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
    Index("ux_users_issuer", "issuer", "subject", unique=True),
)
"""`password`: argon2id in its own encoding; null for who comes from an OpenID Connect `issuer`,
where `subject` is who it is."""

sessions = Table(
    "sessions",
    metadata,
    Column("token", LargeBinary, primary_key=True),
    Column("user_pk", ForeignKey("users.pk"), nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("browser", String(40)),
    Column("how", String(12)),
    Column("confirmed_at", BigInteger),
)
"""`token`: SHA-256 of what the browser holds. Signing out deletes the row. `browser`: its kind in a
few words; no address is kept. `how`: by password, or by the issuer. `confirmed_at`: when the person
last proved who they are in it, beyond holding it."""

invitations = Table(
    "invitations",
    metadata,
    Column("token", LargeBinary, primary_key=True),
    Column("user_pk", ForeignKey("users.pk")),
    Column("made_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Index("ux_invitations_user_pk", "user_pk", unique=True),
)
"""Links by which somebody comes in for the first time, one each. `token`: SHA-256 of what the link
holds; who used it, or was disabled, has none any more. `user_pk` null: whoever opens it makes the
first administrator."""

# -- cases ---------------------------------------------------------------------------------------

_STRONGEST_FIRST = (text("strength DESC"), text("reach DESC"), "opened_at", "pk")

cases = Table(
    "cases",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("id", String(24), nullable=False, unique=True),
    Column("removal_pk", ForeignKey("removals.pk"), nullable=False),
    Column("repository_pk", ForeignKey("repositories.pk"), nullable=False, index=True),
    Column("hub", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("state", String(12), nullable=False),
    Column("verdict", String(16)),
    Column("rung", SmallInteger, nullable=False),
    Column("reach", BigInteger, nullable=False),
    Column("live", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False, default=0),
    Column("claimed_by", ForeignKey("users.pk")),
    Column("claimed_until", BigInteger),
    Column("strength", SmallInteger, nullable=False, server_default="0"),
    Column("sha256", LargeBinary),
    Index("ux_cases", "removal_pk", "repository_pk", unique=True),
    # Each is in the queue's order: a page is a walk along it, however many cases there are.
    Index("ix_cases_queue", "state", *_STRONGEST_FIRST, "live", "removal_pk", "rung"),
    Index("ix_cases_strength", *_STRONGEST_FIRST),
    Index("ix_cases_account", "hub", "account", "state", *_STRONGEST_FIRST),
    Index("ix_cases_uploader", "account", "state", *_STRONGEST_FIRST),
    Index("ix_cases_removal", "removal_pk", "state", *_STRONGEST_FIRST),
    Index("ix_cases_verdict", "verdict", "state", *_STRONGEST_FIRST),
    Index("ix_cases_live", "live", "state", *_STRONGEST_FIRST),
    Index("ix_cases_sha256", "sha256"),
    Index("ix_cases_opened", "opened_at", "rung", "state", "verdict"),
    Index(
        "ix_cases_claimed",
        "claimed_until",
        sqlite_where=text("claimed_by IS NOT NULL"),
        postgresql_where=text("claimed_by IS NOT NULL"),
    ),
)
"""One removal in one repository: all its sightings there. `state`: open, second, decided. `rung`:
of its strongest sighting, or `cases.FALLEN`: what a person confirmed was refuted. `hub` and
`account` are the repository's. `reach`: its downloads and likes. `live`: sightings that are not
known to be gone. `strength`: what it is sorted by: `rung`, or between two of them
(`review.strength`). `sha256`: of its strongest file, as we read it, else as the hub states it; null
where neither is known. `version` counts everything that a reviewer must have seen before deciding;
a decision names the one it was made on."""

case_sightings = Table(
    "case_sightings",
    metadata,
    Column("sighting_pk", ForeignKey("sightings.pk"), primary_key=True, autoincrement=False),
    Column("case_pk", ForeignKey("cases.pk"), nullable=False, index=True),
    Column("added_at", BigInteger, nullable=False),
    Column("rung", SmallInteger, nullable=False),
    Column("confirmed", String(12), nullable=False),
)
"""Which case a sighting belongs to. `rung`, `confirmed`: as reviewers were told last."""

decisions = Table(
    "decisions",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("id", String(24), nullable=False, unique=True),
    Column("case_pk", ForeignKey("cases.pk"), nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("user_pk", ForeignKey("users.pk")),
    Column("verdict", String(16), nullable=False),
    Column("sealed", LargeBinary),
    Column("undoes", ForeignKey("decisions.pk")),
    Column("because", ForeignKey("decisions.pk")),
    Column("batch", String(24)),
    Column("version", BigInteger, nullable=False),
    Index("ux_decisions_undoes", "undoes", unique=True),
    Index("ix_decisions_because", "because"),
    Index("ix_decisions_at", "at"),
    Index("ix_decisions_batch", "batch"),
    info=APPEND_ONLY,
)
"""Append-only. `verdict`: confirm, not-this-model, allowed, second, or undo (of `undoes`).
`because`: made by a remembered decision, not by a person. `batch`: decided together."""

decided = Table(
    "decided",
    metadata,
    Column("decision_pk", ForeignKey("decisions.pk"), primary_key=True, autoincrement=False),
    Column("sighting_pk", ForeignKey("sightings.pk"), primary_key=True, autoincrement=False),
    Column("rung", SmallInteger, nullable=False),
    Column("confirmed", String(12), nullable=False),
    Column("sha256", LargeBinary),
    Index("ix_decided_sha256", "sha256"),
    sqlite_with_rowid=False,
    info=APPEND_ONLY,
)
"""Append-only: what a decision was about, and how it stood then. `sha256`: of bytes that we read;
null where only the hub's word was there."""

dismissals = Table(
    "dismissals",
    metadata,
    Column("removal_pk", ForeignKey("removals.pk"), primary_key=True, autoincrement=False),
    Column("sha256", LargeBinary, primary_key=True),
    Column("decision_pk", ForeignKey("decisions.pk"), nullable=False),
)
""""Not this model", remembered for one removal and bytes that we read. Undone: the row goes."""

comments = Table(
    "comments",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("case_pk", ForeignKey("cases.pk"), nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("user_pk", ForeignKey("users.pk"), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    info=APPEND_ONLY,
)
"""Append-only."""

looks = Table(
    "looks",
    metadata,
    Column("user_pk", ForeignKey("users.pk"), primary_key=True, autoincrement=False),
    Column("case_pk", ForeignKey("cases.pk"), primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Who looked at which case of a sample, in which version: before many are decided together."""

# -- notices -------------------------------------------------------------------------------------

notices = Table(
    "notices",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("id", String(24), nullable=False, unique=True),
    Column("hub", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("due_at", BigInteger),
    Column("version", BigInteger, nullable=False, default=0),
    Index("ix_notices_state", "state", "due_at"),
    Index("ix_notices_account", "hub", "account"),
)
"""`state`: drafted, sent, acknowledged, gone, refused, re-seen. `due_at`: its clock."""

notice_items = Table(
    "notice_items",
    metadata,
    Column("notice_pk", ForeignKey("notices.pk"), primary_key=True, autoincrement=False),
    Column("sighting_pk", ForeignKey("sightings.pk"), primary_key=True, autoincrement=False),
    Column("case_pk", ForeignKey("cases.pk"), nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Index("ix_notice_items_sighting", "sighting_pk"),
)

notice_steps = Table(
    "notice_steps",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("notice_pk", ForeignKey("notices.pk"), nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("user_pk", ForeignKey("users.pk")),
    Column("state", String(16), nullable=False),
    Column("how", String(16)),
    Column("sealed", LargeBinary),
    info=APPEND_ONLY,
)
"""Append-only: each state that a notice came into. `user_pk` null: by a recheck. `how`: taken away
(text, json), or smtp. `sealed`: a note."""

notice_letters = Table(
    "notice_letters",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("notice_pk", ForeignKey("notices.pk"), nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("user_pk", ForeignKey("users.pk")),
    Column("version", BigInteger, nullable=False),
    Column("what", String(12), nullable=False),
    Column("how", String(8), nullable=False),
    Column("form", String(8), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    info=APPEND_ONLY,
)
"""Append-only: the exact bytes that were sent, or taken away to be sent, sealed. `version`: of the
notice then. `what`: notice, correction, withdrawal. `how`: taken (away by a person), mail, hand (a
person says that it was sent). `form`: text, json, pdf, mail, other (what a person pasted)."""

# -- the gate ------------------------------------------------------------------------------------

api_keys = Table(
    "api_keys",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("id", String(24), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("rate", Float, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", ForeignKey("users.pk")),
    Column("revoked_at", BigInteger),
)
"""`hash`: SHA-256 of 256 random bits. `scopes`: separated by blanks. `rate`: requests a second."""

policies = Table(
    "policies",
    metadata,
    Column("list", Text, primary_key=True),
    Column("rung", SmallInteger, primary_key=True, autoincrement=False),
    Column("advice", String(8), nullable=False),
)
"""What the gate advises where the default is not wanted. `list` empty: every list."""

changes = Table(
    "changes",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    info=APPEND_ONLY,
)
"""Append-only, in the order of the writers: removals (`first` to `last`, by pk) that were added or
withdrawn, or whose files, digests or sketches are others than before. What is in memory elsewhere
reads on from the last it knows."""

# -- work in the background ----------------------------------------------------------------------

jobs = Table(
    "jobs",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("id", String(24), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("what", Text, nullable=False),
    Column("key", Text),
    Column("state", String(12), nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("asked_by", ForeignKey("users.pk")),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("leased_until", BigInteger),
    Column("leased_by", Text),
    Column("scan_pk", BigInteger),
    Column("progress", Text),
    Column("problem", Text),
    Column("lives", SmallInteger, nullable=False, server_default="0"),
    Index("ix_jobs_state", "state", "pk"),
    Index("ix_jobs_key", "key", "state"),
)
"""Work that the service does on request: scans and rechecks. `what`: JSON. `key`: the same for the
same work, so that what waits already is not queued twice. `state`: waiting, running, done,
failed, stopped. `lives`: processes that have begun it; too many that died over it end it."""
