"""Whether a list said already what a row of it says.

In go what rows and claims of one list say of one removal; out comes, for another row, whether one
of them says all of it. Of some they are compared one by one. A list can name one file as often as
it likes, so of many only those are compared that share what fewest of them say, and of these not
more than `COMPARED`: a row of which that is not found says something new.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from reseen.fingerprints.kinds import LONG_OF
from reseen.records import DigestKind, Names
from reseen.store.links import normal_name

COMPARED = 16
"""With how many others a row is compared."""

Told: TypeAlias = tuple[object, object]
"""One thing that is said: what it is about, and in which way, in its normal spelling."""


@dataclass(frozen=True, slots=True)
class Saying:
    """What a row or a claim says."""

    digests: Mapping[DigestKind, bytes]
    facts: tuple[object, ...]
    """Size, site, day and class; None where it says nothing of it."""
    names: Callable[[], Names]
    """Asked only where all else agrees: a claim's are sealed."""

    def says_all(self, other: Saying) -> bool:
        """Does it say all that another says? Names in any spelling: what `lookup` finds alike."""
        return (
            all(want in (None, fact) for want, fact in zip(other.facts, self.facts, strict=True))
            and all(_holds(self.digests, kind, value) for kind, value in other.digests.items())
            and _names_all(self.names(), other.names())
        )

    def told(self) -> Iterator[Told]:
        """What it says, but for what a row may say any number of: trigger words and files."""
        yield from self.digests.items()
        yield from ((f"fact {at}", f) for at, f in enumerate(self.facts) if f is not None)
        for at, said in enumerate(_single(self.names())):
            if said is not None:
                yield f"name {at}", normal_name(said)

    def alike(self, single: Iterable[Told]) -> int:
        """The same for all that say the same; `single`: what it told."""
        names = self.names()
        words, files = map(normal_name, names.trigger_words), map(normal_name, names.file_names)
        return hash((frozenset(single), frozenset(words), frozenset(files)))


@dataclass(slots=True)
class SaidBefore:
    """What was said of one removal by one list."""

    _all: list[Saying] = field(default_factory=list)
    _whole: set[int] = field(default_factory=set)
    """Of those that are looked up by what they say."""
    _by: defaultdict[Told, list[Saying]] = field(default_factory=lambda: defaultdict(list))
    _indexed: int = 0

    def add(self, saying: Saying) -> None:
        self._all.append(saying)

    def says_all(self, saying: Saying) -> bool:
        """Does one of them say all of that?"""
        return any(one.says_all(saying) for one in self._like(saying))

    def _like(self, saying: Saying) -> Sequence[Saying]:
        if len(self._all) <= COMPARED:
            return self._all
        for one in self._all[self._indexed :]:
            told = set(one.told())
            self._whole.add(one.alike(told))
            for each in told:
                self._by[each].append(one)
        self._indexed = len(self._all)
        wanted = set(saying.told())
        if saying.alike(wanted) in self._whole:
            return (saying,)
        # The first digits of a digest may be said by the whole of it.
        some = (self._by.get(each, ()) for each in wanted if each[0] not in LONG_OF)
        return min(some, key=len, default=())[:COMPARED]


def _holds(known: Mapping[DigestKind, bytes], kind: DigestKind, value: bytes) -> bool:
    full = LONG_OF.get(kind)
    return known.get(kind) == value or (full is not None and known.get(full, b"").startswith(value))


def _names_all(known: Names, said: Names) -> bool:
    if known == said:
        return True
    return (
        all(map(_same, _single(said), _single(known)))
        and _among(said.trigger_words, known.trigger_words)
        and _among(said.file_names, known.file_names)
    )


def _single(names: Names) -> tuple[str | None, ...]:
    """Of what a row or a claim says at most one."""
    return names.name, names.url, names.model_id, names.version_id, names.reason


def _same(said: str | None, known: str | None) -> bool:
    """Nothing, or the same in any spelling."""
    if said is None or said == known:
        return True
    return known is not None and normal_name(said) == normal_name(known)


def _among(said: Iterable[str], every: Iterable[str]) -> bool:
    return set(map(normal_name, said)) <= set(map(normal_name, every))
