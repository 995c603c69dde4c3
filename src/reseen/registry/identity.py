"""Which claims are about one removal: a question of what they say, never of the order they came in.

What comes in: what claims, and rows that will be claims, say. What goes out: for each the number of
its group; equal numbers are one removal. Pure, and the same for the same claims in any order.

Each list first puts its own claims together (`within`), whatever others say. Claims are about one
*file*, by equal digests of the whole file, the surest kind first: a surer digest that differs makes
it another file, whatever else is equal. Then files are put together by the weights that they share,
and by the link that they share, if they have no other. A file that stands at several links is a
removal of its own, and joins nothing else that stands there: what is put together does not grow
from link to link.

What a list has put together has one mark: its surest digest, of several the least; or its link,
where it has no digest. Lists speak of one removal where their marks are equal. So what a list says
never changes which claims of others are together: none can tie together what others know apart, nor
part what others have put together, and one that is withdrawn leaves nothing behind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from reseen.fingerprints.kinds import LADDER, LONG, DigestScope
from reseen.records import DigestKind

Key: TypeAlias = tuple[str, ...]
"""(site, model id, version id), or what else a row is known by that has no such source."""

OF_FILE = tuple(kind for kind in LONG if LADDER[kind].scope is DigestScope.FILE)
"""Digests that two different files never share, the surest first."""
OF_WEIGHTS = tuple(kind for kind in LONG if LADDER[kind].scope is DigestScope.TENSORS)


@dataclass(frozen=True, slots=True, eq=False)
class SaidOf:
    """By what one claim says which model it is about."""

    digests: Mapping[DigestKind, bytes]
    """Full ones; short ones do not count."""
    key: Key | None
    list_name: str


Mark: TypeAlias = tuple[int, bytes, Key]
"""By which a list's removal is known to others: the rank of the kind of digest, the digest, and
where there is none, the link."""


def grouped(claims: Sequence[SaidOf]) -> list[int]:
    """Which claims are one removal: a number for each, in the order in which they were given."""
    by_list: defaultdict[str, list[int]] = defaultdict(list)
    for at, claim in enumerate(claims):
        by_list[claim.list_name].append(at)
    numbers = [0] * len(claims)
    first: dict[Mark, int] = {}
    for own in by_list.values():
        for some in parts([claims[at] for at in own]):
            number = first.setdefault(mark([claims[own[at]] for at in some]), own[some[0]])
            for at in some:
                numbers[own[at]] = number
    return numbers


def parts(claims: Sequence[SaidOf]) -> list[list[int]]:
    """What one list puts together: claims of that list, by their positions."""
    if len(claims) == 1:
        return [[0]]
    members: defaultdict[int, list[int]] = defaultdict(list)
    for at, number in enumerate(within(claims)):
        members[number].append(at)
    return list(members.values())


def mark(claims: Iterable[SaidOf]) -> Mark:
    """Of what one list has put together: all its claims about one removal."""
    best: Mark | None = None
    for claim in claims:
        this = _mark_of(claim)
        best = this if best is None else min(best, this)
    assert best is not None
    return best


def _mark_of(claim: SaidOf) -> Mark:
    for rank, kind in enumerate(LONG):
        if kind in claim.digests:
            return rank, claim.digests[kind], ()
    return len(LONG), b"", claim.key or ()


def within(claims: Sequence[SaidOf]) -> list[int]:
    """Put the claims of one list together: a number for each, in the order in which they were
    given; equal numbers are one removal."""
    sets = _Sets(claims)
    for at, kind in enumerate(OF_FILE):
        _same_files(sets, kind, OF_FILE[:at])
    surer: tuple[DigestKind, ...] = OF_FILE
    for kind in OF_WEIGHTS:
        _around(sets, surer, kind)
        surer += (kind,)
    _around(sets, surer, _KEY)
    return sets.numbers()


class _Sets:
    """Disjoint sets of claims, by their positions; and what each set says."""

    def __init__(self, claims: Sequence[SaidOf]) -> None:
        self.claims = claims
        self._up = list(range(len(claims)))
        self._sizes = [1] * len(claims)
        self.said: list[_Said] = [
            {kind: {value} for kind, value in claim.digests.items()} for claim in claims
        ]
        """By root: digests by kind, and keys."""
        for claim, said in zip(claims, self.said, strict=True):
            if claim.key is not None:
                said[_KEY] = {claim.key}

    def root(self, at: int) -> int:
        up = self._up
        while up[at] != at:
            up[at] = at = up[up[at]]
        return at

    def join(self, positions: Iterable[int]) -> None:
        roots = sorted({self.root(at) for at in positions}, key=lambda root: -self._sizes[root])
        for root in roots[1:]:
            into = roots[0]
            self._up[root] = into
            self._sizes[into] += self._sizes[root]
            for what, values in self.said[root].items():
                self.said[into].setdefault(what, set()).update(values)

    def numbers(self) -> list[int]:
        return [self.root(at) for at in range(len(self.claims))]

    def rank(self, root: int) -> tuple[int, bytes]:
        """By the surest that a set says: the same whatever the order of its claims."""
        said = self.said[root]
        for at, kind in enumerate(LONG):
            if kind in said:
                return at, min(said[kind])
        return len(LONG), b""

    def says_only(self, root: int, what: DigestKind | None) -> bool:
        """Does a set say one link alone? A file has one; of weights a list may say several."""
        return what is not _KEY or len(self.said[root][what]) == 1

    def shared(self, what: DigestKind | None) -> list[tuple[Any, set[int]]]:
        """Values that several sets say, in their order, with the roots of those."""
        roots: defaultdict[Any, set[int]] = defaultdict(set)
        for at, claim in enumerate(self.claims):
            value = claim.key if what is None else claim.digests.get(what)
            if value is not None:
                roots[value].add(self.root(at))
        return sorted((value, some) for value, some in roots.items() if len(some) > 1)


_KEY = None
"""Stands for the key among the kinds of digests."""
_Said: TypeAlias = dict[DigestKind | None, set[Any]]
_MOST = 50
"""Files that share a digest and differ in a surer one, among which a further one is looked for."""


def _same_files(sets: _Sets, kind: DigestKind, surer: Sequence[DigestKind]) -> None:
    """Join sets that share a digest of this kind and contradict each other in no surer one."""
    for _, some in sets.shared(kind):
        if not surer:
            sets.join(some)
            continue
        bases: list[int] = []
        for root in sorted({sets.root(at) for at in some}, key=sets.rank):
            base = next((one for one in bases[:_MOST] if _fits(sets, one, root, surer)), None)
            if base is None:
                bases.append(root)
                continue
            sets.join((base, root))
            bases[bases.index(base)] = sets.root(base)


def _fits(sets: _Sets, one: int, other: int, surer: Sequence[DigestKind]) -> bool:
    here, there = sets.said[one], sets.said[other]
    return not any(
        kind in here and kind in there and here[kind].isdisjoint(there[kind]) for kind in surer
    )


def _around(sets: _Sets, surer: Sequence[DigestKind], what: DigestKind | None) -> None:
    """Join the sets that say one such value and no other. A set that says nothing surer goes with
    them, or where there are none, with one that says others too."""
    joins: list[Sequence[int]] = []
    # Each is judged as it stood before: none draws another after it.
    for _, roots in sets.shared(what):
        weak = [root for root in roots if sets.said[root].keys().isdisjoint(surer)]
        sure = [root for root in roots if not sets.said[root].keys().isdisjoint(surer)]
        pure = [root for root in sure if sets.says_only(root, what)]
        joins.append([*pure, *weak])
        if weak and sure and not pure:
            joins.append((weak[0], min(sure, key=sets.rank)))
    for some in joins:
        sets.join(some)
