"""The queue: what waits for a decision, and the button that claims the next case.

What comes in: a filter that lives in the address. What goes out: rows, strongest first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from markupsafe import Markup
from sqlalchemy import Connection

from reseen.errors import NotFound
from reseen.operations.cases import claim_next
from reseen.records import LADDER, Rung
from reseen.review import assignments, cases, decide, saved_filters
from reseen.review.batch_decisions import BatchOutcome
from reseen.review.case_filter import CaseFilter
from reseen.review.queue import LAST, MOST, Page, QueuePlace, any_at_all, queue
from reseen.review.queue_groups import GroupPage, groups
from reseen.review.roles import Role, Who
from reseen.review.sample_views import looked_at
from reseen.review.verdicts import Verdict
from reseen.web.access import Reader, Reviewer
from reseen.web.forms import SentForm
from reseen.web.pages import words
from reseen.web.pages.queue_address import Back, QueueAddress, queue_url, see
from reseen.web.rendering import page
from reseen.web.service import Served, Service
from reseen.web.speech import N_, NP_, Speech, speech_of

router = APIRouter()

ROWS = 50

STATES = (
    ("undecided", NP_("case", "undecided")),
    ("open", NP_("case", "open")),
    ("second", NP_("case", "second pair of eyes")),
    ("decided", NP_("case", "decided")),
    ("any", NP_("case", "any")),
)
RUNGS = (
    ("", NP_("rung", "any rung")),
    *((rung.label, rung.label) for rung in LADDER if rung > Rung.HINT),
)
CLAIMS = (
    ("", NP_("person", "anybody or nobody")),
    ("nobody", NP_("person", "nobody")),
    ("me", NP_("person", "me")),
    ("other", NP_("person", "somebody else")),
    ("anybody", NP_("person", "anybody")),
)
ASSIGNED = (
    ("", NP_("person", "anybody or nobody")),
    ("me", NP_("person", "me")),
    ("nobody", NP_("person", "nobody")),
)
"""Beside these each of the team."""
MARKS = (
    ("", NP_("mark", "any")),
    ("fallen", NP_("mark", "confirmed, and then refuted")),
    ("refuted", NP_("mark", "refuted")),
    ("unsupported", NP_("mark", "no longer supported")),
)
GROUPINGS = (
    ("", NP_("grouping", "not grouped")),
    ("bytes", NP_("grouping", "identical bytes")),
    ("removal", NP_("grouping", "removal")),
    ("account", NP_("grouping", "account")),
)
LIVES = (
    ("live", NP_("still there", "yes")),
    ("gone", NP_("still there", "no: gone")),
    ("any", NP_("still there", "any")),
)


@router.get("/queue")
def show(request: Request, service: Served, who: Reader) -> Response:
    """The queue, or the part of it that the filter lets through. Showing it writes nothing: what
    scans touched becomes cases by the worker, and when somebody claims the next one."""
    return queue_page(request, service, who, request.query_params)


@dataclass(frozen=True, slots=True)
class QueueForm:
    """What was sent from the queue, where its page is the answer."""

    together: SentForm = field(default_factory=SentForm)
    """What was said of the ticked cases."""
    naming: SentForm = field(default_factory=SentForm)
    """Of a filter that was to be kept."""
    outcome: BatchOutcome | None = None
    """What was decided together, or taken back."""

    @property
    def status(self) -> int:
        return max(self.together.status, self.naming.status)


def queue_page(
    request: Request,
    service: Service,
    who: Who,
    address: Mapping[str, str],
    sent: QueueForm | None = None,
) -> Response:
    """The page for these values of an address, with what was sent from it."""
    sent = sent or QueueForm()
    speech = speech_of(request)
    here = QueueAddress.parse(address)
    which, by = here.which, here.by
    one_group = any((which.same, which.removal, which.account))
    with service.store.read() as connection:
        found, some = Page(), None
        if by:
            some = groups(connection, which, by, who, offset=here.offset, most=ROWS)
        else:
            most = MOST if one_group else ROWS
            found = queue(connection, which, who, most=most, place=here.place)
        last = just_done(connection, request, who) if sent.outcome is None else None
        total = found.total if some is None else some.looked
        ever = bool(total) or any_at_all(connection)
        team = assignments.colleagues(connection)
        kept = saved_filters.seen_by(connection, who)
        opened = looked_at(connection, [case.id for case in found.entries], who)
    return page(
        request,
        "queue.html",
        who,
        status=sent.status,
        filter={
            "state": which.state,
            "rung": which.rung.label if which.rung else "",
            "claimed": which.claimed or "",
            "assigned": which.assigned or "",
            "live": which.live,
            "mark": which.mark or "",
            "hub": which.hub or "",
            "account": which.account or "",
            "list": which.list or "",
            "removal": which.removal or "",
            "same": which.same or "",
            "group": by or "",
        },
        states=STATES,
        rungs=RUNGS,
        claims=CLAIMS,
        lives=LIVES,
        marks=MARKS,
        further=further(speech, which),
        groupings=GROUPINGS,
        assigned=ASSIGNED,
        team=team,
        more_open=bool({"live", "mark", "hub", "account", "list", "removal"} & set(here.choices)),
        query=urlencode(here.choices),
        back=here.back,
        saved=[
            (one, QueueAddress.parse(one.values).url(), one.values == here.choices) for one in kept
        ],
        opened=opened,
        groups=some,
        group_count=_group_count(speech, by, some.total) if by and some else "",
        verdicts=words.VERDICTS,
        opens=[(group, queue_url(group.opens)) for group in some.groups] if some else [],
        cases=found.entries,
        total=total,
        more=found.more,
        refuted=found.refuted,
        pages=_pages(here, found, some),
        undone=last,
        outcome=sent.outcome,
        form=sent.together,
        naming=sent.naming,
        nothing_left="nothing" in request.query_params,
        may_decide=who.role >= Role.REVIEWER,
        cannot=None
        if service.keyring
        else N_("The key is not on this machine: a reason could not be sealed."),
        ever=ever,
        may_lead=who.role >= Role.LEAD,
        key_groups=(words.QUEUE_KEYS, words.EVERYWHERE),
    )


def further(speech: Speech, which: CaseFilter) -> list[tuple[str, str, str]]:
    """What the filter asks beyond the fields of the form: each field's name, value and words. The
    figures of the start page lead here with it."""
    gettext, ngettext = speech.gettext, speech.ngettext
    verdict = speech.fixed(words.VERDICTS.get(which.verdict or "", ""), "verdict")
    older, decided = which.older or 0, which.decided or 0
    words_of = {
        "only": gettext("this rung only"),
        "verdict": gettext("decided: %(verdict)s", verdict=verdict),
        "older": ngettext(
            "waiting for %(days)s day and more",
            "waiting for %(days)s days and more",
            older,
            days=speech.number(older),
        ),
        "decided": ngettext(
            "decided within %(days)s day",
            "decided within %(days)s days",
            decided,
            days=speech.number(decided),
        ),
        "opened": gettext("opened in the week from %(monday)s", monday=str(which.opened)),
        "withdrawn": gettext("also of withdrawn removals"),
        "text": gettext("ids that begin so"),
    }
    values = which.values()
    return [(name, values[name], said) for name, said in words_of.items() if name in values]


def _group_count(speech: Speech, by: str, count: int) -> Markup:
    """How many groups there are, by what they are grouped by."""
    number = speech.number(count)
    if by == "removal":
        return speech.ngettext(
            "<b>%(count)s</b> removal", "<b>%(count)s</b> removals", count, count=number
        )
    if by == "account":
        return speech.ngettext(
            "<b>%(number)s</b> account", "<b>%(number)s</b> accounts", count, number=number
        )
    return speech.ngettext(
        "<b>%(number)s</b> group of identical bytes",
        "<b>%(number)s</b> groups of identical bytes",
        count,
        number=number,
    )


@dataclass(frozen=True, slots=True)
class OtherPages:
    """Addresses of other pages; None for what is shown, or is not there."""

    first: str | None = None
    before: str | None = None
    after: str | None = None
    last: str | None = None


def _pages(here: QueueAddress, found: Page, grouping: GroupPage | None) -> OtherPages:
    def at(place: QueuePlace | None, offset: int = 0) -> str:
        return replace(here, place=place, offset=offset).url()

    if grouping is not None:
        start, end = here.offset, here.offset + len(grouping.groups)
        return OtherPages(
            before=at(None, max(start - ROWS, 0)) if start else None,
            after=at(None, end) if end < grouping.total else None,
        )
    return OtherPages(
        first=at(None) if found.back else None,
        before=at(found.back) if found.back else None,
        after=at(found.on) if found.on else None,
        last=at(LAST) if found.on else None,
    )


@router.post("/queue/next")
def next_case(
    service: Served,
    who: Reviewer,
    back: Back = "",
    after: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Claim the next case of this filter, and go there."""
    return go_on(service, who, back, exclude=after or None)


def go_on(
    service: Service,
    who: Who,
    back: str,
    *,
    exclude: str | None = None,
    said: dict[str, str] | None = None,
) -> Response:
    """To the next case, claimed; where there is none, back to the queue, which says so."""
    here, more = QueueAddress.of(back), said or {}
    claim = claim_next(service.store, here.which, who, exclude=exclude)
    if claim is None:
        return see(here.url(**more, nothing=""))
    return see(here.url_of_case(claim.case, **more))


@dataclass(frozen=True, slots=True)
class JustDone:
    """What was just done, and whether it can be undone here."""

    words: str
    case: str
    version: int
    can_undo: bool


def just_done(connection: Connection, request: Request, who: Who) -> JustDone | None:
    """What `?done=` and `?of=` say was done: a word that is known, at a case that there is."""
    verdict = request.query_params.get("done", "")
    said = words.done(verdict)
    if said is None:
        return None
    try:
        row = cases.row(connection, request.query_params.get("of", ""))
    except NotFound:
        return None
    version = request.query_params.get("version", "")
    # Only while the case still is as that decision left it: else its own page tells more.
    same = version == str(row.version) and verdict in list(Verdict)
    return JustDone(
        speech_of(request).fixed(said), row.id, row.version, same and who.role >= Role.REVIEWER
    )


def said_of(verdict: str, made: decide.Decision) -> dict[str, str]:
    """For the next page's address: what was done, and where. Opaque ids and known words only."""
    return {"done": verdict, "of": made.case, "version": str(made.version)}
