"""Two files of one account that add up to a removal: in any order, and gone with what they rest
on."""

from __future__ import annotations

import hashlib
import json
from itertools import permutations
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.match.made import KEYRING, known
from tests.match.merges import concatenated, file_of, person, put
from tests.scan.fake_hub import FakeHub
from tests.scan.test_screen import go

from reseen.cli import cli
from reseen.match import past_pairs
from reseen.observed import sightings
from reseen.operations import consequences, lists, removals, scans
from reseen.records import Confirmed, Digest, DigestKind, Rung, Sighting
from reseen.registry import removals as registry_removals
from reseen.registry.imports import ImportOptions
from reseen.review.case_filter import CaseFilter
from reseen.review.queue import queue
from reseen.scan.record import record
from reseen.scan.target import Confirm, Options
from reseen.store.database import Store

REMOVED, NOISE = person(7), person(12)
FILES = {
    "first": concatenated([REMOVED, NOISE], [0.5, 3]),
    "second": concatenated([REMOVED, NOISE], [0.5, -3]),
    "stranger": person(10),
}
THIRD = concatenated([REMOVED, NOISE, person(13)], [0.5, -3, 0.2])


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return {name: file_of(adapter) for name, adapter in FILES.items()}


@pytest.fixture(scope="module")
def third() -> bytes:
    return file_of(THIRD)


def scan(store: Store, folder: Path, files: dict[str, bytes], *names: str) -> list[Sighting]:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(files[name])
    return [*scans.scan_folder(store, KEYRING, folder, jobs=1).sightings]


def standing(store: Store) -> dict[str, Sighting]:
    with store.read() as connection:
        return {one.path: one for one in sightings.every(connection)}


def never_read(store: Store, path: Path, data: bytes) -> str:
    """A list that says of this file that it is of the class that is never read; its removal."""
    digest = hashlib.sha256(data).hexdigest()
    path.write_text(f"name,sha256,class\nSample person 03,{digest},child-abuse-imagery\n")
    lists.import_list(store, KEYRING, path, ImportOptions())
    sha256 = Digest(DigestKind.SHA256, bytes.fromhex(digest))
    with store.read() as connection:
        (held,) = registry_removals.holders(connection, [sha256])[sha256]
        (id,) = registry_removals.ids_of(connection, held[:1])
    return id


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first")])
def test_both_are_found_when_the_second_is_seen(
    store: Store, tmp_path: Path, files: dict[str, bytes], order: tuple[str, str]
) -> None:
    (removal,) = put(store, REMOVED)
    assert scan(store, tmp_path / "seen", files, order[0], "stranger") == []
    assert {one.path for one in scan(store, tmp_path / "seen", files, order[1])} == {*order}
    found = standing(store)
    assert found.keys() == {*order}
    for mine, other in (order, order[::-1]):
        one = found[mine]
        assert (one.removal, one.rung, one.confirmed) == (
            removal,
            Rung.COMPONENT,
            Confirmed.HEADER,
        )
        (why,) = one.evidence
        assert why.kind == "sketch-sum"
        assert why.figures["together_with"] == found[other].id
        assert found[other].id in why.why
        assert "neither is like the removal by itself" in why.why
        assert other not in why.why, "a path may hold a name"
    with store.read() as connection:
        entries = queue(connection, CaseFilter()).entries
    assert {entry.rung for entry in entries} == {Rung.COMPONENT}
    assert scan(store, tmp_path / "seen", files) == [], "doing it again changes nothing"


def test_a_removal_that_comes_later_finds_them_and_they_fall_with_it(
    store: Store, tmp_path: Path, files: dict[str, bytes]
) -> None:
    put(store, person(30))
    assert scan(store, tmp_path / "seen", files, *files) == []
    (removal,) = put(store, REMOVED)
    followed = consequences.follow(store)
    found = standing(store)
    assert {*followed.parts} == {one.id for one in found.values()}
    assert {*found} == {"first", "second"}
    removals.withdraw(store, KEYRING, removal, "Sample reason 01")
    assert all(one.withdrawn for one in standing(store).values())
    removals.restore(store, KEYRING, removal, "Sample reason 02")
    assert {(one.withdrawn, one.rung) for one in standing(store).values()} == {
        (False, Rung.COMPONENT)
    }
    with store.read() as connection:
        assert not consequences.is_due(connection)


def test_of_a_file_of_the_class_that_is_never_read_nothing_is_put_together(
    store: Store, tmp_path: Path, files: dict[str, bytes]
) -> None:
    put(store, person(30))
    assert scan(store, tmp_path / "seen", files, "first", "second") == []
    never_read(store, tmp_path / "a.csv", files["first"])
    put(store, REMOVED)
    consequences.follow(store)
    assert {path: one.rung for path, one in standing(store).items()} == {"first": Rung.DECLARED}


def rungs(store: Store) -> dict[str, set[Rung]]:
    """On which rungs of the ladder each file stands, for removals in force."""
    found: dict[str, set[Rung]] = {}
    with store.read() as connection:
        for one in sightings.every(connection):
            if one.rung.on_ladder and not one.withdrawn:
                found.setdefault(one.path, set()).add(one.rung)
    return found


@pytest.mark.parametrize("first_said", [True, False])
def test_a_class_that_one_of_two_has_for_a_while_takes_both_out_of_use_as_long(
    store: Store, tmp_path: Path, files: dict[str, bytes], first_said: bool
) -> None:
    put(store, REMOVED)
    if not first_said:
        scan(store, tmp_path / "seen", files, "first", "second")
    removal = never_read(store, tmp_path / "a.csv", files["first"])
    if first_said:
        scan(store, tmp_path / "seen", files, "first", "second")
    stands = rungs(store)
    assert "second" not in stands
    assert Rung.COMPONENT not in stands["first"]
    removals.withdraw(store, KEYRING, removal, "Sample reason 01")
    if first_said:  # at a folder it was not read while it was of the class
        scan(store, tmp_path / "seen", files)
    assert rungs(store) == {"first": {Rung.COMPONENT}, "second": {Rung.COMPONENT}}


THREE = ("first", "second", "third")


@pytest.mark.parametrize("order", [*permutations((*THREE, "class"))])
def test_what_a_file_adds_up_to_with_a_third_stays_in_any_order(
    store: Store, tmp_path: Path, files: dict[str, bytes], third: bytes, order: tuple[str, ...]
) -> None:
    """The first adds up with each of two others, of which one is of the class for a while."""
    put(store, REMOVED)
    files, folder, removal = files | {"third": third}, tmp_path / "seen", ""
    for what in order:
        if what == "class":
            removal = never_read(store, tmp_path / "a.csv", files["second"])
        else:
            scan(store, folder, files, what)
    stands = rungs(store)
    assert stands.pop("second") <= {Rung.DECLARED, Rung.BYTES}
    assert stands == {"first": {Rung.COMPONENT}, "third": {Rung.COMPONENT}}
    removals.withdraw(store, KEYRING, removal, "Sample reason 01")
    scan(store, folder, files)  # at a folder it was not read while it was of the class
    assert rungs(store) == {name: {Rung.COMPONENT} for name in THREE}


def test_a_lie_of_the_hub_that_reading_refutes_leaves_what_two_add_up_to(
    store: Store, files: dict[str, bytes]
) -> None:
    put(store, REMOVED)
    hub = FakeHub({name: files[name] for name in ("first", "second")})
    hub.changes["first"] = {"sha256": hashlib.sha256(file_of(REMOVED)).digest()}
    for confirm, stands in (
        (Confirm.HEADER, {"first": {Rung.DECLARED}}),
        (Confirm.FULL, {"first": {Rung.COMPONENT}, "second": {Rung.COMPONENT}}),
    ):
        visited = go(hub, known(store), Options(background=0, confirm=confirm))
        with store.write() as connection:
            record(connection, visited)
        consequences.follow(store)
        assert rungs(store) == stands
    with store.read() as connection:
        assert not consequences.is_due(connection)


def test_compare_says_what_two_come_to(tmp_path: Path, files: dict[str, bytes]) -> None:
    (tmp_path / "removed").write_bytes(file_of(REMOVED))
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    given = ["compare", str(tmp_path / "removed"), str(tmp_path / "first")]
    assert CliRunner().invoke(cli, given).exit_code == 0
    both = [*given, "--with", str(tmp_path / "second")]
    ran = CliRunner().invoke(cli, [*both, "--json"])
    told = json.loads(ran.output)
    assert (ran.exit_code, told["copy"], told["rung"]) == (1, True, "component")
    assert told["together"] == "at equal strength"
    ran = CliRunner().invoke(cli, both)
    assert "of both, and of neither alone" in ran.output
    ran = CliRunner().invoke(cli, [*given, "--with", str(tmp_path / "stranger"), "--json"])
    assert (ran.exit_code, json.loads(ran.output)["copy"]) == (0, False)


def test_in_two_accounts_they_are_not_put_together(
    store: Store, tmp_path: Path, files: dict[str, bytes]
) -> None:
    put(store, REMOVED)
    assert scan(store, tmp_path / "one", files, "first", "stranger") == []
    assert scan(store, tmp_path / "two", files, "second") == []


def test_at_a_hub_the_second_completes_the_first(store: Store, files: dict[str, bytes]) -> None:
    put(store, REMOVED)
    for names in (("first", "stranger"), ("first", "second", "stranger")):
        assert standing(store) == {}
        visited = go(FakeHub({name: files[name] for name in names}), known(store))
        with store.write() as connection:
            record(connection, visited)
        consequences.follow(store)
    assert standing(store).keys() == {"first", "second"}


def test_what_is_beyond_the_bound_is_counted(
    store: Store, tmp_path: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, REMOVED)
    monkeypatch.setattr(past_pairs, "MOST_FILES", 2)
    folder = tmp_path / "seen"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    outcome = scans.scan_folder(store, KEYRING, folder, jobs=1)
    assert outcome.not_put_together == 1
