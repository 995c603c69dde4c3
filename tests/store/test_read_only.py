"""A store that can only be read: what only looks works there, what must be recorded is refused."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.test_cli import NAME, SHA256, adapter, reseen

from reseen.errors import StoreError, StoreMissing, StoreReadOnly
from reseen.store import audit, backends, database
from reseen.store.database import Opening, Store


@pytest.fixture
def medium(tmp_path: Path) -> Iterator[Path]:
    """A folder that is given back its rights afterwards."""
    path = tmp_path / "medium"
    path.mkdir()
    yield path
    for each in (path, *path.rglob("*")):
        each.chmod(0o700)


def seal(folder: Path) -> None:
    """Nobody but root may write there from now on."""
    for each in folder.rglob("*"):
        each.chmod(0o555 if each.is_dir() else 0o444)
    folder.chmod(0o555)


def look(folder: Path, *args: str) -> tuple[int, str]:
    """Run the command as somebody who cannot write there; its code and all that it said."""
    command = [sys.executable, "-m", "reseen", *args]
    if os.geteuid() == 0:  # root obeys a file's rights only without its capabilities
        if shutil.which("setpriv") is None:
            pytest.skip("root may write everywhere here")
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
    environment = os.environ | {"RESEEN_HOME": str(folder / "reseen")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def sealed(medium: Path) -> Path:
    """A registry with a removal of a list and one of a file, on a medium that can only be read."""
    file = adapter(medium / "a.safetensors")
    listed = medium / "removed.csv"
    listed.write_text(f"name,SHA256\n{NAME},{SHA256}\n")
    reseen(medium, "registry", "import", str(listed))
    reseen(medium, "registry", "add", str(file))
    seal(medium)
    return medium


def test_what_only_looks_works_on_a_medium_that_can_only_be_read(
    sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(sealed.rglob("*"))
    monkeypatch.setenv("RESEEN_KEY_FILE", "/nowhere/reseen.key")
    assert look(sealed, "check", str(sealed / "a.safetensors"))[0] == 1
    code, said = look(sealed, "lookup", SHA256)
    assert (code, "rm-" in said) == (0, True)
    removal = next(word for word in said.split() if word.startswith("rm-"))
    for verb in (
        ("sightings",),
        ("leads",),
        ("registry", "list"),
        ("registry", "lists"),
        ("registry", "show", removal),
        ("user", "list"),
        ("key", "list"),
        ("seal", "status"),
        ("audit", "verify"),
    ):
        code, said = look(sealed, *verb)
        assert code == 0, said
    for verb in (
        ("lookup", SHA256, "--reveal"),
        ("registry", "show", removal, "--reveal"),
        ("report", "--locations", "--out", str(sealed.parent / "never.html")),
    ):
        code, said = look(sealed, *verb)
        assert code == 2
        assert "must be recorded, and this registry can only be read" in said
    code, said = look(sealed, "registry", "withdraw", removal, "--why", "x")
    assert (code, "cannot be opened for writing" in said) == (2, True)
    assert sorted(sealed.rglob("*")) == before


def test_a_dry_run_of_an_import_needs_no_more_than_reading(
    medium: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = tmp_path / "removed.csv"
    listed.write_text(f"name,SHA256\n{NAME},{SHA256}\n")
    reseen(medium, "registry", "import", str(listed))
    key = tmp_path / "kept.key"
    shutil.copy(medium / "reseen" / "reseen.key", key)
    key.chmod(0o600)
    monkeypatch.setenv("RESEEN_KEY_FILE", str(key))
    seal(medium)
    before = {path: path.stat().st_mtime_ns for path in medium.rglob("*")}
    more = tmp_path / "more.csv"
    more.write_text(
        f"name,SHA256\n{NAME},{SHA256}\nAnother,{hashlib.sha256(b'another').hexdigest()}\n"
    )
    code, said = look(medium, "registry", "import", "--dry-run", "--list", "removed", str(more))
    assert code == 0, said
    assert "nothing was written" in said
    assert "1 added" in said
    assert {path: path.stat().st_mtime_ns for path in medium.rglob("*")} == before
    code, said = look(medium, "registry", "import", str(more))
    assert (code, "cannot be opened for writing" in said) == (2, True)


def test_changes_that_are_still_in_the_log_beside_it_are_not_passed_over(medium: Path) -> None:
    url = f"sqlite:///{medium / 'store.db'}"
    with Store(url) as store, store.write() as connection:
        audit.write(connection, "test", "kept")
    copy = medium / "copy"
    copy.mkdir()
    with Store(url) as store:
        with store.write() as connection:
            audit.write(connection, "test", "in the log only")
        for name in ("store.db", "store.db-wal"):
            shutil.copy(medium / name, copy / name)
    seal(copy)
    code, said = look(medium, "sightings", "--db", str(copy / "store.db"))
    assert code == 2
    assert "in the file beside it (-wal)" in said


def test_it_says_that_it_only_reads_and_refuses_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with Store(url) as store:
        assert not store.reads_only
    with Store(url, opening=Opening.LOOK) as store:
        assert not store.reads_only  # nothing hinders it here
    monkeypatch.setattr(backends, "_can_write", lambda path: False)
    with Store(url, opening=Opening.LOOK) as store:
        assert store.reads_only
        with store.read() as connection:
            assert list(audit.every(connection)) == []
        with pytest.raises(StoreReadOnly), store.write():
            pass


def test_an_older_one_must_be_upgraded_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    Store(url).close()
    monkeypatch.setattr(backends, "_can_write", lambda path: False)
    monkeypatch.setattr(database, "HEAD", "9999")
    with pytest.raises(StoreReadOnly, match="must be upgraded elsewhere"):
        Store(url, opening=Opening.LOOK)


@pytest.mark.parametrize("opening", [Opening.EXISTING, Opening.LOOK])
def test_none_is_made_by_what_must_find_one(tmp_path: Path, opening: Opening) -> None:
    path = tmp_path / "folder" / "store.db"
    with pytest.raises(StoreMissing, match=str(path)):
        Store(f"sqlite:///{path}", opening=opening)
    assert list(tmp_path.iterdir()) == []
    path.parent.mkdir()
    path.touch()  # a file, and no registry in it
    with pytest.raises(StoreMissing):
        Store(f"sqlite:///{path}", opening=opening)


@pytest.mark.parametrize("opening", [Opening.EXISTING, Opening.LOOK])
def test_what_is_no_database_is_told(tmp_path: Path, opening: Opening) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"something else " * 100)
    with pytest.raises(StoreError, match="no database"):
        Store(f"sqlite:///{path}", opening=opening)
    with pytest.raises(StoreError, match="a folder"):
        Store(f"sqlite:///{tmp_path}", opening=opening)


def test_a_server_that_lets_us_only_read(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store(postgresql_url).close()
    if "options=" in postgresql_url:
        pytest.skip("the server's URL has options of its own")
    with Store(postgresql_url, opening=Opening.LOOK) as store:
        assert not store.reads_only
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=on")
    with Store(postgresql_url, opening=Opening.LOOK) as store:
        assert store.reads_only
        with store.read() as connection:
            assert list(audit.every(connection)) == []


def test_a_server_without_a_registry_is_not_given_one(postgresql_url: str) -> None:
    for _ in range(2):
        with pytest.raises(StoreMissing, match="postgresql"):
            Store(postgresql_url, opening=Opening.EXISTING)
