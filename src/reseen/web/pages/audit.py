"""Leads: who did what. Administrators: all of it, to take away."""

from __future__ import annotations

import json
from collections.abc import Iterator

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from sqlalchemy import select

from reseen.errors import SealError, Tampered
from reseen.observed.artifacts import instant
from reseen.report import log as exported
from reseen.store import audit, audit_checkpoint, schema
from reseen.store.database import Store
from reseen.web.access import Administrator, Lead
from reseen.web.rendering import attached, page
from reseen.web.service import Served, Service

router = APIRouter()

_SHOWN = 100


@router.get("/audit")
def show(
    request: Request,
    service: Served,
    who: Lead,
    actor: str = Query("", max_length=200),
    action: str = Query("", max_length=32),
    subject: str = Query("", max_length=200),
    before: int | None = Query(None, ge=1, le=2**62),
    verify: bool = False,
) -> Response:
    """Newest first, with filters that live in the address. `verify`: recompute the whole chain."""
    table = schema.audit
    query = select(table).order_by(table.c.pk.desc()).limit(_SHOWN + 1)
    given = {"actor": actor.strip(), "action": action.strip(), "subject": subject.strip()}
    for name, value in given.items():
        if value:
            query = query.where(table.c[name] == value)
    if before is not None:
        query = query.where(table.c.pk < before)
    with service.store.read() as connection:
        rows = connection.execute(query).all()
        actions = sorted(connection.scalars(select(table.c.action).distinct()))
        newest = connection.execute(
            select(table.c.pk, table.c.hash).order_by(table.c.pk.desc()).limit(1)
        ).first()
    lines = [
        {
            "number": row.pk,
            "at": instant(row.at),
            "actor": row.actor,
            "action": row.action,
            "subject": row.subject,
            "details": json.loads(row.details) if row.details else {},
        }
        for row in rows[:_SHOWN]
    ]
    return page(
        request,
        "audit.html",
        who,
        lines=lines,
        actions=actions,
        given=given,
        before=before,
        older=lines[-1]["number"] if len(rows) > _SHOWN else None,
        verified=_verified(service) if verify else None,
        newest=(newest.pk, bytes(newest.hash or b"").hex()) if newest else None,
    )


@router.get("/audit/head")
def head(service: Served, who: Lead) -> Response:
    """A signed head, to be kept where who can write to the database cannot. Raises SealError
    where the key is not here."""
    if service.keyring is None:
        raise SealError("heads are signed, and the key is not here", remedy="Set RESEEN_KEY_FILE.")
    with service.store.read() as connection:
        taken = audit_checkpoint.take(connection, service.store.secret, service.keyring.for_heads)
    return JSONResponse(taken.as_json(), headers=attached(f"reseen-audit-head-{taken.count}.json"))


@router.get("/audit/export")
def export(service: Served, who: Administrator) -> Response:
    """Every line, oldest first, one JSON object a line; that it was taken is the last of them."""
    with service.store.write() as connection:
        audit.write(connection, "export", "audit", actor=who.actor, format="jsonl")
    return StreamingResponse(
        _lines(service.store),
        media_type="application/jsonl",
        headers=attached("reseen-audit.jsonl"),
    )


def _lines(store: Store) -> Iterator[str]:
    with store.read() as connection:
        for row in exported.rows(connection):
            yield exported.jsonl(row)


def _verified(service: Service) -> tuple[bool, str]:
    """Whether the whole chain holds, and that in words."""
    try:
        with service.store.read() as connection:
            count = audit_checkpoint.verify(connection, service.store.secret)
    except Tampered as e:
        return False, f"{e}. {e.remedy or ''}"
    return True, f"Lines 1 to {count:,} are each as they were written."
