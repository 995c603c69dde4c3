"""What bytes teach: the same whatever came first, and the same again."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from sqlalchemy import select
from tests import removals_made
from tests.facts import add_claim, teach
from tests.registry.test_claims import Registry, digest, file, new_store, read

from reseen.observed import artifacts
from reseen.records import (
    Artifact,
    Digest,
    DigestKind,
    Fingerprint,
    Names,
    RemovedFile,
    Repository,
    RepoType,
)
from reseen.registry import learning, removals
from reseen.registry.claims import removal_pk
from reseen.store import change_log, schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring

SHA256, BLAKE3, GIT = DigestKind.SHA256, DigestKind.BLAKE3, DigestKind.GIT_BLOB
TABLES = (
    *(schema.removals, schema.claims, schema.digests, schema.learned_from),
    *(schema.sketches, schema.sketch_entries),
)


@pytest.fixture
def registry(store: Store, keyring: Keyring) -> Registry:
    return Registry(store, keyring)


def snapshot(store: Store) -> list[object]:
    with store.read() as connection:
        return [sorted(map(repr, connection.execute(select(table)))) for table in TABLES]


def facts(registry: Registry) -> list[object]:
    """All that is learned of all removals, without what tells in which order it came."""
    with registry.store.read() as connection:
        found = []
        for removal in removals.every(connection):
            lists = {claim.number: claim.list for claim in removal.claims}
            found.extend(
                (
                    claim.digests, claim.size, claim.container, claim.data_size, claim.layout,
                    claim.sketch, claim.in_force, sorted(str(lists[n]) for n in claim.rests_on),
                )
                for claim in removal.claims
                if claim.learned
            )  # fmt: skip
    return sorted(found, key=repr)


def put(registry: Registry, list: str, removed: RemovedFile) -> int:
    new = removals_made.NewRemoval(list, None, None, Names(), (removed,))
    with registry.store.write() as connection:
        (id,) = removals_made.insert(connection, registry.keyring, [new])
        return removal_pk(connection, id)


def learn(registry: Registry, **which: set[int]) -> set[int]:
    with registry.store.write() as connection:
        return learning.learn(connection, **which)


def test_learning_again_changes_nothing(registry: Registry) -> None:
    registry.put("one", "two")
    registry.teach(1)
    registry.teach(2)
    before = snapshot(registry.store)
    with registry.store.read() as connection:
        latest = change_log.latest(connection)
    for which in ({}, {"removals": {registry.pk}}, {"artifacts": {1, 2}}):
        assert learn(registry, **which) == set()
        assert snapshot(registry.store) == before
    with registry.store.read() as connection:
        assert change_log.latest(connection) == latest


@pytest.mark.parametrize("read_first", [True, False])
def test_two_lists_that_name_one_file_by_other_digests_are_told_by_reading_it(
    registry: Registry, read_first: bool
) -> None:
    """They stay two removals, and it is known that they are one file as long as both are told."""
    store = registry.store

    def same(id: str) -> tuple[str, ...]:
        with store.read() as connection:
            return learning.same_bytes(connection, id)

    def told(*kinds: DigestKind) -> list[str]:
        with store.read() as connection:
            return [one.id for one in removals.by_pks(connection, [put_of[kind] for kind in kinds])]

    if read_first:
        registry.teach(1)
    put_of = {kind: put(registry, kind.label, file(1, kind)) for kind in (SHA256, BLAKE3)}
    stranger = put(registry, "other", file(2, SHA256))
    one, other = told(SHA256, BLAKE3)
    assert same(one) == same(other) == ()
    learn(registry)
    if not read_first:
        registry.teach(1)
    registry.teach(2)
    assert (same(one), same(other)) == ((other,), (one,))
    with store.read() as connection:
        assert same(removals.by_pks(connection, [stranger])[0].id) == ()
    with store.write() as connection:
        removals.withdraw(connection, registry.keyring, other, "a sample reason")
    assert same(one) == ()


def test_which_came_first_does_not_matter(tmp_path: Path) -> None:
    """A list, another that says the same file by its BLAKE3, its reading, a copy of it with no
    sketch, and a reading of a file that nobody removed."""
    outcomes = []
    orders = [*permutations(range(5))]
    for number, order in enumerate((*orders[::7], orders[-1])):
        with new_store(tmp_path, number) as store:
            registry = Registry(store, Keyring(bytes(32)))

            def says(registry: Registry, list: str, kind: DigestKind) -> None:
                with registry.store.write() as connection:
                    if registry.pk:
                        add_claim(connection, registry.pk, file(1, kind), list=list)
                    else:
                        new = removals_made.NewRemoval(list, None, None, Names(), (file(1, kind),))
                        (id,) = removals_made.insert(connection, registry.keyring, [new])
                        registry.pk = removal_pk(connection, id)
                    learning.learn(connection, removals=[registry.pk])

            def reads(registry: Registry, told: Fingerprint, path: str) -> None:
                with registry.store.write() as connection:
                    teach(connection, told, path=path)

            acts = (
                lambda r: says(r, "one", SHA256),
                lambda r: says(r, "two", BLAKE3),
                lambda r: reads(r, read(1), "whole"),
                lambda r: reads(r, read(1, sketched=False), "header"),
                lambda r: reads(r, read(7), "another"),
            )
            for act in order:
                acts[act](registry)
            outcomes.append(facts(registry))
    assert len(outcomes[0]) == 1
    assert all(outcome == outcomes[0] for outcome in outcomes)
    ((digests, _, _, _, _, made, in_force, rests),) = outcomes[0]
    assert (set(digests), in_force, rests) == (set(read(1).digests), True, ["one", "two"])
    assert made is not None


def test_a_contradicted_claim_learns_nothing(registry: Registry) -> None:
    for wrong in (BLAKE3, GIT):
        mixed = RemovedFile((digest(SHA256, 1), digest(wrong, 2)))
        pk = put(registry, f"hostile {wrong.label}", mixed)
        for number in (1, 2):
            assert registry.teach(number) == set()
        registry.pk = pk
        (claim,) = registry.removal().claims
        # git's SHA-1 alone teaches nothing, so the second reading agreed with none that teaches
        assert claim.contradicted
        assert facts(registry) == []
    with registry.store.read() as connection:
        assert connection.execute(select(schema.sketches)).all() == []


def test_a_claim_is_marked_by_whichever_of_its_files_is_read(registry: Registry) -> None:
    mixed = RemovedFile((digest(SHA256, 1), digest(GIT, 2)))
    registry.pk = put(registry, "hostile", mixed)
    assert registry.teach(2) == set()
    (claim,) = registry.removal().claims
    assert claim.contradicted


def test_a_xet_hash_contradicts_nothing_since_it_is_not_computed(registry: Registry) -> None:
    put(registry, "one", RemovedFile((digest(SHA256, 1), digest(DigestKind.XET, 2))))
    assert registry.teach(1) == {1}


def test_what_does_not_name_the_bytes_teaches_nothing(registry: Registry) -> None:
    """Git's SHA-1, the weights or a short hash make no file the removed one, byte for byte."""
    for number, kind in enumerate((GIT, DigestKind.DATA_SHA256, DigestKind.CRC32)):
        put(registry, f"list {number}", file(1, kind))
    told = read(1)
    crc = digest(DigestKind.CRC32, 1)
    with registry.store.write() as connection:
        assert teach(connection, replace(told, digests=(*told.digests, crc))) == set()
    assert facts(registry) == []


def test_only_a_file_of_which_every_byte_was_read_teaches(registry: Registry) -> None:
    put(registry, "one", file(1))
    with registry.store.write() as connection:
        folder = Repository("folder", RepoType.MODEL, "sample/folder")
        (repository,) = artifacts.repositories(connection, [folder])
        stated = Artifact("folder", RepoType.MODEL, folder.id, "", None, "a.pt", size=5)
        (pk,) = artifacts.artifacts(connection, repository, [stated])
        part = artifacts.Inspection(full=False, digests=(digest(SHA256, 1),))
        artifacts.readings(connection, [(pk, part)])
        assert learning.learn(connection) == set()
        artifacts.readings(connection, [(pk, replace(part, full=True))])
        assert learning.learn(connection) == {1}


def test_all_removals_that_name_the_file_learn(registry: Registry) -> None:
    pks = {put(registry, "one", file(1)), put(registry, "two", file(1, BLAKE3))}
    assert registry.teach(1) == pks
    assert len(facts(registry)) == 2


def test_only_the_removals_that_are_asked_for_learn(registry: Registry) -> None:
    registry.teach(1)
    registry.teach(2)
    one, two = put(registry, "one", file(1)), put(registry, "one", file(2))
    assert learn(registry, removals={two}) == {two}
    assert learn(registry, removals=set()) == set()
    assert learn(registry, artifacts=set()) == set()
    assert learn(registry) == {one}


def test_two_files_of_a_removal_teach_each_its_own(registry: Registry) -> None:
    registry.put("one")
    with registry.store.write() as connection:
        add_claim(connection, registry.pk, file(2), list="two")
    registry.teach(1)
    registry.teach(2)
    learned = {claim.digests[0]: claim.rests_on for claim in registry.learned()}
    assert learned == {digest(SHA256, 1): (1,), digest(SHA256, 2): (2,)}
    registry.list("two")
    assert [claim.digests[0] for claim in registry.learned() if claim.in_force] == [
        digest(SHA256, 1)
    ]


def test_the_sketch_comes_from_whichever_copy_has_one(registry: Registry) -> None:
    registry.put("one")
    assert registry.teach(1, sketched=False) == {registry.pk}
    assert registry.learned()[0].sketch is None
    with registry.store.write() as connection:
        assert teach(connection, read(1), path="a copy") == {registry.pk}
        assert teach(connection, read(1), path="a third") == set()
    (learned,) = registry.learned()
    assert learned.sketch == read(1).sketch


@pytest.mark.parametrize("order", [(1, 2), (2, 1), (1, 2, 1)])
def test_of_two_versions_of_a_sketch_the_later_one_is_learned(
    registry: Registry, order: tuple[int, ...]
) -> None:
    registry.put("one")
    taught = []
    for number, version in enumerate(order):
        with registry.store.write() as connection:
            made = teach(connection, read(1, version=version), path=f"copy {number}")
            taught.append(made == {registry.pk})
    assert taught == [True, order[0] == 1, False][: len(order)]
    (learned,) = registry.learned()
    assert learned.sketch == read(1, version=2).sketch
    with registry.store.read() as connection:
        assert connection.scalars(select(schema.sketches.c.version)).all() == [2]
        assert connection.scalars(select(schema.sketch_entries.c.version)).all() in ([], [1])


def test_a_withdrawn_removal_learns_and_uses_nothing(registry: Registry) -> None:
    """So that it does not matter whether it was withdrawn before or after the reading."""
    registry.put("one")
    registry.withdraw()
    registry.teach(1)
    assert registry.in_force() == []
    assert registry.removal().withdrawn_at
    registry.withdraw(restored=True)
    learn(registry)
    assert registry.in_force() == [1, 2]


def test_what_a_file_says_of_itself_is_not_learned(registry: Registry) -> None:
    registry.put("one")
    lie = Digest(DigestKind.AUTOV3, b"liar!!")
    with registry.store.write() as connection:
        teach(connection, replace(read(1), embedded=(lie,)))
    (learned,) = registry.learned()
    assert set(learned.digests) == set(read(1).digests)
