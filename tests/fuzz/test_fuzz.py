"""The fuzzer itself, and 60 seconds of inputs that nobody has played before.

The clock bounds only how many inputs are played, never what comes of one. `RESEEN_FUZZ_SECONDS` is
for how long, `RESEEN_FUZZ_SEED` from which seed on; a fault names its reader and seed, and
`python -m tests.fuzz READER SEED` plays it.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from tests.fuzz.chance import MARKER
from tests.fuzz.play import Broken, FuzzedReader, made, play, watching
from tests.fuzz.readers import READERS

from reseen.errors import InputError, Malformed, bulkhead

SECONDS = float(os.environ.get("RESEEN_FUZZ_SECONDS", "60"))


def test_new_inputs_give_no_fault() -> None:
    first = int(os.environ.get("RESEEN_FUZZ_SEED") or secrets.randbelow(1 << 48) << 12)
    print(f"seeds from {first} on")
    until = time.monotonic() + SECONDS
    found, played = [], 0
    with watching() as kept:
        while played == 0 or time.monotonic() < until:
            for reader in READERS.values():
                found += [str(fault) for fault in play(reader, first + played, kept)[1]]
            played += 1
    assert not found, "play them again with: python -m tests.fuzz READER SEED\n" + "\n".join(found)


@pytest.mark.parametrize("name", READERS)
def test_some_inputs_are_taken_and_some_are_refused(name: str) -> None:
    """Were all refused at the door, nothing behind it would be tried."""
    with watching() as kept:
        taken = {play(READERS[name], seed, kept, twice=False)[0] for seed in range(300)}
    assert "fault" not in taken
    if name != "gate-state":  # the index that it names is never there
        assert "read" in taken or name == "other-file"


def test_a_fingerprint_that_another_process_tells_is_taken() -> None:
    """Were one of its members missing, none would be read to its end."""
    reader, told = READERS["upload-word"], b'{"fingerprint"'
    seeds = [seed for seed in range(300) if made(reader, seed).line.startswith(told)]
    with watching() as kept:
        taken = {play(reader, seed, kept, twice=False)[0] for seed in seeds}
    assert "read" in taken


INPUTS_OF = """
import hashlib, sys
from tests.fuzz.play import made
from tests.fuzz.readers import READERS
for name, reader in READERS.items():
    told = repr([made(reader, seed) for seed in range(40)]).encode("utf-8", "surrogatepass")
    print(name, hashlib.sha256(told).hexdigest())
"""


def test_an_input_is_made_of_its_reader_and_seed_alone() -> None:
    def elsewhere(seed: str) -> str:
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", INPUTS_OF], env=env, capture_output=True, text=True, check=True
        )
        return done.stdout

    one, other = elsewhere("1"), elsewhere("2")
    assert [line for line in one.splitlines() if line not in other.splitlines()] == []
    assert len(one.splitlines()) == len(READERS)


# -- a fault is found, whatever it is -------------------------------------------------------------


def fails(given: int) -> object:
    return 1 // (given % 1)


def keeps_a_fault(given: int) -> object:
    with bulkhead():
        return [][given]


def keeps_it_quiet(given: int) -> object:
    try:
        return keeps_a_fault(given)
    except InputError:
        return None


def warns(given: int) -> object:
    warnings.warn("overflow encountered", RuntimeWarning, stacklevel=1)
    return None


def tells(given: int) -> object:
    raise Malformed(f"it holds {MARKER}")


def says_nothing(given: int) -> object:
    raise Malformed("")


def differs(given: int) -> object:
    return secrets.token_hex(8)


def breaks_a_promise(given: int) -> object:
    raise Broken("led out of the folder")


FAULTS = [
    (fails, "ZeroDivisionError"),
    (keeps_a_fault, "kept to it: IndexError"),
    (keeps_it_quiet, "kept to it: IndexError"),
    (warns, "RuntimeWarning"),
    (tells, "holds the input's words"),
    (says_nothing, "without words"),
    (differs, "two readings differ"),
    (breaks_a_promise, "led out of the folder"),
]


@pytest.mark.parametrize(("read", "what"), FAULTS, ids=[what for _, what in FAULTS])
def test_a_fault_is_found(read: Callable[[int], object], what: str) -> None:
    reader = FuzzedReader("x", lambda rng: rng.randrange(9), read)
    with watching() as kept:
        _, faults = play(reader, 8, kept)
    assert any(what in fault.what for fault in faults), faults


def test_what_is_raised_on_purpose_is_none() -> None:
    def refuses(_: int) -> object:
        raise Malformed("no")

    with watching() as kept:
        assert play(FuzzedReader("x", lambda rng: 1, refuses), 8, kept) == ("Malformed", [])


# -- a long run -----------------------------------------------------------------------------------

COUNTED = FuzzedReader("counted", lambda rng: rng.randrange(1 << 30), lambda given: given)


def test_a_long_run_goes_on_where_it_was(tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from tests.fuzz import run
from tests.fuzz.test_fuzz import COUNTED
run.BATCH = 10
for upto in (30, 20, 70):
    assert run.run(COUNTED, upto, Path({str(tmp_path / "f.json")!r}), None, print)
assert not run.run(COUNTED, 90, Path({str(tmp_path / "f.json")!r}), 0.0, print)
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], env=env, check=True)
    told = json.loads((tmp_path / "f.json").read_text())["counted"]
    assert told["inputs"] == 70
    assert told["taken"] == {"read": 70}


def test_a_long_run_tells_what_takes_too_long_or_grows(tmp_path: Path) -> None:
    program = f"""
import signal
from pathlib import Path
from tests.fuzz import run
from tests.fuzz.play import FuzzedReader
run.BATCH = 4
def hold(given):
    if given % 4 == 0:  # this alone is short of time, on any machine
        signal.setitimer(signal.ITIMER_PROF, 0.2)
        while True: pass
    held = bytearray(300 << 20) if given % 4 == 1 else bytearray(2 << 30) if given % 4 == 2 else b""
    return len(held)
numbers = iter(range(99))
reader = FuzzedReader("greedy", lambda rng: next(numbers) + 3, hold)
real = run.play_batch
run.play_batch = lambda r, s, p, say: real(r, [] if list(s) == [0, 1, 2] else s, p, say)
run.run(reader, 4, Path({str(tmp_path / "f.json")!r}), None, print)
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], env=env, check=True)
    faults = json.loads((tmp_path / "f.json").read_text())["greedy"]["faults"]
    said = " ".join(faults)
    assert "takes longer than" in said
    assert "MemoryError" in said
    assert "grows by more than" in said


def test_a_seed_can_be_played_by_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "safetensors", "7", "--show"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "ModelFile(" in done.stdout
    assert "safetensors 7: " in done.stdout


def test_the_makers_draw_from_the_seed() -> None:
    for reader in READERS.values():
        told = {repr(made(reader, seed)) for seed in range(20)}
        assert len(told) > 5, reader.name
        assert repr(reader.make(Random(f"{reader.name}/3"))) == repr(made(reader, 3))
