"""For machines that watch this one: does it live, may requests be sent, figures."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from reseen.errors import AccessError, ReseenError
from reseen.gate import keys
from reseen.gate.api_key_auth import Turned, key_of, must_have
from reseen.gate.keys import KeyScope
from reseen.settings import is_loopback
from reseen.store.database import Store
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
    return is_loopback(request.client.host) and is_loopback(host)


def _has_key(request: Request, store: Store) -> bool:
    if "authorization" not in request.headers:
        return False  # before the store is asked
    with store.read() as connection:
        in_force = keys.in_force(connection)
    try:
        must_have(key_of(request.headers.raw, in_force), KeyScope.METRICS)
    except Turned:
        return False
    return True
