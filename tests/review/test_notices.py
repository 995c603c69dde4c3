"""Notices: drafted from what was confirmed and nothing else, their steps, clocks, and ends."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress

import pytest
from sqlalchemy import update
from tests.review.room import HUB, Room

from reseen.errors import AccessError, Conflict, InputError, NotFound
from reseen.observed import page_templates, sightings
from reseen.records import SightingState
from reseen.review import (
    confirmed,
    notice_read,
    notice_states,
    notice_updates,
    notice_write,
    withdrawals,
)
from reseen.review.notice import Notice
from reseen.review.notice_states import HOUR, MAY_FOLLOW, NoticeState, NoticeStep
from reseen.review.roles import Who
from reseen.review.verdicts import Verdict
from reseen.store import service_schema
from reseen.store.database import now

ACCOUNT = "sample-account"


def draft(room: Room, who: Who | None = None, hours: int | None = None) -> str:
    with room.store.write() as connection:
        return notice_write.draft(connection, HUB, ACCOUNT, who or room.ann, hours=hours)


def read(room: Room, id: str) -> Notice:
    with room.store.read() as connection:
        return notice_read.by_id(connection, room.keyring, id)


def step(room: Room, id: str, state: NoticeState, who: Who | None = None, **more: object) -> None:
    with room.store.write() as connection:
        made = NoticeStep(state, **more)  # type: ignore[arg-type]
        notice_write.step(connection, room.keyring, id, who or room.lea, made)


def undo(room: Room, id: str, who: Who | None = None) -> None:
    with room.store.write() as connection:
        notice_write.undo(connection, room.keyring, id, who or room.lea)


def withdraw(room: Room, id: str) -> None:
    with room.store.write() as connection:
        row = notice_read.own_row(connection, id)
        made = withdrawals.ready(connection, room.keyring, row, room.lea, "A sample reason.")
        withdrawals.withdraw(connection, room.keyring, row, room.lea, made, None)


def settle(room: Room) -> list[tuple[str, NoticeState]]:
    with room.store.write() as connection:
        return [(each.id, each.state) for each in notice_updates.settle(connection)]


def answer(room: Room, state: SightingState, times: int = 2) -> None:
    """What a recheck would hear of everything."""
    with room.store.write() as connection:
        for each in list(sightings.every(connection)):
            for _ in range(times):
                sightings.answered(connection, each.id, state)


def confirmed_case(room: Room, name: str = "lora", **more: object) -> str:
    case = room.see(f"{ACCOUNT}/{name}", **more)  # type: ignore[arg-type]
    room.say(case, Verdict.CONFIRM)
    return case


def test_a_notice_holds_what_was_confirmed_of_one_account_and_nothing_else(room: Room) -> None:
    confirmed_case(room, "one")
    confirmed_case(room, "two", removal=room.other)
    room.see(f"{ACCOUNT}/open")
    dismissed = room.see(f"{ACCOUNT}/dismissed")
    room.say(dismissed, Verdict.NOT_THIS_MODEL)
    elsewhere = room.see("another-account/one")
    room.say(elsewhere, Verdict.CONFIRM)
    made = read(room, draft(room))
    assert {item.sighting.repo for item in made.items} == {f"{ACCOUNT}/one", f"{ACCOUNT}/two"}
    assert (made.state, made.hub, made.account) == (NoticeState.DRAFTED, HUB, ACCOUNT)
    assert [line.action for line in room.lines("notice")] == ["notice"]


def test_nothing_to_write_about_is_said(room: Room) -> None:
    room.see(f"{ACCOUNT}/open")
    with pytest.raises(InputError, match="nothing of this account"):
        draft(room)
    with pytest.raises(NotFound):
        read(room, "nt-none")


def test_a_folder_has_nobody_to_write_to(room: Room) -> None:
    with room.store.write() as connection, pytest.raises(InputError, match="folder"):
        notice_write.draft(connection, "folder", ACCOUNT, room.ann)


def test_a_storage_has_somebody_to_write_to_where_its_pages_were_told(room: Room) -> None:
    case = room.see(f"{ACCOUNT}/lora", hub="storage+acme")
    room.say(case, Verdict.CONFIRM)
    with room.store.write() as connection:
        assert confirmed.waiting(connection, hub="storage+acme") == []
        with pytest.raises(InputError, match="has no pages"):
            notice_write.draft(connection, "storage+acme", ACCOUNT, room.ann)
        page_templates.keep(connection, "storage+acme", "https://acme.example/{key}")
        (one,) = confirmed.waiting(connection, hub="storage+acme")
        id = notice_write.draft(connection, one.hub, one.account, room.ann)
        made = notice_read.by_id(connection, room.keyring, id)
    (item,) = made.items
    assert item.url == f"https://acme.example/{item.sighting.repo}/{item.sighting.path}"


def test_a_reader_drafts_nothing_and_a_reviewer_sends_nothing(room: Room) -> None:
    confirmed_case(room)
    with pytest.raises(AccessError):
        draft(room, room.ron)
    id = draft(room)
    with pytest.raises(AccessError):
        step(room, id, NoticeState.SENT, room.ann)
    with pytest.raises(AccessError):
        undo(room, id, room.ron)


def test_a_sighting_is_in_one_open_notice_and_more_join_the_draft(room: Room) -> None:
    confirmed_case(room, "one")
    id = draft(room)
    with pytest.raises(InputError):
        draft(room)
    confirmed_case(room, "two")
    assert draft(room) == id
    assert len(read(room, id).items) == 2
    step(room, id, NoticeState.SENT)
    confirmed_case(room, "three")
    other = draft(room)
    assert other != id
    assert [item.sighting.repo for item in read(room, other).items] == [f"{ACCOUNT}/three"]


def test_what_is_undone_falls_out_of_a_draft(room: Room) -> None:
    case = confirmed_case(room, "one")
    confirmed_case(room, "two")
    id = draft(room)
    room.undo(case)
    assert {item.stands for item in read(room, id).items} == {True, False}
    assert [item.sighting.repo for item in read(room, id).there] == [f"{ACCOUNT}/two"]
    settle(room)
    assert [item.sighting.repo for item in read(room, id).items] == [f"{ACCOUNT}/two"]


def test_a_draft_that_is_left_with_nothing_has_no_clock_and_cannot_go_out(room: Room) -> None:
    case = confirmed_case(room)
    id = draft(room)
    room.undo(case)
    with pytest.raises(Conflict, match="nothing of this notice"):
        step(room, id, NoticeState.SENT)
    settle(room)
    assert read(room, id).due_at is None
    with room.store.read() as connection:
        assert notice_read.every(connection) == []
    room.say(case, Verdict.CONFIRM)
    assert draft(room) == id
    assert read(room, id).due_at is not None


def test_what_was_sent_stays_as_it_was_sent_and_says_what_no_longer_stands(room: Room) -> None:
    case = confirmed_case(room)
    id = draft(room)
    step(room, id, NoticeState.SENT)
    room.undo(case)
    settle(room)
    (item,) = read(room, id).items
    assert not item.stands


def test_a_withdrawn_removal_is_no_ground_for_a_notice(room: Room) -> None:
    confirmed_case(room)
    id = draft(room)
    room.withdraw(room.removal)
    with room.store.write() as connection, pytest.raises(Conflict):
        row = notice_read.own_row(connection, id)
        notice_write.to_take_away(connection, room.keyring, row, room.ann)


@pytest.mark.parametrize("state", list(NoticeState))
def test_only_what_the_table_allows_follows(room: Room, state: NoticeState) -> None:
    confirmed_case(room)
    id = draft(room)
    if state in MAY_FOLLOW[NoticeState.DRAFTED]:
        step(room, id, state)
        assert read(room, id).state is state
    else:
        with pytest.raises(Conflict):
            step(room, id, state)
        assert read(room, id).state is NoticeState.DRAFTED


def test_every_state_can_be_reached_and_left() -> None:
    reached = set().union(*MAY_FOLLOW.values()) | {NoticeState.DRAFTED}
    assert reached == set(NoticeState)
    ends = {state for state in NoticeState if not MAY_FOLLOW[state]}
    assert ends == {NoticeState.WITHDRAWN}


def test_each_state_has_its_clock_and_a_person_can_set_another(room: Room) -> None:
    confirmed_case(room)
    id = draft(room)
    first = read(room, id)
    assert first.due_at == first.changed_at + 24 * HOUR
    step(room, id, NoticeState.SENT)
    sent = read(room, id)
    assert sent.due_at == sent.changed_at + 48 * HOUR
    step(room, id, NoticeState.SENT, hours=12)
    again = read(room, id)
    assert again.due_at == again.changed_at + 12 * HOUR
    step(room, id, NoticeState.GONE)
    assert read(room, id).due_at is None
    for hours in (0, -1, 9000):
        with pytest.raises(InputError):
            notice_states.due(NoticeState.SENT, 0, hours)


def test_the_overdue_stand_first(room: Room) -> None:
    confirmed_case(room)
    early = draft(room)
    step(room, early, NoticeState.SENT)
    confirmed_case(room, "two")
    late = draft(room, hours=1)
    with room.store.write() as connection:
        past = update(service_schema.notices).where(service_schema.notices.c.id == early)
        connection.execute(past.values(due_at=now() - HOUR))
    with room.store.read() as connection:
        assert [line.id for line in notice_read.every(connection)] == [early, late]
        overdue = notice_read.every(connection, overdue_at=now())
        assert [line.id for line in overdue] == [early]
        assert notice_read.numbers(connection)[NoticeState.SENT] == 1


def test_steps_are_appended_with_who_when_how_and_a_sealed_note(room: Room) -> None:
    confirmed_case(room)
    id = draft(room)
    step(room, id, NoticeState.SENT, how="e-mail", note="To the sample desk")
    step(room, id, NoticeState.ACKNOWLEDGED, room.ann, note="Ticket 7")
    told = [(s.state, s.who, s.how, s.note) for s in read(room, id).steps]
    assert told == [
        (NoticeState.DRAFTED, "ann", None, None),
        (NoticeState.SENT, "lea", "e-mail", "To the sample desk"),
        (NoticeState.ACKNOWLEDGED, "ann", None, "Ticket 7"),
    ]
    with room.store.read() as connection:
        without = notice_read.by_id(connection, None, id)
    assert [s.note for s in without.steps] == [None, None, None]
    assert not any("Ticket" in str(line.details) for line in room.lines())


def test_the_database_refuses_to_change_a_step(room: Room) -> None:
    confirmed_case(room)
    draft(room)
    with pytest.raises(Exception, match="append-only"), room.store.write() as connection:
        connection.execute(update(service_schema.notice_steps).values(state="gone"))


def test_undoing_appends_and_the_clock_runs_as_before(room: Room) -> None:
    confirmed_case(room)
    id = draft(room)
    step(room, id, NoticeState.SENT)
    sent = read(room, id)
    step(room, id, NoticeState.REFUSED)
    undo(room, id)
    back = read(room, id)
    assert (back.state, back.due_at) == (NoticeState.SENT, sent.due_at)
    assert [(s.state, s.undone) for s in back.steps] == [
        (NoticeState.DRAFTED, False),
        (NoticeState.SENT, False),
        (NoticeState.REFUSED, True),
        (NoticeState.SENT, False),
    ]
    undo(room, id)
    assert read(room, id).state is NoticeState.DRAFTED


def test_undoing_the_draft_gives_it_up(room: Room) -> None:
    confirmed_case(room)
    id = draft(room)
    undo(room, id)
    assert read(room, id).items == ()
    with pytest.raises(InputError, match="no step"):
        undo(room, id)
    with room.store.read() as connection:
        assert confirmed.waiting(connection) == [confirmed.Waiting(HUB, ACCOUNT, 1)]
    assert draft(room) == id


def test_who_looked_at_an_older_notice_must_look_again(room: Room) -> None:
    confirmed_case(room)
    id = draft(room)
    seen = read(room, id).version
    step(room, id, NoticeState.SENT, version=seen)
    with pytest.raises(Conflict, match="changed since"):
        step(room, id, NoticeState.SENT, version=seen)


def test_gone_after_two_answers_closes_a_notice_by_itself(room: Room) -> None:
    confirmed_case(room)
    id = draft(room)
    step(room, id, NoticeState.SENT)
    answer(room, SightingState.GONE, times=1)
    assert settle(room) == []
    answer(room, SightingState.GONE, times=1)
    assert settle(room) == [(id, NoticeState.GONE)]
    assert settle(room) == []
    last = read(room, id).steps[-1]
    assert (last.state, last.who, last.how) == (NoticeState.GONE, None, "recheck")


def test_what_the_hub_disabled_is_gone_and_what_is_unreachable_is_not(room: Room) -> None:
    confirmed_case(room)
    id = draft(room)
    step(room, id, NoticeState.SENT)
    answer(room, SightingState.UNREACHABLE)
    assert settle(room) == []
    answer(room, SightingState.LIVE)
    answer(room, SightingState.DISABLED, times=1)
    assert settle(room) == [(id, NoticeState.GONE)]


def test_one_file_that_stands_keeps_a_notice_open(room: Room) -> None:
    confirmed_case(room, "one")
    two = confirmed_case(room, "two")
    id = draft(room)
    step(room, id, NoticeState.SENT)
    room.gone(two)
    assert settle(room) == []
    assert read(room, id).state is NoticeState.SENT


def test_the_same_content_back_at_its_place_is_re_seen(room: Room) -> None:
    confirmed_case(room)
    id = draft(room)
    step(room, id, NoticeState.SENT)
    answer(room, SightingState.GONE)
    settle(room)
    answer(room, SightingState.LIVE, times=1)
    assert settle(room) == [(id, NoticeState.RESEEN)]
    assert settle(room) == []


def test_the_same_removal_anew_at_the_account_is_re_seen_and_joins_once_confirmed(
    room: Room,
) -> None:
    confirmed_case(room)
    id = draft(room)
    step(room, id, NoticeState.SENT)
    answer(room, SightingState.GONE)
    settle(room)
    room.see("another-account/new")
    assert settle(room) == []
    room.see(f"{ACCOUNT}/new", removal=room.other)
    assert settle(room) == []
    case = room.see(f"{ACCOUNT}/new")
    assert settle(room) == [(id, NoticeState.RESEEN)]
    assert read(room, id).there == ()
    room.say(case, Verdict.CONFIRM)
    assert draft(room) == id
    assert [item.sighting.repo for item in read(room, id).there] == [f"{ACCOUNT}/new"]
    step(room, id, NoticeState.SENT)


def test_what_a_person_called_another_model_is_not_re_seen(room: Room) -> None:
    confirmed_case(room)
    id = draft(room)
    step(room, id, NoticeState.SENT)
    answer(room, SightingState.GONE)
    settle(room)
    case = room.see(f"{ACCOUNT}/new", put=False)
    room.put()
    room.say(case, Verdict.NOT_THIS_MODEL)
    assert settle(room) == []


def test_what_a_person_says_is_gone_is_not_contradicted_by_what_was_seen_before(
    room: Room,
) -> None:
    confirmed_case(room)
    id = draft(room)
    step(room, id, NoticeState.SENT)
    step(room, id, NoticeState.GONE)
    assert settle(room) == []
    answer(room, SightingState.LIVE, times=1)
    assert settle(room) == [(id, NoticeState.RESEEN)]


def test_an_automatic_step_that_a_person_undid_is_not_made_again(room: Room) -> None:
    confirmed_case(room)
    id = draft(room)
    step(room, id, NoticeState.SENT)
    answer(room, SightingState.GONE)
    settle(room)
    undo(room, id)
    assert read(room, id).state is NoticeState.SENT
    assert settle(room) == []
    step(room, id, NoticeState.ACKNOWLEDGED)
    assert settle(room) == [(id, NoticeState.GONE)]


def test_a_closed_notice_leaves_its_files_free_for_another(room: Room) -> None:
    confirmed_case(room)
    id = draft(room)
    step(room, id, NoticeState.SENT)
    step(room, id, NoticeState.GONE)
    assert draft(room) != id


def open_notices(room: Room) -> list[tuple[str, str]]:
    """(sighting, notice) of all that some open notice holds."""
    with room.store.read() as connection:
        lines = notice_read.every(connection)
        return [
            (item.sighting.id, line.id)
            for line in lines
            if line.state not in notice_states.CLOSED
            for item in notice_read.by_id(connection, room.keyring, line.id).items
        ]


@pytest.mark.parametrize("how", ["gone", "withdrawn"])
def test_what_is_in_another_open_notice_by_now_is_not_asked_for_again(room: Room, how: str) -> None:
    confirmed_case(room)
    first = draft(room)
    step(room, first, NoticeState.SENT)
    if how == "gone":
        step(room, first, NoticeState.GONE)
    else:
        withdraw(room, first)
    second = draft(room)
    with pytest.raises(Conflict, match=second):
        undo(room, first)
    if how == "gone":
        with pytest.raises(Conflict, match=second):
            step(room, first, NoticeState.RESEEN)
        answer(room, SightingState.LIVE, times=1)
        assert settle(room) == [], "nor by itself"
    assert [notice for _, notice in open_notices(room)] == [second]
    undo(room, second)  # the draft is given up
    undo(room, first)
    assert [notice for _, notice in open_notices(room)] == [first]
    assert read(room, first).state is NoticeState.SENT


def test_of_several_closed_notices_the_last_is_re_seen(room: Room) -> None:
    confirmed_case(room)
    notices = []
    for _ in range(2):
        notices.append(draft(room))
        step(room, notices[-1], NoticeState.SENT)
        step(room, notices[-1], NoticeState.GONE)
    answer(room, SightingState.LIVE, times=1)
    assert settle(room) == [(notices[-1], NoticeState.RESEEN)]
    assert settle(room) == []
    undo(room, notices[-1])
    assert settle(room) == [], "nor the one before it, once a person took that back"


@pytest.mark.parametrize("seed", range(5))
def test_in_no_order_a_file_comes_into_two_open_notices(room: Room, seed: int) -> None:
    chance = random.Random(seed)
    confirmed_case(room, "one")
    confirmed_case(room, "two", removal=room.other)
    made = [draft(room)]
    states = [SightingState.LIVE, SightingState.GONE]

    def drafted() -> None:
        made.append(draft(room))

    acts: list[Callable[[], object]] = [
        drafted,
        lambda: step(room, chance.choice(made), chance.choice(list(NoticeState))),
        lambda: step(room, chance.choice(made), NoticeState.SENT),
        lambda: undo(room, chance.choice(made)),
        lambda: undo(room, chance.choice(made)),
        lambda: withdraw(room, chance.choice(made)),
        lambda: answer(room, chance.choice(states)),
        lambda: settle(room),
    ]
    for _ in range(40):
        with suppress(Conflict, InputError):
            chance.choice(acts)()
        held = [sighting for sighting, _ in open_notices(room)]
        assert len(held) == len(set(held))
        with room.store.read() as connection:
            due = notice_updates.is_due(connection)
        assert bool(settle(room)) <= due
    assert room.disagreements() == []


def test_settling_an_empty_store_does_nothing(room: Room) -> None:
    assert settle(room) == []
    assert room.lines("notice") == []


def test_only_live_files_are_drafted(room: Room) -> None:
    case = confirmed_case(room, "one")
    room.gone(case)
    with pytest.raises(InputError):
        draft(room)
    with room.store.read() as connection:
        assert confirmed.waiting(connection) == []


def test_a_new_file_beside_it_takes_nothing_from_what_was_confirmed(room: Room) -> None:
    case = confirmed_case(room)
    room.see(f"{ACCOUNT}/lora", "another.safetensors")
    assert room.stands(case)[0].value == "open"
    made = read(room, draft(room))
    assert [item.sighting.path for item in made.there] == ["model.safetensors"]


def test_what_waits_for_a_second_pair_of_eyes_is_not_written_about(room: Room) -> None:
    case = confirmed_case(room)
    room.see(f"{ACCOUNT}/lora", "another.safetensors")
    room.say(case, Verdict.SECOND)
    with pytest.raises(InputError):
        draft(room)


def test_every_step_is_a_line_of_the_log_without_places(room: Room) -> None:
    confirmed_case(room)
    id = draft(room)
    step(room, id, NoticeState.SENT)
    undo(room, id)
    lines = room.lines("notice")
    assert [line.details.get("step") for line in lines] == ["draft", "sent", "drafted"]
    assert {line.actor for line in lines} == {"user:ann", "user:lea"}
    assert not any(ACCOUNT in str(line) for line in lines)
