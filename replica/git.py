"""Git's and Git LFS's names for things, computed as git does: files in, 40 hex digits out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping


def _named(kind: bytes, body: bytes) -> str:
    return hashlib.sha1(b"%s %d\0" % (kind, len(body)) + body, usedforsecurity=False).hexdigest()


def blob_oid(data: bytes) -> str:
    """What git calls a file of these bytes."""
    return _named(b"blob", data)


def pointer_text(sha256: str, size: int) -> bytes:
    """The Git LFS pointer: what git keeps instead of a large file."""
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
        sha256.encode(),
        size,
    )


def pointer_oid(sha256: str, size: int) -> str:
    return blob_oid(pointer_text(sha256, size))


def tree_oids(files: Mapping[str, str]) -> dict[str, str]:
    """Path -> blob oid in; every directory's path -> tree oid out ("" is the root)."""
    directories: dict[str, dict[str, tuple[bytes, str]]] = {"": {}}
    for path, oid in files.items():
        directory, _, name = path.rpartition("/")
        directories.setdefault(directory, {})[name] = (b"100644", oid)
        while directory:
            directory = directory.rpartition("/")[0]
            directories.setdefault(directory, {})

    oids: dict[str, str] = {}
    # Deepest first, so that a parent finds its children named.
    for directory in sorted(directories, key=lambda d: (-d.count("/"), not d, d)):
        entries = directories[directory]
        body = b"".join(
            b"%s %s\0%s" % (mode, name.encode(), bytes.fromhex(oid))
            for name, (mode, oid) in sorted(entries.items(), key=_git_order)
        )
        oids[directory] = _named(b"tree", body)
        if directory:
            parent, _, name = directory.rpartition("/")
            directories[parent][name] = (b"40000", oids[directory])
    return oids


def _git_order(entry: tuple[str, tuple[bytes, str]]) -> bytes:
    name, (mode, _) = entry
    return name.encode() + (b"/" if mode == b"40000" else b"")


def commit_oid(tree: str, parent: str | None, author: str, seconds: int, message: str) -> str:
    who = f"{author} <{author}@users.example> {seconds} +0000"
    lines = [f"tree {tree}", *([f"parent {parent}"] if parent else [])]
    lines += [f"author {who}", f"committer {who}", "", message]
    return _named(b"commit", "\n".join(lines).encode())
