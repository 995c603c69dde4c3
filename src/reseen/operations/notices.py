"""What people do about notices to hosts. Whatever leaves the house is kept as it left."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from reseen.errors import Conflict
from reseen.operations import jobs
from reseen.operations.jobs import JobKind
from reseen.report import pdf
from reseen.review import (
    corrections,
    letter_head,
    letters,
    notice_read,
    notice_write,
    outgoing,
    sending,
    withdrawals,
)
from reseen.review.letter_head import Letterhead
from reseen.review.letters import Letter, LetterOf, LetterWay
from reseen.review.notice_states import NoticeStep
from reseen.review.outgoing import Outgoing
from reseen.review.roles import Role, Who
from reseen.review.sending import Mailing
from reseen.settings import NoticeSender, Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring


def draft(store: Store, hub: str, account: str, who: Who, *, hours: int | None = None) -> str:
    """Put together what is confirmed of an account; the notice's id."""
    with store.write() as connection:
        return notice_write.draft(connection, hub, account, who, hours=hours)


def set_clause(
    store: Store,
    keyring: Keyring | None,
    id: str,
    text: str,
    who: Who,
    version: int | None,
    *,
    legal: bool = False,
) -> None:
    """What is asked of the host, and why; `legal`: why it is illegal."""
    with store.write() as connection:
        notice_write.set_clause(connection, keyring, id, text, who, version=version, legal=legal)


def step(
    store: Store,
    keyring: Keyring | None,
    id: str,
    who: Who,
    made: NoticeStep,
    sender: NoticeSender = letter_head.PLAIN.sender,
) -> None:
    """A person says what became of it. That it was sent keeps what was sent."""
    with store.write() as connection:
        row = notice_read.own_row(connection, id)
        sent = notice_write.step(connection, keyring, id, who, made)
        if sent is not None:
            letter_head.must_go(sent, sender)
            letter = outgoing.of_notice(sent, Letterhead(sender)).by_hand()
            letters.sent_by_hand(connection, keyring, row, who, letter, made.other_text)


def discard(store: Store, keyring: Keyring | None, id: str, who: Who, version: int | None) -> None:
    """A draft is not wanted."""
    with store.write() as connection:
        notice_write.discard(connection, keyring, id, who, version=version)


def undo(
    store: Store, keyring: Keyring | None, id: str, who: Who, version: int | None, note: str = ""
) -> None:
    """Take back the last step."""
    with store.write() as connection:
        notice_write.undo(connection, keyring, id, who, version=version, note=note)


@dataclass(frozen=True, slots=True)
class LetterAsked:
    """What a person wants to take to a host: the notice, what is not so of it, or that it is taken
    back."""

    id: str
    """Of the notice."""
    what: LetterOf = LetterOf.NOTICE
    form: str = "text"
    """text, json, pdf"""
    reason: str = ""
    """Of a withdrawal: the host reads it."""


def take(
    store: Store,
    keyring: Keyring | None,
    asked: LetterAsked,
    who: Who,
    settings: Settings | None = None,
) -> bytes:
    """What goes to the host by hand; kept, and recorded as an export. The notice stands as it
    stood. Raises Conflict where it changed while its PDF was made."""
    who.must_be(Role.REVIEWER)
    head = letter_head.PLAIN if settings is None else Letterhead(settings.sender)
    printed = ("", b"")
    if asked.form == "pdf":  # made before the transaction, for others wait for that
        with store.read() as connection:
            text = _outgoing(connection, keyring, asked, who, head).text
        printed = text, pdf.letter(text, None if settings is None else settings.pdf_font)
    with store.write() as connection:
        said = _outgoing(connection, keyring, asked, who, head)
        content = (said.json if asked.form == "json" else said.text).encode()
        if asked.form == "pdf":
            if printed[0] != said.text:
                raise Conflict(
                    "this notice changed while the PDF was made", remedy="Take it again."
                )
            content = printed[1]
        row = notice_read.own_row(connection, asked.id)
        made = said.made(LetterWay.TAKEN, asked.form, content)
        letters.keep(connection, keyring, row, who, made)
    return content


def _outgoing(
    connection: Connection,
    keyring: Keyring | None,
    asked: LetterAsked,
    who: Who,
    head: Letterhead,
) -> Outgoing:
    row = notice_read.own_row(connection, asked.id)
    match asked.what:
        case LetterOf.NOTICE:
            notice = notice_write.to_take_away(connection, keyring, row, who)
            return outgoing.of_notice(notice, head)
        case LetterOf.CORRECTION:
            return outgoing.of_correction(corrections.ready(connection, keyring, row.id), head)
        case LetterOf.WITHDRAWAL:
            made = withdrawals.ready(connection, keyring, row, who, asked.reason)
            return outgoing.of_withdrawal(made, head)


def send_correction(
    store: Store, keyring: Keyring | None, settings: Settings, mailing: Mailing
) -> None:
    """Tell the host by mail; it stands as told when the server took it. Raises MailError."""
    sending.send_correction(store, keyring, settings, mailing)


def corrected(
    store: Store,
    keyring: Keyring | None,
    id: str,
    who: Who,
    version: int | None,
    note: str = "",
    *,
    sender: NoticeSender = letter_head.PLAIN.sender,
) -> None:
    """A person told the host what is not so; what was sent is kept."""
    with store.write() as connection:
        row = notice_read.own_row(connection, id)
        told = corrections.sent(connection, keyring, id, who, version=version, note=note)
        letter = outgoing.of_correction(told, Letterhead(sender)).by_hand()
        letters.sent_by_hand(connection, keyring, row, who, letter)


def withdraw(
    store: Store,
    keyring: Keyring | None,
    id: str,
    reason: str,
    who: Who,
    version: int | None,
    *,
    sender: NoticeSender = letter_head.PLAIN.sender,
) -> None:
    """A person told the host that the notice is taken back; what was sent is kept."""
    with store.write() as connection:
        row = notice_write.seen_as(connection, id, version)
        made = withdrawals.ready(connection, keyring, row, who, reason)
        withdrawals.withdraw(connection, keyring, row, who, made, None)
        letter = outgoing.of_withdrawal(made, Letterhead(sender)).by_hand()
        letters.keep(connection, keyring, row, who, letter)


def send_withdrawal(
    store: Store, keyring: Keyring | None, settings: Settings, mailing: Mailing, reason: str
) -> None:
    """Tell the host by mail that a notice is taken back; it stands as withdrawn when the server
    took it. Raises MailError."""
    sending.send_withdrawal(store, keyring, settings, mailing, reason)


def send(
    store: Store, keyring: Keyring | None, settings: Settings, mailing: Mailing, hours: int | None
) -> None:
    """Send it by mail; it stands as sent when the server took it. Raises MailError."""
    sending.send(store, keyring, settings, mailing, hours)


def take_letter(
    store: Store, keyring: Keyring | None, id: str, number: int, who: Who
) -> tuple[Letter, bytes]:
    """What was sent or taken away before, as it was then; recorded as an export."""
    who.must_be(Role.REVIEWER)
    with store.write() as connection:
        row = notice_read.own_row(connection, id)
        letter, content = letters.opened(connection, keyring, row, number)
        letters.taken_again(connection, row, who, letter)
    return letter, content


def recheck(store: Store, id: str, who: Who) -> str:
    """Queue a look at everything that is known of the notice's account; the job's id."""
    with store.write() as connection:
        row = notice_read.own_row(connection, id)
        what = {"hub": row.hub, "account": row.account, "most": None}
        return jobs.ask(connection, JobKind.RECHECK, what, who)[0]
