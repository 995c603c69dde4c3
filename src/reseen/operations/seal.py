"""`seal rotate`: another sealing key takes the place of this one.

A rotation begins by a row that seals the old key under the new one: from then on both are accepted,
and the store goes on being sealed with the old. It ends in one transaction, in which all that is
sealed and can be changed is sealed anew: before it everything stands under the old key, after it
under the new one, and nothing in between. So it may be killed at any moment and run again.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reseen.errors import InputError, SealError
from reseen.registry import reseal
from reseen.settings import Settings
from reseen.store import audit, audit_checkpoint, kept_keys, sealing
from reseen.store.database import Store
from reseen.store.sealing import Keyring


@dataclass(frozen=True, slots=True)
class SealState:
    """How the store stands with its key."""

    sealed: bool
    """It has a key."""
    under_way: bool
    """A rotation began: two keys are accepted."""
    rotations: int
    """That ended."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """What came of it."""

    ended: bool
    """False: it began, and both keys are accepted until it ends."""
    claims: int = 0
    tokens: int = 0
    key_file: Path | None = None
    """Where the new key is; None: where it was given (RESEEN_NEW_KEY)."""
    old_key_file: Path | None = None
    """Where the old key is kept from now on: what was backed up before opens with it."""


def state(store: Store) -> SealState:
    """How the store stands, without any key."""
    with store.read() as connection:
        kept = kept_keys.known(connection)
        ended = len(audit.latest(connection, {"action": audit_checkpoint.ROTATED}, most=1_000))
    return SealState(kept_keys.CHECK in kept, kept_keys.under_way(kept) is not None, ended)


def rotate(
    store: Store, settings: Settings, *, only_begin: bool = False, actor: str | None = None
) -> Rotated:
    """Begin a rotation, or go on with one, and end it unless `only_begin`. The new key comes from
    RESEEN_NEW_KEY; where the old one is in a file, else from a new file beside it, which takes its
    place in the end. Recorded. Raises SealError and InputError."""
    store.sealed_with(None)  # this is what changes it
    old, new, files = _keys(store, settings)
    if old is None:  # a process that was killed had ended it, but for the files
        return Rotated(True, key_file=settings.key_file, old_key_file=_put_in_place(settings))
    with store.write() as connection:
        kept = kept_keys.known(connection)
        rotation = kept_keys.under_way(kept)
        if rotation is None:
            kept_keys.begin(connection, old, new)
            audit.write(connection, "rotate-seal-begin", "*", actor=actor)
        elif rotation.check != kept_keys.check_of(new):
            raise SealError(
                "a rotation to another key is under way",
                remedy="Give that key (in RESEEN_NEW_KEY, or in its file) and end it first.",
            )
    beside = sealing.next_key_file(settings) if files else None
    if only_begin:
        return Rotated(False, key_file=beside)
    done = _end(store, old, new, actor)
    store.forget_changed()
    where = _put_in_place(settings) if files else None
    return Rotated(True, done.claims, done.tokens, settings.key_file if files else None, where)


def _end(store: Store, old: bytes, new: bytes, actor: str | None) -> reseal.Resealed:
    with store.write() as connection:
        store.overwrite_deleted(connection)
        before = Keyring(old, kept_keys.of(old, kept_keys.known(connection)))
        kept_keys.end(connection, old, new)
        after = Keyring(new, kept_keys.of(new, kept_keys.known(connection)))
        done = reseal.reseal(connection, before, after)
        told = audit_checkpoint.handed_over(store.secret, before.for_heads, after.for_heads)
        audit.write(
            connection, audit_checkpoint.ROTATED, "*", actor=actor,
            claims_sealed=done.claims, tokens=done.tokens, **told,
        )  # fmt: skip
    return done


def _keys(store: Store, settings: Settings) -> tuple[bytes | None, bytes, bool]:
    """The old key, the new one, and whether files hold them. No old one: it ended already."""
    with store.read() as connection:
        kept = kept_keys.known(connection)
    if kept_keys.CHECK not in kept:
        raise InputError("nothing is sealed here yet", remedy="There is no key to rotate.")
    given = sealing.given_keys(settings)
    check, rotation = kept[kept_keys.CHECK], kept_keys.under_way(kept)
    beside = sealing.next_key_file(settings)
    if settings.new_key is not None:
        new = sealing.parse_key(settings.new_key, "RESEEN_NEW_KEY")
        files = False
    elif settings.key is not None:
        raise InputError(
            "the new key is not given",
            remedy="Give it in RESEEN_NEW_KEY; make one with: openssl rand -hex 32",
        )
    else:
        files = True
        there = sealing.read_key(beside)
        if there is not None and kept_keys.check_of(there) == check:
            return None, there, True
        if there is None and rotation is not None:
            raise SealError(
                "a rotation is under way, and its new key is not here",
                remedy=f"Put the new key's file at {beside}, or give it in RESEEN_NEW_KEY.",
            )
        new = there or sealing.create_key(beside)
    if kept_keys.check_of(new) == check:
        raise InputError("that key seals this registry already", remedy="Make another one.")
    return sealing.working_key([*given, new], kept), new, files


def _put_in_place(settings: Settings) -> Path:
    """The new key's file where the old one's was; where the old one is now. Killed at any moment,
    the new key is in one of the two places where it is looked for."""
    path, beside = settings.key_file, sealing.next_key_file(settings)
    old = sealing.read_key(path)
    kept = path.with_name(f"{path.name}.old")
    if old is not None:
        kept = path.with_name(f"{path.name}.old-{kept_keys.check_of(old).hex()[:8]}")
        with suppress(FileExistsError):
            os.link(path, kept)
    beside.replace(path)
    return kept
