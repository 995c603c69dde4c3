"""Windows of a hub's rate limit: what its headers say of one, and what is known of it then.

    RateLimit: "api";r=12;t=55        12 requests are left, the window ends in 55 s
    RateLimit-Policy: "fixed window";"api";q=500;w=300

(https://huggingface.co/docs/hub/rate-limits, after draft-ietf-httpapi-ratelimit-headers-09.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MOST_ITEMS = 8

_PARAMETER = re.compile(r"\s*([a-z]{1,8})\s*=\s*(\d{1,15})(\.\d{1,6})?\s*")
_NAME = re.compile(r'\s*"([^"]{1,64})"\s*')


@dataclass(frozen=True, slots=True)
class ToldWindow:
    """What one item of a `RateLimit` header says of a window."""

    name: str
    left: int
    ends_in: float
    """Seconds."""
    rounding: float
    """Seconds by which `ends_in` can be wrong: a whole number may be rounded up or down."""


@dataclass(frozen=True, slots=True)
class Window:
    """A fixed window: what is left in it, and between which instants it ends."""

    left: int
    """The lowest number told in this window."""
    earliest: float
    latest: float
    """In seconds of some clock: answers are late, and what they say is rounded."""


def joined(known: Window | None, stated: Window, at: float) -> Window:
    """What is known of a window, now that this was told of it, or of the next. `at`: an instant
    that was in the window which was told of, or after it. What was told of a window before the
    known one is left out."""
    if known is None or stated.earliest > known.latest or at >= known.latest:
        return stated
    if stated.latest < known.earliest:
        return known
    return Window(
        min(known.left, stated.left),
        max(known.earliest, stated.earliest),
        min(known.latest, stated.latest),
    )


def windows_told(headers: Mapping[str, str]) -> list[ToldWindow]:
    """The header's items that make sense; the policy corrects what contradicts it."""
    policies = dict(_items(headers.get("RateLimit-Policy", "")))
    told: list[ToldWindow] = []
    for name, values in _items(headers.get("RateLimit", "")):
        if "r" not in values or "t" not in values or name in {t.name for t in told}:
            continue
        left, _ = values["r"]
        seconds, rounding = values["t"]
        policy = policies.get(name, {})
        if (most := policy.get("q", (0.0, 0.0))[0]) > 0:
            left = min(left, most)
        if (width := policy.get("w", (0.0, 0.0))[0]) > 0:
            seconds = min(seconds, width)
        told.append(ToldWindow(name, int(left), seconds, rounding))
    return told


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a `Retry-After` header asks for (a number, or a date); None if it is no use."""
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,15}", value):
        return float(value)
    try:
        then = parsedate_to_datetime(value)
        date = headers.get("Date")
        now = parsedate_to_datetime(date) if date else datetime.now(UTC)
        return max(0.0, (then - now) / timedelta(seconds=1))
    except (ValueError, TypeError, OverflowError):
        return None


def _items(header: str) -> list[tuple[str, dict[str, tuple[float, float]]]]:
    """`"name";key=number, ...` as (name, key -> (number, rounding)); what is odd is left out."""
    items: list[tuple[str, dict[str, tuple[float, float]]]] = []
    for part in header[:1024].split(",")[:MOST_ITEMS]:
        name = ""
        values: dict[str, tuple[float, float]] = {}
        for piece in part.split(";"):
            if named := _NAME.fullmatch(piece):
                name = named[1]  # the last one: a policy puts its own kind before it
            elif given := _PARAMETER.fullmatch(piece):
                number = float(given[2] + (given[3] or ""))
                values[given[1]] = (number, 0.0 if given[3] else 1.0)
        if name and values:
            items.append((name, values))
    return items
