"""The account of an import: what became of every row of a list.

What comes in: what became of rows, part by part. What goes out: an `ImportAccount`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reseen.registry.draft import Draft
from reseen.registry.lists.columns import ListColumn
from reseen.registry.merge import FULL, Merged, RemovalDraft, RowOutcome


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not taken."""

    row: int
    """As the person sees it: 1 is the first line, sheet row or entry."""
    reason: str
    """Never the value itself."""
    place: str = ""
    """ "sheet 2", where the file holds several."""


@dataclass(frozen=True, slots=True)
class Usefulness:
    """What the removals that the rows are about are good for, in numbers of removals."""

    scans: int = 0
    """They have a full digest: a scan can find them."""
    links: int = 0
    """They can be looked up by link or ids alone: no scan finds them."""
    leads: int = 0
    """They have short hashes alone: the most that comes of them is a lead."""
    uploads: int = 0
    """They are of the class that is never read, and no hub states a digest that is known of them:
    they are found only where all bytes pass through here, in uploads and files on disk."""


@dataclass(frozen=True, slots=True)
class ImportAccount:
    """What became of every row: added + merged + unchanged + rejected + set aside = rows."""

    list: str
    rows: int
    added: int
    """Rows that became a removal of their own."""
    merged: int
    """Rows that told something new of a removal that was there, or of one of an earlier row."""
    unchanged: int
    """Rows that told nothing new."""
    rejected: tuple[Rejected, ...] = ()
    withdrawn: int = 0
    """Rows, among merged and unchanged, about what stays withdrawn."""
    removals: frozenset[int] = frozenset()
    """Removals (by pk) of which something was written; none are named where they are very many."""
    set_aside: int = 0
    """Rows that hold nothing to import: comments, headings between rows."""
    good_for: Usefulness = Usefulness()
    of_class: int = 0
    """Removals that the rows are about and that are of the class that is never read."""
    columns: tuple[tuple[str, ListColumn], ...] = ()
    """(place, column): what each was taken for, and what its values look like."""
    unknown_columns: tuple[str, ...] = ()
    """Columns that nothing was taken from, by their numbers."""
    notes: tuple[str, ...] = ()
    """What was assumed or left out, with counts, in sentences for a person."""
    rejects_file: Path | None = None
    dry_run: bool = False
    """Nothing was written."""
    of_one_file: bool = False
    """It is about one file, whose name its own may be: that is a name, and not shown."""


_LINKS, _LEADS, _UPLOADS, _SCANS = 1, 2, 3, 4
"""What a removal is good for, ascending."""


@dataclass(slots=True)
class ImportSums:
    """Counts what becomes of the rows of a list, part by part."""

    added: int = 0
    merged: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    """Rows about what stays withdrawn."""
    revived: int = 0
    """Rows by which a removal that was withdrawn is in force."""
    _by_pk: bytearray = field(default_factory=bytearray)
    """What each removal is good for, by pk: several parts may be about the same one."""
    _first: int | None = None
    """The first removal (by pk) that this import made."""

    def take(self, merged: Merged, drafts: Sequence[Draft]) -> None:
        """Count what became of a part's drafts."""
        outcomes = merged.outcomes
        self.added += outcomes.count(RowOutcome.ADDED)
        self.merged += outcomes.count(RowOutcome.MERGED)
        self.unchanged += outcomes.count(RowOutcome.UNCHANGED)
        if len(merged.new) == len(drafts):
            return  # all are new, and none of them was withdrawn
        stay: dict[tuple[int, str], bool] = {}
        for outcome, standing, draft in zip(outcomes, merged.about, drafts, strict=True):
            if outcome is RowOutcome.ADDED or standing.pk is None:
                continue
            by = standing.pk, draft.list_name
            if by not in stay:
                stay[by] = standing.stays_withdrawn(draft.list_name)
            if stay[by]:
                self.withdrawn += 1
            elif not standing.in_force and outcome is RowOutcome.MERGED:
                self.revived += 1

    def judge(self, merged: Merged) -> None:
        """What the removals that a part is about are good for, once they are written."""
        by_pk = self._by_pk
        if self._first is None and merged.new:
            self._first = min(standing.pk or 0 for standing in merged.new)
        judged: dict[int, int] = {}
        for standing in merged.about:
            said, pk = standing.new, standing.pk or 0
            if len(said) == 1 and (digests := said[0].digests) and digests[0].kind in FULL:
                good = _SCANS  # of nearly all of a long list
            else:  # once, however many rows are about it
                good = judged[pk] = judged[pk] if pk in judged else _good_for(standing)
            if pk >= len(by_pk):
                by_pk.extend(bytes(pk + 1 - len(by_pk) + len(by_pk) // 2))
            if by_pk[pk] < good:
                by_pk[pk] = good
        if merged.moves:
            self._regroup(merged)

    def _regroup(self, merged: Merged) -> None:
        """A part said that removals of an earlier part are one, or that one is two: so say the
        counts then."""
        made = [m for m in merged.moves if (m.come_from.pk or 0) >= (self._first or 0)]
        empty = {m.come_from.pk or 0 for m in made if not m.come_from.claims}
        fresh = {
            m.to.pk or 0 for m in made if not m.to.new and any(m.to is one for one in merged.new)
        }
        self.added += len(fresh) - len(empty)
        self.merged += len(empty) - len(fresh)
        for move in merged.moves:
            self._by_pk.extend(bytes(max(0, (move.to.pk or 0) + 1 - len(self._by_pk))))
            self._by_pk[move.to.pk or 0] = _good_for(move.to)
            old = move.come_from.pk or 0
            if old < len(self._by_pk) and self._by_pk[old]:
                self._by_pk[old] = _good_for(move.come_from) if move.come_from.claims else 0

    def ends_at_uploads(self, removals: Collection[int]) -> None:
        """No scan finds these removals (by pk), though a full digest of them is known."""
        for pk in removals:
            if pk < len(self._by_pk) and self._by_pk[pk] == _SCANS:
                self._by_pk[pk] = _UPLOADS

    def among(self, removals: Collection[int]) -> int:
        """How many of these removals (by pk) the rows are about."""
        return sum(pk < len(self._by_pk) and self._by_pk[pk] > 0 for pk in removals)

    @property
    def good_for(self) -> Usefulness:
        kinds = (_SCANS, _LINKS, _LEADS, _UPLOADS)
        return Usefulness(*map(self._by_pk.count, kinds))


def _good_for(standing: RemovalDraft) -> int:
    """By the surest that any claim says of it."""
    good = _LINKS
    for draft in standing.new:
        for digest in draft.digests:
            if digest.kind in FULL:
                return _SCANS
            good = _LEADS
    for claim in standing.claims:
        for kind in claim.digests:
            if kind in FULL:
                return _SCANS
            good = _LEADS
    return good
