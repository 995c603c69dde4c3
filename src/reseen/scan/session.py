"""The walk's side of the store: what its one database thread does.

What comes in: outcomes of visits, and pages. What goes out: leases, parts of listings, and in the
end the `Outcome`. Each method is a transaction, and is called from one thread at a time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection

from reseen.errors import Unforeseen, bulkhead
from reseen.match.registry_index import RegistryIndex
from reseen.observed import known_commits, sightings
from reseen.records import Coverage
from reseen.scan import commit_batch, following, frontier, outcomes, owed, reinspection, scan_rows
from reseen.scan.bases_at_hand import BasesAtHand
from reseen.scan.budget import Allowance
from reseen.scan.context import ScanContext
from reseen.scan.order_rows import Order
from reseen.scan.own import Own
from reseen.scan.progress import Outcome
from reseen.store import change_log
from reseen.store.database import now
from reseen.store.lease import LEASE, Owner


class ScanSession:
    """One process at one scan."""

    def __init__(self, context: ScanContext) -> None:
        self._context = context
        self._store, self._hub = context.store, context.hub
        self.bases = BasesAtHand(context.store)
        self.index: outcomes.Index
        """The registry in force; another one when it changed."""
        self.waiting = 0
        """Pieces of work that nobody holds, as last counted."""
        self.coverage = Coverage()
        self.allowance: Allowance
        """What the scan may still read."""
        self.sightings = 0
        """New with this scan, when we came to it."""
        self._scan: outcomes.ScanFacts
        self._where: owed.Where
        self._accounts: set[str] = set()
        self._looked_back = 0
        """The version of the registry as of which everything stored was matched."""
        self._behind = True
        """Something may be owed to what this scan came to."""
        self._used = (0, 0)
        self._renew_at = 0
        self._count_at = 0.0

    def begin(self, parts: int) -> None:
        """Find the scan of this target that has not ended, or make one; load what is known."""
        target, options = self._context.target, self._context.options
        with self._store.write() as connection:
            at = now()
            pk = scan_rows.begin(connection, self._hub.name, target.key, repr(options), at)
            scan_rows.add_parts(connection, pk, parts)
            self._load(connection)
            if target.owed:
                scan_rows.add_owed(connection, pk, self.index.version)
            started_at = scan_rows.started_at(connection, pk)
            own = Own(pk, started_at, target)
            self._where = owed.Where(self._hub.name, target, options, own.condition())
            self._scan = outcomes.ScanFacts(
                pk=pk,
                started_at=started_at,
                own=own,
                hub=self._hub.name,
                abilities=self._hub.abilities,
                target=target,
                named=frozenset(target.names),
                options=options,
                owner=Owner.this(),
                index=lambda: self.index,
                follow=self._follow,
                secret=self._store.secret,
                order=Order(pk, self._hub.name, started_at, self._context.stop.is_set),
            )
            if target.is_ordered:
                scan_rows.order_if_listed(connection, pk)
            self.coverage = scan_rows.coverage(connection, pk)
            self._behind = target.owed or self.coverage != Coverage()
            self.sightings = sightings.count(connection, sightings.SightingFilter(scan_pk=pk))
            self._accounts = known_commits.accounts_with_sightings(connection, self._hub.name)
            self.allowance = Allowance(
                left=options.max_scan_bytes - self.coverage.bytes_read, samples=options.background
            )
            if options.background and options.edited and self.index.known.sketched:
                # numpy, which a scan by hashes alone does not need
                from reseen.match.background import draw

                self.allowance.draw = draw(connection, options.background)
                self.allowance.wanted = dict(self.allowance.draw.lacking)

    def commit(self, results: Sequence[outcomes.Outcome], want: outcomes.Wanted) -> outcomes.Batch:
        """Store what came, lease what is wanted. What Reseen itself fails to store is given up, and
        noted; the rest is stored."""
        try:
            with bulkhead():
                return self._commit(results, want)
        except Unforeseen:
            if not results:
                raise
        batch = outcomes.Batch()
        for one in results:
            try:
                with bulkhead():
                    batch.take(self._commit([one], outcomes.Wanted()))
            except Unforeseen as e:
                failed = outcomes.failed(one, self._hub.name, e)
                if failed is None:
                    raise
                batch.take(self._commit([failed], outcomes.Wanted()))
        return batch.take(self._commit([], want))

    def _commit(self, results: Sequence[outcomes.Outcome], want: outcomes.Wanted) -> outcomes.Batch:
        usage = self._hub.usage
        used = (usage.requests, usage.bytes_read)
        more = Coverage(requests=used[0] - self._used[0], bytes_read=used[1] - self._used[1])
        with self._store.write() as connection:
            at = now()
            if at >= self._renew_at:
                self._renew(connection, at)
            did = commit_batch.commit(
                connection, self._scan, results, self._accounts, more, want, at
            )
            self._count(connection)
        self._used = used
        self._accounts |= did.accounts
        self._behind |= did.behind
        self.coverage = did.coverage
        return did

    def lease_part(self) -> tuple[scan_rows.Part | None, int]:
        """The next listing to go on with, and how many are not done, by us or others."""
        with self._store.write() as connection:
            part = scan_rows.lease_part(connection, self._scan.pk, self._scan.owner, now())
            return part, scan_rows.parts_left(connection, self._scan.pk)

    def owing(self, part: scan_rows.Part) -> outcomes.Owing:
        """The next page of repositories at which something may be owed."""
        after = int(part.cursor or 0)
        with self._store.read() as connection:
            pks = owed.behind(connection, self._where, self.index.version, after)
        cursor = str(pks[-1]) if len(pks) == owed.PAGE else None
        return outcomes.Owing(part, tuple(pks), cursor)

    def ordering(self, part: scan_rows.Part) -> outcomes.Ordering:
        """The next page of the order; before the first, the listing is surveyed. In whatever
        thread."""
        if part.cursor is None or not self._scan.order.surveyed:
            with self._store.read() as connection:
                self._scan.order.survey(connection)
        return outcomes.Ordering(part)

    def survey(self) -> None:
        """Survey a listing that was put into order before this process came to it. In whatever
        thread."""
        with self._store.read() as connection:
            if not self._scan.order.surveyed and scan_rows.is_ordered(connection, self._scan.pk):
                self._scan.order.survey(connection)

    def end_if_empty(self) -> outcomes.Batch:
        """End the scan when nobody has anything left to do in it. What was under way when a removal
        learned, or when the registry changed, was looked at without that: it is gone through once
        more, as often as there is something new."""
        pk = self._scan.pk
        did = outcomes.Batch()
        with self._store.write() as connection:
            if self._is_empty(connection):
                self._look_back(connection, did)
                following.listed_all(connection, self._scan)
                version = self.index.version
                if self._behind and owed.behind(connection, self._where, version, limit=1):
                    did.new_parts |= scan_rows.add_owed(connection, pk, version)
            else:
                frontier.free_dead(connection, pk, self._scan.owner, now())
            did.ended = self._is_empty(connection)
            if did.ended:
                scan_rows.end(connection, pk, now())
            did.coverage = scan_rows.coverage(connection, pk)
        self._accounts |= did.accounts
        return did

    def _look_back(self, connection: Connection, did: outcomes.Batch) -> None:
        """Match what is stored with all that changed since the scan began."""
        latest = change_log.latest(connection)
        self._follow(connection)
        if self._looked_back < latest:
            changed = reinspection.changed_since(connection, self._scan.started_at)
            if changed is None or changed:
                following.look_back(connection, self._scan, did, changed)
            self._looked_back = latest

    def _is_empty(self, connection: Connection) -> bool:
        pk = self._scan.pk
        return not scan_rows.parts_left(connection, pk) and frontier.is_empty(connection, pk)

    def finish(self, ended: bool, stopped: str | None) -> Outcome:
        """Give back what is ours, and say what came of it all."""
        self._scan.order.close()
        with self._store.write() as connection:
            frontier.release(connection, self._scan.pk, self._scan.owner)
            scan_rows.give_back_parts(connection, self._scan.pk, self._scan.owner)
            self.waiting = frontier.waiting(connection, self._scan.pk)
            self.coverage = scan_rows.coverage(connection, self._scan.pk)
            mine = sightings.SightingFilter(scan_pk=self._scan.pk)
            found = tuple(sightings.every(connection, mine))
            return Outcome(self._scan.pk, self.coverage, found, ended, stopped)

    def _renew(self, connection: Connection, at: int) -> None:
        frontier.renew(connection, self._scan.pk, self._scan.owner, at)
        frontier.free_dead(connection, self._scan.pk, self._scan.owner, at)
        self._follow(connection)
        self._renew_at = at + LEASE // 8

    def _load(self, connection: Connection) -> None:
        known = RegistryIndex.load(connection, self._context.keyring)
        self.index = outcomes.Index(known, known.version.change)

    def _follow(self, connection: Connection) -> None:
        """Take in what changed."""
        known = self.index.known.followed(connection)
        if known is not self.index.known:
            self.index = outcomes.Index(known, known.version.change)
            self._behind = True

    def _count(self, connection: Connection) -> None:
        """Count what waits, not oftener than that costs a fiftieth of the time."""
        started = time.monotonic()
        if started >= self._count_at:
            self.waiting = frontier.waiting(connection, self._scan.pk)
            ended = time.monotonic()
            self._count_at = ended + max(0.5, 50 * (ended - started))
