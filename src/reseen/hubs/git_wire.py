"""What is said to a git server, and what it says: its smart protocol over HTTP, version 2.

What comes in: what is wanted, or the bytes of an answer. What goes out: the bytes of a question, or
refs and a pack. Nothing here asks anybody, and nothing here trusts the server. From git's own
documentation (gitprotocol-v2, gitprotocol-pack).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reseen.errors import HubGarbage

VERSION = {"Git-Protocol": "version=2"}
SMALL = 1024
"""Bytes: contents from here on are left out of a pack. A pointer is shorter."""
MOST_REFS = 20_000

_FLUSH, _DELIM = b"0000", b"0001"
_LENGTH = re.compile(rb"[0-9a-f]{4}")
_REF = re.compile(r"([0-9a-f]{40}) (\S+)(?: .*)?")


@dataclass(frozen=True, slots=True)
class Ref:
    """What a name leads to: for a tag with a text of its own, the commit behind it."""

    name: str
    """In full: "HEAD", "refs/heads/main"."""
    commit: str


def capabilities(answer: bytes) -> Mapping[str, str]:
    """What a server can do. Raises HubGarbage where it does not speak this version."""
    told: dict[str, str] = {}
    for packet in _packets(answer):
        line = (packet or b"").decode("utf-8", "replace").strip()
        if not line.startswith("#"):
            name, _, value = line.partition("=")
            told[name] = value
    if "version 2" not in told:
        raise HubGarbage("the server does not speak git's protocol of version 2")
    return told


def ask_refs() -> bytes:
    """The question for all refs."""
    told = _packet(b"command=ls-refs\n") + _packet(b"agent=reseen\n") + _DELIM
    return told + _packet(b"peel\n") + _packet(b"symrefs\n") + _FLUSH


def refs(answer: bytes) -> tuple[list[Ref], str | None, int]:
    """All refs; the name of the branch that HEAD is; how many lines cannot be read, or are too
    many."""
    found: list[Ref] = []
    head: str | None = None
    unread = 0
    for packet in _packets(answer):
        if packet is None:
            continue
        line = packet.decode("utf-8", "replace").rstrip("\n")
        if line.startswith("unborn "):
            continue
        read = _REF.fullmatch(line)
        if read is None or len(found) >= MOST_REFS:
            unread += 1
            continue
        notes = dict(note.partition(":")[::2] for note in line.split(" ")[2:])
        if read[2] == "HEAD":
            head = notes.get("symref-target")
        peeled = notes.get("peeled", "")
        found.append(Ref(read[2], peeled if re.fullmatch("[0-9a-f]{40}", peeled) else read[1]))
    return found, head, unread


def ask_tree(commit: str) -> bytes:
    """The question for one commit with its folders and what is small in them: no history."""
    told = _packet(b"command=fetch\n") + _packet(b"agent=reseen\n") + _DELIM
    lines = ("no-progress", "ofs-delta", "deepen 1", f"filter blob:limit={SMALL}", f"want {commit}")
    told += b"".join(_packet(f"{line}\n".encode()) for line in (*lines, "done"))
    return told + _FLUSH


def pack(answer: bytes) -> bytes:
    """The pack in an answer. Raises HubGarbage, with nothing of what the server says of why."""
    found, begun = bytearray(), False
    for packet in _packets(answer):
        if packet is None:
            continue
        if not begun:
            begun = packet == b"packfile\n"
        elif packet[:1] == b"\x01":
            found += packet[1:]
        elif packet[:1] == b"\x03":
            raise HubGarbage("the git server broke off a pack, and says that of itself")
    if not begun:
        raise HubGarbage("the git server's answer holds no pack")
    return bytes(found)


def _packet(line: bytes) -> bytes:
    return b"%04x%s" % (len(line) + 4, line)


def _packets(answer: bytes) -> Iterator[bytes | None]:
    """The lines of an answer; None where it says that a part ends."""
    at = 0
    while at < len(answer):
        length = answer[at : at + 4]
        if not _LENGTH.fullmatch(length):
            raise HubGarbage("the server's answer is not git's")
        size = int(length, 16)
        if size < 4:
            at += 4
            yield None
            continue
        if at + size > len(answer):
            raise HubGarbage("the git server's answer breaks off")
        if answer[at + 4 : at + 8] == b"ERR ":
            raise HubGarbage("the git server refuses")
        yield answer[at + 4 : at + size]
        at += size
