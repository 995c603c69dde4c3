"""A folder as an object store: every file in it is an object, its path from there the key.

What comes in: a folder, and keys. What goes out: keys with sizes in a stable order, a reason for
each thing that is none, and ranges of files. Nothing outside the folder is read through a link, and
nothing that is no file is opened. No reason holds a key.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from reseen.errors import FileError, HubError, HubMissing
from reseen.files.source import LocalFile, Range

NO_PATH = "the key is no path that the store knows"
LEADS_OUT = "the key leads out of the folder; not followed"


def listed(root: Path) -> Iterator[tuple[str, int] | str]:
    """Every file's key and size, by name; why something is left out. A link to a folder within
    names what is listed anyway."""
    left = [root]
    while left:
        folder = left.pop()
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as e:
            yield f"a folder cannot be listed: {e.strerror}"
            continue
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                yield from _file(root, Path(entry))
        left += [Path(each) for each in reversed(entries) if each.is_dir(follow_symlinks=False)]


def _file(root: Path, path: Path) -> Iterator[tuple[str, int] | str]:
    try:
        is_link = stat.S_ISLNK(os.lstat(path).st_mode)
        status = os.stat(path)
        if is_link and not Path(os.path.realpath(path)).is_relative_to(root):
            yield "a link that leads out of the folder; not followed"
        elif is_link and stat.S_ISDIR(status.st_mode):
            return
        elif not stat.S_ISREG(status.st_mode):
            yield "neither a file nor a folder"
        else:
            key = str(path.relative_to(root))
            key.encode("utf-8")
            yield key, status.st_size
    except UnicodeEncodeError:
        yield "a name that is no UTF-8"
    except OSError as e:
        yield f"cannot be looked at: {e.strerror}"


def check(root: Path, key: str) -> None:
    """Raises HubError for a key that is no path, or leads out of the folder."""
    if not key or any(step in ("", ".", "..") for step in key.split("/")) or "\0" in key:
        raise HubError(NO_PATH)
    if not Path(os.path.realpath(root / key)).is_relative_to(root):
        raise HubError(LEADS_OUT)


def read(root: Path, key: str, wanted: Range) -> tuple[bytes, int]:
    """Bytes of a file that was checked, and its size. Raises HubMissing and HubError."""
    path = root / key
    try:
        with LocalFile(path) as file:
            return file.read(wanted), file.size
    except FileError as e:
        if not os.path.lexists(path):
            raise HubMissing("there is no such object") from None
        raise HubError(str(e)) from None
