"""Leads: who did what. Administrators: all of it, to take away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from sqlalchemy import select

from reseen.registry import audit, schema
from reseen.registry.store import Store
from reseen.report import log
from reseen.web.access import Administrator, Lead
from reseen.web.rendering import page
from reseen.web.service import Served

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
) -> Response:
    """Newest first, with filters that live in the address."""
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
            "at": datetime.fromtimestamp(row.at / 1e6, UTC),
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
        newest=(newest.pk, bytes(newest.hash or b"").hex()) if newest else None,
    )


@router.get("/audit/export")
def export(service: Served, who: Administrator) -> Response:
    """Every line, oldest first, one JSON object a line; that it was taken is the last of them."""
    with service.store.write() as connection:
        audit.write(connection, "export", "audit", actor=who.actor, format="jsonl")
    return StreamingResponse(
        _lines(service.store),
        media_type="application/jsonl",
        headers={"Content-Disposition": 'attachment; filename="reseen-audit.jsonl"'},
    )


def _lines(store: Store) -> Iterator[str]:
    with store.read() as connection:
        for row in log.rows(connection):
            yield log.jsonl(row)
