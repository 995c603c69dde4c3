from __future__ import annotations

import os
import threading
from struct import Struct

import pytest

from reseen.registry import store_rows
from reseen.registry.beside import beside


def test_the_bytes_come_back_whole() -> None:
    many = bytes(range(256)) * 5_000
    with beside([lambda: many, lambda: b"", lambda: many[:7]]) as results:
        assert [next(results), next(results), next(results)] == [many, b"", many[:7]]
        assert next(results, None) is None


def test_who_would_wait_does_one_of_the_last_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "active_count", lambda: 1)  # whatever other tests left
    ours, theirs = os.pipe()
    here = os.getpid()

    def first() -> bytes:
        """Is done in the other process when the last one was done here."""
        if os.getpid() != here:
            os.read(ours, 1)
        return b"%d" % os.getpid()

    def last() -> bytes:
        if os.getpid() == here:
            os.write(theirs, b"x")
        return b"%d" % os.getpid()

    with beside([first, last]) as results:
        began, ended = results
    assert int(began) != here
    assert int(ended) == here


def test_what_fails_beside_runs_here() -> None:
    here = os.getpid()

    def work() -> bytes:
        if os.getpid() != here:
            raise ValueError
        return b"here"

    with beside([lambda: b"there", work, work]) as results:
        assert list(results) == [b"there", b"here", b"here"]


def test_an_unread_result_is_left_and_its_process_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    fork = os.fork

    def noted() -> int:
        started.append(fork())
        return started[-1]

    monkeypatch.setattr(os, "fork", noted)
    with pytest.raises(KeyError), beside([lambda: bytes(10_000_000)]):
        raise KeyError
    for process in started:
        with pytest.raises(ChildProcessError):
            os.waitpid(process, os.WNOHANG)


def test_with_other_threads_about_it_runs_here() -> None:
    end = threading.Event()
    other = threading.Thread(target=end.wait)
    other.start()
    try:
        with beside([lambda: b"%d" % os.getpid()]) as results:
            assert list(results) == [b"%d" % os.getpid()]
    finally:
        end.set()
        other.join()


def test_packed_tokens_are_in_the_order_of_the_index() -> None:
    packing = Struct(f">{store_rows._INDEXED}")
    rows = [(bytes([b]) * 16, pk, 1) for b in (0, 1, 255) for pk in (1, 255, 256, 1 << 40)]
    packed = b"".join(sorted(packing.pack(*row) for row in rows))
    assert list(packing.iter_unpack(packed)) == rows
