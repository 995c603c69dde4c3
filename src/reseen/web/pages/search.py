"""The search box of every page. It is sent by POST: what was typed stands in no address and in no
page, so that neither a log nor a browser's history keeps it.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.errors import Conflict
from reseen.operations import searching
from reseen.operations.searching import SearchAnswer
from reseen.review.roles import Role
from reseen.web.access import Reader
from reseen.web.problems import status_of
from reseen.web.rendering import page
from reseen.web.service import Served

router = APIRouter()

_PLACES = {"removal": "removals", "case": "cases", "notice": "notices", "scan": "scans"}
"""Where what an id names has its page."""


@router.post("/search")
def search(
    request: Request,
    service: Served,
    who: Reader,
    sought: Annotated[str, Form(alias="for", max_length=searching.LONGEST)] = "",
) -> Response:
    """What is known of it, in groups; an id leads on at once."""
    refused: Conflict | None = None
    answer = SearchAnswer()
    try:
        answer = searching.search(
            service.store, service.keyring, service.settings.hubs, sought, who
        )
    except Conflict as error:
        refused = error
    if answer.leads_to is not None:
        kind, id = answer.leads_to
        return _on(request, f"/{_PLACES[kind]}/{quote(id, safe='')}")
    return page(
        request,
        "search.html",
        who,
        status=200 if refused is None else status_of(refused),
        answer=answer,
        empty=not sought.strip(),
        refused=refused,
        most=searching.MOST,
        by_name=who.role >= Role.REVIEWER and service.keyring is not None,
    )


def _on(request: Request, place: str) -> Response:
    """To a page, by the browser itself also where the script asked."""
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": place})
    return RedirectResponse(place, status_code=303)
