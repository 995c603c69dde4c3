"""People are told that there is something to do: by mail, and by a signed webhook.

What comes in: the settings. What goes out: jobs (`JobKind.NOTIFY`), one for each way, which the
worker does. It promises: counts and an address, never a name, a place or an id; nothing where there
is nothing to tell; nothing more often than the settings say, however many processes look; and what
could not be handed over is told the next time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from reseen.errors import InputError, MailError, ReseenError, SettingsError, WebhookError
from reseen.operations import jobs, webhook
from reseen.operations.jobs import Job, JobKind, JobState
from reseen.records import Rung
from reseen.review import mail, news
from reseen.review.roles import Who
from reseen.settings import NotifySettings, Settings
from reseen.store.database import Store, now
from reseen.store.lease import SECOND

PAUSES = (2.0, 30.0, 300.0)
"""Seconds before each further try."""
WORDS = {
    "cases": ("new case", "new cases"),
    "scans": ("scan that failed", "scans that failed"),
    "clocks": ("clock of a notice that ran out", "clocks of notices that ran out"),
    "notices": ("notice of which a file came back", "notices of which a file came back"),
}
"""What is told, by its name in the settings: of one, and of several."""


def queue_if_due(store: Store, settings: Settings) -> None:
    """Ask for a notification by each way that has not told lately, where there is something."""
    for way in settings.notify.ways:
        with store.read() as connection:
            due = _due(connection, way, settings.notify)
        if due is None:
            continue
        with store.write() as connection:
            due = _due(connection, way, settings.notify)  # somebody else may have been first
            if due is not None:
                jobs.ask(connection, JobKind.NOTIFY, due, None, key=_key(way))
                jobs.forget(connection)


def send_test(store: Store, settings: Settings, who: Who) -> None:
    """Ask for a test by each way. Raises InputError where there is none, and AccessError."""
    if not settings.notify.ways:
        raise InputError(
            "nobody is notified", remedy="Set RESEEN_NOTIFY_MAIL or RESEEN_NOTIFY_WEBHOOK."
        )
    with store.write() as connection:
        for way in settings.notify.ways:
            what = {"way": way, "test": True, "until": now()}
            jobs.ask(connection, JobKind.NOTIFY, what, who, key=f"{_key(way)} test")


def last_of(connection: Connection, *, most: int = 20) -> list[Job]:
    """The last ones, the newest first."""
    return jobs.of_kind(connection, JobKind.NOTIFY, most=most)


def deliver(settings: Settings, job: Job) -> None:
    """Hand one over. Raises MailError, WebhookError and SettingsError."""
    told = _told(settings, job)
    way, _, number = str(job.what["way"]).partition(" ")
    if way == "mail":
        if int(number) > len(settings.notify.mail):
            raise SettingsError("the settings no longer name whom to tell by mail")
        to = mail.address(settings.notify.mail[int(number) - 1])
        server, sender = mail.configured(settings)
        attached = ("news.json", json.dumps(told))
        text = as_text(job.what, settings)
        mail.hand_in(server, mail.message(sender, to, subject(job.what), text, attached))
        return
    address, secret = settings.notify.webhook, settings.notify.secret
    if not address or not secret:
        raise SettingsError("the settings no longer name a webhook")
    body = json.dumps(told).encode()
    private = settings.notify.private
    webhook.post(address, secret, job.id, now() // SECOND, body, private=private)


def may_be_tried_again(error: ReseenError) -> bool:
    """Whether another try can help."""
    return isinstance(error, MailError | WebhookError)


def subject(what: Mapping[str, Any]) -> str:
    """ "Reseen: 3 new cases, 1 scan that failed"."""
    return f"Reseen: {'a test' if what.get('test') else ', '.join(said(what))}"


def said(what: Mapping[str, Any]) -> list[str]:
    """What is told, in words."""
    counts = {name: int(what.get("counts", {}).get(name, 0)) for name in WORDS}
    return [f"{n:,} {WORDS[name][n != 1]}" for name, n in counts.items() if n]


def as_text(what: Mapping[str, Any], settings: Settings) -> str:
    """The body of a mail."""
    lines = ["This is a test."] if what.get("test") else [f"- {one}" for one in said(what)]
    where = settings.url or "The pages of Reseen"
    return "\n".join([*lines, "", f"{where} {'has' if settings.url else 'have'} the rest.", ""])


def _told(settings: Settings, job: Job) -> dict[str, Any]:
    what = job.what
    counts = {name: int(what.get("counts", {}).get(name, 0)) for name in WORDS}
    since = what.get("since")
    return {
        "type": "reseen.news",
        "timestamp": _instant(what["until"]),
        "data": {
            **counts,
            "since": None if since is None else _instant(since),
            "url": settings.url,
            "test": bool(what.get("test")),
        },
    }


def _due(connection: Connection, way: str, notify: NotifySettings) -> dict[str, Any] | None:
    """What there is to tell by now: all since the last time, however long ago that is."""
    at, every = now(), int(notify.every.total_seconds() * SECOND)
    last = jobs.last_of(connection, JobKind.NOTIFY, _key(way))
    since = at - every
    if last is not None:
        if last.ended_at is None or last.asked_at > at - every:
            return None
        since = last.what["until"] if last.state is JobState.DONE else last.what["since"]
    counts = _counts(connection, notify, since, at)
    if not any(counts.values()):
        return None
    return {"way": way, "counts": counts, "since": since, "until": at}


def _counts(
    connection: Connection, notify: NotifySettings, since: int, until: int
) -> dict[str, int]:
    counts = {}
    if "cases" in notify.about:
        counts["cases"] = news.new_cases(connection, Rung.of(notify.rung), since, until)
    if "scans" in notify.about:
        counts["scans"] = jobs.failed(connection, since, until)
    if "clocks" in notify.about:
        counts["clocks"] = news.clocks_run_out(connection, since, until)
    if "notices" in notify.about:
        counts["notices"] = news.came_back(connection, since, until)
    return counts


def _key(way: str) -> str:
    return f"notify {way}"


def _instant(at: int) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).isoformat()
