"""Handing a mail to a mail server.

What comes in: the server, one mail to one address. What goes out: nothing, when the server took it.
It promises: nothing is sent without RESEEN_SMTP, or in clear text over a network; the whole takes a
bounded time.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from reseen.errors import InputError, MailError, SettingsError
from reseen.settings import Settings

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


def configured(settings: Settings) -> tuple[Server, str]:
    """The server and the sender. Raises SettingsError where there is none."""
    if not settings.smtp or not settings.smtp_from:
        raise SettingsError(
            "no mail server is configured",
            remedy="Set RESEEN_SMTP and RESEEN_SMTP_FROM, or take the text away.",
        )
    return server_of(settings.smtp), address(settings.smtp_from)


def message(
    sender: str, to: str, subject: str, text: str, json_file: tuple[str, str]
) -> EmailMessage:
    """One mail: a text, and the same as a file of JSON (its name and what stands in it)."""
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, to
    mail["Subject"] = subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid("reseen", domain=sender.rpartition("@")[2])
    mail["Auto-Submitted"] = "no"
    mail.set_content(text)
    name, value = json_file
    mail.add_attachment(value.encode(), maintype="application", subtype="json", filename=name)
    return mail


def as_sent(mail: EmailMessage) -> bytes:
    """The bytes that the server is handed."""
    return mail.as_bytes(policy=mail.policy.clone(linesep="\r\n"))


def as_read(content: bytes) -> str:
    """A mail as it was sent, in words: its head, its text decoded, the names of its files."""
    mail = BytesParser(policy=policy.default).parsebytes(content)
    head = [f"{name}: {mail[name]}" for name in ("From", "To", "Subject", "Date") if mail[name]]
    texts, files = [], []
    for part in mail.walk():
        name = part.get_filename()
        if name is not None:
            files.append(f"File: {name}")
        elif part.get_content_maintype() == "text":
            packed = part.get_payload(decode=True)
            texts.append(packed.decode("utf-8", "replace") if isinstance(packed, bytes) else "")
    return "\n".join((*head, *files, "", *texts)).replace("\r\n", "\n")


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
            refused = connection.sendmail(mail["From"], [mail["To"]], as_sent(mail))
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
