"""Claims: which are in force, by their list and by themselves, and what rests on them."""

from __future__ import annotations

import csv
from hashlib import sha256
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from tests import removals_made
from tests.facts import add_claim, teach
from tests.fresh_store import fresh_store
from tests.registry.places import sketch

from reseen.errors import NotFound, SealError
from reseen.match.judge import judge_removals
from reseen.observed import sightings
from reseen.records import (
    Claim,
    Container,
    Digest,
    DigestKind,
    Fingerprint,
    Names,
    Removal,
    RemovalClass,
    RemovedFile,
    Rung,
)
from reseen.registry import claims, learning, removals
from reseen.registry.claims import removal_pk
from reseen.registry.imports import ImportOptions, import_list
from reseen.store import audit, schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring

CHILD_ABUSE, LIKENESS, OTHER = (
    RemovalClass.CHILD_ABUSE,
    RemovalClass.LIKENESS,
    RemovalClass.OTHER,
)
TRUE, INNOCENT = 1, 2
LINK = "https://civitai.com/models/1/sample-person?modelVersionId=2"


def digest(kind: DigestKind, number: int) -> Digest:
    """Of file `number`."""
    return Digest(kind, sha256(f"{kind.label} {number}".encode()).digest()[: kind.length])


def read(number: int, *, size: int = 10, sketched: bool = True, version: int = 1) -> Fingerprint:
    """What reading file `number` tells."""
    kinds = (DigestKind.SHA256, DigestKind.BLAKE3, DigestKind.GIT_BLOB, DigestKind.DATA_SHA256)
    return Fingerprint(
        size=size,
        container=Container.SAFETENSORS,
        digests=tuple(digest(kind, number) for kind in kinds),
        sketch=sketch(complete=True, version=version, of=number) if sketched else None,
    )


def file(number: int, *kinds: DigestKind) -> RemovedFile:
    return RemovedFile(tuple(digest(kind, number) for kind in kinds or (DigestKind.SHA256,)))


class Registry:
    """A store, and short ways to act on its first removal and to see what is in force of it."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self.store, self.keyring = store, keyring
        self.pk = 0

    def put(
        self,
        *lists: str,
        number: int = TRUE,
        cls: RemovalClass | None = None,
        kinds: tuple[DigestKind, ...] = (),
    ) -> str:
        """A removal, of which each list says the file's SHA-256."""
        first, *others = lists
        new = removals_made.NewRemoval(first, None, None, Names(), (file(number, *kinds),), cls)
        with self.store.write() as connection:
            (id,) = removals_made.insert(connection, self.keyring, [new])
            self.pk = removal_pk(connection, id)
            for other in others:
                add_claim(connection, self.pk, file(number, *kinds), list=other)
        return id

    def removal(self) -> Removal:
        with self.store.read() as connection:
            return removals.by_pks(connection, [self.pk])[0]

    def in_force(self) -> list[int]:
        """The numbers of its claims in force."""
        return [claim.number for claim in self.removal().claims if claim.in_force]

    def teach(self, number: int, **more: bool) -> set[int]:
        with self.store.write() as connection:
            xet = digest(DigestKind.XET, number).value
            return teach(connection, read(number, **more), path=f"read {number}", xet=xet)

    def list(self, name: str, *, restored: bool = False) -> list[int] | None:
        with self.store.write() as connection:
            return claims.withdraw_list(
                connection, self.keyring, name, "a sample reason", restored=restored
            )

    def withdraw(self, *, restored: bool = False) -> bool:
        act = removals.restore if restored else removals.withdraw
        with self.store.write() as connection:
            return act(connection, self.keyring, self.removal().id, "a sample reason")

    def take_back(self, number: int, *, put_back: bool = False) -> bool:
        id = self.removal().id
        with self.store.write() as connection:
            return claims.take_back(
                *(connection, self.keyring, id, number, "a sample reason"),
                put_back=put_back,
            )

    def learned(self) -> list[Claim]:
        return [claim for claim in self.removal().claims if claim.learned]


def new_store(folder: Path, number: int) -> Store:
    """An empty store in a folder."""
    return Store(fresh_store(folder / f"{number}.db"))


@pytest.fixture
def registry(store: Store, keyring: Keyring) -> Registry:
    return Registry(store, keyring)


def test_a_claim_is_in_force_unless_it_or_its_list_is_withdrawn(registry: Registry) -> None:
    registry.put("one", "two")
    assert registry.in_force() == [1, 2]
    assert registry.removal().lists == ("one", "two")
    assert registry.list("one") == [registry.pk]
    assert registry.in_force() == [2]
    assert (registry.removal().withdrawn_at, registry.removal().lists) == (None, ("two",))
    assert registry.take_back(2)
    withdrawn = registry.removal()
    assert registry.in_force() == []
    assert withdrawn.withdrawn_at
    assert withdrawn.lists == ("one", "two"), "of a withdrawn removal, all"
    assert registry.list("two") == [registry.pk]
    assert registry.removal().withdrawn_at == withdrawn.withdrawn_at
    registry.list("two", restored=True)
    assert registry.in_force() == []
    registry.list("one", restored=True)
    assert registry.in_force() == [1]
    assert registry.removal().withdrawn_at is None
    assert registry.take_back(2, put_back=True)
    assert registry.in_force() == [1, 2]


def test_doing_it_twice_says_that_it_stood_so(registry: Registry) -> None:
    registry.put("one")
    assert registry.list("one", restored=True) is None
    assert registry.take_back(1, put_back=True) is False
    assert registry.withdraw(restored=True) is False
    registry.list("one")
    assert registry.list("one") is None
    registry.take_back(1)
    assert registry.take_back(1) is False


def test_a_claim_taken_back_while_its_removal_is_withdrawn_stays_out(registry: Registry) -> None:
    registry.put("one", "two")
    registry.withdraw()
    assert registry.take_back(2)
    assert registry.take_back(2) is False
    assert registry.withdraw(restored=True)
    assert registry.in_force() == [1]
    assert registry.take_back(2, put_back=True)
    assert registry.in_force() == [1, 2]


def test_what_is_not_there_is_not_found(registry: Registry) -> None:
    registry.put("one")
    with pytest.raises(NotFound):
        registry.list("another")
    for number in (-1, 0, 2):
        with pytest.raises(NotFound):
            registry.take_back(number)
        with pytest.raises(NotFound), registry.store.write() as connection:
            claims.settle_contradiction(
                connection, registry.keyring, registry.removal().id, number, "why"
            )


def test_a_reason_needs_the_key_and_nothing_happens_without(registry: Registry) -> None:
    id = registry.put("one")
    with pytest.raises(SealError), registry.store.write() as connection:
        claims.withdraw_list(connection, None, "one", "why", restored=False)
    with pytest.raises(SealError), registry.store.write() as connection:
        claims.take_back(connection, None, id, 1, "why")
    assert registry.in_force() == [1]


def test_what_people_do_is_recorded_with_its_reason_sealed(registry: Registry) -> None:
    id = registry.put("one", "two")
    registry.list("one")
    registry.list("one", restored=True)
    registry.take_back(2)
    registry.take_back(2, put_back=True)
    with registry.store.read() as connection:
        events = connection.execute(select(schema.fact_events).order_by("pk")).all()
        lines = [(line.action, line.subject) for line in audit.every(connection)]
    assert [(e.what, e.list_pk is not None, e.claim_pk is not None) for e in events] == [
        ("list-withdrawn", True, False),
        ("list-restored", True, False),
        ("claim-taken-back", False, True),
        ("claim-put-back", False, True),
    ]
    assert all(b"sample" not in e.sealed for e in events)
    assert registry.keyring.open_text(events[2].sealed, id) == "a sample reason"
    assert lines == [
        *(("withdraw-list", "*"), ("restore-list", "*")),
        *(("claim-taken-back", id), ("claim-put-back", id)),
    ]


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("list"), st.sampled_from(["one", "two"]), st.booleans()),
        st.tuples(st.just("removal"), st.just(""), st.booleans()),
        st.tuples(st.just("claim"), st.sampled_from(["1", "2", "3", "4"]), st.booleans()),
    ),
    max_size=12,
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(acts=ACTS)
def test_in_any_order_what_is_in_force_is_what_nobody_withdrew(
    acts: list[tuple[str, str, bool]], tmp_path: Path
) -> None:
    """Against a model of its own. Claims 1 and 3 are of list one, 2 of list two, 4 was learned of
    what 1 and 2 say."""
    with new_store(tmp_path, 0) as store:
        registry = Registry(store, Keyring(bytes(32)))
        registry.put("one", "two")
        with store.write() as connection:
            add_claim(connection, registry.pk, file(3), list="one")
        registry.teach(TRUE)
        own = {1: "one", 2: "two", 3: "one"}
        lists_out: set[str] = set()
        taken_back: set[int] = set()
        withdrawn: set[int] = set()
        for what, which, back in acts:
            if what == "list":
                registry.list(which, restored=back)
                (lists_out.discard if back else lists_out.add)(which)
            elif what == "removal":
                registry.withdraw(restored=back)
                withdrawn = set() if back else withdrawn | (set(own) - taken_back)
            elif back:
                registry.take_back(int(which), put_back=True)
                taken_back.discard(int(which))
                withdrawn.discard(int(which))
            else:
                taken_back.add(int(which))
                registry.take_back(int(which))
            expected = {
                number
                for number, name in own.items()
                if name not in lists_out and number not in taken_back | withdrawn
            }
            found = registry.removal()
            assert (found.withdrawn_at is None) == bool(expected)
            if expected & {1, 2} and 4 not in taken_back:
                expected.add(4)
            assert {claim.number for claim in found.claims if claim.in_force} == expected


def test_what_was_learned_goes_with_the_last_claim_it_rests_on(registry: Registry) -> None:
    registry.put("one", "two")
    assert registry.teach(TRUE) == {registry.pk}
    (learned,) = registry.learned()
    assert learned.rests_on == (1, 2)
    assert registry.in_force() == [1, 2, 3]
    registry.list("one")
    assert registry.in_force() == [2, 3]
    registry.list("two")
    assert registry.in_force() == []
    assert registry.removal().withdrawn_at
    registry.list("one", restored=True)
    assert registry.in_force() == [1, 3]
    registry.take_back(1)
    assert registry.in_force() == []
    registry.list("two", restored=True)
    assert registry.in_force() == [2, 3]
    registry.withdraw()
    assert registry.in_force() == []
    registry.withdraw(restored=True)
    assert registry.in_force() == [2, 3], "what was taken back by itself stays so"


def test_what_was_learned_keeps_no_removal_in_force(registry: Registry) -> None:
    registry.put("one")
    registry.teach(TRUE)
    registry.list("one")
    assert registry.removal().withdrawn_at
    with registry.store.read() as connection:
        held = removals.holders(connection, [digest(DigestKind.BLAKE3, TRUE)])
        assert len(held) == 1, "history is kept"
        d, c = schema.digests.c, schema.claims.c
        query = select(d.value).join(schema.claims, c.pk == d.claim_pk).where(claims.in_force())
        assert connection.scalars(query).all() == []


def test_a_claim_that_comes_later_is_rested_on_too(registry: Registry) -> None:
    registry.put("one")
    registry.teach(TRUE)
    with registry.store.write() as connection:
        add_claim(connection, registry.pk, file(TRUE), list="two")
        assert learning.learn(connection, removals=[registry.pk]) == {registry.pk}
        assert learning.learn(connection, removals=[registry.pk]) == set()
    (learned,) = registry.learned()
    assert learned.rests_on == (1, 3)
    registry.list("one")
    assert registry.in_force() == [2, 3]


def test_what_was_learned_can_be_taken_back_and_is_not_learned_again(registry: Registry) -> None:
    registry.put("one")
    registry.teach(TRUE)
    assert registry.take_back(2)
    assert registry.in_force() == [1]
    assert registry.teach(TRUE) == set()
    with registry.store.write() as connection:
        assert teach(connection, read(TRUE), path="the same elsewhere") == set()
        learning.learn(connection)
    assert registry.in_force() == [1]
    registry.list("one")
    registry.list("one", restored=True)
    assert registry.in_force() == [1], "it stays out whatever becomes of its list"
    assert registry.take_back(2, put_back=True)
    assert registry.in_force() == [1, 2]


# -- classes -------------------------------------------------------------------------------------


def test_the_class_is_the_strictest_of_the_claims_in_force(registry: Registry) -> None:
    registry.put("one", cls=LIKENESS)
    with registry.store.write() as connection:
        for name, cls in (("two", CHILD_ABUSE), ("three", None)):
            add_claim(connection, registry.pk, file(TRUE), list=name)
            row = schema.claims.c.removal_pk == registry.pk
            own = claims.list_pks(connection, [name])[name]
            connection.execute(
                schema.claims.update()
                .where(row, schema.claims.c.list_pk == own)
                .values({schema.claims.c.cls: None if cls is None else int(cls)})
            )
        claims.refresh(connection, [registry.pk])
    assert registry.removal().cls is CHILD_ABUSE
    assert [claim.cls for claim in registry.removal().claims] == [LIKENESS, CHILD_ABUSE, None]
    registry.list("two")
    assert registry.removal().cls is LIKENESS
    registry.list("one")
    assert registry.removal().cls is OTHER
    registry.list("two", restored=True)
    assert registry.removal().cls is CHILD_ABUSE
    registry.take_back(2)
    assert registry.removal().cls is OTHER
    registry.take_back(2, put_back=True)
    registry.withdraw()
    assert registry.removal().cls is CHILD_ABUSE, "of what is withdrawn nothing is handed out"
    registry.withdraw(restored=True)
    assert registry.removal().cls is CHILD_ABUSE


def test_of_the_class_that_is_never_read_nothing_learned_is_in_use(registry: Registry) -> None:
    registry.put("one")
    registry.teach(TRUE)
    assert registry.in_force() == [1, 2]
    with registry.store.write() as connection:
        new = registry.removal()
        pk = add_claim(connection, registry.pk, file(TRUE), list="strict")
        one = schema.claims.c.pk == pk
        values = {schema.claims.c.cls: int(CHILD_ABUSE)}
        connection.execute(schema.claims.update().where(one).values(values))
        claims.refresh(connection, [registry.pk])
        assert learning.learn(connection) == set()
    assert new.cls is OTHER
    assert registry.in_force() == [1, 3]
    registry.list("strict")
    assert registry.in_force() == [1, 2]
    registry.list("strict", restored=True)
    assert registry.in_force() == [1, 3]
    # the other order: the class was said before anything was read
    registry.put("strict", number=5, cls=CHILD_ABUSE)
    assert registry.teach(5) == set()
    assert registry.in_force() == [1]


# -- hostile rows --------------------------------------------------------------------------------

HONEST = {"link": LINK, "sha256": (DigestKind.SHA256, TRUE)}
HOSTILE: dict[str, dict[str, object]] = {
    "joins by its link": {"link": LINK, "sha256": (DigestKind.SHA256, INNOCENT)},
    "puts two files together": {
        "sha256": (DigestKind.SHA256, TRUE),
        "blake3": (DigestKind.BLAKE3, INNOCENT),
    },
    "the other way round": {
        "link": LINK,
        "sha256": (DigestKind.SHA256, INNOCENT),
        "blake3": (DigestKind.BLAKE3, TRUE),
    },
    "by git's name": {
        "sha256": (DigestKind.SHA256, TRUE),
        "git blob": (DigestKind.GIT_BLOB, INNOCENT),
    },
    "by a Xet hash": {
        "sha256": (DigestKind.SHA256, TRUE),
        "xet": (DigestKind.XET, INNOCENT),
    },
    "by a Xet hash, the other way round": {
        "link": LINK,
        "blake3": (DigestKind.BLAKE3, INNOCENT),
        "xet": (DigestKind.XET, TRUE),
    },
    "by a Xet hash and a short one": {
        "link": LINK,
        "autov2": (DigestKind.AUTOV2, 3),
        "xet": (DigestKind.XET, INNOCENT),
    },
    "a false size": {"link": LINK, "sha256": (DigestKind.SHA256, TRUE), "size": 11},
}
APART = {
    *("joins by its link", "the other way round"),
    *("by a Xet hash, the other way round", "by a Xet hash and a short one"),
}
"""By the link of the honest removal, or by another kind of digest than it is known by: that makes
a removal of its own."""
CONTRADICTED = HOSTILE.keys() - {"joins by its link", "a false size"}
RIGHT_ABOUT_THE_TRUE_FILE = {"a false size", "by a Xet hash"}
"""A Xet hash, which nobody computes, takes nothing from a SHA-256."""
INNOCENTS_OWN = {"joins by its link", "by a Xet hash, the other way round"}
"""Names the innocent's file by its bytes, as a list may."""


def import_row(registry: Registry, folder: Path, name: str, row: dict[str, object]) -> None:
    path = folder / f"{name}.csv"
    cells = [digest(*cell).hex if isinstance(cell, tuple) else cell for cell in row.values()]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([list(row), cells])
    import_list(registry.store, registry.keyring, path, ImportOptions())


def standing(store: Store) -> dict[tuple[str, str], tuple[Rung, str]]:
    """(removal, which file) -> rung and sentence, of all sightings on the ladder."""
    with store.write() as connection:
        judge_removals(connection, store.secret)
        return {
            (s.removal, s.path.split("-")[0]): (s.rung, s.why)
            for s in sightings.every(connection)
            if s.counts
        }


ORDERS = tuple(permutations(("honest", "hostile", TRUE, INNOCENT)))
PARTS = 6


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_row_harms_nobody_in_any_order(tmp_path: Path, kind: str, part: int) -> None:
    """The hostile row before and after the honest one, the innocent's file and the true one read
    before and after: the honest removal stands as if the other had never come, but for what the
    hostile row alone says, which goes with its list."""
    for order, each in enumerate(ORDERS[part::PARTS]):
        with new_store(tmp_path, order) as store:
            registry = Registry(store, Keyring(bytes(32)))
            for act in each:
                if isinstance(act, int):
                    registry.teach(act, sketched=act == TRUE)  # nobody's altered copy
                else:
                    row = HONEST if act == "honest" else HOSTILE[kind]
                    import_row(registry, tmp_path, act, row)
            with store.read() as connection:
                every = sorted(
                    removals.every(connection), key=lambda one: "honest" not in one.lists
                )
                registry.pk = removal_pk(connection, every[0].id)
            assert len(every) == (2 if kind in APART else 1), each
            removal, last = every[0], every[-1]
            said = {c.list: c for one in every for c in one.claims if not c.learned}
            assert set(said) == {"honest", "hostile"}
            assert said["hostile"].contradicted == (kind in CONTRADICTED)
            assert not said["honest"].contradicted
            rests = {
                claim.digests[0].value: {
                    next(c.list for c in one.claims if c.number == n) for n in claim.rests_on
                }
                for one in every
                for claim in one.claims
                if claim.learned
            }
            true, innocent = (digest(DigestKind.SHA256, n).value for n in (TRUE, INNOCENT))
            expected: dict[bytes, set[str | None]] = {true: {"honest"}}
            if kind in INNOCENTS_OWN:
                expected[innocent] = {"hostile"}
            if kind in RIGHT_ABOUT_THE_TRUE_FILE:
                expected[true] = {"honest", "hostile"}
            assert rests == expected, each

            honest = (removal.id, f"read {TRUE}"), Rung.BYTES
            other = (last.id, f"read {INNOCENT}"), Rung.BYTES
            found = {place: rung for place, (rung, _) in standing(store).items()}
            accuses = kind in INNOCENTS_OWN
            assert found == dict([honest, other] if accuses else [honest]), each
            registry.list("hostile")
            assert {p: rung for p, (rung, _) in standing(store).items()} == dict([honest]), each
            registry.list("hostile", restored=True)
            again = {place: rung for place, (rung, _) in standing(store).items()}
            assert again == found, each
            registry.list("honest")
            without = {place: rung for place, (rung, _) in standing(store).items()}
            alone = [honest] if kind in RIGHT_ABOUT_THE_TRUE_FILE else []
            assert without == dict([other] if accuses else alone), each
            if kind == "a false size":
                ((_, why),) = standing(store).values()
                assert "size that a list gives is false" in why


def test_a_contradiction_waits_for_a_person_once(registry: Registry) -> None:
    id = registry.put("one", kinds=(DigestKind.SHA256,))
    mixed = (digest(DigestKind.SHA256, TRUE), digest(DigestKind.BLAKE3, INNOCENT))
    with registry.store.write() as connection:
        add_claim(connection, registry.pk, RemovedFile(mixed), list="hostile")

    def settle(number: int) -> bool:
        with registry.store.write() as connection:
            return claims.settle_contradiction(
                connection, registry.keyring, id, number, "a sample reason"
            )

    assert not settle(2), "nobody contradicted it yet"
    registry.teach(TRUE)
    assert [claim.contradicted for claim in registry.removal().claims] == [False, True, False]
    assert not settle(1)
    assert settle(2)
    assert not settle(2)
    assert not any(claim.contradicted for claim in registry.removal().claims)
    with registry.store.write() as connection:
        learning.learn(connection)
        teach(connection, read(INNOCENT), path="another")
        (event,) = connection.execute(select(schema.fact_events)).all()
        assert "contradiction-seen" in [line.action for line in audit.every(connection, id)]
    assert event.what == "contradiction-seen"
    assert not any(claim.contradicted for claim in registry.removal().claims)
    # it gives nothing to what contradicts it all the same: neither file taught on its word
    assert [claim.rests_on for claim in registry.learned()] == [(1,)]
    assert registry.in_force() == [1, 2, 3], "it may be right about a third file"
    registry.take_back(2)
    assert registry.in_force() == [1, 3]


def test_a_reading_that_equals_none_of_a_claims_digests_contradicts_nothing(
    registry: Registry,
) -> None:
    both = (DigestKind.SHA256, DigestKind.BLAKE3, DigestKind.DATA_SHA256)
    registry.put("one", kinds=both)
    weights = tuple(
        digest(kind, TRUE if kind is DigestKind.DATA_SHA256 else INNOCENT)
        for kind in (*both, DigestKind.GIT_BLOB)
    )
    with registry.store.write() as connection:
        assert teach(connection, Fingerprint(10, Container.SAFETENSORS, weights)) == set()
    (claim,) = registry.removal().claims
    assert not claim.contradicted
    assert {rung for rung, _ in standing(registry.store).values()} == {Rung.TENSORS}
