"""The search box of every page. It is sent by POST: what was typed stands in no address and in no
page, so that neither a log nor a browser's history keeps it.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup

from reseen.errors import Conflict
from reseen.operations import searching
from reseen.operations.searching import SearchAnswer
from reseen.records import DigestKind
from reseen.review.roles import Role
from reseen.web.access import Reader
from reseen.web.problems import status_of
from reseen.web.rendering import page
from reseen.web.service import Served
from reseen.web.speech import N_, Speech, speech_of

router = APIRouter()

_PLACES = {"removal": "removals", "case": "cases", "notice": "notices", "scan": "scans"}
"""Where what an id names has its page."""
UNKNOWN = {
    "removal": N_("There is no removal of this id here."),
    "case": N_("There is no case of this id here."),
    "sighting": N_("There is no sighting of this id here."),
    "notice": N_("There is no notice of this id here."),
    "scan": N_("There is no scan of this id here."),
}
_FIRST_DIGITS = re.compile(r"the first (\d{1,3}) digits of its (\S+)")
_KINDS = {kind.label for kind in DigestKind}
_DIGEST = re.compile(r"its (\S+)")


@router.post("/search")
def search(
    request: Request,
    service: Served,
    who: Reader,
    sought: Annotated[str, Form(alias="for", max_length=searching.LONGEST)] = "",
) -> Response:
    """What is known of it, in groups; an id leads on at once."""
    refused: Conflict | None = None
    speech = speech_of(request)
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
        unknown=UNKNOWN,
        found=_found(speech, answer),
        found_by=partial(_found_by, speech),
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


def _found(speech: Speech, answer: SearchAnswer) -> Markup:
    """How many of each kind, one after the other."""
    number, ngettext = speech.number, speech.ngettext
    removals, repositories = len(answer.removals), len(answer.repositories)
    accounts, lists = len(answer.accounts), len(answer.lists)
    parts = []
    if removals and answer.more:
        parts.append(
            speech.gettext("more than <b>%(number)s</b> removals", number=number(removals))
        )
    elif removals:
        parts.append(ngettext(
            "<b>%(count)s</b> removal", "<b>%(count)s</b> removals", removals,
            count=number(removals),
        ))  # fmt: skip
    if repositories:
        parts.append(ngettext(
            "<b>%(number)s</b> repository", "<b>%(number)s</b> repositories", repositories,
            number=number(repositories),
        ))  # fmt: skip
    if accounts:
        parts.append(ngettext(
            "<b>%(number)s</b> account", "<b>%(number)s</b> accounts", accounts,
            number=number(accounts),
        ))  # fmt: skip
    if lists:
        parts.append(ngettext(
            "<b>%(number)s</b> list", "<b>%(number)s</b> lists", lists, number=number(lists),
        ))  # fmt: skip
    return Markup(", ").join(parts)


def _found_by(speech: Speech, how: str) -> str:
    """What matched, as `registry.lookup` says it."""
    if (told := _FIRST_DIGITS.fullmatch(how)) is not None:
        return speech.gettext(
            "the first %(digits)s digits of its %(kind)s", digits=told[1], kind=told[2]
        )
    if (told := _DIGEST.fullmatch(how)) is not None and told[1] in _KINDS:
        return speech.gettext("its %(kind)s", kind=told[1])
    return speech.fixed(how, "found by")
