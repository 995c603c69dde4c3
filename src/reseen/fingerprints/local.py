"""The sketch of a local file, read where it matters: without hashing the rest."""

from __future__ import annotations

from pathlib import Path

from reseen.errors import FileError, bulkhead
from reseen.files import shards
from reseen.files.containers import read_listing
from reseen.files.source import LocalFile, Range, run
from reseen.files.system_limits import limits
from reseen.files.tensors import Listing
from reseen.fingerprints.config import config_beside
from reseen.fingerprints.digests import look_inside
from reseen.fingerprints.known_bogus import why_no_model
from reseen.fingerprints.layer_sketch import Progress
from reseen.fingerprints.members import Forbidden
from reseen.fingerprints.rows import EmbeddingRows, read_rows
from reseen.fingerprints.sharded import weights_of_shards
from reseen.fingerprints.sketcher import Sketched, read_sketch
from reseen.fingerprints.weight_plan import read_plan
from reseen.fingerprints.weights_read import LayerChoice, WeightsRead, read_chosen
from reseen.records import Fingerprint
from reseen.updates.plan import Plan, plan


def trouble_of(path: Path) -> str | None:
    """Why this file cannot be read, can hardly be a model, or is damaged, by its header alone; None
    where nothing speaks against it."""
    try:
        with bulkhead(), LocalFile(path) as source, limits(source.size):
            inside = run(source, look_inside(source.size))
            seen = Fingerprint(source.size, inside.container, (), problem=inside.problem)
            return why_no_model(source.read(Range(0, 1_024)), seen) or inside.problem
    except FileError as e:
        return str(e)


def sketch_of(path: Path) -> Sketched:
    """Raises FileError when the file cannot be read, or its container is not read here."""
    with bulkhead(), LocalFile(path) as source, limits(source.size):
        listing = run(source, read_listing(source.size))
        return run(source, read_sketch(plan(listing, config_beside(path))))


def embedding_of(path: Path) -> EmbeddingRows | None:
    """The rows of its embeddings; None where there are none. Raises FileError as `sketch_of`."""
    with bulkhead(), LocalFile(path) as source, limits(source.size):
        listing = run(source, read_listing(source.size))
        return run(source, read_rows(plan(listing).embeddings))[0]


def plan_of(path: Path) -> tuple[Listing, Plan]:
    """The header of a file and what it is made of. Raises FileError."""
    with bulkhead(), LocalFile(path) as source, limits(source.size):
        listing = run(source, read_listing(source.size))
        return listing, plan(listing, config_beside(path))


def weights_of(
    path: Path,
    choice: LayerChoice,
    progress: Progress | None = None,
    forbidden: Forbidden | None = None,
) -> WeightsRead | None:
    """The sketch of a checkpoint's weights, of the layers that are chosen; None for what is none.
    Of one in shards `path` is their index. `progress`: is told bytes as they are read. `forbidden`:
    told the digests of each shard, whether nothing more of it may be read. Raises FileError."""
    if path.name.endswith(shards.ENDING):
        return weights_of_shards(path, choice, progress, forbidden)
    with bulkhead(), LocalFile(path) as source, limits(source.size):
        made = run(source, read_plan(run(source, read_listing(source.size))))
        return None if made is None else run(source, read_chosen(made, choice, progress))
