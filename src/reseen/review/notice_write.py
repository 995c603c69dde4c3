"""Writing to hosts about what was confirmed: drafting, steps, undoing.

What comes in: a write transaction and who acts. What goes out: rows, each an audit line. It
promises that only what a person confirmed, and what lives, is drafted; that a sighting is in one
open notice at most; that steps are appended and never changed; and that nothing is sent from here
(`sending` hands in, when a person presses send).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from reseen.errors import Conflict, InputError, SealError
from reseen.records import FOLDER, Names
from reseen.review import clauses, confirmed, notice_lines, notice_read, notice_states, sealed_text
from reseen.review.notice import CLAUSE, CLEARED, LEGAL_CLAUSE, SMTP, UNDO, Notice
from reseen.review.notice_lines import NoticeChange
from reseen.review.notice_states import NoticeState, NoticeStep
from reseen.review.pages import has_pages
from reseen.review.roles import Role, Who
from reseen.store import service_schema
from reseen.store.database import chunks, insert_many, now
from reseen.store.sealing import Keyring

BY_HAND = frozenset({"e-mail", "form", "letter", "phone", "text", "json", "other"})
"""How a person says that a step was made; `smtp` is not among them: only sending says that."""


def needs(state: NoticeState) -> Role:
    """Who may make the step into this state: a lead sends; the rest is a reviewer's."""
    outward = (NoticeState.SENT, NoticeState.WITHDRAWN)
    return Role.LEAD if state in outward else Role.REVIEWER


def draft(
    connection: Connection, hub: str, account: str, who: Who, *, hours: int | None = None
) -> str:
    """All that is confirmed and live of this account and in no open notice, as a new notice; into
    the one that is drafted, or that is re-seen, where there is one. Returns its id.

    Raises InputError when there is nothing to write about, AccessError.
    """
    who.must_be(Role.REVIEWER)
    if not has_pages(connection, hub):
        if hub == FOLDER:
            raise InputError("nobody can be written to about a folder", remedy="Delete the files.")
        raise InputError(
            f"{hub} has no pages that are known: nobody can be written to about it",
            remedy="Give --page-template at `reseen sweep import`.",
        )
    row = _open_one(connection, hub, account)
    if row is not None:
        drop_undone(connection, row, who)
    found = confirmed.to_add(connection, hub, account)
    if not found:
        raise InputError(
            "nothing of this account is confirmed, live, and in no open notice",
            remedy="Confirm cases first, or look for the notice that is open.",
        )
    if row is None:
        change = _new(connection, hub, account, who, hours)
    else:
        change = notice_lines.begin(connection, row)
        if row.due_at is None or hours is not None:
            _set(connection, row, due_at=notice_states.due(NoticeState(row.state), now(), hours))
    row, at = change.row, now()
    columns = ("notice_pk", "sighting_pk", "case_pk", "added_at")
    rows = [(row.pk, sighting, case, at) for sighting, case in found]
    insert_many(connection, service_schema.notice_items, columns, rows)
    changed(connection, row)
    change.end(who, step="draft", added=len(rows))
    return str(row.id)


def step(
    connection: Connection, keyring: Keyring | None, id: str, who: Who, made: NoticeStep
) -> Notice | None:
    """What a person did, or heard from the host; of a sending, the notice that was sent.

    Raises Conflict when that is no longer how it stands, or the state cannot follow, or another
    open notice holds one of its files; InputError for a note or a clock that makes no sense;
    SealError when a note cannot be sealed; AccessError.
    """
    who.must_be(needs(made.state))
    if made.how is not None and made.how not in BY_HAND:
        raise InputError("this is no way in which a step is made")
    row = seen_as(connection, id, made.version)
    notice_states.check(NoticeState(row.state), made.state)
    if made.state is NoticeState.WITHDRAWN:
        raise InputError("a notice is withdrawn by telling the host why")
    sent = None
    if made.state is NoticeState.SENT:
        sent = prepare(connection, keyring, row, who)
    append(connection, keyring, row, who, made)
    return sent


def discard(
    connection: Connection,
    keyring: Keyring | None,
    id: str,
    who: Who,
    *,
    version: int | None = None,
) -> None:
    """A draft is not wanted: it holds nothing any more. What was confirmed stays confirmed, and may
    be drafted again. Raises Conflict for what is no draft, or changed; InputError where it holds
    nothing; AccessError."""
    who.must_be(Role.REVIEWER)
    row = seen_as(connection, id, version)
    if NoticeState(row.state) is not NoticeState.DRAFTED:
        raise Conflict(
            "only a draft is discarded: this notice has been sent",
            remedy="Correct or withdraw it.",
        )
    if row.due_at is None:
        raise InputError("this draft holds nothing")
    _give_up(connection, keyring, row, who, "")


def undo(
    connection: Connection,
    keyring: Keyring | None,
    id: str,
    who: Who,
    *,
    version: int | None = None,
    note: str = "",
) -> None:
    """Take the last step back, by another one. Undoing the draft itself lets all its items go.

    Raises InputError where there is nothing to undo, or mail went out; Conflict, also where another
    open notice holds one of its files by now; AccessError.
    """
    who.must_be(Role.REVIEWER)
    row = seen_as(connection, id, version)
    left = notice_read.counting(notice_read.step_rows(connection, row.pk))
    if not left or (len(left) == 1 and row.due_at is None):
        raise InputError("there is no step to undo")
    last = left[-1]
    if last.how == SMTP:
        raise InputError(
            "mail that went out cannot be taken back",
            remedy="Write to the host again, and note here what became of it.",
        )
    who.must_be(needs(NoticeState(last.state)))
    if len(left) == 1:
        _give_up(connection, keyring, row, who, note)
        return
    before = left[-2]
    back = NoticeStep(NoticeState(before.state), how=UNDO, note=note)
    append(connection, keyring, row, who, back, since=before.at)


def set_clause(
    connection: Connection,
    keyring: Keyring | None,
    id: str,
    text: str,
    who: Who,
    *,
    version: int | None = None,
    legal: bool = False,
) -> None:
    """What the notice asks, and why, in a person's words. `legal`: why it is illegal, for a notice
    under Article 16 of the EU's Digital Services Act, which our usual text does not say. Raises
    InputError for a text that cannot go out, for instance because it holds a sealed name; Conflict
    when it was sent already; SealError; AccessError."""
    who.must_be(Role.REVIEWER)
    row = seen_as(connection, id, version)
    if NoticeState(row.state) not in notice_states.CHANGEABLE:
        raise Conflict("this notice was sent: what it says stands", remedy="Draft another one.")
    text = clauses.checked(text)
    if legal and text == clauses.default(row.hub):
        raise InputError(
            "the usual text does not say what is illegal, and why",
            remedy="Write which law it is against, and what makes it so.",
        )
    if keyring is None:
        raise no_key()
    clauses.must_not_name(text, sealed_names(connection, keyring, row.pk))
    beside(connection, keyring, row, who, how=LEGAL_CLAUSE if legal else CLAUSE, note=text)


def to_take_away(
    connection: Connection, keyring: Keyring | None, row: Row[Any], who: Who
) -> Notice:
    """The notice as it leaves the house in a person's hands. Raises as `prepare` does, and
    AccessError."""
    who.must_be(Role.REVIEWER)
    return _ready(connection, keyring, row)


# -- what `sending`, `corrections`, `withdrawals` and `notice_updates` need too -----------


def seen_as(connection: Connection, id: str, version: int | None) -> Row[Any]:
    """The notice's row. Raises NotFound, and Conflict when it is not what the person saw."""
    row = notice_read.own_row(connection, id)
    if version is not None and row.version != version:
        raise Conflict(
            "this notice changed since you looked at it", remedy="Look at it again, then decide."
        )
    return row


def prepare(connection: Connection, keyring: Keyring | None, row: Row[Any], who: Who) -> Notice:
    """The notice before anything goes out: only what is still confirmed and still there is asked
    for, and its clause names nobody (what was added since may have another name).

    Raises Conflict when nothing of it is left; InputError; SealError without the key for a clause
    that a person wrote.
    """
    if NoticeState(row.state) in notice_states.CHANGEABLE:
        drop_undone(connection, row, who)
    return _ready(connection, keyring, row)


def _ready(connection: Connection, keyring: Keyring | None, row: Row[Any]) -> Notice:
    ready = notice_read.by_id(connection, keyring, row.id)
    if not ready.there:
        raise Conflict(
            "nothing of this notice is confirmed and still there",
            remedy="Look at its cases, or let a recheck close it.",
        )
    if ready.clause is None:
        raise no_key()
    if keyring is not None and ready.clause != clauses.default(row.hub):
        clauses.must_not_name(ready.clause, sealed_names(connection, keyring, row.pk))
    return ready


def append(
    connection: Connection,
    keyring: Keyring | None,
    row: Row[Any],
    who: Who | None,
    made: NoticeStep,
    *,
    since: int | None = None,
) -> None:
    """One step, whatever came before it; `who` None: by a recheck. `since`: from when its clock
    runs, where that is not now. Raises Conflict where a closed notice would be open again, and
    another that is open holds one of its files by now."""
    at = now()
    closed = NoticeState(row.state) in notice_states.CLOSED
    if closed and made.state not in notice_states.CLOSED:
        _must_not_ask_twice(connection, row)
    change = notice_lines.begin(connection, row)
    change.step(keyring, who, made, at=at)
    due_at = notice_states.due(made.state, at if since is None else since, made.hours)
    _set(connection, row, state=made.state.value, changed_at=at, due_at=due_at)
    changed(connection, row)
    change.end(who, step=made.state.value, how=made.how)


def beside(
    connection: Connection,
    keyring: Keyring | None,
    row: Row[Any],
    who: Who,
    *,
    how: str,
    note: str = "",
    **details: str,
) -> None:
    """A step that leads to no other state (`notice.ASIDE`)."""
    change = notice_lines.begin(connection, row)
    change.step(keyring, who, _stays(row, how, note))
    changed(connection, row)
    change.end(who, step=how, **details)


def _must_not_ask_twice(connection: Connection, row: Row[Any]) -> None:
    others = notice_read.rivals(connection, row.pk)
    if others:
        raise Conflict(
            f"a file of this notice is in {others[0]} by now, and is asked for in one notice",
            remedy=f"Go on with {others[0]}; or discard it, or withdraw it, first.",
        )


def _stays(row: Row[Any], how: str, note: str) -> NoticeStep:
    """A step that leads to no other state."""
    return NoticeStep(NoticeState(row.state), how=how, note=note)


# -- drafts --------------------------------------------------------------------------------------


def _open_one(connection: Connection, hub: str, account: str) -> Row[Any] | None:
    """The notice that can still be added to: the drafted one before a re-seen one."""
    table = service_schema.notices.c
    states = [state.value for state in notice_states.CHANGEABLE]
    query = (
        select(service_schema.notices)
        .where(table.hub == hub, table.account == account, table.state.in_(states))
        .order_by(table.state, table.pk)
        .limit(1)
    )
    return connection.execute(query).one_or_none()


def _new(
    connection: Connection, hub: str, account: str, who: Who, hours: int | None
) -> NoticeChange:
    at = now()
    row = {
        "id": sealed_text.new_id("nt"),
        "hub": hub,
        "account": account,
        "state": NoticeState.DRAFTED.value,
        "created_at": at,
        "changed_at": at,
        "due_at": notice_states.due(NoticeState.DRAFTED, at, hours),
        "version": 0,
    }
    connection.execute(service_schema.notices.insert(), [row])
    change = notice_lines.new(connection, notice_read.own_row(connection, str(row["id"])))
    change.step(None, who, NoticeStep(NoticeState.DRAFTED), at=at)
    return change


def drop_undone(connection: Connection, row: Row[Any], who: Who | None) -> None:
    """What is no longer confirmed falls out of a notice that can still be changed; what the host
    was told of stays, to be corrected. By a recheck (`who` None), a draft that is left with nothing
    has no clock."""
    table = service_schema.notice_items.c
    query = select(table.sighting_pk).where(table.notice_pk == row.pk)
    sent_at = notice_read.sent_at(connection, row.pk)
    pks = list(
        connection.scalars(query if sent_at is None else query.where(table.added_at > sent_at))
    )
    gone = set(pks) - confirmed.standing(connection, pks).keys()
    if not gone:
        return
    change = notice_lines.begin(connection, row)
    for chunk in chunks(sorted(gone)):
        connection.execute(
            delete(service_schema.notice_items).where(
                table.notice_pk == row.pk, table.sighting_pk.in_(chunk)
            )
        )
    if who is None and row.state == NoticeState.DRAFTED and connection.scalar(query) is None:
        _set(connection, row, due_at=None)
    changed(connection, row)
    change.end(who, step="draft", dropped=len(gone))


def _give_up(
    connection: Connection, keyring: Keyring | None, row: Row[Any], who: Who, note: str
) -> None:
    """The draft was wrong: it holds nothing any more, and waits without a clock."""
    table = service_schema.notice_items
    change = notice_lines.begin(connection, row)
    connection.execute(delete(table).where(table.c.notice_pk == row.pk))
    change.step(keyring, who, _stays(row, CLEARED, note))
    _set(connection, row, due_at=None)
    changed(connection, row)
    change.end(who, step="draft", how=CLEARED)


def _set(connection: Connection, row: Row[Any], **values: object) -> None:
    table = service_schema.notices
    connection.execute(update(table).where(table.c.pk == row.pk).values(**values))


def changed(connection: Connection, row: Row[Any]) -> None:
    """Whoever saw the notice before must look again."""
    table = service_schema.notices
    connection.execute(
        update(table).where(table.c.pk == row.pk).values(version=table.c.version + 1)
    )


def sealed_names(connection: Connection, keyring: Keyring, notice_pk: int) -> list[Names]:
    """What is sealed of the removals that a notice is about: to compare with, never to show."""
    return [
        one for some in notice_read.names(connection, keyring, notice_pk).values() for one in some
    ]


def no_key() -> SealError:
    """What a person writes cannot be kept."""
    return SealError(
        "what you wrote cannot be sealed without the key",
        remedy="Give the service the key in RESEEN_KEY or RESEEN_KEY_FILE.",
    )
