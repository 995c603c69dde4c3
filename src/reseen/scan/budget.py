"""How many bytes of artifacts may still be read: in one visit, and in the whole scan.

What comes in: limits, and what was spent. What goes out: yes or no before a reading. Visits that go
on at the same time share one `Allowance`, so a scan may pass its limit by what is under way.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from reseen.observed.samples import MOST_OF_ACCOUNT, Account, account
from reseen.records import Artifact

if TYPE_CHECKING:
    from reseen.match.background import Draw

SPENT = "files not read: the scan's byte budget is used up"
"""Why something was left out, when the whole scan's limit is the reason."""


class Kind(StrEnum):
    """What bytes were read for."""

    HEADERS = "headers"
    PROBES = "probes"
    """The few modules of a file that are searched."""
    WHOLE = "whole"
    """All modules of a file, or all its bytes."""


@dataclass(slots=True)
class Allowance:
    """What a whole scan may still read."""

    left: int
    """Bytes."""
    samples: int = 0
    """Adapters that may be read in full whatever they are like: the background."""
    wanted: dict[str, int] = field(default_factory=dict)
    """Architecture -> sketches that its background still lacks; one not named lacks `FULL`."""
    draw: Draw | None = None
    """Whose files are drawn; None: everybody's."""
    _of_account: Counter[tuple[str, Account]] = field(default_factory=Counter)
    """Files of an architecture and an account that were taken."""

    def take_sample(self, architecture: str, artifact: Artifact) -> bool:
        """Is this adapter of this architecture to be read for the background? Asked before anything
        of its weights is known."""
        lacking = self.wanted.get(architecture, FULL)
        whose = architecture, account(artifact.hub, artifact.repo)
        if self.samples < 1 or lacking < 1 or self._of_account[whose] >= MOST_OF_ACCOUNT:
            return False
        if self.draw and not self.draw.takes(architecture, artifact.hub, artifact.repo):
            return False
        self.samples -= 1
        self.wanted[architecture] = lacking - 1
        self._of_account[whose] += 1
        return True


FULL = 512
"""Sketches of strangers of one architecture that are enough to measure against."""


@dataclass(slots=True)
class Budget:
    """What one visit may still read, and whether this hub lets us read at all."""

    left: int
    """Bytes."""
    scan: Allowance
    refused: bool = False
    spent: dict[str, int] = field(default_factory=dict)
    """Bytes by `Kind`."""

    def spend(self, count: int, kind: Kind) -> None:
        self.left -= count
        self.scan.left -= count
        self.spent[kind.value] = self.spent.get(kind.value, 0) + count

    @property
    def total(self) -> int:
        return sum(self.spent.values())
