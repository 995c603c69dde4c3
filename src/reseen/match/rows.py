"""Finds the removals whose embeddings (textual inversion) a file has: row by row, as sets.

What comes in: a store or a saved index, once, and then the rows of files. What goes out: for each
removal that they are of, how many rows agree and how well. The search goes through all rows: few
removals are embeddings. Immutable; may be used by several threads.

Strangers who began with one token share its row until training moved it. So a row of the removal
counts only where its norm shows that it moved (`fingerprints.rows`): a stranger's row is then no
nearer to it than the token is. A row that moved little must agree the better for it. Whoever has
the tokenizer's table could tell from it what now only the norm does: it would take the place of
`needed`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from reseen.errors import Malformed
from reseen.fingerprints.rows import FAR, MOVED, EmbeddingRows, decode
from reseen.match.compare import Relation
from reseen.match.digests_alone import every_such_claim
from reseen.match.sketch_index import searched
from reseen.observed import rows as kept
from reseen.store.database import chunks
from reseen.store.schema import claims, removals, sketches

ALIKE, ALIKE_NEAR = 0.9, 0.96
"""Cosines from which a row is the removal's: of one that moved far, and of one that moved less.
Casts give 0.999, noise of a tenth of the row 0.99; what began as one token stays below 0.83 and
0.93, and the numbers of a sketch add at most 0.03 to that in ten thousand rows."""
SHARE = 0.5
"""Of the removal's rows that count, so many make a copy whatever rows stand beside them; of a file
whose every row is the removal's, one does."""
NO_COPY = "The embeddings share too few rows for a copy."
_SAME = 0.998
_BLOCK = 8_192

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class RowsComparison:
    """How alike the rows of a removal and of another file are, and what it means."""

    cosine: float
    """Of the row that agrees least well among those that agree."""
    agreeing: int
    """Rows of the removal that count and that the other file has."""
    rows: int
    """Rows of the removal that count."""
    scale: float
    """By how much longer the other file's rows are."""
    relation: Relation

    is_copy: bool = True

    @property
    def why(self) -> str:
        """The evidence in one sentence."""
        said = f"{self.agreeing} of {self.rows} rows agree"
        if self.rows == 1:
            said = "its one row agrees"
        return (
            f"The embedding (textual inversion) in it is the removed file's, "
            f"{_SENTENCE[self.relation]}: {said}, with a cosine of at least {self.cosine:.3f}."
        )


_SENTENCE = {
    Relation.SAME: "the same rows",
    Relation.SCALED: "the same rows at another length",
    Relation.CAST: "the same rows in another number format, or slightly noised",
    Relation.PARTIAL: "a part of its rows",
}


@dataclass(frozen=True, slots=True, eq=False)
class RowsLikeness:
    """A removal, and how many of its rows a file has."""

    removal: str
    claim_pk: int
    """Whose rows they were."""
    comparison: RowsComparison


def needed(rows: EmbeddingRows) -> Floats:
    """(n,): the cosine from which another row is this one; above 1 where none is known to be."""
    moved = rows.moved
    least = np.where(moved >= FAR, ALIKE, ALIKE_NEAR)
    return np.where(moved >= MOVED, least, 2.0).astype(np.float32)


def compare_rows(removed: EmbeddingRows, other: EmbeddingRows) -> RowsComparison | None:
    """A copy's figures; None where it is none."""
    cosines = removed.units() @ other.units().T
    cosines[removed.widths[:, None] != other.widths[None, :]] = -1.0
    best, at = cosines.max(axis=1), cosines.argmax(axis=1)
    agrees = best >= needed(removed)
    counted = int(removed.tells.sum())
    agreeing = int(agrees.sum())
    if not agreeing:
        return None
    # A row of the other file that a stranger might have as well says nothing against it.
    theirs = other.tells if other.tells.any() else np.ones(len(other), np.bool_)
    foreign = theirs & (cosines.max(axis=0) < ALIKE)
    if agreeing < SHARE * counted and foreign.any():
        return None
    scale = float(np.median(other.norms[at[agrees]] / removed.norms[agrees]))
    worst = float(best[agrees].min())
    return RowsComparison(
        min(worst, 1.0), agreeing, counted, scale, _relation(agreeing < counted, worst, scale)
    )


def _relation(partial: bool, worst: float, scale: float) -> Relation:
    if partial:
        return Relation.PARTIAL
    if worst < _SAME:
        return Relation.CAST
    return Relation.SAME if abs(scale - 1) < 0.01 else Relation.SCALED


class RowIndex:
    """The rows of claims, each by its claim's pk."""

    def __init__(self, values: Mapping[int, EmbeddingRows]) -> None:
        self._values = dict(values)

    @classmethod
    def load(cls, connection: Connection, removal_pks: Collection[int] | None = None) -> RowIndex:
        """Those in force (of these removals, by pk; None: of all)."""
        query = (
            select(sketches.c.claim_pk, sketches.c.value)
            .join(claims, claims.c.pk == sketches.c.claim_pk)
            .join(removals, removals.c.pk == claims.c.removal_pk)
            .where(searched(), sketches.c.version == kept.VERSION)
        )
        found: dict[int, bytes] = {}
        if removal_pks is None:
            found.update((pk, bytes(value)) for pk, value in connection.execute(query))
        else:
            for chunk in chunks(sorted(removal_pks)):
                some = connection.execute(query.where(removals.c.pk.in_(chunk)))
                found.update((pk, bytes(value)) for pk, value in some)
        alone = every_such_claim(connection) if found else set()
        return cls.of_bytes({pk: value for pk, value in found.items() if pk not in alone})

    @classmethod
    def of_bytes(cls, values: Mapping[int, bytes]) -> RowIndex:
        """Rows in their published layout; what is damaged is left out."""
        made: dict[int, EmbeddingRows] = {}
        for pk, value in values.items():
            try:
                made[pk] = decode(value)
            except Malformed:
                continue  # a damaged row of the store is nobody's
        return cls(made)

    def __len__(self) -> int:
        """Claims."""
        return len(self._values)

    def __reduce__(self) -> tuple[Any, ...]:
        return RowIndex.of_bytes, (self.as_bytes(),)

    def as_bytes(self) -> dict[int, bytes]:
        """What `of_bytes` takes."""
        return {pk: rows.encode() for pk, rows in self._values.items()}

    def plus(self, other: RowIndex) -> RowIndex:
        """Both."""
        if not len(other):
            return self
        return RowIndex({**self._values, **other._values})

    def kept(self, wanted: Callable[[int], bool]) -> RowIndex:
        """The same, of claims that are wanted."""
        return RowIndex({pk: rows for pk, rows in self._values.items() if wanted(pk)})

    def alike(
        self,
        rows: EmbeddingRows,
        removal_of: Callable[[int], str | None],
        exclude: Collection[str] = (),
    ) -> tuple[RowsLikeness, ...]:
        """Removals whose embeddings these are; of several files of one the most alike, the surest
        first. `removal_of`: of a claim that counts."""
        best: dict[str, RowsLikeness] = {}
        for pk in self._near(rows):
            removal = removal_of(pk)
            if removal is None or removal in exclude:
                continue
            found = compare_rows(self._values[pk], rows)
            if found is None:
                continue
            like = RowsLikeness(removal, pk, found)
            if removal not in best or _rank(like) > _rank(best[removal]):
                best[removal] = like
        return tuple(
            sorted(best.values(), key=lambda like: (*(-n for n in _rank(like)), like.removal))
        )

    def removals(
        self, connection: Connection, only: Collection[str] | None = None
    ) -> dict[int, str]:
        """The removals (of these; None: all) that the claims are about."""
        found: dict[int, str] = {}
        for chunk in chunks(sorted(self._values)):
            query = (
                select(claims.c.pk, removals.c.id)
                .join(removals, removals.c.pk == claims.c.removal_pk)
                .where(claims.c.pk.in_(chunk))
            )
            found.update((pk, id) for pk, id in connection.execute(query))
        return {pk: id for pk, id in found.items() if only is None or id in only}

    def _near(self, rows: EmbeddingRows) -> list[int]:
        """Claims of which any row that counts is near one of these."""
        found: set[int] = set()
        units = rows.units()
        for width, (known, owners) in self._by_width.items():
            mine = units[rows.widths == width]
            if not len(mine):
                continue
            for at in range(0, len(known), _BLOCK):
                near = (known[at : at + _BLOCK] @ mine.T).max(axis=1) >= ALIKE
                found.update(owners[at : at + _BLOCK][near].tolist())
        return sorted(found)

    @cached_property
    def _by_width(self) -> dict[int, tuple[Floats, NDArray[np.int64]]]:
        """All rows that count, and whose they are."""
        units: dict[int, list[Floats]] = {}
        owners: dict[int, list[int]] = {}
        for pk, rows in self._values.items():
            every, tells = rows.units(), rows.tells
            for width in np.unique(rows.widths[tells]).tolist():
                mine = every[tells & (rows.widths == width)]
                units.setdefault(width, []).append(mine)
                owners.setdefault(width, []).extend([pk] * len(mine))
        return {
            width: (np.concatenate(some), np.array(owners[width], np.int64))
            for width, some in units.items()
        }


def _rank(like: RowsLikeness) -> tuple[float, float]:
    found = like.comparison
    return found.agreeing / found.rows, found.cosine
