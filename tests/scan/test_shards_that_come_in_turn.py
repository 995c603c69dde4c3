"""A checkpoint in several files at a hub whose files come one after the other, or are not all
answered for, is looked at as one all the same, and so is one beside another: where a hub states
nothing of their files, and where these are numbered alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.match.checkpoints_made import as_adapter, base, checkpoint, plus, updates
from tests.operations.test_checkpoints_read import PERSON, look, put_base, put_removal, standing
from tests.scan.test_archive_at_hub import Counted, hub_of
from tests.scan.test_sharded_checkpoints_at_hub import (
    INDEX,
    NAMED,
    NUMBERED,
    SHARDS,
    WHOLE,
    cut,
    index_of,
    is_found,
    sharded,
    spots,
)

from replica import made
from reseen.errors import HubMissing
from reseen.files.source import Range
from reseen.records import Artifact
from reseen.store.database import Store

NOTE = made.safetensors([made.Tensor("note", "F16", (2,), bytes(4))])
"""Too small to be read for itself."""


@pytest.fixture(scope="module")
def baked() -> bytes:
    return checkpoint(plus(base(), updates(PERSON)))


@pytest.fixture(autouse=True)
def known_files(store: Store, tmp_path: Path) -> None:
    (tmp_path / "base.safetensors").write_bytes(checkpoint(base()))
    (tmp_path / "removed.safetensors").write_bytes(as_adapter(PERSON))
    put_base(store, tmp_path)
    put_removal(store, tmp_path)


def is_read_once(store: Store, hub: Counted) -> None:
    hub.ranges = []
    look(store, hub)
    assert hub.ranges == [], "nothing is read twice"


def test_a_last_file_without_layers_that_comes_later(store: Store, baked: bytes) -> None:
    hub = hub_of(cut(baked, NUMBERED[:-1]))
    look(store, hub)
    assert standing(store) == {}
    hub.files = {**hub.files, NUMBERED[-1]: NOTE}
    look(store, hub)
    is_found(store, NUMBERED[0])
    is_read_once(store, hub)


def test_of_another_model_that_came_in_turn_headers_are_read_once_more(store: Store) -> None:
    layers = [
        made.Tensor(f"model.layers.{n}.mlp.weight", "F16", (64, 64), bytes(8192)) for n in range(96)
    ]
    hub = hub_of(cut(made.safetensors(layers), NUMBERED[:-1]))
    look(store, hub)
    hub.files = {**hub.files, NUMBERED[-1]: NOTE}
    hub.ranges = []
    look(store, hub)
    assert len(hub.ranges) == SHARDS
    is_read_once(store, hub)


def test_an_index_that_comes_before_a_file_without_layers(store: Store, baked: bytes) -> None:
    files = cut(baked, NAMED)
    index = index_of(files, note="g.safetensors")
    hub = hub_of({**files, INDEX: index})
    look(store, hub)
    assert (standing(store), spots(store)) == ({}, {INDEX: ["several-parts"]})
    is_read_once(store, hub)
    hub.files = {**hub.files, "unet/g.safetensors": NOTE}
    look(store, hub)
    assert set(standing(store)) == {NAMED[0] + WHOLE.replace("6", "7")}
    assert INDEX not in spots(store)
    is_read_once(store, hub)


@pytest.mark.parametrize("how", ["numbered", "index"])
@pytest.mark.parametrize("after", [SHARDS + 1, SHARDS + 20])
def test_a_file_that_is_away_while_its_layers_are_read(
    store: Store, baked: bytes, how: str, after: int
) -> None:
    class Away(Counted):
        is_away = True

        async def read(self, artifact: Artifact, wanted: Range) -> bytes:
            if self.is_away and len(self.ranges) >= after:
                raise HubMissing("no such file")
            return await super().read(artifact, wanted)

    hub = Away(sharded(how, baked))
    hub.ranges = []
    look(store, hub)
    assert standing(store) == {}
    hub.is_away = False
    look(store, hub)
    is_found(store, min(hub.files.keys() - {INDEX}))


@pytest.mark.parametrize("how", ["numbered", "index"])
def test_a_scan_whose_bytes_are_used_up_by_the_headers(
    store: Store, baked: bytes, how: str
) -> None:
    hub = hub_of(sharded(how, baked))
    for _ in range(SHARDS):
        look(store, hub, left=16_000)
    assert standing(store) == {}
    look(store, hub)
    is_found(store, min(hub.files.keys() - {INDEX}))


@pytest.mark.parametrize("is_first", [True, False])
def test_two_models_of_which_a_hub_states_nothing_are_two(
    store: Store, baked: bytes, is_first: bool
) -> None:
    innocent = cut(checkpoint(base()), [name.replace("unet", "other") for name in NUMBERED])
    guilty = cut(baked, NUMBERED)
    hub = hub_of({**innocent, **guilty} if is_first else {**guilty, **innocent})
    nothing = {"sha256": None, "git_oid": None, "lfs": False}
    hub.changes = dict.fromkeys(hub.files, nothing)
    look(store, hub)
    is_found(store, NUMBERED[0])


@pytest.mark.parametrize("how", ["all", "one"])
def test_files_whose_numbers_are_written_otherwise_hide_none(
    store: Store, baked: bytes, how: str
) -> None:
    others = [f"unet/model-{n:03}-of-{SHARDS:03}.safetensors" for n in range(1, SHARDS + 1)]
    innocent = cut(checkpoint(base()), others)
    decoys = innocent if how == "all" else {others[2]: innocent[others[2]]}
    look(store, hub_of({**cut(baked, NUMBERED), **decoys}))
    is_found(store, NUMBERED[0])
