"""Base models, as sketches of their weights: so that a checkpoint can be told from its base.

What comes in: a name, what was read of a file, and the sketch as bytes. What goes out: `Base`s, and
the sketches of an architecture. Names of base models are no names of persons and are not sealed.
Everything happens in the caller's transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, exists, select

from reseen.errors import Conflict, InputError, NotFound
from reseen.observed.artifacts import instant
from reseen.records import DigestKind
from reseen.store import audit, schema
from reseen.store.database import insert_for, now

LONGEST_NAME = 128
MOST = 256
"""Base models in one store: a checkpoint is held against all of its architecture."""


@dataclass(frozen=True, slots=True)
class Base:
    """A base model."""

    name: str
    architecture: str
    size: int
    """Bytes of the file."""
    sha256: bytes
    modules: int
    """Layers whose sketch is kept."""
    added: datetime | None = None


def checked_name(name: str) -> str:
    """Raises InputError for what is no name."""
    said = name.strip()
    if not said or len(said) > LONGEST_NAME or not said.isprintable():
        raise InputError(
            "this is no name for a base model",
            remedy=f"Give up to {LONGEST_NAME} letters that can be printed.",
        )
    return said


def may_add(connection: Connection, name: str) -> None:
    """Raises Conflict where there is one of this name, InputError where there are too many."""
    names = connection.scalars(select(schema.bases.c.name)).all()
    if name in names:
        raise Conflict(
            f"there is a base model of the name {name} already",
            remedy="Remove it first: reseen registry base remove NAME",
        )
    if len(names) >= MOST:
        raise InputError(f"there are {MOST} base models already, and no store has more")


def add(connection: Connection, base: Base, value: bytes, *, actor: str | None = None) -> None:
    """Put one in, and say so in the audit log. Raises as `may_add`, and Conflict where the same
    file is in under another name."""
    may_add(connection, base.name)
    b = schema.bases.c
    same = connection.scalar(select(b.name).where(b.sha256 == base.sha256))
    if same is not None:
        raise Conflict(f"this file is in already, under the name {same}")
    row = {
        "name": base.name,
        "architecture": base.architecture,
        "size": base.size,
        "sha256": base.sha256,
        "modules": base.modules,
        "added_at": now(),
        "value": value,
    }
    connection.execute(insert_for(connection)(schema.bases).values(row))
    audit.write(connection, "base-add", "*", actor=actor, base=base.name)


def remove(connection: Connection, name: str, *, actor: str | None = None) -> None:
    """Take one out. Raises NotFound."""
    b = schema.bases.c
    sha256 = connection.scalar(select(b.sha256).where(b.name == name.strip()))
    if sha256 is None:
        raise NotFound(
            "there is no base model of this name", remedy="See: reseen registry base list"
        )
    connection.execute(delete(schema.bases).where(b.sha256 == sha256))
    audit.write(connection, "base-remove", "*", actor=actor, base=name.strip())


def every(connection: Connection) -> Iterator[Base]:
    """All of them, by name."""
    b = schema.bases.c
    columns = (b.name, b.architecture, b.size, b.sha256, b.modules, b.added_at)
    for row in connection.execute(select(*columns).order_by(b.name)):
        name, architecture, size, sha256, modules, added = row
        yield Base(name, architecture, size, bytes(sha256), modules, instant(added))


def version(connection: Connection) -> bytes:
    """What is another whenever other base models are in use; empty where there are none."""
    b = schema.bases.c
    every = connection.scalars(select(b.sha256).where(~_removed()).order_by(b.sha256))
    digests = b"".join(map(bytes, every))
    return hashlib.sha256(digests).hexdigest()[:16].encode() if digests else b""


def sketches(connection: Connection) -> Iterator[tuple[str, str, bytes]]:
    """(name, architecture, sketch) of each, by name; but for those whose file is a removal by now,
    whichever came first: a removed model is no base."""
    b = schema.bases.c
    query = select(b.name, b.architecture, b.value).where(~_removed()).order_by(b.name)
    for name, architecture, value in connection.execute(query):
        yield name, architecture, bytes(value)


def _removed() -> ColumnElement[bool]:
    """A condition on `bases`: its file is a removal."""
    b, d, c = schema.bases.c, schema.digests.c, schema.claims.c
    return (
        exists()
        .where(d.kind == int(DigestKind.SHA256), d.value == b.sha256)
        .where(c.pk == d.claim_pk, c.in_force == 1)
    )
