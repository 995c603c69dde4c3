"""The order of a whole scan: it decides when, never what; it outlives any kill."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from tests import removals_made
from tests.scan.fake_hub import FakeHub
from tests.scan.walking import QUICK

from reseen.fingerprints.git import pointer_oid
from reseen.hubs.hub import FilesPage, RepositoryPage, Revision, Revisions, WantedRepositories
from reseen.observed import sightings
from reseen.records import Artifact, Digest, DigestKind, Names, RemovedFile, Repository, RepoType
from reseen.scan import order_rows, scan_rows
from reseen.scan.context import ScanContext
from reseen.scan.progress import Outcome
from reseen.scan.target import Confirm, Options, Target
from reseen.scan.walk import walk
from reseen.store.database import Store
from reseen.store.schema import frontier, listings
from reseen.store.sealing import Keyring

KEYRING = Keyring(bytes(range(32)))
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
QUIETLY = Options(confirm=Confirm.NONE)
ALL = Target(everything=True)
ONE_BY_ONE = replace(QUICK, workers=1, ahead=1, turn=0.0)


@dataclass(frozen=True)
class Held:
    """One file of a repository."""

    size: int
    sha256: bytes


@dataclass
class ManyHub(FakeHub):
    """Repositories in pages of ten; it notes in which order their files were asked for."""

    def __init__(self, held: dict[str, Held], page: int = 10) -> None:
        super().__init__({})
        self.held = held
        self.size = page
        self.asked: list[str] = []
        self.pages = 0
        self.stop: asyncio.Event | None = None
        self.stop_after = 0

    def _listed(self, repo: str, number: int) -> Repository:
        return Repository(
            self.name,
            RepoType.MODEL,
            repo,
            f"{number:040x}",
            created_at=BEGIN + timedelta(days=number % 300),
            used_storage=self.held[repo].size,
            paths=("model.safetensors",),
        )

    async def list_repositories(
        self, wanted: WantedRepositories, cursor: str | None
    ) -> RepositoryPage:
        self.pages += 1
        start = int(cursor or 0)
        some = [
            self._listed(repo, number)
            for number, repo in enumerate(self.held)
            if wanted.author in (None, repo.partition("/")[0])
        ]
        end = start + self.size
        await asyncio.sleep(0)
        return RepositoryPage(tuple(some[start:end]), str(end) if end < len(some) else None)

    async def list_files(
        self, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[FilesPage]:
        self.asked.append(repo)
        if self.stop is not None and len(self.asked) >= self.stop_after:
            self.stop.set()
        await asyncio.sleep(0)
        held = self.held[repo]
        yield FilesPage(
            (
                Artifact(
                    *(self.name, type, repo, revision, ref, "model.safetensors", held.size),
                    sha256=held.sha256,
                    git_oid=pointer_oid(held.sha256, held.size),
                    lfs=True,
                ),
            )
        )

    async def refs(self, type: RepoType, repo: str) -> Revisions:
        every = await self.revisions(type, repo)
        return Revisions(tuple(each for each in every.revisions if each.ref is not None))

    async def revisions(self, type: RepoType, repo: str) -> Revisions:
        number = list(self.held).index(repo)
        return Revisions((Revision("main", f"{number:040x}"),))


def removed(number: int) -> Held:
    return Held(50_000_000 + 4_096 * number, b"removed%025d" % number)


def other(number: int) -> Held:
    return Held(10_000_000 + 8 * number, b"another%025d" % number)


def fill(store: Store, count: int = 12, sizes: bool = True) -> None:
    new = [
        removals_made.NewRemoval(
            list="sample",
            site="models.example",
            removed_on=None,
            names=Names(),
            files=(
                RemovedFile(
                    (Digest(DigestKind.SHA256, removed(n).sha256),),
                    size=removed(n).size if sizes else None,
                ),
            ),
        )
        for n in range(count)
    ]
    with store.write() as connection:
        removals_made.insert(connection, KEYRING, new)


def a_hub(seed: int = 1, repositories: int = 120, copies: int = 12) -> ManyHub:
    """Copies in three accounts, late in the listing; thirty accounts of others."""
    dice = random.Random(seed)
    names = [f"account-{dice.randrange(30):02}/other-{n}" for n in range(repositories)]
    held = {name: other(n) for n, name in enumerate(names)}
    for n in range(copies):
        held[f"copies-{n % 3}/x{n}"] = removed(n)
    return ManyHub(held)


def look(store: Store, hub: ManyHub, target: Target = ALL, stop_after: int = 10**6) -> Outcome:
    async def run() -> Outcome:
        stop = asyncio.Event()
        context = ScanContext(store, KEYRING, hub, target, QUIETLY, ONE_BY_ONE, stop=stop)
        hub.stop, hub.stop_after = stop, stop_after
        return await walk(context)

    return asyncio.run(run())


def found(store: Store) -> set[tuple[str, str]]:
    with store.read() as connection:
        return {(s.removal, s.repo) for s in sightings.every(connection)}


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_rows, "PAGE", 7)
    monkeypatch.setattr(order_rows, "LONGEST", 16)
    monkeypatch.setattr(order_rows, "AGAIN", 2)


def test_the_listing_ends_before_files_are_asked_for(store: Store) -> None:
    fill(store)
    hub = a_hub()
    seen_pages: list[int] = []
    ask = hub.list_files

    def noting(*args: object) -> AsyncIterator[FilesPage]:
        seen_pages.append(hub.pages)
        return ask(*args)  # type: ignore[arg-type]

    hub.list_files = noting  # type: ignore[assignment,method-assign]
    look(store, hub)
    assert set(seen_pages) == {14}


def test_copies_come_first_where_sizes_are_known(store: Store) -> None:
    fill(store)
    hub = a_hub()
    look(store, hub)
    assert {repo.partition("-")[0] for repo in hub.asked[:12]} == {"copies"}


def test_the_account_of_a_find_comes_up_where_sizes_are_not_known(store: Store) -> None:
    fill(store, sizes=False)
    hub = a_hub()
    look(store, hub)
    places = sorted(n for n, repo in enumerate(hub.asked) if repo.startswith("copies"))
    firsts = {repo.partition("/")[0]: n for n, repo in reversed(list(enumerate(hub.asked)))}
    last = max(firsts[f"copies-{n}"] for n in range(3))
    assert places[-1] < last + 12, "what else the accounts hold follows the first of each"


@pytest.mark.usefixtures("small_pages")
def test_in_pages_of_a_few_rows_the_order_is_the_same(store: Store) -> None:
    fill(store)
    hub = a_hub()
    look(store, hub)
    assert {repo.partition("-")[0] for repo in hub.asked[:12]} == {"copies"}
    assert sorted(hub.asked) == sorted(hub.held)


@pytest.mark.parametrize("sizes", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_left_out_and_the_same_is_found_in_any_order(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, sizes: bool
) -> None:
    fill(store, sizes=sizes)
    hub = a_hub(seed)
    outcome = look(store, hub)
    assert outcome.ended
    assert sorted(hub.asked) == sorted(hub.held), "each once"
    dice = random.Random(seed)
    monkeypatch.setattr(
        "reseen.scan.ordering.ordered",
        lambda weighed, *_: [dice.randrange(-2_000, 2_000) for _ in weighed],
    )
    with Store(f"sqlite:///{tmp_path / 'other.db'}") as another:
        fill(another, sizes=sizes)
        shuffled = a_hub(seed)
        look(another, shuffled)
        assert sorted(shuffled.asked) == sorted(hub.asked)
        assert {repo for _, repo in found(another)} == {repo for _, repo in found(store)}


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("every", [1, 5, 40])
def test_stopped_at_any_moment_it_goes_on(store: Store, every: int) -> None:
    fill(store, sizes=False)
    hub = a_hub()
    asked: list[str] = []
    for _ in range(200):
        again = ManyHub(hub.held)
        outcome = look(store, again, stop_after=every)
        asked += again.asked
        if outcome.ended:
            break
    assert outcome.ended
    assert set(asked) == set(hub.held)
    assert len(found(store)) == 12
    with store.read() as connection:
        for table in (frontier, listings):
            assert connection.execute(select(table)).all() == []


@pytest.mark.usefixtures("small_pages")
def test_several_walks_at_one_scan(store: Store) -> None:
    fill(store, sizes=False)
    hub = a_hub()

    async def run() -> list[Outcome]:
        contexts = [
            ScanContext(store, KEYRING, ManyHub(hub.held), ALL, QUIETLY, QUICK) for _ in range(3)
        ]
        return await asyncio.gather(*map(walk, contexts))

    asyncio.run(run())
    assert len(found(store)) == 12
    with store.read() as connection:
        assert connection.execute(select(frontier)).all() == []


def test_what_is_named_does_not_wait_for_an_order(store: Store) -> None:
    fill(store)
    hub = a_hub()
    hub.repository = _one_of(hub)  # type: ignore[method-assign]
    target = Target(repos=("copies-0/x0", "account-00/none"))
    hub.held["account-00/none"] = other(10_000)
    outcome = look(store, hub, target)
    assert outcome.ended
    assert ("copies-0/x0") in {repo for _, repo in found(store)}


def _one_of(hub: ManyHub):  # type: ignore[no-untyped-def]
    async def repository(type: RepoType, repo: str) -> Repository:
        return hub._listed(repo, list(hub.held).index(repo))

    return repository


def test_a_first_order_is_written_once_and_others_when_more_was_found(store: Store) -> None:
    with store.write() as connection:
        scan = scan_rows.begin(connection, "hub.example", "key", "", 100)
        scan_rows.add_parts(connection, scan, 1)
        assert not scan_rows.order_if_listed(connection, scan), "nothing is listed yet"
        part = scan_rows.Part(0, None, None)
        scan_rows.turn_page(connection, scan, part, None, 0)
        before = scan_rows.size(connection, scan)
        assert scan_rows.order_if_listed(connection, scan)
        assert not scan_rows.order_if_listed(connection, scan)
        assert not scan_rows.is_ordered(connection, scan)
        assert scan_rows.size(connection, scan) == before, "an order is no work at a hub"
        part = scan_rows.Part(1, None, None, orders=True)
        scan_rows.turn_page(connection, scan, part, None, 0)
        assert scan_rows.is_order_final(connection, scan)
        assert scan_rows.add_order(connection, scan, "4")
        assert scan_rows.is_ordered(connection, scan)
        assert not scan_rows.is_order_final(connection, scan)
