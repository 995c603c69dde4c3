"""The queue as a table to take away: the cases of a filter.

What comes in: a filter, who asks, the form. What goes out: bytes, and the line of the audit log
that says so, written before anything leaves. Places are in it only when asked for, and then it is a
lead's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from reseen.errors import InputError
from reseen.report import tables
from reseen.report.rows import Cell
from reseen.review import queue
from reseen.review.case_filter import CaseFilter
from reseen.review.queue_entries import entries
from reseen.review.roles import Role, Who
from reseen.store import audit
from reseen.store.database import Store, chunks

FORMATS = ("csv", "jsonl", "xlsx")
MOST = 100_000
"""Cases in one file."""
FIELDS = (
    *("case", "removal", "rung", "cosine", "why", "state", "verdict", "false_hash", "fallen"),
    *("files", "live", "reach", "opened_at", "claimed_by", "hub", "repo"),
)
"""The last is the place: left out unless asked for."""


def made(store: Store, which: CaseFilter, who: Who, format: str, *, locations: bool) -> bytes:
    """The file. Raises AccessError, and InputError for a form that there is not."""
    who.must_be(Role.LEAD if locations else Role.REVIEWER)
    if format not in FORMATS:
        raise InputError("cases are not exported in this form", remedy=f"{', '.join(FORMATS)}.")
    with store.read() as connection:
        pks = queue.in_order(connection, which, who, most=MOST)
    with store.write() as connection:
        audit.write(
            connection, "export", "queue",
            actor=who.actor, format=format, cases=len(pks), locations=locations,
        )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="reseen-") as folder:
        path = Path(folder) / "cases"
        rows = _rows(store, pks, locations)
        if format == "csv":
            tables.write_csv(path, rows, FIELDS)
        elif format == "jsonl":
            tables.write_jsonl(path, rows)
        else:
            tables.write_sheets(path, [tables.Sheet("cases", FIELDS, rows)])
        return path.read_bytes()


def _rows(store: Store, pks: Sequence[int], locations: bool) -> Iterator[dict[str, Cell]]:
    with store.read() as connection:
        for chunk in chunks(pks):
            for case in entries(connection, chunk):
                yield {
                    "case": case.id,
                    "removal": case.removal,
                    "rung": case.rung.label,
                    "cosine": case.cosine,
                    "why": case.why,
                    "state": case.state.value,
                    "verdict": None if case.verdict is None else case.verdict.value,
                    "false_hash": case.false_hash,
                    "fallen": case.fallen,
                    "files": case.sightings,
                    "live": case.live,
                    "reach": case.reach,
                    "opened_at": case.opened_at.isoformat(timespec="seconds"),
                    "claimed_by": case.claimed_by,
                    "hub": case.hub,
                    "repo": case.repo if locations else None,
                }
