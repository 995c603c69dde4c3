"""The command `reseen`: one verb a file or two, nothing but arguments and printing.

Starting is quick because a verb's module, and the rooms that it needs, are imported only when
that verb runs. Exit codes are for scripts: 0 done and nothing matched, 1 something matched
(`check` and `compare` only), 2 an error, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import os
import sys

import click

from reseen.cli.lazy import LazyGroup
from reseen.errors import ReseenError

EXIT_MATCH = 1
EXIT_ERROR = 2
EXIT_STOPPED = 130

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(
    cls=LazyGroup,
    context_settings=CONTEXT,
    verbs={
        "scan": ("reseen.cli.scan:scan", "Look for removed models at a hub or in a folder."),
        "watch": ("reseen.cli.watch:watch", "Keep looking: what is new or changed at a hub."),
        "recheck": ("reseen.cli.recheck:recheck", "Ask whether known sightings still stand."),
        "sightings": ("reseen.cli.sightings:sightings", "List what was found."),
        "sighting": ("reseen.cli.sightings:sighting", "Show one sighting with all its evidence."),
        "report": (
            "reseen.cli.report:report",
            "Write what was found: HTML, CSV, JSON Lines, XLSX.",
        ),
        "lookup": ("reseen.cli.lookup:lookup", "Find a removal by name, link or digest."),
        "fingerprint": ("reseen.cli.fingerprint:fingerprint", "Print a file's digests and sketch."),
        "inspect": ("reseen.cli.fingerprint:inspect", "Show what a model file is made of."),
        "compare": ("reseen.cli.compare:compare", "Compare the weight updates of two files."),
        "check": ("reseen.cli.check:check", "Check local files against the registry."),
        "registry": ("reseen.cli.registry:registry", "Import, add, show and withdraw removals."),
        "serve": ("reseen.cli.serve:serve", "Pages for reviewers, and the gate before uploads."),
        "user": ("reseen.cli.user:user", "Who may sign in to the service."),
        "key": ("reseen.cli.key:key", "Keys of the gate: who may ask it what."),
        "audit": ("reseen.cli.audit:audit", "Who did what: proved, and taken away."),
        "db": ("reseen.cli.db:db", "The store itself: bring it to this version's schema."),
    },
)
@click.version_option(package_name="reseen", message="%(prog)s %(version)s")
def cli() -> None:
    """Reseen knows an AI model when it sees it again.

    Import the list of removed models with `reseen registry import`, look through a hub with
    `reseen scan hf`, read what was found with `reseen sightings` and `reseen report`.
    A sighting is a lead, not a verdict: a person decides.
    """


def main() -> None:
    """Run the command line; every way to fail ends in one clear message and an exit code."""
    try:
        code = cli.main(prog_name="reseen", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as e:
        e.show()
        sys.exit(EXIT_ERROR)
    except ReseenError as e:
        from reseen.report.rows import visible

        click.echo(click.style("error: ", fg="red", bold=True) + visible(str(e)), err=True)
        if e.remedy:
            click.echo(f"  {visible(e.remedy)}", err=True)
        sys.exit(EXIT_ERROR)
    except (KeyboardInterrupt, click.Abort):
        click.echo("stopped", err=True)
        sys.exit(EXIT_STOPPED)
    except BrokenPipeError:
        # The reader has seen enough (`| head`). Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
