"""Torch's zip files (torch 1.6 and later): the directory from the end, one small pickle, no weight.

In go the size and ranges of a file, out comes a `Listing` whose tensors are places in the file.
It promises one view of the file: exactly one data.pkl, no name twice, no entry that lies over
another, nothing before or after the zip, and every storage stored as it is.

Where an entry's bytes begin stands only in the small header just before them, which torch pads so
that they begin at a multiple of 64. To read them all would cost a range a tensor. So the place is
computed from the directory, must fit between its neighbours to the byte, and is checked against
every such header that was read anyhow; `thorough` reads them all. Names are the directory's, as for
torch; that an entry's own header has another is a remark.

Format: PKWARE APPNOTE 6.3.9; caffe2/serialize/inline_container.cc for what torch writes.
"""

from __future__ import annotations

from reseen.errors import Malformed, TooLarge, Unread
from reseen.files import limits, pickles, torch_state
from reseen.files.source import Reader
from reseen.files.tensors import Listing
from reseen.files.zip_directory import (
    LOCAL_LENGTH,
    STORED,
    Windows,
    ZipEntry,
    by_name,
    start_computed,
    start_told,
)
from reseen.records import Container

BESIDE = "files in a torch file that are no part of its tensors"
"""Why an entry is not listed: to any other program the zip can hold what it likes."""
COMPRESSED = "a compressed torch file is matched by its digests only"
"""Why one is not listed: torch loads it, but its tensors have no places. Where all of it is at hand
it is written again without (`zip_packed`)."""
SMALLEST = 1 << 10
"""Bytes below which an entry is no model."""
_ALIGNMENT = 64
_SEPARATE_READS = 64
"""Small headers that are read one by one where an entry does not stand where torch puts it."""


def read_listing(
    windows: Windows, directory: list[ZipEntry], *, thorough: bool = False
) -> Reader[Listing]:
    """List the tensors of a torch zip by its directory. For `thorough` see `containers`.

    Raises Malformed, TooLarge, or Unread for a zip that is no torch file, or is compressed.
    """
    entries = by_name(directory)
    root, container = _root(entries)
    named = yield from _place(entries, windows, thorough)

    byteorder = "little"
    order = entries.get(f"{root}/byteorder")
    if order is not None:
        if order.size > 16:
            raise Malformed("the byte order is neither little nor big")
        word = yield from windows.get(order.start, order.size)
        byteorder = word.decode("latin-1").strip()
        if byteorder not in ("little", "big"):
            raise Malformed("the byte order is neither little nor big")
    pickle = entries[f"{root}/data.pkl"]
    if pickle.size > limits.PICKLE_LIMIT:
        raise TooLarge(f"the pickle is longer than {limits.PICKLE_LIMIT >> 20} MiB")
    loaded = pickles.load((yield from windows.get(pickle.start, pickle.size)))

    own = {f"{root}/data.pkl"}

    def locate(storage: torch_state.Storage) -> tuple[int, int]:
        name = f"{root}/data/{storage.key}"
        entry = entries.get(name)
        if entry is None:
            raise Malformed("a tensor's storage is not in the file")
        own.add(name)
        return entry.start, entry.size

    tensors, left_out = torch_state.tensors(loaded.value, loaded.symbols, locate, byteorder)
    if not left_out and (beside := _beside(entries, own)):
        left_out = {BESIDE: beside}
    return Listing(
        container=container,
        tensors=tuple(tensors),
        header_bytes=windows.read,
        remarks=(*named, *torch_state.remarks(loaded.symbols)),
        not_listed=left_out,
    )


def _beside(entries: dict[str, ZipEntry], own: set[str]) -> int:
    """How many entries hold as much as a model, and nothing that torch loads with the tensors."""
    large = (n for n, e in entries.items() if max(e.size, e.full) >= SMALLEST)
    return sum(name not in own for name in large)


def _root(entries: dict[str, ZipEntry]) -> tuple[str, Container]:
    """The folder that holds data.pkl. Raises Unread if there is none."""
    pickles_found = [name for name in entries if name.endswith("/data.pkl")]
    pickles_found = [name for name in pickles_found if name.count("/") == 1]
    if not pickles_found:
        raise Unread("a zip that is no torch file is matched by its digests only")
    if len(pickles_found) > 1:
        raise Malformed("the zip holds data.pkl more than once")
    root = pickles_found[0].removesuffix("/data.pkl")
    wanted = [e for name, e in entries.items() if name.startswith(f"{root}/")]
    if any(e.method != STORED for e in wanted):
        raise Unread(COMPRESSED)
    scripted = any(name.startswith(f"{root}/code/") for name in entries)
    return root, Container.TORCHSCRIPT if scripted else Container.TORCH_ZIP


def _place(
    entries: dict[str, ZipEntry], windows: Windows, thorough: bool
) -> Reader[tuple[str, ...]]:
    """Find where each entry's bytes begin; remarks on what the entries' own headers say."""
    reads = otherwise = 0
    for entry in entries.values():
        length = LOCAL_LENGTH + len(entry.raw)
        local = windows.find(entry.at, length)
        entry.start = start_computed(entry, _ALIGNMENT)
        if local is None and (thorough or entry.start < 0):
            reads += 1
            if not thorough and reads > _SEPARATE_READS:
                raise Unread("the zip's entries do not stand where torch puts them")
            local = yield from windows.get(entry.at, length)
        if local is not None:
            entry.start = start_told(entry, local)
            otherwise += local[LOCAL_LENGTH:] != entry.raw
    if otherwise:
        return (f"{otherwise} entries of the zip have another name in its directory, which counts",)
    return ()
