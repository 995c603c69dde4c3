"""Real adapters, converted and renamed, against a registry of all of them.

    python -m benchmarks.conversions DIR [DIR ...]

What comes in: folders of adapter files. Each is registered; then each is checked as it is, in half
precision, in a zip, as GGUF and as npz, and under names that no table has, its factors scaled
against each other so that no digest is left. Prints how many were found, on which rung, what was
lost and what accused another file. Two files that share their weights (one is a part of the other)
accuse each other rightly: what the unchanged files match is told first.
"""

from __future__ import annotations

import io
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tests.files import build
from tests.files.build import T

from benchmarks.adapters import Adapter, files_in, read
from reseen.api import Registry
from reseen.operations.checks import Checked
from reseen.records import Rung

Tensors = dict[str, NDArray[np.float16]]
Ends = tuple[str, str]
"""Of up and of down."""

PEFT: Ends = (".lora_B.weight", ".lora_A.weight")
KOHYA: Ends = (".lora_up.weight", ".lora_down.weight")
DOTTED = (
    *("model.", "_", "my_custom.", "UNET.", "net.", "dit.", "denoiser.", "unet_model.", "unet/"),
    *("a.b.c.d.e.f.", "module.", "_fsdp_wrapped_module.", "_orig_mod.", "base_model.model."),
    *("pipe.unet.", "ema_model.", "student.", "transformer.", "unet.unet."),
    "diffusion_model.model.",
)
FLAT = (
    *("lora_unet_", "lora_unet_unet_", "lora_model_", "lycoris_unet_", "_lora_unet_"),
    *("my_trainer_", "lora_unet__"),
)
ENDS: dict[str, Ends] = {
    "LORA_A": (".LORA_B.WEIGHT", ".LORA_A.WEIGHT"),
    "lora_a": (".lora_b", ".lora_a"),
    ".lora.down": (".lora.up", ".lora.down"),
    "A and B exchanged": (PEFT[1], PEFT[0]),
    "default_0": (".lora_B.default_0.weight", ".lora_A.default_0.weight"),
    "diffusers": (".lora.up.weight", ".lora.down.weight"),
}


def tensors(adapter: Adapter, starts: tuple[str, str], ends: Ends, dot: str = ".") -> Tensors:
    """The factors under these names; `starts`: of a layer of the network, and of a text encoder."""
    made: Tensors = {}
    for module, factors in adapter.layers.items():
        part, layer = module.split(".", 1)
        base = starts[part.startswith("clip")] + layer.replace(".", dot)
        made[base + ends[0]] = (factors.up * np.float32(1.7)).astype(np.float16)
        made[base + ends[1]] = (factors.down / np.float32(1.7)).astype(np.float16)
    return made


def namings(adapter: Adapter) -> Iterator[tuple[str, Tensors]]:
    """The same adapter under each naming."""
    for start in DOTTED:
        yield start, tensors(adapter, (start, start + "text_encoder."), PEFT)
    for start in FLAT:
        yield start, tensors(adapter, (start, start + "text_encoder_"), KOHYA, "_")
    for what, ends in ENDS.items():
        yield what, tensors(adapter, ("unet.", "text_encoder."), ends)


def as_built(made: Tensors) -> dict[str, T]:
    return {name: T("F16", each.shape, each.tobytes()) for name, each in made.items()}


def conversions(path: Path, adapter: Adapter) -> Iterator[tuple[str, str, bytes]]:
    """(what was done, the suffix, the bytes)."""
    data = path.read_bytes()
    yield "as it is", path.suffix, data
    yield "in a zip", ".zip", build.python_zip({path.name: data})
    yield "deflated", ".zip", build.python_zip({path.name: data}, zipfile.ZIP_DEFLATED)
    flat = dict(namings(adapter))[FLAT[0]]
    built, archive = as_built(flat), io.BytesIO()
    yield "half precision", ".safetensors", build.safetensors(built)
    yield "torch zip", ".pt", build.torch_zip(built)
    yield "GGUF F16", ".gguf", build.gguf(built)
    np.savez(archive, **flat)  # type: ignore[arg-type]
    yield "npz", ".npz", archive.getvalue()
    for _, made in namings(adapter):
        yield "renamed", ".safetensors", build.safetensors(as_built(made))


def matched(checked: Checked) -> dict[str, Rung]:
    """Removals, in the file and in what is in it, each with its highest rung."""
    found = {match.removal: match.rung for match in reversed(checked.matches)}
    for _, member in checked.members:
        found |= matched(member)
    return {removal: rung for removal, rung in found.items() if rung > Rung.HINT}


def main() -> int:
    folders = [Path(each) for each in sys.argv[1:]]
    adapters = {path: adapter for path in files_in(folders) if (adapter := read(path))}
    told: dict[str, Counter[str]] = {}
    accused = 0
    with tempfile.TemporaryDirectory() as place:
        registry = Registry.open(Path(place) / "reseen.db", make=True)
        added = {path: registry.add_files([path]).files[0].removal for path in adapters}
        for path, adapter in adapters.items():
            shared = set(matched(registry.check(path)))
            if len(shared) > 1:
                print(f"{path.name} shares weights with {len(shared) - 1} other")
            for what, suffix, data in conversions(path, adapter):
                file = Path(place) / f"file{suffix}"
                file.write_bytes(data)
                found = matched(registry.check(file))
                rung = found.get(added[path] or "")
                told.setdefault(what, Counter())["lost" if rung is None else rung.name.lower()] += 1
                accused += len(set(found) - shared)
        registry.close()
    for what, rungs in told.items():
        print(f"{what:16} {', '.join(f'{rung} {count}' for rung, count in rungs.items())}")
    files = sum(sum(rungs.values()) for rungs in told.values())
    print(f"{len(adapters)} adapters, {files} files; strangers accused: {accused}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
