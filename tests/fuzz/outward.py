"""What stands between the service and people: requests for pages, notices of what strangers named,
and what a mail server answers to one that is handed in."""

from __future__ import annotations

import io
import json
import socket
import tempfile
import unicodedata
from base64 import b64encode
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, unquote, urlencode

import structlog
from fastapi import FastAPI
from tests.fuzz import chance
from tests.fuzz.chance import MARKER, digits, mutated, number_text, word
from tests.fuzz.hub_answers import run
from tests.fuzz.play import Broken, FuzzedReader
from tests.web import cases_made
from tests.web.routes import NEEDS
from tests.web.visitors import Visitor

from reseen.hubs.kinds import address_of
from reseen.records import (
    Confirmed,
    Digest,
    DigestKind,
    Evidence,
    RemovalClass,
    RepoType,
    Rung,
    Sighting,
    SightingState,
)
from reseen.review import correction_text, mail, notice_text
from reseen.review.corrections import Correction
from reseen.review.notice import Item, Notice, Step
from reseen.review.notice_states import NoticeState
from reseen.review.roles import Role
from reseen.settings import Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring
from reseen.web.access.auth_middleware import session_cookie
from reseen.web.app import make_app
from reseen.web.service import Service

# -- requests for pages ---------------------------------------------------------------------------

_DEAR = frozenset({"/sign-in", "/me/password", "/users", "/users/{pk}/password", "/lists/import"})
"""Hash a password, or begin a process: what they read has readers of its own."""
_ROUTES = sorted(
    (method, path)
    for method, path in NEEDS
    if not path.startswith(("/v1/", "/static"))
    and not (method == "POST" and path in (*_DEAR, "/sign-out"))
)
_FIELDS = (
    *("version", "reason", "note", "next", "of", "done", "state", "live", "withdrawn", "files"),
    *("after", "before", "page", "rung", "account", "hub", "list", "class", "name", "role"),
    *(
        "scope",
        "hours",
        "to",
        "clause",
        "verify",
        "sample",
        "case",
        "confirm",
        "refs",
        "target",
        "from",
    ),
    *("since", "q", "who", "action", "days", "rate", "advice", "nothing", "number", "withdraw"),
)
_THERE = tuple(f"there-{what}-{n}" for n in (0, 1) for what in ("case", "removal", "account"))
"""Stand for what the service has."""
_FORM = b"application/x-www-form-urlencoded"
TAG = f"<{MARKER}"
"""Never stands so in a page: it would be a tag."""


@dataclass(frozen=True)
class PageRequest:
    method: str
    path: bytes
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    role: Role
    token: bool
    """With the token of the session's forms."""


def _odd(rng: Random) -> str:
    kind = rng.randrange(6)
    if kind == 0:
        return number_text(rng)
    if kind == 1:
        return digits(rng)
    if kind == 2:
        return f"{TAG} onload=1>{word(rng)}"
    return word(rng)


def _known(rng: Random) -> str:
    """An id that is there, or could be: ids are drawn anew for each store."""
    return rng.choice(
        (*_THERE, "xx-00000000", "cs-00000000", "rm-00000000", "1", "0", "hub.example")
    )


def _pairs(rng: Random) -> list[tuple[str, str]]:
    names = [
        rng.choice(_FIELDS) if not chance.chance(rng, 15) else _odd(rng)
        for _ in range(rng.choice((0, 1, 1, 2, 4)))
    ]
    return [(n, _known(rng) if chance.chance(rng, 3) else _odd(rng)) for n in names]


def _encoded(pairs: list[tuple[str, str]], rng: Random) -> bytes:
    data = urlencode(pairs, errors="surrogatepass").encode()
    if not chance.chance(rng, 6):
        return data
    return mutated(data, rng, (b"&", b"=", b"%", b"%zz", b"+", b";"))


def page_request(rng: Random) -> PageRequest:
    method, template = rng.choice(_ROUTES)
    filled = template
    for name in ("pk", "id", "hub", "account", "removal", "number"):
        put = _known(rng) if chance.chance(rng, 2) else _odd(rng)
        filled = filled.replace(f"{{{name}}}", quote(put, safe="", errors="surrogatepass"))
    path = filled.encode("ascii", "replace")
    if chance.chance(rng, 12):
        path = b"/" + mutated(path[1:], rng, (b"/", b"..", b"%2e", b"%00", b"//"))
    headers = [(b"host", b"testserver"), (b"content-type", _FORM)]
    if chance.chance(rng, 8):
        odd = _odd(rng).encode("latin-1", "replace")
        name = rng.choice((b"accept", b"host", b"cookie", b"content-type", b"hx-request", b"origin",
                           b"referer", b"user-agent", b"content-length", b"range"))  # fmt: skip
        headers.append((name, odd))
    body = b"" if method == "GET" else _encoded(_pairs(rng), rng)
    if chance.chance(rng, 40):
        method = rng.choice(("HEAD", "PUT", "DELETE", "OPTIONS"))
    return PageRequest(
        method=method,
        path=path,
        query=_encoded(_pairs(rng), rng),
        headers=tuple(headers),
        body=body,
        role=rng.choice((Role.READER, Role.REVIEWER, Role.LEAD, Role.ADMINISTRATOR)),
        token=not chance.chance(rng, 8),
    )


@dataclass(frozen=True)
class _Site:
    app: FastAPI
    visitors: dict[Role, Visitor]
    there: dict[str, str]
    """By `_THERE`."""

    def named(self, text: bytes) -> bytes:
        for name, id in self.there.items():
            text = text.replace(name.encode(), id.encode())
        return text


@cache
def _site() -> _Site:
    """A service with two cases, and a browser of each role."""
    home = Path(tempfile.mkdtemp(prefix="site-", dir=chance.folder()))
    settings = Settings.from_environment(
        {"RESEEN_HOME": str(home), "RESEEN_KEY": "5e" * 32, "HF_HOME": str(home / "hf")}
    )
    store = Store(settings.db).__enter__()
    service = Service(
        store=store, settings=settings, keyring=Keyring.for_store(store, settings, create=True)
    )
    made = [cases_made.made(service, n, f"sample-account/{n}") for n in (1, 2)]
    app = make_app(service)
    visitors = {role: Visitor(app, role) for role in Role}
    ids = (id for each in made for id in (each.case, each.removal, each.repo.partition("/")[0]))
    return _Site(app, visitors, dict(zip(_THERE, ids, strict=True)))


@dataclass(frozen=True)
class PageAnswer:
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    log: str


def asked(request: PageRequest) -> PageAnswer:
    """What the service answers to whoever is signed in with the request's role."""
    site = _site()
    browser = site.visitors[request.role]
    name = session_cookie(browser.service)
    cookie = f"{name}={browser.client.cookies[name]}".encode()
    body, path = site.named(request.body), site.named(request.path)
    if request.method == "POST" and request.token:
        body = f"csrf={browser.csrf}&".encode() + body
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(path.decode("ascii", "replace")),
        "raw_path": path,
        "query_string": site.named(request.query),
        "root_path": "",
        "headers": [*request.headers, (b"cookie", cookie)],
        "client": ("127.0.0.1", 5),
        "server": ("testserver", 80),
        "state": {},
    }
    sent: list[Any] = []
    given = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        return given.pop() if given else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    with structlog.testing.capture_logs() as lines:
        run(site.app(scope, receive, send))
    whole = b"".join(message.get("body", b"") for message in sent)
    return PageAnswer(sent[0]["status"], tuple(sent[0]["headers"]), whole, repr(lines))


def read_page(request: PageRequest) -> object:
    """The answer is none of ours that failed, and holds no tag that came with the request."""
    answer = asked(request)
    if MARKER in answer.log:
        raise Broken("a line in the log holds the request's words")
    if answer.status >= 500 and answer.status != 503:
        raise Broken(f"{request.method} of a page was answered with {answer.status}")
    if b"html" in dict(answer.headers).get(b"content-type", b"") and TAG.encode() in answer.body:
        raise Broken("a page holds a tag of the request's")
    if any(MARKER.encode() in name or b"\n" in value for name, value in answer.headers):
        raise Broken("a header of the request's words")
    # What was decided before is decided: only how a request that changes nothing is answered stays.
    return answer.status if request.method == "GET" else None


# -- notices --------------------------------------------------------------------------------------

_HUBS = ("hub.example", "folder", "", "x+hub.example", "huggingface.co", "huggingface+hub.example")


def _moment(rng: Random) -> datetime:
    return datetime.fromtimestamp(rng.randrange(0, 1 << 32), UTC)


def _sighting(rng: Random, hub: str) -> Sighting:
    rung = rng.choice(list(Rung))
    evidence = tuple(
        Evidence(
            rng.choice(list(Rung)), "sketch", "", "A sentence of ours.",
            {"cosine": rng.choice((0.5, 1, -1.0)), "p_value": 1e-30, "agreeing": 0.9},
        )
        for _ in range(rng.randrange(3))
    )  # fmt: skip
    return Sighting(
        id="sg-00000000",
        removal="rm-00000000",
        hub=hub,
        type=rng.choice(list(RepoType)),
        repo=rng.choice((f"{word(rng)}/{word(rng)}", word(rng))),
        revision=rng.choice(("a1" * 20, word(rng), "")),
        ref=rng.choice((None, word(rng))),
        path=rng.choice((word(rng), f"{word(rng)}!{word(rng)}")),
        rung=rung,
        evidence=evidence,
        why="A sentence of ours.",
        state=rng.choice(list(SightingState)),
        confirmed=rng.choice(list(Confirmed)),
        first_seen=_moment(rng),
        last_seen=_moment(rng),
        size=rng.choice((None, 0, 2**63 - 1)),
        declared_sha256=rng.choice((None, "ab" * 32)),
        never_read=chance.chance(rng, 5),
        member=chance.chance(rng, 3),
    )


def _item(rng: Random, hub: str) -> Item:
    sighting = _sighting(rng, hub)
    return Item(
        sighting=sighting,
        case="cs-00000000",
        url=address_of(sighting),
        xet=rng.choice((None, "cd" * 32)),
        git_oid=rng.choice((None, "ef" * 20)),
        read=(Digest(DigestKind.SHA256, bytes(32)),) if chance.chance(rng, 2) else (),
        site=rng.choice((None, word(rng))),
        removed_on=rng.choice((None, date(1, 1, 1), date(2026, 11, 28))),
        cls=rng.choice(list(RemovalClass)),
        reason=chance.chance(rng, 2),
        opened=chance.chance(rng, 2),
        by_reading=chance.chance(rng, 2),
        confirmed_by=rng.choice((None, 1, 2)),
        added_at=rng.randrange(1 << 50),
        stands=not chance.chance(rng, 4),
    )


def notice(rng: Random) -> Notice:
    hub = rng.choice(_HUBS) if not chance.chance(rng, 8) else word(rng)
    steps = tuple(
        Step(
            rng.randrange(1 << 50),
            rng.choice((None, "sample")),
            rng.choice(list(NoticeState)),
            rng.choice((None, "clause", "undo", "smtp")),
            None,
            chance.chance(rng, 4),
        )
        for _ in range(rng.randrange(4))
    )
    return Notice(
        id="nt-00000000",
        hub=hub,
        account=word(rng),
        state=rng.choice(list(NoticeState)),
        created_at=0,
        changed_at=rng.randrange(1 << 50),
        due_at=None,
        version=1,
        items=tuple(_item(rng, hub) for _ in range(rng.randrange(4))),
        steps=steps,
        clause=None,
    )


def read_notice(given: Notice) -> object:
    """Of the words of strangers none makes a line, hides one, or breaks the JSON; what names a file
    does so also where its hub has no pages."""
    plain = replace(given, account="sample", items=())
    correction = Correction(given, given.items, 0, 1 << 40)
    texts = (notice_text.as_text(given), correction_text.as_text(correction))
    heads = (notice_text.subject(given), correction_text.subject(correction))
    for text in (*texts, *heads):
        if any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") and c != "\n" for c in text):
            raise Broken("a notice holds a character that is not seen")
        if any(line.rstrip().endswith(" None") for line in text.split("\n")):
            raise Broken("a notice names None")
    if any("\n" in head for head in heads):
        raise Broken("a subject of two lines")
    usual = notice_text.as_text(plain).count("\n")
    if not given.there and notice_text.as_text(given).count("\n") != usual:
        raise Broken("a notice has a line of somebody else's")
    for text in (notice_text.as_json(given), correction_text.as_json(correction)):
        _strict(text)
    text, beside = notice_text.as_text(given), (f"{given.id}.json", notice_text.as_json(given))
    message = mail.message(
        "a@example.org", "b@example.org", notice_text.subject(given), text, beside
    )
    mail.as_sent(message)
    return len(message["Subject"])


def _strict(text: str) -> None:
    def none_such(name: str) -> object:
        raise Broken(f"JSON with {name}")

    json.loads(text, parse_constant=none_such)


# -- what a mail server answers -------------------------------------------------------------------

_LINES = (
    *("220 sample ESMTP", "250 ok", "250-sample", "250-AUTH PLAIN LOGIN CRAM-MD5", "250 SIZE 1000"),
    *("250-STARTTLS", "250 AUTH=LOGIN", "250-8BITMIME", "250 SMTPUTF8", "354 go on", "235 in"),
    *("334 ", "334 VXNlcm5hbWU6", "421 later", "450 wait", "550 no", "535 no", "503 order", "220"),
    *("250", "99", "abc", "", "1000 x", "250_x", "-250 ok", "٢٥٠ ok"),
)


@dataclass(frozen=True)
class MailAnswers:
    said: bytes
    user: str | None


def mail_answers(rng: Random) -> MailAnswers:
    lines = []
    for usual in ("220 sample", "250-sample", "250 AUTH PLAIN LOGIN CRAM-MD5", "235 in",
                  "250 ok", "250 ok", "354 go on", "250 ok"):  # fmt: skip
        kind = rng.randrange(8)
        if kind == 0:
            lines.append(rng.choice(_LINES))
        elif kind == 1:
            lines.append(f"{number_text(rng)[:30]} {word(rng)}")
        elif kind == 2:
            lines += [f"250-{word(rng)}" for _ in range(rng.randrange(3))]
        elif kind == 3 and chance.chance(rng, 3):
            lines.append("334 " + b64encode(word(rng).encode("utf-8", "replace")).decode())
        elif kind == 4 and chance.chance(rng, 6):
            lines.append("250 " + "x" * rng.choice((500, 8_190, 9_000)))
        else:
            lines.append(usual)
    data = "\r\n".join([*lines, ""]).encode("utf-8", "surrogatepass")
    if chance.chance(rng, 4):
        data = mutated(data, rng, (b"\r", b"\n", b"250 ", b"-", b"\xff"))
    return MailAnswers(data, rng.choice((None, "sample")))


class _Line:
    """A connection whose other end has said it all already."""

    def __init__(self, said: bytes) -> None:
        self.said = io.BytesIO(said)

    def makefile(self, _: str) -> io.BytesIO:
        return self.said

    def sendall(self, data: bytes) -> None:
        if b"Sample person" in data and not data.startswith(b"From"):
            raise Broken("a name went out in a command")

    def shutdown(self, _: int) -> None: ...

    def close(self) -> None: ...


def read_mail_answers(given: MailAnswers) -> object:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.org", "b@example.org", "x"
    message.set_content("One line.\n")
    server = mail.Server("127.0.0.1", 25, False, given.user, "secret")
    with patch.object(socket, "create_connection", lambda *_, **__: _Line(given.said)):
        mail.hand_in(server, message)
    return "taken"


READERS = (
    FuzzedReader("page", page_request, read_page),
    FuzzedReader("notice", notice, read_notice),
    FuzzedReader("mail-server", mail_answers, read_mail_answers),
)
