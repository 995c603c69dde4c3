"""One row of a hostile list: it accuses nobody, blocks nobody, and leaves with its list.

Each case in both orders, with the innocent's file and with the true one, and again after either
list was withdrawn. By the command line, as a person does it.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from replica.world import Repo, World, plain
from tests.histories.faces import Room
from tests.histories.model import Level, Target
from tests.histories.rows import Row
from tests.histories.world import Content, WorldHub, contents, put

from reseen.hubs.hub import FilesPage
from reseen.observed import sightings
from reseen.records import RepoType, Rung
from reseen.registry import removals

HONEST_FIRST = (("honest", "hostile"), ("hostile", "honest"))
ALL = Target(everything=True, level=Level.FULL, refs=True)
OPEN, GATED, INNOCENT = "ann/open", "bob/gated", "cid/innocent"
Make = Callable[..., Room]


def world(removed: str = "r1", innocent: str = "i1") -> World:
    """The removed file in the open and behind a gate, the innocent's file, copies of both."""
    made = World()
    for id, key in ((OPEN, removed), (GATED, removed), (INNOCENT, innocent)):
        made.add(Repo(id)).commit({"a.safetensors": put(key)})
    made.repositories["model", GATED].gated = "auto"
    return made


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    rooms: list[Room] = []
    numbers = itertools.count()

    def new(*rows: tuple[str, Row]) -> Room:
        """A store that imported each row as a list of its own, in this order."""
        files = tmp_path / "files"
        files.mkdir(exist_ok=True)
        room = Room(tmp_path, f"store-{next(numbers)}", world(), files)
        rooms.append(room)
        for list, row in rows:
            room.import_rows(list, [row], "cli")
        return room

    yield new
    for room in rooms:
        room.close()


def file(key: str) -> Content:
    return contents()[key]


def row(
    name: str, *, model: int | None = None, size: int | None = None, **whole: bytes | None
) -> Row:
    """A row whose digests are named `sha256`, `blake3`, `git_blob`, `xet`."""
    said = {kind.replace("_", " "): value for kind, value in whole.items() if value is not None}
    return Row(name=name, list="", whole=said, size=size, model=model)


def marked(room: Room) -> set[str]:
    """Lists of which a claim waits for a person."""
    with room.store.read() as connection:
        return {
            claim.list or ""
            for removal in removals.every(connection)
            for claim in removal.claims
            if claim.contradicted
        }


def seen(room: Room) -> dict[str, str]:
    """Repository -> the strongest rung of its live sightings on the ladder."""
    found: dict[str, Rung] = {}
    for (_, (_, repo, _, _)), one in room.known().live.items():
        rung = Rung(one.rung)
        if rung > 0:
            found[repo] = max(found.get(repo, rung), rung)
    return {repo: rung.label for repo, rung in found.items()}


def check(room: Room, key: str) -> bool:
    """Whether `check` says that a file is a removal."""
    path = room.folder / "checked.safetensors"
    path.write_bytes(file(key).data)
    code = room.run("check", "-q", str(path))
    assert code in (0, 1)
    return code == 1


R, STRANGER = file("r1"), file("i1")
HONEST = row("Sample person 01", sha256=R.sha256)
TIED = row("Sample person 02", sha256=R.sha256, blake3=STRANGER.blake3)
"""The removed file's SHA-256 with an innocent's BLAKE3."""


def tied(make: Make, order: tuple[str, str]) -> Room:
    rows = {"honest": HONEST, "hostile": TIED}
    return make(*((list, rows[list]) for list in order))


@pytest.mark.parametrize("order", HONEST_FIRST)
def test_the_innocents_file_is_not_accused(make: Make, order: tuple[str, str]) -> None:
    room = tied(make, order)
    assert not check(room, "i1")
    room.scan(ALL, "cli")
    assert INNOCENT not in seen(room)
    (room.files / "x.safetensors").write_bytes(STRANGER.data)
    room.scan(Target(folder=True), "cli")
    assert "folder" not in seen(room)
    assert not check(room, "i1"), "reading the innocent's file taught that it is the removed one"


@pytest.mark.parametrize("order", HONEST_FIRST)
def test_the_true_file_is_found_and_teaches_its_own_weights(
    make: Make, order: tuple[str, str]
) -> None:
    room = tied(make, order)
    (room.files / "x.safetensors").write_bytes(STRANGER.data)
    room.scan(Target(folder=True), "cli")
    room.scan(ALL, "cli")
    assert seen(room) == {OPEN: "bytes", GATED: "pointer"}
    assert check(room, "r1")
    assert check(room, "r1-cast"), "an altered copy of the removed file is missed"
    assert not check(room, "i1")


@pytest.mark.parametrize("order", HONEST_FIRST)
def test_without_the_hostile_list_nothing_of_it_is_left(make: Make, order: tuple[str, str]) -> None:
    room = tied(make, order)
    room.scan(ALL, "cli")
    room.withdraw_list("hostile", "cli")
    assert seen(room) == {OPEN: "bytes", GATED: "pointer"}
    assert check(room, "r1-cast")
    assert not check(room, "i1")


@pytest.mark.parametrize("order", HONEST_FIRST)
def test_without_the_honest_list_a_contradictory_row_shows_nothing(
    make: Make, order: tuple[str, str]
) -> None:
    room = tied(make, order)
    room.scan(ALL, "cli")
    room.withdraw_list("honest", "cli")
    assert seen(room) == {}
    assert not check(room, "r1")
    assert not check(room, "r1-cast"), "what was learned by the honest list's claim left with it"
    assert not check(room, "i1")
    room.restore_list("honest", "cli")
    room.read("cli")
    assert seen(room) == {OPEN: "bytes", GATED: "pointer"}
    assert check(room, "r1-cast")


@pytest.mark.parametrize("order", HONEST_FIRST)
def test_a_scan_after_the_withdrawal_is_as_one_before_it(
    make: Make, order: tuple[str, str]
) -> None:
    room = tied(make, order)
    room.withdraw_list("hostile", "cli")
    room.scan(ALL, "cli")
    assert seen(room) == {OPEN: "bytes", GATED: "pointer"}
    assert not check(room, "i1")


RANDOM = bytes.fromhex("9f3c71d2e58a40b6" * 2 + "07d4e1a95c3b82f6" * 2)


@pytest.mark.parametrize("withdrawn", [False, True])
@pytest.mark.parametrize("order", HONEST_FIRST)
def test_a_list_that_ties_a_made_up_hash_to_a_file_blocks_no_honest_row(
    make: Make, order: tuple[str, str], withdrawn: bool
) -> None:
    rows = {
        "hostile": row("Sample person 03", sha256=RANDOM, blake3=R.blake3),
        "honest": row("Sample person 04", sha256=R.sha256, blake3=R.blake3),
    }
    room = make(*((list, rows[list]) for list in order))
    if withdrawn:
        room.withdraw_list("hostile", "cli")
    assert "rm-" in room.said("lookup", R.sha256.hex())
    assert check(room, "r1")
    room.scan(ALL, "cli")
    assert seen(room) == {OPEN: "bytes", GATED: "pointer"}
    assert check(room, "r1-cast")


@pytest.mark.parametrize("added_first", [False, True])
def test_a_file_that_is_added_is_itself_whatever_a_list_says(make: Make, added_first: bool) -> None:
    hostile = row("Sample person 03", sha256=RANDOM, blake3=R.blake3)
    room = make()
    path = room.folder / "added.safetensors"
    path.write_bytes(R.data)

    def add() -> None:
        room.run("registry", "add", str(path), "-q")

    if added_first:
        add()
    room.import_rows("hostile", [hostile], "cli")
    if not added_first:
        add()
    assert check(room, "r1")
    assert check(room, "r1-cast")
    room.withdraw_list("hostile", "cli")
    assert check(room, "r1")
    assert check(room, "r1-cast")


@pytest.mark.parametrize("withdrawn", [None, "hostile", "honest"])
@pytest.mark.parametrize("order", HONEST_FIRST)
@pytest.mark.parametrize("level", [Level.HEADER, Level.FULL])
def test_a_false_size_hides_nothing(
    make: Make, order: tuple[str, str], withdrawn: str | None, level: Level
) -> None:
    rows = {
        "hostile": row("Sample person 05", sha256=R.sha256, size=12_345_678),
        "honest": row("Sample person 06", sha256=R.sha256, size=R.size),
    }
    room = make(*((list, rows[list]) for list in order))
    if withdrawn:
        room.withdraw_list(withdrawn, "cli")
    target = Target(everything=True, level=level)
    room.scan(target, "cli")
    found = seen(room)
    if withdrawn == "honest" and level is Level.HEADER:
        assert found == {OPEN: "declared"}  # the false size is all that is known
        return
    # A size never outweighs a hash of bytes that were read, and what was read knows the true one.
    assert found == {OPEN: "bytes" if level is Level.FULL else "declared", GATED: "pointer"}
    (confirmed,) = {
        one.confirmed for (_, place), one in room.known().live.items() if place[1] == OPEN
    }
    assert confirmed == ("bytes" if level is Level.FULL else "header")


LINKED = row("Sample person 07", sha256=R.sha256, model=101)
JOINED = row("Sample person 08", sha256=STRANGER.sha256, model=101)
"""The honest removal's link, with an innocent's SHA-256."""


@pytest.mark.parametrize("order", HONEST_FIRST)
@pytest.mark.parametrize("scan_first", [False, True])
def test_what_was_learned_by_a_row_that_joined_by_its_link_leaves_with_it(
    make: Make, order: tuple[str, str], scan_first: bool
) -> None:
    rows = {"honest": LINKED, "hostile": JOINED}
    room = make()
    if scan_first:
        room.scan(ALL, "cli")
    for list in order:
        room.import_rows(list, [rows[list]], "cli")
    if scan_first:
        room.read("cli")
    else:
        room.scan(ALL, "cli")
    assert seen(room) == {OPEN: "bytes", GATED: "pointer", INNOCENT: "bytes"}
    room.withdraw_list("hostile", "cli")
    assert seen(room) == {OPEN: "bytes", GATED: "pointer"}
    assert not check(room, "i1")
    assert check(room, "r1-cast")
    room.restore_list("hostile", "cli")
    assert seen(room) == {OPEN: "bytes", GATED: "pointer", INNOCENT: "bytes"}
    room.withdraw_list("honest", "cli")
    assert seen(room) == {INNOCENT: "bytes"}
    assert not check(room, "r1-cast")


# -- a Xet hash, which a hub states and nobody computes -------------------------------------------

CAST = "r1-cast"
LEVELS = [Level.HEADER, Level.FULL]


def lies(key: str) -> Row:
    """The removed file's SHA-256 with the true Xet hash of another file at the hub."""
    return row("Sample person 09", sha256=R.sha256, xet=file(key).xet)


def stands(room: Room) -> dict[str, tuple[str, bool]]:
    """Repository -> the rung of what was seen there, and whether the hub is said to lie."""
    with room.store.read() as connection:
        return {
            one.repo: (one.rung.label, one.hash_is_false)
            for one in sightings.every(connection)
            if one.rung is not Rung.UNSUPPORTED
        }


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("order", HONEST_FIRST)
@pytest.mark.parametrize("scan", ["first", "between", "last"])
def test_a_xet_hash_in_a_row_accuses_nobody_and_calls_no_hub_a_liar(
    make: Make, order: tuple[str, str], level: Level, scan: str
) -> None:
    rows = {"honest": HONEST, "hostile": lies("i1")}
    target = Target(everything=True, level=level, refs=True)
    room = make()
    for at, list in enumerate(order):
        if scan == ("first", "between")[at]:
            room.scan(target, "cli")
        room.import_rows(list, [rows[list]], "cli")
    if scan == "last":
        room.scan(target, "cli")
    else:
        room.read("cli")
    honest = {OPEN: ("bytes" if level is Level.FULL else "declared", False)}
    learned = {GATED: ("pointer", False)} if level is Level.FULL else {}
    assert stands(room) == honest | learned
    assert marked(room) == {"hostile"}
    room.withdraw_list("honest", "cli")
    assert INNOCENT not in stands(room)
    room.restore_list("honest", "cli")
    room.withdraw_list("hostile", "cli")
    assert stands(room) == honest | learned
    room.restore_list("hostile", "cli")
    assert stands(room) == honest | learned


@pytest.mark.parametrize("order", HONEST_FIRST)
@pytest.mark.parametrize("scan_first", [False, True])
def test_an_altered_copy_stands_on_its_weights_and_the_hub_told_the_truth(
    make: Make, order: tuple[str, str], scan_first: bool
) -> None:
    rows = {"honest": HONEST, "hostile": lies(CAST)}
    room = make()
    copy = "dan/copy"
    room.world.add(Repo(copy)).commit({"a.safetensors": put(CAST)})
    if scan_first:
        room.scan(ALL, "cli")
    for list in order:
        room.import_rows(list, [rows[list]], "cli")
    room.scan(ALL, "cli")
    found = stands(room)
    assert found[copy] == ("weights", False)
    assert found[OPEN] == ("bytes", False)
    assert marked(room) == {"hostile"}


@pytest.mark.parametrize("level", LEVELS)
def test_a_row_with_the_files_own_xet_hash_keeps_its_rung(make: Make, level: Level) -> None:
    room = make(("honest", row("Sample person 10", sha256=R.sha256, xet=R.xet)))
    room.scan(Target(everything=True, level=level), "cli")
    assert stands(room)[OPEN] == ("bytes" if level is Level.FULL else "declared", False)
    assert marked(room) == set()


def test_who_cuts_a_file_otherwise_for_xet_hides_nothing(make: Make) -> None:
    """The same bytes can have another Xet hash, by who uploads them; the SHA-256 decides."""
    room = make(("honest", row("Sample person 11", sha256=R.sha256, xet=STRANGER.xet)))
    for level, rung in ((Level.HEADER, "declared"), (Level.FULL, "bytes")):
        room.scan(Target(repos=(OPEN,), level=level), "cli")
        assert stands(room)[OPEN] == (rung, False)
    assert marked(room) == set()


def test_what_a_hub_shows_later_takes_the_word_of_its_xet_hash_back(make: Make) -> None:
    room, target = make(("hostile", lies("i1"))), Target(repos=(INNOCENT,), level=Level.NONE)
    listed = WorldHub.list_files

    async def hidden(
        hub: WorldHub, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[FilesPage]:
        async for page in listed(hub, type, repo, revision, ref):
            yield FilesPage(tuple(replace(one, sha256=None) for one in page.artifacts))

    with mock.patch.object(WorldHub, "list_files", hidden):
        room.scan(target, "cli")
    assert stands(room) == {INNOCENT: ("declared", False)}
    assert marked(room) == set()
    room.world.repositories["model", INNOCENT].commit({"README.md": plain(b"more")})
    room.scan(target, "cli")
    assert stands(room) == {}
    assert marked(room) == {"hostile"}
