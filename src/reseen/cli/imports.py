"""`reseen registry import`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from reseen.cli.common import (
    about,
    class_given,
    class_option,
    count,
    db_option,
    emit,
    is_new,
    keyring_for_names,
    keyring_or_new,
    look_into,
    note,
    open_or_make,
    open_store,
    say,
    settings_for,
)
from reseen.cli.consequences import show_past
from reseen.cli.exit_codes import ExitCode, finish, tell
from reseen.cli.hub import Output, as_value, output_options
from reseen.errors import InputError
from reseen.records import RemovalClass

if TYPE_CHECKING:
    from reseen.operations.lists import Imported
    from reseen.registry.import_account import ImportAccount, Usefulness
    from reseen.registry.imports import ImportOptions, ReadList
    from reseen.settings import Settings
    from reseen.store.database import Store
    from reseen.store.sealing import Keyring


def _options(
    list_name: str | None,
    mapped: tuple[str, ...],
    site: str | None,
    cls: str | None,
    rejects: Path | None,
    dry_run: bool,
) -> ImportOptions:
    from reseen.registry.imports import ImportOptions

    columns = columns_given(mapped)
    return ImportOptions(
        list_name=list_name,
        columns=columns,
        site=site,
        rejects=rejects,
        cls=class_given(cls),
        dry_run=dry_run,
    )


def columns_given(mapped: tuple[str, ...]) -> dict[str, str]:
    """What --map says: a column -> the label of a field. Raises InputError."""
    return dict(_pair(given) for given in mapped)


@click.command("import")
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@as_value(
    "options",
    _options,
    click.option("--list", "list_name", metavar="NAME", help="The list's name. Never sealed."),
    click.option(
        "--map",
        "mapped",
        metavar="COLUMN=FIELD",
        multiple=True,
        help="Treat COLUMN, by its name or number, as FIELD (repeatable).",
    ),
    click.option(
        "--site", metavar="HOST", help="The host that removed the models that have no link."
    ),
    class_option("The class of rows that say none."),
    click.option("--rejects", type=click.Path(path_type=Path), help="The file for rejected rows."),
    click.option("--dry-run", is_flag=True, help="Say the whole account, and write nothing."),
)
@db_option
@output_options
def import_(
    files: tuple[Path, ...], options: ImportOptions, db: str | None, output: Output
) -> None:
    """Import lists of removed models: CSV, TSV, XLSX, Parquet, JSON Lines, Civitai's JSON.

    FILE may be "-", for standard input. Every row is accounted for. Rejected rows go to a file of
    their own, which can be corrected and imported again. Importing twice changes nothing. See
    docs/lists.md.
    """
    from reseen.operations.lists import read_list
    from reseen.registry.imports import no_cycle_collection

    if options.rejects is not None and len(files) > 1:
        raise InputError(
            "--rejects names one file for several lists", remedy="Import them one at a time."
        )
    settings = settings_for(db)
    files = tuple(_INPUT if str(path) == "-" else path for path in files)
    if options.list_name is None:
        for path in files:
            _check_name(path)
    reads: dict[Path, ReadList] = {}
    with no_cycle_collection():  # what was read is held until it is imported
        if is_new(settings):  # nothing is made for the sake of a list that cannot be read
            for path in files:
                with about(path):
                    read = read_list(path, options)
                if len(files) == 1 or not path.is_file():  # a pipe is read once
                    reads[path] = read
        with _store_to_import_into(settings, options) as (store, keyring):
            _import_all(store, keyring, files, options, reads, output)
    finish()


_INPUT = Path("/dev/stdin")
_NO_FOLDERS = (Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd"))
"""What is named there stands for something that is open, and has no place of its own."""


def _check_name(path: Path) -> None:
    """Raise InputError for what would be called by a number that means nothing: `<(command)`."""
    if path.parent in _NO_FOLDERS and path.name.isdecimal():
        raise InputError(
            f"{path}: what a command writes has no name", remedy="Name the list: --list NAME."
        )


@contextmanager
def _store_to_import_into(
    settings: Settings, options: ImportOptions
) -> Iterator[tuple[Store, Keyring]]:
    """The store and its key; for a dry run in a registry that is not there, ones that are gone
    afterwards."""
    if not options.dry_run:
        with open_or_make(settings) as store:
            yield store, keyring_or_new(store, settings)
    elif is_new(settings):
        from reseen.store.database import Store
        from reseen.store.sealing import Keyring

        with TemporaryDirectory() as folder, Store(f"sqlite:///{folder}/dry-run.db") as store:
            yield store, Keyring(os.urandom(32))
    else:
        with _store_for_a_dry_run(settings) as store:
            yield store, keyring_for_names(store, settings)


@contextmanager
def _store_for_a_dry_run(settings: Settings) -> Iterator[Store]:
    """The store, of which nothing will be changed; where it can only be read, a copy that is gone
    afterwards, for an import works in a transaction that writes before it is taken back."""
    with look_into(settings) as looked:
        if looked.reads_only:
            from reseen.store.database import Store

            with TemporaryDirectory() as folder:
                looked.copy_to(Path(folder) / "dry-run.db")
                with Store(f"sqlite:///{folder}/dry-run.db") as store:
                    yield store
            return
    with open_store(settings) as store:
        yield store


def _import_all(
    store: Store,
    keyring: Keyring,
    files: Sequence[Path],
    options: ImportOptions,
    reads: dict[Path, ReadList],
    output: Output,
) -> None:
    """Import the lists one after the other, and say what became of each."""
    from reseen.operations.lists import import_list

    new: list[str] = []
    unread = None
    for number, path in enumerate(files, 1):
        placeless = path.parent in _NO_FOLDERS and options.rejects is None
        asked = replace(options, keep_rejects=False) if placeless else options
        with about(path):
            imported = import_list(store, keyring, path, asked, reads.pop(path, None))
        account = imported.account
        new += imported.sightings
        unread = imported.unread or unread
        if account.rejected:
            all_of_it = len(account.rejected) == account.rows - account.set_aside
            tell(ExitCode.CANNOT if all_of_it else ExitCode.PART)
        elif not account.rows:
            tell(ExitCode.CANNOT)
        if output.as_json:
            emit(_import_fields(imported))
            continue
        for moved in imported.innocents:
            note(moved.why)
        # What stands beside a model's file has that one's name, which is a name.
        name = f"file {number}" if account.of_one_file else path.name
        say(
            f"{name}: {count(account.rows, 'row')}: {account.added:,} added, "
            f"{account.merged:,} merged, {account.unchanged:,} unchanged, "
            f"{len(account.rejected):,} rejected"
            + (f", {account.set_aside:,} set aside" if account.set_aside else "")
            + (" (a dry run: nothing was written)" if account.dry_run else "")
        )
        if not output.quiet:
            # Beside the results: of several lists, each line says which one it is about.
            head = f"{name}: " if len(files) > 1 else "  "
            for line in _details(account, options):
                note(f"{head}{line}")
            if placeless and account.rejected and not account.dry_run:
                note(f"{head}Rejected rows are not kept: --rejects FILE says where.")
    if not output.as_json:
        show_past(store, new, unread, quiet=output.quiet)


def _import_fields(imported: Imported) -> dict[str, object]:
    """What came of a list as a documented JSON object."""
    account = imported.account
    return {
        "list": account.list,
        "rows": account.rows,
        "added": account.added,
        "merged": account.merged,
        "unchanged": account.unchanged,
        "rejected": len(account.rejected),
        "set_aside": account.set_aside,
        "withdrawn": account.withdrawn,
        "never_read": account.of_class,
        "good_for": {
            "scans": account.good_for.scans,
            "links": account.good_for.links,
            "leads": account.good_for.leads,
            "uploads": account.good_for.uploads,
        },
        "dry_run": account.dry_run,
        "rejects_file": str(account.rejects_file) if account.rejects_file else None,
        "rejects": [
            {"row": r.row, "place": r.place or None, "reason": r.reason} for r in account.rejected
        ],
        "columns": [
            {
                "place": place or None,
                "number": column.number,
                "heading": column.heading,
                "field": column.field,
                "looks": column.looks or None,
            }
            for place, column in account.columns
        ],
        "unknown_columns": account.unknown_columns,
        "notes": account.notes,
        "sightings": len(imported.sightings),
        "unread": imported.unread.copies if imported.unread else None,
    }


def _details(account: ImportAccount, options: ImportOptions) -> Iterator[str]:
    """What else is said of a list: rejected rows, what was not used, what was assumed."""
    if not account.rows:
        yield "There is no row below the header: nothing was taken."
    for rejected in account.rejected[:10]:
        place = f" of {rejected.place}" if rejected.place else ""
        yield f"row {rejected.row}{place}: {rejected.reason}"
    if len(account.rejected) > 10:
        yield f"and {len(account.rejected) - 10:,} more"
    if account.rejects_file is not None:
        given = {
            "--list": options.list_name, "--map": options.columns,
            "--site": options.site, "--class": options.cls,
        }  # fmt: skip
        same = " and ".join(option for option, value in given.items() if value)
        again = f", with the same {same}" if same else ""
        yield (f"Rejected rows are in {account.rejects_file}: correct and import that file{again}.")
    if account.withdrawn:
        yield f"{count(account.withdrawn, 'row')} about withdrawn removals: they stay withdrawn."
    yield from _of_columns(account)
    if account.of_class:
        label = RemovalClass.CHILD_ABUSE.label
        yield f"{account.of_class:,} of the class {label}: nothing is read or sent."
    yield from _good_for(account.good_for)
    yield from account.notes


def _of_columns(account: ImportAccount) -> Iterator[str]:
    """Which columns were taken for what, where no heading says it, and which were not used."""
    if account.unknown_columns:
        unused = "; ".join(account.unknown_columns[:20])
        yield f"Columns not used: {unused} (--map COLUMN=FIELD, by name or number)"
    told = [
        f"{column} as {column.field.value}"
        for _, column in account.columns
        if column.field is not None and column.heading is None and column.looks
    ]
    if told:
        yield f"Taken by their values or --map: {'; '.join(told[:20])}"


def _good_for(useful: Usefulness) -> Iterator[str]:
    """What the removals are good for."""
    if useful.scans:
        yield f"{count(useful.scans, 'removal')} with a full digest: scans find them."
    if useful.uploads:
        yield (
            f"{count(useful.uploads, 'removal')} of the class that is never read, by digests that "
            "no hub states: found only where all bytes pass through here, in uploads and in files "
            "on disk."
        )
    if useful.links:
        have = "has" if useful.links == 1 else "have"
        yield (
            f"{count(useful.links, 'removal')} {have} no hash: looked up by link or id alone, "
            "no scan finds them."
        )
    if useful.leads:
        have = "has" if useful.leads == 1 else "have"
        yield (
            f"{count(useful.leads, 'removal')} {have} no full digest: the most that comes of a "
            "short hash is a lead (reseen leads)."
        )


def _pair(given: str) -> tuple[str, str]:
    column, equals, field = given.rpartition("=")
    if not equals or not column or not field:
        raise InputError(
            "--map needs COLUMN=FIELD", remedy='For example --map "Hash (full)=sha256".'
        )
    return column, field
