"""What the search box, pages of lists and one-time links ask of the store, on both databases."""

from __future__ import annotations

import pytest
from tests.review.room import HUB, Room

from reseen.errors import Conflict, NotFound
from reseen.observed import hubs_seen
from reseen.records import RepoType, Rung
from reseen.registry import claims, known_lists, list_looks, one_list
from reseen.review import invitations, list_figures, name_rate, places, users
from reseen.review.roles import Role
from reseen.store import audit


def test_places_are_found_by_whole_names(room: Room) -> None:
    cases = [room.see("Some-Account/lora", removal=id) for id in (room.removal, room.other)]
    room.see("some-account/lora")
    with room.store.read() as connection:
        assert hubs_seen.hubs(connection) == [HUB]
        (found,) = places.repositories(connection, [HUB], ["Some-Account/lora"], most=5)
        assert sorted(found.cases) == sorted(cases)
        assert (found.type, found.account, found.case_count) == (RepoType.MODEL, "Some-Account", 2)
        (account,) = places.accounts(connection, [HUB], "Some-Account", most=5)
        assert account.cases == 2
        for nothing in ("Some-Account/lor", "%", "", "\0", "x" * 400):
            assert not places.repositories(connection, [HUB], [nothing], most=5)
            assert not places.accounts(connection, [HUB], nothing, most=5)
        assert not places.repositories(connection, [], ["Some-Account/lora"], most=5)
        pks = [claims.removal_pk(connection, id) for id in (room.removal, room.other)]
        assert places.case_counts(connection, pks) == {pks[0]: 2, pks[1]: 1}


def test_a_list_is_counted_and_paged(room: Room) -> None:
    more = room.removals(4)
    room.see("a/1", read="one")
    room.see("a/2", rung=Rung.WEIGHTS)
    room.withdraw(more[0])
    with room.store.read() as connection:
        (listed,) = known_lists.every_list(connection)
        (same,) = known_lists.lists_called(connection, "SAMP", most=3)
        assert (same.number, same.withdrawn) == (listed.number, False)
        assert not known_lists.lists_called(connection, "s_mple", most=3)
        whole = one_list.by_number(connection, listed.number)
        assert (whole.name, whole.removals, whole.in_force) == ("sample", 6, 5)
        first = one_list.removals_of(connection, listed.number, after=0, most=4)
        rest = one_list.removals_of(connection, listed.number, after=first[-1].pk, most=4)
        assert [one.id for one in (*first, *rest)] == [room.removal, room.other, *more]
        out = one_list.removals_of(connection, listed.number, after=0, most=4, in_force=False)
        assert [one.id for one in out] == [more[0]]
        seen = {row.rung: row.total for row in list_figures.sightings_of_list(connection, "sample")}
        assert [one.name for one in list_looks.freshness(connection)] == ["sample"]
        with pytest.raises(NotFound):
            one_list.by_number(connection, listed.number + 1)
    assert seen == {Rung.BYTES: 1, Rung.WEIGHTS: 1}


def test_asking_for_names_is_counted_by_person_and_by_time(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(name_rate, "BOUNDS", ((3_600_000_000, 2, "an hour"),))
    with room.store.write() as connection:
        for action in (name_rate.REVEAL, "claim", name_rate.SEARCH):
            name_rate.check(connection, room.ann)
            audit.write(connection, action, "*", actor=room.ann.actor)
        with pytest.raises(Conflict):
            name_rate.check(connection, room.ann)
        name_rate.check(connection, room.bob)
        monkeypatch.setattr(name_rate, "BOUNDS", ((0, 2, "no time"),))
        name_rate.check(connection, room.ann)


def test_one_link_a_person_and_it_is_kept_as_a_hash(room: Room) -> None:
    with room.store.write() as connection:
        user = users.add(connection, "new", Role.READER, None, actor=None)
        first, second = (invitations.make(connection, user) for _ in range(2))
        nobody = invitations.make(connection, None)
        with pytest.raises(NotFound):
            invitations.find(connection, first)
        with pytest.raises(NotFound):  # there are users
            invitations.find(connection, nobody)
        found = invitations.find(connection, second)
        assert found.user is not None
        assert found.user.name == "new"
        assert list(invitations.open_ones(connection)) == [user.pk]
        invitations.end(connection, user.pk)
        with pytest.raises(NotFound):
            invitations.find(connection, second)
