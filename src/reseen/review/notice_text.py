"""A notice as it goes out: a plain text for people, and the same as JSON for machines.

What comes in: a `Notice`, and who writes. What goes out: text. It promises that what the host needs
is exact, and that nothing sealed is in it (`notice_items`).

The JSON form is described in docs/json.md; fields are added, never renamed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from reseen.review import clauses, letter_head
from reseen.review.letter_head import PLAIN, Letterhead
from reseen.review.notice import Notice
from reseen.review.notice_items import instant_text, item_fields, item_lines
from reseen.review.notice_states import NoticeState
from reseen.texts import for_people, visible

FORMAT = "reseen-notice"
VERSION = 1


def subject(notice: Notice) -> str:
    """One line, for mail: no account, no name."""
    files = files_said(len(notice.there))
    again = " (again)" if _repeated(notice) else ""
    return f"Notice {notice.id}: {files} to be taken down at {visible(notice.hub)}{again}"


def as_text(notice: Notice, letterhead: Letterhead = PLAIN) -> str:
    """Plain text, ready to be pasted into a mail or a form for reports."""
    return for_people("\n".join(_lines(notice, letterhead)) + "\n")


def as_json(notice: Notice, letterhead: Letterhead = PLAIN, *, at: datetime | None = None) -> str:
    """The same for machines. `at`: when it was taken out."""
    value = {
        "format": FORMAT,
        "version": VERSION,
        "notice": notice.id,
        "made_at": instant_text(at or datetime.now(UTC)),
        **letter_head.head_fields(letterhead),
        "state": notice.state.value,
        "repeated": _repeated(notice),
        "hub": notice.hub,
        "account": notice.account,
        "clause": _clause(notice),
        "law": "EU 2022/2065 Article 16" if notice.legal else None,
        "good_faith": letter_head.GOOD_FAITH if notice.legal else None,
        "looked": _looked(notice),
        "items": [item_fields(item) for item in notice.there],
    }
    return json.dumps(value, ensure_ascii=True, indent=2) + "\n"


def files_said(count: int) -> str:
    """So many files."""
    return "one file" if count == 1 else f"{count:,} files"


def _lines(notice: Notice, letterhead: Letterhead) -> Iterator[str]:
    items = notice.there
    yield from letter_head.head(f"Notice {notice.id}", notice, letterhead)
    yield from letter_head.law_lines(notice)
    yield ""
    yield from _clause(notice).split("\n")
    yield ""
    if _repeated(notice):
        yield (
            "We wrote to you about this account before. The files below stood there when we last "
            "looked."
        )
        yield ""
    yield (
        f"{files_said(len(items)).capitalize()}. {_who_looked(notice)} On purpose this notice "
        "never says who may be depicted."
    )
    for number, item in enumerate(items, 1):
        yield ""
        yield from item_lines(number, item)
    yield from letter_head.foot(notice, letterhead, good_faith=True)


def _clause(notice: Notice) -> str:
    return clauses.default(notice.hub) if notice.clause is None else notice.clause


def _looked(notice: Notice) -> dict[str, int]:
    """Of the files that are asked for: how many were opened, how many were decided together with
    others after a sample, how many because they had been read and are the removed file's, and how
    many people decided."""
    opened = sum(item.opened for item in notice.there)
    read = sum(item.by_reading for item in notice.there)
    people = {item.confirmed_by for item in notice.there if item.confirmed_by is not None}
    sampled = len(notice.there) - opened - read
    return {"opened": opened, "together": sampled, "read": read, "people": len(people)}


def _who_looked(notice: Notice) -> str:
    """What was looked at, as far as that is known."""
    told = _looked(notice)
    opened, together, read = told["opened"], told["together"], told["read"]
    person = "a person" if told["people"] <= 1 else f"one of {told['people']:,} people"
    if not (together or read):
        what = "Its case was" if opened == 1 else "Each of them was"
        return f"{what} opened and confirmed by {person}."
    if not (opened or read):
        return (
            "None of them was opened by itself: they were confirmed together after a sample of "
            f"others was opened, by {person}."
        )
    if not read:
        return (
            f"{opened:,} of them {'was' if opened == 1 else 'were'} opened by {person}; the other "
            f"{together:,} {'was' if together == 1 else 'were'} confirmed together with those, "
            "after that sample."
        )
    lines = []
    if opened:
        lines.append(
            f"{opened:,} of them {'was' if opened == 1 else 'were'} opened and confirmed by "
            f"{person}."
        )
    every = not opened and not together
    what = "Each of them was" if every else f"{read:,} {'was' if read == 1 else 'were'}"
    lines.append(
        f"{what} confirmed by {person}, together with others and without being opened by itself: "
        "we had read it, and it has the removed file's bytes or its tensors."
    )
    if together:
        lines.append(
            f"{together:,} {'was' if together == 1 else 'were'} confirmed together with others "
            "after a sample of those was opened."
        )
    return " ".join(lines)


def _repeated(notice: Notice) -> bool:
    """Whether we wrote, the host had it gone, and it is there again."""
    states = [step.state for step in notice.steps if step.counts]
    return (
        NoticeState.SENT in states
        and NoticeState.RESEEN in states[states.index(NoticeState.SENT) :]
    )
