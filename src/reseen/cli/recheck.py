"""`reseen recheck`: ask hubs whether known sightings are still there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from reseen.cli.common import (
    about,
    count,
    db_option,
    emit,
    error_fields,
    json_option,
    note,
    open_store,
    say,
    settings_for,
)
from reseen.cli.exit_codes import ExitCode, finish, so_far, tell
from reseen.cli.hub import (
    account_of,
    as_value,
    endpoint_option,
    hub_named,
    opener,
    repo_of,
)
from reseen.records import SightingState
from reseen.scan.recheck import Change
from reseen.settings import HUGGING_FACE
from reseen.texts import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reseen.observed.sightings import SightingFilter
    from reseen.operations.rechecks import RecheckEnded


def _which(removal: str | None, author: str | None, repo: str | None) -> SightingFilter:
    from reseen.observed.sightings import SightingFilter

    return SightingFilter(removal=removal, author=author, repo=repo)


@click.command()
@click.argument("hub", required=False)
@as_value(
    "which",
    _which,
    click.option("--removal", metavar="ID", help="Only of this removal."),
    click.option("--author", metavar="ACCOUNT", help="Only of this account."),
    click.option("--repo", metavar="OWNER/NAME", help="Only in this repository."),
)
@endpoint_option
@db_option
@json_option
def recheck(
    hub: str | None, which: SightingFilter, endpoint: str | None, db: str | None, as_json: bool
) -> None:
    """Ask hubs whether known sightings are still there: HUB alone, or each hub of the settings.

    Reads no file. A sighting is gone after two answers that say so.
    """
    from reseen.hubs.kinds import stored_name
    from reseen.observed.sightings import by_hub
    from reseen.operations.rechecks import recheck as ask_again
    from reseen.registry.removals import by_id

    settings = settings_for(db)
    author = account_of(which.author, settings)
    which = replace(which, repo=repo_of(which.repo, settings), author=author)
    asked = settings.hubs
    if hub is not None or endpoint is not None:
        asked = (hub_named(hub or HUGGING_FACE, settings, endpoint),)
    with open_store(settings) as store:
        with store.read() as connection:
            if which.removal is not None:
                by_id(connection, which.removal)  # a mistyped id is an error, and no empty list
            known = by_hub(connection, which)
        there = [each for each in asked if known.pop(stored_name(each), 0)]
        for each in there:
            with about(each.endpoint):
                ended = ask_again(
                    store,
                    opener(each, store),
                    which,
                    on_change=lambda change: show_change(change, as_json=as_json),
                    gone_after=each.gone_after,
                )
            if ended.rechecked.states.get(SightingState.UNREACHABLE):
                tell(ExitCode.PART)
            if not as_json:
                _say(ended, each.host if len(there) > 1 else None)
            if ended.rechecked.stopped:
                note("It was stopped. Run the same command again to continue.")
                if as_json:
                    tell(ExitCode.STOPPED)
                    remedy = "Run the same command again to continue."
                    emit(error_fields("Stopped", "It was stopped.", remedy, so_far()))
                finish(ExitCode.STOPPED)
    if not there:
        note("Asked about nothing: no known sighting is at " + ", ".join(e.host for e in asked))
    if known and (hub is None or not there or which.removal is not None):
        _say_elsewhere(known)


def _say(ended: RecheckEnded, host: str | None) -> None:
    came = ended.rechecked
    states = ", ".join(f"{n:,} {state.value}" for state, n in came.states.items() if n)
    where = "" if host is None else f" at {host}"
    note(f"Asked about {count(came.asked, 'sighting')}{where}: {states or 'none'}")
    for each in ended.notices:
        note(f"Notice {each.id} is {each.state.value}")


def _say_elsewhere(known: Mapping[str, int]) -> None:
    """Known sightings that were not asked about, by hub."""
    from reseen.hubs.kinds import FOLDER, STORAGE

    for name, number in known.items():
        if name == FOLDER:
            note(f"{count(number, 'sighting')} on disk: `reseen scan folder` looks there again.")
            continue
        if name.startswith(STORAGE):
            there = f"in the storage {visible(name.removeprefix(STORAGE))}"
            note(f"{count(number, 'sighting')} {there}: `reseen sweep run` looks there again.")
            continue
        tell(ExitCode.PART)
        note(f"Not asked about {count(number, 'sighting')} at another hub, {visible(name)}.")


def show_change(change: Change, *, as_json: bool) -> None:
    """One line a change of state."""
    from reseen.cli.findings import sighting_line
    from reseen.report.rows import row

    if as_json:
        emit(row(change.sighting) | {"was": change.was.value})
    else:
        arrow = f"{change.was.value} -> {change.sighting.state.value}"
        state_note = f"  {change.sighting.state_note}" if change.sighting.state_note else ""
        say(f"{arrow:<22} {sighting_line(change.sighting)}{state_note}")
