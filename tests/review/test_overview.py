"""The figures of the start page, on both databases: each is that of the queue behind it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import update
from tests.review.room import Room

from reseen.records import Rung
from reseen.review import overview, queue
from reseen.review.case_filter import CaseFilter
from reseen.review.verdicts import Verdict
from reseen.store.database import now
from reseen.store.service_schema import cases

CONFIRM, NOT, ALLOWED, SECOND = Verdict


def counts(room: Room, figures: list[tuple[CaseFilter, int]]) -> None:
    at = now()
    with room.store.read() as connection:
        for which, number in figures:
            assert queue.count(connection, which, room.ann, at) == number, which
            assert queue.queue(connection, which, room.ann).total == number


def opened(room: Room, case: str, days: int) -> None:
    with room.store.write() as connection:
        at = now() - days * overview.DAY
        connection.execute(update(cases).where(cases.c.id == case).values(opened_at=at))


def test_open_cases_by_rung_and_by_how_long_they_wait(room: Room) -> None:
    weak = [room.see(f"a/{n}", rung=Rung.WEIGHTS) for n in range(3)]
    sure = room.see("a/sure", read="one")
    room.refute("a/refuted")
    fallen = room.see("a/fallen", declared="one")
    room.say(fallen, CONFIRM)
    room.refute("a/fallen")
    second = room.see("a/second", declared="one")
    room.say(second, SECOND)
    room.say(room.see("a/done", declared="one"), CONFIRM)
    for case, days in zip((weak[0], weak[1], sure), (2, 40, 8), strict=True):
        opened(room, case, days)
    with room.store.read() as connection:
        rows = overview.open_cases(connection, now())
        second_eyes = queue.count(connection, overview.SECOND, None, now())
    shown = {row.words: [number for _, number in row.waiting] for row in rows}
    assert list(shown) == [
        "confirmed, and then refuted", "bytes", "declared", "weights", "refuted",
    ]  # fmt: skip
    assert shown["weights"] == [3, 2, 1, 1]
    assert shown["bytes"] == [1, 1, 1, 0]
    assert shown["declared"] == [1, 0, 0, 0]
    assert second_eyes == 1
    counts(room, [each for row in rows for each in row.waiting])


def test_what_was_decided_lately_and_weeks(room: Room) -> None:
    first, other = room.see("a/1", read="one"), room.see("a/2", removal=room.other)
    room.say(first, CONFIRM)
    room.say(other, NOT)
    undone = room.see("a/3")
    room.say(undone, CONFIRM)
    room.undo(undone)
    opened(room, first, 21)
    with room.store.read() as connection:
        lately = overview.decided_lately(connection, now())
        later = overview.decided_lately(connection, now() + 8 * overview.DAY)
        weeks = overview.weeks(connection, now())
        before = overview.weeks(connection, now() + 400 * overview.DAY)
    assert {verdict: number for verdict, _, number in lately} == {CONFIRM: 1, NOT: 1, ALLOWED: 0}
    assert not any(number for *_, number in later)
    assert [week.found for week in weeks][-4:] == [1, 0, 0, 2]
    assert [week.confirmed for week in weeks][-4:] == [1, 0, 0, 0]
    assert sum(week.found for week in weeks) == 3
    assert weeks[-1].monday <= datetime.now(UTC).date() < weeks[-1].monday + timedelta(days=7)
    assert before == ()
    counts(room, [(which, number) for _, which, number in lately])
    counts(room, [(week.which, week.found) for week in weeks])
    counts(room, [(week.which_confirmed, week.confirmed) for week in weeks])


def test_claims_count_while_they_hold(room: Room) -> None:
    one, two = room.see("a/1"), room.see("a/2")
    room.hold(one, room.ann, now() + 600_000_000)
    room.hold(two, room.bob, now() + 600_000_000)
    with room.store.read() as connection:
        clocks = overview.clocks(connection, room.ann, now())
        later = overview.clocks(connection, room.ann, now() + overview.DAY)
        assert overview.time_to_gone(connection) is None
    assert (clocks.held, clocks.mine, later.held, later.mine) == (2, 1, 0, 0)
    assert (clocks.overdue, clocks.today, clocks.next) == (0, 0, ())
    counts(room, [(overview.HELD, 2), (overview.MINE, 1)])
