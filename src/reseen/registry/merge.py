"""Merges drafts into removals: which rows are about the same one, and which claims are new.

What comes in: the drafts of a list, and the removals that the registry holds already and that a
draft may be about. What goes out: a `RowOutcome` for each draft, the removals to write, and which
claims of before stand elsewhere from now on.

Which rows and claims are one removal, `identity` says of all of them at once, in whatever order
they came: so a row of a list can tie two removals of which that same list had told, and claims of
that list move. Claims of other lists never do. Only what the same list said already is nothing new:
what it says stands beside what others say, as a claim of its own. So an earlier row blocks no later
one, and whoever is wrong is wrong alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import partial
from typing import TypeAlias

from reseen.fingerprints.kinds import LONG
from reseen.records import DigestKind, Names, RemovalClass
from reseen.registry.draft import Draft, source_of
from reseen.registry.identity import Key, Mark, SaidOf, mark, parts
from reseen.registry.said_before import SaidBefore, Saying

Held: TypeAlias = Key | tuple[DigestKind, bytes]
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
    pk: int = 0


@dataclass(slots=True)
class RemovalDraft:
    """A removal, while a list is imported."""

    pk: int | None = None
    """None: not written yet."""
    id: str = ""
    in_force: bool = True
    claims: list[KnownClaim] = field(default_factory=list)
    """Of lists, that are in the store."""
    new: list[Draft] = field(default_factory=list)
    """Rows that become claims."""

    def stays_withdrawn(self, list_name: str) -> bool:
        """Whether all that this list said of it was withdrawn: what it says more is, too."""
        if not self.claims:
            return False
        own = [claim for claim in self.claims if claim.list_name == list_name]
        return bool(own) and all(claim.withdrawn for claim in own)


@dataclass(frozen=True, slots=True)
class ClaimMove:
    """A claim of before that stands with another removal from now on."""

    claim: KnownClaim
    come_from: RemovalDraft
    to: RemovalDraft


@dataclass(slots=True)
class Merged:
    """What became of drafts, in their order."""

    outcomes: list[RowOutcome]
    about: list[RemovalDraft]
    """The removal of each."""
    new: list[RemovalDraft]
    changed: dict[int, RemovalDraft] = field(default_factory=dict)
    """By pk: those that get new claims."""
    moves: list[ClaimMove] = field(default_factory=list)


More: TypeAlias = Callable[[Collection["Held"]], Iterable[RemovalDraft]]
"""The removals of the registry of which a claim is known by one of these."""


def merge(
    drafts: Sequence[Draft],
    known: Sequence[RemovalDraft],
    opened: Callable[[str, bytes], Names],
    more: More = lambda _: (),
) -> Merged:
    """Put drafts where they belong. `known`: of the registry, all that hold anything of a draft;
    `more` finds others. `opened(removal's id, sealed)`: the names of a claim."""
    made = [RemovalDraft(new=[draft]) for draft in drafts]  # of nearly all rows of a long list
    merged = Merged([RowOutcome.ADDED] * len(drafts), list(made), made)
    tied, holders, asked = _tied(drafts, known)
    if tied:
        _Merger(drafts, holders, opened, asked, more).merge(sorted(tied), merged)
        came = zip(made, merged.outcomes, strict=True)
        left = [move.to for move in merged.moves if move.to.pk is None and not move.to.new]
        merged.new = [standing for standing, how in came if how is RowOutcome.ADDED]
        merged.new += {id(standing): standing for standing in left}.values()
    return merged


_Holders: TypeAlias = dict[Held, list[tuple[RemovalDraft, KnownClaim]]]


def _tied(
    drafts: Sequence[Draft], known: Iterable[RemovalDraft]
) -> tuple[set[int], _Holders, Set[Held]]:
    """The rows that share anything by which they are known with another, or with what is known; the
    claims that hold something of a row; and all by which rows are known."""
    first: dict[Held, int] = {}
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
    holders: defaultdict[Held, list[tuple[RemovalDraft, KnownClaim]]] = defaultdict(list)
    for standing in known:
        for claim in standing.claims:
            for held in _held(claim.digests, claim.key):
                if held in first:
                    tied.add(first[held])
                    holders[held].append((standing, claim))
    return tied, dict(holders), first.keys()


def _held(digests: Mapping[DigestKind, bytes], key: Key | None) -> Iterator[Held]:
    """By what a claim is known, the surest first."""
    for kind in LONG:
        if kind in digests:
            yield kind, digests[kind]
    if key is not None:
        yield key


def _held_by(draft: Draft) -> Iterator[Held]:
    return _held(_full(draft), draft.key)


_Told: TypeAlias = tuple[RemovalDraft, KnownClaim]
"""A claim of the store, with its removal."""
_NO_MARK: Mark = mark([SaidOf({}, None, "")])


@dataclass(slots=True)
class _Block:
    """What is one removal."""

    rows: list[int] = field(default_factory=list)
    claims: list[tuple[RemovalDraft, KnownClaim, bool]] = field(default_factory=list)
    """Of the store, each with where it stands; True: of a list of which no row is at hand."""


class _Merger:
    """Merges rows that are tied to others."""

    def __init__(
        self,
        drafts: Sequence[Draft],
        holders: _Holders,
        opened: Callable[[str, bytes], Names],
        asked: Set[Held],
        more: More,
    ) -> None:
        self._drafts = drafts
        self._asked = asked
        self._more = more
        self._holders = holders
        self._standings = {
            held: {id(standing): standing for standing, _ in some} for held, some in holders.items()
        }
        self._opened = opened
        self._names: dict[int, Names] = {}
        """What was opened, by the claim."""
        self._taken: defaultdict[tuple[int, str], SaidBefore] = defaultdict(SaidBefore)
        """What rows said, by (removal, list)."""
        self._claimed: dict[tuple[int, str], SaidBefore] = {}
        """And claims of the store."""

    def merge(self, rows: Sequence[int], merged: Merged) -> None:
        """Say of each row what becomes of it."""
        new: list[int] = []
        for at in rows:
            standing = self._said_already(self._drafts[at])
            if standing is None:
                new.append(at)
            else:
                merged.outcomes[at], merged.about[at] = RowOutcome.UNCHANGED, standing
        plain = self._plainly_at(new)
        blocks = self._blocks(new, plain)
        self._settle(blocks, merged)
        for at, standing in plain.items():
            self._take(at, standing, merged)

    def _take(self, at: int, standing: RemovalDraft, merged: Merged) -> None:
        """A row goes to a removal that is there, or is of an earlier row."""
        draft = self._drafts[at]
        merged.about[at] = standing
        if self._is_taken(standing, draft):
            merged.outcomes[at] = RowOutcome.UNCHANGED
            return
        merged.outcomes[at] = RowOutcome.MERGED
        standing.new.append(draft)
        if standing.pk is not None:
            merged.changed[standing.pk] = standing

    def _plainly_at(self, rows: Sequence[int]) -> dict[int, RemovalDraft]:
        """Rows that need no comparing, as nearly all of a list that others have said before: their
        SHA-256 is the mark of one removal, of which their list has said nothing yet, and neither
        they nor it are tied to anything else."""
        count: Counter[Held] = Counter()
        for at in rows:
            count.update(_held_by(self._drafts[at]))
        sole: dict[int, RemovalDraft] = {}
        tied: set[int] = set()
        plain: dict[tuple[int, str, Held], bool] = {}
        for at in rows:
            draft = self._drafts[at]
            helds = list(_held_by(draft))
            at_these: dict[int, RemovalDraft] = {}
            for held in helds:
                at_these |= self._standings.get(held, {})
            alone = all(held in self._standings or count[held] == 1 for held in helds)
            sure = helds[0][0] is DigestKind.SHA256 and helds[0] in self._standings
            if alone and sure and len(at_these) == 1:
                (standing,) = at_these.values()
                by = id(standing), draft.list_name, helds[0]
                if by not in plain:
                    plain[by] = _is_plain(standing, draft.list_name, helds[0])
                if plain[by]:
                    sole[at] = standing
                    continue
            tied.update(at_these)
        return {at: standing for at, standing in sole.items() if id(standing) not in tied}

    def _blocks(self, rows: Sequence[int], plain: dict[int, RemovalDraft]) -> list[_Block]:
        """What is one removal, of the rows that are not plain and of all that they may be tied to
        by what their lists say. What turns out not to be plain is taken out of `plain`."""
        rest = [at for at in rows if at not in plain]
        lists = {self._drafts[at].list_name for at in rest}
        standings = self._around(rest, lists)
        back = [at for at, standing in plain.items() if id(standing) in standings]
        for at in back:
            del plain[at]
        own: defaultdict[str, list[tuple[SaidOf, int | _Told]]] = defaultdict(list)
        for at in (*rest, *back):
            draft = self._drafts[at]
            own[draft.list_name].append((SaidOf(_full(draft), draft.key, draft.list_name), at))
        lists = set(own)
        apart: list[list[tuple[SaidOf, int | _Told]]] = []
        for standing in standings.values():
            others: defaultdict[str, list[tuple[SaidOf, int | _Told]]] = defaultdict(list)
            for claim in standing.claims:
                into = own if claim.list_name in lists else others
                said = self._said(standing, claim)
                into[claim.list_name].append((said, (standing, claim)))
            apart.extend(others.values())
        blocks: dict[Mark, _Block] = {}
        for some in (*own.values(), *apart):
            for part in parts([said for said, _ in some]):
                by = mark([some[at][0] for at in part])
                if by == _NO_MARK:
                    continue  # by what nobody asked: it stays where it is
                block = blocks.setdefault(by, _Block())
                for at in part:
                    said, what = some[at]
                    if isinstance(what, int):
                        block.rows.append(what)
                    else:
                        block.claims.append((*what, said.list_name not in lists))
        return list(blocks.values())

    def _around(self, rows: Sequence[int], lists: Collection[str]) -> dict[int, RemovalDraft]:
        """All removals to which these rows are tied by what their own lists say, however far that
        leads; and those that others know by the same."""
        found: dict[int, RemovalDraft] = {}
        for at in rows:
            for held in _held_by(self._drafts[at]):
                found |= self._standings.get(held, {})
        left = list(found.values())
        more_asked: set[Held] = set()
        while left:
            helds: set[Held] = set()
            for standing in left:
                for claim in standing.claims:
                    if claim.list_name in lists:
                        said = self._said(standing, claim)
                        helds.update(_held(said.digests, said.key))
            new = helds - self._asked - more_asked
            more_asked |= new
            told = {id(standing): standing for standing in (self._more(new) if new else ())}
            for held in helds - new:
                told |= self._standings.get(held, {})
            left = [standing for at, standing in told.items() if at not in found]
            found |= told
        return found

    def _settle(self, blocks: Sequence[_Block], merged: Merged) -> None:
        """Each block is one removal: that of its oldest claim where it can be, in force before one
        that is withdrawn, and one that others speak of stays theirs."""
        wishes: dict[tuple[int, int], tuple[object, ...]] = {}
        for number, block in enumerate(blocks):
            for standing, claim, of_others in block.claims:
                wish = (not of_others, not standing.in_force, claim.pk, standing.pk or 0)
                pair = number, id(standing)
                wishes[pair] = min(wish, wishes.get(pair, wish))
        homes: dict[int, int] = {}
        taken: set[int] = set()
        for number, standing_id in sorted(wishes, key=wishes.__getitem__):
            if number not in homes and standing_id not in taken:
                homes[number] = standing_id
                taken.add(standing_id)
        for number, block in enumerate(blocks):
            there = {id(standing): standing for standing, _, _ in block.claims}
            rows = sorted(block.rows)
            if number in homes:
                home = there[homes[number]]
            elif rows:
                home = merged.about[rows[0]]
                self._is_taken(home, self._drafts[rows.pop(0)])
            else:
                home = RemovalDraft()
            for standing, claim, _ in block.claims:
                if standing is not home:
                    standing.claims = [one for one in standing.claims if one is not claim]
                    home.claims = [*home.claims, claim]
                    merged.moves.append(ClaimMove(claim, standing, home))
            for at in rows:
                self._take(at, home, merged)

    def _said(self, standing: RemovalDraft, claim: KnownClaim) -> SaidOf:
        full = {kind: value for kind, value in claim.digests.items() if kind in FULL}
        key = claim.key
        if key is None and claim.site is not None:
            names = self._names_of(standing, claim)
            if names.model_id and names.version_id:
                key = source_of(claim.site, names.model_id, names.version_id)
        return SaidOf(full, key, claim.list_name)

    def _said_already(self, draft: Draft) -> RemovalDraft | None:
        """The removal of which claims of the same list say all that a row says."""
        some = []
        for held in _held_by(draft):
            if held in self._standings:
                some.append(self._standings[held])
            elif held is not draft.key:
                return None  # a full digest that nobody has said
        said = _saying_of(draft)
        for standing in min(some, key=len, default={}).values():
            if self._claims_of(standing, draft.list_name).says_all(said):
                return standing
        return None

    def _claims_of(self, standing: RemovalDraft, list_name: str) -> SaidBefore:
        by = id(standing), list_name
        if by not in self._claimed:
            self._claimed[by] = SaidBefore(
                [
                    Saying(
                        claim.digests,
                        (claim.size, claim.site, claim.removed_on, claim.cls),
                        partial(self._names_of, standing, claim),
                    )
                    for claim in standing.claims
                    if claim.list_name == list_name
                ]
            )
        return self._claimed[by]

    def _is_taken(self, standing: RemovalDraft, draft: Draft) -> bool:
        """Does an earlier row of the same list, about the same removal, say all that a row says?
        Remembers the row otherwise."""
        before, said = self._taken[id(standing), draft.list_name], _saying_of(draft)
        if before.says_all(said):
            return True
        before.add(said)
        return False

    def _names_of(self, standing: RemovalDraft, claim: KnownClaim) -> Names:
        found = self._names.get(id(claim))
        if found is None:
            sealed = claim.sealed
            found = Names() if sealed is None else self._opened(standing.id, sealed)
            self._names[id(claim)] = found
        return found


def _is_plain(standing: RemovalDraft, list_name: str, held: Held) -> bool:
    """Has this list said nothing of a removal that all others know by one SHA-256 alone?"""
    return all(
        claim.list_name != list_name and (DigestKind.SHA256, claim.digests.get(DigestKind.SHA256))
        == held for claim in standing.claims
    )  # fmt: skip


def _full(draft: Draft) -> dict[DigestKind, bytes]:
    return {digest.kind: digest.value for digest in draft.digests if digest.kind in FULL}


def _saying_of(draft: Draft) -> Saying:
    return Saying(
        {digest.kind: digest.value for digest in draft.digests},
        (draft.size, draft.site, draft.removed_on, draft.cls),
        lambda: draft.names,
    )
