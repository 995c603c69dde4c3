from __future__ import annotations

import os
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from tests import removals_made
from tests.facts import add_claim, teach
from tests.registry.places import sketch

from reseen.errors import NotFound, SealError
from reseen.records import (
    Container,
    Digest,
    DigestKind,
    Fingerprint,
    Names,
    RemovedFile,
)
from reseen.registry import claims, removals
from reseen.registry.claims import removal_pk
from reseen.store import audit, ids, schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring

SHA, BLAKE, DATA = (bytes([n]) * 31 + b"!" for n in (1, 2, 3))


def new(
    name: str = "Sample person 07", *digests: Digest, site: str | None = "civitai.com"
) -> removals_made.NewRemoval:
    file = RemovedFile(digests=digests, size=100, container=Container.SAFETENSORS)
    return removals_made.NewRemoval("sample", site, date(2025, 5, 23), Names(name=name), (file,))


def put(store: Store, keyring: Keyring, *many: removals_made.NewRemoval) -> list[str]:
    with store.write() as connection:
        return removals_made.insert(connection, keyring, many)


def test_a_removal_is_read_as_it_was_put_in(store: Store, keyring: Keyring) -> None:
    digests = (Digest(DigestKind.SHA256, SHA), Digest(DigestKind.AUTOV1, b"abcd"))
    (id,) = put(store, keyring, new("Sample person 07", *digests))
    with store.read() as connection:
        removal = removals.by_id(connection, f" {id.upper()} ")
    assert removal.id == id
    assert removal.id.startswith("rm-")
    assert len(removal.id) == 11
    assert removal.removed_on == date(2025, 5, 23)
    assert removal.site == "civitai.com"
    assert removal.withdrawn_at is None
    (file,) = removal.files
    assert set(file.digests) == set(digests)
    assert (file.size, file.container) == (100, Container.SAFETENSORS)


def test_what_a_longer_digest_implies_and_what_names_nothing_is_not_stored() -> None:
    long = Digest(DigestKind.SHA256, SHA)
    implied = Digest(DigestKind.AUTOV2, SHA[:5])
    other = Digest(DigestKind.AUTOV3, b"abcdef")
    zeros = Digest(DigestKind.XET, bytes(32))
    assert removals.kept([implied, long, other, zeros]) == [long, other]
    alone = Digest(DigestKind.AUTOV2, b"abcde")
    assert removals.kept([alone]) == [alone]


def test_thousands_stream_out_oldest_first(store: Store, keyring: Keyring) -> None:
    ids = put(
        store,
        keyring,
        *(
            new(f"Sample person {n}", Digest(DigestKind.SHA256, n.to_bytes(31) + b"!"))
            for n in range(2_300)
        ),
    )
    assert len(set(ids)) == 2_300
    with store.write() as connection:
        removals.withdraw(connection, keyring, ids[5], "asked for")
    with store.read() as connection:
        seen = list(removals.every(connection))
        assert [removal.id for removal in seen] == ids
        assert all(r.files[0].digests[0].value == n.to_bytes(31) + b"!" for n, r in enumerate(seen))
        assert [r.id for r in removals.every(connection, withdrawn=True)] == [ids[5]]
        assert len(list(removals.every(connection, withdrawn=False, list="sample"))) == 2_299
        assert list(removals.every(connection, list="another")) == []
        assert removals.count(connection) == 2_300
        assert removals.count(connection, withdrawn=False) == 2_299


def test_what_no_scan_can_find_is_counted(store: Store, keyring: Keyring) -> None:
    whole, short = Digest(DigestKind.SHA256, SHA), Digest(DigestKind.AUTOV1, b"abcd")
    _, of_short, _, gone = put(
        *(store, keyring, new("Sample person 01", whole), new("Sample person 02", short)),
        *(new("Sample person 03"), new("Sample person 04")),
    )
    with store.write() as connection:
        removals.withdraw(connection, keyring, gone, "a mistake")
        assert removals.count_unfindable(connection) == 2
        assert removals.count_unfindable(connection, [of_short, gone]) == 1


def test_holders_of_a_digest_are_found(store: Store, keyring: Keyring) -> None:
    one, two = Digest(DigestKind.SHA256, SHA), Digest(DigestKind.BLAKE3, SHA)
    ids = put(store, keyring, new("a", one), new("b", one, two))
    with store.read() as connection:
        pks = [removal_pk(connection, id) for id in ids]
        found = removals.holders(connection, [one, two, Digest(DigestKind.XET, SHA)])
    assert [pk for pk, _ in found[one]] == pks
    assert [pk for pk, _ in found[two]] == pks[1:]
    assert len(found) == 2


def test_what_bytes_teach_stands_beside_what_was_said(store: Store, keyring: Keyring) -> None:
    sha = Digest(DigestKind.SHA256, SHA)
    (id,) = put(store, keyring, new("a", sha))
    told = Fingerprint(
        size=999,
        container=Container.SAFETENSORS,
        digests=(sha, Digest(DigestKind.BLAKE3, BLAKE), Digest(DigestKind.DATA_SHA256, DATA)),
        embedded=(Digest(DigestKind.AUTOV3, b"hearsy"),),
        data_size=77,
        layout=bytes(32),
    )
    with store.write() as connection:
        pk = removal_pk(connection, id)
        assert teach(connection, told) == {pk}
        assert teach(connection, told) == set()
        assert teach(connection, told, path="another") == set()
        said, learned = removals.by_id(connection, id).files
    assert (said.list, said.size, said.data_size, said.digests) == ("sample", 100, None, (sha,))
    assert not said.contradicted, "a size never outweighs an equal SHA-256 of bytes that were read"
    assert learned.learned
    assert (learned.size, learned.data_size, learned.layout) == (999, 77, bytes(32))
    assert set(learned.digests) == set(told.digests)
    assert learned.rests_on == (said.number,) == (1,)


def test_sketches_are_kept_and_learned(store: Store, keyring: Keyring) -> None:
    sha = Digest(DigestKind.SHA256, SHA)
    made = sketch(complete=True)
    ids = put(store, keyring, new("a", sha))
    told = Fingerprint(10, Container.SAFETENSORS, (sha,), sketch=made)
    with store.write() as connection:
        assert teach(connection, replace(told, sketch=None), path="header") == {1}
        assert teach(connection, told) == {1}
        assert teach(connection, told) == set()
        said, learned = removals.by_id(connection, ids[0]).files
        row = connection.execute(select(schema.sketches)).one()
        file = RemovedFile((), 10, Container.SAFETENSORS, sketch=made)
        (other,) = removals_made.insert(connection, keyring, [replace(new("b"), files=(file,))])
        assert removals.by_id(connection, other).files[0].sketch == made
    assert (said.sketch, learned.sketch) == (None, made)
    assert row.architecture == "sample"


def test_withdrawing_is_reversible_and_remembered(store: Store, keyring: Keyring) -> None:
    (id,) = put(store, keyring, new())
    with store.write() as connection:
        assert removals.withdraw(connection, keyring, id, "the wrong Sample person 07")
        assert not removals.withdraw(connection, keyring, id, "again")
        assert removals.by_id(connection, id).withdrawn_at
        assert removals.restore(connection, keyring, id, "it was the right one")
        assert not removals.restore(connection, keyring, id, "again")
        assert removals.by_id(connection, id).withdrawn_at is None
        turns = removals.history(connection, keyring, id)
        lines = list(audit.every(connection, id))
    assert [(t.restored, t.why) for t in turns] == [
        (False, "the wrong Sample person 07"),
        (True, "it was the right one"),
    ]
    assert [line.action for line in lines] == ["withdraw", "restore"]
    assert all(line.actor for line in lines)
    assert "ample" not in repr(turns)


def test_withdrawing_needs_the_key_for_its_reason(store: Store, keyring: Keyring) -> None:
    (id,) = put(store, keyring, new())
    with pytest.raises(SealError), store.write() as connection:
        removals.withdraw(connection, None, id, "why")
    with store.read() as connection:
        assert removals.by_id(connection, id).withdrawn_at is None


def test_revealing_is_recorded(store: Store, keyring: Keyring) -> None:
    (id,) = put(store, keyring, new())
    with store.write() as connection:
        assert removals.reveal(connection, keyring, id).name == "Sample person 07"
    with store.read() as connection:
        (line,) = audit.every(connection, id)
    assert line.action == "reveal"


def test_names_of_several_claims_are_put_together(store: Store, keyring: Keyring) -> None:
    """The first of each; trigger words and file names of all; none that left with its list."""
    sha = Digest(DigestKind.SHA256, SHA)
    (id,) = put(store, keyring, new("Sample person 07", sha))
    more = Names(name="Other", url="https://civitai.com/models/1", file_names=("a.pt",))
    again = Names(name="Third", url="https://civitai.com/models/2", file_names=("a.pt", "b.pt"))
    with store.write() as connection:
        pk = removal_pk(connection, id)
        for list, names in (("second", more), ("third", again)):
            claim = add_claim(connection, pk, RemovedFile((sha,)), list=list)
            connection.execute(
                update(schema.claims)
                .where(schema.claims.c.pk == claim)
                .values(sealed=keyring.seal(names, id))
            )
        assert removals.reveal(connection, keyring, id) == Names(
            name="Sample person 07", url=more.url, file_names=("a.pt", "b.pt")
        )
        claims.withdraw_list(connection, keyring, "second", "why", restored=False)
        assert removals.reveal(connection, keyring, id) == Names(
            name="Sample person 07", url=again.url, file_names=("a.pt", "b.pt")
        )
        claims.withdraw_list(connection, keyring, "sample", "why", restored=False)
        assert removals.reveal(connection, keyring, id) == again
        claims.withdraw_list(connection, keyring, "third", "why", restored=False)
        # of a withdrawn removal all is history, and stays readable for who may
        assert removals.reveal(connection, keyring, id) == Names(
            name="Sample person 07", url=more.url, file_names=("a.pt", "b.pt")
        )


def test_an_unknown_id_is_not_found(store: Store, keyring: Keyring) -> None:
    with store.write() as connection:
        for attempt in (
            lambda: removals.by_id(connection, "rm-zzzzzzzz"),
            lambda: removal_pk(connection, ""),
            lambda: removals.reveal(connection, keyring, "rm-zzzzzzzz"),
            lambda: removals.withdraw(connection, keyring, "rm-zzzzzzzz", "why"),
        ):
            with pytest.raises(NotFound):
                attempt()


def test_the_append_only_tables_refuse_changes(store: Store, keyring: Keyring) -> None:
    from sqlalchemy import delete, update
    from sqlalchemy.exc import DBAPIError

    (id,) = put(store, keyring, new())
    with store.write() as connection:
        removals.withdraw(connection, keyring, id, "why")
        claims.withdraw_list(connection, keyring, "sample", "why", restored=False)
    for statement in (
        update(schema.audit).values(subject="x"),
        delete(schema.audit),
        update(schema.withdrawals).values(at=1),
        delete(schema.withdrawals),
        update(schema.fact_events).values(at=1),
        delete(schema.fact_events),
    ):
        with pytest.raises(DBAPIError), store.write() as connection:
            connection.execute(statement)


def test_ids_are_never_given_twice(
    store: Store, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["rm-aaaaaaaa", "rm-aaaaaaaa", "rm-bbbbbbbb", "rm-aaaaaaaa", "rm-cccccccc"])
    monkeypatch.setattr(ids, "draw", lambda count: [next(drawn) for _ in range(count)])
    assert put(store, keyring, new(), new()) == ["rm-aaaaaaaa", "rm-bbbbbbbb"]
    assert put(store, keyring, new()) == ["rm-cccccccc"]


@given(st.integers(1, 40))
def test_drawn_ids_have_one_shape(count: int) -> None:
    drawn = ids.draw(count)
    assert len(drawn) == count
    assert all(len(id) == 11 and set(id[3:]).isdisjoint("ilou") for id in drawn)


def test_opening_a_sealed_removal_needs_its_key(store: Store, keyring: Keyring) -> None:
    (id,) = put(store, keyring, new())
    with pytest.raises(SealError), store.write() as connection:
        removals.reveal(connection, Keyring(os.urandom(32)), id)
    with store.read() as connection:
        assert not list(audit.every(connection, id))
