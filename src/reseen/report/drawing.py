"""SVG that is safe by itself: paths of numbers in classes that a stylesheet colours, which a screen
reader passes over, for a table beside it says the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup


def svg(name: str, width: int, height: int, paths: Iterable[tuple[str, Sequence[str]]]) -> Markup:
    """A picture of this class; of each path its class and its steps, later ones over earlier."""
    drawn = Markup("").join(
        Markup('<path class="{}" d="{}"/>').format(kind, "".join(steps))
        for kind, steps in paths
        if steps
    )
    return Markup(
        '<svg class="{0}" width="{1}" height="{2}" viewBox="0 0 {1} {2}" aria-hidden="true"'
        ' focusable="false">{3}</svg>'
    ).format(name, width, height, drawn)
