"""A removal leaves the registry, or comes back, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass

from reseen.errors import InputError
from reseen.operations import consequences
from reseen.records import Names
from reseen.registry import claims, removals
from reseen.registry.innocents import InnocentMoved
from reseen.review.notice_updates import NoticeMoved
from reseen.scan import unread_copies
from reseen.scan.unread_copies import UnreadCopies
from reseen.store.database import Store
from reseen.store.sealing import Keyring


@dataclass(frozen=True, slots=True)
class RemovalChanged:
    """What came of withdrawing or restoring."""

    changed: bool
    """False: it stood like that already."""
    sightings: tuple[str, ...]
    """Ids of sightings that are new."""
    notices: tuple[NoticeMoved, ...]
    """Notices that moved by themselves."""
    unread: UnreadCopies
    """Copies that are known and not read."""
    innocents: tuple[InnocentMoved, ...] = ()
    """Known innocents that went out of use, or came back."""


def withdraw(
    store: Store, keyring: Keyring | None, removal: str, why: str, *, actor: str | None = None
) -> RemovalChanged:
    """Take a removal out of force. `why` is sealed; `actor`: who, as the audit log names them.
    Raises NotFound, and SealError without a key."""
    with store.write() as connection:
        changed = removals.withdraw(connection, keyring, removal, why, actor=actor)
    return followed(store, keyring, changed)


def restore(
    store: Store, keyring: Keyring | None, removal: str, why: str, *, actor: str | None = None
) -> RemovalChanged:
    """Put a withdrawn removal back in force, and match it against what was seen meanwhile."""
    with store.write() as connection:
        changed = removals.restore(connection, keyring, removal, why, actor=actor)
    return followed(store, keyring, changed)


def withdraw_list(
    store: Store, keyring: Keyring | None, name: str, why: str, *, actor: str | None = None
) -> RemovalChanged:
    """Take all that a list says out of force: removals of which no other list says anything leave
    the registry. Raises NotFound, and SealError without a key."""
    with store.write() as connection:
        pks = claims.withdraw_list(connection, keyring, name, why, restored=False, actor=actor)
    return followed(store, keyring, pks is not None)


def restore_list(
    store: Store, keyring: Keyring | None, name: str, why: str, *, actor: str | None = None
) -> RemovalChanged:
    """Put a withdrawn list back in force, and match it against what was seen meanwhile."""
    with store.write() as connection:
        pks = claims.withdraw_list(connection, keyring, name, why, restored=True, actor=actor)
    return followed(store, keyring, pks is not None)


def take_back(
    store: Store, keyring: Keyring | None, claim: str, why: str, *, actor: str | None = None
) -> RemovalChanged:
    """Take one claim ("rm-4f7k2q9d/2") out of use: what was learned from bytes, or one row of a
    list. Sightings that rested on it are judged again. Raises NotFound, InputError, SealError."""
    return _claim(store, keyring, claim, why, put_back=False, actor=actor)


def put_back(
    store: Store, keyring: Keyring | None, claim: str, why: str, *, actor: str | None = None
) -> RemovalChanged:
    """The way back."""
    return _claim(store, keyring, claim, why, put_back=True, actor=actor)


def settle_contradiction(
    store: Store, keyring: Keyring | None, claim: str, why: str, *, actor: str | None = None
) -> bool:
    """A person has looked at a claim that a file contradicts, and leaves it as it is. False if
    nothing waited. Raises NotFound, InputError, SealError."""
    id, number = claim_named(claim)
    with store.write() as connection:
        return claims.settle_contradiction(connection, keyring, id, number, why, actor=actor)


def claim_named(claim: str) -> tuple[str, int]:
    """A removal's id and the number of its claim, from "rm-4f7k2q9d/2". Raises InputError."""
    id, slash, number = claim.strip().lower().partition("/")
    if not slash or not number.isascii() or not number.isdigit() or len(number) > 6:
        raise InputError(
            "this names no claim", remedy="Write the removal's id and a number: rm-4f7k2q9d/2."
        )
    return id, int(number)


def _claim(
    store: Store, keyring: Keyring | None, claim: str, why: str, *, put_back: bool,
    actor: str | None,
) -> RemovalChanged:  # fmt: skip
    id, number = claim_named(claim)
    with store.write() as connection:
        changed = claims.take_back(
            connection, keyring, id, number, why, put_back=put_back, actor=actor
        )
    return followed(store, keyring, changed)


def reveal(store: Store, keyring: Keyring, removal: str) -> Names:
    """What is sealed of a removal, in clear; recorded. Raises NotFound."""
    with store.write() as connection:
        return removals.reveal(connection, keyring, removal)


def followed(store: Store, keyring: Keyring | None, changed: bool) -> RemovalChanged:
    """What follows from a change of removals or claims, as an account of it."""
    followed = consequences.follow(store, keyring)
    unread = unread_copies.in_store(store)
    told = (followed.sightings, followed.notices, unread, followed.innocents)
    return RemovalChanged(changed, *told)
