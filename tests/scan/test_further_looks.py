"""What all bytes of a file told stands, whatever a further look at it meets: an error that nobody
foresaw, a limit, a hub that falls silent. The trouble is said beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from tests.files import build
from tests.match.checkpoints_made import as_adapter, base, checkpoint, person, plus, updates
from tests.match.made import KEYRING, fully_known, known, remove
from tests.match.updates import REMOVED, put
from tests.scan.fake_hub import BUSY, COMMIT, FakeHub

from reseen.errors import OutOfTime
from reseen.hubs.hub import Revision
from reseen.match.registry_index import RegistryIndex
from reseen.observed import blind_spots, sightings
from reseen.observed.readings import read_so_far
from reseen.operations import bases, scans
from reseen.operations import checkpoints as checkpoints_at_hand
from reseen.operations.checks import Checker
from reseen.records import Artifact, Confirmed, DigestKind, Rung
from reseen.scan import archive_at_hub, inspect
from reseen.scan import checkpoint as checkpoint_at_hub
from reseen.scan.bases_at_hand import BasesAtHand
from reseen.scan.context import reading
from reseen.scan.record import record
from reseen.scan.sweep.processes import Workers, _received, _sent
from reseen.scan.target import Confirm, Options
from reseen.scan.visit import Visit, visit
from reseen.store.database import Store

FULL = Options(confirm=Confirm.FULL, background=0)
BAKED = checkpoint(plus(base(), updates(person(7))))
PROBED = 64 * 2 * 80 * 80
"""Bytes of the layers that are looked at, at least."""


class Silent(FakeHub):
    """Answers until a file was read whole, and then no more."""

    async def stream(self, artifact: Artifact, limit: int) -> AsyncIterator[bytes]:
        async for piece in FakeHub.stream(self, artifact, limit):
            yield piece
        self.fails[artifact.path] = BUSY


def look(store: Store, hub: FakeHub, options: Options = FULL) -> Visit:
    context = replace(reading(hub, known(store), options), bases=BasesAtHand(store))
    return asyncio.run(visit(context, hub.listed, Revision("main", COMMIT)))


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


@pytest.fixture
def with_base(store: Store, tmp_path: Path) -> Store:
    """A store that knows the base of `BAKED`, an adapter that is inside, and the file itself."""
    (tmp_path / "base.safetensors").write_bytes(checkpoint(base()))
    bases.add(store, KEYRING, tmp_path / "base.safetensors", "Sample base 1.0")
    put(store, as_adapter(person(7)))
    remove(store, fully_known(BAKED))
    return store


TROUBLES: dict[str, BaseException | None] = {
    "fault": KeyError("sample person"),
    "system-limit": MemoryError(),
    "out of time": OutOfTime(),
    "limit": None,
    "away": None,
}


@pytest.mark.parametrize("what", TROUBLES)
def test_layers_of_a_checkpoint_that_was_read_in_full(
    with_base: Store, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = (Silent if what == "away" else FakeHub)({"x.safetensors": BAKED})
    options = replace(FULL, max_scan_bytes=len(BAKED) + PROBED) if what == "limit" else FULL
    if (error := TROUBLES[what]) is not None:
        monkeypatch.setattr(checkpoint_at_hub, "read_weights", failing(error))
    found = look(with_base, hub, options)
    (one,) = found.seen
    assert found.complete
    assert one.confirmed is Confirmed.BYTES
    assert one.inspection is not None
    assert one.inspection.full
    assert {d.kind for d in one.inspection.digests} >= {DigestKind.SHA256, DigestKind.DATA_SHA256}
    assert Rung.BYTES in {match.rung for match in one.matches}
    assert one.judged is not None
    assert {Rung.BYTES, Rung.TENSORS} <= set(one.judged.rungs)
    assert Rung.WEIGHTS not in one.judged.rungs
    code = "system-limit" if what == "out of time" else what
    assert code in {spot.code for spot in one.judged.not_read}
    assert ["fault-" in problem.reason for problem in found.problems] == [True] * (
        error is not None
    )
    with with_base.write() as connection:
        record(connection, found)
        (told,) = read_so_far(connection, [1])[1].values()
        assert {s.rung for s in sightings.every(connection)} == {Rung.BYTES}
        (blind,) = blind_spots.files(connection)
    assert told.full
    assert code in {spot.code for spot in blind.judged.not_read}


@pytest.mark.parametrize("how", ["copies", "match_digests", "hints_inside", "hints"])
def test_comparing_what_was_read_in_full(
    store: Store, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    removal = remove(store, fully_known(REMOVED))
    monkeypatch.setattr(RegistryIndex, how, failing(KeyError("sample person")))
    found = look(store, FakeHub({"x.safetensors": REMOVED}))
    (one,) = found.seen
    assert [match.removal for match in one.matches] == [removal]
    assert one.confirmed is Confirmed.BYTES
    assert one.inspection is not None
    assert one.inspection.sketch is not None
    assert found.problems
    assert all("fault-" in problem.reason for problem in found.problems)
    assert "sample person" not in str(found)
    with store.write() as connection:
        record(connection, found)
        assert [s.rung for s in sightings.every(connection)] == [Rung.BYTES]


def test_what_is_in_an_archive(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    removal = remove(store, fully_known(packed := build.zipped({"a.safetensors": REMOVED})))
    monkeypatch.setattr(archive_at_hub, "read_members", failing(KeyError("sample person")))
    found = look(store, FakeHub({"x.zip": packed}))
    (one,) = found.seen
    assert [(m.removal, m.rung) for m in one.matches] == [(removal, Rung.BYTES)]
    (problem,) = found.problems
    assert "fault-" in problem.reason


def test_a_member_of_an_archive_is_no_reason_to_see_the_archive_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, REMOVED)
    hub = FakeHub({"x.zip": build.zipped({"a.safetensors": REMOVED})})
    assert len(look(store, hub).seen) == 2
    monkeypatch.setattr(inspect, "merge", failing(KeyError("sample person")))
    found = look(store, hub)
    assert sorted(one.artifact.path for one in found.seen) == ["x.zip", "x.zip!a.safetensors"]
    assert found.problems


@pytest.mark.parametrize("error", [KeyError("sample person"), MemoryError()], ids=repr)
def test_a_checkpoint_on_this_machine(
    with_base: Store, tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "models"
    root.mkdir()
    (root / "x.safetensors").write_bytes(BAKED)
    code = "system-limit" if isinstance(error, MemoryError) else "fault"
    monkeypatch.setattr("reseen.fingerprints.local.read_plan", failing(error))
    scans.scan_folder(with_base, KEYRING, root, jobs=1)
    with with_base.read() as connection:
        assert [s.rung for s in sightings.every(connection)] == [Rung.BYTES]
        (blind,) = blind_spots.files(connection)
    assert code in {spot.code for spot in blind.judged.not_read}


def test_a_checkpoint_that_is_checked(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, REMOVED)
    (tmp_path / "x.safetensors").write_bytes(BAKED)
    monkeypatch.setattr(checkpoints_at_hand.never_read, "forbids", failing(KeyError("x")))
    found = Checker(store, KEYRING).check(tmp_path / "x.safetensors")
    assert found.fingerprint.digest(DigestKind.SHA256) is not None
    assert "fault" in {spot.code for spot in found.fingerprint.blind}


# -- processes -----------------------------------------------------------------------------------


@dataclass
class Pool:
    """In place of processes: gives back what it is given, but one batch, on which it dies, which
    is seen when the next comes."""

    deadly: int
    given: int = 0
    left: list[Future[bytes]] = field(default_factory=list)

    def submit(self, _: object, data: bytes) -> Future[bytes]:
        if self.left:
            self.shutdown()
            raise BrokenProcessPool
        future = Future[bytes]()
        if self.given == self.deadly:
            self.left.append(future)
        else:
            future.set_result(data)
        self.given += 1
        return future

    def shutdown(self, **_: object) -> None:
        for future in self.left:
            if not future.done():
                future.set_exception(BrokenProcessPool())


@pytest.mark.parametrize("deadly", range(11))
def test_a_batch_that_comes_after_a_process_died_has_no_part_in_it(
    deadly: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools = iter([Pool(deadly), *(Pool(-1) for _ in range(3))])
    alone: list[int] = []

    def tried(self: Workers, batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
        alone.append(batch["n"][0].as_py())
        return batch

    monkeypatch.setattr(Workers, "_started", lambda *_: next(pools))
    monkeypatch.setattr(Workers, "_alone", tried)
    batches = [pyarrow.record_batch({"n": [number]}) for number in range(12)]
    workers = Workers(None, 2)  # type: ignore[arg-type]
    found = [*workers.examined(iter(enumerate(batches)))]
    assert sorted(number for number, _ in found) == [*range(12)]
    assert all(batch["n"][0].as_py() == number for number, batch in found)
    assert alone == [deadly]
    assert _received(_sent(batches[0])) == batches[0]
