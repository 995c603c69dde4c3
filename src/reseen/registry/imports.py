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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from reseen.errors import InputError
from reseen.records import RemovalClass
from reseen.registry import learning
from reseen.registry.lists.columns import ListColumn, ListField, parse_map
from reseen.registry.lists.read import open_tables
from reseen.registry.lists.table import ListTable
from reseen.registry.lists.values import RefusedValue
from reseen.registry.merge import Merger, RemovalDraft, RowOutcome
from reseen.registry.rejects import write_rejects
from reseen.registry.rows import Defaults, Draft, Refusal, Tally, check_list_name, drafts
from reseen.registry.store_rows import Reader, write
from reseen.store import audit, links
from reseen.store.database import Store
from reseen.store.sealing import Keyring

OF_ONE_FILE = "files of single models"
"""The list of what stands beside one model's file, often under that one's name."""

_REJECTS = re.compile(r"(\.rejects(-\d+)?)+$")


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to read a list."""

    list_name: str | None = None
    """The list's name; without one the rows' own, else the file's stem. Never sealed."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """`--map`: a column's name in the header, or its number -> label of a `ListField`."""
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
    dry_run: bool = False
    """Account for every row, and write nothing."""


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
class Usefulness:
    """What the removals that the rows are about are good for, in numbers of removals."""

    scans: int = 0
    """They have a full digest: a scan can find them."""
    links: int = 0
    """They can be looked up by link or ids alone: no scan finds them."""
    leads: int = 0
    """They have short hashes alone: the most that comes of them is a lead."""


@dataclass(frozen=True, slots=True)
class ImportAccount:
    """What became of every row: added + merged + unchanged + rejected + set aside = rows."""

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
    set_aside: int = 0
    """Rows that hold nothing to import: comments, headings between rows."""
    good_for: Usefulness = Usefulness()
    columns: tuple[tuple[str, ListColumn], ...] = ()
    """(place, column): what each was taken for, and what its values look like."""
    unknown_columns: tuple[str, ...] = ()
    """Columns that nothing was taken from, by their numbers."""
    notes: tuple[str, ...] = ()
    """What was assumed or left out, with counts, in sentences for a person."""
    rejects_file: Path | None = None
    dry_run: bool = False
    """Nothing was written."""
    of_one_file: bool = False
    """It is about one file, whose name its own may be: that is a name, and not shown."""


@dataclass(slots=True)
class ReadList:
    """A list, read and checked, before the registry is asked."""

    name: str
    of_one_file: bool = False
    drafts: list[Draft] = field(default_factory=list)
    refusals: list[tuple[tuple[str, ...], Refusal]] = field(default_factory=list)
    """With the columns of their table."""
    columns: list[tuple[str, ListColumn]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    set_aside: int = 0
    good_for: Usefulness = Usefulness()


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
    store: Store,
    keyring: Keyring,
    path: Path,
    options: ImportOptions | None = None,
    read: ReadList | None = None,
) -> ImportAccount:
    """Import one file in one transaction. `read`: what `read_list` made of it with these options.

    Raises ListError for a file that cannot be read as a list, InputError for options that make no
    sense, StoreError and SealError.
    """
    options = options or ImportOptions()
    account: ImportAccount | None = None
    listed = read or read_list(path, options)
    with suppress(_NothingIsWritten), store.write(much=True) as connection:
        merger = Merger(lambda id, sealed: keyring.open(sealed, id))
        Reader(connection, keyring).tell(merger, listed.drafts)
        outcomes, withdrawn = _merge(merger, listed)
        account = _account(listed, outcomes, withdrawn)
        if options.dry_run:
            account = replace(account, dry_run=True)
            raise _NothingIsWritten
        written = write(connection, keyring, merger)
        learning.learn(connection, removals=written.removals)
        account = replace(account, removals=written.removals)
        audit.write(
            connection, "import", "*", actor=options.actor, list=account.list,
            rows=account.rows,
            added=account.added, merged=account.merged, unchanged=account.unchanged,
            rejected=len(account.rejected), **written.covered,
        )  # fmt: skip
        if listed.refusals and options.keep_rejects:
            wanted = options.rejects or path.with_name(f"{path.stem}.rejects.csv")
            rejects_file = write_rejects(wanted, listed.refusals)
            account = replace(account, rejects_file=rejects_file)
    assert account is not None
    return account


class _NothingIsWritten(Exception):
    """Takes back what a transaction did."""


@_no_cycle_collection()
def read_list(path: Path, options: ImportOptions) -> ReadList:
    """A file, read as a list and checked to its last row, without touching a registry. Raises
    ListError and InputError, as `import_list` would."""
    given = parse_map([f"{column}={label}" for column, label in options.columns.items()])
    defaults = _defaults(path, options)
    with open_tables(path, given) as tables:
        _all_of_map_is_there(given, tables)
        of_one_file = len(tables) == 1 and tables[0].of_one_file
        if of_one_file and options.list_name is None:
            defaults = replace(defaults, list=OF_ONE_FILE)
        return _read(tables, defaults, of_one_file, keep_cells=options.keep_rejects)


def _all_of_map_is_there(given: Mapping[str, ListField], tables: Sequence[ListTable]) -> None:
    """Raises InputError for what `--map` names and no table has."""
    there = frozenset[str]().union(*(table.meaning.given for table in tables))
    missing = [at for at, name in enumerate(given, 1) if name not in there]
    if missing:
        columns = max(len(table.columns) for table in tables)
        raise InputError(
            f"--map names a column that is not in the list (the one given as number {missing[0]})",
            remedy=f"Name a column as the header does, or by its number, from 1 to {columns}.",
        )


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


def _read(
    tables: Sequence[ListTable], defaults: Defaults, of_one_file: bool, *, keep_cells: bool
) -> ReadList:
    listed, tally = ReadList(defaults.list, of_one_file), Tally()
    aside: Counter[str] = Counter()
    for table in tables:
        for note in table.notes:
            listed.notes.append(f"{table.place}: {note}" if table.place else note)
        listed.columns.extend((table.place, column) for column in table.meaning.columns)
        for taken in drafts(table, table.meaning, defaults, tally):
            if isinstance(taken, Draft):
                listed.drafts.append(taken)
            else:
                if not keep_cells:
                    taken.cells = ()
                listed.refusals.append((table.columns, taken))
        aside.update(table.set_aside)
    listed.set_aside = aside.total()
    for what, count in aside.items():
        listed.notes.append(f"Set aside: {what}, {'once' if count == 1 else f'{count:,} times'}.")
    listed.notes.extend(tally.notes())
    return listed


def _merge(merger: Merger, listed: ReadList) -> tuple[Counter[RowOutcome], int]:
    """Outcomes by kind, and how many rows are about what stays withdrawn."""
    outcomes: list[RowOutcome] = []
    about: dict[int, RemovalDraft] = {}
    withdrawn = revived = 0
    for draft in listed.drafts:
        outcome, standing = merger.take(draft)
        outcomes.append(outcome)
        about[id(standing)] = standing
        if standing.claims and standing.stays_withdrawn(draft.list_name):
            withdrawn += 1
        elif not standing.in_force and outcome is RowOutcome.MERGED:
            revived += 1
    if revived:
        rows = "1 row" if revived == 1 else f"{revived} rows"
        listed.notes.append(f"{rows}: a removal that was withdrawn is in force by this list.")
    listed.good_for = _good_for(about.values())
    return Counter(outcomes), withdrawn


def _good_for(about: Iterable[RemovalDraft]) -> Usefulness:
    """By the surest that any claim says of each."""
    scans = links_ = leads = 0
    for standing in about:
        kinds = {digest.kind for draft in standing.new for digest in draft.digests}
        kinds.update(*(claim.digests for claim in standing.claims))
        if any(not kind.is_short for kind in kinds):
            scans += 1
        elif kinds:
            leads += 1
        else:
            links_ += 1
    return Usefulness(scans, links_, leads)


def _account(listed: ReadList, outcomes: Counter[RowOutcome], withdrawn: int) -> ImportAccount:
    listed.refusals.sort(key=lambda pair: (pair[1].place, pair[1].row))
    return ImportAccount(
        list=listed.name,
        rows=outcomes.total() + len(listed.refusals) + listed.set_aside,
        added=outcomes[RowOutcome.ADDED],
        merged=outcomes[RowOutcome.MERGED],
        unchanged=outcomes[RowOutcome.UNCHANGED],
        rejected=tuple(Rejected(r.row, r.reason, r.place) for _, r in listed.refusals),
        withdrawn=withdrawn,
        set_aside=listed.set_aside,
        good_for=listed.good_for,
        columns=tuple(listed.columns),
        unknown_columns=tuple(
            f"{place}, {column}" if place else str(column)
            for place, column in listed.columns
            if column.field is None
        ),
        notes=tuple(listed.notes),
        of_one_file=listed.of_one_file,
    )
