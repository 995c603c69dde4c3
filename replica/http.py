"""Requests and answers as values: all of HTTP/1.1 that the replica needs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, unquote

from replica.world import Blob

PIECE = 1 << 16
"""Bytes of a body that are written at once."""

Routes = tuple[tuple[str, re.Pattern[str]], ...]
"""Names of routes, each with the paths that it takes."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    """Still quoted, without the query."""
    query: Mapping[str, list[str]]
    target: str
    """Path and query as they came."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""

    def one(self, name: str) -> str | None:
        values = self.query.get(name)
        return values[-1] if values else None

    def flag(self, name: str) -> bool:
        return (self.one(name) or "").lower() in ("1", "true")

    def many(self, name: str) -> list[str]:
        """Both spellings of a list: name=a&name=b and name[]=a&name[]=b."""
        return [*self.query.get(name, []), *self.query.get(f"{name}[]", [])]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    blob: Blob | None = None
    """A file's content instead of `body`: `length` bytes from `start`."""
    start: int = 0
    length: int = 0
    download: bool = False
    """Whether the Hub would count it as a download of the model."""

    @property
    def size(self) -> int:
        return len(self.body) if self.blob is None else self.length

    def pieces(self, piece: int = PIECE) -> Iterator[bytes]:
        if self.blob is None:
            for start in range(0, len(self.body), piece):
                yield self.body[start : start + piece]
        else:
            end = self.start + self.length
            for start in range(self.start, end, piece):
                yield self.blob.read(start, min(piece, end - start))

    def with_headers(self, headers: Mapping[str, str]) -> Answer:
        return replace(self, headers={**self.headers, **headers})


def parse_head(head: bytes) -> Request:
    """The request line and headers. Raises ValueError if they make no sense."""
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
    path, _, query = target.partition("?")
    return Request(method, path, parse_qs(query, keep_blank_values=True), target, headers)


def route_in(routes: Routes, request: Request) -> tuple[str, dict[str, str]]:
    """The first route that takes a request's path, with what the path says, unquoted; "other" where
    none does."""
    for name, pattern in routes:
        if found := pattern.fullmatch(request.path):
            return name, {k: unquote(v) for k, v in found.groupdict().items() if v is not None}
    return "other", {}


def json_answer(value: object, headers: Mapping[str, str] | None = None) -> Answer:
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    return Answer(200, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}, body)


def error(status: int, message: str, code: str | None = None, *, text: bool = False) -> Answer:
    """As the Hub tells of errors: in headers, and for people in JSON, or in `text` where a file was
    asked for."""
    kind = "text/plain" if text else "application/json"
    headers = {"Content-Type": f"{kind}; charset=utf-8", "X-Error-Message": message}
    if code:
        headers["X-Error-Code"] = code
    body = message if text else json.dumps({"error": message})
    return Answer(status, headers, body.encode())


def unknown_caller() -> Answer:
    """What a stranger is told of all that is missing or private: nothing, and no code."""
    realm = 'Bearer realm="Authentication required", charset="UTF-8"'
    return error(401, "Invalid username or password.").with_headers({"Www-Authenticate": realm})


def file_answer(request: Request, blob: Blob, headers: Mapping[str, str]) -> Answer:
    """A file, or the range of it that is asked for: 200, 206 or 416."""
    headers = {"Accept-Ranges": "bytes", **headers}
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
    if wanted is None or wanted.group(0) == "bytes=-":
        return Answer(200, headers, blob=blob, length=blob.size)
    first, last = wanted.groups()
    if first:
        start = int(first)
        end = min(int(last) + 1 if last else blob.size, blob.size)
    else:
        start, end = max(0, blob.size - int(last)), blob.size
    if start >= end:
        return Answer(416, {**headers, "Content-Range": f"bytes */{blob.size}"})
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{blob.size}"
    return Answer(206, headers, blob=blob, start=start, length=end - start)
