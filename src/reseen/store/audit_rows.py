"""The rows that the audit log proves, and the digests by which it does.

What comes in: rows of append-only tables, or claims with their digests, in the order of their keys.
What goes out: the digest that a line holds of them. It promises the same digest for the same rows,
on both databases and for ever: docs/audit.md describes it, and lines that were written hold it.
What is sealed stands in it by its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

COLUMNS: dict[str, tuple[str, ...]] = {
    "decisions": (
        *("pk", "id", "case_pk", "at", "user_pk", "verdict", "sealed", "undoes", "because"),
        *("batch", "version"),
    ),
    "decided": ("decision_pk", "sighting_pk", "rung", "confirmed", "sha256"),
    "withdrawals": ("pk", "removal_pk", "at", "restored", "sealed"),
    "fact_events": ("pk", "at", "what", "list_pk", "removal_pk", "claim_pk", "user_pk", "sealed"),
    "comments": ("pk", "case_pk", "at", "user_pk", "sealed"),
    "notice_steps": ("pk", "notice_pk", "at", "user_pk", "state", "how", "sealed"),
    "notice_letters": (
        *("pk", "notice_pk", "at", "user_pk", "version", "what", "how", "form", "sealed"),
    ),
    "claim_moves": ("pk", "claim_pk", "from_pk", "to_pk", "at"),
    "innocent_events": ("pk", "at", "what", "innocent_pk", "user_pk", "sealed"),
    "innocents": ("pk", "id", "name", "at"),
    "innocent_digests": ("innocent_pk", "kind", "value"),
    "innocent_sketches": ("innocent_pk", "number", "architecture", "value"),
    "campaign_events": ("pk", "at", "what", "campaign_pk", "hub", "account", "user_pk"),
}
"""Tables whose rows a line covers, each with the columns that it covers."""

CLAIM_NUMBERS = ("pk", "removal_pk", "size", "list_pk", "source", "removed_on", "cls", "added_at")
CLAIM_TEXTS = ("site",)
"""Columns of a claim which the line of an import or of an addition covers. They never change, but
for `removal_pk`: it stands there as it was at first, and other lines cover the claim's moves."""

NOTICE = ("pk", "id", "state", "created_at", "due_at")
NOTICE_ITEM = ("sighting_pk", "case_pk", "added_at")
FILE_FACTS = (
    *("pk", "removal_pk", "size", "container", "data_size", "layout", "list_pk", "source"),
    "added_at",
)
"""Columns of what changes and is covered as it stands: a notice with its items, and a claim of
which bytes were read, with its digests, the claims that it rests on and its sketches. Whose account
a notice is about is not among them: a line must not tell a place."""

_SEALED = {name: held.index("sealed") for name, held in COLUMNS.items() if "sealed" in held}
_NULL = -(2**63)
_encode = json.JSONEncoder(separators=(",", ":"), default=lambda value: bytes(value).hex()).encode


def text(table: str, row: Sequence[Any]) -> str:
    """A row as a JSON array that begins with its table's name; bytes as hex, what is sealed by its
    SHA-256 in hex."""
    at = _SEALED.get(table)
    if at is not None and row[at] is not None:
        sealed = hashlib.sha256(row[at]).hexdigest()
        return _encode((table, *row[:at], sealed, *row[at + 1 :]))
    return _encode((table, *row))


def notice_texts(notice: Sequence[Any], items: Iterable[Sequence[Any]]) -> list[str]:
    """How a notice stands (`NOTICE`), with its items (`NOTICE_ITEM`) by sighting."""
    return [_encode(("notices", *notice)), *(_encode(("notice_items", *one)) for one in items)]


def file_texts(claim: Sequence[Any], beside: Iterable[Sequence[Any]]) -> list[str]:
    """What is known of the file of a claim (`FILE_FACTS`), and what belongs to it: the table's
    name, then the columns but the claim's, of each row of digests, learned_from, sketches and
    sketch_entries, in this order and in that of their keys."""
    return [_encode(("claims", *claim)), *(_encode(one) for one in beside)]


def digest(texts: Iterable[str]) -> str:
    """Of the JSON array of these rows, in hex."""
    return hashlib.sha256(f"[{','.join(texts)}]".encode("ascii")).hexdigest()


def covers(table: str, first: int, last: int) -> str:
    """Which rows a line covers, as it says it: "decisions 7", "claims 7-90"."""
    return f"{table} {first}" if first == last else f"{table} {first}-{last}"


def covered(said: str) -> tuple[str, int, int] | None:
    """(table, first, last) of what `covers` wrote; None for anything else."""
    table, _, range_ = said.partition(" ")
    first, _, last = range_.partition("-")
    try:
        return table, int(first), int(last or first)
    except ValueError:
        return None


class RunningDigest:
    """Of the texts of rows, one after the other: what `digest` gives for all of them."""

    __slots__ = ("_hash", "rows")

    def __init__(self) -> None:
        self._hash = hashlib.sha256(b"[")
        self.rows = 0

    def add(self, text: str) -> None:
        self._hash.update((f",{text}" if self.rows else text).encode("ascii"))
        self.rows += 1

    def hex(self) -> str:
        done = self._hash.copy()
        done.update(b"]")
        return done.hexdigest()


class ClaimsDigest:
    """Of claims and of their digests: each column hashed by itself, in the order of the tables'
    keys, so that a long list costs little. Give claims and digests in any portions."""

    __slots__ = ("_claims", "_digests", "claims", "digests")

    def __init__(self) -> None:
        self._claims = [hashlib.sha256() for _ in (*CLAIM_NUMBERS, *CLAIM_TEXTS)]
        self._digests = [hashlib.sha256() for _ in range(3)]
        self.claims = self.digests = 0

    def add_claims(self, rows: Sequence[Sequence[Any]]) -> None:
        """Rows of `CLAIM_NUMBERS` and `CLAIM_TEXTS`, by pk."""
        if rows:
            self.add_columns(list(zip(*rows, strict=True)))

    def add_columns(self, columns: Sequence[Sequence[Any]]) -> None:
        """The same rows as columns, each of one length."""
        for at, column in enumerate(columns):
            made = _numbers(column) if at < len(CLAIM_NUMBERS) else _texts(column)
            self._claims[at].update(made)
        self.claims += len(columns[0])

    def add_digests(self, rows: Sequence[tuple[int, bytes, int]]) -> None:
        """(kind, value, pk of the claim), by kind, value and pk."""
        if not rows:
            return
        kinds, values, pks = zip(*rows, strict=True)
        self._add_digests(bytes(kinds), values, pks)

    def add_digests_of(self, kind: int, values: Sequence[bytes], pks: Sequence[int]) -> None:
        """Of one kind, by value and pk."""
        self._add_digests(bytes([kind]) * len(pks), values, pks)

    def _add_digests(self, kinds: bytes, values: Sequence[bytes], pks: Sequence[int]) -> None:
        for hash_, column in zip(
            self._digests, (kinds, b"".join(values), _numbers(pks)), strict=True
        ):
            hash_.update(column)
        self.digests += len(pks)

    def hex(self) -> str:
        """SHA-256 of the columns' SHA-256s, one after the other."""
        both = b"".join([one.digest() for one in (*self._claims, *self._digests)])
        return hashlib.sha256(both).hexdigest()


def _texts(column: Sequence[str | None]) -> bytes:
    """A line each: "=" and the text, or nothing where it is null."""
    first = column[0]
    if column.count(first) == len(column):  # nearly always
        return ("\n" if first is None else f"={first}\n").encode() * len(column)
    return "".join(["\n" if value is None else f"={value}\n" for value in column]).encode()


def _numbers(column: Sequence[int | None]) -> bytes:
    """Eight bytes each, the last first; null is the least of them."""
    if column[0] is None and column.count(None) == len(column):
        packed = array("q", [_NULL]) * len(column)
    else:
        try:
            packed = array("q", column)  # type: ignore[arg-type]  # null is what is caught
        except TypeError:
            packed = array("q", [_NULL if value is None else value for value in column])
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()
