from __future__ import annotations

import asyncio
import gzip
import json
import logging
import zlib

import httpx2
import pytest
from fake_hub import ENDPOINT, TOKEN, Handler, Pieces, Recorder, artifact, hub
from virtual_time import clock, run

from reseen.errors import (
    HubAuth,
    HubBusy,
    HubDisabled,
    HubError,
    HubGarbage,
    HubHidden,
    HubMissing,
    HubRefused,
)
from reseen.files.source import Range
from reseen.hubs import http
from reseen.hubs.client_options import MOST_REDIRECTS, ClientOptions
from reseen.hubs.hub import WantedRepositories
from reseen.hubs.huggingface import HuggingFace
from reseen.records import RepoType

FILE = bytes(range(256)) * 40
PART = Range(100, 50)


def ranged(request: httpx2.Request, data: bytes = FILE) -> httpx2.Response:
    """A server that does as it should."""
    wanted = request.headers.get("Range")
    if wanted is None:
        return httpx2.Response(200, content=data)
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start, end = int(first), min(int(last or 1 << 60), len(data) - 1)
    if start >= len(data):
        return httpx2.Response(416, headers={"Content-Range": f"bytes */{len(data)}"})
    headers = {"Content-Range": f"bytes {start}-{end}/{len(data)}"}
    return httpx2.Response(206, headers=headers, content=data[start : end + 1])


def read(handler: Handler, wanted: Range = PART, **options: object) -> bytes:
    async def main() -> bytes:
        async with hub(handler, **options) as there:
            return await there.read(artifact(), wanted)

    return run(main())


def stream(handler: Handler, limit: int = 1 << 20, size: int | None = None) -> bytes:
    async def main() -> bytes:
        async with hub(handler) as there:
            pieces = [piece async for piece in there.stream(artifact(size=size), limit)]
            return b"".join(pieces)

    return run(main())


def ask(handler: Handler, **options: object) -> object:
    async def main() -> object:
        async with hub(handler, **options) as there:
            return await there.repository(RepoType.MODEL, "account-01/copy")

    return run(main())


# Where the token goes


@pytest.mark.parametrize(
    ("location", "goes", "token"),
    [
        ("https://cdn.example/x?sig=1", "https://cdn.example/x?sig=1", False),
        ("//cdn.example/x", "https://cdn.example/x", False),
        ("https://hub.example:8443/x", "https://hub.example:8443/x", False),
        ("https://hub.example.evil.example/x", "https://hub.example.evil.example/x", False),
        ("https://evil.example\\@hub.example/x", None, False),
        ("https://hub.example:443/api/x", "https://hub.example/api/x", True),
        ("https://HUB.example/x", "https://hub.example/x", True),
        ("/api/resolve-cache/x", "https://hub.example/api/resolve-cache/x", True),
        ("moved", "https://hub.example/account-01/copy/resolve/" + "a" * 40 + "/moved", True),
        ("http://hub.example/x", None, False),
        ("http://cdn.example/x", None, False),
        ("https://hub.example@evil.example/x", None, False),
        ("https://user:word@hub.example/x", None, False),
        ("file:///etc/passwd", None, False),
        ("ftp://hub.example/x", None, False),
        ("javascript:alert(1)", None, False),
        ("https://[::1", None, False),
        ("https:///x", "https://hub.example/x", True),
        ("", None, False),
        ("https://hub.example:99999999/x", None, False),
    ],
)  # fmt: skip
def test_the_token_goes_to_the_endpoint_only(location: str, goes: str | None, token: bool) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if len(asked.requests) == 1:
            return httpx2.Response(302, headers={"Location": location})
        return ranged(request)

    asked = Recorder(handler)
    if goes is None:
        with pytest.raises(HubGarbage) as caught:
            read(asked)
        assert "example" not in str(caught.value)
        assert len(asked.requests) == 1
    else:
        assert read(asked) == FILE[100:150]
        assert str(asked.requests[1].url) == goes
        assert asked.requests[1].headers["Range"] == "bytes=100-149"
        assert ("Authorization" in asked.requests[1].headers) == token
    assert asked.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_the_token_does_not_come_back_from_elsewhere() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        steps = ["https://cdn.example/x", f"{ENDPOINT}/api/whoami-v2"]
        if len(asked.requests) <= 2:
            return httpx2.Response(302, headers={"Location": steps[len(asked.requests) - 1]})
        return ranged(request)

    asked = Recorder(handler)
    read(asked)
    assert [("Authorization" in r.headers) for r in asked.requests] == [True, False, False]


@pytest.mark.parametrize(
    ("endpoint", "token"),
    [
        ("https://hub.example", True),
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8000", True),
        ("http://localhost:8000", True),
        ("http://hub.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://10.0.0.1", False),
    ],
)
def test_no_token_in_clear_text_over_a_network(endpoint: str, token: bool) -> None:
    asked = Recorder(ranged)
    read(asked, endpoint=endpoint)
    assert ("Authorization" in asked.requests[0].headers) == token


def test_redirects_end() -> None:
    asked = Recorder(lambda r: httpx2.Response(302, headers={"Location": "/round/and/round"}))
    with pytest.raises(HubGarbage, match="circle"):
        read(asked)
    assert len(asked.requests) == MOST_REDIRECTS + 1


@pytest.mark.parametrize("location", ["//:80/x", "//", "http://", "https://:443", "//[::1", "x:y"])
def test_a_redirect_to_no_address_is_said(location: str) -> None:
    asked = Recorder(lambda r: httpx2.Response(307, headers={"Location": location}))
    with pytest.raises(HubGarbage):
        read(asked)


def test_cookies_are_not_kept() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(302, headers={"Location": "/x", "Set-Cookie": "who=us; Path=/"})

    asked = Recorder(handler)
    with pytest.raises(HubGarbage):
        read(asked)
    assert all("Cookie" not in request.headers for request in asked.requests)


def test_no_url_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    read(ranged)
    assert "account-01" not in caplog.text


def test_a_prefix_of_the_endpoint_is_kept() -> None:
    asked = Recorder(ranged)
    read(asked, endpoint="https://hub.example/mirror/hf")
    assert asked.requests[0].url.path.startswith("/mirror/hf/account-01/copy/resolve/")


# Ranges


def test_a_range_is_read_and_shorter_only_where_the_file_ends() -> None:
    assert read(ranged) == FILE[100:150]
    assert read(ranged, Range(len(FILE) - 10, 50)) == FILE[-10:]
    assert read(ranged, Range(len(FILE), 50)) == b""
    assert read(ranged, Range(0, 0)) == b""


def test_ranges_are_asked_for_as_they_are() -> None:
    asked = Recorder(ranged)
    read(asked)
    assert asked.requests[0].headers["Accept-Encoding"] == "identity"
    assert asked.requests[0].method == "GET"


@pytest.mark.parametrize("start", [0, 5_000_000])
def test_a_server_that_ignores_range_is_read_no_further_than_needed(start: int) -> None:
    body = Pieces(bytes(65536), endless=True)
    got = read(lambda r: httpx2.Response(200, stream=body), Range(start, 1000))
    assert len(got) == 1000
    assert body.read <= start + 1000 + 65536
    assert body.closed


def test_the_part_is_the_right_one_where_range_is_ignored() -> None:
    pieces = [FILE[i : i + 37] for i in range(0, len(FILE), 37)]
    got = read(lambda r: httpx2.Response(200, stream=Pieces(*pieces)), Range(100, 5000))
    assert got == FILE[100:5100]


def test_a_part_far_into_a_file_is_not_read_where_range_is_ignored() -> None:
    body = Pieces(bytes(65536), endless=True)
    with pytest.raises(HubGarbage, match="ignores Range"):
        read(lambda r: httpx2.Response(200, stream=body), Range(1 << 40, 1000))
    assert body.read == 0
    assert body.closed


@pytest.mark.parametrize(
    ("status", "headers", "length"),
    [
        (206, {}, 50),
        (206, {"Content-Range": "bytes 0-49/10240"}, 50),
        (206, {"Content-Range": "bytes 100-199/10240"}, 100),
        (206, {"Content-Range": "bytes 100-120/10240"}, 21),
        (206, {"Content-Range": "bytes 100-99/10240"}, 0),
        (206, {"Content-Range": "bytes 100-149/10240"}, 49),
        (206, {"Content-Range": "bytes 100-149/10240"}, 51),
        (206, {"Content-Range": "bytes 100-149/10240", "Content-Encoding": "gzip"}, 50),
        (206, {"Content-Type": "multipart/byteranges; boundary=x"}, 50),
        (200, {"Content-Encoding": "br"}, 500),
        (204, {}, 0),
        (416, {"Content-Range": "bytes */10240"}, 0),
        (304, {}, 0),
    ],
)
def test_another_range_than_asked_for_is_garbage(
    status: int, headers: dict[str, str], length: int
) -> None:
    body = Pieces(bytes(length))
    with pytest.raises(HubGarbage):
        read(lambda r: httpx2.Response(status, headers=headers, stream=body))
    assert body.closed


def test_an_endless_206_is_read_to_its_promise_only() -> None:
    body = Pieces(bytes(1000), endless=True)
    headers = {"Content-Range": "bytes 100-149/10240"}
    with pytest.raises(HubGarbage):
        read(lambda r: httpx2.Response(206, headers=headers, stream=body))
    assert body.read <= 3000  # three attempts, one piece each


# Whole files


def test_a_whole_file_comes_in_order_and_once() -> None:
    asked = Recorder(ranged)
    assert stream(asked) == FILE
    assert "Range" not in asked.requests[0].headers


def test_a_stream_goes_on_where_it_broke() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if len(asked.requests) == 1:
            return httpx2.Response(200, stream=Pieces(FILE[:3000], breaks=True))
        return ranged(request)

    asked = Recorder(handler)
    assert stream(asked) == FILE
    assert asked.requests[1].headers["Range"] == "bytes=3000-"


def test_a_stream_that_starts_again_is_not_read_twice() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if len(asked.requests) == 1:
            return httpx2.Response(200, stream=Pieces(FILE[:3000], breaks=True))
        return httpx2.Response(200, stream=Pieces(*[FILE[i : i + 7] for i in range(0, 10240, 7)]))

    asked = Recorder(handler)
    assert stream(asked) == FILE


def test_a_stream_that_always_breaks_ends() -> None:
    with pytest.raises(HubBusy):
        stream(lambda r: httpx2.Response(200, stream=Pieces(FILE[:3000], breaks=True)))


def test_an_unframed_end_before_the_declared_size_is_a_break() -> None:
    with pytest.raises(HubBusy):
        stream(lambda r: httpx2.Response(200, stream=Pieces(FILE)), size=len(FILE) + 1)


def test_a_stream_stops_at_its_limit() -> None:
    body = Pieces(bytes(1000), endless=True)
    with pytest.raises(HubGarbage, match="longer"):
        stream(lambda r: httpx2.Response(200, stream=body), limit=5000)
    assert body.read <= 6000
    assert body.closed


def test_a_stream_left_early_is_closed() -> None:
    body = Pieces(bytes(1000), endless=True)

    async def main() -> None:
        async with hub(lambda r: httpx2.Response(200, stream=body)) as there:
            pieces = there.stream(artifact(), 1 << 30)
            await anext(pieces)
            await pieces.aclose()  # type: ignore[attr-defined]

    run(main())
    assert body.closed


def test_a_stream_that_drips_is_given_up() -> None:
    class Drip(Pieces):
        async def __aiter__(self):  # type: ignore[no-untyped-def]
            while True:
                await asyncio.sleep(29)
                yield b"x"

    with pytest.raises(HubBusy, match="slow"):
        stream(lambda r: httpx2.Response(200, stream=Drip()))


# Answers of the API


def good() -> httpx2.Response:
    return httpx2.Response(200, json={"id": "account-01/copy", "sha": "b" * 40})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b'{"id": "account-01/co',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[1, 2, 3]",
        b"null",
        b"NaN",
        b'{"id": "account-01/copy", "id": "account-02/other"}',
        b'{"id": "../../etc"}',
        b'{"id": 7}',
        b"9" * 100_000,
    ],
)
def test_garbage_is_said_to_be_garbage(body: bytes) -> None:
    with pytest.raises(HubGarbage):
        ask(lambda r: httpx2.Response(200, content=body))


def test_garbage_that_passes_is_forgotten() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, text="oops") if len(asked.requests) == 1 else good()

    asked = Recorder(handler)
    assert ask(asked)


def test_an_oversized_answer_is_not_read_to_its_end() -> None:
    body = Pieces(b" " * 65536, endless=True)
    with pytest.raises(HubGarbage, match="MiB"):
        ask(lambda r: httpx2.Response(200, stream=body))
    assert body.read <= http.MOST_JSON + 2 * 65536
    assert body.closed


def test_a_bomb_is_unpacked_no_further_than_allowed() -> None:
    bomb = gzip.compress(bytes(50 << 20), 1)
    headers = {"Content-Encoding": "gzip"}
    with pytest.raises(HubGarbage, match="MiB"):
        ask(lambda r: httpx2.Response(200, headers=headers, stream=Pieces(bomb)))


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "nonsense"])
def test_an_encoding_that_nobody_asked_for_is_refused(encoding: str) -> None:
    body = zlib.compress(json.dumps({"id": "account-01/copy"}).encode())
    headers = {"Content-Encoding": encoding}
    with pytest.raises(HubGarbage):
        ask(lambda r: httpx2.Response(200, headers=headers, stream=Pieces(body)))


def test_bytes_that_are_no_gzip_are_garbage() -> None:
    headers = {"Content-Encoding": "gzip"}
    with pytest.raises(HubGarbage, match="unpacked"):
        ask(lambda r: httpx2.Response(200, headers=headers, stream=Pieces(b"no gzip at all")))


def test_a_list_too_big_is_asked_for_in_smaller_pages() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if request.url.params["limit"] == "1000":
            return httpx2.Response(200, stream=Pieces(b" " * 65536, endless=True))
        return httpx2.Response(200, json=[{"id": "account-01/copy"}])

    async def main() -> int:
        async with hub(handler) as there:
            return len((await there.list_repositories(WantedRepositories(), "here")).repositories)

    assert run(main()) == 1


# Trying again, and refusals


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_troubles_pass(status: int) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status) if len(asked.requests) < 4 else good()

    asked = Recorder(handler)
    assert ask(asked)
    assert len(asked.requests) == 4


@pytest.mark.parametrize("status", [429, 500, 503])
def test_patience_ends(status: int) -> None:
    asked = Recorder(lambda r: httpx2.Response(status, headers={"Retry-After": "7"}))

    async def main() -> float:
        async with hub(asked, attempts=5) as there:
            with pytest.raises(HubBusy):
                await there.repository(RepoType.MODEL, "account-01/copy")
        return clock()

    assert 28 <= run(main()) <= 40
    assert len(asked.requests) == 5


def test_patience_is_bounded_in_time_too() -> None:
    asked = Recorder(lambda r: httpx2.Response(503, headers={"Retry-After": "99999999"}))
    with pytest.raises(HubBusy):
        ask(asked)
    assert len(asked.requests) == 2


@pytest.mark.parametrize(
    "error",
    [httpx2.ConnectError, httpx2.ReadTimeout, httpx2.ReadError, httpx2.RemoteProtocolError],
)
def test_a_hub_that_goes_away_and_comes_back_is_waited_for(error: type[Exception]) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if len(asked.requests) == 1:
            return httpx2.Response(503)
        if len(asked.requests) < 6:
            raise error("away, at https://hub.example/secret-name")
        return good()

    asked = Recorder(handler)
    assert ask(asked)


def test_a_hub_that_never_answered_is_not_waited_for() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("nobody there")

    asked = Recorder(handler)
    with pytest.raises(HubBusy):
        ask(asked)
    assert len(asked.requests) == 3


def test_a_hub_that_stays_away_is_said_to() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("nobody at https://hub.example/secret-name")

    with pytest.raises(HubBusy) as caught:
        ask(handler)
    assert "secret" not in str(caught.value)


def test_a_storm_of_429_ends_with_all_answers_and_few_requests() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if clock() < 600:
            return httpx2.Response(429, headers={"RateLimit": '"api";r=0;t=200'})
        headers = {"RateLimit": f'"api";r={5000 - len(asked.requests)};t=300'}
        return httpx2.Response(200, json={"id": "account-01/copy"}, headers=headers)

    asked = Recorder(handler)

    async def main() -> float:
        async with hub(asked) as there:
            asks = [there.repository(RepoType.MODEL, "account-01/copy") for _ in range(300)]
            await asyncio.gather(*asks)
        return clock()

    assert run(main()) <= 700
    assert len(asked.requests) <= 300 + 10


def test_a_real_quota_is_used_up_by_requests_of_a_hub() -> None:
    counted = {"window": 0, "used": 0, "refused": 0}
    full: list[int] = []

    async def handler(request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(0.05)
        now = clock()
        if int(now // 60) != counted["window"]:
            full.append(counted["used"])
            counted.update(window=int(now // 60), used=0)
        if counted["used"] == 100:
            counted["refused"] += 1
            return httpx2.Response(429)
        counted["used"] += 1
        left = 100 - counted["used"]
        headers = {"RateLimit": f'"api";r={left};t={60 - int(now % 60)}'}
        return httpx2.Response(200, json={"id": "account-01/copy"}, headers=headers)

    async def main() -> None:
        async with hub(handler) as there:
            asks = [there.repository(RepoType.MODEL, "account-01/copy") for _ in range(450)]
            await asyncio.gather(*asks)
            assert there.usage.requests == 450
            assert there.usage.quota_left["api"] == 50

    run(main())
    assert counted["refused"] == 0
    assert full == [100] * 4


@pytest.mark.parametrize(
    ("status", "headers", "token", "error", "words"),
    [
        (404, {"X-Error-Code": "RepoNotFound"}, True, HubMissing, "no such repository, or"),
        (404, {"X-Error-Code": "RepoNotFound"}, False, HubMissing, "or it is private"),
        (404, {"X-Error-Code": "RevisionNotFound"}, True, HubMissing, "revision"),
        (404, {"X-Error-Code": "EntryNotFound"}, True, HubMissing, "file"),
        (403, {"X-Error-Code": "GatedRepo"}, True, HubAuth, "gated"),
        (401, {"X-Error-Code": "GatedRepo"}, False, HubAuth, "without a token"),
        (
            403,
            {"X-Error-Message": "Access to this resource is disabled."},
            True,
            HubDisabled,
            "disabled",
        ),
        (401, {}, False, HubHidden, "or it is private"),
        (401, {"X-Error-Message": "Invalid username or password."}, False, HubHidden, "private"),
        (401, {}, True, HubAuth, "does not accept the token"),
        (403, {}, True, HubAuth, "denies"),
        (404, {}, True, HubMissing, "nothing there"),
        (410, {}, True, HubMissing, "nothing there"),
        (400, {}, True, HubRefused, "400"),
        (422, {}, True, HubRefused, "422"),
        (405, {}, True, HubRefused, "405"),
        (451, {}, True, HubDisabled, "legal reasons"),
        (423, {}, True, HubAuth, "locked"),
        (402, {}, True, HubAuth, "paid"),
        (407, {}, True, HubAuth, "proxy"),
        (418, {}, True, HubGarbage, "418"),
        (302, {}, True, HubGarbage, "web address"),
        (100, {}, True, HubGarbage, "100"),
    ],
)
def test_a_refusal_is_said_in_words(
    status: int, headers: dict[str, str], token: bool, error: type[HubError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        ask(
            lambda r: httpx2.Response(status, headers=headers),
            token=TOKEN if token else None,
        )
    assert type(caught.value) is error
    assert TOKEN not in f"{caught.value!r} {caught.value.remedy}"


def test_a_refusal_of_the_storage_is_not_taken_for_the_hubs() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "cdn.example":
            return httpx2.Response(404)
        return httpx2.Response(302, headers={"Location": "https://cdn.example/x"})

    with pytest.raises(HubGarbage, match="storage"):
        read(handler)


def test_cancelling_closes_what_is_open() -> None:
    class Hangs(Pieces):
        async def __aiter__(self):  # type: ignore[no-untyped-def]
            yield b"x"
            await asyncio.sleep(1e9)

    body = Hangs()

    async def main() -> None:
        async with hub(lambda r: httpx2.Response(200, stream=body)) as there:
            task = asyncio.create_task(there.read(artifact(), Range(0, 100)))
            await asyncio.sleep(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert len(asyncio.all_tasks()) == 1

    run(main())
    assert body.closed


def test_a_body_that_hangs_is_given_up() -> None:
    class Hangs(Pieces):
        async def __aiter__(self):  # type: ignore[no-untyped-def]
            yield b"{"
            await asyncio.sleep(1e9)

    with pytest.raises(HubBusy):
        ask(lambda r: httpx2.Response(200, stream=Hangs()))


def test_a_header_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time; the answer as a whole never does."""
    monkeypatch.setattr(http, "LEAST_TIME", 0.3)

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Padding: ")
        try:
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)
        except OSError:
            pass
        finally:
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = HuggingFace(f"http://127.0.0.1:{port}", None, ClientOptions(attempts=1))
        try:
            async with client as there:
                with pytest.raises(HubBusy):
                    await there.repository(RepoType.MODEL, "account-01/copy")
        finally:
            server.close()

    asyncio.run(main())


def test_a_large_file_buys_no_time_to_drip() -> None:
    """A declared size of terabytes is no reason to wait for weeks."""
    started = 0.0
    ended = 0.0

    class Drip(Pieces):
        async def __aiter__(self):  # type: ignore[no-untyped-def]
            while True:
                await asyncio.sleep(29)
                yield b"x" * 1000

    async def main() -> None:
        nonlocal started, ended
        async with hub(lambda r: httpx2.Response(200, stream=Drip())) as there:
            started = clock()
            with pytest.raises(HubBusy, match="slow"):
                async for _ in there.stream(artifact(size=1 << 40), 1 << 40):
                    pass
            ended = clock()

    run(main())
    assert ended - started < 3600
