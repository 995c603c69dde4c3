"""Dates as the store keeps them: days since 1970."""

from __future__ import annotations

from datetime import date, timedelta

_EPOCH = date(1970, 1, 1)


def days(day: date | None) -> int | None:
    """A date as the store keeps it: days since 1970."""
    return None if day is None else (day - _EPOCH).days


def day(days: int | None) -> date | None:
    """And back."""
    return None if days is None else _EPOCH + timedelta(days=days)
