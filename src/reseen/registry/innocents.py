"""Known innocents: adapters that many use, and what people did with them.

An accelerator, a general face adapter, a popular style is the other part of many merges. What comes
in: what was read of such a file, with a name for it, and what two people say: one proposes it,
another confirms it; either, or a third, takes it out again. What goes out: each as it stands. It is
in use when two people said so, nobody took it out, and no removal in force is near it
(`innocent_near`, which `match.near_innocents` finds): who proposes one could choose it to hide a
removal. Everything happens in the caller's transaction and is audited; reasons are sealed, and no
line holds a name.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, exists, select

from reseen.errors import Conflict, InputError, NotFound
from reseen.fingerprints.kinds import PROVE
from reseen.fingerprints.known_bogus import why_bogus
from reseen.observed.artifacts import instant
from reseen.records import Fingerprint, Rung
from reseen.registry.claims import sealed_reason
from reseen.registry.classes import By
from reseen.store import audit, audit_rows, ids
from reseen.store.database import chunks, insert_many, now, reserve
from reseen.store.innocent_schema import (
    innocent_digests,
    innocent_events,
    innocent_near,
    innocent_sketches,
    innocents,
)
from reseen.store.log_proof import CoveredTable, LogRow
from reseen.store.schema import removals
from reseen.store.sealing import Keyring

MOST = 256
"""Innocents that wait or are confirmed: each is looked at with every file of its architecture."""
LONGEST_NAME = 100
_PROPOSED, _CONFIRMED, _REMOVED = "proposed", "confirmed", "removed"


class InnocentState(StrEnum):
    """How one stands."""

    PROPOSED = "proposed"
    """It waits for a second person."""
    IN_USE = "in use"
    OUT_OF_USE = "out of use"
    """A removal in force is near it."""


@dataclass(frozen=True, slots=True)
class NearRemoval:
    """A removal in force that an innocent is, or is like."""

    removal: str
    rung: Rung

    @property
    def why(self) -> str:
        """In a few words."""
        return _NEAR[self.rung].format(self.removal)


_NEAR = {
    Rung.BYTES: "it is {}, by its bytes",
    Rung.TENSORS: "it is {}, by its tensors",
    Rung.WEIGHTS: "its weights are like those of {}",
    Rung.COMPONENT: "{} is inside it, or may be",
}


@dataclass(frozen=True, slots=True)
class InnocentMoved:
    """One that went out of use because of removals, or came back."""

    id: str
    near: tuple[NearRemoval, ...]
    """Empty: it came back."""

    @property
    def why(self) -> str:
        """In a sentence."""
        if not self.near:
            return f"The known innocent {self.id} counts again: no removal is near it any more."
        return f"The known innocent {self.id} is out of use: {self.near[0].why}."


@dataclass(frozen=True, slots=True)
class Innocent:
    """One known innocent."""

    id: str
    name: str
    architectures: tuple[str, ...]
    at: datetime
    """When it was proposed."""
    proposed_by: int
    """A user's pk, as the next."""
    confirmed_at: datetime | None
    confirmed_by: int | None
    near: tuple[NearRemoval, ...]

    @property
    def state(self) -> InnocentState:
        if self.near:
            return InnocentState.OUT_OF_USE
        return InnocentState.PROPOSED if self.confirmed_at is None else InnocentState.IN_USE


def name_given(name: str) -> str:
    """A name as it is kept. Raises InputError."""
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise InputError(
            "the innocent's name is empty, too long, or has characters that cannot be shown",
            remedy=f"At most {LONGEST_NAME} characters that say which adapter it is.",
        )
    return name


def file_digests(read: Fingerprint) -> dict[int, bytes]:
    """The digests of a file that prove something, by their kinds."""
    kinds = set(PROVE)
    return {int(d.kind): d.value for d in read.digests if d.kind in kinds and not why_bogus(d)}


def propose(
    connection: Connection, keyring: Keyring | None, read: Fingerprint, name: str, why: str,
    *, by: By,
) -> str:  # fmt: skip
    """The first pair of eyes: this file is an adapter that many use; its id. Nothing changes until
    a second person confirms. Whether a removal is near it, the caller asked. Raises InputError,
    Conflict where it is known or there are too many, and SealError."""
    name, digests = name_given(name), file_digests(read)
    own = () if read.sketch is None else (read.sketch, *read.further_sketches)
    if not own:
        raise InputError(
            f"the file has no weights that could be compared: {read.no_sketch or 'no adapter'}",
            remedy="An innocent is an adapter, as it is shared: a LoRA, or one of its relatives.",
        )
    known = _known(connection)
    if len(known) >= MOST:
        raise Conflict(f"there are {MOST} innocents", remedy="Remove one that nobody needs.")
    d = innocent_digests.c
    for pk, kind, value in connection.execute(select(d.innocent_pk, d.kind, d.value)):
        if pk in known and digests.get(kind) == bytes(value):
            raise Conflict(
                f"this file is known: {known[pk].id}",
                remedy="`reseen registry negative list` shows how it stands.",
            )
    (pk,) = reserve(connection, innocents, 1)
    at, id = now(), f"in-{ids.digits(secrets.token_bytes(5))}"
    beside = [
        audit.Appended(innocents, [(pk, id, name, at)]),
        audit.Appended(innocent_digests, [(pk, *each) for each in sorted(digests.items())]),
        audit.Appended(
            innocent_sketches,
            [(pk, number, arch, value) for number, (arch, value) in enumerate(_with_models(own))],
        ),
    ]
    _event(connection, keyring, (pk, id), _PROPOSED, why, by, beside)
    return id


def confirm(connection: Connection, keyring: Keyring | None, id: str, why: str, *, by: By) -> None:
    """The second pair of eyes, of another person: it is in use from now on. Raises NotFound,
    Conflict where the same person asks, it is confirmed, or a removal is near it, and SealError."""
    row = _by_id(connection, id)
    if row.confirmed_by is not None:
        raise Conflict("that is confirmed already", remedy="It takes one second person.")
    if row.proposed_by == by.pk:
        raise Conflict(
            "who proposed it cannot confirm it", remedy="It needs a second pair of eyes."
        )
    refuse_near(near(connection).get(row.pk, ()))
    _event(connection, keyring, (row.pk, row.id), _CONFIRMED, why, by)


def remove(connection: Connection, keyring: Keyring | None, id: str, why: str, *, by: By) -> None:
    """Take an innocent out, or a proposal: what it hid is found again. Raises NotFound and
    SealError."""
    row = _by_id(connection, id)
    connection.execute(delete(innocent_near).where(innocent_near.c.innocent_pk == row.pk))
    _event(connection, keyring, (row.pk, row.id), _REMOVED, why, by)


def refuse_near(found: Collection[NearRemoval]) -> None:
    """Raise Conflict where a removal is near an innocent."""
    if found:
        some = sorted(found, key=lambda one: (-one.rung, one.removal))
        more = f" ({len(some) - 1:,} more are near it)" if len(some) > 1 else ""
        raise Conflict(
            f"it would hide a removal: {some[0].why}{more}",
            remedy="Where the removal is wrong, take its claim back, or withdraw it, first.",
        )


def every(connection: Connection) -> list[Innocent]:
    """All that wait or are confirmed, the newest first."""
    close, known = near(connection), _known(connection)
    models: dict[int, set[str]] = {}
    s = innocent_sketches.c
    for pk, architecture in connection.execute(select(s.innocent_pk, s.architecture)):
        models.setdefault(pk, set()).add(architecture)
    return [
        Innocent(
            id=row.id,
            name=row.name,
            architectures=tuple(sorted(models.get(pk, ()))),
            at=instant(row.at),
            proposed_by=row.proposed_by,
            confirmed_at=None if row.confirmed_at is None else instant(row.confirmed_at),
            confirmed_by=row.confirmed_by,
            near=tuple(close.get(pk, ())),
        )
        for pk, row in sorted(known.items(), reverse=True)
    ]


def known_pks(connection: Connection) -> list[int]:
    """Those that wait or are confirmed."""
    return sorted(_known(connection))


def near(connection: Connection) -> dict[int, list[NearRemoval]]:
    """By the innocent's pk: the removals that are near it."""
    n, r = innocent_near.c, removals.c
    query = (
        select(n.innocent_pk, r.id, n.rung)
        .join(removals, r.pk == n.removal_pk)
        .order_by(n.innocent_pk, n.rung.desc(), r.id)
    )
    found: dict[int, list[NearRemoval]] = {}
    for pk, removal, rung in connection.execute(query):
        found.setdefault(pk, []).append(NearRemoval(removal, Rung(rung)))
    return found


def keep_near(
    connection: Connection,
    removal_pks: Collection[int] | None,
    found: Mapping[tuple[int, int], Rung],
) -> list[InnocentMoved]:
    """Keep which removals are near which innocents (both by pk), of these removals (None: of all);
    those that went out of use by it, or came back, each with a line in the log."""
    before, known = near(connection), _known(connection)
    gone = delete(innocent_near)
    if removal_pks is None:
        connection.execute(gone)
    for chunk in chunks(removal_pks or ()) if before else ():
        connection.execute(gone.where(innocent_near.c.removal_pk.in_(chunk)))
    rows = [(*pair, int(rung)) for pair, rung in sorted(found.items()) if pair[0] in known]
    insert_many(connection, innocent_near, ("innocent_pk", "removal_pk", "rung"), rows)
    after, moved = near(connection), list[InnocentMoved]()
    for pk in sorted(known):
        if (pk in before) != (pk in after):
            one = InnocentMoved(known[pk].id, tuple(after.get(pk, ())))
            moved.append(one)
            if one.near:
                close = {"removal": one.near[0].removal, "rung": one.near[0].rung.label}
                audit.write(connection, "innocent-out", one.id, actor="reseen", **close)
            else:
                audit.write(connection, "innocent-back", one.id, actor="reseen")
    return moved


def covered_tables(connection: Connection) -> dict[str, CoveredTable]:
    """The table of acts, which lines of the log cover with what was proposed."""
    return {innocent_events.name: CoveredTable(_rows(connection), _named(connection))}


# -- below ---------------------------------------------------------------------------------------


def _event(
    connection: Connection, keyring: Keyring | None, which: tuple[int, str], what: str, why: str,
    by: By, beside: Iterable[audit.Appended] = (),
) -> None:  # fmt: skip
    pk, id = which
    (event_pk,) = reserve(connection, innocent_events, 1)
    row = (event_pk, now(), what, pk, by.pk, sealed_reason(keyring, why, id))
    kept = [audit.Appended(innocent_events, [row]), *beside]
    audit.append(connection, [audit.Act(f"innocent-{what}", id, by.actor, {}, kept)])


def _known(connection: Connection) -> dict[int, Any]:
    """By pk: those that wait or are confirmed, with who did what and when."""
    i, first, second = innocents.c, innocent_events.alias("first"), innocent_events.alias("second")
    gone = exists().where(innocent_events.c.innocent_pk == i.pk, innocent_events.c.what == _REMOVED)
    query = (
        select(
            i.pk,
            i.id,
            i.name,
            i.at,
            first.c.user_pk.label("proposed_by"),
            second.c.user_pk.label("confirmed_by"),
            second.c.at.label("confirmed_at"),
        )
        .join(first, (first.c.innocent_pk == i.pk) & (first.c.what == _PROPOSED))
        .outerjoin(second, (second.c.innocent_pk == i.pk) & (second.c.what == _CONFIRMED))
        .where(~gone)
    )
    return {row.pk: row for row in connection.execute(query)}


def _by_id(connection: Connection, id: str) -> Any:
    wanted = ids.given(id)
    for row in _known(connection).values():
        if row.id == wanted:
            return row
    raise NotFound.of("innocent", id, "`reseen registry negative list` shows them.")


def _with_models(sketches: Iterable[bytes]) -> list[tuple[str, bytes]]:
    from reseen.fingerprints.sketch import decode  # numpy, for those that have one alone

    return [(decode(value).architecture, value) for value in sketches]


def _rows(connection: Connection) -> Generator[LogRow]:
    """Acts in the order of their pks; with the first of each, what was proposed."""
    columns = audit_rows.COLUMNS[innocent_events.name]
    e = innocent_events.c
    for row in connection.execute(select(*(e[name] for name in columns)).order_by(e.pk)).all():
        texts = [audit_rows.text(innocent_events.name, row)]
        if row.what == _PROPOSED:
            for table, key in (
                (innocents, innocents.c.pk),
                (innocent_digests, innocent_digests.c.innocent_pk),
                (innocent_sketches, innocent_sketches.c.innocent_pk),
            ):
                held = [table.c[name] for name in audit_rows.COLUMNS[table.name]]
                order = list(table.primary_key.columns)
                theirs = select(*held).where(key == row.innocent_pk).order_by(*order)
                texts += [audit_rows.text(table.name, one) for one in connection.execute(theirs)]
        yield row.pk, texts


def _named(connection: Connection) -> Callable[[int], str]:
    def named(pk: int) -> str:
        i, e = innocents.c, innocent_events.c
        query = select(i.id).join(innocent_events, e.innocent_pk == i.pk).where(e.pk == pk)
        return f"what somebody did with an innocent (row {pk}, {connection.scalar(query)})"

    return named
