"""Plays a user: a list of removed models comes in, a hub is scanned, a report goes out.

The hub is a small one on this machine (see replica/), every model on it is synthetic, and what
runs are the real commands, shown as a person would type them. With --serve: the same world in the
review service, for a browser.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from replica.lists import write_xlsx
from replica.sample import sample_world
from replica.server import Replica

from demo.service import serve

MADE = ("removals.xlsx", "report.html", "reseen.db", "reseen.db-wal", "reseen.db-shm", "reseen.key")
"""What a demo leaves in its folder, and what the next one clears away."""


FINE = (0, 3)
"""Exit codes that the demo goes on after. 3: the sample hub has files that nobody can read."""


def main() -> int:
    """Run the demo in the folder given, or in demo-output. Ends 0, or as the first failure."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("folder", nargs="?", default="demo-output")
    parser.add_argument("--serve", action="store_true", help="the review service, until Ctrl-C")
    parser.add_argument("--port", type=int, default=8321, help="with --serve; 0 takes a free one")
    given = parser.parse_args()
    folder = Path(given.folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for name in MADE:
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "gate", ignore_errors=True)
    if given.serve:
        return serve(folder, given.port, clean, say)

    world = sample_world()
    write_xlsx(folder / "removals.xlsx", world.removals)
    say("A platform removed some models. Somebody puts them up again elsewhere, under other names.")
    say("Every model here is synthetic: random numbers, and people like 'Sample person 07'.")
    say(f"The hub is a small one on this machine with {len(world.repositories)} repositories.")

    with Replica(world) as hub:
        for why, command in steps(hub.endpoint):
            say("", why)
            code = run(command, folder)
            if code not in FINE:
                say("", f"The demo stopped: the command ended with {code}.")
                return code

    counts = hub.journal.requests
    say("", f"The hub was asked {counts.total()} times, {counts['list']} of them for its list.")
    say(f"The report: {folder / 'report.html'}")
    say("To decide about what was found, in a browser: make demo-serve")
    return 0


def steps(endpoint: str) -> list[tuple[str, list[str]]]:
    """What a user does, in order: a line of explanation, and the arguments of `reseen`."""
    return [
        (
            "1. The list of removals, as a spreadsheet: name, former link, hashes, size.",
            ["registry", "import", "removals.xlsx", "--list", "sample list"],
        ),
        (
            "2. The whole hub: its list first, then each repository's files, with branches, pull\n"
            "   requests and history. What matches is read in full; nothing read is kept.",
            [
                *(
                    "scan",
                    "hf",
                    "--endpoint",
                    endpoint,
                    "--all",
                    "--types",
                    "models,datasets,spaces",
                ),
                *("--refs", "--confirm", "full"),
            ],
        ),
        (
            "3. One account has the same weights under another header, and in another order.\n"
            "   No hash in the list knows them; copies read in step 2 taught what to look for.",
            ["sightings", "--author", "account-03"],
        ),
        (
            "4. Another has altered copies: cast to another number format and renamed, or made\n"
            "   stronger and smaller. Not one number is the same; the weights say what they are.",
            ["sightings", "--author", "account-16"],
        ),
        ("5. One removed model, looked up by its name.", ["lookup", "Sample person 04"]),
        (
            "6. A report to forward. It names nobody; --locations puts the exact places in.",
            ["report", "--out", "report.html", "--locations"],
        ),
    ]


def run(arguments: list[str], folder: Path) -> int:
    """One command of Reseen's; its exit code."""
    say(f"$ {shlex.join(['reseen', *arguments])}")
    command = [sys.executable, "-m", "reseen", *arguments]
    return subprocess.run(command, cwd=folder, env=clean(folder), check=False).returncode


def clean(folder: Path) -> dict[str, str]:
    """An environment in which nothing of the person who runs the demo is touched: the store and the
    key lie in the folder, and there is no token."""
    foreign = ("HF_", "RESEEN_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    environment = {k: v for k, v in os.environ.items() if not k.upper().startswith(foreign)}
    return environment | {"RESEEN_HOME": str(folder), "HF_HOME": str(folder), "NO_PROXY": "*"}


def say(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
