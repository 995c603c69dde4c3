"""`reseen registry lists, withdraw-list, take-back, settle ...`: lists and single claims."""

from __future__ import annotations

import click

from reseen.cli.common import (
    count,
    db_option,
    emit,
    json_option,
    keyring_if_any,
    look_into,
    note,
    open_store,
    say,
    settings_for,
    why_option,
)
from reseen.cli.consequences import change
from reseen.records import RemovalClass
from reseen.texts import visible

CLASS = RemovalClass.CHILD_ABUSE.label


@click.command()
@db_option
@json_option
def lists(db: str | None, as_json: bool) -> None:
    """Show the lists that removals come from: how many removals, and what is withdrawn."""
    from reseen.registry.known_lists import every_list

    with look_into(settings_for(db)) as store, store.read() as connection:
        found = every_list(connection)
    for one in found:
        if as_json:
            emit(
                {
                    "list": one.name,
                    "removals": one.removals,
                    "in_force": one.in_force,
                    "withdrawn": one.withdrawn,
                    "entitled": one.entitled,
                    "class": one.cls.label if one.cls is not None else None,
                    "never_read": one.of_class,
                }
            )
            continue
        marks = "  withdrawn" if one.withdrawn else ""
        marks += "  may say the class that is never read" if one.entitled else ""
        marks += f"  class {one.cls.label}" if one.cls else ""
        marks += f"  {one.of_class:,} of the class {CLASS}" if one.of_class else ""
        removals = count(one.removals, "removal")
        say(f"{visible(one.name)}  {removals}, {one.in_force:,} in force{marks}")
    if not as_json and not found:
        note("No lists. `reseen registry import --help`")


@click.command("withdraw-list")
@click.argument("name")
@why_option
@db_option
def withdraw_list(name: str, why: str, db: str | None) -> None:
    """Withdraw all that the list NAME says. What other lists say stays in force."""
    from reseen.operations.removals import withdraw_list as take_out

    change(take_out, name, why, db, "withdrawn")


@click.command("restore-list")
@click.argument("name")
@why_option
@db_option
def restore_list(name: str, why: str, db: str | None) -> None:
    """Put the withdrawn list NAME back in force."""
    from reseen.operations.removals import restore_list as put_in

    change(put_in, name, why, db, "in force")


@click.command("take-back")
@click.argument("claim")
@why_option
@db_option
def take_back(claim: str, why: str, db: str | None) -> None:
    """Take the CLAIM (rm-4f7k2q9d/2) out of use, and judge its sightings again.

    `reseen registry show` numbers the claims: rows of lists, and what was learned from bytes.
    """
    from reseen.operations.removals import take_back as take_out

    change(take_out, claim, why, db, "out of use")


@click.command("put-back")
@click.argument("claim")
@why_option
@db_option
def put_back(claim: str, why: str, db: str | None) -> None:
    """Put the CLAIM that was taken back in use again."""
    from reseen.operations.removals import put_back as put_in

    change(put_in, claim, why, db, "in use")


@click.command("settle")
@click.argument("claim")
@why_option
@db_option
def settle(claim: str, why: str, db: str | None) -> None:
    """Leave the CLAIM as it is, though a file that was read contradicts it.

    A claim of which a file has one digest and not another gives that file nothing, and waits here
    for a person. To take it out of use instead: reseen registry take-back.
    """
    from reseen.operations.removals import settle_contradiction

    settings = settings_for(db)
    with open_store(settings) as store:
        waited = settle_contradiction(store, keyring_if_any(store, settings), claim, why)
    say(f"{claim}: looked at" if waited else f"{claim}: nothing contradicts it")
