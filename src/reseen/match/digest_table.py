"""Many digests of one length in little memory: sorted bytes, found through their first bits.

A Python dict takes about 200 bytes an entry; this takes the digest's own length and eight more,
and answers in well under a microsecond. Values come in sorted; equal values stand side by side.
Its parts may lie in memory or in files that are mapped into it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from mmap import mmap
from struct import Struct
from typing import TypeAlias

Numbers: TypeAlias = Sequence[int]
"""An `array`, or a `memoryview` over bytes that lie elsewhere."""
Bytes: TypeAlias = bytes | mmap
"""What has bytes and finds some in them."""

_HEAD = Struct(">I")
_NOTHING: Numbers = ()


class DigestTable:
    """Digests of one length (at least 4 bytes), each with the number of the claim that has it.
    Never changes."""

    __slots__ = ("_shift", "length", "owners", "starts", "values")

    length: int
    values: Bytes
    """All digests, one after the other, sorted."""
    owners: Numbers
    """The claim of each, in their order."""
    starts: Numbers
    """`starts[h]` is the first place whose leading bits are at least h."""

    def __init__(self, length: int, pairs: Iterable[tuple[bytes, int]]) -> None:
        """`pairs`: (digest, claim's number below 2^32), sorted by digest."""
        read = bytearray()
        owners = array("I")
        for value, owner in pairs:
            read += value
            owners.append(owner)
        values = bytes(read)
        del read
        # At least three of four places are empty: most questions end without a comparison.
        bits = bits_for(len(owners))
        shift = 32 - bits
        starts = array("I", bytes(4 * ((1 << bits) + 1)))
        previous = 0
        for place in range(len(owners)):
            head = _HEAD.unpack_from(values, place * length)[0] >> shift
            for h in range(previous + 1, head + 1):
                starts[h] = place
            previous = head
        for h in range(previous + 1, len(starts)):
            starts[h] = len(owners)
        self._put(length, values, owners, starts)

    @classmethod
    def ready(cls, length: int, values: Bytes, owners: Numbers, starts: Numbers) -> DigestTable:
        """The same, made elsewhere: `values` sorted, and `starts` right for them."""
        made = cls.__new__(cls)
        made._put(length, values, owners, starts)
        return made

    def _put(self, length: int, values: Bytes, owners: Numbers, starts: Numbers) -> None:
        self.length, self.values, self.owners, self.starts = length, values, owners, starts
        self._shift = 33 - len(starts).bit_length()

    def __len__(self) -> int:
        return len(self.owners)

    def items(self) -> Iterator[tuple[bytes, int]]:
        """What it was made of."""
        length = self.length
        for place, owner in enumerate(self.owners):
            yield self.values[place * length : (place + 1) * length], owner

    def find(self, value: bytes) -> Numbers:
        """The claims that have this digest; `value` must have the right length."""
        head = _HEAD.unpack_from(value)[0] >> self._shift
        low, high = self.starts[head], self.starts[head + 1]
        if low == high:
            return _NOTHING
        length, values = self.length, self.values
        at = values.find(value, low * length, high * length)
        while at >= 0 and at % length:  # across the border of two digests
            at = values.find(value, at + 1, high * length)
        if at < 0:
            return _NOTHING
        first = at // length
        last = first + 1
        while last < high and values[last * length : (last + 1) * length] == value:
            last += 1
        return self.owners[first:last]

    def starting_with(self, prefix: bytes) -> Numbers:
        """The claims with a digest that begins so; `prefix` has 4 bytes or more."""
        head = _HEAD.unpack_from(prefix)[0] >> self._shift
        low, high = self.starts[head], self.starts[head + 1]
        length, size = self.length, len(prefix)
        return [
            self.owners[place]
            for place in range(low, high)
            if self.values[place * length : place * length + size] == prefix
        ]


def bits_for(count: int) -> int:
    """Leading bits by which a table of so many digests is entered."""
    return min(24, count.bit_length() + 2)
