"""The limits that the system enforces: what reaches one is kept to its file, and said."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.files.elsewhere import elsewhere
from tests.gate.standing import until
from tests.gate.test_upload_process import gone

from reseen.errors import OutOfTime, SystemLimit, bulkhead
from reseen.files import system_limits

GRAB = "held = [bytearray(16 << 20) for _ in range(100_000)]"
SPIN = "while True: pass"
WORK = {"memory": (GRAB, "60"), "processor time": (SPIN, "1")}
"""What is done, and the seconds that it has: as many as it likes, where time is not what ends."""

ONE = """
import json, resource, sys
from reseen.errors import SystemLimit, bulkhead
from reseen.files import system_limits
kinds = (resource.RLIMIT_AS, resource.RLIMIT_CPU)
before = [resource.getrlimit(kind) for kind in kinds]
said = []
for each in range(int(sys.argv[1])):
    try:
        with system_limits.limits(0, memory=256 << 20, seconds=int(sys.argv[3])), bulkhead():
            exec(sys.argv[2])
    except SystemLimit as e:
        said.append([str(e), e.code, e.remedy])
same = before == [resource.getrlimit(kind) for kind in kinds]
print(json.dumps({"said": said, "same": same}))
"""

ALL = """
import json, resource, sys
from reseen.errors import SystemLimit, bulkhead
from reseen.files import system_limits
system_limits.limit_process(0, memory=256 << 20, seconds=int(sys.argv[2]))
try:
    with bulkhead():
        exec(sys.argv[1])
except SystemLimit as e:
    print(json.dumps([str(e), resource.getrlimit(resource.RLIMIT_CORE)]), flush=True)
exec(sys.argv[3])
"""


def run(code: str, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("what", WORK)
def test_what_reaches_a_limit_is_one_files_trouble_and_the_next_begins_anew(what: str) -> None:
    code, text = run(ONE, "2", *WORK[what])
    assert code == 0
    told = json.loads(text)
    assert told["same"], "the limits are left as they were"
    assert len(told["said"]) == 2
    for said, word, remedy in told["said"]:
        assert said.startswith(f"a limit of the system was reached, of {what}: please report it")
        assert word == "system-limit"
        assert "report" in remedy


@pytest.mark.parametrize("what", WORK)
def test_a_process_for_one_file_leaves_no_core(what: str) -> None:
    code, text = run(ALL, *WORK[what], "")
    assert code == 0
    said, core = json.loads(text)
    assert what in said
    assert core == [0, 0]


def test_who_goes_on_all_the_same_is_ended_by_the_system() -> None:
    again = "try:\n  while True: pass\nexcept Exception: pass\nwhile True: pass"
    code, text = run(ALL, SPIN, "1", again)
    assert code < 0, "a signal ended it"
    assert "processor time" in text


def test_a_limit_that_is_narrower_stays() -> None:
    code, text = run(
        "import resource, sys\n"
        "from reseen.files import system_limits\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (7, 9))\n"
        "with system_limits.limits(1 << 40): print(resource.getrlimit(resource.RLIMIT_CPU))\n"
        "system_limits.limit_process(1 << 40)\n"
        "print(resource.getrlimit(resource.RLIMIT_CPU))\n"
    )
    assert (code, text) == (0, "(7, 9)\n(7, 9)\n")


def test_the_limits_are_five_times_the_budgets() -> None:
    assert system_limits.MEMORY == 5 * 256 << 20
    assert system_limits.seconds_for(0) == 5 * 30
    # Four times its SHA-256 at 250 MB/s, and that five times.
    assert system_limits.seconds_for(50_000_000_000) == 5 * 4 * 200


STARTER = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
print(child.pid, child.stdout.readline().decode().strip(), flush=True)
child.wait()
"""
BOUND = """
import os, time
from reseen.files.system_limits import die_with
die_with(os.getppid())
print("bound", flush=True)
while True: time.sleep(1)
"""


@pytest.mark.parametrize("system", ["linux", "another"])
def test_a_process_ends_with_its_parent_on_every_system(tmp_path: Path, system: str) -> None:
    environment = dict(os.environ)
    if system == "another":
        environment["PYTHONPATH"] = elsewhere(tmp_path)
    command = [sys.executable, "-c", STARTER, BOUND]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as parent:
        assert parent.stdout
        pid, said = parent.stdout.readline().split()
        assert said == "bound"
        assert not gone(int(pid))
        parent.kill()
        until(lambda: gone(int(pid)), "it ends")


def test_where_limits_cannot_be_set_files_are_read_without(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ONE, "2", "held = bytes(1 << 29)", "60"],
        env={**os.environ, "PYTHONPATH": elsewhere(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == {"said": [], "same": True}


def test_where_address_space_has_no_limit_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_limits, "_SPACE", None)
    before = resource.getrlimit(resource.RLIMIT_AS)
    with system_limits.limits(0), system_limits.memory_for_threads():
        assert resource.getrlimit(resource.RLIMIT_AS) == before


@pytest.mark.parametrize("error", [MemoryError(), OutOfTime()])
def test_its_text_never_holds_what_the_error_held(error: Exception) -> None:
    error.args = ("sample person",)
    with pytest.raises(SystemLimit) as raised, bulkhead():
        raise error
    assert "sample person" not in f"{raised.value} {raised.value.remedy}"


def test_threads_that_limit_memory_at_once_leave_none_behind() -> None:
    """Whichever ends first: a service's scan and its recheck, say."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    begun, ended = threading.Event(), threading.Event()

    def first() -> None:
        with system_limits.memory_for_threads():
            begun.set()
            assert ended.wait(60)

    thread = threading.Thread(target=first)
    thread.start()
    assert begun.wait(60)
    with system_limits.memory_for_threads():
        ended.set()
        thread.join()
        assert resource.getrlimit(resource.RLIMIT_AS) != before
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    with system_limits.memory_for_threads(), system_limits.limits(0):
        inner = resource.getrlimit(resource.RLIMIT_AS)
    assert inner != before == resource.getrlimit(resource.RLIMIT_AS)
