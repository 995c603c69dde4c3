"""How hard a walk asks, and how long it waits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard to walk."""

    workers: int = 32
    """Visits at the same time; and as many that read files."""
    ahead: int = 6
    """Leases held for each worker, so that none waits for the store."""
    turn: float = 0.2
    """Seconds between transactions, at least, while the workers have work."""
    idle: float = 0.5
    """Seconds between looks at the store when all that is left is held by others."""
    patience: float = 900.0
    """Seconds that a hub may stay away before we stop."""
    backoff: float = 2.0
    """Seconds before the first attempt to find it back; doubles up to a minute."""
    every: float = 0.5
    """Seconds between reports."""


USUAL = Pace()
