"""Campaigns in a store: found, followed, taken out for good; proved by the log; named to nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, select
from tests import campaigns_made
from tests.any_store import keyring, settings, store
from tests.campaigns_made import HUB, bystanders, crew

from reseen.errors import AccessError, Conflict, NotFound
from reseen.observed import commit_habits
from reseen.observed.artifacts import instant
from reseen.observed.commit_messages import kept
from reseen.operations import campaigns as acts
from reseen.operations import cases as case_acts
from reseen.operations import log_check
from reseen.records import HistoryCommit
from reseen.review import campaign_rows, campaign_view, campaigns
from reseen.review.campaign_traits import SITTING
from reseen.review.campaigns import Campaign
from reseen.review.decide import DecidedBy, ShownCase
from reseen.review.roles import Role, Who
from reseen.review.verdicts import Verdict
from reseen.store import audit, campaign_schema, schema, service_schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring

__all__ = ["keyring", "settings", "store"]

MEMBERS = ("brightoak", "zunafi88", "m-kestrel", "polarlynx2", "q7wandler")
ARCHIVE = range(60, 84)


def person(store: Store, name: str, role: Role) -> Who:
    users = service_schema.users
    with store.write() as connection:
        connection.execute(users.insert(), [{"name": name, "role": role.label, "created_at": 1}])
        pk = connection.scalar(select(users.c.pk).where(users.c.name == name))
    return Who(pk or 0, name, role)


@pytest.fixture
def rio(store: Store) -> Who:
    return person(store, "rio", Role.REVIEWER)


@pytest.fixture
def removals(store: Store, keyring: Keyring) -> list[str]:
    """With accounts that know nobody, who had some of them."""
    made = campaigns_made.removals(store, keyring, 90)
    others = [
        replace(
            one,
            files=tuple(
                replace(f, removal=f.removal % 60) if f.removal is not None else f
                for f in one.files[:3]
            ),
        )
        for one in bystanders(50)
    ]
    campaigns_made.put(store, others, made)
    return made


def every(store: Store) -> list[Campaign]:
    with store.read() as connection:
        return campaigns.every(connection)


def names(campaign: Campaign) -> set[str]:
    return {one.account for one in campaign.accounts}


def test_one_is_found_and_stays_the_same_while_accounts_join_and_leave(
    store: Store,
    removals: list[str],
) -> None:
    assert acts.find(store) == 0
    campaigns_made.put(store, crew(MEMBERS[:4], ARCHIVE), removals)
    assert acts.find(store) == 1
    (first,) = every(store)
    assert names(first) == set(MEMBERS[:4])
    assert (first.new, first.left, first.ended_at) == (0, (), None)
    with store.read() as connection:
        assert not acts.is_due(connection)
        assert campaigns.of_account(connection, HUB, "m-kestrel") == [first.id]
        assert campaigns.of_account(connection, "other.example", "m-kestrel") == []
    campaigns_made.put(store, crew(MEMBERS, ARCHIVE)[4:], removals)
    with store.read() as connection:
        assert acts.is_due(connection)
    acts.find(store)
    (second,) = every(store)
    assert (second.id, names(second)) == (first.id, set(MEMBERS))
    assert [one.account for one in second.accounts if one.is_new] == ["q7wandler"]
    acts.find(store)
    assert every(store) == [second], "found again it is the same"


def test_what_commits_show_is_looked_at_since_a_repository_was_made(
    store: Store, removals: list[str]
) -> None:
    """What is older came along with it, from elsewhere."""
    campaigns_made.put(store, crew(MEMBERS[:1], ARCHIVE), removals)
    with store.write() as connection:
        r = schema.repositories.c
        mine = select(r.pk, r.created_at).where(r.repo.startswith(MEMBERS[0])).order_by(r.pk)
        pk, made = connection.execute(mine).first() or (0, 0)
        titles = {"upload": timedelta(hours=30), "old": timedelta(hours=-2), "made": timedelta()}
        said = [HistoryCommit(title, instant(made) + by) for title, by in titles.items()]
        commit_habits.keep(connection, store.secret, pk, said)
        there = campaign_rows.population(connection, store.secret)
    (one,) = (each for each in there.accounts if each.name == MEMBERS[0])
    later = int((instant(made) + titles["upload"]).timestamp() * 1e6) // SITTING
    assert later in one.sittings
    told = {f"message {kept(store.secret, title).hex()}" for title in ("upload", "made")}
    assert one.messages == told
    assert not any(each.messages for each in there.accounts if each.name != MEMBERS[0])


def test_who_was_dismissed_leaves_and_what_is_not_found_any_more_has_ended(
    store: Store,
    keyring: Keyring,
    removals: list[str],
    rio: Who,
) -> None:
    campaigns_made.put(store, crew(MEMBERS[:3], ARCHIVE), removals)
    acts.find(store)
    (found,) = every(store)
    decide_all(store, keyring, "m-kestrel", rio, Verdict.NOT_THIS_MODEL)
    with store.read() as connection:
        assert acts.is_due(connection)
    assert acts.find(store) == 0
    assert every(store) == []
    with store.read() as connection:
        (ended,) = campaigns.every(connection, ended=True)
    assert (ended.id, ended.accounts, len(ended.left)) == (found.id, (), 3)


def test_who_is_taken_out_stays_out_until_put_back(
    store: Store,
    removals: list[str],
    rio: Who,
) -> None:
    campaigns_made.put(store, crew(MEMBERS, ARCHIVE), removals)
    acts.find(store)
    (found,) = every(store)
    place = (HUB, "m-kestrel")
    acts.take_out(store, found.id, place, by=rio)
    assert names(every(store)[0]) == set(MEMBERS) - {"m-kestrel"}, "at once"
    with store.read() as connection:
        assert acts.is_due(connection)
    acts.find(store)
    (after,) = every(store)
    assert (after.id, names(after)) == (found.id, set(MEMBERS) - {"m-kestrel"})
    assert [one[0] for one in after.out] == [place]
    assert after.left == (), "it is said once"
    with pytest.raises(Conflict):
        acts.take_out(store, found.id, place, by=rio)
    acts.put_back(store, found.id, place, by=rio)
    acts.find(store)
    (again,) = every(store)
    assert (names(again), again.out) == (set(MEMBERS), ())


def test_it_stays_out_of_what_the_campaign_becomes(
    store: Store,
    removals: list[str],
    rio: Who,
) -> None:
    """Also where the others are another campaign by then."""
    campaigns_made.put(store, crew(MEMBERS, ARCHIVE), removals)
    acts.find(store)
    (found,) = every(store)
    acts.take_out(store, found.id, (HUB, "m-kestrel"), by=rio)
    with store.write() as connection:
        campaigns.keep(connection, [])  # none is found for a time
    more = tuple(f"latecomer{letter}" for letter in "abcdefgh")
    campaigns_made.put(store, crew(more, ARCHIVE), removals)
    acts.find(store)
    assert all("m-kestrel" not in names(one) for one in every(store))


def test_what_cannot_be_said_changes_nothing(store: Store, removals: list[str], rio: Who) -> None:
    campaigns_made.put(store, crew(MEMBERS, ARCHIVE), removals)
    acts.find(store)
    before = every(store)
    id, place, reader = before[0].id, (HUB, "m-kestrel"), replace(rio, role=Role.READER)
    refused: list[tuple[type[Exception], Callable[[], None]]] = [
        (NotFound, lambda: acts.take_out(store, id, (HUB, "nobody"), by=rio)),
        (NotFound, lambda: acts.put_back(store, id, place, by=rio)),
        (NotFound, lambda: acts.take_out(store, "cp-00000000", place, by=rio)),
        (NotFound, lambda: acts.watch(store, "cp-00000000", on=True, by=rio)),
        (AccessError, lambda: acts.take_out(store, id, place, by=reader)),
        (AccessError, lambda: acts.put_back(store, id, place, by=reader)),
        (AccessError, lambda: acts.watch(store, id, on=True, by=reader)),
    ]
    for error, act in refused:
        with pytest.raises(error):
            act()
    assert every(store) == before


def test_a_team_watches_one_and_the_log_proves_what_was_said(
    store: Store,
    removals: list[str],
    rio: Who,
) -> None:
    campaigns_made.put(store, crew(MEMBERS, ARCHIVE), removals)
    acts.find(store)
    (found,) = every(store)
    for on in (True, True, False, True):
        acts.watch(store, found.id, on=on, by=rio)
    acts.take_out(store, found.id, (HUB, "m-kestrel"), by=rio)
    assert every(store)[0].watched
    with store.read() as connection:
        lines = [one for one in audit.every(connection) if one.action.startswith("campaign-")]
    assert [one.action for one in lines] == [
        *("campaign-watched", "campaign-unwatched", "campaign-watched", "campaign-taken-out"),
    ]
    assert all("kestrel" not in f"{one.subject} {one.text}" for one in lines)
    wrong = log_check.verify(store).wrong
    assert not [sentence for sentence in wrong if "campaign" in sentence]


def test_what_was_put_there_by_strangers_is_not_the_accounts_own(
    store: Store,
    removals: list[str],
) -> None:
    """A proposal to somebody's repository brings nobody into a campaign."""
    *crew_of_four, framed = crew(MEMBERS, ARCHIVE)
    campaigns_made.put(store, crew_of_four, removals)
    campaigns_made.put(store, [framed], removals, ref="refs/pr/3")
    acts.find(store)
    assert names(every(store)[0]) == set(MEMBERS[:4])


def test_only_accounts_with_a_confirmed_sighting_are_named_to_others(
    store: Store,
    keyring: Keyring,
    removals: list[str],
    rio: Who,
) -> None:
    campaigns_made.put(store, crew(MEMBERS, ARCHIVE), removals)
    acts.find(store)
    (found,) = every(store)
    with store.read() as connection:
        none = campaign_view.for_others(campaign_view.view(connection, found))
    assert (none.campaign.accounts, none.leads, none.removals, none.days) == ((), 5, (), ())
    decide_all(store, keyring, "m-kestrel", rio, Verdict.CONFIRM, most=1)
    with store.read() as connection:
        whole = campaign_view.view(connection, every(store)[0])
        told = campaign_view.for_others(whole)
        assert campaign_view.nameable(connection, [found]) == {found.id: {(HUB, "m-kestrel")}}
    assert (len(whole.campaign.accounts), whole.leads) == (5, 4)
    assert [one.account for one in told.campaign.accounts] == ["m-kestrel"]
    assert told.leads == 4
    assert not set(MEMBERS) - {"m-kestrel"} & set(repr(told).split("'"))
    assert sum(day.re_uploads for day in whole.days) == sum(whole.files.values())


def test_watched_ones_come_first_however_many_there_are(
    store: Store, removals: list[str], rio: Who, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaigns_made.put(store, crew(MEMBERS, ARCHIVE), removals)
    acts.find(store)
    (first,) = every(store)
    acts.watch(store, first.id, on=True, by=rio)
    others(store, 3, changed_at=10**17)
    assert [one.id for one in every(store)][:2] == [first.id, "cp-00000002"]
    monkeypatch.setattr(campaigns, "MOST", 1)
    assert [one.id for one in every(store)] == [first.id]
    acts.watch(store, first.id, on=False, by=rio)
    assert [one.id for one in every(store)] == ["cp-00000002"]


def test_many_are_listed_in_as_few_queries_as_one_and_none_of_what_was_re_uploaded(
    store: Store, removals: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    campaigns_made.put(store, crew(MEMBERS, ARCHIVE), removals)
    acts.find(store)
    monkeypatch.delattr(campaign_view, "re_uploads")
    said: list[str] = []

    def queries() -> int:
        said.clear()
        with store.read() as connection:
            event.listen(connection, "before_cursor_execute", lambda *a: said.append(a[2]))
            campaign_view.nameable(connection, campaigns.every(connection))
        return len(said)

    one = queries()
    others(store, 5, changed_at=1)
    assert queries() == one


def test_what_ended_is_left_alone_by_what_is_found_after_it(
    store: Store, removals: list[str]
) -> None:
    campaigns_made.put(store, crew(MEMBERS, ARCHIVE), removals)
    acts.find(store)
    said: list[str] = []
    with store.write() as connection:
        campaigns.keep(connection, [])
        event.listen(connection, "before_cursor_execute", lambda *a: said.append(a[2]))
        campaigns.keep(connection, [])
    assert not [one for one in said if one.startswith("UPDATE")]


def others(store: Store, count: int, *, changed_at: int) -> None:
    """So many campaigns of nobody; each changed after the one before."""
    rows = [
        {"pk": 50 + n, "id": f"cp-0000000{n}", "found_at": 1, "changed_at": changed_at + n}
        for n in range(count)
    ]
    with store.write() as connection:
        connection.execute(campaign_schema.campaigns.insert(), rows)


def decide_all(
    store: Store,
    keyring: Keyring,
    account: str,
    who: Who,
    verdict: Verdict,
    *,
    most: int = 99,
) -> None:
    """Every case of an account."""
    table = service_schema.cases.c
    with store.read() as connection:
        rows = connection.execute(
            select(table.id, table.version).where(table.account == account).limit(most)
        ).all()
    for id, version in rows:
        by = DecidedBy(who, "Looked at both, sample reason.")
        case_acts.decide(store, keyring, ShownCase(id, version), verdict, by)
