"""An import, or a look at what one would do, in a process of its own, for a service that answers
others meanwhile.

What comes in: the settings, an open file, and how to read it. What goes out: what became of it,
shortened to what a page shows, and the rejected rows as the command line writes them. It promises
that a list is imported as a whole or not at all, and what `own_process` promises.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from multiprocessing import reduction
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from reseen.errors import ListError, SealError
from reseen.operations.lists import ListPreview, import_list, preview_list, rows_about
from reseen.operations.own_process import in_own_process
from reseen.registry.import_account import ImportAccount
from reseen.registry.imports import ImportOptions
from reseen.registry.list_rows import ListRows
from reseen.settings import Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring

T = TypeVar("T")
_Work: TypeAlias = Callable[[Store, Keyring, Path, ImportOptions], T]

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


def import_apart(settings: Settings, file: int, options: ImportOptions) -> ImportReport:
    """Import the list in an open file (by its descriptor) and wait for it, in a thread that stays
    until then. Raises what `lists.import_list` raises."""
    return _apart(imported, settings, file, options)


def preview_apart(settings: Settings, file: int, options: ImportOptions) -> ListPreview:
    """As `import_apart`, of what it would do. Raises what `lists.preview_list` raises."""
    return _apart(previewed, settings, file, options)


def rows_apart(settings: Settings, file: int, options: ImportOptions) -> ListRows:
    """As `import_apart`, of which of its rows are about which removal; nothing is written. Raises
    what `lists.rows_about` raises."""
    return _apart(rows_about, settings, file, options)


def _apart(work: _Work[T], settings: Settings, file: int, options: ImportOptions) -> T:
    died = ListError(
        "the process that imported the list was ended",
        remedy="A list is imported as a whole or not at all: see whether it is there, then try "
        "again.",
    )
    given = (work, _Descriptor(file), settings, options)
    answer: T = in_own_process(_with_store, *given, nice=NICE, died=died)
    return answer


# -- in the process --------------------------------------------------------------------------------


def _with_store(work: _Work[T], file: int, settings: Settings, options: ImportOptions) -> T:
    with Store(settings.db) as store:
        keyring = Keyring.for_store(store, settings, create=False)
        if keyring is None:
            raise SealError("names cannot be sealed: the key is not here")
        return work(store, keyring, Path(f"/dev/fd/{file}"), options)


def previewed(store: Store, keyring: Keyring, path: Path, options: ImportOptions) -> ListPreview:
    found = preview_list(store, keyring, path, options)
    return replace(found, account=found.account and shortened(found.account))


def imported(store: Store, keyring: Keyring, path: Path, options: ImportOptions) -> ImportReport:
    rejects = io.BytesIO()
    done = import_list(store, keyring, path, replace(options, rejects=rejects))
    csv = rejects.getvalue()
    return ImportReport(
        shortened(done.account),
        len(done.account.rejected),
        len(done.sightings),
        csv if 0 < len(csv) <= MOST_REJECTS else None,
    )


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
