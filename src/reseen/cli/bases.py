"""`reseen registry base add, list, remove`: the base models that checkpoints are told from."""

from __future__ import annotations

from pathlib import Path

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
    with the removals. FILE is the checkpoint that the maker published, in single or half precision.
    A removed model is refused, and what has one inside.
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
        made = put_in(store, keyring_if_any(store, settings), file, name, progress=progress)
    if output.as_json:
        emit(
            {
                "name": made.name,
                "architecture": made.architecture,
                "size": made.size,
                "modules": made.modules,
            }
        )
        return
    say(f"{visible(made.name)}: {visible(made.architecture)}, {count(made.modules, 'layer')}")
    if not output.quiet:
        note(f"{size_text(made.size)} read in {time.monotonic() - began:.0f} s.")


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
        take_out(store, name)
    say(f"{visible(name)}: removed")
