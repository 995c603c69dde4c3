"""One file of a notice: in lines for people, and as fields for machines.

What comes in: an `Item`. What goes out: what the host needs, exact (address, revision, digests) and
how we know. It promises that nothing sealed is in it, and that foreign text stands inside addresses
and paths only, with control characters made visible: it adds no line of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

from reseen.match.evidence import SUM
from reseen.observed.merge_parts import BLOCKS
from reseen.records import (
    PROPOSAL,
    Confirmed,
    Digest,
    DigestKind,
    Evidence,
    RemovalClass,
    Rung,
    Sighting,
    is_in_parts,
)
from reseen.review.notice import Item
from reseen.texts import visible

_RUNG = {
    Rung.BYTES: "the same file, byte for byte: we read it and computed its digest",
    Rung.TENSORS: "the same weights: we read them; only the file around them was changed",
    Rung.DECLARED: "the digest that your platform states is that of the removed file",
    Rung.POINTER: "the name that git gives to the file's LFS pointer is that of the removed file",
    Rung.WEIGHTS: "the same weights, altered: what the file does to its base model is alike",
    Rung.COMPONENT: "a merge: the weights of the removed model are one of its parts",
}
"""How we know, in words for somebody who does not know Reseen."""
_WEAK = {
    DigestKind.SHA1.label: "SHA-1",
    DigestKind.MD5.label: "MD5",
}
_BY_WEAK = (
    "the file has the {} of the removed file: no other file has it by chance, though somebody may "
    "make two that do"
)
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
    DigestKind.SHA1: "SHA-1",
    DigestKind.MD5: "MD5",
}


def how_we_know(item: Item) -> str:
    """Why a file is taken for a removed model, in sentences."""
    sighting = item.sighting
    false = _FALSE_HASH if sighting.hash_is_false else ""
    return " ".join(part for part in (_proof(item), _CONFIRMED[sighting.confirmed], false) if part)


def place_lines(number: int, item: Item) -> Iterator[str]:
    """Which file: its address, revision and path, and where it is a member of another."""
    yield f"{number}. {where(item)}"
    yield f"   Revision: {visible(item.sighting.revision)}"
    yield f"   Path: {visible(item.sighting.path)}"
    ref = item.sighting.ref
    if ref is not None and ref.startswith(PROPOSAL):
        yield f"   In a proposal to this repository, which anybody may make: {visible(ref)}"
    yield from _around(item.sighting)


def _around(sighting: Sighting) -> Iterator[str]:
    """The file that the platform has, where what was seen is in it."""
    if sighting.member and is_in_parts(sighting.path):
        yield f"   In several files, the first of them: {visible(sighting.file_path)}"
    elif sighting.member:
        yield f"   In the archive: {visible(sighting.file_path)}"


def item_lines(number: int, item: Item) -> Iterator[str]:
    """All that is said of one file."""
    sighting = item.sighting
    yield from place_lines(number, item)
    if sighting.size is not None:
        yield f"   Size: {sighting.size:,} bytes"
    yield from digest_lines(item)
    yield f"   Last seen there: {sighting.last_seen.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    yield f"   How we know: {how_we_know(item)}"
    yield f"   The removed model: {_removed(item)}"


def where(item: Item) -> str:
    """The file's address; its repository and name where the hub has no pages."""
    return item.url or visible(f"{item.sighting.repo} {item.sighting.file_path}")


def digest_lines(item: Item) -> Iterator[str]:
    """What is known of its bytes."""
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
    if strongest is not None and strongest.kind in _WEAK:
        words = _BY_WEAK.format(_WEAK[strongest.kind])
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


def _told(evidence: Evidence | None) -> dict[str, object]:
    """Its figures, but for those of each block: a host acts on the whole."""
    figures = {} if evidence is None else evidence.figures
    return {name: figure for name, figure in figures.items() if name != BLOCKS}


def _strongest(item: Item) -> Evidence | None:
    """Never a hint: those hold names of files and links. Never what was proved false."""
    proofs = [e for e in item.sighting.standing if e.rung > Rung.HINT]
    return max(proofs, key=lambda e: e.rung, default=None)


def item_fields(item: Item) -> dict[str, object]:
    """The same for machines."""
    sighting = item.sighting
    strongest = _strongest(item)
    return place_fields(item) | {
        "rung": sighting.rung.label,
        "how_we_know": how_we_know(item),
        "figures": _told(strongest),
        "confirmed": sighting.confirmed.value,
        "hash_is_false": sighting.hash_is_false,
        "opened": item.opened,
        "by_reading": item.by_reading,
        "removal": sighting.removal,
        "site": item.site,
        "removed_on": _day(item.removed_on),
        "class": None if item.cls is RemovalClass.OTHER else item.cls.label,
        "reason_given": item.reason,
        "first_seen": instant_text(sighting.first_seen),
        "last_seen": instant_text(sighting.last_seen),
    }


def place_fields(item: Item) -> dict[str, object]:
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


def instant_text(when: datetime) -> str:
    """As JSON has it."""
    return when.astimezone(UTC).isoformat(timespec="seconds")


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
