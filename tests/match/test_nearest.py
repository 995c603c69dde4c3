"""The search: by modules that both have, chosen by a secret, exact, whatever was left out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from reseen.fingerprints.choice import AMONG, KEYED, STRONGEST, WHOLE, ModuleOrder
from reseen.fingerprints.entries import SearchEntry
from reseen.match.nearest import BLOCK, DOUBT, EITHER_SIGN, FEW, ONE, NearestIndex, gate

SD1 = frozenset({"sd1"})
ORDER = ModuleOrder(b"one")
Units = NDArray[np.int8]


def ids(count: int, start: int = 1) -> NDArray[np.uint32]:
    return np.arange(start, start + count, dtype=np.uint32)


def units(count: int, modules: int, seed: int, rank: int = 4) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    left = rng.standard_normal((count, modules, 8, rank), np.float32)
    right = rng.standard_normal((count, modules, rank, 8), np.float32)
    made: NDArray[np.float32] = (left @ right).reshape(count, modules, 64)
    made /= np.linalg.norm(made, axis=2, keepdims=True)
    return made


def steps(made: NDArray[np.float32]) -> Units:
    made = made / np.maximum(np.linalg.norm(made, axis=-1, keepdims=True), 1e-9)
    return np.rint(made * 127).astype(np.int8)


def index_of(
    codes: Units, some: NDArray[np.uint32], first: int = 0, order: ModuleOrder = ORDER
) -> NearestIndex:
    rows = ((SD1, some, code, key) for key, code in enumerate(codes, first))
    return NearestIndex(order).plus(rows)


def entry(code: Units, some: NDArray[np.uint32], norms: object = None) -> SearchEntry:
    strong = np.ones(len(some), np.float32) if norms is None else np.asarray(norms, np.float32)
    return SearchEntry("sd1", some, code, strong)


def looked_at(query: SearchEntry, some: NDArray[np.uint32]) -> list[list[int]]:
    """The modules that a query looks at in removals with these: all, or in two parts."""
    shared = sorted(set(query.ids.tolist()) & set(some.tolist()), key=lambda i: ORDER.ranks([i])[0])
    if len(shared) <= WHOLE:
        return [shared]
    strength = dict(zip(query.ids.tolist(), query.norms.tolist(), strict=True))
    among = sorted(shared[KEYED:AMONG], key=lambda i: -strength[i])
    return [shared[:KEYED], among[:STRONGEST], shared[:KEYED] + among[:STRONGEST]]


def by_going_through_all(
    query: SearchEntry, codes: Units, some: NDArray[np.uint32], leeway: float
) -> set[int]:
    found = set()
    mine = {int(i): query.units[n].astype(float) for n, i in enumerate(query.ids)}
    for key, code in enumerate(codes):
        theirs = {int(i): code[n].astype(float) for n, i in enumerate(some)}
        parts = looked_at(query, some)
        for part in parts:
            cosines = np.array([mine[i] @ theirs[i] for i in part]) / 127**2
            reached = (
                abs(cosines.mean()) >= gate(len(part)) + leeway,
                np.abs(cosines).mean() >= EITHER_SIGN + leeway,
                len(parts) == 1 and len(part) <= FEW and np.abs(cosines).max() >= ONE + leeway,
            )
            if any(reached):
                found.add(key)
    return found


@pytest.mark.parametrize("modules", [3, 40, 64, 65, 300])
@pytest.mark.parametrize("rank", [1, 4])
def test_finds_what_going_through_all_finds(modules: int, rank: int) -> None:
    rng = np.random.default_rng(modules + rank)
    some = ids(modules)
    made = units(30, modules, modules, rank)
    codes = steps(made)
    index = index_of(codes, some)
    cosine = rng.uniform(0, 0.5, (8, 1, 1)).astype(np.float32)
    mixed = cosine * made[:8] + np.sqrt(1 - cosine**2) * units(8, modules, 99, rank)
    queries = [entry(code, some, rng.lognormal(0, 1, modules)) for code in steps(mixed)]
    for query, candidates in zip(queries, index.find_many(queries), strict=True):
        sure = by_going_through_all(query, codes, some, 1e-7)
        possible = by_going_through_all(query, codes, some, -1e-7)
        assert sure <= {c.key for c in candidates} <= possible


def test_a_query_answers_alone_as_in_a_batch_the_nearest_first() -> None:
    made = units(50, 100, 1)
    index = index_of(steps(made), ids(100))
    query = entry(steps(made[0] + 0.4 * made[1]), ids(100))
    alone = index.find(query)
    other = entry(steps(made[2]), ids(100), range(100))
    assert alone == index.find_many([other, query, other])[1]
    assert [c.key for c in alone] == [0, 1]
    assert alone[0].modules == KEYED + STRONGEST


def test_more_than_a_block_and_one_by_one_is_the_same() -> None:
    codes = steps(units(BLOCK + 70, 5, 2))
    at_once = index_of(codes, ids(5))
    one_by_one = index_of(codes[:BLOCK], ids(5))
    for key in range(BLOCK, len(codes)):
        one_by_one = one_by_one.plus([(SD1, ids(5), codes[key], key)])
    for key in (0, BLOCK - 1, BLOCK, BLOCK + 69):
        query = entry(codes[key], ids(5))
        assert at_once.find(query)[0].key == one_by_one.find(query)[0].key == key
    assert len(at_once) == len(one_by_one) == len(codes)
    (held,) = one_by_one.sets.values()
    assert len(held.blocks) < 10


def test_only_modules_of_both_are_looked_at_and_other_groups_are_not() -> None:
    made = units(20, 30, 3)
    index = index_of(steps(made), ids(30))
    part = entry(steps(made[4, 20:]), ids(10, 21))
    assert [(c.key, c.modules) for c in index.find(part)] == [(4, 10)]
    beside = np.concatenate([made[4, 20:], units(1, 500, 4)[0]])
    more = entry(steps(beside), ids(510, 21), [1] * 10 + [100] * 500)
    assert [(c.key, c.modules) for c in index.find(more)] == [(4, 10)]
    assert not index.find(SearchEntry("sdxl", part.ids, part.units, part.norms))


def test_too_few_in_common_are_not_compared() -> None:
    index = index_of(steps(units(1, 16, 5)), ids(16))
    assert not index.could_match("sd1", np.concatenate([ids(3), ids(17, 100)]))
    assert index.could_match("sd1", np.concatenate([ids(4), ids(16, 100)]))
    assert not index.could_match("sdxl", ids(16))
    few = index_of(steps(units(1, 2, 5)), ids(2))
    assert not few.could_match("sd1", ids(1))
    assert few.could_match("sd1", ids(40))


@pytest.mark.parametrize("negated", [100, 50])
def test_a_sign_hides_nothing(negated: int) -> None:
    made = units(30, 100, 6)
    other = made[7].copy()
    other[:negated] *= -1
    assert [c.key for c in index_of(steps(made), ids(100)).find(entry(steps(other), ids(100)))] == [
        7
    ]


def test_what_is_taken_out_is_found_no_more() -> None:
    made = units(10, 8, 7)
    index = index_of(steps(made), ids(8)).without(lambda key: key != 3)
    assert len(index) == 9
    assert index.held([2, 3, 11]) == {2}
    assert not index.find(entry(steps(made[3]), ids(8)))
    assert index.find(entry(steps(made[2]), ids(8)))


def test_the_order_is_the_secrets_alone() -> None:
    some = ids(400)
    first, again = ModuleOrder(b"one").sorted(some), ModuleOrder(b"one").sorted(some)
    assert first.tolist() == again.tolist()
    others = [set(ModuleOrder(bytes([n])).sorted(some)[:KEYED].tolist()) for n in range(20)]
    assert max(len(set(first[:KEYED].tolist()) & other) for other in others) <= 10
    assert len(set.union(*others)) > 300


def test_an_order_that_is_given_is_kept_and_goes_on() -> None:
    some = ids(50)
    given = some[ORDER.sorted(some)]
    told = ModuleOrder(b"another", given.tolist())
    assert some[told.sorted(some)].tolist() == given.tolist()
    more = ids(60)
    assert more[told.sorted(more)][:50].tolist() == given.tolist()


def test_a_doubt_is_less_than_what_is_near() -> None:
    made = units(200, 8, 8)
    index = index_of(steps(made), ids(8))
    between = (gate(8) + gate(8, DOUBT)) / 2
    mine, noise = made[3], units(1, 8, 9)[0]
    noise -= (noise * mine).sum(axis=1, keepdims=True) * mine
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    query = entry(steps(between * mine + np.sqrt(1 - between**2) * noise), ids(8))
    assert not index.find(query)
    assert [c.key for c in index.find_many([query], DOUBT)[0]] == [3]
