"""A client of the gate, for hubs: ask before an upload is published.

What comes in: digests of files, or a file. What goes out: frozen values. Waits and asks again where
the gate is busy (429, 503), as long as it says itself, a bounded number of times; follows no
redirect, so that the key goes nowhere else; never prints the key.

    with Gate("https://review.example.org", key) as gate:
        answer = gate.check([Digests(sha256=digest)])
        if answer.results[0].advice is Advice.BLOCK: ...
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from reseen.errors import (
    AccessError,
    FileError,
    InputError,
    ReseenError,
    SettingsError,
    StoreError,
    TooLarge,
)
from reseen.records import Advice as Advice
from reseen.settings import check_endpoint

if TYPE_CHECKING:
    import httpx2

MOST_FILES = 10_000
"""Files that one request asks about; `check` makes as many requests as are needed."""
LONGEST_WAIT = 30.0
"""Seconds that are waited before asking again, whatever the gate says."""
_LONGEST_ANSWER = 64 << 20


@dataclass(frozen=True, slots=True)
class Digests:
    """What is known of one file: digests in hex, at least one."""

    sha256: str | None = None
    blake3: str | None = None
    data_sha256: str | None = None
    tensors_blake3: str | None = None
    xet: str | None = None
    git_blob_sha1: str | None = None
    autov1: str | None = None
    autov2: str | None = None
    autov3: str | None = None
    crc32: str | None = None
    pointer: str | None = None
    """Git's oid of the file's LFS pointer."""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class GateMatch:
    """A removal, and why the file is taken for it."""

    removal: str
    """Its opaque id."""
    list: str
    rung: str
    """bytes, tensors, declared, pointer, weights, component or hint."""
    kind: str
    score: float | None
    advice: Advice
    why: str


@dataclass(frozen=True, slots=True)
class GateResult:
    """One file's answer."""

    advice: Advice
    """The strongest over all matches, and of a file that only its digests could judge over what
    the gate's policy rules of such, too."""
    matches: tuple[GateMatch, ...]


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """Results in the order of the files, and what they were made from."""

    version: int
    """The registry's version."""
    live: bool
    """False: the gate's store is away, and it answered from its last state."""
    as_of: datetime | None
    age: float
    """Seconds since the gate last heard of its store."""
    results: tuple[GateResult, ...]
    file: dict[str, Any] = field(default_factory=dict)
    """Of an upload: what was computed of it."""


class Gate:
    """The gate of a Reseen service. `with Gate(url, key) as gate:` or `close()` it. May be used by
    several threads."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float = 30.0,
        attempts: int = 5,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        """`timeout`: seconds to wait for the gate each time; `attempts`: how often a request is
        made in all. Raises SettingsError for a URL or a key that makes no sense."""
        check_endpoint(url, "the gate's URL", such_as="https://review.example.org")
        if not key.startswith("rsk_") or not key.isascii() or not key.isprintable():
            raise SettingsError(
                "not a gate API key", remedy="Make one there with: reseen key add NAME"
            )
        import httpx2

        self._attempts = max(1, attempts)
        self._http = httpx2.Client(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {key}", "Accept": "application/json"},
            timeout=timeout,
            follow_redirects=False,
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"Gate({str(self._http.base_url)!r})"

    def check(self, files: Sequence[Digests] | Digests) -> GateAnswer:
        """Ask about files by their digests. Raises InputError, AccessError, StoreError."""
        some = [files] if isinstance(files, Digests) else list(files)
        if not some:
            raise InputError("there is nothing to check", remedy="Give the digests of a file.")
        answers: list[GateAnswer] = []
        for at in range(0, len(some), MOST_FILES):
            asked = [
                {name: value for name, value in asdict(one).items() if value is not None}
                for one in some[at : at + MOST_FILES]
            ]
            answers.append(self._ask("/v1/check", {"json": {"files": asked}}))
        last = min(answers, key=lambda a: (a.live, a.version))
        results = tuple(result for answer in answers for result in answer.results)
        return GateAnswer(last.version, last.live, last.as_of, last.age, results)

    def check_file(self, file: Path | str | IO[bytes]) -> GateAnswer:
        """Send a file, or an open one from where it stands, and ask about it. A stream that cannot
        be sent twice is sent once. Raises FileError, InputError, AccessError, StoreError."""
        if isinstance(file, str | Path):
            try:
                with Path(file).open("rb") as opened:
                    return self._send(opened)
            except OSError as e:
                raise FileError(f"cannot read the file: {e.strerror}") from None
        return self._send(file)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Gate:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- parts -----------------------------------------------------------------------------------

    def _send(self, file: IO[bytes]) -> GateAnswer:
        try:
            begin = file.tell()
            size = file.seek(0, os.SEEK_END) - begin
            file.seek(begin)
        except OSError:
            raise FileError(
                "the length of a stream must be known before it is sent",
                remedy="Write it to a file first, or send its digests.",
            ) from None
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}

        def body() -> Iterator[bytes]:
            file.seek(begin)
            while chunk := file.read(1 << 20):
                yield chunk

        return self._ask("/v1/check/file", {"headers": headers}, body)

    def _ask(self, path: str, request: dict[str, Any], body: Any = None) -> GateAnswer:
        import httpx2
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

        trying = Retrying(
            stop=stop_after_attempt(self._attempts),
            retry=retry_if_exception_type((_Busy, httpx2.TransportError)),
            wait=_wait,
            sleep=_sleep,
            reraise=True,
        )
        try:
            for attempt in trying:
                with attempt:
                    more = {} if body is None else {"content": body()}
                    return self._once(path, {**request, **more})
        except _Busy as e:
            raise StoreError(
                f"the gate is busy: {e}", remedy="Ask again later, or for a key with a higher rate."
            ) from None
        except httpx2.HTTPError as e:
            raise StoreError(
                f"the gate does not answer: {type(e).__name__}", remedy="Check its URL."
            ) from None
        raise AssertionError("unreachable")

    def _once(self, path: str, request: dict[str, Any]) -> GateAnswer:
        with self._http.stream("POST", path, **request) as answer:
            content = bytearray()
            for chunk in answer.iter_bytes():
                content += chunk
                if len(content) > _LONGEST_ANSWER:
                    raise StoreError("the gate's answer exceeds 64 MiB")
            status, headers = answer.status_code, answer.headers
        value = _json(bytes(content))
        if status == 200:
            return _answer(value)
        detail = value.get("detail") if isinstance(value, dict) else None
        said = detail[:300] if isinstance(detail, str) else f"HTTP status {status}"
        if status in (429, 503):
            raise _Busy(said, headers.get("retry-after"))
        raise _refusal(status, said)


_sleep = time.sleep


class _Busy(Exception):
    """To be asked again."""

    def __init__(self, said: str, after: str | None) -> None:
        super().__init__(said)
        self.wait = _seconds(after)


def _seconds(after: str | None) -> float | None:
    if after is None or not (after.isascii() and after.isdigit()):
        return None
    return min(float(after), LONGEST_WAIT)


def _wait(state: Any) -> float:
    """As long as the gate says; else a little longer each time."""
    error = state.outcome.exception()
    if isinstance(error, _Busy) and error.wait is not None:
        return error.wait
    return float(min(0.2 * 2**state.attempt_number, LONGEST_WAIT))


def _refusal(status: int, said: str) -> ReseenError:
    if status in (401, 403):
        return AccessError(f"the gate refuses this key: {said}", remedy="Check the key.")
    if status == 413:
        return TooLarge(f"too large for the gate: {said}")
    if status >= 500:
        return StoreError(f"the gate cannot answer: {said}", remedy="See the service's log.")
    if status >= 400:
        return InputError(f"the gate refuses this: {said}")
    return StoreError(
        "the gate redirected, refusing to send the API key there",
        remedy="Give the URL of the service itself, with https.",
    )


def _json(content: bytes) -> Any:
    import json

    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _answer(value: Any) -> GateAnswer:
    """Raises StoreError for an answer of another shape."""
    try:
        as_of = value["as_of"]
        return GateAnswer(
            version=int(value["version"]),
            live=value["state"] == "live",
            as_of=None if as_of is None else datetime.fromisoformat(as_of),
            age=float(value["age"]),
            results=tuple(_results(value["results"])),
            file=dict(value.get("file") or {}),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise StoreError(
            "the gate's answer has an unknown format", remedy="Check the URL, or update Reseen."
        ) from None


def _results(values: Iterable[Any]) -> Iterator[GateResult]:
    for one in values:
        matches = tuple(
            GateMatch(
                removal=str(m["removal"]),
                list=str(m["list"]),
                rung=str(m["rung"]),
                kind=str(m["kind"]),
                score=None if m["score"] is None else float(m["score"]),
                advice=Advice(m["advice"]),
                why=str(m["why"]),
            )
            for m in one["matches"]
        )
        yield GateResult(Advice(one["advice"]), matches)
