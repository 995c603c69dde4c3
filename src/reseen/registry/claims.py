"""Claims: facts of removals with their source, and which of them are in force.

A claim is what one row of one list says of a removal; or what was learned from bytes that were read
(`registry.learning`). `refresh` is the one place that says what is in force: whatever changes a
claim, a list or a class calls it, and notes the change for those who hold the registry in memory.
Everything happens in the caller's transaction.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    exists,
    func,
    or_,
    select,
    update,
)

from reseen.errors import NotFound, SealError
from reseen.observed import sketches
from reseen.observed.artifacts import instant
from reseen.records import Claim, Container, Digest, DigestKind, RemovalClass
from reseen.registry import of_several_files, same_files, same_links, stands_in
from reseen.registry.days import day
from reseen.store import audit, change_log, ids, schema
from reseen.store.database import chunks, now, reserve
from reseen.store.sealing import Keyring

LISTED, LEARNED, CLASSED = 0, 1, 2
"""`claims.source`: a row of a list; computed from bytes; the class alone, said here."""
COUNTS, FALSE = 1, 2
"""`claims.class_settled`: by two people."""


def list_pks(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """The lists of these names; those that are not there are made."""
    wanted = sorted(set(names))
    table = schema.lists
    found: dict[str, int] = {}
    for chunk in chunks(wanted):
        query = select(table.c.name, table.c.pk).where(table.c.name.in_(chunk))
        found.update((name, pk) for name, pk in connection.execute(query))
    for name in wanted:
        if name not in found:
            row = {"name": name, "created_at": now(), "entitled": 0}
            made = connection.execute(table.insert().values(row).returning(table.c.pk))
            found[name] = int(made.scalar_one())
    return found


def refresh(
    connection: Connection, removal_pks: Collection[int], *, only_learned: bool = False
) -> None:
    """Say anew what of these removals is in force, and note that they changed. `only_learned`: it
    is what bytes taught of them that changed.

    A claim of a list is in force unless it or its list is withdrawn. What was learned is in force
    unless it was taken back, if one of the claims that it rests on is, and if neither the removal
    nor another that has the same file, or the archive that it stands in, is of the class that is
    never read: so what changes of that class changes those others too. A removal is withdrawn when
    no claim of a list is in force; then its class is the strictest that was ever said, since
    nothing of it may be handed out.
    """
    pks = sorted(set(removal_pks))
    never_read = same_files.of_class(connection, pks)
    if not only_learned:
        for chunk in chunks(pks):
            _refresh_said(connection, chunk)
        at_links = _refresh_at_links(connection)
        pks = sorted(at_links.union(pks))
        never_read |= at_links | same_files.of_class(connection, pks)
    if never_read:
        pks = sorted({*pks, *of_several_files.sharing(connection, never_read)})
    c = schema.claims
    for chunk in chunks(pks):
        learned = update(c).where(c.c.removal_pk.in_(chunk), c.c.source == LEARNED)
        connection.execute(learned.values(in_force=follows_in_force()))
        out = sorted(same_files.taught_by_such(connection, chunk))
        connection.execute(update(c).where(c.c.pk.in_(out)).values(in_force=0))
    change_log.note(connection, pks)


def _refresh_said(connection: Connection, removal_pks: list[int]) -> None:
    """What lists say of these removals, and what follows for each as a whole."""
    c, r = schema.claims, schema.removals
    mine = update(c).where(c.c.removal_pk.in_(removal_pks)).values(in_force=follows_in_force())
    connection.execute(mine.where(c.c.source != LEARNED))
    connection.execute(
        update(r)
        .where(r.c.pk.in_(removal_pks))
        .values(
            {
                r.c.cls: strictest_class(),
                r.c.withdrawn_at: case(
                    (stands(), None), else_=func.coalesce(r.c.withdrawn_at, now())
                ),
            }
        )
    )


def _refresh_at_links(connection: Connection) -> set[int]:
    """The class of what stands at a link of something that is never read; of which removals it
    changed."""
    r, never = schema.removals, int(RemovalClass.CHILD_ABUSE)
    there = same_links.of_class(connection)
    if not there:
        return set()
    by_themselves: set[int] = set()
    for chunk in chunks(sorted(there)):
        query = select(r.c.pk).where(r.c.pk.in_(chunk), strictest_class() >= never)
        by_themselves.update(connection.scalars(query))
    at_links = same_links.at_links(connection, by_themselves) - by_themselves
    new, over = at_links - there, there - by_themselves - at_links
    for chunk in chunks(sorted(new)):
        connection.execute(update(r).where(r.c.pk.in_(chunk)).values({r.c.cls: never}))
    for chunk in chunks(sorted(over)):
        mine = update(r).where(r.c.pk.in_(chunk))
        connection.execute(mine.values({r.c.cls: strictest_class()}))
    return new | over


def follows_in_force() -> ColumnElement[int]:
    """What `claims.in_force` should be. Of what was learned it follows from that of the claims that
    it rests on, and from the class of all removals that have the file."""
    c, r, lists = schema.claims.c, schema.removals.alias("theirs").c, schema.lists.c
    told, link = schema.claims.alias("told").c, schema.learned_from.c
    list_is_out = exists().where(lists.pk == c.list_pk, lists.withdrawn_at.is_not(None))
    out = or_(c.withdrawn_at.is_not(None), list_is_out)
    rests = exists().where(link.learned_pk == c.pk, told.pk == link.claim_pk, told.in_force == 1)
    read = exists().where(r.pk == c.removal_pk, r.cls < int(RemovalClass.CHILD_ABUSE))
    use = and_(c.withdrawn_at.is_(None), rests, read, ~same_files.is_about_such(c.pk))
    made: ColumnElement[int] = case(
        (c.source == LEARNED, case((use, 1), else_=0)), else_=case((out, 0), else_=1)
    )
    return made


def comes_into_force(connection: Connection, learned: Mapping[int, int]) -> set[int]:
    """Learned claims (of these, by pk, with their removals' pks) that are out of force and should
    be in: what taught them was of the class that is never read, and now another file did."""
    c = schema.claims.c
    found: set[int] = set()
    for chunk in chunks(sorted(learned)):
        query = select(c.pk).where(c.pk.in_(chunk), c.in_force == 0, follows_in_force() == 1)
        found.update(connection.scalars(query))
    return found - same_files.taught_by_such(connection, {learned[pk] for pk in found})


def stands() -> ColumnElement[bool]:
    """The condition on `removals`: a claim of a list is in force."""
    told = schema.claims.alias("standing").c
    mine = told.removal_pk == schema.removals.c.pk
    return exists().where(mine, told.source == LISTED, told.in_force == 1)


def strictest_class() -> ColumnElement[int]:
    """The class of a removal, by its claims that are in force; of a withdrawn one, by all."""
    r, lists, told = schema.removals, schema.lists, schema.claims.alias("saying")
    ever = and_(told.c.removal_pk == r.c.pk, told.c.source != LEARNED)
    said = and_(ever, told.c.in_force == 1)
    effective = _class_said(told)
    most = select(func.max(effective)).select_from(
        told.outerjoin(lists, lists.c.pk == told.c.list_pk)
    )
    strictest = case(
        (stands(), most.where(said).scalar_subquery()), else_=most.where(ever).scalar_subquery()
    )
    vouched = (
        exists()
        .where(said, effective >= int(RemovalClass.CHILD_ABUSE))
        .where(lists.c.pk == told.c.list_pk)
        .where(or_(lists.c.entitled == 1, told.c.class_settled == COUNTS))
    )
    made: ColumnElement[int] = case(
        (vouched, int(RemovalClass.CHILD_ABUSE_VOUCHED)), else_=func.coalesce(strictest, 0)
    )
    return made


def _class_said(claim: Any) -> ColumnElement[int]:
    """The class that a claim says: its own or its list's, the stricter; none where two people
    settled that it is false. `claim`: `claims`, or an alias of it, joined with `lists`."""
    own, of_list = func.coalesce(claim.c.cls, 0), func.coalesce(schema.lists.c.cls, 0)
    both = case((of_list > own, of_list), else_=own)
    said: ColumnElement[int] = case((claim.c.class_settled == FALSE, 0), else_=both)
    return said


def in_force() -> ColumnElement[bool]:
    """The condition on `claims` that every look-up of the registry in force has."""
    return schema.claims.c.in_force == 1


# -- withdrawing and restoring -------------------------------------------------------------------


def withdraw_removal(
    connection: Connection, keyring: Keyring | None, removal_pk: int, id: str, why: str,
    *, restored: bool, actor: str | None = None,
) -> bool:  # fmt: skip
    """Take all claims about a removal out of force, or put them back; False if they stood so
    already. A claim that another list makes later is in force: a withdrawal speaks of what was said
    until then. What was taken back by itself stays so, whatever becomes of the removal. Audited;
    the reason is sealed (SealError without a key)."""
    c = schema.claims
    mine = and_(c.c.removal_pk == removal_pk, c.c.source == LISTED, ~_taken_back())
    wrong = c.c.withdrawn_at.is_not(None) if restored else c.c.withdrawn_at.is_(None)
    if connection.scalar(select(c.c.pk).where(mine, wrong).limit(1)) is None:
        return False
    sealed = sealed_reason(keyring, why, id)
    at = now()
    connection.execute(update(c).where(mine, wrong).values(withdrawn_at=None if restored else at))
    refresh(connection, [removal_pk])
    (pk,) = reserve(connection, schema.withdrawals, 1)
    row = (pk, removal_pk, at, int(restored), sealed)
    kept = audit.Appended(schema.withdrawals, [row])
    verb = "restore" if restored else "withdraw"
    audit.append(connection, [audit.Act(verb, id, actor, {}, [kept])])
    return True


def _taken_back() -> ColumnElement[bool]:
    """The condition on `claims`: the last that was done with this one is that it was taken back."""
    c, e, later = schema.claims.c, schema.fact_events.alias("e"), schema.fact_events.alias("later")
    m = schema.claim_moves.c
    been = or_(
        e.c.removal_pk == c.removal_pk,
        e.c.removal_pk.in_(select(m.from_pk).where(m.claim_pk == c.pk)),
    )
    since = or_(
        later.c.removal_pk == c.removal_pk,
        later.c.removal_pk.in_(select(m.from_pk).where(m.claim_pk == c.pk)),
    )
    put_back = exists().where(
        since,
        later.c.claim_pk == e.c.claim_pk,
        later.c.what == "claim-put-back",
        later.c.pk > e.c.pk,
    )
    return exists().where(
        been,
        e.c.claim_pk == c.pk,
        e.c.what == "claim-taken-back",
        ~put_back,
    )


def withdraw_list(
    connection: Connection, keyring: Keyring | None, name: str, why: str,
    *, restored: bool, actor: str | None = None, user_pk: int | None = None,
) -> list[int] | None:  # fmt: skip
    """Take a whole list out of force, or put it back. Returns the removals (by pk) of which it says
    something, or None if it stood so already. Audited; the reason is sealed.
    Raises NotFound and SealError."""
    lists, c = schema.lists, schema.claims.c
    row = connection.execute(select(lists).where(lists.c.name == name)).one_or_none()
    if row is None:
        raise NotFound.of("list", name, "`reseen registry lists` shows them.")
    if (row.withdrawn_at is None) == restored:
        return None
    sealed = sealed_reason(keyring, why, f"list {row.pk}")
    at = now()
    connection.execute(
        update(lists).where(lists.c.pk == row.pk).values(withdrawn_at=None if restored else at)
    )
    what = "list-restored" if restored else "list-withdrawn"
    said = FactEvent(what, sealed, at, list_pk=row.pk, user_pk=user_pk)
    pks = list(connection.scalars(select(c.removal_pk).where(c.list_pk == row.pk).distinct()))
    refresh(connection, pks)
    verb = "restore-list" if restored else "withdraw-list"
    record(connection, said, verb, "*", actor=actor, list=name, removals=len(pks))
    return pks


def take_back(
    connection: Connection, keyring: Keyring | None, id: str, number: int, why: str, *,
    put_back: bool = False, actor: str | None = None,
) -> bool:  # fmt: skip
    """Take one claim out of use, or put it back: what was learned from bytes, or one row of a list.
    False if it stood so already. It is not learned again from the same bytes. One that is out with
    its removal can be taken back too: it then stays out when the removal is restored. Audited; the
    reason is sealed. Raises NotFound and SealError."""
    c, removal = schema.claims, removal_pk(connection, id)
    pk = claim_pk(connection, removal, number)
    query = select(c.c.withdrawn_at, c.c.source, _taken_back().label("taken")).where(c.c.pk == pk)
    row = connection.execute(query).one()
    out_by_itself = row.withdrawn_at is not None and (row.taken or row.source != LISTED)
    if out_by_itself if not put_back else row.withdrawn_at is None:
        return False
    sealed = sealed_reason(keyring, why, id)
    at = now()
    connection.execute(update(c).where(c.c.pk == pk).values(withdrawn_at=None if put_back else at))
    what = "claim-put-back" if put_back else "claim-taken-back"
    refresh(connection, [removal])
    said = FactEvent(what, sealed, at, removal_pk=removal, claim_pk=pk)
    record(connection, said, what, id, actor=actor, claim=number)
    return True


def settle_contradiction(
    connection: Connection, keyring: Keyring | None, id: str, number: int, why: str, *,
    actor: str | None = None,
) -> bool:  # fmt: skip
    """A person has looked at a claim that a file contradicted, and leaves it as it is: it goes
    on giving nothing to files that contradict it. To take it out, `take_back` it. False if nothing
    waited. Raises NotFound and SealError."""
    c, removal = schema.claims, removal_pk(connection, id)
    pk = claim_pk(connection, removal, number)
    waits = and_(c.c.pk == pk, c.c.contradicted == 1)
    if connection.scalar(select(c.c.pk).where(waits)) is None:
        return False
    sealed = sealed_reason(keyring, why, id)
    connection.execute(update(c).where(waits).values(contradicted=2))
    said = FactEvent("contradiction-seen", sealed, now(), removal_pk=removal, claim_pk=pk)
    record(connection, said, "contradiction-seen", id, actor=actor, claim=number)
    return True


@dataclass(frozen=True, slots=True)
class FactEvent:
    """What a person did with a list or a fact."""

    what: str
    sealed: bytes | None
    """The reason."""
    at: int
    list_pk: int | None = None
    removal_pk: int | None = None
    claim_pk: int | None = None
    user_pk: int | None = None


def record(
    connection: Connection, event: FactEvent, action: str, subject: str, *,
    actor: str | None, **details: str | int | None,
) -> None:  # fmt: skip
    """Append what a person did, and the line of the log that covers it."""
    (pk,) = reserve(connection, schema.fact_events, 1)
    about = (event.list_pk, event.removal_pk, event.claim_pk, event.user_pk)
    row = (pk, event.at, event.what, *about, event.sealed)
    kept = audit.Appended(schema.fact_events, [row])
    audit.append(connection, [audit.Act(action, subject, actor, details, [kept])])


def sealed_reason(keyring: Keyring | None, why: str, id: str) -> bytes:
    if keyring is None:
        raise SealError(
            "the reason cannot be sealed without the key",
            remedy="Give the key in RESEEN_KEY or RESEEN_KEY_FILE.",
        )
    return keyring.seal_text(why, id)


# -- reading out ---------------------------------------------------------------------------------


def claim_pk(connection: Connection, removal_pk: int, number: int) -> int:
    """The store's number of a removal's claim. Raises NotFound."""
    c = schema.claims.c
    query = select(c.pk).where(c.removal_pk == removal_pk).order_by(c.pk)
    pks = list(connection.scalars(query))
    if not 1 <= number <= len(pks):
        raise NotFound.of("claim", str(number), "`reseen registry show` numbers them.")
    return int(pks[number - 1])


def of_removals(
    connection: Connection, removal_pks: Collection[int], *, between: bool = False
) -> dict[int, tuple[Claim, ...]]:
    """All claims about these removals, in the order in which they came. `between`: nearly all
    removals between the first and the last are wanted, so that a range is asked for."""
    pks = sorted(removal_pks)
    found: dict[int, tuple[Claim, ...]] = {}
    if between and pks:
        return _load(connection, schema.claims.c.removal_pk.between(pks[0], pks[-1]))
    for chunk in chunks(pks):
        found |= _load(connection, schema.claims.c.removal_pk.in_(chunk))
    return found


def _load(connection: Connection, theirs: ColumnElement[bool]) -> dict[int, tuple[Claim, ...]]:

    c, d = schema.claims.c, schema.digests.c
    rows = connection.execute(
        select(
            schema.claims,
            schema.lists.c.name,
            schema.lists.c.cls.label("list_class"),
            schema.removals.c.cls.label("removal_class"),
        )
        .join(schema.removals, schema.removals.c.pk == c.removal_pk)
        .outerjoin(schema.lists, schema.lists.c.pk == c.list_pk)
        .where(theirs)
        .order_by(c.removal_pk, c.pk)
    ).all()
    digests: defaultdict[int, list[Digest]] = defaultdict(list)
    held = (
        select(d.claim_pk, d.kind, d.value)
        .join(schema.claims, c.pk == d.claim_pk)
        .where(theirs)
        .order_by(d.claim_pk, d.kind, d.value)
    )
    for pk, kind, value in connection.execute(held):
        digests[pk].append(Digest(DigestKind(kind), value))
    rests = _rests(connection, [row.pk for row in rows if row.source == LEARNED])
    sketch_of = sketches.of_claims(connection, [row.pk for row in rows])
    numbers: dict[int, int] = {}
    counts: Counter[int] = Counter()
    for row in rows:  # before any is made: what was learned may rest on a claim that came later
        counts[row.removal_pk] += 1
        numbers[row.pk] = counts[row.removal_pk]
    found: defaultdict[int, list[Claim]] = defaultdict(list)
    for row in rows:
        said = stricter(row._mapping[c.cls], row.list_class) or RemovalClass.OTHER
        secret = RemovalClass(row.removal_class).never_read or (
            said.never_read and row.class_settled != FALSE
        )
        held_here = tuple(digests.get(row.pk, ()))
        found[row.removal_pk].append(
            Claim(
                number=numbers[row.pk],
                list=None if row.source == LEARNED else row.name,
                in_force=bool(row.in_force),
                digests=() if secret else held_here,
                never_read=tuple(d.kind for d in held_here) if secret else (),
                size=row.size,
                container=None if row.container is None else Container(row.container),
                data_size=row.data_size,
                layout=None if secret else row.layout,
                sketch=None if secret else sketch_of.get(row.pk),
                site=row.site,
                removed_on=day(row.removed_on),
                cls=stricter(row._mapping[c.cls], row.list_class),
                added_at=instant(row.added_at),
                withdrawn_at=instant(row.withdrawn_at),
                contradicted=row.contradicted == 1,
                class_only=row.source == CLASSED,
                class_settled={COUNTS: True, FALSE: False}.get(row.class_settled),
                rests_on=tuple(
                    sorted(numbers[pk] for pk in rests.get(row.pk, ()) if pk in numbers)
                ),
            )
        )
    return {pk: tuple(some) for pk, some in found.items()}


def stricter(*said: int | None) -> RemovalClass | None:
    return max((RemovalClass(cls) for cls in said if cls is not None), default=None)


def _rests(connection: Connection, learned: Collection[int]) -> Mapping[int, list[int]]:
    link = schema.learned_from.c
    found: defaultdict[int, list[int]] = defaultdict(list)
    for chunk in chunks(learned):
        query = select(link.learned_pk, link.claim_pk).where(link.learned_pk.in_(chunk))
        for learned_pk, pk in connection.execute(query):
            found[learned_pk].append(pk)
    return found


def removal_pk(connection: Connection, removal: str) -> int:
    """Of one that stands in another by now, that other's. Raises NotFound."""
    table = schema.removals.c
    pk = connection.scalar(select(table.pk).where(table.id == ids.given(removal)))
    if pk is None:
        raise NotFound.of("removal", removal, "`reseen registry list` shows them.")
    return stands_in.where(connection, int(pk))
