"""How much there is of everything that people work on, by the state it is in: for figures."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Connection, func, select

from reseen.store.service_schema import cases, decisions, notices


def cases_by_state(connection: Connection) -> dict[str, int]:
    """Cases, whatever became of them."""
    return _grouped(connection, cases.c.state)


def decisions_by_verdict(connection: Connection) -> dict[str, int]:
    """Decisions ever made, those that were undone as well."""
    return _grouped(connection, decisions.c.verdict)


def notices_by_state(connection: Connection) -> dict[str, int]:
    """Notices to hosts."""
    return _grouped(connection, notices.c.state)


def _grouped(connection: Connection, word: Column[Any]) -> dict[str, int]:
    rows = connection.execute(select(word, func.count()).group_by(word))
    return {str(state): int(count) for state, count in rows}
