"""How soon a scan finds: requests to the first, half, 90 % and 99 % of the sightings.

    python -m benchmarks.best_first [--seed N] [--repositories N] [--only N ...] [--variants]

The product's own walk over a hub in memory that counts what the Hugging Face Hub would be asked:
one request a page of 1,000 repositories, one for a repository's files, two for the refs and the
history of one where something was found. Files are not read (`--confirm none`): reading has a quota
of its own. Beside it, with the same costs: the order of the listing and newest first, each with
adapters first and with accounts followed as scans did before; and a bound that knows the laws by
which the population was drawn. Prints Markdown rows and, last, one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush
from math import ceil, exp, log
from pathlib import Path
from typing import Any

from tests import removals_made

from benchmarks.best_first_world import (
    ADAPTERS,
    CLUSTER_SHARE,
    CLUSTERED,
    CLUSTERS,
    GENERIC,
    HEADER,
    LOOSE,
    ONE_FILE,
    REPOSITORIES,
    TAGGED,
    Kind,
    Place,
    Population,
    RemovedModel,
    day_law,
    likelihoods,
    population,
)
from reseen.errors import HubMissing
from reseen.files.source import Range
from reseen.fingerprints.git import pointer_oid
from reseen.hubs.hub import (
    Abilities,
    FilesPage,
    RepositoryPage,
    Revision,
    Revisions,
    Usage,
    WantedRepositories,
)
from reseen.records import (
    Artifact,
    Digest,
    DigestKind,
    Names,
    RemovedFile,
    Repository,
    RepoType,
    Sighting,
)
from reseen.scan.context import ScanContext
from reseen.scan.pace import Pace
from reseen.scan.progress import Listener
from reseen.scan.target import Confirm, Options, Target
from reseen.scan.walk import walk
from reseen.store.database import Store
from reseen.store.sealing import Keyring

KEYRING = Keyring(bytes(range(32)))
PAGE = 1_000
REFS = 2
"""Requests for a repository's refs and the one page of its history."""
LATENCY = 0.03
"""Seconds: the order is written while a hub answers, as it is where a quota holds back far more."""
SHARES = (0.0, 0.5, 0.9, 0.99)
EARLY = 0.1
QUICK = Pace(turn=0.01)

KINDS = tuple(
    Kind(sizes, collections, spread, names)
    for sizes in (1.0, 0.5, 0.0)
    for collections in (False, True)
    for spread in (0.01, 0.1)
    for names in (False, True)
)
VARIANTS = (
    *(Kind(sizes, burst=False, dates=False) for sizes in (1.0, 0.0)),
    *(Kind(sizes, burst=False, dates=False, spread=0.1) for sizes in (1.0, 0.0)),
    *(Kind(sizes, burst=False, dates=False, generic=False) for sizes in (1.0, 0.0)),
    *(Kind(sizes, burst=False, dates=False, generic=False, spread=0.1) for sizes in (1.0, 0.0)),
)
"""What the signs say least of: no burst, no dates in the list, and names like everybody's."""


class MemoryHub:
    """A `Hub` that answers from a population and counts."""

    def __init__(self, made: Population) -> None:
        self._made = made.places
        self._places = {place.id: place for place in made.places}
        self._of: defaultdict[str, list[Place]] = defaultdict(list)
        for place in made.places:
            self._of[place.account].append(place)
        self.usage = Usage()
        self.abilities = Abilities(
            *(True, True, True, True, True),
            digests=frozenset({DigestKind.SHA256, DigestKind.GIT_BLOB}),
        )

    @property
    def name(self) -> str:
        return "hub.example"

    async def list_repositories(
        self, wanted: WantedRepositories, cursor: str | None
    ) -> RepositoryPage:
        self.usage.requests += 1
        start = int(cursor or 0)
        some = self._made if wanted.author is None else self._of[wanted.author]
        end = start + PAGE
        page = tuple(_listed(place) for place in some[start:end])
        return RepositoryPage(page, str(end) if end < len(some) else None)

    async def repository(self, type: RepoType, repo: str) -> Repository:
        self.usage.requests += 1
        return _listed(self._places[repo])

    async def list_files(
        self, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[FilesPage]:
        self.usage.requests += 1
        await asyncio.sleep(LATENCY)
        files = self._places[repo].files
        yield FilesPage(
            tuple(
                Artifact(
                    *(self.name, type, repo, revision, ref, file.path, file.size),
                    sha256=file.sha256,
                    git_oid=pointer_oid(file.sha256, file.size),
                    lfs=True,
                )
                for file in files
            )
        )

    async def refs(self, type: RepoType, repo: str) -> Revisions:
        every = await self.revisions(type, repo)
        return Revisions(tuple(each for each in every.revisions if each.ref is not None))

    async def revisions(self, type: RepoType, repo: str) -> Revisions:
        self.usage.requests += REFS
        await asyncio.sleep(LATENCY)
        return Revisions((Revision("main", self._places[repo].commit),))

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        raise HubMissing("this hub has no bytes")

    async def stream(self, artifact: Artifact, limit: int) -> AsyncIterator[bytes]:
        raise HubMissing("this hub has no bytes")
        yield b""  # type: ignore[unreachable]

    async def close(self) -> None:
        pass


def _listed(place: Place) -> Repository:
    return Repository(
        *("hub.example", RepoType.MODEL, place.id, place.commit),
        created_at=place.created,
        modified_at=place.created,
        used_storage=place.size,
        tags=place.tags,
        paths=("README.md", *(file.path for file in place.files)),
    )


def fill(store: Store, removed: Sequence[RemovedModel], dates: bool) -> None:
    """The registry, as a list tells of it."""
    new = [
        removals_made.NewRemoval(
            list="sample",
            site="models.example",
            removed_on=one.removed_on.date() if dates else None,
            names=Names(name=f"sample {one.number}", file_names=(one.file_name,)),
            files=(
                RemovedFile(
                    (Digest(DigestKind.SHA256, one.sha256),),
                    size=one.size if one.size_known else None,
                ),
            ),
        )
        for one in removed
    ]
    with store.write() as connection:
        removals_made.insert(connection, KEYRING, new)


def walked(
    made: Population,
    store: Store,
    whole: bool = False,
    tell: Callable[[list[int]], None] | None = None,
) -> list[int]:
    """Requests made when each sighting was stored, in order; until 99 % of them are, or to the
    end. `tell`: is told what there is at each."""
    found_at: list[int] = []
    enough = made.sightings if whole else ceil(made.sightings * SHARES[-1])

    async def run() -> None:
        hub = MemoryHub(made)
        stop = asyncio.Event()

        def found(_: Sighting) -> None:
            found_at.append(hub.usage.requests)
            if tell is not None:
                tell(found_at)
            if len(found_at) >= enough and not whole:
                stop.set()

        target = Target(everything=True)
        options = Options(confirm=Confirm.NONE)
        outcome = await walk(
            ScanContext(store, KEYRING, hub, target, options, QUICK, Listener(found=found), stop)
        )
        if whole:
            assert outcome.ended, outcome
            assert outcome.coverage.walked == len(made.places), outcome.coverage

    asyncio.run(run())
    assert len(found_at) >= enough, (len(found_at), enough)
    return found_at


# -- beside it -----------------------------------------------------------------------------------


def plain(made: Population, newest: bool) -> list[int]:
    """Adapters first, in the order of the listing or newest first; accounts of finds at once."""
    places = made.places
    of_account: defaultdict[str, list[int]] = defaultdict(list)
    for number, place in enumerate(places):
        of_account[place.account].append(number)
    order = iter(
        sorted(
            range(len(places)),
            key=lambda n: (not _looks_like_adapter(places[n]), -n if newest else n),
        )
    )
    requests, total = ceil(len(places) / PAGE), made.sightings
    found_at: list[int] = []
    now: deque[int] = deque()
    looked_at: set[int] = set()
    followed: set[str] = set()
    while len(found_at) < total:
        number = now.popleft() if now else next(order)
        if number in looked_at:
            continue
        looked_at.add(number)
        requests += 1
        place = places[number]
        if place.copies:
            found_at += [requests] * place.copies
            requests += REFS
            if place.account not in followed:
                followed.add(place.account)
                requests += 1
                now.extend(of_account[place.account])
    return found_at


def _looks_like_adapter(place: Place) -> bool:
    return "lora" in place.tags or (
        1 <= len(place.files) <= 12 and 64 << 10 <= place.size <= 4 << 30
    )


def bound(made: Population) -> list[int]:
    """Greedy by the true likelihoods: what a perfect use of the same signs would reach, which asks
    for no refs either."""
    law = _Law(made)
    of_account: defaultdict[str, list[int]] = defaultdict(list)
    for number, place in enumerate(made.places):
        of_account[place.account].append(number)
    weights = [law.odds(place) for place in made.places]
    states = {account: [0, 0] for account in of_account}

    def best(account: str) -> tuple[float, str] | None:
        left = [n for n in of_account[account] if n not in looked_at]
        if not left:
            return None
        top = max(left, key=lambda n: weights[n])
        looked, hits = states[account]
        return -law.chance(weights[top], [weights[n] for n in left], looked, hits), account

    looked_at: set[int] = set()
    queue = [first for account in of_account if (first := best(account)) is not None]
    heapify(queue)
    requests, total = ceil(len(made.places) / PAGE), made.sightings
    found_at: list[int] = []
    while len(found_at) < total:
        _, account = heappop(queue)
        number = max(
            (n for n in of_account[account] if n not in looked_at), key=lambda n: weights[n]
        )
        looked_at.add(number)
        requests += 1
        copies = made.places[number].copies
        found_at += [requests] * copies
        states[account][0] += 1
        states[account][1] += bool(copies)
        following = best(account)
        if following is not None:
            heappush(queue, following)
    return found_at


class _Law:
    """The likelihoods by which a population was drawn."""

    def __init__(self, made: Population) -> None:
        self.kind = made.kind
        self.removed = Counter(r.size for r in made.removed if r.size_known)
        self.unknown = sum(not r.size_known for r in made.removed) / len(made.removed)
        self.count = len(made.removed)
        self.names = {r.file_name for r in made.removed}
        self.about = likelihoods(made.kind)
        self.loose = log(LOOSE[1] / LOOSE[0])
        self.days = day_law(made.kind)

    def odds(self, place: Place) -> float:
        """How much likelier a copy is like this than another repository."""
        kind = self.kind
        if not place.files or (not kind.collections and len(place.files) > 1):
            return 0.0
        if kind.collections and not 2 <= len(place.files) <= 9:
            return 1e-3
        if any(file.path in self.names for file in place.files):
            return 1e6
        odds = 1.0
        tag = "lora" in place.tags
        tagged = ADAPTERS * TAGGED["adapter"] + (1 - ADAPTERS) * TAGGED["other"]
        odds *= _ratio(TAGGED["copy"], tagged, tag)
        if kind.generic:
            odds *= _ratio(GENERIC["copy"], GENERIC["innocent"], place.generic)
        odds *= self.days(place.created)
        if kind.collections:
            return odds / (ADAPTERS * (1 - ONE_FILE))
        innocent = ADAPTERS * ONE_FILE * self._density(place.size)
        copy = self.removed[place.size] / self.count + self.unknown * self._density(place.size)
        return odds * copy / innocent

    def _density(self, size: int) -> float:
        """The chance of exactly this size."""
        loose = (1 - CLUSTERED) * 8 / size / self.loose if LOOSE[0] <= size <= LOOSE[1] else 0.0
        total = sum(CLUSTER_SHARE)
        near: float = sum(
            share / total
            for data, share in zip(CLUSTERS, CLUSTER_SHARE, strict=True)
            if HEADER[0] <= size - data <= HEADER[1]
        )
        return max(1e-12, loose + CLUSTERED * near * 8 / (HEADER[1] - HEADER[0]))

    def chance(self, own: float, left: Sequence[float], looked: int, hits: int) -> float:
        """That the best of an account is a copy."""
        rate, stray = self.about["rate"], self.about["stray"]
        copying = log(self.about["copying"]) + hits * log(rate) + (looked - hits) * log(1 - rate)
        others = (
            log(1 - self.about["copying"]) + hits * log(stray) + (looked - hits) * log(1 - stray)
        )
        copying += sum(log(1 - rate + rate * each) for each in left)
        others += sum(log(1 - stray + stray * each) for each in left)
        weight = 1 / (1 + exp(max(-500.0, min(500.0, others - copying))))
        return weight * _share(rate, own) + (1 - weight) * _share(stray, own)


def _share(rate: float, odds: float) -> float:
    return rate * odds / (1 - rate + rate * odds)


def _ratio(copy: float, other: float, shown: bool) -> float:
    return copy / other if shown else (1 - copy) / (1 - other)


# -- the table -----------------------------------------------------------------------------------


def aim(kind: Kind, listing: float) -> float:
    """The share of sightings that the first tenth of the requests is to find."""
    if not kind.collections and kind.sizes == 1.0 and kind.spread < 0.05:
        return 0.9
    if not kind.collections and kind.sizes > 0:
        return 0.6
    return min(0.9, 3 * listing)


def requests_to(found_at: Sequence[int], total: int) -> list[int]:
    return [found_at[max(1, ceil(total * share)) - 1] for share in SHARES]


def early(found_at: Sequence[int], total: int, requests: int) -> float:
    return sum(at <= requests * EARLY for at in found_at) / total


def measure(
    kind: Kind, seed: int, repositories: int, stores: Callable[[Kind], Path]
) -> dict[str, Any]:
    """One population, every order."""
    made = population(kind, seed, repositories)
    total = made.sightings
    copies = sum(place.copies > 0 for place in made.places)
    requests = ceil(len(made.places) / PAGE) + len(made.places) + REFS * copies
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reseen.db"
        shutil.copy(stores(replace(kind, collections=False, spread=0.01, names=False)), path)
        with Store(f"sqlite:///{path}") as store:
            ours = walked(made, store)
    orders = {
        "ours": ours,
        "listing": plain(made, newest=False),
        "newest": plain(made, newest=True),
        "bound": bound(made),
    }
    figures: dict[str, dict[str, Any]] = {
        name: {
            "requests": requests_to(found_at, total),
            "early": round(early(found_at, total, requests), 3),
        }
        for name, found_at in orders.items()
    }
    wanted = aim(kind, float(figures["listing"]["early"]))
    return {
        "kind": kind.label,
        "requests": requests,
        "sightings": total,
        "aim": round(wanted, 3),
        "met": figures["ours"]["early"] >= wanted,
        "seconds": round(time.monotonic() - began),
        **figures,
    }


HEAD = (
    "| sizes known | copies in | of accounts | names kept | in the first tenth: listing order | "
    "newest first | this order | bound | aim | met | requests to the first, 50, 90, 99 % | "
    "listing order | newest first | bound |\n" + "|---" * 14 + "|"
)


def row(result: dict[str, Any]) -> str:
    numbers = [
        ", ".join(f"{each:,}" for each in result[name]["requests"])
        for name in ("ours", "listing", "newest", "bound")
    ]
    shares = [f"{result[name]['early']:.0%}" for name in ("listing", "newest", "ours", "bound")]
    met = "yes" if result["met"] else "**no**"
    return (
        f"| {result['kind']} | {' | '.join(shares)} | {result['aim']:.0%} | {met} | "
        f"{' | '.join(numbers)} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--repositories", type=int, default=REPOSITORIES)
    parser.add_argument("--only", type=int, nargs="+", help="populations by their place")
    parser.add_argument("--variants", action="store_true", help="populations with fewer signs")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    kinds = VARIANTS if given.variants else KINDS
    if given.only:
        kinds = tuple(kinds[n] for n in given.only)
    with tempfile.TemporaryDirectory() as folder:
        made: dict[Kind, Path] = {}

        def stores(kind: Kind) -> Path:
            """The registry of a seed and a share of sizes, filled once."""
            key = replace(kind, burst=True, generic=True)
            if key not in made:
                made[key] = Path(folder) / f"{len(made)}.db"
                with Store(f"sqlite:///{made[key]}") as store:
                    fill(store, population(key, seed, given.repositories).removed, kind.dates)
            return made[key]

        print(f"seed {seed}, {datetime.now(UTC):%Y-%m-%d}", file=sys.stderr)
        print(HEAD, flush=True)
        results = []
        for kind in kinds:
            results.append(measure(kind, seed, given.repositories, stores))
            print(row(results[-1]), flush=True)
    print(json.dumps({"seed": seed, "repositories": given.repositories, "results": results}))


if __name__ == "__main__":
    main()
