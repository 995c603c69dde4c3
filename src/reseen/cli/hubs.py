"""`reseen hubs`: which hubs the settings name, and what each can do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from reseen.cli.common import emit, json_option, say
from reseen.settings import Settings
from reseen.texts import visible

if TYPE_CHECKING:
    from reseen.hubs.hub import Abilities
    from reseen.settings import HubSettings

ABLE = {
    "lists": "lists its repositories",
    "refs": "branches, tags and pull requests",
    "history": "earlier versions",
    "ranges": "parts of files",
    "sizes": "sizes of files",
}
"""What a hub can do (`hubs.hub.Abilities`), in words."""


@click.command()
@json_option
def hubs(as_json: bool) -> None:
    """List the hubs that the settings name, with what each can do. Asks none of them."""
    from reseen.hubs.kinds import names_of, stored_name

    for hub in Settings.from_environment().hubs:
        able = asyncio.run(_abilities(hub))
        digests = sorted(kind.label for kind in able.digests)
        can = {name: getattr(able, name) for name in ABLE}
        if as_json:
            emit(
                {"name": hub.name, "hub": stored_name(hub), "kind": hub.kind}
                | {"endpoint": hub.endpoint, "token": hub.token is not None}
                | {"quota": None if hub.quota is None else [hub.quota.requests, hub.quota.seconds]}
                | can
                | {"digests": digests}
            )
            continue
        say(f"{visible(names_of(hub))}  {visible(hub.endpoint)}")
        say(f"  token: {'set' if hub.token else 'none'}; quota: {_quota(hub)}")
        for yes, word in ((True, "can"), (False, "cannot")):
            if said := [ABLE[name] for name, able_to in can.items() if able_to is yes]:
                say(f"  {word}: {', '.join(said)}")
        say(f"  states: {', '.join(digests) or 'no digests'}")


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
