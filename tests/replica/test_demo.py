"""The demo, as `make demo` runs it: it ends well, finds every way back, and names nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from replica.sample import sample_world


def test_the_demo_finds_every_way_back(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    environment = {
        **os.environ,
        "RESEEN_HOME": "/nowhere",
        "HF_ENDPOINT": "https://nowhere.example",
    }
    done = subprocess.run(
        [sys.executable, "-m", "demo", str(tmp_path)],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "synthetic" in done.stdout
    assert str(tmp_path / "report.html") in done.stdout

    listed = subprocess.run(
        [sys.executable, "-m", "reseen", "sightings", "--json"],
        env={**os.environ, "RESEEN_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = {(s["repo"], s["path"]): s for s in map(json.loads, listed.stdout.splitlines())}
    expected = {(c.repo, c.path): c.rung for c in sample_world().cases if c.rung != "hint"}
    assert {place: s["rung"] for place, s in found.items()} == expected

    report = (tmp_path / "report.html").read_text()
    printed = done.stdout + done.stderr
    for removal in sample_world().removals:
        assert removal.name not in report
        assert removal.link not in report + printed
        assert removal.file_name not in report + printed
