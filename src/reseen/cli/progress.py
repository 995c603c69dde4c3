"""Progress for people who watch: bars on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reseen.cli.common import count, emit, note, on_terminal, say, size_text
from reseen.texts import visible

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from reseen.cli.hub import Output
    from reseen.records import Sighting
    from reseen.scan.progress import Progress

_EVERY = 10.0
"""Seconds between two plain lines where there is no terminal."""


@contextmanager
def bytes_bar(what: str, *, quiet: bool) -> Iterator[Callable[[int], None] | None]:
    """A callback that is told bytes read; None where nobody watches."""
    if quiet or not on_terminal():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),  # a file's name may look like markup
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        what = visible(what)
        task = progress.add_task(what)
        total = 0

        def read(more: int) -> None:
            nonlocal total
            total += more
            progress.update(task, description=f"{what}: {size_text(total)}")

        yield read


class ScanProgress:
    """What a running scan says: findings on standard output, where it is on standard error."""

    def __init__(self, *, quiet: bool, as_json: bool, live: RichProgress | None) -> None:
        self._quiet, self._as_json, self._live = quiet, as_json, live
        self._task = live.add_task("listing") if live else None
        self._said = 0.0
        self._remarks = 0
        """How many of those of the hub were said."""

    def found(self, sighting: Sighting) -> None:
        """One line a finding, above the bar."""

        if self._live is not None:
            self._live.console.file.flush()
        show_sighting(sighting, as_json=self._as_json)

    def report(self, progress: Progress) -> None:
        """Where it is: a bar on a terminal, elsewhere a line now and then."""
        if self._quiet:
            return
        for remark in progress.remarks[self._remarks :]:
            note(remark)
        self._remarks = len(progress.remarks)
        line = progress_line(progress)
        if self._live is not None and self._task is not None:
            total = None if progress.listing else progress.walked + progress.waiting
            self._live.update(self._task, description=line, completed=progress.walked, total=total)
        elif time.monotonic() - self._said >= _EVERY and (progress.listed or progress.away):
            self._said = time.monotonic()
            note(line)


@contextmanager
def scan_progress(output: Output) -> Iterator[ScanProgress]:
    """Shows a scan while the block runs."""
    if output.silent or not on_terminal():
        yield ScanProgress(quiet=output.quiet, as_json=output.as_json, live=None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=True,
    ) as live:
        yield ScanProgress(quiet=False, as_json=False, live=live)


_QUOTAS = {"api": "listings", "resolvers": "files"}
"""What the hub's windows are for, in words."""


def progress_line(progress: Progress) -> str:
    """Where a scan is, in one line."""
    left = ", ".join(
        f"{n:,} requests for {_QUOTAS.get(kind, kind)} left"
        for kind, n in progress.quota_left.items()
    )
    parts = [
        f"{progress.walked:,} of {progress.listed:,}{'+' if progress.listing else ''} repositories",
        count(progress.sightings, "sighting"),
        f"{size_text(progress.bytes_read)} read",
        left,
        "the hub does not answer; waiting" if progress.away else "",
        f"{duration(progress.eta)} to go" if progress.eta else "",
    ]
    return ", ".join(part for part in parts if part)


def duration(seconds: float) -> str:
    """ "40 s", "12 min", "3.5 h", "4.2 days"."""
    for limit, unit, size in ((90, "s", 1), (5400, "min", 60), (172_800, "h", 3600)):
        if seconds < limit:
            return f"{seconds / size:.1f} {unit}" if unit == "h" else f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.1f} days"


def show_sighting(sighting: Sighting, *, as_json: bool) -> None:
    """A new sighting, as it is found."""
    from reseen.cli.findings import sighting_line
    from reseen.report.rows import row

    if as_json:
        emit(row(sighting))
    else:
        say(sighting_line(sighting))
