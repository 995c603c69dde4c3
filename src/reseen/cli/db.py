"""`reseen db`: upgrade the database."""

from __future__ import annotations

import click

from reseen.cli.common import db_option, emit, json_option, say, settings_for
from reseen.cli.lazy import LazyGroup


@click.group(cls=LazyGroup, verbs={})
def db() -> None:
    """The database: upgrade."""


@db.command()
@db_option
@json_option
def upgrade(db: str | None, as_json: bool) -> None:
    """Upgrade the database to the schema of this version, completely or not at all."""
    from reseen.store.database import HEAD, Store

    with Store(settings_for(db).db, upgrade=True) as store:
        before, place = store.found, store.place
    if as_json:
        emit({"from": before, "to": HEAD, "changed": before != HEAD})
    elif before is None:
        say(f"Made a new registry: {place} (schema {HEAD})")
    elif before == HEAD:
        say(f"{place} is already at schema {HEAD}")
    else:
        say(f"Upgraded {place} from schema {before} to {HEAD}")
