"""Many digests of one length in little memory: sorted bytes, found through their first bits.

A Python dict takes about 200 bytes an entry; this takes the digest's own length and eight more,
and answers in well under a microsecond. Values come in sorted; equal values stand side by side.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from struct import Struct

_HEAD = Struct(">I")
_NOTHING: Sequence[int] = ()


class Packed:
    """Digests of one length (at least 4 bytes), each with the number of the file it belongs to."""

    __slots__ = ("_length", "_owners", "_shift", "_starts", "_values")

    _starts: array[int]
    """`_starts[h]` is the first place whose leading bits are at least h."""

    def __init__(self, length: int, pairs: Iterable[tuple[bytes, int]]) -> None:
        """`pairs`: (digest, file number below 2^32), sorted by digest."""
        values = bytearray()
        owners = array("I")
        for value, owner in pairs:
            values += value
            owners.append(owner)
        self._length = length
        self._values = bytes(values)
        self._owners = owners
        # At least three of four places are empty: most questions end without a comparison.
        bits = min(24, len(owners).bit_length() + 2)
        self._shift = 32 - bits
        starts = array("I", bytes(4 * ((1 << bits) + 1)))
        previous = 0
        for place in range(len(owners)):
            head = _HEAD.unpack_from(self._values, place * length)[0] >> self._shift
            for h in range(previous + 1, head + 1):
                starts[h] = place
            previous = head
        for h in range(previous + 1, len(starts)):
            starts[h] = len(owners)
        self._starts = starts

    @classmethod
    def ready(cls, length: int, values: bytes, owners: array[int], starts: array[int]) -> Packed:
        """The same, made elsewhere: `values` sorted, and `starts` as below for them."""
        made = cls.__new__(cls)
        made._length, made._values, made._owners, made._starts = length, values, owners, starts
        made._shift = 33 - len(starts).bit_length()
        return made

    def __len__(self) -> int:
        return len(self._owners)

    @property
    def values(self) -> bytes:
        """All digests, one after the other."""
        return self._values

    def owners(self) -> Sequence[int]:
        """The file of each digest, in the order of the digests."""
        return self._owners

    def items(self) -> Iterator[tuple[bytes, int]]:
        """What it was made of."""
        length = self._length
        for place, owner in enumerate(self._owners):
            yield self._values[place * length : (place + 1) * length], owner

    def find(self, value: bytes) -> Sequence[int]:
        """The files that have this digest; `value` must have the right length."""
        head = _HEAD.unpack_from(value)[0] >> self._shift
        low, high = self._starts[head], self._starts[head + 1]
        if low == high:
            return _NOTHING
        length, values = self._length, self._values
        at = values.find(value, low * length, high * length)
        while at >= 0 and at % length:  # across the border of two digests
            at = values.find(value, at + 1, high * length)
        if at < 0:
            return _NOTHING
        first = at // length
        last = first + 1
        while last < high and values.startswith(value, last * length):
            last += 1
        return self._owners[first:last]

    def starting_with(self, prefix: bytes) -> Sequence[int]:
        """The files with a digest that begins so; `prefix` has 4 bytes or more."""
        head = _HEAD.unpack_from(prefix)[0] >> self._shift
        low, high = self._starts[head], self._starts[head + 1]
        return [
            self._owners[place]
            for place in range(low, high)
            if self._values.startswith(prefix, place * self._length)
        ]
