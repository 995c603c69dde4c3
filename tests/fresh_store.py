"""Fresh stores in SQLite files, copied from one that each process makes once: making the tables
takes longer than most tests do."""

from __future__ import annotations

import atexit
import secrets
import shutil
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from reseen.store.database import Store


def fresh_store(path: Path) -> str:
    """The URL of a fresh store at a path where nothing stands yet. It has a secret of its own."""
    shutil.copyfile(_made_once(), path)
    path.chmod(0o600)
    with closing(sqlite3.connect(path)) as connection, connection:
        own = (secrets.token_bytes(32),)
        assert connection.execute("UPDATE meta SET value = ? WHERE name = 'secret'", own).rowcount
    return f"sqlite:///{path}"


@cache
def _made_once() -> Path:
    folder = Path(mkdtemp(prefix="reseen-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Store(f"sqlite:///{folder / 'fresh.db'}").close()
    return folder / "fresh.db"
