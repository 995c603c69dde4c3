"""`make bench-gate-hostile`: the gate while the worst comes in: uploads, and an import at its
bounds.

    python -m benchmarks.gate_hostile [--removals N] [--rows N] [--seconds S] [--alone] [--quick]
                                      [--print]

Makes a registry of 250,000 removals, starts `reseen serve --workers 2`, and asks it at a steady
rate (benchmarks/open_loop.py): 200 requests a second of one digest, and as many of a hundred, each
timed from when it was due. First alone; then while each worker is kept at four uploads at a time,
the dearest that are accepted (benchmarks/hostile_files.py), slow ones, and others that are refused;
then while a list of 1,000,000 rows and nearly 256 MiB is imported in the pages besides, until every
worker has taken that in. Uploads are sent by a process of low priority: in life it is another
machine's. All of it shares the cores, this process too. `--alone`: what else the machine does waits
while something is measured (Linux, as root). Writes the second section of docs/gate.md; `--print`
prints it instead, `--quick` runs through all of it with little.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import gzip
import json
import os
import platform
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any

from benchmarks.gate import PAGE, WORKERS, Server, post, reseen, serving
from benchmarks.import_list import row_of, run_import, write_list

BEGIN, END = "<!-- measured under attack: begin -->", "<!-- measured under attack: end -->"
RATE = 200
AIM = 50.0
"""Milliseconds, of 99 in 100 answers."""
BYTES = 256 << 20
"""Of a list that is imported in the pages."""
DEAR = ("loha", "lokr-rank", "lora-rank")
HEADERS = ("names", "pickle", "tensors", "emoji", "entries", "zip-bomb", "tar-bomb")
QUICK = ("lokr", "values", "symbols")
AFTER = 20.0
"""Seconds that are looked at after an import's end."""


@dataclass(frozen=True, slots=True)
class Phase:
    """What was seen in one part of a run."""

    name: str
    ms: dict[int, list[float]]
    """By digests a request."""
    late: list[float]
    failed: int

    def of(self, checks: int) -> str:
        found = sorted(self.ms[checks])
        p50, p99 = at(found, 0.5), at(found, 0.99)
        return f"{p50:.1f} / {p99:.1f} / {at(found, 1):.0f} ms"

    @property
    def p99(self) -> float:
        return max(at(sorted(found), 0.99) for found in self.ms.values())


def at(ordered: Sequence[float], part: float) -> float:
    if not ordered:
        return inf  # nobody was answered, or sent anything, while it was looked at
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


# -- what comes in -------------------------------------------------------------------------------


def make_files(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """Hostile files, each made by a process of its own: some take a while to make."""
    code = (
        "import sys; from pathlib import Path; from benchmarks.hostile_files import CASES\n"
        "case = next(case for case in CASES if case.name == sys.argv[1])\n"
        "Path(sys.argv[2]).write_bytes(case.make()[0])"
    )
    made = {name: folder / name for name in names}
    for name, path in made.items():
        subprocess.run([sys.executable, "-c", code, name, str(path)], check=True)
    return made


def upload(port: int, key: str, path: Path, *, slowly: bool = False, more: str = "") -> str:
    """The status of the answer; "cut" where the gate hung up before."""
    with path.open("rb") as file, socket.create_connection(("127.0.0.1", port)) as link:
        size = path.stat().st_size
        head = (
            f"POST /v1/check/file HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/octet-stream\r\nContent-Length: {size}\r\n{more}\r\n"
        )
        try:
            link.sendall(head.encode())
            if slowly:  # just fast enough
                while piece := file.read(20_000):
                    link.sendall(piece)
                    time.sleep(0.2)
            else:
                link.sendfile(file)
            return link.recv(64).split()[1].decode()
        except (OSError, IndexError):
            return "cut"


def attack(port: int, key: str, folder: Path, dear: Sequence[str], headers: Sequence[str]) -> None:
    """Until it is ended: more uploads at a time than both workers take. Says what came of them."""
    os.setpriority(os.PRIO_PROCESS, 0, 19)
    bomb = folder / "bomb"
    bomb.write_bytes(gzip.compress(bytes(64 << 20)))
    ended: Counter[str] = Counter()

    def again_and_again(names: Sequence[str], slowly: bool) -> None:
        at_ = 0
        while True:
            name = names[at_ % len(names)]
            status = upload(port, key, folder / name, slowly=slowly)
            ended[f"{name} {status}"] += 1
            if status in ("503", "cut"):
                time.sleep(0.1)
            else:
                at_ += 1

    def refused() -> None:
        while True:
            for more in ("Content-Encoding: gzip\r\n", "Content-Range: bytes 0-1/2\r\n"):
                ended[f"refused {upload(port, key, bomb, more=more)}"] += 1
            time.sleep(0.05)

    plans: list[tuple[Sequence[str], bool]] = [([name], False) for name in dear for _ in range(2)]
    plans += [(headers, False)] * 4 + [([dear[0]], True)] * 2
    for plan in plans:
        threading.Thread(target=again_and_again, args=plan, daemon=True).start()
    threading.Thread(target=refused, daemon=True).start()
    print("on", flush=True)
    sys.stdin.read()
    print(json.dumps(ended), flush=True)
    os._exit(0)  # its threads never end


@contextmanager
def attacked(port: int, key: str, folder: Path, *, quick: bool) -> Iterator[dict[str, int]]:
    """Under attack; afterwards what came of the uploads."""
    command = [sys.executable, "-m", "benchmarks.gate_hostile", "--attack", str(folder)]
    process = subprocess.Popen(
        [*command, "--port", str(port), *(["--quick"] if quick else [])],
        env={**os.environ, "KEY": key}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    ended: dict[str, int] = {}
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.readline()
    try:
        yield ended
    finally:
        process.stdin.close()
        ended.update(json.loads(process.stdout.readline()))
        process.wait()


def write_long_list(path: Path, rows: int, size: int) -> None:
    """New removals, and a column of notes that fills the file."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "link", "SHA256", "notes"])
        pad = max(0, size // rows - 230) * "n"
        writer.writerows((*row_of(10_000_000 + number), pad) for number in range(rows))
    assert path.stat().st_size <= size, path.stat().st_size


def import_in_pages(port: int, password: str, path: Path) -> float:
    """Seconds from sending the list until it is imported, with the look at it between."""
    import httpx2

    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=3_600) as browser:

        def token(page: str) -> str:
            found = re.search(r'name="csrf" value="([0-9a-f]+)"', browser.get(page).text)
            assert found is not None
            return found[1]

        form = {"csrf": token("/sign-in"), "name": "lead", "password": password, "next": ""}
        assert browser.post("/sign-in", data=form).status_code == 303
        form = {"csrf": token("/lists/import"), "name": "long list"}
        began = time.perf_counter()
        with path.open("rb") as file:
            answer = browser.post("/lists/import", data=form, files={"file": ("list.csv", file)})
        waits = re.search(r'formaction="(/lists/import/[0-9a-f]+)/look"', answer.text)
        assert waits is not None
        answer = browser.post(f"{waits[1]}/import", data=form)
        assert answer.status_code == 200, answer.status_code
        assert "Imported into" in answer.text
        return time.perf_counter() - began


@contextmanager
def alone() -> Iterator[None]:
    """Everything else on this machine waits: all of ours is one session, and that goes first."""
    group = Path("/proc/self/autogroup")
    with contextlib.suppress(PermissionError):
        os.setsid()
    group.write_text("-15")
    try:
        yield
    finally:
        group.write_text("0")


# -- what is measured ----------------------------------------------------------------------------


@contextmanager
def asking(port: int, key: str, removals: int, seconds: float, until: Path | None) -> Any:
    """A list that holds what the generator saw, once the context has ended."""
    command = [sys.executable, "-m", "benchmarks.open_loop", "--port", str(port)]
    command += ["--removals", str(removals), "--rate", str(RATE), "--seconds", str(seconds)]
    if until is not None:
        command += ["--until", str(until)]
    told: list[Any] = []
    with subprocess.Popen(
        command, env={**os.environ, "KEY": key}, stdout=subprocess.PIPE, text=True
    ) as process:
        yield told
        assert process.stdout is not None
        told.extend(json.loads(process.stdout.read()))


def phase(name: str, told: Sequence[Any], begin: float = -1.0, end: float = 1e9) -> Phase:
    here = [each for each in told if begin <= each[0] < end]
    ms: dict[int, list[float]] = {1: [], 100: []}
    for _, checks, took, _ in here:
        if took is not None:
            ms[checks].append(took)
    return Phase(name, ms, sorted(each[3] for each in here), sum(t[2] is None for t in here))


def in_force(port: int, key: str) -> int:
    return int(post(port, key, b'{"crc32": "00000001"}')["version"])


def measure(removals: int, rows: int, seconds: float, *, quick: bool, by_itself: bool) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="reseen-bench-gate-") as name:
        folder = Path(name)
        home, files = folder / "home", folder / "files"
        home.mkdir(mode=0o700)
        files.mkdir()
        (folder / "password").write_text("three plain words for tests\n")
        write_list(folder / "list.csv", removals)
        run_import(home, folder / "list.csv", removals)
        reseen(home, "user", "add", "lead", "--role", "lead",
               "--password-file", str(folder / "password"))  # fmt: skip
        key = reseen(home, "key", "add", "bench", "--scope", "check", "--scope", "file",
                     "--rate", "100000").strip()  # fmt: skip
        make_files(files, QUICK if quick else (*DEAR, *HEADERS))
        write_long_list(folder / "long.csv", rows, BYTES if not quick else rows * 240)
        phases: list[Phase] = []
        load = [os.getloadavg()[0]]
        with serving(home) as server, contextlib.ExitStack() as stack:
            time.sleep(1 if quick else 15)  # its state is kept
            stack.enter_context(alone() if by_itself else contextlib.nullcontext())
            with asking(server.port, key, removals, seconds, None) as told:
                pass
            phases.append(phase("nothing else", told))
            load.append(os.getloadavg()[0])
            with attacked(server.port, key, files, quick=quick) as ended:
                time.sleep(1 if quick else 5)
                with asking(server.port, key, removals, 2 * seconds, None) as told:
                    pass
                phases.append(phase("uploads", told))
                load.append(os.getloadavg()[0])
                phases += imported(server, key, folder, removals, quick=quick)
                load.append(os.getloadavg()[0])
            memory = server.memory()
        return page(phases, (removals, rows), ended, memory, load, by_itself=by_itself)


def imported(
    server: Server, key: str, folder: Path, removals: int, *, quick: bool
) -> Iterator[Phase]:
    """While the list is imported, and while it is taken in by the workers."""
    done = folder / "done"
    before = in_force(server.port, key)
    with asking(server.port, key, removals, 3_600, done) as told:
        password = (folder / "password").read_text().strip()
        took = import_in_pages(server.port, password, folder / "long.csv")
        while any(in_force(server.port, key) == before for _ in range(20)):
            time.sleep(0.1)
        time.sleep(1 if quick else AFTER)
        done.touch()
    yield phase(f"uploads, and the import ({took:,.0f} s)", told, -1.0, took)
    yield phase("uploads, while the workers take the import in", told, took)


def page(
    phases: Sequence[Phase], sizes: tuple[int, int], ended: dict[str, int], memory: Sequence[float],
    load: Sequence[float], *, by_itself: bool,
) -> list[str]:  # fmt: skip
    day = datetime.now(UTC).date().isoformat()
    removals, rows = sizes
    command = " ".join(["python -m benchmarks.gate_hostile", *sys.argv[1:]])
    waits = ", and what else the machine does waits (`--alone`)" if by_itself else ""
    lines = [
        f"Measured on {day} with `{command}`: {removals:,} removals, `reseen serve "
        f"--workers {WORKERS}` on SQLite, {os.cpu_count()} cores, CPython "
        f"{platform.python_version()}. {RATE} requests a second of one digest and as many of a "
        f"hundred, each timed from when it was due; client, uploads and server share the "
        f"cores{waits}. Load average before and after each part: "
        f"{', '.join(f'{each:.1f}' for each in load)}.",
        "",
        "| meanwhile | of 1: p50 / p99 / longest | of 100: p50 / p99 / longest | sent late: p50 / "
        "p99 / most | not answered | p99 < 50 ms |",
        "|---|---|---|---|---|---|",
    ]
    for each in phases:
        late = f"{at(each.late, 0.5):.1f} / {at(each.late, 0.99):.1f} / {at(each.late, 1):.0f} ms"
        met = "yes" if each.p99 < AIM and not each.failed else "**no**"
        lines.append(
            f"| {each.name} | {each.of(1)} | {each.of(100)} | {late} | {each.failed} of "
            f"{len(each.late):,} | {met} |"
        )
    judged = sum(number for what, number in ended.items() if what.endswith(" 200"))
    refused = sum(n for what, n in ended.items() if what.startswith("refused 4"))
    turned = sum(n for what, n in ended.items() if what.endswith((" 503", " cut")))
    lines += [
        "",
        f"Uploads answered: {judged:,}; refused for what they said of themselves: {refused:,}; "
        f"sent away because four were in work: {turned:,}. The list had {rows:,} rows. Memory of "
        f"the workers afterwards: {', '.join(f'{each:,.0f} MB' for each in memory)}.",
    ]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--removals", type=int, default=250_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--print", action="store_true", dest="only_print")
    parser.add_argument("--attack", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.attack is not None:
        dear, headers = (QUICK[:1], QUICK[1:]) if given.quick else (DEAR, HEADERS)
        with contextlib.suppress(KeyboardInterrupt):
            attack(given.port, os.environ["KEY"], given.attack, dear, headers)
        return
    removals, rows, seconds = given.removals, given.rows, given.seconds
    if given.quick:
        removals, rows, seconds = min(removals, 300), min(rows, 300), min(seconds, 1.0)
    lines = measure(removals, rows, seconds, quick=given.quick, by_itself=given.alone)
    print("\n".join(lines))
    if not given.only_print and not given.quick:
        before, rest = PAGE.read_text().split(BEGIN)
        PAGE.write_text("\n".join([before + BEGIN, "", *lines, "", END]) + rest.split(END)[1])


if __name__ == "__main__":
    main()
