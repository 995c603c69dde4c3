"""Reads any list as tables. What a file is, is told by its content, never by its name.

What comes in: a path. What goes out: `ListTable`s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from reseen.errors import ListError
from reseen.registry.lists.columns import ListField
from reseen.registry.lists.table import MAX_FILE, ListTable

_CONTENT = re.compile(rb"[^\0 \t\r\n]")


def read_tables(path: Path, given: Mapping[str, ListField] | None = None) -> list[ListTable]:
    """The tables of a list; `given` says what columns mean that are not called as usual.

    Raises ListError. Rows are read while they are walked, which may raise it too.
    """
    data = _read(path)
    if data.startswith(b"PK\x03\x04"):
        from reseen.registry.lists.workbook import read_workbook

        return read_workbook(data, given)
    if data.startswith(b"PAR1"):
        from reseen.registry.lists.parquet import read_parquet

        return [read_parquet(data, given)]
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise ListError(
            "this is a workbook of the old kind (XLS), or one with a password",
            remedy="Save it as XLSX or CSV.",
        )
    if _is_json(data):
        from reseen.registry.lists.documents import read_documents

        return [read_documents(data, given)]
    from reseen.registry.lists.delimited import read_delimited

    return [read_delimited(data, given)]


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ListError(
            f"the list cannot be read: {error.strerror or 'input/output error'}",
            remedy="Check the path and that you may read it.",
        ) from None
    if len(data) > MAX_FILE:
        raise ListError(
            f"the list is larger than {MAX_FILE >> 20} MiB", remedy="Split it and import the parts."
        )
    if _CONTENT.search(data) is None:
        raise ListError("the list is empty", remedy="Check that this is the right file.")
    return data


def _is_json(data: bytes) -> bool:
    """Whether the first character that is no mark, blank or zero (UTF-16) opens a JSON value."""
    head = data[:4_096].lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")
    return head[:1] in (b"{", b"[")
