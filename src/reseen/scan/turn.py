"""One turn of the walk: what came back is stored and new work is leased, in one transaction.

What comes in: outcomes of the last moments. What goes out: new sightings, what the removals
learned, and leases. Synchronous; it runs in the walk's one database thread, a few times a second.
Written twice, or broken off in the middle, the store is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from sqlalchemy import Connection

from reseen.hubs.hub import Abilities, Page, Revisions
from reseen.match.known import Known
from reseen.observed import artifacts as seen
from reseen.observed import known_commits, sightings
from reseen.records import Artifact, Coverage, Problem, Repository, Sighting
from reseen.scan import agenda, frontier, scans
from reseen.scan.frontier import Lease, Task, Work
from reseen.scan.lookback import Place, record_past, sketched, unread, worth_reading
from reseen.scan.record import Learned, read_before, record, weighed_before
from reseen.scan.target import Confirm, Options, Target
from reseen.scan.visit import Visit
from reseen.store.lease import Owner

GAVE_UP = "no usable answer after several attempts"


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a listing came."""

    part: scans.Part
    page: Page


@dataclass(frozen=True, slots=True)
class Visited:
    """A commit was looked at. A visit that is not complete is stored all the same, and another
    outcome says what becomes of the lease."""

    lease: Lease
    visit: Visit


@dataclass(frozen=True, slots=True)
class Referred:
    """A repository's refs and history came."""

    lease: Lease
    revisions: Revisions


@dataclass(frozen=True, slots=True)
class Passed:
    """There is nothing to look at, and asking again would not change that."""

    lease: Lease
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """No usable answer, while the hub otherwise worked."""

    lease: Lease
    problem: Problem


@dataclass(frozen=True, slots=True)
class Untouched:
    """Broken off by us, or the hub was away: nothing is held against it."""

    lease: Lease


Outcome = Listed | Visited | Referred | Passed | Failed | Untouched


@dataclass(frozen=True, slots=True)
class Ready:
    """A lease, with all that is needed to act on it."""

    lease: Lease
    repository: Repository
    read_before: frozenset[bytes] = frozenset()
    """What the hub calls the contents that were read on another commit of it."""
    weighed: frozenset[tuple[str, bytes]] = frozenset()
    """(path, content) of files that were looked at for altered copies."""
    artifact: Artifact | None = None
    """For LOOK."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What stays the same from turn to turn."""

    pk: int
    started_at: int
    hub: str
    abilities: Abilities
    """What the hub can do: it is asked for no more."""
    target: Target
    options: Options
    owner: Owner
    known: Callable[[], Known]
    """The registry in force, as last loaded."""
    secret: bytes
    """The store's."""

    @property
    def beside_main(self) -> bool:
        """Can a repository hold anything but what its main line holds now?"""
        return self.abilities.refs or self.abilities.history


@dataclass(slots=True)
class Turn:
    """What a turn did."""

    found: list[Sighting] = field(default_factory=list)
    """Never recorded before."""
    learned: list[Learned] = field(default_factory=list)
    ready: list[Ready] = field(default_factory=list)
    accounts: set[str] = field(default_factory=set)
    """Accounts where something was found: they come first from now on."""
    coverage: Coverage = field(default_factory=Coverage)
    """Of the whole scan, so far."""
    new_parts: bool = False
    """There is more to list than before."""
    ended: bool = False
    """The scan has ended."""


def take(
    connection: Connection,
    scan: Scan,
    outcomes: Sequence[Outcome],
    accounts: set[str],
    used: Coverage,
    want: int,
    at: int,
) -> Turn:
    """Store outcomes and lease `want` more. `accounts`: those with sightings so far; `used`:
    requests and bytes since the last turn."""
    turn = Turn()
    more = used
    plain = [o for o in outcomes if isinstance(o, Visited) and _is_plain(o.visit)]
    more = scans.plus(more, _visit_plain(connection, scan, plain, at))
    settled = {id(each) for each in plain}
    for outcome in outcomes:
        if id(outcome) in settled:
            continue
        match outcome:
            case Listed(part, page):
                more = scans.plus(more, _list(connection, scan, part, page, accounts, at))
            case Visited(lease, visit):
                more = scans.plus(more, _visit(connection, scan, turn, lease, visit))
            case Referred(lease, revisions):
                _refer(connection, scan, lease, revisions, at)
            case Passed(lease, reason):
                if reason == agenda.NO_ACCESS:
                    refused = Problem(f"{scan.hub}/{lease.repo}", reason)
                    scans.note(connection, scan.pk, lease.repository_pk, [refused], at)
                more = scans.plus(more, Coverage(skipped={reason: 1}))
            case Failed(lease, problem):
                if frontier.fail(connection, scan.pk, lease, problem, at):
                    more = scans.plus(more, Coverage(skipped={GAVE_UP: 1}))
            case Untouched():
                pass
    if turn.learned:
        look_back(connection, scan, turn, {learned.removal for learned in turn.learned})
    done = [o for o in outcomes if settles(o) and not isinstance(o, Failed | Untouched)]
    frontier.finish(connection, [o.lease.pk for o in done])
    frontier.give_back(connection, [o.lease.pk for o in outcomes if isinstance(o, Untouched)])
    if more == Coverage():
        turn.coverage = scans.coverage(connection, scan.pk)
    else:
        turn.coverage = scans.add_coverage(connection, scan.pk, more)
    leases = frontier.lease(connection, scan.pk, scan.owner, want, at)
    rows = known_commits.repositories_by_pk(connection, [lease.repository_pk for lease in leases])
    for lease in leases:
        read = frozenset[bytes]()
        if lease.task is Task.FILES and lease.ref != "main":
            read = read_before(connection, lease.repository_pk, scan.options.confirm)
        weighed = frozenset[tuple[str, bytes]]()
        if lease.task is Task.FILES and scan.known().sketched:
            weighed = weighed_before(connection, lease.repository_pk)
        artifact = None
        if lease.task is Task.LOOK:
            artifact = seen.artifact(connection, int(lease.commit))
        turn.ready.append(Ready(lease, rows[lease.repository_pk], read, weighed, artifact))
    return turn


def settles(outcome: Outcome) -> TypeGuard[Visited | Referred | Passed | Failed | Untouched]:
    """Whether the outcome's lease is no longer held once it is stored."""
    if isinstance(outcome, Visited):
        return outcome.visit.complete
    return not isinstance(outcome, Listed)


def _list(
    connection: Connection,
    scan: Scan,
    part: scans.Part,
    page: Page,
    accounts: set[str],
    at: int,
) -> Coverage:
    """Store a page: repositories, what is to be done with them, the cursor behind it."""
    if not scans.turn_page(connection, scan.pk, part, page.cursor, len(page.repositories)):
        return Coverage()
    scans.note(connection, scan.pk, None, page.problems, at)
    if part.subject is not None:
        accounts = accounts | {part.subject[1]}
    beside_main = scan.options.refs and scan.beside_main
    files_named = any(repository.paths for repository in page.repositories)
    listed = unchanged = 0
    skipped: dict[str, int] = {}
    if page.problems:
        skipped[agenda.UNLISTED] = len(page.problems)
    work: list[Work] = []
    walked: list[int] = []
    changed: list[int] = []
    hints = scan.known().hints_of_listing
    for each in known_commits.remember(connection, page.repositories, scan.started_at, at):
        repository = each.repository
        listed += each.fresh
        skip = agenda.skip(repository, beside_main, files_named)
        if skip is not None:
            if each.fresh:
                skipped[skip.reason] = skipped.get(skip.reason, 0) + 1
            if repository.disabled or not beside_main:
                continue
        named = repository.id in scan.target.repos
        priority = agenda.Priority.NOW if named else agenda.priority(repository, accounts, hints)
        if each.walked:
            unchanged += each.fresh
            walked.append(each.pk)
        elif repository.sha is not None:
            changed.append(each.pk)
            work.append(Work(each.pk, Task.FILES, priority, repository.sha, "main"))
        follows = each.unfollowed and scan.options.follow and scan.beside_main
        if beside_main or follows:
            work.append(Work(each.pk, Task.REFS, priority))
    if scan.known().sketched and _reads(scan.options):
        # Files that are known, and were not read far enough for what is known today.
        could = scan.known().could_match
        for pks, headers in ((walked, True), (changed, False)):
            if pks:
                again = unread(connection, could, hub=scan.hub, repository_pks=pks, headers=headers)
                work += _looks(again.values(), agenda.Priority.REST)
    frontier.add(connection, scan.pk, work)
    return Coverage(listed=listed, unchanged=unchanged, skipped=skipped)


def _is_plain(visit: Visit) -> bool:
    """Most of a hub: its files are remembered, and nothing else came of it."""
    return (
        visit.listed
        and visit.complete
        and not visit.problems
        and not visit.bytes_by
        and not visit.skipped
        and not any(one.matches or one.hints or one.reading for one in visit.seen)
    )


def _visit_plain(connection: Connection, scan: Scan, plain: Sequence[Visited], at: int) -> Coverage:
    """Store many such visits in few statements: as `record` would one by one."""
    seen.artifacts_of_many(
        connection,
        [(o.lease.repository_pk, [one.artifact for one in o.visit.seen]) for o in plain],
        since=scan.started_at,
        at=at,
    )
    seen.walked_of_many(
        connection, [(o.lease.repository_pk, o.visit.revision.commit) for o in plain], at=at
    )
    return Coverage(
        walked=sum(o.lease.ref == "main" for o in plain),
        artifacts=sum(len(o.visit.seen) for o in plain),
    )


def _visit(connection: Connection, scan: Scan, turn: Turn, lease: Lease, visit: Visit) -> Coverage:
    """Store a visit and what follows from it."""
    recorded = record(connection, visit, scan.pk, since=scan.started_at)
    turn.found += [sightings.by_id(connection, each) for each in recorded.new]
    turn.learned += recorded.learned
    if visit.follow:
        _follow(connection, scan, turn, lease.repository_pk, visit.repository.author)
    if not visit.complete:
        return Coverage(bytes_by=visit.bytes_by)
    problems = len(visit.problems)
    skipped = dict(visit.skipped)
    if problems:
        skipped["files that could not be read"] = problems
    return Coverage(
        bytes_by=visit.bytes_by,
        walked=1 if visit.listed and lease.ref == "main" else 0,
        artifacts=len(visit.seen) if visit.listed else 0,
        skipped=skipped,
    )


def _follow(
    connection: Connection, scan: Scan, turn: Turn, repository_pk: int, author: str
) -> None:
    """Something was found: the repository's refs and the account's other repositories come now."""
    if scan.beside_main:
        frontier.add(connection, scan.pk, [Work(repository_pk, Task.REFS, agenda.Priority.NOW)])
    turn.accounts.add(author)
    if not scan.abilities.lists:
        return
    if author not in scan.target.authors or scan.target.since is not None:
        for type in sorted(set(scan.target.types)):
            added = scans.add_account(connection, scan.pk, type, author)
            turn.new_parts = turn.new_parts or added


def look_back(
    connection: Connection,
    scan: Scan,
    turn: Turn,
    removals: Collection[str] | None,
    *,
    since: int = 0,
) -> None:
    """These removals (None: all) are known better than before: match what is stored, and queue
    what is worth reading now, of what was seen since an instant."""
    for id, place in record_past(connection, scan.secret, removals, scan_pk=scan.pk):
        turn.found.append(sightings.by_id(connection, id))
        if scan.options.follow and place.hub == scan.hub:
            _follow(connection, scan, turn, place.repository_pk, place.author)
    if removals is None or not _reads(scan.options):
        return
    again = worth_reading(connection, removals, hub=scan.hub, since=since)
    frontier.add(connection, scan.pk, _looks(again, agenda.Priority.NOW))
    if sketched(connection, removals):
        from reseen.match.sketches import Sketches  # numpy, which a scan by hashes alone needs not

        could = Sketches.load(connection, only=frozenset(removals)).could_match
        # Headers are looked for modules from the first sketch on; what was seen before it, was not.
        first = since > 0 or not scan.known().sketched
        seen_since = max(since, scan.started_at)
        some = unread(connection, could, hub=scan.hub, since=seen_since, headers=first)
        frontier.add(connection, scan.pk, _looks(some.values(), agenda.Priority.ADAPTER))


def _reads(options: Options) -> bool:
    """May files be read although nothing is declared of them?"""
    return options.edited and options.confirm is not Confirm.NONE


def _looks(places: Iterable[Place], priority: agenda.Priority) -> list[Work]:
    return [
        Work(place.repository_pk, Task.LOOK, priority, str(place.artifact_pk)) for place in places
    ]


def _refer(connection: Connection, scan: Scan, lease: Lease, revisions: Revisions, at: int) -> None:
    """Each commit that is not known yet becomes work, once."""
    scans.note(connection, scan.pk, lease.repository_pk, revisions.problems, at)
    walked = seen.walked_commits(connection, lease.repository_pk)
    known = set(walked) | frontier.commits(connection, scan.pk, lease.repository_pk)
    work: list[Work] = []
    for revision in revisions.revisions:
        if revision.commit not in known:
            known.add(revision.commit)
            work.append(
                Work(
                    lease.repository_pk,
                    Task.FILES,
                    lease.priority,
                    revision.commit,
                    revision.ref,
                )
            )
    frontier.add(connection, scan.pk, work)
    for commit, refs in walked.items():
        if not refs:
            seen.walked(connection, lease.repository_pk, commit, refs=True, at=at)
