"""An import in a process of its own, for a service that answers others meanwhile.

What comes in: the settings, an open file, and how to read it. What goes out: what became of it,
shortened to what a page shows. It promises that whatever a list does, the process that asked goes
on; that a list is imported as a whole or not at all; and that no process is left when the one that
asked ends, in whatever way.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing import reduction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from reseen import errors
from reseen.errors import ListError, ReseenError, SealError, Unforeseen, bulkhead
from reseen.files.system_limits import die_with
from reseen.gate.upload_starter import stand_back
from reseen.operations.lists import Imported, import_list
from reseen.registry.import_account import ImportAccount
from reseen.registry.imports import ImportOptions
from reseen.scan.pool import end_with_parent
from reseen.settings import Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring

NICE = 5
"""It stands back for checks, and not for uploads: it keeps others from writing while it writes."""
SHOWN = 200
"""Rejected rows, columns and notes that are told one by one."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a list."""

    account: ImportAccount
    """Of what it tells one by one, the first `SHOWN`."""
    rejected: int
    sightings: int
    """That are new."""


def import_apart(settings: Settings, file: int, options: ImportOptions) -> ImportReport:
    """Import the list in an open file (by its descriptor) and wait for it, in a thread that stays
    until then. Raises what `lists.import_list` raises."""
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe(duplex=False)
    process = context.Process(
        target=_import, args=(its, _Descriptor(file), settings, options), daemon=True
    )
    process.start()
    its.close()
    with ours:
        try:
            told = ours.recv()
        except EOFError:
            told = None
    process.join()
    if isinstance(told, ImportReport):
        return told
    raise _error(told)


def _error(answer: tuple[str, str, str | None] | None) -> ReseenError:
    """What the process raised."""
    if answer is None:
        return ListError(
            "the process that imported the list was ended",
            remedy="A list is imported as a whole or not at all: see whether it is there, then try "
            "again.",
        )
    name, message, remedy = answer
    kind = getattr(errors, name, None)
    if not isinstance(kind, type) or not issubclass(kind, ReseenError):
        kind = ReseenError
    if issubclass(kind, Unforeseen):  # one list's trouble
        kind = ListError
    return kind(message, remedy=remedy)


# -- in the process --------------------------------------------------------------------------------


def _import(link: Connection, file: int, settings: Settings, options: ImportOptions) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        die_with(parent.pid)
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the service's to heed
    stand_back(NICE)
    try:
        with bulkhead(), Store(settings.db) as store:
            keyring = Keyring.for_store(store, settings, create=False)
            if keyring is None:
                raise SealError("names cannot be sealed: the key is not here")
            done = import_list(store, keyring, Path(f"/dev/fd/{file}"), options)
            told: object = _shortened(done)
    except ReseenError as e:
        told = (type(e).__name__, str(e), e.remedy)
    link.send(told)


def _shortened(done: Imported) -> ImportReport:
    account = replace(
        done.account,
        rejected=done.account.rejected[:SHOWN],
        columns=done.account.columns[:SHOWN],
        unknown_columns=done.account.unknown_columns[:SHOWN],
        notes=done.account.notes[:SHOWN],
        removals=frozenset(),
    )
    return ImportReport(account, len(done.account.rejected), len(done.sightings))


class _Descriptor:
    """An open file on its way to another process, where it is a descriptor again."""

    def __init__(self, file: int) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Callable[..., int], tuple[Any, ...]]:
        return _opened, (reduction.DupFd(self._file),)


def _opened(duplicate: Any) -> int:
    return int(duplicate.detach())
