"""What reading refuted: off the ladder, last in the queue, confirmed by nobody, in no notice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import update
from tests.review.room import HUB, Room
from tests.review.test_notices import ACCOUNT, draft, read, settle, step

from reseen.errors import AccessError, Conflict, InputError
from reseen.records import Rung
from reseen.review import (
    account,
    batch_decisions,
    case_view,
    confirmed,
    correction_text,
    corrections,
    notice_text,
    notice_write,
    queue,
    sample_views,
)
from reseen.review.case_filter import ALL, CaseFilter
from reseen.review.decide import DecidedBy
from reseen.review.notice_states import NoticeState
from reseen.review.verdicts import CaseState, Verdict
from reseen.store import schema

CONFIRM, NOT = Verdict.CONFIRM, Verdict.NOT_THIS_MODEL
REPO = f"{ACCOUNT}/lora"


def page(room: Room, which: CaseFilter | None = None) -> queue.Page:
    with room.store.read() as connection:
        return queue.queue(connection, which or CaseFilter())


def test_the_refuted_is_last_and_counted_apart(room: Room) -> None:
    refuted = room.refute("a/x", downloads=10**9)
    weights = room.see("b/x", rung=Rung.WEIGHTS)
    read_ = room.see("c/x", read="three")
    assert room.queued() == [read_, weights, refuted]
    found = page(room)
    assert (found.total, found.refuted) == (3, 1)
    entry = found.entries[-1]
    assert entry.rung is Rung.REFUTED
    assert entry.false_hash
    assert entry.why == "Every byte was read: the hub's statement is false."
    assert room.queued(CaseFilter(mark="refuted")) == [refuted]
    assert room.queued(CaseFilter(rung=Rung.WEIGHTS)) == [read_, weights]


@pytest.mark.parametrize("verdict", [CONFIRM, Verdict.ALLOWED])
def test_the_refuted_is_not_said_to_be_the_model(room: Room, verdict: Verdict) -> None:
    case = room.refute()
    with pytest.raises(Conflict, match="reading proved") as refused:
        room.say(case, verdict)
    assert "read again" in (refused.value.remedy or "")
    assert room.count("decisions") == 0
    room.say(case, NOT)
    assert room.stands(case) == (CaseState.DECIDED, NOT)
    assert room.count("dismissals") == 1
    room.check()


def test_what_was_confirmed_and_then_refuted_comes_first(room: Room) -> None:
    best = room.see("b/x", read="three", downloads=10**9)
    fallen = room.see(REPO, declared="one")
    room.say(fallen, CONFIRM)
    assert room.queued() == [best]
    room.refute(REPO)
    assert room.queued() == [fallen, best]
    assert room.queued(CaseFilter(mark="fallen")) == [fallen]
    entry = room.entry(fallen)
    assert (entry.rung, entry.fallen, entry.state) == (Rung.REFUTED, True, CaseState.OPEN)
    room.check()
    room.undo(fallen)
    assert room.queued() == [best, fallen]
    assert not room.entry(fallen).fallen
    room.check()


def test_a_confirmation_of_what_was_refuted_already_does_not_stand(room: Room) -> None:
    """As a registry of schema 0002 holds it: confirmed when the mark was a note beside the rung."""
    case = room.see(REPO, declared="one", read="two", rung=Rung.DECLARED)
    room.say(case, CONFIRM)
    assert room.verdicts(case) == [CONFIRM]
    with room.store.write() as connection:  # as the upgrade judges it
        judged = {"rung": int(Rung.REFUTED), "confirmed": "contradicted", "touched": 1}
        connection.execute(update(schema.sightings).values(judged))
    room.put()
    assert room.verdicts(case) == [None]
    assert room.queued(CaseFilter(mark="fallen")) == [case]
    room.say(case, NOT)
    assert room.stands(case) == (CaseState.DECIDED, NOT)
    room.check()


def test_a_refuted_file_beside_one_that_stands_asks_for_nothing(room: Room) -> None:
    case = room.see(REPO, "true.safetensors", read="three")
    assert room.refute(REPO, "false.safetensors") == case
    assert room.entry(case).rung is Rung.BYTES
    room.say(case, CONFIRM)
    assert room.stands(case) == (CaseState.DECIDED, CONFIRM)
    assert sorted(map(str, room.verdicts(case))) == ["None", "confirm"]
    assert room.count("dismissals") == 0
    room.check()


def test_a_refuted_file_that_was_confirmed_is_looked_at_once_more(room: Room) -> None:
    room.see(REPO, "true.safetensors", read="three")
    case = room.see(REPO, "false.safetensors", declared="one")
    room.say(case, CONFIRM)
    room.refute(REPO, "false.safetensors")
    assert room.stands(case) == (CaseState.OPEN, CONFIRM)
    assert room.queued(CaseFilter(mark="fallen")) == [case]
    assert room.entry(case).rung is Rung.BYTES
    room.say(case, CONFIRM)  # of the true one; that the other is refuted was seen
    assert room.stands(case) == (CaseState.DECIDED, CONFIRM)
    assert sorted(map(str, room.verdicts(case))) == ["None", "confirm"]
    room.check()


def test_confirming_beside_does_not_forget_that_bytes_are_no_model(room: Room) -> None:
    other = room.refute("a/x")
    room.say(other, NOT)
    assert room.count("dismissals") == 1
    room.see(REPO, "true.safetensors", read="three")
    case = room.see(REPO, "false.safetensors", declared="one")
    room.say(case, CONFIRM)
    room.refute(REPO, "false.safetensors")
    if room.stands(case)[0] is CaseState.OPEN:
        room.say(case, CONFIRM)
    assert room.count("dismissals") == 1
    room.check()


def test_what_nothing_supports_any_more_waits_for_nobody(room: Room) -> None:
    case = room.see(REPO, declared="one")
    with room.store.write() as connection:
        gone = {"rung": int(Rung.UNSUPPORTED), "touched": 1}
        connection.execute(update(schema.sightings).values(gone))
    room.put()
    assert room.queued() == []
    assert room.queued(CaseFilter(mark="unsupported")) == [case]
    assert room.queued(replace(ALL, text=case)) == [case]
    for verdict in (CONFIRM, NOT):
        with pytest.raises(Conflict, match="nothing in force supports"):
            room.say(case, verdict)
    with room.store.write() as connection:
        assert batch_decisions.waiting(connection, HUB, ACCOUNT) == {}
        back = {"rung": int(Rung.DECLARED), "touched": 1}
        connection.execute(update(schema.sightings).values(back))
    room.put()
    assert room.queued() == [case]
    room.check()


def test_many_are_not_confirmed_with_the_refuted_among_them(room: Room) -> None:
    true = room.see(REPO, read="three")
    refuted = room.refute(f"{ACCOUNT}/framed")
    with room.store.write() as connection:
        waiting = batch_decisions.waiting(connection, HUB, ACCOUNT)
        assert set(waiting) == {true, refuted}
        for case in waiting:
            sample_views.look(connection, case, room.lea)
        outcome = batch_decisions.decide_together(
            *(connection, room.keyring, batch_decisions.ShownCases(waiting, (HUB, ACCOUNT))),
            *(CONFIRM, DecidedBy(room.lea, "A batch.")),
            opened=waiting,
        )
    assert outcome.decided == (true,)
    ((left, why),) = outcome.left
    assert left == refuted
    assert "reading proved that this is not the removed model" in why


def test_an_account_is_not_charged_with_the_refuted(room: Room) -> None:
    room.see(REPO, read="three")
    room.refute(f"{ACCOUNT}/framed", removal=room.other)
    with room.store.read() as connection:
        known = account.account(connection, HUB, ACCOUNT)
    assert (known.sightings, known.live, known.removals, known.refuted) == (1, 1, 1, 1)
    assert known.undecided == 1
    assert known.downloads == 5, "of the one that is no copy nothing is counted"
    assert known.cases == {"open": 1, "refuted": 1}


def test_the_refuted_is_in_no_notice(room: Room) -> None:
    case = room.see(REPO, declared="one")
    room.say(case, CONFIRM)
    with room.store.read() as connection:
        assert len(confirmed.to_add(connection, HUB, ACCOUNT)) == 1
    room.refute(REPO)
    with room.store.read() as connection:
        assert confirmed.to_add(connection, HUB, ACCOUNT) == []
        assert confirmed.waiting(connection) == []
    with pytest.raises(InputError, match="nothing of this account"):
        draft(room)


def test_a_draft_loses_what_is_refuted(room: Room) -> None:
    for repo in (REPO, f"{ACCOUNT}/other"):
        room.say(room.see(repo, declared="one"), CONFIRM)
    id = draft(room)
    room.refute(REPO)
    settle(room)
    (item,) = read(room, id).items
    assert item.sighting.repo == f"{ACCOUNT}/other"
    room.refute(f"{ACCOUNT}/other")
    settle(room)
    assert read(room, id).items == ()


def test_what_stands_on_the_weights_goes_out_with_the_hash_said_to_be_false(room: Room) -> None:
    case = room.see(REPO, declared="one")
    room.say(case, CONFIRM)
    room.refute(REPO, alike=True)
    assert room.stands(case) == (CaseState.OPEN, CONFIRM), (
        "it stands on less than what was confirmed"
    )
    entry = room.entry(case)
    assert (entry.rung, entry.false_hash) == (Rung.WEIGHTS, True)
    assert entry.why == "Because of weights."
    room.say(case, CONFIRM)
    id = draft(room)
    text = notice_text.as_text(read(room, id))
    assert "The same weights, altered" in text
    assert "The digest that your platform states for this file is false" in text
    assert "the digest that your platform states is that of the removed file" not in text
    with room.store.read() as connection:
        strongest = case_view.files(connection, case).strongest
    assert strongest is not None
    assert strongest.hash_is_false


def test_what_is_sent_and_gone_is_not_seen_again_because_of_the_refuted(room: Room) -> None:
    case = room.see(REPO, declared="one")
    room.say(case, CONFIRM)
    id = draft(room)
    step(room, id, NoticeState.SENT, room.lea)
    step(room, id, NoticeState.GONE)
    room.refute(REPO)
    settle(room)
    assert read(room, id).state is NoticeState.GONE


def sent_notice(room: Room, *repos: str) -> str:
    for repo in repos:
        room.say(room.see(repo, declared="one"), CONFIRM)
    id = draft(room)
    step(room, id, NoticeState.SENT, room.lea)
    return id


def due(room: Room) -> list[tuple[str, int]]:
    with room.store.read() as connection:
        return [(one.id, one.items) for one in corrections.due(connection)]


def correction(room: Room, id: str) -> str:
    with room.store.write() as connection:
        taken = corrections.ready(connection, room.keyring, id)
    return correction_text.as_text(taken)


def test_a_host_that_was_told_is_told_what_is_not_so(room: Room) -> None:
    other = f"{ACCOUNT}/other"
    id = sent_notice(room, REPO, other)
    assert due(room) == []
    with pytest.raises(Conflict, match="nothing of this notice must be corrected"):
        correction(room, id)
    room.refute(REPO)
    settle(room)
    assert len(read(room, id).items) == 2
    assert due(room) == [(id, 1)]
    text = correction(room, id)
    assert text.startswith(f"Correction to notice {id}: these files are not what we said\n")
    assert f"/{REPO}/blob/" in text
    assert f"/{other}/blob/" not in text
    assert "it is another file. The digest that your platform states for it is false" in text
    assert "What we said of the one other file of that notice stands." in text
    with room.store.write() as connection:
        with pytest.raises(AccessError):
            corrections.sent(connection, room.keyring, id, room.ann)
        corrections.sent(connection, room.keyring, id, room.lea, note="By mail.")
    assert due(room) == []
    last = read(room, id).steps[-1]
    assert (last.how, last.state, last.note) == ("correction", NoticeState.SENT, "By mail.")
    assert read(room, id).state is NoticeState.SENT
    room.refute(other)
    assert due(room) == [(id, 1)]
    assert f"/{REPO}/blob/" not in correction(room, id)


def test_what_was_told_before_it_was_seen_again_is_corrected_too(room: Room) -> None:
    id = sent_notice(room, REPO)
    step(room, id, NoticeState.GONE)
    step(room, id, NoticeState.RESEEN)
    room.refute(REPO)
    settle(room)
    assert due(room) == [(id, 1)]
    assert read(room, id).there == ()


@pytest.mark.parametrize("how", ["undone", "withdrawn", "unsupported", "allowed"])
def test_what_is_no_longer_confirmed_is_corrected_in_its_own_words(room: Room, how: str) -> None:
    id = sent_notice(room, REPO)
    case = room.see(REPO, declared="one")
    if how == "withdrawn":
        room.withdraw(room.removal)
    elif how == "unsupported":
        with room.store.write() as connection:
            gone = {"rung": int(Rung.UNSUPPORTED), "touched": 1}
            connection.execute(update(schema.sightings).values(gone))
        room.put()
    else:
        room.undo(case)
        if how == "allowed":
            room.say(case, Verdict.ALLOWED)
    assert due(room) == [(id, 1)]
    words = {
        "withdrawn": "The removal of the model that we took it for was withdrawn.",
        "unsupported": "not supported by anything in our registry any more",
    }
    assert words.get(how, "We no longer confirm that it is the removed model.") in correction(
        room, id
    )
    assert "every byte" not in correction(room, id)


def test_a_draft_and_an_undone_sending_need_no_correction(room: Room) -> None:
    id = sent_notice(room, REPO)
    with room.store.write() as connection:
        notice_write.undo(connection, room.keyring, id, room.lea)
    room.refute(REPO)
    assert due(room) == []
    settle(room)
    assert read(room, id).items == ()
