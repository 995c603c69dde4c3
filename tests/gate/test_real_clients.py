"""The gate as curl, httpx2 and the project's own client see it: over a socket, by a real server."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from tests.gate.standing import client, key, knows, running, settings_in
from tests.match.updates import REMOVED, put

from reseen.client import Advice, Gate
from reseen.errors import InputError
from reseen.fingerprints.git import pointer
from reseen.store.database import Store
from reseen.web.slow_client_guard import Careful

SHA256 = hashlib.sha256(REMOVED).hexdigest()
PACKED = gzip.compress(REMOVED)
CURL = shutil.which("curl")
needs_curl = pytest.mark.skipif(CURL is None, reason="curl is not here")


@dataclass(frozen=True)
class Door:
    """Where the gate is, and what opens it."""

    url: str
    key: str
    folder: Path

    def file(self, data: bytes) -> Path:
        path = self.folder / "file"
        path.write_bytes(data)
        return path

    def curl(self, where: str, *arguments: str) -> tuple[int, Any]:
        """The status and the answer."""
        assert CURL is not None
        sent = ["-H", f"Authorization: Bearer {self.key}", *arguments]
        done = subprocess.run(
            [CURL, "-sS", "-w", "\n%{http_code}", *sent, f"{self.url}/v1/check{where}"],
            capture_output=True,
            text=True,
            check=False,
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body) if body else None

    def post(self, where: str, **more: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        answer = httpx2.post(f"{self.url}/v1/check{where}", headers=headers, timeout=300, **more)
        return answer.status_code, answer.json()


@pytest.fixture
def door(store: Store, tmp_path: Path) -> Iterator[Door]:
    put(store, REMOVED)
    with running(settings_in(tmp_path), store) as gate, socket.socket() as taken:
        sender = key(store)
        knows(gate, store)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = uvicorn.Config(
            client(gate).app, http=Careful, ws="none", lifespan="off", log_config=None
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]})
        thread.start()
        try:
            port = taken.getsockname()[1]
            text = sender["Authorization"].removeprefix("Bearer ")
            yield Door(f"http://127.0.0.1:{port}", text, tmp_path)
        finally:
            server.should_exit = True
            thread.join()


def blocked(told: tuple[int, Any]) -> bool:
    status, answer = told
    assert status == 200, answer
    assert answer["file"]["sha256"] == SHA256
    return bool(answer["results"][0]["advice"] == "block")


@needs_curl
def test_curl_sends_a_file_and_a_form(door: Door) -> None:
    path = door.file(REMOVED)
    binary = ("-H", "Content-Type: application/octet-stream", "--data-binary", f"@{path}")
    assert blocked(door.curl("/file", *binary))
    assert blocked(door.curl("/file", "-F", f"file=@{path}"))
    assert blocked(door.curl("/file", "-F", f"file=@{path};type=text/plain;filename=x\u00e9.bin"))


@needs_curl
def test_curl_is_told_what_is_no_file(door: Door) -> None:
    path = door.file(PACKED)
    binary = ("-H", "Content-Type: application/octet-stream", "--data-binary", f"@{path}")
    for encoding in ("gzip", "zstd", "aws-chunked"):
        status, problem = door.curl("/file", *binary, "-H", f"Content-Encoding: {encoding}")
        assert (status, "Content-Encoding" in problem["detail"]) == (415, True)
    part = f"bytes 0-{len(PACKED) - 1}/{len(PACKED) * 2}"
    status, problem = door.curl("/file", *binary, "-H", f"Content-Range: {part}")
    assert (status, "Content-Range" in problem["detail"]) == (400, True)
    status, problem = door.curl("/file", *binary, "-H", "Transfer-Encoding: chunked")
    assert (status, "Content-Length" in problem["detail"]) == (411, True)
    status, problem = door.curl("/file", "-F", f'file=@{path};headers="Content-Encoding: gzip"')
    assert (status, "Content-Encoding" in problem["detail"]) == (415, True)
    status, problem = door.curl("/file", "-F", f"file=@{path}", "-F", f"more=@{path}")
    assert (status, "more than one part" in problem["detail"]) == (400, True)
    status, problem = door.curl("/file", "-F", f"other=@{path}")
    assert status == 400
    # The packed file itself, sent as what it is: not the removal, but an archive that holds it.
    status, answer = door.curl("/file", *binary)
    matches = answer["results"][0]["matches"]
    assert (status, answer["results"][0]["advice"]) == (200, "block")
    assert {m["member"] for m in matches} == {"data"}
    assert answer["file"]["sha256"] == hashlib.sha256(PACKED).hexdigest()


@needs_curl
def test_curl_sends_digests_that_are_what_they_seem(door: Door) -> None:
    body = json.dumps({"sha256": SHA256})
    given = ("-H", "Content-Type: application/json")
    status, answer = door.curl("", *given, "--data", body)
    assert (status, answer["results"][0]["advice"]) == (200, "block")
    packed = door.file(gzip.compress(body.encode()))
    encoded = ("-H", "Content-Encoding: gzip", "--data-binary", f"@{packed}")
    status, problem = door.curl("", *given, *encoded)
    assert (status, "Content-Encoding" in problem["detail"]) == (415, True)


def test_httpx2_sends_a_file_and_a_form(door: Door) -> None:
    binary = {"Content-Type": "application/octet-stream"}
    assert blocked(door.post("/file", content=REMOVED, headers=binary))
    assert blocked(door.post("/file", files={"file": ("x", REMOVED)}))
    status, problem = door.post("/file", content=iter([REMOVED]), headers=binary)
    assert (status, "Content-Length" in problem["detail"]) == (411, True)
    for name, value, expected in (
        ("Content-Encoding", "gzip", 415),
        ("Content-Encoding", "deflate, gzip", 415),
        ("Content-Range", f"bytes 5-9/{len(PACKED)}", 400),
    ):
        status, problem = door.post("/file", content=PACKED, headers={**binary, name: value})
        assert (status, name in problem["detail"]) == (expected, True)


def test_the_own_client_is_answered_and_told(door: Door) -> None:
    with Gate(door.url, door.key) as gate:
        answer = gate.check_file(door.file(REMOVED))
        assert answer.results[0].advice is Advice.BLOCK
        assert answer.file["judged_by"] == ["bytes", "tensors", "weights"]
        # A pointer stands for a file: what it states is asked, and not what it is made of.
        text = pointer(hashlib.sha256(REMOVED).digest(), len(REMOVED))
        pointed = gate.check_file(door.file(text))
        assert [each.rung for each in pointed.results[0].matches] == ["declared"]
        assert "git lfs pull" in pointed.file["problem"]


def test_the_own_client_says_why_it_was_refused(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reseen.gate import upload

    monkeypatch.setattr(upload, "MOST_STREAMED", 100)
    with Gate(door.url, door.key) as gate, pytest.raises(InputError) as error:
        gate.check_file(door.file(REMOVED))
    assert "longer than" in str(error.value)
