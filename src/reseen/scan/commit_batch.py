"""One batch of the walk: what came back is stored and new work is leased, in one transaction.

What comes in: outcomes of the last moments. What goes out: new sightings, what the removals
learned, and leases. Synchronous; it runs in the walk's one database thread, a few times a second.
Written twice, or broken off in the middle, the store is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeGuard

from sqlalchemy import Connection

from reseen.hubs.hub import Abilities, RepositoryPage, Revisions
from reseen.match.registry_index import RegistryIndex
from reseen.observed import artifacts as seen
from reseen.observed import known_commits, sightings, walks
from reseen.observed.readings import File, ReadSoFar, read_so_far
from reseen.observed.walks import (
    ACCOUNT,
    ALL_REFS,
    NEVER,
    NOTHING,
    REFS,
    Asked,
    Commit,
    Walked,
    still_open,
)
from reseen.records import Artifact, Coverage, Problem, Repository, Sighting, account_of
from reseen.scan import frontier, owed, priorities, scan_rows
from reseen.scan.budget import SPENT
from reseen.scan.frontier import LOOKS, READS, Lease, State, Task, Work
from reseen.scan.lookback import Place, record_past, sketched, unread, worth_reading
from reseen.scan.outage import STORAGE_AWAY, UNANSWERED
from reseen.scan.record import record
from reseen.scan.target import Confirm, Options, Target, as_asked, asked, strongest
from reseen.scan.visit import Visit
from reseen.store import change_log
from reseen.store.lease import Owner

GAVE_UP = "no usable answer after several attempts"
UNREADABLE = "files that could not be read"
LEFT = (SPENT, STORAGE_AWAY, UNANSWERED)
"""Why files are left for another scan."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a listing came."""

    part: scan_rows.Part
    page: RepositoryPage


@dataclass(frozen=True, slots=True)
class Owing:
    """Repositories at which something may be owed, from the store."""

    part: scan_rows.Part
    repository_pks: tuple[int, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Visited:
    """A commit, or what was owed to known files, was looked at. A visit that is not complete is
    stored all the same, and another outcome says what becomes of the lease."""

    ready: Ready
    visit: Visit
    version: int = 0
    """The state of the registry that it was matched with."""

    @property
    def lease(self) -> Lease:
        return self.ready.lease


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


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something that concerns the whole scan, to be kept with its problems."""

    problem: Problem


Outcome = Listed | Owing | Visited | Referred | Passed | Failed | Untouched | Noticed
Settling = Visited | Referred | Passed | Failed | Untouched


@dataclass(frozen=True, slots=True)
class Ready:
    """A lease, with all that is needed to act on it."""

    lease: Lease
    repository: Repository
    options: Options
    """How far to go there."""
    asked: Asked = NOTHING
    """The most that was ever asked, now or before."""
    before: Mapping[File, ReadSoFar] = field(default_factory=dict)
    """How far files of it were read."""
    artifacts: tuple[Artifact, ...] = ()
    """For REINSPECT: what is owed."""

    @property
    def falls_short(self) -> bool:
        """It goes less far than was asked."""
        return self.options.confirm is Confirm.NONE and self.asked.confirm > 0


@dataclass(frozen=True, slots=True)
class Index:
    """The registry in force, as loaded."""

    known: RegistryIndex
    version: int
    """The last change that it knows (`store.change_log`)."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What stays the same from batch to batch."""

    pk: int
    started_at: int
    hub: str
    abilities: Abilities
    """What the hub can do: it is asked for no more."""
    target: Target
    options: Options
    owner: Owner
    index: Callable[[], Index]
    follow: Callable[[Connection], None]
    """Takes what changed into the index."""
    secret: bytes
    """The store's."""

    @property
    def beside_main(self) -> bool:
        """Can a repository hold anything but what its main line holds now?"""
        return self.abilities.refs or self.abilities.history

    @property
    def asked(self) -> Asked:
        """What this scan asks of every repository; a hub is asked for no more than it can do."""
        wanted = asked(self.options, self.target)
        able = REFS if self.beside_main else 0
        if self.abilities.lists:
            able |= sum(ACCOUNT.values()) | (ALL_REFS if self.beside_main else 0)
        return replace(wanted, follow=wanted.follow & able)

    @property
    def reads(self) -> bool:
        """May files be read although nothing is declared of them?"""
        return self.options.reads_unclaimed or self.target.owed


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much more work there is room for."""

    looks: int = 0
    """Listings to ask for."""
    reads: int = 0
    """Repositories in which known files are read."""


@dataclass(slots=True)
class Batch:
    """What storing a batch did."""

    found: list[Sighting] = field(default_factory=list)
    """Never recorded before."""
    learned: list[str] = field(default_factory=list)
    """Removals (by id) that learned from what was read."""
    ready: list[Ready] = field(default_factory=list)
    accounts: set[str] = field(default_factory=set)
    """Accounts where something was found: they come first from now on."""
    coverage: Coverage = field(default_factory=Coverage)
    """Of the whole scan, so far."""
    new_parts: bool = False
    """There is more to list than before."""
    behind: bool = False
    """Not all that was stored is done as of the registry that is known now."""
    ended: bool = False
    """The scan has ended."""


def commit(
    connection: Connection,
    scan: Scan,
    outcomes: Sequence[Outcome],
    accounts: set[str],
    used: Coverage,
    want: Wanted,
    at: int,
) -> Batch:
    """Store outcomes and lease `want` more. `accounts`: those with sightings so far; `used`:
    requests and bytes since the last batch."""
    batch = Batch()
    more = used
    plain = [o for o in outcomes if isinstance(o, Visited) and _is_plain(o.visit)]
    more = scan_rows.plus(more, _visit_plain(connection, scan, plain, at))
    settled = {id(each) for each in plain}
    for outcome in outcomes:
        if id(outcome) in settled:
            continue
        match outcome:
            case Listed(part, page):
                more = scan_rows.plus(
                    more, _list(connection, scan, batch, part, page, accounts, at)
                )
            case Owing():
                _go_through(connection, scan, batch, outcome, at)
            case Visited():
                more = scan_rows.plus(more, _visit(connection, scan, batch, outcome, at))
            case Referred(lease, revisions):
                _refer(connection, scan, lease, revisions, at)
            case Passed(lease, reason):
                if reason == priorities.NO_ACCESS:
                    refused = Problem(f"{scan.hub}/{lease.repo}", reason)
                    scan_rows.note(connection, scan.pk, lease.repository_pk, [refused], at)
                more = scan_rows.plus(more, Coverage(skipped={reason: 1}))
                if lease.task is Task.REFS:
                    walks.followed(connection, [lease.repository_pk], REFS)
            case Failed(lease, problem):
                if frontier.fail(connection, scan.pk, lease, problem, at):
                    more = scan_rows.plus(more, Coverage(skipped={GAVE_UP: 1}))
                    _not_followed(connection, scan, lease)
            case Noticed(problem):
                scan_rows.note(connection, scan.pk, None, [problem], at)
            case Untouched():
                pass
    before = scan.index().version
    scan.follow(connection)  # what removals learned here, and what others changed
    now_known = scan.index().version
    if batch.learned:
        look_back(connection, scan, batch, set(batch.learned))
    visits = [o for o in outcomes if isinstance(o, Visited)]
    batch.behind |= now_known != before or any(_known_up_to(o) < now_known for o in visits)
    batch.behind |= any(o.visit.left for o in visits)
    _settle(connection, scan, [o for o in outcomes if settles(o)])
    if more == Coverage():
        batch.coverage = scan_rows.coverage(connection, scan.pk)
    else:
        batch.coverage = scan_rows.add_coverage(connection, scan.pk, more)
    batch.ready += _lease(connection, scan, want, at)
    return batch


def _settle(connection: Connection, scan: Scan, outcomes: Sequence[Settling]) -> None:
    """What becomes of the leases."""
    given_back = [o.lease.pk for o in outcomes if isinstance(o, Untouched)]
    done = [
        o.lease.pk
        for o in outcomes
        if not isinstance(o, Failed | Untouched)
        and not (isinstance(o, Visited) and o.visit.left and o.lease.task is Task.REINSPECT)
    ]
    frontier.finish(connection, done)
    frontier.give_back(connection, given_back)


def _leave(connection: Connection, scan: Scan, came: Visited) -> bool:
    """Files were left for another scan: they are not tried again in this one. True when that is so
    already."""
    lease = came.lease
    before = frontier.has_given_up(connection, scan.pk, lease.repository_pk)
    if lease.task is Task.REINSPECT:
        frontier.leave(connection, [lease.pk])
    else:
        later = Work(lease.repository_pk, Task.REINSPECT, lease.priority)
        frontier.add_given_up(connection, scan.pk, [later])
    return before


def _lease(connection: Connection, scan: Scan, want: Wanted, at: int) -> list[Ready]:
    """Lease more work, with all that is needed to do it."""
    leases = [
        *frontier.lease(connection, scan.pk, scan.owner, want.looks, at, LOOKS),
        *frontier.lease(connection, scan.pk, scan.owner, want.reads, at, READS),
    ]
    if not leases:
        return []
    pks = {lease.repository_pk for lease in leases}
    rows = known_commits.repositories_by_pk(connection, pks)
    levels = _levels(connection, scan, rows)
    own = pks if scan.target.owed else known_commits.listed_since(connection, pks, scan.started_at)
    options = {
        pk: strongest(scan.options, scan.target, levels[pk])
        if pk in own
        else as_asked(scan.options, levels[pk])
        for pk in pks
    }
    reads = {each.repository_pk for each in leases if each.task is Task.REINSPECT}
    files = owed.files(connection, scan.index().known, {pk: options[pk] for pk in reads})
    lists = {each.repository_pk for each in leases if each.task is Task.FILES}
    before = read_so_far(connection, lists)
    ready = []
    for lease in leases:
        pk = lease.repository_pk
        known: Mapping[File, ReadSoFar] = before.get(pk, {})
        artifacts: tuple[Artifact, ...] = ()
        if lease.task is Task.REINSPECT and pk in files:
            known, artifacts = files[pk].before, files[pk].artifacts
        ready.append(Ready(lease, rows[pk], options[pk], levels[pk], known, artifacts))
    return ready


def _levels(connection: Connection, scan: Scan, rows: Mapping[int, Repository]) -> dict[int, Asked]:
    """The most that was asked of each of these repositories, now or before; of one that this scan
    did not list, before. What following a sighting led to has the level of what led there."""
    before = walks.of_repositories(connection, rows)
    own = known_commits.listed_since(connection, rows, scan.started_at)
    levels: dict[int, Asked] = {}
    accounts: dict[str, Asked] = {}
    for pk, repository in rows.items():
        if pk in before or not scan.target.owed:
            levels[pk] = before.get(pk, NEVER).asked
            if pk in own or scan.target.owed:
                levels[pk] |= scan.asked
            continue
        author = repository.author
        if author not in accounts:
            accounts[author] = _level_of_account(connection, scan, author)
        levels[pk] = accounts[author]
    return levels


def _level_of_account(connection: Connection, scan: Scan, author: str) -> Asked:
    pks = known_commits.of_account(connection, scan.hub, author)
    found = known_commits.with_sightings(connection, pks)
    level = scan.asked
    for walked in walks.of_repositories(connection, found).values():
        level |= walked.asked
    return level


def settles(outcome: Outcome) -> TypeGuard[Settling]:
    """Whether the outcome's lease is no longer held once it is stored."""
    if isinstance(outcome, Visited):
        return outcome.visit.complete
    return not isinstance(outcome, Listed | Owing | Noticed)


def _list(
    connection: Connection,
    scan: Scan,
    batch: Batch,
    part: scan_rows.Part,
    page: RepositoryPage,
    accounts: set[str],
    at: int,
) -> Coverage:
    """Store a page: repositories, what is to be done with them, the cursor behind it."""
    if not scan_rows.turn_page(connection, scan.pk, part, page.cursor, len(page.repositories)):
        return Coverage()
    scan_rows.note(connection, scan.pk, None, page.problems, at)
    if part.subject is not None:
        accounts = accounts | {part.subject[1]}
    beside_main = scan.beside_main and _with_refs(connection, scan, part)
    files_named = any(repository.paths for repository in page.repositories)
    listed = unchanged = 0
    skipped: dict[str, int] = {}
    if page.problems:
        skipped[priorities.UNLISTED] = len(page.problems)
    work: list[Work] = []
    late: dict[int, int] = {}
    hints = scan.index().known.hints_of_listing
    for each in known_commits.remember(connection, page.repositories, scan.started_at, at):
        repository = each.repository
        listed += each.fresh
        skip = priorities.skip(repository, beside_main, files_named)
        if skip is not None:
            if each.fresh:
                skipped[skip.reason] = skipped.get(skip.reason, 0) + 1
            if repository.disabled or not beside_main:
                continue
        named = repository.id in scan.target.repos
        priority = (
            priorities.Priority.NOW if named else priorities.priority(repository, accounts, hints)
        )
        if each.known:
            unchanged += each.fresh
            if _is_late(scan, each.walked):
                late[each.pk] = priority
        elif repository.sha is not None:
            work.append(Work(each.pk, Task.FILES, priority, repository.sha, "main"))
        if beside_main or (each.standing and scan.asked.follow & REFS and scan.options.again):
            work.append(Work(each.pk, Task.REFS, priority))
        if each.standing and scan.options.again and not scan.target.everything:
            _list_account(connection, scan, batch, repository.author, scan.asked.follow)
    frontier.add(connection, scan.pk, work)
    if part.subject is not None and page.cursor is None:
        type, author = part.subject
        pks = known_commits.of_account(connection, scan.hub, author)
        walks.followed(connection, pks, ACCOUNT[type] | ALL_REFS * beside_main)
    owe(connection, scan, batch, late, at)
    return Coverage(listed=listed, unchanged=unchanged, skipped=skipped)


def _with_refs(connection: Connection, scan: Scan, part: scan_rows.Part) -> bool:
    """Are refs looked at in every repository of this listing? Where the account of a sighting is
    listed for what is owed, as the scan asked that led there."""
    if not scan.target.owed or part.subject is None:
        return scan.options.refs
    return bool(_level_of_account(connection, scan, part.subject[1]).follow & ALL_REFS)


def _is_late(scan: Scan, walked: Walked) -> bool:
    """May something be owed to a repository whose commit is known?"""
    return walked.version < scan.index().version or walked.asked | scan.asked != walked.asked


def _go_through(connection: Connection, scan: Scan, batch: Batch, owing: Owing, at: int) -> None:
    """A page of repositories at which something may be owed."""
    count = len(owing.repository_pks)
    if scan_rows.turn_page(connection, scan.pk, owing.part, owing.cursor, count):
        late = dict.fromkeys(owing.repository_pks, int(priorities.Priority.NOW))
        owe(connection, scan, batch, late, at)


def owe(connection: Connection, scan: Scan, batch: Batch, late: Mapping[int, int], at: int) -> None:
    """Queue what is owed to repositories (by pk, with a priority); where nothing is, remember that
    all is done as of this version of the registry."""
    if not late:
        return
    version = scan.index().version
    walked = walks.of_repositories(connection, late)
    standing = known_commits.with_sightings(connection, list(late))
    levels = {
        pk: known.asked if scan.target.owed and pk not in standing else known.asked | scan.asked
        for pk, known in walked.items()
    }
    walks.ask(connection, {p: level for p, level in levels.items() if level != walked[p].asked})
    options = {pk: strongest(scan.options, scan.target, level) for pk, level in levels.items()}
    files = owed.files(connection, scan.index().known, options)
    tried = frontier.reinspections(connection, scan.pk, files)
    unfollowed = _follow_owed(connection, scan, batch, walked, standing & set(walked))
    work: list[Work] = []
    done: list[int] = []
    for pk in walked:
        states = tried.get(pk, {})
        if pk in files and states.get(version) is not State.DONE:
            if State.GIVEN_UP not in states.values():
                work.append(Work(pk, Task.REINSPECT, late[pk], version=version))
            continue
        short = options[pk].confirm is Confirm.NONE and levels[pk].confirm > 0
        if pk not in unfollowed and not short:
            done.append(pk)
    batch.behind |= len(done) < len(walked)
    frontier.add(connection, scan.pk, work)
    walks.done(connection, done, version, before=at)


def _follow_owed(
    connection: Connection,
    scan: Scan,
    batch: Batch,
    walked: Mapping[int, Walked],
    standing: Collection[int],
) -> set[int]:
    """Where something was found, look at what was asked to be looked at then and was not: the
    repository's refs, the account. The repositories of which that is not done."""
    left: set[int] = set()
    refs: list[Work] = []
    rows = known_commits.repositories_by_pk(connection, standing)
    for pk in standing:
        wish = walked[pk].asked.follow | scan.asked.follow
        open_ = still_open(wish, walked[pk].followed)
        if not open_:
            continue
        mine = open_ & (wish if scan.target.owed else scan.asked.follow)
        done = _list_account(connection, scan, batch, rows[pk].author, mine)
        if wish & ~walked[pk].followed & ALL_REFS and not (scan.target.owed or scan.options.refs):
            done = 0  # listed without the refs that another scan asked for
        walks.followed(connection, [pk], done)
        if mine & REFS:
            refs.append(Work(pk, Task.REFS, priorities.Priority.NOW))
        if open_ & ~done:
            left.add(pk)
    frontier.add(connection, scan.pk, refs)
    return left


def _list_account(
    connection: Connection, scan: Scan, batch: Batch, author: str, follow: int
) -> int:
    """List an account's repositories of these types, once a scan; which of them were listed."""
    done = 0
    for type, bit in ACCOUNT.items():
        if follow & bit:
            listed = scan_rows.account_listed(connection, scan.pk, type, author)
            if listed is None:
                batch.new_parts |= scan_rows.add_account(connection, scan.pk, type, author)
            elif listed:
                done |= bit
    return done


def listed_all(connection: Connection, scan: Scan) -> None:
    """A scan of the whole hub listed every account: nobody needs to ask for one again."""
    target = scan.target
    if target.everything and target.since is None:
        bits = sum(ACCOUNT[type] for type in set(target.types)) | ALL_REFS * scan.options.refs
        walks.followed_since(connection, scan.hub, scan.started_at, bits)


def _not_followed(connection: Connection, scan: Scan, lease: Lease) -> None:
    """A commit was given up: what led there is not done."""
    if lease.task is Task.FILES and lease.ref != "main":
        walks.not_followed(connection, [lease.repository_pk], REFS)
    elif lease.task is Task.FILES:
        author = account_of(lease.repo)
        pks = known_commits.of_account(connection, scan.hub, author)
        walks.not_followed(connection, pks, ACCOUNT[lease.type])


def _is_plain(visit: Visit) -> bool:
    """Most of a hub: its files are remembered, and nothing else came of it."""
    return (
        visit.listed
        and visit.complete
        and not visit.problems
        and not visit.bytes_by
        and not visit.skipped
        and not any(one.matches or one.hints or one.inspection for one in visit.seen)
    )


def _visit_plain(connection: Connection, scan: Scan, plain: Sequence[Visited], at: int) -> Coverage:
    """Store many such visits in few statements: as `record` would one by one."""
    seen.artifacts_of_many(
        connection,
        [(o.lease.repository_pk, [one.artifact for one in o.visit.seen]) for o in plain],
        since=scan.started_at,
        at=at,
    )
    walks.walked(
        connection,
        [
            Commit(o.lease.repository_pk, o.visit.revision.commit, o.ready.asked, _known_up_to(o))
            for o in plain
        ],
        at=at,
    )
    return Coverage(
        walked=sum(o.lease.ref == "main" for o in plain),
        artifacts=sum(len(o.visit.seen) for o in plain),
    )


def _known_up_to(visited: Visited) -> int:
    """The version of the registry of which a visit did all that was asked."""
    return 0 if visited.ready.falls_short else visited.version


def _visit(connection: Connection, scan: Scan, batch: Batch, came: Visited, at: int) -> Coverage:
    """Store a visit and what follows from it."""
    lease, visit = came.lease, came.visit
    recorded = record(
        connection,
        visit,
        scan.pk,
        since=scan.started_at,
        asked=came.ready.asked,
        version=_known_up_to(came),
    )
    batch.found += [sightings.by_id(connection, each) for each in recorded.new]
    batch.learned += recorded.learned
    if visit.follow:
        pk = lease.repository_pk
        follow = came.ready.asked.follow if scan.target.owed else scan.asked.follow
        if scan.target.owed or not visit.listed:
            known = walks.of_repositories(connection, [pk]).get(pk, NEVER)
            follow = still_open(follow, known.followed)
        _follow(connection, scan, batch, pk, visit.repository.author, follow)
    if not visit.complete:
        return Coverage(bytes_by=visit.bytes_by)
    skipped = dict(visit.skipped)
    if visit.left and _leave(connection, scan, came):
        skipped = {why: n for why, n in skipped.items() if why not in LEFT}  # counted then
    if recorded.problems:
        skipped[UNREADABLE] = recorded.problems
    return Coverage(
        bytes_by=visit.bytes_by,
        walked=1 if visit.listed and lease.ref == "main" else 0,
        artifacts=len(visit.seen) if visit.listed else 0,
        skipped=skipped,
    )


def _follow(
    connection: Connection,
    scan: Scan,
    batch: Batch,
    repository_pk: int,
    author: str,
    follow: int,
) -> None:
    """Something was found: the repository's refs and the account's other repositories come now."""
    if follow & REFS:
        frontier.add(connection, scan.pk, [Work(repository_pk, Task.REFS, priorities.Priority.NOW)])
    batch.accounts.add(author)
    if author not in scan.target.authors or scan.target.since is not None or scan.target.owed:
        done = _list_account(connection, scan, batch, author, follow)
        walks.followed(connection, [repository_pk] if done else [], done)


def look_back(
    connection: Connection, scan: Scan, batch: Batch, removals: Collection[str] | None
) -> None:
    """These removals (None: all) are known better than before: match what is stored, and queue
    what is worth reading now. What that leaves out comes when the scan has nothing else to do."""
    new = record_past(connection, scan.secret, removals, scan_pk=scan.pk)
    here = [place for _, place in new if place.hub == scan.hub]
    pks = {place.repository_pk for place in here}
    walked = walks.of_repositories(connection, pks)
    own = pks if scan.target.owed else known_commits.listed_since(connection, pks, scan.started_at)
    batch.found += [sightings.by_id(connection, id) for id, _ in new]
    for place in here:
        if place.repository_pk not in own:
            continue  # what it leads to is asked for where it was looked at
        known = walked.get(place.repository_pk, NEVER)
        follow = known.asked.follow if scan.target.owed else scan.asked.follow
        follow = still_open(follow, known.followed)
        if follow:
            _follow(connection, scan, batch, place.repository_pk, place.author, follow)
    if removals is None or not scan.reads or scan.target.is_narrow:
        return
    version = change_log.latest(connection)
    again = worth_reading(connection, removals, hub=scan.hub)
    _reinspect(connection, scan, again, priorities.Priority.NOW, version)
    if sketched(connection, removals):
        from reseen.match.sketches import Sketches  # numpy, which a scan by hashes alone needs not

        could = Sketches.load(connection, only=frozenset(removals)).could_match
        some = unread(connection, could, hub=scan.hub, since=scan.started_at, headers=False)
        _reinspect(connection, scan, some.values(), priorities.Priority.ADAPTER, version)


def _reinspect(
    connection: Connection,
    scan: Scan,
    places: Iterable[Place],
    priority: priorities.Priority,
    version: int,
) -> None:
    """Queue repositories, but for those where something was left for another scan."""
    pks = dict.fromkeys(place.repository_pk for place in places)
    work = [
        Work(pk, Task.REINSPECT, priority, version=version)
        for pk in pks
        if not frontier.has_given_up(connection, scan.pk, pk)
    ]
    frontier.add(connection, scan.pk, work)


def _refer(connection: Connection, scan: Scan, lease: Lease, revisions: Revisions, at: int) -> None:
    """Each commit that is not known yet becomes work, once; what is known of one that nothing leads
    to any more stands in the history."""
    scan_rows.note(connection, scan.pk, lease.repository_pk, revisions.problems, at)
    known = walks.commits(connection, lease.repository_pk)
    known |= frontier.commits(connection, scan.pk, lease.repository_pk)
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
    past = [revision.commit for revision in revisions.revisions if revision.ref is None]
    seen.only_in_history(connection, lease.repository_pk, past)
    walks.followed(connection, [lease.repository_pk], REFS)
