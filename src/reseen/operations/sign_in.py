"""Coming in and going out with a name and password of ours; and what begins every session,
whoever comes in by whatever way. Who comes from an OpenID provider comes in by `sign_in_issuer`.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from sqlalchemy import Connection

from reseen.review import (
    devices,
    second_factors,
    sessions,
    sign_in_limits,
    sign_in_steps,
    users,
)
from reseen.review.passwords import hashed, outdated, verified
from reseen.review.roles import Who
from reseen.review.sessions import Session
from reseen.review.sign_in_steps import WITH_PASSWORD, SignInStep
from reseen.store import audit
from reseen.store.database import Store


@dataclass(frozen=True, slots=True)
class Caller:
    """Where somebody comes from."""

    address: str
    browser: str = ""
    """Its kind, in a few words."""
    device: str | None = field(default=None, repr=False)
    """What this browser was given when somebody signed in with it before."""
    held: str | None = field(default=None, repr=False)
    """The cookie that it holds now."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who came in."""

    session: Session
    device: str | None = field(repr=False)
    """To be kept by the browser: strangers who try this name do not keep it out. None: of who has
    no password here."""


@dataclass(frozen=True, slots=True)
class FactorDue:
    """The password was right, and the second factor is due: `second_factor.end_sign_in`."""


def by_password(
    store: Store, name: str, password: str, caller: Caller, to: str = "/"
) -> SignedIn | FactorDue | None:
    """A session for who knows the password; None for anybody else, after the same time, and
    recorded. Who has a second factor gives that next, in the same browser, and goes on to `to`.
    Raises Conflict after too many refusals."""
    name = name.strip().lower()[:64]
    with store.read() as connection:
        found = users.known(connection, name)
    hash = None if found is None else found[1]
    device = devices.known(store.secret, name, hash, caller.device)
    limits = sign_in_limits.of_sign_in(name, caller.address)
    if device is not None:
        limits = sign_in_limits.of_known("device", device)
    with store.write() as connection:
        sign_in_limits.take(connection, store.secret, limits)
    if not verified(password, hash):
        with store.write() as connection:
            # What was typed may be a password in the wrong field: only a keyed hash of it is kept.
            tried = hmac.digest(store.secret, b"tried " + name.encode(), "sha256").hex()[:16]
            audit.write(
                connection,
                "sign-in-refused",
                "*",
                actor="nobody",
                address=caller.address,
                tried=tried,
            )
        return None
    renewed = hashed(password) if outdated(hash or "") else None
    with store.write() as connection:
        # Hashing takes a while: who was disabled, or given another password meanwhile, stays out.
        found = users.known(connection, name)
        if found is None or found[1] != hash:
            return None
        user = found[0]
        if renewed is not None:
            users.renew_hash(connection, user, renewed)
        sign_in_limits.give_back(connection, store.secret, limits)
        if second_factors.of_user(connection, user.pk):
            if caller.held is None:
                return None
            step = SignInStep(WITH_PASSWORD, {"to": to}, user.pk)
            sign_in_steps.begin(connection, step, second_step(caller.held), caller.held)
            return FactorDue()
        return begin_session(connection, store.secret, user.who, caller, by="password")


def begin_session(
    connection: Connection,
    secret: bytes,
    who: Who,
    caller: Caller,
    *,
    by: str,
    confirmed_at: int | None = None,
) -> SignedIn:
    """Whoever has proved who they are is in: every session begins here. `secret`: of the store;
    `by`: what they proved it by; `confirmed_at`: when they gave a second factor."""
    audit.write(connection, "sign-in", f"user:{who.name}", actor=who.actor, by=by)
    how = sessions.ISSUER if by == sessions.ISSUER else sessions.PASSWORD
    session = sessions.begin(
        connection, who, browser=caller.browser, how=how, confirmed_at=confirmed_at
    )
    found = users.known(connection, who.name)
    hash = None if found is None else found[1]
    return SignedIn(session, None if hash is None else devices.new(secret, who.name, hash))


def second_step(held: str | None) -> str:
    """What names the sign-in of a browser that has given the password."""
    return f"second {held}"


def knows_password(store: Store, session: Session, password: str) -> bool:
    """Whether somebody signed in knows the password, too. Raises Conflict after too many refusals
    of this session; what strangers try does not count."""
    limits = sign_in_limits.of_known("session", sessions.id_of(session))
    with store.read() as connection:
        found = users.known(connection, session.who.name)
    with store.write() as connection:
        sign_in_limits.take(connection, store.secret, limits)
    if not verified(password, None if found is None else found[1]):
        return False
    with store.write() as connection:
        sign_in_limits.give_back(connection, store.secret, limits)
    return True


def new_password(store: Store, session: Session, password: str, caller: Caller) -> SignedIn:
    """Somebody's own new password: all their sessions end, and the one they are in begins anew.
    Raises InputError for a password that will not do."""
    who = session.who
    with store.write() as connection:
        user = users.by_pk(connection, who.pk)
        users.set_password(connection, user, password, actor=who.actor)
        return begin_session(
            connection,
            store.secret,
            who,
            caller,
            by="new password",
            confirmed_at=session.confirmed_at,
        )


def out(store: Store, session: Session) -> None:
    """The session ends, for whoever holds it."""
    who = session.who
    with store.write() as connection:
        sessions.end(connection, session)
        audit.write(connection, "sign-out", f"user:{who.name}", actor=who.actor)
