"""Asks the gate at a steady rate, however long its answers take.

    KEY=... python -m benchmarks.open_loop --port N --removals N --rate N --seconds S [--until FILE]

Two streams at once, one digest a request and a hundred, each `--rate` requests a second. Every
request has a time at which it is due; what is measured is the time from then until its whole answer
is there, whether or not earlier ones were answered, and, apart from that, how late this process
itself came to send it. Prints JSON, for each: [seconds since the beginning, digests, ms to the
answer, ms late]. With --until it goes on (up to --seconds) until the file is there.
"""

from __future__ import annotations

import argparse
import gc
import heapq
import json
import os
import re
import selectors
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.gate import bodies

CHECKS = (1, 100)
_HEAD = (
    b"POST /v1/check HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n"
)
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
PATIENCE = 30.0
"""Seconds to wait for the last answers."""


@dataclass(slots=True, eq=False)
class Asked:
    """A connection and what it was asked last."""

    socket: socket.socket
    due: float = 0.0
    late: float = 0.0
    checks: int = 0
    came: bytearray = field(default_factory=bytearray)


def ask(port: int, removals: int, rate: float, seconds: float, until: Path | None) -> list[object]:
    """[seconds since the beginning, checks a request, ms, ms late]; ms is None where no answer, or
    another than 200, came."""
    key = os.environ["KEY"].encode()
    made = {n: [_HEAD % (key, len(b)) + b for b in bodies(n, removals, 500)] for n in CHECKS}
    selector = selectors.DefaultSelector()
    # Each in its turn: the gate hangs up on who says nothing for a while.
    idle = deque(connected(port, selector) for _ in range(16))
    told: list[object] = []
    sent = waiting = 0
    gc.disable()
    began = time.perf_counter() + 0.2
    due = [(began + at / rate / len(CHECKS), checks) for at, checks in enumerate(CHECKS)]
    heapq.heapify(due)
    end = began + seconds
    while due or waiting:
        now = time.perf_counter()
        while due and due[0][0] <= now:
            at, checks = heapq.heappop(due)
            one = idle.popleft() if idle else connected(port, selector)
            one.due, one.checks, one.late = at, checks, now - at
            one.socket.sendall(made[checks][sent % 500])
            sent, waiting = sent + 1, waiting + 1
            if at < end and not (until is not None and until.exists()):
                heapq.heappush(due, (at + 1 / rate, checks))
            now = time.perf_counter()
        if not due and now > end + PATIENCE:
            break
        for event, _ in selector.select(max(0.0, due[0][0] - now) if due else 1.0):
            one = event.data
            try:
                chunk = one.socket.recv(1 << 20)
            except ConnectionError:
                chunk = b""
            one.came += chunk
            whole = is_whole(one.came)
            if chunk and not whole:
                continue
            took = time.perf_counter() - one.due
            if one.checks:
                good = whole and one.came.startswith(b"HTTP/1.1 200")
                told.append(
                    [round(one.due - began, 4), one.checks, round(took * 1e3, 2) if good else None,
                     round(one.late * 1e3, 2)]
                )  # fmt: skip
                waiting -= 1
            asked, one.checks = one.checks, 0
            one.came.clear()
            if chunk and asked:
                idle.append(one)
                continue
            selector.unregister(one.socket)
            one.socket.close()
            if not asked:
                idle.remove(one)
    told.extend([0.0, 0, None, 0.0] for _ in range(waiting))
    return told


def connected(port: int, selector: selectors.BaseSelector) -> Asked:
    one = Asked(socket.create_connection(("127.0.0.1", port)))
    one.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    selector.register(one.socket, selectors.EVENT_READ, one)
    return one


def is_whole(came: bytearray) -> bool:
    end = came.find(b"\r\n\r\n")
    length = _LENGTH.search(came, 0, max(end, 0))
    return length is not None and len(came) >= end + 4 + int(length[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--removals", type=int, required=True)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--until", type=Path)
    given = parser.parse_args()
    print(json.dumps(ask(given.port, given.removals, given.rate, given.seconds, given.until)))


if __name__ == "__main__":
    main()
