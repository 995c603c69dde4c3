"""The tables. SQLite when nobody configures anything, PostgreSQL when they do: the same schema.

Compact on purpose: kinds are small integers, hashes are bytes, and what SHA-256 implies
(AutoV2, its first 5 bytes) is not stored beside it. Times are UTC, in microseconds since 1970.
Nothing sealed stands in any column but `claims.sealed`, `withdrawals.sealed`, `fact_events.sealed`
(ciphertext) and `sealed_index.token` (a keyed hash).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

metadata = MetaData()

APPEND_ONLY: dict[str, bool] = {"append_only": True}
"""`info` of a table whose rows are never changed or forgotten: the database itself refuses."""

# SQLite gives a row its number by itself only for a column of exactly this type.
Pk = BigInteger().with_variant(Integer, "sqlite")

meta = Table(
    "meta",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
"""Small facts of the store: its random secret, the key's fingerprint, the list version."""

# -- what was removed ----------------------------------------------------------------------------

lists = Table(
    "lists",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("entitled", SmallInteger, nullable=False, default=0),
    Column("withdrawn_at", BigInteger),
    Column("class", SmallInteger, key="cls"),
)
"""Where claims come from. `entitled`: 1 where an administrator has said that this list may say of a
removal that it is of the class that is never read, so that the gate blocks for it. `class`: of all
its rows, also of those still to come; null: what each row says."""

removals = Table(
    "removals",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("id", String(16), nullable=False, unique=True),
    Column("added_at", BigInteger, nullable=False),
    Column("withdrawn_at", BigInteger),
    Column("class", SmallInteger, nullable=False, server_default="0", key="cls"),
)
"""A removed model: what the claims about it have in common. `withdrawn_at` (null: a claim is in
force) and `class` (the strictest of those in force, `records.RemovalClass`) are made from its
claims by `registry.claims.refresh`, and can be made anew."""

withdrawals = Table(
    "withdrawals",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("removal_pk", ForeignKey("removals.pk"), nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("restored", SmallInteger, nullable=False),
    Column("sealed", LargeBinary),
    info=APPEND_ONLY,
)
"""Append-only: each withdrawal and each restoring, with its reason sealed (it can hold a name)."""

claims = Table(
    "claims",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("removal_pk", Pk, nullable=False, index=True),
    Column("size", BigInteger),
    Column("container", String(16)),
    Column("data_size", BigInteger),
    Column("layout", LargeBinary),
    Column("list_pk", BigInteger, nullable=False, server_default="0"),
    Column("source", SmallInteger, nullable=False, server_default="0"),
    Column("site", Text),
    Column("removed_on", Integer),
    Column("class", SmallInteger, key="cls"),
    Column("added_at", BigInteger, nullable=False, server_default="0"),
    Column("withdrawn_at", BigInteger),
    Column("in_force", SmallInteger, nullable=False, server_default="1"),
    Column("contradicted", SmallInteger, nullable=False, server_default="0"),
    Column("sealed", LargeBinary),
    Column("class_settled", SmallInteger, nullable=False, server_default="0"),
    Index("ix_claims_list", "list_pk", "removal_pk", "source", "in_force"),
)
"""What one row of one list says of a removal (`source` 0), what was learned from bytes that were
read (`source` 1; then `learned_from` says on which claims it rests, and `list_pk` is 0), or of
which class somebody here says it is (`source` 2; it says nothing else, and keeps no removal in
force).

`removed_on`: days since 1970. `class`: null where the row says none. `sealed`: AES-GCM of the names
that this row gives, bound to the removal's id. `withdrawn_at`: of this claim alone. `in_force`:
made by `registry.claims.refresh`: neither it nor its list is withdrawn; for what was learned: not
taken back, and one of the claims it rests on is in force. `contradicted`: 1 where a file, as read
or as stated, has one of its digests and not another, 2 when a person has looked at that.
`class_settled`: 1 where two people settled that the class it says counts as that of an entitled
list, 2 that it is false."""

claim_moves = Table(
    "claim_moves",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("claim_pk", BigInteger, nullable=False),
    Column("from_pk", BigInteger, nullable=False),
    Column("to_pk", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_claim_moves_claim_pk", "claim_pk"),
    Index("ix_claim_moves_from_pk", "from_pk"),
    info=APPEND_ONLY,
)
"""Append-only: each claim that went from one removal (`from_pk`) to another, since its list says
by now that two removals are one, or that one is two."""

learned_from = Table(
    "learned_from",
    metadata,
    Column("learned_pk", Pk, primary_key=True, autoincrement=False),
    Column("claim_pk", Pk, primary_key=True, autoincrement=False),
    Index("ix_learned_from_claim_pk", "claim_pk"),
    sqlite_with_rowid=False,
)
"""On which claims of lists (`claim_pk`) something learned (`learned_pk`) rests: those with which
the reading agreed."""

fact_events = Table(
    "fact_events",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("what", String(24), nullable=False),
    Column("list_pk", BigInteger),
    Column("removal_pk", BigInteger),
    Column("claim_pk", BigInteger),
    Column("user_pk", BigInteger),
    Column("sealed", LargeBinary),
    Index("ix_fact_events_removal_pk", "removal_pk"),
    Index("ix_fact_events_list_pk", "list_pk"),
    info=APPEND_ONLY,
)
"""Append-only: what people did with lists and single facts (a list withdrawn or restored, something
learned taken back, a contradiction or a class settled), with the reason sealed."""

digests = Table(
    "digests",
    metadata,
    Column("kind", SmallInteger, primary_key=True),
    Column("value", LargeBinary, primary_key=True),
    Column("claim_pk", Pk, primary_key=True, autoincrement=False),
    Index("ix_digests_claim_pk", "claim_pk"),
    sqlite_with_rowid=False,
)
"""`claim_pk` is of `claims`, and that one's `removal_pk` of `removals`: none is ever deleted, and a
long list is imported faster when it is not checked."""

sketches = Table(
    "sketches",
    metadata,
    Column("claim_pk", ForeignKey("claims.pk"), primary_key=True),
    Column("version", SmallInteger, primary_key=True),
    Column("architecture", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
)
"""The similarity fingerprint of the file that a claim is about."""

sketch_entries = Table(
    "sketch_entries",
    metadata,
    Column("claim_pk", ForeignKey("claims.pk"), primary_key=True),
    Column("version", SmallInteger, primary_key=True),
    Column("group", String(24), primary_key=True),
    Column("slots", LargeBinary, nullable=False),
    Column("code", LargeBinary, nullable=False),
)
"""Of stores from before: what of a sketch was searched, the numbers of 16 modules. Nothing is
written here any more, and nothing read."""

bases = Table(
    "bases",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("architecture", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    Column("modules", Integer, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("value", LargeBinary, nullable=False),
)
"""Base models that somebody put in, so that checkpoints can be told apart from them: the sketch of
their weights (`fingerprints.weight_sketch`), in full precision. No weights, and nothing sealed."""

sealed_index = Table(
    "sealed_index",
    metadata,
    Column("token", LargeBinary, primary_key=True),
    Column("claim_pk", Pk, primary_key=True, autoincrement=False),
    Column("field", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""16 bytes of a keyed hash of (field, normalised value): exact look-up for who has the key.
`claim_pk` is of `claims`, unchecked as in `digests`."""

# -- what was seen -------------------------------------------------------------------------------

repositories = Table(
    "repositories",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("hub", Text, nullable=False),
    Column("type", String(8), nullable=False),
    Column("repo", Text, nullable=False),
    Column("sha", LargeBinary),
    Column("created_at", BigInteger),
    Column("modified_at", BigInteger),
    Column("downloads", BigInteger),
    Column("likes", BigInteger),
    Column("flags", SmallInteger, nullable=False, default=0),
    Column("used_storage", BigInteger),
    Column("last_listed", BigInteger),
    Column("own_id", Text),
    Column("seen_as", LargeBinary),
    Index("ux_repositories", "hub", "type", "repo", unique=True),
    Index("ix_repositories_own_id", "own_id"),
)
"""`own_id`: what the hub itself calls it, which a rename does not change. `flags`: 1 gated, 2
disabled, 4 private, 8 was gated before. `seen_as`: of a private one, 16 bytes of a hash of the
token that saw it last; null: nobody knows."""

walks = Table(
    "walks",
    metadata,
    Column("repository_pk", ForeignKey("repositories.pk"), primary_key=True),
    Column("commit", LargeBinary, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("refs", SmallInteger, nullable=False, default=0),
    Column("confirm", SmallInteger, nullable=False, server_default="0"),
    Column("follow", SmallInteger, nullable=False, server_default="0"),
    Column("edited", SmallInteger, nullable=False, server_default="0"),
    Column("version", BigInteger, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
"""Commits whose files are known: their listing is never asked for again. `refs`: 1 when refs were
walked too. `confirm` (0 none, 1 header, 2 full), `follow`, `edited`: the strongest that was asked
of them. `version`: the number of the registry's last change (`changes`) up to which everything was
done that this level wants; 0: nothing."""

commit_habits = Table(
    "commit_habits",
    metadata,
    Column("repository_pk", ForeignKey("repositories.pk"), primary_key=True, autoincrement=False),
    Column("message", LargeBinary, primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""Of the histories that were asked for: 16 bytes of a keyed hash of the shape of each message
(`observed.commit_messages`), and the hour of the commit. Nothing of who made it."""

artifacts = Table(
    "artifacts",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("repository_pk", ForeignKey("repositories.pk"), nullable=False),
    Column("commit", LargeBinary, nullable=False),
    Column("ref", Text),
    Column("path", Text, nullable=False),
    Column("size", BigInteger),
    Column("sha256", LargeBinary),
    Column("xet", LargeBinary),
    Column("git_oid", LargeBinary),
    Column("flags", SmallInteger, nullable=False, default=0),
    Column("seen_at", BigInteger, nullable=False),
    Index("ux_artifacts", "repository_pk", "path", "git_oid", unique=True),
    Index("ix_artifacts_sha256", "sha256"),
    Index("ix_artifacts_git_oid", "git_oid"),
    Index("ix_artifacts_size", "size"),
)
"""What the hub declared of each file, so that a removal added later is matched without asking.
`flags`: 1 masked, 2 LFS, 4 what a Git LFS pointer on a disk states."""

readings = Table(
    "readings",
    metadata,
    Column("artifact_pk", ForeignKey("artifacts.pk"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("container", String(16)),
    Column("data_size", BigInteger),
    Column("layout", LargeBinary),
    Column("full", SmallInteger, nullable=False, default=0),
    Column("problem", Text),
    Column("architecture", Text),
    Column("judged_by", String(32)),
)
"""What reading an artifact's header (or all of it) told. `architecture`: of the weight updates in
it, empty where there are none; null while nobody looked for any. `judged_by`: labels of the rungs
that what was read could be judged on, with blanks between; null: read before that was kept."""

read_digests = Table(
    "read_digests",
    metadata,
    Column("kind", SmallInteger, primary_key=True),
    Column("value", LargeBinary, primary_key=True),
    Column("artifact_pk", ForeignKey("artifacts.pk"), primary_key=True),
    Index("ix_read_digests_artifact", "artifact_pk"),
    sqlite_with_rowid=False,
)
"""Digests computed from an artifact's bytes."""

stated_digests = Table(
    "stated_digests",
    metadata,
    Column("kind", SmallInteger, primary_key=True),
    Column("value", LargeBinary, primary_key=True),
    Column("artifact_pk", ForeignKey("artifacts.pk"), primary_key=True),
    Index("ix_stated_digests_artifact", "artifact_pk"),
    sqlite_with_rowid=False,
)
"""Digests that a store of objects states of a file, of kinds that have no column in `artifacts`
(MD5, SHA-1, CRCs)."""

embedded_digests = Table(
    "embedded_digests",
    metadata,
    Column("kind", SmallInteger, primary_key=True),
    Column("value", LargeBinary, primary_key=True),
    Column("artifact_pk", ForeignKey("artifacts.pk"), primary_key=True),
    Index("ix_embedded_digests_artifact", "artifact_pk"),
    sqlite_with_rowid=False,
)
"""Digests that an artifact's header states of itself: hints, so that it does not matter whether it
was read before or after a list. Nothing else of its metadata is kept, and no short form that a long
one here begins with."""

read_sketches = Table(
    "read_sketches",
    metadata,
    Column("artifact_pk", ForeignKey("artifacts.pk"), primary_key=True),
    Column("version", SmallInteger, primary_key=True),
    Column("architecture", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("complete", SmallInteger, nullable=False),
    Column("value", LargeBinary, nullable=False),
)
"""Sketches of what a scan read; `complete` 0 when only a subset of modules was read. Also the
background that p-values are calibrated against."""

read_entries = Table(
    "read_entries",
    metadata,
    Column("artifact_pk", ForeignKey("artifacts.pk"), primary_key=True),
    Column("version", SmallInteger, primary_key=True),
    Column("group", String(24), primary_key=True),
    Column("slots", LargeBinary, nullable=False),
    Column("code", LargeBinary),
)
"""What of an artifact is searched when a removal comes later, for the file as a whole and for each
text encoder in it: `slots`, ids of modules, and `code`, 64 numbers of each. `code` is null while
only the header was read, which tells the modules: these are all of them."""

blind_spots = Table(
    "blind_spots",
    metadata,
    Column("artifact_pk", ForeignKey("artifacts.pk"), primary_key=True),
    Column("spot", SmallInteger, primary_key=True, autoincrement=False),
    Column("code", String(24), nullable=False),
    Column("reason", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("scan_pk", BigInteger, index=True),
    sqlite_with_rowid=False,
)
"""What of an artifact was not read, as its last reading told; numbered. `code`, `reason`, `count`:
as in `records.BlindSpot`. `scan_pk`: the scan that read it; null where no scan did."""

near = Table(
    "near",
    metadata,
    Column("artifact_pk", ForeignKey("artifacts.pk"), primary_key=True),
    Column("at", BigInteger, nullable=False),
)
"""Artifacts of which a subset of modules comes near a removal: the next scan reads on."""

sightings = Table(
    "sightings",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("id", String(24), nullable=False, unique=True),
    Column("removal_pk", ForeignKey("removals.pk"), nullable=False, index=True),
    Column("artifact_pk", ForeignKey("artifacts.pk"), nullable=False, index=True),
    Column("rung", SmallInteger, nullable=False),
    Column("state", String(12), nullable=False),
    Column("confirmed", String(12), nullable=False),
    Column("missed", SmallInteger, nullable=False, default=0),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("scan_pk", BigInteger),
    Column("touched", SmallInteger, nullable=False, default=1, server_default="1"),
    Column("hidden_at", BigInteger),
    Index("ux_sightings", "removal_pk", "artifact_pk", unique=True),
    Index("ix_sightings_touched", "touched", "pk"),
)
"""`missed`: answers in a row that said it is gone; two make it gone. `hidden_at`: when the hub
first refused a stranger without saying why, and said nothing else since. `touched`: 1 since
something changed that reviewers have not been told of (new, another rung, state or
confirmation)."""

evidence = Table(
    "evidence",
    metadata,
    Column("sighting_pk", ForeignKey("sightings.pk"), primary_key=True),
    Column("rung", SmallInteger, primary_key=True),
    Column("kind", String(24), primary_key=True),
    Column("value", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("figures", Text),
    Column("at", BigInteger, nullable=False),
    Column("stands", SmallInteger, nullable=False, server_default="1"),
    sqlite_with_rowid=False,
)
"""`stands`: 0 for what no longer holds (the claim left, or reading proved it false): history."""

hints = Table(
    "hints",
    metadata,
    Column("removal_pk", ForeignKey("removals.pk"), primary_key=True),
    Column("artifact_pk", ForeignKey("artifacts.pk"), primary_key=True),
    Column("kind", String(24), primary_key=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Leads that are never enough alone: shown beside a sighting, and they order the queue."""

# -- the walk ------------------------------------------------------------------------------------

scans = Table(
    "scans",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("hub", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("coverage", Text),
    Index("ix_scans_target", "hub", "target"),
)
"""One scan of one target; `target` is a digest of what was asked for, so that the same command
goes on where a killed one was."""

listings = Table(
    "listings",
    metadata,
    Column("scan_pk", ForeignKey("scans.pk"), primary_key=True),
    Column("part", SmallInteger, primary_key=True),
    Column("cursor", Text),
    Column("done", SmallInteger, nullable=False, default=0),
    Column("listed", BigInteger, nullable=False, default=0),
    Column("subject", Text),
    Column("leased_until", BigInteger),
    Column("leased_by", Text),
    sqlite_with_rowid=False,
)
"""How far each part of a scan's listing got. `subject`: the account that a part lists because of
a match there ("model owner"); null for the parts of the target itself."""

frontier = Table(
    "frontier",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("scan_pk", ForeignKey("scans.pk"), nullable=False),
    Column("repository_pk", ForeignKey("repositories.pk"), nullable=False),
    Column("task", SmallInteger, nullable=False),
    Column("subject", Text, nullable=False, default=""),
    Column("priority", SmallInteger, nullable=False),
    Column("state", SmallInteger, nullable=False, default=0),
    Column("attempts", SmallInteger, nullable=False, default=0),
    Column("leased_until", BigInteger),
    Column("leased_by", Text),
    Column("signs", SmallInteger, nullable=False, server_default="0"),
    Index("ux_frontier", "scan_pk", "repository_pk", "task", "subject", unique=True),
    Index("ix_frontier_queue", "scan_pk", "state", "priority", "pk"),
)
"""Work to do, with leases. `priority`: lower is sooner. `signs`: what the listing's row told of its
files and names (`scan.signs`). `state`: 0 waiting, 1 leased, 2 done, 3 given up. `leased_by`: the
process, so that what a dead one held is free at once where that can be told."""

watermarks = Table(
    "watermarks",
    metadata,
    Column("hub", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Up to which change a watched hub is known."""

problems = Table(
    "problems",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("scan_pk", ForeignKey("scans.pk"), nullable=False, index=True),
    Column("repository_pk", BigInteger),
    Column("place", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("remedy", Text),
    Column("at", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(32), nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", Text),
    Column("hash", LargeBinary),
    Index("ix_audit_subject", "subject", "pk"),
    Index("ix_audit_actor", "actor", "at"),
    Index("ix_audit_action", "action", "pk"),
    info=APPEND_ONLY,
)
"""Append-only and chained: everything that somebody did. Never a sealed value. `hash`: SHA-256 over
the line before and this one, see `audit`."""


@event.listens_for(metadata, "after_create")
def _append_only(target: MetaData, connection: Connection, **_: object) -> None:
    """The database itself refuses to change or to forget what was once written there."""
    postgresql = connection.dialect.name == "postgresql"
    refusal = "BEGIN SELECT RAISE(ABORT, 'append-only'); END"
    if postgresql:
        connection.exec_driver_sql(
            "CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN RAISE EXCEPTION ''append-only''; END'"
        )
        refusal = "EXECUTE FUNCTION append_only()"
    for table in target.sorted_tables:
        if not table.info.get("append_only"):
            continue
        for verb in ("UPDATE", "DELETE", "TRUNCATE") if postgresql else ("UPDATE", "DELETE"):
            each = "STATEMENT" if verb == "TRUNCATE" else "ROW"
            connection.exec_driver_sql(
                f"CREATE TRIGGER {table.name}_no_{verb.lower()} BEFORE {verb} ON {table.name} "
                f"FOR EACH {each} {refusal}"
            )
        if not postgresql:
            connection.exec_driver_sql(_no_replace(table, refusal))


def _no_replace(table: Table, refusal: str) -> str:
    """A trigger for SQLite, where INSERT OR REPLACE takes a row away without asking what stands
    before DELETE. What a key is null in replaces nothing, as "= NULL" is not true."""
    unique = [table.primary_key, *_unique(table)]
    equal = [
        " AND ".join(f"{column.name} = NEW.{column.name}" for column in key.columns)
        for key in unique
    ]
    name = table.name
    there = f"EXISTS (SELECT 1 FROM {name} WHERE {' OR '.join(equal)})"  # noqa: S608 - our names
    return (
        f"CREATE TRIGGER {name}_no_replace BEFORE INSERT ON {name} FOR EACH ROW "
        f"WHEN {there} {refusal}"
    )


def _unique(table: Table) -> list[UniqueConstraint | Index]:
    """What else no two rows share, in an order that does not change."""
    constraints = [one for one in table.constraints if isinstance(one, UniqueConstraint)]
    indexes = [one for one in table.indexes if one.unique]
    return sorted([*constraints, *indexes], key=lambda one: [column.name for column in one.columns])
