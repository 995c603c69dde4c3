"""The picture of re-uploads: one bar a week, as SVG that is safe by itself.

What comes in: how many were found in each week, and how many of them are confirmed. What goes out:
markup of numbers and fixed words only, with classes that `style.css` colours. It is drawn above a
table that says the same in numbers, so a screen reader passes over it.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from reseen.report.drawing import svg
from reseen.review.overview import Week

_HIGH, _WIDE, _STEP = 80, 14, 18


def picture(weeks: Sequence[Week]) -> Markup:
    """Bars from left to right, oldest first: outlined what was found, filled what is confirmed."""
    tallest = max((week.found for week in weeks), default=0) or 1
    found: list[str] = []
    confirmed: list[str] = []
    for number, week in enumerate(weeks):
        x = 1 + number * _STEP
        for steps, count in ((found, week.found), (confirmed, week.confirmed)):
            high = round(_HIGH * count / tallest, 1)
            if high:
                steps.append(f"M{x} {round(1 + _HIGH - high, 1)}h{_WIDE}v{high}h-{_WIDE}z")
    width, height = 2 + len(weeks) * _STEP, 2 + _HIGH
    base = [f"M0 {height - 1}h{width}"]
    return svg("weeks", width, height, [("found", found), ("confirmed", confirmed), ("base", base)])
