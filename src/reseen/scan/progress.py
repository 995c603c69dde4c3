"""What a running scan says of itself: values for whoever shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from reseen.records import Coverage, Sighting


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a scan is. Counts are of the whole scan, over all its lives."""

    listed: int = 0
    """Repositories listed."""
    listing: bool = True
    """The listing goes on: there will be more."""
    waiting: int = 0
    """Pieces of work in the queue (a commit's files, a repository's refs)."""
    walked: int = 0
    unchanged: int = 0
    sightings: int = 0
    """New ones, of this scan."""
    requests: int = 0
    """In this life of the process."""
    quota_left: Mapping[str, int] = field(default_factory=dict)
    """Kind of request -> requests left in the hub's current window, as last told."""
    remarks: tuple[str, ...] = ()
    """What a person should know of how the hub behaves, in words; few, and without places."""
    bytes_read: int = 0
    """Of artifacts, in this life."""
    away: bool = False
    """The hub does not answer; we wait and try again."""
    eta: float | None = None
    """Seconds to go at the pace so far; None while it cannot be told."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a scan."""

    scan: int
    """Its number in the store: `sightings.every(connection, Filter(scan_pk=...))` are its own."""
    coverage: Coverage
    """Over all lives of the scan."""
    sightings: tuple[Sighting, ...] = ()
    """New with this scan, over all its lives."""
    ended: bool = True
    """Nothing is left to do. False: it was stopped, and the same command goes on."""
    stopped: str | None = None
    """Why it stopped before its end, in words."""
    not_put_together: int = 0
    """Files, and pairs of files of one account, that were not looked at together: too many."""
    innocents: tuple[str, ...] = ()
    """Sentences: known innocents that went out of use by what was read, or came back."""

    def __or__(self, later: Outcome) -> Outcome:
        """What came of both, in one's place."""
        return replace(
            later,
            scan=self.scan,
            coverage=self.coverage | later.coverage,
            sightings=(*self.sightings, *later.sightings),
            innocents=(*self.innocents, *later.innocents),
        )


Report = Callable[[Progress], None]
Found = Callable[[Sighting], None]


@dataclass(frozen=True, slots=True)
class Listener:
    """Whom a running scan tells of itself."""

    report: Report | None = None
    """Called about twice a second."""
    found: Found | None = None
    """Called with every new sighting, once it is stored."""


NOBODY = Listener()
