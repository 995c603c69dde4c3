"""Merges drafts into removals: which rows are about the same one, and which claims are new.

What comes in: drafts in the order of their list, and the removals that the registry holds already
and that a draft may be about. What goes out: an `RowOutcome` for each draft, and the removals to
write.

A row belongs to a removal by a full digest that it shares with one of its claims, the surest kind
first, unless a surer one contradicts; else by the site with model and version id, or the
link, that one row gave; never by a name. It never joins two removals: where it names two, it
belongs to the one that its surest digest names. What it says stands beside what others say, as a
claim of its own list; only what the same list said already is nothing new. So an earlier row blocks
no later one, and whoever is wrong is wrong alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TypeAlias

from reseen.fingerprints.kinds import LONG, LONG_OF
from reseen.records import Digest, DigestKind, Names, RemovalClass
from reseen.registry.rows import Draft
from reseen.store.links import normal_name

Key: TypeAlias = tuple[str, ...]
"""(site, model id, version id), or a draft's `otherwise`."""

_Held: TypeAlias = Key | tuple[DigestKind, bytes]
"""A key, or a full digest."""

SUREST = {kind: order for order, kind in enumerate(LONG)}
"""Full digests, by which rows belong together, the surest first."""


class RowOutcome(StrEnum):
    """What became of a row that was taken."""

    ADDED = "added"
    MERGED = "merged"
    """A new claim about a removal that was there."""
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
    keys: Iterable[Key] = ()
    """By which it is known, of those that were asked for."""

    def stays_withdrawn(self, list_name: str) -> bool:
        """Whether all that this list said of it was withdrawn: what it says more is, too."""
        if not self.claims:
            return False
        own = [claim for claim in self.claims if claim.list_name == list_name]
        return bool(own) and all(claim.withdrawn for claim in own)


class Merger:
    """Takes drafts one by one. `opened(removal's id, sealed)`: the names of a claim."""

    def __init__(self, opened: Callable[[str, bytes], Names]) -> None:
        self.new: list[RemovalDraft] = []
        self.changed: dict[int, RemovalDraft] = {}
        """By pk: those that get new claims."""
        self._by_digest: dict[tuple[DigestKind, bytes], RemovalDraft] = {}
        self._by_key: dict[Key | None, RemovalDraft] = {}
        self._others: dict[_Held, list[RemovalDraft]] = {}
        """Those that hold a digest or key too: hardly ever."""
        self._opened = opened

    def knows(self, standing: RemovalDraft) -> None:
        """A removal that the registry holds. The first one told of a digest or key keeps it."""
        for claim in standing.claims:
            for kind, value in claim.digests.items():
                if kind in SUREST:
                    self._holds_digest((kind, value), standing)
        for key in standing.keys:
            self._holds_key(key, standing)

    def _holds_digest(self, digest: tuple[DigestKind, bytes], standing: RemovalDraft) -> None:
        if self._by_digest.setdefault(digest, standing) is not standing:
            self._others.setdefault(digest, []).append(standing)

    def _holds_key(self, key: Key, standing: RemovalDraft) -> None:
        if self._by_key.setdefault(key, standing) is not standing:
            self._others.setdefault(key, []).append(standing)

    def take(self, draft: Draft) -> tuple[RowOutcome, RemovalDraft]:
        """Put a draft where it belongs."""
        by_digest, key = self._by_digest, draft.source or draft.otherwise
        digests = draft.digests
        if len(digests) == 1 and (new := self._at_once(draft, digests[0], key)) is not None:
            return RowOutcome.ADDED, new
        if len(digests) > 1:
            digests = tuple(sorted(digests, key=lambda d: SUREST.get(d.kind, len(SUREST))))
        standing: RemovalDraft | None = None
        by: tuple[DigestKind, bytes] | Key | None = None
        for digest in digests:
            if (digest.kind, digest.value) in by_digest:
                by = held = (digest.kind, digest.value)
                standing = self._tied(held, draft)
                if standing is not None:
                    break
        if standing is None and key is not None:
            standing, by = self._by_key.get(key), key
        if standing is None:
            standing = RemovalDraft(new=[draft])
            self.new.append(standing)
            outcome = RowOutcome.ADDED
        elif self._is_known(standing, draft):
            return RowOutcome.UNCHANGED, standing
        elif (other := self._other_that_knows(by, draft)) is not None:
            return RowOutcome.UNCHANGED, other
        else:
            standing.new.append(draft)
            outcome = RowOutcome.MERGED
            if standing.pk is not None:
                self.changed[standing.pk] = standing
        for digest in digests:
            if digest.kind in SUREST:
                self._holds_digest((digest.kind, digest.value), standing)
        if key is not None:
            self._holds_key(key, standing)
        return outcome, standing

    def forget(self) -> None:
        """Nothing is taken any more: let go of what that needs."""
        self._by_digest, self._by_key, self._others = {}, {}, {}

    def _at_once(self, draft: Draft, digest: Digest, key: Key | None) -> RemovalDraft | None:
        """A removal of its own for a draft that names nothing known: nearly all of a long list."""
        held = (digest.kind, digest.value)
        if digest.kind not in SUREST or held in self._by_digest or key in self._by_key:
            return None
        standing = RemovalDraft(new=[draft])
        self.new.append(standing)
        self._by_digest[held] = standing
        if key is not None:
            self._by_key[key] = standing
        return standing

    def _tied(self, by: tuple[DigestKind, bytes], draft: Draft) -> RemovalDraft | None:
        """The removal to which a shared digest ties a draft: one of its claims has it, and no surer
        digest of the whole file that would make it another file's."""
        others: Sequence[RemovalDraft] = self._others.get(by, ())
        for standing in (self._by_digest[by], *others):
            if any(_is_same_file(claim.digests, by, draft) for claim in standing.claims):
                return standing
            for other in standing.new:
                if _is_same_file({d.kind: d.value for d in other.digests}, by, draft):
                    return standing
        return None

    def _other_that_knows(self, by: _Held | None, draft: Draft) -> RemovalDraft | None:
        """Where several hold what a row is known by, it may have gone to any of them when it came
        for the first time: the store does not tell in which order the rows of a list stood."""
        some = () if by is None else self._others.get(by, ())
        return next((other for other in some if self._is_known(other, draft)), None)

    def _is_known(self, standing: RemovalDraft, draft: Draft) -> bool:
        """Does one claim of the same list say all that the draft says?"""
        for other in standing.new:
            if other.list_name == draft.list_name:
                said = {digest.kind: digest.value for digest in other.digests}
                facts = (other.size, other.site, other.removed_on, other.cls)
                if _says(said, facts, draft) and _names_all(other.names, draft.names):
                    return True
        for claim in standing.claims:
            if claim.list_name == draft.list_name:
                facts = (claim.size, claim.site, claim.removed_on, claim.cls)
                if _says(claim.digests, facts, draft):
                    names = Names()
                    if claim.sealed is not None:
                        names = self._opened(standing.id, claim.sealed)
                    if _names_all(names, draft.names):
                        return True
        return False


_OF_FILE = (DigestKind.SHA256, DigestKind.BLAKE3, DigestKind.XET, DigestKind.GIT_BLOB)
"""Digests that two different files never share."""


def _is_same_file(
    digests: dict[DigestKind, bytes], by: tuple[DigestKind, bytes], draft: Draft
) -> bool:
    """Do a claim and a draft share this digest, and contradict each other in no surer one of the
    whole file? Weights alone (`by` of tensors) may be those of different files."""
    kind, value = by
    if digests.get(kind) != value:
        return False
    surer = _OF_FILE[: _OF_FILE.index(kind)] if kind in _OF_FILE else ()
    return all(digests.get(d.kind, d.value) == d.value for d in draft.digests if d.kind in surer)


def _says(digests: dict[DigestKind, bytes], facts: Sequence[object], draft: Draft) -> bool:
    wanted = (draft.size, draft.site, draft.removed_on, draft.cls)
    told = all(want in (None, fact) for want, fact in zip(wanted, facts, strict=True))
    return told and all(_holds(digests, d.kind, d.value) for d in draft.digests)


def _holds(known: dict[DigestKind, bytes], kind: DigestKind, value: bytes) -> bool:
    full = LONG_OF.get(kind)
    return known.get(kind) == value or (full is not None and known.get(full, b"").startswith(value))


def _names_all(known: Names, told: Names) -> bool:
    if known == told:
        return True
    single = (
        (told.name, known.name),
        (told.url, known.url),
        (told.model_id, known.model_id),
        (told.version_id, known.version_id),
        (told.reason, known.reason),
    )
    return (
        all(_same(one, other) for one, other in single)
        and _among(told.trigger_words, known.trigger_words)
        and _among(told.file_names, known.file_names)
    )


def _same(told: str | None, known: str | None) -> bool:
    """Nothing, or the same in any spelling: what `lookup` finds alike is said already."""
    if told is None or told == known:
        return True
    return known is not None and normal_name(told) == normal_name(known)


def _among(some: Iterable[str], every: Iterable[str]) -> bool:
    return set(map(normal_name, some)) <= set(map(normal_name, every))
