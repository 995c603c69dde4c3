"""`reseen blind`: files of which something was not read, with the reasons."""

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
@click.option("--scan", "number", type=click.IntRange(1), help="Only those that this scan read.")
@click.option(
    "--all", "everything", is_flag=True, help="Also those whose weights were judged in part."
)
@db_option
@json_option
def blind(number: int | None, everything: bool, db: str | None, as_json: bool) -> None:
    """List files whose weights could not be judged: by which rungs they could be, what was not
    read, and why.

    An exact copy of a removal would be known among them by its digest; an altered one would not.
    Places are as the hub or the folder gave them: they can hold a name.
    """
    from reseen.cli.findings import blind_fields
    from reseen.observed import blind_spots
    from reseen.scan import left_out

    shown = 0
    with look_into(settings_for(db)) as store, store.read() as connection:
        if number is not None and not left_out.exists(connection, number):
            raise NotFound.of("scan", str(number), "Leave --scan away for all of them.")
        for file in blind_spots.files(connection, number, unjudged=not everything):
            shown += 1
            artifact = file.artifact
            if as_json:
                emit(blind_fields(file))
                continue
            place = f"{artifact.hub} {artifact.repo} {artifact.path}"
            say(f"{visible(place)}: judged{visible(str(file.judged))}")
    if not as_json:
        note(f"{count(shown, 'file')} that not every rung could judge" if shown else "none")
