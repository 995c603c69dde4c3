"""The sketch of a local file, read where it matters: without hashing the rest.

`adapter_config.json` beside the file is read where it stands, for PEFT keeps the scale there.
"""

from __future__ import annotations

from pathlib import Path

from reseen.errors import FileError
from reseen.files.containers import read_listing
from reseen.files.source import LocalFile, Range, run
from reseen.files.tensors import Listing
from reseen.fingerprint.sketcher import Sketched, read_sketch
from reseen.updates.peft import LARGEST, PeftConfig, parse_config
from reseen.updates.plan import Plan, plan

CONFIG_NAME = "adapter_config.json"


def sketch_of(path: Path) -> Sketched:
    """Raises FileError when the file cannot be read, or its container is not read here."""
    with LocalFile(path) as source:
        listing = run(source, read_listing(source.size))
        return run(source, read_sketch(plan(listing, config_beside(path))))


def plan_of(path: Path) -> tuple[Listing, Plan]:
    """The header of a file and what it is made of. Raises FileError."""
    with LocalFile(path) as source:
        listing = run(source, read_listing(source.size))
    return listing, plan(listing, config_beside(path))


def config_beside(path: Path) -> PeftConfig | None:
    """The PEFT configuration in the same folder; None where there is none that can be read."""
    try:
        with LocalFile(path.with_name(CONFIG_NAME)) as source:
            if source.size > LARGEST:
                return None
            return parse_config(source.read(Range(0, source.size)))
    except FileError:
        return None
