"""Real files, where RESEEN_ADAPTERS names folders of them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from reseen.errors import FileError
from reseen.files.containers import read_listing
from reseen.files.source import LocalFile, Range, run
from reseen.files.values import to_float32
from reseen.updates.plan import Plan, plan
from reseen.updates.update import Update, read_update

FOLDERS = [Path(f) for f in os.environ.get("RESEEN_ADAPTERS", "").split(os.pathsep) if f]
FILES = sorted(
    path
    for folder in FOLDERS
    for path in folder.rglob("*")
    if path.suffix in (".safetensors", ".pt") and path.is_file()
)
EXPECTED = {
    "analog_svd_distill.text_encoder.pt": ("clip_l", 48),
    "analog_svd_rank4.safetensors": ("sd1", 192),
    "lora_disney.pt": ("sd2", 128),
    "lora_disney.safetensors": ("sd1", 192),
    "lora_disney_inpainting.safetensors": ("sd1", 192),
    "lora_illust.pt": ("sd2", 128),
    "lora_kiriko.pt": ("sd2", 128),
    "lora_kiriko.text_encoder.pt": ("clip_h", 92),
    "lora_kiriko2.text_encoder.pt": ("clip_l", 48),
    "lora_kiriko2.ti.pt": ("", 0),
    "lora_pop.pt": ("sd2", 128),
}


def read(path: Path) -> tuple[Plan, dict[str, Update]]:
    with LocalFile(path) as source:
        found = plan(run(source, read_listing(source.size)))
        updates = {}
        for module in found.modules:
            arrays = {
                info.name: to_float32(info, source.read(Range(info.start, info.length)))
                for info in module.tensors.values()
            }
            updates[module.name] = read_update(module, arrays)
    return found, updates


@pytest.mark.skipif(not FILES, reason="RESEEN_ADAPTERS names no folder")
def test_real_files_give_sensible_plans() -> None:
    for path in FILES:
        try:
            found, updates = read(path)
        except FileError:
            continue
        if path.name in EXPECTED:
            assert (found.architecture, len(found.modules)) == EXPECTED[path.name], path.name
        assert all(np.isfinite(update.norm()) for update in updates.values())


def test_an_old_distilled_text_encoder_is_found_inside_its_origin() -> None:
    files = {path.name: path for path in FILES}
    names = ("analog_svd_distill.text_encoder.pt", "analog_svd_rank4.safetensors")
    if any(name not in files for name in names):
        pytest.skip("RESEEN_ADAPTERS does not hold these two files")
    (_, part), (_, whole) = (read(files[name]) for name in names)
    assert set(part) < set(whole)
    product = sum(float(np.vdot(part[n].dense(), whole[n].dense())) for n in part)
    size = sum(part[n].norm() ** 2 for n in part) * sum(whole[n].norm() ** 2 for n in part)
    assert product / size**0.5 > 0.999
