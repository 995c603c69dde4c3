"""How alike strangers are of whose adapters parts are the same: by algorithm, 10,000 pairs.

See `SAID`, and docs/strangers.md for what came of it.

    python -m benchmarks.strangers [--adapters 142] [--modules 4 32 128] [--write]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import few_layers
from reseen.files.tensors import Listing, TensorInfo
from reseen.fingerprints import sketch as sketches
from reseen.fingerprints.modules import module as numbers_of
from reseen.fingerprints.sketch import Sketch
from reseen.match.compare import compare
from reseen.records import Container
from reseen.updates.names.known import known
from reseen.updates.peft import PeftConfig
from reseen.updates.plan import FEWEST_VALUES, plan
from reseen.updates.update import read_update

Array = NDArray[np.float32]
Tensors = dict[str, Array]
Sides = tuple[int, int]
ADAPTERS = 142
"""They are 10,011 pairs."""
NOISE = 0.3
"""Of a copy, in standard deviations of what was trained."""
VALUES = 8
"""Of each layer of AdaLoRA."""
PAGE = Path(__file__).parents[1] / "docs" / "strangers.md"
SAID = (
    "For each algorithm adapters of layers of SD 1.x are made as trainers make them: what a seed "
    "or a default draws is the same for all (the second vector and the projections of VeRA, the "
    "places of FourierFT, what the factors of GLoRA and AdaLoRA and the reflections of HRA begin "
    "with); what is trained is each one's own, and small. All pairs are compared. A copy is the "
    "same file in half precision, or with noise on each number, a third as large as what was "
    "trained of it."
)
BEGUN = PeftConfig(from_nothing=True)


def _normal(rng: np.random.Generator, *shape: int, by: float = 1.0) -> Array:
    return np.asarray(rng.standard_normal(shape) * by, np.float32)


def oft(own: np.random.Generator, all_: np.random.Generator, out: int, inn: int) -> Tensors:
    return {"oft_blocks": _normal(own, out // 16, 16, 16, by=1e-3)}


def coft(own: np.random.Generator, all_: np.random.Generator, out: int, inn: int) -> Tensors:
    return oft(own, all_, out, inn) | {"alpha": np.array(1e-6, np.float32)}


def boft(own: np.random.Generator, all_: np.random.Generator, out: int, inn: int) -> Tensors:
    return {"oft_blocks": _normal(own, 3, out // 16, 16, 16, by=1e-3)}


def oft_v2(own: np.random.Generator, all_: np.random.Generator, out: int, inn: int) -> Tensors:
    return {"oft_R.weight": _normal(own, inn // 32, 32 * 31 // 2, by=1e-3)}


def boft_v2(own: np.random.Generator, all_: np.random.Generator, out: int, inn: int) -> Tensors:
    blocks, scale = _normal(own, 1, inn // 8, 8, 8, by=1e-3), _normal(own, out, 1, by=1e-3)
    return {"boft_R": blocks, "boft_s": 1 + scale}


def hra(own: np.random.Generator, all_: np.random.Generator, out: int, inn: int) -> Tensors:
    """Each reflection begins with a twin, and all begin with the same."""
    begin = np.repeat(_normal(all_, inn, 4), 2, axis=1)
    return {"hra_u": begin + _normal(own, inn, 8, by=0.05)}


def ia3(own: np.random.Generator, all_: np.random.Generator, out: int, inn: int) -> Tensors:
    return {"ia3_l": 1 + _normal(own, out, 1, by=0.01)}


def vera(own: np.random.Generator, all_: np.random.Generator, out: int, inn: int) -> Tensors:
    second = 0.1 + _normal(own, 64, by=1e-3)
    return {"vera_lambda_b": _normal(own, out, by=0.01), "vera_lambda_d": second}


def vera_update(own: np.random.Generator, all_: np.random.Generator, out: int, inn: int) -> Tensors:
    """VeRA as the update that it makes, of projections that all share (`adapter` adds them)."""
    return vera(own, all_, out, inn)


def fourierft(own: np.random.Generator, all_: np.random.Generator, out: int, inn: int) -> Tensors:
    return {"fourierft_spectrum": _normal(own, 1000, by=0.1)}


def glora(own: np.random.Generator, all_: np.random.Generator, out: int, inn: int) -> Tensors:
    return {
        "a1.weight": _normal(all_, inn, 4) + _normal(own, inn, 4, by=0.05),
        "a2.weight": _normal(own, 4, inn, by=0.01),
        "b1.weight": _normal(all_, out, 4) + _normal(own, out, 4, by=0.05),
        "b2.weight": _normal(own, 4, inn, by=0.01),
    }


def adalora(own: np.random.Generator, all_: np.random.Generator, out: int, inn: int) -> Tensors:
    return {
        "lora_A": _normal(all_, VALUES, inn) + _normal(own, VALUES, inn, by=0.3),
        "lora_B": _normal(all_, out, VALUES) + _normal(own, out, VALUES, by=0.3),
        "lora_E": _normal(own, VALUES, 1, by=0.05),
    }


Maker = Callable[[np.random.Generator, np.random.Generator, int, int], Tensors]
MAKERS: Mapping[str, Maker] = {
    maker.__name__: maker
    for maker in (
        *(oft, coft, boft, oft_v2, boft_v2, hra),
        *(ia3, vera, vera_update, fourierft, glora, adalora),
    )
}


def layers(count: int) -> dict[str, Sides]:
    """Layers of SD 1.x, the smallest first."""
    every = [la for la in known("sd1").layers.values() if la.kernel == 1 and ".attn" in la.name]
    some = sorted(every, key=lambda la: (la.out * la.columns, la.name))[:count]
    return {layer.name: (layer.out, layer.columns) for layer in some}


def adapter(maker: Maker, number: int, sides: Mapping[str, Sides]) -> Tensors:
    """The tensors of one of many adapters of a seed."""
    own, all_ = np.random.default_rng([7, number]), np.random.default_rng(42)
    shared: Tensors = {}
    if maker is vera_update:
        out, inn = (max(side) for side in zip(*sides.values(), strict=True))
        bounds = (6 / inn) ** 0.5, (6 / 64) ** 0.5
        shared = {
            "base_model.vera_A": np.asarray(all_.uniform(-bounds[0], bounds[0], (64, inn)), "f4"),
            "base_model.vera_B": np.asarray(all_.uniform(-bounds[1], bounds[1], (out, 64)), "f4"),
        }
    return shared | {
        f"unet.{name}.{end}": tensor
        for name, (out, inn) in sides.items()
        for end, tensor in maker(own, all_, out, inn).items()
    }


def sketched(tensors: Tensors) -> Sketch:
    infos, at = [], 0
    for name, tensor in tensors.items():
        infos.append(TensorInfo(name, "F32", tensor.shape, at, 4 * prod(tensor.shape)))
        at += infos[-1].length
    planned = plan(Listing(Container.SAFETENSORS, tuple(infos)), BEGUN)
    second = [reading.modules for reading in planned.readings if reading.is_adapter]
    modules_of = second[0] if "base_model.vera_A" in tensors else planned.modules
    made = [numbers_of(read_update(module, tensors, centred=True)) for module in modules_of]
    modules = {module.name: module for module in made if module is not None}
    found = sketches.assemble(modules, architecture=planned.architecture, ranks=[0], complete=True)
    if isinstance(found, str) or len(modules) != len(modules_of):
        raise ValueError(f"no whole sketch: {found}")
    return found


def edited(tensors: Tensors, stranger: Tensors, number: int) -> Iterator[Tensors]:
    """What a copy of it is made of. A stranger shows how much of each number was trained."""
    yield {n: np.asarray(t.astype(np.float16), np.float32) for n, t in tensors.items()}
    rng = np.random.default_rng([9, number])
    noisy = {}
    for name, tensor in tensors.items():
        trained = float((tensor - stranger[name]).std()) / 2**0.5
        noise = _normal(rng, *tensor.shape, by=NOISE * trained)
        noisy[name] = np.asarray(tensor + noise, np.float32)
    yield noisy


@dataclass(frozen=True, slots=True)
class Told:
    algorithm: str
    modules: int
    pairs: int
    accused: int
    """Pairs of strangers called a copy."""
    largest: float
    """Mean cosine of two strangers."""
    copies: int
    known_again: int
    least: float
    """Mean cosine of a copy in half precision, and with noise."""


def measured(algorithm: str, adapters: int, modules: int, copies: int = 10) -> Told:
    maker, sides = MAKERS[algorithm], layers(modules)
    files = [adapter(maker, number, sides) for number in range(adapters)]
    made = [sketched(tensors) for tensors in files]
    strangers = [compare(one, other) for one, other in combinations(made, 2)]
    again = [
        compare(made[number], sketched(copy))
        for number in range(min(copies, adapters))
        for copy in edited(files[number], files[number - 1], number)
    ]
    found = [each for each in again if each is not None]
    return Told(
        algorithm,
        len(made[0].ids),
        len(strangers),
        sum(each is not None and each.is_copy for each in strangers),
        max(abs(each.mean) for each in strangers if each is not None),
        len(again),
        sum(each.is_copy for each in found),
        min(each.mean for each in found),
    )


def table(rows: Sequence[Told]) -> str:
    lines = [
        "| algorithm | modules | pairs | called a copy | largest mean | copies known | least |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {r.algorithm} | {r.modules} | {r.pairs:,} | {r.accused} | {r.largest:.3f} "
        f"| {r.known_again} of {r.copies} | {r.least:.3f} |"
        for r in rows
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--adapters", type=int, default=ADAPTERS)
    parser.add_argument("--modules", type=int, nargs="+", default=[4, 32, 128])
    parser.add_argument("--write", action="store_true", help="into docs/strangers.md")
    chosen = parser.parse_args()
    rows = []
    for count in chosen.modules:
        for name in MAKERS:
            if name == "adalora" and count * VALUES < FEWEST_VALUES:
                continue  # not read
            rows.append(measured(name, chosen.adapters, count))
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    more = []
    for line in few_layers.rows():
        more.append(line)
        print(line, flush=True)
    if chosen.write:
        PAGE.write_text(page(rows, more))


def page(rows: Sequence[Told], more: Sequence[str]) -> str:
    accused = sum(row.accused for row in rows)
    return "\n".join(
        [
            "# Strangers whose adapters share parts",
            "",
            "Made by `python -m benchmarks.strangers --write`. " + SAID,
            "",
            f"In {sum(row.pairs for row in rows):,} pairs {accused} were called a copy. No "
            "background was there: the answer is uncalibrated, and a copy needs a mean cosine of "
            "0.5.",
            "",
            table(rows),
            "",
            "What these adapters cannot say: strangers of one recipe and one domain are more alike "
            "than independent numbers are (LoRA of one recipe on a tiny base reached a mean of "
            "0.43). No such files of these algorithms were there to be measured.",
            "",
            *few_layers.page(more),
            "",
        ]
    )


if __name__ == "__main__":
    main()
