"""The start page: how the work stands, each figure a way to the rows behind it; before there is any
work, the steps to begin.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from reseen.hubs.kinds import stored_name
from reseen.observed import blind_spots, hubs_seen
from reseen.operations import jobs
from reseen.registry import list_looks
from reseen.review import corrections, overview
from reseen.review.queue import any_at_all
from reseen.review.roles import Role
from reseen.scan import looks
from reseen.store.database import now
from reseen.web import weeks
from reseen.web.access import Reader
from reseen.web.access.auth_middleware import to_prove
from reseen.web.forms import UNSENT, SentForm
from reseen.web.pages import words
from reseen.web.pages.queue_address import queue_url
from reseen.web.rendering import page
from reseen.web.service import Served

router = APIRouter()

LISTS = 8
"""Lists that are named."""
JOBS = 5


@router.get("/")
def show(request: Request, service: Served, who: Reader) -> Response:
    """Showing it writes nothing."""
    return shown(request, service, who, UNSENT)


def shown(request: Request, service: Served, who: Reader, form: SentForm) -> Response:
    """The page. `form`: what was sent to begin, where it could not be taken."""
    at = now()
    with service.store.read() as connection:
        ever = any_at_all(connection)
        lists = list_looks.freshness(connection)
        chosen = [hub for hub in service.settings.hubs if hub.is_chosen]
        hubs = dict.fromkeys(stored_name(hub) for hub in chosen)
        hubs |= dict.fromkeys(hubs_seen.hubs(connection))
        asked = jobs.every(connection, most=JOBS)
        by_week = overview.weeks(connection, at)
        waiting = overview.open_cases(connection, at)
        running = overview.clocks(connection, who, at)
        decided = overview.decided_lately(connection, at)
        gone = overview.time_to_gone(connection)
        wrong = len(corrections.due(connection))
        looked = looks.last_looks(connection, hubs)
        unjudged = blind_spots.count_unjudged(connection, most=blind_spots.COUNTED)
    return page(
        request,
        "start.html",
        who,
        status=form.status,
        form=form,
        may_invite=who.role >= Role.ADMINISTRATOR,
        proves_first=to_prove(request) is not None,
        ever=ever,
        lists=lists[:LISTS],
        more_lists=len(lists) - LISTS,
        jobs=asked,
        weeks=by_week,
        picture=weeks.picture(by_week),
        queue_of=queue_url,
        ages=overview.AGES,
        verdicts=words.VERDICTS,
        held=overview.HELD,
        mine=overview.MINE,
        second=overview.SECOND,
        most_counted=blind_spots.COUNTED,
        may_lead=who.role >= Role.LEAD,
        may_decide=who.role >= Role.REVIEWER,
        open_rows=waiting,
        clocks=running,
        decided=decided,
        gone=gone,
        corrections=wrong,
        hubs=looked,
        unjudged=unjudged,
    )
