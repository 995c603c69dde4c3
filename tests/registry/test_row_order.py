"""In whatever order the rows of a list stand, the same removals come of it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fresh_store import fresh_store

from reseen.records import Digest, DigestKind, Names
from reseen.registry import claims, removals
from reseen.registry.draft import Draft
from reseen.registry.imports import ImportOptions, import_list
from reseen.registry.merge import KnownClaim, RemovalDraft, merge
from reseen.store.database import Store
from reseen.store.sealing import Keyring

KEYRING = Keyring(bytes(32))
FEW = st.none() | st.integers(1, 3)
ROWS = st.lists(st.tuples(FEW, FEW, FEW, FEW).filter(lambda row: any(row)), min_size=1, max_size=7)
Row = tuple[int | None, int | None, int | None, int | None]


def hashed(number: int | None) -> str:
    return "" if number is None else sha256(b"%d" % number).hexdigest()


def cells(at: int, row: Row) -> str:
    """Each row is known by its size, which no other has."""
    link, *digests = row
    page = f"https://civitai.com/models/{link}?modelVersionId={link}" if link else ""
    return ",".join([page, *map(hashed, digests), str(at + 1)])


def take(store: Store, folder: Path, name: str, rows: Sequence[Row], order: Sequence[int]) -> None:
    path = folder / f"{name}.csv"
    lines = ["link,sha256,blake3,data sha256,size", *(cells(at, rows[at]) for at in order)]
    path.write_text("\n".join(lines) + "\n")
    account = import_list(store, KEYRING, path, ImportOptions(keep_rejects=False))
    assert account.unchanged == 0
    again = import_list(store, KEYRING, path, ImportOptions(keep_rejects=False))
    assert (again.unchanged, again.removals) == (len(rows), frozenset())


def known(store: Store) -> set[frozenset[tuple[str | None, int | None, bool]]]:
    """The removals: of which rows of which lists, and whether those are in force."""
    with store.read() as connection:
        return {
            frozenset((claim.list, claim.size, claim.in_force) for claim in each.claims)
            for each in removals.every(connection)
        }


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(ROWS, ROWS, ROWS, st.sampled_from(["", "out", "back"]), st.randoms(use_true_random=False))
def test_the_order_of_rows_shows_nowhere(
    tmp_path_factory: object,
    one: list[Row], two: list[Row], three: list[Row], withdrawn: str, chance: random.Random,
) -> None:  # fmt: skip
    folder: Path = tmp_path_factory.mktemp("lists")  # type: ignore[attr-defined]
    found = []
    for shuffled in (False, True):
        with Store(fresh_store(folder / f"{shuffled}.db")) as store:
            for name, rows in (("one", one), ("two", two), ("three", three)):
                order = list(range(len(rows)))
                if shuffled:
                    chance.shuffle(order)
                take(store, folder, name, rows, order)
                if name == "one" and withdrawn:
                    for restored in [False, True][: 2 if withdrawn == "back" else 1]:
                        with store.write() as connection:
                            claims.withdraw_list(
                                connection, KEYRING, "one", "why", restored=restored
                            )
            found.append(known(store))
    assert found[0] == found[1]


def draft(name: str, at: int, row: Row) -> Draft:
    link, *values = row
    kinds = (DigestKind.SHA256, DigestKind.BLAKE3, DigestKind.DATA_SHA256)
    digests = tuple(Digest(k, bytes([v]) * 32) for k, v in zip(kinds, values, strict=True) if v)
    source = None if link is None else ("site", str(link), str(link))
    names = Names() if source is None else Names(model_id=source[1], version_id=source[2])
    site = None if source is None else "site"
    return Draft(at, "", names, digests, at + 1, site, None, name, source)


def merged(lists: Sequence[tuple[str, list[Row]]], chance: random.Random | None) -> set[object]:
    """The removals that come of these lists; their numbers are drawn."""
    store: list[RemovalDraft] = []
    opened: dict[bytes, Names] = {}
    for name, rows in lists:
        order = list(range(len(rows)))
        if chance:
            chance.shuffle(order)
        drafts = [draft(name, at, rows[at]) for at in order]
        opened.update({f"{name} {each.size}".encode(): each.names for each in drafts})
        found = merge(drafts, store, lambda _, sealed: opened[sealed])
        new = list(found.new)
        if chance:
            chance.shuffle(new)
        for standing in new:
            standing.pk = len(store) + 1
            store.append(standing)
        for standing in store:
            standing.claims = [*standing.claims, *map(written, standing.new)]
            standing.new = []
    return {frozenset((c.list_name, c.size) for c in each.claims) for each in store}


def written(row: Draft) -> KnownClaim:
    digests = {digest.kind: digest.value for digest in row.digests}
    sealed = f"{row.list_name} {row.size}".encode()
    rest = (row.size, row.site, None, None, False, sealed, row.source)
    return KnownClaim(row.list_name, digests, *rest)


@settings(max_examples=400, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_nor_does_the_number_that_a_removal_has(
    rows: list[list[Row]], chance: random.Random
) -> None:
    lists = [(f"list {at}", some) for at, some in enumerate(rows)]
    assert merged(lists, chance) == merged(lists, None)
