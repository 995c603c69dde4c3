"""The store's engine. What comes in: a URL. What goes out: connections, one transaction each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Table


def now() -> int:
    """The present instant: UTC, in microseconds since 1970."""
    raise NotImplementedError


class Store:
    """An open store at the head schema. `with Store(url) as store:` or `close()` it.

    Threads may share one. Raises StoreError, in words and with a remedy, when it cannot be used.
    """

    def __init__(self, url: str, *, patience: float = 60.0) -> None:
        """Open, or create. `patience`: seconds to wait for other writers."""
        raise NotImplementedError

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot; nothing written through it is kept."""
        raise NotImplementedError

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, one writer at a time; committed at the end, undone by any exception."""
        raise NotImplementedError

    @property
    def secret(self) -> bytes:
        """32 random bytes of this store alone, made with it."""
        raise NotImplementedError

    def close(self) -> None: ...

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def insert_many(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    ignore: bool = False,
) -> None:
    """Insert rows given as tuples in the order of `columns`, as fast as the driver can.
    `ignore`: leave out rows whose key is there already."""
    raise NotImplementedError


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Collection[str],
    update: Collection[str],
) -> None:
    """Insert rows (all with the same columns); where `key` exists, set the columns of `update`."""
    raise NotImplementedError


def reserve(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """`count` unused values of the table's `pk`, ours until the end of this write transaction."""
    raise NotImplementedError
