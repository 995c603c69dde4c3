"""Notices: drafted from what was confirmed, taken away or sent by a person, followed by clocks."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.errors import InputError
from reseen.operations import notices as acts
from reseen.review import (
    clauses,
    confirmed,
    corrections,
    mail,
    notice_read,
    notice_states,
    notice_text,
    notice_write,
)
from reseen.review.notice_states import NoticeState, NoticeStep
from reseen.review.roles import Role
from reseen.store.database import now
from reseen.web import form_values
from reseen.web.access import Lead, Reader, Reviewer, signed_in
from reseen.web.rendering import attached, page
from reseen.web.service import Served

router = APIRouter()

SAID = {
    "drafted": "Draft saved. Nothing has been sent.",
    "clause": "The text is kept.",
    "sent": "Noted as sent. The clock runs.",
    "mailed": "The mail server took it. The clock runs.",
    "acknowledged": "Noted: the host has it.",
    "refused": "Noted: the host refuses.",
    "gone": "Noted: it is gone. Rechecks go on watching it.",
    "re-seen": "Noted: it is there again.",
    "undone": "The last step is taken back.",
    "corrected": "Noted: the host was told what is not so.",
    "corrected-by-mail": "The mail server took the correction. It stands as told.",
    "recheck": "A recheck is queued; this page knows more when it is done.",
}
MEANS = {
    NoticeState.DRAFTED: "Being put together. Nothing has been sent.",
    NoticeState.SENT: "The host has it from us.",
    NoticeState.ACKNOWLEDGED: "The host says that it has it.",
    NoticeState.GONE: "Nothing of it stands there any more.",
    NoticeState.REFUSED: "The host says no.",
    NoticeState.RESEEN: "It was gone, and is there again.",
}
_A_PAGE = 100
_MOST_SHOWN = 500
"""Files on a notice's page; its text has them all."""
_STEPS = (
    ("sent", NoticeState.SENT),
    ("acknowledged", NoticeState.ACKNOWLEDGED),
    ("refused", NoticeState.REFUSED),
    ("gone", NoticeState.GONE),
    ("re-seen", NoticeState.RESEEN),
)

Version = Annotated[str, Form(max_length=20)]
Note = Annotated[str, Form(max_length=20_000)]
Hours = Annotated[str, Form(max_length=10)]


@router.get("/notices")
def show(
    request: Request, service: Served, who: Reader, state: str = "", after: str = ""
) -> Response:
    wanted = _state_of(state) if state else None
    skip = min(form_values.number(after, "the page") or 0, 1_000_000)
    at = now()
    with service.store.read() as connection:
        found = notice_read.every(
            connection, states=[wanted] if wanted else None, most=_A_PAGE + 1, skip=skip
        )
        numbers = notice_read.numbers(connection)
        waiting = confirmed.waiting(connection) if not skip else []
        wrong = corrections.due(connection) if not skip else []
    return page(
        request,
        "notices.html",
        who,
        said=SAID,
        lines=found[:_A_PAGE],
        more=skip + _A_PAGE if len(found) > _A_PAGE else None,
        state=wanted,
        numbers=numbers,
        waiting=waiting,
        corrections=wrong,
        at=at,
        may_draft=who.role >= Role.REVIEWER,
        place=_place,
    )


@router.post("/notices")
def draft(
    service: Served,
    who: Reviewer,
    hub: Annotated[str, Form(max_length=300)] = "",
    account: Annotated[str, Form(max_length=300)] = "",
    place: Annotated[str, Form(max_length=3000)] = "",
    hours: Hours = "",
) -> Response:
    """`place`: hub and account, percent-encoded and with a slash between them: a browser changes
    line ends in fields, and a foreign name can hold some."""
    if place:
        hub, account = (unquote(part) for part in place.split("/", 1)) if "/" in place else ("", "")
    if not (hub and account) or "\0" in hub + account:
        raise InputError("a notice is to one hub about one account", remedy="Name both.")
    id = acts.draft(service.store, hub, account, who, hours=form_values.number(hours, "the clock"))
    return _back(id, "drafted")


@router.get("/notices/{id}")
def one(request: Request, id: str, service: Served, who: Reader) -> Response:
    # Those who read only see that something was written, not what: it can hold a name.
    writes = who.role >= Role.REVIEWER
    with service.store.read() as connection:
        shown = notice_read.by_id(connection, service.keyring if writes else None, id)
        more = len(confirmed.to_add(connection, shown.hub, shown.account))
        wrong = corrections.of_notice(connection, None, id)
    left = [step for step in shown.steps if step.how not in (notice_read.UNDO, *notice_read.ASIDE)]
    ready = bool(shown.there) and shown.clause is not None
    return page(
        request,
        "notice.html",
        who,
        said=SAID,
        notice=shown,
        means=MEANS[shown.state],
        text=notice_text.as_text(shown) if ready and len(shown.items) <= _MOST_SHOWN else None,
        ready=ready,
        most_shown=_MOST_SHOWN,
        how_we_know=notice_text.how_we_know,
        wrong=wrong,
        correction=None if wrong is None else notice_text.correction_text(wrong),
        may_correct=who.role >= Role.LEAD,
        more=more,
        at=now(),
        changeable=shown.state in notice_states.CHANGEABLE,
        next_steps=[
            (route, state, notice_states.HOURS[state])
            for route, state in _STEPS
            if state in notice_states.MAY_FOLLOW[shown.state]
            and who.role >= notice_write.needs(state)
        ],
        ways=sorted(notice_write.BY_HAND),
        may_write=writes,
        may_send=who.role >= Role.LEAD and mail.can_send(service.settings),
        can_undo=writes and bool(left),
        sealed_notes=service.keyring is not None,
        longest_clause=clauses.LONGEST,
        place=_place(shown.hub, shown.account),
    )


@router.get("/notices/{id}/text")
def text(id: str, service: Served, who: Reviewer) -> Response:
    """Taking it away is an export: written to the audit log."""
    taken = acts.take_away(service.store, service.keyring, id, "text", who)
    return _file(notice_text.as_text(taken), "text/plain; charset=utf-8", f"{taken.id}.txt")


@router.get("/notices/{id}/json")
def json(id: str, service: Served, who: Reviewer) -> Response:
    taken = acts.take_away(service.store, service.keyring, id, "json", who)
    return _file(notice_text.as_json(taken), "application/json", f"{taken.id}.json")


@router.get("/notices/{id}/correction")
def correction(id: str, service: Served, who: Reviewer) -> Response:
    """The text that tells the host what is not so; taking it away is written to the audit log."""
    taken = acts.take_correction(service.store, service.keyring, id, "text", who)
    name = f"{taken.notice.id}-correction.txt"
    return _file(notice_text.correction_text(taken), "text/plain; charset=utf-8", name)


@router.get("/notices/{id}/correction/json")
def correction_json(id: str, service: Served, who: Reviewer) -> Response:
    """The same for machines, and recorded as well."""
    taken = acts.take_correction(service.store, service.keyring, id, "json", who)
    name = f"{taken.notice.id}-correction.json"
    return _file(notice_text.correction_json(taken), "application/json", name)


@router.post("/notices/{id}/correction/send")
def send_correction(
    id: str,
    service: Served,
    who: Lead,
    to: Annotated[str, Form(max_length=400)] = "",
    version: Version = "",
) -> Response:
    """Hand it to the mail server; it stands as told when that took it."""
    seen = form_values.number(version, "the version")
    acts.send_correction(service.store, service.keyring, service.settings, id, to, who, seen)
    return _back(id, "corrected-by-mail")


@router.post("/notices/{id}/corrected")
def corrected(
    id: str, service: Served, who: Lead, version: Version = "", note: Note = ""
) -> Response:
    """A person sent the correction to the host."""
    seen = form_values.number(version, "the version")
    acts.corrected(service.store, service.keyring, id, who, seen, note)
    return _back(id, "corrected")


@router.post("/notices/{id}/clause")
def clause(
    id: str,
    service: Served,
    who: Reviewer,
    version: Version = "",
    clause: Annotated[str, Form(max_length=20_000)] = "",
) -> Response:
    seen = form_values.number(version, "the version")
    acts.set_clause(service.store, service.keyring, id, clause, who, seen)
    return _back(id, "clause")


@router.post("/notices/{id}/send")
def send(
    id: str,
    service: Served,
    who: Lead,
    to: Annotated[str, Form(max_length=400)] = "",
    version: Version = "",
    hours: Hours = "",
) -> Response:
    made = NoticeStep(
        NoticeState.SENT,
        version=form_values.number(version, "the version"),
        hours=form_values.number(hours, "the clock"),
    )
    acts.send(service.store, service.keyring, service.settings, id, to, who, made)
    return _back(id, "mailed")


@router.post("/notices/{id}/recheck")
def recheck(id: str, service: Served, who: Reviewer) -> Response:
    acts.recheck(service.store, id, who)
    return _back(id, "recheck")


@router.post("/notices/{id}/undo")
def undo(
    id: str, service: Served, who: Reviewer, version: Version = "", note: Note = ""
) -> Response:
    seen = form_values.number(version, "the version")
    acts.undo(service.store, service.keyring, id, who, seen, note)
    return _back(id, "undone")


def _stepped(route: str, state: NoticeState) -> None:
    """The route of one step."""

    def handle(
        id: str,
        service: Served,
        who: Reviewer,
        version: Version = "",
        how: Annotated[str, Form(max_length=20)] = "",
        note: Note = "",
        hours: Hours = "",
    ) -> Response:
        made = NoticeStep(
            state,
            version=form_values.number(version, "the version"),
            how=how or None,
            note=note,
            hours=form_values.number(hours, "the clock"),
        )
        acts.step(service.store, service.keyring, id, who, made)
        return _back(id, state.value)

    router.add_api_route(
        f"/notices/{{id}}/{route}",
        handle,
        methods=["POST"],
        response_model=None,
        name=f"notice {route}",
        dependencies=[Depends(signed_in(notice_write.needs(state)))],
    )


for _route, _state in _STEPS:
    _stepped(_route, _state)


def _place(hub: str, account: str) -> str:
    return f"{quote(hub, safe='')}/{quote(account, safe='')}"


def _back(id: str, done: str) -> Response:
    return RedirectResponse(f"/notices/{quote(id, safe='')}?done={done}", status_code=303)


def _file(content: str, kind: str, name: str) -> Response:
    return Response(content, media_type=kind, headers=attached(name))


def _state_of(given: str) -> NoticeState:
    try:
        return NoticeState(given)
    except ValueError:
        raise InputError("there is no such state of a notice") from None
