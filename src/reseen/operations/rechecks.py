"""Known sightings are looked at again, and what follows: cases and notices say how they stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reseen.hubs.hub import Hub
from reseen.observed.sightings import Filter
from reseen.operations import consequences
from reseen.review.settling import Settled
from reseen.scan import recheck as rechecking
from reseen.scan.recheck import Change, Rechecked
from reseen.store.database import Store


@dataclass(frozen=True, slots=True)
class RecheckEnded:
    """What came of a recheck."""

    rechecked: Rechecked
    notices: tuple[Settled, ...]
    """Notices that moved by themselves."""


def recheck(
    store: Store,
    open_hub: Callable[[], Hub],
    which: Filter | None = None,
    *,
    told: Callable[[Change], None] | None = None,
) -> RecheckEnded:
    """Ask the hub whether these sightings still stand; `told` is called with each change."""
    came = rechecking.recheck(store, open_hub, which, told=told)
    return RecheckEnded(came, consequences.follow(store).notices)
