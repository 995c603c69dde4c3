"""Plays a user: a list of removed models comes in, a hub is scanned, a report goes out.

The hub is a small one on this machine (see replica/), every model on it is synthetic, and what
runs are the real commands, shown as a person would type them.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from replica.lists import write_xlsx
from replica.sample import sample_world
from replica.server import Replica

MADE = ("removals.xlsx", "report.html", "reseen.db", "reseen.db-wal", "reseen.db-shm", "reseen.key")
"""What a demo leaves in its folder, and what the next one clears away."""


def main() -> int:
    """Run the demo in the folder given, or in demo-output. Ends 0, or as the first failure."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "demo-output").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for name in MADE:
        (folder / name).unlink(missing_ok=True)

    world = sample_world()
    write_xlsx(folder / "removals.xlsx", world.removals)
    say("A platform removed some models. Somebody puts them up again elsewhere, under other names.")
    say("Every model here is synthetic: random numbers, and people like 'Sample person 07'.")
    say(f"The hub is a small one on this machine with {len(world.repositories)} repositories.")

    with Replica(world) as hub:
        for why, command in steps(hub.endpoint):
            say("", why)
            failed = run(command, folder)
            if failed:
                say("", f"The demo stopped: the command ended with {failed}.")
                return failed

    counts = hub.journal.requests
    say("", f"The hub was asked {counts.total()} times, {counts['list']} of them for its list.")
    say(f"The report: {folder / 'report.html'}")
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
    """One command of Reseen's, in a clean environment; its exit code."""
    foreign = ("HF_", "RESEEN_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    environment = {k: v for k, v in os.environ.items() if not k.upper().startswith(foreign)}
    # The store, the key, and no token: nothing of the person who runs the demo is touched.
    environment |= {"RESEEN_HOME": str(folder), "HF_HOME": str(folder), "NO_PROXY": "*"}
    say(f"$ {shlex.join(['reseen', *arguments])}")
    command = [sys.executable, "-m", "reseen", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


def say(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
