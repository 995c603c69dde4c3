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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection

from reseen.errors import InputError, ListError
from reseen.records import RemovalClass
from reseen.registry import claim_moves, learning, never_read, same_links
from reseen.registry.claim_lines import ClaimLines
from reseen.registry.draft import (
    Defaults,
    Draft,
    Refusal,
    StandingModels,
    Tally,
    check_list_name,
)
from reseen.registry.import_account import ImportAccount, ImportSums, Rejected
from reseen.registry.known import Reader, SeenKeys
from reseen.registry.lists.columns import ListColumn, parse_map
from reseen.registry.lists.list_fields import ListField
from reseen.registry.lists.read import open_tables
from reseen.registry.lists.table import ListTable
from reseen.registry.lists.values import RefusedValue
from reseen.registry.merge import merge
from reseen.registry.rejects import rejects_as_csv, write_rejects
from reseen.registry.rows import drafts
from reseen.registry.stands_elsewhere import without_standing
from reseen.registry.store_rows import write
from reseen.store import audit, links
from reseen.store.database import Store
from reseen.store.sealing import Keyring

OF_ONE_FILE = "files of single models"
"""The list of what stands beside one model's file, often under that one's name."""

ROWS_AT_ONCE = 100_000
"""Rows that are merged and written at once: what an import needs of memory is of so many."""
_HELD = 250_000
"""Rows that are held, where a list is read before there is a registry, rather than read again."""
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
    rejects: Path | BinaryIO | None = None
    """Where rejected rows go; by default "STEM.rejects.csv" beside the list. An open file has them
    as they are: of it nothing is said in the account."""
    keep_rejects: bool = True
    """False: rejected rows are accounted for, and written nowhere."""
    cls: RemovalClass | None = None
    """The class of rows that say none."""
    actor: str | None = None
    """Who imports, as the audit log names them; None: the account of the operating system."""
    dry_run: bool = False
    """Account for every row, and write nothing."""


@dataclass(slots=True)
class ReadList:
    """A list, read and checked, before the registry is asked."""

    name: str
    of_one_file: bool = False
    drafts: list[Draft] = field(default_factory=list)
    again: bool = False
    """It is too long to be held: its drafts are made again when they are imported."""
    refusals: list[tuple[tuple[str, ...], Refusal]] = field(default_factory=list)
    """With the columns of their table."""
    columns: list[tuple[str, ListColumn]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    set_aside: int = 0


@dataclass(slots=True)
class _Parts:
    """The drafts of a list, part by part."""

    listed: ReadList
    """Whole when the last part was taken."""
    drafts: Iterator[list[Draft]]
    seen: SeenKeys | None = None
    """Where there may be several."""


@contextmanager
def no_cycle_collection() -> Iterator[None]:
    """A long list makes millions of objects and no cycles: looking for them takes half the time.
    For who does more than one of these things with a list: from the first to the last."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@no_cycle_collection()
def import_list(
    store: Store,
    keyring: Keyring,
    path: Path,
    options: ImportOptions | None = None,
    read: ReadList | None = None,
) -> ImportAccount:
    """Import one file in one transaction. `read`: what `read_list` made of it with these options;
    its drafts are gone afterwards.

    Raises ListError for a file that cannot be read as a list, InputError for options that make no
    sense, StoreError and SealError.
    """
    options = options or ImportOptions()
    if read is not None and not read.again:
        held, read.drafts = read.drafts, []
        return _import(store, keyring, path, options, _Parts(read, iter([held])))
    with reading(path, options) as (listed, streamed):
        parts = iter(lambda: list(islice(streamed, ROWS_AT_ONCE)), [])
        # Nobody waits for the store while a list of usual length is read.
        first = [next(parts, [])]
        seen = SeenKeys() if len(first[0]) == ROWS_AT_ONCE else None
        each = _handed_on(first, parts)
        return _import(store, keyring, path, options, _Parts(listed, each, seen))


def _handed_on(first: list[list[Draft]], rest: Iterator[list[Draft]]) -> Iterator[list[Draft]]:
    """The first part, of which this list is the only holder, and those after it."""
    yield first.pop()
    yield from rest


def _import(
    store: Store, keyring: Keyring, path: Path, options: ImportOptions, parts: _Parts
) -> ImportAccount:
    account: ImportAccount | None = None
    with suppress(_NothingIsWritten), store.write(much=True) as connection:
        sums, lines = ImportSums(), ClaimLines()
        changed: set[int] | None = set()
        for written in _taken(connection, keyring, parts, sums, lines):
            changed = None if changed is None or len(written) >= ROWS_AT_ONCE else changed | written
        listed = parts.listed
        sums.ends_at_uploads(never_read.by_bytes_alone(connection))
        account = _account(listed, sums, sums.among(same_links.of_class(connection)))
        if options.dry_run:
            account = replace(account, dry_run=True)
            raise _NothingIsWritten
        # What is learned makes claims too: only when all of the list's are there.
        learning.learn(connection, removals=changed)
        account = replace(account, removals=frozenset(changed or ()))
        claim_moves.log(connection, lines.moved, options.actor)
        audit.write(
            connection, "import", "*", actor=options.actor, list=account.list,
            rows=account.rows,
            added=account.added, merged=account.merged, unchanged=account.unchanged,
            rejected=len(account.rejected), **lines.details(connection),
        )  # fmt: skip
        claim_moves.say_class_too(connection, lines.moved, options.actor)
        if listed.refusals and options.keep_rejects:
            wanted = options.rejects or path.with_name(f"{path.stem}.rejects.csv")
            if isinstance(wanted, Path):
                rejects_file = write_rejects(wanted, listed.refusals)
                account = replace(account, rejects_file=rejects_file)
            else:
                wanted.write(rejects_as_csv(listed.refusals))
    assert account is not None
    return account


def _taken(
    connection: Connection, keyring: Keyring, parts: _Parts, sums: ImportSums, lines: ClaimLines
) -> Iterator[frozenset[int]]:
    """Merge and write part after part, each into what was there and into those before it. Gives
    the removals (by pk) of which something was written, of each part."""
    reader = Reader(connection, keyring)
    seen = parts.seen if reader.holds_nothing() else None
    for part in parts.drafts:
        some = part if seen is None else seen.add(part)
        known = reader.known(some)
        merged = merge(part, known, lambda id, sealed: keyring.open(sealed, id), reader.more)
        sums.take(merged, part)
        written = write(connection, keyring, merged, lines)
        sums.judge(merged)
        yield written
        reader.forget()
        del part, some, known, merged  # gone before the next part is read


class _NothingIsWritten(Exception):
    """Takes back what a transaction did."""


@no_cycle_collection()
def read_list(path: Path, options: ImportOptions) -> ReadList:
    """A file, read as a list and checked to its last row, without touching a registry. Raises
    ListError and InputError, as `import_list` would."""
    most = _HELD if path.is_file() else None  # a pipe cannot be read again
    with reading(path, options) as (listed, streamed):
        listed.drafts = list(islice(streamed, most))
        for _ in streamed:
            listed.again, listed.drafts = True, []
        return listed


@contextmanager
def reading(path: Path, options: ImportOptions) -> Iterator[tuple[ReadList, Iterator[Draft]]]:
    """A list while it is read: its drafts are made as they are taken, and what is known of it is
    whole when the last one was. Raises ListError and InputError."""
    if path.is_dir():
        raise ListError("it is a folder, and no list", remedy="Name the file that is the list.")
    given = parse_map([f"{column}={label}" for column, label in options.columns.items()])
    defaults = _defaults(path, options)
    with open_tables(path, given) as tables:
        _all_of_map_is_there(given, tables)
        of_one_file = len(tables) == 1 and tables[0].of_one_file
        if of_one_file and options.list_name is None:
            defaults = replace(defaults, list=OF_ONE_FILE)
        listed = ReadList(defaults.list, of_one_file)
        tally, left_out = Tally(), Tally()
        drafted = _drafts(tables, defaults, listed, tally, keep_cells=options.keep_rejects)

        def all_standing() -> StandingModels | None:
            # Sheets of models that stand come last.
            said = len(tables) > 1 or any(
                column.field in _SAY_WHAT_BECAME for _, column in listed.columns
            )
            return _standing(path, given, defaults) if said or tally.standing else None

        left = without_standing(
            drafted, tally, left_out, at_once=ROWS_AT_ONCE, all_of_them=all_standing
        )
        yield listed, _counted(left, left_out, listed)


_SAY_WHAT_BECAME = (ListField.STATUS, ListField.REINSTATED)


def _standing(
    path: Path, given: Mapping[str, ListField], defaults: Defaults
) -> StandingModels | None:
    """By what the models are known of which a long list says that they stand; None where it cannot
    be read twice."""
    if not path.is_file():
        return None
    tally = Tally()
    with open_tables(path, given) as tables:
        for _ in _drafts(tables, defaults, ReadList(""), tally, keep_cells=False):
            pass
    return tally.standing


def _counted(drafts: Iterator[Draft], left_out: Tally, listed: ReadList) -> Iterator[Draft]:
    yield from drafts
    listed.set_aside += left_out.total()
    listed.notes.extend(left_out.notes())


def _all_of_map_is_there(given: Mapping[str, ListField], tables: Sequence[ListTable]) -> None:
    """Raises InputError for what `--map` names and no table has."""
    there = frozenset[str]().union(*(table.meaning.given for table in tables))
    missing = [at for at, name in enumerate(given, 1) if name not in there]
    if missing:
        columns = max(len(table.columns) for table in tables)
        raise InputError(
            f"--map number {missing[0]} of those given names a column that is not in the list",
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


def _drafts(
    tables: Sequence[ListTable],
    defaults: Defaults,
    listed: ReadList,
    tally: Tally,
    *,
    keep_cells: bool,
) -> Iterator[Draft]:
    aside: Counter[str] = Counter()
    for table in _with_those_below(tables):
        for note in table.notes:
            listed.notes.append(f"{table.place}: {note}" if table.place else note)
        listed.columns.extend((table.place, column) for column in table.meaning.columns)
        for taken in drafts(table, table.meaning, defaults, tally):
            if isinstance(taken, Draft):
                yield taken
            else:
                if not keep_cells:
                    taken.cells = ()
                listed.refusals.append((table.columns, taken))
        aside.update(table.set_aside)
    listed.set_aside = aside.total()
    for what, count in aside.items():
        listed.notes.append(f"Set aside: {what}, {'once' if count == 1 else f'{count:,} times'}.")
    listed.notes.extend(tally.notes())


def _with_those_below(tables: Sequence[ListTable]) -> Iterator[ListTable]:
    """Each table, and when it was walked what stands below it."""
    for first in tables:
        table: ListTable | None = first
        while table is not None:
            yield table
            table = table.below()


def _account(listed: ReadList, sums: ImportSums, of_class: int) -> ImportAccount:
    if sums.revived:
        rows = "1 row" if sums.revived == 1 else f"{sums.revived} rows"
        listed.notes.append(f"{rows}: a removal that was withdrawn is in force by this list.")
    listed.refusals.sort(key=lambda pair: (pair[1].place, pair[1].row))
    taken = sums.added + sums.merged + sums.unchanged
    return ImportAccount(
        list=listed.name,
        rows=taken + len(listed.refusals) + listed.set_aside,
        added=sums.added,
        merged=sums.merged,
        unchanged=sums.unchanged,
        rejected=tuple(Rejected(r.row, r.reason, r.place) for _, r in listed.refusals),
        withdrawn=sums.withdrawn,
        set_aside=listed.set_aside,
        good_for=sums.good_for,
        of_class=of_class,
        columns=tuple(listed.columns),
        unknown_columns=tuple(
            f"{place}, {column}" if place else str(column)
            for place, column in listed.columns
            if column.field is None
        ),
        notes=tuple(listed.notes),
        of_one_file=listed.of_one_file,
    )
