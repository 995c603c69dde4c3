"""What the signs of a listing say, each by itself."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from reseen.records import Repository, RepoType
from reseen.scan.signs import (
    DAY,
    EXACT,
    HINT,
    LEAST,
    MOST,
    MOST_EXACT,
    TAG,
    FileCount,
    ListingRow,
    Sizes,
    Survey,
    Words,
    bursts,
    signs_of,
)

PLAIN = Repository("hub", RepoType.MODEL, "account/model", "0" * 40)
ONE = int(FileCount.ONE)


def one(
    size: int | None, name: str = "model", created: int | None = None, signs: int = ONE
) -> ListingRow:
    return ListingRow(name, size, created, signs)


def counted(sizes: Sizes, rows: Sequence[ListingRow]) -> Sizes:
    for row in rows:
        sizes.count(row)
    return sizes


def survey(
    accounts: Sequence[Sequence[ListingRow]],
    removed: dict[int, int] | None = None,
    found: Sequence[Sequence[bool]] = (),
    removed_on: Sequence[int] = (),
) -> Survey:
    made = Survey(Sizes(removed or {}, sum((removed or {1: 1}).values())), removed_on)
    for rows in accounts:
        made.first(rows)
    for number, rows in enumerate(accounts):
        made.add(rows, found[number] if found else [False] * len(rows))
    return made


def test_what_is_kept_of_a_listing() -> None:
    for count, files in ((0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (12, 4), (13, 5), (400, 5)):
        paths = ("README.md", *(f"{n}.safetensors" for n in range(count)))
        assert signs_of(replace(PLAIN, paths=paths), 0) == files
    assert signs_of(replace(PLAIN, tags=("x", "Some-LoRA")), 3) == HINT | TAG


# -- sizes ---------------------------------------------------------------------------------------


def test_a_removed_size_says_more_the_fewer_have_it_by_accident() -> None:
    removed = {50_000_000 + 8 * n: 1 for n in range(100)} | {900_000_000: 1}
    crowd = [one(50_000_000 + 8 * (n % 400)) for n in range(2_000)]
    sizes = counted(Sizes(removed, 101), [*crowd, one(900_000_000)])
    assert sizes.weight(one(900_000_000)) == pytest.approx(MOST_EXACT)
    assert sizes.weight(one(50_000_008)) < 2
    assert sizes.weight(one(123_456_789)) < 0


def test_a_size_that_half_of_a_listing_has_says_nothing_for_it() -> None:
    """A trainer that always writes the same length."""
    sizes = counted(Sizes({40_000_000: 1, 41_000_000: 1}, 2), [one(40_000_000)] * 500)
    many = sizes.weight(one(40_000_000))
    assert many < 0.1
    fewer = counted(
        Sizes({40_000_000: 1, 41_000_000: 1}, 2), [one(10**8 + 8 * n) for n in range(500)]
    )
    assert fewer.weight(one(40_000_000)) > many


def test_a_size_says_more_the_more_removals_have_it() -> None:
    removed = {50_000_000 + 8 * n: 1 for n in range(1_000)}
    rows = [one(50_000_000 + 8 * (n % 1_000)) for n in range(4_000)]
    few = counted(Sizes(removed, 1_000), rows).weight(one(50_000_000))
    many = counted(Sizes(removed | {50_000_000: 30}, 1_029), rows).weight(one(50_000_000))
    assert many > few + 2


def test_no_match_says_less_the_fewer_sizes_are_known() -> None:
    rows = [one(10**8 + 8 * n) for n in range(100)]
    weights = [
        counted(Sizes({7: 10}, removals), rows).weight(one(10**8)) for removals in (10, 20, 1_000)
    ]
    assert weights == sorted(weights)
    assert LEAST <= weights[0] < weights[2] < 0.01
    assert counted(Sizes({}, 10), rows).weight(one(10**8)) == 0


def test_only_one_file_is_compared_with_the_size_of_one() -> None:
    sizes = counted(Sizes({1_000: 1, 3_000: 1}, 2), [one(1_000)])
    for files in set(FileCount) - {FileCount.ONE}:
        assert sizes.weight(one(1_000, signs=files)) == 0
    assert sizes.weight(one(None)) == 0


def test_a_sum_of_few() -> None:
    sizes = Sizes({1_000: 1, 3_000: 1, 50_000: 2}, 4)
    assert sizes.is_sum(one(4_000, signs=FileCount.TWO)) is True
    assert sizes.is_sum(one(54_000, signs=FileCount.THREE)) is True
    assert sizes.is_sum(one(4_008, signs=FileCount.TWO)) is False
    assert sizes.is_sum(one(4_000, signs=FileCount.FEW)) is None
    assert sizes.is_sum(one(None, signs=FileCount.TWO)) is None
    large = Sizes(dict.fromkeys(range(1, 50000), 1), 50_000)
    assert large.is_sum(one(5, signs=FileCount.TWO)) is None, "every number is a sum of so many"


# -- names ---------------------------------------------------------------------------------------


def test_how_much_a_name_tells_is_learned_from_the_listing() -> None:
    """No list of words: what many accounts call their repositories tells little, whatever it is."""
    for common in ("lora", "zorgblatt"):
        words = Words()
        for n in range(1_000):
            words.add([f"{common}-{n}", f"own{'abcdefghij'[n % 10]}word of {n:x}"])
        assert words.bits(common) < words.bits(f"{common} {common}x") < words.bits("vuk tak nod")
        assert words.bits(f"{common}_17") <= words.bits(common) + 1


def test_one_account_does_not_make_a_word_common() -> None:
    words = Words()
    for n in range(1_000):
        words.add([f"model{'abcdefghij'[n % 10]}"])
    before = words.bits("secret")
    words.add([f"secret {n}" for n in range(100_000)])
    assert words.bits("secret") > before - 2


# -- what is counted -----------------------------------------------------------------------------


def test_bursts_are_uploads_of_one_account_near_each_other() -> None:
    together = [n * DAY // 10 for n in range(20)]
    assert bursts([*together, 300 * DAY, None]) == [3] * 20 + [0, None]
    assert bursts([]) == []


def test_a_copy_comes_after_its_removal() -> None:
    rows = [[one(1, created=day * DAY)] for day in range(700)]
    weeks = survey(rows, removed_on=[500 * DAY] * 10).weights().weeks
    before, after = weeks[100 // 7], weeks[600 // 7]
    assert LEAST <= before < 0 < after <= MOST


def test_when_something_was_found_its_weeks_come_up() -> None:
    rows = [[one(1, created=day * DAY)] for day in range(700)]
    hits = [[300 <= day < 320] for day in range(700)]
    weeks = survey(rows, found=hits).weights().weeks
    assert weeks[308 // 7] > 1 > 0 > weeks[100 // 7] >= LEAST


def test_one_account_with_a_thousand_finds_teaches_as_much_as_one_find() -> None:
    others = [[one(1, created=day * DAY)] for day in range(700)]
    single = survey([*others, [one(1, created=70 * DAY)]], found=[[False]] * 700 + [[True]])
    thousand = survey(
        [*others, [one(1, created=70 * DAY)] * 1_000], found=[[False]] * 700 + [[True] * 1_000]
    )
    assert thousand.weights().weeks[10] <= single.weights().weeks[10]


def test_no_sign_takes_away_more_than_its_cap_or_adds_more() -> None:
    """Nobody writes himself to the end by one sign."""
    dice = random.Random(7)
    for _ in range(20):
        accounts = [
            [
                one(
                    dice.choice((None, 10**6, dice.randrange(10**9))),
                    dice.choice(("lora", "x" * dice.randrange(1, 300), "", "a b c d e f g h i")),
                    dice.choice((None, dice.randrange(-(10**15), 10**17))),
                    dice.randrange(6) | dice.choice((0, HINT)) | dice.choice((0, TAG)),
                )
                for _ in range(dice.choice((1, 1, 2, 40)))
            ]
            for _ in range(dice.choice((1, 30, 300)))
        ]
        hits = [[dice.random() < 0.1 for _ in rows] for rows in accounts]
        weigher = survey(accounts, {10**6: 3, 5: 1}, hits, [dice.randrange(10**15)]).weights()
        for name, table in weigher.tables.items():
            for weight in table.values():
                assert LEAST <= weight <= (MOST_EXACT if name in EXACT else MOST)
        assert all(LEAST <= weight <= MOST for weight in weigher.weeks.values())
        for rows in accounts:
            for weighed in weigher.weigh(rows):
                assert weighed.sum >= LEAST * 8
