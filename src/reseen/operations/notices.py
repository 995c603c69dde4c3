"""What people do about notices to hosts. Whatever leaves the house is kept as it left."""

from __future__ import annotations

from reseen.operations import jobs
from reseen.operations.jobs import JobKind
from reseen.review import (
    correction_text,
    corrections,
    letter_head,
    letters,
    notice_read,
    notice_text,
    notice_write,
    sending,
    withdrawals,
)
from reseen.review.letter_head import Letterhead
from reseen.review.letters import Letter, LetterMade, LetterOf, LetterWay
from reseen.review.notice_states import NoticeStep
from reseen.review.roles import Role, Who
from reseen.review.sending import Mailing
from reseen.review.withdrawals import NoticeWithdrawal
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
            text = notice_text.as_text(sent, Letterhead(sender))
            letter = _by_hand(LetterOf.NOTICE, text, len(sent.there))
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


def take_away(
    store: Store,
    keyring: Keyring | None,
    id: str,
    form: str,
    who: Who,
    settings: Settings | None = None,
) -> bytes:
    """The notice as it is to be sent by hand, as "text", "json" or "pdf"; kept, and recorded as an
    export."""
    head = _head(settings)
    with store.write() as connection:
        row = notice_read.own_row(connection, id)
        ready = notice_write.to_take_away(connection, keyring, row, who)
        if form == "json":
            content = notice_text.as_json(ready, head).encode()
        else:
            content = _printed(notice_text.as_text(ready, head), form, settings)
        made = LetterMade(LetterOf.NOTICE, LetterWay.TAKEN, form, content, len(ready.there))
        letters.keep(connection, keyring, row, who, made)
    return content


def take_correction(
    store: Store,
    keyring: Keyring | None,
    id: str,
    form: str,
    who: Who,
    settings: Settings | None = None,
) -> bytes:
    """What the host must be told of a notice that is not so, as "text", "json" or "pdf"; kept, and
    recorded as an export."""
    who.must_be(Role.REVIEWER)
    head = _head(settings)
    with store.write() as connection:
        row = notice_read.own_row(connection, id)
        found = corrections.ready(connection, keyring, id)
        if form == "json":
            content = correction_text.as_json(found, head).encode()
        else:
            content = _printed(correction_text.as_text(found, head), form, settings)
        made = LetterMade(LetterOf.CORRECTION, LetterWay.TAKEN, form, content, len(found.items))
        letters.keep(connection, keyring, row, who, made)
    return content


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
        text = correction_text.as_text(told, Letterhead(sender))
        letter = _by_hand(LetterOf.CORRECTION, text, len(told.items))
        letters.sent_by_hand(connection, keyring, row, who, letter)


def take_withdrawal(
    store: Store,
    keyring: Keyring | None,
    id: str,
    reason: str,
    who: Who,
    settings: Settings | None = None,
) -> bytes:
    """The text by which a notice is taken back; kept, and recorded as an export. The notice stands
    as it stood."""
    with store.write() as connection:
        row = notice_read.own_row(connection, id)
        made = withdrawals.ready(connection, keyring, row, who, reason)
        content = correction_text.withdrawal_text(made, _head(settings)).encode()
        letters.keep(connection, keyring, row, who, _withdrawal(made, LetterWay.TAKEN, content))
    return content


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
        content = correction_text.withdrawal_text(made, Letterhead(sender)).encode()
        letters.keep(connection, keyring, row, who, _withdrawal(made, LetterWay.HAND, content))


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
    """What left the house before, as it left; recorded as an export."""
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


def _head(settings: Settings | None) -> Letterhead:
    return letter_head.PLAIN if settings is None else Letterhead(settings.sender)


def _printed(text: str, form: str, settings: Settings | None) -> bytes:
    if form != "pdf":
        return text.encode()
    from reseen.report import pdf

    return pdf.letter(text, None if settings is None else settings.pdf_font)


def _by_hand(what: LetterOf, text: str, items: int) -> LetterMade:
    return LetterMade(what, LetterWay.HAND, "text", text.encode(), items)


def _withdrawal(made: NoticeWithdrawal, how: LetterWay, content: bytes) -> LetterMade:
    items = len(made.notice.told)
    return LetterMade(LetterOf.WITHDRAWAL, how, "text", content, items)
