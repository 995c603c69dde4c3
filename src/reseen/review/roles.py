"""Who acts, and what each role may do. Names here are those of people who sign in, never of those
depicted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from sqlalchemy import Connection, select

from reseen.errors import AccessError, NotFound
from reseen.store import service_schema


class Role(IntEnum):
    """Each role may do what those before it may. The store keeps the label."""

    READER = 1
    """Sees the queue, cases, notices, scans; every name sealed."""
    REVIEWER = 2
    """Claims, decides, comments, reveals, drafts notices."""
    LEAD = 3
    """Takes claims over, decides for a whole account, sends notices, imports lists, withdraws and
    restores removals, starts scans, reads the audit log."""
    ADMINISTRATOR = 4
    """Users, keys of the gate, its policy; exports the audit log."""

    @property
    def label(self) -> str:
        return self.name.lower()

    @classmethod
    def of(cls, label: str) -> Role:
        """The role by its label. Raises KeyError for an unknown one."""
        return cls[label.upper()]


@dataclass(frozen=True, slots=True)
class Who:
    """A person who is signed in."""

    pk: int
    name: str
    role: Role

    def must_be(self, role: Role) -> None:
        """Raise AccessError unless the role suffices."""
        if self.role < role:
            raise AccessError(
                f"this needs the role {role.label}", remedy="Ask an administrator of the service."
            )

    @property
    def actor(self) -> str:
        """As the audit log names it."""
        return f"user:{self.name}"


def names(connection: Connection) -> dict[int, str]:
    """What users are called, by their pks."""
    u = service_schema.users.c
    return {row.pk: row.name for row in connection.execute(select(u.pk, u.name))}


def by_name(connection: Connection, name: str) -> Who:
    """The person of this name. Raises AccessError for nobody, and for who may not sign in."""
    table = service_schema.users.c
    query = select(table.pk, table.name, table.role).where(
        table.name == name.strip().lower(), table.disabled_at.is_(None)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        missing = NotFound.of("user", name, "`reseen user list` shows them.")
        raise AccessError(str(missing), remedy=missing.remedy)
    return Who(row.pk, row.name, Role.of(row.role))
