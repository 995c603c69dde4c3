"""One case: what was removed, where it is now, how we know, what else there is, what was done.

What comes in: a case's id, and what a person does about it. What goes out: its page. Names stay
sealed but in the answer to "reveal", which is recorded and is in no other page. Whoever decides on
a case that changed meanwhile gets it as it is now, with what changed and with what they wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from markupsafe import Markup
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from reseen.errors import AccessError, Conflict, InputError, ReseenError, SealError
from reseen.hubs.kinds import stored_name
from reseen.observed import merge_parts
from reseen.observed.merge_parts import PartInFile
from reseen.operations import cases as acts
from reseen.operations import reading
from reseen.records import LADDER, Confirmed, Names, Rung, Sighting
from reseen.registry import removals
from reseen.report import part_picture
from reseen.report.html import CONFIRMED_MEANING, RUNG_MEANING
from reseen.review import case_view, cases, likeness
from reseen.review.case_filter import ALL
from reseen.review.decide import DecidedBy, ShownCase
from reseen.review.queue import Page, queue
from reseen.review.queue_entries import QueueEntry, entries
from reseen.review.roles import Role, Who
from reseen.review.verdicts import UNDO, CaseState, Verdict
from reseen.web import blocks
from reseen.web.access import Reader, Reviewer
from reseen.web.form_values import OF_LINES, Text
from reseen.web.pages import figure_words, words
from reseen.web.pages.queue import go_on, just_done, said_of
from reseen.web.pages.queue_address import Back, QueueAddress, came_from, offset_of, see
from reseen.web.problems import status_of
from reseen.web.rendering import page
from reseen.web.service import Served, Service
from reseen.web.speech import Speech, speech_of
from reseen.web.told_by_rooms import told

router = APIRouter()

_READ = (Confirmed.BYTES, Confirmed.CONTRADICTED)
OTHERS = 8
"""Other cases of the account on a case's page."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a person wrote in a form that could not be taken, and why it could not."""

    route: str
    quick: str = ""
    text: str = ""
    error: ReseenError | None = None
    version: int | None = None
    """Of the case that they saw."""

    @property
    def wrong(self) -> bool:
        """Whether what they wrote is what could not be taken."""
        return isinstance(self.error, InputError)


class DecisionForm(BaseModel):
    """What a person writes to decide, or to take a decision back."""

    version: int = Field(ge=0, le=2**62)
    """Of the case that they saw."""
    back: str = Field("", max_length=4_000)
    quick: Annotated[str, OF_LINES] = Field("", max_length=20_000)
    """The reason that was chosen."""
    reason: Annotated[str, OF_LINES] = Field("", max_length=20_000)
    """What was written to it."""
    then: str = Field("next", max_length=8)

    def why(self) -> str:
        """The chosen reason, and what was written to it. Raises InputError for neither."""
        parts = [part for part in (self.quick.strip(), self.reason.strip()) if part]
        if not parts:
            raise InputError("there is no reason", remedy="Choose one, or say it in a few words.")
        return ": ".join(parts)

    def kept(self, route: str, error: ReseenError) -> Written:
        """What was written, to be shown again with the error."""
        return Written(route, self.quick, self.reason, error, self.version)


@router.get("/cases/{id}")
def show(request: Request, service: Served, who: Reader, id: str) -> Response:
    """The page. Showing it writes nothing."""
    return _page(request, service, who, id, request.url.query)


@router.post("/cases/{id}/look")
def look(service: Served, who: Reviewer, id: str, back: Back = "") -> Response:
    """Open a case that is to be decided together with others: that this person has it before them
    is noted, and its page shown."""
    acts.look(service.store, id, who)
    return _again(id, back)


@router.post("/cases/{id}/reveal")
def reveal_names(
    request: Request, service: Served, who: Reviewer, id: str, back: Back = ""
) -> Response:
    """The page with the removal's names in clear, this once; recorded."""
    names = acts.reveal(service.store, service.keyring, id, who)
    return _page(request, service, who, id, back, names=names)


@router.post("/cases/{id}/claim")
def claim(
    request: Request,
    service: Served,
    who: Reviewer,
    id: str,
    back: Back = "",
    take_over: Annotated[str, Form(max_length=4)] = "",
) -> Response:
    """Hold the case; a lead takes it over from somebody else."""
    try:
        acts.claim(service.store, id, who, take_over=bool(take_over))
    except Conflict as error:
        written = Written("claim", error=error)
        return _page(request, service, who, id, back, written=written)
    return _again(id, back)


@router.post("/cases/{id}/release")
def release(service: Served, who: Reviewer, id: str, back: Back = "") -> Response:
    """Let go of the case."""
    acts.release(service.store, id, who)
    return _again(id, back)


@router.post("/cases/{id}/comment")
def comment(
    request: Request, service: Served, who: Reviewer, id: str, back: Back = "", text: Text = ""
) -> Response:
    """Write something for those who look at it next."""
    try:
        acts.comment(service.store, service.keyring, id, who, text)
    except (InputError, SealError) as error:
        written = Written("comment", text=text, error=error)
        return _page(request, service, who, id, back, written=written)
    return _again(id, back)


@router.post("/cases/{id}/read")
def read(service: Served, who: Reviewer, id: str, back: Back = "") -> Response:
    """Have every byte of its files read, by the worker."""
    with service.store.read() as connection:
        row = cases.row(connection, id)
        (case,) = entries(connection, [row.pk])
    if case.never_read:
        raise InputError(
            "nothing of its files is read: of its class only digests are compared",
            remedy="Decide by what the list says and the hub states.",
        )
    hubs = service.settings.hubs
    place = reading.HubPath(case.hub, case.repo)
    if reading.queue_repository(service.store, hubs, place, who) is None:
        raise InputError("no setting names this hub", remedy="See docs/settings.md about hubs.")
    return _again(id, back)


@router.post("/cases/{id}/undo")
def undo(
    request: Request,
    service: Served,
    who: Reviewer,
    id: str,
    form: Annotated[DecisionForm, Form()],
) -> Response:
    """Take back what was decided last, and show the case as it was."""
    try:
        seen, by = ShownCase(id, form.version), DecidedBy(who, form.why())
        made = acts.undo(service.store, service.keyring, seen, by)
    except (AccessError, Conflict, InputError, SealError) as error:
        return _page(request, service, who, id, form.back, written=form.kept("undo", error))
    return _again(id, form.back, said_of(UNDO, made))


def _decided(choice: words.Choice) -> None:
    """The route of one verdict."""

    def handle(
        request: Request,
        service: Served,
        who: Reviewer,
        id: str,
        form: Annotated[DecisionForm, Form()],
    ) -> Response:
        try:
            seen, by = ShownCase(id, form.version), DecidedBy(who, form.why())
            made = acts.decide(service.store, service.keyring, seen, choice.verdict, by)
        except (AccessError, Conflict, InputError, SealError) as error:
            kept = form.kept(choice.route, error)
            return _page(request, service, who, id, form.back, written=kept)
        said = said_of(choice.verdict, made)
        if form.then == "queue":
            return see(QueueAddress.of(form.back).url(**said))
        return go_on(service, who, form.back, exclude=made.case, said=said)

    router.add_api_route(
        f"/cases/{{id}}/{choice.route}",
        handle,
        methods=["POST"],
        response_model=None,
        name=f"decide {choice.route}",
    )


for _choice in words.CHOICES:
    _decided(_choice)


def _page(
    request: Request,
    service: Service,
    who: Who,
    id: str,
    back: str,
    *,
    names: Names | None = None,
    written: Written | None = None,
) -> Response:
    writes = who.role >= Role.REVIEWER
    here = QueueAddress.of(back)
    with service.store.read() as connection:
        row = cases.row(connection, id)
        case = entries(connection, [row.pk])[0]
        offset = offset_of(request.query_params, "files") // case_view.FILES * case_view.FILES
        files = case_view.files(connection, case.id, offset=offset)
        # Those who read only see that something was written, not what: it can hold a name.
        lines = case_view.history(connection, service.keyring if writes else None, case.id)
        removal = removals.by_id(connection, case.removal)
        stand = cases.stands(connection, [row.pk])[row.pk]
        others = _of_account(connection, case)
        strongest = files.strongest
        like = likeness.of_sighting(connection, strongest.id) if strongest else None
        inside = _inside(connection, strongest)
        hubs = service.settings.hubs
        read_job = reading.last_read_of(connection, hubs, reading.HubPath(case.hub, case.repo))
        last = just_done(connection, request, who) if written is None and names is None else None
    speech = speech_of(request)
    cannot = _cannot(speech, case, who, asked=who.pk in stand.asked)
    if cannot is None and service.keyring is None:
        cannot = speech.gettext("The key is not on this machine: a reason could not be sealed.")
    status = 200
    problem = None
    if written is not None and written.error is not None:
        status = status_of(written.error)
        problem = _problem(speech, written, lines)
    account = f"/accounts/{quote(case.hub, safe='')}/{quote(case.account, safe='')}"
    seen = written.version if written is not None else None
    return page(
        request,
        "case.html",
        who,
        status=status,
        case=case,
        back=here.back,
        here=urlencode(here.values | came_from(back)),
        read_job=read_job,
        may_read=writes
        and not case.never_read
        and case.hub in {stored_name(hub) for hub in hubs}
        and any(file.sighting.confirmed not in _READ for file in files.files),
        may_read_again=writes
        and not case.never_read
        and case.hub in {stored_name(hub) for hub in hubs}
        and any(file.sighting.rung is Rung.REFUTED for file in files.files),
        problem=problem,
        removal=removal,
        names=None if names is None else words.revealed(speech_of(request), names),
        reveals=sum(line.what == "reveal" for line in lines),
        may_reveal=writes and service.keyring is not None,
        has_key=service.keyring is not None,
        may_decide=writes,
        may_take_over=who.role >= Role.LEAD,
        files=files,
        files_before=_files_url(case.id, here.back, offset - case_view.FILES) if offset else None,
        files_after=(
            _files_url(case.id, here.back, offset + case_view.FILES)
            if offset + len(files.files) < files.total
            else None
        ),
        confirmed_words=CONFIRMED_MEANING,
        shown=strongest,
        ladder=_ladder(speech_of(request), strongest),
        likeness=like,
        pictures=[(block, blocks.picture(block.cells)) for block in like.blocks] if like else [],
        legend=blocks.legend(),
        inside=part_picture.picture(inside),
        inside_beside=[part.removal for part in inside[1:]],
        inside_legend=blocks.samples(blocks.STRENGTHS),
        margin_legend=blocks.samples(blocks.MARGINS),
        account_url=account,
        from_account=bool(came_from(back)),
        others=[other for other in others.entries if other.id != case.id][:OTHERS],
        other_total=max(others.total - 1, 0),
        more_others=others.more,
        history=[_line(speech, line, seen, reads=writes) for line in lines],
        cannot=cannot,
        refuted=case.rung is Rung.REFUTED,
        decisions=_decisions(case, written, closed=cannot is not None),
        undo=_undo(speech, lines, case, who, written),
        comment=written if written is not None and written.route == "comment" else Written(""),
        undone=last,
        key_groups=(words.CASE_KEYS, words.EVERYWHERE),
    )


def _again(id: str, back: str, said: dict[str, str] | None = None) -> Response:
    """The page once more; where one came from is one key away, as before."""
    return see(QueueAddress.of(back).url_of_case(id, **came_from(back), **(said or {})))


# -- what the page says --------------------------------------------------------------------------


def _cannot(speech: Speech, case: QueueEntry, who: Who, *, asked: bool) -> Markup | None:
    """Why this person cannot decide this case now; None where they can."""
    if who.role < Role.REVIEWER:
        return speech.gettext("Deciding needs the role reviewer.")
    if case.withdrawn:
        return speech.gettext("The removal was withdrawn: there is nothing to decide.")
    if case.rung is Rung.UNSUPPORTED:
        return speech.gettext("Nothing in force supports it any more: there is nothing to decide.")
    if case.state is CaseState.DECIDED:
        return speech.gettext("It is decided. Undo that first to decide otherwise.")
    if case.claimed_by not in (None, who.name):
        return speech.gettext(
            "%(name)s is working on it. A lead can take it over.", name=case.claimed_by
        )
    if asked:
        return speech.gettext("You asked for a second pair of eyes: somebody else decides.")
    return None


def _decisions(
    case: QueueEntry, written: Written | None, *, closed: bool
) -> list[dict[str, object]]:
    made: list[dict[str, object]] = []
    refuted = case.rung is Rung.REFUTED
    for choice in words.CHOICES:
        if refuted and choice.verdict in (Verdict.CONFIRM, Verdict.ALLOWED):
            continue  # of what is not the removed model neither can be said
        quick = choice.quick_if_refuted if refuted and choice.quick_if_refuted else choice.quick
        proposed = refuted and choice.verdict is Verdict.NOT_THIS_MODEL and not closed
        mine = written is not None and written.route == choice.route
        asked = case.state is CaseState.SECOND and choice.verdict is Verdict.SECOND
        if (case.state is CaseState.DECIDED or asked) and not mine:
            continue
        made.append(
            {
                "words": choice.words,
                "route": choice.route,
                "key": choice.key,
                "means": choice.means,
                "quick": quick,
                "chosen": written.quick if written is not None and mine else quick[0],
                "text": written.text if written is not None and mine else "",
                "wrong": written is not None and mine and written.wrong,
                "open": mine or (proposed and written is None),
                "off": closed,
            }
        )
    return made


def _undo(
    speech: Speech,
    lines: Sequence[case_view.HistoryLine],
    case: QueueEntry,
    who: Who,
    written: Written | None,
) -> dict[str, object] | None:
    """What an undo takes back, if there is anything."""
    standing = [
        line for line in lines if line.id is not None and line.what != UNDO and not line.undone
    ]
    target = next((line for line in standing if not line.automatic), None)
    target = target or next(iter(standing), None)
    if target is None or who.role < Role.REVIEWER:
        return None
    own = target.who == who.name or target.automatic or who.role >= Role.LEAD
    held = case.claimed_by not in (None, who.name)
    mine = written is not None and written.route == "undo"
    return {
        "verdict": target.what,
        "who": target.who,
        "can": own and not held,
        "cannot": (
            speech.gettext("%(name)s is working on it.", name=case.claimed_by)
            if held
            else speech.gettext(
                "It was the decision of %(name)s: they, or a lead, can undo it.", name=target.who
            )
        ),
        "quick": words.UNDO_QUICK,
        "chosen": written.quick if written is not None and mine else words.UNDO_QUICK[0],
        "text": written.text if written is not None and mine else "",
        "wrong": written is not None and mine and written.wrong,
        "open": mine,
    }


def _line(
    speech: Speech, line: case_view.HistoryLine, seen: int | None, *, reads: bool
) -> dict[str, object]:
    notes = []
    if line.automatic:
        notes.append(speech.gettext("by a remembered decision"))
    if line.batch:
        notes.append(speech.gettext("decided together with others"))
    if line.undone:
        notes.append(speech.gettext("undone"))
    if line.text is None and line.what not in ("reveal",) and not line.automatic:
        notes.append(
            speech.gettext("the key is not here")
            if reads
            else speech.gettext("what was written is sealed")
        )
    return {
        "at": line.at,
        "what": words.history(speech, line.who, line.what),
        "text": line.text,
        "note": Markup(", ").join(notes),
        "undone": line.undone,
        "new": seen is not None and line.version is not None and line.version >= seen,
    }


def _problem(
    speech: Speech, written: Written, lines: Sequence[case_view.HistoryLine]
) -> dict[str, object]:
    error, seen = written.error, written.version
    changed = [
        _line(speech, line, seen, reads=True)
        for line in lines
        if seen is not None and line.version is not None and line.version >= seen
    ]
    return {
        "message": speech.gettext("Not done: %(why)s.", why=told(speech, error)),
        "remedy": (error.remedy or "") if error is not None else "",
        "changed": changed if isinstance(error, Conflict) else [],
        "evidence": isinstance(error, Conflict) and "changed" in str(error) and not changed,
        "kept": bool(written.text),
    }


def _ladder(speech: Speech, sighting: Sighting | None) -> list[dict[str, object]]:
    """Every rung, highest first, with the evidence on it."""
    if sighting is None:
        return []
    return [
        {
            "rung": rung,
            "meaning": RUNG_MEANING[rung],
            "evidence": some,
            "holds": any(e in sighting.standing for e in some),
            "figures": (
                [line for e in some for line in figure_words.sentences(speech, e.figures)]
                if rung in (Rung.WEIGHTS, Rung.COMPONENT)
                else []
            ),
        }
        for rung in (*LADDER, Rung.REFUTED)
        for some in [[e for e in sighting.evidence if e.rung is rung]]
    ]


def _inside(connection: Connection, sighting: Sighting | None) -> tuple[PartInFile, ...]:
    """What is inside the file, this removal first; nothing where it is not there as a part."""
    if sighting is None or not any(merge_parts.is_part(e.figures) for e in sighting.standing):
        return ()
    found = merge_parts.of_file(connection, sighting.id)
    return found if found and found[0].removal == sighting.removal else ()


def _of_account(connection: Connection, case: QueueEntry) -> Page:
    which = replace(ALL, hub=case.hub, account=case.account)
    return queue(connection, which, most=OTHERS + 1)


def _files_url(id: str, back: str, offset: int) -> str:
    more = urlencode({"files": offset}) if offset > 0 else ""
    query = "&".join(part for part in (back, more) if part)
    return f"/cases/{id}" + (f"?{query}" if query else "")
