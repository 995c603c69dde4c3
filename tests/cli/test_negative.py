"""`reseen registry negative`: what the verbs say, and the page of the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.match.merges import file_of, person

from reseen.cli import cli
from reseen.review import users
from reseen.review.roles import Role
from reseen.store.database import Store

NAME, WHY = "Sample \N{RIGHT-TO-LEFT OVERRIDE}accelerator", "Sample reason 01"
Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    db = str(tmp_path / "verbs.db")

    def made(*words: str, fails: bool = False) -> str:
        done = CliRunner().invoke(cli, ["registry", *words, "--db", db])
        assert (done.exit_code != 0) == fails, (done.output, done.exception)
        return done.output if not fails else repr(done.exception)

    other, file = tmp_path / "other.safetensors", tmp_path / "file.safetensors"
    other.write_bytes(file_of(person(41)))
    file.write_bytes(file_of(person(40)))
    made("add", str(other))
    with Store(f"sqlite:///{db}") as opened, opened.write() as connection:
        for name in ("ada", "ben"):
            users.add(connection, name, Role.LEAD, "a long sample password 01", actor=None)
    return made


def test_the_verbs(run: Run, tmp_path: Path) -> None:
    file = str(tmp_path / "file.safetensors")
    ada, ben = ("--as", "ada", "--why", WHY), ("--as", "ben", "--why", WHY)
    assert "No known innocents" in run("negative", "list")
    assert "cannot be shown" in run("negative", "add", file, "--name", NAME, *ada, fails=True)
    other = str(tmp_path / "other.safetensors")
    assert "hide a removal" in run("negative", "add", other, "--name", "x", *ada, fails=True)
    missing = str(tmp_path / "missing")
    assert "missing: cannot open" in run(
        "negative", "add", missing, "--name", "x", *ada, fails=True
    )
    told = json.loads(run("negative", "add", file, "--name", "Sample style", *ada, "--json"))
    id = told["innocent"]
    assert told == {"innocent": id, "state": "proposed"}
    assert "cannot confirm" in run("negative", "confirm", id, *ada, fails=True)
    assert "in use" in run("negative", "confirm", id, *ben)
    (one,) = map(json.loads, run("negative", "list", "--json").splitlines())
    assert (one["innocent"], one["name"], one["state"]) == (id, "Sample style", "in use")
    assert (one["proposed_by"], one["confirmed_by"], one["near"]) == ("ada", "ben", [])
    assert one["architectures"] == ["sd1"]
    added = run("add", file)
    assert f"The known innocent {id} is out of use: it is rm-" in added
    removal = next(word for word in added.replace(",", "").split() if word.startswith("rm-"))
    listed = run("negative", "list")
    assert "out of use" in listed
    assert f"it is {removal}, by its bytes" in listed
    assert f"{id} counts again" in run("withdraw", removal, "--why", WHY)
    assert "removed" in run("negative", "remove", id, *ada)
    assert "no such innocent" in run("negative", "remove", id, *ada, fails=True)


def test_they_are_listed_where_passwords_cannot_be_checked(tmp_path: Path) -> None:
    """What checks them comes with the service, which a plain installation has not."""
    code = (
        "import sys; sys.modules['argon2'] = None; from reseen.cli import cli; "
        "cli(['registry', 'negative', 'list', '--json'])"
    )
    env = {**os.environ, "RESEEN_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert "argon2" not in done.stderr
