"""Letters: the exact bytes of a notice as it was sent or taken to be sent, kept for ever.

What comes in: a write transaction, a notice's row, the bytes, who let them out and how. What goes
out: a row that is appended and never changed, sealed (a letter holds what a person wrote, and every
place of an account), and the audit line of the export that covers it. Without the key nothing is
kept, and the line says so.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, select

from reseen.errors import AccessError, InputError, NotFound, SealError
from reseen.observed import artifacts, sightings, stated_digests
from reseen.review.roles import Who
from reseen.store import audit, schema
from reseen.store.database import chunks, now, reserve
from reseen.store.sealing import Keyring
from reseen.store.service_schema import case_sightings, cases, notice_letters, users

LONGEST_PASTED = 200_000
"""Characters of a text that a person says was sent."""
_UNPACKED = 256 * 1024 * 1024
"""Bytes of a letter, at most: what is kept is opened within this."""


class LetterOf(StrEnum):
    """What a letter is. The store keeps the word."""

    NOTICE = "notice"
    CORRECTION = "correction"
    WITHDRAWAL = "withdrawal"


class LetterWay(StrEnum):
    """How it left. The store keeps the word."""

    TAKEN = "taken"
    """A person took it away, perhaps to send it."""
    MAIL = "mail"
    """The mail server took it from us."""
    HAND = "hand"
    """A person says that they sent it."""


@dataclass(frozen=True, slots=True)
class LetterMade:
    """A letter before it is kept."""

    what: LetterOf
    how: LetterWay
    form: str
    """text, json, pdf, mail; other: what a person pasted."""
    content: bytes
    items: int
    """Files that it names."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that was kept, without its content."""

    number: int
    at: int
    who: str | None
    """The user's name."""
    version: int
    """Of the notice then."""
    what: LetterOf
    how: LetterWay
    form: str


def keep(
    connection: Connection, keyring: Keyring | None, row: Row[Any], who: Who, made: LetterMade
) -> None:
    """Record that it leaves, and keep it. `row`: of its notice, as it stands."""
    details: dict[str, str | int | None] = {
        "form": made.form,
        "what": made.what.value,
        "how": made.how.value,
        "items": made.items,
    }
    if keyring is None:
        audit.write(
            connection, "export", row.id, actor=who.actor, kept="no: without the key", **details
        )
        return
    packed = base64.b64encode(zlib.compress(made.content)).decode("ascii")
    sealed = keyring.seal_text(packed, row.id)
    (pk,) = reserve(connection, notice_letters, 1)
    about = (made.what.value, made.how.value, made.form)
    held = [(pk, row.pk, now(), who.pk, row.version, *about, sealed)]
    rows = [audit.Appended(notice_letters, held)]
    audit.append(connection, [audit.Act("export", row.id, who.actor, details, rows)])


def sent_by_hand(
    connection: Connection,
    keyring: Keyring | None,
    row: Row[Any],
    who: Who,
    made: LetterMade,
    pasted: str = "",
) -> None:
    """A person says that they sent it: kept is what they pasted; else what was last taken away of
    this version of the notice; else `made`, the text as it is now. Raises InputError."""
    pasted = pasted.replace("\r\n", "\n").strip()
    if len(pasted) > LONGEST_PASTED:
        raise InputError(
            f"the text is longer than {LONGEST_PASTED:,} characters", remedy="Leave out its files."
        )
    form, content = made.form, made.content
    if pasted:
        form, content = "other", pasted.encode("utf-8", "replace")
    elif keyring is not None:
        for one in reversed(every(connection, row.pk)):
            if (one.what, one.how, one.version) == (made.what, LetterWay.TAKEN, row.version):
                form, content = one.form, _unsealed(connection, keyring, row, one.number)[1]
                break
    kept = LetterMade(made.what, LetterWay.HAND, form, content, made.items)
    keep(connection, keyring, row, who, kept)


def every(connection: Connection, notice_pk: int) -> list[Letter]:
    """The letters of a notice, oldest first."""
    letter = notice_letters.c
    columns = (letter.pk, letter.at, letter.version, letter.what, letter.how, letter.form)
    query = (
        select(*columns, users.c.name)
        .outerjoin(users, users.c.pk == letter.user_pk)
        .where(letter.notice_pk == notice_pk)
        .order_by(letter.pk)
    )
    return [_letter(row) for row in connection.execute(query)]


def opened(
    connection: Connection, keyring: Keyring | None, row: Row[Any], number: int
) -> tuple[Letter, bytes]:
    """One letter of a notice, and the bytes that left. Raises NotFound, SealError without the key,
    and AccessError for one that holds digests of the class that is never read, or may."""
    letter, content = _unsealed(connection, keyring, row, number)
    packed = letter.form in ("pdf", "mail")  # is not looked through
    written = set() if packed else set(_HEX.findall(content.lower()))
    for hidden in _authority_only(connection, row):
        if not packed and written.isdisjoint(hidden):
            continue
        raise AccessError(
            "this letter may hold digests that are given to an authority only"
            if packed
            else "this letter holds digests that are given to an authority only",
            remedy="A file of the account was said to be of the class that is never read after it "
            "left. `reseen registry export-class` gives digests to a named authority.",
        )
    return letter, content


_HEX = re.compile(rb"(?<![0-9a-f])(?:[0-9a-f]{64}|[0-9a-f]{40})(?![0-9a-f])")


def _authority_only(connection: Connection, notice: Row[Any]) -> Iterator[set[bytes]]:
    """Digests, as they are written, of the account's files of the class that is never read, those
    of some files at a time: a notice may hold less by now than when a letter of it left."""
    s, a, mine = schema.sightings.c, schema.artifacts.c, case_sightings.c
    of_account = (
        select(mine.sighting_pk)
        .join(cases, cases.c.pk == mine.case_pk)
        .where(cases.c.hub == notice.hub, cases.c.account == notice.account)
    )
    for items in chunks(connection.scalars(of_account)):
        never_read = [one.id for one in sightings.by_pks(connection, items) if one.never_read]
        query = (
            select(a.pk, a.sha256, a.xet, a.git_oid)
            .join(schema.sightings, s.artifact_pk == a.pk)
            .where(s.id.in_(never_read))
        )
        found: set[bytes] = set()
        pks: list[int] = []
        for pk, *stated in connection.execute(query):
            pks.append(pk)
            found.update(value for value in stated if value is not None)
        for computed in artifacts.read_digests(connection, pks).values():
            found.update(each.value for each in computed)
        for others in stated_digests.of_artifacts(connection, pks).values():
            found.update(others.values())
        if found:
            yield {value.hex().encode() for value in found}


def _unsealed(
    connection: Connection, keyring: Keyring | None, row: Row[Any], number: int
) -> tuple[Letter, bytes]:
    """One letter as it is kept, whatever it holds."""
    letter = notice_letters.c
    query = (
        select(notice_letters, users.c.name)
        .outerjoin(users, users.c.pk == letter.user_pk)
        .where(letter.notice_pk == row.pk, letter.pk == number)
    )
    found = connection.execute(query).one_or_none()
    if found is None:
        raise NotFound.of("letter of this notice", str(number), "The notice shows them.")
    if keyring is None:
        raise SealError(
            "letters are sealed, and the key is not here",
            remedy="Give the service the key in RESEEN_KEY or RESEEN_KEY_FILE.",
        )
    packed = base64.b64decode(keyring.open_text(found.sealed, row.id))
    return _letter(found), zlib.decompressobj().decompress(packed, _UNPACKED)


def taken_again(connection: Connection, row: Row[Any], who: Who, letter: Letter) -> None:
    """Record that a letter that was kept leaves once more."""
    told = {"form": letter.form, "what": letter.what.value, "letter": letter.number}
    audit.write(connection, "export", row.id, actor=who.actor, how="again", **told)


def _letter(row: Any) -> Letter:
    return Letter(
        number=row.pk,
        at=row.at,
        who=row.name,
        version=row.version,
        what=LetterOf(row.what),
        how=LetterWay(row.how),
        form=row.form,
    )
