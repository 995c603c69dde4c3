from __future__ import annotations

import pytest
from sqlalchemy import select
from tests.review.room import HUB, Room

from reseen.errors import Conflict
from reseen.records import Rung
from reseen.review import cases
from reseen.review.case_filter import CaseFilter
from reseen.review.verdicts import CaseState, Verdict
from reseen.store import schema

CONFIRM, NOT, ALLOWED, SECOND = Verdict
OPEN, DECIDED = (CaseState.OPEN, None), CaseState.DECIDED


def test_all_sightings_of_a_removal_in_a_repository_are_one_case(room: Room) -> None:
    first = room.see(path="a.safetensors", put=False)
    assert room.see(path="b.safetensors") == first
    assert room.see("sample-account/other") != first
    assert room.see(removal=room.other) != first
    entry = room.entry(first)
    assert entry.sightings == entry.live == 2
    assert entry.repo == "sample-account/lora"
    assert entry.account == "sample-account"
    assert entry.hub == HUB
    assert entry.state is CaseState.OPEN
    assert room.count("cases") == 3
    room.check()


def test_putting_again_changes_nothing(room: Room) -> None:
    case = room.see()
    before = room.entry(case)
    assert room.put() == cases.Put()
    assert room.entry(case) == before


def test_what_a_recheck_saw_again_changes_no_version(room: Room) -> None:
    case = room.see()
    before = room.entry(case).version
    with room.store.write() as connection:
        connection.execute(schema.sightings.update().values(touched=1))
    assert room.put().sightings == 1
    assert room.entry(case).version == before


def test_the_outbox_is_taken_in_bounded_batches(room: Room) -> None:
    for n in range(5):
        room.see(path=f"{n}.safetensors", put=False)
    with room.store.write() as connection:
        first = cases.put(connection, room.store.secret, most=2)
    assert (first.sightings, first.new, first.more) == (2, 1, True)
    assert room.put().sightings == 3
    with room.store.read() as connection:
        assert set(connection.scalars(select(schema.sightings.c.touched))) == {0}


def test_the_id_is_the_same_for_the_same_case_and_tells_nothing(room: Room) -> None:
    case = room.see()
    assert case == cases.id_of(room.store.secret, room.removal, HUB, "model", "sample-account/lora")
    assert case != cases.id_of(b"x" * 32, room.removal, HUB, "model", "sample-account/lora")
    assert room.entry(case).id == case


def test_a_new_file_opens_a_decided_case_again(room: Room) -> None:
    case = room.see(read="one")
    room.say(case, CONFIRM)
    assert room.stands(case) == (DECIDED, CONFIRM)
    room.see(path="another.safetensors", read="one")
    assert room.stands(case) == (CaseState.OPEN, CONFIRM)
    assert room.verdicts(case) == [CONFIRM, None]
    room.check()


def test_other_bytes_at_the_same_path_open_a_decided_case_again(room: Room) -> None:
    case = room.see(read="one", content="one")
    room.say(case, NOT)
    room.see(read="two", content="two")
    assert room.stands(case) == (CaseState.OPEN, NOT)


def test_what_was_dismissed_on_a_hubs_word_is_asked_again_when_the_bytes_are_read(
    room: Room,
) -> None:
    case = room.see(declared="a lie")
    room.say(case, NOT)
    assert room.stands(case) == (DECIDED, NOT)
    room.see(declared="a lie", read="the true file")
    assert room.stands(case) == (CaseState.OPEN, NOT)
    room.say(case, CONFIRM)
    assert room.stands(case) == (DECIDED, CONFIRM)


def test_what_was_allowed_on_a_hubs_word_is_asked_again_on_a_higher_rung(room: Room) -> None:
    case = room.see(rung=Rung.WEIGHTS)
    room.say(case, ALLOWED)
    room.see(rung=Rung.DECLARED)
    assert room.stands(case) == (CaseState.OPEN, ALLOWED)


def test_what_was_decided_on_bytes_is_not_asked_again_on_a_higher_rung(room: Room) -> None:
    case = room.see(read="one", rung=Rung.WEIGHTS)
    room.say(case, NOT)
    room.see(read="one", rung=Rung.BYTES)
    assert room.stands(case) == (DECIDED, NOT)


def test_more_proof_of_what_was_confirmed_is_no_question(room: Room) -> None:
    case = room.see(declared="one")
    room.say(case, CONFIRM)
    room.see(declared="one", read="one")
    assert room.stands(case) == (DECIDED, CONFIRM)


def test_proof_that_a_claim_is_false_is_a_question(room: Room) -> None:
    case = room.see(declared="one")
    room.say(case, CONFIRM)
    room.refute()
    assert room.stands(case) == (CaseState.OPEN, CONFIRM)
    with pytest.raises(Conflict, match="not the removed model"):
        room.say(case, CONFIRM)
    room.say(case, Verdict.NOT_THIS_MODEL)
    assert room.stands(case) == (DECIDED, Verdict.NOT_THIS_MODEL)


def test_a_case_of_a_withdrawn_removal_leaves_the_queue_and_comes_back(room: Room) -> None:
    case = room.see()
    room.withdraw(room.removal)
    assert room.queued() == []
    assert room.queued(CaseFilter(withdrawn=True)) == [case]
    room.withdraw(room.removal, restore=True)
    assert room.queued() == [case]


def test_what_is_gone_leaves_the_queue_but_not_the_cases(room: Room) -> None:
    case = room.see()
    version = room.entry(case).version
    room.gone(case)
    assert room.queued() == []
    assert room.queued(CaseFilter(live="gone")) == [case]
    assert room.entry(case).version == version
    room.see()
    assert room.queued() == [case]


def test_a_dismissal_decides_the_same_bytes_elsewhere_at_birth(room: Room) -> None:
    first = room.see(read="one")
    room.say(first, NOT)
    second = room.see("other-account/copy", read="one")
    assert room.stands(second) == (DECIDED, NOT)
    assert room.queued() == []
    (line,) = [line for line in room.lines("decide") if line.subject == second]
    assert line.actor == "reseen"
    assert line.details["because"] == room.lines("decide")[0].details["decision"]
    room.check()


def test_a_declared_hash_alone_never_triggers_a_dismissal(room: Room) -> None:
    room.say(room.see(read="one"), NOT)
    shielded = room.see("other-account/copy", declared="one")
    assert room.stands(shielded) == OPEN


def test_a_partial_reading_never_triggers_a_dismissal(room: Room) -> None:
    room.say(room.see(read="one"), NOT)
    case = room.see("other-account/copy", read="one", put=False)
    with room.store.write() as connection:
        connection.execute(schema.readings.update().values(full=0))
    room.put()
    assert room.stands(case) == OPEN


def test_bytes_read_differently_twice_are_not_known(room: Room) -> None:
    room.say(room.see(read="one"), NOT)
    case = room.see("other-account/copy", read="one", put=False)
    room.see("other-account/copy", read="two")
    assert room.stands(case) == OPEN


def test_a_dismissal_is_for_one_removal(room: Room) -> None:
    room.say(room.see(read="one"), NOT)
    assert room.stands(room.see(read="one", removal=room.other)) == OPEN


def test_a_dismissal_decides_what_waits_elsewhere(room: Room) -> None:
    first, second = room.see(read="one"), room.see("other-account/copy", read="one")
    before = room.entry(second).version
    room.say(first, NOT)
    assert room.stands(second) == (DECIDED, NOT)
    assert room.entry(second).version > before
    room.check()


def test_remembered_and_new_in_one_case_leave_it_open(room: Room) -> None:
    room.say(room.see(read="one"), NOT)
    case = room.see("other-account/mixed", "a.safetensors", read="one", put=False)
    room.see("other-account/mixed", "b.safetensors", read="two")
    assert room.stands(case) == OPEN
    assert room.verdicts(case) == [NOT, None]
    room.say(case, CONFIRM)
    assert room.stands(case) == (DECIDED, CONFIRM)
    assert room.verdicts(case) == [NOT, CONFIRM]  # what is remembered is never asked again
    room.check()


def test_reach_and_strength_follow_what_was_seen(room: Room) -> None:
    case = room.see(downloads=5)
    assert (room.entry(case).reach, room.entry(case).rung) == (6, Rung.DECLARED)
    room.see(downloads=50, read="one")
    assert (room.entry(case).reach, room.entry(case).rung) == (51, Rung.BYTES)
    room.see(downloads=2**63 - 1, path="b.pt")
    assert room.entry(case).reach == 2**63 - 1
