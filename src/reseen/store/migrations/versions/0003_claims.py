"""Facts get their source: what a list's row says is a claim, what was read from bytes is learned.

`removed_files` becomes `claims`. What one row of it held came from rows of lists and from bytes
that were read, put together; digests that were learned are taken apart from it again, as a claim of
their own that rests on the other. Where the reading itself is still known (`read_digests`) it is
asked: what it contradicts is kept and not in use.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from reseen.store import audit
from reseen.store.audit_rows import (
    CLAIM_NUMBERS,
    CLAIM_TEXTS,
    COLUMNS,
    ClaimsDigest,
    RunningDigest,
    text,
)
from reseen.store.log_proof import SEALED, together

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_WHOLE = (1, 2, 5)
"""Kinds of digests of the whole file that are computed from bytes: SHA-256, BLAKE3, git blob."""
_LONG = (1, 2, 4, 5, 6, 7)


def upgrade() -> None:
    """Lists, claims, what was learned; what a walk was asked, and in which order; lives of jobs."""
    for name in ("confirm", "follow", "edited"):
        op.add_column("walks", _small(name))
    op.add_column("walks", sa.Column("version", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("evidence", _small("stands", "1"))
    op.add_column("jobs", _small("lives"))
    op.add_column("repositories", sa.Column("own_id", sa.Text))
    op.create_index("ix_repositories_own_id", "repositories", ["own_id"])
    op.add_column("sightings", sa.Column("hidden_at", sa.BigInteger))
    op.add_column("frontier", _small("signs"))
    _new_tables()
    _claims()
    _sealed_index()
    _removals()
    _learned()
    _no_replace()
    _seal_rows()


def _seal_rows() -> None:
    """From now on lines cover rows: what is there is sealed by one line. The spelling of rows and
    lines is the log's own, which never changes (docs/audit.md)."""
    connection = op.get_bind()
    made, details = ClaimsDigest(), dict[str, int | str | None]()
    digests: list[str] = []
    for table in ("decisions", "withdrawals", "fact_events"):
        running, last, count = RunningDigest(), 0, 0
        columns = COLUMNS[table]
        for row in _rows(connection, table, columns, "pk"):
            running.add(text(table, row))
            last, count = row[0], count + 1
            if table == "decisions":
                of = f"decision_pk = {last}"
                for one in _rows(connection, "decided", COLUMNS["decided"], "sighting_pk", of):
                    running.add(text("decided", one))
        digests.append(running.hex())
        details |= {table: count, f"{table}_to": last}
    columns = tuple("class" if name == "cls" else name for name in (*CLAIM_NUMBERS, *CLAIM_TEXTS))
    last = 0
    for row in _rows(connection, "claims", columns, "pk"):
        made.add_claims([row])
        last = row[0]
    order = "kind, value, claim_pk"
    for kind, value, pk in _rows(connection, "digests", ("kind", "value", "claim_pk"), order):
        made.add_digests([(kind, value, pk)])
    details |= {"claims": made.claims, "claims_to": last}
    details["rows"] = together([*digests, made.hex()])
    audit.write(connection, SEALED, "*", actor=audit.SERVICE, **details)


def _rows(
    connection: sa.Connection, table: str, columns: tuple[str, ...], order: str, where: str = "1=1"
) -> Iterator[tuple[Any, ...]]:
    query = f"SELECT {', '.join(columns)} FROM {table} WHERE {where} ORDER BY {order}"  # noqa: S608
    for row in connection.execute(sa.text(query)):
        yield tuple(row)


def _small(name: str, default: str = "0") -> sa.Column[Any]:
    return sa.Column(name, sa.SmallInteger, nullable=False, server_default=default)


def _pk() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _new_tables() -> None:
    op.create_table(
        "lists",
        sa.Column("pk", _pk(), primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("entitled", sa.SmallInteger, nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger),
        sa.Column("class", sa.SmallInteger),
    )
    op.execute(
        "INSERT INTO lists (name, created_at, entitled) "
        "SELECT list, MIN(added_at), 0 FROM removals GROUP BY list ORDER BY MIN(pk)"
    )
    op.create_table(
        "learned_from",
        sa.Column("learned_pk", _pk(), primary_key=True, autoincrement=False),
        sa.Column("claim_pk", _pk(), primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_learned_from_claim_pk", "learned_from", ["claim_pk"])
    op.create_table(
        "fact_events",
        sa.Column("pk", _pk(), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("what", sa.String(24), nullable=False),
        sa.Column("list_pk", sa.BigInteger),
        sa.Column("removal_pk", sa.BigInteger),
        sa.Column("claim_pk", sa.BigInteger),
        sa.Column("user_pk", sa.BigInteger),
        sa.Column("sealed", sa.LargeBinary),
    )
    op.create_index("ix_fact_events_removal_pk", "fact_events", ["removal_pk"])
    op.create_index("ix_fact_events_list_pk", "fact_events", ["list_pk"])
    postgresql = op.get_bind().dialect.name == "postgresql"
    refusal = "BEGIN SELECT RAISE(ABORT, 'append-only'); END"
    if postgresql:
        refusal = "EXECUTE FUNCTION append_only()"
    for verb in ("UPDATE", "DELETE", "TRUNCATE") if postgresql else ("UPDATE", "DELETE"):
        each = "STATEMENT" if verb == "TRUNCATE" else "ROW"
        op.execute(
            f"CREATE TRIGGER fact_events_no_{verb.lower()} BEFORE {verb} ON fact_events "
            f"FOR EACH {each} {refusal}"
        )


_UNIQUE = {
    "audit": "pk = NEW.pk",
    "changes": "pk = NEW.pk",
    "comments": "pk = NEW.pk",
    "decided": "decision_pk = NEW.decision_pk AND sighting_pk = NEW.sighting_pk",
    "decisions": "pk = NEW.pk OR id = NEW.id OR undoes = NEW.undoes",
    "fact_events": "pk = NEW.pk",
    "notice_steps": "pk = NEW.pk",
    "withdrawals": "pk = NEW.pk",
}
"""What no two rows of an append-only table share."""


def _no_replace() -> None:
    """On SQLite, INSERT OR REPLACE passes what stands before DELETE."""
    if _is_postgresql():
        return
    for table, equal in _UNIQUE.items():
        there = f"EXISTS (SELECT 1 FROM {table} WHERE {equal})"  # noqa: S608 - names of our own
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} FOR EACH ROW "
            f"WHEN {there} BEGIN SELECT RAISE(ABORT, 'append-only'); END"
        )


def _claims() -> None:
    op.drop_index("ix_removed_files_removal_pk", "removed_files")
    op.rename_table("removed_files", "claims")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER SEQUENCE removed_files_pk_seq RENAME TO claims_pk_seq")
        op.execute(
            "SELECT setval('claims_pk_seq', (SELECT COALESCE(MAX(pk), 0) + 1 FROM claims), false)"
        )
    op.create_index("ix_claims_removal_pk", "claims", ["removal_pk"])
    for column in (
        sa.Column("list_pk", sa.BigInteger, nullable=False, server_default="0"),
        _small("source"),
        sa.Column("site", sa.Text),
        sa.Column("removed_on", sa.Integer),
        sa.Column("class", sa.SmallInteger),
        sa.Column("added_at", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("withdrawn_at", sa.BigInteger),
        _small("in_force", "1"),
        _small("contradicted"),
        sa.Column("sealed", sa.LargeBinary),
        _small("class_settled"),
    ):
        op.add_column("claims", column)
    # a removal that is known by its link or name alone has no file: its row is a claim all the same
    op.execute(
        "INSERT INTO claims (removal_pk) SELECT pk FROM removals r "
        "WHERE NOT EXISTS (SELECT 1 FROM claims c WHERE c.removal_pk = r.pk) ORDER BY pk"
    )
    for name, value in (
        ("list_pk", "(SELECT l.pk FROM lists l WHERE l.name = r.list)"),
        ("added_at", "r.added_at"),
        ("withdrawn_at", "r.withdrawn_at"),
        ("in_force", "CASE WHEN r.withdrawn_at IS NULL THEN 1 ELSE 0 END"),
        ("site", "r.site"),
        ("removed_on", "r.removed_on"),
    ):
        op.execute(
            f"UPDATE claims SET {name} = "  # noqa: S608 - names of our own
            f"(SELECT {value} FROM removals r WHERE r.pk = claims.removal_pk)"
        )
    op.execute(
        "UPDATE claims SET sealed = (SELECT r.sealed FROM removals r"
        " WHERE r.pk = claims.removal_pk)"
        " WHERE pk IN (SELECT MIN(pk) FROM claims GROUP BY removal_pk)"
    )
    for table in ("digests", "sketches", "sketch_entries"):
        op.alter_column(table, "file_pk", new_column_name="claim_pk") if _is_postgresql() else (
            op.execute(f"ALTER TABLE {table} RENAME COLUMN file_pk TO claim_pk")
        )
    op.drop_index("ix_digests_file_pk", "digests")
    op.create_index("ix_digests_claim_pk", "digests", ["claim_pk"])


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _sealed_index() -> None:
    op.create_table(
        "new_sealed_index",
        sa.Column("token", sa.LargeBinary, primary_key=True),
        sa.Column("claim_pk", _pk(), primary_key=True, autoincrement=False),
        sa.Column("field", sa.SmallInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO new_sealed_index (token, claim_pk, field) "
        "SELECT i.token, MIN(c.pk), MIN(i.field) FROM sealed_index i "
        "JOIN claims c ON c.removal_pk = i.removal_pk GROUP BY i.token, i.removal_pk"
    )
    op.drop_table("sealed_index")
    op.rename_table("new_sealed_index", "sealed_index")


def _removals() -> None:
    op.add_column("removals", _small("class"))
    for name in ("list", "site", "removed_on", "sealed"):
        op.execute(f"ALTER TABLE removals DROP COLUMN {name}")


def _learned() -> None:
    """Digests that were learned become a claim of their own, with its sketch."""
    connection = op.get_bind()
    rows = connection.execute(
        sa.text("SELECT DISTINCT claim_pk FROM digests WHERE learned = 1 ORDER BY claim_pk")
    ).all()
    for (claim_pk,) in rows:
        _part(connection, claim_pk)
    op.execute("ALTER TABLE digests DROP COLUMN learned")


def _part(connection: sa.Connection, claim_pk: int) -> None:
    held = connection.execute(
        sa.text("SELECT kind, value, learned FROM digests WHERE claim_pk = :pk"), {"pk": claim_pk}
    ).all()
    said: defaultdict[int, set[bytes]] = defaultdict(set)
    for kind, value, learned in held:
        if not learned:
            said[kind].add(bytes(value))
    computed = {(kind, bytes(value)) for kind, value, learned in held if learned}
    reading = _reading(connection, computed)
    agrees = True
    if reading is None:  # added from a file here, or the artifact is not known: as it was believed
        reading = computed | {(k, v) for k, values in said.items() if k in _LONG for v in values}
    else:
        whole = {kind: value for kind, value in reading if kind in _WHOLE}
        asked = [kind for kind in whole if kind in said]
        agrees = bool(asked) and all(whole[kind] in said[kind] for kind in asked)
    learned_pk = _copy(connection, claim_pk, agrees)
    # no list gives these: the reading did
    connection.execute(
        sa.text(
            "UPDATE claims SET container = NULL, data_size = NULL, layout = NULL WHERE pk = :pk"
        ),
        {"pk": claim_pk},
    )
    connection.execute(
        sa.text("DELETE FROM digests WHERE claim_pk = :pk AND learned = 1"), {"pk": claim_pk}
    )
    connection.execute(
        sa.text("INSERT INTO digests (kind, value, claim_pk, learned) VALUES (:k, :v, :pk, 1)"),
        [{"k": kind, "v": value, "pk": learned_pk} for kind, value in sorted(reading)],
    )
    for table in ("sketches", "sketch_entries"):
        connection.execute(
            sa.text(f"UPDATE {table} SET claim_pk = :new WHERE claim_pk = :old"),  # noqa: S608
            {"new": learned_pk, "old": claim_pk},
        )
    connection.execute(
        sa.text("INSERT INTO learned_from (learned_pk, claim_pk) VALUES (:new, :old)"),
        {"new": learned_pk, "old": claim_pk},
    )
    if not agrees:
        connection.execute(
            sa.text("UPDATE claims SET contradicted = 1 WHERE pk = :pk"), {"pk": claim_pk}
        )


def _reading(
    connection: sa.Connection, computed: set[tuple[int, bytes]]
) -> set[tuple[int, bytes]] | None:
    """All digests of the file that taught these, where it is known."""
    for kind, value in sorted(computed):
        if kind not in _LONG:
            continue
        artifact = connection.execute(
            sa.text(
                "SELECT MIN(artifact_pk) FROM read_digests WHERE kind = :kind AND value = :value"
            ),
            {"kind": kind, "value": value},
        ).scalar()
        if artifact is not None:
            rows = connection.execute(
                sa.text("SELECT kind, value FROM read_digests WHERE artifact_pk = :pk"),
                {"pk": artifact},
            )
            return {(k, bytes(v)) for k, v in rows}
    return None


def _copy(connection: sa.Connection, claim_pk: int, agrees: bool) -> int:
    """A claim for what was learned about this one's file; what contradicts is taken back."""
    columns = "removal_pk, size, container, data_size, layout, added_at"
    connection.execute(
        sa.text(
            f"INSERT INTO claims ({columns}, source, in_force, withdrawn_at) "  # noqa: S608
            f"SELECT {columns}, 1, CASE WHEN :agrees = 1 THEN in_force ELSE 0 END, "
            "CASE WHEN :agrees = 1 THEN NULL ELSE added_at END FROM claims WHERE pk = :pk"
        ),
        {"agrees": int(agrees), "pk": claim_pk},
    )
    return int(connection.execute(sa.text("SELECT MAX(pk) FROM claims")).scalar_one())
