"""What is done with ticked cases of the queue, and with filters that have a name.

What comes in: forms of the queue's page. What goes out: that page with what came of it, or with
what was typed and what is wrong with it. Which cases may be confirmed together is said by
`review.batch_decisions`, whatever a form says.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from reseen.errors import AccessError, InputError, NotFound, SealError
from reseen.operations import cases as acts
from reseen.review import sealed_text
from reseen.review.batch_decisions import ShownCases
from reseen.review.decide import DecidedBy
from reseen.review.verdicts import Verdict
from reseen.web.access import Reviewer
from reseen.web.form_values import Text
from reseen.web.forms import SentForm
from reseen.web.pages import words
from reseen.web.pages.account import versions_of
from reseen.web.pages.queue import QueueForm, queue_page
from reseen.web.pages.queue_address import Back, QueueAddress, see
from reseen.web.service import Served

router = APIRouter()

Ticked = Annotated[list[str], Form(max_length=500)]


def _decided(choice: words.Choice) -> None:
    """The route of one verdict."""

    def handle(
        request: Request,
        service: Served,
        who: Reviewer,
        case: Ticked = [],  # noqa: B006 - FastAPI copies it
        reason: Text = "",
        back: Back = "",
    ) -> Response:
        form = SentForm({"reason": reason, "case": case})
        sent = QueueForm(form)
        if case:  # what is not ticked is said first
            form.take("reason", lambda: sealed_text.written(reason, "reason"), "")
        if not form.wrong:
            try:
                by, shown = DecidedBy(who, reason), ShownCases(versions_of(" ".join(case)))
                sent = QueueForm(
                    outcome=acts.decide_together(
                        service.store, service.keyring, shown, choice.verdict, by
                    )
                )
            except (AccessError, InputError, SealError) as error:
                form.wrong[""] = error
        return queue_page(request, service, who, QueueAddress.of(back).values, sent)

    router.add_api_route(
        f"/queue/{choice.route}",
        handle,
        methods=["POST"],
        response_model=None,
        name=f"decide ticked {choice.route}",
    )


for _choice in words.CHOICES:
    if _choice.verdict is not Verdict.SECOND:
        _decided(_choice)


@router.post("/queue/undo")
def undo(
    request: Request,
    service: Served,
    who: Reviewer,
    batch: Annotated[str, Form(max_length=64)] = "",
    back: Back = "",
) -> Response:
    """Take back what was decided together."""
    by = DecidedBy(who, "All taken back at once")
    outcome = acts.undo_together(service.store, service.keyring, batch, by)
    return queue_page(
        request, service, who, QueueAddress.of(back).values, QueueForm(outcome=outcome)
    )


@router.post("/queue/assign")
def assign(
    request: Request,
    service: Served,
    who: Reviewer,
    case: Ticked = [],  # noqa: B006 - FastAPI copies it
    to: Annotated[str, Form(max_length=100)] = "",
    reason: Text = "",
    back: Back = "",
) -> Response:
    """Make the ticked cases a colleague's; of nobody where none is named."""
    form = SentForm({"reason": reason, "case": case, "to": to})
    try:
        acts.assign(service.store, list(versions_of(" ".join(case))), to or None, who)
    except (AccessError, InputError, NotFound) as error:
        form.wrong["to" if case else ""] = error
        return queue_page(request, service, who, QueueAddress.of(back).values, QueueForm(form))
    return see(QueueAddress.of(back).url())


@router.post("/queue/filters")
def keep(
    request: Request,
    service: Served,
    who: Reviewer,
    name: Annotated[str, Form(max_length=300)] = "",
    shared: Annotated[str, Form(max_length=8)] = "",
    back: Back = "",
) -> Response:
    """Keep the filter that is shown under a name."""
    here = QueueAddress.of(back)
    form = SentForm({"name": name, "shared": shared})
    try:
        acts.save_filter(service.store, name, here.choices, who, shared=shared == "yes")
    except InputError as error:
        form.wrong["name"] = error
        return queue_page(request, service, who, here.values, QueueForm(naming=form))
    return see(here.url())


@router.post("/queue/filters/{id}/delete")
def forget(service: Served, who: Reviewer, id: str, back: Back = "") -> Response:
    """Take a filter with a name away."""
    acts.delete_filter(service.store, id, who)
    return see(QueueAddress.of(back).url())
