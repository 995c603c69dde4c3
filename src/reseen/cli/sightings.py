"""`reseen sightings` and `reseen sighting`: what was found."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from reseen.cli.common import (
    count,
    db_option,
    emit,
    json_option,
    look_into,
    note,
    say,
    settings_for,
)
from reseen.cli.hub import as_value, repo_of
from reseen.records import LADDER, Rung, SightingState

if TYPE_CHECKING:
    from reseen.observed.sightings import SightingFilter

RUNGS = [rung.label for rung in reversed(LADDER) if rung > Rung.HINT]


def _at(hub: str | None, repo: str | None, author: str | None) -> SightingFilter:
    from reseen.observed.sightings import SightingFilter

    return SightingFilter(hub=hub, repo=repo, author=author)


def _which(
    removal: str | None, rung: str | None, state: tuple[str, ...], refuted: bool, withdrawn: bool
) -> SightingFilter:
    from reseen.observed.sightings import SightingFilter

    return SightingFilter(
        removal=removal,
        rung=Rung.of(rung) if rung else None,
        states=frozenset(map(SightingState, state)) if state else None,
        rungs=frozenset({Rung.REFUTED}) if refuted else None,
        withdrawn=None if withdrawn else False,
    )


@click.command()
@as_value(
    "at",
    _at,
    click.option(
        "--hub", metavar="NAME", help="Only at this hub: its name or its host, or folder."
    ),
    click.option("--repo", metavar="OWNER/NAME", help="Only in this repository."),
    click.option("--author", metavar="ACCOUNT", help="Only of this account."),
)
@as_value(
    "which",
    _which,
    click.option("--removal", metavar="ID", help="Only of this removal."),
    click.option("--rung", type=click.Choice(RUNGS), help="Only on this rung or a higher one."),
    click.option(
        "--state",
        type=click.Choice([s.value for s in SightingState]),
        multiple=True,
        help="Only in this state at the last check.",
    ),
    click.option("--refuted", is_flag=True, help="Only what reading refuted: these are no copies."),
    click.option(
        "--withdrawn",
        is_flag=True,
        help="Also sightings of withdrawn removals, and those that nothing supports any more.",
    ),
)
@db_option
@json_option
def sightings(at: SightingFilter, which: SightingFilter, db: str | None, as_json: bool) -> None:
    """List sightings, newest first, with exact locations.

    What reading refuted comes last and is counted apart.
    """
    from reseen.cli.findings import sighting_line
    from reseen.hubs.meant import stored_name_of
    from reseen.observed.sightings import SightingFilter, every
    from reseen.registry.removals import by_id
    from reseen.registry.removals import every as every_removal
    from reseen.report.rows import row

    settings = settings_for(db)
    hub = None if at.hub is None else stored_name_of(at.hub, settings)
    repo = repo_of(at.repo, settings)
    which = dataclasses.replace(which, hub=hub, repo=repo, author=at.author)
    off = [Rung.REFUTED, Rung.UNSUPPORTED] if which.withdrawn is None else [Rung.REFUTED]
    parts = [frozenset(LADDER), *(frozenset({mark}) for mark in off)]
    if which.rungs is not None:
        parts = [which.rungs]
    shown: dict[frozenset[Rung], int] = dict.fromkeys(parts, 0)
    with look_into(settings) as store, store.read() as connection:
        if which.removal is not None:
            by_id(connection, which.removal)  # a mistyped id is an error, and no empty list
        for part in parts:
            for sighting in every(connection, dataclasses.replace(which, rungs=part)):
                shown[part] += 1
                if as_json:
                    emit(row(sighting))
                else:
                    say(sighting_line(sighting))
        told = _counted(shown)
        if not told and which != SightingFilter(withdrawn=which.withdrawn):
            told = "No such sightings."
        elif not told and next(every_removal(connection, withdrawn=False), None) is None:
            told = "No sightings: no removal is in force. `reseen registry import --help`"
    if not as_json:
        note(told or "No sightings. `reseen scan hf --help`")


def _counted(shown: Mapping[frozenset[Rung], int]) -> str:
    """How many there are, what left the ladder apart."""
    told = []
    for part, times in shown.items():
        if times and len(part) == 1:
            told.append(f"{times:,} {next(iter(part)).label}")
        elif times:
            told.append(count(times, "sighting"))
    return ", and ".join(told)


@click.command()
@click.argument("id")
@db_option
@json_option
def sighting(id: str, db: str | None, as_json: bool) -> None:
    """Show the sighting ID with all its evidence."""
    from reseen.cli.findings import sighting_text
    from reseen.observed.sightings import by_id
    from reseen.report.rows import row

    with look_into(settings_for(db)) as store, store.read() as connection:
        found = by_id(connection, id)
    if as_json:
        evidence = [
            dataclasses.asdict(e) | {"rung": e.rung.label, "holds": e in found.standing}
            for e in found.evidence
        ]
        emit(row(found) | {"evidence": evidence})
    else:
        say(sighting_text(found))
