"""Cases as rows of a list: what stands there of each, with its strongest evidence.

What comes in: cases, by pk. What goes out: a `QueueEntry` of each, in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from reseen.observed import sightings
from reseen.observed.artifacts import instant
from reseen.records import RemovalClass, RepoType, Rung, Sighting
from reseen.registry.known_lists import first_list, first_said
from reseen.review import assignments, cases, strength
from reseen.review.verdicts import CaseState, Verdict
from reseen.store import schema
from reseen.store.database import now
from reseen.store.service_schema import case_sightings, users
from reseen.store.service_schema import cases as table


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """One case in a list."""

    id: str
    state: CaseState
    verdict: Verdict | None
    """Of an open case: what was decided before something came that it does not cover."""
    version: int
    removal: str
    list: str
    site: str | None
    withdrawn: bool
    never_read: bool
    """Its removal is of the class of which only digests are compared."""
    hub: str
    type: RepoType
    repo: str
    account: str
    rung: Rung
    """Of its strongest sighting."""
    fallen: bool
    """A person confirmed what reading then refuted."""
    false_hash: bool
    """What the hub states of its strongest file is false."""
    cosine: float | None
    """Where it stands on the weights."""
    reach: int
    downloads: int | None
    likes: int | None
    sightings: int
    live: int
    opened_at: datetime
    changed_at: datetime
    claimed_by: str | None
    """Who is working on it; None where nobody is."""
    claimed_until: datetime | None
    assigned: str | None
    """Whose it is; None where it is nobody's."""
    read: bool
    """Everything in it that stands on the ladder has the removed file's bytes or tensors, of bytes
    that we read: it may be confirmed together with others."""
    alike: bool
    """Its weights are practically the removed model's, in every module."""
    why: str
    """The sentence of its strongest evidence."""
    paths: tuple[str, ...]
    """Up to three."""


def entries(
    connection: Connection, pks: Sequence[int], *, at: int | None = None
) -> list[QueueEntry]:
    """These cases (at most a page of them), in this order."""
    at = now() if at is None else at
    if not pks:
        return []
    r, m = schema.repositories.c, schema.removals.c
    whose = assignments.standing(users.c.name.label("whose")).subquery()
    query = (
        select(
            table,
            r.type,
            r.repo,
            r.downloads,
            r.likes,
            m.id.label("removal"),
            first_list().label("list"),
            first_said("site").label("site"),
            m.withdrawn_at,
            m.cls,
            users.c.name.label("holder"),
            whose.c.whose,
        )
        .join(schema.repositories, r.pk == table.c.repository_pk)
        .join(schema.removals, m.pk == table.c.removal_pk)
        .outerjoin(users, users.c.pk == table.c.claimed_by)
        .outerjoin(whose, whose.c.case_pk == table.c.pk)
        .where(table.c.pk.in_(pks))
    )
    rows = {row.pk: row for row in connection.execute(query)}
    about = _about(connection, pks)
    return [_entry(rows[pk], about.get(pk, _NOTHING), at) for pk in pks if pk in rows]


def _entry(row: Row[Any], about: _About, at: int) -> QueueEntry:
    held = row.claimed_by is not None and (row.claimed_until or 0) > at
    return QueueEntry(
        id=row.id,
        state=CaseState(row.state),
        verdict=None if row.verdict is None else Verdict(row.verdict),
        version=row.version,
        removal=row.removal,
        list=row.list,
        site=row.site,
        withdrawn=row.withdrawn_at is not None,
        never_read=RemovalClass(row.cls).never_read,
        hub=row.hub,
        type=RepoType(row.type),
        repo=row.repo,
        account=row.account,
        rung=about.rung,
        fallen=row.rung == cases.FALLEN,
        false_hash=about.false_hash,
        cosine=about.cosine,
        reach=row.reach,
        downloads=row.downloads,
        likes=row.likes,
        sightings=about.sightings,
        live=row.live,
        opened_at=instant(row.opened_at),
        changed_at=instant(row.changed_at),
        claimed_by=row.holder if held else None,
        claimed_until=instant(row.claimed_until) if held else None,
        assigned=row.whose,
        read=about.read,
        alike=row.strength == strength.ALIKE,
        why=about.why,
        paths=about.paths,
    )


@dataclass(frozen=True, slots=True)
class _About:
    """What a case's sightings say."""

    sightings: int = 0
    rung: Rung = Rung.UNSUPPORTED
    false_hash: bool = False
    cosine: float | None = None
    read: bool = False
    why: str = ""
    paths: tuple[str, ...] = ()


_NOTHING = _About()


def _about(connection: Connection, pks: Sequence[int]) -> dict[int, _About]:
    """How many sightings, the strongest with its evidence, some paths: of each case."""
    s, a = schema.sightings.c, schema.artifacts.c
    mine = case_sightings.c.case_pk.in_(pks)
    found: dict[int, list[Any]] = {}
    query = (
        select(case_sightings.c.case_pk, s.pk, s.rung, a.path)
        .join(schema.sightings, s.pk == case_sightings.c.sighting_pk)
        .join(schema.artifacts, a.pk == s.artifact_pk)
        .where(mine)
        .order_by(s.rung.desc(), s.pk)
    )
    for row in connection.execute(query):
        found.setdefault(row.case_pk, []).append(row)
    strongest = {some[0].pk: case for case, some in found.items()}
    shown: dict[int, Sighting] = {}
    for sighting_pk, one in zip(
        strongest, sightings.by_pks(connection, list(strongest)), strict=True
    ):
        shown[strongest[sighting_pk]] = one
    return {
        case: _About(
            sightings=len(some),
            rung=shown[case].rung,
            false_hash=shown[case].hash_is_false,
            cosine=_cosine(shown[case]),
            read=together_by_reading([row.rung for row in some]),
            why=shown[case].why,
            paths=tuple(dict.fromkeys(row.path for row in some))[:3],
        )
        for case, some in found.items()
    }


def together_by_reading(rungs: Sequence[int]) -> bool:
    """Whether a case with sightings on these rungs may be confirmed together with others though
    nobody opened it: each that stands has the removed file's bytes or tensors, as we read them."""
    standing = [rung for rung in rungs if rung > 0]
    return bool(standing) and min(standing) >= Rung.TENSORS


def _cosine(sighting: Sighting) -> float | None:
    if sighting.rung not in (Rung.WEIGHTS, Rung.POINTER, Rung.DECLARED):
        return None
    figures = (e.figures.get("cosine") for e in sighting.standing if e.rung is Rung.WEIGHTS)
    return next((float(value) for value in figures if isinstance(value, int | float)), None)
