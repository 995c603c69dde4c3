"""The whole clients of the hubs that are no Hugging Face Hub, over a transport in this process
whose every answer is drawn: git's packs, registries' manifests and realms, lists and trees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

import httpx2
from tests.fuzz import chance
from tests.fuzz.chance import MARKER, digits, json_text, json_value, mutated, sum_of, word
from tests.fuzz.hub_answers import run
from tests.fuzz.play import Broken, FuzzedReader
from tests.hubs.git_packs import name_of, pack_of, packed

from reseen.errors import HubError
from reseen.files.source import Range
from reseen.hubs import git_pack, git_wire
from reseen.hubs.answers import why_unusable
from reseen.hubs.arcenciel import ArcEnCiel
from reseen.hubs.civarchive import CivArchive
from reseen.hubs.client_options import ClientOptions
from reseen.hubs.git_forge import GitForge
from reseen.hubs.hub import Hub, WantedRepositories, askable
from reseen.hubs.modelscope import ModelScope
from reseen.hubs.oci import OciRegistry
from reseen.operations.locating import places_of
from reseen.records import Artifact, Problem, RepoType
from reseen.settings import HubSettings, Settings

ENDPOINT, SECRET = "https://hub.example", "marked_secret"
HASH = "9f3c71d2e58a40b6" * 4
KINDS: Mapping[str, Callable[..., Hub]] = {
    "git": GitForge,
    "oci": OciRegistry,
    "modelscope": ModelScope,
    "arcenciel": ArcEnCiel,
    "civarchive": CivArchive,
}
CALLS = ("list", "repository", "files", "revisions", "read")
ASK = "ask"
_REPO = {"arcenciel": "sample-account/7"}
_PLACES = ("https://hub.example/", "https://huggingface.co/a/b/", "http://[", "magnet:?", "")
_MOST = 200
"""Requests after which a hub has nothing any more."""


@dataclass(frozen=True)
class Said:
    """What a hub answers, one after the other and then again."""

    kind: str
    call: str
    commit: str
    responses: tuple[tuple[int, tuple[tuple[str, str], ...], bytes], ...]


def _odd(rng: Random, usual: object, one_in: int = 10) -> object:
    return json_value(rng) if chance.chance(rng, one_in) else usual


def _path(rng: Random) -> str:
    return rng.choice(("a.safetensors", "x/y.bin", "../x", "", "a//b", word(rng)))


def _sha(rng: Random) -> str:
    return rng.choice((HASH, HASH, digits(rng, 64), HASH[:9]))


def _line(text: bytes) -> bytes:
    return b"%04x%s" % (len(text) + 4, text)


def _git(rng: Random) -> tuple[str, list[bytes]]:
    """A commit's name, and what a server says before and with its pack."""
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
        _sha(rng).encode("utf-8", "replace"),
        rng.randrange(10**6),
    )
    change = bytes([min(len(pointer), 127), 3]) + rng.randbytes(rng.randrange(8))
    blob, tree = name_of(b"blob", pointer), b""
    for _ in range(rng.choice((0, 1, 3))):
        name = _path(rng).encode("utf-8", "replace").replace(b"\0", b"")
        tree += rng.choice((b"100644 ", b"40000 ", b"160000 ")) + name + b"\0" + blob
    commit = b"tree %s\nauthor x\n" % name_of(b"tree", tree).hex().encode()
    parts = [packed(3, pointer), packed(2, tree), packed(1, commit)]
    if chance.chance(rng, 2):
        parts.append(packed(7, change, between=blob))
    if chance.chance(rng, 4):
        parts.append(packed(6, change, between=bytes([rng.randrange(1, 128)])))
    pack = pack_of(*parts)
    if chance.chance(rng, 3):
        pack = pack_of(mutated(b"".join(parts), rng, (b"\0", b"\xff")), count=len(parts))
    sent = b"".join(_line(b"\1" + pack[n : n + 999]) for n in range(0, len(pack), 999))
    name = name_of(b"commit", commit).hex()
    refs = _line(f"{name} HEAD symref-target:refs/heads/main\n".encode())
    refs += _line(f"{name} refs/heads/{word(rng)}\n".encode("utf-8", "replace")) + b"0000"
    can = _line(b"version 2\n") + _line(b"fetch=shallow filter\n") + b"0000"
    batch = {"oid": HASH, "actions": {"download": {"href": _odd(rng, f"{ENDPOINT}/lfs/x")}}}
    bodies = [can, _line(b"packfile\n") + sent + b"0000", refs, _json(rng, {"objects": [batch]})]
    return name, bodies


def _json(rng: Random, value: object) -> bytes:
    return json_text(_odd(rng, value, 20), rng).encode("utf-8", "surrogatepass")


def _bodies(rng: Random, kind: str) -> list[bytes]:
    if kind == "oci":
        layer = {"digest": _odd(rng, f"sha256:{_sha(rng)}"), "size": _odd(rng, 5000)}
        layer |= {"mediaType": _odd(rng, "application/vnd.x.model")}
        layer |= {"annotations": _odd(rng, {"org.opencontainers.image.title": _path(rng)})}
        return [
            _json(rng, {"repositories": _odd(rng, ["a/b", word(rng)])}),
            _json(rng, {"tags": _odd(rng, ["latest", word(rng), 7])}),
            _json(rng, {"layers": _odd(rng, [_odd(rng, layer)]), "config": _odd(rng, layer, 3)}),
            _json(rng, {"manifests": _odd(rng, [_odd(rng, layer)])}),
            _json(rng, {"token": _odd(rng, "handed-out")}),
        ]
    if kind == "modelscope":
        entry = {"id": _odd(rng, "sample-account/LORA"), "last_modified": _odd(rng, 1_750_000_000)}
        entry |= {"tasks": _odd(rng, [word(rng)]), "tags": _odd(rng, ["a"]), "file_size": 9}
        file = {"Path": _odd(rng, _path(rng)), "Type": rng.choice(("blob", "tree", 7))}
        file |= {"Size": _odd(rng, 5000), "Sha256": _odd(rng, _sha(rng))}
        listed = {"models": _odd(rng, [entry]), "total_count": _odd(rng, rng.choice((1, 9000)))}
        branches = {"Branches": _odd(rng, [{"Revision": _odd(rng, "main")}]), "Tags": None}
        return [
            _json(rng, {"success": True, "data": listed}),
            _json(rng, {"data": entry}),
            _json(rng, {"Data": {"Files": _odd(rng, [file, _odd(rng, file)])}}),
            _json(rng, {"Data": {"RevisionMap": _odd(rng, branches)}}),
        ]
    if kind == "civarchive":
        mirror = {"url": _odd(rng, rng.choice(_PLACES) + word(rng)), "deletedAt": _odd(rng, None)}
        file = {"sha256": _odd(rng, _sha(rng)), "mirrors": _odd(rng, [_odd(rng, mirror)])}
        found = {"version": _odd(rng, {"files": _odd(rng, [file])})}
        named = {"model_id": _odd(rng, 7), "model_version_id": _odd(rng, 8)}
        return [
            _json(rng, {"data": _odd(rng, found)}),
            _json(rng, {"files": _odd(rng, [named])}),
            _json(rng, found),
        ]
    version = {"id": _odd(rng, 9), "sha256": _odd(rng, _sha(rng)), "originalName": _path(rng)}
    version |= {"publishAt": _odd(rng, "2026-01-01T00:00:00Z"), "downloadCount": _odd(rng, 1)}
    model = {"id": _odd(rng, 7), "uploader": _odd(rng, {"username": _odd(rng, "sample-account")})}
    model |= {"versions": _odd(rng, [_odd(rng, version)]), "type": _odd(rng, "LORA")}
    return [
        _json(rng, {"data": _odd(rng, [model, _odd(rng, model)]), "totalCount": _odd(rng, 2)}),
        _json(rng, model),
        _json(rng, {"versions": _odd(rng, [version])}),
    ]


def _responses(
    rng: Random, kind: str, bodies: list[bytes]
) -> list[tuple[int, tuple[tuple[str, str], ...], bytes]]:
    made = []
    for _ in range(rng.choice((1, 2, 3, 5))):
        body = rng.choice(bodies)
        body = mutated(body, rng, (b'"id"', b"0000")) if chance.chance(rng, 6) else body
        status = rng.choice((401, 403, 404, 429, 500, 206)) if chance.chance(rng, 6) else 200
        said: dict[str, str] = {}
        if status == 401:
            realm = rng.choice(
                (f"{ENDPOINT}/token", "https://auth.example/t?a=b", "http://x.example", word(rng))
            )
            said["WWW-Authenticate"] = rng.choice(
                (f'Bearer realm="{realm}",service="s"', f"Bearer {word(rng)}", word(rng), "Basic =")
            )
        made.append((status, tuple(said.items()), body))
    return made


def session(rng: Random) -> Said:
    kind, call = rng.choice([*KINDS]), rng.choice(CALLS)
    if kind == "civarchive":  # nothing else of it is asked
        call = ASK
    commit, bodies = _git(rng) if kind == "git" else ("x", _bodies(rng, kind))
    made = _responses(rng, kind, bodies)
    if kind == "git" and call == "files" and chance.chance(rng, 1.3):
        made = [(200, (), bodies[0]), (200, (), bodies[1])]
    return Said(kind, call, commit, tuple(made))


def read_session(given: Said) -> object:
    """One call of a client over these answers; every error is a HubError."""
    now, asked = [1000.0], [0]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    def respond(request: httpx2.Request) -> httpx2.Response:
        told = request.headers.get("Authorization", "")
        if SECRET in told and request.url.host != "hub.example":
            raise Broken("the token went elsewhere")
        asked[0] += 1
        if asked[0] > _MOST:
            return httpx2.Response(404, stream=httpx2.ByteStream(b""))
        status, headers, body = given.responses[(asked[0] - 1) % len(given.responses)]
        said = [
            (name.encode(), value.encode("utf-8", "surrogatepass").translate(None, b"\r\n\0"))
            for name, value in headers
        ]
        return httpx2.Response(status, headers=said, stream=httpx2.ByteStream(body))

    async def work() -> object:
        options = ClientOptions(
            attempts=2, transport=httpx2.MockTransport(respond), clock=lambda: now[0], sleep=sleep
        )
        hub = KINDS[given.kind](ENDPOINT, SECRET, options)
        try:
            return await _called(hub, given), asked[0]
        finally:
            await hub.close()

    return run(work())


async def _called(hub: Hub, given: Said) -> object:
    model, repo = RepoType.MODEL, _REPO.get(given.kind, "sample-account/lora")
    if given.call == "list":
        page = await hub.list_repositories(WantedRepositories(), None)
        held = [artifact for files in page.files.values() for artifact in files.artifacts]
        return sum_of(page.repositories), _checked(held, page.problems), page.cursor is None
    if given.call == "repository":
        return sum_of(await hub.repository(model, repo))
    if given.call == "revisions":
        found = await hub.revisions(model, repo)
        return sum_of(found.revisions), [problem.reason for problem in found.problems]
    if given.call == ASK:
        parts = [part async for part in askable(hub).ask([bytes.fromhex(HASH)])]
        settings = Settings.from_environment({})
        named = [places_of(part.elsewhere, settings, HubSettings("x", ENDPOINT)) for part in parts]
        reasons = [problem.reason for part in parts for problem in part.problems]
        if MARKER in "".join(reasons):
            raise Broken("a reason holds the input's words")
        return sum_of(named), reasons
    if given.call == "read":
        file = Artifact(hub.name, model, repo, "x", "main", "9/y", 50, bytes.fromhex(HASH))
        data = await hub.read(file, Range(0, 10))
        if len(data) > 10:
            raise Broken("more bytes than were wanted")
        return len(data)
    told = []
    async for files in hub.list_files(model, repo, given.commit, "main"):
        told.append(_checked(files.artifacts, files.problems))
        if len(told) == 20:
            break
    return told


def _checked(artifacts: object, problems: tuple[Problem, ...]) -> object:
    """What of files is told, and that all of it can be used."""
    assert isinstance(artifacts, tuple | list)
    for artifact in artifacts:
        if why_unusable(artifact.path):
            raise Broken("a path that cannot be used")
        if artifact.sha256 is not None and len(artifact.sha256) != 32:
            raise Broken("a digest of another length")
        if artifact.size is not None and artifact.size < 0:
            raise Broken("a size below nothing")
    reasons = [problem.reason for problem in problems]
    if MARKER in "".join(reasons):
        raise Broken("a reason holds the input's words")
    return sum_of(artifacts), reasons


def commit_answer(rng: Random) -> tuple[str, bytes]:
    """A commit's name, and what a server sends for it."""
    commit, bodies = _git(rng)
    sent = bodies[1]
    return commit, mutated(sent, rng, (b"0000", b"packfile")) if chance.chance(rng, 4) else sent


def read_commit(given: tuple[str, bytes]) -> object:
    """As the client reads it, in a thread of its own."""
    commit, sent = given
    files = list(git_pack.files(git_pack.objects(git_wire.pack(sent)), commit))
    return len(files), sum_of(files)


READERS = (
    FuzzedReader("other-hubs", session, read_session, passing=(HubError,)),
    FuzzedReader("git-pack", commit_answer, read_commit, passing=(HubError,)),
)
