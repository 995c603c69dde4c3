"""What of comments, notices and letters the audit log proves.

What comes in: a connection, and the lines as `LogProof` and `StandingProof` took them. What goes
out: sentences about what disagrees: a comment or a step that is another than its line says or that
no line covers, a notice that stands otherwise, or holds others, than its last line says.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from reseen.review import notice_lines
from reseen.store.log_proof import CoveredTable, rows_of
from reseen.store.service_schema import cases, comments, notice_letters, notice_steps, notices
from reseen.store.standing_proof import StandingProof


def covered_tables(connection: Connection) -> dict[str, CoveredTable]:
    """The tables of this room that lines cover."""
    c, steps = comments.c, notice_steps.c
    of_case = select(cases.c.id).join(comments, c.case_pk == cases.c.pk)
    of_notice = select(notices.c.id).join(notice_steps, steps.notice_pk == notices.c.pk)

    def comment(pk: int) -> str:
        return f"a comment (row {pk}, {connection.scalar(of_case.where(c.pk == pk))})"

    def step(pk: int) -> str:
        return (
            f"a step of a notice (row {pk}, {connection.scalar(of_notice.where(steps.pk == pk))})"
        )

    letters = notice_letters.c
    of_letter = select(notices.c.id).join(notice_letters, letters.notice_pk == notices.c.pk)

    def letter(pk: int) -> str:
        id = connection.scalar(of_letter.where(letters.pk == pk))
        return f"a letter of a notice (row {pk}, {id})"

    return {
        "comments": CoveredTable(rows_of(connection, comments), comment),
        "notice_steps": CoveredTable(rows_of(connection, notice_steps), step),
        "notice_letters": CoveredTable(rows_of(connection, notice_letters), letter),
    }


def check(connection: Connection, standing: StandingProof) -> int:
    """How notices stand; how many there are."""

    def named(pk: int) -> str:
        id = connection.scalar(select(notices.c.id).where(notices.c.pk == pk))
        return f"notice {id or pk}"

    return standing.check("notices", notice_lines.every(connection), named)
