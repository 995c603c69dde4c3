"""A hub tells that a repository changed: it is queued for a scan.

What comes in: the Hub's webhook, with its secret in a header (it is sent as it is, no HMAC). What
goes out: 202 and nothing else; the worker looks at the repository later. It promises: a small body,
a secret compared in constant time, no address taken from what was sent, and the same repository
queued once.
"""

from __future__ import annotations

import hmac
import json
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from reseen.errors import Conflict, InputError, StoreError
from reseen.operations.hooks import repository_changed
from reseen.records import RepoType
from reseen.web import form_values
from reseen.web.problems import problem
from reseen.web.service import service_of

MOST = 64 << 10
"""Bytes of a payload."""

router = APIRouter(tags=["hooks"])


class Taken(BaseModel):
    """What became of it."""

    queued: bool = Field(description="False: nothing to look at, or it waits already.")


@router.post(
    "/v1/hooks/huggingface",
    status_code=202,
    response_model=Taken,
    summary="The Hub's webhook",
    responses={
        400: {"description": "No JSON, or not what a webhook sends."},
        401: {"description": "The secret is wrong or missing."},
        404: {"description": "No secret is configured: there are no hooks."},
        413: {"description": "More than 64 KiB."},
        503: {"description": "The store is away; send it again."},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
)
async def told(
    request: Request, x_webhook_secret: Annotated[str | None, Header()] = None
) -> Response:
    """A repository was made, changed or moved: queue it for a scan. Only what names the repository
    is used; everything else is ignored."""
    service = service_of(request)
    secret = service.settings.webhook_secret
    if not secret:
        return problem(404, "no hooks are configured here", "Set RESEEN_HF_WEBHOOK_SECRET.")
    given = (x_webhook_secret or "").encode("utf-8", "surrogateescape")
    if not hmac.compare_digest(given, secret.encode()):
        return problem(401, "the secret is wrong or missing")
    body = await _body(request)
    if body is None:
        return problem(413, "a webhook's payload has at most 64 KiB")
    try:
        named = repository_of(body)
    except InputError as e:
        return problem(400, str(e))
    queued = False
    if named is not None:
        try:
            queued = await run_in_threadpool(repository_changed, service.store, *named)
        except (StoreError, Conflict) as e:
            return problem(503, str(e), e.remedy or "", {"Retry-After": "60"})
    return Response(
        Taken(queued=queued).model_dump_json(), status_code=202, media_type="application/json"
    )


def repository_of(body: bytes) -> tuple[RepoType, str] | None:
    """What to look at; None where it is gone, or is no repository that we scan.
    Raises InputError for what is no webhook's payload."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise InputError("this is no JSON") from None
    event, repo = _object(value, "event"), _object(value, "repo")
    action, scope = event.get("action"), event.get("scope")
    if not isinstance(action, str) or not isinstance(scope, str):
        raise InputError("the event says no action or no scope")
    kind, name = repo.get("type"), repo.get("name")
    if not isinstance(kind, str) or not isinstance(name, str):
        raise InputError("the repository has no type or no name")
    moved = value.get("movedTo")
    if action == "move" and isinstance(moved, dict) and isinstance(moved.get("name"), str):
        name = moved["name"]
    name = form_values.repository(name)
    if kind not in set(RepoType):
        return None
    # Talk below a repository changes no file; a deletion is found by the next recheck.
    if scope.split(".")[0] != "repo" or (action == "delete" and scope == "repo"):
        return None
    return RepoType(kind), name


def _object(value: Any, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, dict):
        raise InputError(f"there is no object called {name}")
    return found


async def _body(request: Request) -> bytes | None:
    """None when it is too long: it is not read to its end."""
    read = bytearray()
    async for part in request.stream():
        read += part
        if len(read) > MOST:
            return None
    return bytes(read)
