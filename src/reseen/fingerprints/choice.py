"""Which of its modules a file is looked at by first: a secret of the installation decides.

What comes in: a key, or an order that was made with one, and modules by id. What goes out: an order
that nobody foresees who has not the key. A fixed and public choice would tell an uploader which
modules to leave out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

Ids = NDArray[np.uint32]
Places = NDArray[np.intp]

WHOLE = 64
"""Up to so many modules all are looked at."""
KEYED = 32
"""Of more, so many that come first in the secret order: how strong they are an uploader decides."""
STRONGEST, AMONG = 16, 256
"""And so many of the strongest among those that come next, up to this place in the order: junk that
weighs nothing is cheap."""

KEPT = KEYED + STRONGEST
"""Of what a scan read, so many by the order alone are kept to be searched when a removal comes."""

_CONTEXT = "reseen module order 1"
_LATER = np.uint64(1 << 63)
"""What a given order does not know comes behind it."""


class ModuleOrder:
    """The order in which an installation looks at modules."""

    def __init__(self, secret: bytes, first: Sequence[int] = ()) -> None:
        """`first`: modules whose order is given, as a saved index gives it without the key."""
        self._key = blake3(secret, derive_key_context=_CONTEXT).digest()
        self._ranks: dict[int, int] = {id_: rank for rank, id_ in enumerate(first)}

    def ranks(self, ids: Iterable[int]) -> NDArray[np.uint64]:
        """Where each stands: the lowest is looked at first."""
        return np.array([self._rank(int(id_)) for id_ in ids], np.uint64)

    def sorted(self, ids: Ids) -> Places:
        """The places of these modules, in this order."""
        found: Places = np.lexsort((ids, self.ranks(ids)))
        return found

    def _rank(self, id_: int) -> int:
        known = self._ranks.get(id_)
        if known is None:
            word = blake3(id_.to_bytes(4, "little"), key=self._key).digest(length=8)
            known = self._ranks[id_] = int.from_bytes(word, "little") | int(_LATER)
        return known


def strongest(norms: NDArray[np.float32], most: int) -> Places:
    """For each row the places of the largest numbers: (rows, most)."""
    if norms.shape[1] <= most:
        return np.broadcast_to(np.arange(norms.shape[1]), norms.shape)
    found: Places = np.argpartition(-norms, most - 1, axis=1)[:, :most]
    return found
