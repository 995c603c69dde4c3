"""What a method of recognising is asked, and how somebody's own is plugged in.

A method is given two folders of files once: `registry`, the removed ones, each called by its name,
and `others`, strangers that nobody removed, by which it may calibrate itself. Then it is given one
file after the other and answers an `Answer`. It is never told what a file is.

- A Python callable, as `package.module:name`: called with a `Task`, it gives back a callable from a
  path to an `Answer`.
- A program, as `program:COMMAND`: run once with the folder that has both as its last argument. It
  writes the line `ready`, then for each line that it reads (a path) one line of JSON, of an object:
  `scores`, by name how alike the file is to that removal, more is more alike; and, if it has a
  verdict of its own, `accused`, the names of those that it takes the file for, or finds inside.

docs/recognition-benchmark.md says the same to people.
"""

from __future__ import annotations

import importlib
import json
import math
import shlex
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeAlias

PATIENCE = 600.0
"""Seconds that a program may take for one line."""
_LONGEST = 4 << 20
"""Bytes of one line of a program."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a method says of one file."""

    scores: Mapping[str, float] = field(default_factory=dict)
    """By removal; one that is left out is less alike than all that are named."""
    accused: frozenset[str] | None = None
    """Its own verdict; None where it has none: then a bar alone decides, set on the other half."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a method is given once."""

    folder: Path
    registry: Mapping[str, Path]
    """The removed files, by name; each stands in `folder/registry`."""
    others: tuple[Path, ...]
    """Strangers, which nobody removed; in `folder/others`."""


Asked: TypeAlias = Callable[[Path], Answer]
Method: TypeAlias = Callable[[Task], Asked]

OWN = {
    "reseen": "benchmarks.recognition.ours:reseen",
    "digests": "benchmarks.recognition.others:digests",
    "tlsh": "benchmarks.recognition.others:tlsh",
}
"""Those that come with it."""


class MethodFailed(Exception):
    """A method that cannot be asked, with why."""


@contextmanager
def opened(spec: str, task: Task) -> Iterator[Asked]:
    """The method of a name of ours, `module:name` or `program:COMMAND`, ready to be asked. Raises
    MethodFailed."""
    kind, _, rest = OWN.get(spec, spec).partition(":")
    if kind == "program":
        with _program(rest, task) as asked:
            yield asked
        return
    try:
        method: Method = getattr(importlib.import_module(kind), rest)
    except (ImportError, AttributeError, ValueError) as e:
        raise MethodFailed(f"{spec}: no such method ({e})") from e
    yield method(task)


@contextmanager
def _program(command: str, task: Task) -> Iterator[Asked]:
    words = [*shlex.split(command), str(task.folder)]
    try:
        running = subprocess.Popen(  # whoever runs it named it
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
    except OSError as e:
        raise MethodFailed(f"{words[0]}: {e}") from e
    assert running.stdin is not None
    assert running.stdout is not None
    try:
        if _line(running, running.stdout) != "ready":
            raise MethodFailed(f'{words[0]}: its first line is not "ready"')
        yield _asker(running, running.stdin, running.stdout)
    finally:
        running.kill()
        with suppress(OSError):  # what it never read
            running.stdin.close()
        running.stdout.close()
        running.wait()


def _asker(running: subprocess.Popen[bytes], given: IO[bytes], told: IO[bytes]) -> Asked:
    def ask(path: Path) -> Answer:
        try:
            given.write(f"{path}\n".encode())
            given.flush()
        except OSError as e:
            raise MethodFailed(f"the program ended: {e}") from e
        return answer_of(_line(running, told))

    return ask


def _line(running: subprocess.Popen[bytes], told: IO[bytes]) -> str:
    timer = threading.Timer(PATIENCE, running.kill)
    timer.start()
    try:
        line = told.readline(_LONGEST)
    finally:
        timer.cancel()
    if not line.endswith(b"\n"):
        raise MethodFailed("the program ended, took too long or wrote a line that is too long")
    return line.decode("utf-8", "replace").strip()


def answer_of(line: str) -> Answer:
    """One line of a program. Raises MethodFailed for what is no answer."""
    try:
        told = json.loads(line)
        scores = {str(name): float(score) for name, score in dict(told["scores"]).items()}
        accused = told.get("accused")
        found = None if accused is None else frozenset(map(str, accused))
    except (ValueError, TypeError, KeyError, AttributeError) as e:
        raise MethodFailed(f"no answer: {line[:80]!r}") from e
    if any(math.isnan(score) for score in scores.values()):
        raise MethodFailed(f"a score is no number: {line[:80]!r}")
    return Answer(scores, found)
