"""The people who sign in: kept, found, changed. Every change is a line of the audit log.

What comes in: a connection (writing ones from `store.write()`) and values. What goes out: `User`.
A change that takes rights away ends the user's sessions, and sign-ins under way, in the same
transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from reseen.errors import Conflict, InputError, NotFound
from reseen.observed.artifacts import instant
from reseen.review import sessions, sign_in_steps
from reseen.review.passwords import check as check_password
from reseen.review.passwords import hashed
from reseen.review.roles import Role, Who
from reseen.store import audit
from reseen.store.database import now
from reseen.store.service_schema import invitations, users

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True)
class User:
    pk: int
    name: str
    role: Role
    has_password: bool
    """False for who comes from an OpenID Connect issuer only."""
    created_at: datetime
    disabled_at: datetime | None
    issuer: str | None = None
    """The OpenID issuer that they come from; None: a local account."""

    @property
    def who(self) -> Who:
        return Who(self.pk, self.name, self.role)


def normal_name(name: str) -> str:
    """The name as it is kept: lower case. Raises InputError for what cannot be one."""
    name = name.strip().lower()
    if not _NAME.fullmatch(name):
        raise InputError(
            "a user's name has 1 to 64 letters a to z, digits, and . _ @ -",
            remedy="Begin with a letter or digit, for example ada or ada@example.org.",
        )
    return name


def role_of(label: str) -> Role:
    """The role by its label. Raises InputError for an unknown one."""
    try:
        return Role.of(label.strip())
    except KeyError:
        raise InputError(
            "there is no such role", remedy=f"Roles are {', '.join(r.label for r in Role)}."
        ) from None


def known(connection: Connection, name: str) -> tuple[User, str | None] | None:
    """Who may sign in by this name, and the hash of the password; None for anybody else."""
    query = select(users).where(users.c.name == name, users.c.disabled_at.is_(None))
    row = connection.execute(query).one_or_none()
    return None if row is None else (_user(row), row.password)


def of_issuer(connection: Connection, issuer: str, subject: str) -> User | None:
    """Whom this issuer knows by this subject: nothing else that it says of somebody makes them a
    user of here. Disabled ones too."""
    return _find(connection, (users.c.issuer == issuer) & (users.c.subject == subject))


def add_of_issuer(
    connection: Connection,
    issuer: str,
    subject: str,
    name: str,
    role: Role,
    *,
    actor: str | None,
) -> User:
    """A user who comes from an issuer and has no password. A name that somebody has already gets a
    number: it is never theirs. Raises InputError for an unusable name, Conflict when the issuer's
    subject is a user already."""
    name = normal_name(name)
    if of_issuer(connection, issuer, subject) is not None:
        raise Conflict("this subject of the issuer is a user already", remedy="Look at the list.")
    taken = set(connection.scalars(select(users.c.name).where(users.c.name.startswith(name[:58]))))
    free = next(n for n in _numbered(name) if n not in taken)
    row = {"name": free, "role": role.label, "issuer": issuer, "subject": subject}
    connection.execute(users.insert(), [{**row, "created_at": now()}])
    audit.write(connection, "user-made", f"user:{free}", actor=actor, role=role.label, by="issuer")
    return by_name(connection, free)


def _numbered(name: str) -> Iterator[str]:
    yield name
    for number in count(2):
        yield f"{name[:58]}-{number}"


def renew_hash(connection: Connection, user: User, password: str) -> None:
    """The same password, hashed with the parameters of today; sessions go on."""
    connection.execute(update(users).where(users.c.pk == user.pk).values(password=password))


def add(
    connection: Connection, name: str, role: Role, password: str | None, *, actor: str | None
) -> User:
    """A new user. `password` None: who chooses one by an invitation, or comes from an issuer.
    Raises InputError for an unusable name or password, Conflict for a taken name.

    Hashing takes a tenth of a second: outside the transaction it would be one more call for
    callers, and users are not added often.
    """
    name = normal_name(name)
    if password is not None:
        check_password(password, name)
    must_be_free(connection, [name])
    connection.execute(
        users.insert(),
        [
            {
                "name": name,
                "role": role.label,
                "password": None if password is None else hashed(password),
                "created_at": now(),
            }
        ],
    )
    audit.write(connection, "user-made", f"user:{name}", actor=actor, role=role.label)
    return by_name(connection, name)


def must_be_free(connection: Connection, names: Sequence[str]) -> None:
    """Raise Conflict where somebody has one of these names already."""
    for name in names:
        if _find(connection, users.c.name == name) is not None:
            raise Conflict(f"there is a user {name} already", remedy="Choose another name.")


def any_at_all(connection: Connection) -> bool:
    """Whether there is anybody who could sign in."""
    return connection.scalar(select(users.c.pk).limit(1)) is not None


def every(connection: Connection) -> list[User]:
    """All users, by name."""
    return [_user(row) for row in connection.execute(select(users).order_by(users.c.name))]


def by_name(connection: Connection, name: str) -> User:
    """Raises NotFound."""
    user = _find(connection, users.c.name == name.strip().lower())
    if user is None:
        raise NotFound.of("user", name, "`reseen user list` shows all.")
    return user


def named(connection: Connection, user: str | int) -> User:
    """By a name or a number. Raises NotFound."""
    return by_name(connection, user) if isinstance(user, str) else by_pk(connection, user)


def by_pk(connection: Connection, pk: int) -> User:
    """Raises NotFound."""
    user = _find(connection, users.c.pk == pk)
    if user is None:
        raise NotFound("there is no such user", remedy="Look at the list of users.")
    return user


def set_role(connection: Connection, user: User, role: Role, *, actor: str | None) -> None:
    """Raises Conflict when nobody would be left to administer. Sessions go on with the new role."""
    if role < Role.ADMINISTRATOR:
        _keep_an_administrator(connection, user)
    give_role(connection, user, role, actor=actor)


def give_role(connection: Connection, user: User, role: Role, *, actor: str | None) -> None:
    """As `set_role`, whoever is left: what an issuer says of its own users holds."""
    connection.execute(update(users).where(users.c.pk == user.pk).values(role=role.label))
    _changed(connection, user, actor, what="role", role=role.label)


def disable(connection: Connection, user: User, *, actor: str | None) -> None:
    """No more signing in; sessions end now. Raises Conflict for the last administrator."""
    _keep_an_administrator(connection, user)
    connection.execute(update(users).where(users.c.pk == user.pk).values(disabled_at=now()))
    _end_invitation(connection, user.pk)
    end_sign_ins(connection, user.pk)
    _changed(connection, user, actor, what="disabled")


def enable(connection: Connection, user: User, *, actor: str | None) -> None:
    connection.execute(update(users).where(users.c.pk == user.pk).values(disabled_at=None))
    _changed(connection, user, actor, what="enabled")


def set_password(connection: Connection, user: User, password: str, *, actor: str | None) -> None:
    """A new password; all sessions of the user end. Raises InputError; Conflict for who comes from
    an issuer: a password would let them in when the issuer does not any more."""
    if user.issuer is not None:
        raise Conflict(
            "this user comes from an OpenID provider", remedy="Whoever needs a password is added."
        )
    check_password(password, user.name)
    connection.execute(update(users).where(users.c.pk == user.pk).values(password=hashed(password)))
    _end_invitation(connection, user.pk)
    end_sign_ins(connection, user.pk)
    _changed(connection, user, actor, what="password")


def end_sign_ins(connection: Connection, pk: int) -> int:
    """The sessions of a user end, and sign-ins that are under way; how many sessions there were."""
    sign_in_steps.end_of(connection, pk)
    return sessions.end_all(connection, pk)


def _end_invitation(connection: Connection, pk: int) -> None:
    """The link by which a password could be chosen opens nothing any more."""
    connection.execute(delete(invitations).where(invitations.c.user_pk == pk))


def _keep_an_administrator(connection: Connection, user: User) -> None:
    """Of local accounts one stays, so that no issuer, and nobody who comes from one, is left alone
    with the service. Who was invited and has not come in yet is nobody who could administer."""
    if user.role is not Role.ADMINISTRATOR or user.disabled_at is not None:
        return
    others = (
        select(func.count())
        .select_from(users)
        .where(
            users.c.role == Role.ADMINISTRATOR.label,
            users.c.disabled_at.is_(None),
            users.c.pk != user.pk,
            users.c.password.is_not(None) | users.c.issuer.is_not(None),
        )
    )
    if user.issuer is None:
        others = others.where(users.c.issuer.is_(None))
    if not connection.scalar(others):
        which = "administrator" if user.issuer else "local administrator"
        raise Conflict(f"this is the last {which}", remedy="Make another user administrator first.")


def _changed(connection: Connection, user: User, actor: str | None, **details: str) -> None:
    audit.write(connection, "user-changed", f"user:{user.name}", actor=actor, **details)


def _find(connection: Connection, where: Any) -> User | None:
    # Any: SQLAlchemy's comparison of columns has no plainer type.
    row = connection.execute(select(users).where(where)).first()
    return None if row is None else _user(row)


def _user(row: Any) -> User:
    return User(
        pk=row.pk,
        name=row.name,
        role=Role.of(row.role),
        has_password=row.password is not None,
        created_at=instant(row.created_at),
        disabled_at=instant(row.disabled_at),
        issuer=row.issuer,
    )
