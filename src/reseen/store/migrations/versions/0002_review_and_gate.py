"""What people do: users, cases, decisions, notices, the gate; the chained audit log.

Tables are spelt out as they were when this was released: what the modules say later is another
revision's matter.
"""

from __future__ import annotations

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_APPEND_ONLY = ("decisions", "decided", "comments", "notice_steps", "changes")


def upgrade() -> None:
    """Adds columns and tables, and fills the chain of the audit log for what is there."""
    _columns()
    _who_signs_in()
    _cases()
    _notices()
    _the_gate()
    _jobs()
    for table in ("audit", "withdrawals"):
        _drop_triggers(table)
    _chain()
    for table in ("audit", "withdrawals", *_APPEND_ONLY):
        _make_triggers(table)


def _pk() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _columns() -> None:
    op.add_column(
        "sightings", sa.Column("touched", sa.SmallInteger, nullable=False, server_default="1")
    )
    op.create_index("ix_sightings_touched", "sightings", ["touched", "pk"])
    op.add_column("audit", sa.Column("hash", sa.LargeBinary))
    op.create_index("ix_audit_subject", "audit", ["subject", "pk"])


def _who_signs_in() -> None:
    op.create_table(
        "users",
        sa.Column("pk", _pk(), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password", sa.Text),
        sa.Column("issuer", sa.Text),
        sa.Column("subject", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("disabled_at", sa.BigInteger),
    )
    op.create_index("ux_users_issuer", "users", ["issuer", "subject"], unique=True)
    op.create_table(
        "sessions",
        sa.Column("token", sa.LargeBinary, primary_key=True),
        sa.Column("user_pk", _pk(), sa.ForeignKey("users.pk"), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_sessions_user_pk", "sessions", ["user_pk"])


def _cases() -> None:
    op.create_table(
        "cases",
        sa.Column("pk", _pk(), primary_key=True),
        sa.Column("id", sa.String(24), nullable=False, unique=True),
        sa.Column("removal_pk", _pk(), sa.ForeignKey("removals.pk"), nullable=False),
        sa.Column("repository_pk", _pk(), sa.ForeignKey("repositories.pk"), nullable=False),
        sa.Column("hub", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("verdict", sa.String(16)),
        sa.Column("rung", sa.SmallInteger, nullable=False),
        sa.Column("reach", sa.BigInteger, nullable=False),
        sa.Column("live", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("claimed_by", _pk(), sa.ForeignKey("users.pk")),
        sa.Column("claimed_until", sa.BigInteger),
    )
    op.create_index("ux_cases", "cases", ["removal_pk", "repository_pk"], unique=True)
    order: list[str | sa.TextClause] = [
        "state",
        sa.text("rung DESC"),
        sa.text("reach DESC"),
        "opened_at",
        "pk",
        "live",
        "removal_pk",
    ]
    op.create_index("ix_cases_queue", "cases", order)
    op.create_index("ix_cases_account", "cases", ["hub", "account"])
    op.create_index("ix_cases_repository_pk", "cases", ["repository_pk"])
    op.create_table(
        "case_sightings",
        sa.Column(
            "sighting_pk",
            _pk(),
            sa.ForeignKey("sightings.pk"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("case_pk", _pk(), sa.ForeignKey("cases.pk"), nullable=False),
        sa.Column("added_at", sa.BigInteger, nullable=False),
        sa.Column("rung", sa.SmallInteger, nullable=False),
        sa.Column("confirmed", sa.String(12), nullable=False),
    )
    op.create_index("ix_case_sightings_case_pk", "case_sightings", ["case_pk"])
    op.create_table(
        "decisions",
        sa.Column("pk", _pk(), primary_key=True),
        sa.Column("id", sa.String(24), nullable=False, unique=True),
        sa.Column("case_pk", _pk(), sa.ForeignKey("cases.pk"), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("user_pk", _pk(), sa.ForeignKey("users.pk")),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("undoes", _pk(), sa.ForeignKey("decisions.pk")),
        sa.Column("because", _pk(), sa.ForeignKey("decisions.pk")),
        sa.Column("batch", sa.String(24)),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_decisions_case_pk", "decisions", ["case_pk"])
    op.create_index("ux_decisions_undoes", "decisions", ["undoes"], unique=True)
    op.create_index("ix_decisions_because", "decisions", ["because"])
    op.create_index("ix_decisions_batch", "decisions", ["batch"])
    op.create_table(
        "decided",
        sa.Column(
            "decision_pk",
            _pk(),
            sa.ForeignKey("decisions.pk"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column(
            "sighting_pk",
            _pk(),
            sa.ForeignKey("sightings.pk"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("rung", sa.SmallInteger, nullable=False),
        sa.Column("confirmed", sa.String(12), nullable=False),
        sa.Column("sha256", sa.LargeBinary),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_decided_sha256", "decided", ["sha256"])
    op.create_table(
        "dismissals",
        sa.Column(
            "removal_pk",
            _pk(),
            sa.ForeignKey("removals.pk"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("sha256", sa.LargeBinary, primary_key=True),
        sa.Column("decision_pk", _pk(), sa.ForeignKey("decisions.pk"), nullable=False),
    )
    op.create_table(
        "comments",
        sa.Column("pk", _pk(), primary_key=True),
        sa.Column("case_pk", _pk(), sa.ForeignKey("cases.pk"), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("user_pk", _pk(), sa.ForeignKey("users.pk"), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_comments_case_pk", "comments", ["case_pk"])
    op.create_table(
        "looks",
        sa.Column(
            "user_pk",
            _pk(),
            sa.ForeignKey("users.pk"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column(
            "case_pk",
            _pk(),
            sa.ForeignKey("cases.pk"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("pk", _pk(), primary_key=True),
        sa.Column("id", sa.String(24), nullable=False, unique=True),
        sa.Column("hub", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_notices_state", "notices", ["state", "due_at"])
    op.create_index("ix_notices_account", "notices", ["hub", "account"])
    op.create_table(
        "notice_items",
        sa.Column(
            "notice_pk", _pk(), sa.ForeignKey("notices.pk"), primary_key=True, autoincrement=False
        ),
        sa.Column(
            "sighting_pk",
            _pk(),
            sa.ForeignKey("sightings.pk"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("case_pk", _pk(), sa.ForeignKey("cases.pk"), nullable=False),
        sa.Column("added_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_notice_items_sighting", "notice_items", ["sighting_pk"])
    op.create_table(
        "notice_steps",
        sa.Column("pk", _pk(), primary_key=True),
        sa.Column("notice_pk", _pk(), sa.ForeignKey("notices.pk"), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("user_pk", _pk(), sa.ForeignKey("users.pk")),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("how", sa.String(16)),
        sa.Column("sealed", sa.LargeBinary),
    )
    op.create_index("ix_notice_steps_notice_pk", "notice_steps", ["notice_pk"])


def _the_gate() -> None:
    op.create_table(
        "api_keys",
        sa.Column("pk", _pk(), primary_key=True),
        sa.Column("id", sa.String(24), nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("rate", sa.Float, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", _pk(), sa.ForeignKey("users.pk")),
        sa.Column("revoked_at", sa.BigInteger),
    )
    op.create_table(
        "policies",
        sa.Column("list", sa.Text, primary_key=True),
        sa.Column("rung", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("advice", sa.String(8), nullable=False),
    )
    op.create_table(
        "changes",
        sa.Column("pk", _pk(), primary_key=True),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("pk", _pk(), primary_key=True),
        sa.Column("id", sa.String(24), nullable=False, unique=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("asked_by", _pk(), sa.ForeignKey("users.pk")),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("leased_until", sa.BigInteger),
        sa.Column("leased_by", sa.Text),
        sa.Column("scan_pk", sa.BigInteger),
        sa.Column("progress", sa.Text),
        sa.Column("problem", sa.Text),
    )
    op.create_index("ix_jobs_state", "jobs", ["state", "pk"])
    op.create_index("ix_jobs_key", "jobs", ["key", "state"])


def _chain() -> None:
    """Each line gets its hash, over the one before and itself: see docs/audit.md."""
    connection = op.get_bind()
    lines = sa.text("SELECT pk, at, actor, action, subject, details FROM audit ORDER BY pk")
    fill = sa.text("UPDATE audit SET hash = :hash WHERE pk = :pk")
    before = bytes(32)
    for line in connection.execute(lines).all():
        body = json.dumps(list(line), separators=(",", ":")).encode("ascii")
        before = hashlib.sha256(before + body).digest()
        connection.execute(fill, {"hash": before, "pk": line.pk})


def _verbs() -> tuple[str, ...]:
    postgresql = op.get_bind().dialect.name == "postgresql"
    return ("UPDATE", "DELETE", "TRUNCATE") if postgresql else ("UPDATE", "DELETE")


def _drop_triggers(table: str) -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for verb in ("UPDATE", "DELETE"):
        on = f" ON {table}" if postgresql else ""
        op.execute(f"DROP TRIGGER {table}_no_{verb.lower()}{on}")


def _make_triggers(table: str) -> None:
    refusal = "BEGIN SELECT RAISE(ABORT, 'append-only'); END"
    if op.get_bind().dialect.name == "postgresql":
        refusal = "EXECUTE FUNCTION append_only()"
    for verb in _verbs():
        each = "STATEMENT" if verb == "TRUNCATE" else "ROW"
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"FOR EACH {each} {refusal}"
        )
