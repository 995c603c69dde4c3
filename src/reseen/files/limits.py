"""Every budget of the readers in one place, and the rules for a tensor's name and shape.

A reader of foreign bytes never gives more than these, whatever a file asks for: bytes it holds,
tensors it lists, steps it takes. They are chosen so that the worst header costs under a second and
under 256 MiB (`make bench-hostile` and tests/hostile hold them to it). What the updates of a file
may cost stands in `fingerprints.sketcher`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reseen.errors import Malformed, TooLarge

PROBE = 160 * 1024
"""Bytes of a file's start that are read first: most headers of adapters end within them."""

HEADER_HARD_LIMIT = 100_000_000
"""Bytes of a safetensors header beyond which no reader takes it (safetensors/src/tensor.rs)."""
HEADER_LIMIT = 16 << 20
"""Bytes of a safetensors header that we parse."""
HEADER_MARKS = 1_600_000
"""Commas, colons and opening brackets in a header that we parse: they bound the objects it makes,
where its bytes would not (a thumbnail of 4 MiB is one string)."""
HEADER_MADE = 224 << 20
"""Bytes that Python makes of a header that we parse: its bytes and its text, each with what is cut
from it, and its values. One character can make a text four times as long as its bytes."""
VALUE = 120
"""Bytes that a value takes beside its text, with its share of what holds it."""
METADATA_LIMIT = 8 << 20
"""Characters of a file's metadata in all."""
METADATA_KEYS = 10_000

STRINGS = 1_000_000
"""Words in the lists of a GGUF header; the largest vocabulary and its merges have 780,000."""

TENSORS = 20_000
"""Tensors in a file; the largest adapters and checkpoints have some 3,000."""
RANK = 8
NAME_LENGTH = 512
NUMBER = 2**63 - 1
"""No size, offset or count is larger: what readers hold in 64 bits must not wrap in one of them."""

DIRECTORY_LIMIT = 16 << 20
"""Bytes of a zip's central directory."""
ENTRIES = 26_000
"""Entries of a zip."""
SHARDS = 500
"""Files of one model that an index names."""
MEMBERS = 1_000
"""Members of an archive that are read, those of archives in it too."""
CHECKPOINTS = 4
"""Checkpoints in an archive of which some layers are sketched as they are unpacked."""
MEMBER_NAME = 1_024
"""Characters of a member's name that are kept."""
UNPACKED = 64 << 30
"""Bytes that come out of an archive ..."""
UNPACKED_TIMES = 100
"""... and how many times its own size ..."""
UNPACKED_AT_LEAST = 64 << 20
"""... where that is more than this."""
UNPACKED_WORK = 11 << 38
"""Multiply-adds for the sketches of all that is in an archive, as for one file, or ..."""
UNPACKED_WORK_PER_BYTE = 1_024
"""... so many for each byte of it. Real adapters of 1 to 3 MB take 500 to 3,500: of the above, each
about a thousandth."""
WORK_OF_A_TENSOR = 1 << 22
"""... as what its entry in a header takes."""
NESTED = 2
"""Archives in each other that are opened."""
UNPACKER_MEMORY = 256 << 20
"""Bytes that the process has which unpacks; the dictionary of a 7z has up to 64 MiB by default."""
PICKLE_LIMIT = 16 << 20
"""Bytes of a file's pickles."""
STEPS = 240_000
"""Opcodes in a file's pickles. A state dict takes about 30 a tensor."""
SYMBOLS = 50_000
"""Times that a pickle names something to import; torch names each thing once."""
MARKS = 1_000
"""Marks on a pickle's stack at a time: torch never has more than a few dozen."""
DEPTH = 32
"""How deep dicts and lists may be nested on the way to a tensor."""
PLACES = 400_000
"""Dict entries and list items visited in all on the way to tensors."""


_PIECE = 1 << 16  # characters
_FOLLOWING = bytes(range(0x80, 0xC0))
"""Bytes of UTF-8 that begin no character."""
_NARROW = bytes(range(0xF0))
"""... and that begin none beyond the first 65,536."""
_WIDE_ESCAPE = re.compile(rb"\\u[dD][89abAB]")


def text_made(data: bytes) -> int:
    """Bytes that Python's text of these bytes of JSON takes, at most: each character is as wide as
    the widest, be that written out or as an escape. The same on every machine."""
    escaped = b"\\u" in data
    if data.isascii() and not escaped:
        return len(data)
    characters = len(data.translate(None, _FOLLOWING))
    if data.translate(None, _NARROW) or (escaped and _WIDE_ESCAPE.search(data)):
        return 4 * characters
    return 2 * characters


def check_name(name: str) -> None:
    """Raises Malformed for a name that would hurt whoever prints or stores it."""
    if len(name) > NAME_LENGTH:
        raise TooLarge(f"a tensor's name is longer than {NAME_LENGTH} characters")
    if not name.isprintable():  # the quick way out: nearly all names are plain ASCII
        if any(c < " " or c == "\x7f" for c in name):
            raise Malformed("a tensor's name holds a control character")
        check_text(name, "a tensor's name")


def check_text(text: str, what: str) -> None:
    """Raises Malformed for half a surrogate pair, which no encoding can write."""
    try:
        for begin in range(0, len(text), _PIECE):  # what is encoded is made anew
            text[begin : begin + _PIECE].encode()
    except UnicodeEncodeError:
        raise Malformed(f"{what} holds half a character (a lone surrogate)") from None


def count(shape: Sequence[int]) -> int:
    """Values in a tensor of this shape. Raises TooLarge for a rank or a product that no one has."""
    if len(shape) > RANK:
        raise TooLarge(f"a tensor has more than {RANK} dimensions")
    return product(shape)


def product(shape: Sequence[int]) -> int:
    """The same for any rank."""
    values, seeming = 1, 1
    for size in shape:
        values *= size
        # Zeros aside: [2**40, 2**40, 0] wraps in readers that multiply from the left.
        seeming *= size or 1
        if seeming > NUMBER:
            break
    if seeming > NUMBER:
        raise TooLarge("a tensor's shape has more values than 64 bits count")
    return values
