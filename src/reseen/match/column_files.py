"""What is searched of sketches, kept beside the store in files that all processes map.

What comes in: a connection, once, and blocks of what was made of its sketches. What goes out: the
same blocks, where their files are mapped, for this process and those that come later. It is a copy
of what the store has: files of another store, of one that was set back, or that are damaged, are
not used. Like the store they are their owner's alone. Where there is no such folder (the store is
no file, or nothing can be written beside it) a process has nameless files of its own, and where
there is no room for those, memory. Small registries need none of this.
"""

from __future__ import annotations

import json
import mmap
import os
import secrets
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection

from reseen.fingerprints.choice import ModuleOrder
from reseen.match import saved_columns
from reseen.match.digest_table import Bytes
from reseen.match.nearest import NearestIndex
from reseen.match.store_version import StoreVersion, follows, version_of
from reseen.store.backends import file_of

FORMAT = 1
MANIFEST = "manifest.json"
_LARGEST_MANIFEST = 64 << 20
_ALIGNED = 64


@dataclass(frozen=True, slots=True)
class ColumnFiles:
    """The folder with the files of one store."""

    folder: Path | None
    version: StoreVersion
    parts: tuple[Mapping[str, Any], ...] = ()
    """What the manifest says of each file."""

    @classmethod
    def of(cls, connection: Connection, order: ModuleOrder) -> tuple[ColumnFiles, NearestIndex]:
        """What is kept of this store, and what is searched of it."""
        now = version_of(connection)
        folder = _place(connection)
        nothing = NearestIndex(order)
        if folder is None:
            return cls(None, now), nothing
        try:
            with _opened(folder / MANIFEST) as file:
                told = json.loads(file.read(_LARGEST_MANIFEST))
            before = StoreVersion(*told["version"])
            if told["format"] != FORMAT or not follows(connection, before, now):
                return cls(folder, now), nothing
            index = nothing
            for part in told["parts"]:
                index = index.joined(_opened_part(folder, part, order))
        except (OSError, ValueError, KeyError, TypeError):
            return cls(folder, now), nothing
        return cls(folder, now, tuple(told["parts"])), index

    def keep(self, made: NearestIndex) -> tuple[ColumnFiles, NearestIndex]:
        """Keep this too; it is then read where its file is mapped, if it could be kept."""
        with suppress(OSError, ValueError):
            return self._kept(made)
        with suppress(OSError, ValueError), tempfile.TemporaryFile() as file:
            part = _write(file, made)
            file.flush()
            return self, _mapped(file, part, made.order)
        return self, made

    def _kept(self, made: NearestIndex) -> tuple[ColumnFiles, NearestIndex]:
        if self.folder is None:
            raise FileNotFoundError
        self.folder.mkdir(mode=0o700, exist_ok=True)
        name = f"{secrets.token_hex(8)}.columns"
        with _new(self.folder / name) as file:
            part = {"file": name, **_write(file, made)}
        mapped = _opened_part(self.folder, part, made.order)
        kept = replace(self, parts=(*self.parts, part))
        kept._tell(self.folder)
        return kept, mapped

    def _tell(self, folder: Path) -> None:
        """The manifest in place of the one before; files that it does not name are no longer
        needed: who has one mapped goes on reading it."""
        version = self.version
        told = {
            "format": FORMAT,
            "version": [version.store, version.change, version.at],
            "parts": list(self.parts),
        }
        draft = folder / f".{secrets.token_hex(8)}"
        with _new(draft) as file:
            file.write(json.dumps(told).encode())
        draft.replace(folder / MANIFEST)
        names = {MANIFEST, *(part["file"] for part in self.parts)}
        for path in folder.iterdir():
            if path.name not in names:
                with suppress(OSError):
                    path.unlink()


def _place(connection: Connection) -> Path | None:
    """Beside the store; None where that is no file."""
    file = file_of(connection)
    return None if file is None else file.with_name(f"{file.name}.columns")


def _write(file: IO[bytes], made: NearestIndex) -> dict[str, Any]:
    """What the manifest says of it."""
    about: dict[str, Any] = {}
    arrays: dict[str, list[int]] = {}
    at = 0
    for key, (_, buffers) in saved_columns.parts_of(made, about).items():
        at += file.write(bytes(-at % _ALIGNED))
        begin = at
        for each in buffers:
            at += file.write(memoryview(each).cast("B") if len(each) else b"")
        arrays[key] = [begin, at - begin]
    return {"bytes": at, "about": about, "arrays": arrays}


def _opened_part(folder: Path, part: Mapping[str, Any], order: ModuleOrder) -> NearestIndex:
    name = str(part["file"])
    if "/" in name:
        raise ValueError("no file of the folder")
    with _opened(folder / name) as file:
        return _mapped(file, part, order)


def _mapped(file: IO[bytes], part: Mapping[str, Any], order: ModuleOrder) -> NearestIndex:
    """Raises OSError and ValueError where it is not as the manifest says."""
    if os.fstat(file.fileno()).st_size != part["bytes"]:
        raise ValueError("a file that breaks off")
    view: Any = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    arrays: dict[str, Bytes] = {
        key: view[begin : begin + length] for key, (begin, length) in part["arrays"].items()
    }
    return saved_columns.put_back(part["about"], arrays, order)


def _new(path: Path) -> IO[bytes]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def _opened(path: Path) -> IO[bytes]:
    """Raises OSError for what is not a file of this user's alone."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    status = os.fstat(descriptor)
    mine = status.st_uid == os.geteuid() and not status.st_mode & 0o077
    if not stat.S_ISREG(status.st_mode) or not mine:
        os.close(descriptor)
        raise PermissionError
    return os.fdopen(descriptor, "rb")
