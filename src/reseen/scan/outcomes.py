"""What comes back from the walk's workers, and what they are handed: plain values.

What comes in: leases and answers. What goes out: an `Outcome` for whatever came of one, which
`commit_batch` stores; and a `Batch`, which says what storing them did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeGuard

from sqlalchemy import Connection

from reseen.errors import Unforeseen
from reseen.hubs.hub import Abilities, RepositoryPage, Revisions
from reseen.match.registry_index import RegistryIndex
from reseen.observed.readings import File, ReadSoFar
from reseen.observed.walks import ACCOUNT, ALL_REFS, LEADS, NOTHING, REFS, Asked
from reseen.records import Artifact, Coverage, Problem, Repository, Sighting
from reseen.scan import scan_rows
from reseen.scan.frontier import Lease
from reseen.scan.order_rows import Order
from reseen.scan.own import Own
from reseen.scan.shards_at_hub import ShardSet
from reseen.scan.target import Confirm, Options, Target, asked
from reseen.scan.visit import Visit
from reseen.store.lease import Owner


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
class Ordering:
    """A part of the order is to be written."""

    part: scan_rows.Part


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

    @property
    def done_up_to(self) -> int:
        """The version of the registry of which it did all that was asked."""
        return 0 if self.ready.falls_short else self.version


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


Outcome = Listed | Owing | Ordering | Visited | Referred | Passed | Failed | Untouched | Noticed
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
    sets: tuple[ShardSet, ...] = ()
    """And models in several files that something is owed to."""
    beside: tuple[Artifact, ...] = ()
    """Other files that stand with what is owed."""

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
class ScanFacts:
    """What stays the same from batch to batch."""

    pk: int
    started_at: int
    own: Own
    """Its own repositories."""
    hub: str
    abilities: Abilities
    """What the hub can do: it is asked for no more."""
    target: Target
    named: frozenset[str]
    """The target's repositories: looked up for each that is listed, and they can be very many."""
    options: Options
    owner: Owner
    index: Callable[[], Index]
    follow: Callable[[Connection], None]
    """Takes what changed into the index."""
    secret: bytes
    """The store's."""
    order: Order
    """Writes how soon what waits is looked at."""

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
            able |= sum(ACCOUNT.values()) | LEADS | (ALL_REFS if self.beside_main else 0)
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

    def take(self, later: Batch) -> Batch:
        """What another batch did, too, after this one."""
        self.found += later.found
        self.learned += later.learned
        self.ready += later.ready
        self.accounts |= later.accounts
        self.coverage = later.coverage
        self.new_parts |= later.new_parts
        self.behind |= later.behind
        self.ended |= later.ended
        return self


def failed(outcome: Outcome, hub: str, error: Unforeseen) -> Failed | None:
    """What becomes of an outcome that cannot be stored; None where nothing holds a lease for it."""
    match outcome:
        case Visited() | Referred() | Passed() | Failed() | Untouched():
            lease = outcome.lease
            return Failed(lease, Problem(f"{hub}/{lease.repo}", str(error), error.remedy))
        case _:
            return None


def settles(outcome: Outcome) -> TypeGuard[Settling]:
    """Whether the outcome's lease is no longer held once it is stored."""
    if isinstance(outcome, Visited):
        return outcome.visit.complete
    return not isinstance(outcome, Listed | Owing | Ordering | Noticed)
