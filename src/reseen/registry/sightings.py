"""Matches as recorded: where a removal was re-seen, when, how sure, and if it is still there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from reseen.records import Confirmed, Match, Rung, Sighting, SightingState


@dataclass(frozen=True, slots=True)
class Seen:
    """A match to record, at an artifact that `seen.artifacts` has stored."""

    match: Match
    artifact_pk: int
    confirmed: Confirmed = Confirmed.NONE


@dataclass(frozen=True, slots=True)
class Recorded:
    id: str
    new: bool
    """Never recorded before."""
    lifted: bool
    """Known before, and now on a higher rung."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which sightings; all that is given must hold."""

    removal: str | None = None
    hub: str | None = None
    repo: str | None = None
    author: str | None = None
    rung: Rung | None = None
    """At least this."""
    states: frozenset[SightingState] | None = None
    since: int | None = None
    """First seen at or after (microseconds)."""
    scan_pk: int | None = None
    withdrawn: bool | None = None
    """False: only removals in force; True: only withdrawn; None: both."""


def record(
    connection: Connection,
    secret: bytes,
    seen: Sequence[Seen],
    *,
    scan_pk: int | None = None,
    at: int | None = None,
) -> list[Recorded | None]:
    """Record matches; None for one that is only a hint (kept as a lead). Recording again changes
    nothing but last_seen, new evidence, a higher rung, a stronger confirmation.
    `secret`: `store.secret`. `at`: when it was seen there (default now; for a match of a stored
    artifact give its own `seen_at`: None moves it to live)."""
    raise NotImplementedError


def by_id(connection: Connection, sighting: str) -> Sighting:
    """Raises NotFound."""
    raise NotImplementedError


def every(connection: Connection, which: Filter = Filter()) -> Iterator[Sighting]:
    """Newest first, streamed, in one query."""
    raise NotImplementedError


def count(connection: Connection, which: Filter = Filter()) -> int:
    raise NotImplementedError


def answered(
    connection: Connection, sighting: str, state: SightingState, *, at: int | None = None
) -> SightingState:
    """A recheck's answer; returns the state that now holds. GONE holds after two answers in a row
    that say so; the others at once; UNREACHABLE never hides GONE or DISABLED."""
    raise NotImplementedError


def artifact_pk(connection: Connection, sighting: str) -> int:
    """Raises NotFound."""
    raise NotImplementedError
