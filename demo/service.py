"""The review service over a small hub, for who wants to see it: users of every role, and content.

What comes in: a folder. What goes out: nothing, until Ctrl-C. The store holds the sample list and
what a scan of the whole hub found; the hub goes on answering, so that scans and rechecks can be
asked for in the browser.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from replica.lists import write_xlsx
from replica.sample import UPLOADER, sample_world
from replica.server import Replica

USERS = (
    ("robin", "reader", "looks at everything, names sealed"),
    ("rio", "reviewer", "claims, decides, reveals, drafts notices"),
    ("lea", "lead", "decides for an account, imports, scans, sends notices"),
    ("ada", "administrator", "users, keys of the gate, its policy"),
)
UPLOADS = 24
"""Copies of the account that has many."""


def serve(
    folder: Path,
    port: int,
    environment: Callable[[Path], dict[str, str]],
    say: Callable[..., None],
) -> int:
    """Prepare and serve; ends as `reseen serve` ends, or as the first command that failed."""
    world = sample_world(uploads=UPLOADS)
    write_xlsx(folder / "removals.xlsx", world.removals)
    with Replica(world) as hub:
        env = environment(folder) | {"HF_ENDPOINT": hub.endpoint}

        def reseen(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "reseen", *arguments],
                cwd=folder,
                env=env,
                check=False,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )

        say("A list comes in, a small hub on this machine is scanned: a few seconds.")
        for arguments in (
            ("registry", "import", "removals.xlsx", "--list", "sample list"),
            ("scan", "hf", "--all", "--refs", "--confirm", "full", "--quiet"),
        ):
            done = reseen(*arguments)
            if done.returncode not in (0, 3):  # 3: the sample hub has files that nobody can read
                say(done.stdout, "", "The demo stopped.")
                return done.returncode
        say("", f"  {'name':<8}{'password':<28}{'role':<15}who ...")
        for name, role, does in USERS:
            done = reseen("user", "add", name, "--role", role, "--generate")
            if done.returncode:
                say(done.stdout, "", "The demo stopped.")
                return done.returncode
            # Printed by the command, this once; the store keeps a hash of it.
            password = next(
                line.removeprefix("password: ")
                for line in done.stdout.splitlines()
                if line.startswith("password: ")
            )
            say(f"  {name:<8}{password:<28}{role:<15}{does}")
        say(
            "",
            f"Sign in as rio; press ? for the keys. {UPLOADER} put up {UPLOADS} copies: as lea,",
            "they can be decided together. Everything stays in:",
            f"  {folder}",
        )
        return _until_stopped(
            [sys.executable, "-m", "reseen", "serve", "--port", str(port)], folder, env
        )


def _until_stopped(command: list[str], folder: Path, env: dict[str, str]) -> int:
    """Run it; Ctrl-C reaches it by itself, SIGTERM is handed on, and it ends in its own time."""
    running: list[subprocess.Popen[bytes]] = []
    signal.signal(signal.SIGINT, lambda *_: None)

    def hand_on(*_: object) -> None:
        for each in running:
            each.terminate()

    signal.signal(signal.SIGTERM, hand_on)
    child = subprocess.Popen(command, cwd=folder, env=env)
    running.append(child)
    code = child.wait()
    return 0 if code in (-signal.SIGINT, -signal.SIGTERM) else code
