"""Acts on cases that reach beyond their room."""

from __future__ import annotations

from contextlib import suppress

from reseen.errors import StoreError
from reseen.review import cases, claims
from reseen.review.claims import Claim
from reseen.review.queue import Filter
from reseen.review.who import Who
from reseen.store.database import Store


def claim_next(
    store: Store, which: Filter, who: Who, *, exclude: str | None = None
) -> Claim | None:
    """Hold the next case of this filter; None where there is none. What scans touched since is put
    first. `exclude`: the case that one just left. Raises AccessError, StoreError."""
    with store.read() as connection:
        due = cases.is_due(connection)
    if due:
        # Whoever gets no turn to write takes the next of those that are there.
        with suppress(StoreError), store.write() as connection:
            cases.put(connection, store.secret)
    with store.write() as connection:
        return claims.claim_next(connection, which, who, besides=exclude)
