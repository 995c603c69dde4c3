"""Notices: drafted from what was confirmed, taken away or sent by a person, followed by clocks."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from reseen.errors import InputError
from reseen.operations import notices as acts
from reseen.report import pdf
from reseen.review import (
    clauses,
    confirmed,
    correction_text,
    corrections,
    letters,
    mail,
    notice_read,
    notice_states,
    notice_text,
    notice_write,
)
from reseen.review.letter_head import Letterhead, lacks
from reseen.review.notice_items import how_we_know
from reseen.review.notice_states import NoticeState, NoticeStep
from reseen.review.roles import Role, Who
from reseen.store.database import now
from reseen.web import form_values
from reseen.web.access import Reader, Reviewer, signed_in
from reseen.web.form_values import OF_LINES, Text
from reseen.web.forms import UNSENT, SentForm
from reseen.web.rendering import page
from reseen.web.service import Served, Service
from reseen.web.speech import N_

router = APIRouter()

SAID = {
    "drafted": N_("Draft saved. Nothing has been sent."),
    "clause": N_("The text is kept."),
    "sent": N_("Noted as sent. The clock runs."),
    "mailed": N_("The mail server took it. The clock runs."),
    "acknowledged": N_("Noted: the host has it."),
    "refused": N_("Noted: the host refuses."),
    "gone": N_("Noted: it is gone. Rechecks go on watching it."),
    "re-seen": N_("Noted: it is there again."),
    "undone": N_("The last step is taken back."),
    "corrected": N_("Noted: the host was told what is not so."),
    "corrected-by-mail": N_("The mail server took the correction. It stands as told."),
    "withdrawn": N_("Noted: the notice is withdrawn, and the host was told."),
    "withdrawn-by-mail": N_("The mail server took the withdrawal. The notice is withdrawn."),
    "discarded": N_("The draft is discarded. What was confirmed stays confirmed."),
    "recheck": N_("A recheck is queued; this page knows more when it is done."),
}
MEANS = {
    NoticeState.DRAFTED: N_("Being put together. Nothing has been sent."),
    NoticeState.SENT: N_("The host has it from us."),
    NoticeState.ACKNOWLEDGED: N_("The host says that it has it."),
    NoticeState.GONE: N_("Nothing of it stands there any more."),
    NoticeState.REFUSED: N_("The host says no."),
    NoticeState.RESEEN: N_("It was gone, and is there again."),
    NoticeState.WITHDRAWN: N_("We took it back. Nothing is asked of the host."),
}
EMPTY = N_("This draft was discarded: it holds nothing, and nothing of it was sent.")
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
Hours = Annotated[str, Form(max_length=10)]


class StepForm(BaseModel):
    """What a person says of a step; `other`: what was sent, where that was not our text."""

    version: str = Field("", max_length=20)
    how: str = Field("", max_length=20)
    note: Annotated[str, OF_LINES] = Field("", max_length=20_000)
    hours: str = Field("", max_length=10)
    other: Annotated[str, OF_LINES] = Field("", max_length=400_000)


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
        sender=service.settings.sender,
        may_draft=who.role >= Role.REVIEWER,
        place=place_of,
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
    return back(id, "drafted")


@router.get("/notices/sender")
def sender(request: Request, service: Served, who: Reader) -> Response:
    """Whose notices they are, as the settings say."""
    settings = service.settings
    sender = settings.sender
    return page(
        request,
        "sender.html",
        who,
        sender=sender,
        rows=(
            (N_("organisation"), sender.organisation, "RESEEN_SENDER_ORGANISATION"),
            (N_("contact"), sender.contact, "RESEEN_SENDER_CONTACT"),
            (N_("mail for answers"), sender.mail, "RESEEN_SENDER_MAIL"),
            (N_("postal address"), sender.address, "RESEEN_SENDER_ADDRESS"),
            (N_("mail is sent from"), settings.smtp_from or "", "RESEEN_SMTP_FROM"),
        ),
        by_mail=mail.can_send(settings),
    )


@router.get("/notices/{id}")
def one(request: Request, id: str, service: Served, who: Reader) -> Response:
    return notice_page(request, service, who, id)


def notice_page(
    request: Request, service: Service, who: Who, id: str, form: SentForm = UNSENT
) -> Response:
    """A notice's page. `form`: what was typed into one of its forms and could not be taken."""
    # Those who read only see that something was written, not what: it can hold a name.
    writes = who.role >= Role.REVIEWER
    head = Letterhead(service.settings.sender)
    with service.store.read() as connection:
        row = notice_read.own_row(connection, id)
        shown = notice_read.by_id(connection, service.keyring if writes else None, id)
        more = len(confirmed.to_add(connection, shown.hub, shown.account))
        wrong = corrections.of_notice(connection, None, id)
        kept = letters.every(connection, row.pk)
    left = any(step.counts for step in shown.steps)
    ready = bool(shown.there) and shown.clause is not None
    empty = shown.state is NoticeState.DRAFTED and not shown.items
    next_steps = [
        (route, state, notice_states.HOURS[state])
        for route, state in _STEPS
        if state in notice_states.MAY_FOLLOW[shown.state]
        and not empty
        and (ready or state is not NoticeState.SENT)
        and who.role >= notice_write.needs(state)
    ]
    takes_back = shown.sent_at is not None and (
        NoticeState.WITHDRAWN in notice_states.MAY_FOLLOW[shown.state]
    )
    return page(
        request,
        "notice.html",
        who,
        status=form.status,
        said=SAID,
        form=form,
        notice=shown,
        means=EMPTY if empty else MEANS[shown.state],
        text=notice_text.as_text(shown, head)
        if ready and len(shown.items) <= _MOST_SHOWN
        else None,
        lacks=lacks(shown, head.sender) if ready else (),
        ready=ready,
        most_shown=_MOST_SHOWN,
        how_we_know=how_we_know,
        letters=kept,
        wrong=wrong,
        correction=None if wrong is None else correction_text.as_text(wrong, head),
        may_correct=who.role >= Role.LEAD,
        may_withdraw=takes_back and who.role >= Role.LEAD and service.keyring is not None,
        may_discard=shown.state is NoticeState.DRAFTED and not empty and writes,
        more=more,
        at=now(),
        changeable=shown.state in notice_states.CHANGEABLE,
        next_steps=next_steps,
        ways=sorted(notice_write.BY_HAND),
        may_write=writes,
        may_send=who.role >= Role.LEAD and mail.can_send(service.settings),
        can_undo=writes and left and shown.state is not NoticeState.DRAFTED,
        pdf=pdf.available(),
        sealed_notes=service.keyring is not None,
        longest_clause=clauses.LONGEST,
        place=place_of(shown.hub, shown.account),
    )


@router.post("/notices/{id}/clause")
def clause(
    request: Request,
    id: str,
    service: Served,
    who: Reviewer,
    version: Version = "",
    clause: Text = "",
    ground: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    seen = form_values.number(version, "the version")
    form = SentForm({"clause": clause, "ground": ground})
    text = form.take("clause", lambda: clauses.checked(clause), "")
    if form.wrong:
        return notice_page(request, service, who, id, form)
    legal = ground == "law"
    # What names somebody is refused without being shown again.
    acts.set_clause(service.store, service.keyring, id, text, who, seen, legal=legal)
    return back(id, "clause")


@router.post("/notices/{id}/discard")
def discard(id: str, service: Served, who: Reviewer, version: Version = "") -> Response:
    seen = form_values.number(version, "the version")
    acts.discard(service.store, service.keyring, id, who, seen)
    return back(id, "discarded")


@router.post("/notices/{id}/recheck")
def recheck(id: str, service: Served, who: Reviewer) -> Response:
    acts.recheck(service.store, id, who)
    return back(id, "recheck")


@router.post("/notices/{id}/undo")
def undo(
    id: str, service: Served, who: Reviewer, version: Version = "", note: Text = ""
) -> Response:
    seen = form_values.number(version, "the version")
    acts.undo(service.store, service.keyring, id, who, seen, note)
    return back(id, "undone")


def _stepped(route: str, state: NoticeState) -> None:
    """The route of one step."""

    def handle(
        request: Request,
        id: str,
        service: Served,
        who: Reviewer,
        sent: Annotated[StepForm, Form()],
    ) -> Response:
        typed = {"how": sent.how, "note": sent.note, "hours": sent.hours}
        form = SentForm({f"{k}-{route}": v for k, v in typed.items()} | {"other": sent.other})
        hours = form.take(f"hours-{route}", lambda: hours_of(sent.hours, state), None)
        made = NoticeStep(
            state,
            version=form_values.number(sent.version, "the version"),
            how=sent.how or None,
            note=sent.note,
            hours=hours,
            other_text=sent.other,
        )

        def step() -> bool:
            acts.step(service.store, service.keyring, id, who, made, service.settings.sender)
            return True

        if form.wrong or not form.act(f"note-{route}", step):
            return notice_page(request, service, who, id, form)
        return back(id, state.value)

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


def hours_of(text: str, state: NoticeState) -> int | None:
    """Of a clock; None for the usual ones. Raises InputError."""
    hours = form_values.number(text, "the clock")
    notice_states.due(state, 0, hours)
    return hours


def place_of(hub: str, account: str) -> str:
    """Hub and account as a form or an address has them."""
    return f"{quote(hub, safe='')}/{quote(account, safe='')}"


def back(id: str, done: str) -> Response:
    """To the notice's page, which says what was done."""
    return RedirectResponse(f"/notices/{quote(id, safe='')}?done={done}", status_code=303)


def _state_of(given: str) -> NoticeState:
    try:
        return NoticeState(given)
    except ValueError:
        raise InputError("there is no such state of a notice") from None
