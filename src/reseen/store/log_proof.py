"""Proves that rows are what the lines of the audit log say of them.

What comes in: the lines, one after the other, and for each table that lines cover its rows in the
order of their keys, as texts (`audit_rows.text`). What goes out: sentences about what disagrees,
with ids that tell nothing. It promises that every covered row is there as it was written, and that
no row stands there that no line covers. Rows and lines are streamed; what it keeps is where the
registry's rows and claims are in the log, two numbers each.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Table, select

from reseen.store import audit_rows
from reseen.store.audit import AuditLine
from reseen.store.audit_rows import RunningDigest, covered

SEALED = "sealed"
"""The action of the line that seals what was there before the log covered rows."""
SEALED_TABLES = ("decisions", "withdrawals", "fact_events", "claims")
"""What the first such line seals, in the order in which their digests are hashed together."""
SEALED_LATER = ("comments", "notice_steps")
"""What the second seals, likewise: the log has covered it since a later release."""
MOST_TOLD = 50
"""Sentences that are kept; the rest is counted."""

LogRow = tuple[int, Sequence[str]]
"""A row's pk, and the texts of the row and of those that belong to it."""


PORTION = 2_000
"""Rows that are read from the store at a time."""


def rows_of(connection: Connection, table: Table) -> Generator[LogRow]:
    """The rows of a table that lines cover by its own columns, in the order of their pks."""
    columns = audit_rows.COLUMNS[table.name]
    query = select(*(table.c[name] for name in columns)).order_by(table.c.pk)
    with connection.execute(query.execution_options(yield_per=PORTION)) as rows:
        for row in rows:
            yield row[0], (audit_rows.text(table.name, row),)


@dataclass(slots=True)
class Disagreements:
    """What disagrees, in sentences."""

    told: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, sentence: str) -> None:
        self.count += 1
        if len(self.told) < MOST_TOLD:
            self.told.append(sentence)


@dataclass(slots=True)
class CoveredTable:
    """A table that lines cover."""

    rows: Generator[LogRow]
    """In the order of their pks."""
    named: Callable[[int], str]
    """What a row is, in words with opaque ids, by its pk."""
    remember: bool = False
    """Keep in which line each row stands."""
    pks: array[int] = field(default_factory=lambda: array("q"))
    lines: array[int] = field(default_factory=lambda: array("q"))

    def line_of(self, pk: int) -> int:
        """The number of the line that covers a row; 0 for what was there before."""
        at = bisect_right(self.pks, pk) - 1
        return self.lines[at] if at >= 0 and self.pks[at] == pk else 0


@dataclass(slots=True)
class ClaimRange:
    """Claims that one line covers."""

    first: int
    last: int
    line: int
    digest: str
    """Empty for those that were sealed together with other tables."""


class LogProof:
    """Take every line with `line`, then ask `end`."""

    def __init__(self, tables: dict[str, CoveredTable], found: Disagreements) -> None:
        self.tables = tables
        self.found = found
        self.claims: list[ClaimRange] = []
        """In the order of their pks."""
        self.sealed_digests: list[str] = []
        """Of the tables that were sealed, but the claims."""
        self.sealed_as = ""
        """The digest of all that was sealed."""
        self._covered: set[str] = set()
        """Tables of which a line covered something, or sealed it."""
        self._next: dict[str, LogRow | None] = {
            name: next(table.rows, None) for name, table in tables.items()
        }

    def line(self, line: AuditLine) -> None:
        """The next line of the log."""
        text = line.text
        if text is None:
            return
        if line.action == SEALED:
            self._seal(line)
            return
        if '"covers": "' in text:
            self._covers(line)
        if '"said": "' in text:
            said = covered(str(line.details.get("claims")))
            if said is not None:
                last = self.claims[-1].last if self.claims else 0
                if said[1] <= last:
                    self._say(line, "covers claims that an earlier line covers")
                    return
                digest = str(line.details["said"])
                self.claims.append(ClaimRange(said[1], said[2], line.number, digest))

    def end(self) -> None:
        """After the last line: what is left stands in no line."""
        for name in self.tables:
            self._strays(name, None)

    def claim_line(self, pk: int) -> int | None:
        """The number of the line that covers a claim; None where none does."""
        at = bisect_right(self.claims, pk, key=lambda one: one.first) - 1
        if at >= 0 and pk <= self.claims[at].last:
            return self.claims[at].line
        return None

    def _covers(self, line: AuditLine) -> None:
        details = line.details
        said = covered(str(details["covers"]))
        table = None if said is None else self.tables.get(said[0])
        if said is None or table is None:
            self._say(line, "covers rows of which this Reseen does not know")
            return
        name, first, last = said
        self._covered.add(name)
        self._strays(name, first - 1)
        texts: list[str] = []
        for pk, row in self._rows(name, last):
            texts.extend(row)
            if table.remember:
                table.pks.append(pk)
                table.lines.append(line.number)
        if not texts:
            self._say(line, "what it tells of is not in the store")
        elif audit_rows.digest(texts) != details.get("rows"):
            self._say(line, "what it tells of is another in the store than was written")

    def _seal(self, line: AuditLine) -> None:
        details = line.details
        tables = SEALED_TABLES if "claims_to" in details else SEALED_LATER
        sealed = self._covered.intersection(tables)
        self._covered.update(tables)
        if sealed or ("claims" in tables and self.claims):
            self._say(line, "seals what was there before, and is not the first that covers rows")
            return
        digests = []
        for name in tables:
            last = int(details.get(f"{name}_to") or 0)
            if name == "claims":
                self.claims.append(ClaimRange(0, last, line.number, ""))
                continue
            digest = RunningDigest()
            for _, row in self._rows(name, last):
                for text in row:
                    digest.add(text)
            digests.append(digest.hex())
        if tables == SEALED_TABLES:
            self.sealed_digests, self.sealed_as = digests, str(details.get("rows"))
        elif together(digests) != details.get("rows"):
            self._say(line, "what was there before is another in the store than was sealed")

    def _strays(self, name: str, last: int | None) -> None:
        named = self.tables[name].named
        for pk, _ in self._rows(name, last):
            self.found.add(f"{named(pk)} stands in the store, and in no line of the log")

    def _rows(self, name: str, last: int | None) -> Iterator[LogRow]:
        """The next rows of a table, up to this pk (None: all that are left), each given once."""
        rows, row = self.tables[name].rows, self._next[name]
        while row is not None and (last is None or row[0] <= last):
            yield row
            row = self._next[name] = next(rows, None)

    def _say(self, line: AuditLine, what: str) -> None:
        of = "" if line.subject == "*" else f" {line.subject}"
        self.found.add(f"line {line.number} ({line.action}{of}): {what}")


def together(digests: Sequence[str]) -> str:
    """The digest of all that was sealed, of those of `SEALED_TABLES` in hex."""
    return hashlib.sha256("".join(digests).encode("ascii")).hexdigest()
