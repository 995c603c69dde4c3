"""Notices as values: a notice to one hub about one account, its files, its steps.

`notice_read` reads them out of the store; nothing sealed of a removal is in any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from reseen.observed import sightings
from reseen.records import Digest, RemovalClass, Sighting
from reseen.review.notice_states import NoticeState

CLAUSE = "clause"
"""`how` of a step that only says what the notice asks from then on, and why."""
LEGAL_CLAUSE = "legal-clause"
"""The same, of a notice under Article 16 of the EU's Digital Services Act: why it is illegal."""
UNDO = "undo"
"""`how` of a step that takes the one before it back."""
CLEARED = "cleared"
"""`how` of a step that empties a draft."""
CORRECTION = "correction"
"""`how` of a step that tells the host that files of the notice are not what we said."""
SMTP = "smtp"
CLAUSES = frozenset({CLAUSE, LEGAL_CLAUSE})
ASIDE = CLAUSES | {CLEARED, CORRECTION}
"""Steps that lead to no other state, and that no undoing takes away."""


@dataclass(frozen=True, slots=True)
class Item:
    """One file that a notice is about."""

    sighting: Sighting
    case: str
    """The case's id."""
    url: str | None
    """The file's page at that revision."""
    xet: str | None
    """What the hub declares beside the SHA-256 (`sighting.declared_sha256`)."""
    git_oid: str | None
    read: tuple[Digest, ...]
    """Computed from bytes that we read; short ones left out."""
    site: str | None
    """Where the model was removed from, and when: as one claim of one list says both."""
    removed_on: date | None
    cls: RemovalClass
    """What lists say that it was removed for; OTHER: nothing is said."""
    reason: bool
    """The list gives a reason for the removal. False also where the key is not here to see that."""
    opened: bool
    """Whoever confirmed it had its case open; False: confirmed together with others without, or
    not confirmed any more."""
    by_reading: bool
    """Confirmed together with others, and not opened: we had read it, and it has the removed file's
    bytes or tensors. False, and not opened: after a sample of them was opened."""
    confirmed_by: int | None
    """Whose decision it rests on, by the user's pk: to be counted, never shown."""
    added_at: int
    stands: bool
    """The confirmation stands. False: it was undone, or the removal withdrawn, since."""

    @property
    def there(self) -> bool:
        """Whether it still stands at the hub, as far as we know."""
        return self.sighting.state not in sightings.GONE


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a notice; never changed."""

    at: int
    who: str | None
    """The user's name; None: a recheck."""
    state: NoticeState
    """Into which it came."""
    how: str | None
    note: str | None
    """None where there is none, or the key is not here."""
    undone: bool

    @property
    def counts(self) -> bool:
        """It led to a state, and nobody took it back."""
        return not self.undone and self.how != UNDO and self.how not in ASIDE


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A notice, as a list shows it."""

    id: str
    hub: str
    account: str
    state: NoticeState
    items: int
    there: int
    """Items that still stand at the hub."""
    created_at: int
    changed_at: int
    due_at: int | None


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice to one hub about one account."""

    id: str
    hub: str
    account: str
    state: NoticeState
    created_at: int
    changed_at: int
    due_at: int | None
    version: int
    """Counts everything that happened to it: what a person saw, when they press a button."""
    items: tuple[Item, ...]
    """Strongest first."""
    steps: tuple[Step, ...]
    """Oldest first."""
    clause: str | None
    """None: a person wrote it, and the key to open it is not here."""
    legal: bool = False
    """It says that something is illegal, as the EU's Digital Services Act has it in Article 16."""

    @property
    def sent_at(self) -> int | None:
        """When it was sent the last time; None: never."""
        sent = [s.at for s in self.steps if s.state is NoticeState.SENT and s.counts]
        return max(sent, default=None)

    @property
    def told(self) -> tuple[Item, ...]:
        """What the host was told of."""
        at = self.sent_at
        return () if at is None else tuple(i for i in self.items if i.added_at <= at)

    @property
    def there(self) -> tuple[Item, ...]:
        """What is asked of the host: what still stands there, and is still confirmed."""
        return tuple(item for item in self.items if item.there and item.stands)
