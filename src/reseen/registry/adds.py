"""`registry add`: local files become removals. Each file is a list of one row.

What comes in: paths. What goes out: an account of every file. Each is read once, through all
hashes; a removal of which a claim holds an equal full digest gets one claim more, and no second
removal is made. File names are names: sealed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath

from sqlalchemy import Connection

from reseen.errors import FileError, bulkhead
from reseen.fingerprints.known_bogus import why_bogus, why_no_model
from reseen.records import Digest, DigestKind, Fingerprint, Names, RemovalClass, RemovedFile, Rung
from reseen.registry import (
    claim_moves,
    digests_asked,
    file_facts,
    learning,
    never_read,
    of_several_files,
)
from reseen.registry.claim_lines import ClaimLines
from reseen.registry.draft import Draft
from reseen.registry.known import Reader
from reseen.registry.merge import merge
from reseen.registry.never_read import read_local
from reseen.registry.store_rows import write
from reseen.store import audit, links
from reseen.store.database import Store
from reseen.store.sealing import Keyring


class AddOutcome(StrEnum):
    ADDED = "added"
    MERGED = "merged"
    """Into a removal that holds an equal full digest; it learned something."""
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, repr=False)
class Added:
    """What became of one file. Silent when printed: a path holds names."""

    path: Path
    outcome: AddOutcome
    removal: str | None = None
    reason: str | None = None
    """Why it was rejected, or what else there is to say."""
    removals: frozenset[int] = frozenset()
    """Removals (by pk) of which something was written."""
    layers: int | None = None
    """Whose weights can be compared; None: nothing can."""
    further: int = 0
    """Adapters beside the first that are in the file: each is known alone."""
    no_sketch: str | None = None
    """Why altered copies of it cannot be recognised; None where they can."""

    def __repr__(self) -> str:
        return f"Added({self.outcome.value}, {self.removal})"


@dataclass(frozen=True, slots=True)
class AddOptions:
    """What is said of local files that become removals."""

    list: str = "local"
    site: str | None = None
    names: Names | None = None
    cls: RemovalClass | None = None
    anyway: bool = False
    """Also what can hardly be a model: a web page, a pointer, a file that is cut off."""


def add_files(
    store: Store,
    keyring: Keyring,
    paths: Sequence[Path],
    options: AddOptions | None = None,
    *,
    progress: Callable[[int], None] | None = None,
) -> tuple[Added, ...]:
    """Register files (and all files under folders), one removal each; accounts for every one. Of an
    archive, each model in it is one more.
    `progress` is told bytes read. A withdrawn removal stays withdrawn."""
    options = options or AddOptions()
    with store.read() as connection:
        never = never_read.load(connection)
        class_said = never_read.is_told(connection, options.list, options.cls)
        also = digests_asked.asked(connection)

    def one(path: Path) -> Iterator[Added]:
        try:
            with bulkhead():
                read = read_local(path, never, progress, class_said=class_said, also=also)
        except FileError as e:
            yield Added(path, AddOutcome.REJECTED, reason=str(e))
            return
        looked_at = read.size > 0 and not options.anyway
        why = why_no_model_file(path, read) if looked_at else None
        if why is not None:
            why = f"{why} (or take it with --anyway)"
            yield Added(path, AddOutcome.REJECTED, reason=why)
            return
        added = _add(store, keyring, path, read, _draft(options, path.name))
        unread = [str(spot) for spot in read.blind if spot.code != "never-read"]
        if class_said and unread:
            added = replace(added, reason="; ".join(unread))
        yield added
        around = {"": read.digests}
        for place, member in read.within:
            outside, _, name = place.rpartition("!")
            archives = around[outside]
            around[place] = (*archives, *member.digests)
            # Of what lies in an archive only models: there is no telling what else does.
            if class_said or member.judged.by_weights or Rung.TENSORS in member.judged.rungs:
                draft = _draft(options, PurePosixPath(name).name)
                yield _add(store, keyring, Path(f"{path}{place}"), member, draft, archives)

    return tuple(added for path in _files(paths) for added in one(path))


def _draft(options: AddOptions, file_name: str) -> Draft:
    """A list's one row about a file of this name."""
    given = options.names or Names()
    own = replace(given, file_names=(*given.file_names, file_name))
    where = links.normal_site(options.site) if options.site else None
    draft = Draft(0, "", own, (), None, where, None, options.list)
    draft.cls = options.cls
    return draft


def _add(
    store: Store,
    keyring: Keyring,
    path: Path,
    read: Fingerprint,
    draft: Draft,
    archives: Sequence[Digest] = (),
) -> Added:
    """`archives`: digests of those that it stands in."""
    full = [d for d in read.digests if not d.kind.is_short and why_bogus(d) is None]
    if not full or read.size == 0:
        return Added(path, AddOutcome.REJECTED, reason="the file is empty")
    draft.digests, draft.size = read.digests, read.size
    draft.file = RemovedFile(
        (),
        read.size,
        read.container,
        read.data_size,
        read.layout,
        read.sketch,
        read.rows,
        read.further_sketches,
    )
    with store.write() as connection:
        before = of_several_files.about(connection, read) if archives else ()
        reader = Reader(connection, keyring)
        known = reader.known([draft])
        merged = merge([draft], known, lambda id, sealed: keyring.open(sealed, id), reader.more)
        (outcome,), (standing,) = merged.outcomes, merged.about
        lines = ClaimLines()
        written = write(connection, keyring, merged, lines)
        claim_moves.log(connection, lines.moved, None)
        if written:
            told = file_facts.stood(connection, lines.pks, {})
            (one,) = told.values()  # a file is a list of one row
            act = audit.Act("add", standing.id, None, lines.details(connection), stood=one)
            audit.append(connection, [act])
        claim_moves.say_class_too(connection, lines.moved, None)
        learning.learn(connection, removals=written)
        renewed = _renew(connection, read)
        of_several_files.keep(connection, read, archives, before)
        became = AddOutcome(outcome.value)
        if renewed and became is AddOutcome.UNCHANGED:
            became = AddOutcome.MERGED
        out = standing.stays_withdrawn(draft.list_name)
        why = "it is withdrawn, and stays so" if out else None
        layers = None
        if read.sketch is not None:
            from reseen.fingerprints.sketch import decode  # numpy, for those that have one alone

            layers = len(decode(read.sketch).ids)
        more = len(read.further_sketches)
        blunt = None if layers is not None or read.rows is not None else read.no_sketch
        return Added(path, became, standing.id, why, written | renewed, layers, more, blunt)


def _renew(connection: Connection, read: Fingerprint) -> set[int]:
    """What was read before by an earlier version is known by this one from now on."""
    sha256 = next((d.value for d in read.digests if d.kind is DigestKind.SHA256), None)
    if sha256 is None or (read.sketch is None and read.rows is None):
        return set()
    return learning.renew(connection, sha256, read)


def why_no_model_file(path: Path, read: Fingerprint) -> str | None:
    """Why this file can hardly be a model, and what to do; None for one that may."""
    with path.open("rb") as file:
        return why_no_model(file.read(1_024), read)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """Files as given, and all under folders in a stable order; links are followed only as given."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, files in os.walk(path):
            folders.sort()
            for name in sorted(files):
                each = Path(folder) / name
                if each.is_file() and not each.is_symlink():
                    yield each
