"""A file of removed models -> the registry, with an account of every row.

What comes in: the path of a list in any format of docs/lists.md. What goes out: an `Account`.
It promises that every row is added, merged, unchanged or rejected with its number and the
reason; that a file is imported as a whole or not at all; that importing it again changes nothing;
and that a withdrawn removal stays withdrawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reseen.registry.sealing import Keyring
    from reseen.registry.store import Store


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to read a list."""

    list_name: str | None = None
    """The list's name; without one the rows' own, else the file's stem. Never sealed."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """`--map`: column as it stands in the header -> label of a `lists.columns.Field`."""
    site: str | None = None
    """Host name for rows that name no site and have no link."""
    rejects: Path | None = None
    """Where rejected rows go; by default "STEM.rejects.csv" beside the list."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not taken."""

    row: int
    """As the person sees it: 1 is the first line, sheet row or entry."""
    reason: str
    """Never the value itself."""
    place: str = ""
    """ "sheet 2", where the file holds several."""


@dataclass(frozen=True, slots=True)
class Account:
    """What became of every row: added + merged + unchanged + rejected = rows."""

    list: str
    rows: int
    added: int
    """Rows that became a removal of their own."""
    merged: int
    """Rows that told something new of a removal that was there, or of one of an earlier row."""
    unchanged: int
    """Rows that told nothing new."""
    rejected: tuple[Rejected, ...] = ()
    withdrawn: int = 0
    """Rows, among merged and unchanged, about a removal that stays withdrawn."""
    unknown_columns: tuple[str, ...] = ()
    """Columns that nothing was taken from."""
    notes: tuple[str, ...] = ()
    """What was assumed or left out, with counts, in sentences for a person."""
    rejects_file: Path | None = None


def import_list(
    store: Store, keyring: Keyring, path: Path, options: ImportOptions | None = None
) -> Account:
    """Import one file in one transaction.

    Raises ListError for a file that cannot be read as a list, StoreError and SealError.
    """
    raise NotImplementedError
