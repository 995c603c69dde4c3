"""Opens the store and hands out connections. What comes in: a URL. What goes out: connections, one
transaction each.

It promises: a store that opens is at the head schema (one in SQLite is brought there by opening it,
for nobody looks after it; one in PostgreSQL by `reseen db upgrade`, when somebody asks); its file
is its owner's alone; on SQLite and on PostgreSQL alike there is one writer at a time, readers see
one snapshot, and whoever must wait for another waits (up to `patience`) and does not fail.
Whatever makes a store unusable is told as a `StoreError` in words. Opening one that is up to date
imports no alembic and asks little.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from struct import Struct, calcsize, iter_unpack
from types import TracebackType
from typing import Any

from sqlalchemy import Column, Connection, Engine, Table, func, inspect, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError

from reseen.errors import SealError, StoreError, StoreReadOnly
from reseen.store import backends, schema
from reseen.store import campaign_schema as _campaigns  # noqa: F401  (its tables are the schema's)
from reseen.store import innocent_schema as _innocents  # noqa: F401  (its tables are the schema's)
from reseen.store import queue_schema as _queue  # noqa: F401
from reseen.store import quota_schema as _quota  # noqa: F401
from reseen.store import service_schema as _people  # noqa: F401  (its tables are the schema's too)
from reseen.store import sign_in_schema as _coming_in  # noqa: F401  (its tables too)
from reseen.store.backends import Opening

HEAD = "0019"
"""The newest schema: the last revision under `migrations`, and what `schema` says."""

_WRITER = 0x5265_7365
"""The advisory lock that makes one writer at a time on PostgreSQL ("Rese")."""

_KEY_CHECK = select(schema.meta.c.value).where(schema.meta.c.name == "key_check")
"""Asked in every transaction: made once."""

_CHUNK = 20_000
_TOGETHER = 20
"""Rows in one INSERT on SQLite."""


def now() -> int:
    """The present instant: UTC, in microseconds since 1970."""
    return time.time_ns() // 1000


class Store:
    """An open store at the head schema. `with Store(url) as store:` or `close()` it.

    Threads may share one; a process that forks must not use its parent's. Raises StoreError, in
    words and with a remedy, when it cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        patience: float = 60.0,
        upgrade: bool = False,
        opening: Opening = Opening.MAKE,
    ) -> None:
        """`patience`: seconds to wait for other writers. `upgrade`: bring an older one to the head
        on PostgreSQL too, where others may be at work with it. `opening`: whether one is made where
        there is none, and whether one that can only be read will do."""
        self._url = url
        self._patience = patience
        self._upgrade = upgrade
        self._opening = opening
        self._writing = threading.Lock()
        self._key_check: bytes | None = None
        self._engine: Engine
        self._engine, self._reads_only = backends.open_engine(url, patience, opening)
        self._sqlite = self._engine.dialect.name == "sqlite"
        try:
            self._found = self._reach_head()
            with self.read() as connection:
                self._secret = bytes(
                    connection.scalar(
                        select(schema.meta.c.value).where(schema.meta.c.name == "secret")
                    )
                    or b""
                )
                if opening is Opening.LOOK and not self._sqlite:
                    self._reads_only = not _may_write(connection)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot; nothing written through it is kept."""
        level = {} if self._sqlite else {"isolation_level": "REPEATABLE READ"}
        with backends.in_words(self._patience), self._engine.connect() as connection:
            connection.execution_options(**level)
            connection.begin()
            self._check_key(connection)
            yield connection

    @contextmanager
    def write(self, *, much: bool = False) -> Iterator[Connection]:
        """One transaction, one writer at a time; committed at the end, undone by any exception.
        Never open a second one inside it. `much`: hundreds of thousands of rows will be written,
        for which SQLite may use more memory."""
        if self._reads_only:
            raise StoreReadOnly(
                "this registry can only be read",
                remedy="Copy it to a folder that can be written, and use the copy.",
            )
        # Threads queue here in fair order; other processes are met with SQLite's busy handler.
        if not self._writing.acquire(timeout=self._patience):
            raise backends.locked(self._patience)
        try:
            with backends.in_words(self._patience), self._engine.connect() as connection:
                connection.execution_options(**{backends.WRITE: True})
                with backends.roomy(connection, self._sqlite and much), connection.begin():
                    if not self._sqlite:
                        wait = f"{int(self._patience * 1000)}ms"
                        connection.execute(select(func.set_config("lock_timeout", wait, True)))
                        connection.execute(select(func.pg_advisory_xact_lock(_WRITER)))
                    self._check_key(connection)
                    yield connection
        finally:
            self._writing.release()

    def sealed_with(self, check: bytes | None) -> None:
        """Whoever uses this holds the key of that check value: once another key seals the names,
        what it seals nobody opens, and what it looks for it does not find. So each transaction
        begins with a look, and raises SealError then. None: no key is held."""
        self._key_check = check

    def _check_key(self, connection: Connection) -> None:
        if self._key_check is None:
            return
        if connection.scalar(_KEY_CHECK) != self._key_check:
            raise SealError(
                "the sealing key was rotated while this ran",
                remedy="Start it again with the new key in RESEEN_KEY or RESEEN_KEY_FILE.",
            )

    def overwrite_deleted(self, connection: Connection) -> None:
        """What this connection changes or deletes is written over, not only let go (SQLite)."""
        if self._sqlite:
            connection.exec_driver_sql("PRAGMA secure_delete=ON")

    def forget_changed(self) -> None:
        """Let nothing of what was overwritten lie about in the file's log (SQLite)."""
        if self._sqlite:
            raw = self._engine.raw_connection()
            try:
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
            finally:
                raw.close()

    def copy_to(self, file: Path) -> None:
        """Make a copy of an SQLite store, as it is now, readable by its owner alone. Raises
        StoreReadOnly where the store is no file."""
        if not self._sqlite:
            raise StoreReadOnly(
                "this registry can only be read, and its server copies nothing here",
                remedy="Ask for it where the registry can be written: a dry run changes nothing.",
            )
        file.touch(mode=0o600)
        raw = self._engine.raw_connection()
        try:
            with backends.in_words(self._patience):
                backends.copy_sqlite(raw.driver_connection, file)
        finally:
            raw.close()

    @property
    def secret(self) -> bytes:
        """32 random bytes of this store alone, made with it."""
        return self._secret

    @property
    def place(self) -> str:
        """Where it is, for a person: a path, or a server's URL without its password."""
        return backends.place(self._url)

    @property
    def reads_only(self) -> bool:
        """Nothing can be written or recorded here. Only of a store opened with `Opening.LOOK`."""
        return self._reads_only

    @property
    def found(self) -> str | None:
        """The schema as it was before this opening; None for an empty database."""
        return self._found

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _reach_head(self) -> str | None:
        """Create or migrate as needed; the version that was there."""
        found = self._version()
        if found == HEAD:
            return found
        if found is None and self._opening is not Opening.MAKE:
            raise backends.missing(self._url)
        if found is not None and self._reads_only:
            _check_older(found)
            raise StoreReadOnly(
                f"this registry is at schema {found}, this Reseen needs {HEAD}, and it can only be "
                "read here: it must be upgraded elsewhere",
                remedy="Copy it to a folder that can be written, and use the copy.",
            )
        with self.write() as connection:
            version = _version(connection)  # another process may have been here before us
            if version is None:
                _create(connection)
            elif version != HEAD:
                _check_older(version)
                if not (self._sqlite or self._upgrade):
                    raise StoreError(
                        f"the registry is at schema {version}, and this Reseen needs {HEAD}",
                        remedy="Make a backup, then bring it there with: reseen db upgrade",
                    )
                from reseen.store import migrate

                migrate.upgrade(connection)
            return version

    def _version(self) -> str | None:
        with self.read() as connection:
            return _version(connection)


def _version(connection: Connection) -> str | None:
    """The schema's revision; None for an empty database. StoreError for somebody else's."""
    if connection.dialect.name == "sqlite":
        # Cheaper than asking the inspector, and this is on every command's way.
        tables = set(connection.scalars(text("SELECT name FROM sqlite_master WHERE type='table'")))
        empty = not tables
    else:
        tables = set(inspect(connection).get_table_names())
        empty = not tables & set(schema.metadata.tables)
    if "alembic_version" in tables:
        version = connection.scalar(text("SELECT version_num FROM alembic_version"))
        if version is not None and "meta" in tables:
            return str(version)
    elif empty:
        return None
    raise StoreError(
        "the database holds something else than a Reseen registry",
        remedy="Name another one with --db or RESEEN_DB.",
    )


def _may_write(connection: Connection) -> bool:
    """Whether a PostgreSQL server takes writes from us: no standby, and the right to record."""
    return bool(
        connection.scalar(
            text(
                "SELECT current_setting('transaction_read_only') = 'off' "
                "AND has_table_privilege('audit', 'INSERT')"
            )
        )
    )


def _check_older(version: str) -> None:
    if version > HEAD or not version.isdigit():
        raise StoreError(
            f"the registry was written by a newer Reseen (schema {version[:32]}, this one knows "
            f"{HEAD})",
            remedy="Update Reseen, or name another registry with --db or RESEEN_DB.",
        )


def _create(connection: Connection) -> None:
    """An empty database becomes a registry at the head schema, in one transaction."""
    import secrets

    schema.metadata.create_all(connection, checkfirst=False)  # with those of the others
    connection.execute(
        text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    )
    connection.execute(text("INSERT INTO alembic_version VALUES (:v)"), {"v": HEAD})
    connection.execute(schema.meta.insert(), [{"name": "secret", "value": secrets.token_bytes(32)}])


def insert_many(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    same: Mapping[str, Any] | None = None,
    ignore: bool = False,
) -> None:
    """Insert rows given as tuples in the order of `columns`, as fast as the driver can.
    `same`: columns that have one value in all rows. `ignore`: leave out rows whose key is there
    already."""
    same = same or {}
    tail = " ON CONFLICT DO NOTHING" if ignore else ""
    left = iter(rows)
    if connection.dialect.name != "sqlite":  # each statement is a way to the server
        if same:
            columns, alike = (*columns, *same), tuple(same.values())
            left = ((*row, *alike) for row in left)
        if not ignore:
            _copy(connection, table, columns, left)
            return
        quote = connection.dialect.identifier_preparer.quote
        names = ", ".join(quote(table.c[column].name) for column in columns)
        given = _arrays(connection, table, columns)
        into = f"INSERT INTO {quote(table.name)} ({names}) SELECT * FROM {given}{tail}"  # noqa: S608
        while chunk := [tuple(row) for row in islice(left, _CHUNK)]:
            connection.exec_driver_sql(into, _turned(chunk))
        return
    statement = _insert_into(connection, table, columns, same, tail)
    # SQLite runs a statement for each row: one for several rows is a quarter faster.
    together, alike = _TOGETHER, (tuple(same.values()),)
    while chunk := [tuple(row) for row in islice(left, _CHUNK)]:
        rest = len(chunk) % together
        many = [
            tuple(chain(*chunk[at : at + together], *alike))
            for at in range(0, len(chunk) - rest, together)
        ]
        if many:
            connection.exec_driver_sql(statement(together), many)
        if rest:
            some = [(*row, *same.values()) for row in chunk[-rest:]]
            connection.exec_driver_sql(statement(1), some)


def insert_packed(
    connection: Connection, table: Table, columns: Sequence[str], row: str, packed: bytes
) -> None:
    """Insert rows that stand one after the other in `packed`, each as `struct` packs `row`, the
    highest byte first."""
    size = calcsize(f">{row}")
    if connection.dialect.name != "sqlite":
        insert_many(connection, table, columns, iter_unpack(f">{row}", packed))
        return
    # As `insert_many`, and never a tuple for each row.
    whole = len(packed) // size // _TOGETHER * _TOGETHER * size
    many = Struct(f">{row * _TOGETHER}")
    statement = _insert_into(connection, table, columns, {})
    step = many.size * (_CHUNK // _TOGETHER)
    for at in range(0, whole, step):
        some = list(many.iter_unpack(packed[at : min(at + step, whole)]))
        connection.exec_driver_sql(statement(_TOGETHER), some)
    if rest := list(iter_unpack(f">{row}", packed[whole:])):
        connection.exec_driver_sql(statement(1), rest)


def _insert_into(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    same: Collection[str],
    tail: str = "",
) -> Callable[[int], str]:
    """The statement that inserts so many rows at once on SQLite: the values of each, then those
    that are the same in all."""
    quote = connection.dialect.identifier_preparer.quote
    # Names come from `schema` only (the look-up fails for any other): no foreign text is built in.
    names = ", ".join(quote(table.c[column].name) for column in (*columns, *same))
    insert = f"INSERT INTO {quote(table.name)} ({names}) VALUES "  # noqa: S608
    width = len(columns)

    def statement(rows: int) -> str:
        alike = range(rows * width, rows * width + len(same))
        own = (range(at, at + width) for at in range(0, rows * width, width))
        marks = (", ".join(f"?{at + 1}" for at in (*each, *alike)) for each in own)
        return f"{insert}{', '.join(f'({mark})' for mark in marks)}{tail}"

    return statement


_COPIED = {"float": "float8"}
"""Types that psycopg calls otherwise than SQL."""


def _copy(
    connection: Connection, table: Table, columns: Sequence[str], rows: Iterator[Sequence[Any]]
) -> None:
    """Insert rows on PostgreSQL as it takes them fastest: as a stream, in its binary form."""
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(quote(table.c[column].name) for column in columns)
    statement = f"COPY {quote(table.name)} ({names}) FROM STDIN (FORMAT BINARY)"
    kinds = [table.c[column].type.compile(connection.dialect).lower() for column in columns]
    raw: Any = connection.connection.dbapi_connection
    psycopg: Any = connection.dialect.loaded_dbapi
    try:
        with raw.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types([_COPIED.get(kind, kind.partition("(")[0]) for kind in kinds])
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as e:
        dialect = connection.dialect
        raise DBAPIError.instance(statement, None, e, psycopg.Error, dialect=dialect) from e


def update_many(
    connection: Connection,
    table: Table,
    key: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> None:
    """Set columns of rows that are there, given as tuples: the value of the column `key`, then the
    new values in the order of `columns`."""
    quote = connection.dialect.identifier_preparer.quote
    names = [quote(table.c[column].name) for column in columns]
    at = quote(table.c[key].name)
    left = iter(rows)
    sqlite_ = connection.dialect.name == "sqlite"
    # Names come from `schema` only, as above.
    if sqlite_:
        to = ", ".join(f"{name} = ?{number}" for number, name in enumerate(names, 2))
        statement = f"UPDATE {quote(table.name)} SET {to} WHERE {at} = ?1"  # noqa: S608
    else:
        to = ", ".join(f"{name} = given.{name}" for name in names)
        given = _arrays(connection, table, (key, *columns))
        statement = (
            f"UPDATE {quote(table.name)} AS t SET {to} FROM {given} "  # noqa: S608
            f"AS given({', '.join([at, *names])}) WHERE t.{at} = given.{at}"
        )
    while chunk := [tuple(row) for row in islice(left, _CHUNK)]:
        if sqlite_:
            connection.exec_driver_sql(statement, chunk)
        else:
            connection.exec_driver_sql(statement, _turned(chunk))


def _turned(rows: Sequence[Sequence[Any]]) -> tuple[list[Any], ...]:
    """Rows as columns."""
    return tuple(list(column) for column in zip(*rows, strict=True))


def _arrays(connection: Connection, table: Table, columns: Sequence[str]) -> str:
    """A parameter that is an array for each column, as rows (PostgreSQL)."""
    kinds = (table.c[column].type.compile(connection.dialect) for column in columns)
    return f"unnest({', '.join(f'%s::{kind}[]' for kind in kinds)})"


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Collection[str],
    update: Collection[str],
) -> None:
    """Insert rows (all with the same columns); where `key` exists, set the columns of `update`."""
    if not rows:
        return
    insert = insert_for(connection)(table)
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=list(key), set_={name: insert.excluded[name] for name in update}
        )
        if update
        else insert.on_conflict_do_nothing(index_elements=list(key)),
        [dict(row) for row in rows],
    )


def insert_for(connection: Connection) -> Callable[[Table], Any]:
    """The `insert` of this database that knows ON CONFLICT."""
    # Any: the two dialects' Insert share their conflict methods but no type that says so.
    if connection.dialect.name == "sqlite":
        return sqlite.insert
    from sqlalchemy.dialects import postgresql  # 30 ms that most commands need not wait for

    return postgresql.insert


def reserve(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """`count` unused values of the table's `pk`, ours until the end of this write transaction."""
    if connection.dialect.name == "sqlite":
        first = int(connection.scalar(select(func.max(table.c.pk))) or 0) + 1
        return range(first, first + count)
    sequence = func.nextval(func.pg_get_serial_sequence(table.name, "pk"))
    numbers = func.generate_series(1, count).table_valued("n")
    return [int(pk) for pk in connection.scalars(select(sequence).select_from(numbers))]


def those_there(connection: Connection, column: Column[str], values: Sequence[str]) -> set[str]:
    """Which of these a column holds, in one statement however many they are."""
    quote = connection.dialect.identifier_preparer.quote
    # Both names are the schema's: no foreign text is built in.
    held = f"SELECT {quote(column.name)} FROM {quote(column.table.name)}"  # noqa: S608
    some: str | list[str] = json.dumps(values)
    given = "SELECT value FROM json_each(?)"
    if connection.dialect.name != "sqlite":
        given, some = "SELECT unnest(%s::text[])", [*values]
    statement = f"{held} WHERE {quote(column.name)} IN ({given})"
    return set(connection.exec_driver_sql(statement, (some,)).scalars())


def chunks(values: Iterable[Any], size: int = 500) -> Iterator[list[Any]]:
    """Lists of at most `size`, for `IN (...)`: databases bound the number of parameters."""
    left = iter(values)
    while chunk := list(islice(left, size)):
        yield chunk


__all__ = [
    "HEAD",
    "DBAPIError",
    "IntegrityError",
    "Opening",
    "Store",
    "chunks",
    "insert_for",
    "insert_many",
    "insert_packed",
    "now",
    "reserve",
    "those_there",
    "update_many",
    "upsert",
]
