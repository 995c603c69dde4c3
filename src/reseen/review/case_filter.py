"""Which cases of the queue: what lives in the address of a page.

What comes in: the values of an address. What goes out: a `CaseFilter`, and what it asks of the
table. `CaseFilter.parse` and `CaseFilter.values` are the one place where a filter becomes text and
back; what nobody understands there is passed over, since an address can be typed by anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select

from reseen.records import Rung
from reseen.registry.known_lists import few_of_list, of_list
from reseen.review import assignments, cases
from reseen.review.roles import Who
from reseen.review.verdicts import CaseState, Verdict
from reseen.store import ids, queue_schema, schema
from reseen.store.service_schema import cases as table
from reseen.store.service_schema import decisions, users

_DAY = 24 * 3600 * 1_000_000
_LONGEST = 300
_FEW = 1_000
"""Removals that are named one by one in a query."""
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


def conditions(
    connection: Connection, which: CaseFilter, who: Who | None, at: int
) -> list[ColumnElement[bool]]:
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
        # Where they are few, their cases are looked up; else the whole queue would be walked for
        # them, since the database cannot know from a list's name how few they are.
        few = few_of_list(connection, which.list, most=_FEW)
        where.append(c.removal_pk.in_(of_list(which.list) if few is None else few))
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
    theirs, owner = assignments.standing(), queue_schema.assignments.c
    if whose == "nobody":
        return ~theirs.where(owner.case_pk == table.c.pk).exists()
    if whose == "me":
        theirs = theirs.where(owner.user_pk == (who.pk if who is not None else -1))
    else:
        theirs = theirs.where(users.c.name == whose[1:])
    return table.c.pk.in_(theirs)
