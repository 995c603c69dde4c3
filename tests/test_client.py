"""The client of the gate: typed answers, patience with bounds, a key that goes nowhere else."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from tests.gate.standing import client, key, running, settings_in
from tests.match.updates import CAST, REMOVED, put

from reseen import client as client_module
from reseen.client import Advice, Digests, Gate, GateAnswer
from reseen.errors import AccessError, FileError, InputError, SettingsError, StoreError
from reseen.store.database import Store

KEY = "rsk_" + "A" * 48
EMPTY = {
    "version": 1,
    "state": "live",
    "as_of": "2026-11-23T21:44:29Z",
    "age": 0.1,
    "results": [{"advice": "allow", "matches": []}],
}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What would be waited."""
    waited: list[float] = []
    monkeypatch.setattr(client_module, "_sleep", waited.append)
    return waited


def gate(answer: Callable[[httpx2.Request], httpx2.Response], **more: Any) -> Gate:
    return Gate("https://gate.example", KEY, transport=httpx2.MockTransport(answer), **more)


class Through(httpx2.BaseTransport):
    """To an application in this process."""

    def __init__(self, inner: TestClient) -> None:
        self._inner = inner

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = self._inner.request(
            request.method,
            request.url.path,
            content=request.read(),
            headers=dict(request.headers),
        )
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)


@pytest.fixture
def real(store: Store, tmp_path: Path) -> Iterator[tuple[Gate, str]]:
    (id,) = put(store, REMOVED)
    headers = key(store)
    with running(settings_in(tmp_path), store) as running_gate:
        text = headers["Authorization"].removeprefix("Bearer ")
        transport = Through(client(running_gate))
        with Gate("https://gate.example", text, transport=transport) as asked:
            yield asked, id


def test_digests_and_files_are_asked_about(real: tuple[Gate, str], tmp_path: Path) -> None:
    asked, id = real
    answer = asked.check(
        [Digests(sha256=hashlib.sha256(REMOVED).hexdigest()), Digests(crc32="0" * 8)]
    )
    assert [result.advice for result in answer.results] == [Advice.BLOCK, Advice.ALLOW]
    (match,) = answer.results[0].matches
    assert (match.removal, match.rung, match.score) == (id, "bytes", 1.0)
    assert answer.live
    (tmp_path / "x.safetensors").write_bytes(CAST)
    for file in (tmp_path / "x.safetensors", str(tmp_path / "x.safetensors"), io.BytesIO(CAST)):
        found = asked.check_file(file)
        assert found.results[0].advice is Advice.HOLD
        assert found.file["size"] == len(CAST)


def test_more_files_than_a_request_takes_are_asked_in_several(
    real: tuple[Gate, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MOST_FILES", 3)
    files = [Digests(sha256=hashlib.sha256(b"%d" % n).hexdigest()) for n in range(7)]
    files.append(Digests(sha256=hashlib.sha256(REMOVED).hexdigest()))
    results = real[0].check(files).results
    assert [r.advice for r in results] == [Advice.ALLOW] * 7 + [Advice.BLOCK]


def test_a_busy_gate_is_asked_again_when_it_says(no_waiting: list[float]) -> None:
    answers = [(429, {"Retry-After": "7"}), (503, {"Retry-After": "100000"}), (503, {}), (200, {})]
    asked: list[bytes] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.read())
        status, headers = answers.pop(0)
        return httpx2.Response(status, headers=headers, json=EMPTY if status == 200 else {})

    found = gate(answer).check_file(io.BytesIO(b"abc"))
    assert isinstance(found, GateAnswer)
    assert no_waiting[0] == 7
    assert no_waiting[1] == client_module.LONGEST_WAIT
    assert asked == [b"abc"] * 4


def test_patience_has_an_end(no_waiting: list[float]) -> None:
    with pytest.raises(StoreError, match="busy"):
        gate(lambda r: httpx2.Response(503, json={}), attempts=3).check(Digests(crc32="0" * 8))
    assert len(no_waiting) == 2


def test_a_gate_that_is_not_there_is_told_in_words() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("no")

    with pytest.raises(StoreError, match="does not answer"):
        gate(answer, attempts=2).check(Digests(crc32="0" * 8))


def test_a_redirect_is_not_followed() -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.host)
        return httpx2.Response(307, headers={"Location": "https://elsewhere.example/v1/check"})

    with pytest.raises(StoreError, match="redirected"):
        gate(answer).check(Digests(crc32="0" * 8))
    assert asked == ["gate.example"]


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, AccessError), (403, AccessError), (422, InputError), (500, StoreError)],
)
def test_refusals_are_errors_of_the_tree(status: int, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        gate(lambda r: httpx2.Response(status, json={"detail": "no"})).check(Digests(crc32="0" * 8))
    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"<html>", b'{"version": 1}', json.dumps(EMPTY | {"results": 5}).encode()],
)
def test_an_answer_of_another_shape_is_refused(content: bytes) -> None:
    with pytest.raises(StoreError):
        gate(lambda r: httpx2.Response(200, content=content)).check(Digests(crc32="0" * 8))


def test_what_makes_no_sense_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        Gate("ftp://gate.example", KEY)
    with pytest.raises(SettingsError):
        Gate("https://gate.example", "hf_something\r\nX: y")
    asked = gate(lambda r: httpx2.Response(200, json=EMPTY))
    with pytest.raises(InputError):
        asked.check([])
    with pytest.raises(FileError):
        asked.check_file(tmp_path / "nothing")
    assert KEY not in repr(asked)


def test_importing_the_client_is_light() -> None:
    code = (
        "import sys, reseen.client; heavy = {'numpy','sqlalchemy','fastapi','httpx2','tenacity',"
        "'asyncio'} & set(sys.modules); print(heavy); sys.exit(bool(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
