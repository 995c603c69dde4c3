"""Curves in, one SVG out: small panels of recall against false positives.

No colour says anything that a dash and a name do not say as well. The left edge of a panel is none
at all; right of it the share of false positives grows by decades.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from benchmarks.picture import Curve

_COLOURS = ("#0b6e99", "#b5651d", "#6a4c93", "#2e7d32", "#8a1c1c", "#444c55")
_DASHES = ("", "6 3", "2 2", "8 3 2 3", "1 3", "10 2")
_WIDE, _HIGH, _ACROSS = 190, 120, 4
_STEP_X, _STEP_Y, _LEFT, _TOP = 240, 210, 46, 64
_LOW, _DECADES = -6, 5
"""The x axis: from 1e-6 to 1e-1, and none at its left edge."""

Panel = tuple[str, Sequence[Curve]]


def panels(title: str, every: Sequence[Panel]) -> str:
    """The picture."""
    rows = -(-len(every) // _ACROSS)
    wide, high = _LEFT + _STEP_X * _ACROSS, _TOP + _STEP_Y * rows + 26
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" '
        f'font-family="sans-serif" font-size="11" role="img"><title>{escape(title)}</title>',
        f'<rect width="{wide}" height="{high}" fill="white"/>',
        f'<text x="{_LEFT}" y="24" font-size="14" font-weight="600">{escape(title)}</text>',
    ]
    for number, (name, curves) in enumerate(every):
        x = _LEFT + number % _ACROSS * _STEP_X
        y = _TOP + number // _ACROSS * _STEP_Y
        parts += _panel(name, curves, x, y)
    parts.append(
        f'<text x="{_LEFT}" y="{high - 10}">across: share of pairs of a file and a removal that is '
        "not in it that are taken for one (dots at the left edge: none); up: recall. Flat where no "
        "other removal was named.</text></svg>"
    )
    return "\n".join(parts) + "\n"


def _panel(name: str, curves: Sequence[Curve], left: float, top: float) -> list[str]:
    bottom = top + _HIGH
    made = [f'<text x="{left}" y="{top - 8}" font-weight="600">{escape(name)}</text>']
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * _HIGH
        made.append(
            f'<path d="M{left} {y:.1f}h{_WIDE}" stroke="#ddd" fill="none"/>'
            f'<text x="{left - 5}" y="{y + 4:.1f}" text-anchor="end">{share:g}</text>'
        )
    for decade in range(0, _DECADES + 1, 2):
        x = left + _x(10.0 ** (_LOW + decade))
        made.append(
            f'<path d="M{x:.1f} {top}v{_HIGH}" stroke="#ddd" fill="none"/>'
            f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">1e{_LOW + decade}</text>'
        )
    for number, curve in enumerate(curves):
        colour, dash = _COLOURS[number % 6], _DASHES[number % 6]
        steps, high = [f"M{left:.1f} {bottom - curve.y[0] * _HIGH:.1f}"], curve.y[0]
        for x, y in zip(curve.x[1:], curve.y[1:], strict=True):
            at = left + _x(x)
            if y != high:
                steps.append(f"H{at:.1f}V{bottom - y * _HIGH:.1f}")
                high = y
        steps.append(f"H{left + _WIDE}")
        style = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}" fill="none"'
        key = f"M{left + number % 3 * 66:.1f} {bottom + 27 + number // 3 * 14}"
        start = (
            f'<circle cx="{left}" cy="{bottom - curve.y[0] * _HIGH:.1f}" r="3" fill="{colour}"/>'
        )
        made.append(f'<path d="{"".join(steps)}" {style}/>{start}')
        if len(curves) > 1:
            label = f'x="{left + number % 3 * 66 + 22:.1f}" y="{bottom + 31 + number // 3 * 14}"'
            made.append(f'<path d="{key}h18" {style}/><text {label}>{escape(curve.label)}</text>')
    return made


def _x(share: float) -> float:
    """Where a share stands; the first tenth of the axis is for none at all."""
    if share <= 0:
        return 0.0
    decades = min(max(math.log10(share) - _LOW, 0.0), _DECADES)
    return _WIDE * (0.1 + 0.9 * decades / _DECADES)
