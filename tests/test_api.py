"""`reseen.fingerprint` and `reseen.compare`: the Python face, as simple as it says."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import reseen
from reseen.errors import FileError, InputError, Malformed, NotFound, StoreMissing
from reseen.match.compare import Background, Comparison, Relation
from reseen.records import DigestKind, Rung


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
    assert isinstance(found, Comparison)
    assert found.relation is Relation.SAME
    assert found.cosine > 0.999
    assert "uncalibrated" in found.calibration


def test_the_negated_adapter_is_the_adapter(tmp_path: Path) -> None:
    first = adapter(tmp_path / "a", 1)
    tensors = load_file(first)
    negated = {k: -v if "up" in k else v for k, v in tensors.items()}
    save_file(negated, tmp_path / "b")
    found = reseen.compare(first, tmp_path / "b")
    assert isinstance(found, Comparison)
    assert found.relation is Relation.SCALED
    assert found.scale == pytest.approx(-1)


def test_strangers_are_strangers(tmp_path: Path) -> None:
    first, second = adapter(tmp_path / "a", 1), adapter(tmp_path / "b", 2)
    found = reseen.compare(first, second)
    assert isinstance(found, Comparison)
    assert not found.relation.is_copy
    assert abs(found.cosine) < 0.2


def test_what_has_no_sketch_says_why(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(FileError):
        reseen.sketch(path)
    assert reseen.fingerprint(path).no_sketch


def test_sketches_that_were_stored_are_compared_like_their_files(tmp_path: Path) -> None:
    first, second = adapter(tmp_path / "a", 1), adapter(tmp_path / "b", 1, peft=True)
    whole = reseen.compare(first, second)
    assert isinstance(whole, Comparison)
    stored = reseen.fingerprint(second)
    assert stored.sketch is not None
    for other in (stored, stored.sketch, reseen.sketch(second), str(second)):
        found = reseen.compare(reseen.sketch(first), other)
        assert isinstance(found, Comparison)
        assert (found.is_copy, found.cosine) == (True, pytest.approx(whole.cosine))
    with pytest.raises(Malformed):
        reseen.compare(first, b"no sketch")


def test_files_that_no_sketch_speaks_of_are_the_same_by_their_bytes(tmp_path: Path) -> None:
    one, other = tmp_path / "a.txt", tmp_path / "b"
    one.write_text("nothing of the kind")
    other.write_text("nothing of the kind")
    for a, b in ((one, other), (reseen.fingerprint(one), str(other))):
        found = reseen.compare(a, b)
        assert isinstance(found, reseen.SameContent)
        assert (found.rung, found.is_copy) == (Rung.BYTES, True)
        assert "same bytes" in found.why


def test_what_cannot_be_compared_says_why(tmp_path: Path) -> None:
    first = adapter(tmp_path / "a", 1)
    text = tmp_path / "notes.txt"
    text.write_text("nothing of the kind")
    sketched = reseen.sketch(first)
    foreign = replace(sketched, architecture="another", ids=sketched.ids[:3])
    few = replace(sketched, ids=sketched.ids + 1, slots=np.zeros_like(sketched.slots))
    for a, b, why in (
        (first, text, "The second has no sketch: "),
        (text, first, "The first has no sketch: "),
        (reseen.fingerprint(text), first, "The first has no sketch: "),
        (first, foreign, "different architectures: "),
        (first, few, "0 modules in common"),
    ):
        found = reseen.compare(a, b)
        assert isinstance(found, reseen.Incomparable)
        assert not found.is_copy
        assert why in found.why
    with pytest.raises(FileError):
        reseen.compare(first, tmp_path / "missing")


def test_the_version_is_that_of_the_package() -> None:
    assert reseen.__version__ == importlib.metadata.version("reseen")


def test_a_background_calibrates(tmp_path: Path) -> None:
    first, second = adapter(tmp_path / "a", 1), adapter(tmp_path / "b", 2)
    sketched, rng = reseen.sketch(second), np.random.default_rng(3)
    strangers = tuple(
        replace(sketched, s=rng.integers(-127, 128, sketched.s.shape).astype(np.int8))
        for _ in range(240)
    )
    found = reseen.compare(first, second, Background(strangers))
    assert isinstance(found, Comparison)
    assert found.calibration == "calibrated on 240 adapters"


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RESEEN_KEY", "ab" * 32)
    path = tmp_path / "removed.csv"
    digest = reseen.fingerprint(adapter(tmp_path / "a.safetensors", 1)).digest(DigestKind.SHA256)
    assert digest is not None
    path.write_text(f"name,SHA256\nSample person 07,{digest.hex}\nSample person 08,nonsense\n")
    return path


def test_a_registry_checks_looks_up_and_lists(listed: Path) -> None:
    db = listed.parent / "removed.db"
    with pytest.raises(StoreMissing, match=str(db)):
        reseen.Registry.open(db)
    assert not db.exists()
    with reseen.Registry.open(db, make=True) as registry:
        with pytest.raises(InputError, match="is empty"):
            registry.check(listed.parent / "a.safetensors")
        account = registry.import_list(listed, name="a list").account
        assert (account.added, len(account.rejected), account.rejects_file) == (1, 1, None)
    with reseen.Registry.open(str(db)) as registry:
        checked = registry.check(listed.parent / "a.safetensors")
        assert (checked.matched, checked.judged_whole) == (True, True)
        assert checked.matches[0].rung is Rung.BYTES
        assert registry.check(checked.fingerprint) == checked
        (found,) = registry.lookup("Sample person 07").found
        (removal,) = registry.removals()
        assert found.removal.id == removal.id == checked.matches[0].removal
        assert list(registry.sightings(states=["live"], removal=removal.id)) == []
        assert not registry.check(listed).matched
    assert sorted(path.name for path in listed.parent.iterdir()) == [
        *("a.safetensors", "removed.csv", "removed.db")
    ]


def test_files_are_added_withdrawn_and_restored(tmp_path: Path) -> None:
    file = adapter(tmp_path / "a.safetensors", 1)
    with reseen.Registry.open(tmp_path / "removed.db", make=True) as registry:
        (added,) = registry.add_files([str(file)], name="Sample person 07").files
        assert added.removal is not None
        assert registry.check(file).matched
        assert registry.withdraw(added.removal, "by mistake").changed
        assert [one.id for one in registry.removals(withdrawn=True)] == [added.removal]
        assert list(registry.removals()) == []
        assert registry.restore(added.removal, "it was right").changed
        assert registry.check(file).matched
        with pytest.raises(NotFound):
            registry.withdraw("rm-00000000", "nothing")


def test_a_registry_sees_what_was_imported_since(listed: Path) -> None:
    db = listed.parent / "removed.db"
    other = adapter(listed.parent / "other.safetensors", 2)
    later = listed.parent / "later.csv"
    digest = reseen.fingerprint(other).digest(DigestKind.SHA256)
    assert digest is not None
    later.write_text(f"SHA256\n{digest.hex}\n")
    with reseen.Registry.open(db, make=True) as registry:
        registry.import_list(listed)
        assert not registry.check(other).matched
        with reseen.Registry.open(db) as second:
            second.import_list(later)
        assert registry.check(other).matched


def test_the_examples_of_the_docs_run(listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(listed.parent)
    (listed.parent / "a.safetensors").rename("removed.safetensors")
    adapter(listed.parent / "found.safetensors", 1, dtype=np.float16, peft=True)
    (listed.parent / "notes.txt").write_text("nothing of the kind")
    page = (Path(__file__).parents[1] / "docs" / "python.md").read_text()
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(examples) > 6
    names: dict[str, object] = {}
    for example in examples:
        exec(example, names)
    for public in reseen.__all__:
        assert f"{public}" in page


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
