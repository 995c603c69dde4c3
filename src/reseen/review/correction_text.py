"""What a host is told after a notice: that files are not what we said (a correction), or that we
take all of it back (a withdrawal). Plain text for people, and the same as JSON.

What comes in: a `Correction` or a `NoticeWithdrawal`, and who writes. What goes out: text, of which
`notice_items` promises the same as of a notice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from reseen.observed.artifacts import instant
from reseen.records import Rung
from reseen.review import letter_head
from reseen.review.corrections import Correction
from reseen.review.letter_head import PLAIN, Letterhead
from reseen.review.notice import Item, Notice
from reseen.review.notice_items import digest_lines, instant_text, place_fields, place_lines
from reseen.review.notice_text import VERSION, files_said
from reseen.review.withdrawals import NoticeWithdrawal
from reseen.texts import for_people, visible

FORMAT = "reseen-correction"
WITHDRAWAL_FORMAT = "reseen-withdrawal"


def subject(correction: Correction) -> str:
    """One line, for mail: no account, no name."""
    files = files_said(len(correction.items))
    return (
        f"Correction to notice {correction.notice.id}: {files} at {visible(correction.notice.hub)}"
    )


def as_text(correction: Correction, letterhead: Letterhead = PLAIN) -> str:
    """What the host is told of files that are not what a notice said."""
    return for_people("\n".join(_lines(correction, letterhead)) + "\n")


def as_json(
    correction: Correction, letterhead: Letterhead = PLAIN, *, at: datetime | None = None
) -> str:
    """The same for machines. `at`: when it was taken out."""
    fields = _fields(FORMAT, correction.notice, letterhead, correction.sent_at, at) | {
        "others": correction.others,
        "items": [
            place_fields(item) | {"what_is_so": what_is_so(item)} for item in correction.items
        ],
    }
    return json.dumps(fields, ensure_ascii=True, indent=2) + "\n"


def withdrawal_subject(withdrawal: NoticeWithdrawal) -> str:
    """One line, for mail: no account, no name."""
    return f"Withdrawal of notice {withdrawal.notice.id} at {visible(withdrawal.notice.hub)}"


def withdrawal_text(withdrawal: NoticeWithdrawal, letterhead: Letterhead = PLAIN) -> str:
    """What the host is told when all of a notice is taken back."""
    return for_people("\n".join(_withdrawal_lines(withdrawal, letterhead)) + "\n")


def withdrawal_json(
    withdrawal: NoticeWithdrawal, letterhead: Letterhead = PLAIN, *, at: datetime | None = None
) -> str:
    """The same for machines. `at`: when it was taken out."""
    notice = withdrawal.notice
    fields = _fields(WITHDRAWAL_FORMAT, notice, letterhead, withdrawal.sent_at, at) | {
        "reason": withdrawal.reason,
        "items": [place_fields(item) for item in notice.told],
    }
    return json.dumps(fields, ensure_ascii=True, indent=2) + "\n"


def _fields(
    format: str, notice: Notice, letterhead: Letterhead, sent_at: int, at: datetime | None
) -> dict[str, object]:
    """What both say of the notice that was sent at `sent_at`."""
    return {
        "format": format,
        "version": VERSION,
        "notice": notice.id,
        "made_at": instant_text(at or datetime.now(UTC)),
        **letter_head.head_fields(letterhead),
        "sent_at": instant_text(instant(sent_at)),
        "hub": notice.hub,
        "account": notice.account,
    }


def what_is_so(item: Item) -> str:
    """Why a file is not, or no longer, what a notice said."""
    sighting = item.sighting
    if sighting.rung is Rung.REFUTED:
        return (
            "We read every byte of it: it is another file. The digest that your platform states "
            "for it is false."
        )
    if sighting.withdrawn:
        return "The removal of the model that we took it for was withdrawn."
    if sighting.rung is Rung.UNSUPPORTED:
        return "What we took it for is not supported by anything in our registry any more."
    return "We no longer confirm that it is the removed model."


def _lines(correction: Correction, letterhead: Letterhead) -> Iterator[str]:
    notice, count = correction.notice, len(correction.items)
    title = f"Correction to notice {notice.id}: these files are not what we said"
    yield from letter_head.head(title, notice, letterhead)
    yield ""
    yield (
        f"Our notice {notice.id} of {_day(correction.sent_at)} named the "
        f"{'file' if count == 1 else f'{count:,} files'} below. We no longer say that "
        f"{'it is a copy' if count == 1 else 'they are copies'} of a removed model. If you acted "
        f"on {'it' if count == 1 else 'them'} because of our notice, please look at that again."
    )
    if correction.others:
        others = "one other file" if correction.others == 1 else f"{correction.others:,} others"
        yield ""
        yield f"What we said of the {others} of that notice stands."
    for number, item in enumerate(correction.items, 1):
        yield ""
        yield from place_lines(number, item)
        yield from digest_lines(item)
        yield f"   What is so: {what_is_so(item)}"
    yield from letter_head.foot(notice, letterhead)


def _withdrawal_lines(withdrawal: NoticeWithdrawal, letterhead: Letterhead) -> Iterator[str]:
    notice = withdrawal.notice
    yield from letter_head.head(f"Withdrawal of notice {notice.id}", notice, letterhead)
    yield ""
    yield (
        f"We withdraw our notice {notice.id} of {_day(withdrawal.sent_at)}, with all that it asks. "
        "Please do not act on it any more. If you acted on anything because of it, please look at "
        "that again."
    )
    yield ""
    yield "Why:"
    yield from withdrawal.reason.split("\n")
    yield ""
    count = len(notice.told)
    yield f"It named {'this file' if count == 1 else f'these {count:,} files'}:"
    for number, item in enumerate(notice.told, 1):
        yield ""
        yield from place_lines(number, item)
    yield from letter_head.foot(notice, letterhead)


def _day(at: int) -> str:
    return f"{instant(at).astimezone(UTC):%Y-%m-%d}"
