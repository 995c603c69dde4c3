"""What a person called "not this model" is not asked about again.

What is remembered is a removal and the SHA-256 of bytes that we read, all of them, never a hash
that a hub states: that could be a lie which shields the true file. The last word counts: when a
person later says of the same removal and bytes that they are the model, nothing is remembered, and
taking that back remembers again. What a remembered decision decides is a decision of its own that
names it, and that can be undone by itself: then it is not made again for that sighting.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, exists, select

from reseen.records import DigestKind
from reseen.review.decision_records import Standing, appended
from reseen.review.sealed_text import new_id
from reseen.review.verdicts import DecisionRecord, SightingThen, Verdict, stand
from reseen.store import audit, schema
from reseen.store.database import chunks, reserve, upsert
from reseen.store.service_schema import case_sightings, cases, decided, decisions, dismissals


def remember(connection: Connection, removal_pk: int, sha256s: Collection[bytes]) -> set[bytes]:
    """Make what is remembered of these bytes say what people last said; those that are now
    remembered by another decision than before."""
    fresh: set[bytes] = set()
    for chunk in chunks(sorted(sha256s)):
        last = _last_words(connection, removal_pk, chunk)
        wanted = {sha: pk for sha, (pk, word) in last.items() if word == Verdict.NOT_THIS_MODEL}
        table = dismissals.c
        theirs = (table.removal_pk == removal_pk) & table.sha256.in_(chunk)
        query = select(table.sha256, table.decision_pk).where(theirs)
        before = {row.sha256: row.decision_pk for row in connection.execute(query)}
        gone = sorted(before.keys() - wanted.keys())
        if gone:
            out = (table.removal_pk == removal_pk) & table.sha256.in_(gone)
            connection.execute(delete(dismissals).where(out))
        rows: list[dict[str, Any]] = [
            {"removal_pk": removal_pk, "sha256": sha, "decision_pk": pk}
            for sha, pk in wanted.items()
            if before.get(sha) != pk
        ]
        upsert(connection, dismissals, rows, key=("removal_pk", "sha256"), update=("decision_pk",))
        fresh.update(row["sha256"] for row in rows)
    return fresh


def said_of(connection: Connection, removal_pk: int) -> set[bytes]:
    """The bytes of which people said something in the cases of a removal."""
    query = (
        select(decided.c.sha256)
        .join(decisions, decisions.c.pk == decided.c.decision_pk)
        .join(cases, cases.c.pk == decisions.c.case_pk)
        .where(cases.c.removal_pk == removal_pk, decided.c.sha256.is_not(None))
    )
    return {bytes(sha256) for sha256 in connection.scalars(query.distinct())}


def _last_words(
    connection: Connection, removal_pk: int, sha256s: Sequence[bytes]
) -> dict[bytes, tuple[int, str]]:
    """By bytes: the last decision in force that a person made about them and this removal."""
    d = decisions.c
    other = decisions.alias()
    query = (
        select(decided.c.sha256, d.pk, d.verdict)
        .join(decisions, d.pk == decided.c.decision_pk)
        .join(cases, cases.c.pk == d.case_pk)
        .where(
            decided.c.sha256.in_(sha256s),
            cases.c.removal_pk == removal_pk,
            d.because.is_(None),
            d.verdict != Verdict.SECOND.value,
            # A confirmed case can hold what was refuted beside it: of that nobody said it is it.
            (d.verdict != Verdict.CONFIRM.value) | (decided.c.rung > 0),
            ~exists().where(other.c.undoes == d.pk),
        )
        .order_by(d.pk)
    )
    return {sha: (pk, verdict) for sha, pk, verdict in connection.execute(query)}


def removals(connection: Connection) -> frozenset[int]:
    """Of which removals (by pk) anything is remembered."""
    return frozenset(connection.scalars(select(dismissals.c.removal_pk).distinct()))


def others(connection: Connection, removal_pk: int, sha256s: Collection[bytes]) -> set[int]:
    """The cases of a removal in which these bytes stand."""
    found: set[int] = set()
    s, read = schema.sightings.c, schema.read_digests.c
    for chunk in chunks(sorted(sha256s)):
        query = (
            select(case_sightings.c.case_pk)
            .join(schema.sightings, s.pk == case_sightings.c.sighting_pk)
            .join(schema.read_digests, read.artifact_pk == s.artifact_pk)
            .where(
                s.removal_pk == removal_pk,
                read.kind == int(DigestKind.SHA256),
                read.value.in_(chunk),
            )
        )
        found.update(connection.scalars(query))
    return found


def apply(
    connection: Connection, case_pks: Sequence[int], standings: Mapping[int, Standing], at: int
) -> dict[int, int]:
    """Decide what is not decided and was remembered; how many sightings, by case."""
    if connection.scalar(select(dismissals.c.removal_pk).limit(1)) is None:
        return {}
    open_: dict[int, list[tuple[int, SightingThen]]] = {}
    for pk in case_pks:
        decisions_, sightings = standings[pk]
        how = stand(decisions_, sightings)
        for one in sightings:
            if one.sha256 is not None and how.verdicts[one.pk] is None:
                then = SightingThen(one.rung, one.confirmed, one.sha256)
                open_.setdefault(pk, []).append((one.pk, then))
    if not open_:
        return {}
    known = _dismissed(connection, open_)
    if not known:
        return {}
    by_decision: dict[tuple[int, int], dict[int, SightingThen]] = {}
    for pk, sightings_ in open_.items():
        refused = _refused(standings[pk][0])
        for sighting_pk, then in sightings_:
            because = known.get((pk, then.sha256 or b""))
            if because is not None and (because, sighting_pk) not in refused:
                by_decision.setdefault((pk, because), {})[sighting_pk] = then
    return _decide(connection, by_decision, at)


def _dismissed(
    connection: Connection, open_: Mapping[int, Sequence[tuple[int, SightingThen]]]
) -> dict[tuple[int, bytes], int]:
    """(case pk, bytes) -> the decision that is remembered."""
    found: dict[tuple[int, bytes], int] = {}
    wanted = {then.sha256 or b"" for some in open_.values() for _, then in some}
    for chunk in chunks(sorted(wanted)):
        query = (
            select(cases.c.pk, dismissals.c.sha256, dismissals.c.decision_pk)
            .join(cases, cases.c.removal_pk == dismissals.c.removal_pk)
            .where(dismissals.c.sha256.in_(chunk), cases.c.pk.in_(list(open_)))
        )
        found.update(((pk, sha), decision) for pk, sha, decision in connection.execute(query))
    return found


def _refused(made_: Sequence[DecisionRecord]) -> set[tuple[int, int]]:
    """(remembered decision, sighting) where a person undid what it decided."""
    undone = {one.undoes for one in made_ if one.undoes is not None}
    return {
        (one.because, pk)
        for one in made_
        if one.because is not None and one.pk in undone
        for pk in one.covers
    }


def _decide(
    connection: Connection,
    by_decision: Mapping[tuple[int, int], Mapping[int, SightingThen]],
    at: int,
) -> dict[int, int]:
    if not by_decision:
        return {}
    versions: dict[int, tuple[str, int]] = {}
    names: dict[int, str] = {}
    for chunk in chunks({pk for pk, _ in by_decision}):
        query = select(cases.c.pk, cases.c.id, cases.c.version).where(cases.c.pk.in_(chunk))
        versions.update((pk, (id, version)) for pk, id, version in connection.execute(query))
    for chunk in chunks({because for _, because in by_decision}):
        ids = select(decisions.c.pk, decisions.c.id).where(decisions.c.pk.in_(chunk))
        names.update((pk, id) for pk, id in connection.execute(ids))
    acts: list[audit.Act] = []
    count: dict[int, int] = {}
    pks = reserve(connection, decisions, len(by_decision))
    for pk, ((case_pk, because), sightings) in zip(pks, by_decision.items(), strict=True):
        case, version = versions[case_pk]
        id = new_id("dc")
        word = Verdict.NOT_THIS_MODEL.value
        row = (pk, id, case_pk, at, None, word, None, None, because, None, version)
        covers = [
            (pk, sighting_pk, then.rung, then.confirmed.value, then.sha256)
            for sighting_pk, then in sightings.items()
        ]
        count[case_pk] = count.get(case_pk, 0) + len(sightings)
        details = {"verdict": word, "decision": id, "because": names[because]}
        kept = appended(row, covers)
        acts.append(audit.Act("decide", case, audit.SERVICE, details, kept))
    audit.append(connection, acts)
    return count
