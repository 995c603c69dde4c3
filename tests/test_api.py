"""`reseen.fingerprint` and `reseen.compare`: the Python face, as simple as it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import reseen
from reseen.errors import FileError
from reseen.match.weights import Relation
from reseen.records import DigestKind


def adapter(path: Path, seed: int, *, dtype: type = np.float32, peft: bool = False) -> Path:
    """A synthetic adapter, under kohya's or PEFT's names."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for block in range(3):
        for layer in ("to_q", "to_k", "to_v", "to_out.0"):
            place = f"down_blocks.{block}.attentions.0.transformer_blocks.0.attn1.{layer}"
            width = (320, 640, 1280)[block]
            up = rng.standard_normal((width, 4))
            down = rng.standard_normal((4, width))
            if peft:
                name = f"base_model.model.unet.{place}"
                tensors[f"{name}.lora_B.weight"] = up.astype(dtype)
                tensors[f"{name}.lora_A.weight"] = down.astype(dtype)
            else:
                name = "lora_unet_" + place.replace(".", "_")
                tensors[f"{name}.lora_up.weight"] = up.astype(dtype)
                tensors[f"{name}.lora_down.weight"] = down.astype(dtype)
    save_file(tensors, path)
    return path


def test_a_fingerprint_has_every_digest_and_a_sketch(tmp_path: Path) -> None:
    found = reseen.fingerprint(adapter(tmp_path / "a.safetensors", 1))
    kinds = {digest.kind for digest in found.digests}
    assert {DigestKind.SHA256, DigestKind.BLAKE3, DigestKind.DATA_SHA256} <= kinds
    assert found.sketch is not None


def test_the_same_adapter_under_another_naming_and_dtype_is_the_same(tmp_path: Path) -> None:
    first = adapter(tmp_path / "a.safetensors", 1)
    second = adapter(tmp_path / "b.safetensors", 1, dtype=np.float16, peft=True)
    found = reseen.compare(str(first), second)
    assert found is not None
    assert found.relation is Relation.SAME
    assert found.cosine > 0.999
    assert "uncalibrated" in found.calibration


def test_the_negated_adapter_is_the_adapter(tmp_path: Path) -> None:
    first = adapter(tmp_path / "a", 1)
    tensors = load_file(first)
    negated = {k: -v if "up" in k else v for k, v in tensors.items()}
    save_file(negated, tmp_path / "b")
    found = reseen.compare(first, tmp_path / "b")
    assert found is not None
    assert found.relation is Relation.SCALED
    assert found.scale == pytest.approx(-1)


def test_strangers_are_strangers(tmp_path: Path) -> None:
    first, second = adapter(tmp_path / "a", 1), adapter(tmp_path / "b", 2)
    found = reseen.compare(first, second)
    assert found is not None
    assert not found.relation.is_copy
    assert abs(found.cosine) < 0.2


def test_what_has_no_sketch_says_why(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(FileError):
        reseen.sketch(path)
    assert reseen.fingerprint(path).no_sketch


def test_fingerprint_is_a_function_that_can_be_pickled_whatever_is_imported() -> None:
    code = (
        "import pkgutil, pickle, types, importlib, reseen\n"
        "for found in pkgutil.walk_packages(reseen.__path__, 'reseen.'):\n"
        "    if not found.name.endswith('__main__') and '.versions' not in found.name:\n"
        "        importlib.import_module(found.name)\n"
        "for name in reseen.__all__:\n"
        "    face = getattr(reseen, name)\n"
        "    assert not isinstance(face, types.ModuleType), name\n"
        "assert isinstance(reseen.fingerprint, types.FunctionType)\n"
        "assert pickle.loads(pickle.dumps(reseen.fingerprint)) is reseen.fingerprint\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, reseen; sys.exit(bool({'numpy', 'sqlalchemy', 'blake3'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
