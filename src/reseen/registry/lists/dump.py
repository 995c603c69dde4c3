"""Reads the tables in a dump of a database: INSERT of any of them, and PostgreSQL's COPY.

What comes in: the open file of a list. What goes out: the first `ListTable`; the next is known when
the rows of the one before it were walked. A table's columns are those that INSERT or COPY names,
else those of CREATE TABLE. Nothing is executed. Tables whose names say that they hold no removed
models (kept ones, base models, previews), and those without a column of hashes or links, are set
aside and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

from reseen.errors import ListError
from reseen.registry.lists import text as texts
from reseen.registry.lists.columns import Meaning
from reseen.registry.lists.dump_rows import DumpRow, rows_of
from reseen.registry.lists.dump_words import words_of_dump
from reseen.registry.lists.list_fields import HASHES, ListField
from reseen.registry.lists.looks import SAMPLE, Row, find, no_header
from reseen.registry.lists.not_removed import is_of_another, title_stands
from reseen.registry.lists.table import (
    NOT_REMOVED,
    ListTable,
    first_of,
)

MAX_TABLES = 200
"""Tables, and turns between them, that are read."""

_OF_MYSQL = re.compile(
    r"\A(?:\s|--)*(?:MySQL|MariaDB) dump|^(?:INSERT|REPLACE|CREATE)[A-Z ]{1,40}`",
    re.IGNORECASE | re.MULTILINE,
)
_OF_SQLITE = re.compile(r"^PRAGMA ", re.IGNORECASE | re.MULTILINE)
_OF_MODELS = re.compile(
    r"remov|delet|take.?down|taken.?down|bann|block|model|lora|checkpoint", re.IGNORECASE
)
_OTHER = "a row of a table of the dump that is of no models: no hashes, or links under another name"
_BESIDE = "a row of a table of the dump that is of other things than models, by its name"


def read_dump(file: BinaryIO, given: Mapping[str, ListField] | None = None) -> ListTable:
    """The tables of a dump. Raises ListError, also while rows are walked."""
    text, notes = texts.open_text(file)
    head = text.read(1 << 16)
    text.seek(0)
    escapes = _OF_MYSQL.search(head) is not None and _OF_SQLITE.search(head) is None
    rows = rows_of(words_of_dump(texts.lines(text), escapes=escapes))
    tables = _Tables(rows, given, (*notes, "Rows of the dump are numbered as they come."))
    first = tables.following()
    if first is None or not first.columns:
        raise no_header()
    return first


@dataclass(slots=True)
class _Tables:
    """The tables of a dump, one after another."""

    left: Iterator[DumpRow]
    given: Mapping[str, ListField] | None
    notes: tuple[str, ...]
    next: DumpRow | None = None
    """The first row of the next table, once it was met."""
    turns: int = 0

    def following(self) -> ListTable | None:
        """The next table of which a column is usable; one without columns where rows were set
        aside and none follows."""
        aside: Counter[str] = Counter()
        while (first := self.next or next(self.left, None)) is not None:
            self.next = None
            self.turns += 1
            if self.turns > MAX_TABLES:
                raise ListError(
                    f"the dump has more than {MAX_TABLES} tables, or rows of several by turns",
                    remedy="Export the one table as CSV with its headings.",
                )
            rows = self._of(first)
            why = _why_not(first.table)
            head = [] if why else list(first_of(rows, SAMPLE, lambda row: row[1]))
            named = [(0, list(first.columns))] if first.columns else []
            found = find([*named, *head], self.given) if head else None
            if found is None or not _of_models(first.table, found.meaning):
                aside[why or _OTHER] += len(head) + sum(1 for _ in rows)
                continue
            notes, self.notes = self.notes, ()
            return ListTable(
                first.columns or found.names,
                chain(head, rows),
                f"table {self.turns}" if self.turns > 1 else "",
                notes,
                found.meaning,
                aside,
                below=self.following,
            )
        return ListTable((), (), set_aside=aside) if aside else None

    def _of(self, first: DumpRow) -> Iterator[Row]:
        yield first.row()
        for row in self.left:
            if not row.is_of(first):
                self.next = row
                return
            yield row.row()


def _why_not(table: str) -> str | None:
    words = table.replace("_", " ")
    if title_stands(words):
        return NOT_REMOVED
    return _BESIDE if is_of_another(words) else None


def _of_models(table: str, meaning: Meaning) -> bool:
    """Whether a table is one of models: by its hashes, or by links where its name says so. A dump
    holds the addresses of much else."""
    return not HASHES.isdisjoint(meaning.fields) or _OF_MODELS.search(table) is not None
