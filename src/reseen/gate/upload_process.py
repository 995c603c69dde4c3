"""The worker's side of the processes that read uploads: start one, hand it the file, hear it, end
it.

What comes in: a file's bytes. What goes out: its `Fingerprint`, or `Unjudged`. It promises that
whatever a file does to the process that reads it, the next one is read by another; and that no
process and no file is left, also when the worker is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any

from reseen.errors import REPORT_AT, SystemLimit
from reseen.gate.upload_starter import END, ORDER, START
from reseen.gate.upload_work import MOST_TOLD, from_json
from reseen.records import DigestKind, Fingerprint
from reseen.registry.never_read import Classes

PATIENCE = 600.0
"""Seconds that a process may take for a piece of the file, or for its end, before it is ended."""
_OURS = ("RESEEN_", "HF_", "HUGGING", "PG")
"""How variables begin that say something of the service, of hubs, or of a PostgreSQL store."""


class Unjudged(Exception):
    """The process that read a file ended, or was ended, without an answer."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code
        """In a word, for programs."""


class UploadProcesses:
    """All processes of one worker: `begin` one for each upload, `close` in the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._starter: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None
        self._numbers = count(1)

    @asynccontextmanager
    async def begin(self, size: int, *, guarded: bool) -> AsyncIterator[UploadProcess]:
        """A process for a file of `size` bytes, ended with the context if it has not ended by then.
        `guarded`: some removal is of the class that is never read."""
        number = next(self._numbers)
        ours, its = socket.socketpair()
        with ours:
            ours.setblocking(False)
            await asyncio.to_thread(self._start, number, its, size, guarded)
            process = UploadProcess(ours)
            try:
                yield process
            finally:
                if not process.ended:
                    self._end(number)

    def close(self) -> None:
        """End all of them, and wait for that."""
        with self._lock:
            self._close()

    def _start(self, number: int, its: socket.socket, size: int, guarded: bool) -> None:
        order = ORDER.pack(START, number, size, guarded)
        with self._lock, its:
            try:
                socket.send_fds(self._opened(), [order], [its.fileno()])
            except OSError:
                self._close()  # it was killed, and with it what it had started
                socket.send_fds(self._opened(), [order], [its.fileno()])

    def _end(self, number: int) -> None:
        with self._lock, suppress(OSError):
            if self._orders is not None:
                self._orders.send(ORDER.pack(END, number, 0, False))

    def _opened(self) -> socket.socket:
        if self._orders is None or self._starter is None:
            self._orders, its = socket.socketpair()
            with its:
                self._starter = subprocess.Popen(  # noqa: S603  ourselves
                    [sys.executable, "-m", "reseen.gate.upload_starter", str(its.fileno())],
                    pass_fds=[its.fileno()],
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
        return self._orders

    def _close(self) -> None:
        if self._orders is not None:
            self._orders.close()
            self._orders = None
        if self._starter is not None:
            try:
                self._starter.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._starter.kill()
                self._starter.wait()
            self._starter = None


def _environment() -> dict[str, str]:
    """Nothing of ours: no key or token, no address of a store. One thread a process, for many of
    them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**kept, "TMPDIR": tempfile.gettempdir(), "OPENBLAS_NUM_THREADS": "1"}


class UploadProcess:
    """One of them, for one file: `send` its bytes in order, then ask for the `outcome`."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._deaf = False
        self.ended = False
        """It has said its last word."""

    async def send(self, chunk: bytes) -> None:
        """The next bytes. What no process takes any more is passed over: `outcome` says why.
        Raises Unjudged for one that hangs."""
        if self._deaf:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.get_running_loop().sock_sendall(self._link, chunk)
        except TimeoutError:
            raise _hangs() from None
        except OSError:
            self._deaf = True

    async def outcome(self, classes: Classes) -> Fingerprint:
        """What came of it. `classes`: what the gate knows of the class that is never read.
        Raises Unjudged."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._outcome(classes)
        except TimeoutError:
            raise _hangs() from None

    async def _outcome(self, classes: Classes) -> Fingerprint:
        told = b""
        loop = asyncio.get_running_loop()
        while len(told) <= MOST_TOLD:
            try:
                more = await loop.sock_recv(self._link, 1 << 16)
            except OSError:
                more = b""
            if not more:
                break
            *lines, told = (told + more).split(b"\n")
            for line in filter(None, lines):
                said = _read(line)
                if "never_read" in said:
                    forbidden = _asks(said, classes)
                    with suppress(OSError):
                        await loop.sock_sendall(self._link, b"1" if forbidden else b"0")
                elif said:
                    self.ended = True
                    return _last_word(said)
        raise _ended(None)


def _read(line: bytes) -> dict[str, Any]:
    """What a process says; nothing where it ended in the middle of a word."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        said = None
    return said if isinstance(said, dict) else {}


def _asks(said: dict[str, Any], classes: Classes) -> bool:
    """What a process asks of a digest; of what makes no sense, nothing is read."""
    try:
        kind, value = said["never_read"]
        return classes.is_never_read(DigestKind(kind), bytes.fromhex(value))
    except (ValueError, TypeError):
        return True


def _last_word(said: dict[str, Any]) -> Fingerprint:
    """Raises Unjudged: also for words that only a process says which a file has broken."""
    try:
        if "fingerprint" in said:
            return from_json(said["fingerprint"])
        if "fault" in said:
            code, why = map(str, said["fault"])
            raise Unjudged(code[:40], why[:1_000])
        ended = said["ended"]
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        ended = None
    raise _ended(ended if type(ended) is int else None)


def _hangs() -> Unjudged:
    return Unjudged("ended", "the process that read it took too long and was ended")


def _ended(code: int | None) -> Unjudged:
    if code is not None and code < 0:  # by a signal, and not by us: we do not ask then
        return Unjudged(
            SystemLimit.code,
            "a limit of the system was reached, and the process that read it ended: please report "
            f"it at {REPORT_AT}",
        )
    return Unjudged("ended", "the process that read it ended without an answer")
