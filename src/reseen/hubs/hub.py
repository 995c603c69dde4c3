"""The interface that every hub implements: list repositories, list artifacts, read a range.

What comes in: what to list, and where to go on. What goes out: values of `reseen.records`, and
errors of `reseen.errors.HubError` only. A hub never decides, never stores, and counts what it asks.
Its addresses it makes in a file of their own (`hubs.addresses`), which asks nobody.

No hub need be git: what one can do it says (`Abilities`), and nobody asks it for more. A hub whose
repositories have no versions gives any text without blanks that changes when their files do, or
each time. What every visitor sees of a repository is called "main" at every hub.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar, cast

from reseen.errors import HubMissing
from reseen.files.source import Range, Reader
from reseen.files.system_limits import limits
from reseen.records import Artifact, DigestKind, HistoryCommit, Problem, Repository, RepoType

T = TypeVar("T")


MAY_BE_CUT = "the list may be cut at"
"""How the reason begins where a hub gave as many as were asked for, and no word of more."""
CUT = "lists that may be cut, or ended early"
NOT_ALL_REFS = "repositories of which not all branches, proposals and history were looked at"
BY_NAME = "commits as such: this hub lists files by a branch's name alone"
GATED_HISTORY = "gated repositories of which only what stands now is shown"
"""What problems are counted as."""


@dataclass(frozen=True, slots=True)
class Askable:
    """How a hub can be asked by hash: what of the registry is sent out, and to whom it is said."""

    digest: DigestKind
    """Which digests are sent: these, and nothing else of a removal."""
    most: int
    """Digests that one question takes."""
    documented: bool
    """Its makers say how it is asked; otherwise that may change any day."""
    locates: bool = False
    """Nothing stands there: it says at which other places copies are said to stand (a locator)."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a hub can do, and what it states of a file. Whoever asks for more gets HubMissing."""

    lists: bool
    """It lists its repositories: all, an account's, those that changed. Otherwise only those that
    a person names are looked at."""
    refs: bool
    """Files can stand beside a repository's main line: branches, tags, proposals. Otherwise
    `refs` and `revisions` are not called."""
    history: bool
    """`revisions` also names versions that were there before."""
    ranges: bool
    """It hands out parts of a file. Otherwise a file is read as a whole, or not."""
    sizes: bool
    """It states how long a file is. Otherwise nothing of it is read."""
    digests: frozenset[DigestKind]
    """Which digests of a file it can state."""
    reads: bool = True
    """Bytes of its files are asked for; False: the settings forbid it, for it may count that as a
    download."""
    access: bytes | None = None
    """By which token it is asked, as `Repository.seen_as`: it may say more than it says to
    strangers. None: as a stranger."""
    askable: Askable | None = None
    """It says where a digest stands, without being walked: it is an `AskableHub`."""


@dataclass(frozen=True, slots=True)
class WantedRepositories:
    """Which repositories to list."""

    type: RepoType = RepoType.MODEL
    author: str | None = None
    """Only this account's."""
    since: datetime | None = None
    """Only what was created or modified at or after this instant, newest change first."""

    def is_by_author(self, repository: Repository) -> bool:
        """It is of the account that is wanted. For hubs that cannot be asked for an account's."""
        return self.author is None or repository.author.lower() == self.author.lower()

    def is_recent(self, repository: Repository) -> bool:
        """It changed since the instant that is wanted, or nobody knows when it did."""
        changed = repository.modified_at
        return self.since is None or changed is None or changed >= self.since


@dataclass(frozen=True, slots=True)
class RepositoryPage:
    """One page of a listing."""

    repositories: tuple[Repository, ...]
    cursor: str | None
    """Opaque; give it back to get the next page. None: that was the last."""
    problems: tuple[Problem, ...] = ()
    """Entries of the page that could not be read."""
    files: Mapping[str, FilesPage] = field(default_factory=dict)
    """By repository's id: all its files, where the list says them. Nobody asks for these again."""


@dataclass(frozen=True, slots=True)
class FilesPage:
    """What one version of a repository holds."""

    artifacts: tuple[Artifact, ...]
    problems: tuple[Problem, ...] = ()
    certain: bool = True
    """False: the hub listed what the ref leads to, and it is not known that this is the version
    that was asked for. One such page speaks for all."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One version of a repository, where files can stand."""

    ref: str | None
    """What leads to it: "main" for what every visitor sees, "refs/pr/3", a tag's name;
    None where nothing does any more."""
    commit: str
    """The hub's word for the version: a commit, or any other text without blanks."""


@dataclass(frozen=True, slots=True)
class Revisions:
    """All versions of a repository that can be had: its refs and its history."""

    revisions: tuple[Revision, ...]
    problems: tuple[Problem, ...] = ()
    commits: tuple[HistoryCommit, ...] = ()
    """Of its history, as far as the hub says it without being asked for more."""


@dataclass(frozen=True, slots=True)
class ByHash:
    """A part of what a hub says to a question by hash."""

    found: tuple[tuple[Repository, FilesPage], ...] = ()
    """Repositories in which something stands that was asked for, each with all its files."""
    absent: frozenset[bytes] = frozenset()
    """Digests of which the hub says that no file there has them."""
    problems: tuple[Problem, ...] = ()
    elsewhere: tuple[str, ...] = ()
    """Addresses at other places where a locator says that copies stand."""


@dataclass(slots=True)
class Usage:
    """What was asked of a hub so far; counts only grow. For reports and progress."""

    requests: int = 0
    bytes_read: int = 0
    """Bytes of artifacts (range reads), not of answers of the API."""
    waits: float = 0.0
    """Seconds spent waiting for the quota."""
    quota_left: dict[str, int] = field(default_factory=dict)
    """Kind of request ("api", "resolvers") -> requests left in the current window, as last told."""
    remarks: list[str] = field(default_factory=list)
    """What a person should know of how the hub behaved, in words; few, and without places."""


class Hub(Protocol):
    """One hub. All methods raise HubError's children and nothing else; all are cancellable."""

    @property
    def name(self) -> str:
        """What `Repository.hub` says, e.g. "huggingface.co"."""

    @property
    def abilities(self) -> Abilities: ...

    @property
    def usage(self) -> Usage: ...

    async def list_repositories(
        self, wanted: WantedRepositories, cursor: str | None
    ) -> RepositoryPage:
        """One page (up to 1,000). A cursor from another life of the process is welcome."""

    async def repository(self, type: RepoType, repo: str) -> Repository:
        """One repository as it stands now."""

    def list_files(
        self, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[FilesPage]:
        """All files of a version that may hold a model, a page at a time."""

    async def refs(self, type: RepoType, repo: str) -> Revisions:
        """The versions that something leads to: those of `revisions` that have a ref."""

    async def revisions(self, type: RepoType, repo: str) -> Revisions:
        """All versions of a repository: what its main line holds, and what it does not show."""

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        """Bytes of an artifact: at most `wanted.length`, fewer where it ends. Reads no more off the
        wire than a bounded excess, also when the server ignores Range."""

    def stream(self, artifact: Artifact, limit: int) -> AsyncIterator[bytes]:
        """The whole artifact in order. Raises HubGarbage past `limit` bytes."""

    async def close(self) -> None: ...


class AskableHub(Hub, Protocol):
    """A hub that says by digest what stands there (`Abilities.askable`)."""

    def ask(self, digests: Sequence[bytes]) -> AsyncIterator[ByHash]:
        """Where files with these digests stand, at most `Askable.most`, in parts: what came before
        an error holds. Sends out the digests and nothing else; what it says is declared."""


def askable(hub: Hub) -> AskableHub:
    """The same hub, to be asked by hash. Raises HubMissing where it cannot be."""
    if hub.abilities.askable is None:
        raise HubMissing(
            "this hub cannot be asked by hash", remedy="`reseen hubs` shows what each can do."
        )
    return cast(AskableHub, hub)


async def drive(hub: Hub, artifact: Artifact, reader: Reader[T]) -> T:
    """Drive a reader over a remote artifact to its end and return what it read. Each step is held
    to what the system gives for a file (`system_limits`): nothing else is under way meanwhile."""
    size = artifact.size or 0
    try:
        with limits(size):
            wanted = next(reader)
        while True:
            data = await hub.read(artifact, wanted)
            with limits(size):
                wanted = reader.send(data)
    except StopIteration as stop:
        result: T = stop.value
        return result
