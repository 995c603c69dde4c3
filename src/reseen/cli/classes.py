"""`reseen registry classify, entitle, propose-class, confirm-class`: the class of removals."""

from __future__ import annotations

from pathlib import Path

import click

from reseen.cli.common import (
    class_given,
    class_option,
    count,
    db_option,
    keyring_if_any,
    note,
    open_store,
    say,
    settings_for,
    why_option,
)
from reseen.errors import InputError
from reseen.texts import visible

AS = click.option("--as", "user", metavar="USER", required=True, help="Who says it (recorded).")


@click.command()
@click.argument("id", required=False)
@click.option("--list", "list_name", metavar="NAME", help="All that this list says, now and later.")
@class_option("Of which class.", required=True)
@why_option
@db_option
def classify(id: str | None, list_name: str | None, cls: str, why: str, db: str | None) -> None:
    """Say of which class the removal ID is, or all that a list says.

    The strictest class that anybody says counts at once. Of the class child-abuse-imagery nothing
    is read at hubs, sketched or learned: what was goes out of use. "other" takes back what was said
    here; a list's own word is taken back with take-back, or settled with propose-class.
    """
    from reseen.cli.consequences import show_past
    from reseen.operations.classes import classify as one
    from reseen.operations.classes import classify_list

    if (id is None) == (list_name is None):
        raise InputError("give one removal or one list", remedy="ID, or --list NAME.")
    act, what = (one, id) if id is not None else (classify_list, list_name)
    given = class_given(cls)
    assert what is not None
    assert given is not None
    settings = settings_for(db)
    with open_store(settings) as store:
        done = act(store, keyring_if_any(store, settings), what, given, why)
        say(f"{visible(what)}: class {cls}" + ("" if done.changed else " (it was already)"))
        show_past(store, done.sightings, None, quiet=False)
    for moved in done.notices:
        note(f"Notice {moved.id} is {moved.state.value}")
    for innocent in done.innocents:
        note(innocent.why)


@click.command()
@click.argument("name")
@click.option("--revoke", is_flag=True, help="It may not say it any more.")
@db_option
def entitle(name: str, revoke: bool, db: str | None) -> None:
    """Let the list NAME say the class child-abuse-imagery, so that the gate blocks for it.

    Whoever says it, nothing of that class is read. The gate blocks only where an entitled list says
    it, or two people settled it; else it holds. Recorded.
    """
    from reseen.operations.classes import entitle as act

    with open_store(settings_for(db)) as store:
        changed = act(store, name, revoked=revoke)
    state = "may not say" if revoke else "may say"
    say(f"{visible(name)} {state} the class" + ("" if changed else " (it was so already)"))


@click.command("propose-class")
@click.argument("claim")
@click.option("--counts/--false", "counts", required=True, default=None, help="What you found.")
@AS
@why_option
@db_option
def propose(claim: str, counts: bool, user: str, why: str, db: str | None) -> None:
    """Propose that what the CLAIM says of the class counts, or is false.

    Nothing changes until a second person confirms it: reseen registry confirm-class. A claim that
    counts lets the gate block; a false one makes the removal an ordinary one again.
    """
    from reseen.operations.classes import propose as act
    from reseen.review.roles import by_name

    settings = settings_for(db)
    with open_store(settings) as store:
        with store.read() as connection:
            who = by_name(connection, user)
        act(store, keyring_if_any(store, settings), claim, counts, why, by=who)
    say(f"{visible(claim)}: proposed; a second person confirms it")


@click.command("confirm-class")
@click.argument("claim")
@AS
@why_option
@db_option
def confirm(claim: str, user: str, why: str, db: str | None) -> None:
    """Confirm what somebody else proposed of the CLAIM's class: from now on it holds."""
    from reseen.cli.consequences import show_past
    from reseen.operations.classes import confirm as act
    from reseen.review.roles import by_name

    settings = settings_for(db)
    with open_store(settings) as store:
        with store.read() as connection:
            who = by_name(connection, user)
        done = act(store, keyring_if_any(store, settings), claim, why, by=who)
        say(f"{visible(claim)}: settled")
        show_past(store, done.sightings, None, quiet=False)


@click.command("export-class")
@click.option("--to", "recipient", metavar="NAME", required=True, help="The authority (recorded).")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="The file: JSON Lines where its name ends in .jsonl, CSV where it ends in .csv.",
)
@AS
@why_option
@db_option
def export(recipient: str, out: Path, user: str, why: str, db: str | None) -> None:
    """Write all digests of the class child-abuse-imagery to a file, for an authority.

    No other export holds them. Only an administrator can do it; who, for whom and how many is
    recorded in the audit log. The file is readable by you alone.
    """
    from reseen.operations.classes import export as act
    from reseen.review.roles import by_name

    settings = settings_for(db)
    with open_store(settings) as store:
        with store.read() as connection:
            who = by_name(connection, user)
        written = act(store, keyring_if_any(store, settings), out, recipient, why, by=who)
    note(f"Wrote {count(written, 'digest')} to {out}")
