"""Numpy's archives and torch's files that are compressed: written again without, so that their
tensors have places.

In go the open file and where to write, out comes a plain zip of the same entries. What comes out of
each is bounded before it is made, as of any archive.
"""

from __future__ import annotations

import zipfile
from typing import IO

from reseen.errors import TooLarge, Unread
from reseen.files import limits
from reseen.files.archives import ENCRYPTED, OTHER_METHOD, UnpackBudget, unpacked_blocks
from reseen.files.source import ByteSource, run
from reseen.files.zip_directory import DEFLATED, STORED, Windows, by_name, read_directory


def write_plain(source: ByteSource, file: IO[bytes], budget: UnpackBudget) -> None:
    """Write the entries of a zip into a file, one after the other and not compressed. Raises
    Malformed, TooLarge or Unread."""
    windows = Windows(source.size)
    entries = run(source, read_directory(windows))
    named = by_name(entries)
    if len(named) > limits.TENSORS:
        raise TooLarge(f"the file holds more than {limits.TENSORS} tensors")
    for entry in named.values():
        if entry.encrypted:
            raise Unread(ENCRYPTED.reason)
        if entry.method not in (STORED, DEFLATED):
            raise Unread(OTHER_METHOD.reason)
    why = budget.take(sum(entry.full for entry in named.values()))
    if why is not None:
        raise TooLarge(why.reason)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as plain:
        for name, entry in named.items():
            with plain.open(zipfile.ZipInfo(name), "w", force_zip64=True) as array:
                for block in unpacked_blocks(source, windows, entry):
                    array.write(block)
