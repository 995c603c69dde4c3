"""Bytes of LFS files: a forge says by its batch route where each is, and what to say there.

What comes in: a file of a repository. What goes out: its bytes. What a person gave goes to the
forge alone; what the forge says to say at a storage goes to that storage alone. From git-lfs's own
documentation (its batch API).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace

import httpx2

from reseen.errors import HubAuth, HubGarbage, HubMissing
from reseen.files.source import Range
from reseen.hubs.client_options import ClientOptions
from reseen.hubs.http import NO_HEADERS, Http
from reseen.hubs.http_requests import AUTHORIZATION
from reseen.hubs.hub import Usage
from reseen.hubs.redirects import origin, redirected
from reseen.records import Artifact

MOST_STORES = 8
"""Hosts of files that one forge names."""
LONGEST = 16 << 10
"""Characters of what is to be said at a storage."""
_LFS = "application/vnd.git-lfs+json"


class LfsStore:
    """Where one forge's LFS files are."""

    def __init__(
        self,
        endpoint: str,
        http: Http,
        own: Mapping[str, str],
        usage: Usage,
        options: ClientOptions,
    ) -> None:
        """`http`: the forge itself, which is asked with the headers `own`."""
        self._endpoint, self._http, self._own = httpx2.URL(endpoint), http, own
        self._usage, self._options = usage, replace(options, quota=None, shared=None)
        self._stores: dict[str, Http] = {}

    async def read(self, repo: str, artifact: Artifact, wanted: Range) -> bytes:
        """Bytes of a file: at most `wanted.length`, fewer where it ends. `repo`: its path."""
        http, path, headers = await self._place(repo, artifact)
        return await http.range(path, wanted, headers)

    async def stream(self, repo: str, artifact: Artifact, limit: int) -> AsyncIterator[bytes]:
        http, path, headers = await self._place(repo, artifact)
        async with aclosing(http.whole(path, artifact.size, limit, headers)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _place(self, repo: str, artifact: Artifact) -> tuple[Http, str, Mapping[str, str]]:
        """Whom to ask for a file, for which path, and what to say."""
        if artifact.sha256 is None or artifact.size is None:
            raise HubMissing("of this hub LFS files alone are read")
        oid = artifact.sha256.hex()
        question = {
            "operation": "download",
            "transfers": ["basic"],
            "objects": [{"oid": oid, "size": artifact.size}],
        }
        answer = await self._http.json(
            f"/{repo}/info/lfs/objects/batch",
            body=json.dumps(question).encode(),
            headers={"Accept": _LFS, "Content-Type": _LFS, **self._own},
        )
        told = _of(answer.value, oid)
        href, said = told.get("href"), told.get("header")
        if not isinstance(href, str):
            raise HubGarbage("the forge does not say where an LFS file is")
        url = redirected(self._endpoint, href)
        path = url.raw_path.decode("ascii")
        headers = _to_be_said(said.get(AUTHORIZATION) if isinstance(said, dict) else None)
        if origin(url) == origin(self._endpoint):
            base = self._endpoint.path.rstrip("/")
            return self._http, path.removeprefix(base), headers or self._own
        return self._at(f"{url.scheme}://{url.netloc.decode('ascii')}"), path, headers

    def _at(self, place: str) -> Http:
        if place not in self._stores:
            if len(self._stores) >= MOST_STORES:
                raise HubGarbage("the forge names ever other hosts for its files")
            self._stores[place] = Http(place, None, self._usage, self._options)
        return self._stores[place]

    async def close(self) -> None:
        for http in self._stores.values():
            await http.close()


def _of(value: object, oid: str) -> Mapping[str, object]:
    """What a batch says of the one file that was asked for. Raises HubError where it is not to be
    had."""
    objects = value.get("objects") if isinstance(value, dict) else None
    first = objects[0] if isinstance(objects, list) and objects else None
    if not isinstance(first, dict) or first.get("oid") != oid:
        raise HubGarbage("the forge's answer of LFS files is not of what was asked for")
    error, actions = first.get("error"), first.get("actions")
    if isinstance(error, dict):
        if error.get("code") in (401, 403):
            raise HubAuth("the forge hands out no bytes of this LFS file")
        raise HubMissing("the forge names an LFS file, and does not have its bytes")
    download = actions.get("download") if isinstance(actions, dict) else None
    return download if isinstance(download, dict) else {}


def _to_be_said(given: object) -> Mapping[str, str]:
    """What the forge says to say at a storage, where that is one line of text."""
    if not isinstance(given, str) or len(given) > LONGEST:
        return NO_HEADERS
    return {AUTHORIZATION: given} if given.isascii() and given.isprintable() else NO_HEADERS
