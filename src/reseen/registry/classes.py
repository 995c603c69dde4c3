"""The class of removals: who says it, whether that counts, and what two people settled.

The strictest class that a claim in force says is the removal's, at once, for all that concerns
reading. That the gate blocks for the class that is never read needs more: a list that an
administrator has marked as entitled to say it, or two people who settled the claim, each with a
reason. `registry.claims.refresh` makes of it what a removal is. Everything happens in the caller's
transaction, is audited, and can be undone the same way; reasons are sealed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, select, update

from reseen.errors import Conflict, InputError, NotFound
from reseen.observed.artifacts import instant
from reseen.records import SAID_CLASSES, RemovalClass
from reseen.registry import claim_lines, claims
from reseen.registry.claims import (
    CLASSED,
    COUNTS,
    FALSE,
    LEARNED,
    FactEvent,
    record,
    sealed_reason,
)
from reseen.store import schema
from reseen.store.database import chunks, now, reserve
from reseen.store.sealing import Keyring

HERE = "local"
"""The list under which people of this installation say something of a removal."""
_PROPOSED = {COUNTS: "class-counts-proposed", FALSE: "class-false-proposed"}
_SETTLED = {COUNTS: "class-counts", FALSE: "class-false"}


@dataclass(frozen=True, slots=True)
class By:
    """A person of the service who settles something."""

    pk: int
    name: str

    @property
    def actor(self) -> str:
        return f"user:{self.name}"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One person has said that a class claim counts, or is false; a second one has not yet."""

    number: int
    """Of the claim, within its removal."""
    counts: bool
    by_pk: int
    at: datetime | None


def class_named(label: str) -> RemovalClass:
    """A class by its label. Raises InputError."""
    for cls in SAID_CLASSES:
        if cls.label == label.strip().lower():
            return cls
    raise InputError(
        "there is no such class",
        remedy=f"Classes are {', '.join(cls.label for cls in SAID_CLASSES)}.",
    )


def classify(
    connection: Connection, keyring: Keyring | None, removal: str, cls: RemovalClass, why: str,
    *, actor: str | None = None,
) -> bool:  # fmt: skip
    """Say of which class a removal is: a claim of the list "local", which replaces what was said of
    the class here before and outweighs no list that says a stricter one. False if it stood so
    already. Raises NotFound and SealError."""
    pk, c = claims.removal_pk(connection, removal), schema.claims
    list_pk = claims.list_pks(connection, [HERE])[HERE]
    mine = and_(
        c.c.removal_pk == pk,
        c.c.source == CLASSED,
        c.c.list_pk == list_pk,
        c.c.withdrawn_at.is_(None),
    )
    said = list(connection.scalars(select(c.c.cls).where(mine)))
    if said == ([int(cls)] if cls else []):
        return False
    id = _id(connection, pk)
    sealed = sealed_reason(keyring, why, id)
    at = now()
    connection.execute(update(c).where(mine).values(withdrawn_at=at))
    covered: dict[str, str] = {}
    if cls:
        (claim_pk,) = reserve(connection, c, 1)
        row = {"pk": claim_pk, "removal_pk": pk, "list_pk": list_pk, "source": CLASSED}
        connection.execute(c.insert(), [row | {"cls": int(cls), "added_at": at}])
        new = (claim_pk, pk, None, list_pk, CLASSED, None, int(cls), at, None)
        covered = claim_lines.covering([new], [])
    claims.refresh(connection, [pk])
    said_here = FactEvent("class-said", sealed, at, removal_pk=pk)
    record(connection, said_here, "classify", id, actor=actor, cls=cls.label, **covered)
    return True


def classify_list(
    connection: Connection, keyring: Keyring | None, name: str, cls: RemovalClass, why: str,
    *, actor: str | None = None,
) -> list[int] | None:  # fmt: skip
    """Say of which class all of a list is, its rows still to come too; "other" takes that back.
    The removals concerned, or None if it stood so already. Raises NotFound and SealError."""
    pk, before = _list(connection, name, "class")
    if (before or 0) == int(cls):
        return None
    lists = schema.lists
    sealed = sealed_reason(keyring, why, f"list {pk}")
    value = int(cls) if cls else None
    connection.execute(update(lists).where(lists.c.pk == pk).values({lists.c.cls: value}))
    pks = _refresh_list(connection, pk)
    record(
        connection, FactEvent("list-class-said", sealed, now(), list_pk=pk),
        "classify-list", "*", actor=actor, list=name, cls=cls.label, removals=len(pks),
    )  # fmt: skip
    return pks


def entitle(
    connection: Connection, name: str, *, revoked: bool = False, actor: str | None = None,
    user_pk: int | None = None,
) -> bool:  # fmt: skip
    """Mark a list as entitled to say the class that is never read, so that the gate blocks for it;
    or take that back. False if it stood so already. Audited. Raises NotFound."""
    pk, before = _list(connection, name, "entitled")
    if bool(before) != revoked:
        return False
    lists = schema.lists
    connection.execute(update(lists).where(lists.c.pk == pk).values(entitled=int(not revoked)))
    what = "list-not-entitled" if revoked else "list-entitled"
    _refresh_list(connection, pk)
    said = FactEvent(what, None, now(), list_pk=pk, user_pk=user_pk)
    verb = "revoke-entitled" if revoked else "entitle"
    record(connection, said, verb, "*", actor=actor, list=name)
    return True


def propose(
    connection: Connection, keyring: Keyring | None, removal: str, number: int, counts: bool,
    why: str, *, by: By,
) -> None:  # fmt: skip
    """The first pair of eyes: a class claim counts (as of an entitled list), or is false. Nothing
    changes until a second person confirms. Raises NotFound, Conflict where it is settled so already
    or proposed, and SealError."""
    pk, claim_pk, settled = _class_claim(connection, removal, number)
    want = COUNTS if counts else FALSE
    if settled == want:
        raise Conflict("that is settled already", remedy="Propose the opposite to change it.")
    if (waiting := _waiting(connection, [claim_pk]).get(claim_pk)) and waiting.counts == counts:
        raise Conflict("that is proposed already", remedy="A second person confirms it.")
    id = _id(connection, pk)
    sealed = sealed_reason(keyring, why, id)
    about = {"removal_pk": pk, "claim_pk": claim_pk, "user_pk": by.pk}
    said = FactEvent(_PROPOSED[want], sealed, now(), **about)
    record(connection, said, _PROPOSED[want], id, actor=by.actor, claim=number)


def confirm(
    connection: Connection, keyring: Keyring | None, removal: str, number: int, why: str, *, by: By
) -> bool:
    """The second pair of eyes, of another person: what was proposed holds from now on. Whether the
    claim counts. Raises NotFound, Conflict where nothing waits or the same person asks, and
    SealError."""
    pk, claim_pk, _ = _class_claim(connection, removal, number)
    waiting = _waiting(connection, [claim_pk]).get(claim_pk)
    if waiting is None:
        raise Conflict("nothing is proposed of this claim", remedy="One person proposes first.")
    if waiting.by_pk == by.pk:
        raise Conflict(
            "who proposed it cannot confirm it", remedy="It needs a second pair of eyes."
        )
    id = _id(connection, pk)
    sealed = sealed_reason(keyring, why, id)
    want = COUNTS if waiting.counts else FALSE
    about = {"removal_pk": pk, "claim_pk": claim_pk, "user_pk": by.pk}
    said = FactEvent(_SETTLED[want], sealed, now(), **about)
    c = schema.claims
    connection.execute(update(c).where(c.c.pk == claim_pk).values(class_settled=want))
    claims.refresh(connection, [pk])
    record(connection, said, _SETTLED[want], id, actor=by.actor, claim=number)
    return waiting.counts


def exported(
    connection: Connection, keyring: Keyring | None, to: str, digests: int, why: str, *, by: By
) -> None:
    """Record that digests of the class that is never read go to an authority. Raises SealError."""
    sealed = sealed_reason(keyring, why, "class export")
    said = FactEvent("class-exported", sealed, now(), user_pk=by.pk)
    record(connection, said, "export-class", "*", actor=by.actor, to=to, digests=digests)


def proposals(connection: Connection, removal: str) -> dict[int, Proposal]:
    """What waits for a second person, by the number of the claim. Raises NotFound."""
    c = schema.claims.c
    pk = claims.removal_pk(connection, removal)
    pks = list(connection.scalars(select(c.pk).where(c.removal_pk == pk).order_by(c.pk)))
    found = _waiting(connection, pks)
    return {number: found[pk] for number, pk in enumerate(pks, 1) if pk in found}


def _waiting(connection: Connection, claim_pks: Iterable[int]) -> dict[int, Proposal]:
    """By claim's pk: the last that was said of its class, where that is a proposal."""
    e = schema.fact_events.c
    about = (*_PROPOSED.values(), *_SETTLED.values())
    last: dict[int, Proposal] = {}
    for chunk in chunks(claim_pks):
        query = select(schema.fact_events).where(e.claim_pk.in_(chunk), e.what.in_(about))
        for row in connection.execute(query.order_by(e.pk)):
            if row.what in _PROPOSED.values():
                counts = row.what == _PROPOSED[COUNTS]
                last[row.claim_pk] = Proposal(0, counts, row.user_pk, instant(row.at))
            else:
                last.pop(row.claim_pk, None)
    return last


def _class_claim(connection: Connection, removal: str, number: int) -> tuple[int, int, int]:
    """(removal's pk, claim's pk, how it is settled) of a claim that says the class."""
    pk = claims.removal_pk(connection, removal)
    claim_pk = claims.claim_pk(connection, pk, number)
    c, lists = schema.claims.c, schema.lists.c
    row = connection.execute(
        select(c.source, c.class_settled, c.cls, lists.cls.label("list_class"))
        .outerjoin(schema.lists, lists.pk == c.list_pk)
        .where(c.pk == claim_pk)
    ).one()
    said = max(row._mapping[c.cls] or 0, row.list_class or 0)
    if row.source == LEARNED or said < int(RemovalClass.CHILD_ABUSE):
        raise NotFound(
            "this claim does not say the class that is never read",
            remedy="`reseen registry show` tells what each claim says.",
        )
    return pk, claim_pk, row.class_settled


def _list(connection: Connection, name: str, column: str) -> tuple[int, int | None]:
    lists = schema.lists
    wanted = lists.c.cls if column == "class" else lists.c.entitled
    query = select(lists.c.pk, wanted).where(lists.c.name == name)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound.of("list", name, "`reseen registry lists` shows them.")
    return row[0], row[1]


def _refresh_list(connection: Connection, list_pk: int) -> list[int]:
    c = schema.claims.c
    pks = list(connection.scalars(select(c.removal_pk).where(c.list_pk == list_pk).distinct()))
    claims.refresh(connection, pks)
    return pks


def _id(connection: Connection, removal_pk: int) -> str:
    r = schema.removals.c
    return str(connection.scalar(select(r.id).where(r.pk == removal_pk)))
