"""Statements are compiled once for all stores of a process.

SQLAlchemy keeps what it compiled with each engine. A service has one; tests make thousands, and
compiling the same statements for each took a third of the time of tests of stores.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.util import LRUCache

MOST = 5_000
"""Statements that are kept."""


class _ForEachDialect(LRUCache[Any, Any]):
    """Compiled statements, by their key: its first part is the engine's own dialect, whose kind is
    what counts."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((type(key[0]), *key[1:]), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__((type(key[0]), *key[1:]), compiled)


_COMPILED = _ForEachDialect(MOST)


def compile_statements_once() -> None:
    """From here on, for every store that this process opens."""
    if not event.contains(Engine, "engine_connect", _take_what_is_compiled):
        event.listen(Engine, "engine_connect", _take_what_is_compiled)


def _take_what_is_compiled(connection: Connection) -> None:
    connection.execution_options(compiled_cache=_COMPILED)
