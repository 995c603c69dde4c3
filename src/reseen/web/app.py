"""The application: pages, the gate, and what stands around both. Made once in each process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, Depends, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles

from reseen.gate.routes import add_gate
from reseen.operations.logs import log, where
from reseen.operations.page_imports import folder_of
from reseen.store import kept_files
from reseen.web import hooks, problems
from reseen.web.access import csrf
from reseen.web.access.auth_middleware import Door
from reseen.web.limits_middleware import Edge
from reseen.web.metrics import GateFigures
from reseen.web.pages import (
    account,
    asking,
    audit,
    begin,
    campaigns,
    case,
    claims,
    imports,
    innocents,
    join,
    keys,
    letters,
    lists,
    me,
    not_judged,
    notices,
    notifications,
    one_list,
    policy,
    queue,
    queue_acts,
    removals,
    reports,
    scans,
    search,
    second_factor,
    sign_in,
    sign_in_issuer,
    start,
    state,
    user,
    users,
)
from reseen.web.service import Service

PAGES: tuple[APIRouter, ...] = (
    sign_in.router,
    join.router,
    start.router,
    begin.router,
    sign_in_issuer.router,
    second_factor.router,
    queue.router,
    queue_acts.router,
    case.router,
    account.router,
    campaigns.router,
    notices.router,
    letters.router,
    lists.router,
    imports.router,
    claims.router,
    innocents.router,
    removals.router,
    reports.router,
    scans.router,
    asking.router,
    not_judged.router,
    notifications.router,
    search.router,
    audit.router,
    users.router,
    user.router,
    keys.router,
    policy.router,
    me.router,
    state.router,
    one_list.router,
)
"""One router a group of pages."""


def make_app(service: Service) -> FastAPI:
    """The service as an ASGI application. Its parts are reached as `request.app.state.service`."""
    app = FastAPI(
        title="Reseen",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        dependencies=[Depends(csrf.checked)],
        lifespan=_lifespan,
    )
    app.state.service = service
    problems.add_handlers(app)
    app.mount("/static", StaticFiles(packages=[("reseen.web", "static")]), name="static")
    for router in PAGES:
        app.include_router(router, include_in_schema=False)
    app.include_router(hooks.router)
    # The last added is the first that a request meets.
    app.add_middleware(Door, service=service, refused=problems.answer)
    app.add_middleware(Edge, service=service)
    if service.gate is not None:
        add_gate(app, service.gate)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The gate begins and ends with the process that serves."""
    service: Service = app.state.service
    told = [asyncio.create_task(_forget_kept_files(service))]
    if service.gate is not None:
        if not service.gate_runs:
            await run_in_threadpool(service.gate.start)
        told.append(asyncio.create_task(_tell_figures(service)))
    try:
        yield
    finally:
        for each in told:
            each.cancel()
        await asyncio.gather(*told, return_exceptions=True)
        if service.gate is not None and not service.gate_runs:
            await run_in_threadpool(service.gate.close)
        closing = getattr(app.state, "closing", None)
        if closing is not None:
            closing.close()


async def _forget_kept_files(service: Service) -> None:
    """Lists that wait to be imported go in time, also those that an earlier process left."""
    while True:
        try:
            await run_in_threadpool(kept_files.forget, folder_of(service.settings))
        except Exception as e:  # noqa: BLE001  the next look comes
            log().error("kept files", error=type(e).__name__, where=where(e))
        await asyncio.sleep(60.0)


async def _tell_figures(service: Service) -> None:
    figures = GateFigures(service)
    while True:
        try:
            figures.carry()
        except Exception as e:  # noqa: BLE001  figures that stand still are no reason to stop
            log().error("figures", error=type(e).__name__, where=where(e))
        await asyncio.sleep(2.0)
