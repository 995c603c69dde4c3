"""Which claims are about one removal does not depend on the order in which they came."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.records import DigestKind
from reseen.registry.identity import SaidOf, grouped

SHA, BLAKE, GIT = DigestKind.SHA256, DigestKind.BLAKE3, DigestKind.GIT_BLOB
DATA, TENSORS = DigestKind.DATA_SHA256, DigestKind.TENSORS_BLAKE3


def said(list_name: str = "a", link: int | None = None, **digests: int | None) -> SaidOf:
    kinds = {"sha": SHA, "blake": BLAKE, "git": GIT, "data": DATA, "tensors": TENSORS}
    held = {kinds[name]: bytes([n]) * 4 for name, n in digests.items() if n is not None}
    return SaidOf(held, None if link is None else ("site", str(link), "1"), list_name)


def together(claims: Sequence[SaidOf]) -> set[frozenset[int]]:
    """The removals, each as the positions of its claims."""
    numbers = grouped(claims)
    return {
        frozenset(at for at, number in enumerate(numbers) if number == each) for each in numbers
    }


def sets(*some: Sequence[int]) -> set[frozenset[int]]:
    return set(map(frozenset, some))


FEW = st.none() | st.integers(0, 2)
CLAIMS = st.lists(
    st.builds(
        said, st.sampled_from("abc"), FEW, sha=FEW, blake=FEW, git=FEW, data=FEW, tensors=FEW
    ).filter(lambda claim: claim.digests or claim.key),
    max_size=12,
)


@settings(max_examples=600, deadline=None)
@given(CLAIMS, st.randoms(use_true_random=False))
def test_in_any_order_the_same_claims_are_together(
    claims: list[SaidOf], chance: random.Random
) -> None:
    order = list(range(len(claims)))
    chance.shuffle(order)
    shuffled = together([claims[at] for at in order])
    assert {frozenset(order[at] for at in each) for each in shuffled} == together(claims)


@settings(max_examples=300, deadline=None)
@given(CLAIMS)
def test_what_says_the_same_of_a_file_is_together(claims: list[SaidOf]) -> None:
    """Within a list; and between lists, of what has no other file beside it."""
    removals = grouped(claims)
    files: dict[tuple[str, int], set[bytes | None]] = {}
    for claim, number in zip(claims, removals, strict=True):
        files.setdefault((claim.list_name, number), set()).add(claim.digests.get(SHA))
    for one, this in enumerate(claims):
        for other, that in enumerate(claims):
            if SHA in this.digests and this.digests[SHA] == that.digests.get(SHA):
                alone = all(
                    len(files[each.list_name, number] - {None}) == 1
                    for each, number in ((this, removals[one]), (that, removals[other]))
                )
                if this.list_name == that.list_name or alone:
                    assert removals[one] == removals[other]


CASES: list[tuple[str, list[SaidOf], set[frozenset[int]]]] = [
    (
        "a row ties a digest and a link of one list",
        [said(sha=1), said(link=1), said(sha=1, link=1)],
        sets((0, 1, 2)),
    ),
    ("two files of one link", [said(sha=1, link=1), said(sha=2, link=1)], sets((0, 1))),
    (
        "a file of two links is its own, and glues nothing",
        [said(sha=1, link=1), said(sha=9, link=1), said(sha=9, link=2), said(sha=2, link=2)],
        sets((0,), (1, 2), (3,)),
    ),
    (
        "a link alone goes with the only file that stands there",
        [said(link=1), said(sha=9, link=1), said(sha=9, link=2)],
        sets((0, 1, 2)),
    ),
    (
        "another's file under the link of an honest one, which stands elsewhere too",
        [said("h", sha=1, link=2), said("a", sha=1, link=1), said("a", sha=2, link=2)],
        sets((0, 1), (2,)),
    ),
    (
        "a made-up SHA-256 with the BLAKE3 of an honest file",
        [said("h", sha=9, blake=1), said("a", sha=1, blake=1), said("a", blake=1)],
        sets((0,), (1, 2)),
    ),
    (
        "one file by digests of other kinds, of other lists",
        [said("a", sha=1, blake=1), said("b", blake=1), said("c", blake=1), said("d", sha=1)],
        sets((0, 3), (1, 2)),
    ),
    (
        "the weights of another's file",
        [said("h", sha=1, data=2), said("a", sha=1, data=1), said("a", sha=2, data=2)],
        sets((0, 1), (2,)),
    ),
    (
        "two rows of one list tie what another knows apart: they are theirs, and part nothing",
        [said("h", sha=1, data=3), said("h", sha=2, data=3), said("a", sha=1, data=1),
         said("a", sha=2, data=2)],
        sets((0, 1, 2), (3,)),
    ),
    (
        "the digest of one and the link of another",
        [said("h", sha=1, link=2), said("a", sha=1), said("b", sha=2, link=2)],
        sets((0, 1), (2,)),
    ),
    (
        "one and the same link, of lists that know other files there",
        [said("a", sha=1, link=1), said("b", sha=2, link=1), said("c", link=1), said("d", link=1)],
        sets((0,), (1,), (2, 3)),
    ),
    (
        "a list that names two files of another's model parts nothing",
        [said("a", sha=1, link=1), said("a", sha=2, link=1), said("b", sha=1), said("b", sha=2)],
        sets((0, 1, 2), (3,)),
    ),
    (
        "one list may put its own together",
        [said(sha=1, data=6), said(sha=2, data=6), said(sha=2, data=7)],
        sets((0, 1, 2)),
    ),
    (
        "the same weights under another header",
        [said(sha=1, data=1), said(sha=2, data=1), said(tensors=4, data=1)],
        sets((0, 1, 2)),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("claims", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_what_is_one_removal(claims: list[SaidOf], expected: set[frozenset[int]]) -> None:
    assert together(claims) == expected


def hostile(count: int) -> Iterator[SaidOf]:
    for n in range(count):
        value = n.to_bytes(32, "big")
        yield SaidOf({SHA: value, BLAKE: bytes(32)}, ("s", "1", "1"), "a")
        yield SaidOf({BLAKE: value, GIT: bytes(20)}, ("s", str(n), "1"), "a")
        yield SaidOf({SHA: bytes(32), BLAKE: value, DATA: value}, ("s", str(n), "2"), "a")


def test_many_claims_of_one_digest_take_no_time_in_the_square_of_their_number() -> None:
    assert len(grouped(list(hostile(4_000)))) == 12_000
