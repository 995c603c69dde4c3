"""Hypernetworks: their linear layers are modules of their own, as an unknown network's are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tests.files import build
from tests.files.build import T
from tests.match.made import KEYRING, known

from reseen.fingerprints.whole import fingerprint
from reseen.records import Match, Rung
from reseen.registry.adds import add_files
from reseen.store.database import Store

Layers = dict[tuple[int, int, int], NDArray[np.float64]]
"""By width, keys or values, number."""


def layers(person: int) -> Layers:
    numbers = np.random.default_rng(person)
    return {
        (width, side, n): 0.02 * numbers.standard_normal((64, 64))
        for width in (320,)
        for side in (0, 1)
        for n in (0, 1)
    }


def tensor(values: NDArray[np.float64], dtype: str) -> T:
    return T(dtype, values.shape, values.astype({"F32": "<f4", "F16": "<f2"}[dtype]).tobytes())


def webui(some: Layers, dtype: str = "F32", *, old: bool = False) -> bytes:
    """As stable-diffusion-webui writes it: a pair of state dicts for each width. `old`: with the
    names that layers had before they had numbers."""
    tensors: dict[str, T] = {}
    pairs = b""
    for width in sorted({width for width, _, _ in some}):
        sides = []
        for side in (0, 1):
            inner: dict[str, bytes] = {}
            for (w, s, n), values in some.items():
                if (w, s) == (width, side):
                    name = f"linear{n + 1}" if old else f"linear.{n}"
                    bias = np.zeros(values.shape[0])
                    for what, each in (("weight", values), ("bias", bias)):
                        key = str(len(tensors))
                        tensors[key] = tensor(each, dtype)
                        inner[f"{name}.{what}"] = build.tensor(key, tensors[key])
            sides.append(build.dictionary(inner))
        pairs += build.number(width) + build.values(*sides)
    pairs += build.text("name") + build.text("sample person 07")
    pairs += build.text("layer_structure") + build.sequence([build.number(1), build.number(2)])
    return build.torch_zip(tensors, b"}(" + pairs + b"u")


def matched(store: Store, folder: Path, data: bytes) -> tuple[Match, ...]:
    path = folder / "seen"
    path.write_bytes(data)
    return known(store).match_fingerprint(fingerprint(path))


def test_a_copy_is_found_and_a_stranger_is_none(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "removed.pt"
    path.write_bytes(webui(layers(7)))
    (added,) = add_files(store, KEYRING, [path])
    person = layers(7)
    copies = {
        "half precision": webui(person, "F16"),
        "older names": webui(person, old=True),
        "weaker": webui({place: 0.5 * values for place, values in person.items()}),
        "safetensors": build.safetensors(
            {f"{w}.{s}.linear.{n}.weight": tensor(v, "F16") for (w, s, n), v in person.items()}
        ),
    }
    for how, data in copies.items():
        (match,) = matched(store, tmp_path, data)
        assert match.removal == added.removal, how
        assert match.rung >= Rung.WEIGHTS
        assert "sketch" in {e.kind for e in match.evidence} or match.rung is Rung.TENSORS, how
    assert matched(store, tmp_path, webui(layers(8))) == ()
