"""What is said of an act that changes the registry: what it found among all that was seen before,
and which notices it moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from reseen.cli.common import count, keyring_if_any, note, open_store, say, settings_for
from reseen.cli.scan_end import said_of_unread
from reseen.texts import visible

if TYPE_CHECKING:
    from reseen.operations.removals import RemovalChanged
    from reseen.scan.unread_copies import UnreadCopies
    from reseen.store.database import Store
    from reseen.store.sealing import Keyring


def show_past(
    store: Store, sightings: Sequence[str], unread: UnreadCopies | None, *, quiet: bool
) -> None:
    """What was found among all that was seen before, and how much of it is not read."""
    from reseen.cli.findings import sighting_line
    from reseen.observed.sightings import by_id

    with store.read() as connection:
        for id in sightings:
            say(sighting_line(by_id(connection, id)))
    if quiet:
        return
    if sightings:
        note(f"{count(len(sightings), 'sighting')} among what was seen before.")
    if unread is not None:
        said_of_unread(unread)


def change(
    act: Callable[[Store, Keyring | None, str, str], RemovalChanged],
    what: str,
    why: str,
    db: str | None,
    state: str,
) -> None:
    """Withdraw or put back a removal, list or claim, and say what followed from it."""
    settings = settings_for(db)
    with open_store(settings) as store:
        done = act(store, keyring_if_any(store, settings), what, why)
        say(f"{visible(what)} is {state}" + ("" if done.changed else " (it was already)"))
        show_past(store, done.sightings, done.unread if done.sightings else None, quiet=False)
    for moved in done.notices:
        note(f"Notice {moved.id} is {moved.state.value}")
    for innocent in done.innocents:
        note(innocent.why)
