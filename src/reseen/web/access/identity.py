"""Who somebody is: a name and password of ours, or an issuer that we trust.

This is the place for OpenID Connect. A route that ends its flow (authorization code with PKCE,
state and nonce bound to the visitor's cookie, the ID token's signature, audience and expiry
checked) comes here with the token's `iss` and `sub`, and gets a session like everybody else's, or
None. Users are made beforehand, with issuer and subject; nobody gets in by being unknown.
"""

from __future__ import annotations

from sqlalchemy import select, update

from reseen.registry import audit
from reseen.registry.people import users
from reseen.review.who import Role, Who
from reseen.web.access.passwords import hashed, outdated, verified
from reseen.web.access.sessions import Session, begin
from reseen.web.service import Service


def by_password(service: Service, name: str, password: str, address: str) -> Session | None:
    """A session for who knows the password; None for anybody else, after the same time.
    `address`: where the request came from. Raises Conflict for too many refusals."""
    query = select(users).where(users.c.name == name.strip().lower())
    with service.store.read() as connection:
        row = connection.execute(query).first()
    known = row.password if row is not None and row.disabled_at is None else None
    right = verified(password, known)
    if row is None or not right:
        with service.store.write() as connection:
            audit.write(connection, "sign-in-refused", "*", actor="nobody", address=address)
        return None
    who = Who(row.pk, row.name, Role.of(row.role))
    renewed = hashed(password) if outdated(known or "") else None
    with service.store.write() as connection:
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
