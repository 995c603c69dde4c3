"""What people prove themselves with beside a password: kept, proved, taken away.

What comes in: a connection, a user, what they typed or their key answered. What goes out: which
kind proved it, or None. Each factor that comes or goes is a line of the audit log. Secrets of apps
are sealed; of recovery codes the store keeps hashes, and a code that was used is gone.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from reseen.errors import Conflict, NotFound, SealError
from reseen.observed.artifacts import instant
from reseen.review import app_codes, security_keys
from reseen.review.roles import Role
from reseen.review.security_keys import Party, SecurityKey
from reseen.review.users import User
from reseen.store import audit
from reseen.store.database import now
from reseen.store.sealing import Keyring
from reseen.store.sign_in_schema import factor_roles, recovery_codes, second_factors

APP, KEY, CODE = "app", "key", "code"
"""Kinds; a recovery code is none that stays."""
MOST = 10
"""Factors of one person."""
CODES = 10


@dataclass(frozen=True, slots=True)
class Factor:
    """One, as its owner sees it."""

    pk: int
    kind: str
    added_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody gives to prove who they are."""

    code: str = field(default="", repr=False)
    """Typed: of an app, or a recovery code."""
    key: str = field(default="", repr=False)
    """What a security key answered, as JSON."""
    bound: str = field(default="", repr=False)
    """To what the key's challenge was bound."""
    party: Party | None = None


def of_user(connection: Connection, user_pk: int) -> list[Factor]:
    """All of them, the oldest first."""
    f = second_factors.c
    rows = connection.execute(
        select(f.pk, f.kind, f.added_at, f.used_at).where(f.user_pk == user_pk).order_by(f.pk)
    )
    return [Factor(r.pk, r.kind, instant(r.added_at), instant(r.used_at)) for r in rows]


def codes_left(connection: Connection, user_pk: int) -> int:
    """How many recovery codes are left."""
    query = select(func.count()).select_from(recovery_codes)
    return connection.scalar(query.where(recovery_codes.c.user_pk == user_pk)) or 0


def keys_of(connection: Connection, user_pk: int) -> list[SecurityKey]:
    f = second_factors.c
    query = select(second_factors).where(f.user_pk == user_pk, f.kind == KEY).order_by(f.pk)
    return [
        SecurityKey(bytes(row.credential), bytes(row.public_key), row.counter)
        for row in connection.execute(query)
    ]


def stamp(connection: Connection, user_pk: int) -> int:
    """Changes whenever a factor of theirs comes or is used: challenges hang on it."""
    f = second_factors.c
    query = select(func.max(f.added_at), func.max(f.used_at)).where(f.user_pk == user_pk)
    return sum(value or 0 for value in connection.execute(query).one())


def add_app(
    connection: Connection, keyring: Keyring | None, user: User, secret: str, step: int
) -> None:
    """An authenticator app; `step`: of the code that proved that it has the secret."""
    _room(connection, user)
    row = {"kind": APP, "sealed": sealed(keyring, user.pk, secret), "counter": step}
    _add(connection, user, row)


def add_key(connection: Connection, user: User, key: SecurityKey) -> None:
    """A security key. Raises Conflict for one that is known already."""
    _room(connection, user)
    query = select(second_factors.c.pk).where(second_factors.c.credential == key.credential)
    if connection.scalar(query) is not None:
        raise Conflict("this key is known already", remedy="Use another one.")
    row = {"kind": KEY, "credential": key.credential, "public_key": key.public_key}
    _add(connection, user, {**row, "counter": key.counter})


def proved(
    connection: Connection, secret: bytes, keyring: Keyring | None, user_pk: int, proof: Proof
) -> str | None:
    """The kind by which somebody has proved who they are; it cannot be used for that again.
    `secret`: of the store. Raises SealError where an app's secret cannot be opened here."""
    if proof.key:
        return KEY if _proved_by_key(connection, secret, user_pk, proof) else None
    code = "".join(proof.code.split()).replace("-", "").upper()
    if len(code) == 6 and code.isascii() and code.isdigit():
        return APP if _proved_by_app(connection, keyring, user_pk, code) else None
    if not 0 < len(code) <= 64:
        return None
    gone = connection.execute(
        delete(recovery_codes).where(
            recovery_codes.c.user_pk == user_pk, recovery_codes.c.hash == _hash(code)
        )
    )
    return CODE if gone.rowcount else None


def remove(connection: Connection, user: User, pk: int) -> None:
    """One of one's own goes; with the last one the recovery codes go. Raises NotFound; Conflict
    where the role needs one."""
    factors = of_user(connection, user.pk)
    found = next((one for one in factors if one.pk == pk), None)
    if found is None:
        raise NotFound("there is no such second factor", remedy="Load the page again.")
    if len(factors) == 1 and user.role in required(connection):
        raise Conflict(
            f"the role {user.role.label} needs a second factor", remedy="Add another one first."
        )
    connection.execute(delete(second_factors).where(second_factors.c.pk == pk))
    if len(factors) == 1:
        connection.execute(delete(recovery_codes).where(recovery_codes.c.user_pk == user.pk))
    audit.write(
        connection, "factor-removed", f"user:{user.name}", actor=user.who.actor, kind=found.kind
    )


def reset(connection: Connection, user: User, *, actor: str | None) -> int:
    """All of somebody's go, and their recovery codes; how many there were."""
    where = second_factors.c.user_pk == user.pk
    gone = connection.execute(delete(second_factors).where(where)).rowcount
    connection.execute(delete(recovery_codes).where(recovery_codes.c.user_pk == user.pk))
    audit.write(connection, "factor-reset", f"user:{user.name}", actor=actor, factors=gone)
    return gone


def new_codes(connection: Connection, user: User) -> list[str]:
    """Recovery codes, shown this once; those of before open nothing any more."""
    codes = [base64.b32encode(secrets.token_bytes(10)).decode("ascii") for _ in range(CODES)]
    connection.execute(delete(recovery_codes).where(recovery_codes.c.user_pk == user.pk))
    rows = [{"hash": _hash(code), "user_pk": user.pk, "made_at": now()} for code in codes]
    connection.execute(recovery_codes.insert(), rows)
    audit.write(connection, "recovery-codes-made", f"user:{user.name}", actor=user.who.actor)
    return ["-".join(code[at : at + 4] for at in range(0, 16, 4)) for code in codes]


def required(connection: Connection) -> set[Role]:
    """Roles whose local accounts need a second factor."""
    return {Role.of(label) for label in connection.scalars(select(factor_roles.c.role))}


def require(connection: Connection, roles: Iterable[Role], *, actor: str | None) -> None:
    """These roles need one from now on, and no others."""
    wanted = sorted(set(roles))
    connection.execute(delete(factor_roles))
    if wanted:
        connection.execute(factor_roles.insert(), [{"role": role.label} for role in wanted])
    labels = " ".join(role.label for role in wanted)
    audit.write(connection, "factor-required", "*", actor=actor, roles=labels)


def sealed(keyring: Keyring | None, user_pk: int, secret: str) -> bytes:
    """An app's secret as it is kept. Raises SealError where no key is here."""
    return _here(keyring).seal_text(secret, f"app of user {user_pk}")


def opened(keyring: Keyring | None, user_pk: int, kept: bytes) -> str:
    """The reverse. Raises SealError."""
    return _here(keyring).open_text(bytes(kept), f"app of user {user_pk}")


def _here(keyring: Keyring | None) -> Keyring:
    if keyring is None:
        raise SealError("no sealing key is here", remedy="Set RESEEN_KEY or RESEEN_KEY_FILE.")
    return keyring


def _room(connection: Connection, user: User) -> None:
    if user.issuer is not None or not user.has_password:
        raise Conflict(
            "this account has no password here", remedy="Set a second factor where it comes from."
        )
    if len(of_user(connection, user.pk)) >= MOST:
        raise Conflict(f"nobody has more than {MOST}", remedy="Remove one first.")


def _add(connection: Connection, user: User, row: dict[str, object]) -> None:
    at = now()
    connection.execute(
        second_factors.insert(), [{**row, "user_pk": user.pk, "added_at": at, "used_at": at}]
    )
    audit.write(
        connection,
        "factor-added",
        f"user:{user.name}",
        actor=user.who.actor,
        kind=str(row["kind"]),
    )


def _proved_by_app(
    connection: Connection, keyring: Keyring | None, user_pk: int, code: str
) -> bool:
    f = second_factors.c
    query = select(f.pk, f.sealed, f.counter).where(f.user_pk == user_pk, f.kind == APP)
    for row in connection.execute(query).all():
        secret = opened(keyring, user_pk, row.sealed)
        step = app_codes.step_of(secret, code, row.counter, now() / 1e6)
        if step is not None:
            connection.execute(
                update(second_factors).where(f.pk == row.pk).values(counter=step, used_at=now())
            )
            return True
    return False


def _proved_by_key(connection: Connection, secret: bytes, user_pk: int, proof: Proof) -> bool:
    if proof.party is None:
        return False
    expected = security_keys.challenges(
        secret, proof.bound, stamp(connection, user_pk), now() / 1e6
    )
    known = keys_of(connection, user_pk)
    key = security_keys.used(proof.party, proof.key, known, list(expected))
    if key is None:
        return False
    connection.execute(
        update(second_factors)
        .where(second_factors.c.credential == key.credential)
        .values(counter=key.counter, used_at=now())
    )
    return True


def _hash(code: str) -> bytes:
    return hashlib.sha256(b"recovery code " + code.encode("utf-8", "replace")).digest()
