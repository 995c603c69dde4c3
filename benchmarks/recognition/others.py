"""Other people's ways of recognising a file, as methods: exact digests, and TLSH where it is
installed. They know nothing of what is in a file, and show what such ways reach."""

from __future__ import annotations

from pathlib import Path

from benchmarks.peers import TLSH
from benchmarks.recognition.method import Answer, Asked, MethodFailed, Task
from benchmarks.recognition.ours import digests_of
from reseen.fingerprints.whole import fingerprint
from reseen.records import DigestKind


def digests(task: Task) -> Asked:
    """SHA-256, that of the data section (AutoV3), and the multiset of tensors: one that agrees."""
    known: dict[tuple[DigestKind, bytes], set[str]] = {}
    for name, path in task.registry.items():
        for digest in digests_of(fingerprint(path)):
            known.setdefault(digest, set()).add(name)

    def ask(path: Path) -> Answer:
        found = {name for d in digests_of(fingerprint(path)) for name in known.get(d, ())}
        return Answer(dict.fromkeys(found, 1.0), frozenset(found))

    return ask


def tlsh(task: Task) -> Asked:
    """The negative of its distance; it has no verdict of its own."""
    if TLSH is None:
        raise MethodFailed("tlsh: py-tlsh is not installed")
    module = TLSH
    known = {name: module.hash(path.read_bytes()) for name, path in task.registry.items()}

    def ask(path: Path) -> Answer:
        here = module.hash(path.read_bytes())
        return Answer({name: -float(module.diff(here, there)) for name, there in known.items()})

    return ask
