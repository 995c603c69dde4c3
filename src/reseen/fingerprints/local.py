"""The sketch of a local file, read where it matters: without hashing the rest."""

from __future__ import annotations

from pathlib import Path

from reseen.errors import bulkhead
from reseen.files.containers import read_listing
from reseen.files.source import LocalFile, run
from reseen.files.system_limits import limits
from reseen.files.tensors import Listing
from reseen.fingerprints.config import config_beside
from reseen.fingerprints.sketcher import Sketched, read_sketch
from reseen.updates.plan import Plan, plan


def sketch_of(path: Path) -> Sketched:
    """Raises FileError when the file cannot be read, or its container is not read here."""
    with bulkhead(), LocalFile(path) as source, limits(source.size):
        listing = run(source, read_listing(source.size))
        return run(source, read_sketch(plan(listing, config_beside(path))))


def plan_of(path: Path) -> tuple[Listing, Plan]:
    """The header of a file and what it is made of. Raises FileError."""
    with bulkhead(), LocalFile(path) as source, limits(source.size):
        listing = run(source, read_listing(source.size))
        return listing, plan(listing, config_beside(path))
