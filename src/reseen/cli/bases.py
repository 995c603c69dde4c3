"""`reseen registry base add, list, remove`: the base models that checkpoints are told from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reseen.cli.common import (
    count,
    db_option,
    emit,
    json_option,
    keyring_if_any,
    look_into,
    note,
    open_or_make,
    open_store,
    say,
    settings_for,
    size_text,
)
from reseen.cli.hub import Output, output_options
from reseen.texts import visible

if TYPE_CHECKING:
    from reseen.operations.consequences import Followed


@click.group()
def base() -> None:
    """The base models that checkpoints are told from: add, list, remove."""


@base.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--name", required=True, help="What the base model is called. Not sealed.")
@db_option
@output_options
def add(file: Path, name: str, db: str | None, output: Output) -> None:
    """Keep the sketch of the base model in FILE: no weights.

    A checkpoint that was made from it is then known as such, and what was added to it is compared
    with the removals; checkpoints that scans came by are judged again. FILE is the checkpoint that
    the maker published, in single or half precision. A removed model is refused, and what has one
    inside.
    """
    import time

    from reseen.cli.progress import bytes_bar
    from reseen.operations.bases import add as put_in

    settings = settings_for(db)
    began = time.monotonic()
    with (
        open_or_make(settings) as store,
        bytes_bar(f"Reading {file.name}", quiet=output.silent) as progress,
    ):
        added = put_in(store, keyring_if_any(store, settings), file, name, progress=progress)
    made, followed = added.base, added.followed
    if output.as_json:
        emit(
            {
                "name": made.name,
                "architecture": made.architecture,
                "size": made.size,
                "modules": made.modules,
                "sightings": list(followed.sightings),
                "to_read": followed.to_read,
            }
        )
        return
    say(f"{visible(made.name)}: {visible(made.architecture)}, {count(made.modules, 'layer')}")
    if not output.quiet:
        note(f"{size_text(made.size)} read in {time.monotonic() - began:.0f} s.")
        _followed(followed)


@base.command("list")
@db_option
@json_option
def list_(db: str | None, as_json: bool) -> None:
    """List the base models."""
    from reseen.registry import bases

    with look_into(settings_for(db)) as store, store.read() as connection:
        found = list(bases.every(connection))
    for one in found:
        if as_json:
            emit(
                {
                    "name": one.name,
                    "architecture": one.architecture,
                    "size": one.size,
                    "modules": one.modules,
                    "added": None if one.added is None else one.added.isoformat(),
                }
            )
        else:
            layers = count(one.modules, "layer")
            say(
                f"{visible(one.name)}  {visible(one.architecture)}  {layers}  {size_text(one.size)}"
            )
    if not as_json and not found:
        note("No base models. `reseen registry base add --help`")


@base.command()
@click.argument("name")
@db_option
def remove(name: str, db: str | None) -> None:
    """Take the base model NAME out: checkpoints of it are not looked into any more."""
    from reseen.operations.bases import remove as take_out

    with open_store(settings_for(db)) as store:
        followed = take_out(store, name)
    say(f"{visible(name)}: removed")
    _followed(followed)


def _followed(followed: Followed) -> None:
    """What became of the checkpoints that scans read."""
    if followed.sightings:
        note(f"{count(len(followed.sightings), 'new sighting')} in checkpoints that scans read.")
    if followed.fallen:
        note(f"{count(followed.fallen, 'sighting')} not found any more.")
    if followed.to_read:
        files = count(followed.to_read, "checkpoint")
        note(f"{files} may be of it, and more of them is read by: reseen read")
