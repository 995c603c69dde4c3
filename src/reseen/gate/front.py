"""The short way: checks of digests are read, answered and counted without any other layer.

An ASGI layer around everything else. FastAPI's own way through a request costs several times what
the look-up does; the route is documented there all the same (`routes`), and both answer by
`answer_check`.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from concurrent.futures import ThreadPoolExecutor

from starlette.types import ASGIApp, Receive, Scope, Send

from reseen.gate import api_key_auth, questions
from reseen.gate.answers import Result
from reseen.gate.api_key_auth import Buckets, Turned
from reseen.gate.gate import GateProcess, Judge
from reseen.gate.keys import Key, KeyScope
from reseen.gate.questions import Gone, Refused
from reseen.gate.upload import fingerprint_of

PATH = "/v1/check"
_TURN = 0.001
"""Seconds that a long body is worked on before others get their turn."""
_WAITING = 8
"""Long bodies in work or waiting, in one worker; more are asked to come again."""
UPLOADS = 4
"""Files that come in at a time, in one worker."""
SLOWEST = 15.0
"""Seconds that a body may take to come."""

_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
_JSON = (b"content-type", b"application/json")
_PROBLEM = (b"content-type", b"application/problem+json")
TITLES = {
    400: "This cannot be used",
    401: "A key is needed",
    403: "Not allowed",
    408: "Too slow",
    411: "How long is it?",
    413: "Too large",
    415: "Not in this form",
    422: "This cannot be used",
    429: "Too many requests",
    503: "Not now",
}


class Admission:
    """What answering needs beside the gate, one a worker: threads, and who asks how often."""

    def __init__(self, gate: GateProcess) -> None:
        self.gate = gate
        self.buckets = Buckets()
        self.pool = ThreadPoolExecutor(1, "gate")
        self.uploads = 0
        self._long = 0
        self._one = asyncio.Lock()

    def admit(self, scope: Scope, wanted: KeyScope) -> Key:
        """The key of a request that may go on. Raises Turned."""
        if not self.gate.loaded:
            raise Turned(503, "the gate is still loading the registry", 1.0)
        key = api_key_auth.key_of(scope["headers"], self.gate.known.keys)
        api_key_auth.must_have(key, wanted)
        wait = self.buckets.take(key)
        if wait:
            self.gate.use.count(key.id, {"refused": 1})
            raise Turned(429, "this key asks more often than its rate allows", wait)
        return key

    async def in_turns(self, judge: Judge, body: bytes) -> list[Result]:
        """Answer a long body in short turns, between which the others are answered; one such body
        at a time. Raises Turned when too many wait already, and Refused."""
        if self._long >= _WAITING:
            raise Turned(503, "too many long checks are in work", 1.0)
        self._long += 1
        try:
            async with self._one:
                return await _in_turns(judge, body)
        finally:
            self._long -= 1


async def _in_turns(judge: Judge, body: bytes) -> list[Result]:
    results: list[Result] = []
    until = 0.0
    for said in questions.each(body):
        if time.perf_counter() > until:
            await asyncio.sleep(0)
            until = time.perf_counter() + _TURN
        results.append(judge.result(said))
    return results


class Front:
    """Outermost layer of the application: `app.add_middleware(Front, admission=...)`, last."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self.app = app
        self.admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            await answer_check(self.admission, scope, receive, send)
        else:
            await self.app(scope, receive, send)


async def answer_file(admission: Admission, scope: Scope, receive: Receive, send: Send) -> None:
    """POST /v1/check/file, from its head to its answer."""
    try:
        key = admission.admit(scope, KeyScope.FILE)
        if admission.uploads >= UPLOADS:
            raise Turned(503, "too many files are coming in already", 2.0)
        admission.uploads += 1
        try:
            fingerprint = await fingerprint_of(
                scope, receive, admission.gate.uploads, admission.gate.live.index
            )
        finally:
            admission.uploads -= 1
        gate = admission.gate
        work = asyncio.get_running_loop().run_in_executor(
            admission.pool, gate.check_file, fingerprint
        )
        answer, results = await work
        gate.count(key, results)
    except Turned as e:
        await send_problem(send, e.status, str(e), e.wait, close=True)
        return
    except Refused as e:
        await send_problem(send, e.status, str(e), close=True)
        return
    except Gone:
        return
    await send_answer(send, answer)


async def answer_check(admission: Admission, scope: Scope, receive: Receive, send: Send) -> None:
    """POST /v1/check, from its head to its answer."""
    try:
        key = admission.admit(scope, KeyScope.CHECK)
        _must_be_json(scope)
        body = await read_body(receive, questions.MOST_BYTES)
        judge = admission.gate.judge(key)
        if len(body) <= questions.SHORT:
            results = [judge.result(said) for said in questions.read(body)]
        else:
            results = await admission.in_turns(judge, body)
        answer = judge.answer(results)
        admission.gate.count(key, results)
    except Turned as e:
        await send_problem(send, e.status, str(e), e.wait)
        return
    except Refused as e:
        await send_problem(send, e.status, str(e))
        return
    except Gone:
        return
    await send_answer(send, answer)


async def read_body(receive: Receive, most: int) -> bytes:
    """A bounded body. Raises Refused, or Gone."""
    message = await receive()
    if message["type"] != "http.request":
        raise Gone
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > most:
            raise _too_long(most)
        return body
    parts = [body]
    length = len(body)
    try:
        async with asyncio.timeout(SLOWEST):
            while message.get("more_body", False):
                if length > most:
                    raise _too_long(most)
                message = await receive()
                if message["type"] != "http.request":
                    raise Gone
                parts.append(message.get("body", b""))
                length += len(parts[-1])
    except TimeoutError:
        raise Refused(408, "the body came too slowly") from None
    if length > most:
        raise _too_long(most)
    return b"".join(parts)


def _too_long(most: int) -> Refused:
    return Refused(413, f"the body is longer than {most >> 20} MiB")


def _must_be_json(scope: Scope) -> None:
    kind = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            kind = kind or value
        elif name.startswith(b"content-"):
            questions.must_be_plain(name, value)
    if (
        kind != b"application/json"
        and kind.split(b";", 1)[0].strip().lower() != b"application/json"
    ):
        raise Refused(415, "digests are sent as application/json")


async def send_answer(send: Send, body: bytes) -> None:
    """A JSON answer."""
    length = (b"content-length", b"%d" % len(body))
    await send(
        {"type": "http.response.start", "status": 200, "headers": [_JSON, length, *_HEADERS]}
    )
    await send({"type": "http.response.body", "body": body})


async def send_problem(
    send: Send, status: int, detail: str, wait: float | None = None, *, close: bool = False
) -> None:
    """A JSON problem (RFC 9457). `close`: what is left of the body is not read."""
    value = {"type": "about:blank", "title": TITLES[status], "status": status, "detail": detail}
    body = json.dumps(value).encode("ascii")
    headers = [_PROBLEM, (b"content-length", b"%d" % len(body)), *_HEADERS]
    if wait is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(wait))))
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if close or status in (408, 413):
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
