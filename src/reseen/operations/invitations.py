"""People come in by one-time links: the first administrator, and whoever is invited after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reseen.errors import Conflict
from reseen.operations.sign_in import Caller, SignedIn, begin_session
from reseen.review import invitations, second_factors, users
from reseen.review.roles import Role, Who
from reseen.store import audit
from reseen.store.database import Store


@dataclass(frozen=True, slots=True)
class Invited:
    """A person who is to come in."""

    name: str
    role: Role
    token: str = field(repr=False)
    """Of the link; shown once, for it is kept nowhere."""


def invite(store: Store, names: Sequence[str], role: Role, by: Who) -> list[Invited]:
    """New users without passwords, and a link for each: all of them, or none. Raises AccessError,
    InputError for a name that will not do, Conflict for one that is taken."""
    by.must_be(Role.ADMINISTRATOR)
    made = []
    with store.write() as connection:
        for name in dict.fromkeys(users.normal_name(name) for name in names):
            user = users.add(connection, name, role, None, actor=by.actor)
            made.append(Invited(user.name, role, invitations.make(connection, user)))
    return made


def renew(store: Store, pk: int, by: Who) -> Invited:
    """A new link for a user, to choose a password by: who never came in, or forgot it. Until it is
    used the password of before holds. Raises AccessError and NotFound; Conflict for who comes from
    an issuer, and has no password here."""
    by.must_be(Role.ADMINISTRATOR)
    with store.write() as connection:
        user = users.by_pk(connection, pk)
        if user.issuer is not None:
            raise Conflict("this user comes from an OpenID provider", remedy="They sign in there.")
        audit.write(connection, "user-changed", f"user:{user.name}", actor=by.actor, what="invited")
        return Invited(user.name, user.role, invitations.make(connection, user))


def first(store: Store) -> str | None:
    """The token of a link by which the first administrator comes in; None where there are users.
    One that was made before opens nothing any more."""
    with store.write() as connection:
        if users.any_at_all(connection):
            return None
        return invitations.make(connection, None)


def come_in(store: Store, token: str, name: str, password: str, caller: Caller) -> SignedIn | None:
    """Choose a password by a link, and be signed in; the link is used up. None: who has a second
    factor signs in with both. `name`: of the first administrator, and of nobody else. Raises
    NotFound for a link that leads nowhere, and InputError for a name or password that will not
    do."""
    with store.write() as connection:
        user = invitations.find(connection, token).user
        if user is None:
            actor = f"user:{users.normal_name(name)}"
            user = users.add(connection, name, Role.ADMINISTRATOR, password, actor=actor)
            invitations.end(connection, None)
        else:
            users.set_password(connection, user, password, actor=user.who.actor)
            if second_factors.of_user(connection, user.pk):
                return None
        return begin_session(connection, store.secret, user.who, caller, by="invitation")
