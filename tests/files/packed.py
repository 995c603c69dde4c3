"""Archives made in code, for tests."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from io import BytesIO

import pytest


def tar(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as packed:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            packed.addfile(info, BytesIO(data))
    return out.getvalue()


def by_library(files: Mapping[str, bytes], form: str = "7zip", packed: str | None = None) -> bytes:
    """As libarchive writes it: 7z, and what is packed as zstd. Skips where it is not there."""
    try:
        import libarchive
    except (ImportError, AttributeError, OSError, TypeError):
        pytest.skip("the extra archives, or the system's libarchive, is not installed")
    out = bytearray()
    with libarchive.custom_writer(lambda data: out.extend(data) or len(data), form, packed) as made:
        for name, data in files.items():
            made.add_file_from_memory(name, len(data), data)
    return bytes(out)
