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
    safe,
    settings_for,
)
from reseen.errors import FileError


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
    from reseen.match.known import Known
    from reseen.match.local import match_local
    from reseen.records import Rung

    matched = failed = False
    settings = settings_for(db)
    with open_store(settings) as store, store.read() as connection:
        known = Known.load(connection, keyring_if_any(store, settings))
    for path in files:
        try:
            with bytes_bar(f"Reading {path.name}", quiet=quiet or as_json) as progress:
                matches = match_local(path, known, progress)
        except FileError as e:
            failed = True
            if as_json:
                emit({"path": str(path), "error": str(e), "matches": []})
            else:
                note(f"{safe(str(path))}: {e}")
            continue
        matched = matched or any(m.rung > Rung.HINT for m in matches)
        if as_json:
            emit({"path": str(path), "error": None, "matches": [match_fields(m) for m in matches]})
            continue
        for match in matches:
            click.echo(f"{safe(str(path))}: {rung_text(match.rung)} {match.removal}  {match.why}")
        if not matches and not quiet:
            click.echo(f"{safe(str(path))}: no match")
    raise click.exceptions.Exit(EXIT_MATCH if matched else EXIT_ERROR if failed else 0)
