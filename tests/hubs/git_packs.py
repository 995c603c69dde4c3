"""Packs of git, made by hand."""

from __future__ import annotations

import hashlib
import zlib


def pack_of(*packed: bytes, count: int | None = None) -> bytes:
    body = b"PACK\0\0\0\2" + (len(packed) if count is None else count).to_bytes(4, "big")
    body += b"".join(packed)
    return body + hashlib.sha1(body, usedforsecurity=False).digest()


def packed(kind: int, data: bytes, size: int | None = None, between: bytes = b"") -> bytes:
    left, head = len(data) if size is None else size, bytearray()
    byte, left = kind << 4 | left & 15, left >> 4
    while left:
        head.append(byte | 0x80)
        byte, left = left & 0x7F, left >> 7
    return bytes(head) + bytes([byte]) + between + zlib.compress(data)


def name_of(kind: bytes, data: bytes) -> bytes:
    return hashlib.sha1(b"%s %d\0" % (kind, len(data)) + data, usedforsecurity=False).digest()
