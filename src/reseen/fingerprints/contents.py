"""What is in a file, as its bytes stream by: its tensors' digest and its updates' sketch.

Never raises for what the file holds, not even where Reseen itself fails on it: the digests of the
whole file are computed beside this, and must not suffer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from reseen.errors import FileError, TooLarge, bulkhead
from reseen.files import limits
from reseen.files.archives import TOGETHER, UnpackBudget
from reseen.files.tensors import Listing, TensorInfo
from reseen.fingerprints.rows import RowCollector, work_of_rows
from reseen.fingerprints.sketcher import Sketched, Sketcher
from reseen.fingerprints.tensors import TensorsDigest
from reseen.records import BlindSpot
from reseen.updates.peft import PeftConfig
from reseen.updates.plan import Plan, plan
from reseen.updates.plan import prepare as prepare

T = TypeVar("T")

NO_LAYERS = "no layers are in it: its embeddings are known by their rows"
"""Why an embedding has no sketch."""


@dataclass(frozen=True, slots=True)
class ContentsRead:
    """What came of it."""

    tensors: bytes | None
    """The digest of its tensors."""
    sketch: bytes | None
    """In its published layout."""
    no_sketch: str | None
    """Why there is none."""
    fault: str | None
    """What Reseen itself failed on."""
    blind: tuple[BlindSpot, ...] = ()
    """What was not read."""
    others: tuple[bytes, ...] = ()
    """The sketches that it has under other names."""
    rows: bytes | None = None
    """Of its embeddings, in their published layout."""
    further: tuple[bytes, ...] = ()
    """The sketches of further adapters in it."""


class Contents:
    """One pass over a file whose tensors are listed: `feed` its bytes in order, then `finish`."""

    def __init__(
        self,
        listing: Listing,
        size: int,
        config: PeftConfig | None = None,
        position: int = 0,
        shared: UnpackBudget | None = None,
    ) -> None:
        """`position`: where in the file the first bytes fed will stand. `shared`: of the archive
        that the file stands in."""
        self._fault: FileError | None = None
        self._at = self._digested = position
        self._tensors = self._kept(lambda: TensorsDigest(listing, size))

        def planned() -> Plan:
            work = len(listing.tensors) * limits.WORK_OF_A_TENSOR
            if shared is not None and not shared.take_work(work):
                raise TooLarge(TOGETHER)
            return plan(listing, config)

        self._plan = made = self._kept(planned)
        self._sketcher = (
            None if made is None else self._kept(lambda: Sketcher(made, position, shared))
        )
        self._rows = None
        if made is not None and made.embeddings:
            self._rows = self._kept(lambda: _collector(made.embeddings, shared))

    def feed(self, view: memoryview) -> None:
        """The next bytes of the file."""
        self.feed_digest(view)
        self.feed_numbers(view)

    def feed_digest(self, view: memoryview) -> None:
        """The same for the tensors' digest alone, which another thread may do than the rest."""
        digest, at = self._tensors, self._digested
        self._digested += len(view)
        if digest is not None:
            self._tensors = self._kept(lambda: _fed(digest, lambda: digest.feed(view, at)))

    def feed_numbers(self, view: memoryview) -> None:
        """... and for the rest."""
        sketcher = self._sketcher
        if sketcher is not None:
            self._sketcher = self._kept(lambda: _fed(sketcher, lambda: sketcher.feed(view)))
        if self._rows is not None:
            self._rows.feed(view, self._at)
        self._at += len(view)

    def finish(self) -> ContentsRead:
        """What came of it. Every byte must have been fed."""
        digest, sketcher = self._tensors, self._sketcher
        tensors = None if digest is None else self._kept(lambda: digest.finish()[0])
        told = None if sketcher is None else self._kept(sketcher.finish)
        fault = None if self._fault is None else str(self._fault)
        made = told or Sketched(None, fault)
        sketch = None if made.sketch is None else made.sketch.encode()
        no_sketch = made.reason
        collected = self._rows
        of_rows = None if collected is None else self._kept(collected.finish)
        rows, rows_left = of_rows or (None, ())
        if rows is not None and sketch is None:
            no_sketch = NO_LAYERS
        not_read = () if self._plan is None else self._plan.not_read
        blind = [BlindSpot(each.code, each.reason, each.tensors) for each in not_read]
        blind += (*made.blind, *rows_left)
        if self._fault is not None:
            blind.append(BlindSpot(self._fault.code, str(self._fault)))
        return ContentsRead(
            tensors,
            sketch,
            no_sketch,
            fault,
            tuple(blind),
            tuple(other.encode() for other in made.others),
            None if rows is None else rows.encode(),
            tuple(each.encode() for each in made.further),
        )

    def _kept(self, work: Callable[[], T]) -> T | None:
        """What the work gives; None where Reseen itself fails on it, which is remembered."""
        try:
            with bulkhead():
                return work()
        except FileError as e:
            self._fault = self._fault or e
            return None


def _collector(embeddings: Sequence[TensorInfo], shared: UnpackBudget | None) -> RowCollector:
    if shared is not None and not shared.take_work(work_of_rows(embeddings)):
        raise TooLarge(TOGETHER)
    return RowCollector(embeddings)


def _fed(fed: T, feed: Callable[[], None]) -> T:
    feed()
    return fed
