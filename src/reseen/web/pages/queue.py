"""The queue: what waits for a decision, and the button that claims the next case.

What comes in: a filter that lives in the address. What goes out: rows, strongest first. The filter
travels along into a case and back as `back`, always parsed anew: nothing else of it is believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from reseen.errors import NotFound
from reseen.operations.cases import claim_next
from reseen.records import LADDER, Rung
from reseen.review import cases, decide
from reseen.review.queue import CaseFilter, any_at_all, queue
from reseen.review.roles import Role, Who
from reseen.review.verdicts import Verdict
from reseen.web.access import Reader, Reviewer
from reseen.web.pages import words
from reseen.web.rendering import page
from reseen.web.service import Served, Service

router = APIRouter()

ROWS = 50
_LONGEST = 4_000

STATES = (
    ("undecided", "undecided"),
    ("open", "open"),
    ("second", "second pair of eyes"),
    ("decided", "decided"),
    ("any", "any"),
)
RUNGS = (("", "any rung"), *((rung.label, rung.label) for rung in LADDER if rung > Rung.HINT))
CLAIMS = (
    ("", "anybody or nobody"),
    ("nobody", "nobody"),
    ("me", "me"),
    ("other", "somebody else"),
    ("anybody", "anybody"),
)
MARKS = (
    ("", "any"),
    ("fallen", "confirmed, and then refuted"),
    ("refuted", "refuted"),
    ("unsupported", "no longer supported"),
)
LIVES = (("live", "yes"), ("gone", "no: gone"), ("any", "any"))


@router.get("/queue")
def show(request: Request, service: Served, who: Reader) -> Response:
    """The queue, or the part of it that the filter lets through. Showing it writes nothing: what
    scans touched becomes cases by the worker, and when somebody claims the next one."""
    which = CaseFilter.parse(request.query_params)
    with service.store.read() as connection:
        found = queue(connection, which, who, offset=offset_of(request, "offset"), most=ROWS)
        last = just_done(connection, request, who)
        ever = bool(found.total) or any_at_all(connection)
    values = which.values()

    def at(offset: int) -> str:
        return "/queue?" + urlencode({**values, "offset": offset} if offset else values)

    return page(
        request,
        "queue.html",
        who,
        filter={
            "state": which.state,
            "rung": which.rung.label if which.rung else "",
            "claimed": which.claimed or "",
            "live": which.live,
            "mark": which.mark or "",
            "hub": which.hub or "",
            "account": which.account or "",
            "list": which.list or "",
            "removal": which.removal or "",
        },
        states=STATES,
        rungs=RUNGS,
        claims=CLAIMS,
        lives=LIVES,
        marks=MARKS,
        further=further(which),
        more_open=bool({"live", "mark", "hub", "account", "list", "removal"} & set(values)),
        query=urlencode(values),
        cases=found.entries,
        total=found.total,
        refuted=found.refuted,
        first=found.offset + 1 if found.entries else 0,
        last=found.offset + len(found.entries),
        before=at(found.before) if found.before is not None else None,
        after=at(found.next) if found.next is not None else None,
        undone=last,
        nothing_left="nothing" in request.query_params,
        may_decide=who.role >= Role.REVIEWER,
        ever=ever,
        may_lead=who.role >= Role.LEAD,
        key_groups=(words.QUEUE_KEYS, words.EVERYWHERE),
    )


def further(which: CaseFilter) -> list[tuple[str, str, str]]:
    """What the filter asks beyond the fields of the form: each field's name, value and words. The
    figures of the start page lead here with it."""
    words_of = {
        "only": "this rung only",
        "verdict": f"decided: {words.VERDICTS[which.verdict]}" if which.verdict else "",
        "older": f"waiting for {which.older} days and more",
        "decided": f"decided within {which.decided} days",
        "opened": f"opened in the week from {which.opened}",
        "withdrawn": "also of withdrawn removals",
        "text": "ids that begin so",
    }
    values = which.values()
    return [(name, values[name], said) for name, said in words_of.items() if name in values]


@router.post("/queue/next")
def next_case(
    service: Served,
    who: Reviewer,
    back: Annotated[str, Form(max_length=_LONGEST)] = "",
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
    which = carried(back)
    values = which.values()
    claim = claim_next(service.store, which, who, exclude=exclude)
    more = said or {}
    if claim is None:
        return _to("/queue", values | more | {"nothing": ""})
    return _to(f"/cases/{claim.case}", values | more)


def carried(back: str) -> CaseFilter:
    """The filter that came along in an address or a form: of all that stands there, only what a
    filter understands."""
    return CaseFilter.parse(dict(parse_qsl(back)))


def to_queue(back: str, said: dict[str, str] | None = None) -> Response:
    """Back to the queue as it was."""
    return _to("/queue", carried(back).values() | (said or {}))


def to_case(case: str, back: str, said: dict[str, str] | None = None) -> Response:
    """To a case, from which the same queue is one key away."""
    return _to(f"/cases/{case}", carried(back).values() | (said or {}))


def _to(path: str, values: dict[str, str]) -> Response:
    return RedirectResponse(path + ("?" + urlencode(values) if values else ""), status_code=303)


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
    return JustDone(said, row.id, row.version, same and who.role >= Role.REVIEWER)


def said_of(verdict: str, made: decide.Decision) -> dict[str, str]:
    """For the next page's address: what was done, and where. Opaque ids and known words only."""
    return {"done": verdict, "of": made.case, "version": str(made.version)}


def offset_of(request: Request, name: str) -> int:
    """A number in the address; 0 for anything else."""
    given = request.query_params.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0
