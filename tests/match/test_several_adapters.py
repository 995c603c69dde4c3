"""A removed file can hold several adapters of the same layers: each of them, put up alone, is known
on every way in."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import select
from tests.facts import teach
from tests.match.made import KEYRING, known, listed, read, remove
from tests.match.test_retroactive import past
from tests.match.updates import sketched
from tests.scan.fake_hub import FakeHub
from tests.scan.test_screen import go
from tests.updates.naming_tools import listing

from replica import made
from reseen.cli import cli
from reseen.fingerprints import sketcher
from reseen.fingerprints.sketch import decode
from reseen.match import saved as folders
from reseen.match.calibration import NO_BACKGROUND
from reseen.match.compare import closest
from reseen.match.registry_index import RegistryIndex
from reseen.match.stated import NamedIndex
from reseen.observed import further
from reseen.records import Rung
from reseen.registry import removals
from reseen.scan.record import record
from reseen.store import schema
from reseen.store.database import Store
from reseen.updates.further import MOST
from reseen.updates.plan import plan

LAYERS = [
    f"down_blocks.{i}.attentions.{j}.transformer_blocks.0.{name}"
    for i, width in ((0, 320), (1, 640))
    for j in range(2)
    for name in ("attn1.to_q", "attn1.to_v", "attn2.to_q")
]
Factors = Mapping[str, tuple[np.ndarray, np.ndarray]]


def width(layer: str) -> int:
    return 320 if layer.startswith("down_blocks.0") else 640


def factors(seed: int) -> Factors:
    numbers = np.random.default_rng(seed)
    return {
        layer: (
            numbers.standard_normal((4, width(layer))) * 0.02,
            numbers.standard_normal((width(layer), 4)) * 0.01,
        )
        for layer in LAYERS
    }


def tensors(
    seed: int, before: str = "unet.", name: str = "", dtype: str = "<f2", scale: float = 1.0
) -> list[made.Tensor]:
    """An adapter's, with these words before its layers' names, under the name of an adapter."""
    kind = {"<f2": "F16", "<f4": "F32"}[dtype]
    end = f".{name}.weight" if name else ".weight"
    return [
        made.Tensor(f"{before}{layer}.{side}{end}", kind, values.shape, data)
        for layer, (down, up) in factors(seed).items()
        for side, values in (("lora_A", down), ("lora_B", up * scale))
        if (data := values.astype(dtype).tobytes())
    ]


def file(*some: list[made.Tensor]) -> bytes:
    return made.safetensors([tensor for each in some for tensor in each])


BOTH = {
    "behind words": file(tensors(1), tensors(2, "second.unet.")),
    "both behind words": file(tensors(1, "a.unet."), tensors(2, "b.unet.")),
    "under two names": file(tensors(1, name="default"), tensors(2, name="style")),
    "under two beginnings": file(tensors(1), tensors(2, "diffusion_model.")),
    "behind one that is zero": file(tensors(1, scale=0.0), tensors(2, "second.unet.")),
}
ALONE = file(tensors(2, dtype="<f4"))
FIRST = file(tensors(1, dtype="<f4"))
STRANGER = file(tensors(3, dtype="<f4"))


@pytest.mark.parametrize("how", BOTH)
def test_either_of_two_is_known_alone(store: Store, how: str) -> None:
    removal = remove(store, sketched(BOTH[how]))
    index = known(store)
    for alone in (ALONE,) if "zero" in how else (FIRST, ALONE):
        (match,) = index.match_fingerprint(read(alone))
        assert (match.removal, match.rung) == (removal, Rung.WEIGHTS)
        assert match.evidence[0].figures["modules"] == len(LAYERS)
        assert [each.removal for each in NamedIndex(index, {}).upload(read(alone))] == [removal]
        (seen,) = go(FakeHub({"x": alone}), index).seen
        assert [each.removal for each in seen.matches] == [removal]
    assert not index.match_fingerprint(read(STRANGER))


@pytest.mark.parametrize("how", BOTH)
def test_a_file_with_two_is_known_for_the_second(store: Store, how: str) -> None:
    removal = remove(store, sketched(ALONE))
    index = known(store)
    assert [match.removal for match in index.match_fingerprint(read(BOTH[how]))] == [removal]
    (seen,) = go(FakeHub({"x": BOTH[how]}), index).seen
    assert [match.removal for match in seen.matches] == [removal]


@pytest.mark.parametrize("removed", ["both", "one"])
def test_what_was_seen_before_is_known(store: Store, removed: str) -> None:
    """Of what a scan read every adapter is kept."""
    both, one = BOTH["under two names"], ALONE
    before, after = (one, both) if removed == "both" else (both, one)
    decoy = remove(store, sketched(STRANGER))
    found = go(FakeHub({"x": before}), known(store))
    with store.write() as connection:
        record(connection, found)
        kept = schema.read_sketches.c
        query = select(kept.kind, kept.complete).order_by(kept.version)
        assert [tuple(row) for row in connection.execute(query)] == [("adapter", 1)] + (
            [("further", 1)] if removed == "one" else []
        )
    removal = remove(store, sketched(after))
    assert {(id, rung) for _, id, rung in past(store, [removal])} == {(removal, Rung.WEIGHTS)}
    assert removal != decoy


def test_bytes_read_at_a_hub_teach_every_adapter(store: Store) -> None:
    both = BOTH["under two names"]
    removal = remove(store, listed(both))
    assert not known(store).match_fingerprint(read(ALONE))
    with store.write() as connection:
        assert teach(connection, read(both))
        assert not teach(connection, read(both)), "nothing more is in it"
    (match,) = known(store).match_fingerprint(read(ALONE))
    assert match.removal == removal


def test_what_an_earlier_release_knew_of_the_first_alone_is_known_of_all(store: Store) -> None:
    """An index that follows the store takes in what it learns of a claim that it has."""
    both = BOTH["under two names"]
    removal = remove(store, replace(sketched(both), further=()))
    index = known(store)
    assert not index.match_fingerprint(read(ALONE))
    with store.write() as connection:
        assert teach(connection, read(both))
    with store.read() as connection:
        index = index.followed(connection)
    assert [match.removal for match in index.match_fingerprint(read(ALONE))] == [removal]


def test_a_withdrawn_removal_is_known_for_none_of_its_adapters(store: Store) -> None:
    removal = remove(store, sketched(BOTH["behind words"]))
    index = known(store)
    with store.write() as connection:
        removals.withdraw(connection, KEYRING, removal, "sample reason")
    with store.read() as connection:
        for each in (index.followed(connection), RegistryIndex.load(connection, KEYRING)):
            assert not each.match_fingerprint(read(ALONE))


def test_a_saved_index_has_every_adapter(store: Store, tmp_path: Path) -> None:
    removal = remove(store, sketched(BOTH["behind words"]))
    key = secrets.token_bytes(32)
    folders.save(tmp_path / "index", key, known(store).parts(whole_sketches=True))
    opened = RegistryIndex.put_back(*folders.open_parts(tmp_path / "index", key))
    for alone in (FIRST, ALONE):
        assert [match.removal for match in opened.match_fingerprint(read(alone))] == [removal]


def test_more_adapters_than_are_read_are_said() -> None:
    many = [tensors(n, name=f"adapter{n}") for n in range(MOST + 3)]
    found = read(file(*many))
    assert len(found.further_sketches) == MOST
    (spot,) = found.blind
    assert (spot.code, spot.count) == ("second-adapter", 2 * 2 * len(LAYERS))


def test_what_of_a_further_adapter_is_left_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [replace(t, data=b"\xff\x7f" * (len(t.data) // 2)) for t in tensors(2, "second.unet.")]
    found = read(file(tensors(1), broken[:2], tensors(2, "second.unet.")[2:]))
    (spot,) = found.blind
    assert (spot.code, spot.count) == ("not-finite", 1)
    assert len(found.further_sketches) == 1
    monkeypatch.setattr(sketcher, "MOST_WORK", 1)
    monkeypatch.setattr(sketcher, "WORK_PER_BYTE", 0)
    (spot,) = read(BOTH["under two names"]).blind
    assert (spot.code, spot.count) == ("too-much-work", 2 * len(LAYERS))


def test_one_adapter_is_one_however_it_is_named() -> None:
    """A text encoder's layers under other words, other names of adapters in other layers."""
    shapes = {}
    for number, layer in enumerate(LAYERS):
        name = ("default", "other")[number % 2]
        shapes[f"unet.{layer}.lora_A.{name}.weight"] = (4, width(layer))
        shapes[f"unet.{layer}.lora_B.{name}.weight"] = (width(layer), 4)
    found = plan(listing(shapes))
    assert len(found.modules) == len(LAYERS)
    assert not any(reading.is_adapter for reading in found.readings)
    assert not found.not_read


def test_two_files_are_compared_by_the_adapters_that_are_most_alike() -> None:
    both = read(BOTH["behind words"])
    assert both.sketch is not None
    theirs = [decode(value) for value in (both.sketch, *both.further_sketches)]
    mine = read(ALONE).sketch
    assert mine is not None
    found = closest(theirs, [decode(mine)], NO_BACKGROUND)
    assert found is not None
    assert found[0] is theirs[1], "what no words wrap comes first"
    assert found[2].is_copy


def test_registry_add_says_how_many_and_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESEEN_HOME", str(tmp_path / "home"))
    path = tmp_path / "two.safetensors"
    path.write_bytes(BOTH["under two names"])
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(ALONE)
    store = ["--db", f"sqlite:///{tmp_path / 'store.db'}"]
    added = CliRunner().invoke(cli, ["registry", "add", str(path), *store])
    assert "1 more adapter in the file: each is known alone." in added.output
    told = CliRunner().invoke(cli, ["registry", "add", str(path), "--json", *store])
    (row,) = [json.loads(line) for line in told.output.splitlines() if line.startswith("{")]
    assert row["further_adapters"] == 1
    assert CliRunner().invoke(cli, ["check", str(alone), *store]).exit_code == 1
    same = CliRunner().invoke(cli, ["compare", str(path), str(alone)])
    assert "cosine" in same.output
    assert "Not a copy" not in same.output


def test_a_key_is_a_pk_and_a_number() -> None:
    assert further.key(7, 2) == 7
    for version in (further.FIRST, further.FIRST + 6):
        key = further.key(7, version)
        assert key != 7
        assert further.pk_of(key) == 7
    assert further.pk_of(-1) == -1


@pytest.mark.parametrize("seed", range(6))
def test_words_that_change_from_layer_to_layer_part_no_adapter(store: Store, seed: int) -> None:
    """A copy beside strangers of the same layers, its names wrapped anew for each layer."""
    numbers = np.random.default_rng(seed)
    words = ["".join(numbers.choice(list("bcdfgh"), 6)) for _ in range(numbers.integers(2, 9))]

    def wrapped(tensor: made.Tensor) -> made.Tensor:
        layer = tensor.name.partition(".lora_")[0]
        word = words[sum(map(ord, layer)) % len(words)]
        return made.Tensor(f"{word}.{tensor.name}", tensor.dtype, tensor.shape, tensor.data)

    whole = sketched(made.safetensors(tensors(1)))
    removal = remove(store, whole)
    beside = tensors(2) + (tensors(3, "other.words.") if seed % 2 else [])
    file = read(made.safetensors([*beside, *map(wrapped, tensors(1))]))
    assert whole.sketch in file.further_sketches
    found = known(store).match_fingerprint(file)
    assert [(match.removal, match.rung) for match in found] == [(removal, Rung.WEIGHTS)]


def test_adapters_of_other_layers_put_together_are_each_known(store: Store) -> None:
    half = [t for t in tensors(1) if ".attentions.0." in t.name]
    other = [t for t in tensors(2, "b.words.") if ".attentions.1." in t.name]
    ids = {remove(store, sketched(made.safetensors(some))) for some in (half, other)}
    named = [replace(t, name=f"a.words.{t.name}") for t in half]
    found = known(store).match_fingerprint(read(made.safetensors([*tensors(3), *named, *other])))
    assert {match.removal for match in found if match.rung is Rung.WEIGHTS} == ids


def mixed(count: int, keep: int = len(LAYERS), dtype: str = "<f2") -> bytes:
    """So many adapters, of which any has any of the words from layer to layer. `keep`: layers of
    the first that are left in it; the rest are a stranger's."""
    rng = np.random.default_rng(17)
    all_of = [dict(factors(seed)) for seed in (1, *range(40, 39 + count))]
    stranger = factors(99)
    for layer in LAYERS[keep:]:
        all_of[0][layer] = stranger[layer]
    some: list[made.Tensor] = []
    for layer in LAYERS:
        for word, which in enumerate(rng.permutation(count)):
            for side, values in zip(("lora_A", "lora_B"), all_of[which][layer], strict=True):
                data = values.astype(dtype).tobytes()
                name = f"word{word}.unet.{layer}.{side}.weight"
                some.append(made.Tensor(name, "F16", values.shape, data))
    return made.safetensors(some)


@pytest.mark.parametrize("count", [3, 5, 8])
def test_an_adapter_that_is_spread_over_several_is_a_lead(store: Store, count: int) -> None:
    removal = remove(store, sketched(FIRST))
    (match,) = known(store).match_fingerprint(read(mixed(count)))
    (said,) = match.evidence
    assert (match.removal, match.rung, said.kind) == (removal, Rung.HINT, "sketch-mixed")
    assert "its layers are spread over several adapters" in said.why
    assert said.figures["modules"] == len(LAYERS)


def test_what_is_spread_and_is_half_a_strangers_is_none(store: Store) -> None:
    remove(store, sketched(FIRST))
    assert not known(store).match_fingerprint(read(mixed(4, keep=len(LAYERS) // 2)))
