from __future__ import annotations

import pytest
from tests.review.room import HUB, WHY, Room

from reseen.errors import AccessError, InputError, NotFound
from reseen.records import Rung
from reseen.review import account, batch_decisions, cases
from reseen.review.batch_decisions import BatchOutcome
from reseen.review.decide import DecidedBy
from reseen.review.queue import CaseFilter
from reseen.review.roles import Who
from reseen.review.verdicts import CaseState, Verdict
from reseen.store.database import now

CONFIRM, NOT, ALLOWED, SECOND = Verdict
ACCOUNT = "sample-account"


class Uploads:
    """An account with nine open cases."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.cases = [room.see(f"{ACCOUNT}/{n}", downloads=n, put=False) for n in range(9)]
        room.put()

    def waiting(self) -> dict[str, int]:
        with self.room.store.read() as connection:
            return batch_decisions.waiting(connection, HUB, ACCOUNT)

    def sample(self) -> tuple[str, ...]:
        with self.room.store.read() as connection:
            return batch_decisions.sample(connection, self.waiting())

    def decide(
        self,
        verdict: Verdict = CONFIRM,
        who: Who | None = None,
        versions: dict[str, int] | None = None,
        sample: tuple[str, ...] | None = None,
        name: str = ACCOUNT,
    ) -> BatchOutcome:
        with self.room.store.write() as connection:
            versions = self.waiting() if versions is None else versions
            return batch_decisions.decide_together(
                *(connection, self.room.keyring),
                batch_decisions.AccountCases(HUB, name, versions),
                *(verdict, DecidedBy(who or self.room.lea, WHY)),
                sample=self.sample() if sample is None else sample,
            )

    def undo(self, batch: str, who: Who | None = None) -> BatchOutcome:
        with self.room.store.write() as connection:
            return batch_decisions.undo_together(
                connection, self.room.keyring, batch, DecidedBy(who or self.room.lea, WHY)
            )


@pytest.fixture
def uploads(room: Room) -> Uploads:
    return Uploads(room)


def test_the_sample_is_the_strongest_the_weakest_and_some_between(uploads: Uploads) -> None:
    chosen = uploads.sample()
    assert len(chosen) == len(set(chosen)) == batch_decisions.SAMPLE
    assert chosen[0] == uploads.cases[-1]
    assert chosen[-1] == uploads.cases[0]
    assert uploads.sample() == chosen


def test_of_a_few_cases_all_are_the_sample(room: Room) -> None:
    cases = {room.see(f"{ACCOUNT}/{n}") for n in range(3)}
    with room.store.read() as connection:
        assert set(batch_decisions.sample(connection, cases)) == cases
        assert batch_decisions.sample(connection, ()) == ()


def test_many_cases_are_decided_together_and_undone_together(uploads: Uploads) -> None:
    chosen = uploads.sample()
    done = uploads.decide()
    room = uploads.room
    assert set(done.decided) == set(uploads.cases)
    assert done.left == ()
    assert uploads.waiting() == {}
    first = room.lines("decide")[0]
    assert (first.subject, first.details["sample"]) == (done.batch, " ".join(chosen))
    assert len(room.lines("decide")) == 10
    room.check()
    back = uploads.undo(done.batch)
    assert (set(back.decided), back.left, back.verdict) == (set(uploads.cases), (), "undo")
    assert len(uploads.waiting()) == 9
    room.check()


def test_the_sample_must_be_looked_at(uploads: Uploads) -> None:
    with pytest.raises(InputError, match="1 of the 5"):
        uploads.decide(sample=uploads.sample()[1:])
    with pytest.raises(InputError, match="5 of the 5"):
        uploads.decide(sample=())
    assert uploads.room.count("decisions") == 0


def test_only_a_lead_decides_together(uploads: Uploads) -> None:
    with pytest.raises(AccessError):
        uploads.decide(who=uploads.room.ann)
    done = uploads.decide()
    with pytest.raises(AccessError):
        uploads.undo(done.batch, uploads.room.ann)


def test_what_changed_or_is_claimed_is_left_and_named(uploads: Uploads) -> None:
    room, versions, chosen = uploads.room, uploads.waiting(), uploads.sample()
    changed, claimed, decided = uploads.cases[2:5]
    room.see(f"{ACCOUNT}/2", path="another.pt")
    room.hold(claimed, room.bob, now() + 10**9)
    room.say(decided, NOT)
    done = uploads.decide(versions=versions, sample=chosen)
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
        uploads.decide(name="other-account")
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
    done = uploads.decide(versions=forged, sample=tuple(uploads.cases))
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
