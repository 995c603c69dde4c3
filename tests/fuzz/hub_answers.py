"""What hubs answer: listings, trees, refs, history, refusals, headers, redirects, pages of HTML.

The parsers by themselves; `hub_client` plays whole calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

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
from tests.fuzz.play import Broken, FuzzedReader

from reseen.errors import HubError
from reseen.hubs import answers, paging, ref_answers, refusals
from reseen.hubs.hub import Usage
from reseen.hubs.quota import Quota, retry_after
from reseen.hubs.redirects import may_carry_token, origin, redirected
from reseen.match.name_hints import sha256s_in
from reseen.observed import commit_messages
from reseen.observed.artifacts import commit_bytes
from reseen.records import RepoType

ENDPOINT = "https://hub.example"
REPO = "account-01/copy"
COMMIT = "0123456789abcdef" * 2 + "01234567"


# -- bodies ---------------------------------------------------------------------------------------


def _odd(rng: Random, usual: object, one_in: int = 8) -> object:
    return json_value(rng) if chance.chance(rng, one_in) else usual


def repository(rng: Random) -> object:
    found = {
        "id": _odd(rng, rng.choice((REPO, "b", "x/y.z", "..", "a/b/c", f"a/{word(rng)}"))),
        "sha": _odd(rng, digits(rng, 40)),
        "createdAt": _odd(rng, day(rng)),
        "lastModified": _odd(rng, day(rng)),
        "downloads": _odd(rng, 3),
        "likes": _odd(rng, 0),
        "gated": _odd(rng, rng.choice((False, "auto", "manual"))),
        "disabled": _odd(rng, False),
        "private": _odd(rng, False),
        "usedStorage": _odd(rng, 10**8),
        "_id": _odd(rng, "a" * 24),
        "tags": _odd(rng, [word(rng)]),
        "siblings": _odd(
            rng, [{"rfilename": _odd(rng, "a.safetensors")}, {"rfilename": word(rng)}]
        ),
    }
    for name in rng.sample([*found], rng.choice((0, 0, 1, 4))):
        del found[name]
    return found if not chance.chance(rng, 15) else json_value(rng)


def tree_entry(rng: Random) -> object:
    found = {
        "type": _odd(rng, rng.choice(("file", "file", "file", "directory"))),
        "path": _odd(
            rng,
            rng.choice(
                ("a.safetensors", "b/c.pt", word(rng), "../x", "/x", "a//b", "a\nb", "x" * 5000)
            ),
        ),
        "oid": _odd(rng, digits(rng, 40)),
        "size": _odd(rng, rng.choice((0, 100, 10**9))),
        "lfs": _odd(
            rng,
            {
                "oid": rng.choice((digits(rng, 64), "ab**********cd")),
                "size": _odd(rng, 10**9),
                "pointerSize": 134,
            },
        ),
        "xetHash": _odd(rng, digits(rng, 64)),
    }
    for name in rng.sample([*found], rng.choice((0, 0, 1, 3))):
        del found[name]
    return found if not chance.chance(rng, 15) else json_value(rng)


def refs(rng: Random) -> object:
    def one(kind: str) -> object:
        name = _odd(rng, rng.choice(("main", "refs/pr/1", word(rng), "a/b", "..", "v1")))
        return _odd(
            rng,
            {
                "name": name,
                "ref": f"refs/{kind}/{name}",
                "targetCommit": _odd(rng, digits(rng, 40)),
            },
            15,
        )

    kinds = ("branches", "tags", "converts", "pullRequests")
    found = {kind: _odd(rng, [one(kind) for _ in range(rng.randrange(4))], 12) for kind in kinds}
    return _odd(rng, found, 15)


def commits(rng: Random) -> object:
    return _odd(
        rng,
        [
            _odd(rng, {"id": _odd(rng, digits(rng, 40), 15), "title": word(rng)}, 15)
            for _ in range(rng.randrange(5))
        ],
        12,
    )


def _page(make: Callable[[Random], object]) -> Callable[[Random], object]:
    return lambda rng: _odd(rng, [make(rng) for _ in range(rng.choice((0, 1, 2, 3, 50)))], 12)


_BODIES: Mapping[str, Callable[[Random], object]] = {
    "listing": _page(repository),
    "repository": repository,
    "tree": _page(tree_entry),
    "refs": refs,
    "commits": commits,
    "any": json_value,
}


@cache
def _recorded() -> tuple[bytes, ...]:
    return chance.recorded("replica/recorded", ".json")


_WORDS = (*JSON_WORDS, b'"id"', b'"lfs"')


def body(rng: Random, kind: str) -> bytes:
    if chance.chance(rng, 20):
        page = f"<!doctype html><title>{word(rng)}</title>".encode("utf-8", "replace")
        return rng.choice((page, b"", b"null", b"[]", b"{}", b"Not Found", rng.randbytes(20)))
    text = json_text(_BODIES[kind](rng), rng).encode("utf-8", "surrogatepass")
    return mutated(text, rng, _WORDS) if chance.chance(rng, 8) else text


@dataclass(frozen=True)
class HubAnswer:
    kind: str
    data: bytes


def answer(rng: Random) -> HubAnswer:
    kind = rng.choice([*_BODIES])
    if chance.chance(rng, 30) and _recorded():
        data = rng.choice(_recorded())
        at = rng.randrange(len(data))
        return HubAnswer(kind, mutated(data[at : at + 2000], rng, _WORDS))
    return HubAnswer(kind, body(rng, kind))


def read_answer(given: HubAnswer) -> object:
    """One body by the parsers of its kind."""
    value = answers.parse(given.data)
    if given.kind == "tree":
        page = answers.files("hub.example", RepoType.MODEL, REPO, "main", "main", value)
        for each in page.artifacts:
            each.path.encode()
            sum_of([*sha256s_in(each.path)])
        return sum_of(page.artifacts), [p.reason for p in page.problems]
    if given.kind == "refs":
        found, problems = ref_answers.refs("hub.example", value)
        for one in found:
            (one.ref or "").encode()
            commit_bytes(one.commit)
        return sum_of(found), [p.reason for p in problems]
    if given.kind == "commits":
        told = ref_answers.told_of_commits(value)
        shapes = [commit_messages.shape(each.title) for each in told]
        return sum_of(ref_answers.commits(value)), sum_of(told), shapes
    told = [
        answers.repository("hub.example", RepoType.MODEL, each, access)
        for each in (value if isinstance(value, list) else [value])
        for access in (b"sample access", None)
    ]
    for repo in told:
        repr(repo).encode()
    return sum_of(told), [getattr(each, "reason", "") for each in told]


# -- headers --------------------------------------------------------------------------------------


def _rate(rng: Random) -> str:
    parts = rng.choice(
        (
            '"api";r={n};t={n}',
            '"api";r={n}',
            '"x"',
            "r={n}",
            '"{w}";r={n};t={n};t={n}',
            '"fixed window";"api";q={n};w={n}',
        )
    )
    return ", ".join(
        parts.replace("{n}", number_text(rng)[:30]).replace("{w}", word(rng))
        for _ in range(rng.choice((1, 1, 2, 12)))
    )


def _next(rng: Random) -> str:
    target = rng.choice(
        (
            f"{ENDPOINT}/api/models?cursor={digits(rng)}",
            "/api/models?p=2",
            "?p=2",
            "",
            "http://[::1",
            "//x/?a",
            f"http://hub.example/api/models?limit={number_text(rng)[:20]}&cursor=x",
            link(rng),
            f"?{word(rng)}",
            "?" + "a" * 9000,
            f"{ENDPOINT}:99999/?x=1",
            f"{ENDPOINT}:443/api/models?cursor=b",
            f"https://{MARKER}.example/?cursor=x",
        )
    )
    rel = rng.choice(
        (
            '; rel="next"',
            "; rel=next",
            '; rel="prev"',
            ";rel='next'",
            '; title="a"; rel="next"; x',
            "",
        )
    )
    return rng.choice(("{}", "<x>; rel=prev, {}", "{}, {}", "<{}")).replace(
        "{}", f"<{target}>{rel}"
    )


def _location(rng: Random) -> str:
    return rng.choice(
        (
            f"/api/models/{word(rng)}",
            f"{ENDPOINT}/x",
            "https://cdn.example/x?sig=1",
            "http://cdn.example/",
            "//cdn.example/x",
            "https://user:pw@cdn.example/",
            "https://cdn.example:99999/",
            "https://[::1/",
            "",
            "javascript:1",
            "https:///x",
            "?a",
            link(rng),
            "https://xn--a/",
            "https://\u00e9.example/",
            "https://a..b/",
            "https://" + "a" * 300,
            f"https://{word(rng)}/",
        )
    )


def _date(rng: Random) -> str:
    return rng.choice(
        (
            "Wed, 21 Oct 2026 07:28:00 GMT",
            "Wed, 21 Oct 99999 07:28:00 GMT",
            "21 Oct 2026",
            "1 1 1 1",
            "Wed, 21 Foo 2026 7:8:9 +9999",
            "Wed, 21 Oct 2026 25:61:00 GMT",
            "Mon, 0 Jan 0000 00:00:00 -0000",
            "-",
            ",",
            ":",
            number_text(rng)[:40],
            word(rng),
            day(rng),
        )
    )


def headers(rng: Random) -> dict[str, str]:
    makers: Mapping[str, Callable[[Random], str]] = {
        "Link": _next,
        "RateLimit": _rate,
        "RateLimit-Policy": _rate,
        "Retry-After": _date,
        "Date": _date,
        "Location": _location,
        "X-Total-Count": lambda r: number_text(r)[:40],
        "X-Error-Code": lambda r: r.choice(("GatedRepo", "RepoNotFound", "EntryNotFound", word(r))),
        "X-Error-Message": lambda r: r.choice(
            (
                "Access to this resource is disabled",
                "Invalid credentials in Authorization header",
                word(r),
            )
        ),
        "Content-Range": lambda r: (
            f"bytes {number_text(r)[:20]}-{number_text(r)[:20]}/{number_text(r)[:20] or '*'}"
        ),
    }
    return {name: makers[name](rng) for name in rng.sample([*makers], rng.choice((0, 1, 2, 3, 6)))}


@dataclass(frozen=True)
class Headers:
    status: int
    said: Mapping[str, str]
    asked: str


STATUSES = (
    200,
    200,
    206,
    301,
    302,
    307,
    308,
    400,
    401,
    402,
    403,
    404,
    407,
    408,
    410,
    416,
    422,
    423,
    429,
    451,
    500,
    503,
)


def some_headers(rng: Random) -> Headers:
    asked = rng.choice(
        (
            f"{ENDPOINT}/api/models?limit=1000",
            f"{ENDPOINT}/x",
            "http://127.0.0.1:8080/a?p=1",
            f"{ENDPOINT}:8443/?b",
        )
    )
    return Headers(rng.choice(STATUSES), headers(rng), asked)


def read_headers(given: Headers) -> object:
    """Every header by whoever reads it."""
    said: list[object] = []
    takers: tuple[Callable[[], object], ...] = (
        lambda: sum_of(paging.following(given.said.get("Link"), given.asked)),
        lambda: _waited(given),
        lambda: answers.whole_number(given.said.get("X-Total-Count")),
        lambda: str(refusals.refusal(given.status, given.said, signed_in=False)),
        lambda: str(refusals.refusal(given.status, given.said, signed_in=True)),
        lambda: _followed(given),
        lambda: paging.number_in(given.said.get("Link", ""), "limit"),
    )
    for take in takers:
        try:
            said.append(take())
        except HubError as error:
            said.append(str(error))
    if (
        "Date" in given.said
        and (seconds := retry_after(given.said)) is not None
        and not seconds >= 0
    ):
        raise Broken("a wait that is no time")
    return said


def _followed(given: Headers) -> object:
    try:
        asked = httpx2.URL(given.asked)
    except httpx2.InvalidURL:
        return None
    to = redirected(asked, given.said.get("Location", ""))
    if to.scheme != "https" and asked.scheme == "https":
        raise Broken("led from https to http")
    return sum_of((origin(to), may_carry_token(to)))


def _waited(given: Headers) -> object:
    """What the quota makes of the headers, and that nobody waits for ever."""
    now = [1000.0]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    async def work() -> tuple[float, int]:
        usage = Usage()
        quota = Quota(usage, lambda: now[0], sleep)
        for _ in range(3):
            slot = await quota.enter("api")
            slot.answered(given.status, given.said)
            slot.leave()
        if MARKER in "".join(usage.remarks):
            raise Broken("a remark holds the input's words")
        return round(now[0]), len(usage.remarks)

    end, remarks = run(work())
    if end > 1000 + 4 * 3600 + 60:
        raise Broken("a header makes us wait for ever")
    return end, remarks


@cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return _runner().run(work)


READERS = (
    FuzzedReader("hub-answer", answer, read_answer),
    FuzzedReader("hub-headers", some_headers, read_headers),
)
