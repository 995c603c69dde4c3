"""Claims that a line of the audit log covers: what an import, an addition or a class brought.

What comes in: the claims that were written, with their digests. What goes out: what the line says
of them (`claims`: which they are; `said`: their digest), so that the log proves what lists said.
What was learned from bytes is covered as it stands, with each change (`file_facts`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from reseen.store import schema
from reseen.store.audit_rows import CLAIM_NUMBERS, CLAIM_TEXTS, ClaimsDigest, covers

_PORTION = 2_000


class ClaimLines:
    """Of claims that are written in any number of parts, by pk, within one transaction."""

    def __init__(self) -> None:
        self._made = ClaimsDigest()
        self._first = self._last = 0
        self._parts = 0
        self._digests: list[tuple[int, Sequence[bytes], Sequence[int]]] = []
        self.moved: list[tuple[int, int, int]] = []
        """Claims of before that went elsewhere: another line covers that (`claim_moves.log`)."""

    def add_claims(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """A part's claims, column by column; then `add_digests` for each kind of theirs."""
        pks = columns["pk"]
        self._first, self._last = self._first or pks[0], pks[-1]
        self._parts += 1
        self._digests = self._digests if self._parts == 1 else []
        self._made.add_columns([columns[name] for name in (*CLAIM_NUMBERS, *CLAIM_TEXTS)])

    def add_digests(self, kind: int, values: Sequence[bytes], pks: Sequence[int]) -> None:
        """The digests of a kind, in the order of (value, pk of the claim); kinds ascending."""
        if self._parts == 1:  # those of several parts are put in order by the store
            self._digests.append((kind, values, pks))

    @property
    def pks(self) -> range:
        """Of the claims."""
        return range(self._first, self._last + 1) if self._parts else range(0)

    def details(self, connection: Connection) -> dict[str, str]:
        """Of the line; nothing where no claim was written."""
        if not self._parts:
            return {}
        for kind, values, pks in self._digests:
            self._made.add_digests_of(kind, values, pks)
        if self._parts > 1:
            d = schema.digests.c
            query = (
                select(d.kind, d.value, d.claim_pk)
                .where(d.claim_pk.between(self._first, self._last))
                .order_by(d.kind, d.value, d.claim_pk)
                .execution_options(yield_per=_PORTION)
            )
            for rows in connection.execute(query).partitions():
                self._made.add_digests([(kind, bytes(value), pk) for kind, value, pk in rows])
        return {"claims": covers("claims", self._first, self._last), "said": self._made.hex()}


def covering(
    rows: Sequence[Sequence[Any]], digests: Sequence[tuple[int, bytes, int]]
) -> dict[str, str]:
    """The details of the line, of claims (`CLAIM_NUMBERS`, then `CLAIM_TEXTS`) by pk and digests by
    (kind, value, pk)."""
    made = ClaimsDigest()
    made.add_claims(rows)
    made.add_digests(digests)
    return {"claims": covers("claims", rows[0][0], rows[-1][0]), "said": made.hex()}
