"""`reseen scan`: look for removed models at a hub, or in a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reseen.cli.common import (
    about,
    count,
    db_option,
    keyring_if_any,
    note,
    open_or_make,
    say_if_empty,
    settings_for,
)
from reseen.cli.exit_codes import ExitCode, tell
from reseen.cli.hub import (
    HUB,
    HubGroup,
    Output,
    TargetGiven,
    depth_options,
    endpoint_option,
    hub_named,
    opener,
    output_options,
    target_of,
    target_options,
)
from reseen.cli.scan_end import (
    Ending,
    ShownFindings,
    ending_options,
    ending_options_of_files,
    finish_scan,
)
from reseen.errors import InputError

if TYPE_CHECKING:
    from reseen.scan.target import Options


@click.group(cls=HubGroup, verbs={})
def scan() -> None:
    """Look for removed models: at a hub, by its name (hf), or on disk (folder)."""


@scan.command(HUB)
@target_options
@depth_options
@ending_options
@endpoint_option
@db_option
@output_options
def at_hub(
    given: TargetGiven,
    options: Options,
    ending: Ending,
    endpoint: str | None,
    db: str | None,
    output: Output,
) -> None:
    """Scan a hub: repositories, accounts, what is new, or everything.

    HUB is its name: hf or huggingface for the Hugging Face Hub, another of the settings, or its
    host. A repository is OWNER/NAME, or the address of its page.

    Stop it at any moment; the same command goes on where it was. A token raises the quota.
    """
    from reseen.cli.progress import scan_progress
    from reseen.operations.scans import scan_hub
    from reseen.scan.target import Confirm

    settings = settings_for(db)
    name = click.get_current_context().info_name or HUB
    hub = hub_named(name, settings, endpoint, others=["folder"])
    read = target_of(given, hub)
    target = read.target
    with open_or_make(settings) as store:
        say_if_empty(store)
        keyring = keyring_if_any(store, settings)
        with about(hub.endpoint), scan_progress(output) as progress:
            shown = ShownFindings(progress.found, exit_code=ending.exit_code)
            outcome = scan_hub(
                store,
                keyring,
                opener(hub, store),
                target,
                options,
                report=progress.report,
                found=shown.found,
            )
        for number in read.bad:
            note(f"{given.repos_file}, line {number}: no repository of {hub.host}; left out")
        if read.beside_main and not options.refs:
            note(
                f"{count(read.beside_main, 'address', 'addresses')} of a branch, tag, commit or "
                "pull request: only main was looked at; --refs looks at all of them."
            )
        if read.bad and ending.strict:
            tell(ExitCode.PART)
        asked = replace(
            ending,
            named=read.named,
            accounts=read.accounts,
            lines={repo: f"{given.repos_file}, line {n}" for repo, n in read.lines.items()},
            silent=output.silent,
            as_json=output.as_json,
            where=hub.endpoint,
            said_of_address=hub.said_of_address,
            confirms=options.confirm is not Confirm.NONE,
        )
        finish_scan(store, outcome, target, asked, shown)


@scan.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes. Default: one a core.")
@ending_options_of_files
@db_option
@output_options
def folder(
    path: Path | None, jobs: int | None, ending: Ending, db: str | None, output: Output
) -> None:
    """Scan a folder, or a local Hub cache: every file of 1 KiB or more, by content, not name.

    Without PATH: the cache of the Hub's own client (HF_HUB_CACHE). A Git LFS pointer is judged by
    the SHA-256 and size that it states.
    """
    from reseen.cli.progress import scan_progress
    from reseen.hubs.folder import walk
    from reseen.operations.scans import scan_folder

    settings = settings_for(db)
    if path is None:
        path = settings.hub_cache
        assert path is not None
        if not path.exists():
            raise InputError(
                f"no folder was named, and {path}, the cache of the Hub's own client, is not there",
                remedy="Name the folder to scan.",
            )
    with about(path):
        walk(path)  # nothing is made for the sake of a folder that is not there
    with open_or_make(settings) as store:
        say_if_empty(store)
        keyring = keyring_if_any(store, settings)
        asked = replace(ending, silent=output.silent, as_json=output.as_json)
        with about(path), scan_progress(output) as progress:
            shown = ShownFindings(progress.found, exit_code=ending.exit_code)
            outcome = scan_folder(
                store, keyring, path, jobs=jobs, report=progress.report, found=shown.found
            )
        finish_scan(store, outcome, None, asked, shown)
