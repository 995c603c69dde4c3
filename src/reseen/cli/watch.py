"""`reseen watch`: keep looking, until stopped."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from reseen.cli.common import (
    db_option,
    keyring_if_any,
    note,
    open_or_make,
    say_if_empty,
    settings_for,
)
from reseen.cli.exit_codes import ExitCode, finish
from reseen.cli.hub import (
    Output,
    as_value,
    depth_options,
    endpoint_option,
    hub_named,
    opener,
    output_options,
    types_of,
    types_option,
)

if TYPE_CHECKING:
    from reseen.scan.target import Options, Target
    from reseen.scan.watch import WatchIntervals


def _target(author: tuple[str, ...], types: str | None) -> Target:
    from reseen.scan.target import Target

    return Target(types=types_of(types), authors=author, everything=not author)


def _intervals(every: float, first: float) -> WatchIntervals:
    from reseen.scan.watch import WatchIntervals

    return WatchIntervals(round=every, first=timedelta(days=first))


@click.command()
@click.argument("hub")
@as_value(
    "target",
    _target,
    click.option("--author", multiple=True, metavar="ACCOUNT", help="Only these accounts."),
    types_option,
)
@depth_options
@as_value(
    "intervals",
    _intervals,
    click.option(
        "--every",
        "every",
        default=60.0,
        show_default=True,
        type=click.FloatRange(1),
        help="Seconds between rounds.",
    ),
    click.option(
        "--first",
        "first",
        default=1.0,
        show_default=True,
        type=click.FloatRange(0),
        help="Days that the first round looks back.",
    ),
)
@endpoint_option
@db_option
@output_options
def watch(
    hub: str,
    target: Target,
    options: Options,
    intervals: WatchIntervals,
    endpoint: str | None,
    db: str | None,
    output: Output,
) -> None:
    """Watch a hub (hf, or another's name): what is new or changed since the last mark.

    One line a finding, and what each round could not judge or look at. Known sightings are
    rechecked now and then, and removals imported meanwhile are matched against all that was seen
    before. Stop it with Ctrl-C; the next watch begins at the mark.
    """
    from reseen.cli.progress import show_sighting
    from reseen.cli.recheck import show_change
    from reseen.cli.scan_end import ShownFindings, say_refuted, say_walk
    from reseen.hubs.meant import account_named
    from reseen.operations.watching import watch as keep_going
    from reseen.scan.progress import Outcome
    from reseen.scan.recheck import Change
    from reseen.scan.watch import Finding, Round, WatchContext

    shown = ShownFindings(lambda sighting: show_sighting(sighting, as_json=output.as_json))

    def walked(outcome: Outcome, part: Target) -> None:
        say_refuted(shown.refuted(outcome), as_json=output.as_json)
        say_walk(store, outcome, part, output)

    def found(finding: Finding) -> None:
        if isinstance(finding, Change):
            show_change(finding, as_json=output.as_json)
        else:
            shown.found(finding)

    def round_ended(finished: Round) -> None:
        if not output.silent:
            state = "" if finished.ended else "; the hub did not respond"
            since = f"{finished.since:%Y-%m-%d %H:%M}"
            note(f"{since} and later: {finished.walked:,} repositories{state}")

    settings = settings_for(db)
    watched = hub_named(hub, settings, endpoint)
    target = replace(target, authors=tuple(account_named(a, watched) for a in target.authors))
    with open_or_make(settings) as store:
        say_if_empty(store)
        context = WatchContext(
            store,
            keyring_if_any(store, settings),
            target,
            options,
            found,
            intervals=intervals,
            rounds=round_ended,
            walked=walked,
            gone_after=watched.gone_after,
        )
        keep_going(context, opener(watched, store))
    note("Stopped.")
    finish(ExitCode.STOPPED)
