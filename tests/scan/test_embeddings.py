"""Textual inversions at hubs, on disks, at the gate, before and after their removal is known."""

from __future__ import annotations

import asyncio
import json
import pickle
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, select
from tests.facts import teach
from tests.files import build
from tests.gate import standing
from tests.gate.standing import key, knows, running, settings_in
from tests.match import embedded
from tests.match.embedded import rows
from tests.match.made import KEYRING, known, listed, read, remove
from tests.match.updates import REMOVED, put
from tests.scan.fake_hub import COMMIT, NAME, FakeHub

from reseen.cli import cli
from reseen.fingerprints.whole import fingerprint
from reseen.gate.keys import KeyScope
from reseen.hubs.hub import Revision
from reseen.match.registry_index import RegistryIndex
from reseen.observed import blind_spots, sightings
from reseen.observed.readings import read_so_far
from reseen.operations import removals
from reseen.records import NEAR_TABLE, BlindSpot, Rung, SightingState
from reseen.registry.adds import add_files
from reseen.scan.context import reading
from reseen.scan.folder import scan_folder
from reseen.scan.record import record
from reseen.scan.reinspection import record_past, unread
from reseen.scan.target import Options
from reseen.scan.visit import Visit, visit
from reseen.store import schema
from reseen.store.database import Store
from reseen.web.languages import ENGLISH
from reseen.web.pages.figure_words import sentences
from reseen.web.speech import speech

PERSON = rows(7)
BINARY = {"Content-Type": "application/octet-stream"}
COPY = embedded.diffusers(PERSON, "F16")
MAIN = Revision("main", COMMIT)


def add(store: Store, folder: Path, data: bytes = b"") -> str:
    path = folder / "removed"
    path.write_bytes(data or embedded.kohya(PERSON))
    (added,) = add_files(store, KEYRING, [path])
    assert added.removal is not None
    return added.removal


def go(hub: FakeHub, index: RegistryIndex) -> Visit:
    context = reading(hub, index, Options(background=0))
    return asyncio.run(visit(context, hub.listed, MAIN))


def keep(store: Store, found: Visit) -> None:
    with store.write() as connection:
        record(connection, found)


def test_a_copy_at_a_hub_is_found_by_a_few_kilobytes(store: Store, tmp_path: Path) -> None:
    removal = add(store, tmp_path)
    stranger = embedded.kohya(rows(8))
    hub = FakeHub({"Test model.pt": COPY, "other.safetensors": stranger})
    one, other = go(hub, known(store)).seen
    (match,) = one.matches
    assert (match.removal, match.rung) == (removal, Rung.WEIGHTS)
    assert match.evidence[0].kind == "sketch-rows"
    assert not other.matches
    assert other.judged is not None
    assert other.judged.by_weights


def test_one_row_is_looked_at_only_where_a_removal_is_an_embedding(
    store: Store, tmp_path: Path
) -> None:
    one_row = embedded.kohya(rows(7, 1), "F16")
    hub = FakeHub({"x.safetensors": one_row})
    put(store, REMOVED)
    go(hub, known(store))
    assert not hub.reads
    removal = add(store, tmp_path, embedded.kohya(rows(7, 1)))
    (seen,) = go(hub, known(store)).seen
    assert [match.removal for match in seen.matches] == [removal]


@pytest.mark.parametrize("sketched", [True, False])
def test_what_was_seen_before_the_removal_came_is_found_or_owed(
    store: Store, tmp_path: Path, sketched: bool
) -> None:
    """Its rows were read where anything could be found by weights; else it is still to be read."""
    if sketched:
        put(store, REMOVED)
    else:
        remove(store, listed(REMOVED))
    hub = FakeHub({"x.pt": COPY})
    keep(store, go(hub, known(store)))
    removal = add(store, tmp_path)
    with store.write() as connection:
        found = record_past(connection, store.secret, [removal])
        owed = unread(connection, known(store).could_match, hub=NAME)
    assert (len(found), len(owed)) == ((1, 0) if sketched else (0, 1))
    if sketched:
        with store.read() as connection:
            (sighting,) = sightings.every(connection)
        assert (sighting.removal, sighting.rung) == (removal, Rung.WEIGHTS)


def test_what_a_release_before_did_not_read_is_read_again(store: Store, tmp_path: Path) -> None:
    put(store, REMOVED)
    hub = FakeHub({"x.pt": COPY})
    with store.write() as connection:
        record(connection, go(hub, known(store)))
        connection.execute(delete(schema.read_sketches))
        pk = connection.scalar(select(schema.readings.c.artifact_pk))
        spot = BlindSpot("embedding", blind_spots.READ_SINCE[0])
        blind_spots.keep(connection, {pk: [spot]} if pk is not None else {})
    removal = add(store, tmp_path)
    with store.write() as connection:
        assert not record_past(connection, store.secret, [removal])
        assert len(unread(connection, known(store).could_match, hub=NAME)) == 1
        (repository,) = connection.scalars(select(schema.repositories.c.pk))
        before = read_so_far(connection, [repository])[repository]
    context = reading(hub, known(store), Options(background=0), before=before)
    found = asyncio.run(visit(context, hub.listed, MAIN))
    (match,) = found.seen[0].matches
    assert match.removal == removal
    with store.write() as connection:
        record(connection, found)
        assert not unread(connection, known(store).could_match, hub=NAME)


def test_what_a_release_before_registered_is_known_once_it_is_added_again(
    store: Store, tmp_path: Path
) -> None:
    removal = add(store, tmp_path)
    with store.write() as connection:
        connection.execute(delete(schema.sketches))
    assert not known(store).match_fingerprint(_fingerprint(tmp_path, COPY))
    assert add(store, tmp_path) == removal
    (match,) = known(store).match_fingerprint(_fingerprint(tmp_path, COPY))
    assert match.removal == removal
    assert add(store, tmp_path) == removal


def test_a_reading_teaches_the_rows_of_a_list(store: Store, tmp_path: Path) -> None:
    data = embedded.kohya(PERSON)
    removal = remove(store, listed(data))
    before = known(store)
    with store.write() as connection:
        teach(connection, read(data))
    after = known(store)
    for index in (after, pickle.loads(pickle.dumps(after)), _followed(store, before)):
        (match,) = index.match_fingerprint(_fingerprint(tmp_path, COPY))
        assert (match.removal, match.rung) == (removal, Rung.WEIGHTS)


def _followed(store: Store, index: RegistryIndex) -> RegistryIndex:
    with store.read() as connection:
        return index.followed(connection)


def _fingerprint(folder: Path, data: bytes) -> object:
    path = folder / "read"
    path.write_bytes(data)
    return fingerprint(path)


def test_a_saved_index_has_them(store: Store, tmp_path: Path) -> None:
    removal = add(store, tmp_path)
    known(store).save(tmp_path / "index", b"k" * 32)
    opened = RegistryIndex.open(tmp_path / "index", b"k" * 32)
    (match,) = opened.match_fingerprint(_fingerprint(tmp_path, COPY))
    assert match.removal == removal


def test_a_withdrawn_removal_is_found_no_more(store: Store, tmp_path: Path) -> None:
    removal = add(store, tmp_path)
    before = known(store)
    removals.withdraw(store, KEYRING, removal, "a mistake")
    for index in (known(store), _followed(store, before), _followed(store, before).folded()):
        assert index.match_fingerprint(_fingerprint(tmp_path, COPY)) == ()


def test_on_a_disk_and_in_an_archive(store: Store, tmp_path: Path) -> None:
    removal = add(store, tmp_path)
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "LORA.pt").write_bytes(COPY)
    (folder / "all.zip").write_bytes(
        build.python_zip({"x/emb.safetensors": embedded.renamed(PERSON)})
    )
    (folder / "other.pt").write_bytes(embedded.a1111(rows(8)))
    outcome = scan_folder(store, KEYRING, folder, jobs=1)
    assert sorted(one.path for one in outcome.sightings) == ["LORA.pt", "all.zip!x/emb.safetensors"]
    assert {one.removal for one in outcome.sightings} == {removal}
    assert all(one.state is SightingState.LIVE for one in outcome.sightings)


def test_at_the_gate(store: Store, tmp_path: Path) -> None:
    removal = add(store, tmp_path)
    with running(settings_in(tmp_path), store) as gate:
        client, sender = standing.client(gate), key(store, KeyScope.FILE)
        knows(gate, store)
        told = client.post("/v1/check/file", content=COPY, headers=sender | BINARY).json()
        (match,) = told["results"][0]["matches"]
        assert (match["removal"], match["kind"], match["rung"]) == (
            removal,
            "sketch-rows",
            "weights",
        )
        other = client.post(
            "/v1/check/file", content=embedded.kohya(rows(8)), headers=sender | BINARY
        )
        assert other.json()["results"][0]["advice"] == "allow"


def test_the_verbs_say_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESEEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RESEEN_KEY", "ab" * 32)
    paths = {
        "removed": embedded.kohya(PERSON),
        "copy": COPY,
        "other": embedded.kohya(rows(8)),
        "near": embedded.kohya(rows(9, norm=0.4)),
    }
    for name, data in paths.items():
        (tmp_path / name).write_bytes(data)

    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(cli, [*words])
        assert done.exit_code == code, done.output
        return done.output

    run("registry", "add", str(tmp_path / "removed"))
    assert "4 of 4 rows agree" in run("check", str(tmp_path / "copy"), code=1)
    run("check", str(tmp_path / "other"))
    assert "too close to the tokenizer's table" in run("check", str(tmp_path / "near"))
    compared = ("compare", str(tmp_path / "removed"))
    assert "4 of 4 rows agree" in run(*compared, str(tmp_path / "copy"), code=1)
    told = json.loads(run(*compared, str(tmp_path / "copy"), "--json", code=1))
    assert [*told] == [
        *("cosine", "mean", "p_value", "agreeing", "modules", "coverage", "scale", "relation"),
        *("copy", "lead", "negated", "random", "missing", "added", "rung", "calibration", "why"),
        *("inside", "together", "checkpoint"),
    ]
    assert told["lead"] is False
    assert (told["relation"], told["copy"], told["rung"]) == ("same", True, "weights")
    run(*compared, str(tmp_path / "other"))
    shown = json.loads(run("fingerprint", str(tmp_path / "near"), "--json"))
    assert [spot["code"] for spot in shown["not_read"]] == [NEAR_TABLE]


def test_a_page_tells_rows_as_rows() -> None:
    said = sentences(
        speech(ENGLISH),
        {"cosine": 0.998, "rows_agreeing": 3, "rows": 4, "relation": "partial", "scale": 0.5},
    )
    assert said[0].startswith("3 of the 4 rows")
    assert "modules" not in " ".join(said)
    assert said[1] == "They are 0.5 times as long."
