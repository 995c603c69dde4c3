"""The live index: whatever happens to the registry, it knows what a newly loaded one knows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from tests.facts import add_claim, teach
from tests.gate.standing import restore, withdraw
from tests.match.made import adapter, fully_known, known, listed, read, remove, safetensors
from tests.match.updates import CAST, OTHER, REMOVED, RESIZED, put, related, sketch

from reseen.errors import StoreError
from reseen.fingerprints.git import pointer_oid
from reseen.gate.canary import Canary
from reseen.match import registry_index, saved
from reseen.match.live_index import LiveIndex
from reseen.match.registry_index import RegistryIndex
from reseen.match.sketch_index import snapshots
from reseen.match.stated import StatedFile
from reseen.records import Artifact, Digest, DigestKind, RemovedFile, RepoType, Rung
from reseen.registry.claims import removal_pk
from reseen.store import change_log
from reseen.store.database import Store

FILES = [safetensors(adapter(person)) for person in range(5)]
READ = [fully_known(file) for file in FILES]
PRINTS = [read(file) for file in FILES]


def followed(store: Store, live: LiveIndex) -> LiveIndex:
    with store.read() as connection:
        live.follow(connection)
    return live


def new_live(store: Store) -> LiveIndex:
    return LiveIndex(snapshots(store._engine))


def kept(live: LiveIndex) -> saved.Parts:
    return live.index.parts(whole_sketches=False)


def put_back(live: LiveIndex, parts: saved.Parts) -> LiveIndex:
    """Begin with what was kept, as its bytes."""
    arrays = {name: b"".join(map(bytes, some)) for name, (_, some) in parts.arrays.items()}
    live.put_back(
        RegistryIndex.put_back(json.loads(json.dumps(parts.about)), arrays), {1: "sample"}
    )
    return live


def by_digests(live: LiveIndex, file: RemovedFile) -> set[tuple[str, Rung]]:
    digests = tuple((d.kind, d.value) for d in file.digests)
    found = live.match(StatedFile(digests), trusted=True)
    return {(f.removal, f.rung) for f in found if f.rung is not Rung.HINT}


def in_known(fresh: RegistryIndex, number: int) -> set[tuple[str, Rung]]:
    """What a scan's index says of a file of FILES."""
    matches = fresh.match_digests(PRINTS[number])
    return {(match.removal, e.rung) for match in matches for e in match.evidence}


def says_the_same(live: LiveIndex, store: Store) -> None:
    fresh = known(store)
    for number, file in enumerate(READ):
        expected = in_known(fresh, number)
        assert {(f.removal, f.rung) for f in live.match_fingerprint(PRINTS[number])} == expected
        assert by_digests(live, file) == {each for each in expected if each[1] is not Rung.HINT}
        sha256 = hashlib.sha256(FILES[number]).digest()
        oid = pointer_oid(sha256, len(FILES[number]))
        artifact = Artifact(
            "hub", RepoType.MODEL, "o/r", "c", None, "p", None, git_oid=oid, lfs=True
        )
        pointed = {f.removal for f in live.match(StatedFile((), oid))}
        assert pointed == {m.removal for m in fresh.match(artifact)}
    assert len(live) == len(fresh)


_NUMBER = st.integers(0, len(FILES) - 1)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), _NUMBER),
        st.tuples(st.just("list"), _NUMBER),
        st.tuples(st.just("list without size"), _NUMBER),
        st.tuples(st.just("withdraw"), st.integers(0, 20)),
        st.tuples(st.just("restore"), st.integers(0, 20)),
        st.tuples(st.just("another file"), st.integers(0, 20)),
        st.tuples(st.just("learn"), st.integers(0, 20)),
        st.tuples(st.just("follow"), st.just(0)),
        st.tuples(st.just("fold"), st.just(0)),
        st.tuples(st.just("keep and put back"), st.just(0)),
    ),
    min_size=1,
    max_size=14,
)


@given(_STEPS)
@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_happens_it_knows_what_a_fresh_one_knows(steps: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as folder, Store(f"sqlite:///{Path(folder) / 'reseen.db'}") as store:
        live = followed(store, new_live(store))
        ids: list[str] = []
        for step, number in steps:
            if step in ("add", "list", "list without size"):
                file = {
                    "add": READ[number % len(READ)],
                    "list": listed(FILES[number % len(FILES)], size=True),
                }.get(step, listed(FILES[number % len(FILES)]))
                ids.append(remove(store, file))
            elif step == "follow":
                followed(store, live)
            elif step == "fold":
                live.fold()
            elif step == "keep and put back":
                live = put_back(new_live(store), kept(live))
            elif ids:
                _happen(store, step, ids[number % len(ids)], number)
        says_the_same(followed(store, live), store)


def _happen(store: Store, step: str, id: str, number: int) -> None:
    if step == "withdraw":
        withdraw(store, id)
    elif step == "restore":
        restore(store, id)
    else:
        with store.write() as connection:
            pk = removal_pk(connection, id)
            add_claim(connection, pk, listed(FILES[number % len(FILES)]))
            if step == "learn":
                teach(connection, PRINTS[number % len(FILES)])
            change_log.note(connection, [pk])


def test_many_changes_at_once_are_read_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_index, "RELOAD", 3)
    live = followed(store, new_live(store))
    for number in range(5):
        remove(store, READ[number])
    says_the_same(followed(store, live), store)
    assert not live.index.delta.touched


def test_changes_are_folded_in(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_index, "FOLD", 2)
    live = followed(store, new_live(store))
    ids = []
    for number in range(5):
        ids.append(remove(store, READ[number]))
        followed(store, live)
    assert len(live.index.snapshot) > 0
    withdraw(store, ids[0])
    says_the_same(followed(store, live), store)


def test_a_store_that_was_set_back_is_read_anew(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path / 'one.db'}") as one:
        for number in range(3):
            remove(one, READ[number])
        live = followed(one, new_live(one))
    with Store(f"sqlite:///{tmp_path / 'two.db'}") as two:
        remove(two, READ[4])
        says_the_same(followed(two, live), two)


# -- weights -------------------------------------------------------------------------------------


def alike(live: LiveIndex, data: bytes) -> set[str]:
    return {found.removal for found in live.alike(sketch(data))}


def test_altered_copies_are_found_as_long_as_the_removal_is_in_force(store: Store) -> None:
    live = followed(store, new_live(store))
    (id,) = put(store, REMOVED)
    followed(store, live)
    assert alike(live, CAST) == alike(live, RESIZED) == {id}
    assert alike(live, OTHER) == set()
    withdraw(store, id)
    followed(store, live)
    assert alike(live, CAST) == set()
    parts = kept(live)
    restore(store, id)
    followed(store, live)
    assert alike(live, CAST) == {id}
    again = put_back(new_live(store), parts)
    assert alike(again, CAST) == set()
    followed(store, again)
    assert alike(again, CAST) == {id}


def test_related_training_accuses_nobody(store: Store) -> None:
    put(store, REMOVED)
    live = followed(store, new_live(store))
    assert alike(live, related(REMOVED, 0.3)) == set()


def test_while_the_store_is_away_the_searched_modules_decide(store: Store) -> None:
    (id,) = put(store, REMOVED)
    parts = kept(followed(store, new_live(store)))

    @contextmanager
    def away() -> Iterator[Connection]:
        raise StoreError("the store is away")
        yield

    live = put_back(LiveIndex(away), parts)
    (found,) = live.alike(sketch(CAST))
    assert (found.removal, found.rung) == (id, Rung.WEIGHTS)
    assert found.score is not None
    assert found.score > 0.9
    assert alike(live, OTHER) == set()


# -- the canary ----------------------------------------------------------------------------------


@pytest.fixture
def sung(store: Store) -> tuple[LiveIndex, Canary]:
    for file in READ:
        remove(store, file)
    live = new_live(store)
    canary = Canary()
    canary.put_in(live)
    return followed(store, live), canary


def test_the_canary_is_answered_rightly(sung: tuple[LiveIndex, Canary], store: Store) -> None:
    live, canary = sung
    assert canary.wrong(live) == []
    live.fold()
    assert canary.wrong(live) == []
    again = new_live(store)
    canary.put_in(again)
    put_back(again, kept(live))
    assert canary.wrong(again) == []
    assert len(again) == len(READ)


def test_the_canary_tells_what_is_wrong(
    sung: tuple[LiveIndex, Canary], monkeypatch: pytest.MonkeyPatch
) -> None:
    live, canary = sung
    real = live.match

    def deaf(said: StatedFile, *, trusted: bool = False) -> Sequence[Any]:
        return [] if said.pointer else real(said, trusted=trusted)

    monkeypatch.setattr(live, "match", deaf)
    assert canary.wrong(live) == ["pointer", "index"]

    def blind(said: StatedFile, *, trusted: bool = False) -> Sequence[Any]:
        return [found for found in real(said, trusted=trusted) if found.removal == "rm-canary"]

    monkeypatch.setattr(live, "match", blind)
    assert canary.wrong(live) == ["index"]


def test_a_short_hash_of_nothing_is_no_hint(store: Store) -> None:
    value = hashlib.sha256(b"").digest()[:5]
    assert Digest(DigestKind.AUTOV2, value)
    remove(store, READ[0])
    live = followed(store, new_live(store))
    assert live.match(StatedFile(((DigestKind.AUTOV2, value),))) == ()
