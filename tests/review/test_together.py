from __future__ import annotations

from collections.abc import Collection

import pytest
from tests.review.room import HUB, WHY, Room

from reseen.errors import AccessError, InputError, NotFound
from reseen.records import Rung
from reseen.review import account, batch_decisions, cases, queue, sample_views
from reseen.review.batch_decisions import BatchOutcome
from reseen.review.case_filter import CaseFilter
from reseen.review.decide import DecidedBy
from reseen.review.roles import Who
from reseen.review.verdicts import CaseState, Verdict
from reseen.store.database import now

CONFIRM, NOT, ALLOWED, SECOND = Verdict
ACCOUNT = "sample-account"


class Uploads:
    """An account with nine open cases, by the hub's word."""

    def __init__(self, room: Room, count: int = 9) -> None:
        self.room = room
        self.cases = [room.see(f"{ACCOUNT}/{n}", downloads=n, put=False) for n in range(count)]
        room.put()

    def waiting(self) -> dict[str, int]:
        with self.room.store.read() as connection:
            return batch_decisions.waiting(connection, HUB, ACCOUNT)

    def decide(
        self,
        verdict: Verdict = CONFIRM,
        who: Who | None = None,
        versions: dict[str, int] | None = None,
        opened: Collection[str] | None = None,
        account: tuple[str, str] | None = (HUB, ACCOUNT),
    ) -> BatchOutcome:
        """`opened` None: all of them were."""
        with self.room.store.write() as connection:
            versions = self.waiting() if versions is None else versions
            return batch_decisions.decide_together(
                *(connection, self.room.keyring, batch_decisions.ShownCases(versions, account)),
                *(verdict, DecidedBy(who or self.room.lea, WHY)),
                opened=versions if opened is None else opened,
            )

    def undo(self, batch: str, who: Who | None = None) -> BatchOutcome:
        with self.room.store.write() as connection:
            return batch_decisions.undo_together(
                connection, self.room.keyring, batch, DecidedBy(who or self.room.lea, WHY)
            )


@pytest.fixture
def uploads(room: Room) -> Uploads:
    return Uploads(room)


@pytest.fixture
def mixed(room: Room) -> dict[str, str]:
    """Cases by what stands behind them: those that are read and the removed file's, and others."""
    found = {
        "bytes": room.see(f"{ACCOUNT}/1", read="one"),
        "tensors": room.see(f"{ACCOUNT}/2", read="two", rung=Rung.TENSORS),
        "declared": room.see(f"{ACCOUNT}/3", declared="one"),
        "weights": room.see(f"{ACCOUNT}/4", read="three", rung=Rung.WEIGHTS),
        "bytes, and another file by the hub's word": room.see(f"{ACCOUNT}/5", read="four"),
    }
    room.see(f"{ACCOUNT}/5", path="another.pt", declared="one")
    return found


@pytest.mark.parametrize("verdict", [CONFIRM, ALLOWED])
def test_what_was_not_read_in_full_is_confirmed_together_only_by_whoever_opened_it(
    mixed: dict[str, str], room: Room, verdict: Verdict
) -> None:
    uploads = Uploads(room, 0)
    done = uploads.decide(verdict, who=room.ann, opened=(), account=None)
    assert set(done.decided) == {mixed["bytes"], mixed["tensors"]}
    assert {why for _, why in done.left} == {batch_decisions.NOT_OPENED}
    opened = uploads.decide(verdict, who=room.ann, opened=[mixed["weights"]], account=None)
    assert opened.decided == (mixed["weights"],)
    assert len(opened.left) == 2
    room.check()


def test_not_this_model_may_be_said_of_any_group(mixed: dict[str, str], room: Room) -> None:
    done = Uploads(room, 0).decide(NOT, who=room.ann, opened=(), account=None)
    assert set(done.decided) == set(mixed.values())


def test_what_somebody_else_opened_or_what_changed_since_counts_for_nothing(room: Room) -> None:
    case, uploads = room.see(f"{ACCOUNT}/1"), Uploads(room, 0)

    def opened(who: Who) -> frozenset[str]:
        with room.store.read() as connection:
            return sample_views.looked_at(connection, [case], who)

    with room.store.write() as connection:
        sample_views.look(connection, case, room.bob)
    assert (opened(room.ann), opened(room.bob)) == (frozenset(), {case})
    assert uploads.decide(who=room.ann, opened=opened(room.ann), account=None).decided == ()
    room.see(f"{ACCOUNT}/1", path="another.pt")
    assert opened(room.bob) == frozenset()


def test_a_reviewer_decides_a_page_and_a_lead_more(room: Room) -> None:
    uploads = Uploads(room, 0)
    many = {f"cs-{n}": 1 for n in range(queue.MOST + 1)}
    with pytest.raises(AccessError):
        uploads.decide(who=room.ann, versions=many, account=None)
    assert len(uploads.decide(versions=many, account=None).left) == len(many)
    with pytest.raises(InputError):
        uploads.decide(versions={f"cs-{n}": 1 for n in range(batch_decisions.MOST + 1)})
    with pytest.raises(AccessError):
        uploads.decide(who=room.ron, account=None)


def test_ones_own_batch_is_taken_back_and_anybodys_by_a_lead(room: Room) -> None:
    for _ in range(2):
        room.see(f"{ACCOUNT}/1", read="one")
        done = Uploads(room, 0).decide(NOT, who=room.ann, account=None)
        with pytest.raises(AccessError, match="somebody else"):
            Uploads(room, 0).undo(done.batch, room.bob)
        assert Uploads(room, 0).undo(done.batch, room.ann).decided == done.decided
    again = Uploads(room, 0).decide(NOT, who=room.ann, account=None)
    assert Uploads(room, 0).undo(again.batch).decided == again.decided


def test_many_cases_are_decided_together_and_undone_together(uploads: Uploads) -> None:
    chosen = list(uploads.waiting())[:3]
    done = uploads.decide(NOT, opened=chosen)
    room = uploads.room
    assert set(done.decided) == set(uploads.cases)
    assert done.left == ()
    assert uploads.waiting() == {}
    first = room.lines("decide")[0]
    assert (first.subject, first.details["opened"]) == (done.batch, " ".join(chosen))
    assert len(room.lines("decide")) == 10
    room.check()
    back = uploads.undo(done.batch)
    assert (set(back.decided), back.left, back.verdict) == (set(uploads.cases), (), "undo")
    assert len(uploads.waiting()) == 9
    room.check()


def test_only_a_lead_decides_for_an_account(uploads: Uploads) -> None:
    with pytest.raises(AccessError):
        uploads.decide(who=uploads.room.ann)
    done = uploads.decide()
    with pytest.raises(AccessError):
        uploads.undo(done.batch, uploads.room.ann)


def test_what_changed_or_is_claimed_is_left_and_named(uploads: Uploads) -> None:
    room, versions = uploads.room, uploads.waiting()
    changed, claimed, decided = uploads.cases[2:5]
    room.see(f"{ACCOUNT}/2", path="another.pt")
    room.hold(claimed, room.bob, now() + 10**9)
    room.say(decided, NOT)
    done = uploads.decide(versions=versions)
    assert {case for case, _ in done.left} == {changed, claimed, decided}
    assert len(done.decided) == 6
    assert room.stands(changed)[0] is CaseState.OPEN
    assert room.stands(decided) == (CaseState.DECIDED, NOT)


def test_what_was_decided_otherwise_since_is_left_when_undone(uploads: Uploads) -> None:
    room, done = uploads.room, uploads.decide()
    room.undo(uploads.cases[0], room.lea)
    room.say(uploads.cases[0], NOT)
    back = uploads.undo(done.batch)
    assert [case for case, _ in back.left] == [uploads.cases[0]]
    assert room.stands(uploads.cases[0]) == (CaseState.DECIDED, NOT)


def test_somebody_elses_cases_are_refused(uploads: Uploads) -> None:
    other = uploads.room.see("other-account/lora")
    with pytest.raises(InputError, match="not of this account"):
        uploads.decide(versions={**uploads.waiting(), other: 1})
    with pytest.raises(InputError):
        uploads.decide(account=(HUB, "other-account"))
    with pytest.raises(InputError):
        uploads.decide(versions={})
    with pytest.raises(InputError):
        uploads.decide(verdict=SECOND)
    with pytest.raises(NotFound):
        uploads.undo("bt-nothing")


def test_what_waits_for_a_second_pair_of_eyes_is_not_decided_together(uploads: Uploads) -> None:
    uploads.room.say(uploads.cases[0], SECOND)
    assert uploads.cases[0] not in uploads.waiting()
    forged = dict.fromkeys(uploads.cases, 0)  # also where a form names it
    with uploads.room.store.read() as connection:
        for case in forged:
            forged[case] = int(cases.row(connection, case).version)
    done = uploads.decide(versions=forged)
    assert [case for case, _ in done.left] == [uploads.cases[0]]
    assert uploads.room.stands(uploads.cases[0])[0] is CaseState.SECOND


def test_a_dismissal_of_the_same_bytes_within_a_batch(room: Room) -> None:
    uploads = Uploads(room)
    for n in range(3):
        room.see(f"{ACCOUNT}/{n}", read="one")
    done = uploads.decide(NOT)
    # the first of them decides the others by what is remembered: they were changed meanwhile
    assert len(done.decided) + len(done.left) == 9
    assert all(room.stands(case) == (CaseState.DECIDED, NOT) for case in uploads.cases)
    room.check()
    uploads.undo(done.batch)
    assert room.queued(CaseFilter(state="decided")) == []
    room.check()


def test_an_account_in_figures(uploads: Uploads) -> None:
    room = uploads.room
    room.say(uploads.cases[0], CONFIRM)
    room.say(uploads.cases[1], SECOND)
    room.see("sample-account-2/lora")
    room.see(f"{ACCOUNT}/2", path="b.pt", removal=room.other, rung=Rung.WEIGHTS)
    room.gone(uploads.cases[3])
    with room.store.read() as connection:
        known = account.account(connection, HUB, ACCOUNT)
        nobody = account.account(connection, HUB, "no'body%")
    assert (known.repositories, known.sightings, known.live, known.removals) == (9, 10, 9, 2)
    assert known.cases == {"confirm": 1, "second": 1, "open": 8}
    assert known.undecided == 9
    assert known.named[0].cases == 1
    assert known.downloads == sum(range(3, 9)) + 0 + 1 + 5
    assert known.first_seen is not None
    assert known.months[-1].seen == 10
    assert (nobody.repositories, nobody.sightings, nobody.first_seen) == (0, 0, None)
