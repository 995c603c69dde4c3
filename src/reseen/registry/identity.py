"""Which claims are about one removal: a question of what they say, never of the order they came in.

What comes in: what claims, and rows that will be claims, say. What goes out: for each the number of
its group; equal numbers are one removal. Pure, and the same for the same claims in any order.

First claims are about one *file*, by equal digests of the whole file, the surest kind first: a
surer digest that differs makes it another file, whatever else is equal. Then files are put together
by the weights that they share, unless another list says other weights of one of them; and by the
link that they share, if they have no other. A file that stands at several links is a removal of its
own, and joins nothing else that stands there: what is put together does not grow from link to link.
So no list ties together what another tells apart.
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


@dataclass(frozen=True, slots=True)
class Grouped:
    """For each claim, in the order in which they were given, a number."""

    files: Sequence[int]
    """Equal numbers: about one file."""
    removals: Sequence[int]
    """Equal numbers: about one removal."""


def grouped(claims: Sequence[SaidOf]) -> Grouped:
    """Put claims together."""
    sets = _Sets(claims)
    for at, kind in enumerate(OF_FILE):
        _same_files(sets, kind, OF_FILE[:at])
    files = sets.numbers()
    surer: tuple[DigestKind, ...] = OF_FILE
    for kind in OF_WEIGHTS:
        _around(sets, surer, kind)
        surer += (kind,)
    _around(sets, surer, _KEY)
    return Grouped(files, sets.numbers())


class _Sets:
    """Disjoint sets of claims, by their positions; and what each set says."""

    def __init__(self, claims: Sequence[SaidOf]) -> None:
        self.claims = claims
        self._up = list(range(len(claims)))
        self._sizes = [1] * len(claims)
        self.lists = [{claim.list_name} for claim in claims]
        self.said: list[_Said] = [
            {kind: {value} for kind, value in claim.digests.items()} for claim in claims
        ]
        """By root: digests by kind, and keys."""
        for claim, said in zip(claims, self.said, strict=True):
            if claim.key is not None:
                said[_KEY] = {claim.key}
        self.weights: list[dict[tuple[DigestKind, str], set[bytes]]] = [
            {(kind, claim.list_name): {claim.digests[kind]}
             for kind in OF_WEIGHTS if kind in claim.digests}
            for claim in claims
        ]  # fmt: skip
        """By root: digests of weights by kind and list."""

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
            self.lists[into] |= self.lists[root]
            for what, values in self.said[root].items():
                self.said[into].setdefault(what, set()).update(values)
            for by, some_values in self.weights[root].items():
                self.weights[into].setdefault(by, set()).update(some_values)

    def numbers(self) -> list[int]:
        return [self.root(at) for at in range(len(self.claims))]

    def rank(self, root: int) -> tuple[int, bytes]:
        """By the surest that a set says: the same whatever the order of its claims."""
        said = self.said[root]
        for at, kind in enumerate(LONG):
            if kind in said:
                return at, min(said[kind])
        return len(LONG), b""

    def says_only(self, root: int, what: DigestKind | None, value: Any) -> bool:
        """Of a link: does a set say this one alone? Of weights: does each list that says any say
        these? A file has one; a list that says two of it may put them together, for itself."""
        if what is _KEY:
            return len(self.said[root][what]) == 1
        told = (values for (kind, _), values in self.weights[root].items() if kind == what)
        return all(value in values for values in told)

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
    """Join sets that share a digest of this kind and contradict each other in no surer one. Where
    that leaves a choice, a set goes with one of its own lists before it goes with another's."""
    for _, some in sets.shared(kind):
        if not surer:
            sets.join(some)
            continue
        bases: list[int] = []
        for root in sorted({sets.root(at) for at in some}, key=sets.rank):
            fitting = [base for base in bases[:_MOST] if _fits(sets, base, root, surer)]
            own = [base for base in fitting if sets.lists[base] & sets.lists[root]]
            if not fitting:
                bases.append(root)
                continue
            base = (own or fitting)[0]
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
    for value, roots in sets.shared(what):
        weak = [root for root in roots if sets.said[root].keys().isdisjoint(surer)]
        sure = [root for root in roots if not sets.said[root].keys().isdisjoint(surer)]
        pure = [root for root in sure if sets.says_only(root, what, value)]
        joins.append([*pure, *weak])
        if weak and sure and not pure:
            lists = set[str]().union(*(sets.lists[root] for root in weak))
            own = [root for root in sure if sets.lists[root] & lists]
            joins.append((weak[0], min(own or sure, key=sets.rank)))
    for some in joins:
        sets.join(some)
