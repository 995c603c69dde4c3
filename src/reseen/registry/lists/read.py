"""Reads any list as tables. What a file is, is told by its content, never by its name.

What comes in: a path. What goes out: `ListTable`s.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from reseen.errors import ListError
from reseen.fingerprints.known_bogus import is_markup
from reseen.registry.lists import yaml_toml
from reseen.registry.lists.list_fields import ListField
from reseen.registry.lists.table import MAX_FILE, ListTable

_HEAD = 4_096


@contextmanager
def open_tables(
    path: Path, given: Mapping[str, ListField] | None = None
) -> Iterator[list[ListTable]]:
    """The tables of a list; `given` says what columns mean that are not called as usual.

    Raises ListError. Rows are read while they are walked, which may raise it too.
    """
    with _opened(path) as file:
        yield _tables(file, given)


def _tables(file: BinaryIO, given: Mapping[str, ListField] | None) -> list[ListTable]:
    head = file.read(_HEAD)
    file.seek(0)
    if head.startswith(b"PK\x03\x04") and b"application/vnd.oasis.opendocument" in head[:200]:
        from reseen.registry.lists.workbook import read_opendocument

        return read_opendocument(file, given)
    if head.startswith(b"PK\x03\x04"):
        from reseen.registry.lists.workbook import read_workbook

        return read_workbook(file, given)
    if head.startswith(b"PAR1"):
        from reseen.registry.lists.parquet import read_parquet

        return [read_parquet(file, given)]
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise ListError(
            "this is a workbook of the old kind (XLS), or one with a password",
            remedy="Save it as XLSX or CSV.",
        )
    if is_markup(head):
        return _of_markup(file, head, given)
    if head.startswith(b"{\\rtf"):
        raise ListError("this is formatted text (RTF) and no list", remedy="Save it as plain text.")
    _refuse_encoded(head)
    if _is_dump(head):
        from reseen.registry.lists.dump import read_dump

        return [read_dump(file, given)]
    if _is_json(head):
        from reseen.registry.lists.documents import read_documents

        return [read_documents(file, given)]
    if yaml_toml.may_be(head):
        from reseen.registry.lists.documents import read_value

        table = read_value(file, given)
        if table is not None:
            return [table]
        file.seek(0)
    from reseen.registry.lists.delimited import read_delimited

    return [read_delimited(file, given)]


def _of_markup(
    file: BinaryIO, head: bytes, given: Mapping[str, ListField] | None
) -> list[ListTable]:
    """The tables of a web page, of its text where it has none of use, or of an XML file."""
    if _XML.match(_plain(head)) and _PAGE.search(head) is None:
        from reseen.registry.lists.documents import read_xml

        return [read_xml(file, given)]
    from reseen.registry.lists.delimited import read_delimited
    from reseen.registry.lists.web_page import read_page
    from reseen.registry.lists.workbook import page_tables

    page = read_page(file)
    try:
        if page.tables:
            return page_tables(page.tables, given)
        return [read_delimited(page.text, given)]
    except ListError as error:
        raise ListError(
            f"this is a web page, and it holds no list ({error})",
            remedy="Sign in and download the list itself, or save the page's table as CSV.",
        ) from None


_XML = re.compile(rb"\s{0,20}<\?xml\b")
_PAGE = re.compile(rb"<(?:html|!doctype html|body|table|h1)\b", re.IGNORECASE)
_MAIL = re.compile(rb"\A(?:From |[A-Za-z][A-Za-z-]{1,40}: )")
_ENCODED = re.compile(
    rb"^Content-(?:Transfer-Encoding:\s*(?:quoted-printable|base64)|Type:\s*multipart/)",
    re.IGNORECASE | re.MULTILINE,
)


_DUMP = re.compile(
    rb"\A(?:\s|--)*(?:MySQL|MariaDB|PostgreSQL database) dump"
    rb"|^(?:(?:INSERT|REPLACE)(?: IGNORE| OR [A-Z]+)? INTO|CREATE TABLE) \S"
    rb"|^INSERT \[|^COPY \S.* FROM stdin\b",
    re.IGNORECASE | re.MULTILINE,
)


def _plain(head: bytes) -> bytes:
    """Without zeros (of UTF-16) and marks."""
    return head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe")


def _is_dump(head: bytes) -> bool:
    """Whether a text that begins so is a dump of a database."""
    return _DUMP.search(_plain(head)) is not None


def _refuse_encoded(head: bytes) -> None:
    """A mail as it was sent cuts and rewrites its lines, so that a hash or an id would be another.
    Raises ListError."""
    plain = _plain(head)
    if _MAIL.match(plain) and _ENCODED.search(plain):
        raise ListError(
            "this is a mail and no list",
            remedy="Save the list that is attached to it, or its text, as a file of its own.",
        )


def _opened(path: Path) -> BinaryIO:
    """The file, from its beginning; a pipe is read into a temporary file. Raises ListError."""
    try:
        file: BinaryIO = path.open("rb")
        if not file.seekable():
            with file as pipe:
                file = _kept(pipe)
        size = file.seek(0, 2)
        file.seek(0)
        blank = size < 4_096 and not file.read().strip(b"\0 \t\r\n")
        file.seek(0)
    except OSError as error:
        raise ListError(
            f"the list cannot be read: {error.strerror or 'input/output error'}",
            remedy="Check the path and that you may read it.",
        ) from None
    if size > MAX_FILE or blank:
        file.close()
    if size > MAX_FILE:
        raise ListError(
            f"the list is larger than {MAX_FILE >> 20} MiB", remedy="Split it and import the parts."
        )
    if blank:
        raise ListError("the list is empty", remedy="Check that this is the right file.")
    return file


def _kept(pipe: BinaryIO) -> BinaryIO:
    kept: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 (it goes when nobody reads it)
    left = MAX_FILE + 1
    while left > 0 and (piece := pipe.read(min(left, 1 << 20))):
        kept.write(piece)
        left -= len(piece)
    return kept


_OPENS_JSON = re.compile(rb'(?:\{|\[)[\[{ \t\r\n]*(?:["}\]]|\Z)')


def _is_json(head: bytes) -> bool:
    """Whether it begins as JSON does that holds anything to read: after marks, blanks and zeros
    (UTF-16), an object or array is opened, and a quote follows, or what closes it. What people
    write in brackets (a date, a link in Markdown) is text."""
    return bool(_OPENS_JSON.match(_plain(head).lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")))
