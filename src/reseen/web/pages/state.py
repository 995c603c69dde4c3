"""For machines that watch this one: does it live, may requests be sent, figures."""

from __future__ import annotations

import ipaddress

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from reseen.errors import AccessError, ReseenError
from reseen.registry.store import Store
from reseen.web.gate import keys
from reseen.web.metrics import exposition
from reseen.web.service import Served

router = APIRouter()


@router.get("/health")
async def health() -> Response:
    """The process lives and answers."""
    return PlainTextResponse("lives\n")


@router.get("/ready")
def ready(service: Served) -> Response:
    """200 while requests may be sent here: the gate answers its canary rightly, from its last state
    too while the store is away. Without a gate: while the store is reached."""
    if service.gate is not None:
        readiness, status = service.gate.ready(), service.gate.status()
        answer = {"ready": readiness.ready, "store": status.live, "why": readiness.why}
        return JSONResponse(answer, 200 if readiness.ready else 503)
    try:
        with service.store.read() as connection:
            connection.exec_driver_sql("SELECT 1")
    except ReseenError as e:
        return JSONResponse({"ready": False, "store": False, "why": str(e)}, 503)
    return JSONResponse({"ready": True, "store": True, "why": "the store is reached"})


@router.get("/metrics")
def metrics(request: Request, service: Served) -> Response:
    """Figures for Prometheus: to this machine, or to a key with the scope `metrics`."""
    if not (_from_here(request) or _has_key(request, service.store)):
        raise AccessError(
            "figures are for this machine, and for keys with the scope metrics",
            remedy="Send Authorization: Bearer and such a key.",
        )
    return Response(exposition(service.store), media_type="text/plain; version=0.0.4")


def _from_here(request: Request) -> bool:
    """Asked for on this machine itself, and not handed on by a proxy that stands here."""
    forwarded = {"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"}
    if forwarded & set(request.headers.keys()) or request.client is None:
        return False
    host = request.headers.get("host", "").rsplit(":", 1)[0].strip("[]")
    return _is_loopback(request.client.host) and (host == "localhost" or _is_loopback(host))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _has_key(request: Request, store: Store) -> bool:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    hashed = keys.hashed(text.strip()) if scheme.lower() == "bearer" else None
    if hashed is None:
        return False
    with store.read() as connection:
        key = keys.in_force(connection).get(hashed)
    return key is not None and keys.Scope.METRICS in key.scopes
