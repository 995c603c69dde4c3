from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.review.room import HUB, Room

from reseen.errors import AccessError
from reseen.records import Rung
from reseen.review import case_filter, claims
from reseen.review.case_filter import ALL, CLAIMED, LIVE, STATES, CaseFilter
from reseen.review.queue import LAST, next_case, queue
from reseen.review.verdicts import Verdict
from reseen.store.database import now

CONFIRM, NOT, ALLOWED, SECOND = Verdict
NAMES = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1)


def test_the_queue_is_ordered_by_strength_then_reach_then_age(room: Room) -> None:
    weak = room.see("a/weak", rung=Rung.WEIGHTS, downloads=1_000)
    strong = room.see("a/strong", read="one", downloads=1)
    little = room.see("a/little", downloads=3)
    much = room.see("a/much", downloads=30)
    younger = room.see("b/little", downloads=3)
    assert room.queued() == [strong, much, little, younger, weak]
    assert room.queued(most=2) == [strong, much]


def test_a_page_knows_how_many_there_are_and_where_the_next_begins(room: Room) -> None:
    for n in range(5):
        room.see(f"a/{n}")
    with room.store.read() as connection:
        first = queue(connection, CaseFilter(), most=2)
        second = queue(connection, CaseFilter(), most=2, place=first.on)
        last = queue(connection, CaseFilter(), most=2, place=second.on)
        end = queue(connection, CaseFilter(), most=2, place=LAST)
        beyond = queue(connection, CaseFilter(), most=2, place=replace(LAST, before=False))
        odd = queue(connection, CaseFilter(), most=0)
    assert (first.total, first.back, len(first.entries)) == (5, None, 2)
    assert (last.total, last.on, len(last.entries)) == (5, None, 1)
    assert end.entries == second.entries[1:] + last.entries
    assert beyond == first
    assert len(odd.entries) == 1


def test_a_row_says_what_the_case_is_about(room: Room) -> None:
    case = room.see(path="a.pt", read="one")
    room.see(path="b.pt")
    room.gone(case)
    room.see(path="c.pt")
    entry = room.entry(case)
    assert entry.why == "Because of bytes."
    assert entry.paths == ("a.pt", "b.pt", "c.pt")
    assert (entry.sightings, entry.live, entry.downloads, entry.likes) == (3, 1, 5, 1)
    assert (entry.list, entry.site, entry.removal) == ("sample", "models.example", room.removal)


def test_filters_narrow(room: Room) -> None:
    one, two = room.see("a/one", read="one"), room.see("b/two", removal=room.other)
    room.say(two, CONFIRM)
    for which, found in (
        (CaseFilter(), [one]),
        (CaseFilter(state="decided"), [two]),
        (CaseFilter(state="any"), [one, two]),
        (CaseFilter(state="open"), [one]),
        (CaseFilter(state="second"), []),
        (replace(ALL, rung=Rung.TENSORS), [one]),
        (replace(ALL, hub=HUB), [one, two]),
        (replace(ALL, hub="elsewhere.example"), []),
        (replace(ALL, account="b"), [two]),
        (replace(ALL, account="B' OR 1=1 --"), []),
        (replace(ALL, list="sample"), [one, two]),
        (replace(ALL, list="other"), []),
        (replace(ALL, removal=room.other.upper()), [two]),
        (replace(ALL, verdict=CONFIRM), [two]),
        (replace(ALL, text=one), [one]),
        (replace(ALL, text=one.removeprefix("cs-").upper()), [one]),
        (replace(ALL, text="%"), []),
        (replace(ALL, older=1), []),
        (replace(ALL, live="gone"), []),
    ):
        assert room.queued(which) == found, which


def test_a_list_is_found_whether_its_removals_are_few_or_many(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = room.see("a/one")
    room.see("b/two", removal=room.other)
    for few in (1_000, 1, 0):
        monkeypatch.setattr(case_filter, "_FEW", few)
        assert len(room.queued(CaseFilter(list="sample"))) == 2
        assert room.queued(CaseFilter(list="sample", removal=room.removal)) == [one]
        assert room.queued(CaseFilter(list="another")) == []


def test_what_waits_long_is_found_by_its_age(room: Room) -> None:
    case = room.see()
    with room.store.read() as connection:
        later = now() + 3 * 24 * 3600 * 1_000_000
        assert [e.id for e in queue(connection, CaseFilter(older=2), at=later).entries] == [case]
        assert queue(connection, CaseFilter(older=4), at=later).total == 0


def test_claims_are_seen_by_who_looks(room: Room) -> None:
    mine, theirs, nobodys = room.see("a/1"), room.see("a/2"), room.see("a/3")
    room.hold(mine, room.ann, now() + 10**9)
    room.hold(theirs, room.bob, now() + 10**9)
    room.hold(nobodys, room.bob, now() - 1)
    for claimed, found in (("me", mine), ("other", theirs), ("nobody", nobodys)):
        assert room.queued(CaseFilter(claimed=claimed), room.ann) == [found]
    assert room.queued(CaseFilter(claimed="me")) == []
    assert room.entry(theirs).claimed_by == "bob"
    assert room.entry(nobodys).claimed_by is None


def test_the_next_case_is_nobodys_and_not_what_one_asked_about(room: Room) -> None:
    first, second, third = (room.see(f"a/{n}") for n in range(3))
    room.hold(first, room.bob, now() + 10**9)
    room.say(second, SECOND, room.ann)

    def following(who: str, besides: str | None = None) -> str | None:
        with room.store.read() as connection:
            return next_case(
                connection, CaseFilter(state="any"), getattr(room, who), exclude=besides
            )

    assert following("ann") == third
    assert following("bob") == second
    assert following("bob", besides=second) == third
    assert following("ann", besides=third) is None
    room.undo(second, room.ann)
    assert following("ann") == second  # what one asked and took back is ones own again


def test_claiming_the_next_gives_everybody_another(room: Room) -> None:
    found = {room.see(f"a/{n}") for n in range(3)}
    with room.store.write() as connection:
        given = [claims.claim_next(connection, CaseFilter(), who) for who in (room.ann, room.bob)]
        assert claims.claim_next(connection, CaseFilter(account="nobody"), room.ann) is None
        with pytest.raises(AccessError):
            claims.claim_next(connection, CaseFilter(), room.ron)
    assert all(given)
    assert len({one.case for one in given if one} & found) == 2


@settings(max_examples=100, derandomize=True)
@given(
    st.builds(
        CaseFilter,
        state=st.sampled_from(STATES),
        rung=st.none() | st.sampled_from(Rung),
        hub=st.none() | NAMES,
        account=st.none() | NAMES,
        removal=st.none() | NAMES,
        verdict=st.none() | st.sampled_from([CONFIRM, NOT, ALLOWED]),
        claimed=st.none() | st.sampled_from(CLAIMED),
        live=st.sampled_from(LIVE),
        withdrawn=st.booleans(),
        older=st.none() | st.integers(1, 36_500),
        text=st.none() | NAMES,
    )
)
def test_a_filter_comes_back_from_its_address(which: CaseFilter) -> None:
    said = which.values()
    if all(v.isprintable() and len(v) <= 300 and v == v.strip() for v in said.values()):
        assert CaseFilter.parse(said) == which
    assert CaseFilter.parse(CaseFilter.parse(said).values()) == CaseFilter.parse(said)


@settings(max_examples=200, derandomize=True)
@given(
    st.dictionaries(
        st.sampled_from([*CaseFilter.__slots__, "nonsense"]),
        st.text() | st.sampled_from(["-1", "9" * 40, "²", "BYTES", "me", "any", "\0", "\ud800"]),
    )
)
def test_any_address_gives_a_filter(values: dict[str, str]) -> None:
    which = CaseFilter.parse(values)
    assert CaseFilter.parse(which.values()) == which


def test_a_nonsense_address_gives_a_page(room: Room) -> None:
    values = dict.fromkeys(CaseFilter.__slots__, "\ud800'; DROP TABLE cases; --")
    case = room.see()
    assert room.queued(CaseFilter.parse(values)) == [case]
