"""Claims are sealed anew with another key, and their tokens made anew.

What comes in: two keyrings, within the transaction in which the store changes its key. What goes
out: how many claims and tokens. Nothing is read in clear: ciphertext is opened and sealed again
where it stands, and a token of the old key is hashed once more with the new one. Rows are streamed.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    delete,
    insert,
    select,
)

from reseen.store import schema
from reseen.store.database import insert_many, update_many
from reseen.store.sealing import Keyring

_PORTION = 5_000


@dataclass(frozen=True, slots=True)
class Resealed:
    """What was sealed anew."""

    claims: int
    tokens: int


def reseal(connection: Connection, old: Keyring, new: Keyring) -> Resealed:
    """Everything of this room that the key seals. Raises SealError for what does not open."""
    return Resealed(_claims(connection, old, new), _tokens(connection, new))


def _claims(connection: Connection, old: Keyring, new: Keyring) -> int:
    c, r = schema.claims.c, schema.removals.c
    query = (
        select(c.pk, c.sealed, r.id)
        .join(schema.removals, r.pk == c.removal_pk)
        .where(c.sealed.is_not(None))
        .order_by(c.pk)
        .limit(_PORTION)
    )
    last = count = 0
    while rows := connection.execute(query.where(c.pk > last)).all():
        made = [(pk, old.sealed_anew(bytes(sealed), id, new)) for pk, sealed, id in rows]
        update_many(connection, schema.claims, "pk", ("sealed",), made)
        last, count = rows[-1].pk, count + len(rows)
    return count


def _tokens(connection: Connection, new: Keyring) -> int:
    """By way of a table of this connection, so that they come in the order of their key."""
    t = schema.sealed_index.c
    beside = Table(
        "tokens_anew",
        MetaData(),
        Column("token", LargeBinary, nullable=False),
        Column("claim_pk", BigInteger, nullable=False),
        Column("field", SmallInteger, nullable=False),
        prefixes=["TEMPORARY"],
    )
    beside.create(connection)
    columns, count = ("token", "claim_pk", "field"), 0
    query = select(t.token, t.claim_pk, t.field).execution_options(yield_per=_PORTION)
    for rows in connection.execute(query).partitions():
        made = [(new.token_anew(bytes(token)), pk, field) for token, pk, field in rows]
        insert_many(connection, beside, columns, made)
        count += len(rows)
    connection.execute(delete(schema.sealed_index))
    ordered = select(beside.c.token, beside.c.claim_pk, beside.c.field).order_by(
        beside.c.token, beside.c.claim_pk
    )
    connection.execute(insert(schema.sealed_index).from_select(columns, ordered))
    beside.drop(connection)
    return count
