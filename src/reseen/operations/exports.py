"""What leaves the store as a file, and the line of the audit log that says so.

The line is written before anything leaves: what could not be recorded is not handed out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from reseen.records import DigestKind
from reseen.registry import removals, to_ask
from reseen.report import log
from reseen.review.roles import Who
from reseen.store import audit, audit_checkpoint
from reseen.store.audit_checkpoint import Head
from reseen.store.database import Store
from reseen.store.private_files import private
from reseen.store.sealing import Keyring


@dataclass(frozen=True, slots=True)
class AuditPart:
    """Which lines of the audit log: all, or those of some days (UTC)."""

    since: date | None = None
    until: date | None = None
    """The last day."""


WHOLE = AuditPart()


def audit_file(
    store: Store, keyring: Keyring, path: Path, part: AuditPart = WHOLE, *, as_csv: bool
) -> tuple[int, Head]:
    """Write the audit log to a file, with the export itself as a line of it: how many lines, and
    the head after them."""
    _record(store, None, part, "csv" if as_csv else "jsonl")
    with store.read() as connection:
        lines = log.write(
            path,
            connection,
            as_csv=as_csv,
            since=None if part.since is None else _moment(part.since),
            until=None if part.until is None else _moment(part.until + timedelta(days=1)),
        )
        return lines, audit_checkpoint.take(connection, store.secret, keyring.for_heads)


def audit_head(store: Store, keyring: Keyring) -> Head:
    """A signed head of the audit log as it is now."""
    with store.read() as connection:
        return audit_checkpoint.take(connection, store.secret, keyring.for_heads)


def audit_lines(store: Store, by: Who) -> Iterator[str]:
    """Every line of the audit log as JSON, oldest first; that it was taken is the last of them."""
    _record(store, by, WHOLE, "jsonl")
    return _streamed(store)


def report(
    store: Store,
    format: str,
    sightings: int,
    what: str,
    *,
    locations: bool,
    by: Who | None = None,
) -> None:
    """Record that a report is written; `what`: which of its tables, where it holds but one, and
    what it is about."""
    with store.write() as connection:
        audit.write(
            connection,
            "export",
            "report",
            actor=None if by is None else by.actor,
            format=format,
            sightings=sightings,
            table=what,
            locations=locations,
        )


@dataclass(frozen=True, slots=True)
class DigestsWritten:
    """What a table of digests holds."""

    digests: int
    removals: int
    class_left_out: int
    """Digests of the class that is never read, which are not in it."""


def digests(
    store: Store,
    out: Path,
    kind: DigestKind = DigestKind.SHA256,
    *,
    by: Who | None = None,
) -> DigestsWritten:
    """Write the digests of one kind of the removals in force as CSV, each with its removal's id,
    for a join with a hub's own; of a CRC with the file's size, without which it says nothing. Of
    the class that is never read none is in it. Recorded before a byte is written. Raises
    InputError."""
    with private(out) as path:
        with store.write() as connection:
            found = to_ask.to_ask(connection, kind, None)
            sizes = to_ask.sizes(connection, kind)
            ids = {pk: id for id, pk in removals.pks_of(connection, found.ids(connection)).items()}
            audit.write(
                connection,
                "export",
                "digests",
                actor=None if by is None else by.actor,
                digests=len(found.removals),
                removals=len(ids),
                kind=kind.label,
            )
        with path.open("w", encoding="ascii", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            name = kind.label.replace("-", "")
            rows.writerow((name, "removal") if sizes is None else (name, "size", "removal"))
            for digest, pks in sorted(found.removals.items()):
                for pk in sorted(pks):
                    if sizes is None:
                        rows.writerow((digest.hex(), ids[pk]))
                    else:
                        told = sorted(sizes.get((digest, pk), ()))
                        rows.writerows((digest.hex(), size, ids[pk]) for size in told)
    return DigestsWritten(len(found.removals), len(ids), found.never_sent)


def _record(store: Store, by: Who | None, part: AuditPart, format: str) -> None:
    with store.write() as connection:
        audit.write(
            connection,
            "export",
            "audit",
            actor=None if by is None else by.actor,
            format=format,
            since=None if part.since is None else f"{part.since:%Y-%m-%d}",
            until=None if part.until is None else f"{part.until:%Y-%m-%d}",
        )


def _moment(day: date) -> int:
    return (day - date(1970, 1, 1)) // timedelta(microseconds=1)


def _streamed(store: Store) -> Iterator[str]:
    with store.read() as connection, closing(log.rows(connection)) as rows:
        for row in rows:
            yield log.jsonl(row)
