"""Sending: one mail to one address, only when a person presses; a failure changes nothing."""

from __future__ import annotations

import email
import email.policy
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest
from tests.review.room import Room
from tests.review.test_notices import confirmed_case, draft, read
from tests.review.test_refuted import REPO, due, sent_notice, settle

from reseen.errors import AccessError, Conflict, InputError, MailError, SettingsError
from reseen.review import correction_text, corrections, mail, sending
from reseen.review.notice_states import NoticeState
from reseen.review.roles import Who
from reseen.review.sending import Mailing
from reseen.settings import Settings


@dataclass
class Got:
    """What a mail server was told."""

    senders: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    refuse: str | None = None
    """The command that is answered with 550."""
    hang_up: bool = False


@contextmanager
def mail_server(**how: object) -> Iterator[tuple[str, Got]]:
    """A tiny SMTP server on loopback: its URL, and what it got."""
    got = Got(**how)  # type: ignore[arg-type]

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            if got.hang_up:
                return
            self.say("220 here")
            while line := self.rfile.readline(4096):
                word = line[:4].upper().decode("ascii", "replace").strip()
                if got.refuse == word:
                    self.say("550 no")
                elif word == "EHLO":
                    self.say("250-here\r\n250 8BITMIME")
                elif word == "MAIL":
                    got.senders.append(line.decode().strip())
                    self.say("250 yes")
                elif word == "RCPT":
                    got.recipients.append(line.decode().strip().lower())
                    self.say("250 yes")
                elif word == "DATA":
                    self.say("354 go on")
                    read = bytearray()
                    while not read.endswith(b"\r\n.\r\n"):
                        part = self.rfile.readline(1 << 16)
                        if not part:
                            return
                        read += part
                    got.mails.append(bytes(read[:-5]))
                    self.say("250 yes")
                elif word == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 yes")

        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"smtp://127.0.0.1:{server.server_address[1]}", got
        finally:
            server.shutdown()
            thread.join()


def send(
    room: Room,
    settings: Settings,
    id: str,
    *,
    who: Who | None = None,
    version: int | None = None,
) -> None:
    version = read(room, id).version if version is None else version
    to = "abuse@example.org"
    mailing = Mailing(id, to, who or room.lea, version)
    sending.send(room.store, room.keyring, settings, mailing, None)


def fallen(room: Room) -> str:
    """A notice that was sent by hand, and of which one file is not what it said."""
    id = sent_notice(room, REPO)
    room.refute(REPO)
    settle(room)
    assert due(room) == [(id, 1)]
    return id


def correct(
    room: Room,
    settings: Settings,
    id: str,
    *,
    who: Who | None = None,
    version: int | None = None,
    to: str = "abuse@example.org",
) -> None:
    seen = read(room, id).version if version is None else version
    who = who or room.lea
    mailing = Mailing(id, to, who, seen)
    sending.send_correction(room.store, room.keyring, settings, mailing)


def configured(settings: Settings, url: str) -> Settings:
    return replace(settings, smtp=url, smtp_from="desk@example.org")


def test_a_notice_is_sent_to_one_address_with_its_text_and_json(
    room: Room, settings: Settings
) -> None:
    confirmed_case(room)
    id = draft(room)
    with mail_server() as (url, got):
        send(room, configured(settings, url), id)
    assert got.recipients == ["rcpt to:<abuse@example.org>"]
    (raw,) = got.mails
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert message["To"] == "abuse@example.org"
    assert id in message["Subject"]
    body = message.get_body(("plain",))
    assert body is not None
    assert "Revision: " in body.get_content()
    (beside,) = message.iter_attachments()
    assert beside.get_filename() == f"{id}.json"
    sent = read(room, id)
    assert sent.state is NoticeState.SENT
    last = sent.steps[-1]
    assert (last.who, last.how, last.note) == ("lea", "smtp", "To abuse@example.org")
    assert [line.details.get("form") for line in room.lines("export")] == ["mail"]
    assert not any("abuse@" in str(line) for line in room.lines())


@pytest.mark.parametrize("how", [{"refuse": "MAIL"}, {"refuse": "RCPT"}, {"hang_up": True}])
def test_a_failure_leaves_the_notice_as_it_stood(
    room: Room, settings: Settings, how: dict[str, object]
) -> None:
    confirmed_case(room)
    id = draft(room)
    before = read(room, id)
    with mail_server(**how) as (url, got):
        with pytest.raises(MailError) as told:
            send(room, configured(settings, url), id)
        assert "example.org" not in str(told.value)
    after = read(room, id)
    assert (after.state, after.steps, after.due_at) == (before.state, before.steps, before.due_at)
    assert got.mails == []
    assert room.lines("export") == []


def test_nobody_listens(room: Room, settings: Settings) -> None:
    confirmed_case(room)
    id = draft(room)
    with mail_server() as (url, _):
        pass
    with pytest.raises(MailError):
        send(room, configured(settings, url), id)
    assert read(room, id).state is NoticeState.DRAFTED


def test_of_two_who_press_at_once_one_sends(room: Room, settings: Settings) -> None:
    confirmed_case(room)
    id = draft(room)
    seen = read(room, id).version
    with mail_server() as (url, got):
        send(room, configured(settings, url), id, version=seen)
        with pytest.raises(Conflict):
            send(room, configured(settings, url), id, version=seen)
    assert len(got.mails) == 1


def test_mail_that_went_out_cannot_be_undone(room: Room, settings: Settings) -> None:
    from tests.review.test_notices import undo

    confirmed_case(room)
    id = draft(room)
    with mail_server() as (url, _):
        send(room, configured(settings, url), id)
    with pytest.raises(InputError, match="cannot be taken back"):
        undo(room, id)


def test_only_a_lead_sends_and_only_where_a_server_is_configured(
    room: Room, settings: Settings
) -> None:
    confirmed_case(room)
    id = draft(room)
    with pytest.raises(SettingsError, match="no mail server"):
        send(room, settings, id)
    with pytest.raises(AccessError):
        send(room, configured(settings, "smtp://127.0.0.1:1"), id, who=room.ann)


@pytest.mark.parametrize(
    "bad",
    [
        *("", "nobody", "a@b", "a b@example.org", "<abuse@example.org>"),
        *("a@example.org,b@example.org", "a@example.org;b@example.org"),
        *("a@example.org\r\nBcc: b@example.org", "a@example.org\nDATA", "a@example.org\x00"),
        *("all@lists.example.org", "group@googlegroups.com", "reply+1@reply.github.com"),
        *('"a"@example.org', "ä@example.org", "a@exämple.org", "a..b@example.org"),
        "a" * 65 + "@example.org",
    ],
)
def test_one_address_and_no_list_and_no_header_of_its_own(bad: str) -> None:
    with pytest.raises(InputError):
        mail.address(bad)


def test_an_address_is_taken_as_it_is() -> None:
    assert mail.address(" abuse+ai@mail.example.org ") == "abuse+ai@mail.example.org"


@pytest.mark.parametrize(
    "url", ["", "http://example.org", "smtp://", "smtp://h:99999", "smtp://h/x", "smtp://[h"]
)
def test_a_server_that_is_none_is_said_without_repeating_it(url: str) -> None:
    with pytest.raises(SettingsError) as told:
        mail.server_of(url or "x")
    assert "99999" not in str(told.value)


def test_a_servers_address_is_read_whole_and_never_printed() -> None:
    server = mail.server_of("smtps://user%40x:p%3Aw@mail.example.org")
    assert (server.host, server.port, server.tls) == ("mail.example.org", 465, True)
    assert (server.user, server.password) == ("user@x", "p:w")
    assert "p:w" not in repr(server)
    assert mail.server_of("smtp://mail.example.org").port == 587


def test_nothing_travels_in_clear_text_to_another_machine(
    monkeypatch: pytest.MonkeyPatch, room: Room, settings: Settings
) -> None:
    monkeypatch.setattr(mail.Server, "near", property(lambda self: False))
    confirmed_case(room)
    id = draft(room)
    with mail_server() as (url, got), pytest.raises(MailError, match="no encryption"):
        send(room, configured(settings, url), id)
    assert got.mails == []
    assert got.senders == []


# -- corrections ---------------------------------------------------------------------------------


def test_a_correction_is_sent_as_a_notice_is(room: Room, settings: Settings) -> None:
    id = fallen(room)
    with mail_server() as (url, got):
        correct(room, configured(settings, url), id)
    assert got.recipients == ["rcpt to:<abuse@example.org>"]
    (raw,) = got.mails
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert message["Subject"].startswith(f"Correction to notice {id}: one file at ")
    body = message.get_body(("plain",))
    assert body is not None
    assert "We read every byte of it: it is another file." in body.get_content()
    (beside,) = message.iter_attachments()
    assert beside.get_filename() == f"{id}-correction.json"
    value = json.loads(beside.get_content())
    assert (value["format"], value["notice"], value["others"]) == ("reseen-correction", id, 0)
    (item,) = value["items"]
    assert item["repo"] == REPO
    assert "it is another file" in item["what_is_so"]
    told = read(room, id)
    last = told.steps[-1]
    assert (last.who, last.how) == ("lea", "correction")
    assert last.note == "By mail, to abuse@example.org"
    assert told.state is NoticeState.SENT
    assert due(room) == [], "nobody is told twice"
    left = room.lines("export")[-1].details
    assert (left["what"], left["how"], left["items"]) == ("correction", "mail", 1)
    assert not any("abuse@" in str(line) for line in room.lines())
    with mail_server() as (url, got), pytest.raises(Conflict, match="nothing of this notice"):
        correct(room, configured(settings, url), id)
    assert not got.mails


@pytest.mark.parametrize("how", [{"refuse": "MAIL"}, {"refuse": "RCPT"}, {"hang_up": True}])
def test_a_correction_that_the_server_did_not_take_is_still_due(
    room: Room, settings: Settings, how: dict[str, object]
) -> None:
    id = fallen(room)
    with mail_server(**how) as (url, _), pytest.raises(MailError):
        correct(room, configured(settings, url), id)
    assert due(room) == [(id, 1)]
    assert read(room, id).steps[-1].how != "correction"
    assert not room.lines("export")


def test_of_two_who_send_a_correction_at_once_one_does(room: Room, settings: Settings) -> None:
    id = fallen(room)
    seen = read(room, id).version
    with mail_server() as (url, got):
        correct(room, configured(settings, url), id, version=seen)
        with pytest.raises(Conflict):
            correct(room, configured(settings, url), id, version=seen)
    assert len(got.mails) == 1


def test_only_a_lead_sends_a_correction_to_one_address_where_a_server_is(
    room: Room, settings: Settings
) -> None:
    id = fallen(room)
    with pytest.raises(AccessError):
        correct(room, configured(settings, "smtp://127.0.0.1:1"), id, who=room.ann)
    with pytest.raises(SettingsError):
        correct(room, settings, id)
    with pytest.raises(InputError):
        correct(room, configured(settings, "smtp://127.0.0.1:1"), id, to="a@b.org, c@d.org")
    assert due(room) == [(id, 1)]


def test_what_falls_while_a_correction_is_on_its_way_is_told_the_next_time(
    room: Room, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = f"{REPO}-other"
    id = sent_notice(room, REPO, other)
    room.refute(REPO)
    settle(room)

    def meanwhile(*_: object) -> None:
        room.refute(other)
        settle(room)

    monkeypatch.setattr(mail, "hand_in", meanwhile)
    correct(room, configured(settings, "smtp://127.0.0.1:1"), id)
    assert due(room) == [(id, 1)]
    with room.store.read() as connection:
        left = corrections.of_notice(connection, room.keyring, id)
    assert left is not None
    assert [item["repo"] for item in json.loads(correction_text.as_json(left))["items"]] == [other]
