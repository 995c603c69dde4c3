"""Scans: started by a lead, watched by everybody who is signed in, stopped by a lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from reseen.errors import InputError
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
from reseen.web import form_values
from reseen.web.access import Lead, Reader
from reseen.web.forms import UNSENT, SentForm
from reseen.web.rendering import page
from reseen.web.service import Served, Service
from reseen.web.typed_lines import read_each, repositories

router = APIRouter()

SAID = {
    "asked": "It is asked for; this page says how far it is.",
    "there": "The same was asked for already: this is it.",
    "stopped": "It stops in order. The same scan asked for again goes on where it was.",
}
AFTERWARDS = {"there": SAID["there"]}
"""What is still so of a scan that ended: its address goes on carrying the word."""
SAID_OF_ALL = {
    "scheduled": "It is set up: the first time is now.",
    "same-schedule": "The same is asked for again and again already.",
    "unscheduled": "It is stopped, and what it asked for last ends in order.",
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
        every_words=every_words,
        words=job_words,
        words_of=work_words,
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
    part = "hx-request" in request.headers
    goes_on = job.state is jobs.JobState.WAITING or job.under_way
    return page(
        request,
        "_scan.html" if part else "scan.html",
        who,
        said=SAID if goes_on else AFTERWARDS,
        job=job,
        words=job_words,
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


_CONFIRMS = (
    (Confirm.HEADER.value, "its header: cheap"),
    (Confirm.FULL.value, "every byte: sure"),
    (Confirm.NONE.value, "nothing: what the hub says"),
)


def job_words(job: Job) -> str:
    """What it looks at, in a few words; foreign text is made visible where it is shown."""
    return work_words(job.kind, job.what)


def every_words(seconds: int) -> str:
    """ "day", "6 hours"."""
    size, unit = (86_400, "day") if seconds % 86_400 == 0 else (3_600, "hour")
    count = seconds // size
    return unit if count == 1 else f"{count:,} {unit}s"


def work_words(kind: JobKind, what: Mapping[str, Any]) -> str:
    """What such work looks at."""
    if kind is JobKind.RECHECK:
        account = what.get("account")
        return f"Known sightings of {account}" if account else "Known sightings"
    named = [*(what.get("repos") or ()), *(repo for _, repo in what.get("typed") or ())]
    if kind is JobKind.READ and not named:
        return f"Known copies that are not read, at {what['hub']}"
    parts: list[str] = ["what is new"] if kind is JobKind.WATCH else []
    parts += [f"at {what['hub']}"] if what.get("hub") else []
    if what.get("everything"):
        types = [f"{word}s" for word in what.get("types") or ()]
        parts.append(f"the whole hub ({', '.join(types)})")
    for given, label in ((what.get("accounts") or [], "account"), (named, "repository")):
        if len(given) == 1:
            parts.append(f"{label} {given[0]}")
        elif given:
            plural = "accounts" if label == "account" else "repositories"
            parts.append(f"{len(given):,} {plural}")
    if what.get("since"):
        parts.append(f"changed since {str(what['since'])[:16].replace('T', ' ')}")
    return ", ".join(parts) or "nothing"


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


_NO_ACCOUNT = (
    "Nothing is listed for this account (0 repositories): there is no such account at the hub, "
    "or it shows nothing."
)


def _unlisted(connection: Connection, job: Job, outcome: Outcome) -> tuple[tuple[str, str], ...]:
    """Accounts and repositories that were named and could not be looked at, once that is known."""
    if job.kind is not JobKind.SCAN or job.under_way or job.state is jobs.JobState.WAITING:
        return ()
    target, _ = jobs.target_of(job.what)
    left = left_out.left_out(connection, outcome, target)
    told = [*left.refused_accounts.items(), *left.refused.items()]
    told += [(account, _NO_ACCOUNT) for account in left.empty_accounts]
    return tuple(told[:_MOST_SHOWN])
