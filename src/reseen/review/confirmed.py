"""What a notice may be about: sightings that a person confirmed.

What comes in: a connection. What goes out: sightings and cases by pk, and which accounts wait for a
notice (`Waiting`). "Confirmed" means that a person's decision about this very sighting stands:
nobody took it back, decided otherwise since, or asked for a second pair of eyes, and the removal is
in force; what reading refuted, or nothing supports any more, is confirmed by nobody. A new file
beside it, which opens its case again, takes nothing away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, not_, select

from reseen.records import Rung, SightingState
from reseen.review import cases
from reseen.review.notice_states import CLOSED_WORDS
from reseen.review.pages import has_pages
from reseen.review.verdicts import CaseState, Verdict
from reseen.store import schema, service_schema
from reseen.store.database import chunks


@dataclass(frozen=True, slots=True)
class Waiting:
    """Confirmed and live, and in no open notice: somebody could write to the host."""

    hub: str
    account: str
    items: int


def waiting(
    connection: Connection, *, hub: str | None = None, account: str | None = None, most: int = 200
) -> list[Waiting]:
    """Accounts with something that a notice could be drafted about, most first."""
    c = service_schema.cases.c
    wanted = [*_free()]
    if hub is not None:
        wanted.append(c.hub == hub)
    if account is not None:
        wanted.append(c.account == account)
    every = Counter((one.hub, one.account) for one in _confirmed(connection, wanted))
    hubs = {hub for hub in {at for at, _ in every} if has_pages(connection, hub)}
    found = {place: count for place, count in every.items() if place[0] in hubs}
    most_first = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Waiting(at, name, count) for (at, name), count in most_first[:most]]


def to_add(connection: Connection, hub: str, account: str) -> list[tuple[int, int]]:
    """(sighting, case), by pk, of what a notice to this hub about this account can take in."""
    c = service_schema.cases.c
    wanted = [*_free(), c.hub == hub, c.account == account]
    return [(one.sighting_pk, one.case_pk) for one in _confirmed(connection, wanted)]


def standing(connection: Connection, sighting_pks: Collection[int]) -> dict[int, int]:
    """Those of these sightings whose confirmation stands -> the decision it rests on, by pk."""
    found: dict[int, int] = {}
    for chunk in chunks(sighting_pks):
        wanted = [schema.sightings.c.pk.in_(chunk)]
        found.update((one.sighting_pk, one.decision_pk) for one in _confirmed(connection, wanted))
    return found


@dataclass(frozen=True, slots=True)
class _Confirmed:
    sighting_pk: int
    case_pk: int
    decision_pk: int
    hub: str
    account: str


def _confirmed(connection: Connection, wanted: Sequence[ColumnElement[bool]]) -> list[_Confirmed]:
    """Confirmed sightings with their cases, in the order of recording."""
    c, s, r = service_schema.cases.c, schema.sightings.c, schema.removals.c
    made = service_schema.decisions.c
    ever = exists().where(made.case_pk == c.pk, made.verdict == Verdict.CONFIRM.value)
    query = (
        select(s.pk.label("sighting_pk"), c.pk.label("case_pk"), c.hub, c.account)
        .select_from(service_schema.case_sightings)
        .join(service_schema.cases, c.pk == service_schema.case_sightings.c.case_pk)
        .join(schema.sightings, s.pk == service_schema.case_sightings.c.sighting_pk)
        .join(schema.removals, r.pk == s.removal_pk)
        .where(
            c.state != CaseState.SECOND.value,
            ever,
            r.withdrawn_at.is_(None),
            s.rung > int(Rung.HINT),
            *wanted,
        )
        .order_by(s.pk)
    )
    rows: list[Any] = list(connection.execute(query))
    # A case can hold what was confirmed beside what was dismissed: each sighting has its own word.
    said = cases.stands(connection, {row.case_pk for row in rows})
    return [
        _Confirmed(r.sighting_pk, r.case_pk, said[r.case_pk].by[r.sighting_pk], r.hub, r.account)
        for r in rows
        if said[r.case_pk].verdicts.get(r.sighting_pk) is Verdict.CONFIRM
    ]


def _free() -> tuple[ColumnElement[bool], ...]:
    """Live, and in no notice that is open."""
    n, i, s = service_schema.notices.c, service_schema.notice_items.c, schema.sightings.c
    asked = n.state.not_in(CLOSED_WORDS)
    held = exists().where(i.sighting_pk == s.pk, i.notice_pk == n.pk, asked)
    return s.state == SightingState.LIVE.value, not_(held)
