"""Authenticates the API key, checks its scope, applies its rate limit."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from reseen.gate import keys
from reseen.gate.keys import Key, KeyScope


class Turned(Exception):
    """A request that is turned away."""

    def __init__(self, status: int, detail: str, wait: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.wait = wait
        """Seconds until it is worth asking again."""


class Buckets:
    """How often each key may ask, in this worker: a bucket of tokens that fills at its rate, up to
    what it gives in a second. For one thread, the event loop's."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}
        """Key id -> (tokens, when)."""

    def take(self, key: Key) -> float:
        """0 when the request may pass, else seconds until the next may."""
        now = time.monotonic()
        full = max(1.0, key.rate)
        tokens, at = self._left.get(key.id, (full, now))
        tokens = min(full, tokens + (now - at) * key.rate)
        if tokens < 1.0:
            self._left[key.id] = (tokens, now)
            return (1.0 - tokens) / key.rate
        self._left[key.id] = (tokens - 1.0, now)
        return 0.0


def key_of(headers: Iterable[tuple[bytes, bytes]], in_force: Mapping[bytes, Key]) -> Key:
    """The key of a request. Raises Turned where there is none, or none in force."""
    given: bytes | None = None
    for name, value in headers:
        if name == b"authorization":
            if given is not None:
                raise Turned(401, "more than one Authorization was sent")
            given = value
    if given is None:
        raise Turned(401, "this needs a key of the gate")
    if given[:7].lower() != b"bearer ":
        raise Turned(401, "a key of the gate is sent as: Authorization: Bearer rsk_...")
    try:
        hashed = keys.hashed(given[7:].strip().decode("ascii"))
    except UnicodeDecodeError:
        hashed = None
    key = None if hashed is None else in_force.get(hashed)
    if key is None:
        raise Turned(401, "this key of the gate is not known, or was revoked")
    return key


def must_have(key: Key, scope: KeyScope) -> None:
    """Raise Turned unless the key is for this."""
    if scope not in key.scopes:
        raise Turned(403, f"this key has not the scope {scope.value}")
