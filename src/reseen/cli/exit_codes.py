"""The exit codes, in one table, and which of several a command ends with.

A verb tells what it came to with `tell` as soon as it knows, and ends with `finish`; an error that
stops it later does not hide what was told. `main` works out the code that the process ends with.
docs/cli.md has the same table, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NoReturn

import click

from reseen.errors import ReseenError, Unforeseen


class ExitCode(IntEnum):
    """What a command came to, for scripts."""

    DONE = 0
    MATCH = 1
    CANNOT = 2
    PART = 3
    FAULT = 4
    STOPPED = 130


MEANING: dict[ExitCode, str] = {
    ExitCode.DONE: "Done. `check`, `compare`: nothing found.",
    ExitCode.MATCH: "A match: `check`, `compare`, and `scan --exit-code`.",
    ExitCode.CANNOT: (
        "Cannot be done: bad input, no registry (or an empty one for `check`), nothing of the list "
        "taken, a named repository, account, file or token refused, an `audit verify` or `index "
        "verify` that fails."
    ),
    ExitCode.PART: (
        "Done in part: rows rejected, files given that are no model (a web page, nothing, a "
        "pointer), files that could not be read, files or repositories not looked at or [not "
        "judged](#not-judged), known copies that cannot be read, a `lookup` in which not "
        "everything could be searched; with `--strict` also an account for which nothing is "
        "listed, a type that the hub does not have, and files of which something was not read."
    ),
    ExitCode.FAULT: (
        "An error of Reseen itself: please report it. `RESEEN_DEBUG=1` or `reseen --debug` shows "
        "where it happened."
    ),
    ExitCode.STOPPED: (
        "Stopped by Ctrl-C or SIGTERM. What was done is kept; the same command continues. (`watch` "
        "always ends this way; `serve` ends with 0.)"
    ),
}
"""Each code as docs/cli.md says it."""

FIRST = (
    ExitCode.STOPPED,
    ExitCode.FAULT,
    ExitCode.MATCH,
    ExitCode.CANNOT,
    ExitCode.PART,
    ExitCode.DONE,
)
"""Where several apply, the first of them in this order: no trouble with input hides a match."""


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The code that a command ends with when several apply; `DONE` when none does."""
    return min(codes, key=FIRST.index, default=ExitCode.DONE)


class ReaderGone(Exception):
    """Whoever read standard output has seen enough (`| head`)."""


class Told:
    """What the verbs of one command line told so far. The root context's `obj`."""

    def __init__(self) -> None:
        self.codes: list[ExitCode] = []
        self.debug = False


def tell(code: ExitCode) -> None:
    """This applies, whatever else comes."""
    _told().codes.append(code)


def take_back(code: ExitCode) -> None:
    """It was told, and no longer applies."""
    told = _told()
    told.codes = [each for each in told.codes if each is not code]


def so_far() -> ExitCode:
    """The worst of all that were told."""
    return worst(_told().codes)


def finish(code: ExitCode = ExitCode.DONE) -> NoReturn:
    """End the verb with the worst of this code and all that were told."""
    tell(code)
    raise click.exceptions.Exit(so_far())


def after(error: BaseException, codes: Iterable[ExitCode]) -> ExitCode:
    """The code after an exception that ended the command."""
    match error:
        case click.Abort() if isinstance(error.__context__, EOFError):
            code = ExitCode.CANNOT  # a prompt, and nobody there to answer it
        case KeyboardInterrupt() | click.Abort():
            code = ExitCode.STOPPED
        case ReaderGone():
            code = ExitCode.DONE
        case Unforeseen():
            code = ExitCode.FAULT
        case ReseenError() | click.ClickException():
            code = ExitCode.CANNOT
        case _:
            code = ExitCode.FAULT
    return worst([*codes, code])


def _told() -> Told:
    return click.get_current_context().find_root().ensure_object(Told)
