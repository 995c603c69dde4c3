"""Adapters for the benchmarks: made with the true module shapes, or read from folders.

What comes in: an architecture, a rank, a recipe and a seed. What goes out: an `Adapter`, the
factors of every module under its canonical name. Made ones follow what real files look like:

- A starts kaiming-uniform, U(-1/sqrt(in), 1/sqrt(in)), and training moves it by a fifth; B starts
  at zero and is small: root mean square 0.01. How strong a module is changed is log-normal, sigma
  0.6 in a pattern that all adapters share and 0.25 in what is the adapter's own (trained files:
  0.57 and 0.25 in the zoo, 0.6 and 0.11 to 0.22 in SD 2 files of one trainer, up to 0.8 across
  trainers).
- Singular values of an update fall like k^-a with a between 0.5 and 1.2, one a for an adapter. Real
  rank-4 files keep 0.69 of their direction at rank 1 in the worst case; that is a = 0.5.
- Adapters of one `init` share the start of A: unrelated, but single modules agree, as in files from
  scripts with a fixed seed.
- Adapters of one `family` share a component of ΔW, stronger in some modules than in others, as
  strangers trained by one recipe on one domain do.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reseen.files.containers import read_listing
from reseen.files.source import LocalFile, Range, run
from reseen.files.values import to_float32
from reseen.fingerprints.config import config_beside
from reseen.fingerprints.modules import module
from reseen.fingerprints.sketch import Sketch, assemble
from reseen.updates.forms import LowRank
from reseen.updates.names.known import known
from reseen.updates.plan import plan
from reseen.updates.update import Update, read_update

Matrix = NDArray[np.float32]

PATTERN, OWN = 0.6, 0.25
"""Sigma of the modules' strengths: what all adapters share, and what is an adapter's own."""

ARCHITECTURES = ("sd1", "sdxl", "flux")
_ENCODERS = {"sd1": ("clip_l",), "sdxl": ("clip_l", "clip_g"), "flux": ()}
_PART = {"sd1": "unet", "sdxl": "unet", "flux": "transformer"}


@dataclass(frozen=True, slots=True)
class Shape:
    """One module of a base model."""

    name: str
    """Canonical."""
    out: int
    inn: int
    kernel: int

    @property
    def columns(self) -> int:
        return self.inn * self.kernel * self.kernel


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """ΔW = alpha / r * up @ down."""

    up: Matrix
    """(out, r)"""
    down: Matrix
    """(r, columns)"""
    alpha: float

    @property
    def rank(self) -> int:
        return int(self.up.shape[1])

    @property
    def scaled_up(self) -> Matrix:
        """(out, r), with the scale in it: ΔW = scaled_up @ down."""
        return self.up * np.float32(self.alpha / self.rank)


@dataclass(frozen=True, slots=True, eq=False)
class Adapter:
    """An adapter in memory."""

    name: str
    architecture: str
    layers: Mapping[str, Factors]
    """By canonical name."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What strangers may have in common."""

    init: int | None = None
    """Seed of the start of A; None for one of the adapter's own."""
    family: int | None = None
    """Which family; None for none."""
    share: float = 0.0
    """Mean cosine between strangers of the family, about."""


_ALONE = Recipe()


def recipe_of(number: int) -> Recipe:
    """What the strangers of the background and the registry have in common: nothing (half), one of
    three initialisations (a third), or a recipe of full size as far as any was measured."""
    if number % 6 < 3:
        return Recipe()
    if number % 6 < 5:
        return Recipe(init=number % 3)
    return Recipe(
        init=50 + number % 4, family=number % 4, share=(0.01, 0.02, 0.04, 0.06)[number % 4]
    )


@cache
def shapes(architecture: str, attention_only: bool = False) -> tuple[Shape, ...]:
    """The modules that the usual trainers adapt: 264 (SD 1.5), 986 (SDXL), 494 (Flux.1).

    With `attention_only` the projections of self- and cross-attention alone, no text encoder.
    """
    found: list[Shape] = []
    blocks = ("attentions.",) if architecture != "flux" else ("transformer_blocks.",)
    for name, layer in known(architecture).layers.items():
        if any(b in name for b in blocks) and not (attention_only and ".attn" not in name):
            found.append(Shape(f"{_PART[architecture]}.{name}", layer.out, layer.inn, layer.kernel))
    for part in () if attention_only else _ENCODERS[architecture]:
        for name, layer in known(part).layers.items():
            if ".layers." in name:
                found.append(Shape(f"{part}.{name}", layer.out, layer.inn, layer.kernel))
    return tuple(found)


def make(
    architecture: str,
    seed: int,
    *,
    rank: int = 8,
    recipe: Recipe = _ALONE,
    modules: Sequence[Shape] | None = None,
) -> Adapter:
    """A trained adapter, as far as a sketch can tell."""
    rng = np.random.default_rng([17, seed])
    decay = rng.uniform(0.5, 1.2)
    layers: dict[str, Factors] = {}
    for shape in modules or shapes(architecture):
        own = _layer(shape, rank, decay, rng, recipe.init)
        if recipe.family is not None and recipe.share:
            own = _with_common(own, shape, recipe)
        layers[shape.name] = own
    return Adapter(f"{architecture}-{seed}", architecture, layers)


def _layer(
    shape: Shape, rank: int, decay: float, rng: np.random.Generator, init: int | None
) -> Factors:
    bound = 1 / np.sqrt(shape.columns)
    start = rng if init is None else _rng(init, shape.name)
    down = start.random((rank, shape.columns), np.float32) * 2 - 1
    moved = rng.standard_normal((rank, shape.columns), np.float32)
    down = (down + 0.2 * 0.58 * moved) * np.float32(bound)
    up = rng.standard_normal((shape.out, rank), np.float32)
    mixing = np.linalg.qr(rng.standard_normal((rank, rank)))[0].astype(np.float32)
    fall = (np.arange(1, rank + 1) ** -decay).astype(np.float32)
    up = (up * (fall / np.linalg.norm(fall))) @ mixing * np.float32(np.sqrt(rank))
    pattern = _rng(5, shape.name).lognormal(0, PATTERN)
    up *= np.float32(0.01 * pattern * rng.lognormal(0, OWN))
    return Factors(up * 2, down, rank / 2)


def _with_common(own: Factors, shape: Shape, recipe: Recipe) -> Factors:
    """The last quarter of the ranks becomes the family's: the same in all its members."""
    rng = _rng(1_000_003 * (recipe.family or 0) + 7, shape.name)
    shared = max(own.rank // 4, 1)
    # Strong in some modules and weak in most, as among adapters of one recipe: the best quarter of
    # the modules of two strangers agrees to 0.52 where the mean is 0.17.
    share = min(recipe.share * rng.gamma(0.8, 1 / 0.8), 0.9)
    up = rng.standard_normal((shape.out, shared), np.float32)
    down = rng.standard_normal((shared, shape.columns), np.float32)
    left, right = own.up[:, shared:], own.down[shared:]
    size = norm(left, right)
    up *= np.float32(size * np.sqrt(share) / norm(up, down))
    return Factors(
        np.concatenate([left * np.float32(np.sqrt(1 - share)), up], axis=1),
        np.concatenate([right, down]),
        own.alpha,
    )


def norm(left: Matrix, right: Matrix) -> float:
    """Of left @ right."""
    return float(np.sqrt(max(np.sum((left.T @ left) * (right @ right.T)), 1e-30)))


def _rng(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def sketch(adapter: Adapter, *, components: bool = False) -> Sketch:
    """The sketch of an adapter that was never written to a file. `components`: with column spaces
    and up factors, of every module."""
    made = {}
    for name, factors in adapter.layers.items():
        shape = (len(factors.up), factors.down.shape[1], 1, 1)
        form = LowRank(factors.scaled_up, factors.down)
        one = module(Update(name, shape, form, plain=True), components=components)
        if one is not None:
            made[name] = one
    ranks = [f.rank for f in adapter.layers.values()]
    result = assemble(made, architecture=adapter.architecture, ranks=ranks, complete=True)
    if isinstance(result, str):
        raise ValueError(result)
    return result


def read(path: Path) -> Adapter | None:
    """A trained file as an adapter; None where a module of it has no low-rank form."""
    with LocalFile(path) as source:
        made = plan(run(source, read_listing(source.size)), config_beside(path))
        layers: dict[str, Factors] = {}
        for item in made.modules:
            arrays = {
                info.name: to_float32(info, source.read(Range(info.start, info.length)))
                for info in item.tensors.values()
            }
            form = read_update(item, arrays).form
            if not isinstance(form, LowRank):
                return None
            layers[item.name] = Factors(form.left, form.right, float(form.left.shape[1]))
    return Adapter(path.stem, made.architecture, layers) if layers else None


def files_in(folders: Sequence[Path]) -> Iterator[Path]:
    """The weight files of folders, by name; base models and embeddings are not adapters."""
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if path.suffix in (".safetensors", ".pt") and path.stem != "base":
                yield path


def renamed(adapter: Adapter, layers: Mapping[str, Factors]) -> Adapter:
    """The same adapter with other layers."""
    return replace(adapter, layers=dict(layers))


@cache
def _template(architecture: str, attention_only: bool) -> Sketch:
    """A sketch with the modules of an architecture; its numbers are to be replaced."""
    modules = shapes(architecture, attention_only)
    return sketch(make(architecture, 0, rank=1, modules=modules))


def sampled(
    architecture: str,
    seed: int,
    *,
    rank: int = 4,
    recipe: Recipe = _ALONE,
    attention_only: bool = True,
) -> Sketch:
    """The sketch of an adapter as `make` makes them, drawn without making the adapter.

    P times a Gaussian B is Gaussian, and so is Q times a uniform A of hundreds of columns (to
    within what 8 rows of signs correlate), so 16 numbers a rank are drawn instead of thousands.
    """
    like = _template(architecture, attention_only)
    n = len(like.ids)
    rng = np.random.default_rng([23, seed])
    start = rng if recipe.init is None else np.random.default_rng([29, recipe.init, n])
    fall = np.arange(1, rank + 1) ** -rng.uniform(0.5, 1.2)
    left = rng.standard_normal((n, 8, rank)) * (fall / np.linalg.norm(fall))
    # What training makes of B mixes the ranks of A: a rotation of its own for every module.
    mixing = np.linalg.qr(rng.standard_normal((n, rank, rank)))[0]
    right = start.standard_normal((n, rank, 8)) + 0.2 * rng.standard_normal((n, rank, 8))
    s = (left @ mixing @ right).reshape(n, 64) / np.sqrt(1.04)
    if recipe.family is not None:
        common = np.random.default_rng([31, recipe.family, n])
        shared = max(rank // 4, 1)
        s_common = (
            common.standard_normal((n, 8, shared)) @ common.standard_normal((n, shared, 8))
        ).reshape(n, 64) / np.sqrt(shared)
        share = np.minimum(recipe.share * common.gamma(0.8, 1 / 0.8, (n, 1)), 0.9)
        s = np.sqrt(1 - share) * s + np.sqrt(share) * s_common
    s *= np.random.default_rng([5, n]).lognormal(0, PATTERN, (n, 1)) * rng.lognormal(0, OWN, (n, 1))
    scales = (np.abs(s).max(axis=1) / 127).astype(np.float32)
    return replace(
        like,
        rank=rank,
        norms=(np.linalg.norm(s, axis=1) / 8).astype(np.float32),
        scales=scales,
        s=np.rint(s / scales[:, None]).astype(np.int8),
    )
