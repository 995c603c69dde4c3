"""One commit of one repository: what stands there, what of it is a removal, and how sure that is.

What comes in: a hub, a repository, a revision, everything known, how far to go. What goes out: a
`Visit`, a plain value. Pure of scheduling and of the store: nothing is written, nothing is queued;
what should be walked next is said in `Visit.follow`. Cancellable at every await. One bad file is a
`Problem`, and the rest goes on; only a commit that cannot be listed at all raises (HubError).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum

from reseen.errors import HubBusy, HubGarbage
from reseen.hubs.hub import Hub, Revision
from reseen.match.known import Known
from reseen.records import Artifact, Confirmed, Match, Problem, Repository, Rung
from reseen.scan import confirm
from reseen.scan.budget import Allowance, Budget
from reseen.scan.confirm import NOT_READ, Read, Seen, conclude, read, wants_reading
from reseen.scan.target import Confirm, Options


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
    bytes_by: Mapping[str, int] = field(default_factory=dict)
    """Bytes of artifacts that were read, by what for (`budget.Kind`)."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Reason -> artifacts not looked at, or not as far as they could be."""
    complete: bool = True
    """False when the listing or a reading broke off because the hub was busy, away or garbled:
    what is here holds, and another visit may find more."""
    listed: bool = True
    """The commit's files were listed; False for a `look`."""

    @property
    def bytes_read(self) -> int:
        return sum(self.bytes_by.values())

    @property
    def sightings(self) -> int:
        """Pairs of artifact and removal above the hint rung."""
        return sum(len(seen.matches) for seen in self.seen)


@dataclass(frozen=True, slots=True)
class Before:
    """What earlier visits to the repository read."""

    read: Set[bytes] = frozenset()
    weighed: Set[tuple[str, bytes]] = frozenset()


async def visit(
    hub: Hub,
    repository: Repository,
    revision: Revision,
    known: Known,
    options: Options,
    read_before: Set[bytes] = frozenset(),
    weighed: Set[tuple[str, bytes]] = frozenset(),
    allowance: Allowance | None = None,
) -> Visit:
    """List one commit's files, match what the hub declares, read as far as `options` say.

    `read_before`: what the hub calls those contents of this repository that were read on an earlier
    visit; they are matched, and not read again. `weighed`: path and content of those that were
    looked at for altered copies, and need not be again. `allowance`: what the whole scan may still
    read; by default as if this visit were all of it. Raises HubError when the commit cannot be
    listed.
    """
    artifacts, problems, complete = await _list(hub, repository, revision, options)
    return await _examine(
        hub,
        repository,
        revision,
        artifacts,
        problems,
        known,
        options,
        Before(read_before, weighed),
        complete,
        allowance,
    )


async def look(
    hub: Hub,
    repository: Repository,
    artifact: Artifact,
    known: Known,
    options: Options,
    allowance: Allowance | None = None,
) -> Visit:
    """A visit to one artifact that is known already: a recheck, or a second look after a removal
    has learned what its tensors are. Never asks for the repository's listing."""
    revision = Revision(artifact.ref, artifact.revision)
    found = await _examine(
        hub, repository, revision, [artifact], [], known, options, Before(), True, allowance
    )
    return replace(found, listed=False)


async def _list(
    hub: Hub, repository: Repository, revision: Revision, options: Options
) -> tuple[list[Artifact], list[Problem], bool]:
    """The commit's artifacts, what could not be listed, and whether the listing came to its end."""
    artifacts: list[Artifact] = []
    problems: list[Problem] = []
    place = f"{repository.hub} {repository.id}"
    pages = hub.list_files(repository.type, repository.id, revision.commit, revision.ref)
    try:
        async for page in pages:
            artifacts.extend(page.artifacts)
            problems.extend(page.problems)
            if len(artifacts) > options.max_artifacts:
                del artifacts[options.max_artifacts :]
                reason = f"only the first {options.max_artifacts} files were looked at"
                problems.append(Problem(place, reason))
                break
    except (HubBusy, HubGarbage) as e:
        if not artifacts:
            raise
        problems.append(Problem(place, f"the listing of files broke off: {e}", e.remedy))
        return artifacts, problems, False
    finally:
        if isinstance(pages, AsyncGenerator):
            await pages.aclose()
    if problems and not artifacts:
        # Not a bad file among good ones: the answer as a whole makes no sense. Asked again later.
        raise HubGarbage("nothing in the listing of files could be read")
    return artifacts, problems, True


async def _examine(
    hub: Hub,
    repository: Repository,
    revision: Revision,
    artifacts: list[Artifact],
    problems: list[Problem],
    known: Known,
    options: Options,
    before: Before,
    complete: bool,
    allowance: Allowance | None,
) -> Visit:
    if allowance is None:
        allowance = Allowance(options.max_scan_bytes, options.background)
    budget = Budget(options.max_visit_bytes, allowance)
    matches = [known.match(artifact) for artifact in artifacts]
    outcomes = await _read_all(hub, artifacts, matches, known, options, budget, before)
    skipped = Counter(o.skipped for o in outcomes.values() if o.skipped is not None)
    seen: list[Seen] = []
    for artifact, matched in zip(artifacts, matches, strict=True):
        outcome = outcomes.get(_content(artifact), NOT_READ)
        seen.append(conclude(artifact, matched, known, outcome))
        if outcome is NOT_READ and _left_by_name(artifact, known, options):
            skipped[confirm.BY_NAME] += 1
    for outcome in outcomes.values():
        if outcome.problem is not None:
            problems.append(outcome.problem)
        complete = complete and not outcome.busy
    return Visit(
        repository=repository,
        revision=revision,
        seen=tuple(seen),
        problems=tuple(problems),
        follow=_follow(seen, options),
        bytes_by=dict(budget.spent),
        skipped=dict(skipped),
        complete=complete,
    )


async def _read_all(
    hub: Hub,
    artifacts: list[Artifact],
    matches: list[tuple[Match, ...]],
    known: Known,
    options: Options,
    budget: Budget,
    before: Before,
) -> dict[_Content, Read]:
    """Read each content once, a few at a time."""
    wanted: dict[_Content, tuple[Artifact, tuple[Match, ...]]] = {}
    for artifact, matched in zip(artifacts, matches, strict=True):
        held = artifact.content
        if held is not None and held in before.read:
            continue
        if held is not None and not matched and (artifact.path, held) in before.weighed:
            continue
        if wants_reading(artifact, matched, known, options):
            wanted.setdefault(_content(artifact), (artifact, matched))
    outcomes: dict[_Content, Read] = {}
    left = iter(wanted.items())

    async def reader() -> None:
        for content, (artifact, matched) in left:
            outcomes[content] = await read(hub, artifact, matched, known, options, budget)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(options.readers, len(wanted))):
            group.create_task(reader())
    return outcomes


_Content = tuple[bytes | str, bytes | None, int | None]


def _content(artifact: Artifact) -> _Content:
    """Equal for two places of one repository where the same bytes stand: the hub says so."""
    return (artifact.content or artifact.path, artifact.sha256, artifact.size)


def _follow(seen: list[Seen], options: Options) -> frozenset[Follow]:
    if not options.follow:
        return frozenset()
    for one in seen:
        for match in one.matches:
            by_weights = any(e.rung is Rung.WEIGHTS for e in match.evidence)
            if by_weights or one.standing(match) is not Confirmed.CONTRADICTED:
                return frozenset(Follow)
    return frozenset()


def _left_by_name(artifact: Artifact, known: Known, options: Options) -> bool:
    """Would it be read for altered copies if it were named otherwise?"""
    return (
        known.sketched
        and options.edited
        and options.confirm is not Confirm.NONE
        and confirm.is_plausible(artifact)
        and confirm.is_named_otherwise(artifact)
    )
