"""Who somebody is, asked at the door: guessing is slowed down here, `operations.sign_in` knows."""

from __future__ import annotations

from reseen.operations import sign_in
from reseen.review.roles import Who
from reseen.review.sessions import Session
from reseen.web.service import Service


def by_password(service: Service, name: str, password: str, address: str) -> Session | None:
    """A session for who knows the password; None for anybody else, after the same time.
    `address`: where the request came from. Raises Conflict after too many refusals."""
    name = name.strip().lower()[:64]
    service.throttle.check(name, address)
    session = sign_in.by_password(service.store, name, password, address)
    if session is None:
        service.throttle.refused(name, address)
    else:
        service.throttle.succeeded(name, address)
    return session


def knows_password(service: Service, who: Who, password: str, address: str) -> bool:
    """Whether somebody signed in knows the password, too. Raises Conflict as above."""
    service.throttle.check(who.name, address)
    if sign_in.knows_password(service.store, who, password):
        return True
    service.throttle.refused(who.name, address)
    return False
