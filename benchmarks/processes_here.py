"""Processes of this machine, as Linux tells of them: whose children they are, what they use."""

from __future__ import annotations

import os
from pathlib import Path


def descendants(pid: int) -> list[int]:
    """Processes that this one started, and those that they started."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        fields = _fields(int(path.name))
        if fields:
            children.setdefault(int(fields[1]), []).append(int(path.name))
    found, left = list[int](), [pid]
    while left:
        more = children.get(left.pop(), [])
        found += more
        left += more
    return found


def command_of(pid: int) -> str:
    """Its command line, with blanks between words; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def processor_seconds() -> float:
    """Of this process and all that it started, those that have ended too."""
    total = sum(os.times()[:4])
    for pid in descendants(os.getpid()):
        if fields := _fields(pid):
            total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return total


def _fields(pid: int) -> list[str]:
    """Of /proc/PID/stat, from the state on; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
