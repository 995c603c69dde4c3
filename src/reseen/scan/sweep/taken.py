"""Parts of a sweep into the store: sightings as a scan finds them, each part once.

What comes in: a folder of parts, and at which hub their keys stand. What goes out: rows for the
files in which a removal was found or hinted at; of all others only counts, and of those that could
not be read or judged a few with the reason (all of them stand in the parts). One part is one
transaction, which also remembers what was taken: a kill neither loses nor doubles one, and a part
that was done better since takes the place of what was taken.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from reseen.errors import InputError, Tampered
from reseen.hubs.page_template import PageTemplate
from reseen.match.store_version import version_of
from reseen.observed import artifacts as seen
from reseen.observed import page_templates, sightings
from reseen.observed.blind_spots import DAMAGED
from reseen.records import Coverage, Problem, Repository, RepoType, Rung, Sighting, SightingState
from reseen.scan import scan_rows
from reseen.scan.inspect import ArtifactResult
from reseen.scan.read_result import BLIND
from reseen.scan.record import record_seen
from reseen.scan.reinspection import record_past
from reseen.scan.sweep import carried, parts
from reseen.scan.sweep.columns import RowStatus
from reseen.scan.sweep.parts import BadPart, Mark, Sweep
from reseen.store import meta, schema
from reseen.store.database import Store, now

UNREAD = "files of the storage that could not be read, or not as far as was asked"
MOST_TOLD = 100
"""Rows of a part that could not be read or judged, and are told one by one."""
_COUNTED = {RowStatus.UNREAD: UNREAD, RowStatus.NOT_JUDGED: DAMAGED, RowStatus.BY_DIGESTS: BLIND}
_LIVE = sightings.SightingFilter(
    rung=Rung.COMPONENT, states=frozenset((SightingState.LIVE,)), withdrawn=False
)
NOWHERE = "/"
"""The repository of a key that names none."""


@dataclass(frozen=True, slots=True)
class KeyPlaces:
    """What the keys of a storage are places of."""

    hub: str
    """What the store calls the hub."""
    repository_steps: int = 2
    """So many leading steps of a key name the repository ("owner/name"); the rest is the path."""
    pages: PageTemplate | None = None
    """Of a hub that has none that are known: kept in the store with the import."""

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
    """Parts that were taken now, those of `again` too."""
    again: int
    """Of them, those that were done anew since they were taken: these took their place."""
    before: int
    """Parts that are in the folder and had been taken so, or better."""
    coming: int
    """Parts of which only the mark has come so far, or that are being done again: not taken."""
    damaged: tuple[BadPart, ...]
    """Parts that are not what was written, as half of a copy is: not taken, and done again when the
    sweep is run again, or copied anew."""
    missing: int
    """Parts of the sweep that were never taken, those of `coming` and `damaged` too."""
    rows: int
    """Of the parts taken now."""
    counts: Counter[str]
    """The same by status."""
    standing: Counter[str]
    """By status, the rows of all parts of the sweep that were taken, now or before."""
    removals: int
    """Of these, those in which a removal stands."""
    sightings: tuple[Sighting, ...]
    """New."""
    stands: bool
    """A removal stands in these rows, and is live at that hub as far as the store knows."""


@dataclass(slots=True)
class _Taking:
    """What was taken so far."""

    new: int = 0
    again: int = 0
    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    sightings: list[str] = field(default_factory=list)
    """Ids of new ones."""
    learned: set[str] = field(default_factory=set)
    """Ids of removals."""

    def add(self, mark: Mark, before: Mark | None) -> None:
        self.new += 1
        self.again += before is not None
        self.rows += mark.rows
        self.counts.update(mark.counts)


def take(
    store: Store,
    key: bytes,
    folder: Path,
    places: KeyPlaces,
    report: Callable[[int, int], None] | None = None,
) -> SweepTaken:
    """Take the parts of a folder that were not taken, or not as they are now. `key`: of indexes.
    `report`: how many of how many are done. A part that is not, byte for byte, what was written is
    not taken, and the others are. Raises InputError where the folder is no sweep, or one by another
    registry's index, or was taken as another hub's, and Tampered for one by another key: then
    nothing was taken."""
    sweep = parts.opened(folder, key)
    every = list[Mark]()
    damaged = list[BadPart]()
    coming = 0
    for each in parts.found(folder, key, sweep):
        looked_at = _verified(folder, key, sweep, each)
        if isinstance(looked_at, Mark):
            every.append(looked_at)
        elif isinstance(looked_at, BadPart):
            damaged.append(looked_at)
        else:
            coming += 1
    with store.write() as connection:
        if version_of(connection).store != sweep.registry:
            raise InputError(
                "the sweep was made with the index of another registry",
                remedy="Import it where the index was saved.",
            )
        scan = _begin(connection, sweep, places)
        before = _taken(connection, scan)
        if places.pages is not None:
            page_templates.keep(connection, places.hub, places.pages.text)
    done = _Taking()
    wanted = [mark for mark in every if _is_news(mark, before.get(mark.part))]
    for number, mark in enumerate(wanted, 1):
        try:
            rows = parts.rows(folder, mark)
        except Tampered as e:  # since it was looked at
            every.remove(mark)
            if parts.is_coming(folder, key, sweep, mark):
                coming += 1
            else:
                damaged.append(BadPart(mark.part, str(e)))
            continue
        with store.write() as connection:
            # Another import may have taken it meanwhile.
            if _is_news(mark, last := _lock(connection, scan, mark.part)):
                _take_part(connection, scan, mark, last, rows, places, done)
                done.add(mark, last)
        if report is not None:
            report(number, len(wanted))
    with store.write() as connection:
        if done.learned:
            past = record_past(connection, store.secret, done.learned, scan_pk=scan)
            done.sightings += [id for id, _ in past]
        taken = _taken(connection, scan)
        if len(taken) == sweep.parts:
            scan_rows.end(connection, scan, now())
        live = sightings.count(connection, replace(_LIVE, hub=places.hub))
        mine = tuple(sightings.by_id(connection, id) for id in dict.fromkeys(done.sightings))
    standing: Counter[str] = Counter()
    for mark in taken.values():
        standing.update(mark.counts)
    removals = sum(mark.removals for mark in taken.values())
    return SweepTaken(
        scan=scan,
        new=done.new,
        again=done.again,
        before=len(every) - done.new,
        coming=coming,
        damaged=tuple(damaged),
        missing=sweep.parts - len(taken),
        rows=done.rows,
        counts=done.counts,
        standing=standing,
        removals=removals,
        sightings=mine,
        stands=removals > 0 and live > 0,
    )


def _is_news(mark: Mark, before: Mark | None) -> bool:
    """Is a part to be taken? One of which less was read than of what was taken is not: an old
    folder may be imported after a new one."""
    if before is None:
        return True
    unread = RowStatus.UNREAD.value
    return mark != before and mark.counts.get(unread, 0) <= before.counts.get(unread, 0)


def _verified(
    folder: Path, key: bytes, sweep: Sweep, each: Mark | BadPart
) -> Mark | BadPart | None:
    """The mark of a part that is as it was written; None: the part is on its way."""
    if isinstance(each, BadPart):
        return each
    try:
        parts.verify(folder, each)
    except Tampered as e:
        coming = parts.is_coming(folder, key, sweep, each)
        return None if coming else BadPart(each.part, str(e))
    return each


def _begin(connection: Connection, sweep: Sweep, places: KeyPlaces) -> int:
    """The scan that stands for this sweep, ended or not, or a new one."""
    of = schema.scans.c
    query = select(of.pk, of.hub, of.options).where(of.target == sweep.id).order_by(of.pk)
    found = connection.execute(query).first()
    steps = places.repository_steps
    if found is None:
        options = json.dumps({"repository_steps": steps})
        return scan_rows.begin(connection, places.hub, sweep.id, options, now())
    if found.hub != places.hub or json.loads(found.options)["repository_steps"] != steps:
        raise InputError(
            f"this sweep was taken as that of {found.hub}, or with other repositories",
            remedy="Give the same --hub-name and --repository-steps as before.",
        )
    return int(found.pk)


def _name(scan: int, part: int | None = None) -> str:
    """Under which a mark that was taken is kept, or all those of a scan begin."""
    return f"sweep {scan} part {'' if part is None else part}"


def _mark_of(kept: bytes) -> Mark:
    return Mark(**json.loads(kept))


def _taken(connection: Connection, scan: int) -> dict[int, Mark]:
    """The parts that were taken, as they were then."""
    every = map(_mark_of, meta.starting(connection, _name(scan)).values())
    return {mark.part: mark for mark in every}


def _lock(connection: Connection, scan: int, part: int) -> Mark | None:
    """A part as it was taken, if it was. Holds the scan's row until the transaction ends."""
    query = select(schema.scans.c.pk).where(schema.scans.c.pk == scan).with_for_update()
    connection.execute(query).one()
    kept = meta.value(connection, _name(scan, part))
    return None if kept is None else _mark_of(kept)


def _take_part(
    connection: Connection,
    scan: int,
    mark: Mark,
    before: Mark | None,
    rows: Sequence[dict[str, Any]],
    places: KeyPlaces,
    done: _Taking,
) -> None:
    """Write one part, in the place of what was said of it before."""
    at = now()
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
        done.sightings += recorded.new
        done.learned.update(recorded.learned)
    if before is not None:
        scan_rows.add_coverage(connection, scan, _coverage(before, -1))
        scan_rows.forget(connection, scan, [_place(row, places) for row in rows])
    scan_rows.note(connection, scan, None, _problems(rows, places), at)
    scan_rows.add_coverage(connection, scan, _coverage(mark))
    meta.keep(connection, _name(scan, mark.part), json.dumps(asdict(mark)).encode("ascii"))


def _coverage(mark: Mark, times: int = 1) -> Coverage:
    skipped = {why: times * mark.counts.get(status.value, 0) for status, why in _COUNTED.items()}
    return Coverage(
        artifacts=times * mark.rows,
        bytes_read=times * mark.bytes_read,
        skipped={why: n for why, n in skipped.items() if n},
    )


def _place(row: Mapping[str, Any], places: KeyPlaces) -> str:
    return f"{places.hub} {' '.join(places.of(row['key']))}"


def _problems(rows: Sequence[dict[str, Any]], places: KeyPlaces) -> list[Problem]:
    bad = (RowStatus.UNREAD.value, RowStatus.NOT_JUDGED.value)
    told = [row for row in rows if row["status"] in bad]
    return [
        Problem(_place(row, places), row["reason"] or row["status"]) for row in told[:MOST_TOLD]
    ]
