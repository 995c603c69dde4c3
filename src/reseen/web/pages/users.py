"""Administrators: who may sign in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.operations import users as acts
from reseen.review import users
from reseen.web.access import Administrator, Role
from reseen.web.rendering import page
from reseen.web.service import Served

router = APIRouter()

SAID = {
    "added": "The user may sign in.",
    "role": "The role holds from the next request on.",
    "disabled": "The user is disabled, and signed out everywhere.",
    "enabled": "The user may sign in again.",
    "password": "The password is changed, and the user signed out everywhere.",
}


@router.get("/users")
def show(request: Request, service: Served, who: Administrator) -> Response:
    with service.store.read() as connection:
        everybody = users.every(connection)
    return page(request, "users.html", who, said=SAID, users=everybody, roles=list(Role))


@router.post("/users")
def add(
    service: Served,
    who: Administrator,
    name: Annotated[str, Form(max_length=200)],
    role: Annotated[str, Form(max_length=20)],
    password: Annotated[str, Form(max_length=1000)],
) -> Response:
    acts.add(service.store, name, users.role_of(role), password, who)
    return RedirectResponse("/users?done=added", status_code=303)


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
    pk: int, service: Served, who: Administrator, password: Annotated[str, Form(max_length=1000)]
) -> Response:
    acts.set_password(service.store, pk, password, who)
    return RedirectResponse("/users?done=password", status_code=303)
