"""The recognition benchmark's own rules: halves apart, nothing told, goes on, counts right."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.adapters import Adapter
from benchmarks.edits import NotMade
from benchmarks.intervals import at_least, at_most, interval
from benchmarks.recognition import page, run, world
from benchmarks.recognition.method import Answer, Asked, MethodFailed, Task, answer_of, opened
from benchmarks.recognition.results import bar_of, curve, line
from benchmarks.recognition.run import Found, How, Outcome, played
from benchmarks.recognition.world import CLASSES, HALVES, MERGES, STRANGERS, Half, Size

TINY = Size(removals=6, others=2, files=2, tuned=1, modules=18)


def by_size(task: Task) -> Asked:
    """A method that is wrong about all of them but knows what it was given."""
    assert {path.parent.name for path in task.registry.values()} == {"registry"}
    known = {name: path.stat().st_size for name, path in task.registry.items()}
    return lambda path: Answer({n: -abs(path.stat().st_size - size) for n, size in known.items()})


HERE = f"{__name__}:by_size"


@pytest.fixture(autouse=True)
def some_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "CLASSES", ("lossless", "TIES", STRANGERS))


def test_every_class_makes_files_and_says_what_is_in_them() -> None:
    half = Half(TINY, "held-out")
    for of in CLASSES:
        query = half.query(of, 1)
        if isinstance(query, NotMade):  # its layers are too few for that
            assert of in ("layers left out", "layers of a stranger")
            continue
        assert query.file.tensors
        assert len(query.targets) == (0 if of == STRANGERS else 4 if of in MERGES else 1)
        assert query.parts >= len(query.targets)


def test_half_of_a_merges_files_have_strangers_in_them() -> None:
    half = Half(TINY, "held-out")
    query = half.query("factor sum", 5)  # four parts, the second time round
    assert not isinstance(query, NotMade)
    assert (query.parts, len(query.targets)) == (4, 2)
    weak = half.query("concatenation, weights 0.05 to 1", 0)
    assert not isinstance(weak, NotMade)
    assert {target.weight for target in weak.targets} == {0.05, 1.0}


def test_the_halves_have_nothing_in_common(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: dict[str, set[object]] = {}

    def make(architecture: str, seed: int, *, recipe: object, **_: object) -> Adapter:
        seeds[half].update(
            {seed, ("init", recipe.init), ("family", recipe.family)}  # type: ignore[attr-defined]
        )
        return Adapter("", architecture, {})

    monkeypatch.setattr(world, "make", make)
    for half in HALVES:
        seeds[half] = set()
        for number in range(300):
            Half(TINY, half)._make(number)
    shared = seeds["tune"] & seeds["held-out"]
    assert shared == {("init", None), ("family", None)}


def test_a_run_that_was_cut_short_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = played(HERE, TINY, "held-out", How(tmp_path))
    assert {o.of for o in first} == {"lossless", "TIES", STRANGERS}
    assert len(first) == 6
    kept = tmp_path / "held-out.jsonl"
    lines = kept.read_text().splitlines(keepends=True)
    kept.write_text("".join(lines[:4]) + lines[4][:30])  # killed in the middle of a line
    asked: list[tuple[str, int]] = []
    one = run._one
    monkeypatch.setattr(run, "_one", lambda *given: asked.append(given[3]) or one(*given))
    assert played(HERE, TINY, "held-out", How(tmp_path)) == first
    assert len(asked) == 3
    kept.write_text("other code\n" + "".join(lines[1:]))
    played(HERE, TINY, "held-out", How(tmp_path))
    assert len(asked) == 9


def test_a_run_that_is_stopped_has_something_of_each_class(tmp_path: Path) -> None:
    few = played(HERE, TINY, "held-out", How(tmp_path, until=0.0))
    assert few == []
    every = played(HERE, TINY, "held-out", How(tmp_path))
    assert [o.of for o in every[:3]] == ["lossless", "TIES", STRANGERS]


PROGRAM = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[-1])
known = {path.stem: path.read_bytes() for path in (folder / "registry").iterdir()}
print("ready", flush=True)
for line in sys.stdin:
    data = pathlib.Path(line.strip()).read_bytes()
    same = [name for name, other in known.items() if other == data]
    print(json.dumps({"scores": {name: 1 for name in same}, "accused": same}), flush=True)
"""


def test_a_program_is_asked_by_lines(tmp_path: Path) -> None:
    (tmp_path / "method.py").write_text(PROGRAM)
    task = Half(TINY, "tune").task(tmp_path / "files")
    spec = f"program:{sys.executable} {tmp_path / 'method.py'}"
    with opened(spec, task) as asked:
        name, path = next(iter(task.registry.items()))
        assert asked(path) == Answer({name: 1.0}, frozenset({name}))
        assert asked(task.others[0]) == Answer({}, frozenset())


@pytest.mark.parametrize(
    "code", ["print('hello')", "print('ready', flush=True)", "print('ready'); input(); print('[]')"]
)
def test_a_program_that_does_not_answer_is_said(tmp_path: Path, code: str) -> None:
    (tmp_path / "method.py").write_text(code)
    task = Task(tmp_path, {}, ())
    spec = f"program:{sys.executable} {tmp_path / 'method.py'}"
    with pytest.raises(MethodFailed), opened(spec, task) as asked:
        asked(tmp_path / "x")


def test_what_is_no_method_is_said(tmp_path: Path) -> None:
    for spec in ("no.such:thing", "json:nothing", "program:/no/such/program", "words"):
        with pytest.raises(MethodFailed), opened(spec, Task(tmp_path, {}, ())):
            pass


@pytest.mark.parametrize(
    "told", ["", "[]", "{}", '{"scores": 3}', '{"scores": {"a": "b"}}', '{"scores": {"a": NaN}}']
)
def test_what_is_no_answer_is_said(told: str) -> None:
    with pytest.raises(MethodFailed):
        answer_of(told)


def outcome(number: int, score: float | None, others: tuple[float, ...] = ()) -> Outcome:
    found = Found(1.0, score, accused=score is not None and score > 5)
    return Outcome("lossless", number, "x", "ours", 1, (found,), 10, 0, others)


def test_the_bar_is_set_on_one_half_and_counted_on_the_other() -> None:
    bar = bar_of([outcome(0, 9.0, (4.0, 1.0)), outcome(1, 2.0)])
    assert bar == 4.0
    told = line("x", [outcome(0, 9.0, (4.5,)), outcome(1, 4.0), outcome(2, None, (1.0,))], bar)
    assert (told.targets, told.by_bar.found, told.pairs, told.above) == (3, 1, 30, 1)
    assert told.by_verdict is not None
    assert told.by_verdict.found == 1
    assert str(told.by_verdict).startswith("33.3 % (0.8 to 90.6)")
    none = replace(outcome(0, 9.0), has_verdict=False)
    assert line("x", [none], bar).by_verdict is None


def test_a_curve_begins_where_nobody_is_taken_falsely() -> None:
    made = curve("x", [outcome(0, 9.0, (8.0,)), outcome(1, 7.0, (3.0,)), outcome(2, None)])
    assert made is not None
    assert made.x == pytest.approx([0, 1 / 30, 2 / 30])
    assert made.y == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    assert curve("x", []) is None


def test_intervals_are_clopper_and_pearsons() -> None:
    assert interval(10, 10) == pytest.approx((0.6915, 1.0), abs=1e-4)
    assert interval(3, 10) == pytest.approx((0.0667, 0.6525), abs=1e-4)
    assert interval(0, 0) == (0.0, 1.0)
    assert at_least(3, 3) == pytest.approx(0.05 ** (1 / 3), abs=1e-6)
    assert at_most(0, 1_000_000) == pytest.approx(3e-6, rel=0.01)
    low, high = interval(2_400, 4_800)
    assert 0.48 < low < 0.5 < high < 0.52


def test_figures_and_plots_are_put_behind_the_mark(tmp_path: Path) -> None:
    (tmp_path / page.PAGE.name).write_text(f"Before.\n{page.START}old")
    kept = tmp_path / "kept"
    halves = [played(HERE, TINY, half, How(kept)) for half in HALVES]
    page.keep([page.Run(HERE, *halves)], "small", TINY, tmp_path)
    text = (tmp_path / page.PAGE.name).read_text()
    assert text.startswith("Before.\n")
    assert "old" not in text
    assert "| lossless | 2 | 2 |" in text
    for name in ("recognition-edits.svg", "recognition-parts.svg", "recognition-weights.svg"):
        assert name in text
        assert ET.parse(tmp_path / name).getroot().tag.endswith("svg")
    assert json.loads((kept / "tune.jsonl").read_text().splitlines()[1])["has_verdict"] is False
