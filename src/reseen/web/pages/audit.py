"""Leads: who did what. Administrators: all of it, to take away."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, Field

from reseen.errors import SealError, Tampered
from reseen.operations import exports
from reseen.store import audit, audit_checkpoint
from reseen.web.access import Administrator, Lead
from reseen.web.rendering import attached, page
from reseen.web.service import Served, Service
from reseen.web.speech import Speech, speech_of

router = APIRouter()

_SHOWN = 100
_PROOFS = frozenset(("covers", "stands"))
_HASH = re.compile("[0-9a-f]{64}")

_Told = list[tuple[str, str | int]]


class AuditQuery(BaseModel):
    """Which lines of the log are shown."""

    actor: str = Field("", max_length=200)
    action: str = Field("", max_length=32)
    subject: str = Field("", max_length=200)
    before: int | None = Field(None, ge=1, le=2**62)
    """Lines older than the one with this number."""
    verify: bool = False
    """Whether the whole chain is computed anew."""


@router.get("/audit")
def show(
    request: Request,
    service: Served,
    who: Lead,
    asked: Annotated[AuditQuery, Query()],
) -> Response:
    """Newest first, with filters that live in the address."""
    given = {
        "actor": asked.actor.strip(),
        "action": asked.action.strip(),
        "subject": asked.subject.strip(),
    }
    with service.store.read() as connection:
        lines = audit.latest(connection, given, before=asked.before, most=_SHOWN + 1)
        actions = audit.actions(connection)
        newest = audit.last(connection)
    older = lines[_SHOWN - 1].number if len(lines) > _SHOWN else None
    return page(
        request,
        "audit.html",
        who,
        lines=[(line, *_parted(line)) for line in lines[:_SHOWN]],
        actions=actions,
        given=given,
        before=asked.before,
        older=older,
        verified=_verified(service, speech_of(request)) if asked.verify else None,
        newest=(newest.number, newest.hash.hex()) if newest else None,
    )


def _parted(line: audit.AuditLine) -> tuple[_Told, _Told]:
    """What a line tells people, and what proves with the rows of the store that it is so."""
    told: _Told = []
    proof: _Told = []
    for name, value in line.details.items():
        if value or value == 0:
            proves = name in _PROOFS or _HASH.fullmatch(str(value))
            (proof if proves else told).append((name, value))
    return told, proof


@router.get("/audit/head")
def head(service: Served, who: Lead) -> Response:
    """A signed head, to be kept where who can write to the database cannot. Raises SealError
    where the key is not here."""
    if service.keyring is None:
        raise SealError("heads are signed, and the key is not here", remedy="Set RESEEN_KEY_FILE.")
    taken = exports.audit_head(service.store, service.keyring)
    return JSONResponse(taken.as_json(), headers=attached(f"reseen-audit-head-{taken.count}.json"))


@router.get("/audit/export")
def export(service: Served, who: Administrator) -> Response:
    """Every line, oldest first, one JSON object a line; that it was taken is the last of them."""
    return StreamingResponse(
        exports.audit_lines(service.store, who),
        media_type="application/jsonl",
        headers=attached("reseen-audit.jsonl"),
    )


def _verified(service: Service, speech: Speech) -> tuple[bool, str]:
    """Whether the whole chain holds, and that in words."""
    try:
        with service.store.read() as connection:
            count = audit_checkpoint.verify(connection, service.store.secret)
    except Tampered as e:
        return False, f"{e}. {e.remedy or ''}"
    said = speech.ngettext(
        "Lines 1 to %(number)s are each as they were written.",
        "Lines 1 to %(number)s are each as they were written.",
        count,
        number=speech.number(count),
    )
    return True, said
