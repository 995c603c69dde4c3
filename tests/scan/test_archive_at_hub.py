"""An archive at a hub: of a zip its directory and what may be weights is read; what is in one
stands with it."""

from __future__ import annotations

import asyncio
import zipfile
from io import BytesIO

import numpy as np
import pytest
from tests.files import build, packed
from tests.files.test_archives import PEFT_CONFIG, PEFT_MODEL
from tests.match.made import fully_known, known, listed, remove
from tests.match.updates import CAST, OTHER, REMOVED, put
from tests.scan.fake_hub import BUSY, COMMIT, FakeHub

from replica import made
from reseen.files.source import Range
from reseen.hubs.hub import Revision
from reseen.hubs.kinds import address_of
from reseen.observed import sightings
from reseen.observed.readings import file_of, read_so_far
from reseen.records import Artifact, RemovalClass, RepoType, Rung, Sighting, SightingState
from reseen.registry.never_read import NOTHING
from reseen.review import notice_items
from reseen.review.notice import Item
from reseen.scan.context import reading
from reseen.scan.inspect import wants_reading
from reseen.scan.recheck import revisit
from reseen.scan.record import record
from reseen.scan.remote import RemoteFile, listing_of
from reseen.scan.target import Options
from reseen.scan.visit import Visit, visit
from reseen.store.database import Store

PICTURE = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4_000


class Counted(FakeHub):
    """Remembers which bytes were asked for."""

    ranges: list[tuple[str, Range]]

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        self.ranges.append((artifact.path, wanted))
        return await super().read(artifact, wanted)


def hub_of(files: dict[str, bytes]) -> Counted:
    hub = Counted(files)
    hub.ranges = []
    return hub


def visited(store: Store, hub: FakeHub, options: Options | None = None) -> Visit:
    context = reading(hub, known(store), options or Options())
    return asyncio.run(visit(context, hub.listed, Revision("main", COMMIT)))


def recorded(store: Store, found: Visit) -> list[Sighting]:
    with store.write() as connection:
        new = record(connection, found).new
        return [sightings.by_id(connection, id) for id in new]


def asked(store: Store, hub: FakeHub) -> dict[str, SightingState]:
    asyncio.run(revisit(store, hub))
    with store.read() as connection:
        return {each.path: each.state for each in sightings.every(connection)}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("path", ["Test model.zip", "LORA"])
def test_copies_in_a_zip_are_found_and_pictures_are_not_read(
    store: Store, method: int, path: str
) -> None:
    put(store, REMOVED)
    files = {"1.jpg": PICTURE, "same": REMOVED, "x/cast.safetensors": CAST, "2.jpg": PICTURE[5:]}
    hub = hub_of({path: build.python_zip(files, method), "README.md": b"text" * 900})
    found = recorded(store, visited(store, hub))
    assert {(one.path, one.rung) for one in found} == {
        (f"{path}!same", Rung.BYTES), (f"{path}!x/cast.safetensors", Rung.WEIGHTS),
    }  # fmt: skip
    assert all(one.member and one.file_path == path for one in found)
    assert {address_of(one) for one in found} == {
        f"https://hub.example/someone/test/blob/{COMMIT}/{path.replace(' ', '%20')}"
    }
    if method == zipfile.ZIP_STORED:
        first, last = hub.files[path].index(PICTURE), hub.files[path].index(PICTURE[5:-9])
        for at in (first + 170_000, last + 600_000):
            read = [r for _, r in hub.ranges if r.start <= at < r.start + r.length]
            assert read == [], "a picture was read"


def test_lists_of_hashes_find_what_is_in_a_zip(store: Store) -> None:
    remove(store, listed(OTHER))
    hub = hub_of({"a.zip": build.python_zip({"in.zip": build.python_zip({"m": OTHER})})})
    (one,) = recorded(store, visited(store, hub))
    assert (one.path, one.rung) == ("a.zip!in.zip!m", Rung.BYTES)


def test_a_zip_is_opened_once_and_what_was_read_is_kept(store: Store) -> None:
    remove(store, fully_known(OTHER))
    hub = hub_of({"a.zip": build.python_zip({"m": REMOVED})})
    assert recorded(store, visited(store, hub)) == []
    with store.read() as connection:
        ((_, before),) = read_so_far(connection, [1]).items()
    archive = hub.artifact("a.zip")
    told = before[file_of(archive)]
    assert not wants_reading(archive, (), told, known(store), Options())
    assert before[next(file for file in before if file[0] == "a.zip!m")].full
    remove(store, fully_known(REMOVED))
    from reseen.scan.reinspection import record_past

    with store.write() as connection:
        (new,) = record_past(connection, store.secret)
        assert sightings.by_id(connection, new[0]).path == "a.zip!m"


def test_it_is_there_as_long_as_the_archive_is(store: Store) -> None:
    put(store, REMOVED)
    hub = hub_of({"a!b.zip": build.python_zip({"m": REMOVED})})
    (one,) = recorded(store, visited(store, hub))
    assert one.path == "a%21b.zip!m"
    assert asked(store, hub) == {one.path: SightingState.LIVE}
    before = hub.files.pop("a!b.zip")
    hub.files["other"] = b"x" * 2000
    asked(store, hub)
    assert asked(store, hub) == {one.path: SightingState.GONE}
    hub.files["a!b.zip"] = before
    assert asked(store, hub) == {one.path: SightingState.LIVE}
    hub.files["a!b.zip"] = build.python_zip({"m": REMOVED, "n": b"n"})  # another archive
    asked(store, hub)
    assert asked(store, hub) == {one.path: SightingState.GONE}


def test_what_is_larger_than_the_limit_is_left_and_said(store: Store) -> None:
    put(store, REMOVED)
    hub = hub_of({"a.zip": build.python_zip({"big": bytes(300_000), "m": CAST})})
    found = visited(store, hub, Options(max_artifact_bytes=len(CAST) + 1000))
    assert [one.artifact.path for one in found.seen] == ["a.zip", "a.zip!m"]
    assert "[limit]" in found.problems[0].reason


def test_a_hub_that_is_busy_is_asked_again(store: Store) -> None:
    put(store, REMOVED)

    class Tired(Counted):
        async def read(self, artifact: Artifact, wanted: Range) -> bytes:
            if self.ranges:
                raise BUSY
            return await super().read(artifact, wanted)

    hub = Tired({"a.zip": build.python_zip({"1.jpg": PICTURE, "m": CAST})})
    hub.ranges = []
    found = visited(store, hub)
    assert found.unanswered == ("a.zip",)
    assert not found.complete


@pytest.mark.parametrize("pack", [packed.tar, packed.by_library])
def test_another_archive_under_no_archives_name_is_read_whole(store: Store, pack) -> None:  # type: ignore[no-untyped-def]
    put(store, REMOVED)
    hub = hub_of({"LORA": pack({"1.jpg": PICTURE, "m": CAST})})
    found = visited(store, hub)
    assert hub.streams == ["LORA"]
    (one,) = recorded(store, found)
    assert (one.path, one.rung) == ("LORA!m", Rung.WEIGHTS)
    assert asked(store, hub) == {"LORA!m": SightingState.LIVE}
    small = visited(store, hub_of(hub.files), Options(max_artifact_bytes=1_000))
    assert "[limit]" in small.problems[0].reason
    assert [one.artifact.path for one in small.seen] == ["LORA"]


def test_what_is_not_opened_at_a_hub_says_so(store: Store) -> None:
    put(store, REMOVED)
    (one,) = visited(store, hub_of({"LORA": build.python_zip({"m": REMOVED})[:-40]})).seen
    assert one.judged is not None
    assert one.judged.not_read


def test_a_notice_names_the_archive_and_the_file_in_it(store: Store) -> None:
    put(store, REMOVED)
    hub = hub_of({"Test model.zip": build.python_zip({"x/LORA": REMOVED})})
    (one,) = recorded(store, visited(store, hub))
    item = Item(
        *(one, "case", address_of(one), None, None, (), None, None, RemovalClass.OTHER),
        *(False, False, False, None, 0, True),
    )
    lines = "\n".join(notice_items.item_lines(1, item)).splitlines()
    assert lines[0].endswith("/Test%20model.zip")
    assert "   Path: Test model.zip!x/LORA" in lines
    assert "   In the archive: Test model.zip" in lines
    told = notice_items.place_fields(item)
    assert (told["path"], told["archive"]) == ("Test model.zip!x/LORA", "Test model.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_configuration_in_a_zip_is_read_by_range(store: Store, method: int) -> None:
    remove(store, fully_known(OTHER))
    files = {
        "1.jpg": PICTURE,
        "x/adapter_model.safetensors": PEFT_MODEL,
        "x/adapter_config.json": PEFT_CONFIG,
    }
    hub = hub_of({"a.zip": build.python_zip(files, method)})
    found = {one.artifact.path: one for one in visited(store, hub).seen}
    inspection = found["a.zip!x/adapter_model.safetensors"].inspection
    bare = visited(store, hub_of({"a.zip": build.python_zip({"m": PEFT_MODEL}, method)})).seen[-1]
    assert inspection is not None
    assert bare.inspection is not None
    assert inspection.sketch != bare.inspection.sketch
    assert sum(r.length for _, r in hub.ranges) < 320_000 < len(PICTURE)


def test_a_configuration_beside_a_named_file_is_read() -> None:
    files = {"x/adapter_model.safetensors": PEFT_MODEL, "x/adapter_config.json": PEFT_CONFIG}
    place = RemoteFile(RepoType.MODEL, "someone/test", COMMIT, "x/adapter_model.safetensors")
    _, made = listing_of(lambda: hub_of(files), place, NOTHING)
    assert made.scale_known
    assert not listing_of(lambda: hub_of({place.path: PEFT_MODEL}), place, NOTHING)[1].scale_known


def test_compressed_torch_files_and_arrays_are_read_whole(store: Store) -> None:
    put(store, REMOVED)
    tensors = {t.name: build.T(t.dtype, t.shape, t.data) for t in made.opened(REMOVED)[0]}
    entries = {"archive/data.pkl": build.pickled(build.state_dict(tensors))}
    entries |= {f"archive/data/{n}": t.data for n, t in enumerate(tensors.values())}
    hub = hub_of({"x.pt": build.python_zip(entries, zipfile.ZIP_DEFLATED)})
    found = visited(store, hub)
    assert hub.streams == ["x.pt"]
    (one,) = recorded(store, found)
    assert (one.path, one.rung) == ("x.pt", Rung.TENSORS)
    assert found.problems == ()
    held = BytesIO()
    arrays = {t.name: np.frombuffer(t.data, "<f2").reshape(t.shape) for t in made.opened(CAST)[0]}
    np.savez_compressed(held, **arrays)
    (one,) = recorded(store, visited(store, hub_of({"LORA": held.getvalue()})))
    assert (one.path, one.rung) == ("LORA", Rung.WEIGHTS)
    small = visited(store, hub_of({"x.pt": hub.files["x.pt"]}), Options(max_artifact_bytes=1_000))
    assert "[limit]" in small.problems[0].reason


@pytest.mark.parametrize(
    ("before", "pack", "whole"),
    [
        (b"MZ" + bytes(5_000), packed.by_library, True),
        (b"#!/bin/sh\nexit\n", lambda files: packed.tar(files, "w:gz"), True),
        (b"other bytes" * 900, build.python_zip, True),
        (b"other bytes" * 900, packed.tar, False),
    ],
)
def test_an_archive_behind_another_beginning_is_read_whole(  # type: ignore[no-untyped-def]
    store: Store, before: bytes, pack, whole: bool
) -> None:
    put(store, REMOVED)
    hub = hub_of({"setup": before + pack({"m": CAST}), "a.png": before + pack({"n": CAST})})
    found = recorded(store, visited(store, hub))
    assert [(one.path, one.rung) for one in found] == [("setup!m", Rung.WEIGHTS)] * whole
    assert hub.streams == ["setup"] * whole
    if whole:
        assert asked(store, hub) == {"setup!m": SightingState.LIVE}


def test_a_program_without_an_archive_is_not_read_whole(store: Store) -> None:
    put(store, REMOVED)
    hub = hub_of({"tool": b"MZ" + bytes(9_000), "other": b"x" * 100_000})
    found = visited(store, hub)
    assert recorded(store, found) == []
    assert hub.streams == []
    assert found.problems == (), "most programs are what they seem"
    assert sorted(hub.reads) == ["other"] * 2 + ["tool"] * 3, "and the end, and the program"
