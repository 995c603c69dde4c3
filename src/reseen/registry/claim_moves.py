"""Claims that go from one removal to another, and what goes with them.

What comes in: moves, as `merge` found them, once the removals are written. What goes out: rows for
`claim_moves`, which the caller appends with the line that covers them (`log`). Names are sealed for
the removal that they are said of, so they are sealed anew. What somebody here said of a removal of
which no list says anything any more, and what it learned, goes where its claims went. Everything
happens in the caller's transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete, exists, select

from reseen.records import DigestKind
from reseen.registry import claim_lines, claims, file_facts
from reseen.registry.claims import CLASSED, LEARNED, LISTED
from reseen.registry.merge import ClaimMove
from reseen.store import audit, schema
from reseen.store.database import chunks, insert_many, now, reserve, update_many
from reseen.store.sealing import Keyring

Move = tuple[int, int, int]
"""A claim, from where, and to where; all by pk."""


def move(connection: Connection, keyring: Keyring, moves: Sequence[ClaimMove]) -> list[Move]:
    """Move claims, and what goes with them; all that moved."""
    if not moves:
        return []
    rows: list[tuple[int, int, bytes | None]] = []
    done: list[Move] = []
    for one in moves:
        claim, old, new = one.claim, one.come_from, one.to
        assert old.pk is not None, "it is in the store"
        assert new.pk is not None, "it was written"
        if claim.sealed is not None:
            claim.sealed = keyring.seal(keyring.open(claim.sealed, old.id), new.id)
        rows.append((claim.pk, new.pk, claim.sealed))
        done.append((claim.pk, old.pk, new.pk))
    files = _with_facts(connection, {pk for _, *both in done for pk in both})
    before = file_facts.digests(connection, files)
    update_many(connection, schema.claims, "pk", ("removal_pk", "sealed"), rows)
    went: dict[int, int] = {}
    for _, old_pk, new_pk in done:
        went[old_pk] = min(new_pk, went.get(old_pk, new_pk))
    empty = _empty(connection, went)
    more = _with_them(connection, {pk: went[pk] for pk in empty})
    update_many(connection, schema.claims, "pk", ("removal_pk",), [(pk, to) for pk, _, to in more])
    _part(connection, {pk for _, *both in done for pk in both})
    now_at = {pk: to for pk, _, to in (*done, *more)}
    file_facts.write_lines(connection, {pk: now_at.get(pk, at) for pk, at in files.items()}, before)
    return done + more


def _with_facts(connection: Connection, removal_pks: Collection[int]) -> dict[int, int]:
    """The claims about these removals of whose file bytes taught something, with the removal."""
    c = schema.claims.c
    found: dict[int, int] = {}
    for chunk in chunks(sorted(removal_pks)):
        query = select(c.pk, c.removal_pk).where(c.removal_pk.in_(chunk), file_facts.by_bytes())
        found.update((pk, removal_pk) for pk, removal_pk in connection.execute(query))
    return found


def log(connection: Connection, moves: Sequence[Move], actor: str | None) -> None:
    """Append what moved, and the line that covers it."""
    if moves:
        at = now()
        pks = reserve(connection, schema.claim_moves, len(moves))
        rows = [(pk, *one, at) for pk, one in zip(pks, moves, strict=True)]
        kept = audit.Appended(schema.claim_moves, rows)
        audit.append(connection, [audit.Act("move-claims", "*", actor, {}, [kept])])


def say_class_too(connection: Connection, moves: Sequence[Move], actor: str | None) -> None:
    """What somebody here said of the class of a removal counts for the claims that have left it,
    and for those that stayed. To be called after the line that covers the new claims."""
    c = schema.claims.c
    went: defaultdict[int, set[int]] = defaultdict(set)
    for _, old, new in moves:
        went[old].add(new)
    said: defaultdict[int, set[tuple[int, int]]] = defaultdict(set)
    for chunk in chunks(sorted({*went, *(pk for some in went.values() for pk in some)})):
        query = select(c.removal_pk, c.list_pk, c.cls).where(c.removal_pk.in_(chunk))
        query = query.where(c.source == CLASSED, c.withdrawn_at.is_(None), c.cls.is_not(None))
        for removal_pk, list_pk, cls in connection.execute(query):
            said[removal_pk].add((list_pk, cls))
    missing = {
        (new, *each)
        for old, some in went.items()
        for new in some
        for each in said.get(old, set()) - said.get(new, set())
    }
    if not missing:
        return
    at = now()
    rows = [
        (pk, removal_pk, None, list_pk, CLASSED, None, cls, at, None)
        for pk, (removal_pk, list_pk, cls) in zip(
            reserve(connection, schema.claims, len(missing)), sorted(missing), strict=True
        )
    ]
    columns = ("pk", "removal_pk", "list_pk", "source", "cls", "added_at")
    insert_many(
        connection, schema.claims, columns, [(*row[:2], *row[3:5], *row[6:8]) for row in rows]
    )
    audit.write(connection, "classify-too", "*", actor=actor, **claim_lines.covering(rows, []))
    claims.refresh(connection, {row[1] for row in rows})


def _empty(connection: Connection, removal_pks: Iterable[int]) -> set[int]:
    """Those of which no list says anything any more."""
    c = schema.claims.c
    wanted = set(removal_pks)
    told: set[int] = set()
    for chunk in chunks(sorted(wanted)):
        query = select(c.removal_pk).where(c.removal_pk.in_(chunk), c.source == LISTED)
        told.update(connection.scalars(query.distinct()))
    return wanted - told


def _with_them(connection: Connection, went: Mapping[int, int]) -> list[Move]:
    """What was said here or learned of removals that are empty, with where it goes; but for what is
    learned there already."""
    c, d = schema.claims.c, schema.digests.c
    found: list[Move] = []
    for chunk in chunks(sorted(went)):
        said = select(c.pk, c.removal_pk).where(c.removal_pk.in_(chunk), c.source == CLASSED)
        found.extend((pk, old, went[old]) for pk, old in connection.execute(said.order_by(c.pk)))
    learned = (
        select(c.pk, c.removal_pk, d.value, c.withdrawn_at)
        .join(schema.digests, d.claim_pk == c.pk)
        .where(c.source == LEARNED, d.kind == int(DigestKind.SHA256))
        .order_by(c.pk)
    )
    there: dict[tuple[int, bytes], tuple[int, bool]] = {}
    for chunk in chunks(sorted(set(went.values()))):
        for pk, to, value, out in connection.execute(learned.where(c.removal_pk.in_(chunk))):
            there[to, bytes(value)] = pk, out is not None
    for chunk in chunks(sorted(went)):
        for pk, old, value, out in connection.execute(learned.where(c.removal_pk.in_(chunk))).all():
            key = went[old], bytes(value)
            known = there.get(key)
            if known is not None and (known[1] or out is None):
                continue
            if known is not None:  # somebody has taken it back there, and not here
                found.append((known[0], went[old], old))
            there[key] = pk, out is not None
            found.append((pk, old, went[old]))
    return found


def _part(connection: Connection, removal_pks: Collection[int]) -> None:
    """What was learned rests on claims about the same removal."""
    link, learned = schema.learned_from.c, schema.claims.alias("learned").c
    told = schema.claims.alias("told").c
    for chunk in chunks(sorted(removal_pks)):
        apart = exists().where(
            learned.pk == link.learned_pk,
            told.pk == link.claim_pk,
            learned.removal_pk != told.removal_pk,
            learned.removal_pk.in_(chunk),
        )
        connection.execute(delete(schema.learned_from).where(apart))


def first_places(connection: Connection) -> dict[int, int]:
    """Where each claim that moved stood at first (both by pk)."""
    m = schema.claim_moves.c
    found: dict[int, int] = {}
    for pk, old in connection.execute(select(m.claim_pk, m.from_pk).order_by(m.pk)):
        found.setdefault(pk, old)
    return found
