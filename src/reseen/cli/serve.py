"""`reseen serve`: the pages for reviewers and the gate, in one command."""

from __future__ import annotations

from contextlib import suppress

import click

from reseen.cli.common import db_option, note, open_or_make, settings_for
from reseen.cli.user import MISSING
from reseen.errors import StoreError
from reseen.settings import Settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8321,
    show_default=True,
    help="The port; 0 takes any free one.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Worker processes that answer requests.",
)
@click.option("--no-jobs", is_flag=True, help="Do not run scans and rechecks in this process.")
@click.option(
    "--trusted-proxy",
    metavar="ADDRESS",
    multiple=True,
    help="Trust X-Forwarded-* headers from this proxy address. Can be given more than once.",
)
@click.option(
    "--insecure", is_flag=True, help="Listen beyond localhost although there is no HTTPS."
)
@db_option
def serve(
    host: str,
    port: int,
    workers: int,
    no_jobs: bool,
    trusted_proxy: tuple[str, ...],
    insecure: bool,
    db: str | None,
) -> None:
    """Serve the review pages and the upload gate.

    Runs until Ctrl-C. While there is no user it says a link, which works once: whoever opens it
    becomes the first administrator. Speaks plain HTTP: put a proxy with https before it, and say
    its address in RESEEN_URL. See docs/service.md.
    """
    try:
        from reseen.web.serve import Listening, check, has_users
        from reseen.web.serve import serve as run
    except ImportError as e:
        if (e.name or "").startswith("reseen"):
            raise
        raise MISSING from None
    settings = settings_for(db)
    listening = Listening(host, port, workers, not no_jobs, trusted_proxy, insecure)
    check(settings, listening)
    with suppress(StoreError), open_or_make(settings):
        pass  # what is wrong with it is said below, where the gate may begin without it
    _say_where_the_key_is(settings)
    # Only once it listens: a new link ends the one before, which may be another service's.
    run(
        settings,
        listening,
        lambda url: _say_ready(url, None if has_users(settings) else _first_link(settings)),
    )


def _say_where_the_key_is(settings: Settings) -> None:
    """Who takes the folder, or its backup, takes both: a service is told, with the remedy."""
    where = settings.key_beside_store()
    if where is None:
        return
    note(f"The sealing key and the database it protects lie in one folder: {where}")
    note("Whoever takes that folder, or a backup of it, can read every name. Move the key:")
    note(f"  install -d -m 700 KEYS && mv {settings.key_file} KEYS/reseen.key")
    note("and say where it is: RESEEN_KEY_FILE=KEYS/reseen.key")


def _first_link(settings: Settings) -> str | None:
    """The path of the link by which the first administrator comes in, where nobody can yet."""
    from reseen.operations import invitations
    from reseen.store.database import Store

    with Store(settings.db) as store:
        token = invitations.first(store)
    return None if token is None else f"/join/{token}"


def _say_ready(url: str, first: str | None) -> None:
    note(f"Reseen is at {url}  (Ctrl-C stops it)")
    if first is not None:
        note("Nobody can sign in yet. Make the first administrator here; the link works once:")
        note(f"  {url}{first}")
