"""The index in a folder: plain arrays that processes map into memory, authenticated by a MAC.

A folder holds one file for each array (little-endian numbers, one after the other, nothing else),
`manifest.json`, which names them with their type, length and BLAKE3, and `mac`: the manifest's
BLAKE3, keyed with a key for indexes only. No name, link or list's title is in it: lists stand by
number. Folder and files are their owner's alone; a folder is opened only where every byte is what
was written. The arrays are mapped, so that all processes of a machine share one copy.
"""

from __future__ import annotations

import hmac
import json
import mmap
import os
import secrets
import shutil
import stat
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from reseen.errors import InputError, StoreError, Tampered
from reseen.match.digest_table import Bytes, Numbers
from reseen.match.snapshot import Snapshot, numbers_of

if TYPE_CHECKING:
    from reseen.match.background import Stranger
    from reseen.match.nearest import NearestIndex
    from reseen.match.sketch_index import SketchIndex, SketchSource

FORMAT = 3
"""1 held what is searched of sixteen modules alone, 2 not whose the strangers are."""
MANIFEST, MAC = "manifest.json", "mac"
_KEY_PREFIX = "reseen-index-key-1:"
_LARGEST_MANIFEST = 16 << 20
_BLOCK = 1 << 20
_REMEDY = "Save it anew: reseen index save"

Part = tuple[str, Iterable[Any]]
"""The type of the numbers, as `array` calls it, and buffers that follow one another."""


@dataclass(frozen=True, slots=True)
class Parts:
    """An index as arrays."""

    about: dict[str, Any]
    """What is no array: for the manifest."""
    arrays: Mapping[str, Part]


_ROWS = ("rows-pks", "rows-ends", "rows-values")


class SavedSketches:
    """Whole sketches that were saved with an index."""

    def __init__(self, about: Mapping[str, Any], parts: Mapping[str, Bytes]) -> None:
        self._keys = numbers_of("q", parts["sketch-pks"])
        self._ends = numbers_of("q", parts["sketch-ends"])
        self._values = parts["sketch-values"]
        self._stranger_ends = numbers_of("q", parts["stranger-ends"])
        self._strangers = parts["stranger-values"]
        self._accounts = numbers_of("q", parts["stranger-accounts"])
        self._architectures: Mapping[str, tuple[int, int]] = {
            name: (int(first), int(last)) for name, first, last in about["strangers"]
        }

    def sketch(self, key: int) -> bytes:
        at = bisect_left(self._keys, key)
        if at == len(self._keys) or self._keys[at] != key:
            raise LookupError
        return _piece(self._values, self._ends, at)

    def architectures(self) -> Sequence[str]:
        return list(self._architectures)

    def strangers(self, architecture: str) -> Sequence[Stranger]:
        from reseen.match.background import Stranger

        first, last = self._architectures.get(architecture, (0, 0))
        return [
            Stranger(self._accounts[n], _piece(self._strangers, self._stranger_ends, n))
            for n in range(first, last)
        ]


class NoSketches:
    """An index that was saved without whole sketches, away from its store."""

    def sketch(self, key: int) -> bytes:
        raise StoreError("whole sketches are not here", remedy="Ask where the store is.")

    def architectures(self) -> Sequence[str]:
        return ()

    def strangers(self, architecture: str) -> Sequence[Stranger]:
        raise StoreError("whole sketches are not here", remedy="Ask where the store is.")


# -- an index as parts ---------------------------------------------------------------------------


def parts_of(
    snapshot: Snapshot, searched: NearestIndex | None, source: SketchSource | None
) -> Parts:
    """A snapshot and what is searched of sketches, as arrays. `source`: of the whole sketches that
    go with it, so that it needs no store."""
    arrays: dict[str, Part] = {
        name: (kind, (buffer,)) for name, (kind, buffer) in snapshot.parts().items()
    }
    about: dict[str, Any] = {**snapshot.about(), "sets": [], "strangers": None}
    if searched is not None and len(searched):
        from reseen.fingerprints.choice import WHOLE
        from reseen.match import saved_columns

        # Where whole sketches are not to be had, a few modules of each say as much as can be said.
        most = None if source is not None else WHOLE
        arrays |= saved_columns.parts_of(searched, about, most)
        if source is not None:
            arrays |= _whole(source, sorted(searched.present()), about)
    return Parts(about, arrays)


def with_rows(made: Parts, values: Mapping[int, bytes]) -> Parts:
    """The same with the rows of embeddings, by their claims' pks."""
    if not values:
        return made
    pks = sorted(values)
    ends = array("q", [0])
    for pk in pks:
        ends.append(ends[-1] + len(values[pk]))
    parts = (array("q", pks), ends, b"".join(values[pk] for pk in pks))
    more: dict[str, Part] = {
        name: (kind, (part,)) for name, kind, part in zip(_ROWS, "qqb", parts, strict=True)
    }
    return Parts({**made.about, "rows": len(pks)}, {**made.arrays, **more})


def rows_in(about: Mapping[str, Any], parts: Mapping[str, Bytes]) -> dict[int, bytes]:
    """What `with_rows` put in; nothing of an index that was saved before there were any."""
    if not about.get("rows"):
        return {}
    pks, ends = (numbers_of("q", parts[name]) for name in _ROWS[:2])
    return {int(pk): _piece(parts[_ROWS[2]], ends, n) for n, pk in enumerate(pks)}


def _whole(source: SketchSource, keys: Sequence[int], about: dict[str, Any]) -> dict[str, Part]:
    """Whole sketches: written while they are read, since all of them are too many to hold."""
    ends, stranger_ends, known = array("q", [0]), array("q", [0]), array("q")
    accounts = array("q")

    def values() -> Iterable[bytes]:
        for key in keys:
            with suppress(LookupError):
                value = source.sketch(key)
                known.append(key)
                ends.append(ends[-1] + len(value))
                yield value

    def strangers() -> Iterable[bytes]:
        about["strangers"] = []
        for architecture in source.architectures():
            first = len(stranger_ends) - 1
            for each in source.strangers(architecture):
                stranger_ends.append(stranger_ends[-1] + len(each.sketch))
                accounts.append(each.account)
                yield each.sketch
            about["strangers"].append([architecture, first, len(stranger_ends) - 1])

    return {  # in this order: ends are known when values were written
        "sketch-values": ("B", values()),
        "sketch-ends": ("q", (ends,)),
        "sketch-pks": ("q", (known,)),
        "stranger-values": ("B", strangers()),
        "stranger-ends": ("q", (stranger_ends,)),
        "stranger-accounts": ("q", (accounts,)),
    }


def pieces(
    about: Mapping[str, Any], parts: Mapping[str, Bytes]
) -> tuple[Snapshot, SketchIndex | None]:
    """What `parts_of` took, of its parts, which are not copied. Raises ValueError, KeyError or
    TypeError for parts that do not fit together."""
    snapshot = Snapshot.put_back(about, parts)
    return snapshot, _sketches(about, parts) if about["sets"] else None


def _sketches(about: Mapping[str, Any], parts: Mapping[str, Bytes]) -> SketchIndex:
    from reseen.match import saved_columns
    from reseen.match.sketch_index import Comparer, SketchIndex

    searched = saved_columns.put_back(about, parts)
    whole = about["strangers"] is not None
    source: SketchSource = SavedSketches(about, parts) if whole else NoSketches()
    return SketchIndex(Comparer(source), searched, partial=not whole)


# -- in a folder ---------------------------------------------------------------------------------


def save(folder: Path, key: bytes, parts: Parts) -> str:
    """Write an index into a folder that then appears whole, in place of an index that was there;
    its MAC. Raises InputError where there is something else, or nothing can be written."""
    if sys.byteorder != "little":
        raise InputError("an index is saved on little-endian machines only")
    check_place(folder)
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}")
    try:
        draft.mkdir(mode=0o700, parents=True)
        try:
            mac = _write_all(draft, key, parts)
            _put_in_place(draft, folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    except OSError as e:
        raise InputError(
            f"the index cannot be written: {e.strerror}", remedy="Check the folder and its disk."
        ) from None
    return mac


def check_place(folder: Path) -> None:
    """Raises InputError where something is at the folder's place that is no saved index."""
    if os.path.lexists(folder) and not is_one(folder):
        raise InputError(
            "something stands there already, and it is no saved index: it is left as it is",
            remedy="Name a folder that is new.",
        )


def is_one(folder: Path) -> bool:
    """Is a saved index there, or an empty folder?"""
    if folder.is_symlink() or not folder.is_dir():
        return False
    return (folder / MANIFEST).is_file() or not any(folder.iterdir())


def _write_all(folder: Path, key: bytes, parts: Parts) -> str:
    files: dict[str, Any] = {}
    for name, (kind, buffers) in parts.arrays.items():
        with _new(folder / name) as file:
            hash, length = blake3(), 0
            for each in buffers:
                data = memoryview(each).cast("B") if len(each) else b""
                file.write(data)
                hash.update(data)
                length += len(data)
            _keep(file)
        files[name] = {"type": kind, "bytes": length, "blake3": hash.hexdigest()}
    manifest = json.dumps({"format": FORMAT, "about": parts.about, "files": files}, indent=1)
    made = blake3(manifest.encode("ascii"), key=key).hexdigest()
    for name, text in ((MANIFEST, manifest), (MAC, made)):
        with _new(folder / name) as file:
            file.write(text.encode("ascii"))
            _keep(file)
    return made


def _new(path: Path) -> Any:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def _keep(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _put_in_place(draft: Path, folder: Path) -> None:
    if not folder.exists():
        draft.rename(folder)
        return
    old = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}")
    folder.rename(old)
    draft.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def open_parts(
    folder: Path, key: bytes, mac: str | None = None
) -> tuple[Mapping[str, Any], dict[str, Bytes]]:
    """What `save` wrote, mapped: the parts' `about`, and the parts. `mac`: the one that it must
    have, where that is known. Raises Tampered for anything that is not, byte for byte, what was
    saved under this key."""
    if sys.byteorder != "little":
        raise InputError("a saved index is opened on little-endian machines only")
    try:
        if stat.S_IMODE(os.lstat(folder).st_mode) & 0o077 or not stat.S_ISDIR(
            os.lstat(folder).st_mode
        ):
            raise Tampered("others can reach into the saved index's folder", remedy=_REMEDY)
        manifest = _small(folder / MANIFEST)
        found = _small(folder / MAC).decode("ascii", "replace").strip()
    except OSError as e:
        raise Tampered(f"there is no saved index: {e.strerror}", remedy=_REMEDY) from None
    made = blake3(manifest, key=key).hexdigest()
    if not hmac.compare_digest(found.encode(), made.encode()):
        raise Tampered(
            "the saved index was not written with this key",
            remedy="Give the key that `reseen index key` wrote, or save the index anew.",
        )
    if mac is not None and not hmac.compare_digest(mac.encode(), made.encode()):
        raise Tampered("the saved index is another than was saved last", remedy=_REMEDY)
    told = json.loads(manifest)  # ours: it was authenticated
    if told["format"] != FORMAT:
        raise Tampered("the saved index is of another format", remedy=_REMEDY)
    try:
        return told["about"], {
            name: _mapped(folder / name, each["bytes"], each["blake3"])
            for name, each in told["files"].items()
        }
    except OSError as e:
        raise Tampered(f"the saved index cannot be read: {e.strerror}", remedy=_REMEDY) from None


def mac_of(folder: Path) -> str:
    """The MAC that stands with a saved index: for `open_parts`, which tells whether it is true."""
    try:
        return _small(folder / MAC).decode("ascii", "replace").strip()
    except OSError as e:
        raise Tampered(f"there is no saved index: {e.strerror}", remedy=_REMEDY) from None


def _opened(path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and not status.st_mode & 0o077:
        return descriptor
    os.close(descriptor)
    raise Tampered("a file of the saved index is not its owner's alone", remedy=_REMEDY)


def _small(path: Path) -> bytes:
    with os.fdopen(_opened(path), "rb") as file:
        return bytes(file.read(_LARGEST_MANIFEST))


def _mapped(path: Path, length: int, expected: str) -> Bytes:
    """A file's bytes, mapped after every one was seen. They are read and not looked at through the
    mapping: what nobody asks for need not be in memory."""
    with os.fdopen(_opened(path), "rb", buffering=0) as file:
        hash = blake3()
        while block := file.read(_BLOCK):
            hash.update(block)
        size = os.fstat(file.fileno()).st_size
        if size != length or not hmac.compare_digest(hash.hexdigest(), expected):
            raise Tampered("a file of the saved index is not what was written", remedy=_REMEDY)
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""


def _piece(values: Bytes, ends: Numbers, number: int) -> bytes:
    return bytes(values[ends[number] : ends[number + 1]])


# -- the key -------------------------------------------------------------------------------------


def key_text(key: bytes) -> str:
    """The key as it is kept in a file: it cannot be taken for another."""
    return f"{_KEY_PREFIX}{key.hex()}\n"


def read_key(path: Path) -> bytes:
    """The key in a file that `reseen index key` wrote. Raises InputError."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            text = file.read(200).decode("ascii", "replace").strip()
    except OSError as e:
        raise InputError(
            f"the key of indexes cannot be read: {e.strerror}", remedy="Name its file."
        ) from None
    if status.st_mode & 0o077:
        raise InputError(
            "others can read the key of indexes", remedy="Make it yours alone: chmod 600."
        )
    try:
        key = bytes.fromhex(text.removeprefix(_KEY_PREFIX))
    except ValueError:
        key = b""
    if not text.startswith(_KEY_PREFIX) or len(key) != 32:
        raise InputError(
            "that is no key of indexes", remedy="`reseen index key --out FILE` writes one."
        )
    return key
