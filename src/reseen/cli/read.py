"""`reseen read`: known copies that nobody has read, without walking a hub."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from reseen.cli.common import (
    about,
    db_option,
    keyring_if_any,
    note,
    open_store,
    settings_for,
)
from reseen.cli.exit_codes import ExitCode, finish, tell
from reseen.cli.hub import (
    Output,
    account_of,
    as_value,
    byte_count,
    endpoint_option,
    hub_named,
    hubs_in_use,
    opener,
    output_options,
    repo_of,
)
from reseen.cli.scan_end import Ending, ShownFindings, said_of_unread, say_refuted, say_scan
from reseen.errors import InputError
from reseen.settings import HUGGING_FACE, Settings

if TYPE_CHECKING:
    from reseen.scan.target import Options, Target


@dataclass(frozen=True, slots=True)
class ReadGiven:
    """What to read, and how far, as it was given."""

    removal: str | None
    author: tuple[str, ...]
    repo: tuple[str, ...]
    confirm: str
    max_bytes: str

    def target(self, settings: Settings) -> Target:
        """Raises InputError."""
        from dataclasses import replace

        from reseen.scan.owed import EVERYTHING

        repos = tuple(str(repo_of(each, settings)) for each in self.repo)
        authors = tuple(str(account_of(each, settings)) for each in self.author)
        return replace(EVERYTHING, repos=repos, authors=authors, removal=self.removal)

    def options(self) -> Options:
        from dataclasses import replace

        from reseen.scan.owed import AS_ASKED
        from reseen.scan.target import Confirm

        level = Confirm.NONE if self.confirm == "asked" else Confirm(self.confirm)
        edited = level is not Confirm.NONE
        most = byte_count(self.max_bytes)
        return replace(AS_ASKED, confirm=level, edited=edited, max_scan_bytes=most)


@click.command()
@click.argument("hub", required=False)
@as_value(
    "given",
    ReadGiven,
    click.option("--removal", metavar="ID", help="Only where this removal was found."),
    click.option("--author", multiple=True, metavar="ACCOUNT", help="Only of this account."),
    click.option("--repo", multiple=True, metavar="OWNER/NAME", help="Only this repository."),
    click.option(
        "--confirm",
        type=click.Choice(["asked", "header", "full"]),
        default="asked",
        show_default=True,
        help="How far to read: as far as scans asked before, the header, or all bytes.",
    ),
    click.option(
        "--max-bytes",
        default="64GB",
        show_default=True,
        metavar="SIZE",
        help="Bytes of files to read in all: 500MB, 64GB.",
    ),
)
@endpoint_option
@db_option
@output_options
def read(
    hub: str | None, given: ReadGiven, endpoint: str | None, db: str | None, output: Output
) -> None:
    """Read known copies that are not read yet: at HUB alone, or at each hub of the settings.

    Nothing is listed and no account is walked. What a removal that was imported after a scan needs
    to be confirmed, and to be found again when it is altered, is read now.
    """
    from reseen.cli.progress import scan_progress
    from reseen.operations.reading import read_known
    from reseen.registry.removals import by_id
    from reseen.scan.unread_copies import in_store

    settings = settings_for(db)
    if hub is not None and hub.strip().lower() == "folder":
        raise InputError(
            "a folder is no hub that can be asked",
            remedy="`reseen scan folder PATH` reads every file there; git lfs pull brings those of "
            "which only a pointer is there.",
        )
    target = given.target(settings)
    with open_store(settings) as store:
        asked = hubs_in_use(settings, store)
        if hub is not None or endpoint is not None:
            asked = (hub_named(hub or HUGGING_FACE, settings, endpoint),)
        if given.removal is not None:
            with store.read() as connection:
                by_id(connection, given.removal)  # a mistyped id is an error, and nothing to read
        keyring = keyring_if_any(store, settings)
        for each in asked:
            with about(each.endpoint), scan_progress(output) as progress:
                shown = ShownFindings(progress.found)
                outcome = read_known(
                    store,
                    keyring,
                    opener(each, store),
                    target,
                    given.options(),
                    report=progress.report,
                    found=shown.found,
                )
            if not output.silent and len(asked) > 1:
                note(f"{each.host}:")
            ending = Ending(
                silent=output.silent,
                as_json=output.as_json,
                where=each.endpoint,
                said_of_address=each.said_of_address,
                walks=False,
            )
            say_refuted(shown.refuted(outcome), as_json=output.as_json)
            say_scan(store, outcome, None, ending)
            if not outcome.ended:
                break
        left = in_store(store)
        if left.asked or left.refused:
            tell(ExitCode.PART)
        if not output.silent:
            said_of_unread(left)
    finish()
