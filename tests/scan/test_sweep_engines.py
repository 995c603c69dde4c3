"""The examiner on Ray Data and on Spark: the same rows as a sweep writes, and what is refused.

Skipped where an engine is not installed: `make engines` installs both in an environment of its own.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from tests.match import updates
from tests.match.made import KEYRING, fully_known, known, remove
from tests.scan.stored import FILE, examine, make_tree, of_folder

from reseen.errors import InputError, Tampered
from reseen.hubs.object_store import ObjectStore
from reseen.match import saved
from reseen.scan.sweep import on_ray, on_spark
from reseen.scan.sweep.columns import COLUMNS
from reseen.scan.sweep.engines import EngineSetup, examined
from reseen.scan.sweep.examiner import Depth
from reseen.store.database import Store

KEY = KEYRING.for_indexes


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "store")


@pytest.fixture
def setup(store: Store, tree: Path, tmp_path: Path) -> EngineSetup:
    updates.put(store, updates.REMOVED)
    remove(store, fully_known(FILE))
    known(store, None).save(tmp_path / "index", KEY)
    key_file = tmp_path / "index.key"
    key_file.write_text(saved.key_text(KEY))
    key_file.chmod(0o600)
    mac = saved.mac_of(tmp_path / "index")
    return EngineSetup(tmp_path / "index", key_file, str(tree), mac, Depth.FULL)


@pytest.fixture
def expected(store: Store, tree: Path, setup: EngineSetup) -> list[dict[str, Any]]:
    found = examine(of_folder(tree), known(store, None), ObjectStore(str(tree)), Depth.FULL)
    return by_key(found.to_pylist())


def by_key(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: str(row["key"]))


def manifest(tree: Path, tmp_path: Path) -> str:
    table = pyarrow.Table.from_batches([of_folder(tree)])
    pyarrow.parquet.write_table(table, tmp_path / "manifest.parquet", row_group_size=4)
    return str(tmp_path / "manifest.parquet")


def test_a_batch_is_examined_beside_the_process_of_an_engine(
    tree: Path, setup: EngineSetup, expected: list[dict[str, Any]]
) -> None:
    batch = of_folder(tree)
    found = [*examined([batch.slice(0, 5), batch.slice(5), batch.slice(0, 0)], setup)]
    assert [each.num_rows for each in found] == [5, batch.num_rows - 5, 0]
    rows = [row for each in found for row in each.to_pylist()]
    assert [row["key"] for row in rows] == batch.column("key").to_pylist()
    assert by_key(rows) == expected


def test_nothing_secret_travels_with_what_an_engine_is_given(setup: EngineSetup) -> None:
    assert KEY.hex() not in repr(setup)
    assert KEY not in str(setup).encode()
    assert KEY.hex() not in repr(setup.worker())


def test_another_index_or_key_is_refused(setup: EngineSetup, store: Store, tree: Path) -> None:
    batch = of_folder(tree)
    updates.put(store, updates.OTHER)
    known(store, None).save(setup.index, KEY)
    with pytest.raises(Tampered, match="another than was saved last"):
        next(examined([batch], setup))
    setup.key_file.write_text(saved.key_text(bytes(32)))
    one = EngineSetup(setup.index, setup.key_file, setup.store, saved.mac_of(setup.index))
    with pytest.raises(Tampered, match="not written with this key"):
        next(examined([batch], one))
    two = EngineSetup(setup.index, setup.key_file.with_name("none"), setup.store, setup.mac)
    with pytest.raises(InputError):
        next(examined([batch], two))


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two processors, one of which works, and 100 MB for what is under way."""
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: `make engines` tries the adapters with it")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*filter(None, sys.path)]))
    import ray

    ray.init(
        num_cpus=2, object_store_memory=100_000_000, include_dashboard=False, log_to_driver=False
    )
    try:
        yield ray
    finally:
        ray.shutdown()


def test_ray_says_what_a_sweep_says(
    ray: Any, tree: Path, tmp_path: Path, setup: EngineSetup, expected: list[dict[str, Any]]
) -> None:
    rows = ray.data.read_parquet(manifest(tree, tmp_path))
    on_ray.swept(rows, setup, workers=1, batch_rows=5).write_parquet(str(tmp_path / "out"))
    found = pyarrow.parquet.read_table(tmp_path / "out")
    assert found.schema.names == list(COLUMNS)
    assert by_key(found.to_pylist()) == expected


@pytest.fixture
def spark(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    if find_spec("pyspark") is None:
        pytest.skip("Spark is not installed: `make engines` tries the adapters with it")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java 17 or 21 (Debian: apt install openjdk-17-jre-headless)")
    from pyspark.sql import SparkSession

    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*filter(None, sys.path)]))
    options = {
        "spark.ui.enabled": "false",
        "spark.driver.memory": "512m",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "5",
    }
    session = SparkSession.builder.master("local[1]").config(map=options).getOrCreate()
    try:
        yield session
    finally:
        session.stop()


def test_spark_says_what_a_sweep_says(
    spark: Any, tree: Path, tmp_path: Path, setup: EngineSetup, expected: list[dict[str, Any]]
) -> None:
    rows = spark.read.parquet(manifest(tree, tmp_path))
    on_spark.swept(rows, setup).write.parquet(str(tmp_path / "out"))
    found = pyarrow.parquet.read_table(tmp_path / "out")
    assert found.schema.names == list(COLUMNS)
    assert by_key(found.to_pylist()) == expected


def test_the_adapters_are_short() -> None:
    """What an engine's people read before they run it."""
    for module, most in ((on_ray, 60), (on_spark, 40)):
        assert len(Path(str(module.__file__)).read_text().splitlines()) <= most
