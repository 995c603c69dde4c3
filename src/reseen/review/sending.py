"""Sending a notice, a correction or a withdrawal by mail, when a person presses send.

What comes in: a notice's id, who presses, one address. What goes out: one mail to that address, the
step that says so, and the exact bytes, kept. It promises that nothing is sent without a person, and
that the notice changes only after the server took the mail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from reseen.review import (
    corrections,
    letter_head,
    letters,
    mail,
    notice_states,
    notice_write,
    outgoing,
    withdrawals,
)
from reseen.review.letter_head import Letterhead
from reseen.review.letters import LetterOf, LetterWay
from reseen.review.notice import SMTP
from reseen.review.notice_states import NoticeState, NoticeStep
from reseen.review.outgoing import Outgoing
from reseen.review.roles import Role, Who
from reseen.settings import Settings
from reseen.store import audit
from reseen.store.database import Store
from reseen.store.sealing import Keyring


@dataclass(frozen=True, slots=True)
class Mailing:
    """Who presses send, where it goes, and which version of the notice they saw: of two who press
    at once one sends."""

    id: str
    to: str
    who: Who
    version: int


@dataclass(frozen=True, slots=True)
class _Ready:
    """What is to be handed in, and the step that follows when the server took it."""

    outgoing: Outgoing
    step: Callable[[Connection, Row[Any]], None]


def send(
    store: Store, keyring: Keyring | None, settings: Settings, mailing: Mailing, hours: int | None
) -> None:
    """Send the notice. `hours`: of its clock.

    Raises InputError, Conflict, AccessError, SettingsError; MailError when the server did not take
    it, and then the notice stands as it stood.
    """
    notice_states.due(NoticeState.SENT, 0, hours)
    head = Letterhead(settings.sender)

    def ready(connection: Connection, row: Row[Any], to: str) -> _Ready:
        notice_states.check(NoticeState(row.state), NoticeState.SENT)
        notice = notice_write.prepare(connection, keyring, row, mailing.who)
        letter_head.must_go(notice, settings.sender)
        step = NoticeStep(NoticeState.SENT, how=SMTP, note=f"To {to}", hours=hours)
        return _Ready(
            outgoing.of_notice(notice, head),
            lambda later, now: notice_write.append(later, keyring, now, mailing.who, step),
        )

    _hand_over(store, keyring, settings, mailing, ready)


def send_correction(
    store: Store, keyring: Keyring | None, settings: Settings, mailing: Mailing
) -> None:
    """Tell the host by mail what is not so of a notice, and say so in its steps. Raises as `send`
    does, and Conflict where there is nothing to correct."""
    head = Letterhead(settings.sender)

    def ready(connection: Connection, row: Row[Any], to: str) -> _Ready:
        what = corrections.ready(connection, keyring, mailing.id)
        note = f"By mail, to {to}"
        # Of what went out, not of what there is to correct by then: the rest is told the next time.
        return _Ready(
            outgoing.of_correction(what, head),
            lambda later, now: corrections.told(later, keyring, now, mailing.who, what, note),
        )

    _hand_over(store, keyring, settings, mailing, ready)


def send_withdrawal(
    store: Store, keyring: Keyring | None, settings: Settings, mailing: Mailing, reason: str
) -> None:
    """Tell the host by mail that all of a notice is taken back; it stands as withdrawn then. Raises
    as `send` does, and as `withdrawals.ready`."""
    head = Letterhead(settings.sender)

    def ready(connection: Connection, row: Row[Any], to: str) -> _Ready:
        what = withdrawals.ready(connection, keyring, row, mailing.who, reason)
        return _Ready(
            outgoing.of_withdrawal(what, head),
            lambda later, now: withdrawals.withdraw(later, keyring, now, mailing.who, what, SMTP),
        )

    _hand_over(store, keyring, settings, mailing, ready)


def _hand_over(
    store: Store,
    keyring: Keyring | None,
    settings: Settings,
    mailing: Mailing,
    make: Callable[[Connection, Row[Any], str], _Ready],
) -> None:
    """Make it, hand it in, and note it, with its bytes, when the server took it."""
    who = mailing.who
    who.must_be(Role.LEAD)
    to = mail.address(mailing.to)
    server, sender = mail.configured(settings)
    with store.write() as connection:
        row = notice_write.seen_as(connection, mailing.id, mailing.version)
        ready = make(connection, row, to)
        if keyring is None:
            raise notice_write.no_key()
        # From here on whoever saw it before must look again; a crash leaves this line as a trace.
        notice_write.changed(connection, row)
        said = ready.outgoing
        form = None if said.what is LetterOf.NOTICE else said.what.value
        told = {"step": "handing-in", "how": SMTP, "form": form}
        audit.append(connection, [audit.Act("notice", row.id, who.actor, told)])
    sent = mail.message(sender, to, said.subject, said.text, (said.json_name, said.json))
    mail.hand_in(server, sent)
    with store.write() as connection:
        row = notice_write.seen_as(connection, mailing.id, None)
        ready.step(connection, row)
        made = said.made(LetterWay.MAIL, "mail", mail.as_sent(sent))
        letters.keep(connection, keyring, row, who, made)
