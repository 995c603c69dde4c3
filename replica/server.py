"""The replica itself: two small HTTP servers on loopback (the Hub, and its "CDN") in a thread."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from http import HTTPStatus
from itertools import repeat
from types import TracebackType
from typing import Protocol
from urllib.parse import urlencode

from replica import routes
from replica.faults import Fault, Faults, Kind
from replica.http import PIECE, Answer, Request, parse_head
from replica.journal import Entry, Journal
from replica.quota import Quota
from replica.quota import headers as quota_headers
from replica.world import World

HEAD_LIMIT = 1 << 16
BODY_LIMIT = 1 << 22
START_LIMIT = 30.0
"""Seconds after which a thread that has not begun to listen counts as broken."""

Answering = Callable[[World, Request, str, Mapping[str, str], str, str], Answer]


class Site(Protocol):
    """Another kind of hub, behind the same two servers: no quota is told of it."""

    def route_of(self, request: Request) -> tuple[str, Mapping[str, str]]:
        """As `routes.route_of`."""

    def answer(
        self, request: Request, route: str, parts: Mapping[str, str], endpoint: str, cdn: str
    ) -> Answer: ...

    def storage(self, request: Request) -> Answer:
        """What the host of its files answers."""


_LISTS = ("list", "tree", "commits")
"""Routes whose answers have pages."""


class Replica:
    """Serves a world from entering to leaving the context.

    `endpoint` is the Hub ("http://127.0.0.1:PORT"); `cdn` is where large files redirect to, under
    another host name ("http://localhost:PORT"). Change `world`, `faults` and `quota` at any time.
    """

    def __init__(
        self,
        world: World,
        *,
        quota: Quota | None = None,
        latency: float = 0.0,
        port: int = 0,
        answer: Answering = routes.answer,
        site: Site | None = None,
    ) -> None:
        """`latency`: seconds before every answer. `port`: 0 takes a free one. `answer`: whose
        answers: the Hub's, or `kohaku.answer`. `site`: another kind of hub, in their place."""
        self._answering = answer
        self._site = site
        self.world = world
        self.quota = quota or Quota()
        self.faults = Faults(latency=latency)
        self.journal = Journal()
        self._ports = {"hub": port, "cdn": 0}
        self._servers: dict[str, asyncio.Server] = {}
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._hosts: dict[asyncio.Task[None], str] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="replica", daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._ports['hub']}"

    @property
    def cdn(self) -> str:
        return f"http://localhost:{self._ports['cdn']}"

    def __enter__(self) -> Replica:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(START_LIMIT)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result(START_LIMIT)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_LIMIT)
        self._loop.close()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody answers; afterwards the same ports answer again."""
        asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result(START_LIMIT)
        try:
            yield
        finally:
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(START_LIMIT)

    @contextmanager
    def storage_away(self) -> Iterator[None]:
        """The hub answers, and the host of its large files does not; afterwards it does again."""
        asyncio.run_coroutine_threadsafe(self._close("cdn"), self._loop).result(START_LIMIT)
        try:
            yield
        finally:
            asyncio.run_coroutine_threadsafe(self._open("cdn"), self._loop).result(START_LIMIT)

    # -- in the thread ---------------------------------------------------------------------------

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _listen(self) -> None:
        for host in ("hub", "cdn"):
            await self._open(host)

    async def _open(self, host: str) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Small buffers: what is counted as sent is then nearly what the client took.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        # Head and body are written apart: without this the body waits 40 ms for the head's ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(("127.0.0.1", self._ports[host]))
        self._ports[host] = listener.getsockname()[1]
        self._servers[host] = await asyncio.start_server(
            self._hub_connection if host == "hub" else self._cdn_connection,
            sock=listener,
            limit=HEAD_LIMIT,
            backlog=512,
        )

    async def _close(self, host: str) -> None:
        self._servers.pop(host).close()
        gone = [task for task, at in self._hosts.items() if at == host]
        for task in gone:
            self._connections[task].transport.abort()
            task.cancel()
        await asyncio.gather(*gone, return_exceptions=True)

    async def _leave(self) -> None:
        for host in list(self._servers):
            await self._close(host)

    async def _hub_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await self._connection("hub", reader, writer)

    async def _cdn_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await self._connection("cdn", reader, writer)

    async def _connection(
        self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        self._hosts[task] = host
        try:
            while await self._exchange(host, reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client went away, or sends what no client of ours would
        except asyncio.CancelledError:
            pass  # the replica is leaving
        finally:
            del self._connections[task], self._hosts[task]
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _exchange(
        self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """One request and its answer; whether the connection goes on."""
        try:
            request = parse_head((await reader.readuntil(b"\r\n\r\n"))[:-4])
            length = int(request.headers.get("content-length", "0"))
        except ValueError:
            return False
        if length:
            request = replace(request, body=await reader.readexactly(min(length, BODY_LIMIT)))

        route_of = routes.route_of if self._site is None else self._site.route_of
        route, parts = route_of(request) if host == "hub" else ("cdn", {})
        fault = self.faults.draw(route, request.target)
        if self.faults.latency:
            await asyncio.sleep(self.faults.latency)
        if fault and fault.kind in (Kind.RESET, Kind.HANG):
            if fault.kind is Kind.HANG:
                await asyncio.sleep(fault.seconds)
            self._note(host, route, request, 0, 0, False)
            writer.transport.abort()
            return False

        if fault and fault.kind is Kind.NO_RANGE:
            kept = {k: v for k, v in request.headers.items() if k != "range"}
            answer = self._answer(host, route, parts, replace(request, headers=kept))
        else:
            answer = self._answer(host, route, parts, request)
        answer = self._spoiled(answer, fault, route, request) if fault else answer
        if fault is None:
            # Before it goes out, so that who has the answer finds it in the journal.
            body = 0 if _is_bare(request, answer) else answer.size
            self._note(host, route, request, answer.status, body, answer.download)
        sent, well = await _write(writer, request, answer, fault)
        if fault is not None:
            self._note(host, route, request, answer.status, sent, answer.download)
        return well and request.headers.get("connection", "").lower() != "close"

    def _answer(self, host: str, route: str, parts: Mapping[str, str], request: Request) -> Answer:
        if self._site is not None:
            if host == "cdn":
                return self._site.storage(request)
            return self._site.answer(request, route, parts, self.endpoint, self.cdn)
        if host == "cdn":
            return routes.cdn_answer(self.world, request)
        caller = request.headers.get("authorization", "anonymous")
        allowed, headers = self.quota.take(routes.kind_of(route), caller)
        if not allowed:
            return Answer(
                429,
                {"Content-Type": "application/json", **headers},
                b'{"error":"Too many requests"}',
            )
        answer = self._answering(self.world, request, route, parts, self.endpoint, self.cdn)
        return answer.with_headers(headers)

    def _spoiled(self, answer: Answer, fault: Fault, route: str, request: Request) -> Answer:
        """The answer as the fault makes it; what concerns the writing happens there."""
        json_type = {"Content-Type": "application/json; charset=utf-8"}
        match fault.kind:
            case Kind.BUSY if self._site is not None:
                told = {"Retry-After": str(round(fault.seconds))}
                return Answer(429, {**json_type, **told}, b'{"error":"Too many requests"}')
            case Kind.BUSY:
                kind, wait = routes.kind_of(route), round(fault.seconds)
                told = quota_headers(kind, 0, wait, self.quota.limits[kind], self.quota.window)
                return Answer(429, {**json_type, **told}, b'{"error":"Too many requests"}')
            case Kind.ERROR:
                page = b"<html><body><h1>The server is busy</h1></body></html>"
                return Answer(fault.status, {"Content-Type": "text/html"}, page)
            case Kind.GARBAGE:
                return Answer(200, json_type, b'[{"id": "account-01/LORA", "siblings": [\x00\xff')
            case Kind.WRONG_TYPE:
                wrong = [
                    {"id": 7, "type": "file", "path": None, "oid": [], "size": "many"},
                    1,
                    None,
                ]
                return Answer(200, json_type, json.dumps(wrong).encode())
            case Kind.WRONG_BYTES if answer.size:
                return replace(answer, body=b"\xa5" * answer.size, blob=None)
            case Kind.WRONG_RANGE if answer.status == 206 and answer.blob:
                end = answer.start + answer.length
                said = f"bytes {answer.start + 1}-{end}/{answer.blob.size + 1}"
                return answer.with_headers({"Content-Range": said})
            case Kind.LOOP if route in _LISTS:
                link = f"{self.endpoint}{request.path}?{urlencode(request.query, doseq=True)}"
                return answer.with_headers({"Link": f'<{link}>; rel="next"'})
            case Kind.ELSEWHERE:
                return Answer(307, {"Location": f"{self.cdn}{request.target}"})
            case Kind.INFLATED:
                return Answer(200, {**json_type, "Content-Encoding": "gzip"}, _inflating())
            case _:
                return answer

    def _note(
        self, host: str, route: str, request: Request, status: int, sent: int, download: bool
    ) -> None:
        self.journal.write(
            Entry(
                host,
                route,
                request.method,
                request.target,
                request.headers.get("range"),
                request.headers.get("authorization"),
                status,
                sent,
                download,
                request.body,
                request.headers.get("user-agent", ""),
            )
        )


async def _write(
    writer: asyncio.StreamWriter, request: Request, answer: Answer, fault: Fault | None
) -> tuple[int, bool]:
    """Write an answer. Returns the bytes of its body that went out, and whether all went well."""
    kind = fault.kind if fault else None
    length = max(0, answer.size - 7) if kind is Kind.SHORT_LENGTH else answer.size
    endless = kind is Kind.ENDLESS
    framing = "Transfer-Encoding: chunked" if endless else f"Content-Length: {length}"
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", framing]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
    if _is_bare(request, answer):
        await writer.drain()
        return 0, True

    slow = kind is Kind.SLOW
    most = answer.size // 2 if kind is Kind.TRUNCATED else answer.size
    sent = 0
    try:
        for piece in _endless() if endless else answer.pieces(1024 if slow else PIECE):
            piece = piece if endless else piece[: most - sent]
            if not piece:
                break
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if endless else piece)
            sent += len(piece)
            await writer.drain()
            if slow and fault:
                await asyncio.sleep(fault.seconds)
        await writer.drain()
    except ConnectionError:
        return sent, False
    return sent, kind not in (Kind.TRUNCATED, Kind.SHORT_LENGTH, Kind.ENDLESS)


def _is_bare(request: Request, answer: Answer) -> bool:
    """Has the answer no body?"""
    return request.method == "HEAD" or answer.status in (204, 304)


@cache
def _inflating() -> bytes:
    return gzip.compress(bytes(1 << 26), 6)


def _endless() -> Iterator[bytes]:
    """Not quite: a client that takes a GiB has failed, and should learn of it."""
    return repeat(b" " * PIECE, (1 << 30) // PIECE)
