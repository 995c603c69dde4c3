"""Files that are there whole or not at all, for their owner alone; and what is no file."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from reseen.errors import InputError


@contextmanager
def private(out: Path) -> Iterator[Path]:
    """A path to write to; it takes `out`'s place when the block ends well, with mode 0600.

    A device, a pipe, or what is open already (`/dev/stdout`) keeps its place: what was written
    goes into it. Raises InputError when the folder cannot be written to, or its disk is full.
    """
    goes_into = is_no_file(out)
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{out.name[:40]}.", dir=None if goes_into else out.parent
        )
    except (OSError, ValueError) as e:
        reason = e.strerror if isinstance(e, OSError) else "not a usable path"
        raise InputError(
            f"cannot write {out}: {reason}", remedy="Name a folder that exists and is yours."
        ) from e
    os.close(handle)
    path = Path(name)
    try:
        yield path
        if goes_into:
            with path.open("rb") as whole, written_into(out) as target:
                shutil.copyfileobj(whole, target)
        else:
            os.replace(path, out)
    except BrokenPipeError:  # who reads there has seen enough
        raise
    except OSError as e:
        raise InputError(
            f"cannot write {out}: {e.strerror}", remedy="Make room, or name another folder."
        ) from e
    finally:
        path.unlink(missing_ok=True)


def written_into(out: Path) -> BinaryIO:
    """A device or pipe, written to at its end. Raises OSError, also where nobody reads a pipe."""
    descriptor = os.open(out, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC)
    os.set_blocking(descriptor, True)
    return os.fdopen(descriptor, "wb")


def is_no_file(out: Path) -> bool:
    """Is a path that is to be written a device, a pipe, or one of what this process has open? Such
    a thing is written into: a file in its place would be in everybody's way."""
    try:
        if out.parent.resolve().is_relative_to("/proc") or os.readlink(out).startswith("/proc/"):
            return True
    except (OSError, ValueError, RuntimeError):
        pass  # no link
    try:
        mode = out.stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
