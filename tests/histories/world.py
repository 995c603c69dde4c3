"""The world of the histories: files, repositories that hold them, and a hub over it in memory.

At most 15 repositories hold every rung and every disguise. Files are small; what they are to each
other is known by construction, and said here. The hub is the replica's world behind the interface
of `reseen.hubs`: no sockets, so that a history takes well under a second.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache

import blake3
from replica.world import EPOCH, MAIN, Blob, Repo, World, lfs, plain
from tests.histories import figures

from replica import git, made
from reseen.errors import HubAuth, HubMissing
from reseen.files.source import Range
from reseen.hubs.addresses import Addresses
from reseen.hubs.hub import (
    Abilities,
    FilesPage,
    RepositoryPage,
    Revision,
    Revisions,
    Usage,
    WantedRepositories,
)
from reseen.records import Artifact, DigestKind, Repository, RepoType

HUB = "hub.example"
FOLDER = "folder"


@dataclass(frozen=True, slots=True, repr=False)
class Content:
    """The bytes of one file, and what they are."""

    key: str
    data: bytes
    sha256: bytes
    blake3: bytes
    blob: bytes
    """Git's SHA-1 of it as a plain file."""
    xet: bytes
    """What a hub states of it, where it is large and open."""
    tensors: bytes | None = None
    """The same for files with the same tensors, whatever their names and order."""
    section: bytes | None = None
    """SHA-256 of all bytes after the header."""
    layout: bytes | None = None
    """The same for files with tensors of the same types and shapes."""
    weights: str | None = None
    """Files of one name here are altered copies of each other."""

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def data_size(self) -> int | None:
        return None if self.section is None else len(made.data_section(self.data))

    def __repr__(self) -> str:
        return self.key


def _content(key: str, data: bytes, weights: str | None) -> Content:
    digests = hashlib.sha256(data).digest(), blake3.blake3(data).digest()
    blob = bytes.fromhex(git.blob_oid(data))
    xet = bytes.fromhex(lfs(data).xet or "")
    if weights is None:
        return Content(key, data, *digests, blob, xet)
    tensors, _ = made.opened(data)
    said = sorted((t.dtype, t.shape, t.data) for t in tensors)
    shapes = sorted((t.dtype, t.shape) for t in tensors)
    return Content(
        key,
        data,
        *digests,
        blob,
        xet,
        tensors=hashlib.sha256(repr(said).encode()).digest(),
        section=hashlib.sha256(made.data_section(data)).digest(),
        layout=hashlib.sha256(repr(shapes).encode()).digest(),
        weights=weights,
    )


@cache
def contents() -> dict[str, Content]:
    """Every file by its key. "r..." were removed, "i..." are innocent; and those of `figures`."""
    removed = {f"r{n}": made.adapter(7100 + n, rank=2, title=f"Sample person {n:02}")
               for n in range(1, 7)}  # fmt: skip
    files: dict[str, tuple[bytes, str | None]] = {key: (d, key) for key, d in removed.items()}
    files["r1-header"] = (made.header_edited(removed["r1"]), "r1")
    files["r2-order"] = (made.reordered(removed["r2"], 3), "r2")
    files["r1-cast"] = (_stating(made.cast_and_renamed(removed["r1"]), removed["r1"]), "r1")
    files["r2-small"] = (made.scaled_and_resized(removed["r2"], rank=1, scale=1.5), "r2")
    files["r5-cast"] = (_stating(made.cast_and_renamed(removed["r5"]), removed["r5"]), "r5")
    files["r5-small"] = (made.scaled_and_resized(removed["r5"], rank=1, scale=0.8), "r5")
    files["i1"] = (_stating(made.adapter(8101, rank=2), removed["r4"]), "i1")
    files["i2"] = (made.adapter(8102, rank=3), "i2")
    files["i3"] = (made.adapter(8103, rank=2), "i3")
    files["i4"] = (made.of_size(8104, 5000), None)
    files |= figures.files()
    return {key: _content(key, *what) for key, what in files.items()}


def _stating(file: bytes, of: bytes) -> bytes:
    """The same tensors under a header that states another file's hashes, as tools leave them."""
    return made.safetensors(made.opened(file)[0], made.opened(of)[1])


def stated(content: Content) -> tuple[bytes, bytes]:
    """The short digests that a trainer wrote into the file: AutoV3 and AutoV1."""
    says = made.opened(content.data)[1]
    whole, legacy = says["sshs_model_hash"], says["sshs_legacy_hash"]
    return bytes.fromhex(whole[:12]), bytes.fromhex(legacy)


@cache
def by_sha256() -> dict[bytes, Content]:
    return {content.sha256: content for content in contents().values()}


@cache
def _by_data() -> dict[bytes, Content]:
    return {content.data: content for content in contents().values()}


def content_of(blob: Blob) -> Content | None:
    """Which file a blob holds; None for pages and the like."""
    return None if blob.data is None else _by_data().get(blob.data)


def put(key: str, *, how: str = "lfs") -> Blob:
    """A file as it is uploaded: "lfs", "plain" (in git itself), or "as:KEY", which declares that
    other file's SHA-256."""
    file = contents()[key]
    if how == "plain":
        return plain(file.data)
    declared = contents()[how.removeprefix("as:")].sha256.hex() if how != "lfs" else None
    return lfs(file.data, declared=declared)


def build(*, further: bool = False) -> World:
    """The world as every history finds it. `further`: with files that add up, and merges."""
    world = World()

    def repo(id: str, files: dict[str, str], *, how: str = "lfs") -> Repo:
        date = EPOCH + timedelta(hours=len(world.repositories))
        new = world.add(Repo(id, created=date, modified=date))
        blobs: dict[str, Blob | None] = {"README.md": plain(b"")}
        new.commit(blobs | {path: put(key, how=how) for path, key in files.items()})
        return new

    # An account of which one repository may be in the target, and the rest only by following.
    repo("ann/copy", {"x.safetensors": "r1"})
    repo("ann/renamed", {"loras/a.bin": "r2", "other.safetensors": "i3"})
    repo("ann/altered", {"model.safetensors": "r1-cast"})
    pull = repo("ann/pull", {"i.safetensors": "i2"})
    pull.commit({"p.safetensors": put("r3")}, ref="refs/pr/1")
    # Edited, each in its way.
    repo("bob/edited", {"lora.safetensors": "r1-header", "o.safetensors": "r2-order"})
    repo("bob/stronger", {"x2.safetensors": "r2-small"})
    # Hidden.
    repo("cid/members", {"m.safetensors": "r3", "n.safetensors": "r1"}).gated = "auto"
    cleaned = repo("cid/cleaned", {"old.safetensors": "r4"})
    cleaned.commit({"old.safetensors": None})
    branch = repo("cid/branch", {})
    branch.commit({"b.safetensors": put("r6")}, ref="refs/heads/backup")
    branch.refs["refs/tags/v1"] = branch.refs["refs/heads/backup"]
    # Lies.
    repo("dan/framed", {"innocent.safetensors": "i1"}, how="as:r4")
    # What teaches, and what is known only by what it taught.
    repo("eve/teaches", {"r5.safetensors": "r5"})
    repo("fay/learned", {"five.safetensors": "r5-cast"})
    # Kept by git itself.
    repo("gus/plain", {"e.safetensors": "r6"}, how="plain")
    # Nothing.
    repo("hal/innocents", {"1.safetensors": "i1", "2.safetensors": "i2", "3.bin": "i4"})
    if further:
        # Two that add up, in two repositories of one account; and a third, with an altered copy.
        repo("jon/one", {"1.safetensors": "r7-one"})
        repo("jon/two", {"2.safetensors": "r7-two"})
        repo("jon/three", {"3.safetensors": "r7-three", "x.safetensors": "r5-cast"})
        lies = repo("kim/framed", {"2.safetensors": "r7-two"})
        lies.commit({"1.safetensors": put("r7-one", how="as:r7")})
        repo("lou/merges", {"1.safetensors": "r8-like", "2.safetensors": "r9-inside"})
    return world


@dataclass(frozen=True, slots=True)
class Standing:
    """One file where it stands now."""

    hub: str
    repo: str
    path: str
    oid: str
    """What tells contents at one path apart: git's name for the blob, in hex; in a folder the
    SHA-256."""
    content: Content = field(compare=False)
    shown: bytes | None = field(compare=False)
    """The SHA-256 that the hub states."""
    lfs: bool = field(compare=False)
    readable: bool = field(compare=False)
    main: bool = field(compare=False)
    """On the main branch, and not only on other refs or in the history."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.hub, self.repo, self.path, self.oid


def standing(world: World) -> list[Standing]:
    """Every file of the hub on any ref or in the history, as it is now."""
    found: dict[tuple[str, str, str, str], Standing] = {}
    for (_, id), repo in world.repositories.items():
        for ref, commit in _revisions(repo):
            for path, blob in repo.commits[commit].files.items():
                content = content_of(blob)
                if content is None:
                    continue
                shown = bytes.fromhex(blob.sha256) if blob.lfs and repo.gated is None else None
                one = Standing(
                    *(HUB, id, path, blob.git_oid, content, shown, blob.lfs),
                    readable=repo.gated is None,
                    main=ref == "main",
                )
                if one.key not in found or one.main:
                    found[one.key] = one
    return list(found.values())


def _revisions(repo: Repo) -> Iterator[tuple[str | None, str]]:
    """Refs and their commits, main first; then the commits of the history that no ref names."""
    named: dict[str, None] = {}
    refs = sorted(repo.refs.items(), key=lambda item: (item[0] != MAIN, item[0]))
    for ref, commit in refs:
        named[commit] = None
        yield ref.removeprefix("refs/heads/").removeprefix("refs/tags/"), commit
    for ref, _ in refs:
        if not ref.startswith("refs/pr/"):
            for past in repo.history(ref):
                if past.id not in named:
                    named[past.id] = None
                    yield None, past.id


ABILITIES = Abilities(
    lists=True,
    refs=True,
    history=True,
    ranges=True,
    sizes=True,
    digests=frozenset({DigestKind.SHA256, DigestKind.XET, DigestKind.GIT_BLOB}),
)


@dataclass(slots=True)
class WorldHub:
    """The hub: says of its world what the Hugging Face Hub says."""

    world: World
    name: str = HUB
    usage: Usage = field(default_factory=Usage)
    abilities: Abilities = ABILITIES
    addresses: Addresses | None = None
    reads: int = 0

    def _repo(self, repo: str) -> Repo:
        self.usage.requests += 1
        found = self.world.repositories.get(("model", repo))
        if found is None:
            raise HubMissing("there is no such repository")
        return found

    def _listed(self, repo: Repo) -> Repository:
        commit = repo.at("main")
        return Repository(
            self.name,
            RepoType.MODEL,
            repo.id,
            sha=repo.sha,
            created_at=repo.created,
            modified_at=repo.modified,
            gated=repo.gated is not None,
            paths=tuple(sorted(commit.files)) if commit else (),
        )

    async def list_repositories(
        self, wanted: WantedRepositories, cursor: str | None
    ) -> RepositoryPage:
        self.usage.requests += 1
        if wanted.type is not RepoType.MODEL:
            return RepositoryPage((), None)
        found = [
            repo
            for repo in self.world.repositories.values()
            if wanted.author in (None, repo.author)
            and (wanted.since is None or repo.modified >= wanted.since)
        ]
        found.sort(key=lambda repo: (repo.created, repo.id))
        return RepositoryPage(tuple(map(self._listed, found)), None)

    async def repository(self, type: RepoType, repo: str) -> Repository:
        return self._listed(self._repo(repo))

    async def list_files(
        self, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[FilesPage]:
        there = self._repo(repo)
        commit = there.commits.get(revision)
        if commit is None:
            raise HubMissing("there is no such revision")
        open = there.gated is None
        yield FilesPage(
            tuple(
                Artifact(
                    *(self.name, type, repo, revision, ref, path, blob.size),
                    sha256=bytes.fromhex(blob.sha256) if blob.lfs and open else None,
                    xet=bytes.fromhex(blob.xet) if blob.xet and open else None,
                    git_oid=bytes.fromhex(blob.git_oid),
                    masked=blob.lfs and not open,
                    lfs=blob.lfs,
                )
                for path, blob in commit.files.items()
                if blob.lfs or blob.size >= 1024
            )
        )

    async def refs(self, type: RepoType, repo: str) -> Revisions:
        every = await self.revisions(type, repo)
        return Revisions(tuple(each for each in every.revisions if each.ref is not None))

    async def revisions(self, type: RepoType, repo: str) -> Revisions:
        return Revisions(tuple(Revision(*each) for each in _revisions(self._repo(repo))))

    def _blob(self, artifact: Artifact) -> Blob:
        repo = self._repo(artifact.repo)
        if repo.gated is not None:
            raise HubAuth("the repository is gated and we asked without a token")
        commit = repo.commits.get(artifact.revision)
        if commit is None or artifact.path not in commit.files:
            raise HubMissing("there is no such file")
        return commit.files[artifact.path]

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        data = self._blob(artifact).read(wanted.start, wanted.length)
        self.usage.bytes_read += len(data)
        self.reads += 1
        return data

    async def stream(self, artifact: Artifact, limit: int) -> AsyncIterator[bytes]:
        blob = self._blob(artifact)
        self.usage.bytes_read += blob.size
        self.reads += 1
        yield blob.read(0, blob.size)

    async def close(self) -> None:
        pass
