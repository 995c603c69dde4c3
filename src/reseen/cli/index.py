"""`reseen index`: the registry as an index that workers open without the database."""

from __future__ import annotations

from pathlib import Path

import click

from reseen.cli.common import (
    about,
    count,
    db_option,
    emit,
    json_option,
    keyring_if_any,
    keyring_or_new,
    look_into,
    note,
    open_store,
    say,
    settings_for,
)
from reseen.cli.lazy import LazyGroup
from reseen.errors import SealError

KEY_FILE = click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    help="The key of indexes (`reseen index key`); without it, the sealing key must be here.",
)
_FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))


def key_of_indexes(key_file: Path | None, db: str | None) -> bytes:
    """The key in a file, or that of the sealing key here. Raises InputError and SealError."""
    from reseen.match import saved

    if key_file is not None:
        with about(key_file):
            return saved.read_key(key_file)
    settings = settings_for(db)
    with look_into(settings) as store:
        keyring = keyring_if_any(store, settings)
    if keyring is None:
        raise SealError(
            "there is no key here to open the index with",
            remedy="Give --key-file, or the sealing key in RESEEN_KEY or RESEEN_KEY_FILE.",
        )
    return keyring.for_indexes


@click.group(cls=LazyGroup, verbs={})
def index() -> None:
    """The index of the registry: save, verify and key for workers; rotate."""


@index.command()
@_FOLDER
@click.option(
    "--without-class",
    is_flag=True,
    help="Leave out removals of the class that is never read. Without this, the digests that tell "
    "them are in.",
)
@db_option
@json_option
def save(folder: Path, without_class: bool, db: str | None, as_json: bool) -> None:
    """Save the registry in force into DIR, for workers that have no database.

    It holds digests, sizes and sketches, and no name, link or title of a list. This is recorded in
    the audit log as an export of digests: treat the folder as you treat the database.
    """
    settings = settings_for(db)
    with open_store(settings) as store:
        from reseen.operations import index as operation

        keyring = keyring_or_new(store, settings)
        with about(folder):
            made = operation.save(store, keyring, folder, without_class=without_class)
    if as_json:
        emit({"removals": made.removals, "digests": made.digests, "lists": made.lists})
    else:
        say(f"{count(made.removals, 'removal')}, {count(made.digests, 'digest')}")
        note("This was recorded as an export of digests.")


@index.command()
@_FOLDER
@KEY_FILE
@db_option
@json_option
def verify(folder: Path, key_file: Path | None, db: str | None, as_json: bool) -> None:
    """Verify that DIR holds, byte for byte, an index that was saved with this key."""
    from reseen.match.registry_index import RegistryIndex

    key = key_of_indexes(key_file, db)
    with about(folder):
        opened = RegistryIndex.open(folder, key)
    if as_json:
        emit({"removals": len(opened), "digests": opened.digests})
    else:
        say(f"{count(len(opened), 'removal')}, {count(opened.digests, 'digest')}: as it was saved")


@index.command()
@db_option
def rotate(db: str | None) -> None:
    """Draw another secret for which modules of a file are looked at first.

    What is found in files that are read whole stays the same. Processes that run (scans, the gate)
    take it when they start again, and saved indexes when they are saved anew. This is recorded.
    """
    settings = settings_for(db)
    with open_store(settings) as store:
        from reseen.operations import index as operation

        operation.rotate(store)
    note("Modules are looked at in another order from now on.")


@index.command()
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The file; yours alone (0600)."
)
@db_option
def key(out: Path, db: str | None) -> None:
    """Write the key with which workers open saved indexes.

    The sealing key cannot be had from it: whoever has it can open no name. This is recorded.
    """
    settings = settings_for(db)
    with open_store(settings) as store:
        from reseen.operations import index as operation
        from reseen.store.private_files import private

        keyring = keyring_or_new(store, settings)
        with private(out) as path:
            path.write_text(operation.key(store, keyring), "ascii")
    note(f"Wrote the key of indexes to {out}")
