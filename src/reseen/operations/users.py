"""Who may sign in, and as what: each change is a line of the audit log.

`by`: the person who changes it; None at the command line. A user is named by their name there, and
by their number in the pages. Each raises NotFound for a user that is not there.
"""

from __future__ import annotations

from reseen.review import users
from reseen.review.roles import Role, Who
from reseen.review.users import User
from reseen.store.database import Store


def add(store: Store, name: str, role: Role, password: str, by: Who | None = None) -> User:
    """A new user. Raises InputError for a name or password that will not do, Conflict for a name
    that is taken."""
    with store.write() as connection:
        return users.add(connection, name, role, password, actor=_actor(by))


def set_role(store: Store, user: str | int, role: Role, by: Who | None = None) -> None:
    """Another role, from the next request on. Raises Conflict when nobody would be left to
    administer."""
    with store.write() as connection:
        users.set_role(connection, users.named(connection, user), role, actor=_actor(by))


def disable(store: Store, user: str | int, by: Who | None = None) -> None:
    """No more signing in; sessions end now. Raises Conflict for the last administrator."""
    with store.write() as connection:
        users.disable(connection, users.named(connection, user), actor=_actor(by))


def enable(store: Store, user: str | int, by: Who | None = None) -> None:
    """Signing in again."""
    with store.write() as connection:
        users.enable(connection, users.named(connection, user), actor=_actor(by))


def set_password(store: Store, user: str | int, password: str, by: Who | None = None) -> None:
    """A new password; all sessions of the user end. Raises InputError."""
    with store.write() as connection:
        users.set_password(connection, users.named(connection, user), password, actor=_actor(by))


def _actor(by: Who | None) -> str | None:
    return None if by is None else by.actor
