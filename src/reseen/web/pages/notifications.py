"""Notifications: who is told, of what, what was told, what could not be; a test."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from reseen.operations import notifications
from reseen.review import mail
from reseen.web.access import Lead
from reseen.web.rendering import page
from reseen.web.service import Served

router = APIRouter()

SAID = {"test": "A test is on its way; below is what becomes of it."}


@router.get("/notifications")
def show(request: Request, service: Served, who: Lead) -> Response:
    told = service.settings.notify
    with service.store.read() as connection:
        jobs = notifications.last_of(connection)
    return page(
        request,
        "notifications.html",
        who,
        said=SAID,
        told=told,
        about=[notifications.WORDS[word][1] for word in told.about],
        host=urlsplit(told.webhook or "").hostname or "",
        can_mail=mail.can_send(service.settings),
        every=int(told.every.total_seconds()),
        jobs=jobs,
        words=notifications.said,
    )


@router.post("/notifications/test")
def send_test(service: Served, who: Lead) -> Response:
    notifications.send_test(service.store, service.settings, who)
    return RedirectResponse("/notifications?done=test", status_code=303)
