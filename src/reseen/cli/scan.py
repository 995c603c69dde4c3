"""`reseen scan`: look for removed models at a hub, or in a folder."""

from __future__ import annotations

from pathlib import Path

import click

from reseen.cli.common import (
    about,
    db_option,
    emit,
    json_option,
    keyring_if_any,
    open_or_make,
    quiet_option,
    settings_for,
)
from reseen.cli.hub import (
    depth_options,
    endpoint_option,
    open_hugging_face,
    options_of,
    target_of,
    target_options,
)
from reseen.cli.lazy import LazyGroup
from reseen.cli.scan_end import Ending, exit_code_option, finish_scan, strict_option
from reseen.records import Sighting


@click.group(cls=LazyGroup, verbs={})
def scan() -> None:
    """Look for removed models: at a hub (hf), or on disk (folder)."""


@scan.command()
@target_options
@depth_options
@strict_option
@exit_code_option
@endpoint_option
@db_option
@json_option
@quiet_option
def hf(
    repos: tuple[str, ...],
    author: tuple[str, ...],
    repos_file: Path | None,
    since: str | None,
    everything: bool,
    types: str,
    confirm: str,
    refs: bool,
    no_follow: bool,
    max_bytes: str,
    background: int,
    strict: bool,
    exit_code: bool,
    endpoint: str | None,
    db: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Scan the Hugging Face Hub: repositories, accounts, what is new, or everything.

    Stop it at any moment; the same command goes on where it was. HF_TOKEN raises the quota.
    """
    from reseen.cli.progress import scan_progress
    from reseen.operations.scans import scan_hub

    target = target_of(repos, author, repos_file, since, everything, types)
    options = options_of(confirm, refs, no_follow, max_bytes, background)
    settings = settings_for(db)
    open_hub = open_hugging_face(settings, endpoint)
    with open_or_make(settings) as store:
        keyring = keyring_if_any(store, settings)
        where = endpoint or settings.hubs[0].endpoint
        with about(where), scan_progress(quiet=quiet, as_json=as_json) as shown:
            outcome = scan_hub(
                store,
                keyring,
                open_hub,
                target,
                options,
                report=shown.report,
                found=shown.found,
            )
        asked = Ending(repos, strict, exit_code, silent=quiet or as_json)
        finish_scan(store, outcome, target, asked)


@scan.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes. Default: one a core.")
@exit_code_option
@db_option
@json_option
@quiet_option
def folder(
    path: Path,
    jobs: int | None,
    exit_code: bool,
    db: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Scan a folder, or a local Hub cache: every file of 1 KiB or more, by content, not name."""
    from reseen.cli.progress import scan_progress
    from reseen.operations.scans import scan_folder

    settings = settings_for(db)
    with open_or_make(settings) as store:
        keyring = keyring_if_any(store, settings)
        with about(path), scan_progress(quiet=quiet, as_json=as_json) as shown:
            outcome = scan_folder(
                store, keyring, path, jobs=jobs, report=shown.report, found=shown.found
            )
        finish_scan(store, outcome, None, Ending(exit_code=exit_code, silent=quiet or as_json))


def show_sighting(sighting: Sighting, *, as_json: bool) -> None:
    """A new sighting, as it is found."""
    from reseen.cli.findings import sighting_line
    from reseen.report.rows import row

    if as_json:
        emit(row(sighting))
    else:
        click.echo(sighting_line(sighting))
