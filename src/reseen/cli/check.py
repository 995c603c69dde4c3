"""`reseen check`: local files against the registry, for people and for scripts."""

from __future__ import annotations

from pathlib import Path

import click

from reseen.cli.common import (
    db_option,
    emit,
    json_option,
    keyring_if_any,
    look_into,
    note,
    quiet_option,
    settings_for,
)
from reseen.cli.exit_codes import ExitCode, finish, tell
from reseen.errors import FileError, InputError
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

    Exits 0 when nothing matched, 1 on a match (a hint alone is none), 2 when a file cannot be read
    or the registry is missing or empty, 3 when a file was judged only by the digests of its bytes
    because its contents are damaged.
    """
    from reseen.cli.findings import match_fields, rung_text
    from reseen.cli.progress import bytes_bar
    from reseen.fingerprints.digests import fingerprint
    from reseen.match.known import Known
    from reseen.records import Container, Rung

    settings = settings_for(db)
    with look_into(settings) as store:
        keyring = keyring_if_any(store, settings)
        with store.read() as connection:
            known = Known.load(connection, keyring)
        if not known:
            raise InputError(
                f"the registry at {store.place} is empty: nothing can match",
                remedy="Import a list of removed models: reseen registry import --help",
            )
    for path in files:
        try:
            with bytes_bar(f"Reading {path.name}", quiet=quiet or as_json) as progress:
                found = fingerprint(path, progress)
        except FileError as e:
            tell(ExitCode.CANNOT)
            if as_json:
                emit({"path": str(path), "error": str(e), "problem": None, "matches": []})
            else:
                note(f"{visible(str(path))}: {e}")
            continue
        matches = known.match_fingerprint(found)
        if any(m.rung > Rung.HINT for m in matches):
            tell(ExitCode.MATCH)
        if found.problem and found.container is not Container.UNKNOWN:
            tell(ExitCode.PART)  # a model file whose contents could not be compared
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
    finish()
