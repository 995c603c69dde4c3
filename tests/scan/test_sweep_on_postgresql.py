"""A sweep is imported into PostgreSQL as into SQLite, also by two at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from tests.match import updates
from tests.match.made import KEYRING, fully_known, known, remove
from tests.scan.stored import FILE, make_tree, of_folder

from reseen.observed import sightings
from reseen.operations import sweeps
from reseen.scan.sweep.examiner import Depth
from reseen.scan.sweep.processes import SweepSource
from reseen.scan.sweep.run import SweepAsked, SweepWork, run
from reseen.scan.sweep.taken import KeyPlaces
from reseen.store.database import Store


@pytest.fixture
def store(postgresql_store_url: str) -> Iterator[Store]:
    with Store(postgresql_store_url) as store:
        yield store


def test_two_imports_at_once_take_each_part_once(
    store: Store, postgresql_store_url: str, tmp_path: Path
) -> None:
    tree = make_tree(tmp_path / "store")
    updates.put(store, updates.REMOVED)
    remove(store, fully_known(FILE))
    known(store, None).save(tmp_path / "index", KEYRING.for_indexes)
    batch = of_folder(tree)
    pyarrow.parquet.write_table(pyarrow.Table.from_batches([batch]), tmp_path / "manifest")
    source = SweepSource(tmp_path / "index", KEYRING.for_indexes, str(tree), tmp_path / "out")
    found = run(SweepAsked(tmp_path / "manifest", source, Depth.FULL, SweepWork(part_rows=2)))
    assert found.parts == 7

    def take(_: int) -> tuple[int, int, int, list[str]]:
        with Store(postgresql_store_url) as mine:
            done = sweeps.take(mine, KEYRING, tmp_path / "out", KeyPlaces("storage+acme"))
            return done.scan, done.new, done.rows, [one.id for one in done.sightings]

    with ThreadPoolExecutor(2) as both:
        done = list(both.map(take, range(2)))
    scans, new, rows, ids = zip(*done, strict=True)
    assert len(set(scans)) == 1
    assert (sum(new), sum(rows)) == (7, 13)
    told = [id for some in ids for id in some]
    with store.read() as connection:
        every = {one.id for one in sightings.every(connection)}
    assert sorted(told) == sorted(every)
    assert len(every) == found.counts["match"] == 7
    assert take(0)[1:] == (0, 0, [])
