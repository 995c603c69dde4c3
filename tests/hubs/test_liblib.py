"""LiblibAI, of which nothing is documented: asked by hash, and what becomes of other answers."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from replica.faults import Fault, Kind
from replica.liblib import LiblibSite
from replica.server import Replica
from replica.world import World
from tests.hubs.civitai_site import every
from tests.scan.walking import Hasty

from reseen.errors import HubBusy, HubGarbage, HubMissing
from reseen.files.source import Range
from reseen.hubs import kinds, meant
from reseen.hubs.client_options import ClientOptions
from reseen.hubs.hub import ByHash
from reseen.hubs.liblib import Liblib
from reseen.hubs.liblib_addresses import LiblibAddresses
from reseen.records import Artifact, RepoType
from reseen.settings import RateLimit, Settings

MODEL, VERSION = "0123456789abcdef", "fedcba9876543210"


def digest_of(number: int) -> bytes:
    return hashlib.sha256(b"sample %d" % number).digest()


def of(*numbers: int) -> LiblibSite:
    versions = {f"{VERSION}-{n}": ("a.safetensors", digest_of(n).hex()) for n in numbers}
    return LiblibSite({MODEL: versions})


def asked(replica: Replica, *numbers: int) -> list[ByHash]:
    async def main() -> list[ByHash]:
        clock = Hasty()
        options = ClientOptions(attempts=3, clock=clock, sleep=clock.sleep)
        hub = Liblib(replica.endpoint, None, options)
        try:
            return await every(hub.ask([digest_of(number) for number in numbers]))
        finally:
            await hub.close()

    return asyncio.run(main())


def test_what_is_there_is_found_by_one_request_a_digest_and_one_a_model() -> None:
    with Replica(World(), site=of(1, 2)) as replica:
        (part,) = asked(replica, 1, 2, 3)
        assert replica.journal.requests == {"hash": 3, "model": 1}
    assert part.absent == {digest_of(3)}
    ((repository, files),) = part.found
    assert repository.id == f"-/{MODEL}"
    assert {a.sha256 for a in files.artifacts} == {digest_of(1), digest_of(2)}
    assert {a.size for a in files.artifacts} == {None}
    assert (part.problems, files.problems) == ((), ())


def _another_model(route: str, value: Any) -> Any:
    return {**value, "data": {**value["data"], "modelUuid": "../../x"}}


def _no_versions(route: str, value: Any) -> Any:
    return {**value, "data": {**value["data"], "versions": 7}} if route == "model" else value


def _other_versions(route: str, value: Any) -> Any:
    if route == "model":
        value["data"]["versions"] = [None, {"uuid": VERSION, "attachment": {}}]
    return value


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_another_model, "it names a model that cannot be one"),
        (_no_versions, "a digest is there by its word, and it shows no file that has it"),
        (_other_versions, "a digest is there by its word, and it shows no file that has it"),
    ],
)
def test_changed_fields_are_one_line(spoil: Callable[[str, Any], Any], told: str) -> None:
    site = of(1)
    site.spoil = spoil
    with Replica(World(), site=site) as replica:
        (part,) = asked(replica, 1)
    assert [problem.reason for problem in part.problems] == [told]
    assert not part.absent


def test_what_is_no_answer_is_one_error_and_says_no_digest() -> None:
    site = of(1)
    site.spoil = lambda route, value: {"code": 500, "msg": "busy"}
    with Replica(World(), site=site) as replica:
        with pytest.raises(HubGarbage) as told:
            asked(replica, 1)
        assert digest_of(1).hex() not in str(told.value)
        with replica.faults.during(Fault(Kind.BUSY)), pytest.raises(HubBusy):
            asked(replica, 1)


def test_it_is_there_only_where_somebody_sets_it_and_nothing_of_it_is_read() -> None:
    assert "liblib" not in [hub.kind for hub in Settings.from_environment({}).hubs]
    at = {
        "RESEEN_HUB_LIBLIB_ENDPOINT": "https://www.liblib.art",
        "RESEEN_HUB_LIBLIB_KIND": "liblib",
    }
    hub = meant.hub_named("liblib", Settings.from_environment(at))
    assert (hub.quota, kinds.askable_of(hub).documented) == (RateLimit(1, 1.0), False)

    async def main() -> None:
        opened = kinds.open_hub(hub)
        able = opened.abilities
        assert (able.lists, able.ranges, able.sizes) == (False, False, False)
        file = Artifact(opened.name, RepoType.MODEL, f"-/{MODEL}", "x", "main", "v/a", None)
        with pytest.raises(HubMissing, match="nothing of this hub is read"):
            await opened.read(file, Range(0, 10))
        await opened.close()

    asyncio.run(main())


def test_addresses() -> None:
    pages = LiblibAddresses("www.liblib.art")
    file = pages.file(RepoType.MODEL, f"-/{MODEL}", "x", f"{VERSION}/a.safetensors")
    assert file == f"https://www.liblib.art/modelinfo/{MODEL}?versionUuid={VERSION}"
    named = pages.named(file)
    assert named is not None
    assert named.repo == f"-/{MODEL}"
    assert pages.named(f"https://elsewhere.example/modelinfo/{MODEL}") is None
