"""What is searched of sketches, kept beside the store in files that all processes map.

What comes in: a connection, once, and blocks of what was made of its sketches. What goes out: the
same blocks, where their files are mapped, for this process and those that come later. It is a copy
of what the store has: files of another store, of one that was set back, or that are damaged, are
not used, and whatever cannot be kept is held in memory. Like the store they are their owner's
alone. Small registries need none of this.
"""

from __future__ import annotations

import json
import mmap
import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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

    folder: Path
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
            return cls(Path(), now), nothing
        try:
            with _opened(folder / MANIFEST) as file:
                told = json.loads(file.read(_LARGEST_MANIFEST))
            before = StoreVersion(*told["version"])
            if told["format"] != FORMAT or not follows(connection, before, now):
                return cls(folder, now), nothing
            index = nothing
            for part in told["parts"]:
                index = index.joined(_mapped(folder, part, order))
        except (OSError, ValueError, KeyError, TypeError):
            return cls(folder, now), nothing
        return cls(folder, now, tuple(told["parts"])), index

    def keep(self, made: NearestIndex) -> tuple[ColumnFiles, NearestIndex]:
        """Keep this too; it is then read where its file is mapped, if it could be kept."""
        if self.folder == Path():
            return self, made
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            part = _write(self.folder, made)
            mapped = _mapped(self.folder, part, made.order)
            kept = replace(self, parts=(*self.parts, part))
            kept._tell()
        except (OSError, ValueError):
            return self, made
        return kept, mapped

    def _tell(self) -> None:
        """The manifest in place of the one before; files that it does not name are no longer
        needed: who has one mapped goes on reading it."""
        version = self.version
        told = {
            "format": FORMAT,
            "version": [version.store, version.change, version.at],
            "parts": list(self.parts),
        }
        draft = self.folder / f".{secrets.token_hex(8)}"
        with _new(draft) as file:
            file.write(json.dumps(told).encode())
        draft.replace(self.folder / MANIFEST)
        names = {MANIFEST, *(part["file"] for part in self.parts)}
        for path in self.folder.iterdir():
            if path.name not in names:
                with suppress(OSError):
                    path.unlink()


def _place(connection: Connection) -> Path | None:
    """Beside the store; None where that is no file."""
    file = file_of(connection)
    return None if file is None else file.with_name(f"{file.name}.columns")


def _write(folder: Path, made: NearestIndex) -> dict[str, Any]:
    name = f"{secrets.token_hex(8)}.columns"
    about: dict[str, Any] = {}
    arrays: dict[str, list[int]] = {}
    at = 0
    with _new(folder / name) as file:
        for key, (_, buffers) in saved_columns.parts_of(made, about).items():
            file.write(bytes(-at % _ALIGNED))
            at += -at % _ALIGNED
            begin = at
            for each in buffers:
                at += file.write(memoryview(each).cast("B") if len(each) else b"")
            arrays[key] = [begin, at - begin]
    return {"file": name, "bytes": at, "about": about, "arrays": arrays}


def _mapped(folder: Path, part: Mapping[str, Any], order: ModuleOrder) -> NearestIndex:
    """Raises OSError and ValueError where it is not as the manifest says."""
    name = str(part["file"])
    if "/" in name:
        raise ValueError("no file of the folder")
    with _opened(folder / name) as file:
        if os.fstat(file.fileno()).st_size != part["bytes"]:
            raise ValueError("a file that breaks off")
        view: Any = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    arrays: dict[str, Bytes] = {
        key: view[begin : begin + length] for key, (begin, length) in part["arrays"].items()
    }
    return saved_columns.put_back(part["about"], arrays, order)


def _new(path: Path) -> Any:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def _opened(path: Path) -> Any:
    """Raises OSError for what is not a file of this user's alone."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    status = os.fstat(descriptor)
    mine = status.st_uid == os.geteuid() and not status.st_mode & 0o077
    if not stat.S_ISREG(status.st_mode) or not mine:
        os.close(descriptor)
        raise PermissionError
    return os.fdopen(descriptor, "rb")
