"""Handing a notice, or a correction, to a mail server, when a person presses send.

What comes in: a notice, who presses, one address. What goes out: one mail to that one address, with
the text as its body and the JSON beside it. It promises: nothing is sent without a person, without
RESEEN_SMTP, or in clear text over a network; the notice changes only after the server took the
mail; the whole takes a bounded time.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from reseen.errors import InputError, MailError, SettingsError
from reseen.review import corrections, notice_states, notice_text, notice_write
from reseen.review.corrections import Correction
from reseen.review.notice_read import CORRECTION, SMTP, Notice
from reseen.review.notice_states import NoticeState, NoticeStep
from reseen.review.roles import Role, Who
from reseen.settings import Settings
from reseen.store import audit
from reseen.store.database import Store
from reseen.store.sealing import Keyring

PATIENCE = 20.0
"""Seconds for one answer of the server."""
WHOLE = 60.0
"""Seconds for all of it."""

_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@((?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63})"
)
_PUBLIC = re.compile(r"(?:^|\.)(?:googlegroups\.com|groups\.io|groups\.google\.com|freelists\.org|"
                     r"listserv\..+|lists?\..+|discourse\..+|reply\.github\.com)$")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in."""

    host: str
    port: int
    tls: bool
    """From the first byte on; otherwise by STARTTLS."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def near(self) -> bool:
        """On this machine: clear text does not leave it."""
        return self.host in ("localhost", "127.0.0.1", "::1")


def server_of(url: str) -> Server:
    """smtp://user:password@host:587 or smtps://... Raises SettingsError, without the URL."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        port, host, parts = None, None, urlsplit("")
    if parts.scheme not in ("smtp", "smtps") or not host or parts.path not in ("", "/"):
        raise SettingsError(
            "RESEEN_SMTP is no address of a mail server",
            remedy="Use something like smtp://user:password@mail.example.org:587.",
        )
    tls = parts.scheme == "smtps"
    return Server(
        host=host,
        port=port or (465 if tls else 587),
        tls=tls,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


def address(text: str) -> str:
    """One address of one recipient. Raises InputError: for several, for what is none, and for
    addresses that are read in public."""
    text = text.strip()
    found = _ADDRESS.fullmatch(text)
    if found is None or ".." in text or text.startswith(".") or ".@" in text:
        raise InputError(
            "this is not one mail address", remedy="Give one, like abuse@example.org, and no name."
        )
    if _PUBLIC.search(found[1].lower()):
        raise InputError(
            "this looks like a list that many read, perhaps in public",
            remedy="A notice goes to the host alone: take its own address for reports.",
        )
    return text


def can_send(settings: Settings) -> bool:
    """Whether a mail server and a sender are configured."""
    return bool(settings.smtp and settings.smtp_from)


def send(
    store: Store,
    keyring: Keyring | None,
    settings: Settings,
    id: str,
    to: str,
    who: Who,
    made: NoticeStep,
) -> None:
    """Send it, and say so in its steps. `made` says which version the person saw (of two who press
    at once one sends), and the hours of the clock.

    Raises InputError, Conflict, AccessError, SettingsError; MailError when the server did not take
    it, and then the notice stands as it stood.
    """
    who.must_be(Role.LEAD)
    to = address(to)
    server, sender = _configured(settings)
    notice_states.due(NoticeState.SENT, 0, made.hours)
    with store.write() as connection:
        row = notice_write.seen_as(connection, id, made.version or 0)
        notice_states.check(NoticeState(row.state), NoticeState.SENT)
        ready = notice_write.prepare(connection, keyring, row, who)
        if keyring is None:
            raise notice_write.no_key()
        # From here on whoever saw it before must look again; a crash leaves this line as a trace.
        notice_write.changed(connection, row)
        audit.write(connection, "notice", row.id, actor=who.actor, step="handing-in", how=SMTP)
    hand_in(server, message(ready, sender, to))
    with store.write() as connection:
        row = notice_write.seen_as(connection, id, None)
        step = NoticeStep(NoticeState.SENT, how=SMTP, note=f"To {to}", hours=made.hours)
        notice_write.append(connection, keyring, row, who, step)
        items = len(ready.there)
        audit.write(connection, "export", row.id, actor=who.actor, form=SMTP, items=items)


def send_correction(
    store: Store,
    keyring: Keyring | None,
    settings: Settings,
    id: str,
    to: str,
    who: Who,
    *,
    version: int,
) -> None:
    """Tell the host by mail what is not so of a notice, and say so in its steps, as `send` does
    with the notice itself. Raises as `send` does, and Conflict where there is nothing to
    correct."""
    who.must_be(Role.LEAD)
    to = address(to)
    server, sender = _configured(settings)
    with store.write() as connection:
        row = notice_write.seen_as(connection, id, version)
        ready = corrections.ready(connection, keyring, row.id)
        if keyring is None:
            raise notice_write.no_key()
        notice_write.changed(connection, row)
        audit.write(
            *(connection, "notice", row.id),
            actor=who.actor,
            step="handing-in",
            how=SMTP,
            form=CORRECTION,
        )
    hand_in(server, correction_message(ready, sender, to))
    with store.write() as connection:
        row = notice_write.seen_as(connection, id, None)
        # Of what went out, not of what there is to correct by now: the rest is told the next time.
        corrections.told(connection, keyring, row, who, ready, f"By mail, to {to}")
        corrections.exported(connection, ready, who, SMTP)


def _configured(settings: Settings) -> tuple[Server, str]:
    """The server and the sender. Raises SettingsError where there is none."""
    if not settings.smtp or not settings.smtp_from:
        raise SettingsError(
            "no mail server is configured",
            remedy="Set RESEEN_SMTP and RESEEN_SMTP_FROM, or take the text away.",
        )
    return server_of(settings.smtp), address(settings.smtp_from)


def message(notice: Notice, sender: str, to: str) -> EmailMessage:
    """The mail: its text, and the JSON as a file."""
    mail = _mail(sender, to, notice_text.subject(notice))
    mail.set_content(notice_text.as_text(notice))
    _attach(mail, notice_text.as_json(notice), f"{notice.id}.json")
    return mail


def correction_message(correction: Correction, sender: str, to: str) -> EmailMessage:
    """The mail that tells what is not so: its text, and the JSON as a file."""
    mail = _mail(sender, to, notice_text.correction_subject(correction))
    mail.set_content(notice_text.correction_text(correction))
    name = f"{correction.notice.id}-correction.json"
    _attach(mail, notice_text.correction_json(correction), name)
    return mail


def _mail(sender: str, to: str, subject: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, to
    mail["Subject"] = subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid("reseen", domain=sender.rpartition("@")[2])
    mail["Auto-Submitted"] = "no"
    return mail


def _attach(mail: EmailMessage, value: str, name: str) -> None:
    mail.add_attachment(value.encode(), maintype="application", subtype="json", filename=name)


def hand_in(server: Server, mail: EmailMessage) -> None:
    """Raises MailError when the server did not take it, in bounded time."""
    held: list[socket.socket] = []

    def enough() -> None:
        for each in held:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(WHOLE, enough)
    timer.daemon = True
    timer.start()
    try:
        with _connected(server) as connection:
            if connection.sock is not None:
                held.append(connection.sock)
            if not (server.tls or server.near):
                connection.starttls(context=ssl.create_default_context())
                held[:] = [connection.sock] if connection.sock is not None else []
            if server.user is not None:
                connection.login(server.user, server.password or "")
            refused = connection.send_message(mail)
            if refused:
                raise MailError("the mail server does not take mail for this address")
    except smtplib.SMTPNotSupportedError:
        raise MailError(
            "the mail server offers no encryption, or no way to sign in",
            remedy="Use another one: notices do not travel in clear text.",
        ) from None
    except smtplib.SMTPAuthenticationError:
        raise MailError(
            "the mail server refuses the user or the password", remedy="Check RESEEN_SMTP."
        ) from None
    except smtplib.SMTPRecipientsRefused:
        raise MailError(
            "the mail server does not take mail for this address", remedy="Check the address."
        ) from None
    except (smtplib.SMTPException, OSError, ValueError):
        raise MailError(
            "the mail server did not take the mail",
            remedy="Nothing changed: try again, or take the text away.",
        ) from None
    finally:
        timer.cancel()


def _connected(server: Server) -> smtplib.SMTP:
    if server.tls:
        context = ssl.create_default_context()
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=PATIENCE, context=context
        )
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=PATIENCE)
    connection.ehlo_or_helo_if_needed()
    return connection
