"""Marked values in everything that is sealed, and a search for them everywhere else.

What a list says of a removal may stand in no database file, log, error, repr or default output.
The marks go in by every door (faces, imported lists, the command line) and come out by one:
`--reveal`, which is recorded.
"""

from __future__ import annotations

import csv
import logging
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path

import pytest
from sqlalchemy import update
from tests import removals_made
from tests.facts import MadeMatch, add_claim, record
from tests.registry.places import ARTIFACT, REPOSITORY
from tests.registry.test_adds import model

from reseen.errors import NotFound, SealError
from reseen.observed import artifacts as seen
from reseen.observed import sightings
from reseen.records import Digest, DigestKind, Evidence, Match, Names, RemovedFile, Rung
from reseen.registry import adds, claims, lookup, removals
from reseen.registry.claims import removal_pk
from reseen.settings import Settings
from reseen.store import schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring

NAMES = Names(
    name="Mark-name Zyxwv07",
    trigger_words=("mark-trigger zyxwv07", "mark-second zyxwv07"),
    url="https://civitai.com/models/880077001/mark-slug-zyxwv07?modelVersionId=880077002",
    model_id="880077001",
    version_id="880077002",
    file_names=("mark-file-zyxwv07.safetensors",),
    reason="mark-reason zyxwv07",
)
SEALED = (b"zyxwv07", b"880077001", b"880077002")
"""What stands in every mark, in the only spelling that can leak: lower case, see `leaks`."""

KEY = "5e" * 32
COLUMNS = (
    *("Model name", "Link", "Trigger words", "Model ID", "Version ID", "File name"),
    *("Reason", "SHA256", "List"),
)
SHA = bytes(range(90, 122))

Run = Callable[..., tuple[int, str]]


def leaks(data: bytes | str) -> list[bytes]:
    """The marks that stand in these bytes: as text in any case, wide, or in hex."""
    raw = (data.encode("utf-8", "replace") if isinstance(data, str) else data).lower()
    return [
        mark
        for mark in SEALED
        if mark in raw or mark.decode().encode("utf-16-le") in raw or mark.hex().encode() in raw
    ]


def assert_silent(folder: Path, but: tuple[str, ...] = ()) -> None:
    """No file below the folder holds a mark, in its name or in its bytes."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in but]
    assert files
    for path in files:
        assert leaks(path.read_bytes()) == [], path.name
        assert leaks(path.name) == []


@pytest.fixture(autouse=True)
def silent_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Everything is logged, down to SQL, and none of it tells."""
    caplog.set_level(logging.DEBUG)
    for name in ("sqlalchemy", "alembic"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield
    for name in ("sqlalchemy", "alembic"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    assert leaks(caplog.text) == []


@pytest.fixture
def home(clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the store and the key are; nothing else is put there."""
    home = clean_environment / "reseen"
    monkeypatch.setenv("RESEEN_HOME", str(home))
    return home


@pytest.fixture
def reseen(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line, in this process: exit code, and all that it printed."""

    def run(*arguments: str | Path) -> tuple[int, str]:
        from reseen.cli import main

        monkeypatch.setattr(sys, "argv", ["reseen", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), out + err

    return run


def test_the_marks_are_in_every_sealed_field() -> None:
    """So that a field that is added one day is not forgotten here."""
    for field in fields(Names):
        assert leaks(repr(getattr(NAMES, field.name))), field.name


def test_no_face_of_the_registry_tells(home: Path) -> None:
    settings = replace(Settings.from_environment(), key=KEY)
    with Store(settings.db) as store:
        keyring = Keyring.for_store(store, settings, create=True)
        assert keyring
        new = removals_made.NewRemoval(
            "sample", "civitai.com", None, NAMES, (RemovedFile((Digest(DigestKind.SHA256, SHA),)),)
        )
        with store.write() as connection:
            (id,) = removals_made.insert(connection, keyring, [new])
            (bare,) = removals_made.insert(connection, keyring, [replace(new, files=())])
            pk = removal_pk(connection, bare)
            digest = Digest(DigestKind.SHA256, SHA)
            add_claim(connection, pk, RemovedFile((digest,)), list="second list")
            why = str(NAMES.reason)
            claims.withdraw_list(connection, keyring, "second list", why, restored=False)
            claims.take_back(connection, keyring, bare, 2, why)
            connection.execute(update(schema.claims).values(contradicted=1))
            assert claims.settle_contradiction(connection, keyring, bare, 2, why)
            removals.withdraw(connection, keyring, bare, str(NAMES.reason))
            (repository,) = seen.repositories(connection, [REPOSITORY])
            (artifact,) = seen.artifacts(connection, repository, [ARTIFACT])
            hint = Evidence(Rung.HINT, "filename", "", "a file name that the list gives")
            proof = Evidence(Rung.DECLARED, "sha256", SHA.hex(), "the hub says so")
            match = Match(id, (proof, hint))
            record(connection, store.secret, [MadeMatch(match, artifact)])
        queries = (NAMES.name, NAMES.url, NAMES.file_names[0], NAMES.model_id, NAMES.version_id)
        for query in queries:
            answer = lookup.find(store, keyring, str(query))
            assert {found.removal.id for found in answer.found} == {id, bare}
            assert leaks(repr(answer)) == []
        with store.read() as connection:
            told = [
                *(repr(NAMES), repr(new.names), repr(keyring), repr(settings)),
                *(repr(removal) for removal in removals.every(connection)),
                *(repr(sighting) for sighting in sightings.every(connection)),
                repr(removals.history(connection, keyring, bare)),
            ]
        assert leaks("\n".join(told)) == []
        assert KEY not in "\n".join(told)
        assert_silent(home)  # while the write-ahead log still holds it all
        assert (home / "reseen.db-wal").stat().st_size > 0
    assert_silent(home)


def test_no_error_tells(home: Path) -> None:
    settings = replace(Settings.from_environment(), key=KEY)
    told: list[str] = []
    with Store(settings.db) as store:
        keyring = Keyring.for_store(store, settings, create=True)
        assert keyring
        other = Keyring(bytes(32))
        new = removals_made.NewRemoval("sample", None, None, NAMES, ())
        with store.write() as connection:
            (id,) = removals_made.insert(connection, keyring, [new])

        def each() -> Iterator[Callable[[], object]]:
            yield lambda: other.open(keyring.seal(NAMES, id), id)
            yield lambda: Keyring.for_store(
                store, replace(settings, key="zyxwv07" * 8), create=False
            )
            yield lambda: lookup.find(store, keyring, "rm-zyxwv07")
            yield lambda: writing(lambda c: removals.reveal(c, other, id))
            yield lambda: writing(lambda c: removals.withdraw(c, None, id, "zyxwv07"))
            yield lambda: adds.add_files(store, keyring, [Path("/zyxwv07")])

        def writing(action: Callable[..., object]) -> None:
            with store.write() as connection:
                action(connection)

        for action in each():
            try:
                told.append(repr(action()))
            except (SealError, NotFound) as e:
                told += traceback.format_exception_only(e)
                told.append(str(e.remedy))
    assert len(told) >= 10
    assert leaks("\n".join(told)) == []


def marked_list(path: Path) -> Path:
    """A list with a mark in every sealed column, and a row that is rejected."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        row = [NAMES.name, NAMES.url, NAMES.trigger_words[0], NAMES.model_id, NAMES.version_id]
        rows.writerow([*row, NAMES.file_names[0], NAMES.reason, SHA.hex(), "sample"])
        rows.writerow([*row, NAMES.file_names[0], NAMES.reason, "mark-hash zyxwv07", "sample"])
        unknown = [row[0], "", row[2], "", "", NAMES.file_names[0], NAMES.reason]
        rows.writerow([*unknown, "mark-hash zyxwv07", "sample"])
    return path


def test_no_command_tells_before_it_is_asked_to(
    home: Path, tmp_path: Path, reseen: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = tmp_path / "lists"
    lists.mkdir()
    rejects = lists / "rejects.csv"
    marked = marked_list(lists / "list.csv")
    weights = model(lists / "mark-other-zyxwv07.safetensors")
    outputs: list[str] = []

    def run(*arguments: str | Path) -> str:
        _, printed = reseen(*arguments)
        outputs.append(printed)
        return printed

    run("registry", "import", marked, "--rejects", rejects)
    assert rejects.stat().st_mode & 0o077 == 0
    run("registry", "import", marked, "--rejects", lists / "again.csv", "--json")
    added = reseen("registry", "add", weights, "--name", str(NAMES.name), "--reason", "zyxwv07")
    assert added[0] == 0, added[1]  # prints the path that was given, and nothing else of it
    assert leaks(added[1].replace(str(weights), "")) == []

    listed = run("registry", "list", "--json")
    # A claim's name is the removal's with a number behind it.
    words = [word for word in listed.replace('"', " ").split() if word.startswith("rm-")]
    ids = [word for word in words if "/" not in word]
    assert len(ids) == 2
    run("registry", "list")
    for id in ids:
        run("registry", "show", id)
        run("registry", "show", id, "--json")
    place = tmp_path / "place"
    place.mkdir()
    shutil.copy(weights, place / "Test model.safetensors")
    for query in (NAMES.name, NAMES.url, NAMES.file_names[0], NAMES.model_id, "no zyxwv07 here"):
        answer = run("lookup", str(query)) + run("lookup", str(query), "--json")
        assert query == "no zyxwv07 here" or ids[0] in answer
    run("check", place / "Test model.safetensors")
    run("scan", "folder", place, "--quiet", "--exit-code")
    run("problems")
    run("blind", "--all")
    run("blind", "--all", "--json")
    run("--debug", "scan", "folder", tmp_path / "nowhere")
    assert ids[1] in run("sightings")
    run("sightings", "--json")
    for format in ("html", "csv", "jsonl", "xlsx"):
        run("report", "--out", tmp_path / f"report.{format}", "--locations")
    run("report", "--out", tmp_path / "nowhere" / "report.html")
    run("registry", "withdraw", ids[1], "--why", str(NAMES.reason))
    run("registry", "show", ids[1])
    run("sightings", "--withdrawn")
    run("registry", "show", "rm-zyxwv07")
    run("lookup", "sg-880077001")
    monkeypatch.setenv("RESEEN_KEY", KEY)  # the wrong one
    run("lookup", str(NAMES.name))
    run("registry", "show", ids[0], "--reveal")
    run("registry", "import", marked)
    monkeypatch.delenv("RESEEN_KEY")

    for printed in outputs:
        assert "Traceback" not in printed
        assert leaks(printed) == [], printed
    assert_silent(home)
    for report in tmp_path.glob("report.*"):
        if report.suffix != ".xlsx":  # compressed: its cells are those of the CSV
            assert leaks(report.read_bytes()) == []

    code, revealed = reseen("registry", "show", ids[0], "--reveal")
    assert code == 0
    assert str(NAMES.name) in revealed
    with Store(Settings.from_environment().db) as store, store.read() as connection:
        from reseen.store import audit

        assert "reveal" in {line.action for line in audit.every(connection, ids[0])}
    with suppress(FileNotFoundError):
        assert_silent(home)
