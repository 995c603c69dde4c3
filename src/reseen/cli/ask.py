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
    look_into,
    must_record,
    note,
    open_store,
    say,
    settings_for,
)
from reseen.cli.exit_codes import ExitCode, finish, so_far, tell
from reseen.cli.hub import Output, endpoint_option, hub_named, opener, output_options
from reseen.cli.scan_end import said_of_unread
from reseen.errors import InputError
from reseen.texts import visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseen.operations.asking import AboutToAsk, HubAsked, Switched
    from reseen.operations.locating import Places
    from reseen.records import Sighting
    from reseen.scan.by_hash import AskedByHash
    from reseen.settings import HubSettings, Settings
    from reseen.store.database import Store
    from reseen.store.sealing import Keyring

_EVERY = 10.0
"""Seconds between two lines of progress."""
_MOST_LINES = 20


@click.command()
@click.argument("hub")
@click.option(
    "--allow",
    "asks",
    flag_value="all",
    help="From now on ask HUB for all removals in force, but for the class that is never read.",
)
@click.option(
    "--usual",
    "asks",
    flag_value="origin",
    help="From now on ask HUB only for rows of lists whose former link is there.",
)
@click.option("--forbid", "asks", flag_value="nothing", help="From now on ask HUB for nothing.")
@click.option("--dry-run", is_flag=True, help="Say how many digests would go out; send nothing.")
@endpoint_option
@db_option
@output_options
def ask(
    hub: str,
    asks: str | None,
    dry_run: bool,
    endpoint: str | None,
    db: str | None,
    output: Output,
) -> None:
    """Ask HUB by hash where copies of removals stand.

    Sends digests, and nothing else of a removal: as long as nobody said otherwise, those of rows of
    lists whose former link is at HUB itself. Of the class that is never read (capable of child
    abuse imagery) nothing is ever sent. --allow, --usual and --forbid say what it is asked for
    from now on, and ask nothing. Everything is recorded in the audit log. What the hub says is on
    the rung declared at most.

    A locator (civarchive) says where copies are said to stand: repositories of the hubs in the
    settings are then looked at. It is asked for nothing until --allow, and for no removal on the
    day that it came.
    """
    from reseen.hubs.kinds import askable_of
    from reseen.operations import asking
    from reseen.scan.unread_copies import in_store

    if dry_run and asks is not None:
        raise InputError("--dry-run goes with none of --allow, --usual and --forbid")
    settings = settings_for(db)
    usual, meant = hub_named(hub, settings), hub_named(hub, settings, endpoint)
    if dry_run:
        with look_into(settings) as store, about(meant.endpoint):
            _say_about(usual, meant, asking.preview(store, meant), output, dry_run=True)
        return
    with open_store(settings) as store, about(meant.endpoint):
        must_record(store, "what a hub is asked for")
        if asks is not None:
            _say_switched(usual, meant, asking.switch(store, meant, asking.Asks(asks)), output)
            return
        keyring = keyring_if_any(store, settings)
        shown = _Shown(output)

        def begins(what: AboutToAsk) -> None:
            _say_about(usual, meant, what, output, dry_run=False)

        if askable_of(meant).locates:
            ended = _located(store, keyring, meant, settings, output, begins)
        else:
            ended = asking.ask(
                store,
                keyring,
                meant,
                opener(meant, store),
                listener=asking.AskListener(begins, shown.report),
            )
            shown.rest(ended)
        unread = in_store(store)
    _say(meant, ended, output)
    if not output.silent:
        said_of_unread(unread)
    finish()


def _located(
    store: Store,
    keyring: Keyring | None,
    locator: HubSettings,
    settings: Settings,
    output: Output,
    begins: Callable[[AboutToAsk], None],
) -> HubAsked:
    """Ask a locator, and say what came of the places that it names."""
    from reseen.cli.progress import show_sighting
    from reseen.cli.scan_end import say_walk
    from reseen.operations.locating import LocateListener, locate

    def found(sighting: Sighting) -> None:
        show_sighting(sighting, as_json=output.as_json)

    def places(where: Places) -> None:
        _say_places(where, output)

    listener = LocateListener(begins, places=places, found=found)
    located = locate(store, keyring, locator, settings, listener)
    for looked in located.looked:
        if looked.outcome is not None:
            say_walk(store, looked.outcome, looked.target, output)
            if not looked.outcome.ended:
                note(f"{looked.hub.endpoint}: {looked.outcome.stopped or 'stopped'}")
                tell(ExitCode.STOPPED)
        if looked.error is not None:
            note(f"{looked.hub.endpoint}: {looked.error}")
            tell(ExitCode.PART)
    return located.asked


def _say_places(places: Places, output: Output) -> None:
    at_hubs = [(hub, len(named)) for hub, named in places.at_hubs]
    if output.as_json:
        emit(
            {"located": [{"hub": hub.name, "repositories": many} for hub, many in at_hubs]}
            | {"elsewhere": [{"host": host, "addresses": n} for host, n in places.at_others]}
            | {"left_out": places.left_out}
        )
    if output.silent:
        return
    for hub, many in at_hubs:
        what = count(many, "repository", "repositories")
        note(f"{what} at {hub.host} said to hold copies: looked at now")
    if places.left_out:
        note(f"{count(places.left_out, 'repository', 'repositories')} more are left for a walk")
    for host, many in places.at_others[:_MOST_LINES]:
        note(f"{count(many, 'address', 'addresses')} at {host}, no hub of the settings: left alone")
    if len(places.at_others) > _MOST_LINES:
        note(f"{count(len(places.at_others) - _MOST_LINES, 'more host')} of the kind")


def _say_about(
    usual: HubSettings, hub: HubSettings, what: AboutToAsk, output: Output, *, dry_run: bool
) -> None:
    """What would go out, or goes out now."""
    if output.as_json:
        if dry_run:
            emit(
                {"hub": hub.name, "asked_for": what.asks.value}
                | {"digests": what.digests, "removals": what.removals}
                | {"never_sent": what.never_sent, "too_new": what.too_new, "dry_run": True}
                | {"lists": [{"list": name, "digests": many} for name, many in what.lists]}
            )
        return
    if output.quiet and not dry_run:
        return
    show = say if dry_run else note
    sent, removals = count(what.digests, "digest"), count(what.removals, "removal")
    does = "would go" if dry_run else "go" if what.digests != 1 else "goes"
    show(f"{sent} of {removals} {does} to {hub.host}" + ("; nothing was sent" if dry_run else ""))
    for name, many in what.lists[:_MOST_LINES]:
        show(f"  {visible(name)}  {count(many, 'digest')}")
    if len(what.lists) > _MOST_LINES:
        show(f"  {count(len(what.lists) - _MOST_LINES, 'more list')}")
    if what.never_sent:
        are = "is" if what.never_sent == 1 else "are"
        show(f"  {what.never_sent:,} {are} of the class that is never read, and never sent.")
    if what.too_new:
        digests, are = count(what.too_new, "digest"), "is" if what.too_new == 1 else "are"
        show(f"  {digests} {are} of removals less than a day old: not sent yet.")
    if what.asks.value == "nothing":
        show("  Asking it is switched off.")
    elif what.asks.value == "origin":
        if not what.digests and not what.never_sent:
            show("  No row of a list has its former link there.")
        show("  For removals whose former link is elsewhere it is switched off.")
        if hub.host != usual.host:
            show(f"  {hub.host} is another hub than {usual.host}, with its own switch.")


def _say_switched(usual: HubSettings, hub: HubSettings, done: Switched, output: Output) -> None:
    if output.as_json:
        emit(
            {"hub": hub.name, "asked_for": done.asks.value}
            | {"digests": done.digests, "removals": done.removals}
        )
    elif not output.quiet:
        digests = count(done.digests, "digest")
        removals = count(done.removals, "removal")
        name = hub.name if hub.host == usual.host else f"{hub.name} at {hub.host}"
        note(f"{name} is asked for {done.asks.value}: today {digests} of {removals}.")


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
            | {
                "never_sent": ended.never_sent,
                "asked": came.asked,
                "there": came.there,
                "requests": came.requests,
            }
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
