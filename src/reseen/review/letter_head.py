"""The head and the foot of what goes to a host: who writes, when, to whom, about whom.

What comes in: the sender of the settings, a day, a notice. What goes out: lines of text, and the
same as JSON. Who the sender is not is said too: a letter from nobody must be seen to be one before
it is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from reseen.errors import Conflict
from reseen.hubs.kinds import addresses_of
from reseen.records import RemovalClass
from reseen.review.notice import Notice
from reseen.settings import UNNAMED, NoticeSender
from reseen.texts import visible

GOOD_FAITH = (
    "We state in good faith that the information and the allegations in this notice are, as far "
    "as we know, accurate and complete."
)
"""What Article 16 (2) (d) of Regulation (EU) 2022/2065 asks of a notice of illegal content."""
_LAW = "This is a notice under Article 16 of Regulation (EU) 2022/2065 (Digital Services Act)."
_NOT_NAMED = "not named"


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who writes, and on which day."""

    sender: NoticeSender = UNNAMED
    on: date | None = None
    """None: today (UTC)."""

    @property
    def day(self) -> date:
        return self.on or datetime.now(UTC).date()


PLAIN = Letterhead()
"""Nobody is named; today."""


def lacks(notice: Notice, sender: NoticeSender) -> tuple[str, ...]:
    """What a person should know before it is sent, in sentences; nothing where it is whole."""
    if not sender.missing:
        return ()
    names = " and ".join(sender.missing)
    said = f"It does not say {_who(sender)}: set {names}."
    if may_go(notice, sender):
        return (said,)
    return (said, "As a notice under the Digital Services Act it cannot be sent without.")


def may_go(notice: Notice, sender: NoticeSender) -> bool:
    """A notice of illegal content needs a name and a mail address (Article 16 (2) (c)), but where
    all of it is about child abuse."""
    if not notice.legal or not sender.missing:
        return True
    return all(
        item.cls in (RemovalClass.CHILD_ABUSE, RemovalClass.CHILD_ABUSE_VOUCHED)
        for item in notice.there
    )


def must_go(notice: Notice, sender: NoticeSender) -> None:
    """Raise Conflict where it must not be sent like this."""
    if not may_go(notice, sender):
        raise Conflict(
            "a notice under the Digital Services Act names its sender, and this one does not",
            remedy=f"Set {' and '.join(sender.missing)}.",
        )


def head(title: str, notice: Notice, letterhead: Letterhead) -> Iterator[str]:
    """The title, the date, from whom, to whom, about which account."""
    sender, day = letterhead.sender, letterhead.day
    yield title
    yield f"Date: {day.isoformat()}"
    yield f"From: {visible(sender.organisation or sender.contact or _NOT_NAMED)}"
    contact = (sender.contact if sender.organisation else "", sender.mail)
    if any(contact):
        yield f"Contact: {visible(', '.join(part for part in contact if part))}"
    if sender.address:
        yield f"Address: {visible(sender.address)}"
    yield f"To: trust and safety at {visible(notice.hub)}"
    pages = addresses_of(notice.hub)
    account = None if pages is None else pages.account(notice.account)
    yield f"About the account: {account or visible(notice.account)}"


def law_lines(notice: Notice) -> Iterator[str]:
    """Under which law it stands, where it does."""
    if notice.legal:
        yield ""
        yield _LAW


def foot(notice: Notice, letterhead: Letterhead, *, good_faith: bool = False) -> Iterator[str]:
    """What to name in an answer, the statement that the law asks for, and who signs."""
    yield ""
    yield f"Please name {notice.id} when you answer."
    if good_faith and notice.legal:
        yield ""
        yield GOOD_FAITH
    signed = [letterhead.sender.contact, letterhead.sender.organisation]
    if any(signed):
        yield ""
        yield visible(", ".join(part for part in signed if part))


def head_fields(letterhead: Letterhead) -> dict[str, object]:
    """The same for machines."""
    sender = letterhead.sender
    told = {
        "organisation": sender.organisation,
        "contact": sender.contact,
        "mail": sender.mail,
        "address": sender.address,
    }
    return {
        "date": letterhead.day.isoformat(),
        "sender": {name: value or None for name, value in told.items()},
    }


def _who(sender: NoticeSender) -> str:
    if sender.organisation or sender.contact:
        return "where a host answers"
    return "who sends it" if sender.mail else "who sends it, nor where a host answers"
