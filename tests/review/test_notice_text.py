"""What goes out: exact addresses and digests, nothing sealed, and no line that a stranger wrote."""

from __future__ import annotations

import hashlib
import json

import pytest
from sqlalchemy import update
from tests import removals_made
from tests.facts import add_claim
from tests.review.room import COMMIT, HUB, Room
from tests.review.test_notices import ACCOUNT, confirmed_case, draft, read, step

from reseen.errors import Conflict, InputError, SealError
from reseen.operations import notices
from reseen.operations.notices import LetterAsked
from reseen.records import Digest, DigestKind, Evidence, Names, RemovalClass, RemovedFile, Rung
from reseen.registry.claims import removal_pk
from reseen.review import (
    batch_decisions,
    clauses,
    notice_read,
    notice_text,
    notice_write,
    sample_views,
)
from reseen.review.decide import DecidedBy
from reseen.review.notice_states import NoticeState, NoticeStep
from reseen.review.verdicts import Verdict
from reseen.store import schema

NAME = "Sample person 07"


def taken(room: Room, id: str, form: str = "text") -> str:
    return notices.take(room.store, room.keyring, LetterAsked(id, form=form), room.ann).decode()


def test_the_text_says_what_the_host_needs(room: Room) -> None:
    confirmed_case(room, "one", declared="x", read="x")
    confirmed_case(room, "two", removal=room.other, declared="y")
    id = draft(room)
    text = taken(room, id)
    digest = hashlib.sha256(b"x").hexdigest()
    assert f"https://{HUB}/{ACCOUNT}/one/blob/{COMMIT}/model.safetensors" in text
    assert f"Revision: {COMMIT}" in text
    assert f"SHA-256, as your platform states it: {digest}" in text
    assert f"SHA-256, of what we read: {digest}" in text
    assert "How we know: The same file, byte for byte" in text
    assert "the digest that your platform states" in text.lower()
    assert room.removal in text
    assert "removed from models.example" in text
    assert id in text
    assert clauses.GENERAL in text
    (line,) = room.lines("export")
    assert (line.subject, line.actor) == (id, "user:ann")
    told = {name: line.details[name] for name in ("form", "what", "how", "items")}
    assert told == {"form": "text", "what": "notice", "how": "taken", "items": 2}
    assert str(line.details["covers"]).startswith("notice_letters ")


def test_a_file_that_was_proposed_is_said_to_be(room: Room) -> None:
    confirmed_case(room, "one", declared="x", read="x", ref="refs/pr/3")
    proposed = "In a proposal to this repository, which anybody may make: refs/pr/3"
    assert proposed in taken(room, draft(room))


def test_of_no_other_file_it_is_said(room: Room) -> None:
    confirmed_case(room, "one", declared="x", read="x")
    assert "proposal" not in taken(room, draft(room))


def test_the_json_says_the_same_under_stable_names(room: Room) -> None:
    confirmed_case(room, "one", declared="x", read="x")
    value = json.loads(taken(room, draft(room), "json"))
    assert (value["format"], value["version"]) == ("reseen-notice", 1)
    (item,) = value["items"]
    digest = hashlib.sha256(b"x").hexdigest()
    assert item["url"] == f"https://{HUB}/{ACCOUNT}/one/blob/{COMMIT}/model.safetensors"
    assert item["declared"]["sha256"] == item["read"]["sha256"] == digest
    assert item["rung"] == "bytes"
    assert {"revision", "path", "removal", "how_we_know", "confirmed", "size"} <= set(item)


@pytest.mark.parametrize("calibration", ["uncalibrated", "calibrated on 512 adapters", None])
def test_how_rare_a_likeness_is_goes_out_only_where_it_was_measured(
    room: Room, calibration: str | None
) -> None:
    """The page said "do not lean on it" of a chance that the notice gave to the host as it was."""
    figures: dict[str, object] = {"cosine": 0.9712, "p_value": 1.79e-50}
    if calibration is not None:
        figures["calibration"] = calibration
    alike = Evidence(Rung.WEIGHTS, "sketch", "cosine 0.971", "Similar.", figures)
    confirmed_case(room, "one", declared="x", rung=Rung.HINT, more=(alike,))
    text = taken(room, draft(room))
    assert "cosine 0.971" in text
    assert ("1.79e-50" in text) is (calibration is not None and calibration != "uncalibrated")


def test_of_a_part_of_a_merge_it_is_said_what_is_known(room: Room) -> None:
    figures: dict[str, object] = {"by": "columns", "share": 0.973, "p_value": 2e-12, "decoys": 212}
    inside = Evidence(Rung.COMPONENT, "sketch-part", "0" * 16, "Inside a merge.", figures)
    confirmed_case(room, "one", declared="x", rung=Rung.HINT, more=(inside,))
    id = draft(room)
    text = taken(room, id)
    assert "A merge: the weights of the removed model are one of its parts" in text
    assert "(97% of its column space, p-value 2e-12)" in text
    assert "the same weights" not in text
    (item,) = json.loads(taken(room, id, "json"))["items"]
    assert (item["rung"], item["figures"]["share"]) == ("component", 0.973)


def test_the_usual_text_says_nothing_that_the_store_does_not_know() -> None:
    for text in (clauses.GENERAL, *clauses.BY_HUB.values()):
        for word in ("consent", "imitat", "sexual", "real person", "copies"):
            assert word not in text.lower()


def test_what_each_person_opened_by_itself_is_said_to_be_opened(room: Room) -> None:
    confirmed_case(room, "one", declared="x", read="x")
    confirmed_case(room, "two", removal=room.other, declared="y")
    id = draft(room)
    assert "Each of them was opened and confirmed by a person." in taken(room, id)
    value = json.loads(taken(room, id, "json"))
    assert value["looked"] == {"opened": 2, "together": 0, "read": 0, "people": 1}
    assert [item["opened"] for item in value["items"]] == [True, True]


def test_what_was_decided_together_is_not_said_to_be_opened(room: Room) -> None:
    made = [room.see(f"{ACCOUNT}/lora-{n}", declared=f"{n}") for n in range(5)]
    made += [room.see(f"{ACCOUNT}/lora-{n}", read=f"{n}") for n in range(5, 24)]
    with room.store.write() as connection:
        waiting = batch_decisions.waiting(connection, HUB, ACCOUNT)
        must = batch_decisions.to_be_opened(connection, waiting)
        for case in must:
            sample_views.look(connection, case, room.lea)
        batch_decisions.decide_together(
            *(connection, room.keyring, batch_decisions.ShownCases(waiting, (HUB, ACCOUNT))),
            *(Verdict.CONFIRM, DecidedBy(room.lea, "A batch.")),
            opened=sample_views.looked_at(connection, waiting, room.lea),
        )
    id = draft(room)
    text = taken(room, id)
    assert len(made) == 24
    assert (
        "24 files. 5 of them were opened and confirmed by a person. 19 were confirmed by a person, "
        "together with others and without being opened by itself: we had read it, and it has the "
        "removed file's bytes or its tensors." in text
    )
    assert "looked at each" not in text
    value = json.loads(taken(room, id, "json"))
    assert value["looked"] == {"opened": 5, "together": 0, "read": 19, "people": 1}
    opened = {item["sighting"] for item in value["items"] if item["opened"]}
    with room.store.read() as connection:
        shown = notice_read.by_id(connection, room.keyring, id)
    assert len(must) == 5
    assert opened == {item.sighting.id for item in shown.items if item.case in must}


def test_a_reason_is_said_to_be_given_only_where_the_list_gives_one(room: Room) -> None:
    reason = "Asked for by Sample person 07."
    names = Names(name="Sample person 08", reason=reason)
    digest = Digest(DigestKind.SHA256, b"\x08" * 32)
    new = removals_made.NewRemoval("sample", None, None, names, (RemovedFile((digest,)),))
    with room.store.write() as connection:
        (told,) = removals_made.insert(connection, room.keyring, [new])
    confirmed_case(room, "one", removal=told)
    confirmed_case(room, "two", removal=room.other)
    id = draft(room)
    lines = {line.split(" in our registry")[0][-11:]: line for line in taken(room, id).split("\n")}
    assert lines[told].endswith("; a list gives a reason")
    assert "reason" not in lines[room.other]
    assert "a list that it came from says: removed from models.example" in lines[room.other]
    assert reason not in taken(room, id)
    items = json.loads(taken(room, id, "json"))["items"]
    assert {item["removal"]: item["reason_given"] for item in items} == {
        told: True,
        room.other: False,
    }
    with room.store.read() as connection:  # nobody can know it without the key
        shown = notice_read.by_id(connection, None, id)
    assert not any(item.reason for item in shown.items)


def test_what_for_is_said_only_where_a_list_says_it(room: Room) -> None:
    confirmed_case(room, "one")
    confirmed_case(room, "two", removal=room.other)
    id = draft(room)
    assert "what for" not in taken(room, id)
    with room.store.write() as connection:
        likeness = {"cls": int(RemovalClass.LIKENESS)}
        mine = schema.removals.c.id == room.removal
        connection.execute(update(schema.removals).where(mine).values(likeness))
    text = taken(room, id)
    assert text.count("; a list says what for: it imitates a real person") == 1
    items = json.loads(taken(room, id, "json"))["items"]
    assert {item["removal"]: item["class"] for item in items} == {
        room.removal: "likeness",
        room.other: None,
    }


def test_we_wrote_before_is_said_only_where_we_did(room: Room) -> None:
    confirmed_case(room)
    id = draft(room)
    for state in (NoticeState.GONE, NoticeState.RESEEN):
        with room.store.write() as connection:
            notice_write.step(connection, room.keyring, id, room.lea, NoticeStep(state))
    assert "We wrote to you" not in taken(room, id)
    for state in (NoticeState.SENT, NoticeState.GONE, NoticeState.RESEEN):
        with room.store.write() as connection:
            notice_write.step(connection, room.keyring, id, room.lea, NoticeStep(state))
    assert "We wrote to you about this account before." in taken(room, id)


def test_nothing_sealed_goes_out_but_inside_an_address_or_a_path(room: Room) -> None:
    confirmed_case(room, NAME.replace(" ", "-"), path=f"{NAME}.safetensors")
    text = taken(room, draft(room))
    lines = [line for line in text.split("\n") if "sample" in line.lower() and "07" in line]
    assert lines
    assert all(line.strip().startswith(("1. https://", "Path: ")) for line in lines)
    assert NAME not in notice_text.subject(read(room, _only(room)))


def _only(room: Room) -> str:
    with room.store.read() as connection:
        (line,) = notice_read.every(connection)
    return line.id


def test_a_hint_does_not_go_out(room: Room) -> None:
    confirmed_case(room, rung=Rung.DECLARED)
    text = taken(room, draft(room))
    assert "Because of" not in text


def test_foreign_text_adds_no_line(room: Room) -> None:
    confirmed_case(room, path="a\r\n2. https://evil.example/\u202e\x1b[31m.bin")
    text = taken(room, draft(room))
    assert "\n2. " not in text
    assert "\r" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    json.loads(taken(room, _only(room), "json"))


def test_a_clause_can_be_written_and_is_checked(room: Room) -> None:
    confirmed_case(room)
    id = draft(room)

    def write(text: str) -> None:
        with room.store.write() as connection:
            notice_write.set_clause(connection, room.keyring, id, text, room.ann)

    write("  Rule 4 of the sample hub.\r\nAll of it. ")
    assert "Rule 4 of the sample hub.\nAll of it." in taken(room, id)
    for bad in ("", " \n ", "x" * 2_001, "a\x07b", "It shows sample  PERSON 07 once more"):
        with pytest.raises(InputError) as told:
            write(bad)
        assert NAME.lower() not in str(told.value).lower()
    step(room, id, NoticeState.SENT)
    with pytest.raises(Conflict):
        write("Too late.")


def test_a_clause_is_checked_again_against_what_joined_later(room: Room) -> None:
    confirmed_case(room)
    id = draft(room)
    with room.store.write() as connection:
        notice_write.set_clause(connection, room.keyring, id, "About Other Name 9.", room.ann)
    taken(room, id)
    with room.store.write() as connection:
        # a second list gives the other removal another name beside its first
        pk = removal_pk(connection, room.other)
        claim = add_claim(connection, pk, RemovedFile(()), list="second")
        sealed = room.keyring.seal(Names(name="Other Name 9"), room.other)
        one = schema.claims.c.pk == claim
        connection.execute(update(schema.claims).where(one).values(sealed=sealed))
    case = room.see(f"{ACCOUNT}/two", removal=room.other)
    room.say(case, Verdict.CONFIRM)
    assert draft(room) == id
    with pytest.raises(InputError, match="sealed"):
        taken(room, id)


def test_without_the_key_a_written_clause_does_not_go_out_as_another(room: Room) -> None:
    confirmed_case(room)
    id = draft(room)
    with room.store.write() as connection:
        row = notice_read.own_row(connection, id)
        ready = notice_write.to_take_away(connection, None, row, room.ann)
        assert ready.clause == clauses.GENERAL
        notice_write.set_clause(connection, room.keyring, id, "Rule 4.", room.ann)
    with room.store.write() as connection, pytest.raises(SealError):
        notice_write.to_take_away(connection, None, row, room.ann)


def test_the_hubs_own_clause_is_the_default() -> None:
    assert "Hugging Face" in clauses.default("huggingface.co")
    assert clauses.default("hub.example") == clauses.GENERAL
    for text in (clauses.GENERAL, *clauses.BY_HUB.values()):
        assert clauses.checked(text) == text
