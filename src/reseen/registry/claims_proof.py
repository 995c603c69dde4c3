"""What of the registry the audit log proves, and what follows from it.

What comes in: a connection, and the lines as `LogProof` took them. What goes out: sentences about
what disagrees: a withdrawal or an event that is another than its line says, a claim that no line
brought, a column of a list, a claim or a removal that says something else than what was done.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, and_, or_, select

from reseen.records import RemovalClass
from reseen.registry import claim_moves, file_facts, same_links
from reseen.registry.claims import (
    CLASSED,
    COUNTS,
    FALSE,
    LEARNED,
    LISTED,
    follows_in_force,
    stands,
    strictest_class,
)
from reseen.registry.same_files import taught_by_such
from reseen.store import schema
from reseen.store.audit import AuditLine
from reseen.store.audit_rows import CLAIM_NUMBERS, CLAIM_TEXTS, ClaimsDigest
from reseen.store.database import chunks
from reseen.store.log_proof import (
    PORTION,
    CoveredTable,
    Disagreements,
    LogProof,
    rows_of,
    together,
)
from reseen.store.standing_proof import StandingProof

_ANY = -1
"""A claim that was withdrawn before the log covered it: when is not asked."""


def covered_tables(connection: Connection) -> dict[str, CoveredTable]:
    """The tables of this room that lines cover."""
    return {
        table.name: CoveredTable(
            rows_of(connection, table), _named(connection, table), remember=True
        )
        for table in (schema.withdrawals, schema.fact_events, schema.claim_moves)
    }


def _named(connection: Connection, table: Table) -> Callable[[int], str]:
    what = {"withdrawals": "a withdrawal or restoring", "fact_events": "what somebody did"}
    what_it_is = what.get(table.name, "the move of a claim")
    whose = table.c["from_pk" if table is schema.claim_moves else "removal_pk"]

    def named(pk: int) -> str:
        r = schema.removals.c
        query = select(r.id).join(table, whose == r.pk).where(table.c.pk == pk)
        id = connection.scalar(query)
        return f"{what_it_is} (row {pk}, {'of a list' if id is None else id})"

    return named


@dataclass(slots=True)
class ClassesSaid:
    """The classes that people said of whole lists: lines tell it, events do not."""

    of_list: dict[str, int] = field(default_factory=dict)
    """By name."""

    def line(self, line: AuditLine) -> None:
        if line.action == "classify-list":
            said = line.details
            label = said.get("cls")
            self.of_list[str(said.get("list"))] = next(
                (int(cls) for cls in RemovalClass if cls.label == label), 0
            )


def check(
    connection: Connection, proof: LogProof, classes: ClassesSaid, found: Disagreements
) -> int:
    """Everything of this room; how many claims lines cover."""
    covered = _claims(connection, proof, found)
    _lists(connection, classes, found)
    _withdrawn(connection, proof, found)
    _settled(connection, found)
    _in_force(connection, found)
    _removals(connection, found)
    return covered


def check_files(connection: Connection, standing: StandingProof) -> int:
    """What bytes taught of claims' files; of how many."""

    def named(pk: int) -> str:
        c = schema.claims.c
        removal_pk = connection.scalar(select(c.removal_pk).where(c.pk == pk))
        return f"what bytes taught of {_removal(connection, removal_pk or 0)}"

    return standing.check("claims", file_facts.every(connection), named)


# -- what lists said -----------------------------------------------------------------------------


def _claims(connection: Connection, proof: LogProof, found: Disagreements) -> int:
    c, d = schema.claims.c, schema.digests.c
    made = [ClaimsDigest() for _ in proof.claims]
    columns = [c[name] for name in (*CLAIM_NUMBERS, *CLAIM_TEXTS)]
    query = select(*columns).order_by(c.pk).execution_options(yield_per=PORTION)
    at, ranges, source = 0, proof.claims, CLAIM_NUMBERS.index("source")
    first = claim_moves.first_places(connection)
    for rows in connection.execute(query).partitions():
        portion: list[Any] = []
        for row in rows:
            while at < len(ranges) and row[0] > ranges[at].last:
                if portion:
                    made[at].add_claims(portion)
                    portion = []
                at += 1
            if at < len(ranges) and row[0] >= ranges[at].first:
                # A line holds where it stood when it was written.
                old = first.get(row[0])
                portion.append(row if old is None else (row[0], old, *row[2:]))
            elif row[source] != LEARNED:
                found.add(
                    f"a claim of {_removal(connection, row[1])} stands in the store, and in no "
                    "line of the log"
                )
        if portion:
            made[at].add_claims(portion)
    digests = select(d.kind, d.value, d.claim_pk).order_by(d.kind, d.value, d.claim_pk)
    firsts = [one.first for one in ranges]
    for rows in connection.execute(digests.execution_options(yield_per=PORTION)).partitions():
        _digests(rows, firsts, ranges, made)
    for one, digest in zip(ranges, made, strict=True):
        if not one.digest:
            if together([*proof.sealed_digests, digest.hex()]) != proof.sealed_as:
                found.add(
                    f"line {one.line} (sealed): what was there before the log covered rows is "
                    "another in the store than was sealed"
                )
        elif digest.hex() != one.digest:
            found.add(
                f"line {one.line}: what a list said (claims {one.first} to {one.last}) is another "
                "in the store than was written"
            )
    return sum(one.claims for one in made)


def _digests(
    rows: Sequence[Any], firsts: Sequence[int], ranges: Sequence[Any], made: Sequence[ClaimsDigest]
) -> None:
    portions: dict[int, list[Any]] = {}
    for row in rows:
        at = bisect_right(firsts, row[2]) - 1
        if at >= 0 and row[2] <= ranges[at].last:
            portions.setdefault(at, []).append((row[0], bytes(row[1]), row[2]))
    for at, portion in portions.items():
        made[at].add_digests(portion)


# -- lists ---------------------------------------------------------------------------------------


def _lists(connection: Connection, classes: ClassesSaid, found: Disagreements) -> None:
    e = schema.fact_events.c
    out: dict[int, int | None] = {}
    entitled: dict[int, int] = {}
    query = select(e.list_pk, e.what, e.at).where(e.list_pk.is_not(None)).order_by(e.pk)
    for pk, what, at in connection.execute(query):
        if what in ("list-withdrawn", "list-restored"):
            out[pk] = at if what == "list-withdrawn" else None
        elif what in ("list-entitled", "list-not-entitled"):
            entitled[pk] = int(what == "list-entitled")
    for row in connection.execute(select(schema.lists)).mappings():
        told = (out.get(row["pk"]), entitled.get(row["pk"], 0), classes.of_list.get(row["name"], 0))
        if told != (row["withdrawn_at"], row["entitled"], row["class"] or 0):
            found.add(
                f'the list "{row["name"]}" (withdrawn, entitled or its class) stands otherwise '
                "than was done with it"
            )


# -- claims --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Claim:
    removal_pk: int
    pk: int
    list_pk: int
    source: int
    added_at: int
    withdrawn_at: int | None
    born: int
    """The line that brought it; 0 before the log covered claims, and for what was learned."""
    at: int
    """The removal that it is of, as far as the acts were done again."""
    told: int | None = None
    """As it should stand."""
    taken: bool = False
    known: bool = False


@dataclass(frozen=True, slots=True)
class _Done:
    """Something that was done with a removal or with one of its claims."""

    line: int
    at: int
    what: str
    removal_pk: int
    """Where a claim went, of a move."""
    claim_pk: int | None = None


def _withdrawn(connection: Connection, proof: LogProof, found: Disagreements) -> None:
    """`claims.withdrawn_at` and where a claim stands, by doing again what was done with the
    removals that were touched."""
    c, w, e = schema.claims.c, schema.withdrawals.c, schema.fact_events.c
    about = e.what.in_(("claim-taken-back", "claim-put-back", "class-said"))
    touched = (
        select(w.removal_pk)
        .union(
            select(e.removal_pk).where(about),
            select(c.removal_pk).where(c.withdrawn_at.is_not(None)),
            select(schema.claim_moves.c.from_pk),
            select(schema.claim_moves.c.to_pk),
        )
        .subquery()
    )
    claims = (
        select(c.removal_pk, c.pk, c.list_pk, c.source, c.added_at, c.withdrawn_at)
        .where(c.removal_pk.in_(select(touched.c.removal_pk)))
        .order_by(c.removal_pk, c.pk)
    )
    turns = select(w.removal_pk, w.pk, w.at, w.restored).order_by(w.removal_pk, w.pk)
    events = (
        select(e.removal_pk, e.pk, e.at, e.what, e.claim_pk)
        .where(about)
        .order_by(e.removal_pk, e.pk)
    )
    first, moves = claim_moves.first_places(connection), _moves(connection, proof)
    tied = _tied(connection)
    several: defaultdict[int, tuple[list[_Claim], list[_Done]]] = defaultdict(lambda: ([], []))
    for one in moves:
        several[tied[one.removal_pk]][1].append(one)
    by_turn, by_event = _Groups(connection, turns), _Groups(connection, events)
    empty = deque(sorted(tied))  # that may be
    lines = proof.tables

    def acts_of(removal_pk: int) -> list[_Done]:
        made = [
            _Done(lines["withdrawals"].line_of(pk), at, "restore" if restored else "withdraw", of)
            for of, pk, at, restored in by_turn.of(removal_pk)
        ]
        made += [
            _Done(lines["fact_events"].line_of(pk), at, what, of, claim_pk)
            for of, pk, at, what, claim_pk in by_event.of(removal_pk)
        ]
        return made

    def with_empty_ones(before: int | None) -> None:
        """What was done with removals that all claims have left."""
        while empty and (before is None or empty[0] < before):
            pk = empty.popleft()
            several[tied[pk]][1].extend(acts_of(pk))

    for removal_pk, rows in groupby(
        connection.execute(claims.execution_options(yield_per=PORTION)), key=itemgetter(0)
    ):
        with_empty_ones(removal_pk)
        mine = [
            _Claim(*row, proof.claim_line(row[1]) or 0, first.get(row[1], removal_pk))
            for row in rows
        ]
        if removal_pk in tied:
            empty.popleft()
            several[tied[removal_pk]][0].extend(mine)
            several[tied[removal_pk]][1].extend(acts_of(removal_pk))
        else:
            _again(mine, acts_of(removal_pk), proof)
            _compare(connection, mine, found)
    with_empty_ones(None)
    for some, acts in several.values():
        _again(some, acts, proof)
        _compare(connection, some, found)
    for groups in (by_turn, by_event):  # what is left is of removals without a claim
        groups.result.close()


def _tied(connection: Connection) -> dict[int, int]:
    """Removals between which claims went, each with a number that those have in common."""
    m = schema.claim_moves.c
    up: dict[int, int] = {}

    def root(pk: int) -> int:
        up.setdefault(pk, pk)
        while up[pk] != pk:
            up[pk] = pk = up[up[pk]]
        return pk

    for one, other in connection.execute(select(m.from_pk, m.to_pk).order_by(m.pk)):
        up[root(one)] = root(other)
    return {pk: root(pk) for pk in list(up)}


def _moves(connection: Connection, proof: LogProof) -> list[_Done]:
    m, covered = schema.claim_moves.c, proof.tables["claim_moves"]
    rows = connection.execute(select(m.pk, m.at, m.to_pk, m.claim_pk).order_by(m.pk))
    return [
        _Done(covered.line_of(pk), at, "move", to_pk, claim_pk) for pk, at, to_pk, claim_pk in rows
    ]


def _compare(connection: Connection, claims: Sequence[_Claim], found: Disagreements) -> None:
    for one in claims:
        if one.at != one.removal_pk:
            found.add(
                f"a claim of {_removal(connection, one.removal_pk)} stands with another removal "
                "than it was moved to"
            )
        right = one.withdrawn_at == one.told
        if not (right or (one.told == _ANY and one.withdrawn_at is not None)):
            found.add(
                f"a claim of {_removal(connection, one.removal_pk)} (withdrawn or not) stands "
                "otherwise than was done with it"
            )


def _again(claims: Sequence[_Claim], acts: Sequence[_Done], proof: LogProof) -> None:
    """Do the acts again, each claim coming in with its line."""
    first = proof.claims[0] if proof.claims and not proof.claims[0].digest else None
    waiting = sorted(claims, key=lambda one: (one.born, one.pk))

    def come(line: int | None) -> None:
        """Bring in what stands in lines before this one (None: in any)."""
        new = [o for o in waiting if not o.known and (line is None or o.born < line)]
        for born, group in groupby(new, key=lambda one: one.born):
            some = list(group)
            withdrawn: dict[tuple[int, int], bool] = {}
            """Whether all that a list said of a removal is withdrawn, by both."""
            for one in claims:
                if one.known and one.source == LISTED:
                    by = one.at, one.list_pk
                    withdrawn[by] = withdrawn.get(by, True) and one.told is not None
            for one in some:
                by = one.at, one.list_pk
                if one.source == LISTED and born and by in withdrawn:
                    one.told = one.added_at if withdrawn[by] else None
                one.known = True

    sealed = 0 if first is None else first.line
    for one in claims:  # what was there before stands as its removal did
        if first is not None and one.pk <= first.last:
            one.born = 0
            if one.source == LEARNED and one.withdrawn_at == one.added_at:
                one.told = _ANY
    for act in sorted(acts, key=lambda act: act.line):
        come(max(act.line, 1))
        for one in claims:
            if act.what == "move" and one.pk == act.claim_pk:
                one.at = act.removal_pk
            if not one.known or one.at != act.removal_pk:
                continue
            if act.what == "withdraw" and one.source == LISTED and not one.taken:
                at = act.at if act.line > sealed else _ANY
                one.told = at if one.told is None else one.told
            elif act.what == "restore" and one.source == LISTED and not one.taken:
                one.told = None
            elif act.what == "class-said" and one.source == CLASSED and one.told is None:
                one.told = act.at
            elif act.what in ("claim-taken-back", "claim-put-back") and one.pk == act.claim_pk:
                one.taken = act.what == "claim-taken-back"
                one.told = act.at if one.taken else None
    come(None)


class _Groups:
    """Rows of a query in the order of their first value, asked for by that value, ascending."""

    def __init__(self, connection: Connection, query: Any) -> None:
        self.result = connection.execute(query.execution_options(yield_per=PORTION))
        self._rows = iter(self.result)
        self._next: Any = next(self._rows, None)

    def of(self, key: int) -> list[Any]:
        found: list[Any] = []
        while self._next is not None and self._next[0] <= key:
            if self._next[0] == key:
                found.append(self._next)
            self._next = next(self._rows, None)
        return found


def _settled(connection: Connection, found: Disagreements) -> None:
    """`claims.class_settled`, from what two people said."""
    c, e = schema.claims.c, schema.fact_events.c
    told: dict[int, int] = {}
    query = select(e.claim_pk, e.what).where(e.what.in_(("class-counts", "class-false")))
    for pk, what in connection.execute(query.order_by(e.pk)):
        told[pk] = COUNTS if what == "class-counts" else FALSE
    settled = select(c.pk, c.class_settled).where(c.class_settled != 0)
    there = dict(connection.execute(settled).all())
    for pk in sorted({*told, *there}):
        if told.get(pk, 0) != there.get(pk, 0):
            removal_pk = connection.scalar(select(c.removal_pk).where(c.pk == pk)) or 0
            found.add(
                f"a claim of {_removal(connection, removal_pk)} (its class settled or not) stands "
                "otherwise than two people said"
            )


def _in_force(connection: Connection, found: Disagreements) -> None:
    """`claims.in_force`, as `claims.refresh` makes it."""
    c, r = schema.claims, schema.removals
    every = select(c.c.pk, r.c.id).join(r, c.c.removal_pk == r.c.pk)
    differ = every.where(c.c.in_force != follows_in_force())
    wrong: dict[int, str] = dict(connection.execute(differ).all())
    out = taught_by_such(connection)  # whatever else follows, these are out
    for some in chunks(sorted(out)):
        for pk, id, in_force in connection.execute(
            every.add_columns(c.c.in_force).where(c.c.pk.in_(some))
        ):
            if in_force:
                wrong[pk] = id
            else:
                wrong.pop(pk, None)
    for _, id in sorted(wrong.items()):
        found.add(f"a claim of {id} (in force or not) stands otherwise than follows from the rest")


def _removals(connection: Connection, found: Disagreements) -> None:
    """`removals.withdrawn_at` and `class`, as `claims.refresh` makes them."""
    r = schema.removals
    never, said = int(RemovalClass.CHILD_ABUSE), strictest_class()
    wrong = or_(
        and_(r.c.withdrawn_at.is_not(None), stands()),
        and_(r.c.withdrawn_at.is_(None), ~stands()),
    )
    ids: dict[int, str] = dict(connection.execute(select(r.c.pk, r.c.id).where(wrong)).all())
    query = select(r.c.pk, r.c.id, r.c.cls, said.label("said"))
    rows = connection.execute(query.where(or_(r.c.cls != said, said >= never))).all()
    saying = {row.pk for row in rows if row.said >= never}
    at_links = same_links.at_links(connection, saying) - saying
    right = {row.pk for row in rows if row.pk in at_links and row[2] == never}
    ids.update((row.pk, row.id) for row in rows if row[2] != row.said and row.pk not in right)
    for chunk in chunks(sorted(at_links - right)):
        named = select(r.c.pk, r.c.id).where(r.c.pk.in_(chunk))
        ids.update((pk, id) for pk, id in connection.execute(named))
    for _, id in sorted(ids.items()):
        found.add(f"{id} (withdrawn or not, or its class) stands otherwise than its claims say")


def _removal(connection: Connection, pk: int) -> str:
    id = connection.scalar(select(schema.removals.c.id).where(schema.removals.c.pk == pk))
    return str(id or "a removal that is not there")
