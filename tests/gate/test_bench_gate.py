"""The benchmark of the gate runs: what it measures is another matter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks import gate, gate_hostile

ROOT = Path(__file__).parents[2]


def test_the_quick_benchmark_runs_and_leaves_the_page_alone() -> None:
    before = gate.PAGE.read_text()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gate", "--quick", "--client", "python"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) == 13, done.stdout
    assert gate.PAGE.read_text() == before
    assert before.count(gate.BEGIN) == before.count(gate.END) == 1


def test_the_quick_benchmark_under_attack_runs_and_leaves_the_page_alone() -> None:
    before = gate.PAGE.read_text()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gate_hostile", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) == 5, done.stdout
    assert gate.PAGE.read_text() == before
    assert before.count(gate_hostile.BEGIN) == before.count(gate_hostile.END) == 1
