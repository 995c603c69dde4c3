"""Civitai's site API (v1), as far as it is asked: look-ups by hash, the list of models, downloads.

Written from the site's own source (Apache-2.0, August 2026). No answer of the real site is
recorded: what is not in that source is marked "assumed". Everything in it is synthetic.

    site = CivitaiSite(); site.put(4711, "sample-account", {12: {"a.safetensors": data}})
    with Replica(World(), site=site) as hub: ...
"""

from __future__ import annotations

import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from replica.http import Answer, Request, file_answer, json_answer, route_in
from replica.world import Blob, claimed, lfs

FIRST = datetime(2025, 5, 20, tzinfo=UTC)
MOST_MODELS, MOST_FULL, MOST_IDS = 100, 100, 10_000
_ROUTES = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("by-hash-ids", r"/api/v1/model-versions/by-hash/ids"),
        ("by-hash-full", r"/api/v1/model-versions/by-hash"),
        ("by-hash", r"/api/v1/model-versions/by-hash/(?P<hash>[0-9A-Za-z]+)"),
        ("models", r"/api/v1/models"),
        ("model", r"/api/v1/models/(?P<id>[0-9]+)"),
        ("download", r"/api/download/models/(?P<version>[0-9]+)"),
        ("page", r"/(?:models|user)/.+"),
    )
)
_STORED = re.compile(r"/stored/(?P<file>[0-9]+)")


@dataclass(slots=True)
class File:
    """One file of a version."""

    id: int
    name: str
    blob: Blob
    sha256: str | None
    """As the site states it, in upper case; None: not scanned yet."""


@dataclass(slots=True)
class Model:
    """One model with its versions, each a list of files."""

    id: int
    account: str | None
    """None: the account is gone."""
    versions: dict[int, list[File]]
    published: datetime
    nsfw: bool = True
    unlisted: bool = False
    """By its number alone, not in the list."""
    archived: bool = False
    """Its files are hidden, with their hashes."""
    gone: bool = False
    """Unpublished, or deleted: 404 everywhere."""


@dataclass(slots=True)
class CivitaiSite:
    """A `server.Site`. Change it at any time."""

    models: dict[int, Model] = field(default_factory=dict)
    spoil: Callable[[str, Any], Any] = lambda route, value: value
    """What becomes of the JSON of an answer: lies, changed fields."""
    endless: bool = False
    """Every page has a cursor, and after the last come the same models again."""
    round: bool = False
    """Every page's cursor leads to the page itself."""
    _files: int = 0

    def put(
        self,
        id: int,
        account: str | None,
        versions: Mapping[int, Mapping[str, bytes | tuple[str, int]]],
        **more: Any,
    ) -> Model:
        """A model: version -> name -> bytes, or SHA-256 and size of a file that nobody made."""
        made: dict[int, list[File]] = {}
        for version, files in versions.items():
            made[version] = []
            for name, data in files.items():
                self._files += 1
                blob = lfs(data) if isinstance(data, bytes) else claimed(*data)
                number = 100_000 + self._files
                made[version].append(File(number, name, blob, blob.sha256.upper()))
        published = FIRST + timedelta(minutes=len(self.models))
        self.models[id] = Model(id, account, made, published, **more)
        return self.models[id]

    # -- as a site ---------------------------------------------------------------------------------

    def route_of(self, request: Request) -> tuple[str, Mapping[str, str]]:
        return route_in(_ROUTES, request)

    def answer(
        self, request: Request, route: str, parts: Mapping[str, str], endpoint: str, cdn: str
    ) -> Answer:
        match route, request.method:
            case "by-hash-ids", "POST":
                return self._by_hash(request, MOST_IDS)
            case "models", "GET":
                return self._list(request, endpoint)
            case "model", "GET":
                model = self.models.get(int(parts["id"]))
                if model is None or model.gone:
                    return _error(404, f"No model with id {parts['id']}")
                return json_answer(self.spoil(route, self._model(model, endpoint)))
            case "download", "GET":
                return self._download(request, parts["version"], cdn)
            case "page", _:
                return Answer(200, {"Content-Type": "text/html"}, b"<html>a page</html>")
            case _:
                return _error(404, "Not found")

    def storage(self, request: Request) -> Answer:
        """Short-lived signed addresses; Range is taken."""
        found = _STORED.fullmatch(request.path)
        file = self._file(int(found["file"])) if found else None
        if file is None or request.one("signature") is None:
            return Answer(403, {"Content-Type": "application/xml"}, b"<Error/>")
        kind = {"Content-Type": "application/octet-stream"}
        return file_answer(request, file.blob, kind)

    # -- the routes --------------------------------------------------------------------------------

    def _by_hash(self, request: Request, most: int) -> Answer:
        """SHA-256 only; published models only. Assumed: one entry for each version that has a
        file with the hash, the oldest first, and nothing for what is not there."""
        try:
            hashes = json.loads(request.body)
        except ValueError:
            return _error(400, "Invalid JSON")
        plain = isinstance(hashes, list) and all(isinstance(h, str) for h in hashes)
        if not plain or not hashes or len(hashes) > most:
            return _error(400, "Invalid input")
        if not all(re.fullmatch(r"[0-9A-Fa-f]{64}", h) for h in hashes):
            return _error(400, "Invalid hash")
        wanted = {h.upper() for h in hashes}
        found = [
            {"modelVersionId": version, "modelId": model.id, "hash": file.sha256}
            for model in sorted(self.models.values(), key=lambda each: each.published)
            if not (model.gone or model.archived)
            for version, files in model.versions.items()
            for file in files
            if file.sha256 in wanted
        ]
        return json_answer(self.spoil("by-hash-ids", found))

    def _list(self, request: Request, endpoint: str) -> Answer:
        """Newest first. A cursor is opaque; `page` ends at 1,000 models, where 429 says so."""
        limit = int(request.one("limit") or MOST_MODELS)
        if not 0 <= limit <= MOST_MODELS:
            return _error(400, "limit is at most 100")
        if request.one("page") is not None and int(request.one("page") or 1) * limit > 1000:
            return _error(429, "You've requested too many pages, please use cursors instead")
        ids = {int(id) for id in (request.one("ids") or "").split(",") if id}
        account = request.one("username")
        listed = [
            model
            for model in sorted(self.models.values(), key=lambda m: m.published, reverse=True)
            if not (model.gone or model.unlisted)
            and (not ids or model.id in ids)
            and (account is None or (model.account or "").lower() == account.lower())
            and (request.flag("nsfw") or not model.nsfw)
        ]
        cursor = request.one("cursor")
        start = int(cursor.partition("|")[2]) if cursor else 0
        if self.endless and listed:
            some, more = (listed * 2)[start % len(listed) :][:limit], True
        else:
            some, more = listed[start : start + limit], start + limit < len(listed)
        following = cursor if self.round and cursor else f"made|{start + limit}"
        metadata: dict[str, Any] = {"pageSize": limit, "currentPage": 1}
        if more or self.round:
            metadata |= {"nextCursor": following, "nextPage": f"{endpoint}/api/v1/models?cursor=x"}
        items = [self._model(model, endpoint) for model in some]
        return json_answer(self.spoil("models", {"items": items, "metadata": metadata}))

    def _model(self, model: Model, endpoint: str) -> dict[str, Any]:
        return {
            "id": model.id,
            "name": "LORA",
            "description": None,
            "type": "LORA",
            "nsfw": model.nsfw,
            "poi": False,
            "mode": "Archived" if model.archived else None,
            "creator": {"username": model.account, "image": None},
            "stats": {"downloadCount": 7, "thumbsUpCount": 1},
            "tags": ["character"],
            "modelVersions": [
                {
                    "id": version,
                    "name": "v1.0",
                    "baseModel": "SDXL 1.0",
                    "availability": "Public",
                    "createdAt": _instant(model.published),
                    "publishedAt": _instant(model.published),
                    "files": []
                    if model.archived
                    else [_shown(f, version, endpoint) for f in files],
                    "images": [],
                }
                for version, files in model.versions.items()
            ],
        }

    def _download(self, request: Request, version: str, cdn: str) -> Answer:
        number = request.one("fileId")
        file = self._file(int(number)) if number else None
        if file is None:
            return _error(404, "No file found")
        place = f"{cdn}/stored/{file.id}?signature=sample"
        return Answer(302, {"Location": place, "Cache-Control": "no-store"}, download=True)

    def _file(self, number: int) -> File | None:
        shown = (model for model in self.models.values() if not model.gone)
        every = (file for m in shown for files in m.versions.values() for file in files)
        return next((file for file in every if file.id == number), None)


def _shown(file: File, version: int, endpoint: str) -> dict[str, Any]:
    hashes: dict[str, str] = {}
    if file.sha256 is not None:
        hashes = {"AutoV2": file.sha256[:10], "SHA256": file.sha256}
        if file.blob.data is not None:
            hashes["CRC32"] = f"{binascii.crc32(file.blob.data):08X}"
            hashes["AutoV3"] = hashlib.sha256(file.blob.data[8:]).hexdigest()[:12].upper()
    return {
        "id": file.id,
        "name": file.name,
        "type": "Model",
        "sizeKB": file.blob.size / 1024,
        "metadata": {"format": "SafeTensor"},
        "pickleScanResult": "Success",
        "virusScanResult": "Success",
        "scannedAt": _instant(FIRST),
        "hashes": hashes,
        "primary": True,
        "downloadUrl": f"{endpoint}/api/download/models/{version}?fileId={file.id}",
    }


def _instant(then: datetime) -> str:
    return then.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _error(status: int, message: str) -> Answer:
    body = json.dumps({"error": message}).encode()
    return Answer(status, {"Content-Type": "application/json; charset=utf-8"}, body)
