"""A removal may come before a scan or after it, and more may be asked of what is known: what is
seen in the end is what one scan sees that knew and was asked all of it. Nothing is read twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from replica.sample import sample_world
from replica.server import Replica
from replica.world import World
from tests.scan.walking import ALL, fill, walk_hub

from reseen.observed import sightings
from reseen.scan.lookback import record_past
from reseen.scan.target import Confirm, Options, Target
from reseen.store.database import Store

NOTHING, HEADER, FULL = (Options(confirm=c) for c in Confirm)
EVERYTHING = Options(confirm=Confirm.FULL, refs=True)
READ = Options(confirm=Confirm.NONE, follow=False, edited=False)
"""Of the verb that reads what is owed: no more than was asked."""
OWED = Target(types=(), owed=True)
Seen = tuple[object, ...]


class Known:
    """A store, and what it holds of the sample world."""

    def __init__(self, store: Store, world: World, hub: Replica) -> None:
        self.store, self.world, self.hub = store, world, hub
        self.ids: dict[str, int] = {}

    def add(self, *numbers: int) -> None:
        """A list with these removals (all of them) comes; what follows is done."""
        new = fill(self.store, self.world, numbers or None)
        self.ids |= {id: number for number, id in new.items()}
        with self.store.write() as connection:
            record_past(connection, self.store.secret, list(new.values()))

    def scan(self, options: Options, target: Target = ALL) -> None:
        assert walk_hub(self.store, self.hub.endpoint, target, options).ended

    def read(self, options: Options = READ) -> None:
        self.scan(options, OWED)

    def seen(self) -> list[Seen]:
        with self.store.read() as connection:
            return sorted(
                (
                    *(self.ids[s.removal], s.type.value, s.repo, s.ref or "", s.path),
                    *(s.rung.label, s.state.value, s.confirmed.value),
                )
                for s in sightings.every(connection)
            )


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[Seen]]:
    """What one scan sees that knows all from its beginning."""
    seen: dict[Options, list[Seen]] = {}

    def scan(options: Options) -> list[Seen]:
        if options not in seen:
            world = sample_world()
            path = tmp_path_factory.mktemp("fresh") / "fresh.db"
            with Replica(world) as hub, Store(f"sqlite:///{path}") as store:
                known = Known(store, world, hub)
                known.add()
                known.scan(options)
                seen[options] = known.seen()
        return seen[options]

    return scan


@pytest.fixture
def known(tmp_path: Path) -> Iterator[Known]:
    world = sample_world()
    with Replica(world) as hub, Store(f"sqlite:///{tmp_path / 'known.db'}") as store:
        yield Known(store, world, hub)


@pytest.mark.parametrize("options", [HEADER, FULL, EVERYTHING], ids=str)
def test_a_list_that_comes_after_a_scan_is_read_by_the_next(
    known: Known, fresh: Callable[..., list[Seen]], options: Options
) -> None:
    known.scan(options)
    known.add()
    known.scan(options)
    assert known.seen() == fresh(options)


@pytest.mark.parametrize("options", [HEADER, FULL, EVERYTHING], ids=str)
def test_a_list_that_comes_after_a_scan_is_read_without_a_walk(
    known: Known, fresh: Callable[..., list[Seen]], options: Options
) -> None:
    known.scan(options)
    known.add()
    known.hub.journal.clear()
    known.read()
    assert known.seen() == fresh(options)
    assert known.hub.journal.requests["list"] == 0


def test_more_is_asked_of_what_is_known(known: Known, fresh: Callable[..., list[Seen]]) -> None:
    known.add()
    known.scan(HEADER)
    known.scan(FULL)
    assert known.seen() == fresh(FULL)
