"""What reading decides: a claim that agrees, one that is doubtful, one that is false."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.facts import teach
from tests.match.made import adapter, fully_known, known, listed, read, remove, safetensors
from tests.scan.fake_hub import COMMIT, FakeHub

from reseen.fingerprints.digests import Inside
from reseen.hubs.hub import Revision
from reseen.match.ladder import ClaimFacts, Header, header_agrees
from reseen.match.registry_index import RegistryIndex
from reseen.observed import sightings
from reseen.records import Confirmed, Container, Rung
from reseen.scan.context import reading
from reseen.scan.inspect import ArtifactResult
from reseen.scan.record import record
from reseen.scan.target import Confirm, Options
from reseen.scan.visit import visit
from reseen.store.database import Store

FILE = safetensors(adapter(7), {"made by": "a test"})
OTHER = safetensors(adapter(8), {"made by": "a test"})
TINY = safetensors({"x": b"1234" * 600})
HEADER, FULL = Options(confirm=Confirm.HEADER), Options(confirm=Confirm.FULL)


def agrees(claim: ClaimFacts, size: int, inside: Inside) -> bool:
    header = Header(inside.container, inside.data_size, inside.layout, inside.problem)
    return header_agrees([claim], size, header)


def see(hub: FakeHub, known: RegistryIndex, options: Options) -> ArtifactResult:
    context = reading(hub, known, options)
    found = asyncio.run(visit(context, hub.listed, Revision("main", COMMIT)))
    (one,) = found.seen
    return one


def test_a_lie_about_the_hash_is_contradicted_and_still_shown(store: Store) -> None:
    removal = remove(store, listed(FILE))
    hub = FakeHub({"a": OTHER}, declares={"a": FILE})
    one = see(hub, known(store), FULL)
    (match,) = one.matches
    assert match.removal == removal
    assert match.rung is Rung.DECLARED
    assert one.confirmed is Confirmed.CONTRADICTED


def test_a_claim_leads_on_whether_or_not_it_was_read_by_then(store: Store) -> None:
    """A header scan follows it, and a full one after that finds it false: what the two looked at
    must not depend on which came first."""
    remove(store, listed(FILE))
    hub = FakeHub({"a": OTHER}, declares={"a": FILE})
    for options in (HEADER, FULL):
        run = visit(reading(hub, known(store), options), hub.listed, Revision("main", COMMIT))
        assert asyncio.run(run).follow


@pytest.mark.parametrize("served", [TINY, b"no container at all " * 400, FILE[:500], b""])
def test_a_header_that_disagrees_makes_the_claim_doubtful(store: Store, served: bytes) -> None:
    remove(store, fully_known(FILE))
    hub = FakeHub({"a": served}, declares={"a": FILE})
    one = see(hub, known(store), replace(HEADER, edited=False))
    assert one.confirmed is Confirmed.DOUBTFUL
    assert one.matches[0].rung is Rung.DECLARED


@pytest.mark.parametrize("served", [b"no container at all " * 400, FILE[:-1], FILE + b"0"])
def test_with_a_hash_alone_it_must_be_weights_of_the_stated_size(
    store: Store, served: bytes
) -> None:
    remove(store, listed(FILE))
    assert see(FakeHub({"a": FILE}), known(store), HEADER).confirmed is Confirmed.HEADER
    hub = FakeHub({"a": served}, declares={"a": FILE})
    assert see(hub, known(store), HEADER).confirmed is Confirmed.DOUBTFUL


@pytest.mark.parametrize("cut", [0, 500, len(FILE) - 1])
def test_a_stream_that_breaks_off_proves_nothing(store: Store, cut: int) -> None:
    remove(store, listed(FILE))
    one = see(FakeHub({"a": FILE}, cut=cut), known(store), FULL)
    assert one.confirmed is Confirmed.DOUBTFUL
    assert one.matches[0].rung is Rung.DECLARED


def test_a_false_claim_does_not_hide_what_the_bytes_are(store: Store) -> None:
    claimed = remove(store, fully_known(TINY))
    true = remove(store, fully_known(FILE))
    hub = FakeHub({"a": FILE}, declares={"a": TINY}, changes={"a": {"size": len(FILE)}})
    for options in (HEADER, FULL):
        context = reading(hub, known(store), options)
        found = asyncio.run(visit(context, hub.listed, Revision("main", COMMIT)))
        with store.write() as connection:
            record(connection, found)
            rungs = {s.removal: (s.rung, s.confirmed) for s in sightings.every(connection)}
        assert rungs[claimed] == (Rung.REFUTED, Confirmed.CONTRADICTED)
        assert rungs[true] == (Rung.BYTES, Confirmed.BYTES)


def test_a_size_that_is_not_the_removals_is_doubtful(store: Store) -> None:
    remove(store, listed(FILE, size=True))
    longer = FILE + b"\0" * 8
    changes: dict[str, dict[str, object]] = {"a": {"size": len(longer)}}
    hub = FakeHub({"a": longer}, declares={"a": FILE}, changes=changes)
    assert see(hub, known(store), HEADER).confirmed is Confirmed.DOUBTFUL


def test_a_header_never_lifts_a_match(store: Store) -> None:
    remove(store, fully_known(FILE))
    one = see(FakeHub({"a": FILE}), known(store), HEADER)
    assert one.confirmed is Confirmed.HEADER
    assert one.matches[0].rung is Rung.DECLARED


_BYTES32 = st.binary(min_size=32, max_size=32)
_MAYBE = st.none() | st.integers(0, 10)


@given(_MAYBE, _MAYBE, st.none() | _BYTES32, st.none() | st.sampled_from(Container))
def test_what_a_removal_does_not_know_it_does_not_hold_against_a_file(
    size: int | None, data_size: int | None, layout: bytes | None, container: Container | None
) -> None:
    inside = Inside(Container.SAFETENSORS, data_size=7, layout=b"l" * 32)
    claim = ClaimFacts({}, size, container, data_size, layout)
    expected = (
        size in (None, 9)
        and data_size in (None, 7)
        and layout in (None, b"l" * 32)
        and container in (None, Container.SAFETENSORS)
    )
    assert agrees(claim, 9, inside) is expected


def test_containers_that_hold_no_weights_are_doubtful_unless_the_removal_is_one() -> None:
    picture = Inside(Container.PNG)
    assert not agrees(ClaimFacts({}), 9, picture)
    assert agrees(ClaimFacts({}, container=Container.PNG), 9, picture)
    unread = Inside(Container.GGUF, problem="its tensors are not read")
    assert agrees(ClaimFacts({}), 9, unread)
    broken = Inside(Container.SAFETENSORS, problem="the header is cut off")
    assert not agrees(ClaimFacts({}), 9, broken)


def test_learning_takes_every_byte_being_the_removals(store: Store) -> None:
    removal = remove(store, listed(FILE))
    one = see(FakeHub({"a": FILE}), known(store), FULL)
    assert one.inspection
    assert one.inspection.fingerprint == replace(read(FILE))
    with store.write() as connection:
        assert teach(connection, one.inspection.fingerprint)
    (match,) = known(store).match_digests(one.inspection.fingerprint)
    assert match.removal == removal
    assert Rung.TENSORS in {e.rung for e in match.evidence}
