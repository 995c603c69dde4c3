"""Letters to hosts: shown as they would go out, taken away, sent by mail, kept as they left.

What comes in: a notice's id. What goes out: pages that print, files, and redirects. Taking one away
is a form: it is recorded, and what left is kept.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from reseen.operations import notices as acts
from reseen.operations.notices import LetterAsked
from reseen.report import pdf
from reseen.review import (
    clauses,
    correction_text,
    corrections,
    letters,
    mail,
    notice_read,
    notice_text,
    notice_write,
)
from reseen.review.letter_head import Letterhead, lacks
from reseen.review.letters import Letter, LetterOf
from reseen.review.notice_states import NoticeState
from reseen.review.roles import Who
from reseen.review.sending import Mailing
from reseen.web import form_values
from reseen.web.access import Lead, Reviewer
from reseen.web.form_values import Text
from reseen.web.forms import SentForm
from reseen.web.pages.notices import Hours, Version, back, hours_of, notice_page
from reseen.web.rendering import attached, page
from reseen.web.service import Served
from reseen.web.speech import N_

router = APIRouter()

KINDS = {
    "text": ("text/plain; charset=utf-8", "txt"),
    "other": ("text/plain; charset=utf-8", "txt"),
    "json": ("application/json", "json"),
    "pdf": ("application/pdf", "pdf"),
    "mail": ("message/rfc822", "eml"),
}
"""By a letter's form: what it is, and what its file's name ends in."""
FORMS = {
    LetterOf.NOTICE: {
        "text": "/notices/{id}/text",
        "pdf": "/notices/{id}/pdf",
        "json": "/notices/{id}/json",
    },
    LetterOf.CORRECTION: {
        "text": "/notices/{id}/correction",
        "pdf": "/notices/{id}/correction/pdf",
        "json": "/notices/{id}/correction/json",
    },
    LetterOf.WITHDRAWAL: {
        "text": "/notices/{id}/withdrawal",
        "pdf": "/notices/{id}/withdrawal/pdf",
        "json": "/notices/{id}/withdrawal/json",
    },
}
"""Where each form of a letter is taken away."""
_MOST_SHOWN = 400_000
"""Characters of a letter on its page; the file has them all."""

To = Annotated[str, Form(max_length=400)]


@router.get("/notices/{id}/letter")
def preview(request: Request, id: str, service: Served, who: Reviewer) -> Response:
    """The notice as it would go out now, to be read and printed."""
    head = Letterhead(service.settings.sender)
    with service.store.read() as connection:
        row = notice_read.own_row(connection, id)
        ready = notice_write.to_take_away(connection, service.keyring, row, who)
    text, wanting = notice_text.as_text(ready, head), lacks(ready, head.sender)
    return _unsent(request, who, ready.id, LetterOf.NOTICE, text, wanting)


@router.get("/notices/{id}/correction")
def correction(request: Request, id: str, service: Served, who: Reviewer) -> Response:
    """The correction as it would go out now, to be read and printed."""
    with service.store.read() as connection:
        ready = corrections.ready(connection, service.keyring, id)
    text = correction_text.as_text(ready, Letterhead(service.settings.sender))
    return _unsent(request, who, ready.notice.id, LetterOf.CORRECTION, text)


def _unsent(
    request: Request, who: Who, id: str, what: LetterOf, text: str, wanting: tuple[str, ...] = ()
) -> Response:
    return page(
        request,
        "letter.html",
        who,
        id=id,
        what=what.value,
        letter=None,
        text=text[:_MOST_SHOWN],
        lacks=wanting,
        takes=[(path.format(id=id), said) for path, said in _takes(what)],
    )


@router.get("/notices/{id}/letters/{number}")
def kept(request: Request, id: str, number: int, service: Served, who: Reviewer) -> Response:
    """What left, as it left."""
    with service.store.read() as connection:
        row = notice_read.own_row(connection, id)
        letter, content = letters.opened(connection, service.keyring, row, number)
    return page(
        request,
        "letter.html",
        who,
        id=row.id,
        what=letter.what.value,
        letter=letter,
        text=_readable(letter, content),
        lacks=(),
        takes=[(f"/notices/{row.id}/letters/{number}", N_("Take the file as it left"))],
    )


@router.post("/notices/{id}/letters/{number}")
def take_kept(id: str, number: int, service: Served, who: Reviewer) -> Response:
    """The exact bytes once more; recorded."""
    letter, content = acts.take_letter(service.store, service.keyring, id, number, who)
    return _file(content, letter.form, _name(id, letter.what, letter.form, number))


def _taking(what: LetterOf, form: str, path: str) -> None:
    """The route by which one form of it is taken away."""

    def handle(id: str, service: Served, who: Reviewer) -> Response:
        asked = LetterAsked(id, what, form)
        content = acts.take(service.store, service.keyring, asked, who, service.settings)
        return _file(content, form, _name(id, what, form))

    router.add_api_route(
        path, handle, methods=["POST"], response_model=None, name=f"{what.value} as {form}"
    )


for _what in (LetterOf.NOTICE, LetterOf.CORRECTION):
    for _form, _path in FORMS[_what].items():
        _taking(_what, _form, _path)


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
    clock = form.take("hours", lambda: hours_of(hours, NoticeState.SENT), None)
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
    request: Request, id: str, service: Served, who: Lead, version: Version = "", note: Text = ""
) -> Response:
    """A person sent the correction to the host."""
    seen = form_values.number(version, "the version")
    sender = service.settings.sender

    def tell() -> bool:
        acts.corrected(service.store, service.keyring, id, who, seen, note, sender=sender)
        return True

    form = SentForm({"note-corrected": note})
    if not form.act("note-corrected", tell):
        return notice_page(request, service, who, id, form)
    return back(id, "corrected")


def _taking_withdrawal(form: str, path: str) -> None:
    """The route by which a withdrawal is taken away: with a reason, which can be wrong."""

    def handle(
        request: Request, id: str, service: Served, who: Lead, reason: Text = "", to: To = ""
    ) -> Response:
        sent = _withdrawal_form(reason, to)
        if sent.wrong:
            return notice_page(request, service, who, id, sent)
        asked = LetterAsked(id, LetterOf.WITHDRAWAL, form, reason)
        content = acts.take(service.store, service.keyring, asked, who, service.settings)
        return _file(content, form, _name(id, asked.what, form))

    router.add_api_route(
        path, handle, methods=["POST"], response_model=None, name=f"withdrawal as {form}"
    )


for _form, _path in FORMS[LetterOf.WITHDRAWAL].items():
    _taking_withdrawal(_form, _path)


@router.post("/notices/{id}/withdrawal/send")
def send_withdrawal(
    request: Request,
    id: str,
    service: Served,
    who: Lead,
    reason: Text = "",
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
    reason: Text = "",
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
    form.take("reason", lambda: clauses.checked_reason(reason), "")
    return form


def _takes(what: LetterOf) -> list[tuple[str, str]]:
    """Where it is taken away, and what the button says."""
    said = {"text": N_("Take the text"), "pdf": N_("Take the PDF"), "json": N_("Take the JSON")}
    there = {form: path for form, path in FORMS[what].items() if form != "pdf" or pdf.available()}
    return [(path, said[form]) for form, path in there.items()]


def _readable(letter: Letter, content: bytes) -> str | None:
    """A letter's words; None where it has none to be shown here."""
    if letter.form == "pdf":
        return None
    said = mail.as_read(content) if letter.form == "mail" else content.decode("utf-8", "replace")
    return said.replace("\r\n", "\n")[:_MOST_SHOWN]


def _name(id: str, what: LetterOf, form: str, number: int | None = None) -> str:
    """Of its file."""
    of = "" if what is LetterOf.NOTICE and number is None else f"-{what.value}"
    return f"{_plain(id)}{of}{'' if number is None else f'-{number}'}.{KINDS[form][1]}"


def _plain(id: str) -> str:
    """As a file's name: ids are ours, and what a person typed of one is not taken as it is."""
    return "".join(c for c in id if c.isascii() and (c.isalnum() or c == "-"))[:30]


def _file(content: bytes, form: str, name: str) -> Response:
    return Response(content, media_type=KINDS[form][0], headers=attached(name))
