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
from reseen.review.roles import Role, Who
from reseen.web.access.auth_middleware import session_of


@lru_cache
def signed_in(role: Role = Role.READER) -> Callable[[Request], Who]:
    """A dependency: the person, if the role suffices. Raises AccessError."""

    def needed(request: Request) -> Who:
        session = session_of(request)
        if session is None:
            raise AccessError("nobody is signed in", remedy="Sign in first.")
        session.who.must_be(role)
        return session.who

    return needed


Reader = Annotated[Who, Depends(signed_in(Role.READER))]
Reviewer = Annotated[Who, Depends(signed_in(Role.REVIEWER))]
Lead = Annotated[Who, Depends(signed_in(Role.LEAD))]
Administrator = Annotated[Who, Depends(signed_in(Role.ADMINISTRATOR))]

__all__ = ["Administrator", "Lead", "Reader", "Reviewer", "Role", "Who", "session_of", "signed_in"]
