"""`reseen db`: the store itself."""

from __future__ import annotations

import click

from reseen.cli.common import db_option, emit, json_option, settings_for
from reseen.cli.lazy import LazyGroup


@click.group(cls=LazyGroup, verbs={})
def db() -> None:
    """The store itself: upgrade."""


@db.command()
@db_option
@json_option
def upgrade(db: str | None, as_json: bool) -> None:
    """Bring the store to the schema of this Reseen. Done as a whole or not at all."""
    from reseen.store.database import HEAD, Store

    with Store(settings_for(db).db, upgrade=True) as store:
        before = store.found
    if as_json:
        emit({"from": before, "to": HEAD, "changed": before != HEAD})
    elif before is None:
        click.echo(f"made a new store at schema {HEAD}")
    elif before == HEAD:
        click.echo(f"the store is at schema {HEAD} already")
    else:
        click.echo(f"brought the store from schema {before} to {HEAD}")
