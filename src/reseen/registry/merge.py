"""Merges drafts into removals: which rows are about the same one, and which claims are new.

What comes in: the drafts of a list, and the removals that the registry holds already and that a
draft may be about. What goes out: a `RowOutcome` for each draft, and the removals to write.

Rows belong together as `identity` says, in whatever order they stand. What was written stays where
it is: a row goes to the removal that its surest digest names, else to that of its site with model
and version id, or of its link; never by a name, and it never joins two removals. What it says
stands beside what others say, as a claim of its own list; only what the same list said already is
nothing new. So an earlier row blocks no later one, and whoever is wrong is wrong alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TypeAlias

from reseen.fingerprints.kinds import LONG, LONG_OF
from reseen.records import DigestKind, Names, RemovalClass
from reseen.registry.identity import OF_FILE, Key, SaidOf, grouped
from reseen.registry.rows import Draft, source_of
from reseen.store.links import normal_name

_Held: TypeAlias = Key | tuple[DigestKind, bytes]
"""A key, or a full digest."""

FULL = frozenset(LONG)
"""Full digests, by which rows belong together."""


class RowOutcome(StrEnum):
    """What became of a row that was taken."""

    ADDED = "added"
    MERGED = "merged"
    """A new claim about a removal that was there, or is of an earlier row."""
    UNCHANGED = "unchanged"
    """Its list said all of it already."""


@dataclass(slots=True)
class KnownClaim:
    """A claim that is in the store."""

    list_name: str
    digests: dict[DigestKind, bytes]
    size: int | None
    site: str | None
    removed_on: date | None
    cls: RemovalClass | None
    withdrawn: bool
    """By itself: its list may be in force."""
    sealed: bytes | None
    key: Key | None = None
    """By which it is known, of those that were asked for."""


@dataclass(slots=True)
class RemovalDraft:
    """A removal, while a list is imported."""

    pk: int | None = None
    """None: not written yet."""
    id: str = ""
    in_force: bool = True
    claims: Sequence[KnownClaim] = ()
    """Of lists, that are in the store."""
    new: list[Draft] = field(default_factory=list)
    """Rows that become claims."""

    def stays_withdrawn(self, list_name: str) -> bool:
        """Whether all that this list said of it was withdrawn: what it says more is, too."""
        if not self.claims:
            return False
        own = [claim for claim in self.claims if claim.list_name == list_name]
        return bool(own) and all(claim.withdrawn for claim in own)


@dataclass(slots=True)
class Merged:
    """What became of drafts, in their order."""

    outcomes: list[RowOutcome]
    about: list[RemovalDraft]
    """The removal of each."""
    new: list[RemovalDraft]
    changed: dict[int, RemovalDraft] = field(default_factory=dict)
    """By pk: those that get new claims."""


def merge(
    drafts: Sequence[Draft],
    known: Sequence[RemovalDraft],
    opened: Callable[[str, bytes], Names],
) -> Merged:
    """Put drafts where they belong. `known`: of the registry, those to be preferred first.
    `opened(removal's id, sealed)`: the names of a claim."""
    made = [RemovalDraft(new=[draft]) for draft in drafts]  # of nearly all rows of a long list
    merged = Merged([RowOutcome.ADDED] * len(drafts), list(made), made)
    tied, holders = _tied(drafts, known)
    if tied:
        _Merger(drafts, holders, opened).merge(sorted(tied), merged)
        came = zip(made, merged.outcomes, strict=True)
        merged.new = [standing for standing, how in came if how is RowOutcome.ADDED]
    return merged


_Holders: TypeAlias = dict[_Held, list[tuple[RemovalDraft, KnownClaim]]]


def _tied(drafts: Sequence[Draft], known: Iterable[RemovalDraft]) -> tuple[set[int], _Holders]:
    """The rows that share anything by which they are known with another, or with what is known; and
    the claims that hold something of a row."""
    first: dict[_Held, int] = {}
    tied: set[int] = set()
    for at, draft in enumerate(drafts):
        for digest in draft.digests:
            if digest.kind in FULL:
                other = first.setdefault((digest.kind, digest.value), at)
                if other != at:
                    tied.update((other, at))
        key = draft.key
        if key is not None:
            other = first.setdefault(key, at)
            if other != at:
                tied.update((other, at))
    holders: defaultdict[_Held, list[tuple[RemovalDraft, KnownClaim]]] = defaultdict(list)
    for standing in known:
        for claim in standing.claims:
            for held in _held(claim.digests, claim.key):
                if held in first:
                    tied.add(first[held])
                    holders[held].append((standing, claim))
    return tied, dict(holders)


def _held(digests: Mapping[DigestKind, bytes], key: Key | None) -> Iterator[_Held]:
    """By what a claim is known, the surest first."""
    for kind in LONG:
        if kind in digests:
            yield kind, digests[kind]
    if key is not None:
        yield key


def _ranked(digests: Mapping[DigestKind, bytes]) -> Iterator[tuple[int, str]]:
    return ((at, digests[kind].hex()) for at, kind in enumerate(LONG) if kind in digests)


def _held_by(draft: Draft) -> Iterator[_Held]:
    return _held(_full(draft), draft.key)


class _Merger:
    """Merges rows that are tied to others."""

    def __init__(
        self,
        drafts: Sequence[Draft],
        holders: _Holders,
        opened: Callable[[str, bytes], Names],
    ) -> None:
        self._drafts = drafts
        self._holders = holders
        self._standings = {
            held: {id(standing): standing for standing, _ in some} for held, some in holders.items()
        }
        self._opened = opened
        self._names: dict[int, Names] = {}
        """What was opened, by the claim."""
        self._taken: defaultdict[tuple[int, str, _Held], list[Draft]] = defaultdict(list)
        """Rows by (removal, list, what they are known by)."""

    def merge(self, rows: Sequence[int], merged: Merged) -> None:
        """Say of each row what becomes of it."""
        new: list[int] = []
        for at in rows:
            standing = self._said_already(self._drafts[at])
            if standing is None:
                new.append(at)
            else:
                merged.outcomes[at], merged.about[at] = RowOutcome.UNCHANGED, standing
        homes = self._homes(new)
        for at, home in zip(new, homes, strict=True):
            draft = self._drafts[at]
            if home is None:  # the first of its own
                self._is_taken(merged.about[at], draft)
                continue
            standing = merged.about[home] if isinstance(home, int) else home
            merged.about[at] = standing
            if self._is_taken(standing, draft):
                merged.outcomes[at] = RowOutcome.UNCHANGED
                continue
            merged.outcomes[at] = RowOutcome.MERGED
            standing.new.append(draft)
            if standing.pk is not None:
                merged.changed[standing.pk] = standing

    def _homes(self, rows: Sequence[int]) -> list[RemovalDraft | int | None]:
        """Where each row belongs: a removal of the registry, that of another row, or None."""
        plain = self._plainly_at(rows)
        homes: dict[int, RemovalDraft | int | None] = {**plain}
        rest = [at for at in rows if at not in plain]
        homes.update(zip(rest, self._put_together(rest), strict=True))
        return [homes[at] for at in rows]

    def _plainly_at(self, rows: Sequence[int]) -> dict[int, RemovalDraft]:
        """Rows that need no comparing, as nearly all of a list that others have said before: their
        SHA-256 is of one removal, and neither they nor it are tied to anything else."""
        count: Counter[_Held] = Counter()
        for at in rows:
            count.update(_held_by(self._drafts[at]))
        sole: dict[int, RemovalDraft] = {}
        tied: set[int] = set()
        for at in rows:
            helds = list(_held_by(self._drafts[at]))
            at_these: dict[int, RemovalDraft] = {}
            for held in helds:
                at_these |= self._standings.get(held, {})
            alone = all(held in self._standings or count[held] == 1 for held in helds)
            sure = helds[0][0] is DigestKind.SHA256 and helds[0] in self._standings
            if alone and sure and len(at_these) == 1:
                (sole[at],) = at_these.values()
            else:
                tied.update(at_these)
        return {at: standing for at, standing in sole.items() if id(standing) not in tied}

    def _put_together(self, rows: Sequence[int]) -> list[RemovalDraft | int | None]:
        drafts = [self._drafts[at] for at in rows]
        helds = [list(_held_by(draft)) for draft in drafts]
        known: dict[int, RemovalDraft] = {}
        for some in helds:
            for held in some:
                known |= self._standings.get(held, {})
        preferred = sorted(known.values(), key=self._preference)
        claims = [(standing, claim) for standing in preferred for claim in standing.claims]
        said = [SaidOf(_full(d), d.key, d.list_name) for d in drafts]
        said += [self._said(standing, claim) for standing, claim in claims]
        groups = grouped(said)
        best: dict[tuple[object, ...], RemovalDraft] = {}
        for at, (standing, _) in enumerate(claims, len(rows)):
            file, group = groups.files[at], groups.removals[at]
            for held in _held(said[at].digests, said[at].key):
                best.setdefault((file, held), standing)
                best.setdefault((group, held, "held"), standing)
            best.setdefault((file, "file"), standing)
            best.setdefault((group, "group"), standing)
        homes: list[RemovalDraft | int | None] = []
        firsts: dict[int, int] = {}
        for number, (at, held_by) in enumerate(zip(rows, helds, strict=True)):
            file, group = groups.files[number], groups.removals[number]
            ways: list[tuple[object, ...]] = []
            for held in held_by:
                ways.append((file, held) if held[0] in OF_FILE else (group, held, "held"))
            ways += [(file, "file"), (group, "group")]
            home = next((best[way] for way in ways if way in best), None)
            if home is not None:
                homes.append(home)
            else:
                homes.append(firsts.get(group))
                firsts.setdefault(group, at)
        return homes

    def _preference(self, standing: RemovalDraft) -> tuple[object, ...]:
        """Which of several removals a row goes to, where what it says leaves a choice: one in force
        first, then by what their claims say. Numbers would tell of the order of a list."""
        said = [self._said(standing, claim) for claim in standing.claims]
        told = sorted((*_ranked(claim.digests), (len(LONG), repr(claim.key))) for claim in said)
        return not standing.in_force, told, standing.pk or 0

    def _said(self, standing: RemovalDraft, claim: KnownClaim) -> SaidOf:
        full = {kind: value for kind, value in claim.digests.items() if kind in FULL}
        key = claim.key
        if key is None and claim.site is not None:
            names = self._names_of(standing, claim)
            if names.model_id and names.version_id:
                key = source_of(claim.site, names.model_id, names.version_id)
        return SaidOf(full, key, claim.list_name)

    def _said_already(self, draft: Draft) -> RemovalDraft | None:
        """The removal of which a claim of the same list says all that a row says."""
        some = []
        for held in _held_by(draft):
            if held in self._holders:
                some.append(self._holders[held])
            elif held is not draft.key:
                return None  # a full digest that nobody has said
        for standing, claim in min(some, key=len, default=()):
            if claim.list_name == draft.list_name:
                facts = (claim.size, claim.site, claim.removed_on, claim.cls)
                if _says(claim.digests, facts, draft) and _names_all(
                    self._names_of(standing, claim), draft.names
                ):
                    return standing
        return None

    def _is_taken(self, standing: RemovalDraft, draft: Draft) -> bool:
        """Does an earlier row of the same list, about the same removal, say all that a row says?
        Remembers the row otherwise."""
        helds = list(_held_by(draft))
        some = [self._taken[id(standing), draft.list_name, held] for held in helds]
        for other in min(some, key=len):
            said = {digest.kind: digest.value for digest in other.digests}
            facts = (other.size, other.site, other.removed_on, other.cls)
            if _says(said, facts, draft) and _names_all(other.names, draft.names):
                return True
        for each in some:
            each.append(draft)
        return False

    def _names_of(self, standing: RemovalDraft, claim: KnownClaim) -> Names:
        found = self._names.get(id(claim))
        if found is None:
            sealed = claim.sealed
            found = Names() if sealed is None else self._opened(standing.id, sealed)
            self._names[id(claim)] = found
        return found


def _full(draft: Draft) -> dict[DigestKind, bytes]:
    return {digest.kind: digest.value for digest in draft.digests if digest.kind in FULL}


def _says(digests: dict[DigestKind, bytes], facts: Sequence[object], draft: Draft) -> bool:
    wanted = (draft.size, draft.site, draft.removed_on, draft.cls)
    told = all(want in (None, fact) for want, fact in zip(wanted, facts, strict=True))
    return told and all(_holds(digests, d.kind, d.value) for d in draft.digests)


def _holds(known: dict[DigestKind, bytes], kind: DigestKind, value: bytes) -> bool:
    full = LONG_OF.get(kind)
    return known.get(kind) == value or (full is not None and known.get(full, b"").startswith(value))


def _names_all(known: Names, said: Names) -> bool:
    if known == said:
        return True
    single = (
        (said.name, known.name),
        (said.url, known.url),
        (said.model_id, known.model_id),
        (said.version_id, known.version_id),
        (said.reason, known.reason),
    )
    return (
        all(_same(one, other) for one, other in single)
        and _among(said.trigger_words, known.trigger_words)
        and _among(said.file_names, known.file_names)
    )


def _same(said: str | None, known: str | None) -> bool:
    """Nothing, or the same in any spelling: what `lookup` finds alike is said already."""
    if said is None or said == known:
        return True
    return known is not None and normal_name(said) == normal_name(known)


def _among(said: Iterable[str], every: Iterable[str]) -> bool:
    return set(map(normal_name, said)) <= set(map(normal_name, every))
