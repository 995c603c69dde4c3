"""Who somebody is: a name and password of ours, or an issuer that we trust.

This is the place for OpenID Connect. A route that ends its flow (authorization code with PKCE,
state and nonce bound to the visitor's cookie, the ID token's signature, audience and expiry
checked) comes here with the token's `iss` and `sub`, and gets a session like everybody else's, or
None. Users are made beforehand, with issuer and subject; nobody gets in by being unknown.
"""

from __future__ import annotations

import hmac

from sqlalchemy import select, update

from reseen.review.roles import Role, Who
from reseen.store import audit
from reseen.store.service_schema import users
from reseen.web.access.passwords import hashed, outdated, verified
from reseen.web.access.sessions import Session, begin
from reseen.web.service import Service


def by_password(service: Service, name: str, password: str, address: str) -> Session | None:
    """A session for who knows the password; None for anybody else, after the same time.
    `address`: where the request came from. Raises Conflict after too many refusals."""
    name = name.strip().lower()[:64]
    service.throttle.check(name, address)
    query = select(users).where(users.c.name == name)
    with service.store.read() as connection:
        row = connection.execute(query).first()
    known = row.password if row is not None and row.disabled_at is None else None
    right = verified(password, known)
    if row is None or not right:
        service.throttle.refused(name, address)
        with service.store.write() as connection:
            # What was typed may be a password in the wrong field: only a keyed hash of it is kept.
            tried = hmac.digest(service.store.secret, b"tried " + name.encode(), "sha256")
            audit.write(
                connection,
                "sign-in-refused",
                "*",
                actor="nobody",
                address=address,
                tried=tried.hex()[:16],
            )
        return None
    service.throttle.succeeded(name, address)
    renewed = hashed(password) if outdated(known or "") else None
    with service.store.write() as connection:
        # Hashing takes a while: who was disabled, or given another password meanwhile, stays out.
        row = connection.execute(query.where(users.c.disabled_at.is_(None))).first()
        if row is None or row.password != known:
            return None
        who = Who(row.pk, row.name, Role.of(row.role))
        if renewed is not None:
            connection.execute(update(users).where(users.c.pk == who.pk).values(password=renewed))
        audit.write(connection, "sign-in", f"user:{who.name}", actor=who.actor)
        return begin(connection, who)


def by_issuer(service: Service, issuer: str, subject: str) -> Session | None:
    """A session for the user whom this issuer knows by this subject; None when there is none."""
    query = select(users).where(
        users.c.issuer == issuer, users.c.subject == subject, users.c.disabled_at.is_(None)
    )
    with service.store.write() as connection:
        row = connection.execute(query).first()
        if row is None:
            return None
        who = Who(row.pk, row.name, Role.of(row.role))
        audit.write(connection, "sign-in", f"user:{who.name}", actor=who.actor, by="issuer")
        return begin(connection, who)


def knows_password(service: Service, who: Who, password: str, address: str) -> bool:
    """Whether somebody signed in knows the password, too. Raises Conflict as above."""
    service.throttle.check(who.name, address)
    with service.store.read() as connection:
        known = connection.scalar(select(users.c.password).where(users.c.pk == who.pk))
    if verified(password, known):
        return True
    service.throttle.refused(who.name, address)
    return False
