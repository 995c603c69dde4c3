"""Names come by standard input: they stand in no shell's history and in no list of processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from reseen.cli import cli
from reseen.errors import InputError
from reseen.registry import removals
from reseen.settings import Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring

NAMES = ["Sample person 07", "Sample person Ünïcode"]
SHA256 = "9f3c71d2e58a40b6" * 4


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RESEEN_HOME", str(tmp_path))
    rows = [f"{name},{SHA256[:-1]}{n}" for n, name in enumerate(NAMES)]
    (tmp_path / "l.csv").write_text("\n".join(["name,sha256", *rows]) + "\n")
    assert run("registry", "import", str(tmp_path / "l.csv")).exit_code == 0
    return tmp_path


def run(*args: str, typed: str | bytes | None = None) -> Result:
    return CliRunner().invoke(cli, list(args), input=typed)


def removal(name: str) -> str:
    return str(json.loads(run("lookup", "-", "--json", typed=name).output)["removal"])


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_name_is_looked_up(home: Path, end: str, mark: str) -> None:
    told = run("lookup", "-", typed=(mark + NAMES[1].upper() + end).encode())
    assert told.exit_code == 0
    assert "by its name" in told.output
    assert "Line" not in told.output
    assert "person" not in told.output


def test_a_file_of_names_is_looked_up(home: Path) -> None:
    typed = "\n".join([NAMES[0], "", "Sample person 99", NAMES[1]])
    told = run("lookup", "-", typed=typed.encode()).output
    lines = [line for line in told.splitlines() if line.startswith(("Line", "rm-", "Not in"))]
    assert [line[:6] for line in lines] == [
        "Line 1", lines[1][:6], "Line 3", "Not in", "Line 4", lines[5][:6],
    ]  # fmt: skip
    assert "Sample" not in told
    found = [json.loads(x) for x in run("lookup", "-", "--json", typed=typed).output.splitlines()]
    assert [one["line"] for one in found] == [1, 4]


def test_a_reason_is_typed(home: Path) -> None:
    id = removal(NAMES[0])
    assert run("registry", "withdraw", id, "--why", "-", typed="for Sample person\n").exit_code == 0
    assert run("registry", "restore", id, "--why", "-", typed="again\n").exit_code == 0
    with Store(f"sqlite:///{home / 'reseen.db'}") as store, store.read() as connection:
        keyring = Keyring.for_store(store, Settings.from_environment(), create=False)
        assert keyring
        told = [turn.why for turn in removals.history(connection, keyring, id)]
    assert told == ["for Sample person", "again"]
    assert b"for Sample person" not in (home / "reseen.db").read_bytes()


def test_names_of_files_are_typed(home: Path) -> None:
    (home / "a.bin").write_bytes(b"sample bytes")
    done = run("registry", "add", str(home / "a.bin"), "--name", "-", typed="Sample person 12\n")
    assert done.exit_code == 0
    assert "by its name" in run("lookup", "-", typed="sample PERSON 12").output


@pytest.mark.parametrize(
    ("arguments", "typed", "why"),
    [
        (["lookup", "-"], " \n\n", "nothing stands"),
        (["lookup", "-"], b"\xff\xfe", "not UTF-8"),
        (["lookup", "-"], "x" * 70_000, "too long"),
        (["registry", "withdraw", "rm-x", "--why", "-"], "\n", "nothing stands"),
        (["registry", "add", "l.csv", "--name", "-", "--reason", "-"], "x", "one value's"),
    ],
)
def test_what_is_no_text_is_said(
    home: Path, arguments: list[str], typed: str | bytes, why: str
) -> None:
    told = run(*arguments, typed=typed)
    assert isinstance(told.exception, InputError)
    assert why in str(told.exception)
    assert told.exception.remedy
