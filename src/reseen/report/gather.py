"""Reads everything that a report says from the store, as one `Findings` value."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice

from sqlalchemy import Connection, func, select

from reseen.observed import blind_spots, sightings, sketches
from reseen.observed.artifacts import instant
from reseen.observed.blind_spots import BY_DIGESTS, IN_PART, BlindFile
from reseen.observed.sightings import ALL, SightingFilter
from reseen.records import BlindSpot, Confirmed, Rung, Sighting, SightingState
from reseen.registry import list_rows
from reseen.registry import removals as removal_rows
from reseen.registry.list_rows import ListSource
from reseen.store.database import Store, chunks
from reseen.store.schema import problems, removals, scans

MOST_BLIND = 500
"""Files on a page whose weights could not be judged; the tables have them all."""


CONFIRM, ALLOWED, NOT_THIS = "confirm", "allowed", "not-this-model"
"""What a person said of a sighting, as `Findings.decided` has it."""


@dataclass(frozen=True, slots=True)
class ReportScope:
    """What a report is about; all that is given must hold."""

    which: SightingFilter = ALL
    ids: frozenset[str] | None = None
    """These sightings, however many."""
    accounts: tuple[tuple[str, str], ...] | None = None
    """(hub, account) of each."""
    within: str = ""
    """The same in words, as they follow "seen again": "" is everything."""
    one_account: bool = False
    """A case, a notice, or an account."""
    leads: int = 0
    """Accounts that belong to it, and are not named: nothing of theirs is confirmed."""

    @property
    def everything(self) -> bool:
        return self.which == ALL and self.ids is None and self.accounts is None

    def parts(self) -> Iterator[SightingFilter]:
        """The filters that together hold all of it, each sighting in one."""
        if self.ids is not None:
            for some in chunks(sorted(self.ids)):
                yield replace(self.which, ids=frozenset(some))
        elif self.accounts is not None:
            for hub, account in self.accounts:
                yield replace(self.which, hub=hub, author=account)
        else:
            yield self.which


EVERYTHING = ReportScope()


@dataclass(frozen=True, slots=True)
class ScanLine:
    """One scan, as a report tells of it."""

    hub: str
    started_at: datetime
    ended_at: datetime | None
    """None: it was stopped before its end; the same command goes on."""
    coverage: Mapping[str, object]
    """The fields of `records.Coverage`."""
    number: int = 0

    @property
    def blind(self) -> tuple[tuple[BlindSpot, int], ...]:
        """What of the files that it read was not read, and of how many; most of them first."""
        told = self.coverage.get("blind")
        return tuple(blind_spots.tally(told)) if isinstance(told, Mapping) else ()


@dataclass(frozen=True, slots=True)
class Group:
    """Sightings that belong together: of one removal, or of one account."""

    label: str
    sightings: int
    live: int
    accounts: int
    """Different accounts (for a removal)."""
    removals: int
    """Different removals (for an account)."""
    strongest: Rung
    downloads: int
    first_seen: datetime


@dataclass(frozen=True, slots=True)
class Findings:
    """All that a report says, before anything is left out for who may not see it."""

    made_at: datetime
    sightings: tuple[Sighting, ...]
    """Strongest first; then what reading refuted; sightings of withdrawn removals, and what nothing
    supports any more, are at the end."""
    removals_in_force: int
    removals_withdrawn: int
    scans: tuple[ScanLine, ...]
    problems: tuple[tuple[str, int], ...]
    """Reason -> how often; most frequent first. Without files that only digests could judge."""
    not_read: tuple[tuple[BlindSpot, int], ...] = ()
    """What of files was not read, and of how many files; most of them first."""
    blind: tuple[BlindFile, ...] = ()
    """Files whose weights could not be judged, at most `MOST_BLIND`."""
    blind_count: int = 0
    """All of them."""
    decided: Mapping[str, str] = field(default_factory=dict)
    """What a person said of a sighting, by its id: confirm, allowed, not-this-model."""
    sources: Mapping[str, ListSource] = field(default_factory=dict)
    """By the removal: which lists say it, and by which rows."""
    scope: ReportScope = EVERYTHING
    sketched: bool = True
    """Any removal has a sketch; else no altered copy could be found."""
    unfindable: int = 0
    """Removals in force of which nothing is known by which a scan finds a file, and nothing was
    seen."""

    @property
    def counting(self) -> tuple[Sighting, ...]:
        """Sightings that stand on the ladder and whose removal is in force."""
        return tuple(s for s in self.sightings if s.counts)

    @property
    def seen_again(self) -> tuple[Sighting, ...]:
        """Those that count and of which nobody said that they are another model."""
        return tuple(s for s in self.counting if self.decided.get(s.id) != NOT_THIS)

    @property
    def dismissed(self) -> tuple[Sighting, ...]:
        """Of which a person said that they are another model: counted apart."""
        return tuple(s for s in self.counting if self.decided.get(s.id) == NOT_THIS)

    @property
    def refuted(self) -> tuple[Sighting, ...]:
        """What reading refuted: counted apart."""
        return tuple(s for s in self.sightings if s.rung is Rung.REFUTED and not s.withdrawn)


def gather(store: Store, *, files: bool = True, scope: ReportScope = EVERYTHING) -> Findings:
    """Read the store once. `files`: also those that could not be judged, and all reasons for that;
    without it, as for a table of sightings, they are counted alone. What scans did is told where
    the report is of everything: it says nothing of a part, and of places elsewhere it says too
    much. Raises StoreError."""
    with store.read() as connection:
        whole = scope.everything
        found = sorted(_in_scope(connection, scope), key=_order)
        return Findings(
            made_at=datetime.now(UTC),
            sightings=tuple(found),
            removals_in_force=_count(connection, withdrawn=False),
            removals_withdrawn=_count(connection, withdrawn=True),
            scans=tuple(_scans(connection)),
            problems=_problems(connection) if whole else (),
            not_read=tuple(blind_spots.count(connection)) if files and whole else (),
            blind=tuple(_blind(connection)) if files and whole else (),
            blind_count=blind_spots.count_unjudged(connection) if whole else 0,
            sources=list_rows.of_removals(connection, {one.removal for one in found}),
            scope=scope,
            sketched=sketches.any_of_removals(connection),
            unfindable=removal_rows.count_unfindable(connection, {one.removal for one in found})
            if whole
            else 0,
        )


def count(connection: Connection, scope: ReportScope) -> int:
    """How many sightings a report would hold."""
    return sum(sightings.count(connection, which) for which in scope.parts())


def _in_scope(connection: Connection, scope: ReportScope) -> Iterator[Sighting]:
    for which in scope.parts():
        yield from sightings.every(connection, which)


def _scans(connection: Connection) -> Iterator[ScanLine]:
    return map(_scan_line, connection.execute(select(scans).order_by(scans.c.pk)))


def _problems(connection: Connection) -> tuple[tuple[str, int], ...]:
    reason = problems.c.reason
    query = (
        select(reason, func.count())
        .where(~reason.startswith(BY_DIGESTS), ~reason.startswith(IN_PART))
        .group_by(reason)
        .order_by(func.count().desc(), reason)
    )
    return tuple((str(why), int(times)) for why, times in connection.execute(query))


def _blind(connection: Connection) -> Iterator[BlindFile]:
    return islice(blind_spots.files(connection, unjudged=True), MOST_BLIND)


def by_removal(found: tuple[Sighting, ...]) -> tuple[Group, ...]:
    """One line a removal, most sightings first."""
    return _groups(found, lambda s: s.removal)


def by_account(found: tuple[Sighting, ...], *, locations: bool) -> tuple[Group, ...]:
    """One line an account, most sightings first; numbered instead of named without `locations`.
    What lies in a folder on this machine is nobody's account."""
    held = tuple(s for s in found if s.account)
    groups = _groups(held, lambda s: account_named(s.hub, s.account))
    if locations:
        return groups
    return tuple(replace(g, label=account_label(n)) for n, g in enumerate(groups, start=1))


def account_named(hub: str, account: str) -> str:
    """An account, where places are said."""
    return f"{account} at {hub}"


def account_label(number: int) -> str:
    """The same where they are not: its number in the table of accounts."""
    return f"account {number}"


def by_month(found: tuple[Sighting, ...]) -> tuple[tuple[str, int], ...]:
    """Uploads a month ("2025-06"), every month between the first and the last, by the date on
    which the repository was made."""
    months = Counter(
        (s.repo_created_at.year, s.repo_created_at.month) for s in found if s.repo_created_at
    )
    if not months:
        return ()
    (year, month), last = min(months), max(months)
    line: list[tuple[str, int]] = []
    while (year, month) <= last and len(line) < 600:
        line.append((f"{year:04d}-{month:02d}", months[(year, month)]))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return tuple(line)


def totals(found: tuple[Sighting, ...]) -> Mapping[str, int]:
    """The figures at the head of a report."""
    return {
        "sightings": len(found),
        "live": sum(s.state is SightingState.LIVE for s in found),
        "gone": sum(s.state is SightingState.GONE for s in found),
        "removals": len({s.removal for s in found}),
        "repositories": len({(s.hub, s.type, s.repo) for s in found}),
        "accounts": len(_accounts(found)),
        "confirmed": sum(s.confirmed is Confirmed.BYTES for s in found),
        "false_hashes": sum(s.hash_is_false for s in found),
    }


def skipped(findings: Findings) -> tuple[tuple[str, int], ...]:
    """Everything that no scan looked at: reason -> times, most frequent first."""
    times = Counter(dict(findings.problems))
    for scan in findings.scans:
        reasons = scan.coverage.get("skipped")
        if isinstance(reasons, Mapping):
            # What is told of apart, reason by reason; a scan of before that was kept has the sum.
            told = {blind_spots.UNJUDGED} if scan.blind else set()
            times.update({str(why): int(n) for why, n in reasons.items() if why not in told})
    return tuple(times.most_common())


def _groups(found: tuple[Sighting, ...], label_of: Callable[[Sighting], str]) -> tuple[Group, ...]:
    members: dict[str, list[Sighting]] = {}
    for sighting in found:
        members.setdefault(label_of(sighting), []).append(sighting)
    groups = [
        Group(
            label=label,
            sightings=len(some),
            live=sum(s.state is SightingState.LIVE for s in some),
            accounts=len(_accounts(some)),
            removals=len({s.removal for s in some}),
            strongest=max(s.rung for s in some),
            downloads=sum({(s.hub, s.type, s.repo): s.downloads or 0 for s in some}.values()),
            first_seen=min(s.first_seen for s in some),
        )
        for label, some in members.items()
    ]
    return tuple(sorted(groups, key=lambda g: (-g.sightings, -g.strongest, g.label)))


def _accounts(found: Iterable[Sighting]) -> set[tuple[str, str]]:
    return {(s.hub, s.account) for s in found if s.account}


def _order(s: Sighting) -> tuple[bool, int, bool, datetime, str]:
    history = s.withdrawn or s.rung is Rung.UNSUPPORTED
    return (history, -s.rung, s.state is not SightingState.LIVE, s.first_seen, s.id)


def _count(connection: Connection, *, withdrawn: bool) -> int:
    column = removals.c.withdrawn_at
    return connection.execute(
        select(func.count())
        .select_from(removals)
        .where(column.is_not(None) if withdrawn else column.is_(None))
    ).scalar_one()


def _scan_line(r: object) -> ScanLine:
    values = r._mapping  # type: ignore[attr-defined]
    return ScanLine(
        hub=values["hub"],
        started_at=instant(values["started_at"]),
        ended_at=instant(values["ended_at"]),
        coverage=json.loads(values["coverage"]) if values["coverage"] else {},
        number=values["pk"],
    )
