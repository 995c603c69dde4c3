"""An import in a process of its own: as whole as any, and nobody's trouble but its own."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.files.elsewhere import elsewhere
from tests.gate.standing import until
from tests.gate.test_upload_process import children, gone

from reseen import errors
from reseen.errors import InputError, ListError, SealError
from reseen.operations import import_process, lists, own_process
from reseen.operations.import_process import SHOWN, ImportReport, import_apart
from reseen.registry import removals
from reseen.registry.imports import ImportOptions
from reseen.settings import Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring

OPTIONS = ImportOptions(list_name="sample list", keep_rejects=False)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = Settings.from_environment({"RESEEN_HOME": str(tmp_path), "RESEEN_KEY": "5e" * 32})
    with Store(found.db) as store:
        Keyring.for_store(store, found, create=True)
    return found


def rows(good: int, bad: int = 0) -> bytes:
    lines = [f"Sample person {n},{hashlib.sha256(b'%d' % n).hexdigest()}" for n in range(good)]
    return "\n".join(["name,sha256", *lines, *["Sample person,none"] * bad, ""]).encode()


def imported(settings: Settings, data: bytes) -> ImportReport:
    path = settings.home / "list"
    path.write_bytes(data)
    with path.open("rb") as file:
        path.unlink()  # as an upload lies there: without a name
        return import_apart(settings, file.fileno(), OPTIONS)


def known(settings: Settings) -> int:
    with Store(settings.db) as store, store.read() as connection:
        return removals.count(connection)


@contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """Nobody else can write meanwhile."""
    with sqlite3.connect(settings.db.removeprefix("sqlite:///"), isolation_level=None) as database:
        database.execute("begin immediate")
        yield
        database.execute("rollback")


def test_it_is_done_elsewhere_and_told_shortened(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (lists, import_process):
        monkeypatch.delattr(module, "import_list")  # so that it cannot be done here
    found = imported(settings, rows(3, bad=SHOWN + 7))
    assert (found.account.added, found.account.rows, found.rejected) == (3, SHOWN + 10, SHOWN + 7)
    assert len(found.account.rejected) == SHOWN
    assert known(settings) == 3


def test_what_is_wrong_is_told_as_if_it_were_done_here(settings: Settings) -> None:
    with pytest.raises(ListError) as error:
        imported(settings, b"")
    assert "empty" in str(error.value)
    with pytest.raises(InputError), Path(os.devnull).open("rb") as file:
        import_apart(settings, file.fileno(), ImportOptions(list_name="\x1b", keep_rejects=False))
    assert known(settings) == 0


def test_without_the_key_nothing_is_imported(settings: Settings, tmp_path: Path) -> None:
    other = Settings.from_environment({"RESEEN_HOME": str(tmp_path), "RESEEN_KEY": "5f" * 32})
    with pytest.raises(SealError):
        imported(other, rows(3))
    assert known(settings) == 0


def test_every_error_can_be_told() -> None:
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.ReseenError):
            told = (name, "what went wrong", "what to do")
            made = own_process.error_of(told, ListError)
            wanted = ListError if issubclass(kind, errors.Unforeseen) else kind
            assert type(made) is wanted
            assert (str(made), made.remedy) == ("what went wrong", "what to do")


def test_one_that_is_killed_is_said_and_the_next_goes_on(settings: Settings) -> None:
    said: list[Exception] = []

    def one() -> None:
        try:
            imported(settings, rows(3))
        except ListError as e:
            said.append(e)

    before = children(os.getpid())
    with locked(settings):
        asking = threading.Thread(target=one)
        asking.start()
        until(lambda: importing(before), "it imports")
        for pid in importing(before):
            os.kill(pid, signal.SIGKILL)
        asking.join()
    assert "was ended" in str(said[0])
    assert known(settings) == 0
    assert imported(settings, rows(3)).account.added == 3


def importing(before: set[int], parent: int = 0) -> set[int]:
    """Processes that import: those that are spawned for something, and do not keep track."""
    found = children(parent or os.getpid()) - before
    return {pid for pid in found if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()}


WORKER = """
import sys
from reseen.operations.import_process import import_apart
from reseen.registry.imports import ImportOptions
from reseen.settings import Settings
if __name__ == "__main__":
    settings = Settings.from_environment()
    with open(sys.argv[1], "rb") as file:
        import_apart(settings, file.fileno(), ImportOptions(list_name="x", keep_rejects=False))
"""


def test_where_nothing_can_be_limited_a_list_is_imported_all_the_same(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", elsewhere(tmp_path))
    assert imported(settings, rows(3)).account.added == 3
    assert known(settings) == 3


@pytest.mark.parametrize(
    ("sent", "system"),
    [(signal.SIGKILL, "linux"), (signal.SIGTERM, "linux"), (signal.SIGKILL, "another")],
)
def test_of_a_service_that_ends_no_import_is_left(
    settings: Settings, tmp_path: Path, sent: signal.Signals, system: str
) -> None:
    listed, code = tmp_path / "list.csv", tmp_path / "worker.py"
    listed.write_bytes(rows(3))
    code.write_text(WORKER)
    environment = {**os.environ, "RESEEN_HOME": str(tmp_path), "RESEEN_KEY": "5e" * 32}
    if system == "another":
        environment["PYTHONPATH"] = elsewhere(tmp_path)
    command = [sys.executable, str(code), str(listed)]
    with locked(settings), subprocess.Popen(command, env=environment) as worker:
        until(lambda: importing(set(), worker.pid), "it imports")
        here = importing(set(), worker.pid)
        worker.send_signal(sent)
        worker.wait()
        until(lambda: all(map(gone, here)), "it has ended")
    assert known(settings) == 0
