"""What comes in over a socket from who means no good: slow, oversize, malformed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import uvicorn

from reseen.web import limits_middleware, slow_client_guard
from reseen.web.app import make_app
from reseen.web.service import Service

DEADLINE = 60.0
GET = b"GET /health HTTP/1.1\r\nHost: here\r\n"


class _Waiting(slow_client_guard.Careful):
    head_patience = DEADLINE


class _Hasty(slow_client_guard.Careful):
    head_patience = 0.2


@contextmanager
def _listening(
    service: Service, protocol: type[slow_client_guard.Careful]
) -> Iterator[tuple[str, int]]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = uvicorn.Config(
            make_app(service),
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            timeout_keep_alive=int(DEADLINE),
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]})
        thread.start()
        try:
            yield taken.getsockname()
        finally:
            server.should_exit = True
            thread.join(DEADLINE)
            assert not thread.is_alive()


@pytest.fixture
def address(service: Service) -> Iterator[tuple[str, int]]:
    """Where the service listens."""
    with _listening(service, _Waiting) as address:
        yield address


@pytest.fixture
def hasty(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """Where it listens without patience: good for tests that want it to run out."""
    monkeypatch.setattr(limits_middleware, "PART_PATIENCE", 0.2)
    with _listening(service, _Hasty) as address:
        yield address


def _say(address: tuple[str, int], *parts: bytes) -> bytes:
    """Everything that is answered until the other side hangs up."""
    with socket.create_connection(address, timeout=DEADLINE) as link:
        with suppress(ConnectionResetError, BrokenPipeError):  # hung up on while we still talk
            for part in parts:
                link.sendall(part)
        answer = b""
        with suppress(ConnectionResetError):
            while data := link.recv(65536):
                answer += data
        return answer


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def test_a_request_is_answered(address: tuple[str, int]) -> None:
    assert _status(_say(address, GET + b"Connection: close\r\n\r\n")) == 200


@pytest.mark.parametrize(
    "begun", [b"", b"G", b"GET /health HTTP/1.1\r\n", GET, GET + b"X-Slow: a"], ids=repr
)
def test_a_head_that_never_ends_is_hung_up_on(hasty: tuple[str, int], begun: bytes) -> None:
    assert _status(_say(hasty, begun)) in (0, 408)  # 0: gone before we spoke


def test_a_head_that_never_ends_after_an_answered_request(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_connection(address, timeout=DEADLINE) as link:
        link.sendall(GET + b"\r\n")
        answer = b""
        while b"lives" not in answer:
            answer += link.recv(65536)
        monkeypatch.setattr(_Waiting, "head_patience", 0.2)
        link.sendall(b"GET /hea")
        answer = b""
        while data := link.recv(65536):
            answer += data
    assert _status(answer) == 408


def test_a_body_that_never_comes_is_not_waited_for(hasty: tuple[str, int]) -> None:
    head = b"POST /sign-in HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n"
    head += b"Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\n"
    assert _status(_say(hasty, head, b"name=")) in (0, 408)


def test_a_body_said_to_be_too_large_is_not_read(address: tuple[str, int]) -> None:
    head = b"POST /sign-in HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n"
    assert _status(_say(address, head % (limits_middleware.FORM + 1))) == 413
    assert _status(_say(address, head % 10**30)) in (400, 413)


def test_a_body_that_grows_too_large_is_not_read_on(address: tuple[str, int]) -> None:
    head = b"POST /sign-in HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n"
    head += b"Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\n"
    part = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    answer = _say(address, head, *[part] * (limits_middleware.FORM // 0x10000 + 2))
    assert _status(answer) in (0, 413)  # 0: hung up on before the answer was read


@pytest.mark.parametrize(
    "head",
    [
        b"GET /health?" + b"a" * slow_client_guard.MOST_HEAD + b" HTTP/1.1\r\nHost: here\r\n\r\n",
        GET + b"X-Long: " + b"a" * (slow_client_guard.MOST_HEAD + 70_000) + b"\r\n\r\n",
        GET + b"X-Many: a\r\n" * (slow_client_guard.MOST_HEADERS + 1) + b"\r\n",
    ],
    ids=["a long address", "a long header", "many headers"],
)
def test_a_head_that_is_too_large_is_refused(address: tuple[str, int], head: bytes) -> None:
    assert _status(_say(address, head)) in (0, 431)


@pytest.mark.parametrize(
    "said",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET /health HTTP/9.9\r\nHost: here\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: here\r\nHost: there\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost : here\r\n\r\n",
        b"POST /sign-in HTTP/1.1\r\nHost: here\r\nContent-Length: -1\r\n\r\n",
        b"POST /sign-in HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /sign-in HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /sign-in HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: here\r\n\r\n",
    ],
    ids=repr,
)
def test_what_is_no_request_is_refused_and_the_next_one_answered(
    address: tuple[str, int], said: bytes
) -> None:
    assert _status(_say(address, said)) in (0, 303, 400, 403, 408)
    assert _status(_say(address, GET + b"Connection: close\r\n\r\n")) == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/static/templates",
        "/%00",
        "/%ff",
        "/cases/%0d%0aSet-Cookie:x",
    ],
)
def test_no_path_leads_out_of_the_files(address: tuple[str, int], path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".encode()
    answer = _say(address, request)
    assert _status(answer) in (303, 400, 404)
    assert b"\r\nset-cookie:x" not in answer.lower()
    assert b"make_app" not in answer
