"""Asks a method about every file of a size, and keeps what it answered, file by file.

What comes in: a method's name, a size, a folder. What goes out: `Outcome`s in a file of lines for
each half, begun anew where the code that makes or judges files has changed. Whoever is stopped goes
on behind the last line that is whole.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.edits import NotMade, write
from benchmarks.histories import digest_of_code
from benchmarks.recognition.method import Asked, opened
from benchmarks.recognition.world import Half, Query, Size, numbers

_CODE = (
    *("src/reseen/files", "src/reseen/updates", "src/reseen/fingerprints", "src/reseen/match"),
    *("benchmarks/adapters.py", "benchmarks/edits.py", "benchmarks/edits_parts.py"),
    *("benchmarks/edits_peft.py", "benchmarks/namings.py", "benchmarks/parts.py"),
    *(f"benchmarks/recognition/{name}.py" for name in ("world", "run", "method", "ours", "others")),
)
"""What outcomes depend on."""
HIGHEST = 8
"""Scores of removals that are not in a file that are kept, the highest."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was said of a removal that is in the file."""

    weight: float
    score: float | None
    """None: not named."""
    accused: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was said of one file; or why there was none."""

    of: str
    number: int
    edit: str
    by: str = ""
    parts: int = 0
    targets: tuple[Found, ...] = ()
    pairs: int = 0
    """Removals that are not in it."""
    accused: int = 0
    """Of them, by the method's own verdict."""
    others: tuple[float, ...] = ()
    """Their highest scores, the highest first."""
    has_verdict: bool = True
    skipped: str = ""

    @classmethod
    def read(cls, line: str) -> Outcome:
        told = json.loads(line)
        targets = tuple(Found(**each) for each in told.pop("targets"))
        return cls(**told | {"targets": targets, "others": tuple(told.pop("others"))})


@dataclass(frozen=True, slots=True)
class How:
    """How a run is made."""

    folder: Path
    """Where outcomes are kept; those that are there are not asked again."""
    jobs: int = 1
    """Processes that ask at once."""
    until: float = math.inf
    """Stop then, by `time.monotonic`."""


def played(spec: str, size: Size, half: str, how: How) -> list[Outcome]:
    """Every outcome of a half, or those that were asked in time."""
    kept = how.folder / f"{half}.jsonl"
    code = digest_of_code(places=_CODE)
    done = _kept(kept, code)
    left = [each for each in numbers(size, half) if each not in {(o.of, o.number) for o in done}]
    if not left or time.monotonic() > how.until:
        return done
    began, total = time.monotonic(), len(done) + len(left)
    with tempfile.TemporaryDirectory(prefix="reseen-recognition-") as place:
        made = Half(size, half)
        task = made.task(Path(place))
        print(f"  {half}: {len(task.registry)} removals, {len(task.others)} others", flush=True)
        with opened(spec, task) as asked, kept.open("a", encoding="utf-8") as out:
            for outcome in _outcomes(made, asked, left, Path(place), how.jobs):
                out.write(json.dumps(asdict(outcome)) + "\n")
                out.flush()
                done.append(outcome)
                if len(done) % 50 == 0:
                    seconds = time.monotonic() - began
                    print(f"  {half}: {len(done)} of {total}, {seconds:.0f} s", flush=True)
                if time.monotonic() > how.until:
                    print(f"  {half}: stopped at {len(done)} of {total}", flush=True)
                    break
    return done


def _kept(path: Path, code: str) -> list[Outcome]:
    """What this code asked before; a line that a kill cut short is asked again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.read_text("utf-8").split("\n") if path.exists() else []
    if lines[:1] != [code]:
        if lines:
            print(f"  {path.name}: asked before by other code, begun anew", flush=True)
        path.write_text(f"{code}\n", "utf-8")
        return []
    whole = lines[1:-1]
    path.write_text("\n".join([code, *whole, ""]), "utf-8")
    return [Outcome.read(line) for line in whole]


_At: tuple[Half, Asked, Path]
"""What a process of a pool works with: it has it from the one that made it."""


def _outcomes(
    made: Half, asked: Asked, left: Sequence[tuple[str, int]], place: Path, jobs: int
) -> Iterator[Outcome]:
    if jobs == 1:
        for of, number in left:
            yield _one(made, asked, place / "query", (of, number))
        return
    global _At
    _At = (made, asked, place)
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("fork")) as pool:
        yield from pool.map(_in_process, left, chunksize=4)


def _in_process(which: tuple[str, int]) -> Outcome:
    made, asked, place = _At
    own = place / f"query-{multiprocessing.current_process().pid}"
    return _one(made, asked, own, which)


def _one(made: Half, asked: Asked, folder: Path, which: tuple[str, int]) -> Outcome:
    query = made.query(*which)
    if isinstance(query, NotMade):
        return Outcome(*which, "", skipped=query.reason)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = folder / f"model{query.file.suffix}"
    write(query.file, path)
    return _judged(query, asked, path, made.size.removals)


def _judged(query: Query, asked: Asked, path: Path, removals: int) -> Outcome:
    answer = asked(path)
    mine = {target.name for target in query.targets}
    accused = answer.accused or frozenset()
    return Outcome(
        query.of,
        query.number,
        query.edit,
        by=query.by,
        parts=query.parts,
        targets=tuple(
            Found(target.weight, answer.scores.get(target.name), target.name in accused)
            for target in query.targets
        ),
        pairs=removals - len(mine),
        accused=len(accused - mine),
        others=tuple(
            sorted((s for n, s in answer.scores.items() if n not in mine), reverse=True)[:HIGHEST]
        ),
        has_verdict=answer.accused is not None,
    )
