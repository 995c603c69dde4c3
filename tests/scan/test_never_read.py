"""Of the class that is never read nothing is read: at hubs, in folders, at `add` and `check`."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select
from tests.match.made import KEYRING, known, listed, read, remove, sha256
from tests.match.updates import CAST, OTHER, REMOVED, put
from tests.scan.fake_hub import COMMIT, FakeHub

from reseen.errors import Unread
from reseen.fingerprints import digests, members, whole
from reseen.hubs.hub import Revision
from reseen.observed import sightings
from reseen.operations import classes
from reseen.operations.checks import Checker
from reseen.records import Confirmed, Digest, DigestKind, RemovalClass, RemovedFile, RepoType, Rung
from reseen.registry import never_read
from reseen.registry.adds import AddOptions, AddOutcome, add_files
from reseen.scan import remote
from reseen.scan.context import reading
from reseen.scan.folder import scan_folder
from reseen.scan.target import Confirm, Options
from reseen.scan.visit import Visit, visit
from reseen.store import schema
from reseen.store.database import Store

NEVER = RemovalClass.CHILD_ABUSE
FULL = Options(confirm=Confirm.FULL)
HEADER_TOO = Options(confirm=Confirm.HEADER)


def classed(store: Store, *files: RemovedFile) -> str:
    id = remove(store, *files)
    classes.classify(store, KEYRING, id, NEVER, "Sample reason 01")
    return id


def look(hub: FakeHub, store: Store, options: Options = FULL) -> Visit:
    context = reading(hub, known(store), options)
    return asyncio.run(visit(context, hub.listed, Revision("main", COMMIT)))


MASKED = {"a": {"sha256": None, "masked": True}}


@pytest.mark.parametrize("options", [FULL, HEADER_TOO])
@pytest.mark.parametrize("how", ["sha256", "pointer", "git blob"])
def test_what_the_hub_states_is_enough(store: Store, how: str, options: Options) -> None:
    put(store, OTHER)  # something is sketched: whatever is unknown would be read
    size = len(REMOVED) if how == "pointer" else None
    said = [sha256(REMOVED)]
    if how == "git blob":
        said.append(Digest(DigestKind.GIT_BLOB, read_git(REMOVED)))
    id = classed(store, RemovedFile(tuple(said), size=size))
    hub = FakeHub({"a": REMOVED})
    if how == "pointer":
        hub = replace(hub, changes=MASKED)
    elif how == "git blob":
        hub = replace(hub, plain=frozenset({"a"}))
    found = look(hub, store, options)
    assert (hub.reads, hub.streams) == ([], [])
    (one,) = found.seen
    assert [match.removal for match in one.matches] == [id]
    assert one.confirmed is Confirmed.NONE
    assert one.inspection is None
    assert found.skipped == {never_read.SKIPPED: 1}
    assert found.left == 0


def read_git(data: bytes) -> bytes:
    digest = read(data).digest(DigestKind.GIT_BLOB)
    assert digest is not None
    return digest.value


def test_what_it_is_told_by_its_bytes_alone_ends_at_its_digests(store: Store) -> None:
    classed(store, listed(REMOVED))
    remove(store, listed(OTHER))
    hub = FakeHub({"a": REMOVED}, declares={"a": OTHER})
    hub.changes["a"] = {"size": len(REMOVED)}
    (one,) = look(hub, store).seen
    assert hub.streams == ["a"], "what the hub states says another file"
    assert one.inspection is not None
    assert one.inspection.full
    assert one.inspection.sketch is None
    assert one.inspection.layout is None
    kinds = {digest.kind for digest in one.inspection.digests}
    assert not kinds & {DigestKind.DATA_SHA256, DigestKind.TENSORS_BLAKE3, DigestKind.AUTOV3}


def test_other_files_are_read_as_before(store: Store) -> None:
    classed(store, listed(REMOVED))
    put(store, OTHER)
    hub = FakeHub({"a": REMOVED, "b": OTHER})
    found = look(hub, store)
    assert hub.streams == ["b"]
    assert found.skipped == {never_read.SKIPPED: 1}


def counted(store: Store, *tables: str) -> list[int]:
    with store.read() as connection:
        every = [select(func.count()).select_from(schema.metadata.tables[name]) for name in tables]
        return [int(connection.scalar(query) or 0) for query in every]


def whole_only(found: tuple[Digest, ...]) -> bool:
    inside = {DigestKind.DATA_SHA256, DigestKind.TENSORS_BLAKE3, DigestKind.AUTOV3}
    return not inside & {digest.kind for digest in found}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Headers that were read."""
    seen: list[str] = []
    real = digests.look_inside

    def looked(size: int, **more: bool) -> object:
        seen.append("header")
        return real(size, **more)

    for each in (digests, members, whole):
        monkeypatch.setattr(each, "look_inside", looked)
    return seen


def test_a_folder_ends_at_the_digests(store: Store, tmp_path: Path, opened: list[str]) -> None:
    classed(store, listed(REMOVED))
    (tmp_path / "seen").mkdir()
    (tmp_path / "seen" / "LORA").write_bytes(REMOVED)
    (outcome,) = scan_folder(store, KEYRING, tmp_path / "seen", jobs=1).sightings
    assert (outcome.rung, outcome.confirmed) == (Rung.DECLARED, Confirmed.NONE)
    assert opened == []
    assert counted(store, "read_sketches", "read_entries") == [0, 0]
    with store.read() as connection:
        (one,) = sightings.every(connection)
    assert "Not read" in one.why
    assert "computed from its bytes" in one.why
    assert "hub" not in one.why, "no hub states anything of a file on a disk"


def test_adding_a_file_ends_at_the_digests(store: Store, tmp_path: Path, opened: list[str]) -> None:
    (tmp_path / "model").write_bytes(REMOVED)
    (added,) = add_files(store, KEYRING, [tmp_path / "model"], AddOptions(cls=NEVER))
    assert added.outcome is AddOutcome.ADDED
    # and once it is known to be, whoever adds it
    (again,) = add_files(store, KEYRING, [tmp_path / "model"], AddOptions(list="other"))
    assert again.removal == added.removal
    assert opened == []
    assert counted(store, "sketches", "sketch_entries") == [0, 0]
    with store.read() as connection:
        kinds = set(connection.scalars(select(schema.digests.c.kind)))
    assert kinds <= {1, 2, 3, 5, 9}


def test_a_check_ends_at_the_digests(store: Store, tmp_path: Path, opened: list[str]) -> None:
    id = classed(store, listed(REMOVED))
    (tmp_path / "model").write_bytes(REMOVED)
    (tmp_path / "altered").write_bytes(CAST)
    checker = Checker(store, KEYRING)
    checked = checker.check(tmp_path / "model")
    assert {match.removal for match in checked.matches} == {id}
    assert checked.matched
    assert checked.fingerprint.sketch is None
    assert whole_only(checked.fingerprint.digests)
    assert opened == []
    classes.classify(store, KEYRING, id, RemovalClass.OTHER, "Sample reason 01")
    assert checker.check(tmp_path / "model").fingerprint.sketch is not None


def test_a_file_that_a_person_names_is_not_read(store: Store) -> None:
    classed(store, listed(REMOVED))
    with store.read() as connection:
        never = never_read.load(connection)
    hub = FakeHub({"a": REMOVED, "b": OTHER})
    place = remote.RemoteFile(RepoType.MODEL, "someone/test", COMMIT, "a")
    for act in (remote.listing_of, remote.sketch_of):
        with pytest.raises(Unread, match="only digests"):
            act(lambda: hub, place, never)
    assert hub.reads == []
    assert remote.listing_of(lambda: hub, replace(place, path="b"), never)


def test_the_command_line_checks_by_digests(tmp_path: Path) -> None:
    from reseen.cli import cli

    (tmp_path / "model").write_bytes(REMOVED)
    db = ("--db", str(tmp_path / "reseen.db"))

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, [*words, *db])
        return done.exit_code, done.output

    add = ("registry", "add", str(tmp_path / "model"), "--class", "child-abuse-imagery", "--quiet")
    assert run(*add)[0] == 0
    code, said = run("check", str(tmp_path / "model"), "--json")
    assert code == 1
    told = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
    assert {match["rung"] for match in told["matches"]} >= {"bytes"}


def test_two_files_are_not_compared(tmp_path: Path, opened: list[str]) -> None:
    """By no kind of comparison, whether the store is named or is that of the settings."""
    from reseen.cli import cli

    for name, data in {"model": REMOVED, "other": OTHER, "altered": CAST}.items():
        (tmp_path / name).write_bytes(data)
    db = ("--db", str(tmp_path / "reseen.db"))
    model, other, altered = (str(tmp_path / name) for name in ("model", "other", "altered"))
    add = ("registry", "add", model, "--class", "child-abuse-imagery", "--quiet")
    assert CliRunner().invoke(cli, [*add, *db]).exit_code == 0
    opened.clear()
    for files in (
        (model, altered),
        (model, model),
        (other, model),
        (other, other, "--with", model),
    ):
        for named, environ in ((db, {}), ((), {"RESEEN_DB": db[1]})):
            done = CliRunner().invoke(cli, ["compare", *files, *named], env=environ)
            assert done.exit_code != 0
            assert "only digests are compared" in repr(done.exception) + done.output
            if files[0] == model:
                assert opened == []
    done = CliRunner().invoke(cli, ["compare", other, altered, *db])
    assert done.exit_code == 0, done.output
