from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from tests import removals_made
from tests.facts import MadeMatch, record
from tests.registry.places import REPOSITORY, artifact

from reseen.errors import NotFound
from reseen.observed import artifacts as seen
from reseen.observed import evidence as kept
from reseen.observed import sightings
from reseen.observed.sightings import JudgedPair, SettledSighting, SightingFilter
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
from reseen.registry.claims import removal_pk
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
            sample = removals_made.NewRemoval(
                "sample", None, None, Names(name="Sample person 07"), (file,)
            )
            self.removals = removals_made.insert(connection, keyring, [sample, sample])
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
    ) -> SettledSighting | None:
        """Let it stand so; None where that makes no sighting."""
        match = Match(self.removals[removal], evidence)
        with self.store.write() as connection:
            one = MadeMatch(match, self.pks[artifact], confirmed)
            settled = record(connection, self.store.secret, [one], at=at)
        return settled[0] if settled else None

    def settle(
        self,
        rung: Rung,
        *evidence: Evidence,
        removal: int = 0,
        at: int | None = None,
        confirmed: Confirmed = Confirmed.NONE,
    ) -> SettledSighting | None:
        """The same, as it is judged from what is stored: `at` None is when it was stored."""
        with self.store.write() as connection:
            pk = removal_pk(connection, self.removals[removal])
            one = JudgedPair(pk, self.pks[0], rung, confirmed, evidence)
            settled = sightings.settle(connection, self.store.secret, [one], seen_at=at)
        return settled[0] if settled else None

    def history(self) -> set[tuple[str, str, bool]]:
        """(rung, kind, whether it stands) of all evidence that was ever kept."""
        e = schema.evidence.c
        with self.store.read() as connection:
            rows = connection.execute(select(e.rung, e.kind, e.stands)).all()
        return {(Rung(row.rung).label, row.kind, bool(row.stands)) for row in rows}

    def every(self, which: SightingFilter = sightings.ALL) -> list[sightings.Sighting]:
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


def test_all_that_is_judged_together_stands_and_the_highest_rung_counts(place: Place) -> None:
    place.record(proof(Rung.POINTER, "git-pointer"))
    pointer, read = proof(Rung.POINTER, "git-pointer"), proof(Rung.BYTES)
    stated = proof(Rung.DECLARED)
    lifted = place.record(pointer, read, stated, confirmed=Confirmed.BYTES)
    again = place.record(stated, read, pointer, confirmed=Confirmed.BYTES)
    assert lifted
    assert again
    assert (lifted.new, lifted.lifted, again.lifted) == (False, True, False)
    (only,) = place.every()
    assert only.rung is Rung.BYTES
    assert only.confirmed is Confirmed.BYTES
    assert [e.rung for e in only.evidence] == [Rung.BYTES, Rung.DECLARED, Rung.POINTER]
    assert only.why == "Because of sha256 on bytes."


def test_a_sighting_steps_down_and_what_it_stood_on_is_kept(place: Place) -> None:
    place.record(proof(Rung.BYTES), proof(Rung.DECLARED), confirmed=Confirmed.BYTES)
    down = place.record(proof(Rung.DECLARED), confirmed=Confirmed.HEADER)
    assert down
    assert (down.new, down.lifted) == (False, False)
    (only,) = place.every()
    assert (only.rung, only.confirmed) == (Rung.DECLARED, Confirmed.HEADER)
    assert [e.rung for e in only.evidence] == [Rung.DECLARED]
    assert only.why == "Because of sha256 on declared."
    assert place.history() == {("bytes", "sha256", False), ("declared", "sha256", True)}
    up = place.record(proof(Rung.BYTES), confirmed=Confirmed.BYTES)
    assert up
    assert up.lifted
    assert place.history() == {("bytes", "sha256", True), ("declared", "sha256", False)}


def test_what_nothing_supports_is_history(place: Place) -> None:
    first = place.record(proof(Rung.BYTES), at=1_000, confirmed=Confirmed.BYTES)
    assert first
    for without in ((), (proof(Rung.HINT, "filename", ""),)):
        left = place.settle(Rung.HINT if without else Rung.UNSUPPORTED, *without)
        assert left
        assert (left.id, left.new, left.lifted) == (first.id, False, False)
        (only,) = place.every()
        assert (only.rung, only.rung.on_ladder, only.counts) == (Rung.UNSUPPORTED, False, False)
        assert only.confirmed is Confirmed.BYTES
        assert Rung.BYTES in {e.rung for e in only.evidence}, "what it stood on can be looked at"
        assert "Nothing in force" in only.why
        assert place.every(SightingFilter(rung=Rung.HINT)) == []
    back = place.settle(Rung.BYTES, proof(Rung.BYTES), confirmed=Confirmed.BYTES)
    assert back
    assert (back.id, back.new, back.lifted) == (first.id, False, True)
    (only,) = place.every()
    assert (only.rung, [e.rung for e in only.evidence]) == (Rung.BYTES, [Rung.BYTES])
    assert seen.micros(only.first_seen) == 1_000


def test_what_nothing_supports_makes_no_sighting(place: Place) -> None:
    assert place.settle(Rung.UNSUPPORTED) is None
    assert place.every() == []
    assert place.history() == set()


def test_what_was_refuted_leaves_the_ladder_and_says_why(place: Place) -> None:
    place.record(proof(Rung.DECLARED), confirmed=Confirmed.HEADER)
    refuted = proof(Rung.REFUTED)
    left = place.settle(Rung.REFUTED, refuted, confirmed=Confirmed.CONTRADICTED)
    assert left
    assert not left.lifted
    (only,) = place.every()
    assert (only.rung, only.confirmed) == (Rung.REFUTED, Confirmed.CONTRADICTED)
    assert only.hash_is_false
    assert not only.counts
    assert only.why == "Because of sha256 on refuted."
    assert [e.rung for e in only.evidence] == [Rung.REFUTED]
    assert only.standing == ()
    assert place.every(SightingFilter(rung=Rung.HINT)) == []
    # the same reading gives another rung: it stands on that, and says that the hash is false
    lifted = place.settle(
        Rung.TENSORS, proof(Rung.TENSORS, "data-sha256"), refuted, confirmed=Confirmed.BYTES
    )
    assert lifted
    assert lifted.lifted
    (only,) = place.every()
    assert (only.rung, only.confirmed) == (Rung.TENSORS, Confirmed.BYTES)
    assert only.hash_is_false
    assert only.counts
    assert [e.rung for e in only.standing] == [Rung.TENSORS]


def test_a_new_one_may_be_refuted_at_once(place: Place) -> None:
    made = place.settle(Rung.REFUTED, proof(Rung.REFUTED), confirmed=Confirmed.CONTRADICTED)
    assert made
    assert (made.new, made.lifted, made.rung) == (True, False, Rung.REFUTED)
    (only,) = place.every()
    assert (only.rung, only.counts) == (Rung.REFUTED, False)


def test_figures_and_newer_words_are_kept(place: Place) -> None:
    place.record(proof(Rung.WEIGHTS, "sketch", "old", cosine=0.5))
    place.record(proof(Rung.WEIGHTS, "sketch", "new", cosine=0.75))
    (only,) = place.every()
    (evidence,) = only.evidence
    assert evidence.value == "new"
    assert evidence.figures == {"cosine": 0.75}


def test_a_hint_alone_is_no_sighting_and_is_known_of_the_pair_as_long_as_it_holds(
    place: Place,
) -> None:
    def known() -> list[str]:
        with place.store.read() as connection:
            pair = removal_pk(connection, place.removals[0]), place.pks[0]
            return [hint.kind for _, hint in kept.hints(connection, {pair})]

    assert place.record(proof(Rung.HINT, "filename", "")) is None
    assert place.every() == []
    assert known() == ["filename"]
    place.record(proof(Rung.DECLARED), proof(Rung.HINT, "path", ""))
    (only,) = place.every()
    assert only.rung is Rung.DECLARED
    assert [e.kind for e in only.evidence] == ["sha256", "path"]
    assert known() == ["path"]


def test_what_several_claims_give_is_one_sighting(place: Place) -> None:
    """Two lists name one file by different digests, and it was read: judged together."""
    from tests.facts import add_claim

    from reseen.match.judge import judge_removals

    sha256 = Digest(DigestKind.SHA256, bytes(range(32)))
    blake3 = Digest(DigestKind.BLAKE3, bytes(range(32, 64)))
    with place.store.write() as connection:
        pk = removal_pk(connection, place.removals[0])
        add_claim(connection, pk, RemovedFile((sha256,)), list="one")
        add_claim(connection, pk, RemovedFile((blake3,)), list="two")
        (repository,) = seen.repositories(connection, [REPOSITORY])
        stated = artifact(path="3.pt", sha256=sha256.value, git_oid=b"\x44" * 20)
        (read,) = seen.artifacts(connection, repository, [stated])
        inspection = seen.Inspection(full=True, digests=(sha256, blake3))
        seen.readings(connection, [(read, inspection)])
        judged = judge_removals(connection, place.store.secret, [pk])
        again = judge_removals(connection, place.store.secret, [pk])
        assert sightings.settle(connection, place.store.secret, []) == []
    assert [(one.artifact_pk, one.rung) for one in judged.new] == [(read, Rung.BYTES)]
    assert (again.new, again.lifted) == ((), ())
    (only,) = place.every()
    assert (only.path, only.rung, only.confirmed) == ("3.pt", Rung.BYTES, Confirmed.BYTES)
    assert [(e.rung, e.kind) for e in only.evidence] == [
        (Rung.BYTES, "sha256"),
        (Rung.BYTES, "blake3"),
        (Rung.DECLARED, "sha256"),
    ]


def test_the_past_is_seen_when_it_was_stored(place: Place) -> None:
    place.settle(Rung.DECLARED, proof(Rung.DECLARED))
    (only,) = place.every()
    assert seen.micros(only.last_seen) == 100
    assert place.answered(only.id, GONE) is LIVE
    assert place.answered(only.id, GONE) is GONE
    place.settle(Rung.TENSORS, proof(Rung.TENSORS))
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


def test_that_a_hash_is_false_is_said_as_long_as_it_is_judged_so(place: Place) -> None:
    """It rests on the reading that is stored: whoever judges again finds it again."""
    refuted = proof(Rung.REFUTED)
    place.settle(Rung.REFUTED, refuted, confirmed=Confirmed.CONTRADICTED)
    place.settle(Rung.WEIGHTS, proof(Rung.WEIGHTS, "sketch"), refuted, confirmed=Confirmed.HEADER)
    assert place.every()[0].hash_is_false
    place.settle(Rung.UNSUPPORTED)
    (only,) = place.every()
    assert only.hash_is_false, "history says what was found"
    place.settle(Rung.BYTES, proof(Rung.BYTES), confirmed=Confirmed.BYTES)
    (only,) = place.every()
    assert (only.confirmed, only.hash_is_false) == (Confirmed.BYTES, False)


def test_sightings_of_a_withdrawn_removal_say_so(place: Place) -> None:
    place.record(proof(Rung.DECLARED))
    place.record(proof(Rung.DECLARED), removal=1)
    with place.store.write() as connection:
        removals.withdraw(connection, place.keyring, place.removals[0], "why")
    assert {s.removal: s.withdrawn for s in place.every()} == {
        place.removals[0]: True,
        place.removals[1]: False,
    }
    assert [s.removal for s in place.every(SightingFilter(withdrawn=True))] == place.removals[:1]
    assert [s.removal for s in place.every(SightingFilter(withdrawn=False))] == place.removals[1:]


def test_filters_narrow(place: Place) -> None:
    place.record(proof(Rung.DECLARED), at=1_000)
    place.record(proof(Rung.BYTES), artifact=1, at=2_000)
    place.record(proof(Rung.POINTER), artifact=2, removal=1, at=3_000)
    paths = {
        SightingFilter(): ["2.pt", "1.pt", "0.pt"],
        SightingFilter(removal=place.removals[0].upper()): ["1.pt", "0.pt"],
        SightingFilter(rung=Rung.DECLARED): ["1.pt", "0.pt"],
        SightingFilter(since=2_000): ["2.pt", "1.pt"],
        SightingFilter(author="sample-account", hub="huggingface.co"): ["2.pt", "1.pt", "0.pt"],
        SightingFilter(author="sample"): [],
        SightingFilter(repo="sample-account/lora", states=frozenset([LIVE])): [
            "2.pt",
            "1.pt",
            "0.pt",
        ],
        SightingFilter(states=frozenset([GONE])): [],
        SightingFilter(scan_pk=3): [],
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
    with place.store.read() as connection:
        pk = removal_pk(connection, place.removals[0])
    for one in (
        JudgedPair(10**6, place.pks[0], Rung.DECLARED, evidence=(proof(Rung.DECLARED),)),
        JudgedPair(pk, 10**6, Rung.DECLARED, evidence=(proof(Rung.DECLARED),)),
    ):
        with pytest.raises(NotFound), place.store.write() as connection:
            sightings.settle(connection, place.store.secret, [one])
    assert place.every() == []


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Store(f"sqlite:///{tmp_path_factory.mktemp('shared') / 'reseen.db'}") as store:
        yield Place(store, Keyring(bytes(32)))


STANDINGS = st.tuples(
    st.sampled_from(list(Rung)), st.sampled_from(["sha256", "xet", "blake3"]), st.integers(0, 100)
)


@given(steps=st.lists(STANDINGS, min_size=1, max_size=12), last=STANDINGS)
def test_what_stands_is_what_was_judged_last_whatever_stood_before(
    shared: Place, steps: list[tuple[Rung, str, int]], last: tuple[Rung, str, int]
) -> None:
    """One store for all examples: each gets removals of its own. Nothing once kept is lost."""
    place = shared
    with place.store.write() as connection:
        sample = removals_made.NewRemoval("sample", None, None, Names(), ())
        ids = removals_made.insert(connection, place.keyring, [sample, sample])
        outcomes = []
        for id, order in ((ids[0], [*steps, last]), (ids[1], [*steps[::-1], last])):
            pk = removal_pk(connection, id)
            for rung, kind, at in order:
                one = JudgedPair(pk, place.pks[0], rung, evidence=(proof(rung, kind),))
                sightings.settle(connection, place.store.secret, [one], seen_at=at)
            found = list(sightings.every(connection, SightingFilter(removal=id)))
            e, s = schema.evidence.c, schema.sightings.c
            query = select(e.rung, e.kind).join(schema.sightings, s.pk == e.sighting_pk)
            kept = set(connection.execute(query.where(s.removal_pk == pk)).all())
            if last[0] is Rung.UNSUPPORTED:
                outcomes.append((len(found), [one.rung for one in found]))
                continue
            outcomes.append((len(found), [(one.rung, one.why) for one in found]))
            makes_none = (Rung.HINT, Rung.UNSUPPORTED)
            told = {(int(rung), kind) for rung, kind, _ in order if rung not in makes_none}
            assert told <= kept or not found
    assert outcomes[0] == outcomes[1]
    made = any(rung not in (Rung.HINT, Rung.UNSUPPORTED) for rung, _, _ in (*steps, last))
    assert outcomes[0][0] == made
    if made:
        expected = Rung.UNSUPPORTED if last[0] is Rung.HINT else last[0]
        assert found[0].rung is expected
        # the first that made a sighting, and all that came later, were seen there
        assert seen.micros(found[0].last_seen) <= max(at for _, _, at in (*steps, last))
