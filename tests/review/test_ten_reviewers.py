"""Ten reviewers decide at once while a scan goes on: nothing is lost, nothing decided unseen."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import select
from tests.review.room import WHY, Room

from reseen.errors import Conflict
from reseen.review import cases, claims, decide
from reseen.review.case_filter import CaseFilter
from reseen.review.queue import next_case, queue
from reseen.review.roles import Role, Who
from reseen.review.verdicts import UNDO, CaseState, Verdict
from reseen.store.database import Store
from reseen.store.service_schema import case_sightings, decided, decisions
from reseen.store.service_schema import cases as table

REVIEWERS, CASES, MORE = 10, 30, 10
DEADLINE = 120.0
"""Seconds after which something must have hung: no measure of speed."""


@dataclass(frozen=True, slots=True)
class Said:
    """A decision that was answered with success, and what its reviewer had been shown."""

    id: str
    case: str
    who: int
    version: int
    shown: frozenset[int]


class Reviewer:
    """One person at a browser of their own. The careless ones take no claims."""

    def __init__(self, room: Room, url: str, number: int, busy: Callable[[], bool]) -> None:
        self.room, self.url, self.number, self.busy = room, url, number, busy
        self.who = room.person(f"reviewer-{number}", Role.REVIEWER)
        self.said: list[Said] = []
        self.conflicts = 0

    def work(self) -> list[Said]:
        until = time.monotonic() + DEADLINE
        with Store(self.url) as store:
            while self.busy() or self.waits(store):
                assert time.monotonic() < until, "the queue does not empty"
                case = self.take(store)
                if case is None:
                    time.sleep(0.005)
                    continue
                self.look_and_decide(store, case)
        return self.said

    def waits(self, store: Store) -> int:
        with store.read() as connection:
            return queue(connection, CaseFilter(), most=1).total

    def take(self, store: Store) -> str | None:
        if self.number % 2:
            with store.read() as connection:
                return next_case(connection, CaseFilter(), self.who)
        with store.write() as connection:
            claim = claims.claim_next(connection, CaseFilter(), self.who)
            return None if claim is None else claim.case

    def look_and_decide(self, store: Store, case: str) -> None:
        with store.read() as connection:
            row = cases.row(connection, case)
            mine = case_sightings.c.case_pk == row.pk
            shown = connection.scalars(select(case_sightings.c.sighting_pk).where(mine)).all()
        verdict = (Verdict.CONFIRM, Verdict.NOT_THIS_MODEL, Verdict.ALLOWED)[self.number % 3]
        try:
            with store.write() as connection:
                seen, by = decide.ShownCase(case, row.version), decide.DecidedBy(self.who, WHY)
                done = decide.decide(connection, self.room.keyring, seen, verdict, by)
        except Conflict:
            self.conflicts += 1
            with store.write() as connection:
                claims.release(connection, case, self.who)
            return
        self.said.append(Said(done.id, case, self.who.pk, row.version, frozenset(shown)))


def test_ten_reviewers_at_once(room: Room, url: str) -> None:
    for n in range(CASES):
        room.see(f"account-{n % 4}/{n}", put=False)
    room.put()
    scanned = threading.Event()
    reviewers = [Reviewer(room, url, n, lambda: not scanned.is_set()) for n in range(REVIEWERS)]

    def scan() -> None:
        try:
            for n in range(MORE):
                room.see(f"account-{n % 4}/{n}", path="more.pt", read=f"{n}")
        finally:
            scanned.set()

    with ThreadPoolExecutor(REVIEWERS + 1) as pool:
        scanning = pool.submit(scan)
        working = [pool.submit(reviewer.work) for reviewer in reviewers]
        said = [one for work in working for one in work.result()]
        scanning.result()

    with room.store.read() as connection:
        rows = connection.execute(
            select(decisions.c.id, decisions.c.user_pk, decisions.c.version, table.c.id)
            .join(table, table.c.pk == decisions.c.case_pk)
            .where(decisions.c.because.is_(None), decisions.c.verdict != UNDO)
        ).all()
        covered: dict[str, set[int]] = {}
        query = select(decisions.c.id, decided.c.sighting_pk).join(
            decided, decided.c.decision_pk == decisions.c.pk
        )
        for id, sighting_pk in connection.execute(query):
            covered.setdefault(id, set()).add(sighting_pk)
        states = Counter(connection.scalars(select(table.c.state)))

    # Nothing is lost: what was answered with success is what was written, no more and no less.
    written = {(id, user, version, case) for id, user, version, case in rows}
    assert written == {(one.id, one.who, one.version, one.case) for one in said}
    # No case is decided twice on one version, and each decision is about what was shown.
    assert max(Counter((one.case, one.version) for one in said).values()) == 1
    assert all(covered[one.id] == one.shown for one in said)
    assert states == {CaseState.DECIDED: CASES}
    lines = room.lines("decide")
    assert {line.details["decision"] for line in lines} == {one.id for one in said}
    room.check()


def test_two_who_press_at_once_do_not_both_decide(room: Room, url: str) -> None:
    case = room.see()
    version = room.entry(case).version
    together = threading.Barrier(2, timeout=DEADLINE)

    def press(who: Who) -> str:
        with Store(url) as store:
            together.wait()
            try:
                with store.write() as connection:
                    seen, by = decide.ShownCase(case, version), decide.DecidedBy(who, WHY)
                    decide.decide(connection, room.keyring, seen, Verdict.CONFIRM, by)
            except Conflict:
                return "conflict"
            return "decided"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(press, (room.ann, room.bob))) == ["conflict", "decided"]
    assert room.count("decisions") == 1
