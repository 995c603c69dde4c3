"""How the two databases are opened, and their troubles in words.

What comes in: the store's URL, and how it is opened (`Opening`). What goes out: an SQLAlchemy
engine whose transactions are ours. On SQLite: write-ahead log, foreign keys, a busy timeout before
anything else, the file 0600 whatever the umask, and a retry wherever SQLite answers "busy" without
asking its busy handler (switching to the log, recovering it, closing it).
"""

from __future__ import annotations

import errno
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TypeVar, cast
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from reseen.errors import StoreError, StoreMissing

_NO_RIGHT = ("ReadOnlySqlTransaction", "InsufficientPrivilege")
"""psycopg's names for a server that lets us read only."""

_ROOM = -64_000
"""KiB, as SQLite takes its `cache_size`."""

WRITE = "reseen_write"
"""Execution option of a connection that begins a write transaction."""

T = TypeVar("T")

_making = threading.Lock()
"""Closing a file drops all of this process's locks on it: none may be taken by another thread
between our making the file and our closing it."""

_BUSY, _LOCKED, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 5, 6, 8, 10, 11, 13, 14, 26


class Opening(Enum):
    """How a store is opened."""

    MAKE = "make"
    """One is made where there is none."""
    EXISTING = "existing"
    """It must be there; nothing is made, no file and no folder."""
    LOOK = "look"
    """As EXISTING, and a store that can only be read (a read-only medium, no right to write) is
    opened for reading."""


def open_engine(url: str, patience: float, opening: Opening = Opening.MAKE) -> tuple[Engine, bool]:
    """An engine for the URL, and whether it can only read. An SQLite file is created where there is
    none and `opening` allows it; a server's rights are not asked here. Raises StoreError."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError(
            "the store's URL cannot be read",
            remedy="Use sqlite:////absolute/path.db or postgresql://user@host/database.",
        ) from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _open_sqlite(parsed, patience, opening)
    if backend in ("postgresql", "postgres"):
        return _open_postgresql(parsed), False
    raise StoreError(
        "only SQLite and PostgreSQL can hold a registry",
        remedy="Use sqlite:////absolute/path.db or postgresql://user@host/database.",
    )


def file_of(connection: Connection) -> Path | None:
    """The file that a store is; None where it is none."""
    if connection.dialect.name != "sqlite":
        return None
    path = connection.exec_driver_sql("PRAGMA database_list").first()
    return Path(path[2]) if path is not None and path[2] else None


def place(url: str) -> str:
    """Where a store is, for a person: the file's path, or the server's URL without its password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return "the store's URL"
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        return parsed.database
    return parsed.set(query={}).render_as_string(hide_password=True)


def missing(url: str) -> StoreMissing:
    return StoreMissing(
        f"there is no registry at {place(url)}",
        remedy="Name another one with --db or RESEEN_DB, or make one: reseen registry import.",
    )


@contextmanager
def in_words(patience: float | None = None) -> Iterator[None]:
    """Turn the databases' own errors into StoreError; statements and values stay out of them."""
    try:
        yield
    except OperationalError as e:
        raise _in_words(e.orig, patience) from None
    except DBAPIError as e:
        if isinstance(e.orig, sqlite3.DatabaseError) and _code(e.orig) in (_CORRUPT, _NOTADB):
            raise _in_words(e.orig, patience) from None
        raise
    except sqlite3.DatabaseError as e:  # from our own begin, which SQLAlchemy does not wrap
        raise _in_words(e, patience) from None
    except PoolTimeout:
        raise locked(patience) from None


def locked(patience: float | None) -> StoreError:
    """`patience`: seconds that were waited, where that is known."""
    waited = "" if patience is None else f" (waited {patience:g} s)"
    return StoreError(
        f"the registry is locked by another process{waited}",
        remedy="End the other command that is writing to it, then try again.",
    )


def _in_words(error: BaseException | None, patience: float | None = None) -> StoreError:
    code = _code(error)
    if code in (_BUSY, _LOCKED) or type(error).__name__ == "LockNotAvailable":
        return locked(patience)
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
    if code in (_READONLY, _CANTOPEN) or type(error).__name__ in _NO_RIGHT:
        return StoreError(
            "the registry cannot be opened for writing",
            remedy="Check who owns it (the file and its folder, or the database's tables), and "
            "that the disk is writable.",
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


def _open_sqlite(url: URL, patience: float, opening: Opening) -> tuple[Engine, bool]:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise StoreError(
            "a registry needs a file", remedy="Use a URL like sqlite:////absolute/path.db."
        )
    path = Path(url.database).absolute()
    if opening is not Opening.MAKE and not path.exists():
        raise missing(str(url))
    flags = "mode=rw"
    if opening is Opening.LOOK and not path.is_dir() and not _can_write(path):
        flags = _ways_to_read(path)
    reads_only = flags != "mode=rw"
    if not reads_only:
        with _making:
            _make_file(path)

    def connect() -> sqlite3.Connection:
        return _connect_to_read(path, flags) if reads_only else _connect(path, patience)

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

    return engine, reads_only


def copy_sqlite(raw: object, file: Path) -> None:
    """All of an open SQLite database into another file."""
    assert isinstance(raw, sqlite3.Connection)
    copy = sqlite3.connect(file)
    try:
        raw.backup(copy)
    finally:
        copy.close()


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


@contextmanager
def roomy(connection: Connection, wanted: bool) -> Iterator[None]:
    """Let SQLite hold what a long transaction changes in memory until it is committed: with its
    usual 2 MB it would write the same pages again and again."""
    if not wanted:
        yield
        return
    raw = cast(sqlite3.Connection, connection.connection.dbapi_connection)
    (before,) = raw.execute("PRAGMA cache_size").fetchone()
    raw.execute(f"PRAGMA cache_size={_ROOM}").close()
    try:
        yield
    finally:
        raw.execute(f"PRAGMA cache_size={before}").close()


def _can_write(path: Path) -> bool:
    """Whether SQLite could write to the file: it needs two more beside it."""
    sides = [Path(f"{path}{ending}") for ending in ("-wal", "-shm")]
    return os.access(path, os.R_OK | os.W_OK) and (
        os.access(path.parent, os.W_OK) or all(os.access(side, os.W_OK) for side in sides)
    )


def _ways_to_read(path: Path) -> str:
    """How a file is opened that cannot be written to: with the log that its writers keep, where
    there is one, else as a file that nobody changes (SQLite cannot make its side files there).
    Raises StoreError where what was written last is out of reach."""
    log = Path(f"{path}-wal")
    try:
        with path.open("rb"):
            held_back = log.exists() and log.stat().st_size > 0
    except OSError as e:
        raise StoreError(
            f"the registry's file cannot be read: {e.strerror}",
            remedy="Check who owns it, and its rights.",
        ) from None
    try:
        _connect_to_read(path, "mode=ro").close()
        return "mode=ro"
    except sqlite3.DatabaseError as e:
        if _code(e) not in (_READONLY, _IOERR, _CANTOPEN):
            raise _in_words(e) from None
        if not held_back:
            return "mode=ro&immutable=1"
    raise StoreError(
        "what was last written to this registry is in the file beside it (-wal), which cannot be "
        "used on a medium that can only be read",
        remedy="Copy both files to a folder that can be written, and use the registry there.",
    )


def _connect_to_read(path: Path, flags: str) -> sqlite3.Connection:
    raw = sqlite3.connect(
        f"file:{quote(str(path))}?{flags}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        raw.execute("PRAGMA query_only=ON").close()
        raw.execute("SELECT 1 FROM sqlite_master LIMIT 1").close()
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
    except OSError as e:
        if e.errno not in (errno.ENOENT, errno.EPERM, errno.EACCES, errno.EROFS):
            raise
        # no such side file, or not ours to change
