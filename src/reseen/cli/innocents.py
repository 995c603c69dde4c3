"""`reseen registry negative`: known innocents, which merges have in them beside removals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reseen.cli.common import (
    about,
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
from reseen.cli.lazy import LazyGroup
from reseen.texts import visible

if TYPE_CHECKING:
    from reseen.operations.consequences import Followed
    from reseen.registry.innocents import Innocent
    from reseen.store.database import Store

_AS = click.option("--as", "user", metavar="USER", required=True, help="Who says it (recorded).")


@click.group(cls=LazyGroup, verbs={})
def negative() -> None:
    """Known innocents: adapters that many merges have in them, and that accuse nobody.

    An accelerator, a general face adapter, a popular style. What a merge has of them is told from
    what it has of a removal. Two people say so; each act is recorded.
    """


@negative.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Which adapter it is: shown to all who sign in.")
@_AS
@why_option
@db_option
@json_option
def add(path: Path, name: str, user: str, why: str, db: str | None, as_json: bool) -> None:
    """Propose the adapter in FILE as a known innocent.

    Nothing changes until a second person confirms it. A file that a removal is, is like, or may be
    inside of is refused: it would hide that one. Nothing is kept of its weights.
    """
    from reseen.cli.progress import bytes_bar
    from reseen.operations.innocents import propose
    from reseen.review.roles import by_name

    settings = settings_for(db)
    with open_store(settings) as store:
        with store.read() as connection:
            who = by_name(connection, user)
        with bytes_bar("Reading", quiet=as_json) as progress, about(path):
            keyring = keyring_if_any(store, settings)
            id = propose(store, keyring, path, name, why, by=who, progress=progress)
        if as_json:
            emit({"innocent": id, "state": "proposed"})
            return
    say(f"{id}: proposed")
    note(f"A second person confirms it: reseen registry negative confirm {id}")


@negative.command()
@click.argument("id")
@_AS
@why_option
@db_option
def confirm(id: str, user: str, why: str, db: str | None) -> None:
    """Confirm the innocent ID that somebody else proposed: it is in use from now on.

    Files that were asked for parts of merges are asked again. A sighting on the rung component that
    rested on not knowing it falls.
    """
    from reseen.operations.innocents import confirm as act
    from reseen.review.roles import by_name

    settings = settings_for(db)
    with open_store(settings) as store:
        with store.read() as connection:
            who = by_name(connection, user)
        done = act(store, keyring_if_any(store, settings), id, why, by=who)
        say(f"{visible(id)}: in use")
        _tell(store, done)


@negative.command()
@click.argument("id")
@_AS
@why_option
@db_option
def remove(id: str, user: str, why: str, db: str | None) -> None:
    """Take the innocent ID out, or a proposal: what it hid is found again."""
    from reseen.operations.innocents import remove as act
    from reseen.review.roles import by_name

    settings = settings_for(db)
    with open_store(settings) as store:
        with store.read() as connection:
            who = by_name(connection, user)
        done = act(store, keyring_if_any(store, settings), id, why, by=who)
        say(f"{visible(id)}: removed")
        _tell(store, done)


@negative.command("list")
@db_option
@json_option
def list_(db: str | None, as_json: bool) -> None:
    """List known innocents: which are in use, which wait, which a removal took out of use."""
    from reseen.registry import innocents
    from reseen.review import roles

    with look_into(settings_for(db)) as store, store.read() as connection:
        every = innocents.every(connection)
        named = roles.names(connection)
    for one in every:
        if as_json:
            emit(innocent_fields(one, named))
        else:
            say(f"{one.id}  {one.state.value:<10}  {visible(one.name)}")
            for close in one.near[:3]:
                note(f"  {close.why}")
    if not as_json:
        note(count(len(every), "innocent") if every else "No known innocents.")


def innocent_fields(one: Innocent, named: Mapping[int, str]) -> dict[str, object]:
    """As a documented JSON object. `named`: users, by their pks."""
    confirmed = one.confirmed_by
    return {
        "innocent": one.id,
        "name": one.name,
        "state": one.state.value,
        "architectures": list(one.architectures),
        "proposed_at": one.at.isoformat(),
        "proposed_by": named.get(one.proposed_by),
        "confirmed_at": None if one.confirmed_at is None else one.confirmed_at.isoformat(),
        "confirmed_by": None if confirmed is None else named.get(confirmed),
        "near": [{"removal": each.removal, "rung": each.rung.label} for each in one.near],
    }


def _tell(store: Store, done: Followed) -> None:
    """What followed from an act."""
    from reseen.cli.consequences import show_past

    show_past(store, done.sightings, None, quiet=False)
    if done.fallen:
        note(f"{count(done.fallen, 'sighting')} no longer found inside a merge.")
    for moved in done.notices:
        note(f"Notice {moved.id} is {moved.state.value}")
