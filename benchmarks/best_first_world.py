"""A hub's population for `benchmarks.best_first`: repositories, some of which hold removed files.

What comes in: a seed and what the population is like. What goes out: repositories as a hub lists
them with the files that they hold, and the registry. Every share and law of chance by which it is
drawn stands here as a constant, and `likelihoods` tells them to the bound that a perfect use of the
signs would reach. The product is told nothing of this file.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import log

REPOSITORIES = 40_000
ACCOUNTS = 5_000
REMOVED = 50_000
THERE = 500
TWICE = 0.25
"""Of the removals that are there, those that stand at two places."""
IN_CAMPAIGN = 0.9
"""Copies in the accounts that copy; the others lie anywhere."""

CLUSTERS = tuple(
    int(mb * 1e6) // 8 * 8 for mb in (9.6, 18.9, 37.9, 75.6, 114, 151, 170, 228, 306, 340, 456, 912)
)
"""Bytes of weights that one trainer makes at one rank."""
CLUSTER_SHARE: list[float] = [1 / (n + 1) ** 0.7 for n in (3, 5, 1, 6, 2, 0, 8, 4, 9, 7, 10, 11)]
CLUSTERED = 0.8
HEADER = (1_000, 60_000)
LOOSE = (1_000_000, 4_000_000_000)

BEGIN = datetime(2023, 11, 1, tzinfo=UTC)
DAYS = 730
BAN = 570
"""Day on which most were removed; a third of them in the year before, one by one."""
REMOVED_THEN = 0.67
BURST = (BAN + 8, BAN + 29)
IN_BURST = 0.85

ADAPTERS = 0.65
"""Innocent repositories with one to twelve weight files."""
ONE_FILE = 0.75
TAGGED = {"adapter": 0.5, "copy": 0.3, "other": 0.02}
GENERIC = {"innocent": 0.15, "copy": 0.75}
BATCHES = 0.03
"""Innocent accounts that upload many at once (who converts or quantises for others)."""
KEEPS_NAME = 0.1
COLLECTION = (2, 8)
OTHERS_BESIDE = 0.2
"""Collections that hold a file nobody removed."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a population is like."""

    sizes: float = 1.0
    """Share of the registry of which the size is known."""
    collections: bool = False
    spread: float = 0.01
    """Share of accounts that hold copies."""
    names: bool = False
    """A tenth of the copies keep their file's name."""
    burst: bool = True
    """Most copies come in three weeks."""
    dates: bool = True
    """The registry says when models were removed."""
    generic: bool = True
    """Copies stand under generic names more often than others do."""

    @property
    def label(self) -> str:
        sizes = {1.0: "all", 0.5: "half", 0.0: "none"}[self.sizes]
        held = "collections" if self.collections else "one file"
        held += "" if self.burst and self.dates else ", no burst, no dates"
        held += "" if self.generic else ", names as others have"
        return f"{sizes} | {held} | {self.spread:.0%} | {'some' if self.names else 'none'}"


@dataclass(frozen=True, slots=True)
class File:
    """A file with weights. `removal`: which removed one it is, by number."""

    path: str
    size: int
    sha256: bytes
    removal: int | None = None


@dataclass(slots=True)
class Place:
    """One repository."""

    account: str
    name: str
    created: datetime
    files: tuple[File, ...]
    tags: tuple[str, ...] = ()
    generic: bool = False

    @property
    def id(self) -> str:
        return f"{self.account}/{self.name}"

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def copies(self) -> int:
        return sum(file.removal is not None for file in self.files)

    @property
    def commit(self) -> str:
        return hashlib.sha1(self.id.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class RemovedModel:
    """One line of the registry."""

    number: int
    sha256: bytes
    size: int
    size_known: bool
    file_name: str
    removed_on: datetime


@dataclass(slots=True)
class Population:
    """A hub and a registry."""

    kind: Kind
    seed: int
    places: list[Place] = field(default_factory=list)
    """In order of creation."""
    removed: list[RemovedModel] = field(default_factory=list)

    @property
    def sightings(self) -> int:
        return sum(place.copies for place in self.places)


def population(
    kind: Kind,
    seed: int,
    repositories: int = REPOSITORIES,
    removed: int | None = None,
    there: int | None = None,
) -> Population:
    """The same for the same seed; populations of one seed share the registry's sizes. `removed`:
    lines of the registry; `there`: how many of these are at the hub. Both as many as the hub's size
    makes of `REMOVED` and `THERE`, where nobody says."""
    scale = repositories / REPOSITORIES
    lines = max(1, int(REMOVED * scale)) if removed is None else removed
    return _Maker(kind, seed, repositories).make(lines, there or max(1, int(THERE * scale)))


class _Maker:
    def __init__(self, kind: Kind, seed: int, repositories: int) -> None:
        self.kind, self.seed = kind, seed
        self.scale = repositories / REPOSITORIES
        self.repositories = repositories
        self.dice = random.Random(f"best first {seed}")
        self.vocabulary = [self._word() for _ in range(20_000)]
        self.used: set[str] = set()

    def make(self, removed: int, there: int) -> Population:
        made = Population(self.kind, self.seed)
        made.removed = [self._removed(n) for n in range(removed)]
        accounts = [f"account-{n:05}" for n in range(max(20, int(ACCOUNTS * self.scale)))]
        copying = self.dice.sample(accounts, max(1, int(len(accounts) * self.kind.spread)))
        copied = self.dice.sample(made.removed, there)
        places = self._copies(copied, accounts, sorted(copying))
        places += self._innocents(accounts, self.repositories - len(places))
        made.places = sorted(places, key=lambda place: (place.created, place.id))
        return made

    def _removed(self, number: int) -> RemovedModel:
        day = (
            self.dice.uniform(BAN, BAN + 10)
            if self.dice.random() < REMOVED_THEN
            else self.dice.uniform(BAN - 365, BAN)
        )
        return RemovedModel(
            number,
            hashlib.sha256(b"removed %d %d" % (self.seed, number)).digest(),
            self._adapter_size(),
            self.dice.random() < self.kind.sizes,
            f"{self._rare()}_{self._rare()}-{number}.safetensors",
            BEGIN + timedelta(days=day),
        )

    def _adapter_size(self) -> int:
        dice = self.dice
        if dice.random() < CLUSTERED:
            (data,) = dice.choices(CLUSTERS, CLUSTER_SHARE)
            return data + dice.randrange(*HEADER) // 8 * 8
        low, high = (log(each) for each in LOOSE)
        return int(2.718281828459045 ** dice.uniform(low, high)) // 8 * 8

    # -- copies ----------------------------------------------------------------------------------

    def _copies(
        self, there: Sequence[RemovedModel], accounts: Sequence[str], copying: Sequence[str]
    ) -> list[Place]:
        dice = self.dice
        files = [*there, *dice.sample(there, int(len(there) * TWICE))]
        dice.shuffle(files)
        # as many accounts as were asked for hold at least one
        owners = [copying[n % len(copying)] for n in range(int(len(files) * IN_CAMPAIGN))]
        if not self.kind.collections and self.kind.spread < 0.05:
            fresh = len(owners) - len(copying)
            busy = [1 / (1 + n % 10) for n in range(len(copying))]
            owners = [*copying, *dice.choices(copying, busy, k=max(0, fresh))][: len(owners)]
        owners += [dice.choice(accounts) for _ in range(len(files) - len(owners))]
        places: list[Place] = []
        session: dict[str, float] = {}
        at = 0
        while at < len(files):
            count = dice.randint(*COLLECTION) if self.kind.collections else 1
            some, owner = files[at : at + count], owners[at]
            at += count
            held = tuple(self._file_of(one, n) for n, one in enumerate(some))
            if self.kind.collections and dice.random() < OTHERS_BESIDE:
                held += (self._file("extra.safetensors", self._adapter_size()),)
            if dice.random() < IN_BURST:
                # one uploads in a session of a day or two
                first, last = BURST if self.kind.burst else (BAN - 365, DAYS - 0.01)
                start = session.setdefault(owner, dice.uniform(first, last))
                day = min(last, start + dice.expovariate(1.0))
            else:
                day = dice.uniform(BAN - 365, DAYS)
            generic = dice.random() < GENERIC["copy" if self.kind.generic else "innocent"]
            name = self._generic() if generic else self._told()
            places.append(self._place(owner, name, day, held, "copy", generic))
        return places

    def _file_of(self, removed: RemovedModel, number: int) -> File:
        keeps = self.kind.names and self.dice.random() < KEEPS_NAME
        stems = ("lora", "model", "test", self._rare(), f"{self.dice.randrange(10_000)}")
        path = (
            removed.file_name if keeps else f"{self.dice.choice(stems)}{number or ''}.safetensors"
        )
        return File(path, removed.size, removed.sha256, removed.number)

    # -- the others ------------------------------------------------------------------------------

    def _innocents(self, accounts: Sequence[str], count: int) -> list[Place]:
        dice = self.dice
        heavy = [dice.lognormvariate(0, 1.3) for _ in accounts]
        owners = Counter(dice.choices(accounts, heavy, k=count))
        places = []
        for owner, many in sorted(owners.items()):
            batch = dice.random() < BATCHES
            day = self._some_day()
            for _ in range(many):
                if dice.random() < (0.03 if batch else 0.4):
                    day = self._some_day()
                when = min(DAYS - 0.01, day + dice.expovariate(0.7))
                places.append(self._innocent(owner, when))
        return places

    def _some_day(self) -> float:
        """A hub grows: uploads are twice as many at the end as at the beginning."""
        while True:
            day = self.dice.uniform(0, DAYS)
            if self.dice.random() < 0.5 + 0.5 * day / DAYS:
                return day

    def _innocent(self, owner: str, day: float) -> Place:
        dice = self.dice
        generic = dice.random() < GENERIC["innocent"]
        name = self._generic() if generic else self._told()
        if dice.random() < ADAPTERS:
            count = 1 if dice.random() < ONE_FILE else dice.randint(2, 12)
            stem = dice.choice(("adapter_model", "lora", "model", self._rare()))
            files = tuple(
                self._file(f"{stem}{n or ''}.safetensors", self._adapter_size())
                for n in range(count)
            )
            return self._place(owner, name, day, files, "adapter", generic)
        count = dice.choice((0, 1, 2, 4, 16, 32))
        files = tuple(
            self._file(f"model-{n:05}.safetensors", dice.randrange(10**8, 5 * 10**9))
            for n in range(count)
        )
        return self._place(owner, name, day, files, "other", generic)

    def _file(self, path: str, size: int) -> File:
        return File(path, size, self.dice.randbytes(32))

    def _place(
        self, owner: str, name: str, day: float, files: tuple[File, ...], kind: str, generic: bool
    ) -> Place:
        while f"{owner}/{name}" in self.used:
            name += f"-{self.dice.randrange(100)}"
        self.used.add(f"{owner}/{name}")
        tags = ("lora",) if self.dice.random() < TAGGED[kind] else ()
        return Place(owner, name, BEGIN + timedelta(days=day), files, tags, generic)

    # -- names -----------------------------------------------------------------------------------

    def _word(self) -> str:
        return "".join(
            self.dice.choice("bdfgklmnprstvz") + self.dice.choice("aeiou")
            for _ in range(self.dice.randint(2, 4))
        )

    def _rare(self) -> str:
        return self.vocabulary[int(len(self.vocabulary) * self.dice.random() ** 2)]

    def _generic(self) -> str:
        dice = self.dice
        form = dice.choice(
            (
                *("LORA", "lora", "test", "Test-model", "model", "my-model", "new", "untitled"),
                *("my-lora", "models", "Lora-test", "upload", "temp", "backup", "stuff"),
                *("".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(1, 6))),) * 3,
            )
        )
        return form if dice.random() < 0.5 else f"{form}-{dice.randrange(1000)}"

    def _told(self) -> str:
        dice = self.dice
        base = dice.choice(
            ("llama-3-8b", "qwen2.5-7b", "sdxl", "flux", "sd15", "mistral-7b", "gemma-2-9b", "bert")
        )
        task = dice.choice(("lora", "sft", "style", "chat", "finetuned", "gguf", "v2", "dpo"))
        parts = [base, self._rare(), task]
        if dice.random() < 0.5:
            parts.insert(1, self._rare())
        if dice.random() < 0.3:
            parts.remove(base)
        return "-".join(parts)


def likelihoods(kind: Kind) -> Mapping[str, float]:
    """The laws by which copies differ from others, for the bound."""
    copies = THERE * (1 + TWICE)
    places = copies / (sum(COLLECTION) / 2) if kind.collections else copies
    accounts = ACCOUNTS * kind.spread
    each = places * IN_CAMPAIGN / min(accounts, places)
    innocents = REPOSITORIES / ACCOUNTS
    return {
        "copying": min(accounts, places) / ACCOUNTS,
        "rate": each / (each + innocents),
        "stray": places * (1 - IN_CAMPAIGN) / REPOSITORIES,
    }


def day_law(kind: Kind) -> Callable[[datetime], float]:
    """How much likelier a copy comes at an instant than another repository."""

    def odds(at: datetime) -> float:
        day = (at - BEGIN) / timedelta(days=1)
        others = (0.5 + 0.5 * day / DAYS) / (0.75 * DAYS)
        first, last = BURST if kind.burst else (BAN - 365, DAYS)
        copies = IN_BURST / (last - first) if first <= day <= last else 0.0
        copies += (1 - IN_BURST) / (DAYS - BAN + 365) if day >= BAN - 365 else 0.0
        return copies / others

    return odds
