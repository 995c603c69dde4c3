"""Claims that a line of the audit log covers: what an import, an addition or a class brought.

What comes in: the claims that were written, with their digests. What goes out: what the line says
of them (`claims`: which they are; `said`: their digest), so that the log proves what lists said.
What was learned from bytes is covered by no line: it follows from what was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reseen.store.audit_rows import ClaimsDigest, covers

_PORTION = 1_000
"""Rows that are turned into columns at once: more are no faster."""


def covering(
    rows: Sequence[Sequence[Any]], digests: Sequence[tuple[int, bytes, int]]
) -> dict[str, str]:
    """The details of the line, of claims (`CLAIM_NUMBERS`, then `CLAIM_TEXTS`) by pk and digests by
    (kind, value, pk)."""
    made = ClaimsDigest()
    for at in range(0, len(rows), _PORTION):
        made.add_claims(rows[at : at + _PORTION])
    for at in range(0, len(digests), _PORTION):
        made.add_digests(digests[at : at + _PORTION])
    return {"claims": covers("claims", rows[0][0], rows[-1][0]), "said": made.hex()}
