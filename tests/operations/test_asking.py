"""A hub is asked by hash: who may be asked for what, what is recorded, what follows."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest
from replica.civitai import CivitaiSite
from replica.faults import Fault, Kind
from replica.server import Replica
from sqlalchemy import select
from tests import removals_made
from tests.hubs.civitai_site import opened, served
from tests.scan.walking import QUICK

from reseen.errors import Conflict, HubMissing
from reseen.observed import artifacts, sightings
from reseen.observed.artifacts import Inspection
from reseen.operations import asking, classes, consequences, removals, searching
from reseen.operations.asking import AskListener, Asks, HubAsked
from reseen.records import (
    Artifact,
    Digest,
    DigestKind,
    Names,
    RemovalClass,
    RemovedFile,
    Repository,
    RepoType,
    Rung,
    Sighting,
    SightingState,
)
from reseen.review.roles import Role, Who
from reseen.scan.target import Options, Target
from reseen.scan.walk import scan
from reseen.settings import CIVITAI, HubSettings
from reseen.store import audit, change_log, schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring
from reseen.store.service_schema import cases

KEYRING = Keyring(bytes(range(32)))
NEVER = RemovalClass.CHILD_ABUSE
NAME, LINK = "Sample person 07", "https://{}/models/4711{}?modelVersionId=12"
HERE, ELSEWHERE = "127.0.0.1", "models.example"


def digest_of(number: int) -> bytes:
    return hashlib.sha256(b"sample %d" % number).digest()


@dataclass
class Room:
    """A store, and a small Civitai with what stands there."""

    store: Store
    site: CivitaiSite
    replica: Replica

    @property
    def hub(self) -> HubSettings:
        return HubSettings(CIVITAI, self.replica.endpoint, CIVITAI)

    def remove(
        self,
        *numbers: int,
        site: str = HERE,
        list: str = "site A",
        cls: RemovalClass | None = None,
        more: Callable[[int], Sequence[Digest]] = lambda number: (),
    ) -> list[str]:
        """Removals of one file each, whose link was at a site; their ids."""
        new = [
            removals_made.NewRemoval(
                *(list, site, None, Names(name=NAME, url=LINK.format(site, n))),
                (RemovedFile((Digest(DigestKind.SHA256, digest_of(n)), *more(n))),),
                cls,
            )
            for n in numbers
        ]
        with self.store.write() as connection:
            return removals_made.insert(connection, KEYRING, new)

    def put(self, *numbers: int) -> None:
        """Copies there: a model each, of the account "sample-account"."""
        for number in numbers:
            named = {"a.safetensors": (digest_of(number).hex(), 4096 + number)}
            self.site.put(1000 + number, "sample-account", {5000 + number: named})

    def ask(self) -> HubAsked:
        return asking.ask(self.store, KEYRING, self.hub, lambda: opened(self.replica))

    def allow(self) -> None:
        asking.switch(self.store, self.hub, Asks.ALL)

    def asked(self) -> list[list[bytes]]:
        """The digests of each question that was put, as the server had them."""
        bodies = [e.body for e in self.replica.journal.entries if e.route == "by-hash-ids"]
        return [[bytes.fromhex(each) for each in json.loads(body)] for body in bodies]

    def sightings(self) -> list[Sighting]:
        with self.store.read() as connection:
            return list(sightings.every(connection))

    def log(self) -> list[tuple[str, str, dict[str, object]]]:
        with self.store.read() as connection:
            return [(e.action, e.subject, dict(e.details)) for e in audit.every(connection)]


@pytest.fixture
def room(store: Store) -> Iterator[Room]:
    site = CivitaiSite()
    with served(site) as replica:
        yield Room(store, site, replica)


@pytest.fixture
def any_room(url: str) -> Iterator[Room]:
    """On PostgreSQL too, where there is one."""
    site = CivitaiSite()
    with Store(url) as store, served(site) as replica:
        yield Room(store, site, replica)


def test_every_store_keeps_what_is_asked_for_and_what_was_found(any_room: Room) -> None:
    room = any_room
    room.remove(1, 2)
    room.remove(3, site=ELSEWHERE)
    room.remove(4, cls=NEVER)
    room.put(1, 2, 3, 4)
    assert len(room.ask().came.found) == 2
    room.allow()
    assert len(room.ask().came.found) == 1
    assert not {digest_of(4)} & {digest for question in room.asked() for digest in question}
    room.site.models[1002].gone = True
    room.ask()
    assert [each.repo for each in room.ask().came.gone] == ["sample-account/1002"]


def test_a_hub_is_asked_for_what_a_list_says_was_there_and_for_nothing_else(room: Room) -> None:
    room.remove(1, 2)
    room.remove(3, site=ELSEWHERE)
    room.put(1, 3)
    ended = room.ask()
    assert (ended.asks, ended.digests, ended.came.there) == (Asks.ORIGIN, 2, 1)
    assert room.asked() == [sorted([digest_of(1), digest_of(2)])]
    (found,) = room.sightings()
    assert (found.rung, found.repo) == (Rung.DECLARED, "sample-account/1001")


def test_the_claim_of_a_list_that_names_no_origin_is_not_asked_for(room: Room) -> None:
    """Nor is what another list says of the same removal."""
    room.remove(1)
    with room.store.write() as connection:
        claim = connection.execute(select(schema.claims)).one()
        columns = {c.key: getattr(claim, c.key, None) for c in schema.claims.c}
        told = {**columns, "pk": claim.pk + 1, "site": None, "sealed": None, "in_force": 1}
        connection.execute(schema.claims.insert().values(told))
        row = {"kind": 1, "value": digest_of(9), "claim_pk": claim.pk + 1}
        connection.execute(schema.digests.insert().values(row))
    room.ask()
    assert room.asked() == [[digest_of(1)]]


def test_all_else_is_asked_for_once_somebody_switched_it_on(room: Room) -> None:
    ids = [*room.remove(1), *room.remove(2, 3, site=ELSEWHERE, list="site B")]
    room.put(1, 2, 3)
    room.allow()
    ended = room.ask()
    assert (ended.asks, ended.came.asked, ended.came.there) == (Asks.ALL, 3, 3)
    assert {s.removal for s in room.sightings()} == set(ids)
    switched, listed, asked = room.log()
    name = f"civitai+{room.hub.host}"
    assert switched == (
        *("asking-all", name),
        {"digests": 3, "removals": 3, "lists": "site B (2), site A (1)"},
    )
    assert listed == ("asking-list", name, {"from": 1, "removals": " ".join(ids)})
    assert asked == ("asked", name, {"digests": 3, "removals": 3})


def test_what_was_switched_off_is_not_asked_for(room: Room) -> None:
    room.remove(1)
    room.allow()
    asking.switch(room.store, room.hub, Asks.NOTHING)
    with pytest.raises(Conflict, match="switched off"):
        room.ask()
    assert room.replica.journal.total == 0
    asking.switch(room.store, room.hub, Asks.ORIGIN)
    assert room.ask().asks is Asks.ORIGIN
    assert [action for action, _, _ in room.log()] == [
        *("asking-all", "asking-list", "asking-nothing"),
        *("asking-origin", "asking-list", "asked"),
    ]


def test_a_hub_that_cannot_be_asked_says_so(room: Room) -> None:
    hub = HubSettings("huggingface", room.replica.endpoint)
    with pytest.raises(HubMissing, match="cannot be asked by hash"):
        asking.switch(room.store, hub, Asks.ALL)
    with pytest.raises(HubMissing, match="cannot be asked by hash"):
        asking.ask(room.store, KEYRING, hub, lambda: opened(room.replica))
    assert not room.log()


# -- the class that is never read ------------------------------------------------------------------

BLAKE3 = Digest(DigestKind.BLAKE3, hashlib.sha256(b"sample").digest())


def _by_its_own_digest(room: Room) -> None:
    room.remove(1, cls=NEVER)


def _by_a_digest_that_another_removal_has(room: Room) -> None:
    """One file, told by two digests: the other removal's SHA-256 is that file's."""
    room.remove(1, more=lambda number: (BLAKE3,))
    new = removals_made.NewRemoval(
        "a hotline", ELSEWHERE, None, Names(name="x"), (RemovedFile((BLAKE3,)),), NEVER
    )
    with room.store.write() as connection:
        removals_made.insert(connection, KEYRING, [new])


def _said_later(room: Room) -> None:
    (removal,) = room.remove(1)
    classes.classify(room.store, KEYRING, removal, NEVER, "Sample reason 01")


def _at_the_same_link(room: Room) -> None:
    """A list names by its link what another names by its digests."""
    room.remove(1)
    names = Names(name="x", url=LINK.format(HERE, 1))
    file = RemovedFile((Digest(DigestKind.SHA256, digest_of(99)),))
    new = removals_made.NewRemoval("a hotline", HERE, None, names, (file,), NEVER)
    with room.store.write() as connection:
        removals_made.insert(connection, KEYRING, [new])


def _by_what_reading_told(room: Room) -> None:
    """A file was read that has the class's digest and the other removal's."""
    room.remove(1)
    file = RemovedFile((BLAKE3,))
    new = removals_made.NewRemoval("a hotline", ELSEWHERE, None, Names(name="x"), (file,), NEVER)
    with room.store.write() as connection:
        removals_made.insert(connection, KEYRING, [new])
        seen = Repository("hub.example", RepoType.MODEL, "sample-account/other")
        (pk,) = artifacts.repositories(connection, [seen])
        there = Artifact(*(seen.hub, seen.type, seen.id, "a" * 40, "main", "a.bin", 5000))
        (artifact_pk,) = artifacts.artifacts(connection, pk, [there])
        read = (Digest(DigestKind.SHA256, digest_of(1)), BLAKE3)
        inspection = Inspection(full=True, digests=read)
        artifacts.readings(connection, [(artifact_pk, inspection)])


def _with_the_same_sha256(room: Room) -> None:
    room.remove(1)
    room.remove(1, list="a hotline", site=ELSEWHERE, cls=NEVER)


@pytest.mark.parametrize(
    "said",
    [
        _by_its_own_digest,
        _by_a_digest_that_another_removal_has,
        _said_later,
        _at_the_same_link,
        _by_what_reading_told,
        _with_the_same_sha256,
    ],
)
@pytest.mark.parametrize("asks", [Asks.ALL, Asks.ORIGIN])
def test_the_class_that_is_never_read_is_not_asked_for(
    room: Room, said: Callable[[Room], None], asks: Asks
) -> None:
    said(room)
    room.put(1)
    asking.switch(room.store, room.hub, asks)
    ended = room.ask()
    assert (ended.digests, room.asked()) == (0, [])
    assert not [line for line in room.log() if line[0] in ("asked", "asking-list")]


def test_a_class_that_is_said_between_two_questions_counts(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = dict(zip(range(6), room.remove(*range(6)), strict=True))
    _ask_for(monkeypatch, 2)
    last = max(range(6), key=digest_of)
    questions = room.asked

    def said_meanwhile(came: object) -> None:
        if len(questions()) == 1:
            classes.classify(room.store, KEYRING, ids[last], NEVER, "Sample reason 01")

    asking.ask(
        room.store,
        KEYRING,
        room.hub,
        lambda: opened(room.replica),
        listener=AskListener(report=said_meanwhile),
    )
    assert [len(question) for question in questions()] == [2, 2, 1]
    assert digest_of(last) not in {digest for question in questions() for digest in question}


def test_a_switch_that_is_turned_between_two_questions_counts(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.remove(*range(6))
    _ask_for(monkeypatch, 2)

    def off(came: object) -> None:
        asking.switch(room.store, room.hub, Asks.NOTHING)

    asking.ask(
        room.store,
        KEYRING,
        room.hub,
        lambda: opened(room.replica),
        listener=AskListener(report=off),
    )
    assert len(room.asked()) == 1


def test_ctrl_c_stops_it_in_order(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known stays known, and no question is made that is not put."""
    room.remove(*range(6))
    room.put(*range(6))
    _ask_for(monkeypatch, 2)

    def interrupt(came: object) -> None:
        if len(room.asked()) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    came = asking.ask(
        room.store,
        KEYRING,
        room.hub,
        lambda: opened(room.replica),
        listener=AskListener(report=interrupt),
    ).came
    assert came.stopped
    assert len(room.asked()) == 2
    assert [action for action, _, _ in room.log()] == ["asked", "asked"]
    assert len(room.sightings()) in (3, 4)
    assert len(room.ask().came.found) == 6 - len(came.found)


def _ask_for(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Questions of so many digests."""
    from dataclasses import replace

    from reseen.hubs import civitai

    monkeypatch.setattr(civitai, "ASKABLE", replace(civitai.ASKABLE, most=most))


# -- what goes out, and what comes of it -----------------------------------------------------------


def test_fifty_thousand_are_asked_for_in_five_questions(room: Room) -> None:
    room.remove(*range(50_000))
    room.put(*range(0, 50_000, 250))
    ended = room.ask()
    assert (ended.came.asked, ended.came.there, len(ended.came.found)) == (50_000, 200, 200)
    assert room.replica.journal.requests["by-hash-ids"] == 5
    assert room.replica.journal.total <= 5 + 5
    assert {s.rung for s in room.sightings()} == {Rung.DECLARED}


def test_no_request_holds_a_name_a_link_or_an_id_of_a_list(room: Room) -> None:
    ids = room.remove(1, 2)
    room.put(1, 2)
    room.allow()
    room.ask()
    for entry in room.replica.journal.entries:
        said = f"{entry.path} {entry.body.decode()} {entry.user_agent}"
        for secret in (NAME, "Sample", "4711", "modelVersionId=12", "site A", *ids):
            assert secret.lower() not in said.lower()


def test_cases_follow_and_nothing_stands_twice(room: Room) -> None:
    room.remove(1)
    room.put(1)
    first = room.ask()
    again = room.ask()
    assert (len(first.came.found), len(again.came.found)) == (1, 0)
    with room.store.read() as connection:
        assert len(connection.execute(select(cases)).all()) == 1


def test_a_copy_is_found_by_the_address_of_its_page(room: Room) -> None:
    """Which says the hub's own number of the model, and no account."""
    room.remove(1)
    room.put(1)
    room.ask()
    page = f"{room.replica.endpoint}/models/1001?modelVersionId=5001"
    who = Who(1, "sample-reader", Role.READER)
    answer = searching.search(room.store, None, [room.hub], page, who)
    assert [each.repo for each in answer.repositories] == ["sample-account/1001"]


def test_what_stands_beside_a_copy_is_matched_with_what_comes_later(room: Room) -> None:
    room.remove(1)
    named = {"a.safetensors": (digest_of(1).hex(), 5000), "b": (digest_of(2).hex(), 6000)}
    room.site.put(7, "sample-account", {8: named})
    room.ask()
    (later,) = room.remove(2, list="site B", site=ELSEWHERE)
    with room.store.write() as connection:
        change_log.note(connection, connection.scalars(select(schema.removals.c.pk)).all())
    consequences.follow(room.store)
    assert later in {each.removal for each in room.sightings()}


def test_what_went_from_the_hub_is_gone_after_two_answers(room: Room) -> None:
    room.remove(1, 2)
    room.put(1, 2)
    room.ask()
    room.site.models[1001].gone = True
    once = room.ask().came
    assert (once.missed, len(once.gone)) == (1, 0)
    twice = room.ask().came
    assert [each.repo for each in twice.gone] == ["sample-account/1001"]
    states = {each.repo: each.state for each in room.sightings()}
    assert states == {
        "sample-account/1001": SightingState.GONE,
        "sample-account/1002": SightingState.LIVE,
    }
    room.site.models[1001].gone = False
    room.ask()
    assert {each.state for each in room.sightings()} == {SightingState.LIVE}


def test_what_came_before_the_hub_broke_off_is_kept(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.remove(*range(6))
    room.put(*range(6))
    _ask_for(monkeypatch, 2)
    with room.replica.faults.during(Fault(Kind.GARBAGE, route="by-hash-ids", after=2)):
        ended = room.ask()
    assert (ended.came.asked, len(room.sightings())) == (4, 4)
    assert str(ended.came.error) == "the hub's answer is not JSON"
    assert len(room.ask().came.found) == 2


def test_before_an_import_or_after_it_the_same_stands_in_the_end(room: Room) -> None:
    """What stood beside a copy that was asked for is a removal itself, as another list says."""
    named = {"a": (digest_of(1).hex(), 5000), "b": (digest_of(2).hex(), 6000)}
    room.site.put(7, "sample-account", {8: named})
    first = room.remove(1)
    room.ask()
    second = room.remove(2)
    room.ask()
    assert sorted(s.removal for s in room.sightings()) == sorted([*first, *second])
    removals.withdraw(room.store, KEYRING, first[0], "Sample reason 01")
    assert room.ask().digests == 1


@pytest.mark.parametrize("asked_first", [True, False])
def test_asked_before_it_is_walked_or_after_it_the_same_is_known(
    room: Room, asked_first: bool
) -> None:
    room.remove(1)
    room.put(1, 2)
    if asked_first:
        room.ask()
    outcome = scan(
        *(room.store, KEYRING, lambda: opened(room.replica), Target(everything=True), Options()),
        pace=QUICK,
    )
    assert (outcome.coverage.listed, outcome.ended) == (2, True)
    assert len(outcome.sightings) == (0 if asked_first else 1)
    if not asked_first:
        assert not room.ask().came.found
    with room.store.read() as connection:
        repos = connection.scalars(select(schema.repositories.c.repo)).all()
        files = connection.scalars(select(schema.artifacts.c.sha256)).all()
    assert sorted(repos) == ["sample-account/1001", "sample-account/1002"]
    assert sorted(map(bytes, files)) == sorted([digest_of(1), digest_of(2)])
    assert [s.rung for s in room.sightings()] == [Rung.DECLARED]
    # The list said the files: no model is asked for by itself.
    assert room.replica.journal.requests["model"] == 0
