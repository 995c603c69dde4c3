"""Torch's old files (before 1.6, or by choice): five pickles, then the storages one by one.

In go the size and ranges of a file, out comes a `Listing` whose tensors are places in the file.
The pickles are read from the start, more of them only if they are longer than what came. Where a
storage lies follows from the sizes of those before it, and the sum must be the file's size exactly.

Layout (torch/serialization.py, `_legacy_save`): magic number | protocol 1001 | system | the object
| list of storage keys | for each key: i64 LE count of elements, and their bytes.
"""

from __future__ import annotations

from typing import Any

from reseen.errors import Malformed, TooLarge
from reseen.files import limits, pickles, torch_state
from reseen.files.identify import CUT_OFF
from reseen.files.pickles import Dict, Node, Persistent, Symbol
from reseen.files.source import Range, Reader
from reseen.files.tensors import Listing
from reseen.records import Container

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
_GROWTH = 8


def read_listing(size: int, head: bytes = b"", *, thorough: bool = False) -> Reader[Listing]:
    """List the tensors of a legacy torch file of `size` bytes. See `containers` for the rest.

    Raises Malformed or TooLarge.
    """
    if not head:
        head = yield Range(0, min(size, limits.PROBE))
    while True:
        try:
            value, keys, symbols, end = _pickles(head)
            break
        except pickles.Incomplete:
            if len(head) >= size:
                raise Malformed(CUT_OFF) from None
            if len(head) >= limits.PICKLE_LIMIT:
                raise TooLarge("the pickles are too long") from None
            more = min(size, _GROWTH * len(head), limits.PICKLE_LIMIT) - len(head)
            part = yield Range(len(head), more)
            if len(part) < more:
                raise Malformed(CUT_OFF) from None
            head += part
    places = _places(value, keys, end, size)
    for start, count, _ in places.values():
        told = head[start - 8 : start] if start <= len(head) else b""
        if len(told) < 8 and thorough:
            told = yield Range(start - 8, 8)
        if told and int.from_bytes(told, "little", signed=True) != count:
            raise Malformed("a storage's length is not what the pickle says")

    def locate(storage: torch_state.Storage) -> tuple[int, int]:
        start, _, length = places[storage.key]
        return start, length

    # Torch writes the elements little-endian, whatever the machine (THPStorage_writeFileRaw).
    tensors, left_out = torch_state.tensors(value, symbols, locate)
    return Listing(
        container=Container.TORCH_LEGACY,
        tensors=tuple(tensors),
        header_bytes=len(head),
        remarks=torch_state.remarks(symbols),
        not_listed=left_out,
    )


def _pickles(data: bytes) -> tuple[Any, list[str], frozenset[str], int]:
    """The object, the storage keys, all symbols, and where the storages begin."""
    values: list[Any] = []
    symbols: set[str] = set()
    end, steps = 0, limits.STEPS
    for number in range(5):
        loaded = pickles.load(data[end:], steps)
        end += loaded.end
        steps -= loaded.steps
        values.append(loaded.value)
        symbols |= loaded.symbols
        if number == 0 and loaded.value != MAGIC:
            raise Malformed("the file does not begin with torch's magic number")
        if number == 1 and loaded.value != PROTOCOL:
            raise Malformed("the file is of a protocol that torch never had")
    keys = values[4]
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise Malformed("the list of storages is none")
    if len(set(keys)) != len(keys):
        raise Malformed("a storage is listed twice")
    return values[3], keys, frozenset(symbols), end


def _places(value: Any, keys: list[str], end: int, size: int) -> dict[str, tuple[int, int, int]]:
    """Storage key -> where it begins, its count of elements, its bytes."""
    storages = _storages(value)
    places: dict[str, tuple[int, int, int]] = {}
    for key in keys:
        storage = storages.get(key)
        if storage is None:
            raise Malformed("a storage is listed that the pickle does not know")
        places[key] = (end + 8, storage.numel, storage.length)
        end += 8 + storage.length
    if storages.keys() != places.keys():
        raise Malformed("a tensor's storage is not in the file")
    if end > size:
        raise Malformed(CUT_OFF)
    if end < size:
        raise Malformed("the storages do not end where the file does")
    return places


def _storages(value: Any) -> dict[str, torch_state.Storage]:
    """Every storage that the object refers to, in whatever it is wrapped."""
    found: dict[str, torch_state.Storage] = {}
    entered: set[int] = set()
    todo = [value]
    while todo:
        value = todo.pop()
        if isinstance(value, Persistent):
            storage, _ = torch_state.storage(value.id)
            if found.setdefault(storage.key, storage) != storage:
                raise Malformed("a storage is described in two ways")
        elif isinstance(value, list | tuple | Dict | Node) and id(value) not in entered:
            entered.add(id(value))
            if isinstance(value, Dict):
                todo += [part for pair in value.pairs for part in pair]
            elif isinstance(value, Node):
                if not isinstance(value.made_by, Symbol):
                    todo.append(value.made_by)
                todo += [value.args, value.state, *value.items]
                todo += [part for pair in value.pairs for part in pair]
            else:
                todo += value
    return found
