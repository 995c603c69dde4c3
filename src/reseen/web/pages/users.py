"""Administrators: who may sign in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.errors import InputError
from reseen.operations import invitations as inviting
from reseen.operations import second_factor
from reseen.operations import users as acts
from reseen.operations.invitations import Invited
from reseen.review import second_factors, users
from reseen.review.invitations import open_ones
from reseen.review.passwords import check as check_password
from reseen.web.access import Administrator, ProvedLately, Role
from reseen.web.access.auth_middleware import to_prove
from reseen.web.form_values import OF_LINES
from reseen.web.forms import UNSENT, SentForm
from reseen.web.rendering import page
from reseen.web.service import Served
from reseen.web.speech import N_
from reseen.web.typed_lines import read_each

router = APIRouter(dependencies=[ProvedLately])

MOST_INVITED = 50
"""People of one form."""

SAID = {
    "required": N_("It holds from the next request on."),
    "added": N_("The user may sign in."),
    "role": N_("The role holds from the next request on."),
    "disabled": N_("The user is disabled, and signed out everywhere."),
    "enabled": N_("The user may sign in again."),
    "password": N_("The password is changed, and the user signed out everywhere."),
}


@router.get("/users")
def show(request: Request, service: Served, who: Administrator) -> Response:
    return to_prove(request) or _shown(request, service, who)


def _shown(
    request: Request,
    service: Served,
    who: Administrator,
    *,
    invited: Sequence[Invited] = (),
    form: SentForm = UNSENT,
) -> Response:
    """`invited`: whose links are shown, this once."""
    with service.store.read() as connection:
        everybody = users.every(connection)
        invitations = open_ones(connection)
        required = second_factors.required(connection)
    return page(
        request,
        "users.html",
        who,
        status=form.status,
        said=SAID,
        users=everybody,
        invitations=invitations,
        roles=list(Role),
        required=required,
        links=links_of(request, service, invited),
        form=form,
    )


def links_of(
    request: Request, service: Served, invited: Sequence[Invited]
) -> list[tuple[Invited, str]]:
    """Each with the address that lets them in."""
    base = (service.settings.url or str(request.base_url)).rstrip("/")
    return [(one, f"{base}/join/{one.token}") for one in invited]


@router.post("/users/invite")
def invite(
    request: Request,
    service: Served,
    who: Administrator,
    names: Annotated[str, Form(max_length=5_000), OF_LINES] = "",
    role: Annotated[str, Form(max_length=20)] = Role.REVIEWER.label,
) -> Response:
    """The one answer that shows the links: not a redirect, since they are kept nowhere."""
    form = SentForm({"names": names, "role": role})
    invited: list[Invited] = form.take(
        "names",
        lambda: inviting.invite(service.store, people_named(names), users.role_of(role), who),
        [],
    )
    # What was done is typed no more: sent again, it would take the links just made out of use.
    return _shown(request, service, who, invited=invited, form=form if form.wrong else UNSENT)


def people_named(names: str) -> list[str]:
    """Several, one a line or with commas, as they are kept. Raises InputError."""
    remedy = "Invite them in parts."
    given = read_each(names, users.normal_name, most=MOST_INVITED, remedy=remedy)
    if not given:
        raise InputError("nobody was named", remedy="Write one name a line.")
    return given


@router.post("/users/{pk}/invite")
def renew(request: Request, service: Served, who: Administrator, pk: int) -> Response:
    """A new link, shown this once."""
    invited = inviting.renew(service.store, pk, who)
    return _shown(request, service, who, invited=[invited])


@router.post("/users")
def add(
    request: Request,
    service: Served,
    who: Administrator,
    name: Annotated[str, Form(max_length=200)] = "",
    role: Annotated[str, Form(max_length=20)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    form = SentForm({"name": name, "added-role": role})
    plain = form.take("name", lambda: users.normal_name(name), "")
    form.take("password", lambda: check_password(password, plain or "-"), None)
    given = form.take("added-role", lambda: users.role_of(role), Role.READER)
    if not form.wrong:
        form.take("name", lambda: acts.add(service.store, plain, given, password, who), None)
    if form.wrong:
        return _shown(request, service, who, form=form)
    return RedirectResponse("/users?done=added", status_code=303)


@router.post("/users/second-factor")
def require(
    service: Served,
    who: Administrator,
    roles: Annotated[list[str], Form(max_length=20)] = [],  # noqa: B006  never changed
) -> Response:
    """Which roles' local accounts need a second factor."""
    second_factor.require(service.store, [users.role_of(role) for role in roles], who)
    return RedirectResponse("/users?done=required", status_code=303)


@router.post("/users/{pk}/role")
def change_role(
    pk: int, service: Served, who: Administrator, role: Annotated[str, Form(max_length=20)]
) -> Response:
    acts.set_role(service.store, pk, users.role_of(role), who)
    return RedirectResponse("/users?done=role", status_code=303)


@router.post("/users/{pk}/disable")
def disable(pk: int, service: Served, who: Administrator) -> Response:
    acts.disable(service.store, pk, who)
    return RedirectResponse("/users?done=disabled", status_code=303)


@router.post("/users/{pk}/enable")
def enable(pk: int, service: Served, who: Administrator) -> Response:
    acts.enable(service.store, pk, who)
    return RedirectResponse("/users?done=enabled", status_code=303)


@router.post("/users/{pk}/password")
def set_password(
    request: Request,
    pk: int,
    service: Served,
    who: Administrator,
    password: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    with service.store.read() as connection:
        users.by_pk(connection, pk)
    form = SentForm()
    field = f"password-{pk}"
    form.take(field, lambda: acts.set_password(service.store, pk, password, who), None)
    if form.wrong:
        return _shown(request, service, who, form=form)
    return RedirectResponse("/users?done=password", status_code=303)
