"""An import, or a look at what one would do, in a process of its own, for a service that answers
others meanwhile.

What comes in: the settings, an open file, and how to read it. What goes out: what became of it,
shortened to what a page shows, and the rejected rows as the command line writes them. It promises
that whatever a list does, the process that asked goes on; that a list is imported as a whole or not
at all; and that no process is left when the one that asked ends, in whatever way.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import reduction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from reseen import errors
from reseen.errors import ListError, ReseenError, SealError, Unforeseen, bulkhead
from reseen.files.system_limits import die_with
from reseen.gate.upload_starter import stand_back
from reseen.operations.lists import ListPreview, import_list, preview_list
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
MOST_REJECTS = 128 << 20
"""Bytes of rejected rows that are handed on."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a list."""

    account: ImportAccount
    """Of what it tells one by one, the first `SHOWN`."""
    rejected: int
    sightings: int
    """That are new."""
    rejects: bytes | None = field(default=None, repr=False)
    """The rejected rows as a CSV file; None where there are none, or more than `MOST_REJECTS`."""


T = TypeVar("T")


def import_apart(settings: Settings, file: int, options: ImportOptions) -> ImportReport:
    """Import the list in an open file (by its descriptor) and wait for it, in a thread that stays
    until then. Raises what `lists.import_list` raises."""
    return _apart(settings, file, options, ImportReport)


def preview_apart(settings: Settings, file: int, options: ImportOptions) -> ListPreview:
    """As `import_apart`, of what it would do. Raises what `lists.preview_list` raises."""
    return _apart(settings, file, options, ListPreview)


def _apart(settings: Settings, file: int, options: ImportOptions, wanted: type[T]) -> T:
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe(duplex=False)
    process = context.Process(
        target=_work, args=(its, _Descriptor(file), settings, options, wanted), daemon=True
    )
    process.start()
    its.close()
    with ours:
        try:
            told = ours.recv()
        except EOFError:
            told = None
    process.join()
    if isinstance(told, wanted):
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


def _work(
    link: Connection, file: int, settings: Settings, options: ImportOptions, wanted: type[object]
) -> None:
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
            path = Path(f"/dev/fd/{file}")
            if wanted is ListPreview:
                told: object = previewed(store, keyring, path, options)
            else:
                told = imported(store, keyring, path, options)
    except ReseenError as e:
        told = (type(e).__name__, str(e), e.remedy)
    link.send(told)


def previewed(store: Store, keyring: Keyring, path: Path, options: ImportOptions) -> ListPreview:
    found = preview_list(store, keyring, path, options)
    return replace(found, account=found.account and shortened(found.account))


def imported(store: Store, keyring: Keyring, path: Path, options: ImportOptions) -> ImportReport:
    rejects: list[bytes] = []
    if options.keep_rejects:
        with _pipe_into(rejects) as pipe:
            done = import_list(store, keyring, path, replace(options, rejects=pipe))
    else:
        done = import_list(store, keyring, path, options)
    csv = b"".join(rejects)
    return ImportReport(
        shortened(done.account),
        len(done.account.rejected),
        len(done.sightings),
        csv if 0 < len(csv) <= MOST_REJECTS else None,
    )


@contextmanager
def _pipe_into(taken: list[bytes]) -> Iterator[Path]:
    """A path; what is written there is taken, up to a bit more than `MOST_REJECTS`."""
    ours, its = os.pipe()

    def take() -> None:
        held = 0
        with os.fdopen(ours, "rb") as pipe:
            while piece := pipe.read(1 << 20):
                held += len(piece)
                if held - len(piece) <= MOST_REJECTS:
                    taken.append(piece)

    taker = threading.Thread(target=take, daemon=True)
    taker.start()
    try:
        yield Path(f"/dev/fd/{its}")
    finally:
        os.close(its)
        taker.join()


def shortened(account: ImportAccount) -> ImportAccount:
    """What a page shows of it."""
    return replace(
        account,
        rejected=account.rejected[:SHOWN],
        columns=account.columns[:SHOWN],
        unknown_columns=account.unknown_columns[:SHOWN],
        notes=account.notes[:SHOWN],
        removals=frozenset(),
        rejects_file=None,
    )


class _Descriptor:
    """An open file on its way to another process, where it is a descriptor again."""

    def __init__(self, file: int) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Callable[..., int], tuple[Any, ...]]:
        return _opened, (reduction.DupFd(self._file),)


def _opened(duplicate: Any) -> int:
    return int(duplicate.detach())
