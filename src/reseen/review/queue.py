"""What waits for a decision, in order: strength of evidence, reach, age. What a person confirmed
and reading then refuted stands first, what reading refuted last, and is counted apart.

What comes in: a `CaseFilter`, which lives in the address of a page. What goes out: a `Page` of rows
and how many there are, or the next case to work on. `CaseFilter.parse` and `CaseFilter.values` are
the one place where a filter becomes text and back; what nobody understands there is passed over,
since an address can be typed by anybody.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, func, or_, select

from reseen.observed import sightings
from reseen.observed.artifacts import instant
from reseen.records import RepoType, Rung, Sighting
from reseen.registry.claims import first_list, first_said, of_list
from reseen.review import cases
from reseen.review.roles import Who
from reseen.review.verdicts import CaseState, Verdict
from reseen.store import ids, schema
from reseen.store.database import now
from reseen.store.service_schema import case_sightings, decisions, users
from reseen.store.service_schema import cases as table

MOST = 200
"""Rows of one page."""
_DAY = 24 * 3600 * 1_000_000
_LONGEST = 300
_REFUTED, _UNSUPPORTED = int(Rung.REFUTED), int(Rung.UNSUPPORTED)

STATES = ("undecided", *(state.value for state in CaseState), "any")
CLAIMED = ("me", "nobody", "other", "anybody")
LIVE = ("live", "gone", "any")
MARKS = ("fallen", "refuted", "unsupported")


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases; all that is given must hold. Without anything: what waits for a decision."""

    state: str = "undecided"
    """One of `STATES`; "undecided": open, or a second pair of eyes was asked for."""
    rung: Rung | None = None
    """At least this."""
    only: bool = False
    """This rung, and none above it."""
    mark: str | None = None
    """One of `MARKS`: confirmed and then refuted; refuted; supported by nothing any more."""
    hub: str | None = None
    account: str | None = None
    list: str | None = None
    removal: str | None = None
    verdict: Verdict | None = None
    claimed: str | None = None
    """One of `CLAIMED`, as seen by who looks."""
    live: str = "live"
    """One of `LIVE`: something in it is not known to be gone."""
    withdrawn: bool = False
    """Also of withdrawn removals, and what nothing supports any more."""
    older: int | None = None
    """Days that it waits at least."""
    decided: int | None = None
    """Decided as it stands within so many days."""
    opened: date | None = None
    """Opened on this day or the six after it."""
    text: str | None = None
    """The id of a case begins with this, with or without "cs-"."""

    @classmethod
    def parse(cls, values: Mapping[str, str]) -> CaseFilter:
        """From the values of an address. What is not understood is passed over."""

        def text(name: str) -> str | None:
            value = values.get(name, "").strip()
            usable = value and len(value) <= _LONGEST and "\0" not in value
            return value if usable and value.isprintable() else None

        def one_of(name: str, of: Sequence[str], otherwise: str) -> str:
            value = values.get(name, "")
            return value if value in of else otherwise

        def days(name: str) -> int | None:
            value = text(name) or ""
            number = int(value) if value.isascii() and value.isdigit() else 0
            return number if 0 < number <= 36_500 else None

        rung, verdict = values.get("rung", ""), values.get("verdict", "")
        return cls(
            state=one_of("state", STATES, "undecided"),
            rung=Rung.of(rung) if rung.upper() in Rung.__members__ else None,
            mark=values["mark"] if values.get("mark") in MARKS else None,
            hub=text("hub"),
            account=text("account"),
            list=text("list"),
            removal=text("removal"),
            verdict=Verdict(verdict) if verdict in list_of_verdicts() else None,
            claimed=values["claimed"] if values.get("claimed") in CLAIMED else None,
            live=one_of("live", LIVE, "live"),
            withdrawn=values.get("withdrawn") == "yes",
            only=values.get("only") == "yes",
            older=days("older"),
            decided=days("decided"),
            opened=_day(values.get("opened", "")),
            text=text("text"),
        )

    def values(self) -> dict[str, str]:
        """As values of an address; only what is not as usual."""
        said = {
            "state": self.state if self.state != "undecided" else None,
            "rung": self.rung.label if self.rung is not None else None,
            "only": "yes" if self.only else None,
            "mark": self.mark,
            "hub": self.hub,
            "account": self.account,
            "list": self.list,
            "removal": self.removal,
            "verdict": self.verdict.value if self.verdict is not None else None,
            "claimed": self.claimed,
            "live": self.live if self.live != "live" else None,
            "withdrawn": "yes" if self.withdrawn else None,
            "older": str(self.older) if self.older is not None else None,
            "decided": str(self.decided) if self.decided is not None else None,
            "opened": self.opened.isoformat() if self.opened is not None else None,
            "text": self.text,
        }
        return {name: value for name, value in said.items() if value}


def _day(given: str) -> date | None:
    try:
        return date.fromisoformat(given[:10]) if "1970" <= given[:4] <= "2200" else None
    except ValueError:
        return None


def midnight(day: date) -> int:
    """The instant at which a day begins (UTC), in the store's microseconds."""
    return (day - date(1970, 1, 1)).days * _DAY


def list_of_verdicts() -> tuple[str, ...]:
    """Verdicts that a case can have; "second" is a state."""
    return tuple(v.value for v in Verdict if v is not Verdict.SECOND)


ALL = CaseFilter(state="any", live="any", withdrawn=True)


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
    why: str
    """The sentence of its strongest evidence."""
    paths: tuple[str, ...]
    """Up to three."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the queue."""

    entries: tuple[QueueEntry, ...]
    total: int
    """Cases that the filter lets through."""
    refuted: int
    """Those of them that reading refuted: the last ones."""
    offset: int
    most: int

    @property
    def next(self) -> int | None:
        """The offset of the next page, if there is one."""
        end = self.offset + len(self.entries)
        return end if self.entries and end < self.total else None

    @property
    def before(self) -> int | None:
        """The offset of the page before, if there is one."""
        return max(self.offset - self.most, 0) if self.offset else None


def any_at_all(connection: Connection) -> bool:
    """Whether there ever was a case."""
    return connection.scalar(select(table.c.pk).limit(1)) is not None


def count(connection: Connection, which: CaseFilter, who: Who | None, at: int) -> int:
    """How many cases the filter lets through."""
    query = select(func.count()).select_from(table).where(*conditions(which, who, at))
    return int(connection.scalar(query) or 0)


def queue(
    connection: Connection,
    which: CaseFilter,
    who: Who | None = None,
    *,
    offset: int = 0,
    most: int = 50,
    at: int | None = None,
) -> Page:
    """The cases from `offset` on, strongest first. `who`: for what is claimed by me or others."""
    at = now() if at is None else at
    most, offset = min(max(most, 1), MOST), min(max(offset, 0), 2**31)
    counted = select(func.count()).select_from(table).where(*conditions(which, who, at))
    total = int(connection.scalar(counted) or 0)
    refuted = int(connection.scalar(counted.where(table.c.rung == _REFUTED)) or 0) if total else 0
    pks = _first(connection, which, who, at, offset, most) if total else []
    return Page(tuple(entries(connection, pks, at=at)), total, refuted, offset, most)


def next_case(
    connection: Connection,
    which: CaseFilter,
    who: Who,
    *,
    exclude: str | None = None,
    at: int | None = None,
) -> str | None:
    """The id of the first undecided case that nobody holds and that `who` may decide."""
    at = now() if at is None else at
    if which.state not in (CaseState.OPEN, CaseState.SECOND):
        which = replace(which, state="undecided")
    which = replace(which, claimed="nobody", withdrawn=False)
    d, undo = decisions.c, decisions.alias()
    asked = (
        select(d.case_pk)
        .where(d.user_pk == who.pk, d.verdict == Verdict.SECOND.value)
        .where(d.pk.not_in(select(undo.c.undoes).where(undo.c.undoes.is_not(None))))
    )
    more = [or_(table.c.state != CaseState.SECOND.value, table.c.pk.not_in(asked))]
    if exclude is not None:
        more.append(table.c.id != ids.given(exclude))
    for pk in _first(connection, which, who, at, 0, 1, *more):
        found: str | None = connection.scalar(select(table.c.id).where(table.c.pk == pk))
        return found
    return None


def entries(
    connection: Connection, pks: Sequence[int], *, at: int | None = None
) -> list[QueueEntry]:
    """These cases (at most a page of them), in this order."""
    at = now() if at is None else at
    if not pks:
        return []
    r, m = schema.repositories.c, schema.removals.c
    query = (
        select(
            *(table, r.type, r.repo, r.downloads, r.likes),
            *(m.id.label("removal"), first_list().label("list"), first_said("site").label("site")),
            *(m.withdrawn_at, users.c.name.label("holder")),
        )
        .join(schema.repositories, r.pk == table.c.repository_pk)
        .join(schema.removals, m.pk == table.c.removal_pk)
        .outerjoin(users, users.c.pk == table.c.claimed_by)
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
            why=shown[case].why,
            paths=tuple(dict.fromkeys(row.path for row in some))[:3],
        )
        for case, some in found.items()
    }


def _cosine(sighting: Sighting) -> float | None:
    if sighting.rung is not Rung.WEIGHTS:
        return None
    figures = (e.figures.get("cosine") for e in sighting.standing if e.rung is Rung.WEIGHTS)
    return next((float(value) for value in figures if isinstance(value, int | float)), None)


ORDER = (table.c.rung.desc(), table.c.reach.desc(), table.c.opened_at, table.c.pk)


def _first(
    connection: Connection,
    which: CaseFilter,
    who: Who | None,
    at: int,
    offset: int,
    most: int,
    *more: ColumnElement[bool],
) -> list[int]:
    """The cases from `offset` on, by pk. Asked state by state: each is one walk along the index,
    where both at once would be sorted anew."""
    c = table.c
    states = (CaseState.OPEN, CaseState.SECOND) if which.state == "undecided" else (which.state,)
    walks = []
    for state in states:
        where = conditions(replace(which, state=str(state)), who, at)
        query = select(c.pk, c.rung, c.reach, c.opened_at).where(*where, *more).order_by(*ORDER)
        if len(states) == 1:
            return [row.pk for row in connection.execute(query.offset(offset).limit(most))]
        walks.append(connection.execute(query.limit(offset + most)).all())
    merged = heapq.merge(*walks, key=lambda row: (-row.rung, -row.reach, row.opened_at, row.pk))
    return [row.pk for row in islice(merged, offset, offset + most)]


def conditions(which: CaseFilter, who: Who | None, at: int) -> list[ColumnElement[bool]]:
    """On `cases`, all of which a filter asks."""
    c, m = table.c, schema.removals.c
    where: list[ColumnElement[bool]] = []
    if which.state == "undecided":
        where.append(c.state.in_((CaseState.OPEN.value, CaseState.SECOND.value)))
    elif which.state != "any":
        where.append(c.state == which.state)
    if which.live == "live":
        where.append(c.live > 0)
    elif which.live == "gone":
        where.append(c.live == 0)
    if not which.withdrawn:
        # Few ever were: only those that stand among the withdrawals are looked up.
        w = schema.withdrawals.c
        still = exists().where(m.pk == w.removal_pk, m.withdrawn_at.is_not(None))
        where.append(c.removal_pk.not_in(select(w.removal_pk).where(still)))
        if which.mark != "unsupported":
            where.append(c.rung > _UNSUPPORTED)
    if which.rung is not None:
        rung = int(which.rung)
        where.append(c.rung == rung if which.only else c.rung >= rung)
    if which.mark is not None:
        rungs = {"fallen": cases.FALLEN, "refuted": _REFUTED, "unsupported": _UNSUPPORTED}
        where.append(c.rung == rungs[which.mark])
    if which.hub is not None:
        where.append(c.hub == which.hub)
    if which.account is not None:
        where.append(c.account == which.account)
    if which.list is not None:
        where.append(c.removal_pk.in_(of_list(which.list)))
    if which.removal is not None:
        where.append(c.removal_pk.in_(select(m.pk).where(m.id == which.removal.lower())))
    if which.verdict is not None:
        where.append(c.verdict == which.verdict.value)
    if which.older is not None:
        where.append(c.opened_at <= at - which.older * _DAY)
    if which.decided is not None:
        lately = at - which.decided * _DAY
        d, e = decisions.c, decisions.alias("lately")
        # The few decisions of these days first: each case is then asked for its own verdict.
        where.append(c.pk.in_(select(d.case_pk).where(d.at >= lately)))
        so = exists().where(e.c.case_pk == c.pk, e.c.at >= lately, e.c.verdict == c.verdict)
        where.append(so)
    if which.opened is not None:
        begins = midnight(which.opened)
        where.append(and_(c.opened_at >= begins, c.opened_at < begins + 7 * _DAY))
    if which.text is not None:
        start = "cs-" + which.text.lower().removeprefix("cs-")
        where.append(func.substr(c.id, 1, len(start)) == start)
    if which.claimed is not None:
        held = and_(c.claimed_by.is_not(None), c.claimed_until > at)
        mine = c.claimed_by == (who.pk if who is not None else -1)
        if which.claimed == "nobody":
            where.append(or_(c.claimed_by.is_(None), c.claimed_until <= at))
        elif which.claimed == "anybody":
            where.append(held)
        else:
            where.append(and_(held, mine if which.claimed == "me" else ~mine))
    return where


@dataclass(frozen=True, slots=True)
class CaseOfScan:
    """A case in which a scan found something new."""

    id: str
    state: str
    rung: int
    account: str
    found: int
    """New sightings."""


def of_scan(connection: Connection, scan: int, *, most: int) -> list[CaseOfScan]:
    """The cases of what a scan found, the strongest first."""
    c, of, s = table.c, case_sightings.c, schema.sightings.c
    query = (
        select(c.id, c.state, c.rung, c.account, func.count())
        .join(case_sightings, of.case_pk == c.pk)
        .join(schema.sightings, s.pk == of.sighting_pk)
        .where(s.scan_pk == scan)
        .group_by(c.pk, c.id, c.state, c.rung, c.account)
        .order_by(c.rung.desc(), c.pk)
        .limit(most)
    )
    return [CaseOfScan(*row) for row in connection.execute(query)]
