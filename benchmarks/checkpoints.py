"""What is inside checkpoints: adapters baked into a made base and stored in every number format.

See `SAID`, and docs/checkpoints.md for what came of it. With folders of trained adapters these are
baked in as they are, with their own layers, into a base of those sizes.

    python -m benchmarks.checkpoints [FOLDER ...] [--adapters 10] [--write]

With `--layers 64` so many layers of each checkpoint are read, as of one at a hub, and the first
table alone is made; and so with `--formats`, of these.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from time import process_time

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from tests.match import bitsandbytes

from benchmarks.adapters import Adapter, Shape, files_in, make, read, sampled, shapes, sketch
from reseen.files.rounding import DOUBT, expected_error
from reseen.files.tensors import Listing, TensorInfo
from reseen.fingerprints.choice import ModuleOrder
from reseen.fingerprints.signs import COLUMNS, ROWS, signs
from reseen.fingerprints.sketch import Sketch, module_id
from reseen.fingerprints.stored_rows import FOUR_BITS_DOUBT, INT8_DOUBT, StoredRows
from reseen.fingerprints.weight_sketch import WeightSketch
from reseen.match.calibration import Background
from reseen.match.checkpoint_parts import inside_checkpoint, may_hold
from reseen.match.checkpoints import Difference, KnownBase, between, difference, which_base
from reseen.match.registry_parts import KnownSketch
from reseen.records import Container
from reseen.updates.four_bits import FourBits
from reseen.updates.whole_weights import plan_weights

Floats = NDArray[np.float32]
Weights = Callable[[Shape], Floats]

PAGE = Path(__file__).parents[1] / "docs" / "checkpoints.md"
START, END = "## What was measured\n", "## What is not there\n"
WIDTH, STD = 320, 0.03
MODULES = tuple(Shape(s.name, WIDTH, WIDTH, 1) for s in shapes("sd1", attention_only=True))
FORMATS = (
    *("F16", "BF16", "Q8_0", "F8_E4M3", "F8_E4M3 scaled", "F8_E5M2"),
    *("Q5_1", "Q5_0", "Q4_1", "Q4_0"),
    *("int8", "nf4", "nf4 nested", "fp4"),
)
SIZES = (4e-4, 1.2e-3, 2.5e-3)
DECOYS = 210
SAID = (
    f"A made base of {len(MODULES)} layers of {WIDTH} x {WIDTH} numbers, normal, {STD} strong, in "
    "half precision; made adapters of rank 8 baked in at full strength, brought to a root mean "
    "square of 0.0004 (the weakest of twelve trained ones), 0.0012 and 0.0025 (ordinary ones); "
    f"and stored again. The removal is one of {DECOYS + 1}, the others are strangers. A cell says "
    "how many were evidence, behind a plus sign how many more a lead. *Rounding*: what it came to, "
    "as a share of what was computed from the file, of the base in that format without anything."
)


def base_of(seed: int) -> Weights:
    def weights(shape: Shape) -> Floats:
        rng = np.random.default_rng([seed, module_id(shape.name)])
        made = rng.standard_normal((shape.out, shape.columns), np.float32) * np.float32(STD)
        return made.astype(np.float16).astype(np.float32)

    return weights


def plus(weights: Weights, adapter: Adapter, strength: float) -> Weights:
    def baked(shape: Shape) -> Floats:
        factors = adapter.layers.get(shape.name)
        if factors is None:
            return weights(shape)
        return weights(shape) + (factors.scaled_up @ factors.down) * np.float32(strength)

    return baked


def tuned(weights: Weights, seed: int, size: float) -> Weights:
    """A fine-tune in full, white: the hardest to tell from rounding."""

    def moved(shape: Shape) -> Floats:
        rng = np.random.default_rng([seed, 7, module_id(shape.name)])
        noise = rng.standard_normal((shape.out, shape.columns), np.float32)
        return weights(shape) + noise * np.float32(size)

    return moved


def size_of(adapter: Adapter) -> float:
    """The root mean square of its updates."""
    total = count = 0.0
    for f in adapter.layers.values():
        total += float(np.vdot(f.scaled_up.T @ f.scaled_up, f.down @ f.down.T))
        count += len(f.up) * f.down.shape[1]
    return float(np.sqrt(total / count))


def stored(values: Floats, kind: str) -> tuple[Floats, float, float]:
    """What is read of numbers in a format, the error that is expected, and the doubt of that."""
    if kind.split()[0] in bitsandbytes.KINDS:
        return by_bitsandbytes(values, kind)
    dtype, scale = kind.removesuffix(" scaled"), np.float32(1)
    if kind != dtype:
        scale = np.float32(np.abs(values).max() / 448)
    whole = {
        "F16": np.float16,
        "BF16": ml_dtypes.bfloat16,
        "F8_E4M3": ml_dtypes.float8_e4m3fn,
        "F8_E5M2": ml_dtypes.float8_e5m2,
    }
    if dtype in whole:
        raw = (values / scale).astype(whole[dtype])
        data, read_back = raw.tobytes(), raw.astype(np.float32)
    else:
        from gguf.constants import GGMLQuantizationType
        from gguf.quants import dequantize, quantize

        of = getattr(GGMLQuantizationType, dtype)
        packed = quantize(values, of)
        data, read_back = packed.tobytes(), dequantize(packed, of).astype(np.float32)
    expected = expected_error(dtype, data, read_back)
    assert expected is not None
    return read_back * scale, expected * float(scale) ** 2, DOUBT[dtype]


def by_bitsandbytes(values: Floats, kind: str) -> tuple[Floats, float, float]:
    """The same of bitsandbytes' formats, as its own code stores them."""
    if kind == "int8":
        whole, largest = bitsandbytes.int8_vectorwise_quant(values)
        data = whole.tobytes()
        info = TensorInfo("weight", "I8", whole.shape, 0, len(data))
        rows = StoredRows(info, largest[:, None] / np.float32(127), doubt=INT8_DOUBT)
    else:
        kind, _, nested = kind.partition(" ")
        packed, largest = bitsandbytes.quantize_4bit(values, kind)
        data = packed.tobytes()
        if nested:
            largest = bitsandbytes.nested(largest)
        how = FourBits(kind, (len(values), values.shape[1]), 64, 256, 0.0)
        info = TensorInfo("weight", "U8", how.shape, 0, len(data))
        rows = StoredRows(info, four=how, largest=largest, doubt=FOUR_BITS_DOUBT)
    read_back, expected = rows.read(0, len(values), data)
    assert expected is not None
    assert rows.doubt is not None
    return read_back, expected, rows.doubt


def sketched(
    weights: Weights, modules: Sequence[Shape], kind: str, architecture: str = "sd1"
) -> WeightSketch:
    """As a checkpoint's file would give it."""
    rows = []
    for shape in modules:
        values, error, doubt = stored(weights(shape), kind)
        left, right = signs(ROWS, shape.name, shape.out), signs(COLUMNS, shape.name, shape.columns)
        numbers = ((left @ values) @ right.T).reshape(64)
        norm = float(np.linalg.norm(values))
        rows.append((module_id(shape.name), norm, error**0.5, doubt, numbers))
    rows.sort(key=lambda row: row[0])
    return WeightSketch(
        architecture,
        np.array([row[0] for row in rows], np.uint32),
        np.array([row[1] for row in rows], np.float32),
        np.array([row[2] for row in rows], np.float32),
        np.array([row[3] for row in rows], np.float32),
        np.array([row[4] for row in rows], np.float32),
        np.zeros(0, np.uint64),
    )


def known(name: str, of: Sketch, strength: float = 1.0) -> KnownSketch:
    scaled = replace(
        of, scales=of.scales * np.float32(strength), norms=of.norms * np.float32(strength)
    )
    return KnownSketch(name, 0, name, scaled)


def less(file: WeightSketch, base: KnownBase) -> Difference:
    told = which_base(file, [base])
    assert told is not None
    return difference(file, told)


def verdict(found: Difference, removals: Sequence[KnownSketch], base: KnownBase) -> str:
    """Of the removal "r": "evidence", "lead" or nothing."""
    beside = between([base], found.base, found.ids)
    for each in inside_checkpoint(found, removals, Background(()), beside):
        if each.removal == "r":
            return "evidence" if each.is_sure else "lead"
    return ""


def cell(verdicts: Sequence[str]) -> str:
    return f"{verdicts.count('evidence')} + {verdicts.count('lead')} of {len(verdicts)}"


def made_rows(
    count: int, read_of_file: Sequence[Shape] = MODULES, formats: Sequence[str] = FORMATS
) -> list[str]:
    weights = base_of(1)
    base = KnownBase("base", sketched(weights, MODULES, "F16"))
    strangers = [known(f"d{n}", sampled("sd1", 1_000 + n, rank=8)) for n in range(DECOYS)]
    adapters = [make("sd1", seed, modules=MODULES) for seed in range(count)]
    lines = []
    for kind in formats:
        cast = less(sketched(weights, read_of_file, kind), base)
        share = cast.energy / cast.rounded if cast.rounded else 0.0
        cells = [f"{kind}", f"{share:.2f}" if kind != "F16" else "0"]
        for size in SIZES:
            said = []
            for adapter in adapters:
                strength = size / size_of(adapter)
                file = sketched(plus(weights, adapter, strength), read_of_file, kind)
                mine = known("r", sketch(adapter), strength)
                said.append(verdict(less(file, base), [mine, *strangers], base))
            cells.append(cell(said))
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return lines


def innocent_rows(count: int) -> list[str]:
    """Removals that are differences of two checkpoints, against relatives that are innocent."""
    weights = base_of(1)
    base = KnownBase("base", sketched(weights, MODULES, "F16"))
    lines = []
    for kind in FORMATS:
        fine, coarse, itself = [], [], []
        for seed in range(count):
            person, other = (make("sd1", 50 + 2 * seed + n, modules=MODULES) for n in (0, 1))
            strength = 1.2e-3 / size_of(person)
            tune = tuned(weights, seed, 1.2e-3)
            theirs = plus(tune, person, strength)
            mine = known("r", less(sketched(theirs, MODULES, "F16"), base).sketch())
            for innocent in (tune, plus(tune, other, strength), tuned(tune, 90 + seed, 1e-3)):
                found = less(sketched(innocent, MODULES, kind), base)
                fine.append(verdict(found, [mine], base))
            itself.append(verdict(less(sketched(theirs, MODULES, kind), base), [mine], base))
            rounded = sketched(plus(weights, person, strength / 4), MODULES, kind)
            mine = known("r", less(rounded, base).sketch())
            for share in (0.02, 0.25, 1.0):
                innocent = plus(weights, other, strength * share)
                found = less(sketched(innocent, MODULES, kind), base)
                coarse.append(verdict(found, [mine], base))
        lines.append(f"| {kind} | {cell(itself)} | {cell(fine)} | {cell(coarse)} |")
        print(lines[-1], flush=True)
    return lines


def trained_rows(folders: Sequence[Path]) -> list[str]:
    lines = []
    for path in files_in(folders):
        adapter = read(path)
        if adapter is None or len(adapter.layers) < 64:
            continue
        modules = [Shape(name, len(f.up), f.down.shape[1], 1) for name, f in adapter.layers.items()]
        weights = base_of(2)
        of = adapter.architecture
        base = KnownBase("base", sketched(weights, modules, "F16", of))
        cells = [path.stem, str(len(modules)), f"{size_of(adapter):.1e}"]
        for kind in ("F16", "Q8_0", "F8_E4M3", "Q4_0"):
            kinds = kind if all(s.columns % 32 == 0 for s in modules) else "F8_E4M3"
            found = less(sketched(plus(weights, adapter, 1.0), modules, kinds, of), base)
            cells.append(verdict(found, [known("r", sketch(adapter))], base) or "nothing")
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return lines


def seconds() -> list[str]:
    """What a checkpoint costs a scan's processor: its header, and judging it from what is kept."""
    at, tensors = 0, []
    for shape in shapes("sdxl", attention_only=False):
        name = shape.name.removeprefix("unet.")
        for end, sides in (("weight", (shape.out, shape.columns)), ("bias", (shape.out,))):
            length = 2 * prod(sides)
            full = f"model.diffusion_model.{name}.{end}"
            tensors.append(TensorInfo(full, "F16", sides, at, length))
            at += length
    header = Listing(Container.SAFETENSORS, tuple(tensors))
    plan_weights(header)  # the tables are built once
    lines = [
        f"a header of {len(tensors):,} tensors: {timed(lambda: plan_weights(header), 5):.3f} s"
    ]
    weights, read = base_of(1), MODULES[:64]
    base = KnownBase("base", sketched(weights, MODULES, "F16"))
    person = make("sd1", 1, modules=MODULES)
    mine = known("r", sketch(person))
    others = [known(f"d{n}", sampled("sd1", 1_000 + n, rank=8)) for n in range(511)]
    for what, of in (("nothing", weights), ("a removal", plus(weights, person, 1.0))):
        found = less(sketched(tuned(of, 1, 1e-3), read, "F16"), base)

        def judged(found: Difference = found) -> object:
            return inside_checkpoint(found, [mine, *others], Background(()))

        lines.append(f"judged by 512 removals, {what} inside: {timed(judged, 3):.3f} s")

        def asked(found: Difference = found) -> object:
            return may_hold(found, [mine])

        lines.append(f"asked for one: {timed(asked, 50):.5f} s")
    return lines


def timed(work: Callable[[], object], times: int) -> float:
    """Seconds of one core."""
    began = process_time()
    for _ in range(times):
        work()
    return (process_time() - began) / times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--adapters", type=int, default=10)
    parser.add_argument("--layers", type=int)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, help="the first table, of these")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--seconds", action="store_true", help="what they cost a scan's processor")
    given = parser.parse_args()
    if given.seconds:
        print(*seconds(), sep="\n")
        return
    if given.layers is not None:
        ids = np.array([module_id(shape.name) for shape in MODULES], np.uint32)
        chosen = ModuleOrder(b"k" * 32).sorted(ids)[: given.layers]
        made_rows(given.adapters, [MODULES[at] for at in chosen], given.formats or FORMATS)
        return
    if given.formats:
        made_rows(given.adapters, formats=given.formats)
        return
    heads = "| stored as | rounding | rms 0.0004 | 0.0012 | 0.0025 |\n|---|---:|---:|---:|---:|"
    text = [SAID, "", heads, *made_rows(given.adapters), ""]
    text += [
        "Removals that are differences of two checkpoints. *Itself*: the removed checkpoint, a "
        "fine-tune of the base with a person in it. *Relatives*: the fine-tune, it with another "
        "person, and one tuned on from it. *Same format*: the removal is a checkpoint in that "
        "format less the base, the files are the base with another adapter in that format.",
        "",
        "| stored as | itself | relatives | same format |\n|---|---:|---:|---:|",
        *innocent_rows(max(given.adapters // 3, 1)),
        "",
    ]
    if given.folders:
        head = "| trained adapter | layers | rms | F16 | Q8_0 | F8_E4M3 | Q4_0 |"
        text += [
            "Trained adapters, each baked into a base of its layers' sizes, without decoys (so "
            "that only a mean cosine of 0.5 is evidence).",
            "",
            f"{head}\n|---|---:|---:|---|---|---|---|",
            *trained_rows(given.folders),
            "",
        ]
    if given.write:
        page = PAGE.read_text("utf-8")
        before, rest = page.split(START)
        after = rest.split(END)[1]
        said = f"\nMade by `python -m benchmarks.checkpoints --adapters {given.adapters}`. "
        PAGE.write_text(f"{before}{START}{said}" + "\n".join(text) + f"\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
