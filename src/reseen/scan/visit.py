"""One commit of one repository: what stands there, what of it is a removal, and how sure that is.

What comes in: a hub, a repository, a revision, everything known, how far to go. What goes out: a
`Visit`, a plain value. Pure of scheduling and of the store: nothing is written, nothing is queued;
what should be walked next is said in `Visit.follow`. Cancellable at every await. One bad file is a
`Problem`, and the rest goes on; only a commit that cannot be listed at all raises (HubError).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reseen.hubs.hub import Hub, Revision
from reseen.match.known import Known
from reseen.records import Artifact, Problem, Repository
from reseen.scan.confirm import Seen
from reseen.scan.target import Options


class Follow(StrEnum):
    """What a visit asks the walk to do next."""

    REFS = "refs"
    """Walk this repository's branches, tags, pull-request refs and history."""
    ACCOUNT = "account"
    """Walk the other repositories of this account."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What was found at one commit of one repository."""

    repository: Repository
    revision: Revision
    seen: tuple[Seen, ...]
    """Every artifact of the commit, in the hub's order."""
    problems: tuple[Problem, ...] = ()
    follow: frozenset[Follow] = frozenset()
    """Empty unless there is a sighting: a hint alone starts no walk."""
    bytes_read: int = 0
    """Bytes of artifacts."""

    @property
    def sightings(self) -> int:
        """Pairs of artifact and removal above the hint rung."""
        return sum(len(seen.matches) for seen in self.seen)


async def visit(
    hub: Hub, repository: Repository, revision: Revision, known: Known, options: Options
) -> Visit:
    """List one commit's files, match what the hub declares, read as far as `options` say.

    Raises HubError when the commit cannot be listed.
    """
    raise NotImplementedError


async def look(
    hub: Hub, repository: Repository, artifact: Artifact, known: Known, options: Options
) -> Visit:
    """A visit to one artifact that is known already: a recheck, or a second look after a removal
    has learned what its tensors are. Never asks for the repository's listing."""
    raise NotImplementedError
