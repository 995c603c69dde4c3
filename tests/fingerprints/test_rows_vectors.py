"""reseen-rows-1 as docs/sketch.md specifies it: the published vector, and what a reader refuses."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from blake3 import blake3
from numpy.typing import NDArray

from reseen.errors import Malformed
from reseen.fingerprints.rows import decode, make

VECTOR = json.loads((Path(__file__).parent / "rows_vectors.json").read_text())


def given(rows: int, width: int) -> NDArray[np.float64]:
    i, j = np.arange(rows)[:, None], np.arange(width)[None]
    values: NDArray[np.float64] = ((7 * i + 3 * j + i * j) % 23 - 11) / 8
    return values


def written_again(x: NDArray[np.float64]) -> bytes:
    """From the page alone, number by number."""
    width = x.shape[1]
    stream = blake3(str(width).encode(), derive_key_context="reseen-rows-1 signs").digest(
        length=width * 32
    )
    assert stream[:16].hex() == VECTOR["stream"]
    signs = np.array(
        [
            [
                -1.0 if stream[(256 * i + j) // 8] >> (256 * i + j) % 8 & 1 else 1.0
                for j in range(256)
            ]
            for i in range(width)
        ]
    )
    stored = set()
    for row in x:
        norm = np.sqrt(sum(value * value for value in row))
        p = row / norm @ signs
        scale = np.float32(max(abs(p)) / 127)
        numbers = np.rint(p / float(scale)).astype(np.int8)
        stored.add(struct.pack("<Iff", width, norm, scale) + numbers.tobytes())
    return struct.pack("<4sHH", b"RSR1", len(stored), 0) + b"".join(sorted(stored))


def test_the_published_vector() -> None:
    x = given(VECTOR["rows"], VECTOR["width"])
    found, _ = make([x.astype(np.float32)])
    assert found is not None
    assert found.encode().hex() == VECTOR["stored"]
    again = written_again(x)
    assert len(again) == len(found.encode())
    mine, theirs = decode(again), found
    assert np.abs(mine.numbers.astype(int) - theirs.numbers.astype(int)).max() <= 1
    assert np.allclose(mine.norms, theirs.norms)


GOOD = bytes.fromhex(VECTOR["stored"])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GOOD[:7],
        b"RSR2" + GOOD[4:],
        GOOD[:-1],
        GOOD + b"\0",
        GOOD[:6] + b"\1\0" + GOOD[8:],
        struct.pack("<4sHH", b"RSR1", 0, 0),
        GOOD[:12] + struct.pack("<f", -1.0) + GOOD[16:],
        GOOD[:12] + struct.pack("<f", float("nan")) + GOOD[16:],
        GOOD[:16] + struct.pack("<f", 0.0) + GOOD[20:],
        GOOD[:8] + GOOD[276:544] + GOOD[8:276] + GOOD[544:],
        GOOD[:8] + GOOD[8:276] + GOOD[8:276] + GOOD[544:],
    ],
)
def test_a_reader_refuses_what_the_page_does_not_allow(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode(data)
