"""Drafts -> removals: which rows are about the same one, and what each row adds to it.

What comes in: drafts in the order of their list, and the removals that the registry holds already
and that a draft may be about. What goes out: an `Outcome` for each draft, and the `Standing`
removals as they are to be written. A row belongs to a removal by an equal full digest, else by
site with model and version id; never by a name. Pure but for one question (`Merger`'s `lacks`).

A row that is taken once is taken again and tells nothing new, and one that is refused once is
refused again, whatever was taken in between:

- All digests of a row that is taken, and its size, stand together in one file of the removal. So
  the file, which only grows, holds them for ever.
- A digest of the whole file leads to one file of a removal. A row that names two makes them one;
  in the store both stay, and share a digest.
- Refused is only what contradicts the file that its own digest of the whole file names, or names
  two removals. Neither ever ends. Less certain digests refuse nothing: the row is of another file.
- A removal is known by the site and ids that one row gave it, never by a site and ids that
  different rows filled in; so it is known by the same when it comes out of the store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import TypeAlias

from reseen.records import DigestKind, Names
from reseen.registry.drafts import FULL, IMPLIED, Draft, source_of
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
    joined: tuple[StandingFile, ...] = ()
    """Written files that turned out to be one of `files`, which knows all that they know."""
    pk: int | None = None
    """None: not written yet."""
    id: str = ""
    withdrawn: bool = False
    also: tuple[Names, ...] = ()
    """Other names and links that rows gave it: it is to be found by them too."""
    known_by: tuple[Key, ...] = ()
    """Keys that are to be written for it: all that it has, but for its `source`."""
    apart: bool = False
    """Its site and ids were filled in by different rows, so that it is not known by them."""
    fresh_names: bool = False
    fresh_facts: bool = False
    """Site or date are to be written."""

    @property
    def source(self) -> Key | None:
        """The site and ids by which it is known."""
        model, version = self.names.model_id, self.names.version_id
        if self.apart or self.site is None or model is None or version is None:
            return None
        return source_of(self.site, model, version)


class Merger:
    """Takes drafts one by one. `lacks(standing, names)` says whether the registry's index lacks
    any token of these names for a removal that is written already."""

    def __init__(self, lacks: Callable[[Standing, Names], bool]) -> None:
        self.new: list[Standing] = []
        self.changed: dict[int, Standing] = {}
        """By pk."""
        self._by_digest: dict[tuple[DigestKind, bytes], Standing] = {}
        self._by_key: dict[Key, Standing] = {}
        self._lacks = lacks

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
        elif self._merge(standing, draft, by_key):
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
        if draft.otherwise is not None:
            standing.known_by = (draft.otherwise,)
        self.new.append(standing)
        return standing

    def _merge(self, standing: Standing, draft: Draft, by_key: Standing | None) -> bool:
        """Whether the draft told anything new of the removal. Raises Refused. `by_key`: whose its
        site and ids are; where that is another removal they stay that one's alone."""
        names, source = draft.names, draft.source
        if by_key is not None and by_key is not standing:
            names, source = replace(names, url=None, model_id=None, version_id=None), None
        told = _merge_file(standing, draft) if draft.digests else False
        own = standing.names
        complete = bool(standing.site and own.model_id and own.version_id)
        told |= self._merge_names(standing, names)
        if standing.removed_on is None and draft.removed_on is not None:
            standing.removed_on, standing.fresh_facts, told = draft.removed_on, True, True
        if standing.site is None and draft.site is not None:
            standing.site, standing.fresh_facts, told = draft.site, True, True
        if told and not complete and standing.source not in (None, source):
            standing.apart = True
        if source is not None and by_key is None and source != standing.source:
            standing.known_by, told = (*standing.known_by, source), True
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


def join(files: list[StandingFile]) -> list[StandingFile]:
    """The files of one removal as they are known: those that share a digest of the whole file are
    one."""
    joined: list[StandingFile] = []
    for file in files:
        whole = _whole(file.digests)
        same = [other for other in joined if _shares(other, whole)]
        for other in same[1:]:
            _absorb(same[0], other)
            joined.remove(other)
        if same:
            _absorb(same[0], file)
        else:
            joined.append(file)
    for file in joined:
        file.fresh, file.fresh_size = (), False  # another row of the store says it
    return joined


def _merge_file(standing: Standing, draft: Draft) -> bool:
    """Put a draft's digests and size, all of them, into one file of a removal; whether they told
    anything new. Raises Refused."""
    given = StandingFile({digest.kind: digest.value for digest in draft.digests}, draft.size)
    whole = _whole(given.digests)
    same = [file for file in standing.files if _shares(file, whole)] if whole else []
    if not same:
        file = _likely(standing.files, given, any_file=not whole)
        if file is None:
            standing.files.append(given)
            return True
        return _absorb(file, given)
    told = given
    for file in same:
        _check(file, told)
        if len(same) > 1:  # the row ties them: in the end `told` is what they all say together
            told = StandingFile({**told.digests, **file.digests}, told.size or file.size)
    for file in same[1:]:
        standing.files.remove(file)
        if file.pk is not None:
            standing.joined = (*standing.joined, file)
    return _absorb(same[0], told)


def _check(known: StandingFile, told: StandingFile) -> None:
    """Raises Refused when the two are not of one file."""
    contradicted = _contradiction(known.digests, told.digests)
    if contradicted is not None:
        raise Refused(f"{contradicted.label} contradicts what is known of the same file")
    if not _same_size(known, told):
        raise Refused("the size differs from what is known of the same file")


def _absorb(file: StandingFile, told: StandingFile) -> bool:
    """Let a file learn what it does not know; whether there was anything."""
    learned = False
    for kind, value in told.digests.items():
        if kind not in file.digests and not _holds(file.digests, kind, value):
            file.digests[kind] = value
            file.fresh = (*file.fresh, kind)
            learned = True
    if file.size is None and told.size is not None:
        file.size, file.fresh_size, learned = told.size, True, True
    return learned


def _likely(
    files: list[StandingFile], given: StandingFile, *, any_file: bool
) -> StandingFile | None:
    """The file that the given one is, where no digest of the whole file says it. One that holds
    all that is given goes first; else all that one of the two has is short, and they share it, or
    it begins a full one of the other. Not `any_file`: only one without a digest of the whole."""
    likely, surest = None, 0
    said = given.digests
    for file in files:
        known = file.digests
        is_short = WHOLE_FILE.isdisjoint(known)
        if not (any_file or is_short) or not _same_size(file, given):
            continue
        if _contradiction(known, said) is not None:
            continue
        held = [_holds(known, kind, value) for kind, value in said.items()]
        if all(held) and (given.size is None or file.size is not None):
            return file
        if any(known.get(kind) == value for kind, value in said.items()):
            sure = 2
        else:
            begun = any_file and any(held)
            begins = is_short and any(_holds(said, kind, value) for kind, value in known.items())
            sure = int(begun or begins)
        if sure > surest:
            likely, surest = file, sure
    return likely


def _whole(digests: dict[DigestKind, bytes]) -> list[tuple[DigestKind, bytes]]:
    return [(kind, value) for kind, value in digests.items() if kind in WHOLE_FILE]


def _shares(file: StandingFile, whole: list[tuple[DigestKind, bytes]]) -> bool:
    return any(file.digests.get(kind) == value for kind, value in whole)


def _same_size(one: StandingFile, other: StandingFile) -> bool:
    return one.size is None or other.size is None or one.size == other.size


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
