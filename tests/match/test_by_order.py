"""Layers without names are known by their order at most: what is like a removal so is a lead."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import select
from tests.match.made import known, read, remove
from tests.match.updates import sketched
from tests.scan.fake_hub import FakeHub
from tests.scan.test_screen import Factors, go, large, saved

from replica import made
from reseen.cli.check import check
from reseen.cli.leads import leads
from reseen.fingerprints.sketch import decode
from reseen.match.compare import Relation
from reseen.match.stated import NamedIndex
from reseen.records import Rung
from reseen.scan.record import record
from reseen.store import schema
from reseen.store.database import Store
from reseen.updates.names.known import BY_ORDER
from reseen.updates.names.known import known as known_table

FACTORS = large(1, rank=2)


def numbers(number: int, name: str, side: str) -> str:
    return f"t{2 * number + (side == 'lora_up')}"


def trainer(number: int, name: str, side: str) -> str:
    return f"net/block_{number}/{'first' if side == 'lora_down' else 'second'}"


def hashes(number: int, name: str, side: str) -> str:
    return f"{hashlib.sha256(name.encode()).hexdigest()[:12]}.{side}.weight"


def layers(number: int, name: str, side: str) -> str:
    return f"layer{number}.{side}.weight"


NAMES = {"numbers": numbers, "a trainer": trainer, "hashes": hashes, "layers by number": layers}


def named(
    factors: Factors, name: Callable[[int, str, str], str], dtype: str = "<f4", scale: float = 0.7
) -> bytes:
    """The layers in the order of their names in the model, under other names."""
    kind = {"<f2": "F16", "<f4": "F32"}[dtype]
    tensors = []
    for number, layer in enumerate(factors):
        down, up = factors[layer]
        for side, values in (("lora_down", down), ("lora_up", up * scale)):
            data = values.astype(dtype).tobytes()
            tensors.append(made.Tensor(name(number, layer, side), kind, values.shape, data))
    return made.safetensors(tensors)


@pytest.mark.parametrize("how", NAMES)
def test_a_copy_whose_names_tell_nothing_is_a_lead(store: Store, how: str) -> None:
    removal = remove(store, sketched(saved(FACTORS)))
    copy = read(named(FACTORS, NAMES[how]))
    assert copy.sketch is not None
    assert not decode(copy.sketch).architecture.endswith(BY_ORDER)
    assert any(decode(other).architecture == f"sd1{BY_ORDER}" for other in copy.other_sketches)
    (match,) = known(store).match_fingerprint(copy)
    assert (match.removal, match.rung) == (removal, Rung.HINT)
    (said,) = match.evidence
    assert said.kind == "sketch-by-order"
    assert "uncertain" in said.why
    assert said.figures["relation"] == "by order"
    assert said.figures["modules"] == len(FACTORS)


@pytest.mark.parametrize("how", ["padded", "another model's names"])
def test_it_is_a_lead_whatever_stands_beside_it(store: Store, how: str) -> None:
    """Padding under known names decides nothing, nor do names whose layers have other sizes."""
    removal = remove(store, sketched(saved(FACTORS)))
    others = list(known_table("flux").layers)
    if how == "padded":
        tensors = made.opened(named(FACTORS, layers))[0]
        for i in range(12):
            name = f"text_encoder.text_model.encoder.layers.{i}.mlp.fc1"
            for side, shape in (("lora_up", (3072, 64)), ("lora_down", (64, 768))):
                zeros = np.zeros(shape, "<f4").tobytes()
                tensors.append(made.Tensor(f"{name}.{side}.weight", "F32", shape, zeros))
        data = made.safetensors(tensors)
    else:
        data = named(FACTORS, lambda number, _, side: f"transformer.{others[number]}.{side}.weight")
    copy = read(data)
    assert [spot.code for spot in copy.blind] == ["own-names"]
    (match,) = known(store).match_fingerprint(copy)
    assert (match.removal, match.evidence[0].kind) == (removal, "sketch-by-order")


def test_a_stranger_whose_names_tell_nothing_is_none(store: Store) -> None:
    remove(store, sketched(saved(FACTORS)))
    assert not known(store).match_fingerprint(read(named(large(2, rank=2), numbers)))


def test_names_go_before_order(store: Store) -> None:
    """A copy under names that the removal has too is no lead but a match."""
    removal = remove(store, sketched(named(FACTORS, trainer, "<f2")))
    (match,) = known(store).match_fingerprint(read(named(FACTORS, trainer)))
    assert (match.removal, match.rung) == (removal, Rung.WEIGHTS)


def test_the_gate_accuses_nobody_by_order(store: Store) -> None:
    removal = remove(store, sketched(saved(FACTORS)))
    (found,) = NamedIndex(known(store), {}).upload(read(named(FACTORS, numbers)))
    assert (found.removal, found.rung, found.score) == (removal, Rung.HINT, None)


def test_a_scan_keeps_it_as_a_lead_and_no_sighting(store: Store) -> None:
    remove(store, sketched(saved(FACTORS)))
    found = go(FakeHub({"x": named(FACTORS, trainer)}), known(store))
    assert not found.seen[0].matches
    (lead,) = found.seen[0].hints
    assert lead.evidence[0].kind == "sketch-by-order"
    with store.write() as connection:
        assert not record(connection, found).new
        assert connection.scalar(select(schema.sightings.c.pk)) is None
        assert connection.scalar(select(schema.hints.c.kind)) == "sketch-by-order"


def test_a_lead_is_listed_with_its_reason(store: Store) -> None:
    removal = remove(store, sketched(saved(FACTORS)))
    with store.write() as connection:
        record(connection, go(FakeHub({"x": named(FACTORS, trainer)}), known(store)))
    asked = ["--db", store.place]
    words = CliRunner().invoke(leads, asked).output
    assert removal in words
    assert "similar weights; uncertain" in words
    (line,) = CliRunner().invoke(leads, [*asked, "--json"]).output.splitlines()
    told = json.loads(line)
    assert (told["removal"], told["kind"], told["digits"]) == (removal, "sketch-by-order", None)


def test_check_says_so_in_words_and_to_programs(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removal = remove(store, sketched(saved(FACTORS)))
    path = tmp_path / "x.safetensors"
    path.write_bytes(named(FACTORS, numbers))
    runner = CliRunner()
    told = runner.invoke(check, [str(path), "--db", store.place, "--quiet"])
    assert told.exit_code == 0
    assert removal in told.output
    assert "uncertain" in told.output
    told = runner.invoke(check, [str(path), "--db", store.place, "--json"])
    (match,) = json.loads(told.output)["matches"]
    assert match["rung"] == "hint"
    assert match["evidence"][0]["figures"]["relation"] == "by order"


def test_the_relation_accuses_nobody() -> None:
    assert not Relation.BY_ORDER.is_copy


def test_a_file_of_whole_weights_is_no_list_of_pairs() -> None:
    rows = np.ones((768, 768), "<f2").tobytes()
    tensors = [made.Tensor(f"l{i}.weight", "F16", (768, 768), rows) for i in range(20)]
    assert read(made.safetensors(tensors)).sketch is None
