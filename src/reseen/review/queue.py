"""What waits for a decision, in order: strength of evidence, reach, age. What a person confirmed
and reading then refuted stands first, what reading refuted last, and is counted apart.

What comes in: a `CaseFilter`, which lives in the address of a page, and the `QueuePlace` from
which a page goes on. What goes out: a `Page` of rows and how many there are, up to `COUNTED`,
or the next case to work on: a walk along an index, however many cases there are. `CaseFilter.parse`
and `CaseFilter.values` are the one place where a filter becomes text and back; what nobody
understands there is passed over, since an address can be typed by anybody.
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
from reseen.review import cases, strength
from reseen.review.roles import Who
from reseen.review.verdicts import CaseState, Verdict
from reseen.store import ids, schema
from reseen.store.database import now
from reseen.store.queue_schema import assignments
from reseen.store.service_schema import case_sightings, decisions, users
from reseen.store.service_schema import cases as table

MOST = 200
"""Rows of one page."""
COUNTED = 10_000
"""Cases that are counted; where there are more, that is said."""
_END = -(2**15)
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
    assigned: str | None = None
    """Whose it is: "me" or "nobody", or a colleague's name after "@"."""
    same: str | None = None
    """The id of a case: of the same bytes as that one."""
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
            assigned=_assigned(text("assigned")),
            same=text("same"),
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
            "assigned": self.assigned,
            "same": self.same,
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


def _assigned(given: str | None) -> str | None:
    usable = given in ("me", "nobody") or (given is not None and given[:1] == "@" and given[1:])
    return given if usable else None


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


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """A place in the order of the queue, that of one case as it stood, and what is wanted from it:
    what comes after, or before. It stays a place when the case goes elsewhere."""

    strength: int
    reach: int
    opened_at: int
    pk: int
    before: bool = False

    @classmethod
    def parse(cls, text: str, *, before: bool = False) -> QueuePlace | None:
        """From an address; None for what is none. "end": after everything."""
        if text == "end":
            return cls(_END, 0, 0, 0, before)
        parts = text.split(".")
        plain = all(p.removeprefix("-").isascii() and p.removeprefix("-").isdigit() for p in parts)
        if len(parts) != 4 or not plain or any(len(p) > 18 for p in parts):
            return None
        strength, reach, opened_at, pk = map(int, parts)
        small = abs(strength) < -_END
        return cls(strength, reach, opened_at, pk, before) if small else None

    def __str__(self) -> str:
        return f"{self.strength}.{self.reach}.{self.opened_at}.{self.pk}"

    def beyond(self) -> list[ColumnElement[bool]]:
        """What comes after this place, or before it, nearest first: ranges of the index."""
        c = table.c
        same = [c.strength == self.strength, c.reach == self.reach, c.opened_at == self.opened_at]
        if self.before:
            steps = [c.pk < self.pk, c.opened_at < self.opened_at]
            steps += [c.reach > self.reach, c.strength > self.strength]
        else:
            steps = [c.pk > self.pk, c.opened_at > self.opened_at]
            steps += [c.reach < self.reach, c.strength < self.strength]
        return [and_(*same[: 3 - n], step) for n, step in enumerate(steps)]


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the queue."""

    entries: tuple[QueueEntry, ...]
    total: int
    """Cases that the filter lets through, up to `COUNTED`."""
    refuted: int
    """Those that reading refuted: the last ones; up to `COUNTED` again."""
    offset: int
    most: int
    more: bool = False
    """There are more than `total`."""
    on: QueuePlace | None = None
    """Where the next page begins, if there is one."""
    back: QueuePlace | None = None
    """Where the page before ends, if there is one."""

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
    place: QueuePlace | None = None,
) -> Page:
    """The cases from `offset` on, strongest first; or those that come after a place, or before it.
    `who`: for what is claimed by me or others."""
    at = now() if at is None else at
    most, offset = min(max(most, 1), MOST), min(max(offset, 0), COUNTED)
    total = _count(connection, which, who, at)
    refuted = _count(connection, which, who, at, table.c.strength == _REFUTED) if total else 0
    rows: Sequence[Any] = []
    if total and place is not None:
        rows = _beside(connection, which, who, at, place, most + 1)
    elif total:
        rows = walk(connection, which, who, at, offset, most + 1)
    there, rows = len(rows) > most, rows[:most]
    backwards = place is not None and place.before
    if backwards:
        rows = rows[::-1]
    ends = backwards and place is not None and place.strength == _END
    first = not there if backwards else offset == 0 and place is None
    on = _place(rows[-1]) if rows and not ends and (there or backwards) else None
    back = _place(rows[0], before=True) if rows and not first else None
    found = entries(connection, [row.pk for row in rows], at=at)
    kept = min(total, COUNTED)
    return Page(tuple(found), kept, min(refuted, COUNTED), offset, most, total > kept, on, back)


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
    if which.assigned is None:  # what is somebody else's is left to them
        others = select(assignments.c.case_pk).where(
            assignments.c.case_pk == table.c.pk, assignments.c.user_pk != who.pk
        )
        more.append(~others.exists())
    for row in walk(connection, which, who, at, 0, 1, *more):
        found: str | None = connection.scalar(select(table.c.id).where(table.c.pk == row.pk))
        return found
    return None


def entries(
    connection: Connection, pks: Sequence[int], *, at: int | None = None
) -> list[QueueEntry]:
    """These cases (at most a page of them), in this order."""
    at = now() if at is None else at
    if not pks:
        return []
    r, m, whose = schema.repositories.c, schema.removals.c, users.alias()
    query = (
        select(
            *(table, r.type, r.repo, r.downloads, r.likes),
            *(m.id.label("removal"), first_list().label("list"), first_said("site").label("site")),
            *(m.withdrawn_at, users.c.name.label("holder"), whose.c.name.label("whose")),
        )
        .join(schema.repositories, r.pk == table.c.repository_pk)
        .join(schema.removals, m.pk == table.c.removal_pk)
        .outerjoin(users, users.c.pk == table.c.claimed_by)
        .outerjoin(assignments, assignments.c.case_pk == table.c.pk)
        .outerjoin(whose, whose.c.pk == assignments.c.user_pk)
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


ORDER = (table.c.strength.desc(), table.c.reach.desc(), table.c.opened_at, table.c.pk)
_BACKWARDS = (table.c.strength, table.c.reach, table.c.opened_at.desc(), table.c.pk.desc())
_KEY = (table.c.pk, table.c.strength, table.c.reach, table.c.opened_at)


def _place(row: Row[Any], *, before: bool = False) -> QueuePlace:
    return QueuePlace(row.strength, row.reach, row.opened_at, row.pk, before)


def _forwards(row: Any) -> tuple[int, int, int, int]:
    return -row.strength, -row.reach, row.opened_at, row.pk


def _count(
    connection: Connection, which: CaseFilter, who: Who | None, at: int, *more: ColumnElement[bool]
) -> int:
    """How many there are; `COUNTED` and one where there are more."""
    total = 0
    for state in _states(which):
        where = conditions(replace(which, state=state), who, at)
        some = select(table.c.pk).where(*where, *more).limit(COUNTED + 1 - total)
        total += int(connection.scalar(select(func.count()).select_from(some.subquery())) or 0)
        if total > COUNTED:
            break
    return total


def _states(which: CaseFilter) -> tuple[str, ...]:
    """Asked state by state: each is one walk along the index, where both at once would be sorted
    anew."""
    if which.state == "undecided":
        return CaseState.OPEN.value, CaseState.SECOND.value
    return (which.state,)


def walk(
    connection: Connection,
    which: CaseFilter,
    who: Who | None,
    at: int,
    offset: int,
    most: int,
    *more: ColumnElement[bool],
    columns: Sequence[Any] = (),
) -> list[Any]:
    """The cases from `offset` on: `pk` and what they are sorted by, then these columns."""
    walks = []
    states = _states(which)
    for state in states:
        where = conditions(replace(which, state=state), who, at)
        query = select(*_KEY, *columns).where(*where, *more).order_by(*ORDER)
        if len(states) == 1:
            return list(connection.execute(query.offset(offset).limit(most)))
        walks.append(connection.execute(query.limit(offset + most)).all())
    return list(islice(heapq.merge(*walks, key=_forwards), offset, offset + most))


def _beside(
    connection: Connection,
    which: CaseFilter,
    who: Who | None,
    at: int,
    place: QueuePlace,
    most: int,
) -> list[Any]:
    """The cases next to a place, the nearest first."""
    walks: list[list[Any]] = []
    for state in _states(which):
        where = conditions(replace(which, state=state), who, at)
        found: list[Any] = []
        for beyond in place.beyond():
            query = select(*_KEY).where(*where, beyond)
            ordered = query.order_by(*(_BACKWARDS if place.before else ORDER))
            found += connection.execute(ordered.limit(most - len(found))).all()
            if len(found) >= most:
                break
        walks.append(found)

    def backwards(row: Any) -> tuple[int, ...]:
        return tuple(-part for part in _forwards(row))

    return list(islice(heapq.merge(*walks, key=backwards if place.before else _forwards), most))


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
            where.append(c.strength > _UNSUPPORTED)
    if which.rung is not None:
        rung = int(which.rung)
        where.append(c.rung == rung if which.only else c.rung >= rung)
        where.append(c.strength >= rung)
    if which.mark is not None:
        rungs = {"fallen": cases.FALLEN, "refuted": _REFUTED, "unsupported": _UNSUPPORTED}
        where += [c.rung == rungs[which.mark], c.strength == rungs[which.mark]]
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
        if start.isascii() and start[3:].isalnum():  # ids are of digits and small letters
            where.append(c.id.between(start, start + "z" * 12))
    if which.same is not None:
        like = table.alias()
        shown = select(like.c.sha256).where(like.c.id == ids.given(which.same))
        where.append(c.sha256 == shown.scalar_subquery())
    if which.assigned is not None:
        where.append(_assigned_to(which.assigned, who))
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


def _assigned_to(whose: str, who: Who | None) -> ColumnElement[bool]:
    theirs = select(assignments.c.case_pk)
    if whose == "nobody":
        return ~theirs.where(assignments.c.case_pk == table.c.pk).exists()
    if whose == "me":
        theirs = theirs.where(assignments.c.user_pk == (who.pk if who is not None else -1))
    else:
        named = select(users.c.pk).where(users.c.name == whose[1:])
        theirs = theirs.where(assignments.c.user_pk.in_(named))
    return table.c.pk.in_(theirs)


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
