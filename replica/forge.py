"""A git forge: git's own `http-backend` over repositories in a folder, and LFS's batch route.

What git answers is git's; of the batch route, written from git-lfs's documentation, nothing is
recorded. Everything in it is synthetic.

    site = GitForgeSite(folder); site.put("account-01/LORA", {"refs/heads/main": {"a.bin": data}})
    with Replica(World(), site=site) as hub: ...
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from replica.git import pointer_text
from replica.http import Answer, Request, file_answer, json_answer, route_in
from replica.world import Blob, lfs

_ROUTES = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("batch", r"/(?P<repo>.+)\.git/info/lfs/objects/batch"),
        ("info", r"/(?P<repo>.+)\.git/info/refs"),
        ("pack", r"/(?P<repo>.+)\.git/git-upload-pack"),
        ("own", r"/lfs/(?P<oid>[0-9a-f]{64})"),
    )
)
_BY = b"sample@example.org"
_SAID = "Basic b2YtdGhlLXN0b3JhZ2U6eA=="


@dataclass(slots=True)
class GitForgeSite:
    """A `server.Site`."""

    folder: Path
    stored: dict[str, Blob] = field(default_factory=dict)
    """SHA-256 -> the bytes of an LFS file."""
    elsewhere: bool = False
    """LFS files are at another host, which wants to be told something."""
    access: str | None = None
    """What must be said to be let in."""
    spoil: Callable[[str, Any], Any] = lambda route, value: value
    """What becomes of the JSON of an answer."""

    def put(self, repo: str, refs: Mapping[str, Mapping[str, bytes]], **settings: str) -> None:
        """A repository: ref -> path -> content, as git keeps it (`large` makes a pointer)."""
        at = self.folder / f"{repo}.git"
        if not at.exists():
            self._git(at, "init", "-q", "--bare", "-b", "main", str(at))
            settings = {"uploadpack.allowFilter": "true", **settings}
        for name, value in settings.items():
            self._git(at, "-C", str(at), "config", name, value)
        stream = bytearray()
        for ref, files in refs.items():
            stream += b"commit %s\ncommitter sample <%s> 1747699200 +0000\n" % (ref.encode(), _BY)
            stream += b"data 1\nx\ndeleteall\n"
            for path, data in files.items():
                stream += b"M 100644 inline %s\ndata %d\n" % (path.encode(), len(data))
                stream += data + b"\n"
        self._git(at, "-C", str(at), "fast-import", "--quiet", "--force", given=bytes(stream))

    def large(self, data: bytes) -> bytes:
        """The pointer of an LFS file that the forge has."""
        blob = lfs(data)
        self.stored[blob.sha256] = blob
        return pointer_text(blob.sha256, blob.size)

    def _git(self, at: Path, *words: str, given: bytes = b"") -> None:
        at.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", *words], input=given, check=True, capture_output=True, env=_ENV)

    # -- as a site ---------------------------------------------------------------------------------

    def route_of(self, request: Request) -> tuple[str, Mapping[str, str]]:
        return route_in(_ROUTES, request)

    def answer(
        self, request: Request, route: str, parts: Mapping[str, str], endpoint: str, cdn: str
    ) -> Answer:
        if self.access is not None and request.headers.get("authorization") != self.access:
            return Answer(401, {"WWW-Authenticate": 'Basic realm="sample"'})
        if route == "own":
            return self._bytes(request, parts["oid"])
        if route == "other" or not (self.folder / f"{parts['repo']}.git").exists():
            return Answer(404, {"Content-Type": "text/plain"}, b"not found")
        if route == "batch":
            asked = json.loads(request.body)["objects"]
            told = [self._object(each, endpoint, cdn) for each in asked]
            value = self.spoil(route, {"transfer": "basic", "objects": told})
            return json_answer(value, {"Content-Type": "application/vnd.git-lfs+json"})
        return self._backend(request)

    def storage(self, request: Request) -> Answer:
        if request.headers.get("authorization") != _SAID:
            return Answer(403)
        return self._bytes(request, request.path.removeprefix("/lfs/"))

    def _object(self, asked: Mapping[str, Any], endpoint: str, cdn: str) -> dict[str, Any]:
        oid = asked["oid"]
        if oid not in self.stored:
            return {**asked, "error": {"code": 404, "message": "sample"}}
        place = f"{cdn if self.elsewhere else endpoint}/lfs/{oid}"
        header = {"Authorization": _SAID} if self.elsewhere else {}
        return {**asked, "actions": {"download": {"href": place, "header": header}}}

    def _bytes(self, request: Request, oid: str) -> Answer:
        blob = self.stored.get(oid)
        return Answer(404) if blob is None else file_answer(request, blob, {})

    def _backend(self, request: Request) -> Answer:
        env = {
            **_ENV,
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": request.path,
            "QUERY_STRING": request.target.partition("?")[2],
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(request.body)),
            "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], input=request.body, capture_output=True, env=env, check=False
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        told = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if line)
        status = int(told.pop("Status", "200").split(" ")[0])
        return Answer(status, told, body)


_ENV = {
    "PATH": os.environ.get("PATH", ""),
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}
