"""A scan that is killed again and again comes to the result of an undisturbed one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LOOP = Path(__file__).with_name("kill_loop.py")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked children")
@pytest.mark.parametrize("kills", [2, 6], ids=["few", "more"])
def test_kills_change_nothing(kills: int) -> None:
    """A shortened run of kill_loop.py, which by itself kills a hundred times."""
    done = subprocess.run(
        [sys.executable, str(LOOP), "--kills", str(kills)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{kills} kills in" in done.stdout
