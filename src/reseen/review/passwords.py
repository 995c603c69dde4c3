"""Passwords: argon2id in and out. Nothing here says whether a name is known.

Parameters are those of RFC 9106 for small machines (64 MiB, three passes). At most two are
computed at once, so that a flood of sign-ins does not eat the memory.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from reseen.errors import InputError, StoreError

SHORTEST = 12
LONGEST = 256

_hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
_turns = threading.BoundedSemaphore(2)
_seats = threading.BoundedSemaphore(8)
"""Who computes, or waits for a turn: more are sent away, for they hold up threads of pages."""
_PATIENCE = 10.0


def check(password: str, name: str) -> None:
    """Raise InputError for a password that is too short, too long, or its user's name."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(
            f"a password has {SHORTEST} to {LONGEST} characters",
            remedy="A few words that belong together for nobody but you are easy to keep.",
        )
    if len(set(password)) < 5 or name.lower() in password.lower():
        raise InputError(
            "this password is too easy to guess",
            remedy="Use more different characters, and not the user's name.",
        )


def hashed(password: str) -> str:
    """Argon2id, in its own encoding with parameters and salt."""
    with _turn():
        return _hasher.hash(_normal(password))


def verified(password: str, known: str | None) -> bool:
    """Whether it is the one. `known` None (no such user, or one without a password): takes as long
    as a wrong one."""
    with _turn():
        try:
            _hasher.verify(known or _nobodys(), _normal(password))
        except (VerificationError, InvalidHashError):
            return False
    return known is not None


def outdated(known: str) -> bool:
    """Whether it was made with other parameters than those of today."""
    return _hasher.check_needs_rehash(known)


def _normal(password: str) -> bytes:
    # The same characters typed on another keyboard can be other code points.
    return unicodedata.normalize("NFKC", password[:LONGEST]).encode("utf-8", "surrogatepass")


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return _hasher.hash("nobody has this password")


@contextmanager
def _turn() -> Iterator[None]:
    """One of the few that may compute at a time. Raises StoreError when none gets free."""
    busy = StoreError("too many people sign in at once", remedy="Try again in a minute.")
    if not _seats.acquire(blocking=False):
        raise busy
    try:
        if not _turns.acquire(timeout=_PATIENCE):
            raise busy
        try:
            yield
        finally:
            _turns.release()
    finally:
        _seats.release()
