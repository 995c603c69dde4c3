"""A list ties two removals of which it had told: what people decided about either stands."""

from __future__ import annotations

from pathlib import Path

from tests.review.room import HUB, Room, sha

from reseen.operations import lists
from reseen.records import Rung
from reseen.registry import lookup, removals
from reseen.registry.imports import ImportOptions
from reseen.review import cases
from reseen.review.verdicts import CaseState, Verdict

LINK = "https://civitai.com/models/7?modelVersionId=9"
ONE, TWO = sorted(("one", "two"), key=sha)


def take(room: Room, folder: Path, *rows: str) -> None:
    path = folder / "ours.csv"
    path.write_text("\n".join(["link,sha256", *rows]) + "\n")
    lists.import_list(room.store, room.keyring, path, ImportOptions(keep_rejects=False))


def removal(room: Room, text: str) -> str:
    """Of this file; the only one."""
    (found,) = lookup.find(room.store, room.keyring, sha(text).hex()).found
    return found.removal.id


def test_decisions_about_a_removal_that_is_one_with_another_by_now_stand(
    room: Room, tmp_path: Path
) -> None:
    take(room, tmp_path, f",{sha(ONE).hex()}", f",{sha(TWO).hex()}")
    first, second = removal(room, ONE), removal(room, TWO)
    alone = room.see("ann/alone", removal=second, declared=TWO, read=TWO)
    room.say(alone, Verdict.CONFIRM)
    not_it = room.see("bob/other", removal=second, declared=TWO, read=TWO)
    room.say(not_it, Verdict.NOT_THIS_MODEL)
    room.see("cid/open", removal=first, declared=ONE, read=ONE)
    take(room, tmp_path, f"{LINK},{sha(ONE).hex()}", f"{LINK},{sha(TWO).hex()}")
    assert removal(room, TWO) == removal(room, ONE) == first
    with room.store.read() as connection:
        assert removals.by_id(connection, second).id == first, "who noted its id is shown the other"
    assert room.stands(alone) == (CaseState.DECIDED, Verdict.CONFIRM)
    assert room.stands(not_it) == (CaseState.DECIDED, Verdict.NOT_THIS_MODEL)
    for case in (alone, not_it):
        assert room.entry(case).rung is Rung.BYTES
        assert room.entry(case).removal == first
    assert room.disagreements() == []
    again = room.see("dan/again", removal=first, declared=TWO, read=TWO)
    assert room.stands(again) == (CaseState.DECIDED, Verdict.NOT_THIS_MODEL), "asked once"
    assert again == cases.id_of(room.store.secret, first, HUB, "model", "dan/again")
