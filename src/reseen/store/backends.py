"""How the two databases are opened, and their troubles in words.

What comes in: the store's URL. What goes out: an SQLAlchemy engine whose transactions are ours.
On SQLite: write-ahead log, foreign keys, a busy timeout before anything else, the file 0600
whatever the umask, and a retry wherever SQLite answers "busy" without asking its busy handler
(switching to the log, recovering it, closing it).
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar, cast
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from reseen.errors import StoreError

WRITE = "reseen_write"
"""Execution option of a connection that begins a write transaction."""

T = TypeVar("T")

_making = threading.Lock()
"""Closing a file drops all of this process's locks on it: none may be taken by another thread
between our making the file and our closing it."""

_BUSY, _LOCKED, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 5, 6, 8, 10, 11, 13, 14, 26


def open_engine(url: str, patience: float) -> Engine:
    """An engine for the URL; an SQLite file is created when there is none. Raises StoreError."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError(
            "the store's URL cannot be read",
            remedy="Use sqlite:////absolute/path.db or postgresql://user@host/database.",
        ) from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _open_sqlite(parsed, patience)
    if backend in ("postgresql", "postgres"):
        return _open_postgresql(parsed)
    raise StoreError(
        "only SQLite and PostgreSQL can hold a registry",
        remedy="Use sqlite:////absolute/path.db or postgresql://user@host/database.",
    )


@contextmanager
def in_words() -> Iterator[None]:
    """Turn the databases' own errors into StoreError; statements and values stay out of them."""
    try:
        yield
    except OperationalError as e:
        raise _in_words(e.orig) from None
    except DBAPIError as e:
        if isinstance(e.orig, sqlite3.DatabaseError) and _code(e.orig) in (_CORRUPT, _NOTADB):
            raise _in_words(e.orig) from None
        raise
    except sqlite3.DatabaseError as e:  # from our own begin, which SQLAlchemy does not wrap
        raise _in_words(e) from None
    except PoolTimeout:
        raise nobody_gave_way() from None


def nobody_gave_way() -> StoreError:
    return StoreError(
        "the registry is in use and nobody gave way",
        remedy="End the other command that is writing to it, then try again.",
    )


def _in_words(error: BaseException | None) -> StoreError:
    code = _code(error)
    if code in (_BUSY, _LOCKED) or type(error).__name__ == "LockNotAvailable":
        return nobody_gave_way()
    if code == _FULL or type(error).__name__ == "DiskFull":
        return StoreError(
            "the disk that holds the registry is full",
            remedy="Make room; nothing was lost, and the same command goes on where it was.",
        )
    if code in (_CORRUPT, _NOTADB):
        return StoreError(
            "the registry's file is damaged, or is no database",
            remedy="Restore it from a backup, or name another one with --db or RESEEN_DB.",
        )
    if code in (_READONLY, _CANTOPEN):
        return StoreError(
            "the registry's file cannot be opened for writing",
            remedy="Check who owns the file and its folder, and that the disk is writable.",
        )
    if code == _IOERR:
        return StoreError(
            "the disk that holds the registry gives errors",
            remedy="Check the disk, and restore the registry from a backup if it is damaged.",
        )
    if isinstance(error, sqlite3.Error):
        return StoreError(f"the registry's database gave up: {error}")
    return StoreError(
        "the database server does not answer as needed",
        remedy="Check RESEEN_DB (host, database, user, rights) and that the server runs.",
    )


def _code(error: BaseException | None) -> int:
    """SQLite's primary result code; 0 for anything else."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def _open_postgresql(url: URL) -> Engine:
    try:
        return create_engine(
            url.set(drivername="postgresql+psycopg"), hide_parameters=True, pool_pre_ping=True
        )
    except (ImportError, NoSuchModuleError):
        raise StoreError(
            "PostgreSQL needs a driver that is not installed",
            remedy='Install it with: pip install "reseen[postgresql]"',
        ) from None


def _open_sqlite(url: URL, patience: float) -> Engine:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise StoreError(
            "a registry needs a file", remedy="Use a URL like sqlite:////absolute/path.db."
        )
    path = Path(url.database).absolute()
    with _making:
        _make_file(path)

    def connect() -> sqlite3.Connection:
        return _connect(path, patience)

    engine = create_engine(
        "sqlite://",
        creator=connect,
        hide_parameters=True,
        poolclass=QueuePool,
        max_overflow=-1,
        pool_timeout=patience,
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        raw = cast(sqlite3.Connection, connection.connection.dbapi_connection)
        writes = connection.get_execution_options().get(WRITE)
        patiently(lambda: _begin(raw, bool(writes)), patience)

    return engine


def _begin(raw: sqlite3.Connection, writes: bool) -> None:
    if writes:
        raw.execute("BEGIN IMMEDIATE").close()
        return
    raw.execute("BEGIN").close()
    try:
        # Takes the snapshot now, where a busy answer can be met with patience.
        raw.execute("SELECT 1 FROM sqlite_master LIMIT 1").close()
    except sqlite3.Error:
        raw.rollback()
        raise


def _connect(path: Path, patience: float) -> sqlite3.Connection:
    # `timeout` is SQLite's busy timeout, set before any statement. mode=rw: the file was made by
    # us with tight rights; SQLite must not make it with others.
    raw = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw",
        uri=True,
        timeout=patience,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        patiently(lambda: _use_log(raw), patience)
        raw.execute("PRAGMA foreign_keys=ON").close()
        raw.execute("PRAGMA synchronous=NORMAL").close()
    except BaseException:
        raw.close()
        raise
    return raw


def _use_log(raw: sqlite3.Connection) -> None:
    """Write-ahead log: readers and the writer do not wait for each other. Lasts in the file."""
    if raw.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        # Where the file system knows no shared memory, the answer is another mode: that works too.
        raw.execute("PRAGMA journal_mode=WAL").fetchone()


def patiently(action: Callable[[], T], patience: float) -> T:
    """Do it again while SQLite says that somebody else is at it, for `patience` seconds."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return action()
        except sqlite3.OperationalError as e:
            if _code(e) not in (_BUSY, _LOCKED) or time.monotonic() >= deadline:
                raise
        time.sleep(random.uniform(0.005, 0.05))


def _make_file(path: Path) -> None:
    """The file, empty, if there is none; 0600 in any case, also where the umask says otherwise."""
    try:
        if not path.parent.is_dir():
            _make_folder(path.parent)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            if path.is_dir():
                raise StoreError(
                    "the registry's path is a folder",
                    remedy="Name a file in it with --db or RESEEN_DB.",
                ) from None
            for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
                _tighten(each)
        else:
            os.close(descriptor)
            _tighten(path)
    except OSError as e:
        raise StoreError(
            f"the registry's file cannot be made or opened: {e.strerror}",
            remedy="Check the path in --db or RESEEN_DB, and who may write there.",
        ) from None


def _make_folder(folder: Path) -> None:
    if not folder.parent.is_dir():
        _make_folder(folder.parent)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return  # somebody made it at the same moment
    folder.chmod(0o700)


def _tighten(path: Path) -> None:
    try:
        mode = path.stat().st_mode
        if mode & 0o077:
            path.chmod(mode & 0o700)
    except (FileNotFoundError, PermissionError):
        return  # no such side file, or not ours to change
