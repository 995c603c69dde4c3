"""The second factor: given at the door and given again, set up and taken away."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.errors import AccessError, ReseenError
from reseen.operations import second_factor as acts
from reseen.operations.sign_in import second_step
from reseen.review import app_codes, second_factors, users
from reseen.review.second_factors import Proof
from reseen.review.sessions import Session
from reseen.web.access import Holder, auth_middleware, session_of
from reseen.web.access.browser import caller_of, party_of
from reseen.web.forms import UNSENT, SentForm
from reseen.web.pages.sign_in import let_in
from reseen.web.rendering import page
from reseen.web.service import Served
from reseen.web.speech import N_

router = APIRouter()

Typed = Annotated[str, Form(max_length=200)]
Answered = Annotated[str, Form(max_length=20_000)]
SAID = {
    "added": N_("Your second factor is set up. It is asked for at the next sign-in."),
    "removed": N_("It is removed, and opens nothing any more."),
    "confirmed": N_("Thank you: it is you."),
}
NO_FIT = AccessError("this does not fit", remedy="Try the next code, or another way.")
NO_PASSWORD = AccessError("this is not your password", remedy="Type it again.")


# -- at the door ---------------------------------------------------------------------------------


@router.get("/sign-in/second")
def ask(request: Request, service: Served) -> Response:
    return _asked(request, service, UNSENT)


@router.post("/sign-in/second")
def end_sign_in(
    request: Request, service: Served, code: Typed = "", key: Answered = ""
) -> Response:
    """The second factor of who has given the password in this browser."""
    caller = caller_of(request)
    proof = Proof(code, key, second_step(caller.held), party_of(request))
    try:
        done = acts.end_sign_in(service.store, service.keyring, caller, proof)
    except ReseenError as error:
        return _asked(request, service, SentForm({}, {"": error}))
    if done is None:
        return _asked(request, service, SentForm({}, {"": NO_FIT}))
    signed_in, to = done
    return let_in(service, signed_in, auth_middleware.local_path(to))


def _asked(request: Request, service: Served, form: SentForm) -> Response:
    party = party_of(request)
    ways = acts.ways_in(service.store, request.state.held, party)
    if session_of(request) is not None or ways is None:
        return RedirectResponse(auth_middleware.SIGN_IN, status_code=303)
    return page(
        request,
        "second_factor.html",
        None,
        status=form.status,
        form=form,
        ways=ways,
        to="/sign-in/second",
        next="",
    )


# -- again ---------------------------------------------------------------------------------------


@router.get("/me/second-factor/confirm")
def ask_again(request: Request, service: Served, session: Holder, next: str = "") -> Response:
    return _asked_again(request, service, session, next, UNSENT)


@router.post("/me/second-factor/confirm")
def confirm(
    request: Request,
    service: Served,
    session: Holder,
    next: Annotated[str, Form(max_length=2000)] = "",
    code: Typed = "",
    key: Answered = "",
    password: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Who holds the session proves again who they are."""
    proof = Proof(code, key, f"again {session.token}", party_of(request))
    try:
        right = acts.confirm(service.store, service.keyring, session, proof, password)
        no_fit = NO_FIT if session.has_factor else NO_PASSWORD
        wrong: ReseenError | None = None if right else no_fit
    except ReseenError as error:
        wrong = error
    if wrong is not None:
        return _asked_again(request, service, session, next, SentForm({}, {"": wrong}))
    return RedirectResponse(auth_middleware.local_path(next or "/me"), status_code=303)


def _asked_again(
    request: Request, service: Served, session: Session, next: str, form: SentForm
) -> Response:
    bound, party = f"again {session.token}", party_of(request)
    ways = acts.ways(service.store, session.who.pk, bound, party) if session.has_factor else None
    return page(
        request,
        "second_factor.html",
        session.who,
        status=form.status,
        form=form,
        ways=ways,
        to="/me/second-factor/confirm",
        next=auth_middleware.local_path(next or "/me/second-factor"),
    )


# -- one's own -----------------------------------------------------------------------------------


@router.get("/me/second-factor")
def show(request: Request, service: Served, session: Holder) -> Response:
    return _own(request, service, session, UNSENT)


@router.post("/me/second-factor/app")
def begin_app(service: Served, session: Holder) -> Response:
    acts.begin_app(service.store, service.keyring, session)
    return RedirectResponse("/me/second-factor/app", status_code=303)


@router.get("/me/second-factor/app")
def show_app(request: Request, service: Served, session: Holder) -> Response:
    return _app(request, service, session, UNSENT)


@router.post("/me/second-factor/app/confirm")
def end_app(request: Request, service: Served, session: Holder, code: Typed = "") -> Response:
    try:
        codes = acts.end_app(service.store, service.keyring, session, code)
    except ReseenError as error:
        return _app(request, service, session, SentForm({}, {"code": error}))
    return _added(request, service, session, codes)


@router.post("/me/second-factor/key")
def add_key(request: Request, service: Served, session: Holder, key: Answered = "") -> Response:
    """A security key, as this browser made it."""
    try:
        codes = acts.add_key(service.store, session, party_of(request), key)
    except ReseenError as error:
        return _own(request, service, session, SentForm({}, {"": error}))
    return _added(request, service, session, codes)


@router.post("/me/second-factor/codes")
def new_codes(request: Request, service: Served, session: Holder) -> Response:
    """The one answer that shows them."""
    return _own(request, service, session, UNSENT, acts.new_codes(service.store, session))


@router.post("/me/second-factor/{pk}/remove")
def remove(pk: int, service: Served, session: Holder) -> Response:
    acts.remove(service.store, session, pk)
    return RedirectResponse("/me/second-factor?done=removed", status_code=303)


def _added(request: Request, service: Served, session: Session, codes: list[str]) -> Response:
    if codes:
        return _own(request, service, session, UNSENT, codes)
    return RedirectResponse("/me/second-factor?done=added", status_code=303)


def _app(request: Request, service: Served, session: Session, form: SentForm) -> Response:
    secret = acts.secret_begun(service.store, service.keyring, session)
    if secret is None:
        return RedirectResponse("/me/second-factor", status_code=303)
    address = app_codes.address(secret, session.who.name)
    return page(
        request,
        "app_code.html",
        session.who,
        status=form.status,
        form=form,
        picture=app_codes.picture(address),
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
    )


def _own(
    request: Request,
    service: Served,
    session: Session,
    form: SentForm,
    codes: list[str] | None = None,
) -> Response:
    party = party_of(request)
    with service.store.read() as connection:
        user = users.by_pk(connection, session.who.pk)
        factors = second_factors.of_user(connection, user.pk)
        left = second_factors.codes_left(connection, user.pk)
        needed = user.role in second_factors.required(connection)
    fresh = session.fresh()
    options = None
    if fresh and party is not None and user.has_password:
        options = acts.options_to_add(service.store, session, party)
    return page(
        request,
        "own_factors.html",
        session.who,
        status=form.status,
        said=SAID,
        form=form,
        user=user,
        factors=factors,
        left=left,
        needed=needed,
        fresh=fresh,
        options=options,
        codes=codes,
    )
