"""What reaches a limit of the system is stopped there, in every verb: the rest is done, and it is
said to be a fault of Reseen's, with its number.

A reader is made to grab memory, or to go round for ever, where a header names it: in a process of
its own, of which memory has a narrow limit, and time one only from there on. What is sound has as
long as ever, on any machine.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.files.build import ramp, safetensors

from reseen.files import system_limits

GRAB = "held = [bytearray(16 << 20) for _ in range(100_000)]"
SPIN = """
import resource, time
soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
assert soft != resource.RLIM_INFINITY  # there is a limit: go to its last second
resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + 1, hard))
while True: pass
"""
KINDS = {"memory": GRAB, "processor time": SPIN}

GREEDY = safetensors({"greedy.lora_up.weight": ramp("F16", 900, 1)})
SOUND = safetensors({"sound.lora_up.weight": ramp("F16", 900, 1, seed=2)})
REMOVED = safetensors({"removed.lora_up.weight": ramp("F16", 900, 1, seed=3)})

PROGRAM = """
import sys
from reseen.files import safetensors, system_limits
from reseen.registry.lists import text
system_limits.MEMORY, system_limits.WIDER = 256 << 20, 0
work = sys.argv[1]

def greedy(real, mark):
    def read(given, *rest, **more):
        if mark in given:
            exec(work, {})
        return real(given, *rest, **more)
    return read

safetensors.parse_header = greedy(safetensors.parse_header, b"greedy")
"""
VERB = """
from reseen.cli import main
sys.argv = ["reseen", *sys.argv[2:]]
main()
"""


def run(tmp_path: Path, work: str, *arguments: str, program: str = PROGRAM + VERB) -> Any:
    env = {"RESEEN_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), "NO_COLOR": "1"}
    env |= {"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", program, work, *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files, of which one is greedy; the third was removed."""
    where = tmp_path / "files"
    where.mkdir()
    for name, data in (("a", GREEDY), ("b", SOUND), ("c", REMOVED)):
        (where / f"{name}.safetensors").write_bytes(data)
    done = run(tmp_path, "", "registry", "add", str(where / "c.safetensors"))
    assert done.returncode == 0, done.stderr
    return where


def is_said(text: str, what: str) -> None:
    assert f"a limit of the system was reached, of {what}: please report it (" in text
    assert "fault-" in text
    assert "Traceback" not in text


@pytest.mark.parametrize("what", KINDS)
def test_a_folder_is_scanned_to_its_end(what: str, folder: Path, tmp_path: Path) -> None:
    done = run(tmp_path, KINDS[what], "scan", "folder", str(folder))
    assert "1 new sighting in 1 repository (3 files" in done.stderr  # of the third file
    is_said(done.stderr, what)
    is_said(run(tmp_path, "", "problems").stdout, what)


@pytest.mark.parametrize("what", KINDS)
def test_other_files_are_checked_and_the_greedy_one_by_its_digests(
    what: str, folder: Path, tmp_path: Path
) -> None:
    run(tmp_path, "", "registry", "add", str(folder / "a.safetensors"))
    done = run(tmp_path, KINDS[what], "check", "--json", *map(str, sorted(folder.iterdir())))
    assert done.returncode == 1, done.stderr
    is_said(done.stdout, what)
    found = {Path(one["path"]).name: one for one in map(json.loads, done.stdout.splitlines())}
    assert {name for name, one in found.items() if one["matches"]} == {
        "a.safetensors",
        "c.safetensors",
    }


@pytest.mark.parametrize("what", KINDS)
def test_files_are_added_one_by_one(what: str, folder: Path, tmp_path: Path) -> None:
    done = run(tmp_path, KINDS[what], "registry", "add", "--json", str(folder))
    assert "Traceback" not in done.stderr
    listed = run(tmp_path, "", "registry", "list", "--json")
    assert len(listed.stdout.splitlines()) == 3  # the greedy one by its digests


@pytest.mark.parametrize("what", KINDS)
def test_a_list_is_read_within_limits_and_nothing_is_written(what: str, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"name,sha256\nx,{hashlib.sha256(b'x').hexdigest()}\n")
    done = run(tmp_path, KINDS[what], "registry", "import", str(path), program=OF_LISTS + VERB)
    assert done.returncode != 0
    is_said(done.stderr, what)
    assert run(tmp_path, "", "registry", "import", str(path)).returncode == 0
    listed = run(tmp_path, "", "registry", "list", "--json")
    assert len(listed.stdout.splitlines()) == 1


OF_LISTS = (
    PROGRAM
    + """
from reseen.registry import row_drafter
row_drafter.text_of = greedy(row_drafter.text_of, "x")
"""
)


@pytest.mark.parametrize("what", KINDS)
def test_a_list_that_comes_by_a_page_likewise(what: str, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"name,sha256\nx,{hashlib.sha256(b'x').hexdigest()}\n")
    assert run(tmp_path, "", "registry", "import", str(path)).returncode == 0  # makes the store
    done = run(tmp_path, KINDS[what], str(path), program=OF_LISTS + OF_A_PAGE)
    assert done.returncode == 0, done.stderr
    is_said(done.stdout, what)


OF_A_PAGE = """
from multiprocessing import Pipe
from reseen.operations.import_process import _with_store, imported
from reseen.operations.own_process import _do
from reseen.registry.imports import ImportOptions
from reseen.settings import Settings
ours, its = Pipe()
with open(sys.argv[2], "rb") as file:
    options = ImportOptions(list_name="sample")
    given = imported, file.fileno(), Settings.from_environment(), options
    _do(its, _with_store, given, nice=0)
print(*ours.recv())
"""


# -- at a hub -------------------------------------------------------------------------------------

AT_A_HUB = (
    PROGRAM
    + """
import asyncio, resource
from reseen.files.source import Range
from reseen.files.system_limits import memory_for_threads
from reseen.fingerprints.digests import look_inside
from reseen.hubs.hub import drive
from reseen.records import Artifact, RepoType

class Held:
    def __init__(self, data): self.data = data
    async def read(self, artifact, wanted):
        return self.data[wanted.start : wanted.start + wanted.length]

async def both():
    for name in sys.argv[2:]:
        data = open(name, "rb").read()
        artifact = Artifact("x", RepoType.MODEL, "a/b", "c", None, "d", len(data))
        inside = await drive(Held(data), artifact, look_inside(len(data)))
        print(inside.code or "read", inside.problem)

before = resource.getrlimit(resource.RLIMIT_AS)
with memory_for_threads():
    during = resource.getrlimit(resource.RLIMIT_AS)
    asyncio.run(both())
assert during != before == resource.getrlimit(resource.RLIMIT_AS)
"""
)


@pytest.mark.parametrize("what", KINDS)
def test_a_header_at_a_hub_is_one_files_trouble(what: str, folder: Path, tmp_path: Path) -> None:
    files = [str(folder / "a.safetensors"), str(folder / "b.safetensors")]
    done = run(tmp_path, KINDS[what], *files, program=AT_A_HUB)
    assert done.returncode == 0, done.stderr
    greedy, sound = done.stdout.splitlines()
    assert greedy.startswith("system-limit")
    is_said(greedy, what)
    assert sound == "read None"


def test_in_another_thread_there_are_no_limits_that_would_end_the_main_one(tmp_path: Path) -> None:
    program = """
import resource, threading
from reseen.files import system_limits
def work():
    with system_limits.limits(0):
        print(resource.getrlimit(resource.RLIMIT_CPU) == before)
before = resource.getrlimit(resource.RLIMIT_CPU)
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""
    assert run(tmp_path, "", program=program).stdout == "True\n"


def test_the_longest_list_has_what_its_rows_take() -> None:
    assert system_limits.list_memory(512 << 20) == system_limits.MEMORY + 5 * 1_000_000 * 3072
    assert system_limits.list_memory(2_000) == system_limits.MEMORY + 5 * 100 * 3072
    assert system_limits.SECONDS_OF_A_LIST == 300
