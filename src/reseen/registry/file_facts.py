"""What bytes taught of a claim's file, as the audit log covers it: with each change, as it stands.

What comes in: claims by pk. What goes out: a digest of what is known of each from bytes (its
digests, the claims it rests on, its sketches), and lines of the log. It is appended to as more is
read, so a line covers it as a whole, as it was and as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, or_, select

from reseen.observed import sketches
from reseen.registry.claims import LEARNED
from reseen.store import audit, audit_rows, schema
from reseen.store.database import chunks

_CLAIMS = "claims"


def digests(connection: Connection, claim_pks: Collection[int]) -> dict[int, str]:
    """What is known of the files of these claims, each as one digest."""
    c, d, link = schema.claims.c, schema.digests.c, schema.learned_from.c
    made: dict[int, str] = {}
    for chunk in chunks(sorted(claim_pks)):
        beside: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
        said = select(d.claim_pk, d.kind, d.value).where(d.claim_pk.in_(chunk))
        for pk, *digest in connection.execute(said.order_by(d.kind, d.value)):
            beside[pk].append(("digests", *digest))
        rests = select(link.learned_pk, link.claim_pk).where(link.learned_pk.in_(chunk))
        for pk, claim_pk in connection.execute(rests.order_by(link.claim_pk)):
            beside[pk].append(("learned_from", claim_pk))
        for pk, row in sketches.rows_of_claims(connection, chunk):
            beside[pk].append(row)
        columns = (c[name] for name in audit_rows.FILE_FACTS)
        rows = connection.execute(select(*columns).where(c.pk.in_(chunk))).all()
        claims: dict[int, tuple[Any, ...]] = {row[0]: tuple(row) for row in rows}
        for pk in chunk:
            texts = audit_rows.file_texts(claims.get(pk, ()), beside[pk])
            made[pk] = audit_rows.digest(texts)
    return made


def every(connection: Connection) -> Iterator[tuple[int, str]]:
    """All claims of whose file bytes taught something, with that digest, by pk."""
    c = schema.claims.c
    taught = {*connection.scalars(select(c.pk).where(by_bytes())), *sketches.claims(connection)}
    for chunk in chunks(sorted(taught)):
        made = digests(connection, chunk)
        yield from sorted(made.items())


def by_bytes() -> ColumnElement[bool]:
    """The condition on `claims`: bytes taught something beside a sketch."""
    c = schema.claims.c
    told = (c.container, c.data_size, c.layout)
    return or_(c.source == LEARNED, *(column.is_not(None) for column in told))


def stood(
    connection: Connection, claim_pks: Collection[int], before: Mapping[int, str]
) -> dict[int, audit.Stood]:
    """Of these claims those that stand otherwise than before (what `digests` made then)."""
    return {
        pk: audit.Stood(_CLAIMS, pk, before.get(pk), now)
        for pk, now in digests(connection, claim_pks).items()
        if now != before.get(pk)
    }


def write_lines(
    connection: Connection, owners: Mapping[int, int], before: Mapping[int, str]
) -> None:
    """A line for each claim (by pk; whose removal, by pk) of which bytes taught something that they
    had not taught before."""
    changed = stood(connection, owners, before)
    r, ids = schema.removals.c, dict[int, str]()
    for chunk in chunks(sorted({owners[pk] for pk in changed})):
        named = connection.execute(select(r.pk, r.id).where(r.pk.in_(chunk)))
        ids.update((pk, id) for pk, id in named)
    acts = [
        audit.Act("learn", ids[owners[pk]], audit.SERVICE, {}, stood=each)
        for pk, each in sorted(changed.items())
    ]
    if acts:
        audit.append(connection, acts)
