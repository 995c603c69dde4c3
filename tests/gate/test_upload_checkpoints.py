"""POST /v1/check/file: a checkpoint with a removed model inside is held where its base is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.gate import standing
from tests.gate.standing import key, knows, running, settings_in
from tests.match.checkpoints_made import (
    HIDING,
    as_adapter,
    base,
    checkpoint,
    hidden,
    person,
    plus,
    updates,
)
from tests.match.made import KEYRING

from reseen.fingerprints import passing_layers
from reseen.fingerprints.passing_layers import PassingLayers
from reseen.gate.keys import KeyScope
from reseen.operations import bases
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
