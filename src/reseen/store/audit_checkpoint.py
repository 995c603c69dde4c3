"""Signed heads of the audit log, and the proof of the log against one.

What comes in: the log, and a head that was kept elsewhere. What goes out: a head (how many lines,
the last one's hash, whose store, signed), or the certainty that nothing up to it was changed. It
promises that a log which was changed, cut off or written anew does not pass for the one that a head
was taken of. Who has the sealing key can sign: keep heads where who writes to the log cannot.
See docs/audit.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection

from reseen.errors import InputError, Tampered
from reseen.store import audit
from reseen.store.audit import AuditLine
from reseen.store.database import now

FORMAT = "reseen-audit-head-1"

ROTATED = "rotate-seal"
"""The action of the line by which the sealing key, and so that of heads, became another."""

_REMEDY = "Keep the database as it is, and compare it with a backup from before."


@dataclass(frozen=True, slots=True)
class Head:
    """How the log stood at a moment, in the words of docs/audit.md."""

    store: str
    """Hex: tells one store from others, and nothing else about it."""
    count: int
    """The number of the last line; 0 for an empty log."""
    at: int
    """When the head was taken: microseconds since 1970."""
    hash: str
    """Hex: the last line's."""
    public_key: str
    """Hex: Ed25519."""
    signature: str
    """Hex: over `signed`."""

    def signed(self) -> bytes:
        """The bytes that the signature is of."""
        told = [FORMAT, self.store, self.count, self.at, self.hash]
        return json.dumps(told, separators=(",", ":")).encode("ascii")

    def as_json(self) -> dict[str, str | int]:
        return {
            "format": FORMAT, "store": self.store, "count": self.count, "at": self.at,
            "hash": self.hash, "public_key": self.public_key, "signature": self.signature,
        }  # fmt: skip


def name_of(secret: bytes) -> str:
    """A store's name in heads: a hash of its secret."""
    return hashlib.sha256(b"reseen store 1" + secret).hexdigest()[:32]


def take(connection: Connection, secret: bytes, key: bytes) -> Head:
    """The head of the log now. `secret`: `store.secret`; `key`: `keyring.for_heads`."""
    last = audit.last(connection)
    count, hash = (0, audit.START) if last is None else (last.number, last.hash)
    signer = Ed25519PrivateKey.from_private_bytes(key)
    public = signer.public_key().public_bytes_raw().hex()
    bare = Head(name_of(secret), count, now(), hash.hex(), public, "")
    signature = signer.sign(bare.signed()).hex()
    return Head(bare.store, bare.count, bare.at, bare.hash, public, signature)


def parse(text: str) -> Head:
    """A head from the JSON that `as_json` gave. Raises InputError."""
    try:
        told: Any = json.loads(text)
        if not isinstance(told, Mapping) or told.get("format") != FORMAT:
            raise ValueError
        texts = [told[name] for name in ("store", "hash", "public_key", "signature")]
        numbers = [told[name] for name in ("count", "at")]
        if not all(isinstance(each, str) and bytes.fromhex(each) for each in texts):
            raise ValueError
        if not all(type(each) is int and 0 <= each < 2**63 for each in numbers):
            raise ValueError
        head = Head(texts[0], numbers[0], numbers[1], *texts[1:])
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(head.public_key))
    except (ValueError, KeyError, RecursionError):
        raise InputError(
            "this is no head of an audit log", remedy="Give a file that `reseen audit head` wrote."
        ) from None
    return head


def verify(
    connection: Connection, secret: bytes, head: Head | None = None, *, key: bytes | None = None,
    on_line: Callable[[AuditLine], None] | None = None,
) -> int:  # fmt: skip
    """Recompute the whole chain, streaming; how many lines there are. With a head: the log holds
    the head's line, and nothing up to it was changed. With `key` (`keyring.for_heads`): the head
    is signed with this store's key, and not only with the one that it names. `on_line`: is given
    every line that is right.

    Raises Tampered with the number of the first line that is wrong, and InputError for a head of
    another store."""
    if head is not None:
        check(head, secret, key, handed_on(connection, secret, key))
    lines, last, found = 0, audit.START, head is None or head.count == 0
    number = 0
    with closing(audit.every(connection)) as every:
        for line in every:
            if not line.follows(last):
                raise _tampered(line.number, "is not what was written, or one before it is missing")
            lines, number, last = lines + 1, line.number, line.hash
            if on_line is not None:
                on_line(line)
            if head is not None and number == head.count:
                if last.hex() != head.hash:
                    raise _tampered(number, "or one before it is another than the head's")
                found = True
    if head is not None and not found:
        if number < head.count:
            raise _tampered(number + 1, "is missing: the log ends before the head's line")
        raise _tampered(head.count, "is missing")
    return lines


def handed_over(secret: bytes, old: bytes, new: bytes) -> dict[str, str]:
    """What the line of a rotation says of the keys of heads: each signs that one follows the other,
    so that nobody without both can write such a line. `old`, `new`: `keyring.for_heads`."""
    signers = [Ed25519PrivateKey.from_private_bytes(one) for one in (old, new)]
    publics = [one.public_key().public_bytes_raw().hex() for one in signers]
    said = _hand_over(secret, *publics)
    return {
        "old_public_key": publics[0], "new_public_key": publics[1],
        "by_old": signers[0].sign(said).hex(), "by_new": signers[1].sign(said).hex(),
    }  # fmt: skip


def _hand_over(secret: bytes, old: str, new: str) -> bytes:
    told = ["reseen key rotation 1", name_of(secret), old, new]
    return json.dumps(told, separators=(",", ":")).encode("ascii")


def handed_on(connection: Connection, secret: bytes, key: bytes | None) -> frozenset[str]:
    """The public keys with which heads of this store were signed before its key of now, by the
    lines of its rotations; none without the key."""
    if key is None:
        return frozenset()
    own = Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw().hex()
    trusted = {own}
    for line in audit.latest(connection, {"action": ROTATED}, most=1_000):
        told = line.details
        old, new, by = (str(told.get(n)) for n in ("old_public_key", "new_public_key", "by_new"))
        with suppress(ValueError, InvalidSignature):
            if new in trusted:
                signer = Ed25519PublicKey.from_public_bytes(bytes.fromhex(new))
                signer.verify(bytes.fromhex(by), _hand_over(secret, old, new))
                trusted.add(old)
    return frozenset(trusted - {own})


def check(
    head: Head, secret: bytes, key: bytes | None = None, earlier: frozenset[str] = frozenset()
) -> None:
    """The head's own claims. `earlier`: public keys of before (`handed_on`). Raises Tampered for a
    wrong signature, InputError for another store."""
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(head.public_key))
    try:
        public.verify(bytes.fromhex(head.signature), head.signed())
    except InvalidSignature:
        raise Tampered(
            "the head's signature is wrong",
            remedy="Take the head from where it was kept apart, unchanged.",
        ) from None
    if head.store != name_of(secret):
        raise InputError(
            "this head is of another store", remedy="Name that store with --db or RESEEN_DB."
        )
    if key is not None:
        own = Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()
        if own.hex() != head.public_key and head.public_key not in earlier:
            raise Tampered(
                "the head is signed with another key than this store's",
                remedy="Take the head from where it was kept apart, unchanged.",
            )


def _tampered(number: int, what: str) -> Tampered:
    return Tampered(f"the audit log: line {number} {what}", remedy=_REMEDY)
