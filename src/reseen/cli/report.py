"""`reseen report`: what was found, to forward or to compute with."""

from __future__ import annotations

from pathlib import Path

import click

from reseen.cli.common import count, db_option, look_into, must_record, note, settings_for
from reseen.errors import InputError

FORMATS = ("html", "csv", "jsonl", "xlsx")


@click.command()
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write."
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="Default: what the file's name ends in.",
)
@click.option("--locations", is_flag=True, help="Include where the copies are. This is recorded.")
@db_option
def report(out: Path, format_: str | None, locations: bool, db: str | None) -> None:
    """Write a report: one self-contained HTML page, or a table.

    Locations (repository, revision, path, digest) are left out unless --locations is given; names
    are never included. The file is readable by you alone.
    """
    from reseen.operations import exports
    from reseen.report.gather import gather
    from reseen.report.rows import row
    from reseen.report.writing import private

    chosen = format_ or _format_of(out)
    with look_into(settings_for(db)) as store:
        if locations:
            must_record(store, "locations are not written")
        findings = gather(store)
        rows = (row(s, locations=locations) for s in findings.sightings)
        with private(out) as path:
            if chosen == "html":
                from reseen.report.html import render

                path.write_text(render(findings, locations=locations), "utf-8")
            else:
                from reseen.report import tables

                write = {
                    "csv": tables.write_csv,
                    "jsonl": tables.write_jsonl,
                    "xlsx": tables.write_xlsx,
                }[chosen]
                write(path, rows)
        if store.reads_only:
            note("This export is not recorded: the registry can only be read.")
        else:
            exports.report(store, chosen, len(findings.sightings), locations=locations)
    note(f"Wrote {count(len(findings.sightings), 'sighting')} to {out}")
    if not locations:
        note("Without locations; --locations includes them.")


def _format_of(out: Path) -> str:
    """What the file's name ends in; a page where it ends in nothing. Raises InputError."""
    ending = out.suffix[1:].lower() or "html"
    ending = "html" if ending == "htm" else ending
    if ending not in FORMATS:
        raise InputError(
            f"no report is written as .{ending}",
            remedy="End the name in .html, .csv, .jsonl or .xlsx, or give --format.",
        )
    return ending
