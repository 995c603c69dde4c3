"""Names and links in one spelling, so that equal things are equal bytes.

What comes in: what a person typed or a list says. What goes out: normal forms. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class Link:
    """A link to a model's former page. Silent when printed."""

    site: str
    """Host name, lower case, without "www."."""
    model_id: str | None
    version_id: str | None
    normal: str
    """The whole link in its normal spelling, without scheme."""


def parse(text: str) -> Link | None:
    """The link in any spelling (with or without scheme, www, slug, query); None if it is none."""
    raise NotImplementedError


def normal_name(text: str) -> str:
    """NFKC, case folded, inner white space as single blanks, none outside."""
    raise NotImplementedError


def normal_file_name(text: str) -> str:
    """As `normal_name`, of the last part of a path."""
    raise NotImplementedError
