"""An uploader: everything known, and many cases decided together.

What comes in: a hub and an account's name. What goes out: its page. Which cases must be opened
before they are confirmed together is said by `review.batch_decisions`; what was opened from here
(by a form, for it is noted) counts as opened, as long as that case stands as it did.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from reseen.errors import AccessError, InputError, ReseenError, SealError
from reseen.operations import cases as acts
from reseen.review import account as accounts
from reseen.review import batch_decisions, campaigns, cases, sample_views
from reseen.review.case_filter import ALL, CaseFilter
from reseen.review.decide import DecidedBy
from reseen.review.queue import queue
from reseen.review.queue_entries import entries
from reseen.review.roles import Role, Who
from reseen.review.verdicts import Verdict
from reseen.web.access import Lead, Reader
from reseen.web.form_values import Text
from reseen.web.pages import words
from reseen.web.pages.queue_address import QueueAddress
from reseen.web.problems import status_of
from reseen.web.rendering import page
from reseen.web.service import Served, Service
from reseen.web.speech import N_, speech_of
from reseen.web.told_by_rooms import told

router = APIRouter()

ROWS = 50
REPOSITORIES = 50
"""Repositories named on the page."""
SHOWN = 50
"""Cases that are shown of those to be opened."""

Seen = Annotated[str, Form(max_length=40_000)]

TOGETHER = tuple(
    (choice.route, choice.words) for choice in words.CHOICES if choice.verdict is not Verdict.SECOND
)


@dataclass(frozen=True, slots=True)
class RefusedForm:
    """What a form said that could not be taken."""

    reason: str
    error: ReseenError


@router.get("/accounts/{hub}/{account}")
def show(request: Request, service: Served, who: Reader, hub: str, account: str) -> Response:
    """The page. Showing it writes nothing."""
    return _page(request, service, who, hub, account)


def _decided(verdict: Verdict, route: str) -> None:
    """The route of one verdict."""

    def handle(
        request: Request,
        service: Served,
        who: Lead,
        hub: str,
        account: str,
        seen: Seen = "",
        reason: Text = "",
    ) -> Response:
        try:
            shown = batch_decisions.ShownCases(versions_of(seen), (hub, account))
            by = DecidedBy(who, reason)
            outcome = acts.decide_together(service.store, service.keyring, shown, verdict, by)
        except (AccessError, InputError, SealError) as error:
            return _page(request, service, who, hub, account, said=RefusedForm(reason, error))
        return _page(request, service, who, hub, account, outcome=outcome)

    router.add_api_route(
        f"/accounts/{{hub}}/{{account}}/{route}",
        handle,
        methods=["POST"],
        response_model=None,
        name=f"decide together {route}",
    )


for _choice in words.CHOICES:
    if _choice.verdict is not Verdict.SECOND:
        _decided(_choice.verdict, _choice.route)


@router.post("/accounts/{hub}/{account}/undo")
def undo(
    request: Request,
    service: Served,
    who: Lead,
    hub: str,
    account: str,
    batch: Annotated[str, Form(max_length=64)] = "",
    reason: Text = "",
) -> Response:
    """Take back what was decided together."""
    why = reason.strip() or "All taken back at once"
    outcome = acts.undo_together(service.store, service.keyring, batch, DecidedBy(who, why))
    return _page(request, service, who, hub, account, outcome=outcome)


def _page(
    request: Request,
    service: Service,
    who: Who,
    hub: str,
    account: str,
    *,
    outcome: batch_decisions.BatchOutcome | None = None,
    said: RefusedForm | None = None,
) -> Response:
    place = QueueAddress.parse(request.query_params).place
    which = replace(ALL, hub=hub, account=account)
    with service.store.read() as connection:
        known = accounts.account(connection, hub, account)
        found = queue(connection, which, who, place=place, most=ROWS)
        belongs_to = campaigns.of_account(connection, hub, account)
        waiting = batch_decisions.waiting(connection, hub, account)
        must = batch_decisions.to_be_opened(connection, waiting)
        looked = sample_views.looked_at(connection, must, who)
        sample = entries(connection, [row.pk for row in cases.rows(connection, must[:SHOWN])])
    open_cases = QueueAddress(CaseFilter(hub=hub, account=account))
    url = f"/accounts/{quote(hub, safe='')}/{quote(account, safe='')}"
    missing = len(must) - len(looked)
    speech = speech_of(request)
    return page(
        request,
        "account.html",
        who,
        status=200 if said is None else status_of(said.error),
        account=known,
        campaigns=belongs_to,
        url=url,
        report_url="/reports?" + urlencode({"place": url.removeprefix("/accounts/")}),
        queue_url=open_cases.url(),
        back=open_cases.back,
        problem=(
            None
            if said is None
            else {
                "message": speech.gettext("Not done: %(why)s.", why=told(speech, said.error)),
                "remedy": said.error.remedy or "",
            }
        ),
        outcome=outcome,
        decided=[
            (words.VERDICTS[verdict], known.cases[verdict])
            for verdict in words.VERDICTS
            if known.cases.get(verdict)
        ],
        repositories=known.named[:REPOSITORIES],
        tallest=max((max(m.created, m.seen) for m in known.months), default=1),
        open_total=len(waiting),
        most=batch_decisions.MOST,
        sample=[(case, case.id in looked) for case in sample],
        missing=missing,
        proved=len(waiting) - len(must),
        to_open=len(must),
        cannot=_cannot(who, service),
        may_undo=who.role >= Role.LEAD,
        may_look=who.role >= Role.REVIEWER,
        seen=" ".join(f"{id}:{version}" for id, version in waiting.items()),
        reason=said.reason if said is not None else "",
        verdicts=TOGETHER,
        cases=found.entries,
        total=found.total,
        more=found.more,
        first=url if found.back else None,
        before=f"{url}?before={found.back}" if found.back else None,
        after=f"{url}?after={found.on}" if found.on else None,
        key_groups=(words.ACCOUNT_KEYS, words.EVERYWHERE),
    )


def _cannot(who: Who, service: Service) -> str | None:
    if who.role < Role.LEAD:
        return N_(
            "Deciding many cases together needs the role lead. One by one they are yours too."
        )
    if service.keyring is None:
        return N_("The key is not on this machine: what people write could not be sealed.")
    return None


def versions_of(seen: str) -> dict[str, int]:
    """Cases and the versions that were shown. Raises InputError for what no page of ours says."""
    found: dict[str, int] = {}
    for word in seen.split():
        id, _, version = word.partition(":")
        if not (version.isascii() and version.isdigit() and len(version) < 19):
            raise InputError("this form is not whole", remedy="Load the page again.")
        found[id] = int(version)
    return found
