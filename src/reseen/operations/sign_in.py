"""Coming in and going out: a name and password of ours, or an issuer that we trust.

This is the place for OpenID Connect. A route that ends its flow (authorization code with PKCE,
state and nonce bound to the visitor's cookie, the ID token's signature, audience and expiry
checked) comes here with the token's `iss` and `sub`, and gets a session like everybody else's, or
None. Users are made beforehand, with issuer and subject; nobody gets in by being unknown.
"""

from __future__ import annotations

import hmac

from reseen.review import sessions, users
from reseen.review.passwords import hashed, outdated, verified
from reseen.review.roles import Who
from reseen.review.sessions import Session
from reseen.store import audit
from reseen.store.database import Store


def by_password(store: Store, name: str, password: str, address: str) -> Session | None:
    """A session for who knows the password; None for anybody else, after the same time, and
    recorded. `address`: where the request came from."""
    with store.read() as connection:
        found = users.known(connection, name)
    hash = None if found is None else found[1]
    if not verified(password, hash):
        with store.write() as connection:
            # What was typed may be a password in the wrong field: only a keyed hash of it is kept.
            tried = hmac.digest(store.secret, b"tried " + name.encode(), "sha256").hex()[:16]
            audit.write(
                *(connection, "sign-in-refused", "*"),
                actor="nobody",
                address=address,
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
        audit.write(connection, "sign-in", f"user:{user.name}", actor=user.who.actor)
        return sessions.begin(connection, user.who)


def by_issuer(store: Store, issuer: str, subject: str) -> Session | None:
    """A session for the user whom this issuer knows by this subject; None when there is none."""
    with store.write() as connection:
        user = users.known_to_issuer(connection, issuer, subject)
        if user is None:
            return None
        who = user.who
        audit.write(connection, "sign-in", f"user:{who.name}", actor=who.actor, by="issuer")
        return sessions.begin(connection, who)


def knows_password(store: Store, who: Who, password: str) -> bool:
    """Whether somebody signed in knows the password, too."""
    with store.read() as connection:
        found = users.known(connection, who.name)
    return verified(password, None if found is None else found[1])


def new_password(store: Store, who: Who, password: str) -> Session:
    """Somebody's own new password: all their sessions end, and the one they are in begins anew.
    Raises InputError for a password that will not do."""
    with store.write() as connection:
        user = users.by_pk(connection, who.pk)
        users.set_password(connection, user, password, actor=who.actor)
        return sessions.begin(connection, who)


def out(store: Store, session: Session) -> None:
    """The session ends, for whoever holds it."""
    who = session.who
    with store.write() as connection:
        sessions.end(connection, session)
        audit.write(connection, "sign-out", f"user:{who.name}", actor=who.actor)
