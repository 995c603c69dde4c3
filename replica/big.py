"""A hub of any size that is never there: repository number n is made when somebody asks for it.

For benchmarks: 20,000 repositories to walk, or 1,000,000 to list, in constant memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta

from replica.world import (
    EPOCH,
    MAIN,
    Blob,
    Commit,
    Query,
    Removed,
    Repo,
    World,
    claimed,
    lfs,
    plain,
)

PER_ACCOUNT = 20
_PAGE = plain(b"A sample.\n")


class BigWorld(World):
    """`count` model repositories in order of their making, one a second."""

    def __init__(
        self, count: int, removals: Sequence[Removed] = (), *, every: int = 100, files: int = 2
    ) -> None:
        """Every `every`-th repository holds a copy of a removal. `files`: weight files in each."""
        super().__init__()
        self.count = count
        self.removals = list(removals)
        self.every = every
        self.files = files
        self._copies = [lfs(r.data) for r in removals]

    def id(self, number: int) -> str:
        return f"account-{number // PER_ACCOUNT:07}/model-{number:07}"

    def removal_in(self, number: int) -> int | None:
        """Which of the removals (by place in the list) the repository holds a copy of."""
        if self._copies and number % self.every == self.every - 1:
            return number // self.every % len(self._copies)
        return None

    def repository(self, number: int) -> Repo:
        date = EPOCH + timedelta(seconds=number)
        sha = hashlib.sha1(b"big %d" % number, usedforsecurity=False).hexdigest()
        files: dict[str, Blob] = {"README.md": _PAGE}
        for n in range(self.files):
            digest = hashlib.sha256(b"big %d %d" % (number, n))
            size = 1_000_000 + int.from_bytes(digest.digest()[:3], "big") * 9
            files[f"weights-{n}.safetensors"] = claimed(digest.hexdigest(), size)
        removal = self.removal_in(number)
        if removal is not None:
            files["LORA.safetensors"] = self._copies[removal]
        id = self.id(number)
        commit = Commit(sha, None, "Upload files", id.split("/")[0], date, files)
        return Repo(
            id,
            created=date,
            modified=date,
            downloads=number % 997,
            tags=("lora",) if number % 3 == 0 else (),
            commits={sha: commit},
            refs={MAIN: sha},
        )

    def now_called(self, type: str, id: str) -> str | None:
        return None

    def find(self, type: str, id: str) -> Repo | None:
        tail = id.rpartition("-")[2]
        if type != "model" or not tail.isdecimal() or int(tail) >= self.count:
            return None
        return self.repository(int(tail)) if self.id(int(tail)) == id else None

    def page(
        self, query: Query, account: str | None, cursor: str | None
    ) -> tuple[list[Repo], str | None]:
        """Every order is the order of making; only an author narrows the list."""
        first, last = 0, self.count
        if query.author is not None:
            number = query.author.rpartition("-")[2]
            first = int(number) * PER_ACCOUNT if number.isdecimal() else self.count
            last = min(self.count, first + PER_ACCOUNT)
        if query.type != "model" or query.search or query.gated:
            first = last
        start = int(cursor) if cursor else 0
        numbers = range(last - 1, first - 1, -1) if query.descending else range(first, last)
        page = [self.repository(n) for n in numbers[start : start + query.limit]]
        end = start + query.limit
        return page, str(end) if end < len(numbers) else None
