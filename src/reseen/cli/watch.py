"""`reseen watch`: keep looking, until stopped."""

from __future__ import annotations

from datetime import timedelta

import click

from reseen.cli.common import (
    db_option,
    json_option,
    keyring_if_any,
    note,
    open_or_make,
    quiet_option,
    settings_for,
)
from reseen.cli.hub import (
    depth_options,
    endpoint_option,
    open_hugging_face,
    options_of,
    types_of,
    types_option,
)
from reseen.cli.lazy import LazyGroup


@click.group(cls=LazyGroup, verbs={})
def watch() -> None:
    """Keep looking at a hub: one line a finding, until stopped."""


@watch.command()
@click.option("--author", multiple=True, metavar="ACCOUNT", help="Only these accounts.")
@types_option
@depth_options
@click.option(
    "--every", default=60.0, show_default=True, type=click.FloatRange(1), help="Seconds a round."
)
@click.option(
    "--first", default=1.0, show_default=True, type=click.FloatRange(0), help="Days to look back."
)
@endpoint_option
@db_option
@json_option
@quiet_option
def hf(
    author: tuple[str, ...],
    types: str,
    confirm: str,
    refs: bool,
    no_follow: bool,
    max_bytes: str,
    background: int,
    every: float,
    first: float,
    endpoint: str | None,
    db: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Watch the Hugging Face Hub: what is new or changed since the last mark.

    Known sightings are rechecked now and then, and removals imported meanwhile are matched against
    all that was seen before. Stop it with Ctrl-C; the next watch begins at the mark.
    """
    from reseen.cli.recheck import show_change
    from reseen.cli.scan import show_sighting
    from reseen.operations.watching import watch as keep_going
    from reseen.scan.recheck import Change
    from reseen.scan.target import Target
    from reseen.scan.watch import Finding, Rhythm, Round

    def found(finding: Finding) -> None:
        if isinstance(finding, Change):
            show_change(finding, as_json=as_json)
        else:
            show_sighting(finding, as_json=as_json)

    def round_ended(came: Round) -> None:
        if not quiet and not as_json:
            state = "" if came.ended else "; the hub stayed away"
            note(f"{came.since:%Y-%m-%d %H:%M} and later: {came.walked:,} repositories{state}")

    settings = settings_for(db)
    target = Target(types=types_of(types), authors=author, everything=not author)
    with open_or_make(settings) as store:
        keep_going(
            store,
            keyring_if_any(store, settings),
            open_hugging_face(settings, endpoint),
            target,
            options_of(confirm, refs, no_follow, max_bytes, background),
            found,
            rhythm=Rhythm(round=every, first=timedelta(days=first)),
            round_ended=round_ended,
        )
    note("Stopped.")
