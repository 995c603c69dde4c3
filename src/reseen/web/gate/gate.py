"""The gate of one process: what it knows, how old that is, and whether it answers rightly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reseen.registry.sealing import Keyring
from reseen.registry.store import Store
from reseen.settings import Settings


@dataclass(frozen=True, slots=True)
class Readiness:
    """May requests be sent here? Only while the canary is answered rightly."""

    ready: bool
    why: str
    """One sentence, without names or places."""


@dataclass(frozen=True, slots=True)
class Status:
    """What metrics tell of the gate."""

    live: bool
    """Whether the store was heard of within the last seconds."""
    version: int
    """The number of the last change that answers are made from."""
    age: float
    """Seconds since the store was last heard of."""
    as_of: datetime | None
    """When that was; None while nothing is known yet."""
    removals: int
    """Removals in force."""
    digests: int
    sketches: int
    checks: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(advice, strongest rung or "none") -> sets of digests and files checked since the start."""
    problem: str | None = None
    """What is wrong with the store or the state file, in a sentence."""


class Gate:
    """Made once in each worker process. `start` it, and `close` it in the end."""

    def __init__(
        self, settings: Settings, keyring: Keyring | None = None, store: Store | None = None
    ) -> None:
        """`store`: an open one; without it the gate opens its own, again and again while it is
        away. `keyring`: with it a last state is kept, for starts without the store."""

    def start(self) -> None:
        """Load the last state, begin to follow the store. Returns at once; see `ready`."""

    def close(self) -> None:
        """Stop following, write down what key uses were counted, keep the state."""

    def ready(self) -> Readiness:
        return Readiness(False, "the gate has not started")

    def status(self) -> Status:
        return Status(False, 0, 0.0, None, 0, 0, 0)
