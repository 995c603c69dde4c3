"""`reseen report`: what was found, to forward or to compute with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reseen.cli.common import (
    about,
    count,
    db_option,
    keyring_for_names,
    look_into,
    must_record,
    note,
    settings_for,
)
from reseen.cli.imports import columns_given
from reseen.errors import InputError

if TYPE_CHECKING:
    from reseen.report.gather import Findings

FORMATS = ("html", "csv", "jsonl", "xlsx", "pdf")


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
@click.option(
    "--blind",
    is_flag=True,
    help="Write files of which something was not read, and why, in place of sightings "
    "(a page and a workbook hold both).",
)
@click.option(
    "--rows",
    type=click.Path(path_type=Path),
    help="A list that was imported: say by its rows which of them each removal is.",
)
@click.option(
    "--map",
    "mapped",
    metavar="COLUMN=FIELD",
    multiple=True,
    help="How --rows reads a column, as with `registry import` (repeatable).",
)
@db_option
def report(
    out: Path,
    format_: str | None,
    locations: bool,
    blind: bool,
    rows: Path | None,
    mapped: tuple[str, ...],
    db: str | None,
) -> None:
    """Write a report: one self-contained HTML page, or a table.

    Locations (repository, revision, path, digest) are left out unless --locations is given; names
    are never included. The file is readable by you alone.
    """
    from reseen.observed import blind_spots
    from reseen.operations import exports, lists, reports
    from reseen.operations.reports import ReportAsked
    from reseen.registry.imports import ImportOptions
    from reseen.report import tables
    from reseen.report.blind_rows import BLIND_FIELDS, blind_rows
    from reseen.store.private_files import private

    chosen = format_ or _format_of(out)
    blind = blind and chosen in ("csv", "jsonl")
    settings = settings_for(db)
    with look_into(settings) as store:
        if locations:
            must_record(store, "locations are not written")
        asked = ReportAsked(chosen, locations=locations)
        findings = reports.found(store, asked)
        if rows is not None:
            keyring, options = (
                keyring_for_names(store, settings),
                ImportOptions(columns=columns_given(mapped)),
            )
            with about(rows):
                about_each = lists.rows_about(store, keyring, rows, options)
            findings = reports.with_rows(findings, about_each)
        with private(out) as path, store.read() as connection:
            not_read = blind_rows(blind_spots.files(connection), locations=locations)
            if not blind:
                reports.write(store, path, findings, asked, settings.pdf_font)
            elif chosen == "csv":
                tables.write_csv(path, not_read, BLIND_FIELDS)
            else:
                tables.write_jsonl(path, not_read)
        if store.reads_only:
            note("This export is not recorded: the registry can only be read.")
        else:
            what = "not read" if blind else "sightings"
            exports.report(store, chosen, len(findings.sightings), what, locations=locations)
    _say_written(findings, out, blind)
    if not locations:
        note("Without locations; --locations includes them.")


def _say_written(findings: Findings, out: Path, blind: bool) -> None:
    """What stands in the file: a sighting that accuses nobody is counted apart."""
    if blind:
        note(f"Wrote the files of which something was not read to {out}")
    else:
        counting = len(findings.counting)
        more = len(findings.sightings) - counting
        beside = f", and {more:,} that no longer count (withdrawn, refuted)" if more else ""
        note(f"Wrote {count(counting, 'sighting')}{beside} to {out}")
    if not findings.removals_in_force:
        note("No removal is in force: nothing could be found.")
    elif not (findings.scans or findings.sightings):
        note("No scan has run: nothing was looked at.")
    if findings.blind_count:
        of = "The weights of {} could not be judged: digests alone speak of them."
        note(of.format(count(findings.blind_count, "file")))


def _format_of(out: Path) -> str:
    """What the file's name ends in; a page where it ends in nothing. Raises InputError."""
    ending = out.suffix[1:].lower() or "html"
    ending = "html" if ending == "htm" else ending
    if ending not in FORMATS:
        raise InputError(
            f"no report is written as .{ending}",
            remedy="End the name in .html, .csv, .jsonl, .xlsx or .pdf, or give --format.",
        )
    return ending
