"""`make bench-gate`: the upload gate under load, with 250,000 removals, on the machine at hand.

    python -m benchmarks.gate [--removals N] [--seconds S] [--quick] [--print]

Makes a registry with benchmarks/import_list.py, starts `reseen serve --workers 2` on it, and asks
it over loopback while a writer of its own process adds removals ten times a second: digest checks a
second and their 50th and 99th percentile at 1 and 32 connections (one file a request; then 100 and
10,000), how long a new removal takes to hold in every worker, a 40 MB adapter by upload beside
SHA-256 over the same stream, memory of each worker, start to ready. Asks with wrk where it is
installed, else with a small client of its own (`--client python`), and says which. Server, writer
and client share the cores. Writes the section of docs/gate.md between its marks; `--print` prints
it instead. `--quick`: a few removals and half a second each, to see that it runs.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import platform
import re
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests import removals_made

from benchmarks.import_list import row_of, run_import, write_list

PAGE = Path(__file__).parents[1] / "docs" / "gate.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
WORKERS = 2
ADDED = 10
"""Removals added in a second while the gate is asked."""
RATE_AIM, P99_AIM, PROPAGATION_AIM, READY_AIM = 5_000, 20.0, 2.0, 3.0
_HIT = 100
"""One of so many digests asked for is a removal's."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of a client saw."""

    requests: float
    """A second."""
    p50: float
    p99: float
    """Milliseconds."""
    errors: int
    checks: int = 1
    """Files in a request."""

    @property
    def rate(self) -> float:
        return self.requests * self.checks


# -- the service ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Server:
    """A running service."""

    process: subprocess.Popen[bytes]
    port: int
    first_ready: float
    """Seconds from start until the first worker was ready."""
    all_ready: float
    """The same until no answer said otherwise."""

    def memory(self) -> list[float]:
        """MB of each worker."""
        found = []
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                text = status.read_text()
            except OSError:
                continue
            fields = dict(re.findall(r"^(\w+):\s+(.*)$", text, re.MULTILINE))
            if fields.get("PPid") == str(self.process.pid) and "VmRSS" in fields:
                found.append(int(fields["VmRSS"].split()[0]) / 1_000)
        return sorted(m for m in found if m > 40)  # the tracker of resources is small


@contextmanager
def serving(home: Path, workers: int = WORKERS) -> Iterator[Server]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "reseen", "serve", "--port", str(port), "--no-jobs"]
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--workers", str(workers)], env=environment(home), stderr=subprocess.DEVNULL
    )
    try:
        first = wait_ready(process, port, 1) - started
        every = wait_ready(process, port, 40) - started
        yield Server(process, port, first, every)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_ready(process: subprocess.Popen[bytes], port: int, times: int) -> float:
    """When `times` answers in a row, each to a new connection, said that it is ready."""
    deadline = time.monotonic() + 300
    row = 0
    since = 0.0
    while row < times:
        assert process.poll() is None, "the service ended"
        assert time.monotonic() < deadline, "the service is not ready"
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/ready")
            good = connection.getresponse().status == 200
            connection.close()
        except OSError:
            good = False
        if good and not row:
            since = time.perf_counter()
        row = row + 1 if good else 0
        if not good:
            time.sleep(0.01)
    return since


def environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RESEEN_")}
    return {**kept, "RESEEN_HOME": str(home), "RESEEN_STATE": str(home / "gate")}


def reseen(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "reseen", *arguments],
        env=environment(home), check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout


# -- the writer ----------------------------------------------------------------------------------


@contextmanager
def writing(home: Path) -> Iterator[None]:
    """Removals are added ten times a second, by a process of its own."""
    command = [sys.executable, "-m", "benchmarks.gate", "--write"]
    with subprocess.Popen(command, env=environment(home), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the store is open
        try:
            yield
        finally:
            process.terminate()


def write() -> None:
    with opened() as add:
        print("writing", flush=True)
        due = time.monotonic()
        while True:
            add(secrets.token_bytes(32))
            due += 1 / ADDED
            time.sleep(max(0.0, due - time.monotonic()))


@contextmanager
def opened() -> Iterator[Callable[[bytes], None]]:
    """A function that adds a removal with this SHA-256."""
    from reseen.records import Digest, DigestKind, Names, RemovedFile
    from reseen.settings import Settings
    from reseen.store.database import Store
    from reseen.store.sealing import Keyring

    settings = Settings.from_environment()
    with Store(settings.db) as store:
        keyring = Keyring.for_store(store, settings, create=True)
        assert keyring is not None

        def add(sha256: bytes) -> None:
            file = RemovedFile((Digest(DigestKind.SHA256, sha256),), size=1_000)
            new = removals_made.NewRemoval(
                "added", None, None, Names(name="Sample person 07"), (file,)
            )
            with store.write() as connection:
                removals_made.insert(connection, keyring, [new])

        yield add


# -- asking --------------------------------------------------------------------------------------


def bodies(checks: int, removals: int, count: int) -> list[bytes]:
    """Different bodies, with one digest of a removal among a hundred."""
    made = []
    for number in range(count):
        files = []
        for place in range(checks):
            if (number * checks + place) % _HIT == 0:
                sha256 = row_of((number * 7919 + place) % removals)[2]
            else:
                sha256 = secrets.token_hex(32)
            files.append({"sha256": sha256})
        made.append(json.dumps(files[0] if checks == 1 else {"files": files}).encode())
    return made


_LUA = """
local bodies = {}
for line in io.lines(os.getenv("BODIES")) do bodies[#bodies + 1] = line end
local at = 0
local made = {}
init = function(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = "Bearer " .. os.getenv("KEY")
  for i, body in ipairs(bodies) do made[i] = wrk.format(nil, "/v1/check", nil, body) end
  at = math.random(#made)
end
request = function()
  at = at % #made + 1
  return made[at]
end
done = function(summary, latency, requests)
  local e = summary.errors
  print(string.format("JSON {\\"requests\\": %f, \\"p50\\": %f, \\"p99\\": %f, \\"errors\\": %d}",
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def ask(
    client: str, port: int, key: str, some: Sequence[bytes], connections: int, seconds: float,
    checks: int, folder: Path,
) -> Load:  # fmt: skip
    """Ask as often as answers come."""
    path = folder / "bodies"
    path.write_bytes(b"\n".join(some) + b"\n")
    if client == "wrk":
        script = folder / "ask.lua"
        script.write_text(_LUA)
        done = subprocess.run(
            ["wrk", "-t", "1", "-c", str(connections), "-d", f"{max(1, round(seconds))}s",
             "--timeout", "30s", "-s", str(script), f"http://127.0.0.1:{port}"],
            env={**os.environ, "BODIES": str(path), "KEY": key},
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        (line,) = [li for li in done.stdout.splitlines() if li.startswith("JSON ")]
        return Load(**json.loads(line.removeprefix("JSON ")), checks=checks)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gate", "--ask", str(path), "--port", str(port),
         "--connections", str(connections), "--seconds", str(seconds)],
        env={**os.environ, "KEY": key}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return Load(**json.loads(done.stdout), checks=checks)


def ask_here(path: Path, port: int, connections: int, seconds: float) -> Load:
    """The small client: plain sockets, one thread, so that it takes little of the cores."""
    import selectors

    head = (
        b"POST /v1/check HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n"
    )
    key = os.environ["KEY"].encode()
    made = [head % (key, len(b)) + b for b in path.read_bytes().splitlines()]
    selector = selectors.DefaultSelector()
    taken: list[float] = []
    errors = at = 0
    deadline = time.perf_counter() + seconds
    sent: dict[int, float] = {}
    got: dict[int, bytearray] = {}
    for _ in range(connections):
        one = socket.create_connection(("127.0.0.1", port))
        selector.register(one, selectors.EVENT_READ)
        one.sendall(made[at % len(made)])
        at += 1
        sent[one.fileno()], got[one.fileno()] = time.perf_counter(), bytearray()
    while sent:
        for event, _ in selector.select(1.0):
            asked = event.fileobj
            assert isinstance(asked, socket.socket)
            number = asked.fileno()
            chunk = asked.recv(1 << 20)
            data = got[number]
            data += chunk
            end = data.find(b"\r\n\r\n")
            if chunk and end < 0:
                continue
            length = re.search(rb"content-length: (\d+)", data[: max(end, 0)].lower())
            if chunk and length is not None and len(data) < end + 4 + int(length[1]):
                continue
            now = time.perf_counter()
            taken.append(now - sent.pop(number))
            errors += not data.startswith(b"HTTP/1.1 200")
            data.clear()
            if now < deadline and chunk:
                asked.sendall(made[at % len(made)])
                at += 1
                sent[number] = time.perf_counter()
            else:
                selector.unregister(asked)
                asked.close()
    ordered = sorted(taken)
    return Load(
        requests=len(taken) / seconds,
        p50=ordered[len(ordered) // 2] * 1e3,
        p99=ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1e3,
        errors=errors,
    )


def propagation(home: Path, port: int, key: str, times: int) -> list[float]:
    """Seconds from the commit of a new removal until no worker lets it pass any more."""
    seconds = []
    os.environ.update(environment(home))
    with opened() as add:
        for _ in range(times):
            sha256 = secrets.token_bytes(32)
            last = [0.0]
            stop = threading.Event()

            def look(value: str = sha256.hex(), last: Any = last, stop: Any = stop) -> None:
                body = json.dumps({"sha256": value})
                while not stop.is_set():
                    # A new connection each time, so that every worker is met.
                    advice = post(port, key, body.encode())["results"][0]["advice"]
                    if advice == "allow":
                        last[0] = time.perf_counter()
                    time.sleep(0.005)

            threads = [threading.Thread(target=look) for _ in range(3)]
            for thread in threads:
                thread.start()
            time.sleep(0.3)
            add(sha256)
            committed = time.perf_counter()
            while time.perf_counter() - max(last[0], committed) < 2.0:
                time.sleep(0.05)
            stop.set()
            for thread in threads:
                thread.join()
            seconds.append(max(0.0, last[0] - committed))
    return seconds


def post(
    port: int, key: str, body: bytes, path: str = "/v1/check", kind: str = "application/json"
) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Content-Type": kind, "Authorization": f"Bearer {key}"}
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert answer.status == 200, (answer.status, content[:200])
    return json.loads(content)


# -- uploads -------------------------------------------------------------------------------------


def uploads(port: int, key: str, data: bytes, times: int) -> dict[str, float]:
    """Seconds, in turn: SHA-256 alone, SHA-256 of the same upload in a bare server, the gate."""
    seconds: dict[str, list[float]] = {"alone": [], "bare": [], "gate": []}
    with bare_server() as bare:
        for _ in range(times):
            for name, work in (
                ("alone", lambda: hashlib.sha256(data).digest()),
                ("bare", lambda: post(bare, key, data, kind="application/octet-stream")),
                (
                    "gate",
                    lambda: post(port, key, data, "/v1/check/file", "application/octet-stream"),
                ),
            ):
                started = time.perf_counter()
                work()
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(some) for name, some in seconds.items()}


async def hashing(scope: Any, receive: Any, send: Any) -> None:
    """The bare server: SHA-256 over an upload, and nothing else."""
    if scope["type"] != "http":
        return
    hasher = hashlib.sha256()
    more = True
    while more:
        message = await receive()
        hasher.update(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'"%b"' % hasher.hexdigest().encode()})


@contextmanager
def bare_server() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "benchmarks.gate:hashing", "--port", str(port)]
    process = subprocess.Popen([*command, "--lifespan", "off", "--log-level", "error"])
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def adapter_file(rank: int) -> bytes:
    """An adapter of SDXL and its text encoders, of 7.2 MB a rank."""
    import numpy as np

    from benchmarks.fingerprint import adapter

    return adapter(rank, np.dtype(np.float16))


# -- the page ------------------------------------------------------------------------------------


def measure(removals: int, seconds: float, client: str, *, quick: bool) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="reseen-bench-gate-") as folder:
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        listed = Path(folder) / "list.csv"
        write_list(listed, removals)
        run_import(home, listed, removals)
        key = reseen(
            home, "key", "add", "bench", "--scope", "check", "--scope", "file", "--scope",
            "trusted", "--rate", "100000",
        ).strip()  # fmt: skip
        rows: list[tuple[str, str, str, bool | None]] = []
        with serving(home) as server:
            first = server
            time.sleep(2 if quick else 8)
            rows += load_rows(server, home, key, removals, seconds, client, Path(folder), quick)
        with serving(home) as server:
            rows.append(start_row("its last state kept", server))
        rows.append(start_row("no state kept", first))
    return page(rows, removals, seconds, client)


def load_rows(
    server: Server, home: Path, key: str, removals: int, seconds: float, client: str,
    folder: Path, quick: bool,
) -> list[tuple[str, str, str, bool | None]]:  # fmt: skip
    rows: list[tuple[str, str, str, bool | None]] = []
    with writing(home):
        plans = ((1, 1, 5_000), (1, 32, 5_000), (100, 1, 300), (100, 32, 300), (10_000, 1, 6))
        for checks, connections, count in plans:
            some = bodies(checks, removals, count if not quick else 3)
            load = ask(client, server.port, key, some, connections, seconds, checks, folder)
            assert not load.errors, f"{load.errors} requests failed"
            what = "1 file a request" if checks == 1 else f"{checks:,} files a request"
            told = f"{load.rate:,.0f} checks/s, p50 {load.p50:.1f} ms, p99 {load.p99:.1f} ms"
            met = load.rate >= RATE_AIM and load.p99 < P99_AIM if checks == 1 else None
            aim = f"{RATE_AIM:,}/s, p99 < {P99_AIM:.0f} ms" if checks == 1 else ""
            kind = "connection" if connections == 1 else "connections"
            rows.append((f"{what}, {connections} {kind}", told, aim, met))
        took = propagation(home, server.port, key, 1 if quick else 5)
        rows.append(
            (
                "a new removal holds in every worker after",
                f"{max(took):.2f} s at most, {statistics.median(took):.2f} s in the median",
                f"< {PROPAGATION_AIM:.0f} s",
                max(took) < PROPAGATION_AIM,
            )
        )
    data = adapter_file(1 if quick else 6)
    took_by = uploads(server.port, key, data, 1 if quick else 5)
    for name, what in (
        ("gate", "uploaded to the gate: all digests, sketch and match"),
        ("bare", "uploaded to a bare server that takes its SHA-256"),
        ("alone", "SHA-256 over the same bytes in memory"),
    ):
        label = f"adapter file of {len(data) / 1e6:.0f} MB, {what}"
        rows.append((label, f"{took_by[name] * 1e3:,.0f} ms", "", None))
    memory = ", ".join(f"{m:,.0f} MB" for m in server.memory())
    rows.append(("memory of each worker after all that (resident)", memory, "", None))
    return rows


def start_row(what: str, server: Server) -> tuple[str, str, str, bool | None]:
    told = f"{server.first_ready:.1f} s (both workers: {server.all_ready:.1f} s)"
    aim = f"< {READY_AIM:.0f} s"
    what = f"`reseen serve`, pages and two workers, start to ready, {what}"
    return what, told, aim, server.first_ready < READY_AIM


def page(
    rows: Sequence[tuple[str, str, str, bool | None]], removals: int, seconds: float, client: str
) -> list[str]:
    day = datetime.now(UTC).date().isoformat()
    python = platform.python_version()
    lines = [
        f"Measured on {day} with `make bench-gate`: {removals:,} removals, `reseen serve --workers "
        f"{WORKERS}` on SQLite, {os.cpu_count()} cores, CPython {python}. Asked over loopback with "
        f"{client if client == 'wrk' else 'a client of plain Python'}, {seconds:g} s each; server, "
        f"writer and client share the cores. Removals are added {ADDED} times a second meanwhile; "
        f"one digest of {_HIT} asked for is a removal's.",
        "",
        "| what | measured | aim | met |",
        "|---|---|---|---|",
    ]
    for what, measured, aim, met in rows:
        word = "" if met is None else "yes" if met else "**no**"
        lines.append(f"| {what} | {measured} | {aim} | {word} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--removals", type=int, default=250_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--print", action="store_true", dest="only_print")
    parser.add_argument("--client", choices=("wrk", "python"))
    parser.add_argument("--write", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--connections", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write()
        return
    if options.ask:
        load = ask_here(options.ask, options.port, options.connections, options.seconds)
        print(json.dumps({k: getattr(load, k) for k in ("requests", "p50", "p99", "errors")}))
        return
    client = options.client or ("wrk" if shutil.which("wrk") else "python")
    removals, seconds = options.removals, options.seconds
    if options.quick:
        removals, seconds = min(removals, 300), min(seconds, 0.5)
    lines = measure(removals, seconds, client, quick=options.quick)
    print("\n".join(lines))
    if not options.only_print and not options.quick:
        text = PAGE.read_text()
        before, rest = text.split(BEGIN)
        after = rest.split(END)[1]
        section = "\n".join([BEGIN, "", *lines, "", END])
        PAGE.write_text(before + section + after)


if __name__ == "__main__":
    main()
