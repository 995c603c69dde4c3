"""What it costs from a header to its plan: which model, which layers, by the names alone.

    python -m benchmarks.plan

Headers of adapters on all layers of a model, each under words that were not seen before, so that no
answer about a name is remembered; of several adapters in one file; and of as many names as a header
may have that no table knows. Seconds are the processor's, of one thread: what else the machine does
hardly moves them. Prints one line of JSON; it takes a minute.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from statistics import median

from tests.updates import naming_tools as tools

from reseen.files import limits, safetensors
from reseen.files.source import Memory, run
from reseen.updates.names.known import known
from reseen.updates.plan import plan, prepare

ROUNDS = 3
AIM = 1.0
"""Seconds for the largest header that is known."""
DEAREST = 6.0
"""Seconds for headers that somebody makes to be dear."""

Shapes = dict[str, tuple[int, ...]]


def header(shapes: Mapping[str, tuple[int, ...]]) -> bytes:
    """A safetensors header; of the data only its length is true."""
    at, told = 0, dict[str, object]()
    for name, shape in shapes.items():
        length = 2
        for side in shape:
            length *= side
        told[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [at, at + length]}
        at += length
    text = json.dumps(told, separators=(",", ":")).encode()
    return len(text).to_bytes(8, "little") + text


def layers_of(model: str) -> tools.Layers:
    """(out, in, kernel) of all layers of a model."""
    return {n: (layer.out, layer.inn, layer.kernel) for n, layer in known(model).layers.items()}


def largest(word: str) -> Shapes:
    """All 1,370 layers of LTX-2, 4,110 tensors."""
    return tools.lora(layers_of("ltx-2"), tools.dotted(f"{word}.diffusion_model."), tools.KOHYA)


def sdxl(word: str) -> Shapes:
    """All layers of SDXL's UNet."""
    return tools.lora(layers_of("sdxl"), tools.dotted(f"{word}.unet."), tools.KOHYA)


def several(word: str) -> Shapes:
    """Eight adapters of the same layers in one file, by their names."""
    found: Shapes = {}
    for number in range(8):
        ends = (f".lora_B.{word}{number}.weight", f".lora_A.{word}{number}.weight", None)
        found |= tools.lora(layers_of("flux"), tools.dotted("transformer."), ends)
    return found


def unknown(word: str) -> Shapes:
    """As many tensors as a header may have, under names that end in no layer's."""
    layers = {f"{word}.tower.{n}.mixer": (64, 64, 1) for n in range(limits.TENSORS // 2)}
    return tools.lora(layers, tools.dotted(""), tools.PEFT)


def wrapped(word: str) -> Shapes:
    """As many as it may have, each a layer of a model behind words of its own."""
    blocks = (f"w{word}{n}.transformer_blocks.{n % 19}.attn.to_q" for n in range(10**6))
    layers = {next(blocks): (3072, 3072, 1) for _ in range(limits.TENSORS // 2)}
    return tools.lora(layers, tools.dotted(""), tools.PEFT)


def seconds(make: Callable[[str], Shapes]) -> tuple[int, float]:
    """Tensors, and the processor's seconds from the bytes of the header to the plan."""
    took: list[float] = []
    count = 0
    for number in range(ROUNDS):
        shapes = make(f"word{chr(97 + number)}")
        data, count = header(shapes), len(shapes)
        size = len(data) + sum(2 * _product(shape) for shape in shapes.values())
        start = time.process_time()
        plan(run(Memory(data), safetensors.read_listing(size)))
        took.append(time.process_time() - start)
    return count, median(took)


def _product(shape: tuple[int, ...]) -> int:
    made = 1
    for side in shape:
        made *= side
    return made


def main() -> None:
    start = time.process_time()
    prepare()
    rows: list[dict[str, object]] = [
        {
            "what": "the tables of all models, once in a process",
            "measured": f"{time.process_time() - start:.2f} s of CPU",
        }
    ]
    for what, make, aim in (
        ("the largest header known (LTX-2, words before every name)", largest, AIM),
        ("all layers of SDXL, words before every name", sdxl, AIM),
        ("eight adapters in one file, by their names (Flux)", several, DEAREST),
        ("names that no table knows, as many as are read", unknown, DEAREST),
        ("layers behind words of their own each, as many as are read", wrapped, DEAREST),
    ):
        count, took = seconds(make)
        rows.append(
            {
                "what": f"from a header to its plan: {what}, {count:,} tensors",
                "measured": f"{took:.2f} s of CPU",
                "aim": f"< {aim:.0f} s",
                "met": took < aim,
            }
        )
    print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main()
