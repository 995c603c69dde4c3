"""`reseen hubs`: which hubs there are, what each can do, and what it is asked for by hash."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from reseen.cli.common import db_option, emit, json_option, look_into, say, settings_for
from reseen.errors import StoreError, StoreMissing
from reseen.texts import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reseen.hubs.hub import Abilities, Askable
    from reseen.operations.asking import Asks
    from reseen.settings import HubSettings, Settings

ABLE = {
    "lists": "lists its repositories",
    "refs": "branches, tags and pull requests",
    "history": "earlier versions",
    "ranges": "parts of files",
    "sizes": "sizes of files",
}
"""What a hub can do (`hubs.hub.Abilities`), in words."""


SENT = {
    "all": "of all removals in force",
    "origin": "of rows of lists whose former link is there, and no others",
}
"""What a hub is asked for (`operations.asking.Asks`), in words."""
NEVER_SENT = "nothing of the class that is never read (capable of child abuse imagery)"


@click.command()
@db_option
@json_option
def hubs(db: str | None, as_json: bool) -> None:
    """List the hubs, with what each can do and what it is asked for by hash. Asks none of them."""
    from reseen.hubs.kinds import names_of, stored_name

    settings = settings_for(db)
    asks = _asks(settings)
    for hub in settings.hubs:
        able = asyncio.run(_abilities(hub))
        digests = sorted(kind.label for kind in able.digests)
        can = {name: getattr(able, name) for name in ABLE}
        by_hash, asked = able.askable, asks[stored_name(hub)]
        if as_json:
            emit(
                {"name": hub.name, "hub": stored_name(hub), "kind": hub.kind}
                | {"endpoint": hub.endpoint, "token": hub.token is not None}
                | {"quota": None if hub.quota is None else [hub.quota.requests, hub.quota.seconds]}
                | {"downloads": hub.downloads}
                | can
                | {"digests": digests, "by_hash": by_hash is not None}
                | {"asked_for": asked.value if by_hash and asked else None}
                | {"sends": by_hash.digest.label if by_hash else None}
                | {"documented": by_hash.documented if by_hash else None}
                | {"locates": by_hash.locates if by_hash else None}
            )
            continue
        say(f"{visible(names_of(hub))}  {visible(hub.endpoint)}")
        say(f"  token: {'set' if hub.token else 'none'}; quota: {_quota(hub)}")
        for yes, word in ((True, "can"), (False, "cannot")):
            if said := [ABLE[name] for name, able_to in can.items() if able_to is yes]:
                say(f"  {word}: {', '.join(said)}")
        if not hub.downloads:
            say("  no file is read: that may count as a download, which the settings forbid")
        say(f"  states: {', '.join(digests) or 'no digests'}")
        if by_hash is not None:
            say(f"  by hash: {_by_hash(by_hash, asked)}")


def _asks(settings: Settings) -> Mapping[str, Asks | None]:
    """What each hub is asked for, by what the store calls it: as usual where there is no store, and
    None where it cannot be opened."""
    from reseen.hubs.kinds import stored_name
    from reseen.operations.asking import asks_of, usual_asks

    names = [stored_name(hub) for hub in settings.hubs]
    try:
        with look_into(settings) as store, store.read() as connection:
            return {name: asks_of(connection, name) for name in names}
    except StoreMissing:
        return {name: usual_asks(name) for name in names}
    except StoreError:
        return dict.fromkeys(names)


def _by_hash(able: Askable, asks: Asks | None) -> str:
    sends = "nothing: it is switched off"
    if asks is None:
        sends = f"{able.digest.label} digests; of what, the store says, which cannot be opened"
    elif asks.value != "nothing":
        sends = f"`reseen ask` sends {able.digest.label} digests {SENT[asks]}"
    never = "" if asks is not None and asks.value == "nothing" else f"; {NEVER_SENT}"
    locates = "; says where copies are said to stand elsewhere" if able.locates else ""
    undocumented = "" if able.documented else "; its makers document none of this: it may change"
    return f"{sends}{never}{locates}{undocumented}"


async def _abilities(hub: HubSettings) -> Abilities:
    from reseen.hubs.kinds import open_hub

    opened = open_hub(hub)
    try:
        return opened.abilities
    finally:
        await opened.close()


def _quota(hub: HubSettings) -> str:
    if hub.quota is None:
        return "what the hub asks for"
    return f"at most {hub.quota.requests:,} requests in {hub.quota.seconds:g} s"
