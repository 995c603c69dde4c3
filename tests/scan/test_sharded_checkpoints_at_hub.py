"""A checkpoint in several files at a hub is one: what was added to its base is found, whichever of
its files hold the layers, and whatever an index says."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import permutations
from pathlib import Path

import pytest
from tests.match.checkpoints_made import as_adapter, base, checkpoint, plus, updates
from tests.match.made import KEYRING, listed, remove
from tests.operations.test_checkpoints_read import (
    BASE,
    LAYER,
    PERSON,
    look,
    put_base,
    put_removal,
    standing,
)
from tests.scan.fake_hub import BUSY
from tests.scan.test_archive_at_hub import Counted, asked, hub_of

from replica import made
from reseen.errors import HubError
from reseen.files.source import Range
from reseen.observed import blind_spots
from reseen.operations import bases, classes, consequences, scans
from reseen.operations.reading import read_known
from reseen.records import Artifact, RemovalClass, Rung, SightingState
from reseen.scan.budget import Kind
from reseen.scan.target import Options, Target
from reseen.store.database import Store

SHARDS = 6
"""Of 12 layers each: none of them alone tells what model it is of."""
NUMBERED = [f"unet/model-{n:05}-of-{SHARDS:05}.safetensors" for n in range(1, SHARDS + 1)]
NAMED = [f"unet/{n}.safetensors" for n in "abcdef"]
INDEX = "unet/model.safetensors.index.json"
WHOLE = "!model.safetensors (in 6 files)"


def cut(data: bytes, names: Sequence[str]) -> dict[str, bytes]:
    tensors, _ = made.opened(data)
    return {
        name: made.safetensors(tensors[number :: len(names)]) for number, name in enumerate(names)
    }


def index_of(files: dict[str, bytes], **changes: str) -> bytes:
    places = {
        tensor.name: path.rpartition("/")[2]
        for path, data in files.items()
        for tensor in made.opened(data)[0]
    }
    return json.dumps({"metadata": {"total_size": 1}, "weight_map": {**places, **changes}}).encode()


def sharded(how: str, data: bytes) -> dict[str, bytes]:
    """As a hub has it: by the numbers of its files, or by an index alone."""
    files = cut(data, NUMBERED if how == "numbered" else NAMED)
    return files if how == "numbered" else {**files, INDEX: index_of(files)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    (folder / "base.safetensors").write_bytes(checkpoint(base()))
    (folder / "removed.safetensors").write_bytes(as_adapter(PERSON))
    return folder


@pytest.fixture(scope="module")
def baked() -> bytes:
    return checkpoint(plus(base(), updates(PERSON)))


def is_found(store: Store, first: str) -> None:
    found = standing(store)
    assert set(found) == {first + WHOLE}
    (why,) = found[first + WHOLE].evidence
    assert (found[first + WHOLE].rung, why.kind) == (Rung.COMPONENT, "sketch-checkpoint")
    assert why.figures["base"] == BASE
    assert why.figures["strength"] == pytest.approx(1, abs=0.05)
    assert why.figures["modules"] == 64


@pytest.mark.parametrize("order", [*permutations(("base", "scan", "removal"))])
@pytest.mark.parametrize("how", ["numbered", "index"])
def test_what_no_file_of_it_shows_is_found_whatever_came_first(
    store: Store, files: Path, baked: bytes, how: str, order: tuple[str, ...]
) -> None:
    hub = hub_of(sharded(how, baked))
    target = Target(repos=(hub.listed.id,), types=(hub.listed.type,))
    acts: dict[str, Callable[[], object]] = {
        "base": lambda: put_base(store, files),
        "removal": lambda: put_removal(store, files),
        "scan": lambda: scans.scan_hub(store, KEYRING, lambda: hub, target, Options(background=0)),
    }
    for act in order:
        acts[act]()
    read_known(store, KEYRING, lambda: hub)
    is_found(store, min(hub.files.keys() - {INDEX}))
    hub.ranges = []
    read_known(store, KEYRING, lambda: hub)
    assert hub.ranges == [], "nothing is read twice"
    assert hub.streams == []


@pytest.mark.parametrize("how", ["numbered", "index"])
def test_it_costs_a_few_layers_and_each_header_once(
    store: Store, files: Path, baked: bytes, how: str
) -> None:
    put_base(store, files)
    put_removal(store, files)
    hub = hub_of(sharded(how, baked))
    read = look(store, hub).bytes_by
    is_found(store, min(hub.files.keys() - {INDEX}))
    assert (read[Kind.PROBES], read[Kind.WHOLE]) == (16 * LAYER, 48 * LAYER)
    assert sum(path == INDEX for path, _ in hub.ranges) == (how == "index")
    headers = [path for path, wanted in hub.ranges if wanted.start == 0 and path != INDEX]
    assert len(headers) == SHARDS


def test_of_other_models_nothing_is_kept_and_no_header_read_twice(
    store: Store, files: Path
) -> None:
    put_base(store, files)
    put_removal(store, files)
    layers = [
        made.Tensor(f"model.layers.{n}.mlp.weight", "F16", (64, 64), bytes(8192)) for n in range(96)
    ]
    hub = hub_of(sharded("index", made.safetensors(layers)))
    seen = look(store, hub).seen
    assert {one.artifact.path for one in seen} == hub.files.keys()
    assert len(hub.ranges) == len(hub.files)
    hub.ranges = []
    look(store, hub)
    assert hub.ranges == []


def test_an_index_that_comes_after_its_files(store: Store, files: Path, baked: bytes) -> None:
    put_base(store, files)
    put_removal(store, files)
    every = sharded("index", baked)
    hub = hub_of({name: data for name, data in every.items() if name != INDEX})
    look(store, hub)
    assert standing(store) == {}
    hub.files = every
    look(store, hub)
    is_found(store, NAMED[0])


def test_an_innocent_one_is_judged_and_of_another_base_it_is_said(
    store: Store, files: Path
) -> None:
    put_base(store, files)
    put_removal(store, files)
    look(store, hub_of(sharded("index", checkpoint(base()))))
    assert (standing(store), spots(store)) == ({}, {})


def spots(store: Store) -> dict[str, list[str]]:
    """What is not read of files beside those that tell nothing by themselves."""
    with store.read() as connection:
        every = [*blind_spots.files(connection)]
    told = {one.artifact.path: [spot.code for spot in one.judged.not_read] for one in every}
    return {path: codes for path, codes in told.items() if codes != ["whole-weights"]}


HOSTILE: dict[str, tuple[str, str]] = {
    "elsewhere": ("../x.safetensors", "several-parts"),
    "in a folder": ("other/x.safetensors", "several-parts"),
    "missing": ("g.safetensors", "several-parts"),
}


@pytest.mark.parametrize("how", [*HOSTILE, "thousands", "too long", "no numbers"])
def test_a_hostile_index_ends_in_one_reason(
    store: Store, files: Path, baked: bytes, how: str
) -> None:
    put_base(store, files)
    put_removal(store, files)
    every = cut(baked, NAMED)
    code = "too-large"
    if how in HOSTILE:
        name, code = HOSTILE[how]
        index = index_of(every, more=name)
    elif how == "thousands":
        index = index_of(every, **{f"t{n}": f"{n}.safetensors" for n in range(2_000)})
    elif how == "too long":
        index = index_of(every) + b" " * (17 << 20)
    else:
        index, code = index_of(every), "not-read"
        every[NAMED[3]] = b"no model" * 1_000
    hub = hub_of({**every, INDEX: index})
    look(store, hub)
    assert standing(store) == {}
    said = spots(store)
    said.pop(NAMED[3], None)
    whole = NAMED[0] + WHOLE
    assert said == {whole if how == "no numbers" else INDEX: [code]}
    assert how != "too long" or INDEX not in {path for path, _ in hub.ranges}
    hub.ranges = []
    look(store, hub)
    assert hub.ranges == [], "it is not asked for again"


def test_other_json_of_that_name_is_no_index(store: Store, files: Path) -> None:
    put_removal(store, files)
    for text in (b"[]", b"{}", b'{"weight_map": 3}', b"no JSON"):
        hub = hub_of(
            {
                INDEX: text + b" " * 5_000,
                NAMED[0]: cut(checkpoint(base()), NAMED)["unet/a.safetensors"],
            }
        )
        look(store, hub)
    assert spots(store) == {}


def test_two_indexes_of_the_same_files_are_one_model(
    store: Store, files: Path, baked: bytes
) -> None:
    put_base(store, files)
    put_removal(store, files)
    every = sharded("index", baked)
    other = index_of({name: data for name, data in every.items() if name != INDEX}) + b" "
    hub = hub_of({**every, "unet/other.safetensors.index.json": other})
    read = look(store, hub).bytes_by
    is_found(store, NAMED[0])
    assert read[Kind.WHOLE] == 48 * LAYER


def test_two_indexes_of_other_files_are_two_models(store: Store, files: Path, baked: bytes) -> None:
    put_base(store, files)
    put_removal(store, files)
    innocent = cut(checkpoint(base()), [name.replace("unet/", "unet/0") for name in NAMED])
    guilty = cut(baked, NAMED)
    hub = hub_of(
        {
            **innocent,
            **guilty,
            "unet/first.safetensors.index.json": index_of(innocent),
            INDEX: index_of(guilty),
        }
    )
    look(store, hub)
    is_found(store, NAMED[0])


def test_layers_that_two_files_have_are_said(store: Store, files: Path, baked: bytes) -> None:
    put_base(store, files)
    put_removal(store, files)
    clean, theirs = cut(checkpoint(base()), NUMBERED[:3]), cut(baked, NUMBERED[3:])
    look(store, hub_of({**clean, **theirs}))
    assert spots(store)[NUMBERED[0] + WHOLE] == ["layers-not-read"]
    # The files that an index names are what is loaded.
    look(store, hub_of({**clean, **theirs, INDEX: index_of({**clean, **theirs})}))
    assert NUMBERED[3] + "!model.safetensors (in 3 files)" in standing(store)


def test_most_indexes_of_a_repository(store: Store, files: Path, baked: bytes) -> None:
    put_base(store, files)
    put_removal(store, files)
    every = cut(baked, NAMED)
    index = index_of(every)
    many = {f"unet/{n:03}.safetensors.index.json": index + b" " * n for n in range(40)}
    found = look(store, hub_of({**every, **many}))
    (said,) = [each.reason for each in found.problems if "index" in each.reason]
    assert said == "only the first 32 indexes of models in several files were looked at"


@pytest.mark.parametrize("first", ["class", "scan"])
@pytest.mark.parametrize("how", ["numbered", "index"])
def test_of_a_file_of_the_class_that_is_never_read_nothing_counts(
    store: Store, files: Path, baked: bytes, how: str, first: str
) -> None:
    put_base(store, files)
    put_removal(store, files)
    hub = hub_of(sharded(how, baked))
    names = sorted(hub.files.keys() - {INDEX})

    def classify() -> None:
        whole = remove(store, listed(hub.files[names[2]]))
        consequences.follow(store)
        classes.classify(store, KEYRING, whole, RemovalClass.CHILD_ABUSE, "Sample reason 01")

    acts = [classify, lambda: look(store, hub)]
    for act in acts if first == "class" else reversed(acts):
        act()
    assert names[0] + WHOLE not in standing(store)
    if first == "class":
        assert names[2] not in {path for path, _ in hub.ranges}


@pytest.mark.parametrize("how", ["numbered", "index"])
@pytest.mark.parametrize("after", [SHARDS + 1, SHARDS + 20])
def test_a_hub_that_falls_silent_is_asked_again(
    store: Store, files: Path, baked: bytes, how: str, after: int
) -> None:
    class Tired(Counted):
        tired: HubError | None = BUSY

        async def read(self, artifact: Artifact, wanted: Range) -> bytes:
            if self.tired is not None and len(self.ranges) >= after:
                raise self.tired
            return await super().read(artifact, wanted)

    put_base(store, files)
    put_removal(store, files)
    hub = Tired(sharded(how, baked))
    hub.ranges = []
    assert not look(store, hub).complete
    assert standing(store) == {}
    hub.tired = None
    look(store, hub)
    is_found(store, min(hub.files.keys() - {INDEX}))


def test_it_falls_with_its_base(store: Store, files: Path, baked: bytes) -> None:
    put_base(store, files)
    put_removal(store, files)
    hub = hub_of(sharded("index", baked))
    look(store, hub)
    assert bases.remove(store, BASE).fallen == 1
    put_base(store, files)
    is_found(store, NAMED[0])


@pytest.mark.parametrize("what", ["removed", "replaced"])
@pytest.mark.parametrize("file", [0, 2])
def test_it_is_gone_with_any_of_its_files(
    store: Store, files: Path, baked: bytes, file: int, what: str
) -> None:
    put_base(store, files)
    put_removal(store, files)
    hub = hub_of(sharded("index", baked))
    look(store, hub)
    assert asked(store, hub) == {NAMED[0] + WHOLE: SightingState.LIVE}
    if what == "removed":
        del hub.files[NAMED[file]]
    else:
        hub.files[NAMED[file]] = sharded("index", checkpoint(base()))[NAMED[file]]
    asked(store, hub)
    assert asked(store, hub) == {NAMED[0] + WHOLE: SightingState.GONE}


@pytest.mark.parametrize("order", [*permutations(("base", "scan", "removal"))])
def test_in_a_folder_it_is_known_by_its_index(
    store: Store, files: Path, baked: bytes, tmp_path: Path, order: tuple[str, ...]
) -> None:
    for name, data in sharded("index", baked).items():
        (tmp_path / name.removeprefix("unet/")).write_bytes(data)
    acts: dict[str, Callable[[], object]] = {
        "base": lambda: put_base(store, files),
        "removal": lambda: put_removal(store, files),
        "scan": lambda: scans.scan_folder(store, KEYRING, tmp_path, jobs=1),
    }
    for act in order:
        acts[act]()
    (one,) = standing(store).values()
    assert one.path == "model.safetensors.index.json"
    assert one.evidence[0].figures["modules"] == 64


def test_in_a_folder_the_class_of_a_file_holds_for_its_index(
    store: Store, files: Path, baked: bytes, tmp_path: Path
) -> None:
    put_base(store, files)
    put_removal(store, files)
    for name, data in sharded("index", baked).items():
        (tmp_path / name.removeprefix("unet/")).write_bytes(data)
    scans.scan_folder(store, KEYRING, tmp_path, jobs=1)
    assert len(standing(store)) == 1
    whole = remove(store, listed((tmp_path / "c.safetensors").read_bytes()))
    consequences.follow(store)
    classes.classify(store, KEYRING, whole, RemovalClass.CHILD_ABUSE, "Sample reason 01")
    assert "model.safetensors.index.json" not in standing(store)
