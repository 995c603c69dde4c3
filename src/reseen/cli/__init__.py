"""The command `reseen`: one verb a file or two, nothing but arguments and printing.

Starting is quick because a verb's module, and the rooms that it needs, are imported only when
that verb runs. Exit codes are in `exit_codes`.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import click

from reseen.cli.common import emit, error_fields, note, output_error
from reseen.cli.exit_codes import ReaderGone, Told, after, worst
from reseen.cli.lazy import LazyGroup
from reseen.errors import REPORT_AT, InputError, ReseenError, place_of
from reseen.texts import visible

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Root(LazyGroup):
    """Knows a reader who went away (`| head`): click would end with 1, which says "a match"."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except BrokenPipeError as e:
            raise ReaderGone from e
        except OSError as e:  # of --help and --version
            raise output_error(e) from e

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as e:
            raise ReaderGone from e


@click.group(
    cls=Root,
    context_settings=CONTEXT,
    verbs={
        "scan": ("reseen.cli.scan:scan", "Look for removed models at a hub or in a folder."),
        "watch": ("reseen.cli.watch:watch", "Keep scanning a hub for what is new or changed."),
        "read": ("reseen.cli.read:read", "Read known copies that are not read yet."),
        "recheck": ("reseen.cli.recheck:recheck", "Check whether known sightings are still there."),
        "ask": ("reseen.cli.ask:ask", "Ask a hub by hash where copies stand."),
        "hubs": ("reseen.cli.hubs:hubs", "List the hubs of the settings."),
        "sightings": ("reseen.cli.sightings:sightings", "List what was found."),
        "sighting": ("reseen.cli.sightings:sighting", "Show one sighting with all its evidence."),
        "problems": ("reseen.cli.problems:problems", "List what a scan could not look at."),
        "blind": ("reseen.cli.blind:blind", "List files that only digests could judge, and why."),
        "report": (
            "reseen.cli.report:report",
            "Write what was found: HTML, CSV, JSON Lines, XLSX.",
        ),
        "leads": ("reseen.cli.leads:leads", "List what short hashes alone point at."),
        "campaigns": (
            "reseen.cli.campaigns:campaigns",
            "List accounts that re-upload together.",
        ),
        "lookup": ("reseen.cli.lookup:lookup", "Find a removal by name, link or digest."),
        "fingerprint": ("reseen.cli.fingerprint:fingerprint", "Print a file's digests and sketch."),
        "inspect": ("reseen.cli.fingerprint:inspect", "Show what a model file is made of."),
        "compare": ("reseen.cli.compare:compare", "Compare the weight updates of two files."),
        "check": ("reseen.cli.check:check", "Check local files against the registry."),
        "index": ("reseen.cli.index:index", "Save the registry as an index for workers."),
        "sweep": ("reseen.cli.sweep:sweep", "Look through a hub's own storage, on many machines."),
        "registry": ("reseen.cli.registry:registry", "Import, add, show and withdraw removals."),
        "serve": ("reseen.cli.serve:serve", "Serve the review pages and the upload gate."),
        "user": ("reseen.cli.user:user", "Manage the users of the service."),
        "key": ("reseen.cli.key:key", "Manage the gate's API keys."),
        "seal": ("reseen.cli.seal:seal", "Rotate the sealing key."),
        "audit": ("reseen.cli.audit:audit", "Verify and export the audit log."),
        "db": ("reseen.cli.db:db", "Upgrade the database to this version's schema."),
    },
)
@click.version_option(package_name="reseen", message="%(prog)s %(version)s")
@click.option(
    "--debug",
    is_flag=True,
    help="Show where in Reseen an unexpected error happened (RESEEN_DEBUG).",
)
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """Reseen knows an AI model when it sees it again.

    Import the list of removed models with `reseen registry import`, look through a hub with
    `reseen scan hf`, read what was found with `reseen sightings` and `reseen report`.
    A sighting is a lead, not a verdict: a person decides.
    """
    if debug:
        context.ensure_object(Told).debug = True


def main() -> None:
    """Run the command line; every way to fail ends in one clear message and an exit code."""
    told = Told()
    with _stopped_as_by_ctrl_c():
        try:
            code = _run(told)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (nothing is above it)
            _say(error, debug=told.debug or bool(os.environ.get("RESEEN_DEBUG")))
            code = after(error, told.codes)
            if _asked_for_json() and not isinstance(error, ReaderGone):
                # What cannot be written was said.
                with contextlib.suppress(InputError, OSError):
                    emit(error_fields(*_told(error), code))
                    sys.stdout.flush()
    sys.exit(code)


def _asked_for_json() -> bool:
    """By the command line itself: it may be what cannot be understood."""
    given = sys.argv[1:]
    return "--json" in (given[: given.index("--")] if "--" in given else given)


def _told(error: BaseException) -> tuple[str, str, str | None]:
    """What went wrong, for a program: the kind, the sentence, and what helps."""
    match error:
        case click.Abort() if isinstance(error.__context__, EOFError):
            kind, sentence = "UsageError", "the input ended before everything was given"
        case KeyboardInterrupt() | click.Abort():
            kind, sentence = "Stopped", "stopped"
        case click.ClickException():
            kind, sentence = "UsageError", error.format_message()
        case ReseenError():
            kind, sentence = type(error).__name__, str(error)
        case _:
            kind, sentence = "Unforeseen", f"Reseen itself failed ({place_of(error)})"
    return kind, sentence, error.remedy if isinstance(error, ReseenError) else None


def _error(sentence: str) -> None:
    note(click.style("error: ", fg="red", bold=True) + sentence)


@contextlib.contextmanager
def _stopped_as_by_ctrl_c() -> Iterator[None]:
    """SIGTERM stops a verb as Ctrl-C does: what is open is closed in order, and the code is the
    same."""
    try:
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    except ValueError:  # not the main thread: signals are another's
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(context: Told) -> int:
    ended = cli.main(prog_name="reseen", standalone_mode=False, obj=context)
    return ended if isinstance(ended, int) else worst(context.codes)


def _say(error: BaseException, *, debug: bool) -> None:
    """What went wrong, on standard error."""
    match error:
        case ReaderGone():
            # The reader has seen enough (`| head`). Python would complain once more at its flush.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        case click.Abort() if isinstance(error.__context__, EOFError):
            _error("the input ended before everything that is needed was given")
        case KeyboardInterrupt() | click.Abort():
            note("stopped")
        case click.ClickException():
            shown = io.StringIO()
            error.show(shown)
            note(shown.getvalue().rstrip("\n"))
        case ReseenError():
            _error(visible(str(error)))
            if error.remedy:
                note(f"  {visible(error.remedy)}")
        case _:
            _error(f"Reseen itself failed ({place_of(error)}). Please report this at {REPORT_AT}")
            if debug:
                import traceback

                traceback.print_exception(error)
