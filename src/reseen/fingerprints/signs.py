"""The signs that every program draws alike from a context and a module's name."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

ROWS = "reseen-sketch-1 rows"
COLUMNS = "reseen-sketch-1 columns"
OTHER_ROWS = "reseen-sketch-2 rows"
RANKS = "reseen-sketch-2 ranks"
DIRECTIONS = "reseen-sketch-2 directions"

Floats = NDArray[np.float32]


_OF_A_BYTE = 1 - 2 * np.unpackbits(
    np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little"
).astype(np.int8)
"""(256, 8): the signs in each byte."""


class _Signs:
    """Those made last, so that the next file with the same modules needs not make them again: as
    many as fit in `KEPT` bytes, for how wide a layer is is the file's to say."""

    KEPT = 48 << 20

    def __init__(self) -> None:
        self._made: OrderedDict[tuple[str, str, int], NDArray[np.int8]] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def get(self, context: str, name: str, length: int) -> NDArray[np.int8]:
        key = (context, name, length)
        with self._lock:
            found = self._made.get(key)
            if found is not None:
                self._made.move_to_end(key)
                return found
        made = _made(context, name, length)
        with self._lock:
            if key not in self._made:
                self._made[key] = made
                self._size += made.nbytes
            while self._size > self.KEPT:
                self._size -= self._made.popitem(last=False)[1].nbytes
        return made


_SIGNS = _Signs()


def signs(context: str, name: str, length: int) -> Floats:
    """(8, length) of +1 and -1: bit j of byte i of BLAKE3's output in its key derivation mode
    (context, then the name as key material) is set where element (j, i) is -1."""
    return stored_signs(context, name, length).astype(np.float32)


def stored_signs(context: str, name: str, length: int) -> NDArray[np.int8]:
    """The same as they are kept: not to be written to."""
    return _SIGNS.get(context, name, length)


def directions(name: str, columns: int) -> Floats:
    """(64, columns) of +1 and -1, eight rows after eight from one stream; not remembered, for they
    are wide and few need them."""
    cube = _made(DIRECTIONS, name, 8 * columns).reshape(8, 8, columns).swapaxes(0, 1)
    return cube.reshape(64, columns).astype(np.float32)


def forget_signs() -> None:
    """As if no file had been sketched yet: for measurements."""
    _SIGNS.__init__()  # type: ignore[misc]


def _made(context: str, name: str, length: int) -> NDArray[np.int8]:
    stream = blake3(name.encode(), derive_key_context=context).digest(length=length)
    return np.ascontiguousarray(_OF_A_BYTE.take(np.frombuffer(stream, np.uint8), axis=0).T)
