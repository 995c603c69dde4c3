"""Who may come in: users and their passwords, sessions, forms that only our pages send.

A handler says what role it needs, `who: Reviewer` (or Reader, Lead, Administrator), and gets `Who`.
Nobody signed in, or too low a role, is an `AccessError`: `problems` sends to the sign-in page, or
says so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated

from fastapi import Depends, Request

from reseen.errors import AccessError
from reseen.review import sessions
from reseen.review.roles import Role, Who
from reseen.review.sessions import Session
from reseen.web.access.auth_middleware import session_of
from reseen.web.access.csrf import SAFE


@lru_cache
def signed_in(role: Role = Role.READER) -> Callable[[Request], Who]:
    """A dependency: the person, if the role suffices. Raises AccessError."""

    def needed(request: Request) -> Who:
        session = holder(request)
        session.who.must_be(role)
        return session.who

    return needed


def holder(request: Request) -> Session:
    """A dependency: the session of whoever is signed in. Raises AccessError."""
    session = session_of(request)
    if session is None:
        raise AccessError("nobody is signed in", remedy="Sign in first.")
    return session


def proved_lately(request: Request) -> None:
    """A dependency of what matters most: who has a second factor has given it lately. Raises
    AccessError. What is only looked at passes."""
    session = session_of(request)
    if request.method not in SAFE and session is not None and session.has_factor:
        sessions.must_be_fresh(session)


ProvedLately = Depends(proved_lately)
Holder = Annotated[Session, Depends(holder)]
"""As `Reader`, with the session itself."""
Reader = Annotated[Who, Depends(signed_in(Role.READER))]
Reviewer = Annotated[Who, Depends(signed_in(Role.REVIEWER))]
Lead = Annotated[Who, Depends(signed_in(Role.LEAD))]
Administrator = Annotated[Who, Depends(signed_in(Role.ADMINISTRATOR))]

__all__ = [
    "Administrator",
    "Holder",
    "Lead",
    "ProvedLately",
    "Reader",
    "Reviewer",
    "Role",
    "Who",
    "proved_lately",
    "session_of",
    "signed_in",
]
