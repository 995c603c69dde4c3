"""An OCI registry as a hub: the replica and Debian's own are asked the same; tokens, and to whom
they go; lies and storms."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest
from replica.faults import Fault, Kind
from replica.oci import INDEX, MANIFEST, OLLAMA, OciSite, layer
from replica.server import Replica
from replica.world import World, lfs
from tests.hubs import registry_server
from tests.hubs.civitai_site import every
from tests.scan.walking import Hasty

from reseen.errors import HubAuth, HubError, HubGarbage, HubMissing
from reseen.files.source import Range
from reseen.hubs import kinds
from reseen.hubs.http import ClientOptions
from reseen.hubs.hub import CUT, NOT_ALL_REFS, FilesPage, RepositoryPage, Usage, WantedRepositories
from reseen.hubs.oci import OciRegistry
from reseen.hubs.oci_addresses import OciAddresses
from reseen.hubs.oci_tokens import Tokens
from reseen.records import Artifact, Repository, RepoType
from reseen.settings import RateLimit, Settings

T = TypeVar("T")
MODEL = RepoType.MODEL
DATA, OTHER = bytes(range(256)) * 40, b"another file" * 300
CONFIG = b'{"sample": true}'


def digest_of(number: int) -> bytes:
    return hashlib.sha256(b"sample %d" % number).digest()


def done(endpoint: str, work: Callable[[OciRegistry], Awaitable[T]], token: str | None = None) -> T:
    async def main() -> T:
        clock = Hasty()
        options = ClientOptions(attempts=3, clock=clock, sleep=clock.sleep)
        hub = OciRegistry(endpoint, token, options)
        try:
            return await work(hub)
        finally:
            await hub.close()

    return asyncio.run(main())


def looked(
    endpoint: str, repo: str = "library/sample", token: str | None = None
) -> tuple[Repository, FilesPage]:
    async def work(hub: OciRegistry) -> tuple[Repository, FilesPage]:
        repository = await hub.repository(MODEL, repo)
        (page,) = await every(hub.list_files(MODEL, repo, repository.sha or "", "main"))
        return repository, page

    return done(endpoint, work, token)


def listed(endpoint: str, author: str | None = None) -> list[RepositoryPage]:
    async def work(hub: OciRegistry) -> list[RepositoryPage]:
        wanted = WantedRepositories(author=author)
        pages = [await hub.list_repositories(wanted, None)]
        while (cursor := pages[-1].cursor) is not None:
            pages.append(await hub.list_repositories(wanted, cursor))
        return pages

    return done(endpoint, work)


def said(*pages: FilesPage | RepositoryPage) -> list[str]:
    return [problem.reason for page in pages for problem in page.problems]


def stated(page: FilesPage) -> set[tuple[str, bytes | None, int | None]]:
    return {(a.path, a.sha256, a.size) for a in page.artifacts}


# -- the same of the replica and of Debian's own ---------------------------------------------------


def sample(put: Callable[[str, bytes], str], add: Callable[..., str]) -> None:
    """A repository with two tags, an index, a file with a title; and sixty that have one file."""
    model, adapter = put("library/sample", DATA), put("library/sample", OTHER)
    config = put("library/sample", CONFIG)

    def made(*layers: Mapping[str, Any]) -> dict[str, Any]:
        told = {"schemaVersion": 2, "mediaType": MANIFEST, "layers": list(layers)}
        return {**told, "config": layer(config, len(CONFIG), "application/json")}

    one = made(layer(model, len(DATA), f"{OLLAMA}model"))
    add("library/sample", "latest", one)
    titled = made(layer(adapter, len(OTHER), "application/octet-stream", "lora.safetensors"))
    add("library/sample", "v1", titled)
    digest = add("library/sample", "", made(layer(adapter, len(OTHER), f"{OLLAMA}adapter")))
    named = {"digest": digest, "mediaType": MANIFEST, "size": _length(digest)}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [named]}
    add("library/sample", "both", index)
    for number in range(60):
        name = f"account-{number % 7}/model-{number:02}"
        data = b"sample %d" % number * 1000
        put(name, CONFIG)
        add(name, "latest", made(layer(put(name, data), len(data), f"{OLLAMA}model")))


_LENGTHS: dict[str, int] = {}


def _length(digest: str) -> int:
    return _LENGTHS.get(digest, 1)


def _replica(tmp_path: Path) -> Iterator[str]:
    site = OciSite()

    def put(name: str, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        site.blobs[f"sha256:{sha256}"] = lfs(data)
        return sha256

    def add(name: str, tag: str, manifest: Mapping[str, Any]) -> str:
        if tag:
            site.tag(name, tag, manifest)
        return site.add(manifest)

    sample(put, add)
    with Replica(World(), site=site) as replica:
        yield replica.endpoint


def _debian(tmp_path: Path) -> Iterator[str]:
    if registry_server.PROGRAM is None:
        pytest.skip(registry_server.MISSING)
    with registry_server.running(tmp_path) as endpoint, registry_server.Pusher(endpoint) as pusher:
        sample(pusher.blob, pusher.manifest)
        yield endpoint


@pytest.fixture(params=[_replica, _debian], ids=["replica", "debian"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from request.param(tmp_path)


def test_manifests_state_each_file_and_nothing_is_downloaded(registry: str) -> None:
    repository, page = looked(registry)
    model, adapter = hashlib.sha256(DATA).digest(), hashlib.sha256(OTHER).digest()
    (inner,) = (a.path for a in page.artifacts if a.path.startswith("both/"))
    assert stated(page) == {
        ("latest/model", model, len(DATA)),
        ("v1/lora.safetensors", adapter, len(OTHER)),
        (inner, adapter, len(OTHER)),
    }
    assert inner.endswith("/adapter")
    assert {a.revision for a in page.artifacts} == {"latest", "v1", "both"}
    assert (page.certain, said(page), repository.used_storage) == (True, [], 10240 + 2 * 3600)
    _, one = looked(registry, "library/sample:v1")
    assert {a.path for a in one.artifacts} == {"v1/lora.safetensors"}


def test_the_catalogue_is_listed_with_all_files(registry: str) -> None:
    pages = listed(registry)
    assert [len(page.repositories) for page in pages] == [50, 11]
    assert not said(*pages)
    files = [file for page in pages for held in page.files.values() for file in held.artifacts]
    wanted = {hashlib.sha256(b"sample %d" % number * 1000).digest() for number in range(60)}
    assert wanted < {file.sha256 for file in files}
    mine = listed(registry, "account-3")
    assert {r.author for page in mine for r in page.repositories} == {"account-3"}


def test_a_file_is_read_in_parts_and_as_a_whole(registry: str) -> None:
    async def work(hub: OciRegistry) -> tuple[bytes, bytes]:
        pages = await every(hub.list_files(MODEL, "library/sample:latest", "x", "main"))
        assert [page.certain for page in pages] == [False]
        (file,) = pages[0].artifacts
        whole = b"".join(await every(hub.stream(file, len(DATA))))
        return await hub.read(file, Range(100, 50)), whole

    assert done(registry, work) == (DATA[100:150], DATA)


def test_what_is_not_there_is_missing(registry: str) -> None:
    for repo in ("library/nothing", "library/sample:v9", "No Name", "library/sample:"):
        with pytest.raises(HubMissing):
            looked(registry, repo)


def test_debians_own_lets_nobody_in_for_a_token_of_elsewhere(tmp_path: Path) -> None:
    """It sends us to another address, in clear text: nobody is asked there."""
    if registry_server.PROGRAM is None:
        pytest.skip(registry_server.MISSING)
    auth = "auth: {silly: {realm: 'http://127.0.0.1:9/token', service: sample}}\n"
    with registry_server.running(tmp_path, auth) as endpoint:
        basic = {"Authorization": "Basic c2FtcGxlOnNlY3JldA=="}
        with registry_server.Pusher(endpoint, basic) as pusher:
            sample(pusher.blob, pusher.manifest)
        with pytest.raises(HubGarbage, match="to where none is asked for"):
            looked(endpoint)
        assert len(looked(endpoint, token="sample:secret")[1].artifacts) == 3


# -- tokens ----------------------------------------------------------------------------------------


def site_of_one(**more: Any) -> OciSite:
    site = OciSite(**more)
    site.put("library/sample", {"latest": {"model": DATA}})
    return site


def test_a_token_is_handed_out_once_and_goes_to_the_registry_alone() -> None:
    site = site_of_one(realm="", elsewhere=True)

    async def work(hub: OciRegistry) -> bytes:
        pages = await every(hub.list_files(MODEL, "library/sample", "x", "main"))
        return await hub.read(pages[0].artifacts[0], Range(0, 5))

    with Replica(World(), site=site) as replica:
        assert done(replica.endpoint, work) == DATA[:5]
        assert replica.journal.requests == {
            "tags": 2,
            "token": 1,
            "manifest": 1,
            "blob": 1,
            "cdn": 1,
        }
        (asked,) = replica.journal.targets("token")
        assert "scope=repository%3Alibrary%2Fsample%3Apull" in asked
        assert replica.journal.authorizations["cdn"] == set()
        assert [e.authorization for e in replica.journal.entries if e.route == "token"] == [None]


def test_what_a_person_gave_goes_to_the_registry_and_its_own_realm() -> None:
    with Replica(World(), site=site_of_one(realm="")) as replica:
        assert looked(replica.endpoint, token="sample:secret")[1].artifacts
        assert replica.journal.requests == {"tags": 1, "manifest": 1}
        assert looked(replica.endpoint, token="another-token")[1].artifacts
        own = [e.authorization for e in replica.journal.entries if e.route == "token"]
        assert own == ["Bearer another-token"]


def realm(challenge: str, given: str | None = "secret") -> list[httpx2.Request]:
    """What is asked where a registry sends us; another one hands out the token."""
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, json={"token": "handed-out"})

    async def main() -> None:
        options = ClientOptions(transport=httpx2.MockTransport(answer))
        tokens = Tokens("https://registry.example", given, Usage(), options)
        refused = HubAuth("no")
        refused.challenge = challenge
        try:
            await tokens.answered("repository:a:pull", refused)
            assert tokens.headers("repository:a:pull") == {"Authorization": "Bearer handed-out"}
            own = {"Authorization": f"Bearer {given}"} if given else {}
            assert tokens.headers("repository:b:pull") == own
        finally:
            await tokens.close()

    asyncio.run(main())
    return asked


def test_a_realm_elsewhere_is_asked_as_a_stranger() -> None:
    (one,) = realm('Bearer realm="https://auth.example/token?a=b",service="s",scope="x:y:push"')
    assert "Authorization" not in one.headers
    query = "a=b&service=s&scope=repository%3Aa%3Apull"
    assert str(one.url) == f"https://auth.example/token?{query}"
    (one,) = realm('Bearer realm="https://registry.example/token",service="s"')
    assert one.headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    "challenge",
    [
        'Bearer realm="http://auth.example/token"',
        'Bearer realm="https://127.0.0.1/token"',
        'Bearer realm="https://[::1]/token"',
        'Bearer realm="https://localhost/token"',
        'Bearer realm="https://metadata.internal/token"',
        'Bearer realm="https://a:b@auth.example/token"',
        'Bearer realm="file:///etc/passwd"',
        'Bearer realm="//auth.example/"',
        'Bearer realm="https://[/"',
    ],
)
def test_other_realms_are_not_asked(challenge: str) -> None:
    with pytest.raises(HubGarbage, match="sends us for a token to"):
        realm(challenge)


@pytest.mark.parametrize("challenge", ["", "Basic realm=x", "Bearer", 'Bearer service="x"'])
def test_a_refusal_without_a_realm_is_a_refusal(challenge: str) -> None:
    with pytest.raises(HubAuth, match="no"):
        realm(challenge)


@pytest.mark.parametrize("token", [None, 7, "", "two words", "x" * 40_000, "ünï"])
def test_what_is_no_token_is_sent_nowhere(token: object) -> None:
    site = site_of_one(realm="")
    site.spoil = lambda route, value: {"token": token} if route == "token" else value
    with Replica(World(), site=site) as replica:
        with pytest.raises(HubGarbage, match="hands out no token"):
            looked(replica.endpoint)
        assert replica.journal.authorizations["hub"] == set()


def test_a_token_that_is_not_taken_is_asked_for_once() -> None:
    site = site_of_one(realm="")
    site.spoil = lambda route, value: {"token": "of-nobody"} if route == "token" else value
    with Replica(World(), site=site) as replica:
        with pytest.raises(HubAuth):
            looked(replica.endpoint)
        assert replica.journal.requests == {"tags": 2, "token": 1}


# -- what registries do not say, and lies ----------------------------------------------------------


def test_where_tags_are_not_said_the_usual_one_is_looked_at_and_that_is_said() -> None:
    site = site_of_one(says_tags=False, lists=False)
    site.put("library/sample", {"v2": {"model": OTHER}})
    with Replica(World(), site=site) as replica:
        _, page = looked(replica.endpoint)
        assert {a.path for a in page.artifacts} == {"latest/model"}
        (told,) = page.problems
        assert (told.counted, "alone was looked at" in told.reason) == (NOT_ALL_REFS, True)
        _, page = looked(replica.endpoint, "library/sample:v2")
        assert ({a.path for a in page.artifacts}, said(page)) == ({"v2/model"}, [])
        with pytest.raises(HubMissing, match="does not list its repositories"):
            listed(replica.endpoint)


def test_a_catalogue_that_goes_round_ends() -> None:
    site = site_of_one(round=True)
    with Replica(World(), site=site) as replica:
        pages = listed(replica.endpoint)
        assert replica.journal.requests["catalog"] < 5
    assert [p.counted for page in pages for p in page.problems] == [CUT]


def test_a_tag_that_is_lost_leaves_the_others() -> None:
    site = site_of_one()
    site.put("library/sample", {"v1": {"model": OTHER}})
    with Replica(World(), site=site) as replica:
        replica.faults.add(Fault(Kind.GARBAGE, route="manifest", containing="v1"))
        _, page = looked(replica.endpoint)
    assert {a.path for a in page.artifacts} == {"latest/model"}
    assert [p.counted for p in page.problems] == [CUT]


def test_changed_fields_take_nothing_else_along() -> None:
    site = site_of_one()
    good = layer(hashlib.sha256(OTHER).hexdigest(), len(OTHER), f"{OLLAMA}model")
    layers = [
        {**good, "annotations": {"org.opencontainers.image.title": "../../etc/passwd"}},
        {**good, "digest": "sha512:00"},
        {**good, "size": "many", "mediaType": 7},
        None,
        good,
    ]
    site.tag("library/sample", "odd", {"layers": layers, "config": good})
    site.tag("library/sample", "list", {"manifests": [{"digest": "md5:1"}, 7]})
    site.tag("library/sample", "old", {"schemaVersion": 1, "fsLayers": []})
    own = site.add({"manifests": []})
    site.manifests[own] = {"manifests": [{"digest": own}]}
    site.tag("library/sample", "round", site.manifests[own])
    with Replica(World(), site=site) as replica:
        _, page = looked(replica.endpoint)
    digest = hashlib.sha256(OTHER).hexdigest()
    assert {(a.path, a.size) for a in page.artifacts} == {
        ("latest/model", len(DATA)),
        ("odd/model", len(OTHER)),
        (f"odd/{digest}", len(OTHER)),
        ("odd/layer", None),
    }
    assert set(said(page)) == {
        "a layer states no SHA-256",
        "a layer states no usable size",
        "a manifest names another one without its digest",
        "a tag could not be looked at: the registry's manifest is of a form that is not read",
        "a manifest names others that name others, and so on",
    }


def test_lists_that_are_none_are_one_error() -> None:
    site = site_of_one()
    site.spoil = lambda route, value: {**value, "tags": 7, "repositories": {}}
    with Replica(World(), site=site) as replica:
        for ask in (lambda: looked(replica.endpoint), lambda: listed(replica.endpoint)):
            with pytest.raises(HubError, match="is not a list"):
                ask()
        site.spoil = lambda route, value: {**value, "tags": None}
        assert looked(replica.endpoint)[1].artifacts == ()


def test_it_is_there_where_somebody_sets_it_and_takes_names_with_tags() -> None:
    at = {
        "RESEEN_HUB_OLLAMA_ENDPOINT": "https://registry.ollama.ai",
        "RESEEN_HUB_OLLAMA_KIND": "oci",
    }
    hub = kinds.hub_named("ollama", Settings.from_environment(at))
    assert (hub.quota, kinds.stored_name(hub)) == (RateLimit(5, 1.0), "oci+registry.ollama.ai")
    for given, repo in (
        ("library/sample", "library/sample"),
        ("library/sample:7b-q4", "library/sample:7b-q4"),
        ("one/two/three", "one/two/three"),
        ("https://ollama.com/library/sample:7b", "library/sample:7b"),
        ("https://registry.ollama.ai/v2/library/sample/", "library/sample"),
    ):
        assert kinds.repository_named(given, hub).repo == repo
    pages = OciAddresses("registry.ollama.ai")
    file = pages.file(MODEL, "library/sample:7b", "7b", "7b/model")
    assert file == "https://ollama.com/library/sample"
    assert OciAddresses("127.0.0.1:5000").account("one") == "http://127.0.0.1:5000/one"


def test_a_file_without_a_digest_cannot_be_read() -> None:
    async def work(hub: OciRegistry) -> None:
        await hub.read(Artifact(hub.name, MODEL, "a/b", "x", "main", "x/y", 9), Range(0, 1))

    with Replica(World(), site=site_of_one()) as replica, pytest.raises(HubMissing):
        done(replica.endpoint, work)
