"""What weights tell: which removals a file is like, whatever was done to it.

What comes in: sketches and the rows of embeddings. What goes out: matches on the rung weights, and
which modules of a file are worth reading before that is known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseen.match import evidence
from reseen.match.digest_index import DigestIndex
from reseen.match.evidence import gather
from reseen.observed.further import pk_of
from reseen.records import Fingerprint, Match, Rung

if TYPE_CHECKING:
    from reseen.fingerprints.rows import EmbeddingRows
    from reseen.fingerprints.sketch import Sketch
    from reseen.match.rows import RowIndex, RowsLikeness
    from reseen.match.sketch_index import Likeness, SketchIndex


@dataclass(frozen=True, slots=True, eq=False)
class LikenessIndex(DigestIndex):
    """Matches by weights."""

    sketches: SketchIndex | None = None
    """None where nothing is sketched."""
    rows: RowIndex | None = None
    """None where no removal is an embedding."""

    @property
    def sketched(self) -> bool:
        """Is there any sketch to be like?"""
        return (self.sketches is not None and len(self.sketches) > 0) or self.has_rows

    @property
    def has_rows(self) -> bool:
        """Is any removal an embedding?"""
        return self.rows is not None and len(self.rows) > 0

    def could_match(self, modules: Mapping[str, bytes]) -> frozenset[str]:
        """The groups in which a file with these modules could come near a removal: decided by its
        header alone. `modules`: as `fingerprints.entries.modules_of`."""
        return self.sketches.could_match(modules) if self.sketches else frozenset()

    def first_modules(
        self, groups: Collection[str], offered: Mapping[str, tuple[int, int]]
    ) -> frozenset[str]:
        """What to read first of a file that could match in these groups: the names of a few of its
        modules. `offered`: where in the file each lies."""
        return self.sketches.first_modules(groups, offered) if self.sketches else frozenset()

    def next_modules(
        self, groups: Collection[str], offered: Mapping[str, tuple[int, int]], read: Collection[str]
    ) -> frozenset[str]:
        """What to read after these modules, where they leave a doubt."""
        return self.sketches.next_modules(groups, offered, read) if self.sketches else frozenset()

    def leaves_doubt(self, sketch: Sketch) -> bool:
        """Is a file of which few modules were read so near to anything that a few more are worth
        reading, though not near enough to read all?"""
        return self.sketches is not None and self.sketches.leaves_doubt(sketch)

    def is_near(self, sketch: Sketch) -> bool:
        """Does a file come near any removal, so that all its modules are worth comparing?"""
        return bool(self._near(sketch, ()))

    def copies(
        self, read: Fingerprint | Sketch | EmbeddingRows, exact: Collection[Match] = ()
    ) -> tuple[Match, ...]:
        """Matches on the weights rung: files whose updates are copies of a removal's, whatever was
        done to them; and leads, where the order of layers is all that names them. `exact`: matches
        by the same bytes, which need no such evidence."""
        besides = {match.removal for match in exact if match.rung > Rung.WEIGHTS}
        by_rows = ((r.removal, evidence.of_rows(r.comparison)) for r in self.alike(read, besides))
        likenesses = self.likenesses(read, besides)
        by_layers = (
            (like.removal, said)
            for like in likenesses
            if (said := evidence.of_likeness(like.comparison)) is not None
        )
        return gather((*by_layers, *by_rows))

    def alike(
        self, read: Fingerprint | Sketch | EmbeddingRows, exclude: Collection[str] = ()
    ) -> tuple[RowsLikeness, ...]:
        """Removals whose embeddings a file has, the surest first. `exclude`: removals that need no
        comparison."""
        if self.rows is None or (isinstance(read, Fingerprint) and read.rows is None):
            return ()
        from reseen.fingerprints import rows

        if isinstance(read, Fingerprint):
            assert read.rows is not None
            read = rows.decode(read.rows)
        if not isinstance(read, rows.EmbeddingRows):
            return ()
        return self.rows.alike(read, self.searched, exclude)

    def related(self, read: Fingerprint | Sketch) -> tuple[Likeness, ...]:
        """Removals that are no more than related by training. Accuses nobody: never a match."""
        found = self.likenesses(read)
        if not found:
            return ()
        from reseen.match.compare import Relation

        return tuple(like for like in found if like.comparison.relation is Relation.RELATED)

    def likenesses(
        self, read: Fingerprint | Sketch | EmbeddingRows, exclude: Collection[str] = ()
    ) -> tuple[Likeness, ...]:
        """How like the removals a file is, by all its modules; the best file of each removal, the
        surest first. `exclude`: removals that need no comparison. Raises StoreError."""
        if self.sketches is None or (isinstance(read, Fingerprint) and read.sketch is None):
            return ()
        from reseen.fingerprints.sketch import Sketch, decode
        from reseen.match.sketch_index import surest

        sketches: list[Sketch] = []
        further: list[Sketch] = []
        if isinstance(read, Fingerprint):
            sketches = [decode(value) for value in read.sketches]
            further = sketches[len(sketches) - len(read.further_sketches) :]
        elif isinstance(read, Sketch):
            sketches = [read]
        near = [self._near(sketch, exclude) for sketch in sketches]
        found = [
            like
            for sketch, some in zip(sketches, near, strict=True)
            for like in self.sketches.compared(sketch, some)
        ]
        if further:
            every = list(dict.fromkeys(each for some in near for each in some))
            found += self.sketches.mixed([sketches[0], *further], every)
        return surest(*found)

    def _near(self, sketch: Sketch, exclude: Collection[str]) -> list[tuple[str, int]]:
        """(removal, sketch's key) of what is in force and comes near."""
        if self.sketches is None:
            return []
        near = [(self.searched(pk_of(c.key)), c.key) for c in self.sketches.nearest(sketch)]
        return [(id, key) for id, key in near if id is not None and id not in exclude]
