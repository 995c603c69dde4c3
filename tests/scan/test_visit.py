"""One visit: what it finds, what it reads, what it refuses to read, and what stops it not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.match.made import (
    KEYRING,
    adapter,
    fully_known,
    known,
    listed,
    remove,
    safetensors,
)
from tests.scan.fake_hub import BUSY, COMMIT, FakeHub

from reseen.errors import HubAuth, HubError, HubGarbage, HubMissing
from reseen.hubs.hub import Hub, Revision
from reseen.match.registry_index import RegistryIndex
from reseen.observed.readings import ReadSoFar, file_of
from reseen.records import Confirmed, Container, Names, Problem, Rung
from reseen.scan.context import reading
from reseen.scan.target import Confirm, Options
from reseen.scan.visit import Follow, Visit, reinspect, visit
from reseen.store.database import Store

FILE = safetensors(adapter(7), {"made by": "a test"})
EDITED = safetensors(adapter(7), {"title": "Test model"})
REORDERED = safetensors(dict(reversed(adapter(7).items())))
OTHER = safetensors(adapter(8), {"made by": "a test"})
MAIN = Revision("main", COMMIT)

NONE, HEADER, FULL = (Options(confirm=c) for c in Confirm)


def go(
    hub: FakeHub, known: RegistryIndex, options: Options = HEADER, revision: Revision = MAIN
) -> Visit:
    judged: Hub = hub
    return asyncio.run(visit(reading(judged, known, options), hub.listed, revision))


def test_a_renamed_copy_is_found_and_its_header_checked(store: Store) -> None:
    removal = remove(store, listed(FILE))
    hub = FakeHub({"README.md": b"# Test" * 300, "LORA.bin": FILE, "other.bin": OTHER})
    found = go(hub, known(store))
    assert [len(one.matches) for one in found.seen] == [0, 1, 0]
    one = found.seen[1]
    assert one.matches[0].removal == removal
    assert one.matches[0].rung is Rung.DECLARED
    assert one.confirmed is Confirmed.HEADER
    assert set(hub.reads) == {"LORA.bin"}
    assert not hub.streams
    assert found.follow == frozenset(Follow)
    assert found.complete
    assert found.listed
    assert found.sightings == 1
    assert 0 < found.bytes_read < 200_000


def test_nothing_is_read_when_nothing_is_to_be_confirmed(store: Store) -> None:
    remove(store, fully_known(FILE))
    hub = FakeHub({"a": FILE, "b": EDITED})
    found = go(hub, known(store), NONE)
    assert not hub.reads
    assert not hub.streams
    assert found.seen[0].confirmed is Confirmed.NONE
    assert found.sightings == 1


def test_reading_all_lifts_a_match_to_bytes(store: Store) -> None:
    remove(store, listed(FILE))
    hub = FakeHub({"a": FILE, "b": OTHER})
    found = go(hub, known(store), FULL)
    assert hub.streams == ["a"]
    one = found.seen[0]
    assert one.matches[0].rung is Rung.BYTES
    assert one.confirmed is Confirmed.BYTES
    assert one.inspection
    assert one.inspection.full
    assert {e.rung for e in one.matches[0].evidence} == {Rung.BYTES, Rung.DECLARED}


@pytest.mark.parametrize("edited", [EDITED, REORDERED])
def test_an_edited_copy_is_found_by_its_tensors(store: Store, edited: bytes) -> None:
    removal = remove(store, fully_known(FILE))
    hub = FakeHub({"x.bin": edited, "y": b"plain text " * 500})
    found = go(hub, known(store))
    (match,) = found.seen[0].matches
    assert (match.removal, match.rung) == (removal, Rung.TENSORS)
    assert found.seen[0].confirmed is Confirmed.BYTES
    assert hub.streams == ["x.bin"]


def test_only_what_has_a_removals_data_size_or_layout_is_read_in_full(store: Store) -> None:
    remove(store, fully_known(FILE))
    near = safetensors(adapter(9, 4160))
    hub = FakeHub({"near": near, "far": FILE[: len(FILE) // 4], "same layout": OTHER})
    found = go(hub, known(store))
    assert set(hub.reads) == {"near", "same layout"}
    assert hub.streams == ["same layout"]
    assert found.sightings == 0
    assert not found.follow


def test_edited_copies_are_not_looked_for_unless_asked(store: Store) -> None:
    remove(store, fully_known(FILE))
    hub = FakeHub({"x": EDITED})
    assert go(hub, known(store), replace(HEADER, edited=False)).sightings == 0
    assert not hub.reads


def test_a_masked_file_is_found_by_its_pointer(store: Store) -> None:
    remove(store, listed(FILE, size=True))
    hub = FakeHub({"a": FILE}, changes={"a": {"sha256": None, "masked": True}})
    found = go(hub, known(store))
    assert found.seen[0].matches[0].rung is Rung.POINTER
    assert found.seen[0].confirmed is Confirmed.HEADER
    found = go(hub, known(store), FULL)
    assert found.seen[0].confirmed is Confirmed.BYTES
    assert found.seen[0].matches[0].rung is Rung.BYTES


def test_a_gated_repository_that_refuses_is_asked_once(store: Store) -> None:
    remove(store, listed(FILE, size=True), listed(OTHER, size=True))
    masked = {path: {"sha256": None, "masked": True} for path in "ab"}
    refused: dict[str, HubError] = {p: HubAuth("no access with this token") for p in "ab"}
    hub = FakeHub({"a": FILE, "b": OTHER}, changes=masked, fails=refused)
    found = go(hub, known(store), replace(HEADER, readers=1))
    assert found.sightings == 2
    assert hub.reads == ["a"]
    assert len(found.problems) == 1
    assert found.complete


def test_a_small_file_in_plain_git_is_found(store: Store) -> None:
    removal = remove(store, fully_known(FILE))
    hub = FakeHub({"a.txt": FILE}, plain=frozenset({"a.txt"}))
    found = go(hub, known(store), FULL)
    assert found.seen[0].matches[0].removal == removal
    assert found.seen[0].confirmed is Confirmed.BYTES


def test_one_bad_file_is_a_problem_and_the_rest_goes_on(store: Store) -> None:
    remove(store, listed(FILE), listed(OTHER))
    hub = FakeHub(
        {"a": FILE, "b": OTHER},
        fails={"a": HubMissing("no such file")},
        problems=(Problem("hub.example someone/test", "an entry that makes no sense"),),
    )
    found = go(hub, known(store))
    assert [one.confirmed for one in found.seen] == [Confirmed.NONE, Confirmed.HEADER]
    assert found.sightings == 2
    assert len(found.problems) == 2
    assert found.complete


def test_a_busy_hub_leaves_the_visit_incomplete(store: Store) -> None:
    remove(store, listed(FILE), listed(OTHER))
    hub = FakeHub({"a": FILE, "b": OTHER}, fails={"a": BUSY})
    found = go(hub, known(store))
    assert found.sightings == 2
    assert not found.complete
    assert found.seen[1].confirmed is Confirmed.HEADER


def test_a_listing_that_breaks_off_keeps_what_came(store: Store) -> None:
    remove(store, listed(FILE))
    files = {"a": FILE, **{f"{n}": b"%d" % n * 2000 for n in range(10)}}
    hub = FakeHub(files, page=5, breaks_after=1)
    found = go(hub, known(store))
    assert found.sightings == 1
    assert len(found.seen) == 5
    assert not found.complete
    hub.breaks_after = 0
    with pytest.raises(HubGarbage):
        go(hub, known(store))
    with pytest.raises(HubMissing):
        go(hub, known(store), HEADER, Revision(None, "d" * 40))


def test_a_listing_of_which_nothing_can_be_read_is_no_empty_commit(store: Store) -> None:
    nonsense = (Problem("hub.example someone/test", "an entry that makes no sense"),)
    with pytest.raises(HubGarbage):
        go(FakeHub({}, problems=nonsense, empty_page=True), known(store))
    assert go(FakeHub({}, empty_page=True), known(store)).complete


def test_five_thousand_files_are_looked_at(store: Store) -> None:
    remove(store, listed(FILE))
    files = {f"{n:04}.bin": b"%04d" % n * 300 for n in range(4999)} | {"last.bin": FILE}
    found = go(FakeHub(files), known(store))
    assert len(found.seen) == 5000
    assert found.seen[-1].matches
    bounded = go(FakeHub(files), known(store), replace(HEADER, max_artifacts=1500))
    assert len(bounded.seen) == 1500
    assert "first 1500" in bounded.problems[0].reason


def test_what_is_larger_than_the_limit_is_not_read_in_full(store: Store) -> None:
    remove(store, listed(FILE))
    hub = FakeHub({"a": FILE})
    for options in (
        replace(FULL, max_artifact_bytes=1000),
        replace(FULL, max_visit_bytes=len(FILE) + 1000),
    ):
        found = go(hub, known(store), options)
        assert not hub.streams
        assert found.seen[0].confirmed is Confirmed.HEADER
        assert "limit" in found.problems[0].reason


def test_one_content_at_many_places_is_read_once(store: Store) -> None:
    remove(store, listed(FILE))
    hub = FakeHub({"a": FILE, "b/c": FILE, "d": FILE})
    found = go(hub, known(store), FULL)
    assert len(hub.streams) == 1
    assert [one.confirmed for one in found.seen] == [Confirmed.BYTES] * 3


def test_what_was_read_before_is_matched_and_not_read_again(store: Store) -> None:
    remove(store, listed(FILE))
    hub = FakeHub({"a": FILE})
    before = {file_of(hub.artifact("a")): ReadSoFar(Container.SAFETENSORS, full=True)}
    context = reading(hub, known(store), FULL, before=before)
    found = asyncio.run(visit(context, hub.listed, MAIN))
    assert found.sightings == 1
    assert not hub.reads


def test_a_hint_alone_is_no_sighting_and_starts_no_walk(store: Store) -> None:
    remove(store, listed(FILE), names=Names(file_names=("sample_person_07.bin",)))
    hub = FakeHub({"Sample_Person_07.bin": OTHER})
    found = go(hub, known(store, KEYRING), FULL)
    assert len(found.seen[0].hints) == 1
    assert found.sightings == 0
    assert not found.follow
    assert not hub.reads


def test_hints_stand_beside_a_match(store: Store) -> None:
    remove(store, listed(FILE), names=Names(file_names=("sample_person_07.bin",)))
    found = go(FakeHub({"sample_person_07.bin": FILE}), known(store, KEYRING))
    (match,) = found.seen[0].matches
    assert [e.rung for e in match.evidence] == [Rung.DECLARED, Rung.HINT]
    assert not found.seen[0].hints


def test_following_can_be_turned_off(store: Store) -> None:
    remove(store, listed(FILE))
    assert not go(FakeHub({"a": FILE}), known(store), replace(HEADER, follow=False)).follow


def test_to_reinspect_reads_one_artifact_and_lists_nothing(store: Store) -> None:
    remove(store, fully_known(FILE))
    hub = FakeHub({"a": EDITED, "b": FILE}, breaks_after=0)
    one = hub.artifact("a")
    found = asyncio.run(reinspect(reading(hub, known(store), HEADER), hub.listed, [one]))
    assert [seen.artifact for seen in found.seen] == [one]
    assert found.sightings == 1
    assert not found.listed
    assert found.revision == MAIN


def test_a_file_without_a_stated_size_is_matched_and_not_read(store: Store) -> None:
    remove(store, listed(FILE))
    hub = FakeHub({"a": FILE}, changes={"a": {"size": None}})
    found = go(hub, known(store), FULL)
    assert found.sightings == 1
    assert not hub.reads
    assert "size" in found.problems[0].reason


def test_a_visit_can_be_cancelled_while_it_reads(store: Store) -> None:
    remove(store, listed(FILE), listed(OTHER))
    hub = FakeHub({"a": FILE, "b": OTHER}, hangs=True)
    index = known(store)

    async def begin_and_cancel() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await visit(reading(hub, index, HEADER), hub.listed, MAIN)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(begin_and_cancel())


def test_problems_name_the_place_and_the_reason_only(store: Store) -> None:
    remove(store, listed(FILE), names=Names(name="Sample person 07"))
    hub = FakeHub({"a": FILE}, fails={"a": HubMissing("no such file")})
    (problem,) = go(hub, known(store)).problems
    assert problem.where == "hub.example someone/test a"
    assert "person" not in problem.reason


def test_an_artifact_of_no_bytes_is_not_read(store: Store) -> None:
    remove(store, fully_known(FILE))
    hub = FakeHub({"empty": b""})
    assert go(hub, known(store), FULL).sightings == 0
    assert not hub.reads
