"""Known innocents: two people, never near a removal, and in any order."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest
from tests.fresh_store import fresh_store
from tests.match.made import KEYRING
from tests.match.merges import (
    concatenated,
    file_of,
    mixed,
    person,
    put,
    put_decoys,
    remove_all,
)

from reseen.errors import AccessError, Conflict, InputError, NotFound
from reseen.fingerprints.whole import fingerprint
from reseen.match.live_index import LiveIndex
from reseen.observed import sightings
from reseen.operations import consequences, innocents, log_check, removals, scans
from reseen.operations.checks import Checker
from reseen.records import Digest, DigestKind, RemovedFile, Rung
from reseen.registry import innocents as registry_innocents
from reseen.registry.innocents import Innocent, InnocentState
from reseen.review.roles import Role, Who
from reseen.store import audit
from reseen.store.database import Store
from reseen.store.innocent_schema import innocent_sketches

ACCELERATOR, REMOVED, OTHER = person(20), person(21), person(22)


MERGED_REMOVAL = mixed([person(23, 8), ACCELERATOR], [1, 0.2])
"""A removed model that has the accelerator in it: a third of its columns, which many files have."""
WHY = "Sample reason 01"


PEOPLE = Who(1, "ada", Role.LEAD), Who(2, "ben", Role.LEAD)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files: the accelerator, and what a scan sees."""
    place = tmp_path_factory.mktemp("innocents")
    (place / "seen").mkdir()
    for name, adapter in {
        "accelerator": ACCELERATOR,
        "removed": REMOVED,
        "style": concatenated([person(25), OTHER], [1, 0.1]),
        "hides": concatenated([REMOVED, OTHER], [0.1, 1]),
        "seen/with-removed": concatenated([REMOVED, ACCELERATOR, OTHER], [0.3, 1, 0.5]),
        "seen/with-accelerator": mixed([person(24, 8), ACCELERATOR], [1, 1]),
    }.items():
        (place / name).write_bytes(file_of(adapter))
    return place


def standing(store: Store) -> list[Innocent]:
    with store.read() as connection:
        return registry_innocents.every(connection)


def found(store: Store) -> set[tuple[str, str]]:
    """What stands on the rung component: path and removal."""
    with store.read() as connection:
        every = [*sightings.every(connection)]
    return {(one.path, one.removal) for one in every if one.rung is Rung.COMPONENT}


def confirmed(store: Store, path: Path) -> str:
    id = innocents.propose(store, KEYRING, path, "Sample accelerator", WHY, by=PEOPLE[0])
    innocents.confirm(store, KEYRING, id, WHY, by=PEOPLE[1])
    return id


def test_two_people_say_so_and_one_takes_it_out(store: Store, place: Path) -> None:
    file = place / "accelerator"
    first, second = PEOPLE
    with pytest.raises(AccessError):
        reviewer = Who(3, "cy", Role.REVIEWER)
        innocents.propose(store, KEYRING, file, "Sample accelerator", WHY, by=reviewer)
    for name in ("", " ", "x" * 101, "a\x00b", "a\u202eb"):
        with pytest.raises(InputError, match="name"):
            innocents.propose(store, KEYRING, file, name, WHY, by=first)
    id = innocents.propose(store, KEYRING, file, "Sample <b>accelerator</b>", WHY, by=first)
    with pytest.raises(Conflict, match="known"):
        innocents.propose(store, KEYRING, file, "again", WHY, by=second)
    (one,) = standing(store)
    assert (one.id, one.state, one.proposed_by) == (id, InnocentState.PROPOSED, PEOPLE[0].pk)
    assert one.architectures == ("sd1",)
    with pytest.raises(Conflict, match="cannot confirm"):
        innocents.confirm(store, KEYRING, id, WHY, by=first)
    innocents.confirm(store, KEYRING, id, WHY, by=second)
    assert standing(store)[0].state is InnocentState.IN_USE
    with pytest.raises(Conflict, match="already"):
        innocents.confirm(store, KEYRING, id, WHY, by=second)
    innocents.remove(store, KEYRING, id, WHY, by=first)
    assert standing(store) == []
    with pytest.raises(NotFound):
        innocents.remove(store, KEYRING, id, WHY, by=first)
    with store.read() as connection:
        lines = [line for line in audit.every(connection) if line.subject == id]
    assert [(line.action, line.actor) for line in lines] == [
        ("innocent-proposed", "user:ada"),
        ("innocent-confirmed", "user:ben"),
        ("innocent-removed", "user:ada"),
    ]
    assert not any("accelerator" in str(line.details) for line in lines)
    assert log_check.verify(store).wrong == ()
    # And it may be proposed again.
    assert confirmed(store, file) != id


def test_what_would_hide_a_removal_is_refused(store: Store, place: Path, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no model")
    with pytest.raises(InputError, match="no weights"):
        confirmed(store, text)
    (removal,) = put(store, REMOVED)
    with pytest.raises(Conflict, match=f"it is {removal}, by its bytes"):
        confirmed(store, place / "removed")
    (tmp_path / "saved").write_bytes(file_of(concatenated([REMOVED], [0.7])))
    with pytest.raises(Conflict, match=f"like those of {removal}"):
        confirmed(store, tmp_path / "saved")
    with pytest.raises(Conflict, match=f"{removal} is inside it, or may be"):
        confirmed(store, place / "hides")
    assert standing(store) == []
    confirmed(store, place / "accelerator")


def test_the_log_proves_what_was_proposed(store: Store, place: Path) -> None:
    confirmed(store, place / "accelerator")
    assert log_check.verify(store).wrong == ()
    with store.write() as connection:
        value = file_of(concatenated([REMOVED], [1]))
        row = {"innocent_pk": 1, "number": 1, "architecture": "sd1", "value": value}
        connection.execute(innocent_sketches.insert(), [row])
    (wrong,) = log_check.verify(store).wrong
    assert "innocent-proposed" in wrong
    assert "another in the store than was written" in wrong


def test_a_scan_asks_again_when_an_innocent_comes_and_when_it_goes(
    store: Store, place: Path
) -> None:
    """A removal that is a merge itself, with an accelerator in it, is not every file with that."""
    (merged, removal) = put(store, MERGED_REMOVAL, REMOVED)
    put_decoys(store)
    scans.scan_folder(store, KEYRING, place / "seen", jobs=1)
    right, wrong = ("with-removed", removal), ("with-accelerator", merged)
    assert found(store) == {right, wrong}
    gate, checker = LiveIndex(store.read), Checker(store, KEYRING)

    def asked() -> tuple[set[str], set[str]]:
        """Of the gate, and of `check`."""
        read = fingerprint(place / "seen/with-accelerator")
        with store.read() as connection:
            gate.follow(connection)
        inside = gate.inside(read, gate.match_fingerprint(read))
        return {one.removal for one in inside}, {one.removal for one in checker.match(read).matches}

    assert asked() == ({merged}, {merged})
    id = confirmed(store, place / "accelerator")
    assert found(store) == {right}
    assert asked() == (set(), set())
    with store.read() as connection:  # nothing is left to do, and nothing else was asked for
        assert not consequences.is_due(connection)
        fallen = [one for one in sightings.every(connection) if one.removal == merged]
    assert [one.rung for one in fallen] == [Rung.UNSUPPORTED]
    innocents.remove(store, KEYRING, id, WHY, by=PEOPLE[0])
    assert found(store) == {right, wrong}
    assert asked() == ({merged}, {merged})
    # What takes the innocent out of use brings it back as well.
    id = confirmed(store, place / "accelerator")
    assert found(store) == {right}
    digest = Digest(DigestKind.SHA256, sha256((place / "accelerator").read_bytes()).digest())
    (same,) = remove_all(store, [RemovedFile((digest,))])
    consequences.follow(store)
    (close,) = standing(store)[0].near
    assert (close.removal, close.rung) == (same, Rung.BYTES)
    assert found(store) == {right, wrong}
    removals.withdraw(store, KEYRING, same, WHY)
    assert standing(store)[0].state is InnocentState.IN_USE
    assert found(store) == {right}


def test_what_a_scan_teaches_takes_one_out_of_use_and_that_is_said(
    store: Store, place: Path
) -> None:
    """A removal of which only a digest is known learns its weights from a copy."""
    id = confirmed(store, place / "hides")
    seen = place / "taught"
    seen.mkdir()
    (seen / "copy").write_bytes((place / "removed").read_bytes())
    digest = Digest(DigestKind.SHA256, sha256((place / "removed").read_bytes()).digest())
    (removal,) = remove_all(store, [RemovedFile((digest,))])
    consequences.follow(store)
    assert standing(store)[0].state is InnocentState.IN_USE
    outcome = scans.scan_folder(store, KEYRING, seen, jobs=1)
    assert outcome.innocents == (
        f"The known innocent {id} is out of use: {removal} is inside it, or may be.",
    )
    (close,) = standing(store)[0].near
    assert (close.removal, close.rung) == (removal, Rung.COMPONENT)


@dataclass
class _World:
    """A store, and what was done in it by the names of acts."""

    store: Store
    place: Path
    ids: dict[str, str] = field(default_factory=dict)

    def do(self, act: str) -> None:
        verb, _, what = act.partition(" ")
        store = self.store
        if act == "scan":
            scans.scan_folder(store, KEYRING, self.place / "seen", jobs=1)
        elif act == "decoys":
            put_decoys(store)
        elif verb == "remove":
            (self.ids[what],) = put(store, *[MODELS[what]])
        elif verb == "confirm":
            self.ids[f"innocent {what}"] = confirmed(store, self.place / what)
        else:
            innocents.remove(store, KEYRING, self.ids[f"innocent {what}"], WHY, by=PEOPLE[0])
        consequences.follow(store)

    @property
    def known(self) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
        """What stands, and how each innocent does, by their names in acts."""
        of = {id: name for name, id in self.ids.items()}
        stands = {(path, of[removal]) for path, removal in found(self.store)}
        return stands, {(of[one.id], one.state.value) for one in standing(self.store)}


MODELS = {"merged": MERGED_REMOVAL, "removed": REMOVED, "like-hides": OTHER}
CHAINS = (
    ["scan"],
    ["decoys"],
    ["remove merged"],
    ["remove removed"],
    ["confirm accelerator", "take-out accelerator", "confirm accelerator"],
    ["confirm style"],
    ["remove like-hides"],
)
"""Acts of one chain follow each other; chains come in any order. What is removed last takes the
style out of use that it is in."""


@pytest.mark.parametrize("seed", range(2))
def test_acts_in_any_order_end_as_a_fresh_start(tmp_path: Path, place: Path, seed: int) -> None:
    rng = random.Random(seed)
    left = [list(chain) for chain in CHAINS]
    shuffled: list[str] = []
    while any(left):
        shuffled.append(rng.choice([chain for chain in left if chain]).pop(0))
    fresh = ["decoys", "remove removed", "confirm style", "confirm accelerator", "remove merged"]
    if seed % 2 == 0:
        shuffled.remove("remove like-hides")
    else:
        fresh.append("remove like-hides")
    ends = []
    for number, acts in enumerate((shuffled, [*fresh, "scan"])):
        with Store(fresh_store(tmp_path / f"{number}.db")) as store:
            world = _World(store, place)
            try:
                for act in acts:
                    world.do(act)
            except Conflict:
                # It was refused, where it would hide what was removed before.
                assert "remove like-hides" in acts
                assert act == "confirm style"
                return
            ends.append(world.known)
    assert ends[0] == ends[1]
    assert ("with-removed", "removed") in ends[0][0]
    assert ("with-accelerator", "merged") not in ends[0][0]


@pytest.mark.parametrize("before_it_is_confirmed", [True, False])
def test_a_removal_that_comes_later_takes_it_out_of_use_and_its_going_brings_it_back(
    store: Store, place: Path, before_it_is_confirmed: bool
) -> None:
    file = place / "hides"
    if before_it_is_confirmed:
        id = innocents.propose(store, KEYRING, file, "Sample style", WHY, by=PEOPLE[0])
    else:
        id = confirmed(store, file)
    (removal,) = put(store, REMOVED)
    (moved,) = consequences.follow(store).innocents
    assert (moved.id, [one.removal for one in moved.near]) == (id, [removal])
    assert "out of use" in moved.why
    assert removal in moved.why
    assert standing(store)[0].state is InnocentState.OUT_OF_USE
    if before_it_is_confirmed:
        with pytest.raises(Conflict, match="hide a removal"):
            innocents.confirm(store, KEYRING, id, WHY, by=PEOPLE[1])
    (back,) = removals.withdraw(store, KEYRING, removal, WHY).innocents
    assert back.near == ()
    if before_it_is_confirmed:
        innocents.confirm(store, KEYRING, id, WHY, by=PEOPLE[1])
    assert standing(store)[0].state is InnocentState.IN_USE
    (out,) = removals.restore(store, KEYRING, removal, WHY).innocents
    assert out.near
    with store.read() as connection:
        lines = [line.action for line in audit.every(connection) if line.subject == id]
    assert [line for line in lines if line in ("innocent-out", "innocent-back")] == [
        *("innocent-out", "innocent-back", "innocent-out")
    ]
