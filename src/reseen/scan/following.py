"""What follows: what is owed to known files is queued, and where a sighting leads is looked at.

What comes in: a transaction, the scan, repositories. What goes out: work in the frontier, accounts
to list; and, where nothing is left to do at a repository, that this is so as of the registry's
version. It promises that following twice asks for nothing twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import Connection

from reseen.observed import known_commits, sightings, walks
from reseen.observed.walks import (
    ACCOUNT,
    ALL_REFS,
    NEVER,
    REFS,
    Asked,
    Walked,
    still_open,
)
from reseen.records import account_of
from reseen.scan import frontier, owed, priorities, scan_rows
from reseen.scan.frontier import Lease, State, Task, Work
from reseen.scan.outcomes import Batch, ScanFacts
from reseen.scan.reinspection import Place, record_past, sketched, unread, worth_reading
from reseen.scan.target import Confirm, strongest
from reseen.store import change_log


def owe(
    connection: Connection, scan: ScanFacts, batch: Batch, late: Mapping[int, int], at: int
) -> None:
    """Queue what is owed to repositories (by pk, with a priority); where nothing is, remember that
    all is done as of this version of the registry."""
    if not late:
        return
    version = scan.index().version
    standing = known_commits.with_sightings(connection, list(late))
    walked = walks.of_repositories(connection, late)
    lifted, too_early = _lift_accounts(connection, scan, batch, walked, standing & set(walked))
    if lifted:
        walked = walks.of_repositories(connection, late)  # some of these may be lifted
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
        level = levels[pk].depth
        read = Work(pk, Task.REINSPECT, late[pk], version=version, level=level)
        if pk in files and states.get(read.subject) is not State.DONE:
            if State.GIVEN_UP not in states.values():
                work.append(read)
            continue
        short = options[pk].confirm is Confirm.NONE and levels[pk].confirm > 0
        if pk not in unfollowed | too_early and not short:
            done.append(pk)
    batch.behind |= len(done) < len(walked)
    frontier.add(connection, scan.pk, work)
    walks.done(connection, done, version, before=at)


def _follow_owed(
    connection: Connection,
    scan: ScanFacts,
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
        done = list_account(connection, scan, batch, rows[pk].author, mine)
        if wish & ~walked[pk].followed & ALL_REFS and not (scan.target.owed or scan.options.refs):
            done = 0  # listed without the refs that another scan asked for
        walks.followed(connection, [pk], done)
        if mine & REFS:
            refs.append(Work(pk, Task.REFS, priorities.Priority.NOW))
        if open_ & ~done:
            left.add(pk)
    frontier.add(connection, scan.pk, refs)
    return left


def _lift_accounts(
    connection: Connection,
    scan: ScanFacts,
    batch: Batch,
    walked: Mapping[int, Walked],
    standing: Collection[int],
) -> tuple[bool, set[int]]:
    """The other repositories of an account where something was found are to be read as far as the
    scan asked that leads to them, also those that were listed and walked for less. What this scan
    asks itself, it asks when it lists them, where its target has the account; elsewhere they may
    not be listed again, and what it leads to is its own. Whether anything more is asked now than
    before; and which of these lead to repositories that are walked only later, for as much as this
    scan asks: those do not know yet what is asked of them."""
    own = walks.led_to(scan.asked.follow)
    rows = known_commits.repositories_by_pk(connection, standing)
    follow: dict[str, int] = {}
    for pk in standing:
        author, level = rows[pk].author, walks.led_to(walked[pk].asked.follow)
        if own | level != own or not scan.target.has_account(author):
            follow[author] = follow.get(author, scan.asked.follow) | walked[pk].asked.follow
    lifted, unwalked = False, set[str]()
    for author, wish in follow.items():
        others = known_commits.of_account(connection, scan.hub, author)
        before = walks.of_repositories(connection, others)
        here = known_commits.repositories_by_pk(connection, before)
        led = {pk: ACCOUNT[here[pk].type] for pk in before}
        weaker = _weaker(before, {pk: wish for pk in before if wish & led[pk]})
        mine = {pk: scan.asked.follow for pk in before if scan.asked.follow & led[pk]}
        scan.own.lead_to(connection, _weaker(before, mine))
        walks.ask(connection, weaker)
        lifted |= bool(weaker)
        if len(before) < len(others) and not scan.target.owed:
            unwalked.add(author)
    batch.behind |= lifted
    return lifted, {pk for pk in standing if rows[pk].author in unwalked}


def _weaker(before: Mapping[int, Walked], wishes: Mapping[int, int]) -> dict[int, Asked]:
    """Of which repositories less was asked than what leads to them asks, and what that comes to."""
    asked = {pk: before[pk].asked | walks.led_to(wish) for pk, wish in wishes.items()}
    return {pk: level for pk, level in asked.items() if level != before[pk].asked}


def list_account(
    connection: Connection, scan: ScanFacts, batch: Batch, author: str, follow: int
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


def listed_all(connection: Connection, scan: ScanFacts) -> None:
    """A scan of the whole hub listed every account: nobody needs to ask for one again."""
    target = scan.target
    if target.is_whole_hub:
        bits = sum(ACCOUNT[type] for type in set(target.types)) | ALL_REFS * scan.options.refs
        walks.followed_since(connection, scan.hub, scan.started_at, bits)


def not_followed(connection: Connection, scan: ScanFacts, lease: Lease) -> None:
    """A commit was given up: what led there is not done."""
    if lease.task is Task.FILES and lease.ref != "main":
        walks.not_followed(connection, [lease.repository_pk], REFS)
    elif lease.task is Task.FILES:
        author = account_of(lease.repo)
        pks = known_commits.of_account(connection, scan.hub, author)
        walks.not_followed(connection, pks, ACCOUNT[lease.type])


def follow_sighting(
    connection: Connection,
    scan: ScanFacts,
    batch: Batch,
    repository_pk: int,
    author: str,
    follow: int,
) -> None:
    """Something was found: the repository's refs and the account's other repositories come now."""
    if follow & REFS:
        refs = Work(repository_pk, Task.REFS, priorities.Priority.BESIDE)
        frontier.add(connection, scan.pk, [refs])
    batch.accounts.add(author)
    if scan.target.is_whole_hub:
        return  # the listing of the whole hub is that of the account too, and comes up in its order
    if not scan.target.has_account(author):
        done = list_account(connection, scan, batch, author, follow)
        walks.followed(connection, [repository_pk] if done else [], done)


def look_back(
    connection: Connection, scan: ScanFacts, batch: Batch, removals: Collection[str] | None
) -> None:
    """These removals (None: all) are known better than before: match what is stored, and queue
    what is worth reading now. What that leaves out comes when the scan has nothing else to do."""
    new = record_past(connection, scan.secret, removals, scan_pk=scan.pk)
    here = [place for _, place in new if place.hub == scan.hub]
    pks = {place.repository_pk for place in here}
    walked = walks.of_repositories(connection, pks)
    own = pks if scan.target.owed else scan.own.among(connection, pks)
    batch.found += [sightings.by_id(connection, id) for id, _ in new]
    for place in here:
        if place.repository_pk not in own:
            continue  # what it leads to is asked for where it was looked at
        known = walked.get(place.repository_pk, NEVER)
        follow = known.asked.follow if scan.target.owed else scan.asked.follow
        follow = still_open(follow, known.followed)
        if follow:
            follow_sighting(connection, scan, batch, place.repository_pk, place.author, follow)
    if removals is None or not scan.reads or scan.target.is_narrow:
        return
    version = change_log.latest(connection)
    again = worth_reading(connection, removals, hub=scan.hub)
    _reinspect(connection, scan, again, priorities.Priority.NOW, version)
    if sketched(connection, removals):
        from reseen.match.sketch_index import (
            SketchIndex,  # numpy, which a scan by hashes alone needs not
        )

        could = SketchIndex.load(connection, only=frozenset(removals)).could_match
        some = unread(connection, could, hub=scan.hub, since=scan.started_at, headers=False)
        _reinspect(connection, scan, some.values(), priorities.Priority.ADAPTER, version)


def _reinspect(
    connection: Connection,
    scan: ScanFacts,
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
