"""A sweep by Ray Data (the extra `ray`): a dataset of a manifest's rows in, one of theirs out.

What comes in: a dataset with `key`, `size` and what checksums are known, from whatever Ray reads.
What goes out: a dataset with one row for each (`reseen.scan.sweep.columns.COLUMNS`), which Ray
computes when it is written. Read by Ray 2.60 (https://docs.ray.io/en/latest/data/data.html).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseen.scan.sweep.columns import one_batch
from reseen.scan.sweep.engines import BATCH_ROWS, EngineSetup, examined

if TYPE_CHECKING:
    import pyarrow
    from ray.data import Dataset


def swept(rows: Dataset, setup: EngineSetup, workers: int, batch_rows: int = BATCH_ROWS) -> Dataset:
    """Examine them by so many actors, each of one core: leave one at least to Ray, which reads and
    writes beside them, or nothing goes on. An actor that dies is started again, and its batches are
    done again."""
    from ray.data import ActorPoolStrategy

    return rows.map_batches(
        RayExaminer,
        fn_constructor_args=(setup,),
        batch_format="pyarrow",
        batch_size=batch_rows,
        compute=ActorPoolStrategy(size=workers),
        num_cpus=1,
    )


class RayExaminer:
    """What each actor is: it opens index and store once."""

    def __init__(self, setup: EngineSetup) -> None:
        self._setup = setup

    def __call__(self, rows: pyarrow.Table) -> pyarrow.Table:
        import pyarrow

        return pyarrow.Table.from_batches([*examined([one_batch(rows)], self._setup)])
