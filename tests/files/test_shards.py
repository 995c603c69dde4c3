"""A model in several files with an index is one model, and each file of it one of its own."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from tests.files import build
from tests.files.test_archives import LORA
from tests.match.made import KEYRING
from tests.match.updates import put

from reseen.errors import FileError, Malformed, PartMissing, TooLarge
from reseen.files import limits
from reseen.files.shards import parse_index
from reseen.fingerprints.local import plan_of
from reseen.fingerprints.whole import fingerprint
from reseen.operations.checks import Checker
from reseen.records import DigestKind, Fingerprint, Rung
from reseen.store.database import Store

NAMES = [f"model-{n:05}-of-00003.safetensors" for n in (1, 2, 3)]
INDEX = "model.safetensors.index.json"


def sharded(folder: Path, **changes: object) -> Path:
    """The adapter in three files, with its index."""
    names = sorted(LORA)
    places = {name: NAMES[n % 3] for n, name in enumerate(names)}
    for shard in NAMES:
        some = {name: LORA[name] for name in names if places[name] == shard}
        (folder / shard).write_bytes(build.safetensors(some))
    made = {"metadata": {"total_size": 1}, "weight_map": {**places, **changes}}
    (folder / INDEX).write_text(json.dumps(made))
    return folder / INDEX


def alone(folder: Path) -> Fingerprint:
    (folder / "whole.safetensors").write_bytes(build.safetensors(LORA))
    return fingerprint(folder / "whole.safetensors")


def test_an_index_has_the_sketch_of_the_whole(tmp_path: Path) -> None:
    found, whole = fingerprint(sharded(tmp_path)), alone(tmp_path)
    assert whole.sketch
    assert found.sketch == whole.sketch
    assert found.digest(DigestKind.TENSORS_BLAKE3) == whole.digest(DigestKind.TENSORS_BLAKE3)
    assert found.size == (tmp_path / INDEX).stat().st_size
    assert (found.problem, found.blind) == (None, ())
    shard = fingerprint(tmp_path / NAMES[0])
    assert shard.sketch != whole.sketch


def test_a_copy_in_shards_is_found(store: Store, tmp_path: Path) -> None:
    index = sharded(tmp_path)
    put(store, build.safetensors(LORA))
    (match,) = Checker(store, KEYRING).check(index).matches
    assert match.rung is Rung.TENSORS


def test_a_shard_that_is_not_there_is_said(tmp_path: Path) -> None:
    index = sharded(tmp_path)
    (tmp_path / NAMES[1]).unlink()
    found = fingerprint(index)
    assert [spot.code for spot in found.blind] == ["several-parts"]
    assert found.digest(DigestKind.SHA256)
    (tmp_path / "elsewhere").write_bytes(b"x")
    (tmp_path / NAMES[1]).symlink_to(tmp_path / "elsewhere")
    assert [spot.code for spot in fingerprint(index).blind] == ["several-parts"]


def test_a_tensor_that_is_not_where_the_index_says_is_said(tmp_path: Path) -> None:
    found = fingerprint(sharded(tmp_path, other=NAMES[0]))
    assert [spot.code for spot in found.blind] == ["malformed"]
    assert found.sketch is None


def test_shards_of_the_class_that_is_never_read_are_not_read(tmp_path: Path) -> None:
    index = sharded(tmp_path)
    second = fingerprint(tmp_path / NAMES[1]).digest(DigestKind.SHA256)
    found = fingerprint(index, None, lambda told: told.digest(DigestKind.SHA256) == second)
    assert found.sketch is None
    assert found.digest(DigestKind.TENSORS_BLAKE3) is None


def test_an_index_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "package.index.json"
    path.write_text('{"a": [1, 2, 3]}')
    found = fingerprint(path)
    assert found.digest(DigestKind.SHA256)
    assert [spot.code for spot in found.blind] == ["unknown-format"]


def test_an_index_that_names_files_elsewhere_is_said(tmp_path: Path) -> None:
    found = fingerprint(sharded(tmp_path, more="../x.safetensors"))
    assert [spot.code for spot in found.blind] == ["several-parts"]


LIES: dict[str, tuple[type[FileError], bytes]] = {
    "no JSON": (Malformed, b"{"),
    "nested": (Malformed, b"[" * 100_000),
    "no map": (Malformed, b'{"weight_map": []}'),
    "nothing": (Malformed, b'{"weight_map": {}}'),
    "a number": (Malformed, b'{"weight_map": {"a": 1}}'),
    "many": (TooLarge, b'{"weight_map": {%b}}' % b",".join(b'"%d":"a"' % n for n in range(20_001))),
    "commas": (TooLarge, b"," * 2_000_000),
    "files": (TooLarge, json.dumps({"weight_map": {str(n): str(n) for n in range(501)}}).encode()),
    **{
        name: (PartMissing, json.dumps({"weight_map": {"a": name}}).encode())
        for name in (
            "../a",
            "/etc/passwd",
            "..",
            "",
            "a\\b",
            "C:x",
            "a\0b",
            "x.index.json",
            "a" * 300,
        )
    },
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_answered_by_its_error(lie: str) -> None:
    error, data = LIES[lie]
    with pytest.raises(error):
        parse_index(data)
    assert limits.SHARDS == 500


def test_parts_of_a_folder_are_read_each_for_itself(tmp_path: Path) -> None:
    """As diffusers saves an adapter: the unet's and the text encoder's, each in its folder."""
    from reseen.fingerprints.sketch import decode

    found = {}
    for part, layer, width in (
        ("unet", "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q", 640),
        ("text_encoder", "text_model.encoder.layers.0.self_attn.q_proj", 768),
    ):
        folder = tmp_path / part
        folder.mkdir()
        (folder / "adapter_model.safetensors").write_bytes(
            build.safetensors(
                {
                    f"base_model.model.{layer}.lora_A.weight": build.ramp("F16", 4, width),
                    f"base_model.model.{layer}.lora_B.weight": build.ramp("F16", width, 4),
                }
            )
        )
        sketch = fingerprint(folder / "adapter_model.safetensors").sketch
        assert sketch
        found[part] = decode(sketch).architecture
    assert found["text_encoder"] == "clip_l"
    assert found["unet"] not in ("", "clip_l")


def in_cache(root: Path, folder: Path) -> Path:
    """The files of a folder as a Hub cache keeps them: the snapshot."""
    cached = root / "models--someone--test"
    snapshot = cached / "snapshots" / ("c" * 40)
    snapshot.mkdir(parents=True)
    (cached / "blobs").mkdir()
    for path in folder.iterdir():
        name = hashlib.sha256(path.read_bytes()).hexdigest()
        (cached / "blobs" / name).write_bytes(path.read_bytes())
        (snapshot / path.name).symlink_to(f"../../blobs/{name}")
    return snapshot


def test_shards_in_a_hub_cache_are_one_model(store: Store, tmp_path: Path) -> None:
    from reseen.scan.folder import scan_folder

    plain = tmp_path / "plain"
    plain.mkdir()
    sharded(plain)
    snapshot = in_cache(tmp_path / "cache", plain)
    put(store, build.safetensors(LORA))
    found = scan_folder(store, KEYRING, tmp_path / "cache", jobs=1).sightings
    assert (INDEX, Rung.TENSORS) in {(one.path, one.rung) for one in found}
    assert {one.repo for one in found} == {"someone/test"}
    (tmp_path / "elsewhere").write_bytes((plain / NAMES[1]).read_bytes())
    (snapshot / NAMES[1]).unlink()
    (snapshot / NAMES[1]).symlink_to(tmp_path / "elsewhere")
    assert [spot.code for spot in fingerprint(snapshot / INDEX).blind] == ["several-parts"]


def test_a_configuration_in_a_hub_cache_is_read(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    layer = "base_model.model.transformer_blocks.0.attn.to_q"
    tensors = {
        f"{layer}.lora_A.weight": build.ramp("F16", 4, 3072),
        f"{layer}.lora_B.weight": build.ramp("F16", 3072, 4),
    }
    (plain / "adapter_model.safetensors").write_bytes(build.safetensors(tensors))
    (plain / "adapter_config.json").write_text('{"r": 4, "lora_alpha": 8}')
    snapshot = in_cache(tmp_path / "cache", plain)
    _, made = plan_of(snapshot / "adapter_model.safetensors")
    assert (made.scale_known, made.modules[0].fixed_scale) == (True, 2.0)
    (snapshot / "adapter_config.json").unlink()
    (snapshot / "adapter_config.json").symlink_to(plain / "adapter_config.json")
    assert not plan_of(snapshot / "adapter_model.safetensors")[1].scale_known
