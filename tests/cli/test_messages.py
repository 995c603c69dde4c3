"""What a person reads when something is wrong: which input, why, and what helps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from tests.review.room import HUB, Room

from reseen.cli import cli, scan_end
from reseen.cli.exit_codes import Told
from reseen.cli.scan_end import Ending
from reseen.errors import InputError, ListError, ReseenError, SealError, StoreError
from reseen.observed import sightings
from reseen.records import Coverage
from reseen.scan import scan_rows
from reseen.scan.progress import Outcome
from reseen.scan.target import Target
from reseen.store.database import Store, now

SHA256 = "9f3c71d2e58a40b6" * 4
ROWS = f"name,sha256\nSample person 07,{SHA256}\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RESEEN_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "l.csv").write_text(ROWS)
    return tmp_path


def run(*args: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(cli, list(args), input=typed)


def error(*args: str) -> Exception:
    """What `main` would say, and end with 2."""
    raised = run(*args).exception
    assert isinstance(raised, Exception)
    return raised


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk here that is always full")
@pytest.mark.parametrize("verb", [("--help",), ("hubs",), ("hubs", "--json")])
def test_results_that_cannot_be_written_are_no_fault_of_reseen(verb: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "reseen", *verb],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 2
    assert "standard output: No space left" in done.stderr
    assert "report this" not in done.stderr


@pytest.mark.parametrize("text", ["name,sha256\n", "name,sha256\n\n \n", "\ufeffname;sha256\r\n"])
def test_a_list_with_no_row_is_not_taken(home: Path, text: str) -> None:
    (home / "none.csv").write_text(text)
    done = run("registry", "import", "none.csv")
    assert done.exit_code == 2
    assert "no row below the header" in done.output
    assert run("registry", "import", "none.csv", "--json").exit_code == 2


@pytest.mark.parametrize(
    "content",
    [b"SQLite format 3\0" + bytes(3_000), bytes(range(256)) * 9, b"\x1f\x8b\x08" + bytes(99)],
)
def test_what_is_no_text_is_not_looked_through_for_columns(home: Path, content: bytes) -> None:
    (home / "list.csv").write_bytes(content)
    said = error("registry", "import", "list.csv")
    assert isinstance(said, ListError)
    assert "list.csv: this is no text" in str(said)
    assert said.remedy
    assert not (home / "home").exists()


@pytest.mark.parametrize(
    "verb",
    [
        ("scan", "folder", "nowhere"),
        ("scan", "folder"),
        ("user", "add", "ann", "--role", "lead", "--password-file", "nowhere"),
    ],
)
def test_what_cannot_be_read_makes_no_registry(
    home: Path, monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(home / "nowhere"))
    said = error(*verb)
    assert isinstance(said, ReseenError)
    assert "nowhere" in str(said)
    assert said.remedy
    assert not (home / "home").exists()


@pytest.mark.parametrize(
    ("verb", "names"),
    [
        (("registry", "import", "l.csv", "--map", "1=name", "--map", "Nope=sha256"), "number 2"),
        (("registry", "import", "l.csv", "--map", "1=name", "--map", "2=nope"), "number 2"),
        (("scan", "hf", "--all", "--author", "someone"), "--all"),
        (("index", "save", "l.csv"), "l.csv: "),
    ],
)
def test_an_error_says_what_was_given(home: Path, verb: tuple[str, ...], names: str) -> None:
    assert run("registry", "import", "l.csv").exit_code == 0
    said = error(*verb)
    assert isinstance(said, InputError)
    assert names in str(said)
    assert said.remedy


def test_a_text_with_a_stray_byte_is_a_list(home: Path) -> None:
    (home / "list.csv").write_text(ROWS + f"Sample\0person,{SHA256[::-1]}\n")
    assert "2 added" in run("registry", "import", "list.csv").output


def test_an_error_of_the_store_says_which_store(home: Path) -> None:
    (home / "notes.txt").write_text("milk")
    for verb in (("sightings",), ("registry", "import", "l.csv"), ("registry", "lists")):
        said = error(*verb, "--db", "notes.txt")
        assert type(said) is StoreError
        assert str(said).startswith("notes.txt: ")
    assert run("registry", "import", "l.csv", "--db", "good.db").exit_code == 0
    said = error("registry", "show", "rm-00000000", "--db", "good.db")
    assert "good.db" not in str(said)  # that one is about what is in it


def test_a_key_that_is_missing_is_asked_for_by_its_place(home: Path) -> None:
    assert run("registry", "import", "l.csv").exit_code == 0
    (home / "home" / "reseen.key").rename(home / "kept.key")
    said = error("registry", "import", "l.csv")
    assert isinstance(said, SealError)
    assert str(home / "home" / "reseen.key") in str(said.remedy)


def test_no_password_is_one_sentence_without_a_place_in_python(home: Path) -> None:
    assert run("registry", "import", "l.csv").exit_code == 0
    done = subprocess.run(
        [sys.executable, "-m", "reseen", "user", "add", "ann", "--role", "lead"],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
        start_new_session=True,  # no terminal to ask on
    )
    assert done.returncode == 2
    assert "--password-file" in done.stderr
    assert ".py" not in done.stderr


def test_rejects_go_into_a_device_that_is_named(home: Path) -> None:
    (home / "bad.csv").write_text("name,sha256\nSample person 07,12\n")
    os.mkfifo(home / "pipe")
    said = error("registry", "import", "bad.csv", "--rejects", "pipe")
    assert isinstance(said, ListError)
    assert "nothing was imported" in str(said.remedy)
    reader = os.open(home / "pipe", os.O_RDWR | os.O_NONBLOCK)
    assert run("registry", "import", "bad.csv", "--rejects", "pipe").exit_code == 2
    assert b"12" in os.read(reader, 1_000)
    os.close(reader)
    assert not (home / "pipe-2").exists()


@pytest.mark.parametrize("as_json", [False, True])
def test_a_scan_counts_what_reading_refuted_apart(
    store: Store, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    """It was told when it was found, as declared; the end said "2 new sightings" of it all."""
    room = Room(store)
    with store.write() as connection:
        scan = scan_rows.begin(connection, HUB, "all", "{}", now())
    room.see("a/true", read="three")
    room.refute("a/framed", removal=room.other)
    with store.read() as connection:
        found = tuple(sightings.every(connection))
    outcome = Outcome(scan, Coverage(listed=2, walked=2, artifacts=2), found)
    with click.Context(cli, obj=Told()):
        scan_end.say_scan(store, outcome, Target(everything=True), Ending(as_json=as_json))
    said = capsys.readouterr()
    assert "1 new sighting in 2 repositories" in said.err
    assert "1 more was refuted by reading: it is no copy" in said.err
    if as_json:
        end = json.loads(said.out.splitlines()[-1])
        assert (end["new_sightings"], end["refuted"]) == (1, 1)


def test_nothing_found_is_not_said_of_nothing_looked_for(home: Path) -> None:
    """A report of an empty registry, or of no scan, was zeros: it looked like an answer."""
    with Store(f"sqlite:///{home / 'empty.db'}"):
        pass
    assert "no removal is in force" in run("sightings", "--db", "empty.db").output
    done = run("report", "--out", "r.html", "--db", "empty.db")
    assert "No removal is in force" in done.output
    assert "Nothing could be found" in (home / "r.html").read_text()
    assert run("registry", "import", "l.csv").exit_code == 0
    done = run("report", "--out", "r.html")
    assert "No scan has run" in done.output
    assert "Nothing was looked at" in (home / "r.html").read_text()
    (home / "folder").mkdir()
    assert run("scan", "folder", "folder").exit_code == 0
    done = run("report", "--out", "r.html")
    assert "No scan has run" not in done.output
    assert "Nothing was looked at" not in (home / "r.html").read_text()


def piped(*lists: str) -> list[str]:
    """Paths of pipes that hold these lists, as a shell's <(command) gives them."""
    paths = []
    for text in lists:
        reads, writes = os.pipe()
        os.write(writes, text.encode())
        os.close(writes)
        paths.append(f"/dev/fd/{reads}")
    return paths


OTHER = ROWS.replace("9", "8")


def test_a_pipe_is_a_list_that_is_given_a_name(home: Path) -> None:
    (path,) = piped(ROWS)
    said = error("registry", "import", path)
    assert isinstance(said, InputError)
    assert path in str(said)
    assert "--list" in str(said.remedy)
    done = run("registry", "import", path, "--list", "by hand")
    assert done.exit_code == 0
    assert "1 added" in done.stdout
    assert "by hand" in run("registry", "lists").stdout


@pytest.mark.parametrize("known", [True, False])
def test_several_pipes_are_read_once_each(home: Path, known: bool) -> None:
    if known:
        assert run("registry", "import", "l.csv").exit_code == 0
    done = run("registry", "import", *piped(ROWS, OTHER), "--list", "by hand", "--json")
    assert done.exit_code == 0
    assert [json.loads(line)["rows"] for line in done.stdout.splitlines()] == [1, 1]


def test_what_a_pipe_has_wrong_is_written_where_it_is_wanted_and_nowhere_else(home: Path) -> None:
    bad = ROWS + "Sample person 08,12\n"
    done = run("registry", "import", *piped(bad), "--list", "by hand")
    assert done.exit_code == 3
    assert "--rejects FILE" in done.stderr
    assert not list(home.glob("*.rejects*"))
    done = run("registry", "import", *piped(bad), "--list", "by hand", "--rejects", "bad.csv")
    assert done.exit_code == 3
    assert "12" in (home / "bad.csv").read_text()


def test_a_list_comes_by_standard_input(home: Path) -> None:
    for number, given in enumerate(("-", "/dev/stdin")):
        done = subprocess.run(
            [sys.executable, "-m", "reseen", "registry", "import", given],
            input=ROWS + "Sample person 08,12\n",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 3, done.stderr
        assert ("1 unchanged" if number else "1 added") in done.stdout
        assert "not kept" in done.stderr
    assert not Path("/dev/stdin.rejects.csv").exists()
