"""`reseen index`: saved, verified, and opened with a key of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests import removals_made
from tests.match.made import adapter, fully_known, safetensors

from reseen.match import saved
from reseen.match.registry_index import RegistryIndex
from reseen.records import Names
from reseen.settings import Settings
from reseen.store import audit, search_key
from reseen.store.database import Store
from reseen.store.sealing import Keyring

FILE = safetensors(adapter(7))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in (("RESEEN_HOME", tmp_path), ("RESEEN_KEY", "ab" * 32)):
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("RESEEN_DB", raising=False)
    settings = Settings.from_environment()
    with Store(settings.db) as store:
        keyring = Keyring.for_store(store, settings, create=True)
        assert keyring is not None
        new = removals_made.NewRemoval(
            "sample", None, None, Names(name="Sample"), (fully_known(FILE),)
        )
        with store.write() as connection:
            removals_made.insert(connection, keyring, [new])
    return tmp_path


def reseen(*arguments: object) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "reseen", *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_a_worker_opens_what_was_saved_and_has_no_other_key(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, key = home / "index", home / "key"
    assert reseen("index", "save", folder)[0] == 0
    assert reseen("index", "key", "--out", key)[0] == 0
    assert key.stat().st_mode & 0o777 == 0o600
    assert "ab" * 32 not in key.read_text()
    assert reseen("index", "verify", folder)[0] == 0
    # As on a worker: no database, no sealing key.
    monkeypatch.delenv("RESEEN_KEY")
    monkeypatch.setenv("RESEEN_HOME", str(home / "elsewhere"))
    code, told = reseen("index", "verify", folder, "--key-file", key)
    assert (code, told.count("as it was saved")) == (0, 1)
    assert len(RegistryIndex.open(folder, saved.read_key(key))) == 1
    values = folder / "values-1"
    values.write_bytes(bytes(len(values.read_bytes())))
    code, told = reseen("index", "verify", folder, "--key-file", key)
    assert code == 2
    assert "not what was written" in told
    assert reseen("index", "verify", home / "nothing", "--key-file", key)[0] == 2


def test_the_secret_of_the_search_is_changed_by_a_verb_and_that_is_recorded(home: Path) -> None:
    settings = Settings.from_environment()
    with Store(settings.db) as store, store.read() as connection:
        before = search_key.of(connection)
    assert reseen("index", "rotate")[0] == 0
    assert reseen("index", "save", home / "index")[0] == 0
    with Store(settings.db) as store, store.read() as connection:
        after = search_key.of(connection)
        assert "rotate-search" in audit.actions(connection)
    assert before != after
    for path in (home / "index").iterdir():
        data = path.read_bytes()
        assert not any(key in data or key.hex().encode() in data for key in (before, after))
