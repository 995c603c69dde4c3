"""Files whose weights could not be judged: what is known of them is their digests, and why."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from reseen.observed import blind_spots
from reseen.web.access import Reader
from reseen.web.form_values import number
from reseen.web.rendering import page
from reseen.web.service import Served

router = APIRouter()

ROWS = 50


@router.get("/not-judged")
def show(
    request: Request, service: Served, who: Reader, which: str = "", after: str = ""
) -> Response:
    """The page. `which`: "others" leaves whole models out; `after`: the file that was the last."""
    others = which == "others"
    behind = min(number(after, "the page") or 0, 2**62)
    with service.store.read() as connection:
        found = blind_spots.page_of_unjudged(
            connection, after=behind, most=ROWS + 1, ordinary=not others
        )
    return page(
        request,
        "not_judged.html",
        who,
        files=[file for _, file in found[:ROWS]],
        first=_url(others),
        next=_url(others, found[ROWS - 1][0]) if len(found) > ROWS else None,
        behind=behind,
        others=others,
    )


def _url(others: bool, after: int = 0) -> str:
    values = {"which": "others"} if others else {}
    query = urlencode(values | ({"after": str(after)} if after else {}))
    return "/not-judged" + (f"?{query}" if query else "")
