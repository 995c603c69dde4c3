"""What people do about notices to hosts."""

from __future__ import annotations

from reseen.operations import jobs
from reseen.operations.jobs import JobKind
from reseen.review import corrections, mail, notice_read, notice_write
from reseen.review.corrections import Correction
from reseen.review.notice_read import Notice
from reseen.review.notice_states import NoticeStep
from reseen.review.roles import Who
from reseen.settings import Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring


def draft(store: Store, hub: str, account: str, who: Who, *, hours: int | None = None) -> str:
    """Put together what is confirmed of an account; the notice's id."""
    with store.write() as connection:
        return notice_write.draft(connection, hub, account, who, hours=hours)


def set_clause(
    store: Store, keyring: Keyring | None, id: str, text: str, who: Who, version: int | None
) -> None:
    """What is asked of the host, and why."""
    with store.write() as connection:
        notice_write.set_clause(connection, keyring, id, text, who, version=version)


def step(store: Store, keyring: Keyring | None, id: str, who: Who, made: NoticeStep) -> None:
    """A person says what became of it."""
    with store.write() as connection:
        notice_write.step(connection, keyring, id, who, made)


def undo(
    store: Store, keyring: Keyring | None, id: str, who: Who, version: int | None, note: str = ""
) -> None:
    """Take back the last step."""
    with store.write() as connection:
        notice_write.undo(connection, keyring, id, who, version=version, note=note)


def take_away(store: Store, keyring: Keyring | None, id: str, form: str, who: Who) -> Notice:
    """The notice as it is to be sent by hand; recorded as an export."""
    with store.write() as connection:
        return notice_write.take_away(connection, keyring, id, form, who)


def take_correction(
    store: Store, keyring: Keyring | None, id: str, form: str, who: Who
) -> Correction:
    """What the host must be told of a notice that is not so, as "text" or "json"; recorded as an
    export."""
    with store.write() as connection:
        return corrections.take_away(connection, keyring, id, form, who)


def send_correction(
    store: Store,
    keyring: Keyring | None,
    settings: Settings,
    id: str,
    to: str,
    who: Who,
    version: int | None,
) -> None:
    """Tell the host by mail; it stands as told when the server took it. Raises MailError."""
    mail.send_correction(store, keyring, settings, id, to, who, version=version or 0)


def corrected(
    store: Store, keyring: Keyring | None, id: str, who: Who, version: int | None, note: str = ""
) -> None:
    """A person told the host what is not so."""
    with store.write() as connection:
        corrections.sent(connection, keyring, id, who, version=version, note=note)


def send(
    store: Store,
    keyring: Keyring | None,
    settings: Settings,
    id: str,
    to: str,
    who: Who,
    made: NoticeStep,
) -> None:
    """Send it by mail; it stands as sent when the server took it. Raises MailError."""
    mail.send(store, keyring, settings, id, to, who, made)


def recheck(store: Store, id: str, who: Who) -> str:
    """Queue a look at everything that is known of the notice's account; the job's id."""
    with store.write() as connection:
        row = notice_read.own_row(connection, id)
        what = {"hub": row.hub, "account": row.account, "most": None}
        return jobs.ask(connection, JobKind.RECHECK, what, who)[0]
