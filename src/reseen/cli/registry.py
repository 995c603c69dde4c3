"""`reseen registry`: add, show, list, withdraw, restore; other verbs are named by their modules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reseen.cli.common import (
    class_given,
    class_option,
    count,
    db_option,
    emit,
    given_text,
    json_option,
    keyring_for_names,
    keyring_or_new,
    look_into,
    must_record,
    note,
    open_or_make,
    reveal_option,
    say,
    settings_for,
    why_option,
)
from reseen.cli.consequences import change, show_past
from reseen.cli.exit_codes import ExitCode, finish, tell
from reseen.cli.hub import Output, as_value, output_options
from reseen.cli.lazy import LazyGroup
from reseen.errors import FileError
from reseen.texts import visible

if TYPE_CHECKING:
    from reseen.registry.adds import AddOptions

FILES = click.argument(
    "paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path)
)


@click.group(
    cls=LazyGroup,
    verbs={
        "import": ("reseen.cli.imports:import_", "Import lists of removed models."),
        "lists": ("reseen.cli.claims:lists", "Show the lists that removals come from."),
        "withdraw-list": ("reseen.cli.claims:withdraw_list", "Withdraw all that a list says."),
        "restore-list": ("reseen.cli.claims:restore_list", "Put a withdrawn list back in force."),
        "take-back": ("reseen.cli.claims:take_back", "Take a single claim out of use."),
        "put-back": ("reseen.cli.claims:put_back", "Put a claim in use again."),
        "classify": ("reseen.cli.classes:classify", "Say of which class removals are."),
        "entitle": ("reseen.cli.classes:entitle", "Let a list say the class that is never read."),
        "propose-class": ("reseen.cli.classes:propose", "A claim of the class counts, or not."),
        "confirm-class": ("reseen.cli.classes:confirm", "Confirm what somebody else proposed."),
        "export-class": (
            "reseen.cli.classes:export",
            "Write digests of the class that is never read, for an authority.",
        ),
        "base": ("reseen.cli.bases:base", "The base models that checkpoints are told from."),
        "negative": (
            "reseen.cli.innocents:negative",
            "Known innocents that merges have in them: add, confirm, list, remove.",
        ),
        "settle": ("reseen.cli.claims:settle", "Leave a claim that a file contradicts as it is."),
    },
)
def registry() -> None:
    """The registry of removed models: import, add, show, list, withdraw, restore."""


def _add_options(
    list_name: str,
    site: str | None,
    name: str | None,
    reason: str | None,
    cls: str | None,
    anyway: bool,
) -> AddOptions:
    from reseen.records import Names
    from reseen.registry.adds import AddOptions

    names = Names(name=name, reason=reason) if name or reason else None
    return AddOptions(list_name, site, names, class_given(cls), anyway)


@registry.command()
@FILES
@as_value(
    "options",
    _add_options,
    click.option(
        "--list", "list_name", default="local", show_default=True, help="The list's name."
    ),
    click.option("--site", metavar="HOST", help="Where the model was removed from."),
    click.option(
        "--name", callback=given_text, help='The model\'s name. Sealed. "-": from standard input.'
    ),
    click.option(
        "--reason",
        callback=given_text,
        help='Why it was removed. Sealed. "-": from standard input.',
    ),
    class_option("Of which class it is."),
    click.option(
        "--anyway", is_flag=True, help="Also a web page, an LFS pointer, a file that is cut off."
    ),
)
@db_option
@output_options
def add(paths: tuple[Path, ...], options: AddOptions, db: str | None, output: Output) -> None:
    """Register local files, and all files under folders: every digest, in one pass.

    Nothing is kept of the weights. Exits 2 when a named file was rejected, 3 when only files in a
    named folder were.
    """
    from reseen.cli.progress import bytes_bar
    from reseen.operations.lists import add_files
    from reseen.registry.adds import AddOutcome

    settings = settings_for(db)
    for path in paths:
        if not path.exists():
            raise FileError(f"{path}: there is no such file or folder")
    with open_or_make(settings) as store:
        keyring = keyring_or_new(store, settings)
        with bytes_bar("Reading", quiet=output.silent) as progress:
            came = add_files(store, keyring, paths, options, progress=progress)
        if not output.as_json:
            show_past(store, came.sightings, came.unread, quiet=output.quiet)
            for moved in came.innocents:
                note(moved.why)
    for added in came.files:
        too_few = ""
        if added.layers is not None:
            from reseen.match.compare import too_few_to_tell

            too_few = too_few_to_tell(added.layers)
        if output.as_json:
            emit(
                {
                    "path": str(added.path),
                    "outcome": added.outcome,
                    "removal": added.removal,
                    "reason": added.reason,
                    "too_few": too_few or None,
                    "no_sketch": added.no_sketch,
                    "further_adapters": added.further,
                }
            )
        else:
            detail = added.removal or added.reason or ""
            say(f"{added.outcome.value:<10}{visible(str(added.path))}  {detail}")
            if too_few:
                note(f"  {too_few}.")
            if added.no_sketch:
                note(f"  It is known by its digests alone: {visible(added.no_sketch)}.")
            if added.further:
                note(f"  {count(added.further, 'more adapter')} in the file: each is known alone.")
    refused = [added for added in came.files if added.outcome is AddOutcome.REJECTED]
    named = any(added.path in paths for added in refused)
    if refused:
        tell(ExitCode.CANNOT if named or len(refused) == len(came.files) else ExitCode.PART)
    finish()


@registry.command()
@click.argument("id")
@db_option
@json_option
@reveal_option
def show(id: str, db: str | None, as_json: bool, reveal: bool) -> None:
    """Show the removal ID with its files and digests."""
    from reseen.cli.findings import removal_fields, removal_text
    from reseen.registry import learning, removals

    settings = settings_for(db)
    with look_into(settings) as store:
        if reveal:
            must_record(store, "names are not shown")
        with store.read() as connection:
            removal = removals.by_id(connection, id)
            same = learning.same_bytes(connection, removal.id)
        names = None
        if reveal:
            from reseen.operations.removals import reveal as open_names

            names = open_names(store, keyring_for_names(store, settings), id)
    if as_json:
        emit(removal_fields(removal, names) | {"same_bytes": list(same)})
        return
    say(removal_text(removal, names))
    if same:
        say(f"  the same file, by bytes that were read: {', '.join(same)}")


@registry.command("list")
@click.option("--list", "list_name", metavar="NAME", help="Only from this list.")
@click.option("--withdrawn", is_flag=True, help="Also withdrawn ones.")
@db_option
@json_option
def list_(list_name: str | None, withdrawn: bool, db: str | None, as_json: bool) -> None:
    """List removals by their opaque ids. Names stay sealed."""
    from reseen.cli.findings import removal_fields, removal_line
    from reseen.match import older_sketches
    from reseen.registry import removals

    shown = 0
    with look_into(settings_for(db)) as store, store.read() as connection:
        for removal in removals.every(
            connection, list=list_name, withdrawn=None if withdrawn else False
        ):
            shown += 1
            if as_json:
                emit(removal_fields(removal))
            else:
                say(removal_line(removal))
        older = 0 if as_json else older_sketches.count(connection)
    if not as_json:
        note(count(shown, "removal") if shown else "No removals. `reseen registry import --help`")
    if older:
        note(
            f"{count(older, 'removal')} in force with a sketch of version 1 alone, which knows "
            "less of merges. A full reading of a copy, or `reseen registry add` of its file, makes "
            "one of version 2."
        )


@registry.command()
@click.argument("id")
@why_option
@db_option
def withdraw(id: str, why: str, db: str | None) -> None:
    """Withdraw the removal ID: from now on it matches nothing."""
    from reseen.operations.removals import withdraw as take_out

    change(take_out, id, why, db, "withdrawn")


@registry.command()
@click.argument("id")
@why_option
@db_option
def restore(id: str, why: str, db: str | None) -> None:
    """Restore the withdrawn removal ID."""
    from reseen.operations.removals import restore as put_back

    change(put_back, id, why, db, "in force")
