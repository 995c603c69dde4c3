"""A history by real commands, some of which are killed: a short one of those that
`make bench-histories` plays."""

from __future__ import annotations

import random
from typing import Any

from tests.histories.acts import Act, Add, Import, Scan
from tests.histories.killed import KilledRoom
from tests.histories.model import Level, Target
from tests.histories.play import play

READ_BEFORE_A_LIST_CONTRADICTS_ITSELF: tuple[Act, ...] = (
    Add("Sample person 23", "cli"),
    Scan(Target(repos=("ann/renamed",), level=Level.HEADER, follow=False), "cli"),
    Import("hostile", ("Sample person 21",), "cli"),
)


def test_commands_that_are_killed_come_to_the_same_end() -> None:
    def make(*given: Any) -> KilledRoom:
        return KilledRoom(*given, dice=random.Random(5))

    assert play(READ_BEFORE_A_LIST_CONTRADICTS_ITSELF, make) == []
