"""The demo, as `make demo` runs it: it ends well, finds every way back, and names nobody."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
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
    # every byte is read: where the hub lied about a hash, its claim has left the ladder
    expected = {
        (c.repo, c.path): "refuted" if c.what.startswith("hash lied about") else c.rung
        for c in sample_world().cases
        if c.rung != "hint"
    }
    assert {place: s["rung"] for place, s in found.items()} == expected

    report = (tmp_path / "report.html").read_text()
    printed = done.stdout + done.stderr
    for removal in sample_world().removals:
        assert removal.name not in report
        assert removal.link not in report + printed
        assert removal.file_name not in report + printed


def test_the_demo_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """It says who can sign in, serves, and ends in order."""
    process = subprocess.Popen(
        [sys.executable, "-m", "demo", str(tmp_path), "--serve", "--port", "0"],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    told = ""
    try:
        for line in process.stdout:  # ends when the process does
            told += line
            if found := re.search(r"Reseen is at (http://\S+)", line):
                with urllib.request.urlopen(f"{found[1]}/sign-in", timeout=120) as answer:
                    assert answer.status == 200
                process.send_signal(signal.SIGTERM)
                break
        process.stdout.read()
        assert process.wait(120) == 0, told
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
    for name in ("robin", "rio", "lea", "ada"):
        assert re.search(rf"^  {name} +\S{{16,}} ", told, re.MULTILINE), told
