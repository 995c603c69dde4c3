"""What reading decides about one artifact."""

from __future__ import annotations

from dataclasses import dataclass

from reseen.records import Artifact, Confirmed, Container, Fingerprint, Match, Problem


@dataclass(frozen=True, slots=True)
class Reading:
    """What the bytes of an artifact told."""

    container: Container
    data_size: int | None = None
    """Bytes in the data section."""
    layout: bytes | None = None
    fingerprint: Fingerprint | None = None
    """Only when every byte was read."""
    problem: str | None = None
    """Why the container could not be read, when it could not."""

    @property
    def full(self) -> bool:
        return self.fingerprint is not None


@dataclass(frozen=True, slots=True)
class Seen:
    """One artifact, with all that was found out about it."""

    artifact: Artifact
    matches: tuple[Match, ...] = ()
    """Above the hint rung: each becomes a sighting. Its evidence holds the hints as well."""
    hints: tuple[Match, ...] = ()
    """Removals with nothing but hints: never a sighting."""
    confirmed: Confirmed = Confirmed.NONE
    reading: Reading | None = None
    problems: tuple[Problem, ...] = ()
