"""A file of which the hub states a false SHA-256, as its uploader said it, and the true Xet hash.

What reading tells counts, and what it refutes hides nothing, whichever came first: each case with
the rows before the scan, between two, and after it; and as a fresh store says it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path

import pytest
from replica.world import Repo, World
from tests.histories.faces import Room
from tests.histories.model import Level, Target
from tests.histories.rows import Row
from tests.histories.test_hostile_rows import file, marked, row
from tests.histories.world import put

from reseen.observed import sightings
from reseen.records import Rung

LIAR = "ann/liar"
FULL = Target(everything=True, level=Level.FULL)
R, STRANGER = file("r1"), file("i1")
BOTH = row("Sample person 01", sha256=R.sha256, xet=R.xet)
"""The removed file's digests."""
ALONE = row("Sample person 02", xet=R.xet)
LIE = row("Sample person 03", sha256=STRANGER.sha256)
"""Of what the hub says that it is."""
Make = Callable[[], Room]


def lying() -> World:
    """The removed file, which states the SHA-256 of another."""
    made = World()
    made.add(Repo(LIAR)).commit({"a.safetensors": put("r1", how="as:i1")})
    return made


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    rooms: list[Room] = []
    numbers = itertools.count()

    def new() -> Room:
        files = tmp_path / "files"
        files.mkdir(exist_ok=True)
        room = Room(tmp_path, f"store-{next(numbers)}", lying(), files)
        rooms.append(room)
        return room

    yield new
    for room in rooms:
        room.close()


def rungs(room: Room) -> set[tuple[str, Rung]]:
    """Where something was seen, and on which rung."""
    with room.store.read() as connection:
        return {
            (f"{one.repo}/{one.path}", one.rung)
            for one in sightings.every(connection)
            if one.rung is not Rung.UNSUPPORTED
        }


Rows = dict[str, Row]


def played(make: Make, rows: Rows, order: tuple[str, ...]) -> Room:
    """The rows and a look at all, in this order; and what is owed then is read."""
    room = make()
    for act in order:
        if act == "scan":
            room.scan(FULL, "cli")
        else:
            room.import_rows(act, [rows[act]], "cli")
    room.read("cli")
    return room


HERE = f"{LIAR}/a.safetensors"
CASES: dict[str, tuple[Rows, set[tuple[str, Rung]]]] = {
    "a row with both digests of the file": ({"both": BOTH}, {(HERE, Rung.BYTES)}),
    "and one of what the hub says that it is": (
        {"both": BOTH, "lie": LIE},
        {(HERE, Rung.BYTES), (HERE, Rung.REFUTED)},
    ),
    "a Xet hash alone": (
        {"alone": ALONE, "lie": LIE},
        {(HERE, Rung.DECLARED), (HERE, Rung.REFUTED)},
    ),
}


@pytest.mark.parametrize(
    ("case", "order"),
    [(case, order) for case in CASES for order in permutations((*CASES[case][0], "scan"))],
)
def test_what_reading_tells_counts_whatever_the_hub_states(
    make: Make, case: str, order: tuple[str, ...]
) -> None:
    rows, expected = CASES[case]
    room = played(make, rows, order)
    assert rungs(room) == expected
    assert marked(room) == set(), "a row that is true waits for nobody"


def test_what_is_only_stated_waits_for_a_person_until_it_is_read(make: Make) -> None:
    room = make()
    room.import_rows("both", [BOTH], "cli")
    room.scan(Target(everything=True, level=Level.NONE), "cli")
    assert (rungs(room), marked(room)) == (set(), {"both"})
    room.scan(FULL, "cli")
    assert (rungs(room), marked(room)) == ({(HERE, Rung.BYTES)}, set())


def test_two_files_that_state_the_same_are_read_each(make: Make) -> None:
    """One tells the truth of itself, the other does not, and the Xet hashes tell them apart."""
    room, two = make(), "bob/two"
    room.world.add(Repo(two)).commit({"a.bin": put("r2", how="as:r1"), "b.bin": put("r1")})
    assert R.size == file("r2").size
    room.import_rows("true", [row("Sample person 04", sha256=R.sha256)], "cli")
    room.scan(Target(repos=(two,), level=Level.FULL), "cli")
    assert rungs(room) == {(f"{two}/a.bin", Rung.REFUTED), (f"{two}/b.bin", Rung.BYTES)}
