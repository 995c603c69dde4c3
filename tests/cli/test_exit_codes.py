"""How commands end: one code for each outcome, and nothing made by what only looks."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from tests.cli.test_cli import NAME, SHA256, adapter, reseen

from reseen import cli
from reseen.cli.exit_codes import FIRST, ExitCode, after, worst
from reseen.errors import HubBusy, InputError


@pytest.fixture
def removed(tmp_path: Path) -> Path:
    path = tmp_path / "removed.csv"
    path.write_text(f"name,SHA256\n{NAME},{SHA256}\n")
    return path


def test_of_several_codes_the_first_in_the_order_wins() -> None:
    assert [int(code) for code in FIRST] == [130, 4, 1, 2, 3, 0]
    for one, other in itertools.product(FIRST, FIRST):
        assert worst([one, other]) is min(one, other, key=FIRST.index)
    assert worst([]) is ExitCode.DONE


def test_an_error_after_a_match_does_not_hide_it() -> None:
    assert after(InputError("x"), [ExitCode.MATCH]) is ExitCode.MATCH
    assert after(HubBusy("x"), []) is ExitCode.CANNOT
    assert after(ValueError("x"), [ExitCode.MATCH]) is ExitCode.FAULT
    assert after(KeyboardInterrupt(), [ExitCode.MATCH, ExitCode.FAULT]) is ExitCode.STOPPED


def test_a_match_beside_a_file_that_cannot_be_read_ends_with_1(tmp_path: Path) -> None:
    file = adapter(tmp_path / "removed.safetensors")
    reseen(tmp_path, "registry", "add", str(file))
    said = reseen(tmp_path, "check", str(tmp_path / "missing"), str(file), code=1)
    assert f"{tmp_path / 'missing'}: " in said
    reseen(
        tmp_path,
        "check",
        str(tmp_path / "missing"),
        str(tmp_path / "removed.safetensors.no"),
        code=2,
    )


def test_a_damaged_model_file_was_not_judged_whole(tmp_path: Path) -> None:
    file = adapter(tmp_path / "removed.safetensors")
    reseen(tmp_path, "registry", "add", str(file))
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(file.read_bytes()[:-100])
    assert "no match by the digests" in reseen(tmp_path, "check", str(torn), code=3)


@pytest.mark.parametrize(
    "verb",
    [
        ("check", "{file}"),
        ("lookup", "x"),
        ("sightings",),
        ("sighting", "sg-000000000000"),
        ("report", "--out", "{home}/report.html"),
        ("registry", "list"),
        ("registry", "show", "rm-00000000"),
        ("registry", "withdraw", "rm-00000000", "--why", "x"),
        ("registry", "restore", "rm-00000000", "--why", "x"),
        ("compare", "{file}", "{file}"),
        ("recheck",),
        ("audit", "head"),
        ("audit", "verify"),
        ("index", "save", "{home}/index"),
        ("index", "verify", "{home}/index"),
        ("index", "key", "--out", "{home}/index.key"),
        ("problems",),
        ("blind",),
        ("read",),
        ("registry", "lists"),
        ("registry", "take-back", "rm-00000000/1", "--why", "x"),
        ("audit", "export", "--out", "{home}/a.csv"),
        ("user", "list"),
        ("key", "list"),
    ],
    ids=" ".join,
)
def test_what_only_looks_makes_no_registry_and_no_key(
    tmp_path: Path, verb: tuple[str, ...]
) -> None:
    file = adapter(tmp_path / "a.safetensors")
    before = sorted(tmp_path.rglob("*"))
    given = [part.format(file=file, home=tmp_path) for part in verb]
    there = tmp_path / "typo" / "store.db"
    said = reseen(tmp_path, *given, "--db", str(there), code=2)
    assert f"there is no registry at {there}" in said
    assert sorted(tmp_path.rglob("*")) == before


def test_a_registry_that_is_made_is_told_of(tmp_path: Path, removed: Path) -> None:
    there = tmp_path / "new" / "store.db"
    said = reseen(tmp_path, "registry", "import", str(removed), "--db", str(there))
    assert f"Made a new registry: {there}" in said
    assert "Made a new registry" not in reseen(
        tmp_path, "registry", "import", str(removed), "--db", str(there)
    )


@pytest.mark.parametrize("content", [None, b"", b"no columns that mean anything\n1\n"])
def test_a_list_that_cannot_be_read_makes_no_registry_and_no_key(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "list.csv"
    if content is not None:
        path.write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    said = reseen(tmp_path, "registry", "import", str(path), code=2)
    assert f"{path}: " in said
    assert sorted(tmp_path.rglob("*")) == before


def test_a_list_is_taken_whole_in_part_or_not_at_all(tmp_path: Path, removed: Path) -> None:
    reseen(tmp_path, "registry", "import", str(removed))
    bad = tmp_path / "bad.csv"
    bad.write_text("SHA256\nnonsense\nmore nonsense\n")
    reseen(tmp_path, "registry", "import", str(bad), code=2)
    part = tmp_path / "part.csv"
    part.write_text(f"SHA256\nnonsense\n{SHA256}\n")
    reseen(tmp_path, "registry", "import", str(part), code=3)
    reseen(tmp_path, "registry", "import", str(part), str(bad), code=2)


def test_an_empty_registry_checks_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    file = adapter(folder / "a.safetensors")
    db = str(tmp_path / "empty.db")
    reseen(tmp_path, "scan", "folder", str(folder), "--jobs", "1", "--db", db)
    said = reseen(tmp_path, "check", str(file), "--db", db, code=2)
    assert f"the registry at {db} is empty" in said


def test_named_files_that_are_refused_end_with_2_and_those_in_a_folder_with_3(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    adapter(folder / "a.safetensors")
    (folder / "empty").touch()
    reseen(tmp_path, "registry", "add", str(folder), code=3)
    reseen(tmp_path, "registry", "add", str(folder / "empty"), str(folder), code=2)
    reseen(tmp_path, "registry", "add", str(tmp_path / "missing"), code=2)


def test_reseen_db_takes_a_path_as_db_does(tmp_path: Path, removed: Path) -> None:
    path = tmp_path / "mine.db"
    for db in (str(path), f"sqlite:///{path}"):
        with mock.patch.dict(os.environ, {"RESEEN_DB": db}):
            command = [sys.executable, "-m", "reseen", "registry", "import", str(removed)]
            subprocess.run(command, check=True, env=os.environ | {"RESEEN_HOME": str(tmp_path)})
    assert path.exists()
    assert "rm-" in reseen(tmp_path, "registry", "list", "--db", str(path))


def test_an_error_of_reseen_itself_ends_with_4_and_one_line_without_its_text(
    tmp_path: Path, removed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reseen(tmp_path, "registry", "import", str(removed))

    def fails(*_: object, **__: object) -> None:
        raise ValueError(NAME)

    monkeypatch.setattr("reseen.registry.lookup.find", fails)
    said = reseen(tmp_path, "lookup", "x", code=4)
    assert len(said.splitlines()) == 1
    assert "ValueError in cli/lookup.py" in said
    assert "issues" in said
    assert NAME not in said
    assert "Traceback" in reseen(tmp_path, "--debug", "lookup", "x", code=4)


def test_a_command_that_is_stopped_ends_with_130(
    tmp_path: Path, removed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reseen.operations.lists.import_list", stopped)
    assert reseen(tmp_path, "registry", "import", str(removed), code=130).endswith("stopped\n")


def test_an_index_that_is_not_what_was_saved_ends_with_2(tmp_path: Path, removed: Path) -> None:
    reseen(tmp_path, "registry", "import", str(removed))
    folder = tmp_path / "index"
    reseen(tmp_path, "index", "save", str(folder))
    reseen(tmp_path, "index", "verify", str(folder))
    largest = max((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[-1] ^= 1
    largest.write_bytes(content)
    reseen(tmp_path, "index", "verify", str(folder), code=2)
    reseen(tmp_path, "index", "verify", str(tmp_path / "missing"), code=2)


def test_a_password_that_nobody_gives_is_no_stop(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "reseen", "user", "add", "bob", "--role", "lead"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=os.environ | {"RESEEN_HOME": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 2
    assert "--password-file" in done.stderr


def test_a_pipe_that_closes_early_is_no_match(tmp_path: Path, removed: Path) -> None:
    reseen(tmp_path, "registry", "import", str(removed))
    done = subprocess.run(
        [
            "bash",
            "-c",
            f"{sys.executable} -c 'import time; time.sleep(1); "
            f"from reseen.cli import main; main()' registry list | true; echo ${{PIPESTATUS[0]}}",
        ],
        capture_output=True,
        text=True,
        env=os.environ | {"RESEEN_HOME": str(tmp_path / "reseen")},
        check=False,
    )
    assert done.stdout.split() == ["0"]
    assert "Traceback" not in done.stderr


def test_a_folder_with_a_removed_model_ends_with_1_when_asked(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    reseen(tmp_path, "registry", "add", str(adapter(folder / "a.safetensors")))
    scan = ("scan", "folder", str(folder), "--jobs", "1")
    for _ in range(2):
        reseen(tmp_path, *scan)
        reseen(tmp_path, *scan, "--exit-code", code=1)
    (folder / "a.safetensors").unlink()
    reseen(tmp_path, *scan, "--exit-code")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert f"{missing}: " in reseen(tmp_path, "scan", "folder", str(missing), code=2)


def test_every_verb_ends_by_the_table() -> None:
    """No verb has exit codes of its own; a mutant of the table would be seen by the docs' test."""
    for path in Path(cli.__file__).parent.glob("*.py"):
        if path.name != "exit_codes.py":
            said = path.read_text()
            assert "Exit(" not in said, path.name
            assert "sys.exit(" not in said or path.name == "__init__.py", path.name


def test_what_people_read_goes_through_one_module() -> None:
    for path in Path(cli.__file__).parent.glob("*.py"):
        if path.name != "common.py":
            said = path.read_text()
            assert "click.echo" not in said, path.name
            assert "print(" not in said.replace("fingerprint(", "").replace("_print(", ""), (
                path.name
            )
