"""Everybody: who one is here, another password, and where one is signed in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.errors import InputError
from reseen.operations import sessions as acts
from reseen.operations import sign_in
from reseen.operations.sign_in import SignedIn
from reseen.review import second_factors, sessions, users
from reseen.review.roles import Role
from reseen.review.sessions import Session
from reseen.web import languages
from reseen.web.access import Holder, ProvedLately, auth_middleware
from reseen.web.access.browser import caller_of
from reseen.web.forms import UNSENT, SentForm
from reseen.web.pages.sign_in import let_in
from reseen.web.rendering import page
from reseen.web.service import Served
from reseen.web.speech import N_

router = APIRouter()

Password = Annotated[str, Form(max_length=1000)]
SAID = {
    "password": N_("Your password is changed. You were signed out everywhere else."),
    "ended": N_("That session has ended."),
    "ended-others": N_("All your other sessions have ended."),
    "language": N_("The language of the pages is chosen."),
}
MAY = {
    Role.READER: N_("Sees the queue, cases, notices and scans; every name is sealed."),
    Role.REVIEWER: N_("Claims and decides cases, comments, reveals names, drafts notices."),
    Role.LEAD: N_(
        "Takes claims over, decides for a whole account, sends notices, imports lists, "
        "withdraws and restores removals, starts scans, reads the audit log."
    ),
    Role.ADMINISTRATOR: N_("Users, keys of the gate and its policy; exports the audit log."),
}


@router.get("/me")
def show(request: Request, service: Served, session: Holder) -> Response:
    return _shown(request, service, session, UNSENT)


def _shown(request: Request, service: Served, session: Session, form: SentForm) -> Response:
    who = session.who
    with service.store.read() as connection:
        user = users.by_pk(connection, who.pk)
        open_sessions = sessions.open_of(connection, who.pk)
        factors = second_factors.of_user(connection, who.pk)
    return page(
        request,
        "me.html",
        who,
        status=form.status,
        said=SAID,
        form=form,
        user=user,
        factors=factors,
        fresh=session.fresh(),
        may=MAY,
        sessions=open_sessions,
        own=sessions.id_of(session),
        languages=languages.LANGUAGES.values(),
        chosen=languages.chosen(request),
    )


@router.post("/me/language")
def choose_language(
    service: Served, session: Holder, language: Annotated[str, Form(max_length=20)] = ""
) -> Response:
    """The language of the pages in this browser; none: as the browser asks."""
    if language and language not in languages.LANGUAGES:
        raise InputError("there are no pages in this language", remedy="Choose one of the list.")
    response = RedirectResponse("/me?done=language", status_code=303)
    cookie = languages.choice_cookie(service)
    if language:
        lasts = languages.CHOICE_LASTS
        auth_middleware.set_cookie(service, response, cookie, language, lasts)
    else:
        auth_middleware.drop_cookie(service, response, cookie)
    return response


@router.post("/me/password", dependencies=[ProvedLately])
def change(
    request: Request,
    service: Served,
    session: Holder,
    now: Password = "",
    password: Password = "",
    again: Password = "",
) -> Response:
    """A new password; the other sessions end, this one begins anew."""
    form = SentForm()
    form.take("now", lambda: _must_know(service, session, now), None)
    form.take("again", lambda: _same(password, again), None)
    changed: SignedIn | None = None
    if not form.wrong:
        caller = caller_of(request)
        changed = form.take(
            "password", lambda: sign_in.new_password(service.store, session, password, caller), None
        )
    if changed is None:
        return _shown(request, service, session, form)
    return let_in(service, changed, "/me?done=password")


def _must_know(service: Served, session: Session, password: str) -> None:
    """Raises InputError; Conflict after too many refusals."""
    if not sign_in.knows_password(service.store, session, password):
        raise InputError("this is not your password of now", remedy="Type it again.")


def _same(password: str, again: str) -> None:
    if password != again:
        raise InputError("the two new passwords differ", remedy="Type them again.")


@router.post("/me/sessions/end")
def end_others(service: Served, session: Holder) -> Response:
    """Only the session that asks goes on."""
    acts.end_others(service.store, session)
    return RedirectResponse("/me?done=ended-others", status_code=303)


@router.post("/me/sessions/{id}/end")
def end_one(id: str, service: Served, session: Holder) -> Response:
    acts.end_own(service.store, session, id)
    return RedirectResponse("/me?done=ended", status_code=303)
