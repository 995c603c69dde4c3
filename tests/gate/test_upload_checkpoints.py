"""POST /v1/check/file: a checkpoint with a removed model inside is held where its base is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.files import build, packed
from tests.gate import standing
from tests.gate.standing import key, knows, running, settings_in
from tests.match.checkpoints_made import (
    HIDING,
    Weights,
    as_adapter,
    base,
    checkpoint,
    gguf_checkpoint,
    hidden,
    person,
    plus,
    updates,
)
from tests.match.made import KEYRING

from replica import made
from reseen.fingerprints import passing_layers, weight_sketch
from reseen.fingerprints.passing_layers import PassingLayers
from reseen.gate.keys import KeyScope
from reseen.gate.upload_work import MOST_CHECKPOINTS, read_upload
from reseen.match.checkpoint_layers import read_base
from reseen.match.checkpoints import KnownBase, against
from reseen.operations import bases
from reseen.records import Fingerprint
from reseen.registry.adds import add_files
from reseen.store.database import Store

BINARY = {"Content-Type": "application/octet-stream"}
BAKED = checkpoint(plus(base(), updates(person(7))))


def test_what_is_inside_is_held_and_an_unknown_base_is_said(store: Store, tmp_path: Path) -> None:
    (tmp_path / "removed").write_bytes(as_adapter(person(7)))
    (tmp_path / "base").write_bytes(checkpoint(base()))
    (added,) = add_files(store, KEYRING, [tmp_path / "removed"])
    innocent = checkpoint(plus(base(), updates(person(8))))
    with running(settings_in(tmp_path), store) as gate:
        client, sender = standing.client(gate), key(store, KeyScope.FILE) | BINARY
        knows(gate, store)

        def answer(file: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
            response = client.post("/v1/check/file", content=file, headers=sender)
            assert response.status_code == 200, response.text
            (result,) = response.json()["results"]
            return dict(result), dict(response.json()["file"])

        def spots(file: dict[str, Any]) -> list[str]:
            return [spot["code"] for spot in file["not_read"]]

        result, file = answer(BAKED)
        assert result == {"advice": "allow", "matches": []}
        assert (spots(file), file["judged_by"]) == (["no-base"], ["bytes", "tensors"])
        assert "of which no base is known" in file["not_read"][0]["reason"]

        bases.add(store, KEYRING, tmp_path / "base", "Sample base 1.0")
        knows(gate, store)
        result, file = answer(BAKED)
        assert result["advice"] == "hold"
        (match,) = result["matches"]
        told = (match["removal"], match["rung"], match["kind"])
        assert told == (added.removal, "component", "sketch-checkpoint")
        assert "beside the base Sample base 1.0" in match["why"]
        assert (spots(file), file["judged_by"]) == ([], ["bytes", "tensors", "weights"])

        result, file = answer(innocent)
        assert result == {"advice": "allow", "matches": []}
        assert file["judged_by"] == ["bytes", "tensors", "weights"]
        result, file = answer(checkpoint(base(2)))
        assert result == {"advice": "allow", "matches": []}
        assert (spots(file), file["judged_by"]) == (["no-base"], ["bytes", "tensors"])
        for how in HIDING:  # the base is told, and most of it is not read
            result, file = answer(hidden(plus(base(), updates(person(7))), base(), how))
            assert (spots(file), file["judged_by"]) == (["layers-not-read"], ["bytes", "tensors"])
            assert file["only_digests"] is not None
        spoiled = {name: each.copy() for name, each in base().items()}
        for each in list(spoiled.values())[::4]:
            each[0, 0] = np.nan
        result, file = answer(checkpoint(spoiled))
        assert spots(file) == ["layers-not-read", "not-read"]
        assert [spot["count"] for spot in file["not_read"]] == [18, 18]


@pytest.mark.parametrize("piece", [1 << 10, 5_000, 1 << 20, len(BAKED)])
def test_layers_pass_by_in_pieces_of_any_size(piece: int) -> None:
    with PassingLayers(len(BAKED)) as layers:
        cut = [BAKED[at : at + piece] for at in range(0, len(BAKED), piece)]
        assert b"".join(layers.passing(cut)) == BAKED
        found = layers.read()
    assert found is not None
    with PassingLayers(len(BAKED)) as layers:
        assert [*layers.passing([BAKED])] == [BAKED]
        again = layers.read()
    assert again is not None
    assert found.sketch.encode() == again.sketch.encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x10",
        b"\xff" * 8 + BAKED[8:],
        (1 << 40).to_bytes(8, "little") + BAKED[8:],
        BAKED[:8] + b"[" * 200_000,
        BAKED[: len(BAKED) // 2],
        as_adapter(person(7)),
    ],
)
def test_what_is_no_checkpoint_passes_by(data: bytes) -> None:
    with PassingLayers(len(data)) as layers:
        assert b"".join(layers.passing([data])) == data
        assert layers.read() is None


def test_no_more_is_put_aside_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing_layers, "MOST_BYTES", 20 * 96 * 96 * 2)
    with PassingLayers(len(BAKED)) as layers:
        assert [*layers.passing([BAKED])]
        found = layers.read()
    assert found is not None
    assert len(found.sketch.ids) == 20


def as_torch(data: bytes) -> bytes:
    tensors, _ = made.opened(data)
    return build.torch_zip({t.name: build.T(t.dtype, t.shape, t.data) for t in tensors})


def as_gguf(folder: Path, weights: Weights, kind: str) -> bytes:
    pytest.importorskip("gguf")
    gguf_checkpoint(weights, kind, str(folder / "made.gguf"))
    return (folder / "made.gguf").read_bytes()


FORMS = ("torch", "torch legacy", "F16 in GGUF", "Q8_0", "Q5_1", "nf4", "nf4 nested", "fp4", "int8")


def in_form(folder: Path, weights: Weights, form: str) -> bytes:
    if form == "torch":
        return as_torch(checkpoint(weights))
    if form == "torch legacy":
        tensors, _ = made.opened(checkpoint(weights))
        return build.torch_legacy({t.name: build.T(t.dtype, t.shape, t.data) for t in tensors})
    if form.startswith(("Q", "F16 in")):
        return as_gguf(folder, weights, form.split()[0])
    return checkpoint(weights, form)


def read_as_upload(data: bytes) -> Fingerprint:
    """As its process does, in pieces."""
    return read_upload(
        [data[at : at + 5_000] for at in range(0, len(data), 5_000)], len(data), None
    )


@pytest.mark.parametrize("form", FORMS)
def test_layers_are_read_of_every_form(form: str, tmp_path: Path) -> None:
    read = read_as_upload(in_form(tmp_path, base(), form))
    assert read.weights is not None
    found = weight_sketch.decode(read.weights)
    assert len(found.ids) == 72
    path = tmp_path / "base"
    path.write_bytes(checkpoint(base()))
    known = [KnownBase("Sample base 1.0", read_base(path))]
    told = against(found, known).difference
    assert told is not None
    assert told.is_rounding


@pytest.mark.parametrize(
    ("form", "around"),
    [
        *(("torch", ""), ("torch legacy", ""), ("Q8_0", ""), ("nf4", "")),
        *(("F16", "zip"), ("torch", "tar"), ("nf4", "zip in tar")),
    ],
)
def test_what_is_inside_is_held_in_every_form(
    store: Store, tmp_path: Path, form: str, around: str
) -> None:
    (tmp_path / "removed").write_bytes(as_adapter(person(7)))
    (tmp_path / "base").write_bytes(checkpoint(base()))
    add_files(store, KEYRING, [tmp_path / "removed"])
    bases.add(store, KEYRING, tmp_path / "base", "Sample base 1.0")
    place = None
    strength = 2 if form == "nf4" else 1  # of 72 small layers a few bits hide an ordinary one
    file = in_form(tmp_path, plus(base(), updates(person(7), strength)), form)
    if "zip" in around:
        file, place = build.python_zip({"a/model.bin": file, "a/text": b"text" * 9}), "a/model.bin"
    if "tar" in around:
        name = "inner.zip" if place else "model.bin"
        file, place = packed.tar({name: file}), name if place is None else f"{name}!{place}"
    with running(settings_in(tmp_path), store) as gate:
        client, sender = standing.client(gate), key(store, KeyScope.FILE) | BINARY
        knows(gate, store)
        answer = client.post("/v1/check/file", content=file, headers=sender).json()
    (result,) = answer["results"]
    assert result["advice"] == "hold"
    (match,) = result["matches"]
    assert (match["rung"], match["kind"]) == ("component", "sketch-checkpoint")
    assert match.get("member") == place
    assert answer["file"]["not_read"] == []


def test_an_unknown_base_is_said_of_a_file_in_an_archive(store: Store, tmp_path: Path) -> None:
    (tmp_path / "removed").write_bytes(as_adapter(person(7)))
    add_files(store, KEYRING, [tmp_path / "removed"])
    file = build.python_zip({"model.safetensors": checkpoint(base())})
    with running(settings_in(tmp_path), store) as gate:
        client, sender = standing.client(gate), key(store, KeyScope.FILE) | BINARY
        knows(gate, store)
        answer = client.post("/v1/check/file", content=file, headers=sender).json()
    assert answer["results"][0]["advice"] == "allow"
    (member,) = answer["file"]["members"]
    assert [spot["code"] for spot in member["not_read"]] == ["no-base"]


def test_of_an_archive_some_checkpoints_are_looked_into(tmp_path: Path) -> None:
    data = checkpoint(base())
    many = {f"{n}.safetensors": data + bytes(0) for n in range(MOST_CHECKPOINTS + 2)}
    read = read_as_upload(build.python_zip(many))
    looked = [m.fingerprint.weights is not None for m in read.members]
    assert looked == [True] * MOST_CHECKPOINTS + [False] * 2


@pytest.mark.parametrize("form", ["F16", "nf4"])
def test_a_thousand_small_weights_as_if_in_4_bits_take_no_layers_place(form: str) -> None:
    state = b"{" + b" " * 98 + b"}"
    decoys = [
        each
        for n in range(1_000)
        for each in (
            made.Tensor(f"x{n}.weight", "U8", (1, 1), bytes(1)),
            made.Tensor(f"x{n}.weight.quant_state.bitsandbytes__nf4", "U8", (len(state),), state),
        )
    ]
    tensors, _ = made.opened(checkpoint(base(), form))
    read = read_as_upload(made.safetensors([*tensors, *decoys]))
    assert read.weights is not None
    assert len(weight_sketch.decode(read.weights).ids) >= 32


def test_states_of_small_weights_before_all_others_hide_none() -> None:
    decoys = [
        each
        for n in range(5_000)
        for each in (
            made.Tensor(f"x{n}.weight", "U8", (1, 1), bytes(1)),
            made.Tensor(f"x{n}.weight.quant_state.bitsandbytes__nf4", "U8", (2,), b"{}"),
        )
    ]
    tensors, _ = made.opened(checkpoint(base(), "nf4"))
    read = read_as_upload(made.safetensors([*decoys, *tensors]))
    assert read.weights is not None
    assert len(weight_sketch.decode(read.weights).ids) >= 32


def test_nothing_is_read_of_the_class_in_any_form(tmp_path: Path) -> None:
    class Every:
        def is_never_read(self, kind: int, value: bytes) -> bool:
            return True

    for form in ("torch", "nf4"):
        data = in_form(tmp_path, base(), form)
        for file in (data, build.python_zip({"model.bin": data})):
            read = read_upload([file], len(file), Every())
            assert read.weights is None
            assert not read.members
