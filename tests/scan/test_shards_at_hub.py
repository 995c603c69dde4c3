"""A model in several files at a hub is one: what no file of it shows alone is found."""

from __future__ import annotations

import asyncio

import pytest
from tests.match.made import known
from tests.match.updates import CAST, OTHER, REMOVED, put
from tests.scan.fake_hub import BUSY, COMMIT, FakeHub
from tests.scan.test_archive_at_hub import Counted, asked, hub_of, recorded

from replica import made
from reseen.files.shards import numbered, sets_in
from reseen.hubs.hub import Revision
from reseen.observed.readings import read_so_far
from reseen.records import Artifact, RemovalClass, Rung, SightingState
from reseen.review import notice_items
from reseen.review.notice import Item
from reseen.scan.context import reading
from reseen.scan.record import record
from reseen.scan.target import Options
from reseen.scan.visit import Visit, visit
from reseen.store.database import Store

NAMES = [f"x/lora-{n:05}-of-00003.safetensors" for n in (1, 2, 3)]
WHOLE = f"{NAMES[0]}!lora.safetensors (in 3 files)"


def in_shards(data: bytes, names: list[str] = NAMES, *, halves: bool = False) -> dict[str, bytes]:
    """An adapter cut into files by layers; or so that no file has both halves of a layer."""
    tensors, _ = made.opened(data)
    shards: list[list[made.Tensor]] = [[] for _ in names]
    for tensor in tensors:
        which = ("lora_up", "lora_down", "")
        half = next(n for n, part in enumerate(which) if part in tensor.name)
        layer = sum(map(ord, tensor.name.partition(".")[0])) % len(names)
        shards[half if halves else layer].append(tensor)
    return {name: made.safetensors(some) for name, some in zip(names, shards, strict=True)}


def visited(store: Store, hub: FakeHub, before: bool = False, **options: int) -> Visit:
    told = {}
    if before:
        with store.read() as connection:
            told = read_so_far(connection, [1]).get(1, {})
    context = reading(hub, known(store), Options(**options), before=told)  # type: ignore[arg-type]
    return asyncio.run(visit(context, hub.listed, Revision("main", COMMIT)))


@pytest.mark.parametrize("halves", [False, True])
def test_layers_of_all_shards_are_compared_together(store: Store, halves: bool) -> None:
    put(store, REMOVED)
    hub = hub_of(in_shards(CAST if not halves else REMOVED, halves=halves))
    found = visited(store, hub)
    by_path = {one.path: one for one in recorded(store, found)}
    assert by_path[WHOLE].rung is Rung.WEIGHTS
    assert by_path[WHOLE].size == sum(map(len, hub.files.values()))
    assert halves is (set(by_path) == {WHOLE})
    assert hub.streams == [], "by Range alone"
    figures = by_path[WHOLE].evidence[0].figures
    assert float(figures["cosine"]) > 0.999


def test_shards_of_a_checkpoint_cost_nothing_more(store: Store) -> None:
    put(store, REMOVED)
    alone = {}
    for n in (1, 2):
        layer = made.Tensor(f"model.layers.{n}.q_proj.weight", "F16", (64, 64), bytes(8192))
        alone[f"m-{n}-of-2.safetensors"] = made.safetensors([layer])
    hub = hub_of(alone)
    seen = visited(store, hub).seen
    assert [one.artifact.path for one in seen] == list(alone)
    assert len(hub.ranges) == 2, "one header each"


def test_what_is_removed_later_is_found_in_what_was_read(store: Store) -> None:
    from reseen.scan.reinspection import record_past

    put(store, OTHER)
    hub = hub_of(in_shards(REMOVED, halves=True))
    assert recorded(store, visited(store, hub)) == []
    hub.ranges = []
    visited(store, hub, before=True)
    assert hub.ranges == [], "nothing is read twice"
    put(store, CAST)
    with store.write() as connection:
        assert len(record_past(connection, store.secret)) == 1


def test_another_shard_makes_another_model(store: Store) -> None:
    put(store, REMOVED)
    theirs, ours = in_shards(OTHER, halves=True), in_shards(REMOVED, halves=True)
    hub = hub_of({**theirs, NAMES[0]: ours[NAMES[0]]})
    assert recorded(store, visited(store, hub)) == []
    hub.files = dict(ours)
    (one,) = recorded(store, visited(store, hub, before=True))
    assert one.path == WHOLE
    assert asked(store, hub) == {WHOLE: SightingState.LIVE}
    del hub.files[NAMES[0]]
    asked(store, hub)
    assert asked(store, hub) == {WHOLE: SightingState.GONE}


def test_a_set_that_is_not_whole_is_none(store: Store) -> None:
    put(store, REMOVED)
    files = in_shards(REMOVED)
    files.pop(NAMES[1])
    paths = {one.artifact.path for one in visited(store, hub_of(files)).seen}
    assert paths == set(files)
    assert list(sets_in(["a-1-of-2.bin", "b-2-of-2.bin", "a-01-of-1.bin", "a-0-of-2.bin"])) == []
    assert list(sets_in(["a-2-of-2.bin", "a-1-of-2.bin", "a-1-of-3.bin"])) == [
        ("a.bin", ("a-1-of-2.bin", "a-2-of-2.bin"))
    ]
    two = ["a-01-of-02.bin", "a-1-of-2.bin", "a-2-of-2.bin", "a-02-of-02.bin"]
    assert {shards for _, shards in sets_in(two)} == {(two[0], two[3]), (two[1], two[2])}
    plain = [f"a-{n}-of-12.bin" for n in range(1, 13)]
    assert list(sets_in([*plain, "a-03-of-12.bin"])) == [("a.bin", tuple(plain))]
    mixed = ("a-1-of-02.bin", "a-02-of-02.bin")
    assert list(sets_in(mixed)) == [("a.bin", mixed)], "else it were none"
    assert numbered("m-00501-of-00501.safetensors") is None, "more than the limit"


def test_a_hub_that_is_busy_is_asked_again_for_the_whole(store: Store) -> None:
    put(store, REMOVED)

    class Tired(Counted):
        async def read(self, artifact: Artifact, wanted) -> bytes:  # type: ignore[no-untyped-def]
            if len(self.ranges) >= 3:
                raise BUSY
            return await super().read(artifact, wanted)

    hub = Tired(in_shards(REMOVED, halves=True))
    hub.ranges = []
    found = visited(store, hub)
    assert (found.complete, found.unanswered) == (False, (WHOLE,))


def test_limits_and_classes_hold_for_the_whole(store: Store) -> None:
    put(store, REMOVED)
    hub = hub_of(in_shards(REMOVED, halves=True))
    most = max(map(len, hub.files.values())) + 1
    found = visited(store, hub, max_artifact_bytes=most)
    assert any("more than the limit" in p.reason for p in found.problems)
    with store.write() as connection:
        assert record(connection, found).new == ()


def test_a_notice_names_the_first_file(store: Store) -> None:
    put(store, REMOVED)
    (one,) = recorded(store, visited(store, hub_of(in_shards(REMOVED, halves=True))))
    item = Item(
        *(one, "case", None, None, None, (), None, None, RemovalClass.OTHER),
        *(False, False, False, None, 0, True),
    )
    lines = "\n".join(notice_items.item_lines(1, item)).splitlines()
    assert f"   In several files, the first of them: {NAMES[0]}" in lines
