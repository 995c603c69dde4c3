"""A sweep by Spark (the extra `spark`): a data frame of a manifest's rows in, one of theirs out.

What comes in: a data frame with `key`, `size` and what checksums are known. What goes out: one with
one row for each (`reseen.scan.sweep.columns.COLUMNS`), which Spark computes when it is written.
`spark.sql.execution.arrow.maxRecordsPerBatch` says how many rows are examined at once (256 is
good), and `spark.speculation` stays off: a file would be read twice. Written for Spark 4.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reseen.scan.sweep.columns import COLUMNS
from reseen.scan.sweep.engines import EngineSetup, examined

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import DataFrame

_SCHEMA = ", ".join(
    f"{name} {'bigint' if kind == 'int64' else kind}" for name, kind in COLUMNS.items()
)


def swept(rows: DataFrame, setup: EngineSetup) -> DataFrame:
    """Examine them, each partition by one task. What a task that dies had under way is done
    again."""

    def task(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        return examined(batches, setup)

    return rows.mapInArrow(task, _SCHEMA)
