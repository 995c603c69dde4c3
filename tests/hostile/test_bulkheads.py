"""One file's trouble is one file's: Reseen is made to fail at random places, and goes on.

`tests.hostile.sabotage` raises in the nth call of a reader. Whatever was asked comes to its end,
the other files are judged, the fault is named and counted, and tells nothing of the file.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.files.build import ramp, safetensors, torch_legacy, torch_zip
from tests.hostile.sabotage import ERRORS, Sabotage, sabotage
from tests.match.made import KEYRING, fully_known, known, listed, remove
from tests.scan.fake_hub import COMMIT, FakeHub

from reseen.errors import Malformed, Unforeseen, bulkhead
from reseen.files.source import Memory, run
from reseen.fingerprints.digests import Fingerprinter, look_inside
from reseen.fingerprints.whole import fingerprint
from reseen.hubs.hub import Revision
from reseen.operations.checks import Checker
from reseen.records import Digest, DigestKind, Rung
from reseen.registry import never_read
from reseen.registry.adds import AddOutcome, add_files
from reseen.scan import inspect, pool
from reseen.scan.context import reading
from reseen.scan.folder import scan_folder
from reseen.scan.target import Confirm, Options
from reseen.scan.visit import Visit, visit
from reseen.store.database import Store
from reseen.store.schema import problems

# A generator that is closed meets the error, too, and Python says that it was ignored there.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

TENSORS = {
    "lora_unet_a.lora_up.weight": ramp("F16", 32, 4),
    "lora_unet_a.lora_down.weight": ramp("F16", 4, 32),
    "lora_unet_a.alpha": ramp("F32"),
    "lora_unet_b.hada_w1_a": ramp("F16", 32, 4),
    "lora_unet_b.hada_w1_b": ramp("F16", 4, 32),
    "lora_unet_b.hada_w2_a": ramp("F16", 32, 4),
    "lora_unet_b.hada_w2_b": ramp("F16", 4, 32),
    "lora_unet_c.lokr_w1": ramp("BF16", 4, 4),
    "lora_unet_c.lokr_w2": ramp("F8_E4M3", 8, 8),
}
PEFT = {
    "transformer.a.lora_A.weight": ramp("F16", 4, 96, seed=3),
    "transformer.a.lora_B.weight": ramp("F16", 96, 4, seed=3),
}
FILES = {
    "flat.safetensors": safetensors(TENSORS, {"sshs_model_hash": "ab" * 32}),
    "zip.pt": torch_zip(TENSORS | {"d": ramp("F32", 3, 4)}),
    "legacy.pt": torch_legacy(TENSORS),
    "peft.safetensors": safetensors(PEFT, {"lora_adapter_metadata": '{"r": 4, "lora_alpha": 2}'}),
}
REMOVED = safetensors(
    {
        "lora_unet_x.lora_up.weight": ramp("F16", 128, 4, seed=9),
        "lora_unet_x.lora_down.weight": ramp("F16", 4, 128, seed=9),
    }
)


def places(name: str, some: int) -> Iterator[tuple[int, BaseException]]:
    """Calls at which to fail, chosen by name, and with what."""
    data = FILES[name]
    for _ in range(2):  # what is asked for the first time is remembered, and takes more calls
        with sabotage(-1, ValueError()) as told:
            inside = run(Memory(data), look_inside(len(data), thorough=True))
            fingerprinter = Fingerprinter(len(data), inside)
            fingerprinter.update(data)
            fingerprinter.finish()
    chance = random.Random(name)
    for nth in chance.sample(range(1, told.calls + 1), some):
        yield nth, chance.choice(ERRORS)


def test_an_unforeseen_error_is_named_and_tells_nothing_of_the_file() -> None:
    with pytest.raises(Unforeseen) as first, bulkhead():
        raise KeyError("Sample person 07")
    assert "person" not in str(first.value)
    assert "KeyError" in str(first.value)
    assert first.value.fault in str(first.value)
    assert first.value.fault.startswith("fault-")
    with pytest.raises(Malformed), bulkhead():  # on purpose
        raise Malformed("x")
    with pytest.raises(LookupError), bulkhead(LookupError):
        raise LookupError
    for stops in (KeyboardInterrupt, asyncio.CancelledError, GeneratorExit):
        with pytest.raises(stops), bulkhead():
            raise stops


def test_the_same_fault_has_the_same_number_and_another_another() -> None:
    def fail(error: BaseException) -> str:
        try:
            with bulkhead():
                raise error
        except Unforeseen as e:
            return e.fault

    faults = {fail(error) for error in ERRORS}
    assert len(faults) == len({type(e) for e in ERRORS})
    assert fail(ValueError("a")) == fail(ValueError("b"))


@pytest.mark.parametrize("name", FILES)
def test_the_digests_of_the_file_do_not_suffer(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name])
    sound = fingerprint(path)
    whole = {d for d in sound.digests if d.kind in (DigestKind.SHA256, DigestKind.BLAKE3)}
    said: list[str] = []
    faults = 0
    limits = [resource.getrlimit(kind) for kind in (resource.RLIMIT_CPU, resource.RLIMIT_AS)]
    for nth, error in places(name, 60):
        with sabotage(nth, error) as told:
            try:
                with bulkhead():  # its very first call may be the one
                    found = fingerprint(path)
            except Unforeseen as e:
                said.append(str(e))
                continue
        assert told.done
        assert whole <= set(found.digests)
        faults += found != sound
    assert len(said) < 12  # only what computes the digests themselves
    assert "sample person" not in "".join(said)
    assert faults > 30
    assert limits == [
        resource.getrlimit(kind) for kind in (resource.RLIMIT_CPU, resource.RLIMIT_AS)
    ]


@contextmanager
def failing_on(
    monkeypatch: pytest.MonkeyPatch, path: Path, nth: int, error: BaseException
) -> Iterator[list[Sabotage]]:
    """A folder's files are read, and one of them meets an error."""
    told: list[Sabotage] = []

    def read(one: Path, *rest: object, **more: object) -> object:
        if one != path:
            return never_read.read_local(one, *rest, **more)  # type: ignore[arg-type]
        with sabotage(nth, error) as each:
            told.append(each)
            return never_read.read_local(one, *rest, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(pool, "read_local", read)
        yield told


@pytest.mark.parametrize("name", FILES)
def test_a_folder_scan_goes_on_and_so_does_the_next(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    root = tmp_path / "models"
    root.mkdir()
    (root / name).write_bytes(FILES[name])
    (root / "z-copy.safetensors").write_bytes(REMOVED)
    remove(store, listed(REMOVED))
    found: set[str] = set()
    faults = 0
    for nth, error in places(name, 12):
        with failing_on(monkeypatch, root / name, nth, error) as told:
            outcome = scan_folder(store, KEYRING, root, jobs=1)
        assert told[0].done
        assert outcome.ended
        found |= {s.path for s in outcome.sightings}
        with store.read() as connection:
            where = problems.c.scan_pk == outcome.scan
            said = connection.execute(
                select(problems.c.place, problems.c.reason).where(where)
            ).all()
        faults += any(place.endswith(name) and "fault-" in reason for place, reason in said)
        assert not any("fault-" in reason for place, reason in said if not place.endswith(name))
        assert "sample person" not in str(said)
    assert found == {"z-copy.safetensors"}
    assert faults > 6  # some look like a damaged file, or happen beside it


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_a_visit_to_a_hub_goes_on(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    removal = remove(store, fully_known(REMOVED))
    hub = FakeHub({"a.safetensors": FILES["flat.safetensors"], "b.bin": REMOVED})
    registry = known(store)

    def go() -> Visit:
        context = reading(hub, registry, Options(confirm=Confirm.FULL))
        return asyncio.run(visit(context, hub.listed, Revision("main", COMMIT)))

    assert not go().problems
    for place in ("look_inside", "inspection_of", "forbids", "header_agrees", "read_in_full"):
        with monkeypatch.context() as patched:

            def fail(*_: object) -> None:
                raise error

            patched.setattr(inspect, place, fail)
            found = go()
        assert found.complete
        assert [len(one.matches) for one in found.seen] == [0, 1]
        assert found.seen[1].matches[0].removal == removal
        assert found.seen[1].matches[0].rung is Rung.DECLARED
        assert found.problems or place in ("header_agrees", "read_in_full")
        assert all("fault-" in p.reason for p in found.problems)


def test_a_check_and_an_addition_of_several_files_go_on(tmp_path: Path, store: Store) -> None:
    remove(store, listed(REMOVED))
    bad, copy = tmp_path / "bad.pt", tmp_path / "copy.safetensors"
    bad.write_bytes(FILES["zip.pt"])
    copy.write_bytes(REMOVED)
    checker = Checker(store, KEYRING)
    for nth, error in places("zip.pt", 12):
        with sabotage(nth, error), contextlib.suppress(Unforeseen):
            assert not checker.check(bad).matched
        assert checker.check(copy).matched
    for nth, error in places("zip.pt", 12):
        with sabotage(nth, error):
            (added,) = add_files(store, KEYRING, [bad])
        assert added.outcome in AddOutcome


def test_a_row_of_a_list_on_which_reseen_fails_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    from reseen.registry import imports, row_drafter

    path = tmp_path / "list.csv"
    digests = [hashlib.sha256(bytes([n])).hexdigest() for n in range(3)]
    path.write_text("name,sha256\n" + "".join(f"Sample person {d[:2]},{d}\n" for d in digests))

    def of(cell: object, kind: DigestKind | None) -> Digest | None:
        if cell == digests[1]:
            raise OverflowError("Sample person 22")
        return digest_of(cell, kind)  # type: ignore[arg-type]

    digest_of = row_drafter.digest_of
    monkeypatch.setattr(row_drafter, "digest_of", of)
    account = imports.import_list(store, KEYRING, path)
    assert (account.added, len(account.rejected)) == (2, 1)
    assert account.rejected[0].row == 3
    assert "fault-" in account.rejected[0].reason
    assert "person" not in account.rejected[0].reason
