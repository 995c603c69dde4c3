"""A device on which somebody signed in before is known again, so that strangers who try the same
name do not keep them out.

What comes in: the cookie that it was given. What goes out: its id, or None. It opens nothing: who
holds it must know the password all the same. It holds for one person, until it is `LIFE` old or the
password changes; the store keeps nothing of it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from reseen.store.database import now
from reseen.store.kept_keys import derive

LIFE = 90 * 24 * 3600
"""Seconds."""
_COOKIE = re.compile(r"([0-9a-f]{32})\.(\d{1,12})\.([0-9a-f]{64})")


def new(secret: bytes, name: str, password: str) -> str:
    """What a device is given. `secret`: of the store; `password`: the hash that is kept."""
    id, until = secrets.token_hex(16), str(now() // 1_000_000 + LIFE)
    return f"{id}.{until}.{_mac(secret, name, password, id, until)}"


def known(secret: bytes, name: str, password: str | None, given: str | None) -> str | None:
    """The device's id, where it is one of this person's."""
    found = _COOKIE.fullmatch(given or "")
    if found is None or password is None:
        return None
    id, until, mac = found.groups()
    if not hmac.compare_digest(mac, _mac(secret, name, password, id, until)):
        return None
    return id if int(until) > now() // 1_000_000 else None


def _mac(secret: bytes, *parts: str) -> str:
    key = derive(secret, b"reseen devices 1")
    return hmac.new(key, "\n".join(parts).encode(), hashlib.sha256).hexdigest()
