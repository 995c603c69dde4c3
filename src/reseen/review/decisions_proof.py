"""What of the review the audit log proves, and what follows from it.

What comes in: a connection, and the lines as `LogProof` took them. What goes out: sentences about
what disagrees: a decision that is another than its line says or that no line covers, a case whose
columns say something else than what was decided about it, bytes that are remembered as "not this
model" and of which nobody said it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from sqlalchemy import Connection, and_, exists, or_, select

from reseen.review import decision_records
from reseen.review.verdicts import UNDO, CaseState, Verdict, stand
from reseen.store import audit_rows, schema
from reseen.store.log_proof import PORTION, CoveredTable, Disagreements, LogRow
from reseen.store.service_schema import case_sightings, cases, decided, decisions, dismissals


def covered_tables(connection: Connection) -> dict[str, CoveredTable]:
    """The tables of this room that lines cover."""
    return {"decisions": CoveredTable(_rows(connection), _named(connection))}


def _rows(connection: Connection) -> Generator[LogRow]:
    columns, about = audit_rows.COLUMNS["decisions"], audit_rows.COLUMNS["decided"]
    text = audit_rows.text
    made = select(*(decisions.c[name] for name in columns)).order_by(decisions.c.pk)
    covers = select(*(decided.c[name] for name in about)).order_by(
        decided.c.decision_pk, decided.c.sighting_pk
    )
    streamed = {"yield_per": PORTION}
    with (
        connection.execute(covers.execution_options(**streamed)) as what,
        connection.execute(made.execution_options(**streamed)) as rows,
    ):
        left = iter(what)
        one = next(left, None)
        for row in rows:
            pk, texts = row[0], [text("decisions", row)]
            while one is not None and one[0] <= pk:
                texts.append(text("decided", one))
                one = next(left, None)
            yield pk, texts


def _named(connection: Connection) -> Callable[[int], str]:
    def named(pk: int) -> str:
        d = decisions.c
        query = select(d.id, cases.c.id).join(cases, cases.c.pk == d.case_pk).where(d.pk == pk)
        row = connection.execute(query).one_or_none()
        return f"a decision (row {pk})" if row is None else f"decision {row[0]} (case {row[1]})"

    return named


def check(connection: Connection, found: Disagreements) -> int:
    """Everything of this room; how many cases there are."""
    count = _cases(connection, found)
    _remembered(connection, found)
    return count


def _cases(connection: Connection, found: Disagreements) -> int:
    """The columns of each case, but of those that a scan touched and nobody put yet."""
    s, link = schema.sightings.c, case_sightings.c
    waits = set(
        connection.scalars(
            select(link.case_pk).join(schema.sightings, s.pk == link.sighting_pk).where(
                s.touched == 1
            )
        )
    )  # fmt: skip
    d, count = decisions.c, 0
    query = (
        select(cases.c.pk, cases.c.id, cases.c.state, cases.c.verdict)
        .order_by(cases.c.pk)
        .execution_options(yield_per=PORTION)
    )
    for rows in connection.execute(query).partitions():
        count += len(rows)
        first, last = rows[0].pk, rows[-1].pk
        some = set(connection.scalars(select(d.case_pk).where(d.case_pk.between(first, last))))
        pks = [row.pk for row in rows]
        standings = decision_records.load(connection, pks, between=True) if some else {}
        for pk, id, state, verdict in rows:
            told: tuple[str, str | None] = (CaseState.OPEN.value, None)
            if pk in some:
                how = stand(*standings[pk])
                told = (how.state.value, None if how.verdict is None else how.verdict.value)
            if told != (state, verdict) and pk not in waits:
                found.add(f"case {id} stands otherwise than was decided about it")
    return count


def _remembered(connection: Connection, found: Disagreements) -> None:
    """What is remembered was said by a person, of those bytes, and not taken back."""
    d, m, other = decisions.c, dismissals.c, decisions.alias("other")
    said = exists().where(
        and_(
            d.pk == m.decision_pk,
            d.verdict == Verdict.NOT_THIS_MODEL.value,
            d.because.is_(None),
            decided.c.decision_pk == d.pk,
            decided.c.sha256 == m.sha256,
            cases.c.pk == d.case_pk,
            cases.c.removal_pk == m.removal_pk,
        )
    )
    undone = exists().where(other.c.undoes == m.decision_pk, other.c.verdict == UNDO)
    r = schema.removals.c
    query = (
        select(r.id).join(dismissals, m.removal_pk == r.pk).where(or_(~said, undone)).order_by(r.pk)
    )
    for id in connection.scalars(query):
        found.add(f'"not this model" is remembered for {id}, and nobody said it')
