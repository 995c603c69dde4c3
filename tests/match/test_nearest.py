from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from reseen.fingerprints.sketch import NUMBERS, SEARCHED, SLOTS
from reseen.match.nearest import FEWEST_SLOTS, LEAST, NEAR, NearestIndex, Query

ALL = np.arange(1, SLOTS + 1, dtype=np.uint32)
Floats = NDArray[np.float32]


def units(count: int, rng: np.random.Generator, rank: int = 4) -> Floats:
    left = rng.standard_normal((count * SLOTS, 8, rank), np.float32)
    right = rng.standard_normal((count * SLOTS, rank, 8), np.float32)
    made: Floats = (left @ right).reshape(count, SLOTS, NUMBERS)
    made /= np.linalg.norm(made, axis=2, keepdims=True)
    return made


def steps(made: Floats) -> NDArray[np.int8]:
    return np.rint(made.reshape(-1, SEARCHED) * 127).astype(np.int8)


def turned(made: Floats, cosine: Floats, rng: np.random.Generator) -> Floats:
    other = cosine * made + np.sqrt(1 - cosine * cosine) * units(len(made), rng)
    other /= np.linalg.norm(other, axis=2, keepdims=True)
    return other


def index_of(codes: NDArray[np.int8], slots: NDArray[np.uint32] = ALL) -> NearestIndex:
    index = NearestIndex()
    index.add("sd1", slots, codes, range(len(codes)))
    return index


@pytest.mark.parametrize("least", [LEAST, 0.5, NEAR])
@pytest.mark.parametrize("rank", [1, 4])
def test_finds_what_going_through_all_finds(least: float, rank: int) -> None:
    rng = np.random.default_rng(int(least * 100) + rank)
    made = units(5_000, rng, rank)
    cosine = rng.uniform(0.2, 1, (60, 1, 1)).astype(np.float32)
    queries = steps(turned(made[:60], cosine, rng))
    codes = steps(made)
    found = index_of(codes).find_many([Query("sd1", q, ALL) for q in queries], least)
    exact = queries.astype(np.float64) @ codes.T.astype(np.float64) / (127 * 127 * SLOTS)
    for row, candidates in zip(exact, found, strict=True):
        sure = set(np.flatnonzero(row >= least + 1e-5).tolist())
        possible = set(np.flatnonzero(row >= least - 1e-5).tolist())
        assert sure <= {c.key for c in candidates} <= possible


def test_one_query_answers_as_a_batch_does_best_first() -> None:
    rng = np.random.default_rng(1)
    made = units(50, rng)
    index = index_of(steps(made))
    query = Query("sd1", steps(made[:1] + 0.4 * made[1:2])[0], ALL)
    alone = index.find(query)
    assert alone == index.find_many([query, query])[1]
    assert [c.key for c in alone[:2]] == [0, 1]
    assert alone[0].cosine > alone[1].cosine


def test_only_slots_with_the_same_module_are_compared() -> None:
    rng = np.random.default_rng(2)
    made = units(20, rng)
    index = index_of(steps(made))
    slots = ALL.copy()
    slots[4:] = 99
    code = steps(made[3:4]).reshape(SLOTS, NUMBERS)
    code[4:] = 100
    (best, *_) = index.find(Query("sd1", code.reshape(-1), slots))
    assert best.key == 3
    assert best.slots == 4
    assert best.cosine == pytest.approx(1, abs=0.01)


def test_too_few_common_slots_or_another_architecture_match_nothing() -> None:
    rng = np.random.default_rng(3)
    codes = steps(units(5, rng))
    index = index_of(codes)
    few = ALL.copy()
    few[FEWEST_SLOTS - 1 :] += 100
    assert index.find(Query("sd1", codes[0], few)) == ()
    assert not index.could_match("sd1", few)
    assert index.find(Query("sdxl", codes[0], ALL)) == ()
    assert not index.could_match("sdxl", ALL)
    assert index.could_match("sd1", ALL)


def test_empty_slots_are_in_common_with_nobody() -> None:
    none = np.zeros(SLOTS, np.uint32)
    index = index_of(np.zeros((1, SEARCHED), np.int8), none)
    assert index.find(Query("sd1", np.zeros(SEARCHED, np.int8), none)) == ()


def test_adding_one_by_one_is_adding_all_at_once() -> None:
    rng = np.random.default_rng(4)
    codes = steps(units(40, rng))
    grown = NearestIndex()
    for key, code in enumerate(codes):
        grown.add("sd1", ALL, code[None], [key])
    queries = [Query("sd1", code, ALL) for code in codes]
    assert grown.find_many(queries) == index_of(codes).find_many(queries)
    assert len(grown) == 40
    assert grown.architectures == {"sd1"}


def test_memory_stays_within_what_is_promised() -> None:
    index = NearestIndex()
    codes = np.zeros((1_000, SEARCHED), np.int8)
    for start in range(0, 20_000, 1_000):
        index.add("sd1", ALL, codes, range(start, start + 1_000))
    (group,) = index._groups.values()
    assert (group._codes.nbytes + group._keys.nbytes) / len(index) <= 1_200
