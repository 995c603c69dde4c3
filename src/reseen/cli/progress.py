"""Progress for people who watch: bars on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reseen.cli.common import on_terminal, size_text


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
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task(what)
        total = 0

        def read(more: int) -> None:
            nonlocal total
            total += more
            progress.update(task, description=f"{what}: {size_text(total)}")

        yield read
