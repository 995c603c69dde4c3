"""One removal: every fact with its source, where it was seen again, and what a lead may change.

Showing it writes nothing. What is changed is posted to `pages.claims` and `pages.lists`.
"""

from __future__ import annotations

from itertools import islice

from fastapi import APIRouter, Request
from fastapi.responses import Response

from reseen.observed import sightings
from reseen.observed.sightings import SightingFilter
from reseen.records import SAID_CLASSES
from reseen.registry import classes, removals
from reseen.review.roles import Role
from reseen.web.access import Reader
from reseen.web.pages.lists import SAID
from reseen.web.rendering import page
from reseen.web.service import Served

router = APIRouter()

MOST = 200
"""Sightings that are shown."""


@router.get("/removals/{id}")
def show(request: Request, service: Served, who: Reader, id: str) -> Response:
    """The page. Raises NotFound."""
    with service.store.read() as connection:
        removal = removals.by_id(connection, id[:64])
        which = SightingFilter(removal=removal.id)
        seen = sightings.count(connection, which)
        shown = tuple(islice(sightings.every(connection, which), MOST))
        proposals = classes.proposals(connection, removal.id)
    return page(
        request,
        "removal.html",
        who,
        said=SAID,
        removal=removal,
        proposals=proposals,
        sightings=shown,
        seen=seen,
        shows_digests=who.role >= Role.REVIEWER,
        said_classes=SAID_CLASSES,
        may_import=who.role >= Role.LEAD,
    )
