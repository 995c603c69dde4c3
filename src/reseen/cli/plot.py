"""Two adapters by module block, as a picture: SVG made here, with nothing fetched and no script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING

from reseen.texts import visible

if TYPE_CHECKING:
    from reseen.match.compare import Comparison

_INK, _SOFT, _BAR = "#1b1f24", "#59636e", "#3f7fc1"
_WIDTH, _LEFT, _ROW = 860, 300, 20
_MOST_BLOCKS = 120
_A_LINE = 100
"""Letters of the title, and of what stands under it, in one line."""
_LONGEST_NAME = 60


def block_picture(
    found: Comparison, names: Mapping[int, str], files: tuple[str, str], verdict: str = ""
) -> str:
    """A bar a block: the mean cosine of its modules, and each module as a dot; with the verdict as
    a sentence, both files' names, a legend and titles at the axes, so that it can stand alone.

    `names`: canonical module name by id; a module without one stands under "other". `files`: the
    removed one's name and the other's, without their folders. `verdict`: what is said of a
    checkpoint, of which what was added to its base was compared.
    """
    verdict = verdict or found.verdict
    blocks: dict[str, list[float]] = {}
    for id_, cosine in zip(found.common.ids.tolist(), found.common.cosines.tolist(), strict=True):
        blocks.setdefault(block_of(names.get(id_, "other")), []).append(cosine)
    shown = sorted(blocks.items(), key=lambda item: _natural(item[0]))[:_MOST_BLOCKS]
    left_out = len(blocks) - len(shown)
    said, y = [], 26
    for line in wrap(f"B compared with A: {verdict}.", 86):
        said.append(_text(16, y, line, size=15, weight=600))
        y += 21
    removed, other = map(_short, files)
    figures = (
        f"cosine {found.cosine:.3f} over all modules, p {found.p_value:.1g} ({found.calibration}); "
        f"{found.agreeing:.0%} of {found.modules:,} modules agree"
    )
    for line in (f"A (removed): {removed}", f"B: {other}", *wrap(figures, _A_LINE)):
        said.append(_text(16, y, line, fill=_SOFT))
        y += 18
    top, rows = y + 36, _ROW * len(shown)
    height = top + rows + 64
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" font-family="system-ui, sans-serif" font-size="12" '
        f'role="img"><title>{escape(f"{other} compared with {removed}: {verdict}")}</title>',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *said,
        *_legend(y + 12),
    ]
    for tick in (-0.5, 0.0, 0.5, 1.0):
        x = _x(tick)
        stroke = _SOFT if tick == 0 else "#d6dbe0"
        lines.append(
            f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{top + rows + 8}" stroke="{stroke}"/>'
            f'<text x="{x:.1f}" y="{top + rows + 24}" text-anchor="middle" fill="{_SOFT}">{tick}'
            "</text>"
        )
    for number, (block, cosines) in enumerate(shown):
        lines += _block(block, cosines, top + 4 + number * _ROW)
    middle = (_x(-0.5) + _x(1.0)) / 2
    axis = "cosine of what A and B do to a module: 1 is the same, 0 has nothing in common"
    lines.append(
        f'<text x="{middle:.1f}" y="{height - 18}" text-anchor="middle" fill="{_SOFT}">'
        f"{axis}</text>"
    )
    lines.append(_text(16, top - 8, "block of the base model", fill=_SOFT))
    if left_out:
        lines.append(_text(16, height - 4, f"{left_out:,} more blocks are not drawn", fill=_SOFT))
    lines.append("</svg>")
    return "\n".join(lines) + "\n"


def _block(block: str, cosines: list[float], y: int) -> list[str]:
    mean = sum(cosines) / len(cosines)
    start, end = sorted((_x(0.0), _x(mean)))
    bar = (
        f'<text x="{_LEFT - 10}" y="{y + 11}" text-anchor="end">{escape(block)}</text>'
        f'<rect x="{start:.1f}" y="{y + 1}" width="{end - start:.1f}" height="13" '
        f'fill="{_BAR}"><title>{escape(block)}: mean {mean:.3f} of {len(cosines)} modules'
        "</title></rect>"
    )
    dots = [
        f'<circle cx="{_x(c):.1f}" cy="{y + 7}" r="2" fill="{_INK}" fill-opacity="0.45"/>'
        for c in cosines[:400]
    ]
    return [bar, *dots]


def _legend(y: int) -> list[str]:
    return [
        f'<rect x="{_LEFT}" y="{y - 10}" width="22" height="11" fill="{_BAR}"/>',
        _text(_LEFT + 28, y, "mean of a block’s modules"),
        f'<circle cx="{_LEFT + 212}" cy="{y - 4}" r="2.5" fill="{_INK}" fill-opacity="0.6"/>',
        _text(_LEFT + 222, y, "one module"),
    ]


def _text(x: int, y: int, text: str, *, size: int = 12, weight: int = 400, fill: str = "") -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{fill or _INK}">'
        f"{escape(visible(text))}</text>"
    )


def _short(name: str) -> str:
    """A file's name without its folders or its address's path."""
    base = visible(re.split(r"[/\\]", name.rstrip("/\\"))[-1])
    return base if len(base) <= _LONGEST_NAME else f"{base[: _LONGEST_NAME - 1]}…"


def block_of(name: str) -> str:
    """The block that a module belongs to: part, and what stands before its attention or layer."""
    part, _, rest = name.partition(".")
    match = re.match(
        r"((?:[a-z_]*(?:blocks?|layers?))\.\d+)", rest.removeprefix("text_model.encoder.")
    )
    if match:
        return f"{part}.{match[1]}"
    return f"{part}.{rest.split('.')[0]}" if rest else part


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(w), "") if w.isdecimal() else (-1, w) for w in re.split(r"(\d+)", text)]


def _x(cosine: float) -> float:
    span = _WIDTH - _LEFT - 40
    return _LEFT + (min(max(cosine, -0.5), 1.0) + 0.5) / 1.5 * span
