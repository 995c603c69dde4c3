"""`reseen key`: API keys of the gate, with their permissions and rates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from reseen.cli.common import (
    count,
    db_option,
    emit,
    json_option,
    look_into,
    note,
    open_or_make,
    open_store,
    say,
    settings_for,
)
from reseen.cli.lazy import LazyGroup
from reseen.cli.user import MISSING

if TYPE_CHECKING:
    from reseen.cli.common import Opens
    from reseen.gate.keys import Key
    from reseen.store.database import Store

SCOPES = ("check", "file", "trusted", "metrics")


@click.group(cls=LazyGroup, verbs={})
def key() -> None:
    """The gate's API keys: add, list, revoke. Each is recorded."""


@key.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    default=("check",),
    show_default=True,
    help="Permission to grant; can be given more than once. `trusted`: digests sent with this key "
    "count as computed from the file's bytes.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, 100_000, min_open=True),
    default=50.0,
    show_default=True,
    help="Requests a second, in each worker.",
)
@db_option
@json_option
def add(name: str, scopes: tuple[str, ...], rate: float, db: str | None, as_json: bool) -> None:
    """Create a key for NAME and print it once."""
    with _store(db, open_or_make) as store:
        from reseen.gate.keys import KeyScope
        from reseen.operations.gate import make_key

        made, text = make_key(store, name, [KeyScope(s) for s in scopes], rate)
    if as_json:
        emit({"key": text, **_fields(made)})
        return
    say(text)
    note(f"{made.id}: store it now: it cannot be shown again. Send it as")
    note("  Authorization: Bearer rsk_...")


@key.command("list")
@db_option
@json_option
def list_(db: str | None, as_json: bool) -> None:
    """List the keys, without their secrets."""
    with _store(db, look_into) as store, store.read() as connection:
        from reseen.gate import keys

        found = keys.every(connection)
    from reseen.texts import visible

    for one in found:
        if as_json:
            emit(_fields(one))
            continue
        state = "revoked" if one.revoked_at else "in force"
        scopes = " ".join(sorted(one.scopes))
        say(f"{one.id}  {state:<9} {one.rate:>8g}/s  {scopes:<24} {visible(one.name)}")
    if not as_json:
        note(count(len(found), "key") if found else "No keys. `reseen key add --help`")


@key.command()
@click.argument("id")
@db_option
def revoke(id: str, db: str | None) -> None:
    """Revoke the key ID for good, within two seconds."""
    with _store(db) as store:
        from reseen.operations.gate import revoke_key

        changed = revoke_key(store, id)
    note("revoked" if changed else "it was already revoked")


def _fields(one: Key) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.name,
        "scopes": sorted(one.scopes),
        "rate": one.rate,
        "created_at": one.created_at,
        "revoked_at": one.revoked_at,
    }


@contextmanager
def _store(db: str | None, opens: Opens = open_store) -> Iterator[Store]:
    try:
        import reseen.gate.keys  # noqa: F401
    except ImportError:
        raise MISSING from None
    with opens(settings_for(db)) as store:
        yield store
