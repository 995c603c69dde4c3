"""Letters to hosts: shown as they would go out, taken away, sent by mail, kept as they left.

What comes in: a notice's id. What goes out: pages that print, files, and redirects. Taking one away
is a form: it is recorded, and what left is kept.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from reseen.operations import notices as acts
from reseen.report import pdf
from reseen.review import (
    clauses,
    letters,
    mail,
    notice_read,
    notice_states,
    notice_text,
    notice_write,
)
from reseen.review.letter_head import Letterhead, lacks
from reseen.review.letters import Letter, LetterWay
from reseen.review.notice_states import NoticeState
from reseen.review.roles import Who
from reseen.review.sending import Mailing
from reseen.web import form_values
from reseen.web.access import Lead, Reviewer
from reseen.web.forms import SentForm
from reseen.web.pages.notices import Hours, Note, Version, back, notice_page
from reseen.web.rendering import attached, page
from reseen.web.service import Served, Service

router = APIRouter()

KINDS = {
    "text": ("text/plain; charset=utf-8", "txt"),
    "other": ("text/plain; charset=utf-8", "txt"),
    "json": ("application/json", "json"),
    "pdf": ("application/pdf", "pdf"),
    "mail": ("message/rfc822", "eml"),
}
"""By a letter's form: what it is, and what its file's name ends in."""
WAYS = {
    LetterWay.TAKEN: "taken away",
    LetterWay.MAIL: "sent by mail",
    LetterWay.HAND: "sent by hand",
}
_MOST_SHOWN = 400_000
"""Characters of a letter on its page; the file has them all."""

To = Annotated[str, Form(max_length=400)]
Reason = Annotated[str, Form(max_length=20_000)]


@router.get("/notices/{id}/letter")
def preview(request: Request, id: str, service: Served, who: Reviewer) -> Response:
    """The notice as it would go out now, to be read and printed."""
    head = Letterhead(service.settings.sender)
    with service.store.read() as connection:
        row = notice_read.own_row(connection, id)
        ready = notice_write.to_take_away(connection, service.keyring, row, who)
    return page(
        request,
        "letter.html",
        who,
        id=ready.id,
        letter=None,
        text=notice_text.as_text(ready, head)[:_MOST_SHOWN],
        lacks=lacks(ready, head.sender),
        pdf=pdf.available(),
        ways=WAYS,
    )


@router.get("/notices/{id}/letters/{number}")
def kept(request: Request, id: str, number: int, service: Served, who: Reviewer) -> Response:
    """What left, as it left."""
    with service.store.read() as connection:
        row = notice_read.own_row(connection, id)
        letter, content = letters.opened(connection, service.keyring, row, number)
    readable = letter.form != "pdf"
    return page(
        request,
        "letter.html",
        who,
        id=row.id,
        letter=letter,
        text=content.decode("utf-8", "replace").replace("\r\n", "\n")[:_MOST_SHOWN]
        if readable
        else None,
        lacks=(),
        pdf=False,
        ways=WAYS,
    )


@router.post("/notices/{id}/letters/{number}")
def take_kept(id: str, number: int, service: Served, who: Reviewer) -> Response:
    """The exact bytes once more; recorded."""
    letter, content = acts.take_letter(service.store, service.keyring, id, number, who)
    return _file(content, letter.form, _name(id, letter))


@router.post("/notices/{id}/text")
def text(id: str, service: Served, who: Reviewer) -> Response:
    return _taken(service, who, id, "text")


@router.post("/notices/{id}/json")
def json(id: str, service: Served, who: Reviewer) -> Response:
    return _taken(service, who, id, "json")


@router.post("/notices/{id}/pdf")
def as_pdf(id: str, service: Served, who: Reviewer) -> Response:
    return _taken(service, who, id, "pdf")


@router.post("/notices/{id}/correction")
def correction(id: str, service: Served, who: Reviewer) -> Response:
    """The text that tells the host what is not so."""
    return _correction(service, who, id, "text")


@router.post("/notices/{id}/correction/json")
def correction_json(id: str, service: Served, who: Reviewer) -> Response:
    """The same for machines."""
    return _correction(service, who, id, "json")


@router.post("/notices/{id}/correction/pdf")
def correction_pdf(id: str, service: Served, who: Reviewer) -> Response:
    """The same to print."""
    return _correction(service, who, id, "pdf")


@router.post("/notices/{id}/send")
def send(
    request: Request,
    id: str,
    service: Served,
    who: Lead,
    to: To = "",
    version: Version = "",
    hours: Hours = "",
) -> Response:
    form = SentForm({"to": to, "hours": hours})
    clock = form.take("hours", lambda: _hours(hours), None)
    form.take("to", lambda: mail.address(to), "")
    if form.wrong and mail.can_send(service.settings):
        return notice_page(request, service, who, id, form)
    mailing = Mailing(id, to, who, form_values.number(version, "the version") or 0)
    acts.send(service.store, service.keyring, service.settings, mailing, clock)
    return back(id, "mailed")


@router.post("/notices/{id}/correction/send")
def send_correction(
    request: Request, id: str, service: Served, who: Lead, to: To = "", version: Version = ""
) -> Response:
    """Hand it to the mail server; it stands as told when that took it."""
    form = SentForm({"correction-to": to})
    form.take("correction-to", lambda: mail.address(to), "")
    if form.wrong:
        return notice_page(request, service, who, id, form)
    mailing = Mailing(id, to, who, form_values.number(version, "the version") or 0)
    acts.send_correction(service.store, service.keyring, service.settings, mailing)
    return back(id, "corrected-by-mail")


@router.post("/notices/{id}/corrected")
def corrected(
    id: str, service: Served, who: Lead, version: Version = "", note: Note = ""
) -> Response:
    """A person sent the correction to the host."""
    seen = form_values.number(version, "the version")
    sender = service.settings.sender
    acts.corrected(service.store, service.keyring, id, who, seen, note, sender=sender)
    return back(id, "corrected")


@router.post("/notices/{id}/withdrawal")
def withdrawal(
    request: Request, id: str, service: Served, who: Lead, reason: Reason = ""
) -> Response:
    """The text by which a notice is taken back; it stands as it stood."""
    form = _withdrawal_form(reason)
    if form.wrong:
        return notice_page(request, service, who, id, form)
    content = acts.take_withdrawal(
        service.store, service.keyring, id, reason, who, service.settings
    )
    return _file(content, "text", f"{_plain(id)}-withdrawal.txt")


@router.post("/notices/{id}/withdrawal/send")
def send_withdrawal(
    request: Request,
    id: str,
    service: Served,
    who: Lead,
    reason: Reason = "",
    to: To = "",
    version: Version = "",
) -> Response:
    """Tell the host by mail that the notice is taken back."""
    form = _withdrawal_form(reason, to)
    form.take("withdrawal-to", lambda: mail.address(to), "")
    if form.wrong:
        return notice_page(request, service, who, id, form)
    mailing = Mailing(id, to, who, form_values.number(version, "the version") or 0)
    acts.send_withdrawal(service.store, service.keyring, service.settings, mailing, reason)
    return back(id, "withdrawn-by-mail")


@router.post("/notices/{id}/withdrawn")
def withdrawn(
    request: Request,
    id: str,
    service: Served,
    who: Lead,
    reason: Reason = "",
    to: To = "",
    version: Version = "",
) -> Response:
    """A person told the host that the notice is taken back."""
    form = _withdrawal_form(reason, to)
    if form.wrong:
        return notice_page(request, service, who, id, form)
    seen = form_values.number(version, "the version")
    sender = service.settings.sender
    acts.withdraw(service.store, service.keyring, id, reason, who, seen, sender=sender)
    return back(id, "withdrawn")


def _withdrawal_form(reason: str, to: str = "") -> SentForm:
    """What was typed; what names somebody is refused later, without being shown again."""
    form = SentForm({"reason": reason, "withdrawal-to": to})
    form.take("reason", lambda: clauses.checked(reason), "")
    return form


def _hours(text: str) -> int | None:
    hours = form_values.number(text, "the clock")
    notice_states.due(NoticeState.SENT, 0, hours)
    return hours


def _taken(service: Service, who: Who, id: str, form: str) -> Response:
    content = acts.take_away(service.store, service.keyring, id, form, who, service.settings)
    return _file(content, form, f"{_plain(id)}.{KINDS[form][1]}")


def _correction(service: Service, who: Who, id: str, form: str) -> Response:
    content = acts.take_correction(service.store, service.keyring, id, form, who, service.settings)
    return _file(content, form, f"{_plain(id)}-correction.{KINDS[form][1]}")


def _name(id: str, letter: Letter) -> str:
    return f"{_plain(id)}-{letter.what.value}-{letter.number}.{KINDS[letter.form][1]}"


def _plain(id: str) -> str:
    """As a file's name: ids are ours, and what a person typed of one is not taken as it is."""
    return "".join(c for c in id if c.isascii() and (c.isalnum() or c == "-"))[:30]


def _file(content: bytes, form: str, name: str) -> Response:
    return Response(content, media_type=KINDS[form][0], headers=attached(name))
