"""What the replica serves: repositories with a history, and the removals that hide in them.

A world can change while it is served: commit to a repository, disable it, remove it. Oids are
git's own, computed from the bytes; what is declared of a file can be made to lie.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from replica import git

EPOCH = datetime(2025, 5, 20, tzinfo=UTC)
"""When the first repository of a world was made."""

MAIN = "refs/heads/main"
TYPES = ("model", "dataset", "space")
SORTS = ("createdAt", "lastModified", "downloads", "likes", "trendingScore")


@dataclass(frozen=True, slots=True)
class Blob:
    """One file's content, and what the hub says of it."""

    size: int
    git_oid: str
    """Of the pointer, for an LFS file."""
    lfs: bool
    sha256: str
    """As declared by whoever uploaded it."""
    xet: str | None
    data: bytes | None
    """None: nobody made the bytes; zeros are served."""

    def read(self, start: int, length: int) -> bytes:
        if self.data is not None:
            return self.data[start : start + length]
        return bytes(max(0, min(length, self.size - start)))


def lfs(data: bytes, *, declared: str | None = None) -> Blob:
    """A large file. `declared`: the SHA-256 that the uploader states, if it is not the true one."""
    sha256 = declared or hashlib.sha256(data).hexdigest()
    # A stand-in for Xet's root: like it, a pure function of the bytes served, and no SHA-256.
    xet = hashlib.blake2b(data, digest_size=32, person=b"sample xet").hexdigest()
    return Blob(len(data), git.pointer_oid(sha256, len(data)), True, sha256, xet, data)


def plain(data: bytes) -> Blob:
    """A small file, kept by git itself: the hub states no SHA-256 of it."""
    return Blob(len(data), git.blob_oid(data), False, hashlib.sha256(data).hexdigest(), None, data)


def claimed(sha256: str, size: int) -> Blob:
    """A large file of which only the claim exists."""
    return Blob(size, git.pointer_oid(sha256, size), True, sha256, None, None)


@dataclass(frozen=True, slots=True)
class Commit:
    id: str
    parent: str | None
    title: str
    user: str
    date: datetime
    files: Mapping[str, Blob]


@dataclass(slots=True)
class Repo:
    """One repository. Change it through its methods; `disabled` and the like may be set."""

    id: str
    type: str = "model"
    created: datetime = EPOCH
    modified: datetime = EPOCH
    """When main last moved."""
    downloads: int = 0
    likes: int = 0
    tags: tuple[str, ...] = ()
    gated: str | None = None
    """None, "auto" or "manual"."""
    private: bool = False
    disabled: bool = False
    readers: set[str] = field(default_factory=set)
    """Accounts that may read it although it is gated or private; its owner always may."""
    commits: dict[str, Commit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    """ "refs/heads/main", "refs/tags/v1", "refs/pr/1" -> commit."""
    made_as: str = ""
    """The name that it was made with: a rename does not change what the Hub calls it inside."""

    def __post_init__(self) -> None:
        self.made_as = self.made_as or f"{self.type} {self.id}"

    @property
    def author(self) -> str:
        return self.id.split("/", 1)[0]

    @property
    def sha(self) -> str | None:
        return self.refs.get(MAIN)

    def may_read(self, account: str | None) -> bool:
        return account is not None and (account == self.author or account in self.readers)

    def commit(
        self,
        changes: Mapping[str, Blob | None],
        title: str = "Upload files",
        *,
        ref: str = MAIN,
        date: datetime | None = None,
    ) -> Commit:
        """Put files, or take them away (None), on a ref. A new ref starts from main."""
        parent = self.refs.get(ref) or self.refs.get(MAIN)
        files = dict(self.commits[parent].files) if parent else {}
        for path, blob in changes.items():
            if blob is None:
                del files[path]
            else:
                files[path] = blob
        if date is None:
            date = self.commits[parent].date + timedelta(minutes=1) if parent else self.created
        root = git.tree_oids({path: blob.git_oid for path, blob in files.items()})[""]
        oid = git.commit_oid(root, parent, self.author, int(date.timestamp()), title)
        commit = Commit(oid, parent, title, self.author, date, files)
        self.commits[oid] = commit
        self.refs[ref] = oid
        if ref == MAIN:
            self.modified = date
        return commit

    def at(self, revision: str) -> Commit | None:
        """A branch, a tag, a full ref, or a commit."""
        for name in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if name in self.refs:
                return self.commits[self.refs[name]]
        return self.commits.get(revision)

    def history(self, revision: str) -> Iterator[Commit]:
        """Newest first."""
        commit = self.at(revision)
        while commit is not None:
            yield commit
            commit = self.commits.get(commit.parent) if commit.parent else None

    @property
    def used_storage(self) -> int:
        """Bytes of the large files of all commits."""
        blobs = {b.sha256: b.size for c in self.commits.values() for b in c.files.values() if b.lfs}
        return sum(blobs.values())


@dataclass(frozen=True, slots=True)
class Removed:
    """A model that a platform took down, as a list tells of it."""

    number: int
    name: str
    link: str
    sha256: str
    size: int
    git_oid: str
    """What git calls the file where it is kept as plain git."""
    file_name: str
    model_id: str
    version_id: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Case:
    """Where a removal stands again, and how it should be recognised."""

    what: str
    """ "renamed copy", "header edited", ..."""
    type: str
    repo: str
    ref: str | None
    """ "main", another branch, "refs/pr/1", a tag; None: only in the history."""
    path: str
    removal: int
    """The number of the removal."""
    rung: str
    """The highest rung that a full reading reaches: "bytes", "tensors", "pointer", "declared"
    (a lie: the bytes contradict it), or "hint" (no sighting)."""
    declared: bool = True
    """Whether what the hub declares is enough to see it."""


@dataclass(frozen=True, slots=True)
class Query:
    """One question for a list."""

    type: str = "model"
    author: str | None = None
    search: str | None = None
    filters: tuple[str, ...] = ()
    gated: bool | None = None
    sort: str = "trendingScore"
    descending: bool = True
    limit: int = 1000


class World:
    """Repositories by type and id, and who may see them."""

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repo] = {}
        self.removals: list[Removed] = []
        self.cases: list[Case] = []
        self.tokens: dict[str, str] = {"hf_sample": "account-reader"}
        """Token -> account."""
        self.moved: dict[tuple[str, str], str] = {}
        """Old id -> new id, of a repository that was renamed."""

    def add(self, repo: Repo) -> Repo:
        self.repositories[repo.type, repo.id] = repo
        return repo

    def remove(self, type: str, id: str) -> None:
        del self.repositories[type, id]

    def rename(self, type: str, old: str, new: str) -> Repo:
        """It has another name, and maybe another owner; the old name leads there."""
        repo = self.repositories.pop((type, old))
        repo.id = new
        self.moved[type, old] = new
        return self.add(repo)

    def now_called(self, type: str, id: str) -> str | None:
        """Where a name leads that is no repository's: a former one, or another spelling."""
        if (new := self.moved.get((type, id))) is not None:
            return new
        spelled = id.lower()
        return next((i for t, i in self.repositories if t == type and i.lower() == spelled), None)

    def removal(self, number: int) -> Removed:
        return next(r for r in self.removals if r.number == number)

    def find(self, type: str, id: str) -> Repo | None:
        return self.repositories.get((type, id))

    def page(
        self, query: Query, account: str | None, cursor: str | None
    ) -> tuple[list[Repo], str | None]:
        """One page of a list, and the cursor of the next. Raises ValueError for a bad cursor."""
        wanted = [
            repo
            for repo in list(self.repositories.values())
            if repo.type == query.type
            and (not repo.private or repo.may_read(account))
            and (query.author is None or repo.author == query.author)
            and (query.search is None or query.search.lower() in repo.id.lower())
            and set(query.filters) <= set(repo.tags)
            and (query.gated is None or query.gated == (repo.gated is not None))
        ]
        keyed = sorted(
            ((_sort_value(repo, query.sort), repo.id) for repo in wanted), reverse=query.descending
        )
        if cursor is not None:
            value, id = _opened_cursor(cursor)
            after = (value, id)
            keyed = [k for k in keyed if (k < after if query.descending else k > after)]
        page = keyed[: query.limit]
        following = cursor_of(page[-1]) if len(keyed) > query.limit else None
        return [self.repositories[query.type, id] for _, id in page], following


def _sort_value(repo: Repo, sort: str) -> float:
    match sort:
        case "createdAt":
            return repo.created.timestamp()
        case "lastModified":
            return repo.modified.timestamp()
        case "likes":
            return repo.likes
        case _:
            return repo.downloads


def cursor_of(position: object) -> str:
    """Opaque, as the Hub's are."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def _opened_cursor(cursor: str) -> tuple[float, str]:
    value, id = json.loads(base64.urlsafe_b64decode(cursor))
    return float(value), str(id)
