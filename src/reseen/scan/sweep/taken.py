"""Parts of a sweep into the store: sightings as a scan finds them, each part once.

What comes in: a folder of parts, and at which hub their keys stand. What goes out: rows for the
files in which a removal was found or hinted at; of all others only counts, and of those that could
not be read or judged a few with the reason (all of them stand in the parts). One part is one
transaction, which also remembers that it was taken: a kill neither loses nor doubles one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, update

from reseen.errors import InputError
from reseen.match.store_version import version_of
from reseen.observed import artifacts as seen
from reseen.observed import sightings
from reseen.observed.blind_spots import DAMAGED
from reseen.records import Coverage, Problem, Repository, RepoType, Sighting
from reseen.scan import scan_rows
from reseen.scan.inspect import ArtifactResult
from reseen.scan.read_result import BLIND
from reseen.scan.record import record_seen
from reseen.scan.reinspection import record_past
from reseen.scan.sweep import carried, parts
from reseen.scan.sweep.columns import RowStatus
from reseen.scan.sweep.parts import Mark, Sweep
from reseen.store import schema
from reseen.store.database import Store, now

UNREAD = "files of the storage that could not be read, or not as far as was asked"
MOST_TOLD = 100
"""Rows of a part that could not be read or judged, and are told one by one."""
_COUNTED = {RowStatus.UNREAD: UNREAD, RowStatus.NOT_JUDGED: DAMAGED, RowStatus.BY_DIGESTS: BLIND}
NOWHERE = "/"
"""The repository of a key that names none."""


@dataclass(frozen=True, slots=True)
class KeyPlaces:
    """What the keys of a storage are places of."""

    hub: str
    """What the store calls the hub."""
    repository_steps: int = 2
    """So many leading steps of a key name the repository ("owner/name"); the rest is the path."""

    def of(self, key: str) -> tuple[str, str]:
        """Repository and path."""
        steps = key.split("/")
        count = min(self.repository_steps, len(steps) - 1)
        repo = "/".join(steps[:count])
        return (repo, "/".join(steps[count:])) if repo else (NOWHERE, key)


@dataclass(frozen=True, slots=True)
class SweepTaken:
    """What came of taking parts."""

    scan: int
    """Its number in the store."""
    new: int
    """Parts that were taken now."""
    before: int
    """Parts that are in the folder and had been taken."""
    missing: int
    """Parts of the sweep that were never taken, and are not in the folder."""
    rows: int
    """Of the parts taken now."""
    counts: Counter[str]
    """The same by status."""
    sightings: tuple[Sighting, ...]
    """New."""


def take(
    store: Store,
    key: bytes,
    folder: Path,
    places: KeyPlaces,
    report: Callable[[int, int], None] | None = None,
) -> SweepTaken:
    """Take the parts of a folder that were not taken. `key`: of indexes. `report`: how many of how
    many are done. Raises InputError where the folder is no sweep, or one by another registry's
    index, or was taken as another hub's; Tampered for what is not, byte for byte, what was written:
    then nothing was taken."""
    sweep = parts.opened(folder, key)
    every = list(parts.marks(folder, key, sweep))
    for mark in every:
        parts.verify(folder, mark)
    with store.write() as connection:
        if version_of(connection).store != sweep.registry:
            raise InputError(
                "the sweep was made with the index of another registry",
                remedy="Import it where the index was saved.",
            )
        scan = _begin(connection, sweep, places)
        before = _taken(connection, scan)
    new: list[str] = []
    learned: set[str] = set()
    counts: Counter[str] = Counter()
    mine: list[Mark] = []
    wanted = [mark for mark in every if mark.part not in before]
    for number, mark in enumerate(wanted, 1):
        rows = parts.rows(folder, mark)
        with store.write() as connection:
            if mark.part not in _taken(connection, scan):
                found, taught = _take_part(connection, scan, mark, rows, places)
                new += found
                learned |= taught
                counts.update(mark.counts)
                mine.append(mark)
        if report is not None:
            report(number, len(wanted))
    with store.write() as connection:
        if learned:
            new += [id for id, _ in record_past(connection, store.secret, learned, scan_pk=scan)]
        done = _taken(connection, scan)
        if len(done) == sweep.parts:
            scan_rows.end(connection, scan, now())
        recorded = tuple(sightings.by_id(connection, id) for id in dict.fromkeys(new))
    return SweepTaken(
        scan=scan,
        new=len(mine),
        before=len(every) - len(mine),
        missing=sweep.parts - len(done),
        rows=sum(mark.rows for mark in mine),
        counts=counts,
        sightings=recorded,
    )


def _begin(connection: Connection, sweep: Sweep, places: KeyPlaces) -> int:
    """The scan that stands for this sweep, ended or not, or a new one."""
    of = schema.scans.c
    query = select(of.pk, of.hub, of.options).where(of.target == sweep.id).order_by(of.pk)
    found = connection.execute(query).first()
    steps = places.repository_steps
    if found is None:
        options = json.dumps({"repository_steps": steps, "taken": []})
        return scan_rows.begin(connection, places.hub, sweep.id, options, now())
    if found.hub != places.hub or json.loads(found.options)["repository_steps"] != steps:
        raise InputError(
            f"this sweep was taken as that of {found.hub}, or with other repositories",
            remedy="Give the same --hub-name and --repository-steps as before.",
        )
    return int(found.pk)


def _taken(connection: Connection, scan: int) -> set[int]:
    """The parts that were taken. Holds the scan's row until the transaction ends."""
    query = select(schema.scans.c.options).where(schema.scans.c.pk == scan).with_for_update()
    ranges = json.loads(connection.execute(query).scalar_one())["taken"]
    return {part for first, last in ranges for part in range(first, last + 1)}


def _remember(connection: Connection, scan: int, part: int) -> None:
    of = schema.scans.c
    options = json.loads(connection.execute(select(of.options).where(of.pk == scan)).scalar_one())
    options["taken"] = _ranges({*_taken(connection, scan), part})
    values = {"options": json.dumps(options)}
    connection.execute(update(schema.scans).where(of.pk == scan).values(values))


def _ranges(numbers: set[int]) -> list[list[int]]:
    """Numbers that follow one another, by the first and the last of them."""
    found: list[list[int]] = []
    for each in sorted(numbers):
        if found and found[-1][1] == each - 1:
            found[-1][1] = each
        else:
            found.append([each, each])
    return found


def _take_part(
    connection: Connection,
    scan: int,
    mark: Mark,
    rows: Sequence[dict[str, Any]],
    places: KeyPlaces,
) -> tuple[list[str], set[str]]:
    """Write one part: ids of new sightings, and of removals that learned."""
    at = now()
    new: list[str] = []
    learned: set[str] = set()
    by_repository: dict[str, list[ArtifactResult]] = {}
    for row in rows:
        if row["found"] is not None:
            repo, path = places.of(row["key"])
            results = carried.placed(carried.unpacked(row["found"]), places.hub, repo, path)
            by_repository.setdefault(repo, []).extend(results)
    for repo, results in by_repository.items():
        repository = Repository(places.hub, RepoType.MODEL, repo)
        (repository_pk,) = seen.repositories(connection, [repository], at=at)
        recorded = record_seen(connection, repository_pk, results, scan, since=0, at=at)
        new += recorded.new
        learned.update(recorded.learned)
    scan_rows.note(connection, scan, None, _problems(rows, places), at)
    skipped = {why: mark.counts.get(status.value, 0) for status, why in _COUNTED.items()}
    coverage = Coverage(
        artifacts=mark.rows,
        bytes_read=mark.bytes_read,
        skipped={why: n for why, n in skipped.items() if n},
    )
    scan_rows.add_coverage(connection, scan, coverage)
    _remember(connection, scan, mark.part)
    return new, learned


def _problems(rows: Sequence[dict[str, Any]], places: KeyPlaces) -> list[Problem]:
    bad = (RowStatus.UNREAD.value, RowStatus.NOT_JUDGED.value)
    told = [row for row in rows if row["status"] in bad]
    return [
        Problem(f"{places.hub} {' '.join(places.of(row['key']))}", row["reason"] or row["status"])
        for row in told[:MOST_TOLD]
    ]
