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
    # 3: one file of this world cannot be read, and a scan that did not look at all says so
    out, err = reseen(tmp_path, replica, "scan", "hf", "--all", "--refs", code=3)
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
    _, err = reseen(tmp_path, replica, "scan", "hf", "nobody/nothing", code=2)
    assert "nobody/nothing: there is no such repository" in err


def test_a_named_repository_that_is_refused_is_no_clean_scan(
    tmp_path: Path, replica: Replica, world: World
) -> None:
    good = world.cases[0].repo
    for more in ((), ("--quiet",), ("--json",)):
        _, err = reseen(tmp_path, replica, "scan", "hf", good, "nobody/nothing", *more, code=2)
        assert "nobody/nothing: " in err
        assert f"{good}: " not in err
    # Asked for as each type, it need be only one of them.
    reseen(tmp_path, replica, "scan", "hf", good, "--types", "models,datasets,spaces")
    listed = tmp_path / "repositories.txt"
    listed.write_text(f"{good}\nnobody/nothing\n")
    _, err = reseen(tmp_path, replica, "scan", "hf", "--repos", str(listed), code=3)
    assert "nobody" not in err
    number = err.split("reseen problems --scan ")[1].split()[0]
    out, _ = reseen(tmp_path, replica, "problems", "--scan", number)
    assert "/nobody/nothing: there is no such repository" in out
    out, _ = reseen(tmp_path, replica, "problems", "--json")
    assert [row["scan"] for row in objects(out)] == [int(number)]
    reseen(tmp_path, replica, "problems", "--scan", "999", code=2)


def test_an_account_for_which_nothing_is_listed_is_said(
    tmp_path: Path, replica: Replica, world: World
) -> None:
    typo = ("scan", "hf", "--author", "acount-01")
    _, err = reseen(tmp_path, replica, *typo)
    assert "acount-01: nothing is listed for this account (0 repositories)" in err
    reseen(tmp_path, replica, *typo, "--strict", code=3)
    author = world.cases[0].repo.split("/")[0]
    reseen(tmp_path, replica, "scan", "hf", "--author", author, "--no-follow", "--strict")


def test_a_hub_that_is_not_there_is_named(tmp_path: Path, replica: Replica) -> None:
    wrong = f"{replica.endpoint}/wrong"
    _, err = reseen(tmp_path, replica, "scan", "hf", "--all", "--endpoint", wrong, code=2)
    assert wrong in err


def test_exit_code_says_that_a_removed_model_stands_there_also_the_next_time(
    tmp_path: Path, replica: Replica, world: World
) -> None:
    names = tmp_path / "removed.csv"
    write_csv(names, world.removals)
    reseen(tmp_path, replica, "registry", "import", str(names))
    repo = "account-13/small"
    for _ in range(2):
        reseen(tmp_path, replica, "scan", "hf", repo, "--no-follow", "--exit-code", code=1)
    reseen(tmp_path, replica, "scan", "hf", repo, "nobody/nothing", "--exit-code", code=1)
    reseen(tmp_path, replica, "scan", "hf", repo, "--no-follow")
