"""A hub is watched, round by round, and what follows from each round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reseen.hubs.hub import Hub
from reseen.observed import sightings
from reseen.operations import consequences
from reseen.records import Sighting
from reseen.scan import watch as rounds
from reseen.scan.watch import Round, WatchContext
from reseen.store.database import Store
from reseen.store.sealing import Keyring


def watch(context: WatchContext, open_hub: Callable[[], Hub]) -> None:
    """Watch until Ctrl-C or SIGTERM. What the registry learns meanwhile is matched before each
    round, and what is then owed to known copies is read. Raises HubError when the target cannot be
    listed, and StoreError."""
    rounds.watch(following(context), open_hub)


def following(context: WatchContext) -> WatchContext:
    """The same watch, with all that follows from what it finds and from what others change."""

    def ended(finished: Round) -> None:
        consequences.follow(context.store, context.keyring)
        if context.rounds is not None:
            context.rounds(finished)

    return replace(context, before=lambda: _past(context.store, context.keyring), rounds=ended)


def _past(store: Store, keyring: Keyring | None) -> list[Sighting]:
    new = consequences.follow(store, keyring).sightings
    with store.read() as connection:
        return [sightings.by_id(connection, id) for id in new]
