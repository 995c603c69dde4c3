"""Notifications: who is told, of what, what was told, what could not be; a test."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup

from reseen.operations import notifications
from reseen.review import mail
from reseen.web.access import Lead
from reseen.web.rendering import page
from reseen.web.service import Served
from reseen.web.speech import N_, Speech, speech_of

router = APIRouter()

SAID = {"test": N_("A test is on its way; below is what becomes of it.")}
ABOUT = {
    "cases": N_("new cases"),
    "scans": N_("scans that failed"),
    "clocks": N_("clocks of notices that ran out"),
    "notices": N_("notices of which a file came back"),
}
"""What is told, by its name in the settings."""


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
        about=ABOUT,
        host=urlsplit(told.webhook or "").hostname or "",
        can_mail=mail.can_send(service.settings),
        every=int(told.every.total_seconds()),
        jobs=jobs,
        words=partial(_told, speech_of(request)),
    )


@router.post("/notifications/test")
def send_test(service: Served, who: Lead) -> Response:
    notifications.send_test(service.store, service.settings, who)
    return RedirectResponse("/notifications?done=test", status_code=303)


def _told(speech: Speech, what: Mapping[str, Any]) -> str:
    """What a notification told, each with how many: "3 new cases, 1 scan that failed"."""
    counts = what.get("counts", {})
    cases, scans, clocks, notices = (int(counts.get(name, 0)) for name in ABOUT)
    parts = (
        (cases, speech.ngettext(
            "%(number)s new case", "%(number)s new cases", cases, number=speech.number(cases)
        )),
        (scans, speech.ngettext(
            "%(number)s scan that failed", "%(number)s scans that failed", scans,
            number=speech.number(scans),
        )),
        (clocks, speech.ngettext(
            "%(number)s clock of a notice that ran out",
            "%(number)s clocks of notices that ran out", clocks, number=speech.number(clocks),
        )),
        (notices, speech.ngettext(
            "%(number)s notice of which a file came back",
            "%(number)s notices of which a file came back", notices,
            number=speech.number(notices),
        )),
    )  # fmt: skip
    return Markup(", ").join(words for count, words in parts if count)
