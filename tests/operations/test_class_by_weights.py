"""The class that is never read, where a list says the digest of a file's weights and nothing else.

No hub states such a digest: only who reads all bytes can tell. Every door gives one answer then,
in any order: it is found, and it ends at its digests.
"""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select
from tests.match.made import KEYRING, known, listed, read, remove
from tests.match.updates import CAST, OTHER, REMOVED, put
from tests.registry.test_claims import new_store
from tests.scan.fake_hub import FakeHub
from tests.scan.test_never_read import FULL, look

from replica import made
from reseen.cli import cli
from reseen.errors import Conflict
from reseen.gate.upload_work import read_upload
from reseen.match.registry_index import RegistryIndex
from reseen.observed import sightings
from reseen.operations import classes, innocents, lists, log_check, removals
from reseen.operations import index as saved
from reseen.operations.checks import Checker
from reseen.records import Confirmed, Digest, DigestKind, Fingerprint, RemovalClass, Rung
from reseen.registry import removals as stored
from reseen.registry.adds import AddOptions
from reseen.registry.import_account import Usefulness
from reseen.registry.imports import ImportOptions
from reseen.registry.never_read import ended, forbids, load
from reseen.review.roles import Role, Who
from reseen.scan.folder import scan_folder
from reseen.store import schema
from reseen.store.database import Store

WHY = "Sample reason 01"
NEVER = RemovalClass.CHILD_ABUSE
EDITED = made.header_edited(REMOVED)
KINDS = [DigestKind.DATA_SHA256, DigestKind.TENSORS_BLAKE3]
COLUMNS = {DigestKind.DATA_SHA256: "data_sha256", DigestKind.TENSORS_BLAKE3: "tensors_blake3"}


def digest_of(data: bytes, kind: DigestKind) -> Digest:
    found = read(data).digest(kind)
    assert found is not None
    return found


def import_(
    store: Store, folder: Path, kind: DigestKind, cls: str = "csam", data: bytes = REMOVED
) -> Usefulness:
    path = folder / "weights.csv"
    row = f"Sample person 07,{digest_of(data, kind).hex},{cls}"
    path.write_text(f"name,{COLUMNS[kind]},class\n{row}\n")
    return lists.import_list(store, KEYRING, path, ImportOptions()).account.good_for


def scan(store: Store, folder: Path) -> None:
    seen = folder / "seen"
    if not seen.exists():
        seen.mkdir()
        for name, data in {"LORA": REMOVED, "edited": EDITED, "altered": CAST}.items():
            (seen / name).write_bytes(data)
    scan_folder(store, KEYRING, seen, jobs=1)


def live(store: Store) -> dict[str, tuple[Rung, Confirmed]]:
    with store.read() as connection:
        return {
            s.path: (s.rung, s.confirmed)
            for s in sightings.every(connection)
            if s.rung.on_ladder and not s.withdrawn
        }


def kept(store: Store, *tables: str) -> list[int]:
    with store.read() as connection:
        every = [select(func.count()).select_from(schema.metadata.tables[name]) for name in tables]
        return [int(connection.scalar(query) or 0) for query in every]


def only(store: Store) -> str:
    with store.read() as connection:
        (one,) = [each for each in stored.every(connection) if each.cls.never_read]
    return one.id


FOUND = {
    "LORA": (Rung.TENSORS, Confirmed.BYTES),
    "edited": (Rung.TENSORS, Confirmed.BYTES),
}


def bare(read: Fingerprint) -> bool:
    return read.sketch is None and read.layout is None and read.data_size is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_ends_at_the_digests_and_finds_it(
    store: Store, tmp_path: Path, kind: DigestKind
) -> None:
    import_(store, tmp_path, kind)
    scan(store, tmp_path)
    assert live(store) == FOUND
    assert kept(store, "read_sketches") == [1], "of the altered copy alone, which nobody knows"
    assert kept(store, "sketches") == [0]
    with store.read() as connection:
        assert all(s.never_read and not s.evidence[0].value for s in sightings.every(connection))


ACTS = {
    "list": lambda store, folder: import_(store, folder, DigestKind.DATA_SHA256, ""),
    "class": lambda store, folder: classes.classify_list(store, KEYRING, "weights", NEVER, WHY),
    "scan": scan,
    "beside": lambda store, folder: beside(store, folder),
}


def beside(store: Store, folder: Path) -> None:
    """Another list names the file by its SHA-256, and says nothing of a class."""
    path = folder / "other.csv"
    sha256 = digest_of(REMOVED, DigestKind.SHA256).hex
    path.write_text(f"name,sha256\nSample person 08,{sha256}\n")
    lists.import_list(store, KEYRING, path, ImportOptions())


def standing(store: Store) -> set[tuple[str, str, Rung]]:
    """(list, path, rung)."""
    with store.read() as connection:
        named = {one.id: one.lists[0] for one in stored.every(connection)}
        return {
            (named[s.removal], s.path, s.rung)
            for s in sightings.every(connection)
            if s.rung.on_ladder
        }


def test_in_any_order_and_taken_back(tmp_path: Path) -> None:
    orders = [o for o in permutations(ACTS) if o.index("list") < o.index("class")]
    for number, order in enumerate(orders):
        folder = tmp_path / str(number)
        folder.mkdir()
        with new_store(folder, number) as store:
            for act in order:
                ACTS[act](store, folder)
            assert standing(store) == {
                ("weights", "LORA", Rung.TENSORS),
                ("weights", "edited", Rung.TENSORS),
                ("other", "LORA", Rung.BYTES),
            }, order
            assert log_check.verify(store).wrong == ()
            classes.classify_list(store, KEYRING, "weights", RemovalClass.OTHER, WHY)
            scan(store, folder)
            assert standing(store) == {
                ("weights", "LORA", Rung.TENSORS),
                ("weights", "edited", Rung.TENSORS),
                ("other", "LORA", Rung.BYTES),
                ("other", "edited", Rung.TENSORS),
                ("other", "altered", Rung.WEIGHTS),
            }, order
            classes.classify_list(store, KEYRING, "weights", NEVER, WHY)
            assert ("other", "altered", Rung.WEIGHTS) not in standing(store)
            removals.withdraw_list(store, KEYRING, "weights", WHY)
            assert ("other", "altered", Rung.WEIGHTS) in standing(store)


@pytest.mark.parametrize("kind", KINDS)
def test_a_check_finds_it_and_keeps_no_sketch(
    store: Store, tmp_path: Path, kind: DigestKind
) -> None:
    import_(store, tmp_path, kind)
    for data in (REMOVED, EDITED):
        (tmp_path / "model").write_bytes(data)
        checked = Checker(store, KEYRING).check(tmp_path / "model")
        assert {(m.removal, m.rung) for m in checked.matches} == {(only(store), Rung.TENSORS)}
        assert bare(checked.fingerprint)


@pytest.mark.parametrize("kind", KINDS)
def test_an_upload_ends_at_the_digests(store: Store, tmp_path: Path, kind: DigestKind) -> None:
    import_(store, tmp_path, kind)
    saved.save(store, KEYRING, tmp_path / "index")
    opened = RegistryIndex.open(tmp_path / "index", KEYRING.for_indexes)
    for index in (known(store), opened):
        assert index.holds_never_read
        for data in (REMOVED, EDITED):
            told = read_upload([data], len(data), index)
            assert bare(told)
            (match,) = index.match_fingerprint(told)
            assert (match.removal, match.rung) == (only(store), Rung.TENSORS)
        assert not bare(read_upload([OTHER], len(OTHER), index))


def test_added_it_is_no_removal_by_its_weights(store: Store, tmp_path: Path) -> None:
    """Whoever adds it keeps no sketch; so it is too where it was added before the class."""
    import_(store, tmp_path, DigestKind.DATA_SHA256)
    (tmp_path / "model").write_bytes(EDITED)
    lists.add_files(store, KEYRING, [tmp_path / "model"], AddOptions())
    assert kept(store, "sketches") == [0]
    assert not known(store).likenesses(read(CAST))
    scan(store, tmp_path)
    assert live(store).keys() == {"LORA", "edited"}


def test_added_before_the_class_its_sketch_goes_out_of_use(store: Store, tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(EDITED)
    lists.add_files(store, KEYRING, [tmp_path / "model"], AddOptions())
    scan(store, tmp_path)
    assert live(store)["altered"][0] is Rung.WEIGHTS
    import_(store, tmp_path, DigestKind.DATA_SHA256)
    for index in (known(store),):
        assert not index.likenesses(read(CAST))
        assert not index.could_hold(len(REMOVED) + 10)
    assert live(store).keys() == {"LORA", "edited"}
    removals.withdraw_list(store, KEYRING, "weights", WHY)
    assert live(store)["altered"][0] is Rung.WEIGHTS


def test_what_was_computed_when_its_file_was_added_tells_nothing(
    store: Store, tmp_path: Path
) -> None:
    """Added with its class said, a file is known by the digests of the whole file: so it is where
    the class was said later."""
    (tmp_path / "model").write_bytes(REMOVED)
    (added,) = lists.add_files(store, KEYRING, [tmp_path / "model"], AddOptions()).files
    assert added.removal is not None
    classes.classify(store, KEYRING, added.removal, NEVER, WHY)
    with store.read() as connection:
        never = load(connection)
    assert forbids(never, read(REMOVED))
    assert not forbids(never, read(EDITED))
    assert not forbids(known(store), read(EDITED))
    scan(store, tmp_path)
    assert live(store).keys() == {"LORA"}


def test_said_beside_its_sha256_it_counts_too(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "both.csv"
    both = [digest_of(REMOVED, kind).hex for kind in (DigestKind.SHA256, DigestKind.DATA_SHA256)]
    path.write_text(f"name,sha256,data_sha256,class\nSample person 07,{both[0]},{both[1]},csam\n")
    account = lists.import_list(store, KEYRING, path, ImportOptions()).account
    assert account.good_for == Usefulness(scans=1)
    scan(store, tmp_path)
    assert live(store) == {
        "LORA": (Rung.DECLARED, Confirmed.NONE),
        "edited": (Rung.TENSORS, Confirmed.BYTES),
    }


def test_at_a_hub_nothing_is_read_to_compute_it(store: Store, tmp_path: Path) -> None:
    import_(store, tmp_path, DigestKind.DATA_SHA256)
    hub = FakeHub({"a": REMOVED, "b": EDITED})
    look(hub, store)
    assert (hub.reads, hub.streams) == ([], [])
    # what is read for another removal's sake ends at the digests
    remove(store, listed(EDITED))
    (one,) = [each for each in look(hub, store).seen if each.artifact.path == "b"]
    assert hub.streams == ["b"]
    assert one.inspection is not None
    assert one.inspection.sketch is None
    assert one.inspection.layout is None
    assert (only(store), Rung.TENSORS) in {(match.removal, match.rung) for match in one.matches}


def test_other_files_are_read_as_before(store: Store, tmp_path: Path) -> None:
    import_(store, tmp_path, DigestKind.DATA_SHA256)
    put(store, OTHER)
    index = known(store)
    whole = read(OTHER)
    assert ended(index, whole) == whole
    hub = FakeHub({"b": OTHER})
    look(hub, store, FULL)
    assert hub.streams == ["b"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_import_says_what_such_a_row_can_do(
    store: Store, tmp_path: Path, kind: DigestKind
) -> None:
    assert import_(store, tmp_path, kind) == Usefulness(uploads=1)
    assert import_(store, tmp_path, kind, "", OTHER) == Usefulness(scans=1)


def test_the_command_line_says_so_too(tmp_path: Path) -> None:
    path = tmp_path / "weights.csv"
    row = digest_of(REMOVED, DigestKind.DATA_SHA256).hex
    path.write_text(f"name,data_sha256,class\nSample person 07,{row},csam\n")
    words = ["registry", "import", str(path), "--db", str(tmp_path / "reseen.db")]
    said = CliRunner().invoke(cli, words).output
    assert "found only where all bytes pass through here" in said
    assert "scans find them" not in said


def test_it_is_no_known_innocent(store: Store, tmp_path: Path) -> None:
    import_(store, tmp_path, DigestKind.DATA_SHA256)
    (tmp_path / "model").write_bytes(EDITED)
    ada = Who(1, "ada", Role.LEAD)
    with pytest.raises(Conflict):
        innocents.propose(store, KEYRING, tmp_path / "model", "Sample", WHY, by=ada)


def test_a_saved_index_has_it_beside_its_sha256(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "both.csv"
    both = [digest_of(REMOVED, kind).hex for kind in (DigestKind.SHA256, DigestKind.DATA_SHA256)]
    path.write_text(f"name,sha256,data_sha256,class\nSample person 07,{both[0]},{both[1]},csam\n")
    lists.import_list(store, KEYRING, path, ImportOptions())
    saved.save(store, KEYRING, tmp_path / "index")
    opened = RegistryIndex.open(tmp_path / "index", KEYRING.for_indexes)
    for data in (REMOVED, EDITED):
        assert bare(read_upload([data], len(data), opened))
    blake3 = digest_of(OTHER, DigestKind.BLAKE3).hex
    path.write_text(f"name,blake3,class\nSample person 08,{blake3},csam\n")
    lists.import_list(store, KEYRING, path, ImportOptions(list_name="more"))
    saved.save(store, KEYRING, tmp_path / "index")
    opened = RegistryIndex.open(tmp_path / "index", KEYRING.for_indexes)
    assert bare(read_upload([OTHER], len(OTHER), opened))
