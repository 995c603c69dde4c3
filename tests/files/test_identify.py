from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.files import build
from tests.files.build import ramp

from reseen.files.identify import HEAD_LENGTH, header_length, identify
from reseen.records import Container

ONE = {"a": ramp("F32", 4)}

SAMPLES = [
    (build.safetensors(ONE), Container.SAFETENSORS),
    (build.with_header(b" \n{}"), Container.SAFETENSORS),
    (build.with_header(b" " * 2000 + b"{}"), Container.SAFETENSORS),
    (build.torch_zip(ONE), Container.TORCH_ZIP),
    (build.torch_legacy(ONE), Container.TORCH_LEGACY),
    (build.pickled(b"N", 4), Container.PICKLE),
    (build.python_zip({"a.txt": b"x"}), Container.ZIP),
    (build.python_zip({"a.npy": b"x"}), Container.NPZ),
    (build.python_zip({"model_index.json": b"{}"}), Container.DDUF),
    (b"GGUF" + bytes(60), Container.GGUF),
    (b"7z\xbc\xaf\x27\x1c" + bytes(60), Container.SEVEN_ZIP),
    (b"Rar!\x1a\x07\x01\x00", Container.RAR),
    (b"\x1f\x8b\x08" + bytes(60), Container.GZIP),
    (b"BZh9" + bytes(60), Container.BZIP2),
    (b"\xfd7zXZ\x00" + bytes(60), Container.XZ),
    (b"\x28\xb5\x2f\xfd" + bytes(60), Container.ZSTD),
    (b"\x89PNG\r\n\x1a\n" + bytes(60), Container.PNG),
    (b"RIFF" + bytes(4) + b"WEBP" + bytes(60), Container.WEBP),
    (bytes(257) + b"ustar" + bytes(250), Container.TAR),
    (b"\x08\x07\x12\x07pytorch" + bytes(60), Container.ONNX),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:", Container.LFS_POINTER),
    (b"", Container.UNKNOWN),
    (b"a plain text", Container.UNKNOWN),
    (bytes(600), Container.UNKNOWN),
]


@pytest.mark.parametrize(("data", "container"), SAMPLES, ids=lambda v: str(v)[:24])
def test_a_file_is_known_by_its_first_bytes(data: bytes, container: Container) -> None:
    assert identify(data[:HEAD_LENGTH], len(data)) is container


def test_a_length_that_looks_like_another_magic_is_still_a_length() -> None:
    length = int.from_bytes(b"PK\x03\x04", "little")
    head = struct.pack("<Q", length) + b'{"a":' + bytes(499)
    assert identify(head, length + 100) is Container.SAFETENSORS


@settings(deadline=None)
@given(st.binary(max_size=HEAD_LENGTH), st.integers(0, 2**63))
def test_no_head_makes_it_fail(head: bytes, size: int) -> None:
    container = identify(head, size)
    assert (container is Container.SAFETENSORS) == (header_length(head, size) is not None)
