"""What is marked to be translated, as `make catalogues` finds it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[2]


@cache
def template() -> Catalog:
    """All that is marked."""
    with tempfile.TemporaryDirectory() as folder:
        pot = Path(folder, "reseen.pot")
        subprocess.run(
            [ROOT / ".ci" / "catalogues", "pot", pot],
            env={**os.environ, "PYTHON": sys.executable},
            check=True,
        )
        with pot.open("rb") as file:
            return read_po(file)


@cache
def marked() -> frozenset[tuple[str | None, str]]:
    """Context and sentence, in the singular."""
    return frozenset(
        (message.context, message.id if isinstance(message.id, str) else message.id[0])
        for message in template()
        if message.id
    )
