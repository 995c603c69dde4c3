"""`reseen problems`: what a scan could not look at, with its places."""

from __future__ import annotations

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
from reseen.errors import NotFound
from reseen.texts import visible


@click.command()
@click.option(
    "--scan", "number", type=click.IntRange(1), help="The scan's number. Default: the last."
)
@db_option
@json_option
def problems(number: int | None, db: str | None, as_json: bool) -> None:
    """List what a scan could not look at or judge, with places and reasons.

    Places are as the hub or the folder gave them: they can hold a name.
    """
    from reseen.scan import left_out

    shown = 0
    with look_into(settings_for(db)) as store, store.read() as connection:
        scan = left_out.latest(connection) if number is None else number
        if scan is None or not left_out.exists(connection, scan):
            raise NotFound.of("scan", str(number or ""), "The end of a scan says its number.")
        of = left_out.described(connection, scan)
        for problem in left_out.recorded(connection, scan):
            shown += 1
            if as_json:
                emit(
                    {
                        "scan": problem.scan,
                        "place": problem.place,
                        "reason": problem.reason,
                        "remedy": problem.remedy,
                        "at": problem.at,
                    }
                )
                continue
            say(f"{visible(problem.place)}: {visible(problem.reason)}")
            if problem.remedy:
                say(f"  {visible(problem.remedy)}")
    if not as_json:
        what = (
            f"{count(shown, 'place')} not looked at or not judged in full"
            if shown
            else "no problems"
        )
        note(f"Scan {scan} of {of}: {what}")
