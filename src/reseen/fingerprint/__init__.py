"""What a file is known by: every digest in one streaming pass, and the sketch of its updates.

`digests` is the way in. The room is callable, because the package's own face has its name:
`reseen.fingerprint(path)` is the function of `reseen.api` until this room is imported, and this
room, which does the same, from then on.
"""

from __future__ import annotations

import sys
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reseen.records import Fingerprint


class _Room(ModuleType):
    def __call__(self, path: str | PathLike[str]) -> Fingerprint:
        """As `reseen.api.fingerprint`."""
        from reseen.fingerprint.digests import fingerprint

        return fingerprint(Path(path))


sys.modules[__name__].__class__ = _Room
