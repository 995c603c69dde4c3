"""A visit in the store: once, whole, and with what removals learned from it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sqlalchemy import func, select
from tests.match.made import adapter, known, listed, remove, safetensors, sha256
from tests.scan.fake_hub import BUSY, COMMIT, FakeHub

from reseen.errors import HubMissing
from reseen.hubs.hub import Revision
from reseen.observed import artifacts as seen
from reseen.observed import sightings
from reseen.observed.readings import file_of, read_so_far
from reseen.records import Confirmed, DigestKind, Names, Rung
from reseen.registry import removals
from reseen.scan import scan_rows
from reseen.scan.context import reading
from reseen.scan.record import Recorded, record
from reseen.scan.target import Confirm, Options
from reseen.scan.visit import Visit, visit
from reseen.store import schema
from reseen.store.database import Store, now

FILE = safetensors(adapter(7), {"made by": "a test"})
EDITED = safetensors(adapter(7), {"title": "Test model"})
OTHER = safetensors(adapter(8))
NONE, HEADER, FULL = (Options(confirm=c) for c in Confirm)


def go(store: Store, hub: FakeHub, options: Options = FULL) -> Visit:
    context = reading(hub, known(store), options)
    return asyncio.run(visit(context, hub.listed, Revision("main", COMMIT)))


def write(store: Store, visited: Visit, scan: int | None = None) -> Recorded:
    with store.write() as connection:
        return record(connection, visited, scan)


def rows(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Everything stored, but for the time at which it was last seen."""
    moving = {"seen_at", "last_seen", "at", "last_listed"}
    found = {}
    with store.read() as connection:
        for table in schema.metadata.sorted_tables:
            columns = [c for c in table.c if c.name not in moving]
            found[table.name] = sorted(map(repr, connection.execute(select(*columns)).all()))
    return found  # type: ignore[return-value]


def test_a_visit_written_twice_is_written_once(store: Store) -> None:
    remove(store, listed(FILE), names=Names(file_names=("lead 07.bin",)))
    hub = FakeHub({"a": FILE, "b": OTHER, "lead 07.bin": OTHER})
    with store.write() as connection:
        scan = scan_rows.begin(connection, hub.name, "t", "{}", now())
    visited = go(store, hub)
    first = write(store, visited, scan)
    assert len(first.new) == 1
    before = rows(store)
    again = write(store, visited, scan)
    assert again == Recorded()
    assert rows(store) == before


def test_a_visit_that_will_be_tried_again_notes_no_problem_yet(store: Store) -> None:
    remove(store, listed(FILE))
    hub = FakeHub({"a": FILE}, fails={"a": BUSY})
    with store.write() as connection:
        scan = scan_rows.begin(connection, hub.name, "t", "{}", now())
    write(store, go(store, hub), scan)
    hub.fails = {"a": HubMissing("no such file")}
    write(store, go(store, hub), scan)
    with store.read() as connection:
        assert list(connection.scalars(select(schema.problems.c.reason))) == ["no such file"]


def test_a_removal_learns_from_its_own_bytes_only(store: Store) -> None:
    removal = remove(store, listed(FILE))
    liar = remove(store, listed(EDITED))
    hub = FakeHub({"a": FILE, "b": OTHER}, declares={"b": EDITED})
    hub.changes = {"b": {"size": len(OTHER)}}
    recorded = write(store, go(store, hub))
    assert recorded.learned == (removal,)
    with store.read() as connection:
        (said, file) = removals.by_id(connection, removal).claims
        (untaught,) = removals.by_id(connection, liar).claims
    assert said.digests == (sha256(FILE),)
    assert file.learned
    assert {DigestKind.BLAKE3, DigestKind.DATA_SHA256} <= {d.kind for d in file.digests}
    assert file.size == len(FILE)
    assert untaught.digests == (sha256(EDITED),)


def test_what_was_learned_finds_edited_copies(store: Store) -> None:
    removal = remove(store, listed(FILE))
    write(store, go(store, FakeHub({"a": FILE})))
    found = go(store, FakeHub({"b": EDITED}), HEADER)
    (match,) = found.seen[0].matches
    assert (match.removal, match.rung) == (removal, Rung.TENSORS)


def test_a_sighting_shows_what_was_confirmed(store: Store) -> None:
    remove(store, listed(FILE))
    for options, confirmed in (
        (NONE, Confirmed.NONE),
        (HEADER, Confirmed.HEADER),
        (FULL, Confirmed.BYTES),
        (NONE, Confirmed.BYTES),  # a weaker look later hides nothing
    ):
        write(store, go(store, FakeHub({"a": FILE}), options))
        with store.read() as connection:
            (sighting,) = sightings.every(connection)
        assert sighting.confirmed is confirmed


def test_a_lift_is_told(store: Store) -> None:
    remove(store, listed(FILE))
    assert len(write(store, go(store, FakeHub({"a": FILE}), NONE)).new) == 1
    recorded = write(store, go(store, FakeHub({"a": FILE}), FULL))
    assert not recorded.new
    assert len(recorded.lifted) == 1


def test_a_commit_is_known_only_when_its_visit_was_complete(store: Store) -> None:
    remove(store, listed(FILE))
    hub = FakeHub({"a": FILE}, fails={"a": BUSY})
    write(store, go(store, hub))
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.walks)) == 0
    hub.fails = {}
    visited = go(store, hub)
    write(store, replace(visited, listed=False))
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.walks)) == 0
    write(store, visited)
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.walks)) == 1


def test_what_was_read_is_not_read_again_unless_more_is_asked(store: Store) -> None:
    remove(store, listed(FILE))
    hub = FakeHub({"a": FILE, "b": OTHER})
    write(store, go(store, hub, HEADER))
    with store.write() as connection:
        (pk,) = seen.repositories(connection, [hub.listed])
        before = read_so_far(connection, [pk])[pk]
    assert list(before) == [file_of(hub.artifact("a"))]
    for options, read in ((HEADER, 0), (FULL, 1)):
        hub.reads.clear()
        context = reading(hub, known(store), options, before=before)
        asyncio.run(visit(context, hub.listed, Revision("main", COMMIT)))
        assert len(hub.streams) == read
        assert bool(hub.reads) == bool(read)


def test_a_hint_is_kept_as_a_lead_and_is_no_sighting(store: Store) -> None:
    remove(store, listed(FILE), names=Names(file_names=("lead 07.bin",)))
    recorded = write(store, go(store, FakeHub({"lead 07.bin": OTHER})))
    assert recorded == Recorded()
    with store.read() as connection:
        assert sightings.count(connection) == 0
        assert connection.scalar(select(func.count()).select_from(schema.hints)) == 1
