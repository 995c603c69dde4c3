"""A file that is there whole or not at all, and readable by its owner alone."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reseen.errors import InputError


@contextmanager
def private(out: Path) -> Iterator[Path]:
    """A path to write to; it takes `out`'s place when the block ends well, with mode 0600.

    Raises InputError when the folder cannot be written to, or its disk is full.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{out.name[:40]}.", dir=out.parent)
    except (OSError, ValueError) as e:
        reason = e.strerror if isinstance(e, OSError) else "not a usable path"
        raise InputError(
            f"cannot write {out}: {reason}", remedy="Name a folder that exists and is yours."
        ) from e
    os.close(handle)
    path = Path(name)
    try:
        yield path
        os.replace(path, out)
    except OSError as e:
        raise InputError(
            f"cannot write {out}: {e.strerror}", remedy="Make room, or name another folder."
        ) from e
    finally:
        path.unlink(missing_ok=True)
