"""Scans: started by a lead, watched by everybody who is signed in, stopped by a lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from reseen.errors import InputError
from reseen.hubs.kinds import stored_name
from reseen.observed.blind_spots import UNJUDGED, tally
from reseen.operations import jobs, scans, schedules
from reseen.operations.jobs import Job, JobKind
from reseen.records import Coverage, RepoType, Rung
from reseen.review import queue
from reseen.review.roles import Role
from reseen.scan import left_out
from reseen.scan import scan_rows as rows
from reseen.scan.progress import Outcome
from reseen.scan.target import Confirm, Options, Target, target_naming
from reseen.settings import HubSettings
from reseen.store.database import now
from reseen.texts import visible
from reseen.web import form_values
from reseen.web.access import Lead, Reader
from reseen.web.forms import UNSENT, SentForm
from reseen.web.rendering import page
from reseen.web.service import Served, Service
from reseen.web.speech import N_, Speech, speech_of
from reseen.web.typed_lines import read_each, repositories

router = APIRouter()

SAID = {
    "asked": N_("It is asked for; this page says how far it is."),
    "there": N_("The same was asked for already: this is it."),
    "stopped": N_("It stops in order. The same scan asked for again goes on where it was."),
}
AFTERWARDS = {"there": SAID["there"]}
"""What is still so of a scan that ended: its address goes on carrying the word."""
SAID_OF_ALL = {
    "scheduled": N_("It is set up: the first time is now."),
    "same-schedule": N_("The same is asked for again and again already."),
    "unscheduled": N_("It is stopped, and what it asked for last ends in order."),
}
TITLES = {
    "recheck": N_("Recheck"),
    "read": N_("Reading"),
    "watch": N_("Look at what is new"),
    "scan": N_("Scan"),
    "ask": N_("Question by hash"),
}
"""By the kind of job; of any other it is a scan."""
TYPES = {
    RepoType.MODEL: N_("models"),
    RepoType.DATASET: N_("datasets"),
    RepoType.SPACE: N_("spaces"),
}
_A_PAGE = 50
_MOST_SHOWN = 200
"""Problems and cases on a scan's page."""


@dataclass(frozen=True, slots=True)
class ScanOutcome:
    """What a job's scan covered, what it could not look at, and the cases of what it found."""

    coverage: Coverage | None = None
    problems: tuple[left_out.RecordedProblem, ...] = ()
    problem_count: int = 0
    again: int = 0
    """Listed repositories among what it could not look at: they can be looked at again."""
    cases: tuple[queue.CaseOfScan, ...] = ()
    unlisted: tuple[tuple[str, str], ...] = ()
    """What was named and of which nothing was listed, and why."""


class ScanForm(BaseModel):
    """What is typed to start a scan."""

    hub: str = Field("", max_length=100)
    accounts: str = Field("", max_length=100_000)
    repos: str = Field("", max_length=200_000)
    since: str = Field("", max_length=100)
    types: list[str] = Field([], max_length=3)
    confirm: str = Field(Confirm.HEADER.value, max_length=20)
    everything: str = Field("", max_length=10)
    new: str = Field("", max_length=10)
    """Only what is new since the last time."""
    every: str = Field("", max_length=10)
    """How many hours or days; nothing: once."""
    unit: str = Field("hours", max_length=10)
    refs: str = Field("", max_length=10)


@router.get("/scans")
def show(request: Request, service: Served, who: Reader, before: str = "") -> Response:
    return _shown(request, service, who, UNSENT, before)


def _shown(
    request: Request, service: Served, who: Reader, form: SentForm, before: str = ""
) -> Response:
    speech = speech_of(request)
    skip = min(form_values.number(before, "the page") or 0, 1_000_000)
    with service.store.read() as connection:
        found = jobs.every(connection, most=_A_PAGE + 1, skip=skip)
        repeated = schedules.in_force(connection)
    return page(
        request,
        "scans.html",
        who,
        status=form.status,
        form=form,
        said=SAID_OF_ALL,
        jobs=found[:_A_PAGE],
        goes_on=any(job.ended_at is None for job in found[:_A_PAGE]),
        older_page=skip > 0,
        schedules=repeated,
        every_words=partial(every_words, speech),
        words=partial(job_words, speech),
        words_of=partial(work_words, speech),
        words_of_types=TYPES,
        now=now(),
        older=skip + _A_PAGE if len(found) > _A_PAGE else None,
        may_start=who.role >= Role.LEAD,
        hubs=service.settings.hubs,
        types=list(RepoType),
        confirms=_CONFIRMS,
    )


@router.post("/scans")
def start(
    request: Request, service: Served, who: Lead, typed: Annotated[ScanForm, Form()]
) -> Response:
    form = SentForm(typed.model_dump())
    hub = form.take("hub", lambda: _hub(typed.hub, service), service.settings.hubs[0])
    no_repos: list[tuple[str, RepoType | None]] = []
    no_accounts: list[str] = []
    no_types: list[RepoType] = []
    repos = form.take("repos", lambda: repositories(typed.repos, hub), no_repos)
    authors = form.take(
        "accounts", lambda: read_each(typed.accounts, form_values.account), no_accounts
    )
    since = form.take("since", lambda: form_values.since(typed.since), None)
    types = form.take(
        "types", lambda: form_values.types(typed.types) if typed.types else [], no_types
    )
    target = replace(
        target_naming(repos, types, more=bool(authors or since or typed.everything)),
        authors=tuple(authors),
        since=since,
        everything=bool(typed.everything),
    )
    confirm = form.take("confirm", lambda: form_values.confirm(typed.confirm), Confirm.HEADER)
    what = jobs.scan_of(
        target,
        Options(confirm=confirm, refs=bool(typed.refs)),
        hub=None if hub is service.settings.hubs[0] else hub.name,
    )
    every = form.take("every", lambda: form_values.period(typed.every, typed.unit), None)
    _fits_together(form, typed, target, every)
    if form.wrong:
        return _shown(request, service, who, form)
    if every is not None:
        kind = JobKind.WATCH if typed.new else JobKind.SCAN
        place = form.take(
            "every", lambda: schedules.set_up(service.store, kind, what, every, who), None
        )
        if place is None:
            return _shown(request, service, who, form)
        done = "scheduled" if place[1] else "same-schedule"
        return RedirectResponse(f"/scans?done={done}", status_code=303)
    asked = form.act("", lambda: scans.queue(service.store, what, who))
    if asked is None:
        return _shown(request, service, who, form)
    id, new = asked
    return RedirectResponse(f"/scans/{id}?done={'asked' if new else 'there'}", status_code=303)


def _fits_together(form: SentForm, typed: ScanForm, target: Target, every: int | None) -> None:
    """Say what of the form cannot be meant, where each field alone is right."""
    nothing = not (target.names or target.authors or target.since or target.everything)
    if not form.wrong and nothing:
        form.wrong[""] = InputError(
            "nothing to scan was named",
            remedy="Name an account, a repository, or a date, or tick the whole hub.",
        )
    if target.everything and (target.names or target.authors):
        form.wrong.setdefault("everything", InputError(
            "the whole hub holds what is named",
            remedy="Take the names out, or do not tick the whole hub.",
        ))  # fmt: skip
    if typed.new and typed.every and target.names:
        form.wrong.setdefault("repos", InputError(
            "what is new is looked for at accounts, or at the whole hub",
            remedy="Name accounts, or scan these repositories whole each time.",
        ))  # fmt: skip
    if typed.new and not typed.every:
        form.wrong.setdefault("every", InputError(
            "what is new is looked for again and again", remedy="Say how often.",
        ))  # fmt: skip
    if every is not None and target.since is not None:
        form.wrong.setdefault("since", InputError(
            "a scan that is repeated takes no date",
            remedy="Leave it out, and tick what is new since the last time.",
        ))  # fmt: skip


def _hub(given: str, service: Service) -> HubSettings:
    """A hub of the settings, by its name; the first need not be named."""
    if not given:
        return service.settings.hubs[0]
    for hub in service.settings.hubs:
        if hub.name == given:
            return hub
    raise InputError("there is no such hub", remedy="Choose one of those shown.")


@router.get("/scans/{id}")
def one(request: Request, id: str, service: Served, who: Reader) -> Response:
    """The whole page, or for htmx the part that changes."""
    with service.store.read() as connection:
        job = jobs.look_by_id(connection, id)
        ahead = jobs.ahead_of(connection, job)
        outcome = _outcome(connection, job) or ScanOutcome()
    speech = speech_of(request)
    part = "hx-request" in request.headers
    goes_on = job.state is jobs.JobState.WAITING or job.under_way
    return page(
        request,
        "_scan.html" if part else "scan.html",
        who,
        said=SAID if goes_on else AFTERWARDS,
        job=job,
        words=partial(job_words, speech),
        titles=TITLES,
        asked_hub=_asked_hub(service, job),
        no_account=_NO_ACCOUNT,
        goes_on=goes_on,
        ahead=ahead,
        now=now(),
        coverage=outcome.coverage,
        problems=outcome.problems,
        problem_count=outcome.problem_count,
        again=outcome.again if who.role >= Role.LEAD and job.ended_at is not None else 0,
        most_again=scans.MOST_AGAIN,
        cases=outcome.cases,
        unlisted=outcome.unlisted,
        unjudged=UNJUDGED,
        blind=() if outcome.coverage is None else tally(outcome.coverage.blind),
        case_rungs={int(rung): rung.label for rung in Rung},
        most_shown=_MOST_SHOWN,
        may_stop=who.role >= Role.LEAD and job.state.value in ("waiting", "running"),
    )


@router.post("/scans/{id}/again")
def look_again(id: str, service: Served, who: Lead) -> Response:
    """Ask for a scan of the repositories that this one could not look at in full."""
    again, new = scans.look_again(service.store, id, who)
    return RedirectResponse(f"/scans/{again}?done={'asked' if new else 'there'}", status_code=303)


@router.post("/scans/{id}/stop")
def stop(id: str, service: Served, who: Lead) -> Response:
    stopped = scans.stop(service.store, id, who)
    return RedirectResponse(f"/scans/{stopped}?done=stopped", status_code=303)


@router.post("/schedules/{id}/stop")
def stop_schedule(id: str, service: Served, who: Lead) -> Response:
    schedules.stop(service.store, id, who)
    return RedirectResponse("/scans?done=unscheduled", status_code=303)


def _asked_hub(service: Service, job: Job) -> str:
    """What the store calls the hub that was asked by hash; "" of other jobs, and where the settings
    no longer name it."""
    named = [hub for hub in service.settings.hubs if hub.name == job.what.get("hub")]
    return stored_name(named[0]) if job.kind is JobKind.ASK and named else ""


_CONFIRMS = (
    (Confirm.HEADER.value, N_("its header: cheap")),
    (Confirm.FULL.value, N_("every byte: sure")),
    (Confirm.NONE.value, N_("nothing: what the hub says")),
)


def job_words(speech: Speech, job: Job) -> Markup:
    """What it looks at, in a few words; foreign text is made visible."""
    return work_words(speech, job.kind, job.what)


def every_words(speech: Speech, seconds: int) -> str:
    """ "day", "6 hours"."""
    count = seconds // (86_400 if seconds % 86_400 == 0 else 3_600)
    if seconds % 86_400 == 0:
        if count == 1:
            return speech.pgettext("every", "day")
        return speech.ngettext("%(count)s day", "%(count)s days", count, count=count)
    if count == 1:
        return speech.pgettext("every", "hour")
    return speech.ngettext("%(count)s hour", "%(count)s hours", count, count=count)


def work_words(speech: Speech, kind: JobKind, what: Mapping[str, Any]) -> Markup:
    """What such work looks at."""
    gettext, number = speech.gettext, speech.number
    hub = visible(str(what.get("hub") or ""))
    if kind is JobKind.RECHECK:
        account = what.get("account")
        if account:
            return gettext("Known sightings of %(account)s", account=visible(str(account)))
        return gettext("Known sightings")
    if kind is JobKind.ASK:
        return gettext("Copies of removals, by hash, at %(hub)s", hub=hub)
    named = [*(what.get("repos") or ()), *(repo for _, repo in what.get("typed") or ())]
    if kind is JobKind.READ and not named:
        return gettext("Known copies that are not read, at %(hub)s", hub=hub)
    parts: list[str] = [gettext("what is new")] if kind is JobKind.WATCH else []
    parts += [gettext("at %(hub)s", hub=hub)] if hub else []
    if what.get("everything"):
        types = ", ".join(speech.fixed(TYPES[RepoType(word)]) for word in what.get("types") or ())
        parts.append(gettext("the whole hub (%(types)s)", types=types))
    accounts = what.get("accounts") or []
    if len(accounts) == 1:
        parts.append(gettext("account %(account)s", account=visible(str(accounts[0]))))
    elif accounts:
        count = len(accounts)
        parts.append(speech.ngettext(
            "%(number)s account", "%(number)s accounts", count, number=number(count)
        ))  # fmt: skip
    if len(named) == 1:
        parts.append(gettext("repository %(repository)s", repository=visible(str(named[0]))))
    elif named:
        count = len(named)
        parts.append(speech.ngettext(
            "%(number)s repository", "%(number)s repositories", count, number=number(count)
        ))  # fmt: skip
    if what.get("since"):
        since = str(what["since"])[:16].replace("T", " ")
        parts.append(gettext("changed since %(moment)s", moment=since))
    return Markup(", ").join(parts) or gettext("nothing")


def _outcome(connection: Connection, job: Job) -> ScanOutcome | None:
    """None while it has no scan."""
    if job.scan_pk is None:
        return None
    covered = rows.coverage(connection, job.scan_pk)
    _, again = left_out.repositories_with_problems(connection, job.scan_pk, most=0)
    return ScanOutcome(
        coverage=covered,
        problems=tuple(islice(left_out.recorded(connection, job.scan_pk), _MOST_SHOWN)),
        problem_count=left_out.count(connection, job.scan_pk),
        again=again if job.kind in scans.AGAIN else 0,
        cases=tuple(queue.of_scan(connection, job.scan_pk, most=_MOST_SHOWN)),
        unlisted=_unlisted(connection, job, Outcome(job.scan_pk, covered)),
    )


_NO_ACCOUNT = N_(
    "Nothing is listed for this account (0 repositories): there is no such account at the hub, "
    "or it shows nothing."
)


def _unlisted(connection: Connection, job: Job, outcome: Outcome) -> tuple[tuple[str, str], ...]:
    """Accounts and repositories that were named and could not be looked at, once that is known,
    each with the reason; "": nothing is listed for it."""
    if job.kind is not JobKind.SCAN or job.under_way or job.state is jobs.JobState.WAITING:
        return ()
    target, _ = jobs.target_of(job.what)
    left = left_out.left_out(connection, outcome, target)
    told = [*left.refused_accounts.items(), *left.refused.items()]
    told += [(account, "") for account in left.empty_accounts]
    return tuple(told[:_MOST_SHOWN])
