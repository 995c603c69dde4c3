"""Every way in which a removed adapter comes back: an adapter in, an edited file out.

What comes in: a `Case` (the adapter, others to merge it with, a generator). What goes out: a `File`
that `write` writes. An edit that needs a public tool that is not installed, or that has no sense
for the architecture, says so and makes nothing. Files are written here by a plain writer of our
own, and by the tools themselves where they are at hand: `safetensors`, `torch`, `diffusers`,
`peft`.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from tests.updates.naming_tools import bfl

from benchmarks.adapters import Adapter, Factors, Matrix, norm, renamed
from benchmarks.edits_parts import CHOICES, LEAST_ENERGY, LEAST_MODULES, Choice, energy
from benchmarks.namings import Tensors, fused_flux, kohya, namings, split_sharing

Aim = Literal["lossless", "near", "none"]
"""Aims: 100 %; at least 99.9 %; reported."""


@dataclass(frozen=True, slots=True)
class NotMade:
    """Why an edit made nothing."""

    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """An edited file before it is written."""

    tensors: Tensors
    metadata: Mapping[str, str] = field(default_factory=dict)
    saved_by: Literal["own", "safetensors", "torch"] = "own"
    suffix: str = ".safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What an edit works on."""

    adapter: Adapter
    others: Sequence[Adapter]
    """To merge with: at least seven, of the same architecture."""
    rng: np.random.Generator


@dataclass(frozen=True, slots=True)
class Edit:
    """One row of the table."""

    name: str
    aim: Aim
    make: Callable[[Case], File | NotMade]


def has(package: str) -> bool:
    """Is it installed?"""
    return importlib.util.find_spec(package) is not None


def original(adapter: Adapter) -> File:
    """The file as its trainer saved it: kohya's names, float16 (Flux: bfloat16), metadata."""
    metadata = {"ss_output_name": adapter.name, "ss_network_dim": "8", "modelspec.title": "x" * 200}
    return File(kohya(adapter, half(adapter)), metadata)


def half(adapter: Adapter) -> str:
    """The number format it was trained to."""
    return "bfloat16" if adapter.architecture == "flux" else "float16"


def write(file: File, path: Path) -> None:
    """Write the file, replacing what is there."""
    match file.saved_by:
        case "own":
            _write_plain(file, path)
        case "safetensors":
            from safetensors.numpy import save_file

            save_file(dict(file.tensors), path, dict(file.metadata))
        case "torch":
            import torch

            torch.save({n: _to_torch(a) for n, a in file.tensors.items()}, path)


def _write_plain(file: File, path: Path) -> None:
    header: dict[str, Any] = {"__metadata__": dict(file.metadata)} if file.metadata else {}
    at = 0
    for name, array in file.tensors.items():
        header[name] = {
            "dtype": _DTYPES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [at, at + array.nbytes],
        }
        at += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        for array in file.tensors.values():
            out.write(np.ascontiguousarray(array).tobytes())


_DTYPES = {
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
}


def _to_torch(array: NDArray[Any]) -> Any:
    import torch

    if array.dtype.name == "bfloat16":
        return torch.from_numpy(np.asarray(array, np.float32)).to(torch.bfloat16)
    return torch.from_numpy(np.ascontiguousarray(array).reshape(array.shape))


# The file


def _metadata(metadata: Mapping[str, str]) -> Callable[[Case], File]:
    return lambda case: File(original(case.adapter).tensors, metadata)


def _reorder(case: Case) -> File:
    tensors = original(case.adapter).tensors
    names = list(tensors)
    case.rng.shuffle(names)
    return File({name: tensors[name] for name in names})


def _resaved(case: Case) -> File | NotMade:
    if case.adapter.architecture == "flux":
        return NotMade("the numpy writer of safetensors has no bfloat16")
    made = original(case.adapter)
    return File(made.tensors, made.metadata, "safetensors")


def _torch(case: Case) -> File | NotMade:
    if not has("torch"):
        return NotMade("torch is not installed")
    return File(original(case.adapter).tensors, saved_by="torch", suffix=".pt")


def _torch_and_back(case: Case) -> File | NotMade:
    if not has("torch"):
        return NotMade("torch is not installed")
    import io

    import torch

    buffer = io.BytesIO()
    torch.save({n: _to_torch(a) for n, a in original(case.adapter).tensors.items()}, buffer)
    buffer.seek(0)
    loaded = torch.load(buffer, weights_only=True)
    return File(
        {n: t.float().numpy().astype(_named(half(case.adapter))) for n, t in loaded.items()}
    )


def _naming(label: str) -> Callable[[Case], File | NotMade]:
    def make(case: Case) -> File | NotMade:
        written = namings(case.adapter.architecture).get(label)
        if written is None:
            return NotMade("not a naming of this architecture")
        return File(written(case.adapter, half(case.adapter)))

    return make


def _by_diffusers(case: Case) -> File | NotMade:
    if not (has("diffusers") and has("torch")):
        return NotMade("diffusers is not installed")
    from diffusers.loaders import lora_conversion_utils as conversions

    tensors = {n: _to_torch(a) for n, a in original(case.adapter).tensors.items()}
    if case.adapter.architecture == "flux":
        made = conversions._convert_kohya_flux_lora_to_diffusers(tensors)
    elif case.adapter.architecture == "sd1":
        made, alphas = conversions._convert_non_diffusers_lora_to_diffusers(tensors)
        made = {
            **made,
            **{n: _to_torch(np.array(a, np.float32)) for n, a in alphas.items() if n not in made},
        }
    else:
        return NotMade("diffusers converts kohya's names of SDXL only with the model at hand")
    dtype = _named(half(case.adapter))
    return File({n: np.asarray(t.float().numpy()).astype(dtype) for n, t in made.items()})


# Numbers


def _named(dtype: str) -> np.dtype[Any]:
    return np.dtype(getattr(ml_dtypes, dtype, dtype))


def _cast(dtype: str) -> Callable[[Case], File]:
    return lambda case: File(kohya(case.adapter, dtype))


def _quantised(bits: int, block: int | None) -> Callable[[Case], File]:
    """Symmetric steps for a row (int8) or for 64 numbers (4-bit), then stored as 16-bit again:
    there is no adapter file format with integers."""
    top = 2 ** (bits - 1) - 1

    def steps(matrix: Matrix) -> Matrix:
        rows = matrix.reshape(-1, block) if block and matrix.size % block == 0 else matrix
        peak = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-12)
        made: Matrix = (np.rint(rows / peak * top) * peak / top).reshape(matrix.shape)
        return made

    return _each(lambda f, case: Factors(steps(f.up), steps(f.down), f.alpha))


def _each(change: Callable[[Factors, Case], Factors]) -> Callable[[Case], File]:
    """The same change to every module."""

    def make(case: Case) -> File:
        layers = {name: change(f, case) for name, f in case.adapter.layers.items()}
        return _saved(case, layers)

    return make


def _saved(case: Case, layers: Mapping[str, Factors]) -> File:
    return File(kohya(renamed(case.adapter, layers), half(case.adapter)))


def _folded(f: Factors, _: Case) -> Factors:
    scale = np.float32(np.sqrt(f.alpha / f.rank))
    return Factors(f.up * scale, f.down * scale, float(f.rank))


def _other_alpha(f: Factors, _: Case) -> Factors:
    return Factors(f.up * np.float32(4), f.down, f.alpha / 4)


def _gauge(f: Factors, case: Case) -> Factors:
    m = np.linalg.qr(case.rng.standard_normal((f.rank, f.rank)))[0]
    m = m * case.rng.uniform(0.5, 2, f.rank)
    inverse = np.linalg.inv(m)
    return Factors((f.up @ m).astype(np.float32), (inverse @ f.down).astype(np.float32), f.alpha)


def _permuted(f: Factors, case: Case) -> Factors:
    order = case.rng.permutation(f.rank)
    return Factors(f.up[:, order], f.down[order], f.alpha)


def _scaled(by: float) -> Callable[[Case], File]:
    return _each(lambda f, _: Factors(f.up * np.float32(by), f.down, f.alpha))


def _by_block(case: Case) -> File:
    """Every block at a strength of its own, 0.25 to 2."""
    strength: dict[str, np.float32] = {}
    layers = {}
    for name, f in case.adapter.layers.items():
        block = ".".join(name.split(".")[:3])
        by = strength.setdefault(block, np.float32(case.rng.uniform(0.25, 2)))
        layers[name] = Factors(f.up * by, f.down, f.alpha)
    return _saved(case, layers)


def truncated(up: Matrix, down: Matrix, rank: int) -> Factors:
    """The best approximation of up @ down of a rank, by SVD of the small core."""
    q, r = np.linalg.qr(up)
    p, s = np.linalg.qr(down.T)
    u, values, vt = np.linalg.svd(r @ s.T)
    root = np.sqrt(values[:rank])
    return Factors(
        (q @ u[:, :rank] * root).astype(np.float32),
        (root[:, None] * (vt[:rank] @ p.T)).astype(np.float32),
        float(rank),
    )


def _resized(share: float) -> Callable[[Case], File]:
    return _each(lambda f, _: truncated(f.scaled_up, f.down, max(int(f.rank * share), 1)))


def _noise(sigma: float) -> Callable[[Case], File]:
    def noisy(matrix: Matrix, rng: np.random.Generator) -> Matrix:
        added = rng.standard_normal(matrix.shape, np.float32)
        return matrix + np.float32(sigma * float(matrix.std())) * added

    return _each(lambda f, c: Factors(noisy(f.up, c.rng), noisy(f.down, c.rng), f.alpha))


def _pruned(share: float, smallest: bool) -> Callable[[Case], File]:
    def cut(matrix: Matrix, rng: np.random.Generator) -> Matrix:
        if not smallest:
            return matrix * (rng.random(matrix.shape, np.float32) >= share)
        size = np.abs(matrix)
        return np.where(size >= np.quantile(size, share), matrix, np.float32(0))

    return _each(lambda f, c: Factors(cut(f.up, c.rng), cut(f.down, c.rng), f.alpha))


# Modules


def _without_encoder(case: Case) -> File | NotMade:
    layers = {n: f for n, f in case.adapter.layers.items() if not n.startswith("clip_")}
    if len(layers) in (0, len(case.adapter.layers)):
        return NotMade("has no text encoder")
    return _saved(case, layers)


def _in_file(adapter: Adapter) -> dict[str, dict[str, Factors]]:
    """Its modules by the layers of the file: q, k and v of Flux are one layer there."""
    found: dict[str, dict[str, Factors]] = {}
    for name, factors in adapter.layers.items():
        layer = name
        if name.startswith("transformer."):
            layer = f"transformer.{bfl(name.split('.', 1)[1])[0]}"
        found.setdefault(layer, {})[name] = factors
    return found


def _half_dropped(case: Case) -> File:
    layers = _in_file(case.adapter)
    kept = {name for name in sorted(layers) if case.rng.random() < 0.5}
    return _saved(case, {n: f for layer in kept for n, f in layers[layer].items()})


def _part(choose: Choice) -> Callable[[Case], File | NotMade]:
    """What is left, or put together anew; nothing where that is less than is promised."""

    def make(case: Case) -> File | NotMade:
        other = _in_file(case.others[0]) if case.others else {}
        chosen = choose(_in_file(case.adapter), other, case.rng)
        layers = {name: f for some in chosen.values() for name, f in some.items()}
        own = {name: f for name, f in layers.items() if not _is_of(f, name, case)}
        share = energy(own) / energy(case.adapter.layers)
        if len(own) < LEAST_MODULES or share < LEAST_ENERGY:
            return NotMade(f"{len(own)} modules with {share:.1%} of the energy are left")
        return _saved(case, layers)

    return make


def _is_of(factors: Factors, name: str, case: Case) -> bool:
    return any(other.layers.get(name) is factors for other in case.others)


def _fused(case: Case) -> File | NotMade:
    if case.adapter.architecture != "flux":
        return NotMade("its tools never fuse q, k and v")
    return File(fused_flux(case.adapter, half(case.adapter)))


def _trained_fused(case: Case) -> File | NotMade:
    """A file whose q, k and v share A, split by a converter."""
    if case.adapter.architecture != "flux":
        return NotMade("its tools never fuse q, k and v")
    return File(split_sharing(case.adapter, half(case.adapter)))


# Other algorithms


def _lokr_exact(case: Case) -> File:
    """kron([[1]], up @ down): LoKr with a first factor of one number holds any LoRA exactly."""
    layers: Tensors = {}
    for name, f in case.adapter.layers.items():
        one = np.ones((1, 1), np.float32)
        layers.update(_lokr_tensors(case, name, one, f.scaled_up, f.down))
    return File(layers)


def _lokr_nearest(case: Case) -> File:
    """The nearest kron(2 x 2, low rank), by Van Loan's rearrangement: half of the direction."""
    layers: Tensors = {}
    for name, f in case.adapter.layers.items():
        layers.update(_lokr_tensors(case, name, *_nearest(f)))
    return File(layers)


def _lokr_back(case: Case) -> File:
    """That LoKr multiplied out to a LoRA of four times the rank."""
    layers = {}
    for name, f in case.adapter.layers.items():
        first, a, b = _nearest(f)
        up = np.kron(first, a).astype(np.float32)
        down = np.kron(np.eye(2, dtype=np.float32), b).astype(np.float32)
        layers[name] = Factors(up, down, float(up.shape[1]))
    return _saved(case, layers)


def _nearest(f: Factors) -> tuple[Matrix, Matrix, Matrix]:
    """w1 (2, 2), and w2 = a @ b. The four blocks of ΔW are L_i R_j; w1 is the leading eigenvector
    of their inner products."""
    up = np.split(f.scaled_up, 2)
    down = np.split(f.down, 2, axis=1)
    gram = np.array(
        [
            [np.sum((up[i].T @ up[k]) * (down[j] @ down[n].T)) for k in (0, 1) for n in (0, 1)]
            for i in (0, 1)
            for j in (0, 1)
        ]
    )
    first = np.linalg.eigh(gram)[1][:, -1].reshape(2, 2).astype(np.float32)
    a = np.concatenate(up, axis=1)
    b = np.concatenate([first[i, 0] * down[0] + first[i, 1] * down[1] for i in (0, 1)])
    return first, a, b


def _lokr_tensors(case: Case, name: str, first: Matrix, a: Matrix, b: Matrix) -> Tensors:
    dtype = _named(half(case.adapter))
    prefix = "lycoris_" + name.split(".", 1)[1].replace(".", "_")
    if name.startswith("clip_"):
        number = {"clip_l": "1", "clip_g": "2"}[name.split(".")[0]]
        number = "" if case.adapter.architecture == "sd1" else number
        prefix = f"lora_te{number}_" + name.split(".", 1)[1].replace(".", "_")
    return {
        f"{prefix}.lokr_w1": first.astype(dtype),
        f"{prefix}.lokr_w2_a": a.astype(dtype),
        f"{prefix}.lokr_w2_b": b.astype(dtype),
        f"{prefix}.alpha": np.array(len(b), dtype),
    }


# Training and merging


def _trained_on(case: Case) -> File:
    """A random update of equal norm in a low-rank subspace of its own is added to each module."""

    def trained(f: Factors, case: Case) -> Factors:
        up = case.rng.standard_normal((len(f.up), f.rank), np.float32)
        down = case.rng.standard_normal((f.rank, f.down.shape[1]), np.float32)
        up *= np.float32(norm(f.scaled_up, f.down) / norm(up, down))
        joined = np.concatenate([f.scaled_up, up], axis=1)
        return Factors(joined, np.concatenate([f.down, down]), float(joined.shape[1]))

    return _each(trained)(case)


def _merged(
    others: int, how: Literal["concatenation", "SVD", "factor sum"]
) -> Callable[[Case], File | NotMade]:
    def make(case: Case) -> File | NotMade:
        parts = [case.adapter, *case.others[:others]]
        if len(parts) <= others:
            return NotMade("too few others to merge with")
        shapes = {(n, f.up.shape) for p in parts for n, f in p.layers.items()}
        if how == "factor sum" and len(shapes) > len(case.adapter.layers):
            return NotMade("factors of different ranks have no sum")
        weight = np.float32(1 / len(parts))
        layers = {}
        for name in case.adapter.layers:
            several = [p.layers[name] for p in parts if name in p.layers]
            if how == "factor sum":
                # As merge_lora.py of sd-scripts: both factors are summed, each with the ratio.
                roots = [np.float32(np.sqrt(f.alpha / f.rank)) * weight for f in several]
                up = sum(f.up * r for f, r in zip(several, roots, strict=True))
                down = sum(f.down * r for f, r in zip(several, roots, strict=True))
                layers[name] = Factors(np.asarray(up), np.asarray(down), float(several[0].rank))
                continue
            up = np.concatenate([f.scaled_up * weight for f in several], axis=1)
            down = np.concatenate([f.down for f in several])
            if how == "SVD":
                layers[name] = truncated(up, down, several[0].rank)
            else:
                layers[name] = Factors(up, down, float(up.shape[1]))
        return _saved(case, layers)

    return make


def _merged_by_peft(case: Case) -> File | NotMade:
    if not (has("peft") and has("torch")):
        return NotMade("peft is not installed")
    if case.adapter.architecture != "sd1":
        return NotMade("left to SD 1.5 for its time")
    from benchmarks.edits_peft import merged

    return _saved(case, merged([case.adapter, *case.others[:3]]))


def edits() -> tuple[Edit, ...]:
    """Every row of the table, in its order."""
    rows: list[tuple[str, Aim, Callable[[Case], File | NotMade]]] = [
        ("file renamed", "lossless", lambda case: original(case.adapter)),
        ("metadata stripped", "lossless", _metadata({})),
        ("metadata rewritten", "lossless", _metadata({"ss_output_name": "LORA", "format": "pt"})),
        ("tensors reordered", "lossless", _reorder),
        ("re-saved by safetensors", "lossless", _resaved),
        ("to a torch file", "lossless", _torch),
        ("to a torch file and back", "lossless", _torch_and_back),
        *((f"names of {n}", "lossless", _naming(n)) for n in NAMINGS),
        ("converted by diffusers", "lossless", _by_diffusers),
        ("q, k and v fused", "lossless", _fused),
        ("q, k and v split", "lossless", _trained_fused),
        ("alpha folded into factors", "lossless", _each(_folded)),
        ("another alpha, factors to match", "lossless", _each(_other_alpha)),
        ("factors times M and its inverse", "lossless", _each(_gauge)),
        ("rank dimensions permuted", "lossless", _each(_permuted)),
        ("LoKr with a 1x1 first factor", "lossless", _lokr_exact),
        *((f"scaled by {by}", "lossless", _scaled(by)) for by in (0.5, 0.8, 1.5, 2.0)),
        ("text encoder dropped", "lossless", _without_encoder),
        ("every block at its own strength", "none", _by_block),
        ("float32", "near", _cast("float32")),
        ("float16", "near", _cast("float16")),
        ("bfloat16", "near", _cast("bfloat16")),
        ("float8 e4m3", "near", _cast("float8_e4m3fn")),
        ("float8 e5m2", "near", _cast("float8_e5m2")),
        ("8-bit integers", "near", _quantised(8, None)),
        ("4-bit integers", "near", _quantised(4, 64)),
        ("noise 0.1 sigma", "near", _noise(0.1)),
        ("noise 0.3 sigma", "near", _noise(0.3)),
        ("noise 1 sigma", "none", _noise(1.0)),
        ("resized to 1/2", "near", _resized(0.5)),
        ("resized to 1/4", "near", _resized(0.25)),
        ("resized to rank 1", "none", _resized(0)),
        ("half the modules dropped", "near", _half_dropped),
        *((name, "near", _part(choose)) for name, choose in CHOICES.items()),
        *((f"smallest {s:.0%} pruned", "near", _pruned(s, True)) for s in (0.01, 0.1, 0.5)),
        ("random 50% pruned", "near", _pruned(0.5, False)),
        ("nearest LoKr, 2x2", "none", _lokr_nearest),
        ("nearest LoKr and back", "none", _lokr_back),
        ("trained on, equal norm", "none", _trained_on),
    ]
    for others in (1, 3, 7):
        for how in ("concatenation", "SVD", "factor sum"):
            aim: Aim = "near" if others == 3 and how != "factor sum" else "none"
            rows.append((f"merge of {others + 1} by {how}", aim, _merged(others, how)))
    rows.append(("merge of 4 by peft (cat)", "near", _merged_by_peft))
    return tuple(Edit(*row) for row in rows)


NAMINGS = (
    "kohya, original blocks",
    "diffusers, first form",
    "diffusers, second form",
    "peft",
    "peft, raw",
    "comfyui",
    "onetrainer",
    "bfl",
)
"""Of `namings`; which of them an architecture has differs."""
