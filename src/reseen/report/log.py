"""Lines of the audit log to take away, such that the chain can be verified by others.

What comes in: the log. What goes out: JSON Lines or CSV with every line's hash and the hash before
it. What a line says holds no sealed value, for none is ever written there. See docs/audit.md.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Generator
from pathlib import Path

from sqlalchemy import Connection

from reseen.report.tables import harmless
from reseen.store import audit

FIELDS = (
    *("number", "at", "time", "actor", "action", "subject", "details"),
    *("before", "hash"),
)
"""`at` in microseconds since 1970, as it is hashed; `time` the same for people."""


def rows(
    connection: Connection, *, since: int | None = None, until: int | None = None
) -> Generator[dict[str, str | int | None], None, None]:
    """The lines written from `since` to before `until` (microseconds since 1970), oldest first."""
    lines = audit.every(connection, since=since, until=until)
    for before, line in audit.linked(lines, connection):
        yield {
            "number": line.number,
            "at": line.moment,
            "time": line.at.isoformat(),
            "actor": line.actor,
            "action": line.action,
            "subject": line.subject,
            "details": line.text,
            "before": before.hex(),
            "hash": line.hash.hex(),
        }


def jsonl(row: dict[str, str | int | None]) -> str:
    """A row as one line of JSON, in ASCII."""
    return json.dumps(row) + "\n"


def write(
    path: Path,
    connection: Connection,
    *,
    as_csv: bool,
    since: int | None = None,
    until: int | None = None,
) -> int:
    """Write the lines to a file; how many. In CSV what a spreadsheet would take for a formula gets
    a leading apostrophe: verify JSON Lines."""
    written = 0
    with path.open("w", encoding="utf-8-sig" if as_csv else "ascii", newline="") as out:
        table = csv.DictWriter(out, FIELDS)
        if as_csv:
            table.writeheader()
        for row in rows(connection, since=since, until=until):
            if as_csv:
                table.writerow({name: harmless(value) for name, value in row.items()})
            else:
                out.write(jsonl(row))
            written += 1
    return written
