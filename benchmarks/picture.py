"""Curves in, an SVG out: a log-log plot with the diagonal, in a few lines of our own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_COLOURS = ("#0b6e99", "#b5651d", "#6a4c93", "#2e7d32")
_DASHES = ("", "6 4", "2 3", "8 3 2 3")
_SIDE = 420
_LEFT, _TOP = 70, 20
_LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of the picture; x and y over 0, at most 1."""

    label: str
    x: Sequence[float]
    y: Sequence[float]


def log_log(curves: Sequence[Curve], x_label: str, y_label: str) -> str:
    """The picture, decades from 1e-12 to 1 on both axes; the diagonal is the truth."""

    def at(value: float) -> float:
        return math.log10(max(value, _LEAST)) / math.log10(_LEAST)

    def x_of(value: float) -> float:
        return _LEFT + _SIDE * (1 - at(value))

    def y_of(value: float) -> float:
        return _TOP + _SIDE * at(value)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIDE + 100} {_SIDE + 150}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_SIDE + 100}" height="{_SIDE + 150}" fill="white"/>',
    ]
    for decade in range(0, 13, 2):
        value = 10.0**-decade
        x, y = x_of(value), y_of(value)
        parts.append(
            f'<path d="M{x:.1f} {_TOP}V{_TOP + _SIDE}M{_LEFT} {y:.1f}H{_LEFT + _SIDE}" '
            'stroke="#ddd" fill="none"/>'
            f'<text x="{x:.1f}" y="{_TOP + _SIDE + 18}" text-anchor="middle">1e-{decade}</text>'
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">1e-{decade}</text>'
        )
    parts.append(
        f'<path d="M{_LEFT} {_TOP + _SIDE}L{_LEFT + _SIDE} {_TOP}" stroke="#999" fill="none"/>'
    )
    for number, curve in enumerate(curves):
        points = zip(curve.x, curve.y, strict=True)
        line = "L".join(f"{x_of(x):.1f} {y_of(y):.1f}" for x, y in points if x > _LEAST)
        colour, dash = _COLOURS[number % 4], _DASHES[number % 4]
        below = _TOP + _SIDE + 62 + 20 * number
        parts.append(
            f'<path d="M{line}" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}" '
            'fill="none"/>'
            f'<path d="M{_LEFT} {below}h30" stroke="{colour}" stroke-width="2" '
            f'stroke-dasharray="{dash}"/>'
            f'<text x="{_LEFT + 38}" y="{below + 4}">{escape(curve.label)}</text>'
        )
    middle = _LEFT + _SIDE / 2
    parts.append(
        f'<text x="{middle}" y="{_TOP + _SIDE + 40}" text-anchor="middle">{escape(x_label)}</text>'
        f'<text transform="translate(16 {_TOP + _SIDE / 2}) rotate(-90)" text-anchor="middle">'
        f"{escape(y_label)}</text></svg>"
    )
    return "\n".join(parts) + "\n"
