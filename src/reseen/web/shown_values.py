"""How values are written on a page: numbers, sizes, times, in one language.

What comes in: what is said in the language, and values as the rooms give them (times as datetimes
or in the store's microseconds). What goes out: the filters of templates. Times are UTC, and written
as 2026-11-23 21:10 whatever the language.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from markupsafe import Markup

from reseen.observed.artifacts import instant
from reseen.store.database import now
from reseen.web.speech import Speech
from reseen.web.told_by_rooms import told

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3_600, 86_400, 365 * 86_400


def filters(speech: Speech) -> dict[str, Callable[..., Any]]:
    """By the names that templates use."""
    return {
        "number": speech.number,
        "decimal": speech.decimal,
        "percent": speech.percent,
        "significant": speech.significant,
        "size": partial(_size, speech),
        "when": partial(_when, speech),
        "ago": partial(_ago, speech),
        "lasting": partial(_lasting, speech),
        "fixed": speech.fixed,
        "told": partial(told, speech),
    }


def _utc(value: datetime | int) -> datetime:
    return (value if isinstance(value, datetime) else instant(value)).astimezone(UTC)


def _when(speech: Speech, value: datetime | int | None) -> Markup | str:
    """2026-11-23 21:10 UTC."""
    if value is None:
        return speech.gettext("never")
    at = _utc(value)
    return Markup('<time datetime="{}">{}</time>').format(
        at.isoformat(timespec="seconds"), at.strftime("%Y-%m-%d %H:%M UTC")
    )


def _ago(speech: Speech, value: datetime | int | None) -> Markup | str:
    """5 minutes ago, in 3 days."""
    if value is None:
        return speech.gettext("never")
    at = _utc(value)
    seconds = now() / 1e6 - at.timestamp()
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.isoformat(timespec="seconds"),
        at.strftime("%Y-%m-%d %H:%M UTC"),
        _past(speech, seconds) if seconds > 0 else _to_come(speech, -seconds),
    )


def _count(seconds: float, unit: int) -> int:
    """How many whole units; 0 where a smaller one fits. A clock of 48 hours that began a second ago
    is no clock of one day."""
    return int(seconds // unit) if seconds >= unit * (3 if unit == _DAY else 1) else 0


def _nearest(seconds: float, unit: int) -> int:
    """The same of what is to come, to the nearest unit: a clock of 48 hours that began a second ago
    runs for 48 hours, not 47."""
    return _count(seconds + unit / 2, unit)


def _past(speech: Speech, seconds: float) -> str:
    n, ngettext = partial(_count, seconds), speech.ngettext
    if count := n(_YEAR):
        return ngettext("%(count)s year ago", "%(count)s years ago", count, count=count)
    if count := n(_DAY):
        return ngettext("%(count)s day ago", "%(count)s days ago", count, count=count)
    if count := n(_HOUR):
        return ngettext("%(count)s hour ago", "%(count)s hours ago", count, count=count)
    if count := n(_MINUTE):
        return ngettext("%(count)s minute ago", "%(count)s minutes ago", count, count=count)
    return speech.gettext("just now")


def _to_come(speech: Speech, seconds: float) -> str:
    n, ngettext = partial(_nearest, seconds), speech.ngettext
    if count := n(_YEAR):
        return ngettext("in %(count)s year", "in %(count)s years", count, count=count)
    if count := n(_DAY):
        return ngettext("in %(count)s day", "in %(count)s days", count, count=count)
    if count := n(_HOUR):
        return ngettext("in %(count)s hour", "in %(count)s hours", count, count=count)
    if count := n(_MINUTE):
        return ngettext("in %(count)s minute", "in %(count)s minutes", count, count=count)
    return speech.gettext("just now")


def _lasting(speech: Speech, value: timedelta) -> str:
    """How long something took, in the unit that fits."""
    hours = value.total_seconds() / 3600
    if hours < 1:
        return speech.gettext("less than an hour")
    if hours >= 48:
        count = round(hours / 24)
        return speech.ngettext("%(count)s day", "%(count)s days", count, count=count)
    count = round(hours)
    return speech.ngettext("%(count)s hour", "%(count)s hours", count, count=count)


def _size(speech: Speech, value: int | None) -> str:
    """Bytes as people write them, in powers of 1,000."""
    if value is None:
        return "?"
    if value < 1000:
        return speech.ngettext("%(amount)s byte", "%(amount)s bytes", value, amount=value)
    amount, power = value / 1000, 0
    while amount >= 1000 and power < 3:
        amount, power = amount / 1000, power + 1
    written = speech.decimal(amount, 1)
    return (
        speech.gettext("%(amount)s kB", amount=written),
        speech.gettext("%(amount)s MB", amount=written),
        speech.gettext("%(amount)s GB", amount=written),
        speech.gettext("%(amount)s TB", amount=written),
    )[power]
