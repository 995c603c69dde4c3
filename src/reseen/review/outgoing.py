"""What goes to a host, before it goes: a notice, a correction or a withdrawal, in words and for
machines.

What comes in: what is to be said, and who writes. What goes out: an `Outgoing`, which a person
takes away, or the mail server is handed, or is kept as sent by hand.
"""

from __future__ import annotations

from dataclasses import dataclass

from reseen.review import correction_text, notice_text
from reseen.review.corrections import Correction
from reseen.review.letter_head import Letterhead
from reseen.review.letters import LetterMade, LetterOf, LetterWay
from reseen.review.notice import Notice
from reseen.review.withdrawals import NoticeWithdrawal


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What goes out about one notice."""

    what: LetterOf
    notice: str
    """Its id."""
    subject: str
    """One line, for mail."""
    text: str
    json: str
    items: int
    """Files that it names."""

    @property
    def json_name(self) -> str:
        """Of the file beside a mail."""
        of = "" if self.what is LetterOf.NOTICE else f"-{self.what.value}"
        return f"{self.notice}{of}.json"

    def made(self, how: LetterWay, form: str, content: bytes) -> LetterMade:
        """To be kept."""
        return LetterMade(self.what, how, form, content, self.items)

    def by_hand(self) -> LetterMade:
        """To be kept where a person says that they sent it."""
        return self.made(LetterWay.HAND, "text", self.text.encode())


def of_notice(notice: Notice, head: Letterhead) -> Outgoing:
    """What is asked of a host."""
    return Outgoing(
        LetterOf.NOTICE,
        notice.id,
        notice_text.subject(notice),
        notice_text.as_text(notice, head),
        notice_text.as_json(notice, head),
        len(notice.there),
    )


def of_correction(correction: Correction, head: Letterhead) -> Outgoing:
    """What is not so."""
    return Outgoing(
        LetterOf.CORRECTION,
        correction.notice.id,
        correction_text.subject(correction),
        correction_text.as_text(correction, head),
        correction_text.as_json(correction, head),
        len(correction.items),
    )


def of_withdrawal(withdrawal: NoticeWithdrawal, head: Letterhead) -> Outgoing:
    """That all of it is taken back."""
    return Outgoing(
        LetterOf.WITHDRAWAL,
        withdrawal.notice.id,
        correction_text.withdrawal_subject(withdrawal),
        correction_text.withdrawal_text(withdrawal, head),
        correction_text.withdrawal_json(withdrawal, head),
        len(withdrawal.notice.told),
    )
