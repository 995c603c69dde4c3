"""`reseen ask`: ask a hub by hash where copies stand, and say what it may be asked for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from reseen.cli.common import (
    about,
    count,
    db_option,
    emit,
    error_fields,
    keyring_if_any,
    must_record,
    note,
    open_store,
    settings_for,
)
from reseen.cli.exit_codes import ExitCode, finish, so_far, tell
from reseen.cli.hub import Output, endpoint_option, hub_named, opener, output_options
from reseen.cli.scan_end import said_of_unread
from reseen.texts import visible

if TYPE_CHECKING:
    from reseen.operations.asking import HubAsked, Switched
    from reseen.scan.by_hash import AskedByHash
    from reseen.settings import HubSettings

_EVERY = 10.0
"""Seconds between two lines of progress."""
_MOST_LINES = 20


@click.command()
@click.argument("hub")
@click.option(
    "--allow", "asks", flag_value="all", help="From now on ask HUB for all removals in force."
)
@click.option(
    "--usual",
    "asks",
    flag_value="origin",
    help="From now on ask HUB only for rows of lists whose former link is there.",
)
@click.option("--forbid", "asks", flag_value="nothing", help="From now on ask HUB for nothing.")
@endpoint_option
@db_option
@output_options
def ask(hub: str, asks: str | None, endpoint: str | None, db: str | None, output: Output) -> None:
    """Ask HUB by hash where copies of removals stand.

    Sends digests, and nothing else of a removal: as long as nobody said otherwise, those of rows of
    lists whose former link is at HUB itself. --allow, --usual and --forbid say what it is asked for
    from now on, and ask nothing. Everything is recorded in the audit log. What the hub says is on
    the rung declared at most.
    """
    from reseen.operations import asking
    from reseen.scan.unread_copies import in_store

    settings = settings_for(db)
    meant = hub_named(hub, settings, endpoint)
    with open_store(settings) as store, about(meant.endpoint):
        must_record(store, "what a hub is asked for")
        if asks is not None:
            _say_switched(meant, asking.switch(store, meant, asking.Asks(asks)), output)
            return
        keyring = keyring_if_any(store, settings)
        shown = _Shown(output)
        ended = asking.ask(store, keyring, meant, opener(meant), report=shown.report)
        shown.rest(ended)
        unread = in_store(store)
    _say(meant, ended, output)
    if not output.silent:
        said_of_unread(unread)
    finish()


def _say_switched(hub: HubSettings, done: Switched, output: Output) -> None:
    if output.as_json:
        emit(
            {"hub": hub.name, "asked_for": done.asks.value}
            | {"digests": done.digests, "removals": done.removals}
        )
    elif not output.quiet:
        digests = count(done.digests, "digest")
        removals = count(done.removals, "removal")
        note(f"{hub.name} is asked for {done.asks.value}: today {digests} of {removals}.")


class _Shown:
    """New sightings, as they come, and how far it is."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._found = 0
        self._said = time.monotonic()

    def report(self, so_far: AskedByHash) -> None:
        from reseen.cli.progress import show_sighting

        for sighting in so_far.found[self._found :]:
            show_sighting(sighting, as_json=self._output.as_json)
        self._found = len(so_far.found)
        if not self._output.silent and time.monotonic() - self._said >= _EVERY:
            self._said = time.monotonic()
            note(f"{count(so_far.asked, 'digest')} asked, {count(self._found, 'new sighting')}")

    def rest(self, ended: HubAsked) -> None:
        """What came without being told, and what is gone."""
        from reseen.cli.recheck import show_change
        from reseen.records import SightingState
        from reseen.scan.recheck import Change

        self.report(ended.came)
        for sighting in ended.came.gone:
            show_change(Change(sighting, SightingState.LIVE), as_json=self._output.as_json)


def _say(hub: HubSettings, ended: HubAsked, output: Output) -> None:
    came = ended.came
    if output.as_json:
        emit(
            {"hub": hub.name, "asked_for": ended.asks.value, "digests": ended.digests}
            | {"asked": came.asked, "there": came.there, "requests": came.requests}
            | {"repositories": came.repositories, "files": came.files}
            | {"new_sightings": len(came.found), "missed": came.missed, "gone": len(came.gone)}
            | {"problems": [{"where": p.where, "reason": p.reason} for p in came.problems]}
            | {"ended": came.error is None and not came.stopped}
        )
    elif not output.quiet:
        note(
            f"{count(len(came.found), 'new sighting')}: {came.there:,} of "
            f"{count(came.asked, 'digest')} are at {hub.host} "
            f"({count(came.requests, 'request')})"
        )
        if not ended.digests and ended.asks.value == "origin":
            note("  No row of a list has its former link there; for all others it is switched off.")
        if came.missed:
            note(f"  not there any more, by its word: {count(came.missed, 'sighting')}")
        if came.found:
            note("A sighting is a lead, not a verdict. Next: reseen sightings, reseen report")
    for problem in came.problems[:_MOST_LINES]:
        note(f"{visible(problem.where)}: {visible(problem.reason)}")
    if len(came.problems) > _MOST_LINES:
        note(f"{len(came.problems) - _MOST_LINES:,} more of the kind")
    if came.problems:
        tell(ExitCode.PART)
    if came.error is not None:
        left = ended.digests - came.asked
        said, remedy = f"{came.error}; {count(left, 'digest')} not asked for", came.error.remedy
        note(f"{hub.endpoint}: {said}" + (f"\n  {remedy}" if remedy else ""))
        tell(ExitCode.PART if came.asked or came.repositories else ExitCode.CANNOT)
        if output.as_json:
            emit(error_fields(type(came.error).__name__, said, remedy, so_far()))
    if came.stopped:
        said = "It was stopped. Run the same command again: what is known stays known."
        note(said)
        tell(ExitCode.STOPPED)
        if output.as_json:
            emit(error_fields("Stopped", said, None, so_far()))
