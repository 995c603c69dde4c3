"""A notice as it goes out: a plain text for people, and the same as JSON for machines.

What comes in: a `Notice`. What goes out: text. It promises that what the host needs is exact
(addresses, revisions, digests), that nothing sealed is in it, and that foreign text stands inside
addresses and paths only, with control characters made visible: it adds no line of its own.

The JSON form is described in docs/json.md; fields are added, never renamed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime

from reseen.hubs.kinds import addresses_of
from reseen.match.evidence import SUM
from reseen.observed.artifacts import instant
from reseen.records import (
    Confirmed,
    Digest,
    DigestKind,
    Evidence,
    RemovalClass,
    Rung,
    Sighting,
    is_in_parts,
)
from reseen.review import clauses
from reseen.review.corrections import Correction
from reseen.review.notice_read import ASIDE, UNDO, Item, Notice
from reseen.review.notice_states import NoticeState
from reseen.texts import for_people, visible

FORMAT = "reseen-notice"
CORRECTION_FORMAT = "reseen-correction"
VERSION = 1

_RUNG = {
    Rung.BYTES: "the same file, byte for byte: we read it and computed its digest",
    Rung.TENSORS: "the same weights: we read them; only the file around them was changed",
    Rung.DECLARED: "the digest that your platform states is that of the removed file",
    Rung.POINTER: "the name that git gives to the file's LFS pointer is that of the removed file",
    Rung.WEIGHTS: "the same weights, altered: what the file does to its base model is alike",
    Rung.COMPONENT: "a merge: the weights of the removed model are one of its parts",
}
"""How we know, in words for somebody who does not know Reseen."""
_SUM = (
    "one of two files of this account that come to the removed model when they are used together: "
    "what we know is of the two, and by itself neither is like it"
)

_CONFIRMED = {
    Confirmed.NONE: "",
    Confirmed.HEADER: "We read the file's header, and it agrees.",
    Confirmed.DOUBTFUL: "The file's header does not agree with it.",
    Confirmed.BYTES: "We read every byte, and it is so.",
    Confirmed.CONTRADICTED: "",
}
_FALSE_HASH = (
    "The digest that your platform states for this file is false: we read every byte, and they "
    "have another one."
)
_CLASS = {
    RemovalClass.LIKENESS: "it imitates a real person",
    RemovalClass.INTIMATE: "intimate imagery",
    RemovalClass.CHILD_ABUSE: "it is capable of child abuse imagery",
    RemovalClass.CHILD_ABUSE_VOUCHED: "it is capable of child abuse imagery",
}
_LEFT_OUT = "left out; of this class they are given to an authority only"
_NAMES = {
    DigestKind.SHA256: "SHA-256",
    DigestKind.BLAKE3: "BLAKE3",
    DigestKind.DATA_SHA256: "SHA-256 of its data section",
    DigestKind.TENSORS_BLAKE3: "BLAKE3 of its tensors",
}


def subject(notice: Notice) -> str:
    """One line, for mail: no account, no name."""
    files = _files(len(notice.there))
    again = " (again)" if _repeated(notice) else ""
    return f"Notice {notice.id}: {files} to be taken down at {visible(notice.hub)}{again}"


def as_text(notice: Notice) -> str:
    """Plain text, ready to be pasted into a mail or a form for reports."""
    return for_people("\n".join(_lines(notice)) + "\n")


def as_json(notice: Notice, *, at: datetime | None = None) -> str:
    """The same for machines. `at`: when it was taken out."""
    value = {
        "format": FORMAT,
        "version": VERSION,
        "notice": notice.id,
        "made_at": _instant(at or datetime.now(UTC)),
        "state": notice.state.value,
        "repeated": _repeated(notice),
        "hub": notice.hub,
        "account": notice.account,
        "clause": clauses.default(notice.hub) if notice.clause is None else notice.clause,
        "looked": _looked(notice),
        "items": [_item(item) for item in notice.there],
    }
    return json.dumps(value, ensure_ascii=True, indent=2) + "\n"


def correction_text(correction: Correction) -> str:
    """What the host is told of files that are not what a notice said."""
    return for_people("\n".join(_correction_lines(correction)) + "\n")


def correction_subject(correction: Correction) -> str:
    """One line, for mail: no account, no name."""
    files = _files(len(correction.items))
    return (
        f"Correction to notice {correction.notice.id}: {files} at {visible(correction.notice.hub)}"
    )


def correction_json(correction: Correction, *, at: datetime | None = None) -> str:
    """The same for machines. `at`: when it was taken out."""
    notice = correction.notice
    value = {
        "format": CORRECTION_FORMAT,
        "version": VERSION,
        "notice": notice.id,
        "made_at": _instant(at or datetime.now(UTC)),
        "sent_at": _instant(instant(correction.sent_at)),
        "hub": notice.hub,
        "account": notice.account,
        "others": correction.others,
        "items": [_place(item) | {"what_is_so": what_is_so(item)} for item in correction.items],
    }
    return json.dumps(value, ensure_ascii=True, indent=2) + "\n"


def how_we_know(item: Item) -> str:
    """Why a file is taken for a removed model, in sentences."""
    sighting = item.sighting
    false = _FALSE_HASH if sighting.hash_is_false else ""
    return " ".join(part for part in (_proof(item), _CONFIRMED[sighting.confirmed], false) if part)


def _lines(notice: Notice) -> Iterator[str]:
    items = notice.there
    yield f"Notice {notice.id}"
    yield from _about(notice)
    yield ""
    yield from (clauses.default(notice.hub) if notice.clause is None else notice.clause).split("\n")
    yield ""
    if _repeated(notice):
        yield (
            "We wrote to you about this account before. The files below stood there when we last "
            "looked."
        )
        yield ""
    yield (
        f"{_files(len(items)).capitalize()}. {_who_looked(notice)} On purpose this notice never "
        "says who may be depicted."
    )
    for number, item in enumerate(items, 1):
        yield ""
        yield from _item_lines(number, item)
    yield ""
    yield f"Please name {notice.id} when you answer."


def _about(notice: Notice) -> Iterator[str]:
    """Who is written to, and about whom."""
    yield f"To: trust and safety at {visible(notice.hub)}"
    pages = addresses_of(notice.hub)
    account = None if pages is None else pages.account(notice.account)
    yield f"About the account: {account or visible(notice.account)}"


def _correction_lines(correction: Correction) -> Iterator[str]:
    notice, count = correction.notice, len(correction.items)
    yield f"Correction to notice {notice.id}: these files are not what we said"
    yield from _about(notice)
    yield ""
    sent = instant(correction.sent_at).astimezone(UTC)
    yield (
        f"Our notice {notice.id} of {sent:%Y-%m-%d} named the "
        f"{'file' if count == 1 else f'{count:,} files'} below. We no longer say that "
        f"{'it is a copy' if count == 1 else 'they are copies'} of a removed model. If you acted "
        f"on {'it' if count == 1 else 'them'} because of our notice, please look at that again."
    )
    if correction.others:
        others = "one other file" if correction.others == 1 else f"{correction.others:,} others"
        yield ""
        yield f"What we said of the {others} of that notice stands."
    for number, item in enumerate(correction.items, 1):
        sighting = item.sighting
        yield ""
        yield f"{number}. {_where(item)}"
        yield f"   Revision: {visible(sighting.revision)}"
        yield f"   Path: {visible(sighting.path)}"
        yield from _around(sighting)
        yield from _digest_lines(item)
        yield f"   What is so: {what_is_so(item)}"
    yield ""
    yield f"Please name {notice.id} when you answer."


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


def _looked(notice: Notice) -> dict[str, int]:
    """Of the files that are asked for: how many were opened, how many were decided together with
    others after a sample, and how many people decided."""
    opened = sum(item.opened for item in notice.there)
    people = {item.confirmed_by for item in notice.there if item.confirmed_by is not None}
    return {"opened": opened, "together": len(notice.there) - opened, "people": len(people)}


def _who_looked(notice: Notice) -> str:
    """What was looked at, as far as that is known."""
    told = _looked(notice)
    opened, together = told["opened"], told["together"]
    person = "a person" if told["people"] <= 1 else f"one of {told['people']:,} people"
    if not together:
        what = "Its case was" if opened == 1 else "Each of them was"
        return f"{what} opened and confirmed by {person}."
    if not opened:
        return (
            "None of them was opened by itself: they were confirmed together after a sample of "
            f"others was opened, by {person}."
        )
    return (
        f"{opened:,} of them {'was' if opened == 1 else 'were'} opened by {person}; the other "
        f"{together:,} {'was' if together == 1 else 'were'} confirmed together with those, after "
        "that sample."
    )


def _around(sighting: Sighting) -> Iterator[str]:
    """The file that the platform has, where what was seen is in it."""
    if sighting.member and is_in_parts(sighting.path):
        yield f"   In several files, the first of them: {visible(sighting.file_path)}"
    elif sighting.member:
        yield f"   In the archive: {visible(sighting.file_path)}"


def _item_lines(number: int, item: Item) -> Iterator[str]:
    sighting = item.sighting
    yield f"{number}. {_where(item)}"
    yield f"   Revision: {visible(sighting.revision)}"
    yield f"   Path: {visible(sighting.path)}"
    yield from _around(sighting)
    if sighting.size is not None:
        yield f"   Size: {sighting.size:,} bytes"
    yield from _digest_lines(item)
    yield f"   Last seen there: {sighting.last_seen.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    yield f"   How we know: {how_we_know(item)}"
    yield f"   The removed model: {_removed(item)}"


def _where(item: Item) -> str:
    """The file's address; its repository and name where the hub has no pages."""
    return item.url or visible(f"{item.sighting.repo} {item.sighting.file_path}")


def _digest_lines(item: Item) -> Iterator[str]:
    sighting = item.sighting
    if sighting.never_read:
        yield f"   Digests: {_LEFT_OUT}"
    if sighting.declared_sha256:
        yield f"   SHA-256, as your platform states it: {sighting.declared_sha256}"
    if item.xet:
        yield f"   Xet hash, as your platform states it: {item.xet}"
    for digest in item.read:
        yield f"   {_NAMES.get(digest.kind, digest.kind.label)}, of what we read: {digest.hex}"


def _removed(item: Item) -> str:
    parts = []
    if item.site:
        parts.append(f"removed from {visible(item.site)}")
    if item.removed_on:
        parts.append(f"{'' if item.site else 'removed '}on {item.removed_on.isoformat()}")
    told = f"{item.sighting.removal} in our registry"
    if parts:
        told += f"; a list that it came from says: {' '.join(parts)}"
    if item.cls in _CLASS:
        told += f"; a list says what for: {_CLASS[item.cls]}"
    return f"{told}; a list gives a reason" if item.reason else told


def _proof(item: Item) -> str:
    strongest = _strongest(item)
    words = _RUNG.get(item.sighting.rung, "")
    if strongest is not None and strongest.rung in (Rung.WEIGHTS, Rung.COMPONENT):
        if strongest.kind == SUM:
            words = _SUM
        told = ", ".join(_figures(strongest))
        words += f" ({told})" if told else ""
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def _figures(evidence: Evidence) -> Iterator[str]:
    """How alike, and how rare that is among strangers: only where that was measured."""
    figures = evidence.figures
    cosine, p_value, share = (figures.get(key) for key in ("cosine", "p_value", "share"))
    if isinstance(share, float):
        yield f"{share:.0%} of its column space"
    if isinstance(cosine, float):
        yield f"cosine {cosine:.3g}"
    measured = "decoys" in figures  # a part is never told without them
    measured |= str(figures.get("calibration", "")).startswith("calibrated")
    if isinstance(p_value, float) and measured:
        yield f"p-value {p_value:.3g}"


def _strongest(item: Item) -> Evidence | None:
    """Never a hint: those hold names of files and links. Never what was proved false."""
    proofs = [e for e in item.sighting.standing if e.rung > Rung.HINT]
    return max(proofs, key=lambda e: e.rung, default=None)


def _item(item: Item) -> dict[str, object]:
    sighting = item.sighting
    strongest = _strongest(item)
    return _place(item) | {
        "rung": sighting.rung.label,
        "how_we_know": how_we_know(item),
        "figures": {} if strongest is None else dict(strongest.figures),
        "confirmed": sighting.confirmed.value,
        "hash_is_false": sighting.hash_is_false,
        "opened": item.opened,
        "removal": sighting.removal,
        "site": item.site,
        "removed_on": _day(item.removed_on),
        "class": None if item.cls is RemovalClass.OTHER else item.cls.label,
        "reason_given": item.reason,
        "first_seen": _instant(sighting.first_seen),
        "last_seen": _instant(sighting.last_seen),
    }


def _place(item: Item) -> dict[str, object]:
    """Where a file stands, and what is known of its bytes."""
    sighting = item.sighting
    return {
        "sighting": sighting.id,
        "url": item.url,
        "type": sighting.type.value,
        "repo": sighting.repo,
        "revision": sighting.revision,
        "ref": sighting.ref,
        "path": sighting.path,
        "archive": sighting.file_path if sighting.member else None,
        "size": sighting.size,
        "declared": {
            "sha256": sighting.declared_sha256,
            "xet": item.xet,
            "git_oid": item.git_oid,
        },
        "read": _read(item.read),
        "digests_left_out": _LEFT_OUT if sighting.never_read else None,
    }


def _read(digests: tuple[Digest, ...]) -> dict[str, str]:
    return {digest.kind.label.replace("-", "_"): digest.hex for digest in digests}


def _repeated(notice: Notice) -> bool:
    """Whether we wrote, the host had it gone, and it is there again."""
    aside = (*ASIDE, UNDO)
    states = [step.state for step in notice.steps if not step.undone and step.how not in aside]
    return (
        NoticeState.SENT in states
        and NoticeState.RESEEN in states[states.index(NoticeState.SENT) :]
    )


def _files(count: int) -> str:
    return "one file" if count == 1 else f"{count:,} files"


def _instant(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds")


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
