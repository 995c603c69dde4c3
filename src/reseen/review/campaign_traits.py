"""What of an account could tie it to others: its re-uploads, its tools, its sittings, its name.

Goes in a `SeenAccount`, come out its `Traits`: small sets of keys, with when each began.
Four kinds of signals, each of which somebody could share with others by chance or by copying, so
none of them is enough:

- removals: the same removed models;
- marks: what a tool leaves (shapes of file and repository names, the layout of files, shapes of
  commits' messages);
- sittings: re-uploads within the same two hours, and commits where re-uploads stand;
- names: accounts' names of one pattern.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from reseen.review import campaign_names
from reseen.review.campaign_accounts import SeenAccount, SeenCommit, SeenFile

SITTING = 2 * 3_600_000_000
"""Microseconds. Who uploads a batch is done within so long."""
MOST = 400
"""Keys of one kind that are kept of an account."""
HABIT = 0.25
"""Share of an account's files that have a mark, where it is a habit of the account."""


Key = int | str
"""What several accounts can have: a removal, a mark, a sitting, a key of a name."""


class SignalKind(StrEnum):
    """What kind of thing two accounts have in common."""

    REMOVALS = "removals"
    MARKS = "marks"
    SITTINGS = "sittings"
    NAMES = "names"


NEVER = 2**63 - 1
"""When something began of which the hub does not say when: it makes nobody the first, and is never
held against anybody as coming after others."""


@dataclass(frozen=True, slots=True)
class Traits:
    """An account as it is compared. Each key with the time of its first; `NEVER` where the hub does
    not say."""

    hub: str
    name: str
    removals: Mapping[Key, int]
    """By pk."""
    marks: Mapping[Key, int]
    sittings: Mapping[Key, int]
    """In which it re-uploaded, or had commits there: numbers of two hours."""
    names: frozenset[Key]
    began: int
    """When its first repository was made."""
    contents: int
    """Different files that are known of it."""
    messages: frozenset[Key] = frozenset()
    """Those marks that are of commits."""
    has_history: bool = False
    """Commits of it are known."""


def first_copies(accounts: Iterable[SeenAccount]) -> dict[bytes, tuple[int, str]]:
    """Of re-uploaded files: which account had each content first (when, and whose), and which had
    it first under its name. Who takes a file as it is, name and all, shows no tool by that."""
    first: dict[bytes, tuple[int, str]] = {}
    for account in accounts:
        for file in account.files:
            if file.removal is None:
                continue
            mine = (NEVER if file.at is None else file.at, account.place)
            for key in (file.content, _named(file)):
                first[key] = min(mine, first.get(key, mine))
    return first


def traits(account: SeenAccount, first: Mapping[bytes, tuple[int, str]]) -> Traits:
    """Of an account. `first`: what `first_copies` says of all that are compared."""
    removals: dict[int, int] = {}
    sittings: dict[int, int] = {}
    tools, told = _Habits(), _Habits()
    contents = len({file.content for file in account.files})
    messages = _messages(account.commits)
    own: set[str] = set()
    for file in account.files:
        at = NEVER if file.at is None else file.at
        marks = _marks(file, account.place, first)
        tools.add(marks, at)
        if file.repo in messages:
            told.add(messages[file.repo], NEVER)
        if file.removal is not None:
            removals[file.removal] = min(at, removals.get(file.removal, NEVER))
            if _is_own(_named(file), account.place, first):
                own.add(file.repo)
                if file.at is not None:
                    sitting = file.at // SITTING
                    sittings[sitting] = min(at, sittings.get(sitting, NEVER))
    # Who makes a commit writes its date and message, and could have them earlier than they are: so
    # they never tell who was first.
    for commit in account.commits:
        if commit.repo in own:
            sittings.setdefault(commit.at // SITTING, NEVER)
    by_tool, by_message = tools.habits(), told.habits()
    return Traits(
        hub=account.hub,
        name=account.name,
        removals=_earliest(removals),
        marks={**by_tool, **by_message},
        sittings=_earliest(sittings),
        names=campaign_names.of_account(account.name),
        began=min((file.at for file in account.files if file.at is not None), default=NEVER),
        contents=contents,
        messages=frozenset(by_message),
        has_history=bool(account.commits),
    )


class _Habits:
    """Marks of files, and how many have each."""

    def __init__(self) -> None:
        self._files = 0
        self._with: Counter[str] = Counter()
        self._since: dict[str, int] = {}

    def add(self, marks: Iterable[str], at: int) -> None:
        """Those of one file."""
        self._files += 1
        for mark in marks:
            self._with[mark] += 1
            self._since[mark] = min(at, self._since.get(mark, NEVER))

    def habits(self) -> dict[Key, int]:
        """Marks that many of the files have, and since when."""
        few = max(1, int(self._files * HABIT))
        most = sorted((-files, mark) for mark, files in self._with.items() if files >= few)
        return {mark: self._since[mark] for _, mark in most[:MOST]}


def _messages(commits: Iterable[SeenCommit]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for commit in commits:
        found.setdefault(commit.repo, set()).add(f"message {commit.message.hex()}")
    return found


def _earliest(found: Mapping[int, int]) -> dict[Key, int]:
    return dict(sorted(found.items(), key=lambda one: (one[1], one[0]))[:MOST])


def _named(file: SeenFile) -> bytes:
    return file.content + file.path.rpartition("/")[2].encode()


def _marks(file: SeenFile, place: str, first: Mapping[bytes, tuple[int, str]]) -> list[str]:
    found: list[str] = []
    if _is_own(_named(file), place, first):
        whole = file.path.rpartition("/")[2]
        found.append(f"file {campaign_names.shape(whole.rpartition('.')[0] or whole)}")
        found.append(f"repository {campaign_names.shape(file.repo)}")
    if file.layout is not None and _is_own(file.content, place, first):
        found.append(f"layout {file.layout.hex()}")
    return found


def _is_own(key: bytes, place: str, first: Mapping[bytes, tuple[int, str]]) -> bool:
    return first.get(key, (0, place))[1] == place
