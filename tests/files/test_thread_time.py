"""Processor time of a file that is read in threads: what takes too much is stopped where it is."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from reseen.errors import OutOfTime, SystemLimit, bulkhead
from reseen.files import system_limits, thread_time
from reseen.files.thread_time import FileTime


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_time, "LOOK", 0.005)


def spin() -> None:
    while True:
        pass


def in_thread(work: Callable[[], object]) -> list[object]:
    """What it returned, or raised."""
    told: list[object] = []

    def whole() -> None:
        try:
            told.append(work())
        except Exception as e:  # noqa: BLE001 - whatever it was is told
            told.append(e)

    thread = threading.Thread(target=whole)
    thread.start()
    thread.join()
    return told


def test_a_step_that_does_not_end_is_stopped_and_no_other() -> None:
    other = threading.Event()

    def patient() -> str:
        with FileTime(5.0).step():
            assert other.wait(60)
        return "done"

    told: list[object] = []
    waits = threading.Thread(target=lambda: told.append(patient()))
    waits.start()
    (raised,) = in_thread(lambda: FileTime(0.02).run(spin))
    assert isinstance(raised, OutOfTime)
    other.set()
    waits.join()
    assert told == ["done"]


def test_the_steps_of_a_file_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_time, "_used", lambda step: 0.02)  # each, on any machine
    clock, steps = FileTime(0.05), 0

    def whole() -> None:
        nonlocal steps
        while True:
            clock.run(sum, range(100_000))
            steps += 1

    (raised,) = in_thread(whole)
    assert isinstance(raised, OutOfTime)
    assert steps in (2, 3)  # as somebody looks during the third, or not


def test_what_is_left_of_a_file_has_as_long_again_and_then_nothing_has() -> None:
    clock = FileTime(0.02)
    for _ in range(2):
        assert isinstance(in_thread(lambda: clock.run(spin))[0], OutOfTime)
        assert in_thread(lambda: clock.run(int)) in ([0], [OutOfTime()]) or clock.left <= 0
    for _ in range(3):
        assert isinstance(in_thread(lambda: clock.run(int))[0], OutOfTime)


def test_nothing_is_raised_after_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that end just when they would be stopped: what comes after is not."""
    monkeypatch.setattr(thread_time, "LOOK", 0.0)

    def whole() -> int:
        stopped = 0
        for _ in range(300):
            clock = FileTime(0.0002)
            try:
                clock.run(sum, range(12_000))
            except OutOfTime:
                stopped += 1
            sum(len(str(n)) for n in range(50))  # nobody's work: raises nothing
        return stopped

    (stopped,) = in_thread(whole)
    assert isinstance(stopped, int), stopped


PROFILED = """
import sys, threading, time
from reseen.errors import OutOfTime
from reseen.files import thread_time

taken_back, usual = [], thread_time._take_back
thread_time.LOOK = 0.005
thread_time._take_back = lambda thread: (taken_back.append(thread), usual(thread))

def spin():
    while True:
        pass

def stopped():
    while not taken_back:
        try:
            thread_time.FileTime(0.001).run(spin)
        except OutOfTime:
            pass

thread = threading.Thread(target=stopped)
thread.start()
thread.join()
while any(thread.name == "reseen-time" for thread in threading.enumerate()):
    time.sleep(0.01)
sys.setprofile(lambda *_: None)
stopped()
sys.setprofile(None)
print("goes on")
"""


def test_the_interpreter_waits_for_nothing_that_does_not_come() -> None:
    """Under a profiler it would wait for ever, and without one look at every call."""
    done = subprocess.run(
        [sys.executable, "-c", PROFILED], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stdout) == (0, "goes on\n"), done.stderr


def test_limits_hold_in_threads_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_limits, "SECONDS", 0.02)

    def whole() -> None:
        with bulkhead(), system_limits.limits(0):
            spin()

    (raised,) = in_thread(whole)
    assert isinstance(raised, SystemLimit)
    assert "of processor time" in str(raised)


def test_a_system_without_such_a_clock_has_the_budgets_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr("time.pthread_getcpuclockid")
    assert in_thread(lambda: FileTime(0.0001).run(sum, range(200_000))) == [sum(range(200_000))]
