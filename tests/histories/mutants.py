"""Products without one consequence each: the histories must tell them from a right one.

A mutant is a context: inside it, an act no longer has what follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest import mock

from reseen.operations import consequences, lists, removals
from reseen.registry import learning
from reseen.scan import commit_batch
from reseen.store import change_log, schema
from reseen.store.database import Store, upsert
from reseen.store.sealing import Keyring

Mutant = AbstractContextManager[None]


class _Blind:
    """`operations.consequences` for somebody who forgets the past: what changed counts as matched,
    and was not."""

    def __getattr__(self, name: str) -> Any:
        return getattr(consequences, name)

    def follow(
        self, store: Store, keyring: Keyring | None = None, *, since: int | None = None
    ) -> consequences.Followed:
        with store.write() as connection:
            latest = change_log.latest(connection)
            row = {"name": consequences.MATCHED, "value": str(latest).encode()}
            upsert(connection, schema.meta, [row], key=("name",), update=("value",))
        return consequences.follow(store, keyring)


@contextmanager
def imports_forget_the_past() -> Iterator[None]:
    with mock.patch.object(lists, "consequences", _Blind()):
        yield


@contextmanager
def restores_forget_the_past() -> Iterator[None]:
    with mock.patch.object(removals, "consequences", _Blind()):
        yield


@contextmanager
def learning_forgets_the_past() -> Iterator[None]:
    """What was read teaches nothing. (That a scan looks back at once can be left out: what is owed
    is found again at its end.)"""
    with mock.patch.object(learning, "learn", return_value=set()):
        yield


@contextmanager
def confirming_forgets_the_past() -> Iterator[None]:
    """A scan that is to read more leaves what is known as it is."""
    with mock.patch.object(commit_batch, "_is_late", return_value=False):
        yield


MUTANTS: tuple[Callable[[], Mutant], ...] = (
    imports_forget_the_past,
    restores_forget_the_past,
    learning_forgets_the_past,
    confirming_forgets_the_past,
)
