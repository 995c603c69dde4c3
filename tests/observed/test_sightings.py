from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from tests.registry.places import REPOSITORY, artifact

from reseen.errors import NotFound
from reseen.observed import artifacts as seen
from reseen.observed import sightings
from reseen.observed.sightings import Filter, Recorded, Seen
from reseen.records import (
    Confirmed,
    Digest,
    DigestKind,
    Evidence,
    Match,
    Names,
    RemovedFile,
    Rung,
    SightingState,
)
from reseen.registry import removals
from reseen.store import schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring

LIVE, GONE, DISABLED, UNREACHABLE = SightingState


def proof(rung: Rung, kind: str = "sha256", value: str = "11" * 32, **figures: float) -> Evidence:
    return Evidence(rung, kind, value, f"Because of {kind} on {rung.label}.", figures)


class Place:
    """A store with two removals and three artifacts, and short ways to record and to read."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self.store, self.keyring = store, keyring
        with store.write() as connection:
            file = RemovedFile((Digest(DigestKind.SHA256, b"\x11" * 32),))
            sample = removals.New("sample", None, None, Names(name="Sample person 07"), (file,))
            self.removals = removals.insert(connection, keyring, [sample, sample])
            (repository,) = seen.repositories(connection, [REPOSITORY])
            self.pks = seen.artifacts(
                connection, repository, [artifact(path=f"{n}.pt") for n in range(3)], at=100
            )

    def record(
        self,
        *evidence: Evidence,
        removal: int = 0,
        at: int = 1_000,
        artifact: int = 0,
        confirmed: Confirmed = Confirmed.NONE,
        past: bool = False,
    ) -> Recorded | None:
        match = Match(self.removals[removal], evidence)
        with self.store.write() as connection:
            one = Seen(match, self.pks[artifact], confirmed)
            (recorded,) = sightings.record(
                connection, self.store.secret, [one], at=at, past=past, scan_pk=None
            )
        return recorded

    def every(self, which: Filter = sightings.ALL) -> list[sightings.Sighting]:
        with self.store.read() as connection:
            found = list(sightings.every(connection, which))
            assert sightings.count(connection, which) == len(found)
        return found

    def answered(self, id: str, state: SightingState, at: int = 2_000) -> SightingState:
        with self.store.write() as connection:
            return sightings.answered(connection, id, state, at=at)


@pytest.fixture
def place(store: Store, keyring: Keyring) -> Place:
    return Place(store, keyring)


def test_recording_again_finds_the_same_sighting(place: Place) -> None:
    first = place.record(proof(Rung.DECLARED), at=1_000)
    again = place.record(proof(Rung.DECLARED), at=3_000)
    assert first
    assert again
    assert (first.new, again.new) == (True, False)
    assert first.id == again.id
    (only,) = place.every()
    assert only.id == first.id
    assert seen.micros(only.first_seen) == 1_000
    assert seen.micros(only.last_seen) == 3_000
    assert only.repo == "sample-account/lora"
    assert only.path == "0.pt"
    assert only.declared_sha256 == "11" * 32
    assert only.why == "Because of sha256 on declared."


def test_evidence_gathers_and_the_highest_rung_stands(place: Place) -> None:
    place.record(proof(Rung.POINTER, "git-pointer"))
    lifted = place.record(proof(Rung.BYTES), confirmed=Confirmed.BYTES)
    lower = place.record(proof(Rung.DECLARED), confirmed=Confirmed.HEADER)
    assert lifted
    assert lower
    assert (lifted.lifted, lower.lifted) == (True, False)
    (only,) = place.every()
    assert only.rung is Rung.BYTES
    assert only.confirmed is Confirmed.BYTES
    assert [e.rung for e in only.evidence] == [Rung.BYTES, Rung.DECLARED, Rung.POINTER]


def test_figures_and_newer_words_are_kept(place: Place) -> None:
    place.record(proof(Rung.WEIGHTS, "sketch", "old", cosine=0.5))
    place.record(proof(Rung.WEIGHTS, "sketch", "new", cosine=0.75))
    (only,) = place.every()
    (evidence,) = only.evidence
    assert evidence.value == "new"
    assert evidence.figures == {"cosine": 0.75}


def test_a_hint_alone_is_no_sighting_and_joins_the_one_that_comes(place: Place) -> None:
    assert place.record(proof(Rung.HINT, "filename", "")) is None
    assert place.every() == []
    place.record(proof(Rung.DECLARED))
    assert place.record(proof(Rung.HINT, "path", "")) is None
    (only,) = place.every()
    assert [e.kind for e in only.evidence] == ["sha256", "filename", "path"]


def test_one_batch_may_hold_the_same_match_twice(place: Place) -> None:
    with place.store.write() as connection:
        twice = [
            Seen(Match(place.removals[0], (proof(rung),)), place.pks[0])
            for rung in (Rung.DECLARED, Rung.BYTES)
        ]
        recorded = sightings.record(connection, place.store.secret, twice)
        assert sightings.record(connection, place.store.secret, []) == []
    assert recorded[0] == recorded[1]
    (only,) = place.every()
    assert len(only.evidence) == 2


def test_the_past_is_seen_when_it_was_stored(place: Place) -> None:
    place.record(proof(Rung.DECLARED), past=True)
    (only,) = place.every()
    assert seen.micros(only.last_seen) == 100
    assert place.answered(only.id, GONE) is LIVE
    assert place.answered(only.id, GONE) is GONE
    place.record(proof(Rung.TENSORS), past=True)
    (only,) = place.every()
    assert (only.state, only.rung) == (GONE, Rung.TENSORS)
    place.record(proof(Rung.DECLARED), at=9_000)
    assert place.every()[0].state is LIVE


def test_two_answers_in_a_row_make_it_gone(place: Place) -> None:
    recorded = place.record(proof(Rung.DECLARED))
    assert recorded
    answers = [GONE, LIVE, GONE, UNREACHABLE, GONE, UNREACHABLE, LIVE, DISABLED, UNREACHABLE]
    states = [place.answered(recorded.id, answer) for answer in answers]
    assert states == [LIVE, LIVE, LIVE, UNREACHABLE, GONE, GONE, LIVE, DISABLED, DISABLED]


def test_it_is_touched_when_what_reviewers_see_changes(place: Place) -> None:
    def touched() -> bool:
        """Whether it was since the last question."""
        table = schema.sightings
        with place.store.write() as connection:
            flag = connection.scalar(select(table.c.touched))
            connection.execute(update(table).values(touched=0))
        return bool(flag)

    recorded = place.record(proof(Rung.DECLARED))
    assert recorded
    assert touched()
    place.record(proof(Rung.DECLARED), at=3_000)
    assert not touched()  # only seen again
    place.record(proof(Rung.BYTES), at=3_000)
    assert touched()
    place.record(proof(Rung.BYTES), at=3_000, confirmed=Confirmed.BYTES)
    assert touched()
    place.record(proof(Rung.BYTES), at=3_000, confirmed=Confirmed.BYTES)
    assert not touched()
    expected = [(LIVE, False), (GONE, False), (GONE, True), (GONE, False), (LIVE, True)]
    for answer, changed in expected:
        place.answered(recorded.id, answer)
        assert touched() is changed
    place.answered(recorded.id, DISABLED)
    assert touched()
    place.record(proof(Rung.POINTER), at=9_000)
    assert touched()  # it lives again


def test_contradicted_is_not_forgotten(place: Place) -> None:
    place.record(proof(Rung.DECLARED), confirmed=Confirmed.CONTRADICTED)
    place.record(proof(Rung.DECLARED), confirmed=Confirmed.HEADER)
    assert place.every()[0].confirmed is Confirmed.CONTRADICTED


def test_sightings_of_a_withdrawn_removal_say_so(place: Place) -> None:
    place.record(proof(Rung.DECLARED))
    place.record(proof(Rung.DECLARED), removal=1)
    with place.store.write() as connection:
        removals.withdraw(connection, place.keyring, place.removals[0], "why")
    assert {s.removal: s.withdrawn for s in place.every()} == {
        place.removals[0]: True,
        place.removals[1]: False,
    }
    assert [s.removal for s in place.every(Filter(withdrawn=True))] == place.removals[:1]
    assert [s.removal for s in place.every(Filter(withdrawn=False))] == place.removals[1:]


def test_filters_narrow(place: Place) -> None:
    place.record(proof(Rung.DECLARED), at=1_000)
    place.record(proof(Rung.BYTES), artifact=1, at=2_000)
    place.record(proof(Rung.POINTER), artifact=2, removal=1, at=3_000)
    paths = {
        Filter(): ["2.pt", "1.pt", "0.pt"],
        Filter(removal=place.removals[0].upper()): ["1.pt", "0.pt"],
        Filter(rung=Rung.DECLARED): ["1.pt", "0.pt"],
        Filter(since=2_000): ["2.pt", "1.pt"],
        Filter(author="sample-account", hub="huggingface.co"): ["2.pt", "1.pt", "0.pt"],
        Filter(author="sample"): [],
        Filter(repo="sample-account/lora", states=frozenset([LIVE])): ["2.pt", "1.pt", "0.pt"],
        Filter(states=frozenset([GONE])): [],
        Filter(scan_pk=3): [],
    }
    for which, expected in paths.items():
        assert [s.path for s in place.every(which)] == expected


def test_ids_are_found_in_any_case_and_unknown_ones_are_not(place: Place) -> None:
    recorded = place.record(proof(Rung.DECLARED))
    assert recorded
    with place.store.read() as connection:
        assert sightings.by_id(connection, f" {recorded.id.upper()}").id == recorded.id
        assert sightings.artifact_pk(connection, recorded.id) == place.pks[0]
        for ask in (sightings.by_id, sightings.artifact_pk):
            with pytest.raises(NotFound):
                ask(connection, "sg-000000000000")


def test_a_match_of_nothing_stored_is_refused(place: Place) -> None:
    match = Match("rm-zzzzzzzz", (proof(Rung.DECLARED),))
    for one in (
        Seen(match, place.pks[0]),
        Seen(replace(match, removal=place.removals[0]), 10**6),
    ):
        with pytest.raises(NotFound), place.store.write() as connection:
            sightings.record(connection, place.store.secret, [one])
    assert place.every() == []


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Store(f"sqlite:///{tmp_path_factory.mktemp('shared') / 'reseen.db'}") as store:
        yield Place(store, Keyring(bytes(32)))


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([r for r in Rung if r is not Rung.HINT]),
            st.sampled_from(["sha256", "xet", "blake3"]),
            st.integers(0, 100),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_in_whatever_order_things_are_seen_the_outcome_is_the_same(
    shared: Place, steps: list[tuple[Rung, str, int]]
) -> None:
    """One store for all examples: each gets removals of its own."""
    place = shared
    with place.store.write() as connection:
        sample = removals.New("sample", None, None, Names(), ())
        ids = removals.insert(connection, place.keyring, [sample, sample])
        outcomes = []
        for id, order in ((ids[0], steps), (ids[1], steps[::-1])):
            for rung, kind, at in order:
                one = Seen(Match(id, (proof(rung, kind),)), place.pks[0])
                sightings.record(connection, place.store.secret, [one], at=at)
            (found,) = sightings.every(connection, Filter(removal=id))
            outcomes.append((found.rung, found.evidence, found.last_seen))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] == max(rung for rung, _, _ in steps)
