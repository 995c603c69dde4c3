"""`reseen recheck`: do known sightings still stand?"""

from __future__ import annotations

import click

from reseen.cli.common import count, db_option, emit, json_option, note, open_store, settings_for
from reseen.cli.exit_codes import ExitCode, finish
from reseen.cli.hub import endpoint_option, open_hugging_face
from reseen.scan.recheck import Change


@click.command()
@click.option("--removal", metavar="ID", help="Only of this removal.")
@click.option("--author", metavar="ACCOUNT", help="Only of this account.")
@click.option("--repo", metavar="OWNER/NAME", help="Only in this repository.")
@endpoint_option
@db_option
@json_option
def recheck(
    removal: str | None,
    author: str | None,
    repo: str | None,
    endpoint: str | None,
    db: str | None,
    as_json: bool,
) -> None:
    """Ask the Hub whether known sightings still stand.

    Reads no file. A sighting is gone after two answers that say so.
    """
    from reseen.observed.sightings import Filter
    from reseen.operations.rechecks import recheck as ask_again

    settings = settings_for(db)
    which = Filter(removal=removal, author=author, repo=repo)
    with open_store(settings) as store:
        ended = ask_again(
            store,
            open_hugging_face(settings, endpoint),
            which,
            told=lambda change: show_change(change, as_json=as_json),
        )
    came = ended.rechecked
    if not as_json:
        states = ", ".join(f"{n:,} {state.value}" for state, n in came.states.items() if n)
        note(f"Asked about {count(came.asked, 'sighting')}: {states or 'none'}")
        for each in ended.notices:
            note(f"Notice {each.id} is {each.state.value}")
    if came.stopped:
        note("It was stopped; run the same command again for the rest.")
        finish(ExitCode.STOPPED)


def show_change(change: Change, *, as_json: bool) -> None:
    """One line a change of state."""
    from reseen.cli.findings import sighting_line
    from reseen.report.rows import row

    if as_json:
        emit(row(change.sighting) | {"was": change.was.value})
    else:
        arrow = f"{change.was.value} -> {change.sighting.state.value}"
        click.echo(f"{arrow:<22} {sighting_line(change.sighting)}")
