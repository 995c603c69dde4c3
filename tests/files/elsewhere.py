"""Another system than Linux, for the processes that a test starts: none tells a process that its
parent ended, and limits cannot be set."""

from __future__ import annotations

import os
from pathlib import Path

_CUSTOMIZED = """
import ctypes, resource

class Library:
    def __init__(self, library):
        self._library = library
    def __getattr__(self, name):
        if name == "prctl":
            raise AttributeError(name)
        return getattr(self._library, name)

real = ctypes.CDLL
ctypes.CDLL = lambda name, *more, **named: (
    Library(real(name)) if name is None else real(name, *more, **named)
)

def refused(kind, limits):
    raise ValueError("not allowed to raise maximum limit")

resource.setrlimit = refused
"""


def elsewhere(folder: Path) -> str:
    """A value of PYTHONPATH for such processes."""
    there = folder / "elsewhere"
    there.mkdir()
    (there / "sitecustomize.py").write_text(_CUSTOMIZED)
    return os.pathsep.join([str(there), *filter(None, [os.environ.get("PYTHONPATH")])])
