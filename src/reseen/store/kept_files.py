"""Files that are kept for a while for one person alone, sealed, in a folder of their own.

What comes in: a file, and what opens it: the store's key and the secret that the person's browser
holds. What goes out: the same file, into memory. It promises: who has the disk, the database and
the key has nothing without that browser's secret, which is kept nowhere and is gone when the person
signs out; who has another secret finds nothing; and whatever is older than `LASTS` is deleted by
the next `forget`, whoever left it.

A file is a salt, then pieces encrypted with AES-256-GCM under a key of its own (HKDF-SHA256 of both
secrets and the salt), as STREAM numbers them: the piece's number and whether it is the last one are
its nonce, so that none can be left out, doubled or moved. The first piece says what it is.
"""

from __future__ import annotations

import fcntl
import hmac
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from reseen.errors import Conflict, InputError, SealError
from reseen.store.kept_keys import derive
from reseen.store.lease import SECOND
from reseen.store.sealing import Keyring

LASTS = 3_540
"""Seconds: with a look a minute, nothing is there for longer than an hour."""
MOST = 1 << 30
"""Bytes that all of them may take."""
_PIECE = 1 << 20
_TAG = 16
_SALT = 16
_LONGEST_HEAD = 4_096
_DRAFT = ".draft"


@dataclass(frozen=True, slots=True)
class Keeper:
    """Where one browser's files are kept, and what opens them."""

    folder: Path
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, folder: Path, keyring: Keyring, session: str) -> Keeper:
        """`session`: what the browser holds, and nobody keeps."""
        secret = hmac.digest(keyring.for_kept_files, b"browser " + session.encode(), "sha256")
        return cls(folder, secret)

    def path(self, kind: str) -> Path:
        """One file of each kind: a new one takes its place."""
        return self.folder / f"{hmac.digest(self.secret, b'name', 'sha256')[:16].hex()}.{kind}"


@dataclass(frozen=True, slots=True)
class KeptFile:
    """What is said of a file that is kept."""

    id: str
    kept_at: int
    """Microseconds since 1970."""
    size: int
    what: Mapping[str, Any]

    @property
    def until(self) -> int:
        return self.kept_at + LASTS * SECOND


def keep(keeper: Keeper, kind: str, file: BinaryIO, what: Mapping[str, Any]) -> KeptFile:
    """Seal a file as it stands; `what` is sealed with it. One of the same kind that was there is
    gone. Raises Conflict when too much is kept already, and InputError where nothing can be."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    forget(keeper.folder)
    path = keeper.path(kind)
    if size + _taken(keeper.folder, beside=path) > MOST:
        raise Conflict(
            "too many lists wait to be imported",
            remedy="Throw away what you no longer need, or come back in an hour.",
        )
    kept = KeptFile(secrets.token_hex(6), _now(), size, what)
    draft = path.with_suffix(f".{secrets.token_hex(4)}{_DRAFT}")
    try:
        keeper.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as out:
                for piece in _sealed(keeper, kind, kept, file):
                    out.write(piece)
            with _alone(keeper.folder):
                os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as e:
        raise InputError(
            f"the list cannot be kept until you say what to do with it: {e.strerror}",
            remedy="The folder imports in RESEEN_HOME must be there to be written to.",
        ) from None
    return kept


def told(keeper: Keeper, kind: str) -> KeptFile | None:
    """What is said of the file of this kind; None where there is none, none of this browser, or it
    is over."""
    with suppress(OSError, SealError), keeper.path(kind).open("rb") as sealed:
        kept = _told(next(_opened(keeper, kind, sealed)))
        return kept if _now() < kept.until else None
    return None


def opened(keeper: Keeper, kind: str, id: str) -> BinaryIO:
    """The file with this id in clear, in memory where the system has files there. Raises SealError
    when what is kept was altered, has gone, or is another by now."""
    plain = _in_memory()
    try:
        with keeper.path(kind).open("rb") as sealed:
            pieces = _opened(keeper, kind, sealed)
            if _told(next(pieces)).id != id:
                raise _gone()
            for piece in pieces:
                plain.write(piece)
    except FileNotFoundError:
        plain.close()
        raise _gone() from None
    except BaseException:
        plain.close()
        raise
    plain.flush()
    plain.seek(0)
    return plain


def drop(keeper: Keeper, kind: str, id: str) -> bool:
    """The file with this id is gone; False where it was gone before."""
    try:
        with _alone(keeper.folder):
            kept = told(keeper, kind)
            if kept is None or kept.id != id:
                return False
            keeper.path(kind).unlink()
    except FileNotFoundError:
        return False
    return True


def _told(head: bytes) -> KeptFile:
    said = json.loads(head)
    return KeptFile(said["id"], said["at"], said["size"], said["what"])


def _gone() -> SealError:
    return SealError("what was kept is gone", remedy="Send the file again.")


def _now() -> int:
    return int(time.time() * SECOND)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else puts a file there, or takes one away, meanwhile."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def forget(folder: Path, *, at: float | None = None) -> int:
    """Delete whatever is older than `LASTS`, also what a crash left; how many there were."""
    at = time.time() if at is None else at
    gone = 0
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                age = at - entry.stat(follow_symlinks=False).st_mtime
                if entry.is_file(follow_symlinks=False) and not -60 < age < LASTS:
                    os.unlink(entry.path)
                    gone += 1
    return gone


def _taken(folder: Path, *, beside: Path) -> int:
    """Bytes of all that is kept, without what a new file takes the place of."""
    taken = 0
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.name != beside.name:
                    taken += entry.stat(follow_symlinks=False).st_size
    return taken


def _in_memory() -> BinaryIO:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("reseen-list", os.MFD_CLOEXEC), "w+b")
    return tempfile.TemporaryFile()


def _sealed(keeper: Keeper, kind: str, kept: KeptFile, file: BinaryIO) -> Iterator[bytes]:
    salt = secrets.token_bytes(_SALT)
    cipher = _Cipher(keeper, kind, salt)
    said = {"id": kept.id, "at": kept.kept_at, "size": kept.size, "what": dict(kept.what)}
    head = json.dumps(said).encode()
    if len(head) > _LONGEST_HEAD:
        raise InputError("more is said of the file than can be kept with it")
    yield salt
    yield cipher.seal(0, head.ljust(_LONGEST_HEAD), last=False)
    piece = file.read(_PIECE)
    for number in range(1, kept.size // _PIECE + 3):
        following = file.read(_PIECE)
        yield cipher.seal(number, piece, last=not following)
        if not following:
            return
        piece = following
    raise InputError("the file grew while it was read")


def _opened(keeper: Keeper, kind: str, sealed: BinaryIO) -> Iterator[bytes]:
    """Its head, then its pieces. Raises SealError."""
    cipher = _Cipher(keeper, kind, sealed.read(_SALT))
    yield cipher.open(0, sealed.read(_LONGEST_HEAD + _TAG), last=False)
    piece, number = sealed.read(_PIECE + _TAG), 1
    while True:
        following = sealed.read(_PIECE + _TAG)
        yield cipher.open(number, piece, last=not following)
        if not following:
            return
        piece, number = following, number + 1


class _Cipher:
    """One file's."""

    def __init__(self, keeper: Keeper, kind: str, salt: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        mixed = hmac.digest(keeper.secret, kind.encode() + b"\0" + salt, "sha256")
        self._aes = AESGCM(derive(mixed, b"reseen kept file 1"))

    def seal(self, number: int, piece: bytes, *, last: bool) -> bytes:
        return self._aes.encrypt(_nonce(number, last), piece, None)

    def open(self, number: int, piece: bytes, *, last: bool) -> bytes:
        from cryptography.exceptions import InvalidTag

        try:
            return self._aes.decrypt(_nonce(number, last), piece, None)
        except (InvalidTag, ValueError):
            raise SealError(
                "what was kept does not open: it was altered, or is another's",
                remedy="Send the file again.",
            ) from None


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
