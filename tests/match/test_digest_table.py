"""DigestTable digests answer as a plain dict would."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reseen.match.digest_table import DigestTable

# Few byte values, so that prefixes, repetitions and borders between digests collide often.
_BYTES = st.sampled_from([0, 1, 255])


def _values(length: int) -> st.SearchStrategy[list[tuple[bytes, int]]]:
    value = st.lists(_BYTES, min_size=length, max_size=length).map(bytes)
    return st.lists(st.tuples(value, st.integers(0, 2**32 - 1)), max_size=60)


@given(st.sampled_from([4, 5, 6, 20]).flatmap(lambda n: st.tuples(st.just(n), _values(n))))
def test_finds_what_a_dict_finds(case: tuple[int, list[tuple[bytes, int]]]) -> None:
    length, pairs = case
    table = DigestTable(length, sorted(pairs))
    plain: dict[bytes, list[int]] = {}
    for value, owner in sorted(pairs):
        plain.setdefault(value, []).append(owner)
    assert len(table) == len(pairs)
    assert list(table.items()) == sorted(pairs)
    for value, owners in plain.items():
        assert list(table.find(value)) == owners
        assert list(table.starting_with(value)) == owners
        prefix = value[:4]
        expected = [o for v, o in sorted(pairs) if v.startswith(prefix)]
        assert list(table.starting_with(prefix)) == expected


@given(
    _values(5),
    st.lists(st.lists(_BYTES, min_size=5, max_size=5).map(bytes), max_size=20),
)
def test_finds_nothing_that_is_not_there(
    pairs: list[tuple[bytes, int]], others: list[bytes]
) -> None:
    table = DigestTable(5, sorted(pairs))
    there = {value for value, _ in pairs}
    for value in others:
        assert bool(table.find(value)) == (value in there)


def test_empty_one_finds_nothing() -> None:
    assert not DigestTable(32, ()).find(bytes(32))
    assert not DigestTable(6, ()).starting_with(bytes(6))
