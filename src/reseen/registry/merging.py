"""Drafts -> removals: which rows are about the same one, and what each row adds to it.

What comes in: drafts in the order of their list, and the removals that the registry holds already
and that a draft may be about. What goes out: an `Outcome` for each draft, and the `Standing`
removals as they are to be written. A row belongs to a removal by an equal full digest, else by
site with model and version id; never by a name. Pure but for one question (`Index.new_tokens`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import TypeAlias

from reseen.records import DigestKind, Names
from reseen.registry.drafts import FULL, IMPLIED, Draft
from reseen.registry.lists.values import Refused

WHOLE_FILE = frozenset({DigestKind.SHA256, DigestKind.BLAKE3, DigestKind.XET, DigestKind.GIT_BLOB})
"""Digests that two different files never share."""

MAX_WORDS = 1_000
"""Trigger words, or file names, of one removal."""

Key: TypeAlias = tuple[str, ...]
"""(site, model id, version id), or a draft's `otherwise`."""


class Outcome(StrEnum):
    """What became of a row that was taken."""

    ADDED = "added"
    MERGED = "merged"
    UNCHANGED = "unchanged"


@dataclass(slots=True)
class StandingFile:
    """One file of a removal, while a list is imported."""

    digests: dict[DigestKind, bytes]
    size: int | None
    pk: int | None = None
    """None: not written yet."""
    fresh: tuple[DigestKind, ...] = ()
    """Digests to be written, of a file that is there already."""
    fresh_size: bool = False


@dataclass(slots=True)
class Standing:
    """A removal, while a list is imported."""

    list_name: str
    site: str | None
    removed_on: date | None
    names: Names
    files: list[StandingFile]
    pk: int | None = None
    """None: not written yet."""
    id: str = ""
    withdrawn: bool = False
    also: tuple[Names, ...] = ()
    """Other names and links that rows gave it: it is to be found by them too."""
    otherwise: Key | None = None
    fresh_names: bool = False
    fresh_facts: bool = False
    """Site or date are to be written."""


class Merger:
    """Takes drafts one by one. `told(standing, names)` says whether the registry's index lacks
    any token of these names for a removal that is written already."""

    def __init__(self, told: Callable[[Standing, Names], bool]) -> None:
        self.new: list[Standing] = []
        self.changed: dict[int, Standing] = {}
        """By pk."""
        self._by_digest: dict[tuple[DigestKind, bytes], Standing] = {}
        self._by_key: dict[Key, Standing] = {}
        self._lacks = told

    def knows(self, standing: Standing, keys: list[Key]) -> None:
        """A removal that the registry holds, and the keys by which it was found. The first one
        told of a digest keeps it."""
        for file in standing.files:
            for kind, value in file.digests.items():
                if kind in FULL:
                    self._by_digest.setdefault((kind, value), standing)
        for key in keys:
            self._by_key.setdefault(key, standing)

    def take(self, draft: Draft) -> tuple[Outcome, Standing]:
        """Put a draft where it belongs. Raises Refused, and then has changed nothing."""
        by_digest, key = self._by_digest, draft.source or draft.otherwise
        by_key = None if key is None else self._by_key.get(key)
        owner: Standing | None = None
        for digest in draft.digests:
            other = by_digest.get((digest.kind, digest.value))
            if other is not None and other is not (owner := owner or other):
                raise Refused("its digests are of two different removals")
        standing = owner or by_key
        if standing is None:
            standing = self._add(draft)
            outcome = Outcome.ADDED
        elif self._merge(standing, draft, others_key=by_key is not None and by_key is not standing):
            outcome = Outcome.MERGED
            if standing.pk is not None:
                self.changed[standing.pk] = standing
        else:
            outcome = Outcome.UNCHANGED
        for digest in draft.digests:
            if digest.kind in FULL:
                by_digest.setdefault((digest.kind, digest.value), standing)
        if key is not None:
            self._by_key.setdefault(key, standing)
        return outcome, standing

    def _add(self, draft: Draft) -> Standing:
        digests = {digest.kind: digest.value for digest in draft.digests}
        files = [StandingFile(digests, draft.size)] if digests else []
        standing = Standing(draft.list_name, draft.site, draft.removed_on, draft.names, files)
        standing.otherwise = draft.otherwise
        self.new.append(standing)
        return standing

    def _merge(self, standing: Standing, draft: Draft, *, others_key: bool) -> bool:
        """Whether the draft told anything new of the removal. Raises Refused. `others_key`: its
        site and ids are another removal's, and stay that one's alone."""
        names = draft.names
        if others_key:
            names = replace(names, url=None, model_id=None, version_id=None)
        told = self._merge_file(standing, draft) if draft.digests else False
        told |= self._merge_names(standing, names)
        if standing.removed_on is None and draft.removed_on is not None:
            standing.removed_on, standing.fresh_facts, told = draft.removed_on, True, True
        if standing.site is None and draft.site is not None:
            standing.site, standing.fresh_facts, told = draft.site, True, True
        return told

    def _merge_file(self, standing: Standing, draft: Draft) -> bool:
        given = {digest.kind: digest.value for digest in draft.digests}
        file = max(standing.files, key=lambda f: _sameness(f.digests, given), default=None)
        if file is None or not _sameness(file.digests, given):
            fresh = {
                kind: value
                for kind, value in given.items()
                if not any(_holds(other.digests, kind, value) for other in standing.files)
            }
            if fresh:
                standing.files.append(StandingFile(fresh, draft.size))
            return bool(fresh)
        contradicted = _contradiction(file.digests, given)
        if contradicted is not None:
            raise Refused(f"{contradicted.label} contradicts what is known of the same file")
        if draft.size is not None and file.size is not None and draft.size != file.size:
            raise Refused("the size differs from what is known of the same file")
        told = False
        for kind, value in given.items():
            if any(_holds(other.digests, kind, value) for other in standing.files):
                continue  # a digest leads to one file of a removal, as to one removal
            file.digests[kind] = value
            file.fresh = (*file.fresh, kind)
            told = True
        if draft.size is not None and file.size is None:
            file.size, file.fresh_size, told = draft.size, True, True
        return told

    def _merge_names(self, standing: Standing, told: Names) -> bool:
        names = standing.names
        if told == names:
            return False
        merged = Names(
            name=names.name or told.name,
            trigger_words=_joined(names.trigger_words, told.trigger_words),
            url=names.url or told.url,
            model_id=names.model_id or told.model_id,
            version_id=names.version_id or told.version_id,
            file_names=_joined(names.file_names, told.file_names),
            reason=names.reason or told.reason,
        )
        if fresh := merged != names:
            standing.names, standing.fresh_names = merged, True
        # another name or link than the removal's first: it is to be found by that as well
        other = replace(told, trigger_words=(), file_names=(), reason=None)
        own = replace(merged, trigger_words=(), file_names=(), reason=None)
        if (
            _says_more(other, own)
            and other not in standing.also
            and (standing.pk is None or self._lacks(standing, other))
        ):
            standing.also = (*standing.also, other)
            fresh = True
        return fresh


def _sameness(known: dict[DigestKind, bytes], given: dict[DigestKind, bytes]) -> int:
    """How surely two sets of digests are of one file. 3: they share one of the whole file; else
    all that the one has is short, and 2: they share it, 1: it begins a full one of the other;
    0: they are not, for all that is known."""
    shared = [kind for kind, value in given.items() if known.get(kind) == value]
    if any(kind in WHOLE_FILE for kind in shared):
        return 3
    if _contradiction(known, given) is not None:
        return 0
    for short, long in ((given, known), (known, given)):
        if WHOLE_FILE.isdisjoint(short) and any(_holds(long, k, v) for k, v in short.items()):
            return 2 if shared else 1
    return 0


def _contradiction(
    known: dict[DigestKind, bytes], given: dict[DigestKind, bytes]
) -> DigestKind | None:
    """The kind of a given digest that cannot be of the file that is known."""
    for kind, value in given.items():
        if known.get(kind, value) != value:
            return kind
    for short, full in IMPLIED.items():
        for one, other in ((known, given), (given, known)):
            if short in one and full in other and not other[full].startswith(one[short]):
                return short
    return None


def _holds(known: dict[DigestKind, bytes], kind: DigestKind, value: bytes) -> bool:
    full = IMPLIED.get(kind)
    return known.get(kind) == value or (full is not None and known.get(full, b"").startswith(value))


def _joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    if not second or first == second:
        return first
    return tuple(dict.fromkeys((*first, *second)))[:MAX_WORDS]


def _says_more(other: Names, own: Names) -> bool:
    pairs = ((other.name, own.name), (other.url, own.url))
    ids = ((other.model_id, own.model_id), (other.version_id, own.version_id))
    return any(told is not None and told != known for told, known in (*pairs, *ids))
