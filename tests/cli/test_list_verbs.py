"""`registry import` and `leads`: what they say of lists, how they end, what they leave behind."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.cli.test_cli import reseen
from tests.registry.lists.test_shapes import MARK, SHAPES, A, B, C, lines

from reseen.cli import imports
from reseen.settings import Settings
from reseen.store.database import Store

TRIED = sorted(SHAPES)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def file_of(home: Path, data: str | bytes, name: str = "removed.list") -> str:
    path = home / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(path)


def test_no_value_of_any_shape_reaches_the_terminal_or_the_json(home: Path) -> None:
    """All shapes at once: each is imported as a file of its own."""
    files = [
        file_of(home, SHAPES[shape].data, f"removed-{number}.list")
        for number, shape in enumerate(TRIED)
    ]
    for more in ((), ("--json",)):
        said = reseen(home, "registry", "import", *files, *more, code=3)
        assert "Marked" not in said
        assert "arked" not in said
        assert not any(digest[:8] in said.lower() for digest in (A, B, C))


def test_the_name_of_a_file_beside_a_model_is_a_name(home: Path) -> None:
    beside = file_of(home, f"{A}\n", f"{MARK}.safetensors.sha256")
    for more in ((), ("--json",)):
        said = reseen(home, "registry", "import", beside, *more)
        assert "arked" not in said
    assert "arked" not in reseen(home, "registry", "lists")


def test_an_error_names_no_value_and_says_what_was_seen(home: Path) -> None:
    text = file_of(home, f"Wer,Wann\n{MARK},12\n{MARK} again,13\n")
    said = reseen(home, "registry", "import", text, code=2)
    assert "arked" not in said
    assert "column 1: text" in said
    assert "--map" in said
    said = reseen(home, "registry", "import", text, "--map", f"{MARK}=name", code=2)
    assert "arked" not in said


def test_an_import_that_took_nothing_ends_with_2_and_one_that_took_part_with_3(home: Path) -> None:
    assert "1 rejected" in reseen(home, "registry", "import", file_of(home, "sha256\nzz\n"), code=2)
    reseen(home, "registry", "import", file_of(home, f"sha256\nzz\n{A}\n"), code=3)
    reseen(home, "registry", "import", file_of(home, lines("# a comment", A)))
    reseen(home, "registry", "import", file_of(home, lines("sha256", "# x", "zz")), code=2)


def test_a_dry_run_makes_no_registry_and_no_key(home: Path) -> None:
    text = file_of(home, f"name,sha256\n{MARK},{A}\n{MARK},zz\n")
    before = sorted(home.rglob("*"))
    said = reseen(home, "registry", "import", text, "--dry-run", code=3)
    assert "1 added" in said
    assert "nothing was written" in said
    assert sorted(home.rglob("*")) == before
    account = json.loads(
        reseen(home, "registry", "import", text, "--dry-run", "--json", code=3).splitlines()[0]
    )
    assert (account["added"], account["rejected"], account["dry_run"]) == (1, 1, True)
    assert account["rejects_file"] is None


def test_a_list_that_cannot_be_read_makes_no_registry_and_no_key(home: Path) -> None:
    for data in (b"\xd0\xcf\x11\xe0" + bytes(600), b"<html><p>Sign in</p></html>", b"no list"):
        text = file_of(home, data)
        before = sorted(home.rglob("*"))
        reseen(home, "registry", "import", text, code=2)
        assert sorted(home.rglob("*")) == before


def test_the_class_that_is_never_read_is_said_wherever_a_list_is(home: Path) -> None:
    given = ("--list", "sample", "--class", "child-abuse-imagery")
    text = file_of(home, lines("sha256", A, B))
    for dry in (("--dry-run",), ()):
        said = reseen(home, "registry", "import", text, *given, *dry)
        assert "2 of the class child-abuse-imagery: nothing is read or sent." in said
    account = json.loads(reseen(home, "registry", "import", text, *given, "--json").splitlines()[0])
    assert account["never_read"] == 2
    said = reseen(home, "registry", "import", file_of(home, lines("sha256", C)), "--list", "other")
    assert "of the class" not in said
    listed = {line.split()[0]: line for line in reseen(home, "registry", "lists").splitlines()}
    assert "2 of the class child-abuse-imagery" in listed["sample"]
    assert "class" not in listed["other"]
    every = reseen(home, "registry", "list").splitlines()
    assert sum("class child-abuse-imagery" in line for line in every) == 2


def test_what_removals_are_good_for_is_said(home: Path) -> None:
    rows = lines(
        "link,hash",
        f"https://civitai.com/models/1,{A[:10]}",
        "https://civitai.com/models/2,",
        f",{B}",
    )
    said = reseen(home, "registry", "import", file_of(home, rows))
    assert "1 removal with a full digest" in said
    assert "1 removal has no hash" in said
    assert "1 removal has no full digest" in said
    assert "No leads" in reseen(home, "leads")


def test_rejected_rows_are_imported_again_as_the_list_was(home: Path) -> None:
    rows = f"name,sha256\nSample person 01,{A}\nSample person 02,{B[:62]}\n"
    path = file_of(home, rows, "weekly.csv")
    told = reseen(home, "registry", "import", path, "--list", "hotline, week 48", code=3)
    assert "correct and import that file, with the same --list." in told


def test_a_first_list_loads_nothing_that_reads_tensors(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"sha256\n{'5e' * 31}01\n")
    code = (
        "import contextlib, sys, reseen.cli\n"
        f"sys.argv = ['reseen', 'registry', 'import', {str(tmp_path / 'a.csv')!r}]\n"
        "with contextlib.suppress(SystemExit):\n"
        "    reseen.cli.main()\n"
        "print(sorted({'numpy', 'reseen.scan.inspect', 'httpx2'} & set(sys.modules)))"
    )
    environ = {**os.environ, "RESEEN_HOME": str(tmp_path / "home"), "RESEEN_DB": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False
    )
    assert "1 added" in done.stdout, done.stderr
    assert done.stdout.endswith("[]\n"), "it waits for what it has no use of"


def test_what_was_read_is_not_looked_through_for_cycles(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading and importing, millions of objects may be held."""
    seen: list[bool] = []
    opened = imports.open_or_make

    def noted(settings: Settings) -> AbstractContextManager[Store]:
        seen.append(gc.isenabled())
        return opened(settings)

    monkeypatch.setattr(imports, "open_or_make", noted)
    reseen(home, "registry", "import", file_of(home, f"sha256\n{A}\n"))
    assert (seen, gc.isenabled()) == ([False], True)
