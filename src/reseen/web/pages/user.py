"""Administrators: one user, where they are signed in, and their second factor."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from reseen.operations import second_factor
from reseen.operations import sessions as acts
from reseen.review import second_factors, sessions, users
from reseen.web.access import Administrator, ProvedLately
from reseen.web.access.auth_middleware import to_prove
from reseen.web.rendering import page
from reseen.web.service import Served
from reseen.web.speech import N_

router = APIRouter(dependencies=[ProvedLately])

SAID = {
    "ended": N_("All sessions of this user have ended."),
    "reset": N_("The second factor is reset, and the user signed out everywhere."),
}


@router.get("/users/{pk}")
def show(pk: int, request: Request, service: Served, who: Administrator) -> Response:
    if (first := to_prove(request)) is not None:
        return first
    with service.store.read() as connection:
        user = users.by_pk(connection, pk)
        open_sessions = sessions.open_of(connection, pk)
        factors = second_factors.of_user(connection, pk)
    return page(
        request,
        "user.html",
        who,
        said=SAID,
        user=user,
        sessions=open_sessions,
        factors=factors,
    )


@router.post("/users/{pk}/sessions/end")
def end_sessions(pk: int, service: Served, who: Administrator) -> Response:
    """Signed out everywhere, and may sign in again."""
    acts.end_of(service.store, pk, who)
    return RedirectResponse(f"/users/{pk}?done=ended", status_code=303)


@router.post("/users/{pk}/second-factor/reset")
def reset(pk: int, service: Served, who: Administrator) -> Response:
    """Somebody lost theirs: the password alone lets them in, once."""
    second_factor.reset(service.store, pk, who)
    return RedirectResponse(f"/users/{pk}?done=reset", status_code=303)
