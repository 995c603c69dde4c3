"""Scans beside each other in one store: each asks of what it lists itself, and of nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace

import pytest
from tests.histories import world as worlds
from tests.histories.acts import new_folder
from tests.histories.faces import Room, emptied_folder, kept_open
from tests.histories.model import Level, Target
from tests.histories.rows import rows
from tests.histories.world import WorldHub

from reseen.hubs.hub import FilesPage
from reseen.observed import sightings, walks
from reseen.records import Confirmed, Coverage, Repository, RepoType
from reseen.scan import scan_rows

GUS = Target(repos=("gus/plain",), level=Level.NONE, follow=False)
OTHER = Target(accounts=("gus",), level=Level.NONE, follow=False)
"""The same by another name: not the same scan."""
DAN = Target(repos=("dan/framed",), level=Level.FULL, follow=False)


class Interrupted(WorldHub):
    """A hub during whose first answer of one kind something else happens in the same store."""

    at_files: Callable[[], None] | None = None
    at_repository: Callable[[], None] | None = None

    async def repository(self, type: RepoType, repo: str) -> Repository:
        meanwhile, self.at_repository = self.at_repository, None
        if meanwhile is not None:
            await asyncio.to_thread(meanwhile)
        return await super().repository(type, repo)

    async def list_files(
        self, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[FilesPage]:
        meanwhile, self.at_files = self.at_files, None
        if meanwhile is not None:
            await asyncio.to_thread(meanwhile)
        async for page in super().list_files(type, repo, revision, ref):
            yield page


@pytest.fixture
def room() -> Iterator[Room]:
    with kept_open(), emptied_folder() as folder:
        new_folder(folder / "files")
        made = Room(folder, "beside", worlds.build(), folder / "files")
        made.hub = Interrupted(made.world)
        made.import_rows("first", [rows()[f"Sample person {n:02}"] for n in (4, 6)], "python")
        yield made
        made.close()


def beside(room: Room, target: Target) -> Callable[[], None]:
    """Another process at the same store and hub, which scans."""

    def scan() -> None:
        other = Room.__new__(Room)
        other.__dict__ |= room.__dict__ | {"hub": WorldHub(room.world)}
        other.scan(target, "python")

    return scan


def recheck(room: Room) -> Callable[[], None]:
    """Another process, which asks whether what is known still stands."""

    def ask() -> None:
        other = Room.__new__(Room)
        other.__dict__ |= room.__dict__ | {"hub": WorldHub(room.world)}
        other.recheck("python")

    return ask


def confirmed(room: Room, repo: str) -> set[Confirmed]:
    with room.store.read() as connection:
        return {s.confirmed for s in sightings.every(connection) if s.repo == repo}


def levels(room: Room) -> dict[str, int]:
    """Repository -> how far it was asked to be read."""
    from reseen.store.schema import repositories

    with room.store.read() as connection:
        named = {row.pk: row.repo for row in connection.execute(repositories.select())}
        asked = walks.of_repositories(connection, named)
        return {named[pk]: known.asked.confirm for pk, known in asked.items()}


def coverage(room: Room) -> list[Coverage]:
    """Of every scan, in the order of their beginnings."""
    from reseen.store.schema import scans

    with room.store.read() as connection:
        pks = [row.pk for row in connection.execute(scans.select().order_by(scans.c.pk))]
        return [scan_rows.coverage(connection, pk) for pk in pks]


def both(*each: Callable[[], None]) -> Callable[[], None]:
    def do() -> None:
        for one in each:
            one()

    return do


@pytest.mark.parametrize(
    "meanwhile", [lambda r: beside(r, OTHER), recheck], ids=["scan", "recheck"]
)
@pytest.mark.parametrize("target", [DAN, replace(DAN, repos=(), accounts=("dan",))], ids=str)
@pytest.mark.parametrize("when", ["at_files", "at_repository"])
def test_what_another_lists_meanwhile_is_not_read_as_far_as_this_scan(
    room: Room, when: str, target: Target, meanwhile: Callable[[Room], Callable[[], None]]
) -> None:
    room.scan(GUS, "python")

    def list_comes() -> None:
        room.import_rows("second", [rows()["Sample person 11"]], "python")

    setattr(room.hub, when, both(meanwhile(room), list_comes))
    room.scan(target, "python")
    assert confirmed(room, "gus/plain") == {Confirmed.NONE}
    assert confirmed(room, "dan/framed") == {Confirmed.CONTRADICTED}
    assert levels(room) == {"gus/plain": Level.NONE, "dan/framed": Level.FULL}


def test_what_this_scan_lists_is_its_own_though_another_listed_it_first(room: Room) -> None:
    room.scan(GUS, "python")
    room.hub.at_repository = beside(room, OTHER)  # type: ignore[attr-defined]
    room.scan(replace(GUS, level=Level.FULL), "python")
    assert confirmed(room, "gus/plain") == {Confirmed.BYTES}


def test_what_follows_from_a_list_that_comes_meanwhile_is_read_of_what_was_listed_unchanged(
    room: Room,
) -> None:
    """That is what the scan's end goes through once more."""
    full = replace(GUS, repos=("fay/learned", "gus/plain"), level=Level.FULL)
    room.scan(full, "python")

    def list_comes() -> None:
        room.import_rows("third", [rows()["Sample person 15"]], "python")
        room.add(rows()["Sample person 25"], "python")

    room.hub.at_files = list_comes  # type: ignore[attr-defined]
    room.scan(replace(full, repos=(*full.repos, "dan/framed")), "python")
    assert confirmed(room, "fay/learned") == {Confirmed.HEADER}


def test_what_a_scan_finds_leads_in_the_same_scan_to_what_was_walked_for_less(room: Room) -> None:
    """Also where the account was listed before, and is not again."""
    room.scan(Target(everything=True, level=Level.NONE, refs=True, follow=False), "python")
    room.add(rows()["Sample person 24"], "python")
    room.scan(Target(repos=("bob/edited",), level=Level.HEADER), "python")
    assert confirmed(room, "bob/stronger") == {Confirmed.HEADER}
    assert levels(room)["bob/stronger"] == Level.HEADER
    assert levels(room)["eve/teaches"] == Level.NONE


def test_each_scan_counts_what_it_listed(room: Room) -> None:
    room.scan(GUS, "python")
    room.hub.at_repository = beside(room, OTHER)  # type: ignore[attr-defined]
    room.scan(replace(GUS, repos=("gus/plain", "dan/framed")), "python")
    assert [(each.listed, each.unchanged) for each in coverage(room)] == [(1, 0), (2, 1), (1, 1)]
