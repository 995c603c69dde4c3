"""The queue: what waits for a decision, and the button that claims the next case.

What comes in: a filter that lives in the address. What goes out: rows, strongest first. The filter
travels along into a case and back as `back`, always parsed anew: nothing else of it is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from reseen.errors import NotFound
from reseen.operations.cases import claim_next
from reseen.records import LADDER, Rung
from reseen.review import cases, decide, saved_filters, users
from reseen.review.batch_decisions import BatchOutcome
from reseen.review.case_filter import CaseFilter
from reseen.review.queue import MOST, Page, QueuePlace, any_at_all, queue
from reseen.review.queue_groups import GroupPage, grouped, groups
from reseen.review.roles import Role, Who
from reseen.review.sample_views import looked_at
from reseen.review.verdicts import Verdict
from reseen.web.access import Reader, Reviewer
from reseen.web.forms import SentForm
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
GROUPINGS = (
    ("", "not grouped"),
    ("bytes", "identical bytes"),
    ("removal", "removal"),
    ("account", "account"),
)
GROUP_WORDS = {
    "bytes": ("group of identical bytes", "groups of identical bytes"),
    "removal": ("removal", "removals"),
    "account": ("account", "accounts"),
}
LIVES = (("live", "yes"), ("gone", "no: gone"), ("any", "any"))


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
    which, by = CaseFilter.parse(address), grouped(address.get("group", ""))
    values = address_of(which, by)
    place = QueuePlace.parse(address.get("after", ""))
    place = QueuePlace.parse(address.get("before", ""), before=True) or place
    one_group = any((which.same, which.removal, which.account))
    with service.store.read() as connection:
        found = queue(
            *(connection, which, who),
            most=MOST if one_group else ROWS,
            place=None if by else place,
        )
        offset = offset_of(address, "offset")
        some = groups(connection, which, by, who, offset=offset, most=ROWS) if by else None
        last = just_done(connection, request, who) if sent.outcome is None else None
        ever = bool(found.total) or any_at_all(connection)
        team = colleagues(connection)
        kept = saved_filters.seen_by(connection, who)
        opened = looked_at(connection, [case.id for case in found.entries], who)

    def at(**more: str) -> str:
        return "/queue?" + urlencode(values | more)

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
        further=further(which),
        groupings=GROUPINGS,
        assigned=[
            *(("", "anybody or nobody"), ("me", "me"), ("nobody", "nobody")),
            *((f"@{name}", name) for name in team if name != who.name),
        ],
        team=team,
        more_open=bool({"live", "mark", "hub", "account", "list", "removal"} & set(values)),
        query=urlencode(values),
        saved=[(one, "/queue?" + urlencode(one.values), one.values == values) for one in kept],
        opened=opened,
        groups=some,
        group_words=GROUP_WORDS.get(by or ""),
        opens=[(group, "/queue?" + urlencode(address_of(group.opens))) for group in some.groups]
        if some
        else [],
        cases=found.entries,
        total=found.total,
        more=found.more,
        refuted=found.refuted,
        first_page=_pages(at, found, offset, some)[0],
        before=_pages(at, found, offset, some)[1],
        after=_pages(at, found, offset, some)[2],
        last_page=_pages(at, found, offset, some)[3],
        undone=last,
        outcome=sent.outcome,
        form=sent.together,
        naming=sent.naming,
        nothing_left="nothing" in request.query_params,
        may_decide=who.role >= Role.REVIEWER,
        cannot=None
        if service.keyring
        else "The key is not on this machine: a reason could not be sealed.",
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


def _pages(
    at: Callable[..., str], found: Page, offset: int, grouping: GroupPage | None
) -> tuple[str | None, ...]:
    """Addresses of the first page, that before, the next and the last; None for what is shown."""
    if grouping is not None:
        end = offset + len(grouping.groups)
        before = at(offset=str(max(offset - ROWS, 0))) if offset else None
        return None, before, at(offset=str(end)) if end < grouping.total else None, None
    return (
        at() if found.back else None,
        at(before=str(found.back)) if found.back else None,
        at(after=str(found.on)) if found.on else None,
        at(before="end") if found.on else None,
    )


def address_of(which: CaseFilter, by: str | None = None) -> dict[str, str]:
    """The values of the queue's address."""
    return which.values() | ({} if by is None else {"group": by})


def colleagues(connection: Connection) -> list[str]:
    """Who may decide, by name."""
    able = (user for user in users.every(connection) if user.role >= Role.REVIEWER)
    return sorted(user.name for user in able if user.disabled_at is None)


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
    which, values = carried(back), carried_values(back)
    claim = claim_next(service.store, which, who, exclude=exclude)
    more = said or {}
    if claim is None:
        return _to("/queue", values | more | {"nothing": ""})
    return _to(f"/cases/{claim.case}", values | more)


def carried(back: str) -> CaseFilter:
    """The filter that came along in an address or a form: of all that stands there, only what a
    filter understands."""
    return CaseFilter.parse(dict(parse_qsl(back)))


def carried_values(back: str) -> dict[str, str]:
    """The same with how the queue was grouped, as values of an address."""
    given = dict(parse_qsl(back))
    return address_of(CaseFilter.parse(given), grouped(given.get("group", "")))


def to_queue(back: str, said: dict[str, str] | None = None) -> Response:
    """Back to the queue as it was."""
    return _to("/queue", carried_values(back) | (said or {}))


def to_case(case: str, back: str, said: dict[str, str] | None = None) -> Response:
    """To a case, from which the same queue is one key away."""
    return _to(f"/cases/{case}", carried_values(back) | (said or {}))


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


def offset_of(address: Mapping[str, str], name: str) -> int:
    """A number in the address; 0 for anything else."""
    given = address.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0
