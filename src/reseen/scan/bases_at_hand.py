"""The base models that a scan tells checkpoints from, loaded when the first one comes."""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from reseen.records import Container, Fingerprint
from reseen.registry import bases, never_read
from reseen.registry.never_read import NeverRead
from reseen.store import search_key
from reseen.store.database import Store

if TYPE_CHECKING:
    from reseen.match.checkpoint_layers import LayersByBase
    from reseen.match.checkpoints import KnownBase


def may_be_checkpoint(read: Fingerprint, never: NeverRead) -> bool:
    """Is it worth a look whether a file here is a checkpoint? Not what is an adapter, an archive or
    damaged, nor of the class that is never read."""
    is_other = read.sketch is not None or read.rows is not None or read.is_archive_alone
    is_model = read.container not in (None, Container.UNKNOWN) or bool(read.shards)
    is_read = read.problem is None and is_model
    return is_read and not is_other and not never_read.forbids(never, read)


class LayerChoices(Protocol):
    """What says of each checkpoint which layers are read."""

    def choice(self, *, anyhow: bool = False) -> LayersByBase:
        """Of one checkpoint. `anyhow`: as in `LayersByBase`."""


class WithoutBases:
    """Of a sweep, which asks no database: layers are read whatever the base is, and what is inside
    is told where they are imported. `key`: nobody else may know it."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def choice(self, *, anyhow: bool = False) -> LayersByBase:
        """`anyhow` or not: no base is known."""
        from reseen.match.checkpoint_layers import MOST_AT_HUB, LayersByBase

        return LayersByBase((), self._key, MOST_AT_HUB, anyhow=True)


class BasesAtHand:
    """Those of a store, as they are when they are first asked for. In whatever thread."""

    def __init__(self, store: Store) -> None:
        self._store, self._one_at_a_time = store, Lock()

    def choice(self, *, anyhow: bool = False) -> LayersByBase:
        """Which layers of one checkpoint are read. `anyhow`: as in `LayersByBase`."""
        from reseen.match.checkpoint_layers import MOST_AT_HUB, LayersByBase

        with self._one_at_a_time:
            known, key = self._loaded
        return LayersByBase(known, key, MOST_AT_HUB, anyhow=anyhow)

    @property
    def known(self) -> tuple[KnownBase, ...]:
        """All of them."""
        with self._one_at_a_time:
            return self._loaded[0]

    @cached_property
    def _loaded(self) -> tuple[tuple[KnownBase, ...], bytes]:
        from reseen.match.checkpoints import known_bases  # numpy, which few scans need

        with self._store.read() as connection:
            return tuple(known_bases(bases.sketches(connection))), search_key.of(connection)
