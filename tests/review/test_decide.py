from __future__ import annotations

import pytest
from tests.review.room import WHY, Room

from reseen.errors import AccessError, Conflict, InputError, NotFound, SealError
from reseen.records import Rung
from reseen.review import cases, claims, comments, decide, reveal, sealed_text
from reseen.review.verdicts import CaseState, Verdict
from reseen.store import schema, service_schema

CONFIRM, NOT, ALLOWED, SECOND = Verdict
DECIDED = CaseState.DECIDED
HOSTILE = (
    "<script>alert(1)</script>",
    "=HYPERLINK(1)",
    "\u202egpj.exe\u2066",
    "a\x00\x1b[31m\x07b",
    "'; DROP TABLE cases; --",
    "lone \ud800 surrogate",
    "{{ 7*7 }}",
)


@pytest.mark.parametrize("verdict", [CONFIRM, NOT, ALLOWED])
def test_a_verdict_decides_a_case(room: Room, verdict: Verdict) -> None:
    case = room.see()
    version = room.entry(case).version
    done = room.say(case, verdict)
    assert (done.case, done.state, done.verdict) == (case, DECIDED, verdict)
    assert done.version == room.entry(case).version > version
    assert room.stands(case) == (DECIDED, verdict)
    assert room.queued() == []
    (line,) = room.lines("decide")
    assert (line.actor, line.subject) == ("user:ann", case)
    assert line.details["verdict"] == verdict
    assert line.details["decision"] == done.id
    room.check()


def test_a_reason_is_sealed_and_stands_nowhere_in_clear(room: Room) -> None:
    case = room.see()
    room.say(case, CONFIRM, reason="It is Sample person 07")
    with room.store.read() as connection:
        row = connection.execute(service_schema.decisions.select()).one()
        assert sealed_text.opened(room.keyring, row.sealed, case) == "It is Sample person 07"
        assert sealed_text.opened(room.keyring, row.sealed, "cs-another") is None
        assert sealed_text.opened(None, row.sealed, case) is None
        assert b"Sample" not in row.sealed
        assert "Sample" not in str(connection.execute(schema.audit.select()).all())


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_reasons_are_kept_as_they_are(room: Room, text: str) -> None:
    case = room.see()
    room.say(case, CONFIRM, reason=text)
    with room.store.write() as connection:
        comments.comment(connection, room.keyring, case, room.ann, text)
    with room.store.read() as connection:
        row = connection.execute(service_schema.decisions.select()).one()
        assert sealed_text.opened(room.keyring, row.sealed, case) == text
        (said,) = comments.of_case(connection, room.keyring, case)
    assert (said.by, said.text) == ("ann", text)
    assert "Sample" not in repr(said)
    assert text not in repr(said)


@pytest.mark.parametrize("reason", ["", "  \n", "x" * (sealed_text.MOST_TEXT + 1)])
def test_a_reason_is_required_and_bounded(room: Room, reason: str) -> None:
    case = room.see()
    with pytest.raises(InputError):
        room.say(case, CONFIRM, reason=reason)
    assert room.count("decisions") == 0


def test_without_the_key_nothing_is_decided(room: Room) -> None:
    case = room.see()
    version = room.entry(case).version
    with pytest.raises(SealError), room.store.write() as connection:
        by = decide.DecidedBy(room.ann, WHY)
        decide.decide(connection, None, decide.ShownCase(case, version), CONFIRM, by)
    with pytest.raises(SealError), room.store.write() as connection:
        comments.comment(connection, None, case, room.ann, "a comment")
    assert room.stands(case) == (CaseState.OPEN, None)


def test_a_reader_decides_nothing(room: Room) -> None:
    case = room.see()
    with pytest.raises(AccessError):
        room.say(case, CONFIRM, room.ron)
    with pytest.raises(AccessError):
        room.undo(case, room.ron)
    with pytest.raises(AccessError), room.store.write() as connection:
        comments.comment(connection, room.keyring, case, room.ron, "a comment")
    with pytest.raises(AccessError), room.store.write() as connection:
        claims.claim(connection, case, room.ron)


def test_a_case_that_is_not_there(room: Room) -> None:
    for case in ("cs-nothing", "", "'; DROP TABLE cases; --", "x" * 10_000):
        with pytest.raises(NotFound), room.store.write() as connection:
            by = decide.DecidedBy(room.ann, WHY)
            decide.decide(connection, room.keyring, decide.ShownCase(case, 1), CONFIRM, by)


def test_nobody_decides_on_another_version_than_the_one_they_saw(room: Room) -> None:
    case = room.see()
    version = room.entry(case).version
    room.see(path="another.safetensors")
    with pytest.raises(Conflict, match="changed"):
        room.say(case, CONFIRM, version=version)


def test_nobody_decides_about_what_waits_in_the_outbox(room: Room) -> None:
    case = room.see()
    version = room.entry(case).version
    room.see(path="another.safetensors", put=False)
    with pytest.raises(Conflict, match="changed"):
        room.say(case, CONFIRM, version=version)
    room.put()
    room.say(case, CONFIRM)
    assert room.verdicts(case) == [CONFIRM, CONFIRM]


def test_a_decided_case_needs_an_undo_first(room: Room) -> None:
    case = room.see()
    room.say(case, CONFIRM)
    with pytest.raises(Conflict, match="decided already"):
        room.say(case, NOT, room.bob)


def test_two_who_looked_at_the_same_version_do_not_both_decide(room: Room) -> None:
    case = room.see()
    version = room.entry(case).version
    room.say(case, CONFIRM, room.ann, version=version)
    with pytest.raises(Conflict):
        room.say(case, NOT, room.bob, version=version)
    assert room.stands(case) == (DECIDED, CONFIRM)


def test_nobody_decides_a_case_of_a_withdrawn_removal(room: Room) -> None:
    case = room.see()
    room.withdraw(room.removal)
    with pytest.raises(Conflict, match="withdrawn"):
        room.say(case, CONFIRM)


def test_a_second_pair_of_eyes_is_not_the_first(room: Room) -> None:
    case = room.see()
    room.say(case, SECOND)
    assert room.stands(case) == (CaseState.SECOND, None)
    assert room.queued() == [case]
    with pytest.raises(AccessError, match="second pair"):
        room.say(case, CONFIRM)
    with pytest.raises(Conflict):
        room.say(case, SECOND, room.bob)
    room.say(case, CONFIRM, room.bob)
    assert room.stands(case) == (DECIDED, CONFIRM)
    room.undo(case, room.bob)
    assert room.stands(case) == (CaseState.SECOND, None)
    room.undo(case)
    assert room.stands(case) == (CaseState.OPEN, None)
    room.say(case, CONFIRM)
    room.check()


def test_a_new_file_does_not_end_a_question_for_a_second_pair(room: Room) -> None:
    case = room.see()
    room.say(case, SECOND)
    room.see(path="another.safetensors")
    assert room.stands(case) == (CaseState.SECOND, None)
    with pytest.raises(AccessError):
        room.say(case, CONFIRM)


# -- undo ----------------------------------------------------------------------------------------


def test_an_undo_restores_what_was_before(room: Room) -> None:
    case = room.see(read="one")
    room.say(case, CONFIRM)
    room.see(path="another.safetensors", read="two")
    room.say(case, NOT)
    assert room.verdicts(case) == [NOT, NOT]
    done = room.undo(case)
    assert (done.state, done.verdict) == (CaseState.OPEN, CONFIRM)
    assert room.verdicts(case) == [CONFIRM, None]
    assert room.count("dismissals") == 0
    room.check()
    room.undo(case)
    assert room.stands(case) == (CaseState.OPEN, None)
    with pytest.raises(Conflict, match="nothing"):
        room.undo(case)
    assert [line.action for line in room.lines()] == ["decide", "decide", "undo", "undo"]


def test_one_undoes_ones_own_and_a_lead_anybodys(room: Room) -> None:
    case = room.see()
    room.say(case, CONFIRM, room.ann)
    with pytest.raises(AccessError):
        room.undo(case, room.bob)
    room.undo(case, room.lea)
    assert room.stands(case) == (CaseState.OPEN, None)


def test_an_undo_needs_the_version_that_was_seen(room: Room) -> None:
    case = room.see()
    version = room.entry(case).version
    room.say(case, CONFIRM)
    with pytest.raises(Conflict):
        room.undo(case, version=version)


def test_an_undone_dismissal_is_forgotten_and_what_it_decided_is_open_again(room: Room) -> None:
    first = room.see(read="one")
    room.say(first, NOT)
    second = room.see("other-account/copy", read="one")
    room.undo(first)
    assert room.stands(first) == room.stands(second) == (CaseState.OPEN, None)
    assert room.count("dismissals") == 0
    assert room.stands(room.see("third-account/copy", read="one")) == (CaseState.OPEN, None)
    room.check()


def test_an_undo_puts_back_an_earlier_dismissal(room: Room) -> None:
    first, second = room.see(read="one"), room.see("other-account/copy", read="one")
    room.say(first, NOT)  # decides the second, too
    room.undo(second, room.lea)
    room.say(second, NOT, room.bob)
    third = room.see("third-account/copy", read="one")
    room.undo(second, room.bob)
    room.check()
    assert room.count("dismissals") == 1
    assert room.stands(third) == (DECIDED, NOT)  # now because of the first
    assert room.stands(first) == (DECIDED, NOT)


def test_a_remembered_decision_can_be_undone_by_itself_and_is_not_made_again(room: Room) -> None:
    first = room.see(read="one")
    room.say(first, NOT, room.ann)
    second = room.see("other-account/copy", read="one")
    with pytest.raises(AccessError):
        room.undo(second, room.bob)
    room.undo(second, room.ann)  # whoever made what it remembers may
    assert room.stands(second) == (CaseState.OPEN, None)
    room.see("other-account/copy", read="one", rung=Rung.BYTES, downloads=9)
    assert room.stands(second) == (CaseState.OPEN, None)
    assert room.stands(first) == (DECIDED, NOT)
    room.check()


def test_the_last_word_about_the_same_bytes_counts(room: Room) -> None:
    first = room.see(read="one")
    room.say(first, NOT)
    second = room.see("other-account/copy", read="one")
    room.undo(second, room.lea)
    room.say(second, CONFIRM, room.bob)
    third = room.see("third-account/copy", read="one")
    assert room.stands(third) == (CaseState.OPEN, None)  # people disagree: ask
    room.check()
    room.undo(second, room.bob)
    assert room.stands(third) == (DECIDED, NOT)
    room.check()


def test_only_what_came_last_is_undone_by_name(room: Room) -> None:
    case = room.see()
    first = room.say(case, CONFIRM)
    room.see(path="another.safetensors")
    room.say(case, CONFIRM)
    with pytest.raises(InputError):
        room.undo(case, decision=first.id)
    with pytest.raises(InputError):
        room.undo(case, decision="dc-nothing")


# -- claims --------------------------------------------------------------------------------------


def test_a_claim_keeps_others_away_until_it_runs_out(room: Room) -> None:
    case = room.see()
    with room.store.write() as connection:
        held = claims.claim(connection, case, room.ann, at=1_000)
    assert held.by == "ann"
    with pytest.raises(Conflict, match="ann is working"), room.store.write() as connection:
        claims.claim(connection, case, room.bob, at=1_000 + claims.LASTS - 1)
    with pytest.raises(Conflict, match="ann is working"):
        room.say(case, CONFIRM, room.bob, at=2_000)
    with room.store.write() as connection:
        assert claims.claim(connection, case, room.bob, at=1_000 + claims.LASTS).by == "bob"
    with pytest.raises(Conflict, match="bob is working"):
        room.say(case, CONFIRM, room.ann, at=1_000 + claims.LASTS)
    room.say(case, CONFIRM, room.bob, at=1_000 + claims.LASTS)
    assert room.entry(case).claimed_by is None
    assert [line.actor for line in room.lines("claim")] == ["user:ann", "user:bob"]


def test_a_claim_is_renewed_and_let_go(room: Room) -> None:
    case = room.see()
    with room.store.write() as connection:
        first = claims.claim(connection, case, room.ann)
        again = claims.claim(connection, case, room.ann, at=cases.now() + 1_000_000)
        assert again.until > first.until
        assert not claims.release(connection, case, room.bob)
        assert claims.release(connection, case, room.ann)
        assert not claims.release(connection, case, room.ann)
        claims.claim(connection, case, room.bob)
    assert room.entry(case).claimed_by == "bob"
    assert len(room.lines("claim")) == 2


def test_a_lead_takes_a_case_over_and_that_is_recorded(room: Room) -> None:
    case = room.see()
    with room.store.write() as connection:
        claims.claim(connection, case, room.ann)
    with pytest.raises(AccessError), room.store.write() as connection:
        claims.take_over(connection, case, room.bob)
    with pytest.raises(Conflict):
        room.say(case, CONFIRM, room.lea)
    with room.store.write() as connection:
        claims.take_over(connection, case, room.lea)
    room.say(case, CONFIRM, room.lea)
    assert room.lines("claim")[-1].details == {"taken_from": "ann"}


def test_a_claim_changes_no_version(room: Room) -> None:
    case = room.see()
    version = room.entry(case).version
    with room.store.write() as connection:
        claims.claim(connection, case, room.ann)
        comments.comment(connection, room.keyring, case, room.bob, "look at the header")
    room.say(case, CONFIRM, room.ann, version=version)


# -- reveal --------------------------------------------------------------------------------------


def test_a_reveal_is_recorded_and_needs_a_reviewer_and_the_key(room: Room) -> None:
    case = room.see()
    with room.store.write() as connection:
        assert reveal.reveal(connection, room.keyring, case, room.ann).name == "Sample person 07"
    (line,) = room.lines("reveal")
    assert (line.actor, line.subject) == ("user:ann", room.removal)
    assert line.details == {"case": case}
    with pytest.raises(AccessError), room.store.write() as connection:
        reveal.reveal(connection, room.keyring, case, room.ron)
    with pytest.raises(SealError), room.store.write() as connection:
        reveal.reveal(connection, None, case, room.ann)
    assert len(room.lines("reveal")) == 1


def test_a_reveal_that_cannot_be_recorded_does_not_happen(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = room.see()

    def fail(*_: object, **__: object) -> None:
        raise OSError("the log is full")

    monkeypatch.setattr(reveal.audit, "write", fail)
    with pytest.raises(OSError, match="full"), room.store.write() as connection:
        reveal.reveal(connection, room.keyring, case, room.ann)
