"""A list is imported in the pages: sent, looked at, mapped, then imported or thrown away.

What comes in: who imports, with which browser, and a file. What goes out: what an import would do,
with the first rows in clear (a reveal, recorded); what it did; the rejected rows, once. Meanwhile
the file is kept sealed (`store.kept_files`): only the browser that sent it can go on with it, for
an hour at most.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, TypeVar

from reseen.errors import Conflict, InputError, NotFound, SealError
from reseen.operations import reading
from reseen.operations.import_process import (
    ImportReport,
    import_apart,
    preview_apart,
    rows_apart,
)
from reseen.operations.lists import ListPreview
from reseen.registry.imports import ImportOptions
from reseen.registry.list_rows import ListRows
from reseen.review.roles import Role, Who
from reseen.settings import Settings
from reseen.store import audit, kept_files
from reseen.store.database import Store
from reseen.store.kept_files import Keeper, KeptFile
from reseen.store.sealing import Keyring

E = TypeVar("E", bound=InputError)
LIST, REJECTS = "list", "rejects"
"""What is kept for a browser, at most one of each."""
_at_work = threading.Lock()


@dataclass(frozen=True, slots=True)
class Importer:
    """Who imports, and with what."""

    store: Store
    settings: Settings
    keyring: Keyring | None
    who: Who
    session: str = field(repr=False)
    """What the browser holds."""

    @property
    def keeper(self) -> Keeper:
        """Raises SealError without the key."""
        if self.keyring is None:
            raise SealError(
                "names cannot be sealed: the key is not here",
                remedy="Give the service the key in RESEEN_KEY or RESEEN_KEY_FILE.",
            )
        return Keeper.of(folder_of(self.settings), self.keyring, self.session)


def folder_of(settings: Settings) -> Path:
    """Where lists wait, sealed."""
    return settings.home / "imports"


def keep(importer: Importer, file: BinaryIO, name: str) -> KeptFile:
    """Keep a list that was sent, in the place of one that waits. `name`: the list's, for the person
    to know it by. Raises AccessError, SealError, Conflict and InputError."""
    importer.who.must_be(Role.LEAD)
    return kept_files.keep(importer.keeper, LIST, file, {"list": name})


def waiting(importer: Importer, kind: str = LIST) -> KeptFile | None:
    """What waits for this browser, if anything does."""
    return None if importer.keyring is None else kept_files.told(importer.keeper, kind)


def preview(importer: Importer, id: str, options: ImportOptions) -> ListPreview:
    """What an import with these options would do, and the first rows in clear: that is recorded,
    or does not happen. Raises NotFound, Conflict, InputError for options that make no sense,
    AccessError, SealError and StoreError."""
    importer.who.must_be(Role.LEAD)
    with _kept(importer, id) as file:
        found = preview_apart(importer.settings, file.fileno(), options)
    if found.heads:
        rows = sum(len(head.rows) for head in found.heads)
        with importer.store.write() as connection:
            actor = importer.who.actor
            audit.write(
                connection, "reveal", "*", actor=actor, list=options.list_name or "", rows=rows
            )
    return replace(found, problem=found.problem and _in_pages(found.problem))


def import_kept(
    importer: Importer, id: str, options: ImportOptions
) -> tuple[ImportReport, KeptFile | None]:
    """Import it; it is kept no longer, and its rejected rows are: which file has them, if any does.
    Where it cannot be imported so, it stays. Raises ListError, and as `preview` does."""
    importer.who.must_be(Role.LEAD)
    with _kept(importer, id) as file:
        asked = replace(options, keep_rejects=True, actor=importer.who.actor)
        report = import_apart(importer.settings, file.fileno(), asked)
        kept_files.drop(importer.keeper, LIST, id)
    rejects = None
    if report.rejects is not None:
        told = {"list": report.account.list, "rows": report.rejected}
        with suppress(Conflict, InputError):  # it was imported: what is left is said on the page
            rejects = kept_files.keep(importer.keeper, REJECTS, io.BytesIO(report.rejects), told)
    reading.queue(importer.store, importer.settings.hubs, importer.who)
    return report, rejects


def throw_away(importer: Importer, id: str) -> None:
    """The list is kept no longer. Raises NotFound where none is."""
    if not kept_files.drop(importer.keeper, LIST, id):
        raise _gone()


def take_rejects(importer: Importer, id: str) -> bytes:
    """The rejected rows, once: recorded, and kept no longer. Raises NotFound."""
    importer.who.must_be(Role.LEAD)
    kept = _told(importer, id, REJECTS)
    if kept is None:
        raise NotFound(
            "these rejected rows are kept no longer",
            remedy="They can be taken once, for an hour. Import the list again to have them.",
        )
    with kept_files.opened(importer.keeper, REJECTS, id) as file:
        rows = file.read()
    with importer.store.write() as connection:
        audit.write(
            connection, "export", "*", actor=importer.who.actor,
            form="rejects", list=str(kept.what["list"]), rows=int(kept.what["rows"]),
        )  # fmt: skip
        if not kept_files.drop(importer.keeper, REJECTS, id):  # then nothing is recorded twice
            raise Conflict("these rejected rows were taken just now")
    return rows


def rows_about(importer: Importer, file: BinaryIO) -> ListRows:
    """Which rows of a list that was sent are about which removal, for a report: it is read and not
    kept, and nothing is written but by who records the report. Raises ListError, Conflict,
    InputError, AccessError and SealError."""
    importer.who.must_be(Role.REVIEWER)
    with _alone():
        return rows_apart(importer.settings, file.fileno(), ImportOptions())


@contextmanager
def _kept(importer: Importer, id: str) -> Iterator[BinaryIO]:
    """The list in clear, while this is the only one that is worked on here."""
    if _told(importer, id, LIST) is None:
        raise _gone()
    with _alone(), kept_files.opened(importer.keeper, LIST, id) as file:
        yield file


@contextmanager
def _alone() -> Iterator[None]:
    """While no other list is read here."""
    if not _at_work.acquire(blocking=False):
        raise Conflict("another list is being read", remedy="Wait for it, then try again.")
    try:
        yield
    except InputError as error:
        raise _in_pages(error) from None
    finally:
        _at_work.release()


def _in_pages(error: E) -> E:
    """Without options of the command."""
    if "--" not in (error.remedy or ""):
        return error
    return type(error)(str(error), remedy="Say which column is what, or send another file.")


def _told(importer: Importer, id: str, kind: str) -> KeptFile | None:
    """What is kept under this id; another may have been sent since."""
    kept = kept_files.told(importer.keeper, kind)
    return kept if kept is not None and kept.id == id else None


def _gone() -> NotFound:
    return NotFound(
        "this list is kept no longer",
        remedy="A list waits for an hour, in the browser that sent it, until it is imported, "
        "thrown away, or another one is sent. Send it again.",
    )
