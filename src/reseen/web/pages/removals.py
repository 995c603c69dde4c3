"""One removal: every fact with its source, where it was seen again, what was decided, what was done
with it, and what a lead may change.

Showing it writes nothing. Names come in the answer to a reveal alone, which is recorded. What is
changed is posted to `pages.claims` and `pages.lists`.
"""

from __future__ import annotations

from itertools import islice

from fastapi import APIRouter, Request
from fastapi.responses import Response

from reseen.observed import sightings
from reseen.observed.sightings import SightingFilter
from reseen.operations import cases as acts
from reseen.records import SAID_CLASSES
from reseen.registry import classes, learning, removals
from reseen.review.case_filter import CaseFilter
from reseen.review.queue import queue
from reseen.review.reveal import RevealedRemoval
from reseen.review.roles import Role
from reseen.store import audit
from reseen.web.access import Reader, Reviewer
from reseen.web.forms import UNSENT, SentForm
from reseen.web.pages import words
from reseen.web.rendering import page
from reseen.web.service import Served
from reseen.web.speech import N_, speech_of

router = APIRouter()

SAID = {
    "claim": N_("Done. What rested on it was judged again."),
    "settled": N_("Noted: somebody has looked at it."),
    "proposed": N_("Noted. It counts when a second person confirms it."),
    "confirmed": N_("Confirmed by two people."),
    "class": N_("The class is changed. What rested on reading was judged again."),
    "list": N_("The list is changed. What rested on it was judged again."),
    "withdrawn": N_("The removal is withdrawn: it no longer counts anywhere."),
    "restored": N_("The removal is in force again."),
    "same": N_("It stood like that already."),
}
MOST = 100
"""Sightings, and cases, that are shown."""
LINES = 100
"""Lines of its history."""


@router.get("/removals/{id}")
def show(request: Request, service: Served, who: Reader, id: str) -> Response:
    """The page. Raises NotFound."""
    return shown(request, service, who, id)


@router.post("/removals/{id}/reveal")
def reveal(request: Request, service: Served, who: Reviewer, id: str) -> Response:
    """The page with its names, this once."""
    opened = acts.reveal_removal(service.store, service.keyring, id[:64], who)
    return shown(request, service, who, id, opened)


def shown(
    request: Request,
    service: Served,
    who: Reader,
    id: str,
    opened: RevealedRemoval | None = None,
    form: SentForm = UNSENT,
) -> Response:
    """The page. `form`: what was typed into one of its forms and could not be taken."""
    sees_history = who.role >= Role.REVIEWER
    with service.store.read() as connection:
        removal = removals.by_id(connection, id[:64])
        which = SightingFilter(removal=removal.id)
        seen = sightings.count(connection, which)
        rows = tuple(islice(sightings.every(connection, which), MOST))
        every = CaseFilter(state="any", live="any", withdrawn=True, removal=removal.id)
        cases = queue(connection, every, who, most=MOST)
        proposals = classes.proposals(connection, removal.id)
        same = learning.same_bytes(connection, removal.id)
        lines = (
            audit.latest(connection, {"subject": removal.id}, most=LINES) if sees_history else ()
        )
    return page(
        request,
        "removal.html",
        who,
        status=form.status,
        said=SAID,
        form=form,
        removal=removal,
        same_bytes=same,
        proposals=proposals,
        sightings=rows,
        seen=seen,
        cases=cases.entries,
        case_of={(one.hub, one.type, one.repo): one.id for one in cases.entries},
        case_count=cases.total,
        more_cases=cases.more,
        verdicts=words.VERDICTS,
        acts=words.ACTS,
        lines=lines,
        sees_history=sees_history,
        names=words.revealed(speech_of(request), opened.names) if opened else None,
        reasons=opened.reasons if opened else (),
        may_reveal=who.role >= Role.REVIEWER and service.keyring is not None,
        has_key=service.keyring is not None,
        shows_digests=who.role >= Role.REVIEWER,
        said_classes=SAID_CLASSES,
        may_import=who.role >= Role.LEAD,
    )
