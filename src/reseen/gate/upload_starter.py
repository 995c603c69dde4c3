"""A process of a worker's that starts a fresh one for each upload.

What comes in: by the socket it is started with, numbered requests to start one (with the end of
another socket, from which it gets the file) or to end one. It has imported once what reading takes,
so that a start costs a fork of a few milliseconds and no upload meets what another left. It opens
nothing, holds no key, and when the worker closes its end, in whatever way that ends, all end.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import struct
import sys
from contextlib import suppress

from reseen.files.system_limits import die_with, limit_process

START, END = b"s", b"e"
ORDER = struct.Struct("<cQQ?")
"""What is ordered: START or END, the upload's number, the bytes of its file, and whether some
removal is of the class that is never read."""
NICE = 10
"""How far uploads stand back: at 19 a machine with much else to do would not judge them at all."""


def main() -> None:
    orders = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the worker's to heed
    _Starter(orders).serve()


class _Starter:
    def __init__(self, orders: socket.socket) -> None:
        # Once here, not in each: numpy takes a fifth of a second, the tables of names another.
        from reseen.fingerprints import contents
        from reseen.gate import upload_work  # noqa: F401

        contents.prepare()

        self._orders = orders
        self._ended, told = socket.socketpair()
        for each in (self._ended, told):
            each.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
        self._told = told
        self._going: dict[int, tuple[int, socket.socket]] = {}
        """pid -> (number, the child's end of its socket, to say how it ended)."""
        gc.collect()
        gc.freeze()  # what is here already is not copied by looking for garbage

    def serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._orders, selectors.EVENT_READ)
            selector.register(self._ended, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._ended:
                        with suppress(BlockingIOError):
                            self._ended.recv(1 << 10)
                        self._reap()
                    elif not self._obey():
                        for pid in self._going:
                            os.kill(pid, signal.SIGKILL)
                        return

    def _obey(self) -> bool:
        order, descriptors, _, _ = socket.recv_fds(self._orders, ORDER.size, 1)
        if len(order) < ORDER.size:
            return False
        verb, number, size, guarded = ORDER.unpack(order)
        if verb == START:
            with socket.socket(fileno=descriptors[0]) as link:
                self._start(number, link, size, guarded=guarded)
        else:
            for pid, (its, _) in self._going.items():
                if its == number:
                    os.kill(pid, signal.SIGKILL)
        return True

    def _start(self, number: int, link: socket.socket, size: int, *, guarded: bool) -> None:
        own = os.getpid()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                die_with(own)
                _alone(link, size, guarded=guarded)
                code = 0
            finally:
                os._exit(code)
        self._going[pid] = (number, link.dup())

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                _, link = self._going.pop(pid)
                with link:
                    code = os.waitstatus_to_exitcode(status)
                    if code:
                        link.setblocking(False)
                        with suppress(OSError):
                            link.send(b"\n" + json.dumps({"ended": code}).encode() + b"\n")


def _alone(link: socket.socket, size: int, *, guarded: bool) -> None:
    """The child: nothing is open but its socket."""
    from reseen.gate.upload_work import work

    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    own = os.dup2(link.fileno(), 3, inheritable=False)
    os.closerange(own + 1, os.sysconf("SC_OPEN_MAX"))
    stand_back(NICE)
    limit_process(size)
    work(socket.socket(fileno=own), size, guarded=guarded)


def stand_back(nice: int) -> None:
    """This process waits for those who check digests, not the other way round."""
    own = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(own, nice))
    if hasattr(os, "SCHED_BATCH"):  # on Linux: it takes the processor from nobody who wakes up
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


if __name__ == "__main__":
    main()
