"""`reseen seal`: another sealing key."""

from __future__ import annotations

import click

from reseen.cli.common import (
    count,
    db_option,
    emit,
    json_option,
    look_into,
    note,
    open_store,
    say,
    settings_for,
)
from reseen.cli.lazy import LazyGroup


@click.group(cls=LazyGroup, verbs={})
def seal() -> None:
    """The sealing key: rotate it, and see where a rotation stands."""


@seal.command()
@click.option(
    "--begin",
    is_flag=True,
    help="Only begin: both keys are accepted until this is run again without.",
)
@db_option
@json_option
def rotate(begin: bool, db: str | None, as_json: bool) -> None:
    """Seal names with a new key, and stop accepting the old one.

    Can be stopped at any moment and run again. The new key is made in a file beside the old one's,
    or given in RESEEN_NEW_KEY. What runs with the old key must be started again when it ends.
    """
    settings = settings_for(db)
    with open_store(settings) as store:
        from reseen.operations import seal as operation

        done = operation.rotate(store, settings, only_begin=begin)
    if as_json:
        emit({
            "ended": done.ended, "claims": done.claims, "tokens": done.tokens,
            "key_file": str(done.key_file) if done.key_file else None,
            "old_key_file": str(done.old_key_file) if done.old_key_file else None,
        })  # fmt: skip
        return
    if not done.ended:
        note(f"Begun: both keys are accepted. The new one is in {_place(done.key_file)}.")
        note("Give it to all that use this registry; then end it: reseen seal rotate")
        return
    say(f"{count(done.claims, 'claim')} sealed anew, {count(done.tokens, 'token')} made anew")
    note(f"From now on the key is the one in {_place(done.key_file)}.")
    if done.old_key_file is not None:
        note(f"The old one is kept in {done.old_key_file}: backups from before open with it.")
        note("Move it apart, and destroy it with the last of them.")
    note("What runs with the old key must be started again: reseen serve, watch, scans.")
    note(
        "Indexes that were saved, and their key for workers, are worth nothing any more: save both"
    )
    note("anew with `reseen index save` and `reseen index key`.")


@seal.command()
@db_option
@json_option
def status(db: str | None, as_json: bool) -> None:
    """Show whether a rotation is under way. Needs no key."""
    settings = settings_for(db)
    with look_into(settings) as store:
        from reseen.operations import seal as operation

        how = operation.state(store)
    if as_json:
        emit({"sealed": how.sealed, "under_way": how.under_way, "rotations": how.rotations})
        return
    if not how.sealed:
        say("nothing is sealed here yet")
        return
    began = "a rotation is under way: two keys are accepted" if how.under_way else "one key"
    say(f"{began}; {count(how.rotations, 'rotation')} ended")


def _place(path: object) -> str:
    return "RESEEN_NEW_KEY" if path is None else str(path)
