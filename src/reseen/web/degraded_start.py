"""A start without the store: the gate answers from its last state, the pages come when it is back.

What comes in: settings, with a database server that does not answer. What goes out: an ASGI
application that is the gate alone at first, and the whole service as soon as the store opens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

from fastapi import FastAPI
from sqlalchemy.exc import OperationalError
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from reseen.errors import ReseenError, StoreError
from reseen.gate.gate import GateProcess
from reseen.gate.routes import add_gate
from reseen.operations.logs import log, where
from reseen.web.service import Service

PAUSE = 3.0
"""Seconds between two tries."""

Opened = Callable[[], AbstractContextManager[Service]]
Made = Callable[[Service], FastAPI]


def is_away(error: StoreError) -> bool:
    """Whether the database server did not answer; what else is wrong will not mend itself."""
    return isinstance(error.__context__, OperationalError)


class Late:
    """The application. `opened` opens the service, `made` makes the whole application of it."""

    def __init__(self, gate: GateProcess, opened: Opened, made: Made, pause: float = PAUSE) -> None:
        self._gate, self._opened, self._made, self._pause = gate, opened, made, pause
        self._alone = _gate_alone(gate)
        self._whole: FastAPI | None = None
        self._end = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await (self._whole or self._alone)(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await run_in_threadpool(self._gate.start)
        waiting = asyncio.create_task(self._come())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._end.set()
        await waiting
        await run_in_threadpool(self._gate.close)
        await send({"type": "lifespan.shutdown.complete"})

    async def _come(self) -> None:
        while not self._end.is_set():
            opening = self._opened()
            try:
                service = await run_in_threadpool(opening.__enter__)
            except ReseenError as e:
                log().warning("the store is away", why=str(e))
            except Exception as e:  # noqa: BLE001  whatever it is, the gate goes on
                log().error("the store is away", error=type(e).__name__, where=where(e))
            else:
                whole = self._made(service)
                async with whole.router.lifespan_context(whole):
                    self._whole = whole
                    await self._end.wait()
                    self._whole = None
                await run_in_threadpool(opening.__exit__, None, None, None)
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), self._pause)


def _gate_alone(gate: GateProcess) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json")

    @app.get("/health", include_in_schema=False)
    async def health() -> Response:
        return PlainTextResponse("lives\n")

    @app.get("/ready", include_in_schema=False)
    async def ready() -> Response:
        readiness = gate.ready()
        return PlainTextResponse(f"{readiness.why}\n", 200 if readiness.ready else 503)

    add_gate(app, gate)

    @app.get("/{path:path}", include_in_schema=False)
    async def pages(path: str) -> Response:
        text = "The database is away. The pages come with it; the gate answers meanwhile.\n"
        headers = {"Retry-After": "10", "Cache-Control": "no-store"}
        return PlainTextResponse(text, 503, headers)

    return app
