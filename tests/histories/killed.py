"""Histories by real commands against a served hub, some of which are killed at a random moment.

A command that was killed is given again, until it ends: as a person does it. What is known in the
end is that of a history without kills.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from replica.server import Replica
from replica.world import World
from tests.histories.acts import History, draw
from tests.histories.faces import Room, environment
from tests.histories.model import Level, Target
from tests.histories.play import play
from tests.histories.rows import Row

ROOT = Path(__file__).parents[2]
MOST_KILLS = 3
"""Of one command; then it may end."""
MOST_ACTS = 8


class KilledRoom(Room):
    """Acts are commands, in processes of their own, which are killed now and then."""

    def __init__(
        self, folder: Path, name: str, world: World, files: Path, *, dice: random.Random
    ) -> None:
        super().__init__(folder, name, world, files)
        self.dice = dice
        self.kills = 0
        self._served = Replica(world)
        self._served.__enter__()

    def close(self) -> None:
        self._served.__exit__(None, None, None)
        super().close()

    def import_rows(self, list: str, some: Any, by: str) -> None:
        super().import_rows(list, some, "cli")

    def add(self, row: Row, by: str) -> None:
        super().add(row, "cli")

    def _turn(self, what: str, row: str, by: str) -> None:
        super()._turn(what, row, "cli")

    def scan(self, target: Target, by: str) -> None:
        super().scan(target, "cli")

    def take_back(self, row: str, content: str, put_back: bool, by: str) -> bool:
        return super().take_back(row, content, put_back, "cli")

    def classify(self, row: str, on: bool, by: str) -> None:
        super().classify(row, on, "cli")

    def classify_list(self, list: str, on: bool, by: str) -> None:
        super().classify_list(list, on, "cli")

    def settle(self, row: str, counts: bool, by: str) -> bool:
        return super().settle(row, counts, "cli")

    def innocent(self, key: str, on: bool, by: str) -> bool:
        return super().innocent(key, on, "cli")

    def reads_owed(self, by: str, target: Target) -> bool:
        return False  # all are commands

    def watch(self, target: Target) -> None:
        """A watch ends when it is killed: what it does in a round, by verbs that end."""
        super().read("cli")
        super().scan(target, "cli")

    def read(self, by: str) -> None:
        super().read("cli")

    def recheck(self, by: str) -> None:
        super().recheck("cli")

    def told(self, repo: str) -> None:
        target = Target(repos=(repo,), level=Level.HEADER, refs=True, follow=True)
        super().scan(target, "cli")

    def _command(self, *words: str) -> tuple[int, str, str]:
        kills = self.dice.choice((0, 0, 1, 2, MOST_KILLS))
        while True:
            process = subprocess.Popen(
                [sys.executable, "-m", "reseen", *words],
                env=environment(self.folder, self.name)
                | {
                    "HF_ENDPOINT": self._served.endpoint,
                    "PYTHONPATH": f"{ROOT / 'src'}",
                },
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            if kills:
                kills -= 1
                time.sleep(self.dice.uniform(0.3, 2.0))
                if process.poll() is None:
                    process.kill()
                    process.communicate()
                    self.kills += 1
                    continue
            out, err = process.communicate()
            return process.returncode, out, err


def history_of(seed: int) -> list[Any]:
    """The history of a seed, of fewer acts."""
    return draw(seed)[:MOST_ACTS]


def play_killed(seed: int) -> tuple[History, int, list[Any]]:
    """The history, how many processes were killed, and what differs at its end."""
    history = history_of(seed)
    rooms: list[KilledRoom] = []

    def make(*given: Any) -> KilledRoom:
        rooms.append(KilledRoom(*given, dice=random.Random(seed)))
        return rooms[-1]

    found = play(history, make)
    return history, rooms[0].kills, found
