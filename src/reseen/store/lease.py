"""Who holds a lease, and whether that process still lives.

What comes in: the name that a lease carries. What goes out: whether its holder is certainly dead,
so that what a killed process held is free at once when the same machine goes on. A doubt is no
death: that lease runs out by itself.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass

SECOND = 1_000_000
"""Microseconds: the store's unit of time."""
LEASE = 120 * SECOND
"""How long work is ours without our saying so again; also how long what a process killed on
another machine held stays out of reach."""

_HERE: set[str] = set()
"""Holders that were made in this process."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a lease: enough to tell, on one machine, whether that process still lives."""

    host: str
    pid: int
    nonce: str

    @classmethod
    def this(cls) -> Owner:
        """A holder of its own for each walk, also where several run in one process."""
        made = cls(socket.gethostname(), os.getpid(), secrets.token_hex(4))
        _HERE.add(str(made))
        return made

    def __str__(self) -> str:
        return f"{self.host} {self.pid} {self.nonce}"

    def outlived(self, other: str) -> bool:
        """True when the other holder is certainly dead. A doubt is False: its lease runs out."""
        host, _, rest = other.partition(" ")
        pid, _, nonce = rest.partition(" ")
        if host != self.host or not pid.isdigit():
            return False
        if int(pid) == self.pid:
            # A process that was killed, and got our number before us; or a walk beside this one.
            return nonce != self.nonce and other not in _HERE
        if os.name != "posix":
            return False  # there, asking with signal 0 would end the process
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True
        except (PermissionError, OverflowError):
            return False
        return False
