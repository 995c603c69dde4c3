"""One batch of the walk: what came back is stored and new work is leased, in one transaction.

What comes in: outcomes of the last moments. What goes out: new sightings, what the removals
learned, and leases. Synchronous; it runs in the walk's one database thread, a few times a second.
Written twice, or broken off in the middle, the store is the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from reseen.hubs.hub import FilesPage, RepositoryPage, Revisions
from reseen.observed import artifacts as seen
from reseen.observed import commit_habits, known_commits, sightings, walks
from reseen.observed.readings import read_so_far
from reseen.observed.walks import (
    ACCOUNT,
    ALL_REFS,
    NEVER,
    REFS,
    Asked,
    Commit,
    Walked,
    still_open,
)
from reseen.records import Coverage, Problem, Repository, commit_key
from reseen.scan import frontier, owed, priorities, scan_rows
from reseen.scan.budget import SPENT
from reseen.scan.following import follow_sighting, list_account, look_back, not_followed, owe
from reseen.scan.frontier import LOOKS, READS, Lease, State, Task, Work
from reseen.scan.inspect import DOWNLOADS
from reseen.scan.outage import STORAGE_AWAY, UNANSWERED
from reseen.scan.outcomes import (
    Batch,
    Failed,
    Listed,
    Noticed,
    Ordering,
    Outcome,
    Owing,
    Passed,
    Ready,
    Referred,
    ScanFacts,
    Settling,
    Untouched,
    Visited,
    Wanted,
    settles,
)
from reseen.scan.read_result import BLIND
from reseen.scan.record import record
from reseen.scan.signs import signs_of
from reseen.scan.target import as_asked, strongest
from reseen.scan.visit import Visit, stated

GAVE_UP = "no usable answer after several attempts"
UNREADABLE = "files that could not be read"
LEFT = (SPENT, STORAGE_AWAY, UNANSWERED, DOWNLOADS)
"""Why files are left for another scan."""


def commit(
    connection: Connection,
    scan: ScanFacts,
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
            case Ordering(part):
                if scan.order.surveyed:  # else it was broken off
                    cursor = scan.order.rewrite(connection, part.cursor)
                    scan_rows.turn_page(connection, scan.pk, part, cursor, 0)
            case Visited():
                more = scan_rows.plus(more, _visit(connection, scan, batch, outcome, at))
            case Referred(lease, revisions):
                more = scan_rows.plus(more, _refer(connection, scan, lease, revisions, at))
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
                    not_followed(connection, scan, lease)
            case Noticed(problem):
                scan_rows.note(connection, scan.pk, None, [problem], at)
            case Untouched():
                pass
    before = scan.index().version
    scan.follow(connection)  # what removals learned here, and what others changed
    now_known = scan.index().version
    if batch.learned:
        look_back(connection, scan, batch, set(batch.learned))
    if batch.found and scan.target.is_ordered:
        batch.new_parts |= scan.order.found(connection, batch.found)
    visits = [o for o in outcomes if isinstance(o, Visited)]
    batch.behind |= now_known != before or any(o.done_up_to < now_known for o in visits)
    batch.behind |= any(o.visit.left for o in visits)
    _settle(connection, scan, [o for o in outcomes if settles(o)])
    if more == Coverage():
        batch.coverage = scan_rows.coverage(connection, scan.pk)
    else:
        batch.coverage = scan_rows.add_coverage(connection, scan.pk, more)
    batch.ready += _lease(connection, scan, want, at)
    return batch


def _settle(connection: Connection, scan: ScanFacts, outcomes: Sequence[Settling]) -> None:
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


def _leave(connection: Connection, scan: ScanFacts, visited: Visited) -> bool:
    """Files were left for another scan: they are not tried again in this one. True when that is so
    already."""
    lease = visited.lease
    before = frontier.has_given_up(connection, scan.pk, lease.repository_pk)
    if lease.task is Task.REINSPECT:
        frontier.leave(connection, [lease.pk])
    else:
        later = Work(lease.repository_pk, Task.REINSPECT, lease.priority)
        frontier.add(connection, scan.pk, [later], State.GIVEN_UP)
    return before


def _lease(connection: Connection, scan: ScanFacts, want: Wanted, at: int) -> list[Ready]:
    """Lease more work, with all that is needed to do it."""
    latest = None
    if scan.target.is_ordered and not scan_rows.is_order_final(connection, scan.pk):
        # Pages are cheap, and so is the order: until it is there only what is likely goes on.
        latest = int(priorities.Priority.ACCOUNT)
    leases = [
        *frontier.lease(connection, scan.pk, scan.owner, want.looks, at, LOOKS, latest=latest),
        *frontier.lease(connection, scan.pk, scan.owner, want.reads, at, READS),
    ]
    if not leases:
        return []
    pks = {lease.repository_pk for lease in leases}
    rows = known_commits.repositories_by_pk(connection, pks)
    own = pks if scan.target.owed else scan.own.among(connection, pks)
    levels = _levels(connection, scan, rows, own)
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
        one = Ready(lease, rows[pk], options[pk], levels[pk], before.get(pk, {}))
        if lease.task is Task.REINSPECT and pk in files:
            mine = files[pk]
            beside = owed.beside(connection, pk, mine)
            one = replace(
                one,
                before=mine.before,
                artifacts=mine.artifacts,
                sets=owed.sets(connection, mine),
                beside=beside,
            )
        ready.append(one)
    return ready


def _levels(
    connection: Connection, scan: ScanFacts, rows: Mapping[int, Repository], own: Collection[int]
) -> dict[int, Asked]:
    """The most that was asked of each of these repositories, now or before; of one that is not the
    scan's own, before. What following a sighting led to has the level of what led there."""
    before = walks.of_repositories(connection, rows)
    levels: dict[int, Asked] = {}
    accounts: dict[str, Asked] = {}
    for pk, repository in rows.items():
        if pk in before or not scan.target.owed:
            levels[pk] = before.get(pk, NEVER).asked
            if pk in own:
                levels[pk] |= scan.asked
            continue
        author = repository.author
        if author not in accounts:
            accounts[author] = _level_of_account(connection, scan, author)
        levels[pk] = accounts[author]
    return levels


def _level_of_account(connection: Connection, scan: ScanFacts, author: str) -> Asked:
    pks = known_commits.of_account(connection, scan.hub, author)
    found = known_commits.with_sightings(connection, pks)
    level = scan.asked
    for walked in walks.of_repositories(connection, found).values():
        level |= walks.led_to(walked.asked.follow)
    return level


def _list(
    connection: Connection,
    scan: ScanFacts,
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
    for problem in page.problems:
        counted = problem.counted or priorities.UNLISTED
        skipped[counted] = skipped.get(counted, 0) + 1
    work: list[Work] = []
    late: dict[int, int] = {}
    told = Coverage()
    hints = scan.index().known.hints_of_listing
    remembered = known_commits.remember(connection, page.repositories, at)
    new = scan.own.take(connection, remembered)
    # The hub may have named a commit by another length, when it listed the repository before.
    twice = [each.pk for each in remembered if each.pk not in new]
    queued = frontier.spelled(connection, scan.pk, twice)
    for each in remembered:
        repository, fresh = each.repository, each.pk in new
        listed += fresh
        skip = priorities.skip(repository, beside_main, files_named)
        if skip is not None:
            if fresh:
                skipped[skip.reason] = skipped.get(skip.reason, 0) + 1
            if repository.disabled or not beside_main:
                continue
        named = repository.id in scan.named
        hinted = hints(repository)
        priority = (
            priorities.Priority.NOW if named else priorities.priority(repository, accounts, hinted)
        )
        if each.known:
            unchanged += fresh
            if _is_late(scan, each.walked):
                late[each.pk] = priority
        elif repository.id in page.files and repository.sha is not None:
            files = page.files[repository.id]
            told = scan_rows.plus(told, _take_files(connection, scan, batch, repository, files))
            batch.behind = True
            if not scan.target.is_whole_hub:  # of that, all is listed first: accounts come with it
                late[each.pk] = priority
        elif repository.sha is not None:
            commit = queued.get((each.pk, commit_key(repository.sha)), repository.sha)
            signs = signs_of(repository, hinted)
            work.append(Work(each.pk, Task.FILES, priority, commit, "main", signs=signs))
        if beside_main or (each.standing and scan.asked.follow & REFS and scan.options.again):
            work.append(Work(each.pk, Task.REFS, priority))
        if each.standing and scan.options.again and not scan.target.everything:
            list_account(connection, scan, batch, repository.author, scan.asked.follow)
    frontier.add(connection, scan.pk, work)
    if part.subject is not None and page.cursor is None:
        type, author = part.subject
        pks = known_commits.of_account(connection, scan.hub, author)
        walks.followed(connection, pks, ACCOUNT[type] | ALL_REFS * beside_main)
        if scan.target.is_ordered:
            scan.order.account(connection, type, author)
    if part.subject is None and page.cursor is None and scan.target.is_ordered:
        batch.new_parts |= scan_rows.order_if_listed(connection, scan.pk)
    owe(connection, scan, batch, late, at)
    return scan_rows.plus(told, Coverage(listed=listed, unchanged=unchanged, skipped=skipped))


def _take_files(
    connection: Connection, scan: ScanFacts, batch: Batch, repository: Repository, files: FilesPage
) -> Coverage:
    """Store the files of a repository that the list itself says: nobody asks for them. What they
    are to be read for is owed from then on."""
    visit = stated(scan.index().known, repository, files)
    since = scan.started_at
    recorded = record(connection, visit, scan.pk, since=since, asked=scan.asked, version=0)
    batch.found += [sightings.by_id(connection, each) for each in recorded.new]
    if recorded.new:
        batch.accounts.add(repository.author)
    skipped = {counted or UNREADABLE: times for counted, times in recorded.problems.items()}
    return Coverage(walked=1, artifacts=len(visit.seen), skipped=skipped)


def _with_refs(connection: Connection, scan: ScanFacts, part: scan_rows.Part) -> bool:
    """Are refs looked at in every repository of this listing? Where the account of a sighting is
    listed for what is owed, as the scan asked that led there."""
    if not scan.target.owed or part.subject is None:
        return scan.options.refs
    return bool(_level_of_account(connection, scan, part.subject[1]).follow & ALL_REFS)


def _is_late(scan: ScanFacts, walked: Walked) -> bool:
    """May something be owed to a repository whose commit is known?"""
    return walked.version < scan.index().version or walked.asked | scan.asked != walked.asked


def _go_through(
    connection: Connection, scan: ScanFacts, batch: Batch, owing: Owing, at: int
) -> None:
    """A page of repositories at which something may be owed."""
    count = len(owing.repository_pks)
    if scan_rows.turn_page(connection, scan.pk, owing.part, owing.cursor, count):
        late = dict.fromkeys(owing.repository_pks, int(priorities.Priority.NOW))
        owe(connection, scan, batch, late, at)


def _is_plain(visit: Visit) -> bool:
    """Most of a hub: its files are remembered, and nothing else came of it."""
    return (
        visit.listed
        and visit.complete
        and visit.certain
        and not visit.problems
        and not visit.bytes_by
        and not visit.skipped
        and not any(one.matches or one.hints or one.inspection or one.judged for one in visit.seen)
        and not any(one.doubted for one in visit.seen)
    )


def _visit_plain(
    connection: Connection, scan: ScanFacts, plain: Sequence[Visited], at: int
) -> Coverage:
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
            Commit(o.lease.repository_pk, o.visit.revision.commit, o.ready.asked, o.done_up_to)
            for o in plain
        ],
        at=at,
    )
    return Coverage(
        walked=sum(o.lease.ref == "main" for o in plain),
        artifacts=sum(len(o.visit.seen) for o in plain),
    )


def _visit(
    connection: Connection, scan: ScanFacts, batch: Batch, visited: Visited, at: int
) -> Coverage:
    """Store a visit and what follows from it."""
    lease, visit = visited.lease, visited.visit
    further = bool(visit.follow) and _leads_further(scan, visited.ready.asked)
    batch.behind |= further
    recorded = record(
        connection,
        visit,
        scan.pk,
        since=scan.started_at,
        asked=visited.ready.asked,
        version=0 if further else visited.done_up_to,
    )
    batch.found += [sightings.by_id(connection, each) for each in recorded.new]
    batch.learned += recorded.learned
    if visit.follow:
        pk = lease.repository_pk
        follow = visited.ready.asked.follow if scan.target.owed else scan.asked.follow
        if scan.target.owed or not visit.listed:
            known = walks.of_repositories(connection, [pk]).get(pk, NEVER)
            follow = still_open(follow, known.followed)
        follow_sighting(connection, scan, batch, pk, visit.repository.author, follow)
    # Counted with what is written: a file that was read before a kill is not read again.
    unjudged = {BLIND: recorded.unjudged} if recorded.unjudged else {}
    if not visit.complete:
        return Coverage(bytes_by=visit.bytes_by, skipped=unjudged, blind=recorded.blind)
    skipped = dict(visit.skipped) | unjudged
    if visit.left and _leave(connection, scan, visited):
        skipped = {why: n for why, n in skipped.items() if why not in LEFT}  # counted then
    for counted, times in recorded.problems.items():
        if counted != BLIND:
            skipped[counted or UNREADABLE] = times
    return Coverage(
        bytes_by=visit.bytes_by,
        walked=1 if visit.listed and lease.ref == "main" else 0,
        artifacts=len(visit.seen) if visit.listed else 0,
        skipped=skipped,
        blind=recorded.blind,
    )


def _leads_further(scan: ScanFacts, asked: Asked) -> bool:
    """Did an earlier scan ask for more than this one where a sighting leads? To what this one lists
    there the rest is owed, so the repository that leads there is not done."""
    own = walks.led_to(scan.asked.follow)
    return not scan.target.owed and own | walks.led_to(asked.follow) != own


def _refer(
    connection: Connection, scan: ScanFacts, lease: Lease, revisions: Revisions, at: int
) -> Coverage:
    """Each commit that is not known yet, or that a gate hid then, becomes work, once; what is known
    of one that nothing leads to any more stands in the history."""
    scan_rows.note(connection, scan.pk, lease.repository_pk, revisions.problems, at)
    pk = lease.repository_pk
    hidden = seen.hidden(connection, [pk]).get(pk, set())
    known = walks.commits(connection, pk) - set(map(seen.commit_text, hidden))
    known |= frontier.commits(connection, scan.pk, lease.repository_pk)
    work: list[Work] = []
    for revision in revisions.revisions:
        if commit_key(revision.commit) not in known:
            known.add(commit_key(revision.commit))
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
    commit_habits.keep(connection, scan.secret, lease.repository_pk, revisions.commits)
    walks.followed(connection, [lease.repository_pk], REFS)
    counts: dict[str, int] = dict.fromkeys((p.counted for p in revisions.problems if p.counted), 1)
    return Coverage(skipped=counts)
