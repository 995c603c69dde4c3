"""A backup is restored: without the key names stay sealed, and a head kept elsewhere proves it."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.any_store import settings, store
from tests.operations.test_seal import import_, keyring_of, names

from reseen.cli import cli
from reseen.errors import SealError, Tampered
from reseen.operations import log_check, removals
from reseen.settings import Settings
from reseen.store import audit_checkpoint
from reseen.store.database import Store
from reseen.store.sealing import Keyring

__all__ = ["settings", "store"]


def backed_up(settings: Settings, how: str, to: Path) -> None:
    path = settings.db.removeprefix("sqlite:///")
    with sqlite3.connect(path) as raw:
        if how == "vacuum":
            raw.execute(f"VACUUM INTO '{to}'")
        else:
            with sqlite3.connect(to) as other:
                raw.backup(other)
            other.close()
    raw.close()


@pytest.mark.parametrize("how", ["vacuum", "backup"])
def test_an_sqlite_file_is_restored(tmp_path: Path, settings: Settings, how: str) -> None:
    if not settings.db.startswith("sqlite"):
        return  # once is enough
    with Store(settings.db) as store:
        import_(store, settings, 1, 2)
        before = names(store, keyring_of(store, settings))
        with store.read() as connection:
            key = keyring_of(store, settings).for_heads
            head = audit_checkpoint.take(connection, store.secret, key)
        backed_up(settings, how, tmp_path / "backup.db")
        import_(store, settings, 3)  # what came later is lost
        with store.read() as connection:
            later = audit_checkpoint.take(connection, store.secret, key)
    elsewhere = Settings(
        tmp_path / "x", f"sqlite:///{tmp_path / 'backup.db'}", tmp_path / "none.key"
    )
    with Store(elsewhere.db) as restored:
        assert (tmp_path / "backup.db").stat().st_mode & 0o077 == 0
        assert log_check.verify(restored, head).wrong == ()
        with pytest.raises(Tampered, match="is missing"):
            log_check.verify(restored, later)
        assert Keyring.for_store(restored, elsewhere, create=False) is None
        with pytest.raises(SealError):
            Keyring.for_store(restored, elsewhere, create=True)  # no other key takes its place
        assert not elsewhere.key_file.exists()
        assert names(restored, keyring_of(restored, settings)) == before


def test_a_dump_is_restored(store: Store, settings: Settings, tmp_path: Path) -> None:
    if settings.db.startswith("sqlite"):
        return
    from tests.postgres import programs

    import_(store, settings, 1, 2)
    keyring = keyring_of(store, settings)
    removals.withdraw(store, keyring, next(iter(names(store, keyring))), "Sample reason 05")
    with store.read() as connection:
        head = audit_checkpoint.take(connection, store.secret, keyring.for_heads)
    dump = tmp_path / "backup.dump"
    tools = programs()
    done = subprocess.run(
        [str(tools / "pg_dump"), "--format=custom", f"--file={dump}", _plain(settings.db)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"Sample person" not in dump.read_bytes()
    import_(store, settings, 3)
    store.close()
    done = subprocess.run(
        [str(tools / "pg_restore"), "--clean", "--if-exists",
         f"--dbname={_plain(settings.db)}", str(dump)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with Store(settings.db) as restored:
        assert log_check.verify(restored, head).wrong == ()
        assert len(names(restored, keyring_of(restored, settings))) == 2


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg", "postgresql")


def test_a_service_says_that_key_and_database_lie_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reseen.web import serve

    monkeypatch.setattr(serve, "serve", lambda *_: None)
    monkeypatch.setenv("RESEEN_HOME", str(tmp_path))

    def said(**environment: str) -> str:
        return CliRunner().invoke(cli, ["serve"], env=environment, catch_exceptions=False).output

    together = said()
    assert "lie in one folder" in together
    assert "RESEEN_KEY_FILE=" in together
    assert "lie in one folder" in said(RESEEN_KEY_FILE=str(tmp_path / "keys" / "reseen.key"))
    away = tmp_path.parent / f"{tmp_path.name}-keys" / "reseen.key"
    assert "lie in one folder" not in said(RESEEN_KEY_FILE=str(away))
    assert "lie in one folder" not in said(RESEEN_KEY="5e" * 32)
    assert "lie in one folder" in said(RESEEN_HOME=str(tmp_path / "100% of it?"))


def test_with_nothing_configured_key_and_database_lie_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    new = Settings.from_environment({})
    assert new.key_file == tmp_path / ".config" / "reseen" / "reseen.key"
    assert new.key_beside_store() is None
    elsewhere = {"XDG_CONFIG_HOME": str(tmp_path / "settings")}
    assert Settings.from_environment(elsewhere).key_file.is_relative_to(tmp_path / "settings")
    # one that stands keeps its key where it is
    there = tmp_path / ".local" / "share" / "reseen" / "reseen.key"
    there.parent.mkdir(parents=True)
    there.write_text("5e" * 32)
    assert Settings.from_environment({}).key_file == there
    assert Settings.from_environment({}).key_beside_store() == there.parent
    # a folder that somebody named for all of it holds all of it, and the service says so
    named = Settings.from_environment({"RESEEN_HOME": str(tmp_path / "all")})
    assert named.key_file == tmp_path / "all" / "reseen.key"


def test_the_first_list_makes_a_key_apart_from_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reseen.web import serve

    monkeypatch.setattr(serve, "serve", lambda *_: None)
    monkeypatch.setenv("HOME", str(tmp_path))
    listed = tmp_path / "removed.csv"
    listed.write_text(f"SHA256\n{hashlib.sha256(b'one').hexdigest()}\n")
    run = CliRunner().invoke(cli, ["registry", "import", str(listed)], catch_exceptions=False)
    assert f"Made a new sealing key: {tmp_path}/.config/reseen/reseen.key" in run.output
    assert not list((tmp_path / ".local").rglob("*.key"))
    assert "lie in one folder" not in CliRunner().invoke(cli, ["serve"]).output
