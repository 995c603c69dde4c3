"""What a file is, judged by its first bytes and never by its name.

In go the first 512 bytes and the size, out comes a `Container`. It is a promise to try that reader,
not that the file is sound; and it never fails.
"""

from __future__ import annotations

from reseen.files.limits import HEADER_HARD_LIMIT
from reseen.records import Container

HEAD_LENGTH = 512
"""Bytes from the start that `identify` looks at; fewer only where the file ends."""

LEGACY_MAGIC = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
"""The pickled number 0x1950a86a20f9469cfc6c, with which torch's old files begin."""

CUT_OFF = "it is cut off, so that its digests are no whole file's: download it again"
"""What every reader says of a file of which the end is missing."""

_MAGIC = (
    (b"GGUF", Container.GGUF),
    (b"7z\xbc\xaf\x27\x1c", Container.SEVEN_ZIP),
    (b"Rar!\x1a\x07", Container.RAR),
    (b"\x1f\x8b", Container.GZIP),
    (b"BZh", Container.BZIP2),
    (b"\xfd7zXZ\x00", Container.XZ),
    (b"\x28\xb5\x2f\xfd", Container.ZSTD),
    (b"\x89PNG\r\n\x1a\n", Container.PNG),
    (b"version https://git-lfs.github.com/spec/v1\n", Container.LFS_POINTER),
)


def identify(head: bytes, size: int) -> Container:
    """The container of a file of `size` bytes that begins with `head`."""
    # First, for a length can look like another format's magic ("PK\3\4" is 67 MB), hardly the
    # other way round.
    if header_length(head, size) is not None:
        return Container.SAFETENSORS
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _zip(head)
    if len(head) > 2 and head[0] == 0x80 and 2 <= head[1] <= 5:
        # torch writes protocol 2; later ones may put a FRAME (9 bytes) before the number.
        legacy = head.startswith(LEGACY_MAGIC, 2) or head.startswith(LEGACY_MAGIC, 11)
        return Container.TORCH_LEGACY if legacy else Container.PICKLE
    for magic, container in _MAGIC:
        if head.startswith(magic):
            return container
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Container.WEBP
    if head[257:262] == b"ustar" or _is_old_tar(head):
        return Container.TAR
    # ModelProto.ir_version (1 to 31), then one of its other fields.
    if (
        len(head) > 2
        and head[0] == 0x08
        and 1 <= head[1] <= 31
        and head[2] in b"\x12\x1a\x22\x3a\x42"
    ):
        return Container.ONNX
    return Container.UNKNOWN


def _is_old_tar(head: bytes) -> bool:
    """Whether a file begins as a tar of before 1988: a name, and the sum of the header's bytes with
    its own place blank, in octal digits."""
    told = head[148:156].strip(b" \0")
    if len(head) < HEAD_LENGTH or not head[0] or not told or not set(told) <= set(b"01234567"):
        return False
    return int(told, 8) == sum(head[:148]) + 8 * 0x20 + sum(head[156:512])


def header_length(head: bytes, size: int) -> int | None:
    """The length of a safetensors header, if the file begins like one: a length that the file can
    hold, then a JSON object, perhaps after white space. None if it does not."""
    if len(head) < 9:
        return None
    length = int.from_bytes(head[:8], "little")
    if not 2 <= length <= min(size - 8, HEADER_HARD_LIMIT):
        return None
    start = head[8 : 8 + min(length, HEAD_LENGTH - 8)].lstrip(b" \t\r\n")
    # All white space as far as we see: still the usual reader's to take.
    return length if start[:1] == b"{" or (not start and length > HEAD_LENGTH - 8) else None


def is_cut_within_header(head: bytes, size: int) -> bool:
    """Does a file begin as safetensors does, and end before its header does?"""
    length = int.from_bytes(head[:8], "little")
    return head[8:9] == b"{" and size - 8 < length <= HEADER_HARD_LIMIT


def _zip(head: bytes) -> Container:
    """By the name of the first entry; who reads the directory knows better."""
    name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    if name.endswith((b"/data.pkl", b"/.format_version", b"/byteorder")):
        return Container.TORCH_ZIP
    if name.endswith(b".npy"):
        return Container.NPZ
    if name == b"model_index.json":
        return Container.DDUF
    return Container.ZIP
