"""`audit verify`: the log is what was written, and the store is what the log says.

Reads only. Lines and rows are streamed within one snapshot.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass

from reseen.registry import claims_proof, innocents
from reseen.registry.claims_proof import ClassesSaid
from reseen.review import campaigns, decisions_proof, notices_proof
from reseen.store import audit_checkpoint
from reseen.store.audit import AuditLine
from reseen.store.audit_checkpoint import Head
from reseen.store.database import Store
from reseen.store.log_proof import Disagreements, LogProof
from reseen.store.standing_proof import StandingProof


@dataclass(frozen=True, slots=True)
class LogChecked:
    """What was verified."""

    lines: int
    cases: int
    claims: int
    """What lists said."""
    files: int
    """Of which bytes taught something."""
    notices: int
    wrong: tuple[str, ...]
    """What disagrees, in sentences without a name or a place; the first of them."""
    wrong_in_all: int


def verify(store: Store, head: Head | None = None, *, key: bytes | None = None) -> LogChecked:
    """Prove the log (against a head, signed with `key`), and then the store against the log. Raises
    Tampered where a line of the log itself is wrong, and InputError for a head of another store."""
    found, classes = Disagreements(), ClassesSaid()
    with store.read() as connection, ExitStack() as stack:
        tables = claims_proof.covered_tables(connection)
        tables |= innocents.covered_tables(connection)
        tables |= campaigns.covered_tables(connection)
        tables |= decisions_proof.covered_tables(connection)
        tables |= notices_proof.covered_tables(connection)
        for table in tables.values():
            stack.enter_context(closing(table.rows))
        proof, standing = LogProof(tables, found), StandingProof(found)

        def told(line: AuditLine) -> None:
            proof.line(line)
            standing.line(line)
            classes.line(line)

        lines = audit_checkpoint.verify(connection, store.secret, head, key=key, on_line=told)
        proof.end()
        claims = claims_proof.check(connection, proof, classes, found)
        cases = decisions_proof.check(connection, found)
        files = claims_proof.check_files(connection, standing)
        notices = notices_proof.check(connection, standing)
        standing.end()
    counts = (lines, cases, claims, files, notices)
    return LogChecked(*counts, tuple(found.told), found.count)
