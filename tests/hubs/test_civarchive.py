"""CivArchive, a locator of which nothing is documented: what it names, and what it is told."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest
from replica.civarchive import CivArchiveSite
from replica.faults import Fault, Kind
from replica.server import Replica
from replica.world import World
from tests.hubs.civitai_site import every
from tests.scan.walking import Hasty

from reseen.errors import HubBusy, HubGarbage, HubMissing
from reseen.hubs import kinds, meant
from reseen.hubs.civarchive import CivArchive
from reseen.hubs.client_options import ClientOptions
from reseen.hubs.hub import ByHash, WantedRepositories
from reseen.settings import RateLimit, Settings

HERE, THERE = "https://huggingface.co/sample-account/LORA", "https://models.example/4711"


def digest_of(number: int) -> bytes:
    return hashlib.sha256(b"sample %d" % number).digest()


def asked(replica: Replica, *numbers: int) -> list[ByHash]:
    async def main() -> list[ByHash]:
        clock = Hasty()
        options = ClientOptions(attempts=3, clock=clock, sleep=clock.sleep)
        hub = CivArchive(replica.endpoint, None, options)
        try:
            return await every(hub.ask([digest_of(number) for number in numbers]))
        finally:
            await hub.close()

    return asyncio.run(main())


def served(site: CivArchiveSite) -> Replica:
    return Replica(World(), site=site)


@pytest.mark.parametrize("in_two_steps", [False, True])
def test_it_says_where_a_file_stands_that_is_not_said_to_be_gone(in_two_steps: bool) -> None:
    places = {digest_of(1).hex(): (HERE, THERE), digest_of(2).hex(): (HERE,)}
    with served(CivArchiveSite(places, {THERE}, in_two_steps)) as replica:
        (part,) = asked(replica, 1, 2, 3)
    assert part.elsewhere == (HERE,)
    assert part.absent == {digest_of(3)}
    assert (part.found, part.problems) == ((), ())


def test_nothing_goes_out_but_digests_in_an_order_of_chance() -> None:
    numbers = range(40)
    with served(CivArchiveSite()) as replica:
        asked(replica, *numbers)
        sent = [entry.path for entry in replica.journal.entries]
    usual = [f"/api/sha256/{digest_of(number).hex()}" for number in numbers]
    assert sorted(sent) == sorted(usual)
    assert sent not in (usual, sorted(usual))


def test_neither_torrents_nor_pictures_nor_other_files_places_are_taken() -> None:
    def more(route: str, value: Any) -> Any:
        version = value["data"]["version"]
        other = {"sha256": digest_of(9).hex(), "mirrors": [{"url": "https://other.example/x"}]}
        version["files"] += [other, {"sha256": None}, None, {"mirrors": 7}]
        return value

    torrents = (
        "magnet:?xt=urn:btih:00",
        "ftp://models.example/a",
        "https://x.example/" + "a" * 3000,
    )
    site = CivArchiveSite({digest_of(1).hex(): (HERE, *torrents)}, spoil=more)
    with served(site) as replica:
        (part,) = asked(replica, 1)
    assert part.elsewhere == (HERE,)


def test_of_very_many_places_some_are_taken_and_that_is_said() -> None:
    many = tuple(f"https://models.example/{number}" for number in range(1_000))
    with served(CivArchiveSite({digest_of(1).hex(): (*many, HERE)})) as replica:
        (part,) = asked(replica, 1)
    assert len(part.elsewhere) == 11
    assert part.elsewhere[-1] == HERE
    assert "the others are left out" in part.problems[0].reason


@pytest.mark.parametrize(
    "value",
    [{"data": {"files": []}}, {"files": 7}, [], "x", {"files": [{"model_id": True}]}, {}],
)
def test_an_odd_answer_is_one_line_and_the_others_are_asked(value: object) -> None:
    def spoil(route: str, good: Any) -> Any:
        return value if good["data"]["id"] else good

    site = CivArchiveSite({digest_of(1).hex(): (HERE,)}, spoil=spoil)
    with served(site) as replica:
        (part,) = asked(replica, 1, 2)
    assert (len(part.problems), part.absent) == (1, {digest_of(2)})


def test_odd_answers_alone_end_it_in_one_line_that_names_no_digest() -> None:
    places = {digest_of(number).hex(): (HERE,) for number in range(30)}
    with served(CivArchiveSite(places, spoil=lambda route, value: [])) as replica:
        with pytest.raises(HubGarbage) as told:
            asked(replica, *range(30))
        assert replica.journal.total == 10
    assert not any(digest_of(number).hex() in str(told.value) for number in range(30))


def test_a_site_that_is_busy_for_ever_ends_it() -> None:
    with (
        served(CivArchiveSite({digest_of(1).hex(): (HERE,)})) as replica,
        replica.faults.during(Fault(Kind.BUSY)),
        pytest.raises(HubBusy),
    ):
        asked(replica, 1)


def test_it_is_there_only_where_somebody_sets_it_and_holds_nothing() -> None:
    assert "civarchive" not in [hub.kind for hub in Settings.from_environment({}).hubs]
    at = {
        "RESEEN_HUB_CIVARCHIVE_ENDPOINT": "https://civarchive.com",
        "RESEEN_HUB_CIVARCHIVE_KIND": "civarchive",
    }
    hub = meant.hub_named("civarchive", Settings.from_environment(at))
    assert (hub.quota, kinds.askable_of(hub).locates) == (RateLimit(1, 1.0), True)
    assert kinds.is_locator(kinds.stored_name(hub))
    assert not any(
        map(kinds.is_locator, ("civitai+civitai.com", "huggingface.co", "folder", "x+y"))
    )
    assert kinds.addresses_of(kinds.stored_name(hub)) is None

    async def main() -> None:
        opened = kinds.open_hub(hub)
        with pytest.raises(HubMissing, match="this is no hub"):
            await opened.list_repositories(WantedRepositories(), None)
        await opened.close()

    asyncio.run(main())
