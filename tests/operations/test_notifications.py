"""People are told that there is something to do: counts, to those whom the settings name, signed,
not too often; what could not be handed over is said, and told the next time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from replica.server import Replica
from sqlalchemy import update
from tests.operations.working import until, worker_at
from tests.operations.working import working as at_work
from tests.scan.walking import KEYRING
from tests.web.visitors import user_of

from reseen.errors import AccessError, InputError, ReseenError, SettingsError, WebhookError
from reseen.operations import jobs, notifications, webhook
from reseen.operations.jobs import JobKind, JobState
from reseen.review import mail
from reseen.review.roles import Role
from reseen.settings import NotifySettings, Settings
from reseen.store import service_schema
from reseen.store.database import Store, now

KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
TABLE = service_schema.jobs


class Hook:
    """Whom a webhook tells; answers as it is told to, then with 204."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.taken: list[tuple[dict[str, str], bytes]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.taken.append(({k.lower(): v for k, v in self.headers.items()}, body))
                status = hook.answers.pop(0) if hook.answers else 204
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"{hook.address}/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/hook?token=abc"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.thread.join()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store(url) as opened:
        yield opened


def failed_scan(store: Store) -> None:
    with store.write() as connection:
        id, _ = jobs.ask(connection, JobKind.SCAN, {"accounts": ["Sample-person-23"]}, None)
        ended = {"state": JobState.FAILED.value, "ended_at": now(), "problem": "A test."}
        connection.execute(update(TABLE).where(TABLE.c.id == id).values(**ended))


def asked(store: Store) -> list[jobs.Job]:
    with store.read() as connection:
        return notifications.last_of(connection)


def set_job(store: Store, id: str, **values: Any) -> None:
    with store.write() as connection:
        connection.execute(update(TABLE).where(TABLE.c.id == id).values(**values))


def telling(settings: Settings, **told: Any) -> Settings:
    return replace(settings, notify=NotifySettings(**told))


def test_a_webhook_is_signed_and_its_signature_is_what_the_standard_says(hook: Hook) -> None:
    # The example of the standard's own libraries.
    known = webhook.signature(
        webhook.secret_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert known == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    webhook.post(hook.address, SECRET, "jb-1", 5, b"{}", private=True)
    ((headers, body),) = hook.taken
    digest = hmac.new(KEY, b"jb-1.5." + body, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("jb-1", "5")
    assert headers["host"] == hook.address.split("/")[2]


@pytest.mark.parametrize("status", [302, 307, 400, 500])
def test_an_answer_that_is_not_2xx_is_not_taken_and_followed_nowhere(
    hook: Hook, status: int
) -> None:
    hook.answers = [status]
    with pytest.raises(WebhookError, match=str(status)) as told:
        webhook.post(hook.address, SECRET, "jb-1", 5, b"{}", private=True)
    assert len(hook.taken) == 1
    assert "127.0.0.1" not in f"{told.value} {told.value.remedy}"


@pytest.mark.parametrize(
    "address",
    [
        *("https://127.0.0.1/x", "https://localhost/x", "https://10.0.0.1/x", "https://[::1]/x"),
        *("https://169.254.169.254/latest", "https://192.168.1.1/", "https://[fd00::1]/"),
        *("https://[::ffff:10.0.0.1]/", "https://100.64.0.1/", "https://0.0.0.0/"),
        *("http://example.org/", "ftp://example.org/", "https://a:b@example.org/", "x", "https://"),
    ],
)
def test_no_private_address_and_no_clear_text_is_spoken_to(address: str) -> None:
    with pytest.raises((WebhookError, SettingsError)):
        webhook.post(address, SECRET, "jb-1", 5, b"{}")


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "no base64 at all !!"])
def test_a_weak_secret_signs_nothing(hook: Hook, secret: str) -> None:
    with pytest.raises(SettingsError):
        webhook.post(hook.address, secret, "jb-1", 5, b"{}", private=True)
    assert hook.taken == []


def test_nobody_is_told_by_default_and_nothing_where_there_is_nothing(
    store: Store, settings: Settings
) -> None:
    failed_scan(store)
    notifications.queue_if_due(store, settings)
    assert asked(store) == []
    other = telling(settings, mail=("desk@example.org",), about=("cases",))
    notifications.queue_if_due(store, other)
    assert asked(store) == []


def test_it_is_told_once_in_a_while_and_what_failed_the_next_time(
    store: Store, settings: Settings
) -> None:
    told = telling(settings, mail=("desk@example.org",), every=timedelta(hours=1))
    failed_scan(store)
    for _ in range(3):
        notifications.queue_if_due(store, told)
    (first,) = asked(store)
    assert first.what["counts"] == {"cases": 0, "scans": 1, "clocks": 0, "notices": 0}
    set_job(store, first.id, state="failed", ended_at=now())
    failed_scan(store)
    notifications.queue_if_due(store, told)
    assert len(asked(store)) == 1, "not before an hour is over"
    set_job(store, first.id, asked_at=now() - 3_700 * 10**6)
    notifications.queue_if_due(store, told)
    second = asked(store)[0]
    assert second.what["counts"]["scans"] == 2, "what could not be told is told with the next"
    set_job(store, second.id, state="done", ended_at=now(), asked_at=now() - 3_700 * 10**6)
    notifications.queue_if_due(store, told)
    assert len(asked(store)) == 2, "all was told"


DAY = 86_400 * 10**6


def test_what_came_in_a_long_pause_is_told_after_it(store: Store, settings: Settings) -> None:
    """The service was off, or nothing could be handed over: for weeks, for months."""
    told = telling(settings, mail=("desk@example.org",))
    failed_scan(store)
    notifications.queue_if_due(store, told)
    (first,) = asked(store)
    long_ago = now() - 100 * DAY
    what = json.dumps({**first.what, "until": long_ago})
    set_job(store, first.id, state="done", what=what, asked_at=long_ago, ended_at=long_ago)
    scan = TABLE.c.kind == JobKind.SCAN.value
    with store.write() as connection:
        connection.execute(update(TABLE).where(scan).values(ended_at=now() - 15 * DAY))
        jobs.forget(connection)
    notifications.queue_if_due(store, told)
    assert asked(store)[0].id != first.id
    assert asked(store)[0].what["counts"]["scans"] == 1


def test_the_worker_tells_tries_again_and_says_no_name(
    store: Store,
    settings: Settings,
    replica: Replica,
    hook: Hook,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notifications, "PAUSES", (0.01, 0.01))
    hook.answers = [500]
    failed_scan(store)
    told = telling(settings, webhook=hook.address, secret=SECRET, private=True)
    told = replace(told, url="https://review.example.org")
    with at_work(worker_at(store, KEYRING, told, replica)):
        until(lambda: [job.state for job in asked(store)] == [JobState.DONE])
    (_, first), (_, body) = hook.taken
    assert first == body
    said = json.loads(body)
    assert said["type"] == "reseen.news"
    assert said["data"]["scans"] == 1
    assert said["data"]["url"] == "https://review.example.org"
    assert b"Sample" not in body
    with store.read() as connection:
        assert jobs.every(connection)[0].kind is JobKind.SCAN, "no scan is a notification"


def test_a_mail_says_counts_and_a_test_goes_to_each(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[EmailMessage] = []
    monkeypatch.setattr(mail, "hand_in", lambda server, made: sent.append(made))
    told = telling(settings, mail=("desk@example.org", "lead@example.org"))
    told = replace(told, smtp="smtp://mail.example.org", smtp_from="reseen@example.org")
    failed_scan(store)
    notifications.queue_if_due(store, told)
    for job in asked(store):
        notifications.deliver(told, job)
    assert sorted(each["To"] for each in sent) == ["desk@example.org", "lead@example.org"]
    assert {each["Subject"] for each in sent} == {"Reseen: 1 scan that failed"}
    assert all("Sample" not in each.as_string() for each in sent)
    with store.write() as connection:
        lead = user_of(connection, "lead", Role.LEAD)
        reviewer = user_of(connection, "reviewer", Role.REVIEWER)
    with pytest.raises(AccessError):
        notifications.send_test(store, told, reviewer)
    with pytest.raises(InputError):
        notifications.send_test(store, settings, lead)
    notifications.send_test(store, told, lead)
    tests = [job for job in asked(store) if job.what.get("test")]
    assert [job.asked_by for job in tests] == ["lead"] * 2
    sent.clear()
    notifications.deliver(told, tests[0])
    assert sent[0]["Subject"] == "Reseen: a test"
    with pytest.raises(ReseenError):  # no mail server
        notifications.deliver(replace(told, smtp=None), tests[0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"RESEEN_NOTIFY_ABOUT": "everything"},
        {"RESEEN_NOTIFY_RUNG": "hint"},
        {"RESEEN_NOTIFY_EVERY": "often"},
        {"RESEEN_NOTIFY_WEBHOOK": "https://hook.example.org"},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        Settings.from_environment(wrong)


def test_settings_are_read_and_show_no_secret() -> None:
    found = Settings.from_environment(
        {
            "RESEEN_NOTIFY_MAIL": "desk@example.org, lead@example.org",
            "RESEEN_NOTIFY_WEBHOOK": "https://hook.example.org/token-5",
            "RESEEN_NOTIFY_SECRET": SECRET,
            "RESEEN_NOTIFY_ABOUT": "cases, clocks",
            "RESEEN_NOTIFY_EVERY": "15m",
        }
    ).notify
    assert found.ways == ("mail 1", "mail 2", "webhook")
    assert found.about == ("cases", "clocks")
    assert found.every == timedelta(minutes=15)
    assert SECRET not in repr(found)
    assert "token-5" not in repr(found)
    assert Settings.from_environment({}).notify.ways == ()
