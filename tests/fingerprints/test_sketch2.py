"""reseen-sketch-2 is what docs/sketch.md says: a second program, written from that page alone and
making every update in double precision, agrees with the product to within a step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from blake3 import blake3
from hypothesis import given as drawn_from
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import save

from reseen.errors import Malformed
from reseen.files.containers import read_listing
from reseen.files.source import Memory, run
from reseen.fingerprints.modules import Module, module
from reseen.fingerprints.sketch import Sketch, assemble, decode, module_id, preference
from reseen.fingerprints.sketcher import Sketcher, read_sketch
from reseen.updates.forms import Dense, LowRank
from reseen.updates.plan import plan
from reseen.updates.update import Update

VECTORS = json.loads(Path(__file__).with_name("sketch2_vectors.json").read_text())
Wide = NDArray[np.float64]
Array = NDArray[Any]

# -- the page, again ------------------------------------------------------------------------------


def drawn(context: str, name: str, count: int) -> Wide:
    stream = blake3(name.encode(), derive_key_context=context).digest(length=count)
    numbers = np.frombuffer(stream, np.uint8)
    return np.array([1.0 - 2.0 * (numbers >> j & 1) for j in range(8)])


@dataclass(frozen=True)
class Page:
    """What the page says of one module."""

    s: Wide
    norm: float
    space: Wide
    rank: int
    up: Wide | None


def projector(matrix: Wide) -> tuple[Wide, float]:
    """Π, by the singular values: s² / (s² + ε τ)."""
    u, s, _ = np.linalg.svd(matrix, full_matrices=False)
    weights = s**2 / (s**2 + 1e-8 * np.sum(s**2))
    return (u * weights) @ u.T, float(weights.sum())


def of_page(name: str, delta: Wide, *, up: Wide | None = None, directions: bool = False) -> Page:
    out, columns = delta.shape
    p = drawn("reseen-sketch-1 rows", name, out)
    q = drawn("reseen-sketch-1 columns", name, columns)
    other = drawn("reseen-sketch-2 rows", name, out)
    told = delta
    if directions:
        stream = drawn("reseen-sketch-2 directions", name, 8 * columns)
        omega = np.concatenate(np.split(stream, 8, axis=1))
        told = delta @ omega.T
    pi, trace = projector(told)
    g = drawn("reseen-sketch-2 ranks", name, 512)
    return Page(
        s=p @ delta @ q.T,
        norm=float(np.linalg.norm(delta)),
        space=p @ pi @ other.T,
        rank=round(trace),
        up=None if up is None else p @ up @ g[:, : up.shape[1]].T,
    )


def in_steps(matrix: Wide) -> tuple[float, Wide]:
    scale = float(np.abs(matrix).max() / 127)
    return scale, np.rint(matrix.reshape(64) / scale)


def check(found: Sketch, name: str, page: Page) -> None:
    """Each stored number within a step of the page's."""
    at = int(np.searchsorted(found.ids, module_id(name)))
    assert found.ids[at] == module_id(name), name
    more = found.components
    assert more is not None
    k = int(np.searchsorted(more.ids, module_id(name)))
    assert more.ids[k] == module_id(name), name
    assert found.norms[at] == pytest.approx(page.norm, rel=1e-5), name
    stored = [(found.scales[at], found.s[at], page.s, "s")]
    stored.append((more.space_scales[k], more.space[k], page.space, "space"))
    assert more.has_space[k], name
    assert more.has_up[k] == (page.up is not None), name
    if page.up is not None:
        stored.append((more.up_scales[k], more.up[k], page.up, "up"))
    for scale, steps, matrix, what in stored:
        own_scale, own = in_steps(matrix)
        assert scale == pytest.approx(own_scale, rel=5e-3), (name, what)
        assert np.abs(steps - own).max() <= 1, (name, what)
    assert abs(int(more.ranks[k]) - page.rank) <= 1, name


# -- files ----------------------------------------------------------------------------------------


class File:
    """A file as it is made, and what the page says of each of its modules."""

    def __init__(self, seed: int, dtype: Any) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype = np.dtype(dtype)
        self.tensors: dict[str, Array] = {}
        self.pages: dict[str, Page] = {}

    def add(self, layer: str, **arrays: Array) -> dict[str, Wide]:
        """Tensors of a layer; as doubles, what was stored."""
        kept = {role: array.astype(self.dtype) for role, array in arrays.items()}
        self.tensors |= {f"{layer}.{role.replace('__', '.')}": a for role, a in kept.items()}
        return {role: array.astype(np.float64) for role, array in kept.items()}

    def normal(self, *shape: int) -> Wide:
        return self.rng.standard_normal(shape)

    def says(self, layer: str, delta: Wide, **more: Any) -> None:
        name = f"model.{layer}"
        self.pages[name] = of_page(name, delta, **more)

    def sketch(self) -> Sketch:
        data = save({name: np.ascontiguousarray(a) for name, a in self.tensors.items()})
        planned = plan(run(Memory(data), read_listing(len(data))))
        assert {module.name for module in planned.modules} >= set(self.pages)
        made = run(Memory(data), read_sketch(planned)).sketch
        assert made is not None
        fed = Sketcher(planned)
        for start in range(0, len(data), 10_007):
            fed.feed(data[start : start + 10_007])
        streamed = fed.finish().sketch
        assert streamed is not None
        assert streamed.encode() == made.encode()
        assert decode(made.encode()).encode() == made.encode()
        return made

    def lora(self, layer: str, up: Wide, down: Wide, alpha: float | None = None) -> None:
        arrays = {"lora_up__weight": up, "lora_down__weight": down}
        if alpha is not None:
            arrays["alpha"] = np.array(alpha)
        kept = self.add(layer, **arrays)
        b = kept["lora_up__weight"].reshape(len(up), -1)
        a = kept["lora_down__weight"].reshape(len(down), -1)
        scale = 1.0 if alpha is None else alpha / len(down)
        self.says(layer, scale * (b @ a), up=b)


def two_factors(file: File) -> None:
    """LoRA and all that is held as one product."""
    file.lora("linear", file.normal(48, 4), file.normal(4, 32), 2.0)
    file.lora("plain", file.normal(40, 6), 1e-3 * file.normal(6, 64))
    file.lora("conv", file.normal(24, 4, 1, 1), file.normal(4, 8, 3, 3), 4.0)
    file.lora("tiny", 1e-3 * file.normal(32, 4), 1e-2 * file.normal(4, 24))
    file.lora("wide", file.normal(6, 24), file.normal(24, 40))
    b, a = file.normal(40, 5), file.normal(5, 48)
    file.lora("doubled", np.concatenate((b, b), 1), np.concatenate((a, a)))
    file.lora("half_doubled", np.concatenate((b, b), 1), file.normal(10, 48))
    file.lora("opposed", np.concatenate((b, b), 1), np.concatenate((a, -0.5 * a)))
    file.lora("emptied", np.concatenate((b, 0 * b), 1), file.normal(10, 48))
    file.lora("fading", file.normal(64, 12) * np.logspace(0, -2.4, 12), file.normal(12, 56))
    turn = np.linalg.qr(file.normal(12, 12))[0]
    fading = file.normal(64, 12) * np.logspace(0, -4, 12)
    file.lora("mixed", fading @ turn, turn.T @ file.normal(12, 56))
    file.lora("unsure", file.normal(48, 6), file.normal(6, 48) * np.logspace(0, -4, 6)[:, None])


def other_algorithms(file: File) -> None:
    kept = file.add(
        *("cored",),
        lora_up__weight=file.normal(24, 4, 1, 1),
        lora_mid__weight=file.normal(4, 4, 3, 3),
        lora_down__weight=file.normal(4, 8, 1, 1),
    )
    b, core, a = (kept[f"lora_{part}__weight"] for part in ("up", "mid", "down"))
    cored = np.einsum("or,rshw,si->oihw", b[:, :, 0, 0], core, a[:, :, 0, 0]).reshape(24, -1)
    file.says("cored", cored)

    kept = file.add(
        *("dora",),
        lora_up__weight=file.normal(32, 4),
        lora_down__weight=file.normal(4, 24),
        dora_scale=file.normal(32, 1),
    )
    up = kept["lora_up__weight"]
    file.says("dora", up @ kept["lora_down__weight"], up=up)

    for layer, (out, inn, rank), found in (
        ("hadamard", (48, 40, 2), False),
        ("hadamard_wide", (96, 64, 16), True),
    ):
        shapes = {"hada_w1_a": (out, rank), "hada_w1_b": (rank, inn)}
        shapes |= {"hada_w2_a": (out, rank), "hada_w2_b": (rank, inn)}
        kept = file.add(layer, **{role: file.normal(*s) for role, s in shapes.items()})
        one = kept["hada_w1_a"] @ kept["hada_w1_b"]
        file.says(layer, one * (kept["hada_w2_a"] @ kept["hada_w2_b"]), directions=found)

    kept = file.add("kron", lokr_w1=file.normal(4, 4), lokr_w2=file.normal(12, 16))
    file.says("kron", np.kron(kept["lokr_w1"], kept["lokr_w2"]), directions=True)
    kept = file.add(
        *("kron_low",),
        lokr_w1=file.normal(4, 4),
        lokr_w2_a=file.normal(24, 2),
        lokr_w2_b=file.normal(2, 20),
    )
    low = np.kron(kept["lokr_w1"], kept["lokr_w2_a"] @ kept["lokr_w2_b"])
    file.says("kron_low", low, directions=True)

    whole = file.normal(72, 6) @ file.normal(6, 90) + 0.05 * file.normal(72, 90)
    kept = file.add("whole", diff=whole)
    file.says("whole", kept["diff"], directions=True)
    kept = file.add("whole_low", diff=file.normal(40, 3) @ file.normal(3, 56))
    file.says("whole_low", kept["diff"], directions=True)
    file.add("zero", lora_up__weight=0 * file.normal(32, 4), lora_down__weight=file.normal(4, 24))


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("fill", [two_factors, other_algorithms])
def test_a_program_written_from_the_page_agrees_within_a_step(fill: Any, dtype: Any) -> None:
    file = File(7, dtype)
    fill(file)
    found = file.sketch()
    for name, page in file.pages.items():
        check(found, name, page)
    assert module_id("model.zero") not in found.ids.tolist()


def test_factors_that_cancel_each_other_are_told_by_their_product() -> None:
    file = File(3, np.float32)
    b, c, a = file.normal(40, 4), file.normal(40, 4), file.normal(4, 48)
    kept = file.add(
        *("cancels",),
        lora_up__weight=1e4 * np.concatenate((b, b + 1e-3 * c), 1),
        lora_down__weight=np.concatenate((a, -a)),
    )
    up = kept["lora_up__weight"]
    delta = up @ kept["lora_down__weight"]
    other = File(3, np.float32)
    other.lora("cancels", c, -10 * a)
    found, whole = (f.sketch().components for f in (file, other))
    assert found is not None
    assert whole is not None
    rank = np.linalg.matrix_rank(delta, tol=1e-3 * np.linalg.norm(delta))
    assert rank == 4
    alike = found.space[0].astype(float) @ whole.space[0]
    assert alike / np.linalg.norm(found.space[0].astype(float)) / np.linalg.norm(
        whole.space[0].astype(float)
    ) == pytest.approx(1, abs=0.01)


# -- which modules --------------------------------------------------------------------------------


def many(count: int, zero: int = 0) -> tuple[bytes, list[str]]:
    rng = np.random.default_rng(1)
    names = [f"layer_{n:03}" for n in range(count)]
    ranked = sorted(names, key=lambda name: preference(f"model.{name}")[1:])
    tensors = {}
    for name in names:
        up = rng.standard_normal((8, 2)) * (name not in ranked[:zero])
        tensors[f"{name}.lora_up.weight"] = up.astype(np.float32)
        down = rng.standard_normal((2, 8)).astype(np.float32)
        tensors[f"{name}.lora_down.weight"] = down
    return save(tensors), ranked


@pytest.mark.parametrize(("count", "zero"), [(300, 0), (300, 9), (12, 2)])
def test_the_first_modules_of_the_file_have_components(count: int, zero: int) -> None:
    """Those that turn out to be zero count: a reader knows from the header which are to come."""
    data, ranked = many(count, zero)
    planned = plan(run(Memory(data), read_listing(len(data))))
    whole = run(Memory(data), read_sketch(planned)).sketch
    assert whole is not None
    assert whole.components is not None
    assert len(whole.ids) == count - zero
    first = {module_id(f"model.{name}") for name in ranked[zero:256]}
    assert set(whole.components.ids.tolist()) == first
    some = [f"model.{name}" for name in (*ranked[250:258], *ranked[-2:])]
    part = run(Memory(data), read_sketch(planned, some)).sketch
    assert part is not None
    assert part.components is not None
    assert set(part.components.ids.tolist()) == first & {module_id(name) for name in some}
    for id_ in part.components.ids:
        one, other = (np.flatnonzero(s.components.ids == id_) for s in (whole, part))
        assert (whole.components.space[one] == part.components.space[other]).all()


def test_objects_of_their_own_have_no_components() -> None:
    rng = np.random.default_rng(2)
    blocks = rng.standard_normal((4, 8, 8)).astype(np.float32)
    file = File(5, np.float32)
    file.lora("plain", file.normal(32, 4), file.normal(4, 32))
    file.tensors["turned.oft_blocks"] = blocks
    found = file.sketch()
    assert found.components is not None
    assert len(found.ids) == 2
    assert found.components.ids.tolist() == [module_id("model.plain")]


def test_it_does_not_depend_on_the_factors_nor_the_scale() -> None:
    rng = np.random.default_rng(4)
    left, right = rng.standard_normal((40, 6)), rng.standard_normal((6, 48))
    turn = rng.standard_normal((6, 6))
    forms = [
        LowRank(left.astype(np.float32), right.astype(np.float32)),
        LowRank((left @ turn).astype(np.float32), np.linalg.solve(turn, right).astype(np.float32)),
        LowRank(left.astype(np.float32), right.astype(np.float32), -3e-5),
        Dense((left @ right).astype(np.float32)),
    ]
    made = [
        module(Update("unet.conv_in", (40, 48, 1, 1), form, plain=True), components=True)
        for form in forms
    ]
    spaces = [one.space for one in made if one is not None and one.space is not None]
    assert [space.rank for space in spaces] == [6] * 4
    for space in spaces[1:]:
        assert np.allclose(space.numbers, spaces[0].numbers, atol=1e-3)
    ups = [one.up for one in made if one is not None]
    assert np.array_equal(ups[0], ups[2])  # as it is stored, times no scale
    assert ups[3] is None


def test_a_part_of_a_merge_is_inside_at_any_weight() -> None:
    """What the projector is for: the linear numbers lose a part of a hundredth."""
    rng = np.random.default_rng(6)
    inside: list[float] = []
    strangers: list[float] = []
    for n in range(48):
        name = f"unet.layer_{n}"
        parts = [(rng.standard_normal((320, 4)), rng.standard_normal((4, 64))) for _ in range(3)]
        weights = 1.0, 0.01, 0.3
        left = np.concatenate([w * b for w, (b, _) in zip(weights, parts, strict=True)], axis=1)
        right = np.concatenate([a for _, a in parts])
        merge, part, other = (
            space_of(name, b, a)
            for b, a in ((left, right), parts[1], (rng.standard_normal((320, 4)), parts[1][1]))
        )
        inside.append(float(np.vdot(merge, part) / np.vdot(part, part)))
        strangers.append(float(np.vdot(merge, other) / np.vdot(other, other)))
    assert np.mean(inside) > 0.8
    assert abs(np.mean(strangers)) < 0.25


def space_of(name: str, left: Wide, right: Wide) -> NDArray[np.float32]:
    form = LowRank(left.astype(np.float32), right.astype(np.float32))
    made = module(Update(name, (len(left), right.shape[1], 1, 1), form), components=True)
    assert made is not None
    assert made.space is not None
    return made.space.numbers


# -- the stored form ------------------------------------------------------------------------------


def vector_update(given: Mapping[str, Any]) -> Update:
    out, inn, rank = given["out"], given["in"], given["rank"]
    b = np.array([[((7 * i + 3 * k) % 11 - 5) / 8 for k in range(rank)] for i in range(out)])
    a = np.array([[((5 * j + 2 * k) % 13 - 6) / 8 for j in range(inn)] for k in range(rank)])
    if given.get("twice"):
        b, a = np.concatenate((b, b), 1), np.concatenate((a, a))
    form = LowRank(b.astype(np.float32), a.astype(np.float32))
    return Update(given["name"], (out, inn, 1, 1), form, plain=True)


def vector_modules() -> dict[str, Module]:
    updates = [vector_update(given) for given in VECTORS["modules"]]
    for given in VECTORS["found"]:
        update = vector_update(given)
        updates.append(replace(update, form=Dense(update.dense()), plain=False))
    made = {update.name: module(update, components=True) for update in updates}
    return {name: one for name, one in made.items() if one is not None}


def test_the_streams_are_those_of_the_page() -> None:
    given = VECTORS["streams"]
    for which in ("rows", "ranks", "directions"):
        context = f"reseen-sketch-2 {which}"
        stream = blake3(given["name"].encode(), derive_key_context=context).digest(length=16)
        assert stream.hex() == given[which]


def test_the_components_of_a_module_are_those_of_the_vectors() -> None:
    made = vector_modules()
    for given in (*VECTORS["modules"], *VECTORS["found"]):
        one = made[given["name"]]
        assert one.space is not None
        assert np.allclose(one.space.numbers, np.array(given["space"]), atol=2e-3)
        assert one.space.rank == given["effective_rank"]
        if "up" in given:
            assert np.allclose(one.up, np.array(given["up"]), atol=1e-3)
        else:
            assert one.up is None


def test_the_stored_form_is_that_of_the_vectors() -> None:
    given = VECTORS["sketch"]
    golden = decode(bytes.fromhex(given["hex"]))
    assert golden.encode().hex() == given["hex"]
    found = assemble(vector_modules(), architecture="sd1", ranks=[2, 3], complete=True)
    assert isinstance(found, Sketch)
    assert found.version == 2
    more, expected = found.components, golden.components
    assert more is not None
    assert expected is not None
    assert found.encode()[: 12 + 3 + 64] == bytes.fromhex(given["hex"])[: 12 + 3 + 64]
    assert (found.ids == golden.ids).all()
    assert (more.ids == expected.ids).all()
    assert (more.ranks == expected.ranks).all()
    for name in ("has_space", "has_up"):
        assert (getattr(more, name) == getattr(expected, name)).all()
    for name in ("space", "up"):
        assert np.abs(getattr(more, name).astype(int) - getattr(expected, name)).max() <= 1


def test_a_sketch_1_stays_what_it_is() -> None:
    found = decode(bytes.fromhex(VECTORS["sketch"]["hex"]))
    first = replace(found, components=None)
    assert first.version == 1
    again = decode(first.encode())
    assert again.components is None
    assert (again.searched() == found.searched()).all()
    assert (again.values() == found.values()).all()
    assert again.encode() == first.encode()


def _refused(data: bytes) -> bool:
    try:
        decode(data)
    except Malformed:
        return True
    return False


def test_impossible_components_are_refused() -> None:
    good = bytes.fromhex(VECTORS["sketch"]["hex"])
    count = good[10]
    rows = np.frombuffer(
        good[len(good) - 143 * count :],
        [
            *(("id", "<u4"), ("rank", "<u2"), ("kinds", "u1"), ("space_scale", "<f4")),
            *(("space", "i1", (64,)), ("up_scale", "<f4"), ("up", "i1", (64,))),
        ],
    )

    def with_first(**fields: Any) -> bytes:
        changed = rows.copy()
        for name, value in fields.items():
            changed[name][0] = value
        return good[: len(good) - 143 * count] + changed.tobytes()

    assert not _refused(good)
    assert not _refused(with_first(rank=9))
    assert not _refused(with_first(kinds=1, up_scale=0, up=0))
    assert not _refused(with_first(kinds=2, rank=0, space_scale=0, space=0))
    assert _refused(with_first(id=rows["id"][0] ^ 1))  # of no module
    assert _refused(with_first(id=rows["id"][1]))  # twice
    assert _refused(with_first(kinds=0))
    assert _refused(with_first(kinds=4))
    assert _refused(with_first(kinds=7))
    assert _refused(with_first(kinds=1))  # with an up factor all the same
    assert _refused(with_first(kinds=2))
    assert _refused(with_first(kinds=2, space_scale=0, space=0))  # with a rank
    for scale in (-1, np.nan, np.inf):
        assert _refused(with_first(space_scale=scale))
        assert _refused(with_first(up_scale=scale))
    assert _refused(good[:-1])
    assert _refused(good[:-143])
    assert _refused(good + bytes(143))
    assert _refused(good[:3] + b"3" + good[4:])
    assert _refused(good[:3] + b"1" + good[4:])
    assert _refused(good[:11])


@drawn_from(st.integers(0, 4_000), st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_a_changed_sketch_is_refused_or_read_back_as_it_is(at: int, value: int) -> None:
    data = bytearray(bytes.fromhex(VECTORS["sketch"]["hex"]))
    data[at % len(data)] = value
    try:
        found = decode(bytes(data))
    except Malformed:
        return
    assert found.encode() == bytes(data)
