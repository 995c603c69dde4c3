"""A folder or a local Hub cache: every file through the hashes, in parallel over cores.

What comes in: a path. What goes out: the same rows as the scan of a hub gives, under the hub
"folder". Every byte is read, so what matches does so on its own bytes; what a cache's blob names
claim is checked. A file that cannot be read is a problem with its reason, and the rest goes on.
Started again after a kill it reads everything again and records nothing twice.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, update

from reseen.errors import FileError, Unforeseen, bulkhead
from reseen.hubs.folder import LocalArtifact, walk
from reseen.hubs.kinds import FOLDER
from reseen.match.registry_index import RegistryIndex
from reseen.observed import artifacts as seen
from reseen.observed import sightings
from reseen.observed.blind_spots import DAMAGED
from reseen.records import (
    Artifact,
    Confirmed,
    Coverage,
    DigestKind,
    Fingerprint,
    Problem,
    Repository,
    RepoType,
)
from reseen.registry import digests_asked, never_read
from reseen.registry.never_read import NeverRead
from reseen.scan import archived, scan_rows
from reseen.scan.bases_at_hand import BasesAtHand, may_be_checkpoint
from reseen.scan.budget import Kind
from reseen.scan.inspect import ArtifactResult, concluded, read_in_full
from reseen.scan.pool import read_files
from reseen.scan.progress import Found, Outcome, Progress, Report
from reseen.scan.read_result import BLIND, NOT_READ, ReadResult, blindness, with_trouble
from reseen.scan.record import record_seen
from reseen.scan.reinspection import record_past
from reseen.store import schema
from reseen.store.database import Store, now
from reseen.store.sealing import Keyring

if TYPE_CHECKING:
    from reseen.scan.checkpoint import LayersRead

_BATCH = 200  # files written in one transaction
_SECONDS = 2.0  # ... or as many as come in this time
UNREAD = "files that could not be read"
POINTERS = "Git LFS pointers, judged by what they state (git lfs pull brings the files)"


@dataclass(slots=True)
class _Counts:
    """What a running scan has counted."""

    places: set[tuple[RepoType, str]] = field(default_factory=set)
    files: int = 0
    bytes_read: int = 0
    unread: int = 0
    unjudged: int = 0
    damaged: int = 0
    blind: Counter[str] = field(default_factory=Counter)
    pointers: int = 0
    sightings: int = 0
    learned: set[str] = field(default_factory=set)

    @property
    def coverage(self) -> Coverage:
        return Coverage(
            listed=len(self.places),
            walked=len(self.places),
            artifacts=self.files,
            bytes_read=self.bytes_read,
            bytes_by={Kind.WHOLE.value: self.bytes_read} if self.bytes_read else {},
            skipped={
                why: n
                for why, n in (
                    (UNREAD, self.unread),
                    (BLIND, self.unjudged),
                    (DAMAGED, self.damaged),
                    (POINTERS, self.pointers),
                )
                if n
            },
            blind=self.blind,
        )


@dataclass(frozen=True, slots=True)
class _Came:
    """One file, read."""

    artifact: Artifact
    fingerprint: Fingerprint | None
    """None: a Git LFS pointer lies there, and not the file."""
    layers: LayersRead | Unforeseen | None = None
    """Of a checkpoint; an error, where looking at them failed."""


def scan_folder(
    store: Store,
    keyring: Keyring | None,
    path: Path,
    *,
    jobs: int | None = None,
    report: Report | None = None,
    found: Found | None = None,
) -> Outcome:
    """Scan a folder. `jobs`: processes (default: one a core; 1 reads in this one). `report` and
    `found` are told of progress and of each new sighting. Raises InputError when there is nothing
    at `path`."""
    files = walk(path)
    with store.write() as connection:
        scan = _begin(connection, path)
        known = RegistryIndex.load(connection, keyring)
        never = never_read.load(connection)
        also = digests_asked.asked(connection)
    count = _Counts()
    new: list[str] = []
    at_hand = BasesAtHand(store)
    came = _came(files, jobs or os.cpu_count() or 1, never, also, count, at_hand)
    for batch in _batches(came):
        with store.write() as connection:
            ids = _write(connection, scan, batch, known, at_hand, count)
            known = known.followed(connection)  # what was learned, and what others changed
            new += ids
            _tell(connection, ids, found)
        if report is not None:
            report(_progress(count, listing=True))
    with store.write() as connection:
        if count.learned:
            # What was read before a removal had learned is recognised now.
            later = record_past(connection, store.secret, count.learned, scan_pk=scan)
            ids = [id for id, _ in later]
            new += ids
            count.sightings += len(ids)
            _tell(connection, ids, found)
        scan_rows.add_coverage(connection, scan, count.coverage)
        scan_rows.end(connection, scan, now())
        mine = tuple(sightings.by_id(connection, id) for id in new)
    if report is not None:
        report(_progress(count, listing=False))
    return Outcome(scan=scan, coverage=count.coverage, sightings=mine)


def _begin(connection: Connection, path: Path) -> int:
    """A scan that was cut off begins anew: its counts are of one life."""
    target = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]
    scan = scan_rows.begin(connection, FOLDER, target, "{}", now())
    connection.execute(update(schema.scans).where(schema.scans.c.pk == scan).values(coverage="{}"))
    return scan


def _came(
    files: Iterator[LocalArtifact | Problem],
    jobs: int,
    never: NeverRead,
    also: frozenset[DigestKind],
    count: _Counts,
    at_hand: BasesAtHand,
) -> Iterator[_Came | Problem]:
    """Each file once read; one content at several places is read once."""
    problems: list[Problem] = []
    places: dict[tuple[int, int], list[Artifact]] = {}
    first: dict[tuple[int, int], LocalArtifact] = {}
    for file in files:
        if isinstance(file, Problem):
            problems.append(file)
        elif file.artifact.on_pointer:
            count.pointers += 1
            yield _Came(file.artifact, None)
        else:
            first.setdefault(file.content, file)
            places.setdefault(file.content, []).append(file.artifact)
    yield from problems
    every = ((key, one.file) for key, one in first.items())
    for content, result in read_files(every, jobs, never, also):
        layers: LayersRead | Unforeseen | None = None
        if isinstance(result, Fingerprint) and may_be_checkpoint(result, never):
            from reseen.scan.checkpoint import read_here  # numpy, which few folders need

            layers = read_here(first[content].file, never, at_hand)
        for artifact in places.pop(content):
            if isinstance(result, str):
                yield Problem(f"{artifact.repo}/{artifact.path}", result)
            else:
                yield _Came(artifact, result, layers)
        if isinstance(result, Fingerprint):
            count.bytes_read += result.size


def _named(artifact: Artifact, read: Fingerprint) -> Artifact:
    """Where nothing is claimed of a file, its SHA-256 as read tells it from what may stand at the
    same path tomorrow."""
    sha256 = read.digest(DigestKind.SHA256)
    if sha256 is None or artifact.sha256 or artifact.git_oid:
        return artifact
    return replace(artifact, sha256=sha256.value)


def _batches(results: Iterator[_Came | Problem]) -> Iterator[list[_Came | Problem]]:
    batch: list[_Came | Problem] = []
    until = time.monotonic() + _SECONDS
    for one in results:
        batch.append(one)
        if len(batch) >= _BATCH or time.monotonic() >= until:
            yield batch
            batch = []
            until = time.monotonic() + _SECONDS
    if batch:
        yield batch


def _write(
    connection: Connection,
    scan: int,
    batch: list[_Came | Problem],
    known: RegistryIndex,
    at_hand: BasesAtHand,
    count: _Counts,
) -> list[str]:
    """Match and store a batch; ids of new sightings."""
    problems = [one for one in batch if isinstance(one, Problem)]
    count.unread += len(problems)
    scan_rows.note(connection, scan, None, problems, now())
    by_place: dict[tuple[RepoType, str, str], list[ArtifactResult]] = {}
    troubles: list[Problem] = []
    for one in batch:
        if isinstance(one, _Came):
            place = (one.artifact.type, one.artifact.repo, one.artifact.revision)
            seen_here, trouble = _seen(one, known, at_hand)
            by_place.setdefault(place, []).extend(seen_here)
            troubles += trouble
    count.damaged += sum(trouble.counted == DAMAGED for trouble in troubles)
    scan_rows.note(connection, scan, None, troubles, now())
    new: list[str] = []
    for (type, repo, revision), every in by_place.items():
        at = now()
        repository = Repository(FOLDER, type, repo, sha=revision or None)
        (repository_pk,) = seen.repositories(connection, [repository], at=at)
        recorded = record_seen(connection, repository_pk, every, scan, since=0, at=at)
        count.learned.update(recorded.learned)
        new += recorded.new
        count.unjudged += recorded.unjudged
        count.blind.update(recorded.blind)
        count.places.add((type, repo))
        count.files += len(every)
    count.sightings += len(new)
    return new


def _seen(
    one: _Came, known: RegistryIndex, at_hand: BasesAtHand
) -> tuple[list[ArtifactResult], list[Problem]]:
    """What a file is, and of an archive each file in it."""
    place = f"{one.artifact.repo}/{one.artifact.path}"
    try:
        with bulkhead():
            seen, what = _see(one, known)
            within = (
                []
                if one.fingerprint is None
                else archived.results(seen.artifact, one.fingerprint.within, known, at_hand)
            )
            every = [(seen, what), *within]
    except FileError as e:
        return [ArtifactResult(one.artifact)], [Problem(place, str(e), e.remedy)]
    troubles = [
        blindness(f"{one.artifact.repo}/{each.artifact.path}", told)
        for each, told in every
        if told.troubles
    ]
    return [each for each, _ in every], troubles


def _see(one: _Came, known: RegistryIndex) -> tuple[ArtifactResult, ReadResult]:
    matches = known.match(one.artifact)
    if one.fingerprint is None:
        return concluded(one.artifact, matches, known, NOT_READ)
    what = read_in_full(one.artifact, Confirmed.NONE, one.fingerprint, known)
    try:
        with bulkhead():
            if isinstance(one.layers, Unforeseen):
                raise one.layers
            what = what if one.layers is None else one.layers.told(what)
    except FileError as e:
        what = with_trouble(what, e)
    seen, what = concluded(one.artifact, matches, known, what)
    return replace(seen, artifact=_named(one.artifact, one.fingerprint)), what


def _tell(connection: Connection, ids: list[str], found: Found | None) -> None:
    if found is not None:
        for id in ids:
            found(sightings.by_id(connection, id))


def _progress(count: _Counts, listing: bool) -> Progress:
    return Progress(
        listed=len(count.places),
        listing=listing,
        walked=len(count.places),
        sightings=count.sightings,
        bytes_read=count.bytes_read,
    )
