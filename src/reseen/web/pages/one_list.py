"""One list: what it is, its removals, where they were seen again, and who did what with it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from reseen.registry import one_list
from reseen.review import list_figures, places
from reseen.review.roles import Role
from reseen.web.access import Reader
from reseen.web.form_values import number as number_of
from reseen.web.pages import words
from reseen.web.rendering import page
from reseen.web.service import Served

router = APIRouter()

ROWS = 50
WHICH = {"": None, "in-force": True, "withdrawn": False}


@router.get("/lists/{number}")
def show(
    request: Request, service: Served, who: Reader, number: int, state: str = "", after: str = ""
) -> Response:
    """The page. `state`: one of `WHICH`; `after`: the removal behind which it goes on."""
    state = state if state in WHICH else ""
    behind = min(number_of(after, "the page") or 0, 2**62)
    with service.store.read() as connection:
        shown = one_list.by_number(connection, number)
        rows = one_list.removals_of(
            connection, number, after=behind, most=ROWS + 1, in_force=WHICH[state]
        )
        cases = places.case_counts(connection, [row.pk for row in rows])
        seen = list_figures.sightings_of_list(connection, shown.name)
        lines = one_list.history(connection, shown.name)
    return page(
        request,
        "list.html",
        who,
        list=shown,
        removals=rows[:ROWS],
        more=rows[ROWS - 1].pk if len(rows) > ROWS else None,
        behind=behind,
        state=state,
        cases=cases,
        seen=seen,
        states=list_figures.STATES,
        lines=lines,
        acts=words.ACTS,
        may_import=who.role >= Role.LEAD,
    )
