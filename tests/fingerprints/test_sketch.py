"""reseen-sketch-1 is what docs/sketch.md says, and keeps its promises."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reseen.errors import Malformed
from reseen.fingerprints import sketch as sketches
from reseen.fingerprints.modules import Module, module
from reseen.fingerprints.probes import OTHERS, PROBES, UNKNOWN
from reseen.fingerprints.signs import signs
from reseen.fingerprints.sketch import Sketch, assemble, decode
from reseen.updates.column_space import ColumnSpace
from reseen.updates.forms import Dense, LowRank
from reseen.updates.update import Update

VECTORS = json.loads(Path(__file__).with_name("sketch_vectors.json").read_text())
PAGE = (Path(__file__).parents[2] / "docs" / "sketch.md").read_text()

Matrix = NDArray[np.float32]


def vector_update(name: str, out: int, inn: int, rank: int) -> Update:
    left = [[((7 * i + 3 * k) % 11 - 5) / 8 for k in range(rank)] for i in range(out)]
    right = [[((5 * j + 2 * k) % 13 - 6) / 8 for j in range(inn)] for k in range(rank)]
    form = LowRank(np.array(left, np.float32), np.array(right, np.float32))
    return Update(name, (out, inn, 1, 1), form)


def from_vector(given: dict[str, Any]) -> Update:
    return vector_update(given["name"], given["out"], given["in"], given["rank"])


def made(update: Update) -> Module:
    found = module(update)
    assert found is not None
    return found


def sketch_of(*updates: Update, architecture: str = "sd1") -> Sketch:
    modules = {u.name: made(u) for u in updates}
    found = assemble(modules, architecture=architecture, ranks=[4] * len(updates), complete=True)
    assert isinstance(found, Sketch)
    return found


def as_first(sketch: Sketch) -> Sketch:
    """What sketch 1 has of it."""
    return replace(sketch, components=None)


def random_update(name: str, seed: int, out: int = 48, inn: int = 32, rank: int = 4) -> Update:
    rng = np.random.default_rng(seed)
    left = rng.standard_normal((out, rank)).astype(np.float32)
    right = rng.standard_normal((rank, inn)).astype(np.float32)
    return Update(name, (out, inn, 1, 1), LowRank(left, right))


def test_the_streams_of_signs_are_those_of_the_page() -> None:
    given = VECTORS["signs"]
    for side, context in (
        ("rows", "reseen-sketch-1 rows"),
        ("columns", "reseen-sketch-1 columns"),
    ):
        matrix = signs(context, given["name"], 16)
        for i, byte in enumerate(bytes.fromhex(given[side])):
            for j in range(8):
                assert matrix[j, i] == (-1 if byte >> j & 1 else 1)


def test_the_matrix_of_a_module_is_that_of_the_page() -> None:
    given = VECTORS["module"]
    found = made(from_vector(given))
    assert np.allclose(found.s, np.array(given["s"]), atol=1e-3)
    assert found.norm == pytest.approx(given["norm"], rel=1e-5)


def test_the_stored_form_is_that_of_the_page() -> None:
    given = VECTORS["sketch"]
    updates = [from_vector(each) for each in given["modules"]]
    modules = {u.name: made(u) for u in updates}
    ranks = [each["rank"] for each in given["modules"]]
    found = assemble(modules, architecture=given["architecture"], ranks=ranks, complete=True)
    golden = decode(bytes.fromhex(given["hex"]))
    assert isinstance(found, Sketch)
    found = as_first(found)
    assert found.encode()[: 10 + 3 + 64] == bytes.fromhex(given["hex"])[: 10 + 3 + 64]
    assert (found.ids == golden.ids).all()
    assert np.abs(found.s.astype(int) - golden.s).max() <= 1
    assert np.allclose(found.norms, golden.norms, rtol=1e-5)
    searched = hashlib.sha256(golden.searched().tobytes()).hexdigest()
    assert searched == given["searched_sha256"]
    assert golden.encode().hex() == given["hex"]


def test_the_page_names_every_layer_that_is_searched() -> None:
    for name in PROBES:
        layer = name.split(".", 1)[1]
        parts = [p for p in PAGE.split("`") if p and p in layer]
        assert any(len(p) > 6 for p in parts), f"{name} is not on the page"
    assert f"the rank is {OTHERS} for a module of the parts" in " ".join(PAGE.split())
    assert f"else {UNKNOWN}." in PAGE


@given(st.integers(0, 2**32 - 1), st.floats(-3, 3), st.floats(-3, 3))
@settings(max_examples=25, deadline=None)
def test_it_is_linear(seed: int, x: float, y: float) -> None:
    a, b = random_update("unet.conv_in", seed), random_update("unet.conv_in", seed + 1)
    mixed = Update("unet.conv_in", a.shape, Dense(x * a.dense() + y * b.dense()))
    signs_p = signs("reseen-sketch-1 rows", "unet.conv_in", 48)
    signs_q = signs("reseen-sketch-1 columns", "unet.conv_in", 32)
    expected = x * made(a).s + y * made(b).s
    assert np.allclose(mixed.project(signs_p, signs_q), expected, atol=1e-2)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_it_does_not_depend_on_the_factors(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = random_update("unet.conv_in", seed)
    assert isinstance(a.form, LowRank)
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0].astype(np.float32) * 3
    other = LowRank(a.form.left @ turn, (np.linalg.inv(turn) @ a.form.right).astype(np.float32))
    b = Update(a.name, a.shape, other)
    first, second = sketch_of(a), sketch_of(b)
    assert np.abs(first.s.astype(int) - second.s).max() <= 1
    assert np.abs(first.searched().astype(int) - second.searched()).max() <= 2


def test_the_product_of_two_sketches_estimates_the_product_of_the_updates() -> None:
    names = [f"unet.layer_{n}" for n in range(400)]
    total = expected = 0.0
    for n, name in enumerate(names):
        a, b = random_update(name, n), random_update(name, n + 10_000)
        b = Update(name, a.shape, Dense(0.5 * a.dense() + b.dense()))
        total += float(np.vdot(made(a).s, made(b).s)) / 64
        expected += float(np.vdot(a.dense(), b.dense()))
    assert total == pytest.approx(expected, rel=0.1)


def test_zero_tiny_and_unfinite_updates_have_no_sketch() -> None:
    zero = Update("unet.conv_in", (8, 8, 1, 1), Dense(np.zeros((8, 8), np.float32)))
    assert module(zero) is None
    broken = Update("unet.conv_in", (8, 8, 1, 1), Dense(np.full((8, 8), np.nan, np.float32)))
    assert module(broken) is None
    tiny = Update("unet.conv_in", (8, 8, 1, 1), Dense(np.full((8, 8), 1e-12, np.float32)))
    reason = assemble({"unet.conv_in": made(tiny)}, architecture="sd1", ranks=[1], complete=True)
    assert isinstance(reason, str)
    assert "tiny" in reason
    assert isinstance(assemble({}, architecture="sd1", ranks=[], complete=True), str)


def test_no_sketch_takes_more_than_192_kib() -> None:
    one = np.ones((8, 8), np.float32)
    space = ColumnSpace(one, 4)
    many = {f"unet.{n}": Module(f"unet.{n}", one, 1.0, space, one) for n in range(2_500)}
    found = assemble(many, architecture="sdxl", ranks=[16] * 2_500, complete=True)
    assert isinstance(found, Sketch)
    assert len(found.ids) == sketches.MOST_MODULES
    assert found.components is not None
    assert len(found.components.ids) == sketches.MOST_COMPONENTS
    assert len(found.encode()) <= 192 * 1024
    assert found.searched().nbytes <= 1024


def test_junk_pushes_no_known_module_out() -> None:
    one = np.ones((8, 8), np.float32)
    junk = {f"model.{n}": Module(f"model.{n}", one, 1.0) for n in range(5_000)}
    real = {f"unet.{n}": Module(f"unet.{n}", one, 1.0) for n in range(100)}
    found = assemble(junk | real, architecture="sd1", ranks=[4], complete=True)
    assert isinstance(found, Sketch)
    assert {sketches.module_id(name) for name in real} <= set(found.ids.tolist())
    assert set(found.slots.tolist()) <= {sketches.module_id(name) for name in real}


def test_dropping_modules_leaves_the_other_slots_as_they_are() -> None:
    updates = [random_update(f"unet.layer_{n}", n) for n in range(64)]
    whole = sketch_of(*updates).slots
    half = sketch_of(*updates[::2]).slots
    kept = {sketches.module_id(u.name) for u in updates[::2]}
    for before, after in zip(whole, half, strict=True):
        if int(before) in kept:
            assert before == after


def test_known_layers_are_searched_where_they_are_present() -> None:
    names = [name for name in PROBES if name.startswith("unet.")]
    updates = [random_update(name, n) for n, name in enumerate(names)]
    others = [random_update(f"unet.layer_{n}", n) for n in range(200)]
    found = sketch_of(*updates, *others)
    known = {sketches.module_id(name) for name in names}
    assert all(int(id_) in known for id_ in found.slots)


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_foreign_bytes_are_refused_or_read_back_as_they_are(data: bytes) -> None:
    try:
        found = decode(data)
    except Malformed:
        return
    assert found.encode() == data


@given(st.integers(0, 400), st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_a_changed_sketch_is_refused_or_stays_readable(at: int, value: int) -> None:
    data = bytearray(bytes.fromhex(VECTORS["sketch"]["hex"]))
    data[at % len(data)] = value
    try:
        found = decode(bytes(data))
    except Malformed:
        return
    assert found.searched().shape == (1024,)
