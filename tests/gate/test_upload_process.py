"""The processes that read uploads: one each, fresh, bounded, and nothing of them is left."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.files import build
from tests.files.build import T, torch_zip
from tests.files.elsewhere import elsewhere
from tests.gate import standing
from tests.gate.standing import key, knows, running, settings_in, until
from tests.match.updates import OTHER, REMOVED, put

from reseen.gate import front, upload_process
from reseen.gate.gate import GateProcess
from reseen.gate.keys import KeyScope
from reseen.gate.upload_process import Unjudged, UploadProcesses
from reseen.match.registry_index import RegistryIndex
from reseen.store.database import Store

BINARY = {"Content-Type": "application/octet-stream"}
NONE = RegistryIndex()

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux's /proc")


@pytest.fixture
def processes() -> Iterator[UploadProcesses]:
    with closing(UploadProcesses()) as processes:
        yield processes


@pytest.fixture
def gate(store: Store, tmp_path: Path) -> Iterator[GateProcess]:
    put(store, REMOVED)
    with running(settings_in(tmp_path), store) as gate:
        yield gate


def children(pid: int) -> set[int]:
    """Processes that this one started and that have not ended."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = path.read_text().rpartition(")")
        except OSError:
            continue
        state, parent = rest.split()[:2]
        if int(parent) == pid and state not in "ZX":
            found.add(int(path.parent.name))
    return found


def starter(processes: UploadProcesses) -> int:
    assert processes._starter is not None
    return processes._starter.pid


def reading(processes: UploadProcesses) -> set[int]:
    return children(starter(processes))


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def limited(limits: str) -> bool:
    """Are memory and time, and is there no core?"""
    wanted = r"^Max (cpu time|address space) +\d+ |^Max core file size +0 +0 "
    return len(re.findall(wanted, limits, re.MULTILINE)) == 3


def told(pid: int, what: str) -> str:
    return Path(f"/proc/{pid}/{what}").read_text()


def address_space(pid: int) -> int:
    return int(told(pid, "statm").split()[0]) * resource.getpagesize()


def files(pid: int) -> list[str]:
    return [os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir()]


async def soon(true: Callable[[], object]) -> None:
    await asyncio.to_thread(until, true, "what must come")


# -- one file ------------------------------------------------------------------------------------


async def judged(processes: UploadProcesses, data: bytes) -> Any:
    async with processes.begin(len(data), guarded=False) as process:
        await process.send(data)
        return await process.outcome(NONE)


def test_each_upload_is_read_by_a_process_of_its_own(processes: UploadProcesses) -> None:
    async def two() -> None:
        seen: set[int] = set()
        for _ in range(2):
            async with processes.begin(len(REMOVED), guarded=False) as process:
                await process.send(REMOVED[:100])
                await soon(lambda: reading(processes))
                seen |= reading(processes)
                await process.send(REMOVED[100:])
                found = await process.outcome(NONE)
                assert found.digests[0].value == hashlib.sha256(REMOVED).digest()
            await soon(lambda: not reading(processes))
        assert len(seen) == 2

    asyncio.run(two())


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM])
def test_a_process_that_ends_takes_its_own_file_with_it_and_no_other(
    processes: UploadProcesses, sent: signal.Signals
) -> None:
    async def whole() -> None:
        size = 50_000_000  # more than the socket holds
        async with processes.begin(size, guarded=False) as process:
            await process.send(bytes(1_000))
            await soon(lambda: reading(processes))
            (pid,) = reading(processes)
            os.kill(pid, sent)
            await soon(lambda: gone(pid))
            await process.send(bytes(size - 1_000))
            with pytest.raises(Unjudged) as said:
                await process.outcome(NONE)
            assert said.value.code == "system-limit"
            assert "please report" in str(said.value)
        assert (await judged(processes, OTHER)).sketch is not None

    asyncio.run(whole())


@pytest.mark.parametrize("system", ["linux", "another"])
def test_when_the_starter_ends_so_do_those_it_started_and_a_new_one_begins(
    processes: UploadProcesses, system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if system == "another":
        monkeypatch.setenv("PYTHONPATH", elsewhere(tmp_path))

    async def whole() -> None:
        async with processes.begin(1_000, guarded=False) as process:
            await process.send(b"x")
            await soon(lambda: reading(processes))
            (pid,) = reading(processes)
            os.kill(starter(processes), signal.SIGKILL)
            await soon(lambda: gone(pid))
            with pytest.raises(Unjudged):
                await process.outcome(NONE)
        assert (await judged(processes, OTHER)).sketch is not None

    asyncio.run(whole())


def test_one_that_hangs_is_ended(
    processes: UploadProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_process, "PATIENCE", 0.01)

    async def whole() -> None:
        for size in (5, 50_000_000):
            async with processes.begin(size, guarded=False) as process:
                await soon(lambda: reading(processes))
                (pid,) = reading(processes)
                os.kill(pid, signal.SIGSTOP)
                with pytest.raises(Unjudged) as said:
                    await process.send(bytes(size))
                    await process.outcome(NONE)
                assert said.value.code == "ended"
            await soon(lambda pid=pid: gone(pid))

    asyncio.run(whole())


def test_memory_that_runs_out_costs_the_sketch_and_is_said(processes: UploadProcesses) -> None:
    header = build.with_header(b'{"a":[' + b'{"":{}},' * 390_000 + b"{}]}", pad=False)

    async def whole() -> None:
        assert (await judged(processes, OTHER)).sketch is not None
        pid = starter(processes)
        most = address_space(pid) + (24 << 20)
        resource.prlimit(pid, resource.RLIMIT_AS, (most, most))
        found = await judged(processes, header)
        assert found.digests[0].value == hashlib.sha256(header).digest()
        assert "a limit of the system was reached, of memory: please report" in found.problem
        assert [spot.code for spot in found.blind] == ["system-limit"]
        assert (await judged(processes, OTHER)).sketch is not None

    asyncio.run(whole())


def test_the_processes_know_nothing_of_the_service_and_are_held_to_limits(
    processes: UploadProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = ("RESEEN_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "PGPASSWORD")
    for name in secrets:
        monkeypatch.setenv(name, "sample key")

    async def whole() -> None:
        async with processes.begin(1_000, guarded=False) as process:
            await process.send(b"x")
            await soon(lambda: reading(processes))
            (pid,) = reading(processes)
            for each in (pid, starter(processes)):
                for name in secrets:
                    assert name not in told(each, "environ")
            await soon(lambda: limited(told(pid, "limits")))
            # A socket to the worker, /dev/null three times, and nothing else.
            opened = files(pid)
            assert sum(each.startswith("socket:") for each in opened) == 1
            assert {each for each in opened if not each.startswith("socket:")} == {"/dev/null"}

    asyncio.run(whole())


# -- a worker ------------------------------------------------------------------------------------


WORKER = """
import asyncio, sys, time
from reseen.gate.upload_process import UploadProcesses
processes = UploadProcesses()
data = open(sys.argv[1], "rb").read()
async def hold():
    async with processes.begin(len(data) + 1, guarded=False) as process:
        await process.send(data)
        print("sent", processes._starter.pid, flush=True)
        await asyncio.sleep(3_600)
async def all():
    await asyncio.gather(*(hold() for _ in range(4)))
asyncio.run(all())
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_of_a_worker_that_ends_no_process_and_no_file_is_left(
    tmp_path: Path, sent: signal.Signals
) -> None:
    spools = tmp_path / "spools"
    spools.mkdir()
    file = tmp_path / "file"
    file.write_bytes(torch_zip({"a": T("F32", (1_000, 1_000), bytes(4_000_000))}))
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, str(file)],
        env={**os.environ, "TMPDIR": str(spools)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as worker:
        assert worker.stdout is not None
        said = [worker.stdout.readline() for _ in range(4)]
        pid = int(said[0].split()[1])
        until(lambda: len(children(pid)) == 4, "four uploads are read")
        here = children(pid)

        def spooled() -> int:
            return sum(str(spools) in each for one in here for each in files(one))

        until(lambda: spooled() == 4, "four files lie there")
        assert list(spools.iterdir()) == [], "they have no name"
        worker.send_signal(sent)
        worker.wait()
        until(lambda: all(map(gone, {pid, *here})), "all have ended")
    assert list(spools.iterdir()) == []


# -- the gate ------------------------------------------------------------------------------------


class Asked:
    """A request, as a server hands it to the application: what comes is put in by the test."""

    def __init__(self, path: str, headers: dict[str, str]) -> None:
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self.scope = {"type": "http", "method": "POST", "path": path, "headers": raw}
        self.coming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []

    def comes(self, body: bytes, *, more: bool) -> None:
        self.coming.put_nowait({"type": "http.request", "body": body, "more_body": more})

    async def receive(self) -> dict[str, Any]:
        return await self.coming.get()

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def answer(self) -> tuple[int, Any]:
        return self.sent[0]["status"], json.loads(self.sent[1]["body"])


Answering = Callable[[front.Admission, Any, Any, Any], Awaitable[None]]


@asynccontextmanager
async def uploading(
    admission: front.Admission, sender: dict[str, str], many: int
) -> AsyncIterator[Any]:
    """Uploads of which everything but the last byte has come."""
    headers = {**sender, **BINARY, "Content-Length": str(len(REMOVED))}
    asked = [Asked("/v1/check/file", headers) for _ in range(many)]
    tasks = []
    for each in asked:
        each.comes(REMOVED[:-1], more=True)
        answering = front.answer_file(admission, each.scope, each.receive, each.send)
        tasks.append(asyncio.create_task(answering))
    await soon(
        lambda: admission.gate.uploads._starter and len(reading(admission.gate.uploads)) == many
    )
    yield asked
    await asyncio.gather(*tasks)


def test_checks_are_answered_while_uploads_hang(gate: GateProcess, store: Store) -> None:
    sender = key(store)
    knows(gate, store)
    admission = front.Admission(gate)
    digest = hashlib.sha256(REMOVED).hexdigest()

    async def check(files: int) -> None:
        body = json.dumps({"files": [{"sha256": digest}] * files}).encode()
        asked = Asked("/v1/check", {**sender, "Content-Type": "application/json"})
        asked.comes(body, more=False)
        await front.answer_check(admission, asked.scope, asked.receive, asked.send)  # type: ignore[arg-type]
        status, answer = asked.answer()
        assert status == 200
        assert [each["advice"] for each in answer["results"]] == ["block"] * files

    async def whole() -> None:
        async with uploading(admission, sender, front.UPLOADS) as asked:
            for pid in reading(gate.uploads):
                os.kill(pid, signal.SIGSTOP)
            for each in asked:
                each.comes(REMOVED[-1:], more=False)
            for files in (1, 100, 10_000):
                await check(files)
            # One more is asked to come again.
            late = Asked("/v1/check/file", {**sender, **BINARY, "Content-Length": "1"})
            late.comes(b"x", more=False)
            await front.answer_file(admission, late.scope, late.receive, late.send)  # type: ignore[arg-type]
            assert late.answer()[0] == 503
            for pid in reading(gate.uploads):
                os.kill(pid, signal.SIGCONT)
        for each in asked:
            status, answer = each.answer()
            assert (status, answer["results"][0]["advice"]) == (200, "block")

    asyncio.run(whole())


def test_of_a_file_that_breaks_its_process_the_gate_says_so(
    gate: GateProcess, store: Store
) -> None:
    sender = key(store)
    knows(gate, store)
    admission = front.Admission(gate)

    async def whole() -> None:
        async with uploading(admission, sender, 2) as asked:
            for pid in reading(gate.uploads):
                os.kill(pid, signal.SIGKILL)
            for each in asked:
                each.comes(REMOVED[-1:], more=False)
        for each in asked:
            status, answer = each.answer()
            assert status == 200
            assert answer["results"][0]["matches"] == []
            assert answer["file"]["judged_by"] == []
            assert answer["file"]["problem"].startswith("the file could not be judged: ")
            assert [spot["code"] for spot in answer["file"]["not_read"]] == ["system-limit"]
        async with uploading(admission, sender, 1) as asked:
            asked[0].comes(REMOVED[-1:], more=False)
        assert asked[0].answer()[1]["results"][0]["advice"] == "block"

    asyncio.run(whole())


def test_who_hangs_up_while_the_file_is_read_ends_its_process(
    gate: GateProcess, store: Store
) -> None:
    sender = key(store)
    knows(gate, store)
    admission = front.Admission(gate)

    async def whole() -> None:
        async with uploading(admission, sender, 2) as asked:
            pids = reading(gate.uploads)
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            asked[0].comes(REMOVED[-1:], more=False)
            for each in asked:
                each.coming.put_nowait({"type": "http.disconnect"})
        assert [each.sent for each in asked] == [[], []]
        assert admission.uploads == 0
        await soon(lambda: all(map(gone, pids)))

    asyncio.run(whole())


def test_a_gate_that_ends_ends_them(store: Store, tmp_path: Path) -> None:
    put(store, REMOVED)
    with running(settings_in(tmp_path), store) as gate:
        sender = key(store, KeyScope.FILE)
        knows(gate, store)
        answer = TestClient(standing.client(gate).app).post(
            "/v1/check/file", content=OTHER, headers={**sender, **BINARY}
        )
        assert answer.status_code == 200
        pid = starter(gate.uploads)
    assert gone(pid)
