"""Embeddings of removals against those of all that scans read, as `match.retroactive_sketches`."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import Connection

from reseen.errors import Malformed
from reseen.fingerprints.rows import decode
from reseen.match import digests_alone, evidence
from reseen.match.rows import RowIndex
from reseen.observed import rows as kept
from reseen.records import Evidence

_PAGE = 1_024


def copies(
    connection: Connection,
    only: Collection[str] | None = None,
    among: Collection[int] | None = None,
) -> Iterator[tuple[int, str, Evidence]]:
    """(artifact's pk, removal, why) of stored files (of these artifacts; None: of all) that have
    the embeddings of these removals (None: of all in force)."""
    every = RowIndex.load(connection)
    of_claim = every.removals(connection, only)
    index = every.kept(lambda pk: pk in of_claim)
    if not len(index):
        return
    pages = (
        kept.every_read(connection, _PAGE)
        if among is None
        else iter([kept.of_artifacts(connection, sorted(among))])
    )
    for page in pages:
        alone = digests_alone.such_artifacts(connection, list(page))
        for pk, value in page.items():
            if pk in alone:
                continue
            try:
                rows = decode(value)
            except Malformed:
                continue  # a damaged row shows nothing
            for like in index.alike(rows, of_claim.get):
                yield pk, like.removal, evidence.of_rows(like.comparison)
