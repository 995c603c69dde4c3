"""Opens a list as text, piece by piece: its encoding is found out, nothing is read as a whole.

What comes in: the open file of a list. What goes out: a text stream, with a note for what was
assumed of the encoding; and its lines, none of which is longer than a bound.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from reseen.errors import ListError

MAX_LINE = 4 << 20
"""Characters in a line: its cells are made at once."""

_PIECE = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


_TELLING = {
    "cp932": ("モデル", "ハッシュ", "リンク", "状態", "削除", "名前"),
    "gb18030": ("模型", "名称", "链接", "哈希", "状态", "删除", "文件"),
    "big5": ("模型", "名稱", "連結", "雜湊", "狀態", "刪除", "檔案"),
    "cp949": ("모델", "이름", "링크", "해시", "상태", "삭제"),
    "cp1251": ("назван", "модел", "ссылк", "хеш", "хэш", "статус", "удал"),
    "koi8-r": ("назван", "модел", "ссылк", "хеш", "хэш", "статус", "удал"),
}
"""Encodings that lists without a mark have, each with words by which a list in it is told."""

_NO_TEXT = frozenset(range(32)) - frozenset(b"\t\n\v\f\r\x1a\x1b")
"""Bytes that stand in no text of Latin-1."""


class BorrowedText(io.TextIOWrapper):
    """A text stream over a file that somebody else closes."""

    def close(self) -> None:
        """Leaves the file open."""


def open_text(file: BinaryIO) -> tuple[io.TextIOWrapper, tuple[str, ...]]:
    """The file as text from its beginning, and what was assumed: a byte order mark, else UTF-16
    without one, else UTF-8, else Latin-1. Raises ListError, also for what is no text at all."""
    file.seek(0)
    head = file.read(2_000)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            if not _is(file, encoding):
                raise ListError(
                    "the text breaks off or is not in the encoding that its first bytes promise",
                    remedy="Save the list again as UTF-8.",
                )
            return _opened(file, encoding), ()
    if (wide := _utf16_without_mark(head)) and _is(file, wide):
        return _opened(file, wide), ("Read as UTF-16, which the file does not say of itself.",)
    if head.count(0) <= max(1, len(head) // 50):  # a stray one is forgiven
        if _is(file, "utf-8"):
            return _opened(file, "utf-8"), ()
        if (told := _by_its_words(head)) and _is(file, told):
            return _opened(file, told), (f"Read as {told}, by its headings: it is not UTF-8.",)
        if sum(byte in _NO_TEXT for byte in head) * 50 <= len(head):
            # Windows' own marks (curved quotes, dashes) stand where Latin-1 has none.
            latin = "cp1252" if _is(file, "cp1252") else "latin-1"
            return _opened(file, latin), (
                "Read as Latin-1, since it is not UTF-8: names with accents may be wrong.",
            )
    raise ListError(
        "this is no text, and none of the other forms that lists have",
        remedy="Unpack it if it is packed, or save the list as CSV or XLSX.",
    )


def lines(text: io.TextIOWrapper) -> Iterator[str]:
    """The lines with their ends. Raises ListError for one that is longer than `MAX_LINE`."""
    number = 0
    while line := text.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise ListError(
                f"line {number} is longer than {MAX_LINE >> 20} million characters",
                remedy="Look for a quote that is never closed, or for lines that ran together.",
            )
        yield line


def rejoined(lines: Iterable[str]) -> Iterator[str]:
    """The lines, of which those that a page broke within a SHA-256 are put together; in place of
    the second stands a blank one, so that all keep their numbers."""
    before: str | None = None
    for line in lines:
        if before is None:
            before = line
            continue
        whole = _rejoined(before, line) if len(line) < _LONGEST_REST else None
        yield before if whole is None else whole
        before = line if whole is None else "\n"
    if before is not None:
        yield before


_LONGEST_REST = 64
_REST = re.compile(r"\s{0,8}([0-9a-fA-F]{8,56})\s{0,4}\Z")
_BEGUN = re.compile(r"(?<![0-9A-Za-z])([0-9a-fA-F]{8,56})[ \t\r\n]*\Z")


def _rejoined(line: str, rest: str) -> str | None:
    """Two lines as one, where a SHA-256 is broken between them; None where none is."""
    end = _REST.match(rest)
    begun = _BEGUN.search(line[-80:]) if end is not None else None
    if end is None or begun is None or len(begun[1]) + len(end[1]) != 64:
        return None
    alone = len(line.strip()) == len(begun[1])
    if alone and len(end[1]) == len(begun[1]):  # two whole hashes of another kind
        return None
    return f"{line.rstrip()}{end[1]}\n"


def _opened(file: BinaryIO, encoding: str) -> io.TextIOWrapper:
    file.seek(0)
    return BorrowedText(file, encoding=encoding, newline="")


def _is(file: BinaryIO, encoding: str) -> bool:
    """Whether all of the file is in an encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while piece := file.read(_PIECE):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _by_its_words(head: bytes) -> str | None:
    """The encoding in which usual headings stand in the beginning of a file."""
    for encoding, words in _TELLING.items():
        said = head.decode(encoding, errors="replace").casefold()
        if any(word in said for word in words):
            return encoding
    return None


def _utf16_without_mark(head: bytes) -> str | None:
    halves = head[::2], head[1::2]
    for encoding, (letters, zeros) in (("utf-16-le", halves), ("utf-16-be", halves[::-1])):
        # Latin letters: every other byte is zero, and only those
        if zeros.count(0) * 2 > len(zeros) and letters.count(0) * 2 < len(letters):
            return encoding
    return None
