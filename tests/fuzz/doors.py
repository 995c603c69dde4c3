"""What comes in at the doors of a service: bodies of checks, uploads, webhooks, forms; and what the
gate answers to its own client."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qsl

import httpx2
from tests.fuzz import chance
from tests.fuzz.cells import day, link
from tests.fuzz.chance import (
    JSON_WORDS,
    MARKER,
    digits,
    json_text,
    json_value,
    mutated,
    number_text,
    sum_of,
    word,
)
from tests.fuzz.hub_answers import run
from tests.fuzz.play import Broken, FuzzedReader

from reseen import client
from reseen.client import Digests, Gate
from reseen.errors import InputError, ReseenError
from reseen.gate import front, keys, questions, upload, upload_process
from reseen.gate.front import Admission
from reseen.gate.gate import GateConfig, GateProcess
from reseen.gate.keys import Key, KeyScope
from reseen.gate.upload_work import to_json
from reseen.hubs.huggingface_addresses import HuggingFaceAddresses
from reseen.records import Container, Fingerprint, LfsPointer
from reseen.registry.never_read import NOTHING
from reseen.review.case_filter import CaseFilter
from reseen.settings import HubSettings, Settings
from reseen.web import form_values, hooks, typed_lines
from reseen.web.pages.queue_address import QueueAddress, came_from

_WORDS = (*JSON_WORDS, b'"files"', b"\xff", b"1e999")
logging.getLogger("python_multipart").setLevel(logging.ERROR)  # as `gate.routes.add_gate` does
_HUB = HubSettings("huggingface", "https://hub.example")
_SECRET = keys._text(bytes(32))
_KEY = Key("ky-1", "x", frozenset(KeyScope), keys.FASTEST, datetime(2026, 1, 1, tzinfo=UTC))


@cache
def _admission() -> Admission:
    """A gate that has loaded an empty registry, and the canary."""
    nowhere = Path("/nonexistent")
    gate = GateProcess(
        Settings(home=nowhere, db="sqlite:////nonexistent/x", key_file=nowhere / "k", hubs=(_HUB,))
    )
    gate._loaded = True
    hashed = keys.hashed(_SECRET)
    assert hashed is not None
    gate.known = GateConfig(keys={hashed: _KEY})
    return Admission(gate)


# -- checks ---------------------------------------------------------------------------------------


def _stated(rng: Random) -> object:
    found: dict[str, object] = {}
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        name = rng.choice(
            [
                *questions.KINDS,
                "size",
                "pointer",
                "sha256",
                "x" if chance.chance(rng, 6) else "sha256",
            ]
        )
        kind = questions.KINDS.get(name)
        usual: object = (
            digits(rng, 2 * kind.length if kind else 40)
            if not chance.chance(rng, 20)
            else digits(rng)
        )
        if name == "size":
            usual = rng.choice(
                (0, 5.0, 2**63 - 1, 2**63, -1, 1e300, True, 10**400, chance.number(rng) % 10**4000)
            )
        found[name] = json_value(rng) if chance.chance(rng, 20) else usual
    return found if not chance.chance(rng, 20) else json_value(rng)


def _check_body(rng: Random) -> bytes:
    if chance.chance(rng, 3):
        value = _stated(rng)
    else:
        files = [_stated(rng) for _ in range(rng.choice((0, 1, 2, 3)))]
        value = {"files": files if not chance.chance(rng, 20) else json_value(rng)}
        if chance.chance(rng, 15):
            value[word(rng)] = 1
    data = json_text(value, rng).encode("utf-8", "surrogatepass")
    return mutated(data, rng, _WORDS) if chance.chance(rng, 6) else data


@dataclass(frozen=True)
class Request:
    headers: tuple[tuple[bytes, bytes], ...]
    pieces: tuple[bytes, ...]
    ends: bool
    """False: who asks hangs up before the end."""


def check(rng: Random) -> Request:
    data = _check_body(rng)
    said = [
        (b"authorization", b"Bearer " + _SECRET.encode()),
        (b"content-type", b"application/json"),
    ]
    if chance.chance(rng, 8):
        odd = word(rng).encode("latin-1", "replace")
        said[rng.randrange(2)] = rng.choice(
            (
                (b"authorization", b"Bearer " + odd),
                (b"authorization", odd),
                (b"content-type", b"application/json; charset=" + odd),
                (b"content-type", odd),
                (b"x", odd),
                (b"authorization", b"bearer  " + _SECRET.encode() + b" "),
            )
        )
    if chance.chance(rng, 30):
        said.append(rng.choice(said))
    return Request(tuple(said), _cut(data, rng), not chance.chance(rng, 20))


def _cut(data: bytes, rng: Random) -> tuple[bytes, ...]:
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((0, 0, 0, 1, 3))))
    return tuple(data[a:b] for a, b in zip((0, *cuts), (*cuts, len(data)), strict=True))


class _Caller:
    """Who asks: gives the pieces, and keeps what is answered."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.at = 0
        self.status = 0
        self.body = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def scope(self, path: str) -> dict[str, Any]:
        return {
            "type": "http",
            "method": "POST",
            "path": path,
            "headers": list(self.request.headers),
        }

    async def receive(self) -> dict[str, Any]:
        at, self.at = self.at, self.at + 1
        if at >= len(self.request.pieces):
            return {"type": "http.disconnect"}
        more = at + 1 < len(self.request.pieces) or not self.request.ends
        return {"type": "http.request", "body": self.request.pieces[at], "more_body": more}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], message["headers"]
        self.body += message.get("body", b"")


def read_check(request: Request) -> object:
    """From its head to its answer; what is answered is JSON, and says nothing that was sent."""
    caller = _Caller(request)
    run(front.answer_check(_admission(), caller.scope("/v1/check"), caller.receive, caller.send))
    if not caller.status:
        return "gone"
    told = json.loads(caller.body)
    if dict(caller.headers)[b"content-length"] != b"%d" % len(caller.body):
        raise Broken("an answer of another length than it says")
    if caller.status >= 500:
        raise Broken(f"answered with {caller.status}")
    if MARKER.encode() in caller.body:
        raise Broken("an answer holds the input's words")
    return caller.status, told.get("results"), told.get("detail")


# -- uploads --------------------------------------------------------------------------------------

_MODEL = (
    b"\x40\0\0\0\0\0\0\0"
    + b'{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'.ljust(64)
    + b"data"
)


def _form(rng: Random, data: bytes, boundary: bytes) -> bytes:
    name = rng.choice((b"file", b"file", b"file", b"other", b'fi"le', b""))
    lines = [
        b'Content-Disposition: form-data; name="'
        + name
        + b'"; filename="'
        + word(rng).encode("utf-8", "replace")
        + b'"'
    ]
    if chance.chance(rng, 2):
        lines.append(
            rng.choice(
                (
                    b"Content-Type: application/octet-stream",
                    b"Content-Encoding: gzip",
                    b"Content-Transfer-Encoding: base64",
                    b"Content-Transfer-Encoding: binary, 8bit",
                    b"X: " + b"y" * 9000,
                    b"no colon",
                    b": x",
                    b"Content-Disposition: form-data",
                )
            )
        )
    if chance.chance(rng, 8):
        rng.shuffle(lines)
    one = b"--" + boundary + b"\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + data + b"\r\n"
    again = one if chance.chance(rng, 10) else b""
    end = rng.choice(
        (b"--" + boundary + b"--\r\n",) * 6
        + (b"--" + boundary + b"--", b"", b"--" + boundary + b"\r\n")
    )
    return one + again + end + rng.choice((b"", b"", b"", b"epilogue"))


def upload_request(rng: Random) -> Request:
    data = rng.choice(
        (_MODEL, b"PK\x03\x04" + bytes(30), rng.randbytes(rng.choice((0, 1, 600))), MARKER.encode())
    )
    kind = rng.choice((b"application/octet-stream", b"multipart/form-data"))
    if kind == b"multipart/form-data":
        boundary = rng.choice(
            (
                b"xyz",
                b"-",
                b"b" * 70,
                word(rng).encode("latin-1", "replace"),
                digits(rng, 32).encode("latin-1", "replace"),
            )
        )
        data = _form(rng, data, boundary)
        kind += (
            rng.choice((b"; boundary=", b'; boundary="', b";boundary*=utf-8''", b"; x=")) + boundary
        )
    if chance.chance(rng, 6):
        data = mutated(data, rng, (b"\r\n", b"--", b"\r\n\r\n", b":", b'"', b"\0"))
    length = str(len(data)) if not chance.chance(rng, 10) else number_text(rng)[:40]
    said = [(b"content-type", kind), (b"content-length", length.encode("latin-1", "replace"))]
    if chance.chance(rng, 8):
        said.append(
            rng.choice(
                (
                    (
                        b"content-encoding",
                        rng.choice((b"gzip", b"identity", b"identity, gzip", b"", b",", b"\xff")),
                    ),
                    (b"content-range", b"bytes 0-1/2"),
                    (b"content-transfer-encoding", b"base64"),
                    (b"content-type", word(rng).encode("latin-1", "replace")),
                )
            )
        )
    if chance.chance(rng, 30):
        del said[0]
    return Request(tuple(said), _cut(data, rng), not chance.chance(rng, 20))


def read_upload(request: Request) -> object:
    """An upload from its head to the bytes of the one file that is in it."""
    caller = _Caller(request)

    async def work() -> object:
        length, kind, options = upload._head(caller.scope("/v1/check/file"))
        body = upload._body(caller.receive, length)
        size, chunks = length, body
        if kind == b"multipart/form-data":
            size, chunks = await upload._opened(body, options.get(b"boundary") or b"-", length)
        return size, await _all(chunks)

    size, data = run(work())
    if len(data) > sum(map(len, request.pieces)):
        raise Broken("more comes out of an upload than went in")
    return size, sum_of(data)


async def _all(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


@dataclass(frozen=True)
class Told:
    """A word of the process that reads an upload: who controls the file may have broken it."""

    line: bytes


_FINGERPRINT = Fingerprint(
    size=3,
    container=Container.SAFETENSORS,
    digests=(),
    layout=bytes(32),
    no_sketch="x",
    other_sketches=(b"RSK",),
    pointer=LfsPointer(bytes(32), 3),
)


def upload_word(rng: Random) -> Told:
    def odd(usual: object) -> object:
        return json_value(rng) if chance.chance(rng, 12) else usual

    digest = [odd(1), odd(digits(rng, 64))]
    read = {name: odd(value) for name, value in to_json(_FINGERPRINT).items()}
    read["digests"] = odd([odd(digest)])
    read["blind"] = odd([odd(["code", "reason", 1])])
    words: tuple[dict[str, object], ...] = (
        {"fingerprint": odd(read)},
        {"fault": odd(["fault", "it failed"])},
        {"never_read": odd(digest)},
        {"ended": odd(rng.choice((0, -9, 1)))},
        {},
    )
    data = json_text(odd(rng.choice(words)), rng).encode("utf-8", "surrogatepass")
    return Told(mutated(data, rng, _WORDS) if chance.chance(rng, 6) else data)


def read_word(told: Told) -> object:
    said = upload_process._read(told.line)
    if "never_read" in said:
        return upload_process._asks(said, NOTHING)
    found = upload_process._last_word(said)
    if not isinstance(found.size, int):
        raise Broken("a size that is no number")
    return len(found.digests)


# -- the gate's client ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Answered:
    status: int
    headers: Mapping[str, str]
    data: bytes


def gate_answer(rng: Random) -> Answered:
    def odd(usual: object, one_in: int = 40) -> object:
        if not chance.chance(rng, one_in):
            return usual
        return rng.choice(
            (
                json_value(rng),
                day(rng),
                float("inf"),
                float("nan"),
                10**400,
                -1,
                "",
                "1e999",
                None,
                [],
                {},
            )
        )

    match = {
        "removal": odd("rm-1"),
        "list": odd("x"),
        "rung": odd("bytes"),
        "kind": odd("sha256"),
        "score": odd(1.0),
        "advice": odd("block"),
        "why": odd("it is"),
    }
    result = {"advice": odd("allow"), "matches": odd([odd(match, 20)])}
    value = {
        "version": odd(3),
        "state": odd("live"),
        "as_of": odd("2026-11-28T10:00:00+00:00"),
        "age": odd(0.5),
        "results": odd([odd(result, 20)]),
        "file": odd({"size": 3}),
        "detail": odd(f"no {word(rng)}"),
    }
    for name in rng.sample([*value], rng.choice((0, 0, 0, 1))):
        del value[name]
    data = json_text(odd(value, 20), rng).encode("utf-8", "surrogatepass")
    said = (
        {"Retry-After": rng.choice(("1", number_text(rng)[:400], word(rng)))}
        if chance.chance(rng, 3)
        else {}
    )
    if chance.chance(rng, 15):
        said["Content-Encoding"] = rng.choice(("gzip", "x", "br"))
    return Answered(
        rng.choice((200,) * 20 + (301, 400, 401, 403, 404, 413, 422, 429, 500, 503)), said, data
    )


def read_gate_answer(given: Answered) -> object:
    """What the client makes of it: an answer, or an error of ours."""

    def respond(_: httpx2.Request) -> httpx2.Response:
        said = [
            (n.encode(), v.encode("latin-1", "replace").translate(None, b"\r\n\0"))
            for n, v in given.headers.items()
        ]
        return httpx2.Response(given.status, headers=said, stream=httpx2.ByteStream(given.data))

    usual, client._sleep = client._sleep, _no_sleep
    try:
        with Gate(
            "https://gate.example", "rsk_x", attempts=2, transport=httpx2.MockTransport(respond)
        ) as gate:
            told = gate.check(Digests(sha256="00" * 32))
    finally:
        client._sleep = usual
    return told.version, told.live, told.age, len(told.results)


def _no_sleep(seconds: float) -> None:
    if not 0 <= seconds <= client.LONGEST_WAIT:
        raise Broken("a header makes the client wait for ever")


# -- webhooks and forms ---------------------------------------------------------------------------


def hook(rng: Random) -> bytes:
    def odd(usual: object) -> object:
        return json_value(rng) if chance.chance(rng, 15) else usual

    name = rng.choice(("account-01/copy", "bare", "../x", f"a/{word(rng)}", "a/b/c", ""))
    value = {
        "event": odd(
            {
                "action": odd(rng.choice(("update", "create", "delete", "move"))),
                "scope": odd(rng.choice(("repo", "repo.content", "discussion"))),
            }
        ),
        "repo": odd(
            {"type": odd(rng.choice(("model", "dataset", "space", "x"))), "name": odd(name)}
        ),
        "movedTo": odd({"name": odd(name)}),
    }
    data = json_text(odd(value), rng).encode("utf-8", "surrogatepass")
    return mutated(data, rng, _WORDS) if chance.chance(rng, 6) else data


def read_hook(data: bytes) -> object:
    named = hooks.repository_of(data)
    if named is not None:
        named[1].encode("ascii")
    return sum_of(named)


@dataclass(frozen=True)
class FormWords:
    first: str
    second: str


_SCANS = (
    "7d",
    "99999d",
    "12h",
    "account-01/copy",
    "datasets/a/b",
    "hf://a/b@main/x",
    "https://hub.example/a/b/tree/main",
    "model",
    "full",
)


def form(rng: Random) -> FormWords:
    makers: tuple[Callable[[Random], str], ...] = (
        word,
        link,
        day,
        number_text,
        lambda r: r.choice(_SCANS),
        lambda r: f"{number_text(r)[:8]}{r.choice('dhm')}",
    )
    two = (rng.choice(makers)(rng), rng.choice(makers)(rng))
    if chance.chance(rng, 4):
        return FormWords(f"{two[0]}\n{two[1]},{word(rng)}", two[1])
    return FormWords(*two)


def read_form(given: FormWords) -> object:
    """Words of a form by whoever may take them."""
    said: list[object] = []
    takers: tuple[Callable[[str], object], ...] = (
        form_values.account,
        form_values.repository,
        lambda text: typed_lines.repositories(text, _HUB),
        lambda text: form_values.since(text) is None,
        lambda text: form_values.types([text]),
        form_values.confirm,
        lambda text: form_values.number(text, "the number"),
    )
    for text in (given.first, given.second):
        for take in takers:
            try:
                said.append(sum_of(take(text)))
            except InputError as error:
                said.append(str(error))
        named = HuggingFaceAddresses("hub.example").named(text)
        said.append(sum_of(named))
        which = CaseFilter.parse(
            dict(parse_qsl(text)) | {"older": text, "rung": text, "text": text}
        )
        said.append(sum_of((which.values(), QueueAddress.of(f"state=open&{text}").values)))
        said.append(sum_of(came_from(text)))
    return said


READERS = (
    FuzzedReader("gate-check", check, read_check),
    FuzzedReader(
        "gate-upload",
        upload_request,
        read_upload,
        passing=(ReseenError, questions.Refused, questions.Gone),
    ),
    # What such a process says is of the uploader's own file, and is told to nobody else.
    FuzzedReader(
        "upload-word", upload_word, read_word, passing=(upload_process.Unjudged,), tells=True
    ),
    FuzzedReader("gate-client", gate_answer, read_gate_answer, tells=True),
    FuzzedReader("webhook", hook, read_hook),
    FuzzedReader("form", form, read_form),
)
