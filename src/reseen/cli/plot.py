"""Two adapters by module block, as a picture: SVG made here, with nothing fetched and no script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reseen.match.compare import Comparison

_WIDTH, _LEFT, _ROW = 860, 300, 20
_MOST_BLOCKS = 120


def block_picture(found: Comparison, names: Mapping[int, str]) -> str:
    """A bar a block: the mean cosine of its modules, and each module as a dot.

    `names`: canonical module name by id; a module without one stands under "other".
    """
    blocks: dict[str, list[float]] = {}
    for id_, cosine in zip(found.common.ids.tolist(), found.common.cosines.tolist(), strict=True):
        blocks.setdefault(block_of(names.get(id_, "other")), []).append(cosine)
    shown = sorted(blocks.items(), key=lambda item: _natural(item[0]))[:_MOST_BLOCKS]
    height = 90 + _ROW * len(shown)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" font-family="system-ui, sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="16" y="24" font-size="15" font-weight="600">{escape(found.relation)}</text>',
        f'<text x="16" y="44" fill="#59636e">cosine {found.cosine:.3f}, p {found.p_value:.1g} '
        f"({escape(found.calibration)}), {found.agreeing:.0%} of {found.modules:,} modules "
        "agree</text>",
    ]
    top = 62
    for tick in (-0.5, 0.0, 0.5, 1.0):
        x = _x(tick)
        stroke = "#59636e" if tick == 0 else "#d6dbe0"
        lines.append(
            f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{height - 24}" stroke="{stroke}"/>'
            f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle" fill="#59636e">{tick}</text>'
        )
    for number, (block, cosines) in enumerate(shown):
        y = top + 4 + number * _ROW
        mean = sum(cosines) / len(cosines)
        start, end = sorted((_x(0.0), _x(mean)))
        lines.append(
            f'<text x="{_LEFT - 10}" y="{y + 11}" text-anchor="end">{escape(block)}</text>'
            f'<rect x="{start:.1f}" y="{y + 1}" width="{end - start:.1f}" height="13" '
            f'fill="#3f7fc1"><title>{escape(block)}: mean {mean:.3f} of {len(cosines)} modules'
            "</title></rect>"
        )
        lines += [
            f'<circle cx="{_x(c):.1f}" cy="{y + 7}" r="2" fill="#1b1f24" fill-opacity="0.45"/>'
            for c in cosines[:400]
        ]
    lines.append("</svg>")
    return "\n".join(lines) + "\n"


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
