"""`reseen lookup`: find removals by a name, a link or a digest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from reseen.cli.common import (
    count,
    db_option,
    emit,
    given_lines,
    json_option,
    keyring_for_names,
    keyring_if_any,
    look_into,
    must_record,
    note,
    reveal_option,
    say,
    settings_for,
)
from reseen.cli.exit_codes import ExitCode, finish, tell

if TYPE_CHECKING:
    from reseen.registry.lookup import FoundRemoval
    from reseen.store.database import Store
    from reseen.store.sealing import Keyring


@click.command()
@click.argument("query")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    help="Removals to show at most.",
)
@db_option
@json_option
@reveal_option
def lookup(query: str, limit: int, db: str | None, as_json: bool, reveal: bool) -> None:
    """Find removals by QUERY: a name, a former link in any spelling, or any digest.

    Digests may be long (SHA-256, BLAKE3, Xet, git SHA-1) or short (AutoV1, AutoV2, AutoV3, CRC32).
    Names and links are sealed, so they are found as a whole only: half a name finds nothing.
    Answers with the removal and where it was seen again. Exits 0 also when nothing is found, and 3
    when not everything could be searched.
    "-" takes queries from standard input, one a line: so no name stands in the shell's history.
    """
    settings = settings_for(db)
    with look_into(settings) as store:
        if reveal:
            must_record(store, "names are not shown")
        keyring = keyring_for_names(store, settings) if reveal else keyring_if_any(store, settings)
        queries = given_lines(query)
        for number, each in queries:
            line = number if len(queries) > 1 else None
            _look_up(store, keyring, each, _Asked(limit, as_json, reveal, line))
    finish()


@dataclass(frozen=True, slots=True)
class _Asked:
    limit: int
    as_json: bool
    reveal: bool
    line: int | None
    """Which of several lines of standard input it is: the query itself may be a name."""


def _look_up(store: Store, keyring: Keyring | None, query: str, asked: _Asked) -> None:
    from reseen.cli.findings import removal_fields, removal_text
    from reseen.registry.lookup import find

    answer = find(store, keyring, query, limit=asked.limit)
    if answer.not_searched:
        tell(ExitCode.PART)
    if asked.line is not None and not asked.as_json:
        say(f"Line {asked.line}:")
    for found in answer.found:
        names = None
        if asked.reveal and keyring is not None:
            from reseen.operations.removals import reveal as open_names

            names = open_names(store, keyring, found.removal.id)
        if asked.as_json:
            from reseen.report.rows import row

            line = {} if asked.line is None else {"line": asked.line}
            told = {"how": found.how, "sightings": [row(s) for s in found.sightings]}
            emit(line | removal_fields(found.removal, names) | told)
        else:
            _say(found, removal_text(found.removal, names) if names else None)
    if not asked.as_json:
        if not answer.found:
            say(
                "Not found in what was searched." if answer.not_searched else "Not in the registry."
            )
            note("Names and links must be complete; digests need at least their first 8 digits.")
        if answer.not_searched:
            note(f"Not searched: {answer.not_searched}.")
        if answer.more:
            note(f"There are more than {count(asked.limit, 'removal')}; raise --limit to see them.")


def _say(found: FoundRemoval, revealed: str | None) -> None:
    from reseen.cli.findings import removal_line, sighting_line
    from reseen.records import Rung

    say(revealed or removal_line(found.removal))
    for how in found.how:
        say(f"  by {how}")
    for sighting in found.sightings:
        seen = "seen again" if sighting.rung.on_ladder else "not a copy"
        if sighting.rung is Rung.UNSUPPORTED:
            seen = "no longer so"
        say(f"  {seen}: {sighting_line(sighting)}")
    if not any(sighting.rung.on_ladder for sighting in found.sightings):
        say("  not seen again so far")
