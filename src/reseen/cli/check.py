"""`reseen check`: local files against the registry, for people and for scripts."""

from __future__ import annotations

from pathlib import Path

import click

from reseen.cli import EXIT_ERROR, EXIT_MATCH
from reseen.cli.common import (
    db_option,
    emit,
    json_option,
    keyring_if_any,
    note,
    open_store,
    quiet_option,
    settings_for,
)
from reseen.errors import FileError
from reseen.report.rows import visible


@click.command()
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@db_option
@json_option
@quiet_option
def check(files: tuple[Path, ...], db: str | None, as_json: bool, quiet: bool) -> None:
    """Say which FILEs are removed models.

    Exits 0 when nothing matched, 1 on a match (a hint alone is none), 2 when a file could not be
    read and nothing else matched.
    """
    from reseen.cli.findings import match_fields, rung_text
    from reseen.cli.progress import bytes_bar
    from reseen.fingerprints.digests import fingerprint
    from reseen.match.known import Known
    from reseen.records import Rung

    matched = failed = False
    settings = settings_for(db)
    with open_store(settings) as store, store.read() as connection:
        known = Known.load(connection, keyring_if_any(store, settings))
    if not known:
        note("The registry is empty: nothing can match. `reseen registry import --help`")
    for path in files:
        try:
            with bytes_bar(f"Reading {path.name}", quiet=quiet or as_json) as progress:
                found = fingerprint(path, progress)
        except FileError as e:
            failed = True
            if as_json:
                emit({"path": str(path), "error": str(e), "problem": None, "matches": []})
            else:
                note(f"{visible(str(path))}: {e}")
            continue
        matches = known.match_fingerprint(found)
        matched = matched or any(m.rung > Rung.HINT for m in matches)
        if as_json:
            emit(
                {
                    "path": str(path),
                    "error": None,
                    "problem": found.problem,
                    "matches": [match_fields(m) for m in matches],
                }
            )
            continue
        for match in matches:
            click.echo(
                f"{visible(str(path))}: {rung_text(match.rung)} {match.removal}  {match.why}"
            )
        if not matches and not quiet:
            limit = f" by the digests of the whole file; {found.problem}" if found.problem else ""
            click.echo(f"{visible(str(path))}: no match{visible(limit)}")
    raise click.exceptions.Exit(EXIT_MATCH if matched else EXIT_ERROR if failed else 0)
