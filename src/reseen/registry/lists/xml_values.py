"""Reads XML as the values that JSON would hold: `documents` makes a table of them.

What comes in: the open file of a list. What goes out: what its outermost element holds. Elements
and attributes are keys; elements of one name beside each other are an array. Document types, and so
entities of their own, are refused; what is made is counted while it is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from reseen.errors import ListError
from reseen.registry.lists.nested import MAX_DEPTH
from reseen.registry.lists.sheet import Attributes, too_large
from reseen.registry.lists.table import MAX_CELL, too_long
from reseen.registry.lists.yaml_toml import MAX_VALUES
from reseen.registry.lists.zip_parts import parsed

MAX_TEXTS = 32 << 20
"""Characters of all texts: they are held together."""
_PIECE = 64 << 10


def value_of(file: BinaryIO) -> dict[str, Any]:
    """What the outermost element holds. Raises ListError."""
    maker = _ElementMaker()
    for _ in parsed(_pieces(file), maker.start, maker.end, maker.text):
        pass
    return maker.root if isinstance(maker.root, dict) else {}


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(_PIECE):
        yield piece


class _ElementMaker:
    """Makes values of the tags that are met, one after the other, without calling itself."""

    def __init__(self) -> None:
        self.root: dict[str, Any] | str = {}
        self._open: list[tuple[str, dict[str, Any], list[str]]] = []
        self._made = self._held = self._total = 0

    def start(self, name: str, attributes: Attributes) -> None:
        if len(self._open) > MAX_DEPTH:
            raise ListError(f"the XML is nested deeper than {MAX_DEPTH} levels")
        self._count(1 + len(attributes))
        self._texts(sum(map(len, attributes.values())))
        self._held = 0
        plain = {k.rpartition(":")[2]: v for k, v in attributes.items() if k[:5] != "xmlns"}
        self._open.append((name, {**plain}, []))

    def text(self, piece: str) -> None:
        if self._open:
            self._open[-1][2].append(piece)
            self._held += len(piece)
            if self._held > MAX_CELL:
                raise too_long(1)
            self._texts(len(piece))

    def end(self, _: str) -> None:
        name, held, pieces = self._open.pop()
        text = "".join(pieces).strip()
        value: dict[str, Any] | str = text
        if held:
            value = {**held, "value": text} if text else held
        if not self._open:
            self.root = value
            return
        around = self._open[-1][1]
        if name not in around:
            around[name] = value or None
        elif isinstance(before := around[name], list):
            before.append(value)
        else:
            around[name] = [before, value]

    def _texts(self, length: int) -> None:
        self._total += length
        if self._total > MAX_TEXTS:
            raise too_large()

    def _count(self, made: int) -> None:
        self._made += made
        if self._made > MAX_VALUES:
            raise ListError(
                f"a list in XML may hold {MAX_VALUES:,} values",
                remedy="Split it, or save it as CSV or JSON.",
            )
