"""Whether a rar is one volume of several: told by its first header.

Formats: RAR 5.0 (https://www.rarlab.com/technote.htm) and the older one, as libarchive reads it.
"""

from __future__ import annotations

_OLD, _NEW = b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01\x00"
_VOLUME = 1
"""The flag of both."""


def is_volume(head: bytes) -> bool:
    """`head`: some 64 bytes of its start."""
    if head.startswith(_OLD):
        # CRC, type, flags
        return head[9:10] == b"\x73" and bool(int.from_bytes(head[10:12], "little") & _VOLUME)
    if not head.startswith(_NEW):
        return False
    at = len(_NEW) + 4
    _, at = _number(head, at)  # the header's size
    kind, at = _number(head, at)
    flags, at = _number(head, at)
    if flags & 1:  # an extra area, whose size comes first
        _, at = _number(head, at)
    archive_flags, _ = _number(head, at)
    return kind == 1 and bool(archive_flags & _VOLUME)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = 0
    for shift in range(0, 63, 7):
        byte = data[at] if at < len(data) else 0
        value |= (byte & 0x7F) << shift
        at += 1
        if not byte & 0x80:
            break
    return value, at
