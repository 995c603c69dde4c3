"""How many altered copies the modules that a scan reads first give away, by one secret and another.

    python -m benchmarks.first_read [--secrets 20] [--copies 40]

For SD 1.5, SDXL and Flux.1 adapters of rank 16: the part of the file that is read first, header
aside; and, of copies that were altered in several ways, the share that comes near by these modules
alone and is read on, over all secrets, with the smallest and the largest share of any secret.
Prints JSON, and a table for docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from benchmarks.adapters import ARCHITECTURES, Matrix, shapes
from reseen.fingerprints.choice import ModuleOrder
from reseen.fingerprints.entries import entries
from reseen.fingerprints.sketch import Module, Sketch, assemble, module_id
from reseen.match.first_read import first_modules, next_modules
from reseen.match.nearest import DOUBT, NearestIndex
from reseen.match.sketch_index import row_of

RANK = 16
Modules = Mapping[str, Module]
Edit = Callable[[Modules, np.random.Generator], Modules]


def drawn(model: str, rng: np.random.Generator) -> Modules:
    found = {}
    for shape in shapes(model):
        left = rng.standard_normal((8, 4)).astype(np.float32)
        right = rng.standard_normal((4, 8)).astype(np.float32)
        norm = float(rng.lognormal(0, 0.6))
        found[shape.name] = Module(shape.name, _long(left @ right, norm), norm)
    return found


def _long(s: Matrix, norm: float) -> Matrix:
    made: Matrix = s * np.float32(8 * norm / np.linalg.norm(s))
    return made


def mixed(cosine: float) -> Edit:
    """Something else was added to every module: noise, further training, another adapter."""

    def edit(modules: Modules, rng: np.random.Generator) -> Modules:
        return {n: _mixed(m, cosine, rng) for n, m in modules.items()}

    return edit


def _mixed(m: Module, cosine: float, rng: np.random.Generator) -> Module:
    noise = _long(rng.standard_normal((8, 8)).astype(np.float32), m.norm)
    s = np.float32(cosine) * m.s + np.float32(np.sqrt(1 - cosine**2)) * noise
    return replace(m, s=s.astype(np.float32))


def kept(*words: str) -> Edit:
    return lambda modules, rng: {
        n: m for n, m in modules.items() if any(word in n for word in words)
    }


def some(count: int) -> Edit:
    def edit(modules: Modules, rng: np.random.Generator) -> Modules:
        return {n: modules[n] for n in rng.choice(list(modules), count, replace=False).tolist()}

    return edit


def spoiled(how: str) -> Edit:
    """A quarter of the modules is random: any, the strongest, or the smallest in the file."""

    def edit(modules: Modules, rng: np.random.Generator) -> Modules:
        names = list(modules)
        sizes = {s.name: s.out + s.columns for model in ARCHITECTURES for s in shapes(model)}
        order = {
            "any": rng.permutation(len(names)).tolist(),
            "strongest": [-modules[n].norm for n in names],
            "smallest": [sizes[n] for n in names],
        }[how]
        chosen = [n for _, n in sorted(zip(order, names, strict=True))][: len(names) // 4]
        return {n: _mixed(m, 0, rng) if n in chosen else m for n, m in modules.items()}

    return edit


EDITS: dict[str, Edit] = {
    "the same, cosine 1": mixed(1),
    "cosine 0.7 in every module": mixed(0.7),
    "cosine 0.5 in every module": mixed(0.5),
    "cosine 0.4 in every module": mixed(0.4),
    "cosine 0.3 in every module": mixed(0.3),
    "attention alone": kept("attn"),
    "MLP alone": kept(".ff", ".mlp"),
    "any 64 modules": some(64),
    "any 16 modules": some(16),
    "a quarter spoiled": spoiled("any"),
    "the strongest quarter spoiled": spoiled("strongest"),
    "the smallest quarter spoiled": spoiled("smallest"),
}


def sketch(model: str, modules: Modules) -> Sketch:
    made = assemble(modules, architecture=model, ranks=[RANK], complete=True)
    assert isinstance(made, Sketch)
    return made


def part(whole: Sketch, names: frozenset[str]) -> Sketch:
    """What a scan has after it read these."""
    at = np.isin(whole.ids, [module_id(name) for name in names])
    return replace(
        whole, ids=whole.ids[at], norms=whole.norms[at], scales=whole.scales[at], s=whole.s[at]
    )


def run(model: str, secrets: int, copies: int) -> dict[str, object]:
    rng = np.random.default_rng(len(model))
    removed = [drawn(model, rng) for _ in range(copies)]
    rows = [row_of(key, sketch(model, each)) for key, each in enumerate(removed)]
    sizes = {s.name: 2 * RANK * (s.out + s.columns) for s in shapes(model)}
    altered = {
        name: [(made, sketch(model, made)) for each in removed if (made := edit(each, rng))]
        for name, edit in EDITS.items()
    }
    found: dict[str, list[float]] = {name: [] for name in altered}
    shares = []
    for secret in range(secrets):
        index = NearestIndex(ModuleOrder(secret.to_bytes(2, "little"))).plus(rows)
        for name, files in altered.items():
            near = 0
            for key, (made, whole) in enumerate(files):
                at, offered = 0, {}
                for module in sorted(made):
                    offered[module] = (at, at + sizes[module])
                    at += sizes[module]
                names = first_modules(index, [model], offered)
                if len(made) == len(sizes):
                    shares.append(sum(sizes[n] for n in names) / at)
                read = entries(part(whole, names))
                if not any(index.find_many(read)) and any(index.find_many(read, DOUBT)):
                    more = next_modules(index, [model], offered, names)
                    read = entries(part(whole, more))
                near += any(c.key == key for some in index.find_many(read) for c in some)
            found[name].append(near / len(files) if files else 1.0)
    return {
        "model": model,
        "share": float(np.mean(shares)),
        "largest_share": float(np.max(shares)),
        "recall": {n: [float(np.mean(r)), min(r), max(r)] for n, r in found.items() if altered[n]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="What is read first of a file at a hub.")
    parser.add_argument("--secrets", type=int, default=20)
    parser.add_argument("--copies", type=int, default=40)
    options = parser.parse_args()
    told = [run(model, options.secrets, options.copies) for model in ARCHITECTURES]
    print(json.dumps(told))
    print("\n| altered copy | " + " | ".join(str(t["model"]) for t in told) + " |")
    for name in EDITS:
        cells = []
        for each in told:
            recall = each["recall"]
            assert isinstance(recall, dict)
            cells.append(
                "{:.2%} ({:.1%} to {:.1%})".format(*recall[name]) if name in recall else ""
            )
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
