"""Imports a file of removed models into the registry, with an account of every row.

What comes in: the path of a list in any format of docs/lists.md. What goes out: an `ImportAccount`.
It promises that every row is added, merged, unchanged or rejected with its number and the
reason; that a file is imported as a whole or not at all; that importing it again changes nothing;
and that a withdrawn removal stays withdrawn.
"""

from __future__ import annotations

import gc
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from reseen.errors import InputError
from reseen.records import RemovalClass
from reseen.registry import learning
from reseen.registry.lists.columns import ListField, Meaning, parse_map, recognise
from reseen.registry.lists.read import read_tables
from reseen.registry.lists.values import RefusedValue
from reseen.registry.merge import Merger, RowOutcome
from reseen.registry.rejects import write_rejects
from reseen.registry.rows import Defaults, Draft, Refusal, Tally, check_list_name, drafts
from reseen.registry.store_rows import Reader, write
from reseen.store import audit, links
from reseen.store.database import Store
from reseen.store.sealing import Keyring

_REJECTS = re.compile(r"(\.rejects(-\d+)?)+$")


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
    keep_rejects: bool = True
    """False: rejected rows are accounted for, and written nowhere."""
    cls: RemovalClass | None = None
    """The class of rows that say none."""
    actor: str | None = None
    """Who imports, as the audit log names them; None: the account of the operating system."""


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
class ImportAccount:
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
    """Rows, among merged and unchanged, about what stays withdrawn."""
    removals: frozenset[int] = frozenset()
    """Removals (by pk) of which something was written."""
    unknown_columns: tuple[str, ...] = ()
    """Columns that nothing was taken from."""
    notes: tuple[str, ...] = ()
    """What was assumed or left out, with counts, in sentences for a person."""
    rejects_file: Path | None = None


@dataclass(slots=True)
class _Listed:
    """A list, read and checked, before the registry is asked."""

    drafts: list[Draft] = field(default_factory=list)
    refusals: list[tuple[tuple[str, ...], Refusal]] = field(default_factory=list)
    """With the columns of their table."""
    unknown: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By place."""


@contextmanager
def _no_cycle_collection() -> Iterator[None]:
    """A long list makes millions of objects and no cycles: looking for them takes half the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_no_cycle_collection()
def import_list(
    store: Store, keyring: Keyring, path: Path, options: ImportOptions | None = None
) -> ImportAccount:
    """Import one file in one transaction.

    Raises ListError for a file that cannot be read as a list, InputError for options that make no
    sense, StoreError and SealError.
    """
    options = options or ImportOptions()
    given = parse_map([f"{column}={label}" for column, label in options.columns.items()])
    defaults = _defaults(path, options)
    listed = _read(path, given, defaults)
    with store.write(much=True) as connection:
        merger = Merger(lambda id, sealed: keyring.open(sealed, id))
        Reader(connection, keyring).tell(merger, listed.drafts)
        outcomes, withdrawn = _merge(merger, listed)
        written = write(connection, keyring, merger)
        learning.learn(connection, removals=written.removals)
        account = replace(
            _account(defaults.list, listed, outcomes, withdrawn), removals=written.removals
        )
        audit.write(
            connection, "import", "*", actor=options.actor, list=account.list,
            rows=account.rows,
            added=account.added, merged=account.merged, unchanged=account.unchanged,
            rejected=len(account.rejected), **written.covered,
        )  # fmt: skip
        if not (listed.refusals and options.keep_rejects):
            return account
        wanted = options.rejects or path.with_name(f"{path.stem}.rejects.csv")
        return replace(account, rejects_file=write_rejects(wanted, listed.refusals))


def look(path: Path, options: ImportOptions) -> None:
    """Whether a file can be read as a list at all, without touching a registry. Raises ListError
    and InputError, as `import_list` would."""
    given = parse_map([f"{column}={label}" for column, label in options.columns.items()])
    _defaults(path, options)
    for table in read_tables(path, given):
        recognise(table.columns, given)


def _defaults(path: Path, options: ImportOptions) -> Defaults:
    try:
        # mended rows belong to the list that they were rejected from
        name = check_list_name(options.list_name or _REJECTS.sub("", path.stem))
    except RefusedValue as refused:
        raise InputError(
            str(refused), remedy="Give the list a plain name with --list: it is shown everywhere."
        ) from None
    site = links.normal_site(options.site) if options.site else None
    return Defaults(name, site, force_list=options.list_name is not None, cls=options.cls)


def _read(path: Path, given: Mapping[str, ListField], defaults: Defaults) -> _Listed:
    listed, tally = _Listed(), Tally()
    for table in read_tables(path, given):
        meaning: Meaning = recognise(table.columns, given)
        listed.unknown.update(dict.fromkeys(meaning.unknown))
        for note in table.notes:
            listed.notes.append(f"{table.place}: {note}" if table.place else note)
        listed.columns[table.place] = table.columns
        for taken in drafts(table, meaning, defaults, tally):
            if isinstance(taken, Draft):
                listed.drafts.append(taken)
            else:
                listed.refusals.append((table.columns, taken))
    listed.notes.extend(tally.notes())
    return listed


def _merge(merger: Merger, listed: _Listed) -> tuple[Counter[RowOutcome], int]:
    """Outcomes by kind, and how many rows are about what stays withdrawn."""
    outcomes: list[RowOutcome] = []
    withdrawn = revived = 0
    for draft in listed.drafts:
        outcome, standing = merger.take(draft)
        outcomes.append(outcome)
        if standing.claims and standing.stays_withdrawn(draft.list_name):
            withdrawn += 1
        elif not standing.in_force and outcome is RowOutcome.MERGED:
            revived += 1
    if revived:
        rows = "1 row" if revived == 1 else f"{revived} rows"
        listed.notes.append(f"{rows}: a removal that was withdrawn is in force by this list.")
    return Counter(outcomes), withdrawn


def _account(
    name: str, listed: _Listed, outcomes: Counter[RowOutcome], withdrawn: int
) -> ImportAccount:
    listed.refusals.sort(key=lambda pair: (pair[1].place, pair[1].row))
    return ImportAccount(
        list=name,
        rows=outcomes.total() + len(listed.refusals),
        added=outcomes[RowOutcome.ADDED],
        merged=outcomes[RowOutcome.MERGED],
        unchanged=outcomes[RowOutcome.UNCHANGED],
        rejected=tuple(Rejected(r.row, r.reason, r.place) for _, r in listed.refusals),
        withdrawn=withdrawn,
        unknown_columns=tuple(listed.unknown),
        notes=tuple(listed.notes),
    )
