from __future__ import annotations

import os
import threading

import pytest

from reseen.registry import store_rows
from reseen.registry.beside import beside


def test_the_bytes_come_back_whole() -> None:
    many = bytes(range(256)) * 5_000
    with beside(lambda: many) as result:
        assert result() == many
    with beside(lambda: b"") as result:
        assert result() == b""


def test_what_fails_beside_runs_here() -> None:
    here = os.getpid()

    def work() -> bytes:
        if os.getpid() != here:
            raise ValueError
        return b"here"

    with beside(work) as result:
        assert result() == b"here"


def test_an_unread_result_is_left_and_its_process_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    fork = os.fork

    def noted() -> int:
        started.append(fork())
        return started[-1]

    monkeypatch.setattr(os, "fork", noted)
    with pytest.raises(KeyError), beside(lambda: bytes(10_000_000)):
        raise KeyError
    for process in started:
        with pytest.raises(ChildProcessError):
            os.waitpid(process, os.WNOHANG)


def test_with_other_threads_about_it_runs_here() -> None:
    end = threading.Event()
    other = threading.Thread(target=end.wait)
    other.start()
    try:
        with beside(lambda: b"%d" % os.getpid()) as result:
            assert result() == b"%d" % os.getpid()
    finally:
        end.set()
        other.join()


def test_packed_tokens_are_in_the_order_of_the_index() -> None:
    pack = store_rows._TOKEN.pack
    rows = [(bytes([b]) * 16, pk, 1) for b in (0, 1, 255) for pk in (1, 255, 256, 1 << 40)]
    packed = b"".join(sorted(pack(*row) for row in rows))
    assert list(store_rows._TOKEN.iter_unpack(packed)) == rows
