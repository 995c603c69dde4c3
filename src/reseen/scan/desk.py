"""The walk's side of the store: what its one database thread does.

What comes in: outcomes of visits, and pages. What goes out: leases, parts of listings, and in the
end the `Outcome`. Each method is a transaction, and is called from one thread at a time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection

from reseen.hubs.hub import Hub
from reseen.match.known import Known
from reseen.observed import known_commits, sightings
from reseen.records import Coverage
from reseen.scan import frontier, lookback, scans, turn
from reseen.scan.budget import FULL, Allowance
from reseen.scan.progress import Outcome
from reseen.scan.target import Options, Target
from reseen.store.database import Store, now
from reseen.store.lease import LEASE, Owner
from reseen.store.sealing import Keyring


class Desk:
    """One process at one scan."""

    def __init__(self, store: Store, keyring: Keyring | None, hub: Hub) -> None:
        self._store, self._keyring, self._hub = store, keyring, hub
        self.known: Known
        """The registry in force; loaded anew when it changed."""
        self.waiting = 0
        """Pieces of work that nobody holds, as last counted."""
        self.coverage = Coverage()
        self.allowance: Allowance
        """What the scan may still read."""
        self.sightings = 0
        """New with this scan, when we came to it."""
        self._scan: turn.Scan
        self._accounts: set[str] = set()
        self._registry: tuple[int | None, ...] = ()
        self._used = (0, 0)
        self._renew_at = 0
        self._count_at = 0.0

    def begin(self, target: Target, options: Options, parts: int) -> None:
        """Find the scan of this target that has not ended, or make one; load what is known."""
        with self._store.write() as connection:
            at = now()
            pk = scans.begin(connection, self._hub.name, target.key, repr(options), at)
            scans.add_parts(connection, pk, parts)
            self._scan = turn.Scan(
                pk=pk,
                started_at=scans.started_at(connection, pk),
                hub=self._hub.name,
                abilities=self._hub.abilities,
                target=target,
                options=options,
                owner=Owner.this(),
                known=lambda: self.known,
                secret=self._store.secret,
            )
            self.coverage = scans.coverage(connection, pk)
            self.sightings = sightings.count(connection, sightings.Filter(scan_pk=pk))
            self._accounts = known_commits.accounts_with_sightings(connection, self._hub.name)
            self._load(connection)
            self.allowance = Allowance(
                left=options.max_scan_bytes - self.coverage.bytes_read,
                samples=options.background,
                wanted=known_commits.background_lacks(connection, FULL),
            )

    def take(self, came: Sequence[turn.Outcome], want: int) -> turn.Turn:
        """Store what came, lease `want` more."""
        usage = self._hub.usage
        used = (usage.requests, usage.bytes_read)
        more = Coverage(requests=used[0] - self._used[0], bytes_read=used[1] - self._used[1])
        with self._store.write() as connection:
            at = now()
            if at >= self._renew_at:
                self._renew(connection, at)
            did = turn.take(connection, self._scan, came, self._accounts, more, want, at)
            self._count(connection)
        self._used = used
        self._accounts |= did.accounts
        self.coverage = did.coverage
        return did

    def lease_part(self) -> tuple[scans.Part | None, int]:
        """The next listing to go on with, and how many are not done, by us or others."""
        with self._store.write() as connection:
            part = scans.lease_part(connection, self._scan.pk, self._scan.owner, now())
            return part, scans.parts_left(connection, self._scan.pk)

    def end_if_empty(self) -> turn.Turn:
        """Look back a last time, and end the scan when nobody has anything left to do in it."""
        pk = self._scan.pk
        did = turn.Turn()
        with self._store.write() as connection:
            if self._is_empty(connection):
                # What was under way when a removal learned was matched without that.
                taught = lookback.taught(connection)
                if taught:
                    since = self._scan.started_at
                    turn.look_back(connection, self._scan, did, taught, since=since)
            else:
                frontier.free_dead(connection, pk, self._scan.owner, now())
            ended = self._is_empty(connection)
            if ended:
                scans.end(connection, pk, now())
            did.coverage = scans.coverage(connection, pk)
        self._accounts |= did.accounts
        did.ended = ended
        return did

    def _is_empty(self, connection: Connection) -> bool:
        pk = self._scan.pk
        return not scans.parts_left(connection, pk) and frontier.is_empty(connection, pk)

    def finish(self, ended: bool, stopped: str | None) -> Outcome:
        """Give back what is ours, and say what came of it all."""
        with self._store.write() as connection:
            frontier.release(connection, self._scan.pk, self._scan.owner)
            scans.give_back_parts(connection, self._scan.pk, self._scan.owner)
            self.waiting = frontier.waiting(connection, self._scan.pk)
            self.coverage = scans.coverage(connection, self._scan.pk)
            mine = sightings.Filter(scan_pk=self._scan.pk)
            found = tuple(sightings.every(connection, mine))
            return Outcome(self._scan.pk, self.coverage, found, ended, stopped)

    def _renew(self, connection: Connection, at: int) -> None:
        frontier.renew(connection, self._scan.pk, self._scan.owner, at)
        frontier.free_dead(connection, self._scan.pk, self._scan.owner, at)
        if known_commits.registry_state(connection) != self._registry:
            self._load(connection)
        self._renew_at = at + LEASE // 8

    def _load(self, connection: Connection) -> None:
        self._registry = known_commits.registry_state(connection)
        self.known = Known.load(connection, self._keyring)

    def _count(self, connection: Connection) -> None:
        """Count what waits, not oftener than that costs a fiftieth of the time."""
        started = time.monotonic()
        if started >= self._count_at:
            self.waiting = frontier.waiting(connection, self._scan.pk)
            ended = time.monotonic()
            self._count_at = ended + max(0.5, 50 * (ended - started))
