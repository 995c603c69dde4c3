"""Folders on disk as others named their files, and what a person looks up in a registry."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from tests.fuzz import chance
from tests.fuzz.cells import cell, link
from tests.fuzz.chance import digits, folder, number_text, sum_of, word
from tests.fuzz.play import Broken, FuzzedReader
from tests.match import made as sample

from reseen.hubs.folder import LocalArtifact, walk
from reseen.observed.artifacts import commit_bytes
from reseen.records import Names
from reseen.registry import lookup
from reseen.store.database import Store
from reseen.store.sealing import Keyring

_KEYRING = Keyring(bytes(range(32)))

# -- folders --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tree:
    files: tuple[tuple[bytes, bytes | None], ...]
    """Path and content; None: a link, to the path in the second half."""
    links: tuple[tuple[bytes, bytes], ...]


_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %s\n"


def _name(rng: Random) -> bytes:
    kind = rng.randrange(6)
    if kind == 0:
        return rng.randbytes(rng.choice((1, 8, 40)))
    if kind == 1:
        return os.fsencode(word(rng).encode("utf-8", "replace").decode())
    return rng.choice(
        (b"a.safetensors", b"b.pt", b"c", b".hidden", digits(rng, 64).encode("utf-8", "replace"))
    )


def _plain(name: bytes) -> bytes:
    found = name.replace(b"/", b"").replace(b"\0", b"")[:200]
    return found if found not in (b"", b".", b"..") else b"x"


def tree(rng: Random) -> Tree:
    """Files with names of any bytes, pointers, links in and out, and parts of a Hub's cache."""
    files: list[tuple[bytes, bytes | None]] = []
    links: list[tuple[bytes, bytes]] = []
    cached = chance.chance(rng, 3)
    base = rng.choice(
        (
            b"models--a--b/",
            b"datasets--x/",
            b"spaces--..--y/",
            b"models--" + _plain(_name(rng)) + b"/",
        )
    )
    for _ in range(rng.choice((1, 2, 3))):
        name = _plain(_name(rng))
        data = rng.choice(
            (
                b"x" * 2000,
                b"x",
                _POINTER
                % (
                    digits(rng, 64).encode("utf-8", "replace"),
                    number_text(rng).encode("utf-8", "replace"),
                ),
            )
        )
        where = base + rng.choice(
            (
                b"blobs/",
                b"blobs/",
                b"snapshots/"
                + digits(rng, 40).encode("utf-8", "replace").replace(b"/", b"")
                + b"/",
            )
        )
        files.append(((where if cached else rng.choice((b"", b"d/"))) + name, data))
        if chance.chance(rng, 3):
            target = rng.choice((b"/etc/passwd", b"../../blobs/" + name, b".", b"nothing", name))
            links.append(
                (
                    (base + b"snapshots/" + b"a" * 40 + b"/" if cached else b"")
                    + _plain(_name(rng))
                    + b"-l",
                    target,
                )
            )
    return Tree(tuple(files), tuple(links))


def read_tree(given: Tree) -> object:
    root = os.fsencode(folder()) + b"/tree-%d" % os.getpid()
    shutil.rmtree(root, ignore_errors=True)
    os.mkdir(root)
    for name, data in given.files:
        with suppress(OSError):
            os.makedirs(os.path.dirname(root + b"/" + name), exist_ok=True)
            with open(root + b"/" + name, "wb") as file:
                file.write(data or b"")
    for name, target in given.links:
        with suppress(OSError):
            os.makedirs(os.path.dirname(root + b"/" + name), exist_ok=True)
            os.symlink(target, root + b"/" + name)
    said: list[object] = []
    for each in walk(Path(os.fsdecode(root))):
        if isinstance(each, LocalArtifact):
            artifact = each.artifact
            if not artifact.path.isprintable() or not artifact.repo.isprintable():
                raise Broken("a path that is shown moves a terminal")
            artifact.path.encode()
            commit_bytes(artifact.revision)
            if not os.fsencode(each.file).startswith(root + b"/"):
                raise Broken("led out of the folder")
            said.append(sum_of((artifact, each.file)))
        else:
            said.append(sum_of((each.where, each.reason)))
    return said


# -- look-ups -------------------------------------------------------------------------------------


@cache
def _store() -> Store:
    store = Store(f"sqlite:///{folder() / f'look-{os.getpid()}.db'}")
    names = Names(name="Sample person 07", url="https://civitai.com/models/4711?modelVersionId=12")
    sample.remove(store, sample.fully_known(sample.safetensors(sample.adapter(7))), names=names)
    return store


def query(rng: Random) -> str:
    makers: tuple[Callable[[Random], str], ...] = (
        *(word, cell, link, digits, number_text),
        lambda r: f"{r.choice(('sha256', 'autov2', 'x'))}:{digits(r)}",
        lambda r: (
            f"{r.choice(('rm', 'sg', 'RM'))}-{r.choice(('4f7k2q9d', '', digits(r), word(r)))}"
        ),
    )
    return rng.choice(makers)(rng)


def read_query(text: str) -> object:
    found = lookup.find(_store(), _KEYRING, text)
    return len(found.found), [each.how for each in found.found], found.more


READERS = (
    FuzzedReader("folder", tree, read_tree),
    FuzzedReader("look-up", query, read_query),
)
