"""CivArchive, asked by hash where copies of a removed file are said to stand: a locator.

What comes in: SHA-256s. What goes out: addresses at other places, and nothing else: no file of it
is read, no torrent joined, no address of a picture kept. What it says is a lead, by which those
places are looked at first. Its makers document none of this: what is known is from clients of
others, and may change any day. One question a digest, and one more where that names only a model.

Who is asked learns what is hunted. So the digests of a question go out in an order of chance, with
a pause of chance before each.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence

from reseen.errors import HubGarbage, HubMissing
from reseen.files.source import Range
from reseen.hubs.answers import from_hex
from reseen.hubs.client_options import USUAL, ClientOptions
from reseen.hubs.http_hub import HttpHub
from reseen.hubs.hub import (
    Abilities,
    Askable,
    ByHash,
    FilesPage,
    RepositoryPage,
    WantedRepositories,
)
from reseen.records import Artifact, DigestKind, Problem, Repository, RepoType
from reseen.settings import CIVARCHIVE

ASKABLE = Askable(DigestKind.SHA256, 500, documented=False, locates=True)
LONGEST_PAUSE = 2.0
"""Seconds before a question, at most, beside what the quota asks for."""
_PART = 50
"""Digests after which what is known is handed out."""
_MOST_PLACES, _MOST_AT_HOST = 1_000, 10
"""Addresses that are taken of one digest's answer, and of those at one host: many of one place do
not push out the others."""
_LONGEST_ADDRESS = 2_000
_MOST_ODD = 10
"""Answers in a row that are something else than was asked for, before no more is asked."""
_ABILITIES = Abilities(
    lists=False,
    refs=False,
    history=False,
    ranges=False,
    sizes=False,
    digests=frozenset(),
    askable=ASKABLE,
)
_NOTHING_THERE = "this is no hub: it says where copies are said to stand"


class CivArchive(HttpHub):
    """An `AskableHub` where nothing stands. Made inside a running event loop; to be closed."""

    def __init__(
        self, endpoint: str, token: str | None = None, options: ClientOptions = USUAL
    ) -> None:
        super().__init__(_ABILITIES, endpoint, token, options, kind=CIVARCHIVE)
        self._sleep = options.sleep

    async def ask(self, digests: Sequence[bytes]) -> AsyncIterator[ByHash]:
        """Where copies of these files are said to stand now."""
        chance = secrets.SystemRandom()
        wanted, odd = sorted(set(digests), key=lambda _: chance.random()), 0
        for start in range(0, len(wanted), _PART):
            absent: set[bytes] = set()
            places: dict[str, None] = {}
            problems: dict[Problem, None] = {}
            for digest in wanted[start : start + _PART]:
                await self._sleep(chance.uniform(0.0, LONGEST_PAUSE))
                try:
                    files = await self._files(digest)
                except HubMissing:
                    absent.add(digest)
                    odd = 0
                    continue
                except HubGarbage as e:
                    odd += 1
                    if odd == _MOST_ODD:
                        raise
                    problems[Problem(self._name, str(e))] = None
                    continue
                odd = 0
                found, more = _places(files, digest)
                places |= dict.fromkeys(found)
                if more:
                    why = "a file with more places than are looked at: the others are left out"
                    problems[Problem(self._name, why)] = None
            yield ByHash((), frozenset(absent), tuple(problems), tuple(places))

    async def _files(self, digest: bytes) -> list[Mapping[str, object]]:
        """The files that it has of a digest. Raises HubMissing where it knows none."""
        told = await self._told(f"/api/sha256/{digest.hex()}")
        version = told.get("version")
        if isinstance(version, dict):
            return _mappings(version.get("files"))
        files = _mappings(told.get("files"))
        if any("mirrors" in each for each in files):
            return files
        # It names models alone: the model says where its files stand.
        for each in files:
            model, number = each.get("model_id"), each.get("model_version_id")
            if not (type(model) is int and type(number) is int and min(model, number) > 0):
                continue
            told = await self._told(f"/api/models/{model}?modelVersionId={number}")
            version = told.get("version")
            return _mappings(version.get("files")) if isinstance(version, dict) else []
        raise HubGarbage("the answer names neither files nor a model")

    async def _told(self, path: str) -> Mapping[str, object]:
        """What an answer holds: some stand under "data"."""
        value = (await self._http.json(path)).value
        if isinstance(value, dict) and isinstance(value.get("data"), dict):
            value = value["data"]
        if not isinstance(value, dict):
            raise HubGarbage("the hub answers with something else than was asked for")
        return value

    async def list_repositories(
        self, wanted: WantedRepositories, cursor: str | None
    ) -> RepositoryPage:
        raise HubMissing(_NOTHING_THERE, remedy="Ask it by hash: reseen ask.")

    async def repository(self, type: RepoType, repo: str) -> Repository:
        raise HubMissing(_NOTHING_THERE)

    async def list_files(
        self, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[FilesPage]:
        yield _no_files()

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        return _no_bytes()

    async def stream(self, artifact: Artifact, limit: int) -> AsyncIterator[bytes]:
        yield _no_bytes()


def _no_files() -> FilesPage:
    raise HubMissing(_NOTHING_THERE)


def _no_bytes() -> bytes:
    raise HubMissing(_NOTHING_THERE)


def _mappings(value: object) -> list[Mapping[str, object]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _places(files: Sequence[Mapping[str, object]], digest: bytes) -> tuple[list[str], bool]:
    """The addresses of the files with this digest that are not said to be gone, and whether there
    are more. Only what a browser could open: no magnet, no torrent."""
    found: dict[str, None] = {}
    at_host: Counter[str] = Counter()
    more = False
    for file in files:
        if from_hex(file.get("sha256"), 32) != digest:
            continue
        for mirror in _mappings(file.get("mirrors")):
            address = mirror.get("url")
            if mirror.get("deletedAt") is not None or not isinstance(address, str):
                continue
            if not address.startswith(("https://", "http://")) or address in found:
                continue
            if len(address) > _LONGEST_ADDRESS:
                continue
            host = address.split("/", 3)[2].lower()
            at_host[host] += 1
            if at_host[host] > _MOST_AT_HOST or len(found) >= _MOST_PLACES:
                more = True
            else:
                found[address] = None
    return list(found), more
