"""An OCI registry as a hub: the replica and Debian's own are asked the same; tokens, and to whom
they go; lies and storms."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest
from replica.faults import Fault, Kind
from replica.http import Answer, Request, json_answer
from replica.oci import INDEX, MANIFEST, OLLAMA, OciSite, layer
from replica.server import Replica
from replica.world import World, lfs
from tests.hubs import registry_server
from tests.hubs.civitai_site import every
from tests.scan.walking import Hasty

from reseen.errors import HubAuth, HubBusy, HubError, HubGarbage, HubMissing
from reseen.files.source import Range
from reseen.hubs import kinds, meant
from reseen.hubs.client_options import ClientOptions
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


def listed(
    endpoint: str, author: str | None = None, token: str | None = None
) -> list[RepositoryPage]:
    async def work(hub: OciRegistry) -> list[RepositoryPage]:
        wanted = WantedRepositories(author=author)
        pages = [await hub.list_repositories(wanted, None)]
        while (cursor := pages[-1].cursor) is not None:
            pages.append(await hub.list_repositories(wanted, cursor))
        return pages

    return done(endpoint, work, token)


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
    (inner,) = (a.path for a in page.artifacts if a.path.endswith("/adapter"))
    config = (hashlib.sha256(CONFIG).digest(), len(CONFIG))
    folders = ("latest", "v1", inner.removesuffix("/adapter"))
    assert stated(page) == {
        *((f"{folder}/json", *config) for folder in folders),
        ("latest/model", model, len(DATA)),
        ("v1/lora.safetensors", adapter, len(OTHER)),
        (inner, adapter, len(OTHER)),
    }
    assert re.fullmatch(r"both/[0-9a-f]{64}/adapter", inner)
    assert {a.revision for a in page.artifacts} == {"latest", "v1", "both"}
    assert (page.certain, said(page), repository.used_storage) == (
        True,
        [],
        10240 + 2 * 3600 + 3 * len(CONFIG),
    )
    _, one = looked(registry, "library/sample:v1")
    assert {a.path for a in one.artifacts} == {"v1/lora.safetensors", "v1/json"}


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
        (file,) = (a for a in pages[0].artifacts if a.path == "latest/model")
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
        assert len(looked(endpoint, token="sample:secret")[1].artifacts) == 6


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


def realm(
    challenge: str,
    given: str | None = "secret",
    answer: Callable[[httpx2.Request], httpx2.Response] | None = None,
) -> list[httpx2.Request]:
    """What is asked where a registry sends us; another one hands out the token."""
    asked: list[httpx2.Request] = []

    def hand_out(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, json={"token": "handed-out"})

    async def main() -> None:
        options = ClientOptions(transport=httpx2.MockTransport(answer or hand_out))
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
        'Bearer realm="https://metadata.google.internal./token"',
        'Bearer realm="https://printer.LAN/token"',
        'Bearer realm="https://127.1/token"',
        'Bearer realm="https://10.1./token"',
        'Bearer realm="https://0x7f.0.0.1/token"',
        'Bearer realm="https://127.0.0.0x1/token"',
        'Bearer realm="https://169.254.43518/token"',
        'Bearer realm="https://2130706433/token"',
        'Bearer realm="https://１２７.0.0.１/token"',
        'Bearer realm="https://auth%2eexample.1/token"',
        'Bearer realm="https://a:b@auth.example/token"',
        'Bearer realm="file:///etc/passwd"',
        'Bearer realm="//auth.example/"',
        'Bearer realm="https://[/"',
    ],
)
def test_other_realms_are_not_asked(challenge: str) -> None:
    with pytest.raises(HubGarbage, match="sends us for a token to"):
        realm(challenge)


@pytest.mark.parametrize("to", ["https://127.0.0.1/", "https://other.example/", "/other"])
def test_no_redirect_is_followed_from_a_realm(to: str) -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return httpx2.Response(307, headers={"Location": to}, stream=httpx2.ByteStream(b""))

    with pytest.raises(HubGarbage, match="leads elsewhere"):
        realm('Bearer realm="https://auth.example/token"', answer=answer)
    assert len(asked) == 1


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
    for _ in range(3):
        own = site.add({"manifests": [{"digest": own}]})
    site.tag("library/sample", "deep", site.manifests[own])
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


# -- what an uploader would have overlooked --------------------------------------------------------


def hexdigest(number: int) -> str:
    return digest_of(number).hex()


def file_of(number: int, title: str | None = None, size: int = 5000) -> dict[str, Any]:
    return layer(hexdigest(number), size, f"{OLLAMA}model", title)


def digests(page: FilesPage) -> set[bytes | None]:
    return {a.sha256 for a in page.artifacts}


def seen_of(*manifests: Mapping[str, Any], site: OciSite | None = None) -> FilesPage:
    """What is seen of a repository whose tags lead to these manifests; every path is one file."""
    site = site or OciSite()
    for number, manifest in enumerate(manifests):
        site.tag("library/sample", f"t{number}", manifest)
    with Replica(World(), site=site) as replica:
        _, page = looked(replica.endpoint)
    assert len({a.path for a in page.artifacts}) == len(page.artifacts)
    return page


def test_no_title_takes_the_place_of_another_file() -> None:
    removed, other = hexdigest(1), hexdigest(2)
    site = OciSite()
    inner = site.add({"layers": [file_of(4)]})
    folder = inner.removeprefix("sha256:")
    for layers in (
        [file_of(1, other), file_of(2, "../x")],
        [file_of(1, "a"), file_of(2, other), file_of(2, removed), file_of(3, "a"), file_of(2, "a")],
        [file_of(1, f"{other}-1"), file_of(3, other), file_of(2, "../x"), file_of(2, size=7)],
        [file_of(1, f"{folder}/model"), file_of(2)],
    ):
        given = {each["digest"] for each in layers}
        page = seen_of({"layers": layers, "manifests": [{"digest": inner}]}, site=site)
        found = {f"sha256:{(digest or b'').hex()}" for digest in digests(page)}
        assert found == {*given, f"sha256:{hexdigest(4)}"}
        assert len(page.artifacts) >= len(layers)
        assert said(page) == []


def test_manifests_whose_digests_begin_alike_are_two() -> None:
    site = OciSite()
    alike = [f"sha256:{'0' * 12}{number:052x}" for number in range(2)]
    for number, digest in enumerate(alike):
        site.manifests[digest] = {"layers": [file_of(number)]}
    page = seen_of({"manifests": [{"digest": digest} for digest in alike]}, site=site)
    assert digests(page) == {digest_of(0), digest_of(1)}


@pytest.mark.parametrize(
    ("manifest", "files"),
    [
        ({"layers": [file_of(1, size=5)]}, 1),
        ({"manifests": [], "layers": [file_of(1)]}, 1),
        ({"layers": [], "blobs": [file_of(1)]}, 1),
        ({"manifests": [], "config": file_of(1)}, 1),
    ],
)
def test_a_file_is_seen_however_it_is_named(manifest: Mapping[str, Any], files: int) -> None:
    page = seen_of(manifest)
    assert (digests(page), said(page)) == ({digest_of(1)}, [])


@pytest.mark.parametrize(
    "manifest",
    [
        {"manifests": [{"digest": f"sha256:{'ab' * 32}"}]},
        {"manifests": [{"digest": "sha512:00"}]},
        {"manifests": [{"digest": f"sha256:{'ab' * 32}"}] * 1001},
        {"layers": [file_of(2)] * 1000 + [file_of(1)]},
        {"layers": [{**file_of(1), "digest": f"sha512:{'00' * 64}"}]},
        {"layers": [], "manifests": "none"},
        {"layers": [], "fsLayers": [{"blobSum": f"sha256:{hexdigest(1)}"}]},
    ],
)
def test_what_was_not_looked_at_is_said_and_counts_as_not_looked_at(
    manifest: Mapping[str, Any],
) -> None:
    assert CUT in {problem.counted for problem in seen_of(manifest).problems}


def test_of_a_repository_so_many_files_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reseen.hubs.oci_look.MOST_FILES", 25)
    page = seen_of(
        *({"layers": [file_of(10 * t + n, str(n)) for n in range(10)]} for t in range(4))
    )
    assert len(page.artifacts) == 25
    assert [(p.reason, p.counted) for p in page.problems] == [
        ("only the first 25 files were looked at", CUT)
    ]


def test_an_index_that_names_ever_more_is_asked_for_so_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("reseen.hubs.oci_look.MOST_MANIFESTS", 20)
    site = OciSite()
    named = [{"digest": site.add({"layers": [file_of(n)]})} for n in range(50)]
    page = seen_of({"manifests": named}, site=site)
    assert len(page.artifacts) == 19
    assert [(p.reason, p.counted) for p in page.problems] == [
        ("too many manifests: the rest was not looked at", CUT)
    ]


def test_files_that_are_too_many_to_be_kept_at_once_are_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("reseen.hubs.oci.MOST_HELD", 3)
    site = OciSite()
    for name in ("a/one", "a/three", "a/two"):
        site.tag(name, "latest", {"layers": [file_of(n, str(n)) for n in range(2)]})
    with Replica(World(), site=site) as replica:
        (page,) = listed(replica.endpoint)
        assert [r.id for r in page.repositories] == ["a/one", "a/three", "a/two"]
        assert list(page.files) == ["a/one"]

        async def work(hub: OciRegistry) -> list[int]:
            found = [await hub.repository(MODEL, r.id) for r in page.repositories]
            pages = [await every(hub.list_files(MODEL, r.id, r.sha or "", "main")) for r in found]
            return [len(files.artifacts) for each in pages for files in each if files.certain]

        assert done(replica.endpoint, work) == [2, 2, 2]


# -- a registry in trouble, and lists without an end -----------------------------------------------


class Leading(OciSite):
    """A registry whose pages lead where a test says: what was asked for last -> what the page
    names, and what it leads to."""

    pages: Mapping[str, tuple[list[str], str | None]]

    def answer(
        self, request: Request, route: str, parts: Mapping[str, str], endpoint: str, cdn: str
    ) -> Answer:
        if route not in ("catalog", "tags"):
            return super().answer(request, route, parts, endpoint, cdn)
        names, after = self.pages[request.one("last") or ""]
        link = {"Link": f'<{request.path}?n=9&last={after}>; rel="next"'} if after else {}
        return json_answer({"repositories": names, "tags": names}, link)


def leading(pages: Mapping[str, tuple[list[str], str | None]]) -> Leading:
    site = Leading()
    for number, name in enumerate(each for names, _ in pages.values() for each in names):
        site.tag(name, "latest", {"layers": [file_of(number)]})
        site.tag("library/sample", name, {"layers": [file_of(number)]})
    site.pages = pages
    return site


CIRCLE = {"": (["a"], "b"), "b": (["b"], "c"), "c": (["c"], "d"), "d": (["a"], "b")}


def test_a_catalogue_and_tags_that_lead_in_a_circle_end_and_that_is_said() -> None:
    with Replica(World(), site=leading(CIRCLE)) as replica:
        pages = listed(replica.endpoint)
        assert replica.journal.requests["catalog"] < 10
        _, tags = looked(replica.endpoint)
        assert replica.journal.requests["tags"] < 50
    assert {r.id for page in pages for r in page.repositories} == {"a", "b", "c"}
    assert {a.revision for a in tags.artifacts} == {"a", "b", "c"}
    for told in (pages[-1].problems, tags.problems):
        assert [(p.counted, "bring nothing new" in p.reason) for p in told] == [(CUT, True)]


def test_an_empty_page_does_not_end_a_list_that_goes_on() -> None:
    pages = {"": (["a"], "b"), "b": ([], "c"), "c": (["c"], None)}
    with Replica(World(), site=leading(pages)) as replica:
        _, tags = looked(replica.endpoint)
        found = {r.id for page in listed(replica.endpoint) for r in page.repositories}
    assert ({a.revision for a in tags.artifacts}, found) == ({"a", "c"}, {"a", "c"})
    assert said(tags) == []


def test_pages_of_a_list_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reseen.hubs.list_so_far.MOST_PAGES", 5)
    monkeypatch.setattr("reseen.hubs.oci_look.MOST_TAG_PAGES", 4)
    pages = {str(n or ""): ([f"r{n}"], str(n + 1)) for n in range(30)}
    with Replica(World(), site=leading(pages)) as replica:
        assert [len(page.repositories) for page in listed(replica.endpoint)] == [1] * 5
        _, tags = looked(replica.endpoint)
    assert len(tags.artifacts) == 4
    assert [(p.counted, "more than 4 pages" in p.reason) for p in tags.problems] == [(CUT, True)]


@pytest.mark.parametrize("kind", [Kind.GARBAGE, Kind.ERROR])
def test_tags_that_came_before_a_page_that_is_missing_are_looked_at(kind: Kind) -> None:
    pages = {"": (["a"], "b"), "b": (["b"], None)}
    with Replica(World(), site=leading(pages)) as replica:
        replica.faults.add(Fault(kind, route="tags", after=1, status=404))
        _, tags = looked(replica.endpoint)
    assert {a.revision for a in tags.artifacts} == {"a"}
    assert [(p.counted, "ends early" in p.reason) for p in tags.problems] == [(CUT, True)]


@pytest.mark.parametrize("kind", [Kind.GARBAGE, Kind.ERROR])
def test_one_tag_of_a_list_that_was_cut_is_not_the_repository(kind: Kind) -> None:
    """What it leads to is not there: that says nothing of the tags that did not come."""
    site = leading({"": (["a"], "b"), "b": (["b"], None)})
    with Replica(World(), site=site) as replica:
        replica.faults.add(Fault(kind, route="tags", after=1, status=404))
        replica.faults.add(Fault(Kind.ERROR, route="manifest", status=404))
        _, page = looked(replica.endpoint)
    assert page.artifacts == ()
    assert {p.counted for p in page.problems} == {CUT}


@pytest.mark.parametrize("route", ["tags", "manifest"])
def test_a_repository_with_which_the_registry_has_troubles_leaves_the_others(route: str) -> None:
    site = OciSite()
    for number, name in enumerate(("a/one", "a/three", "a/two")):
        site.tag(name, "latest", {"layers": [file_of(number)]})
    with Replica(World(), site=site) as replica:
        replica.faults.add(Fault(Kind.ERROR, route=route, containing="a/three"))
        (page,) = listed(replica.endpoint)
        assert [r.id for r in page.repositories] == ["a/one", "a/two"]
        assert [p.where.endswith("a/three") for p in page.problems] == [True]
        with pytest.raises(HubBusy):  # that is not gone, and not empty
            looked(replica.endpoint, "a/three")
        replica.faults.add(Fault(Kind.ERROR, route=route, status=503))
        with pytest.raises(HubBusy):  # the hub itself
            listed(replica.endpoint)


def test_a_tag_with_which_the_registry_has_troubles_leaves_the_others() -> None:
    site = OciSite()
    site.tag("library/sample", "v1", {"layers": [file_of(1)]})
    site.tag("library/sample", "v2", {"layers": [file_of(2)]})
    with Replica(World(), site=site) as replica:
        replica.faults.add(Fault(Kind.ERROR, route="manifest", containing="v1"))
        _, page = looked(replica.endpoint)
    assert (digests(page), [p.counted for p in page.problems]) == ({digest_of(2)}, [CUT])


def test_what_is_kept_of_who_asks_does_not_tell_a_password() -> None:
    async def access(hub: OciRegistry) -> bytes | None:
        return hub.abilities.access

    one, other, else_ = (
        done("https://registry.example", access, token)
        for token in ("sample:one", "sample:other", "another:one")
    )
    assert one == other
    assert None not in (one, else_)
    assert one != else_


def test_a_wrong_password_is_no_registry_without_a_catalogue() -> None:
    site = site_of_one(realm="")
    site.spoil = lambda route, value: {"token": "of-nobody"} if route == "token" else value
    with Replica(World(), site=site) as replica:
        with pytest.raises(HubAuth) as told:
            listed(replica.endpoint, token="sample:wrong")
        assert "HF_TOKEN" in (told.value.remedy or "")
        assert listed(replica.endpoint, token="sample:secret")[0].repositories


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
    hub = meant.hub_named("ollama", Settings.from_environment(at))
    assert (hub.quota, kinds.stored_name(hub)) == (RateLimit(5, 1.0), "oci+registry.ollama.ai")
    for given, repo in (
        ("library/sample", "library/sample"),
        ("library/sample:7b-q4", "library/sample:7b-q4"),
        ("one/two/three", "one/two/three"),
        ("https://ollama.com/library/sample:7b", "library/sample:7b"),
        ("https://registry.ollama.ai/v2/library/sample/", "library/sample"),
    ):
        assert meant.repository_named(given, hub).repo == repo
    pages = OciAddresses("registry.ollama.ai")
    file = pages.file(MODEL, "library/sample:7b", "7b", "7b/model")
    assert file == "https://ollama.com/library/sample"
    assert OciAddresses("127.0.0.1:5000").account("one") == "http://127.0.0.1:5000/one"


def test_a_file_without_a_digest_cannot_be_read() -> None:
    async def work(hub: OciRegistry) -> None:
        await hub.read(Artifact(hub.name, MODEL, "a/b", "x", "main", "x/y", 9), Range(0, 1))

    with Replica(World(), site=site_of_one()) as replica, pytest.raises(HubMissing):
        done(replica.endpoint, work)
