"""The verbs about a hub, against a small one on loopback."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from unittest import mock

import pytest
from replica.lists import write_csv
from replica.server import Replica
from replica.world import World

from reseen.cli import main


def reseen(home: Path, replica: Replica, *args: str, code: int = 0) -> tuple[str, str]:
    """Standard output and standard error of the command."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "RESEEN_HOME": str(home / "reseen"),
        "HF_ENDPOINT": replica.endpoint,
    }
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch.object(sys, "argv", ["reseen", *args]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    assert ended.value.code == code, out.getvalue() + err.getvalue()
    return out.getvalue(), err.getvalue()


def objects(lines: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.splitlines()]


def test_scan_sightings_recheck_and_a_later_import(
    tmp_path: Path, replica: Replica, world: World
) -> None:
    names = tmp_path / "removed.csv"
    write_csv(names, world.removals)
    reseen(tmp_path, replica, "registry", "import", str(names))
    out, err = reseen(tmp_path, replica, "scan", "hf", "--all", "--refs")
    found = [line.split()[0] for line in out.splitlines()]
    assert len(found) == len(set(found)) > 5
    assert "A sighting is a lead" in err
    again, _ = reseen(tmp_path, replica, "scan", "hf", "--all", "--refs", "--json")
    assert again == ""
    listed, _ = reseen(tmp_path, replica, "sightings", "--json")
    assert {str(row["sighting"]) for row in objects(listed)} == set(found)
    _, err = reseen(tmp_path, replica, "recheck")
    assert "live" in err
    other = tmp_path / "other"
    other.mkdir()
    reseen(other, replica, "scan", "hf", "--all", "--refs", "--confirm", "none")
    out, err = reseen(other, replica, "registry", "import", str(names))
    assert "among what was seen before" in err
    assert out.count("sg-") > 5


def test_a_scan_of_one_account_stays_with_it(
    tmp_path: Path, replica: Replica, world: World
) -> None:
    author = world.cases[0].repo.split("/")[0]
    reseen(tmp_path, replica, "scan", "hf", "--author", author, "--no-follow")
    trees = replica.journal.targets("tree")
    assert trees
    assert all(f"/{author}/" in target for target in trees)


def test_a_remote_file_is_inspected_by_its_header(
    tmp_path: Path, replica: Replica, world: World
) -> None:
    repo, path = next(
        (repo.id, path)
        for repo in world.repositories.values()
        if repo.sha and repo.type == "model" and not (repo.disabled or repo.gated or repo.private)
        for path in repo.commits[repo.sha].files
        if path.endswith(".safetensors")
    )
    out, _ = reseen(tmp_path, replica, "inspect", f"hf://{repo}/{path}", "--json")
    assert objects(out)[0]["container"] == "safetensors"


def test_a_place_that_is_not_there_is_said(tmp_path: Path, replica: Replica) -> None:
    _, err = reseen(tmp_path, replica, "inspect", "hf://nobody/nothing/x.safetensors", code=2)
    assert "Traceback" not in err
    _, err = reseen(tmp_path, replica, "scan", "hf", "nobody/nothing")
    assert "not looked at" in err or "0 sightings" in err
