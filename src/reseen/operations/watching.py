"""A hub is watched, round by round, and what follows from each round."""

from __future__ import annotations

from collections.abc import Callable

from reseen.hubs.hub import Hub
from reseen.operations import consequences
from reseen.scan import watch as rounds
from reseen.scan.target import Options, Target
from reseen.scan.watch import EVERY_MINUTE, Finding, Rhythm, Round
from reseen.store.database import Store
from reseen.store.sealing import Keyring


def watch(
    store: Store,
    keyring: Keyring | None,
    open_hub: Callable[[], Hub],
    target: Target,
    options: Options,
    found: Callable[[Finding], None],
    *,
    rhythm: Rhythm = EVERY_MINUTE,
    round_ended: Callable[[Round], None] | None = None,
) -> None:
    """Watch until Ctrl-C or SIGTERM; `found` is told of every finding. Raises HubError when the
    target cannot be listed, and StoreError."""

    def ended(came: Round) -> None:
        consequences.follow(store)
        if round_ended is not None:
            round_ended(came)

    consequences.follow(store)
    rounds.watch(store, keyring, open_hub, target, options, found, rhythm=rhythm, rounds=ended)
