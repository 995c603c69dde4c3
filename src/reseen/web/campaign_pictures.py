"""The pictures of a campaign: accounts by removals, and day by day, as SVG that is safe by itself.

What comes in: which account had which removal, and how much each day. What goes out: markup of
numbers only, with classes that `campaigns.css` colours. Nothing depends on colour alone: what an
account had is a filled cell, what it had not an empty one. Tables beside them say the same in
numbers, so a screen reader passes over them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from markupsafe import Markup

from reseen.report.drawing import svg

MOST_ACCOUNTS, MOST_REMOVALS = 60, 60
"""Rows and columns that are drawn: what can be told apart."""
MOST_DAYS = 400
_SIDE, _STEP = 8, 10
_WIDTH, _HEIGHT = 640, 90


def matrix(rows: Sequence[Sequence[bool]]) -> Markup:
    """One cell for each account (down) and removal (across)."""
    filled: list[str] = []
    empty: list[str] = []
    for down, row in enumerate(rows[:MOST_ACCOUNTS]):
        for across, had in enumerate(row[:MOST_REMOVALS]):
            x, y = 1 + across * _STEP, 1 + down * _STEP
            (filled if had else empty).append(f"M{x} {y}h{_SIDE}v{_SIDE}h-{_SIDE}z")
    across = min(MOST_REMOVALS, max(map(len, rows), default=0))
    width, height = 2 + across * _STEP, 2 + min(MOST_ACCOUNTS, len(rows)) * _STEP
    return svg("matrix", width, height, [("empty", empty), ("had", filled)])


def lately(days: Sequence[tuple[date, int]]) -> list[tuple[date, int]]:
    """Of a long time the last `MOST_DAYS` days: what can be drawn."""
    first = days[-1][0] - timedelta(days=MOST_DAYS - 1) if days else date.min
    return [(day, count) for day, count in days if day >= first]


def timeline(days: Sequence[tuple[date, int]]) -> Markup:
    """A bar for each day, as high as what was re-uploaded on it, from the first day to the last:
    no more of them than `lately` leaves."""
    if not days:
        return Markup("")
    first, last = days[0][0], days[-1][0]
    total = (last - first).days + 1
    wide = _WIDTH / total
    tallest = max(count for _, count in days)
    bars = []
    for day, count in days:
        high = round(max(2.0, count / tallest * (_HEIGHT - 10)), 1)
        x = round((day - first).days * wide, 1)
        bar = round(min(24.0, max(1.5, wide - 1)), 1)
        bars.append(f"M{x} {_HEIGHT - 2 - high}h{bar}v{high}h-{bar}z")
    line = [f"M0 {_HEIGHT - 1.5}h{_WIDTH}"]
    return svg("timeline", _WIDTH, _HEIGHT, [("axis", line), ("had", bars)])
