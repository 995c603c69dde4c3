"""Removals inside files that scans read whole: in any order, and gone with what they rest on."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update
from tests.match.made import KEYRING
from tests.match.merges import concatenated, file_of, person, put, put_decoys
from tests.match.updates import sketch

from reseen.observed import sightings
from reseen.operations import consequences, removals, scans
from reseen.records import Confirmed, Rung, Sighting
from reseen.registry.removals import pks_of
from reseen.review.case_filter import CaseFilter
from reseen.review.queue import queue
from reseen.store import change_log, schema
from reseen.store.database import Store

MERGED = (person(7), person(8), person(9))
"""Two that are removed, one that is not."""


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return {
        "merge": file_of(concatenated(MERGED, [0.05, 0.2, 1])),
        "other": file_of(concatenated([person(10), person(11)], [0.05, 1])),
    }


@pytest.fixture
def folder(tmp_path: Path, files: dict[str, bytes]) -> Path:
    place = tmp_path / "seen"
    place.mkdir()
    for name, data in files.items():
        (place / name).write_bytes(data)
    return place


def standing(store: Store) -> dict[str, Sighting]:
    """By the removal."""
    with store.read() as connection:
        every = [*sightings.every(connection)]
    assert {one.path for one in every} <= {"merge"}
    return {one.removal: one for one in every}


def test_a_scan_finds_what_is_inside_and_what_is_removed_later(store: Store, folder: Path) -> None:
    put_decoys(store)
    (first,) = put(store, MERGED[0])
    told: list[Sighting] = []
    outcome = scans.scan_folder(store, KEYRING, folder, jobs=1, found=told.append)
    assert standing(store).keys() == {first} == {one.removal for one in outcome.sightings}
    assert told == [*outcome.sightings]
    (second,) = put(store, MERGED[1])
    followed = consequences.follow(store)
    found = standing(store)
    assert found.keys() == {first, second}
    assert followed.sightings == (found[second].id,)
    for one in found.values():
        assert (one.rung, one.confirmed) == (Rung.COMPONENT, Confirmed.HEADER)
        (why,) = one.evidence
        assert why.kind == "sketch-part"
        assert why.figures["by"] == "columns"
        assert why.figures["modules"] == 64
        assert {"share", "margin", "p_value", "decoys"} <= why.figures.keys()
    assert found[second].evidence[0].figures["weight"] == pytest.approx(0.2, rel=0.3)

    with store.read() as connection:  # each is put before people
        assert {entry.rung for entry in queue(connection, CaseFilter()).entries} == {Rung.COMPONENT}
    # Nothing is left to do, and doing it again changes nothing.
    with store.read() as connection:
        assert not consequences.is_due(connection)
    scans.scan_folder(store, KEYRING, folder, jobs=1)
    assert {one.id for one in standing(store).values()} == {one.id for one in found.values()}


def test_it_is_found_whenever_there_are_decoys_enough(store: Store, folder: Path) -> None:
    (removal,) = put(store, MERGED[0])
    scans.scan_folder(store, KEYRING, folder, jobs=1)
    put_decoys(store, 100)
    consequences.follow(store)
    assert standing(store) == {}
    put_decoys(store)
    consequences.follow(store)
    assert standing(store).keys() == {removal}


def test_it_falls_with_what_it_rests_on(store: Store, folder: Path) -> None:
    put_decoys(store)
    (removal,) = put(store, MERGED[0])
    scans.scan_folder(store, KEYRING, folder, jobs=1)
    removals.withdraw(store, KEYRING, removal, "Sample reason 01")
    assert standing(store)[removal].withdrawn
    removals.restore(store, KEYRING, removal, "Sample reason 02")
    one = standing(store)[removal]
    assert (one.withdrawn, one.rung) == (False, Rung.COMPONENT)

    def known_by(data: bytes) -> Rung:
        """The removal's file is another by what is known of it."""
        with store.write() as connection:
            pk = pks_of(connection, [removal])[removal]
            c = schema.claims.c
            of = schema.sketches.c.claim_pk.in_(
                schema.claims.select().with_only_columns(c.pk).where(c.removal_pk == pk)
            )
            connection.execute(
                update(schema.sketches).where(of).values(value=sketch(data).encode())
            )
            change_log.note(connection, [pk])
        consequences.follow(store)
        return standing(store)[removal].rung

    assert known_by(file_of(person(12))) is Rung.UNSUPPORTED
    assert known_by(file_of(MERGED[0])) is Rung.COMPONENT
