"""One commit of one repository: what stands there, what of it is a removal, and how sure that is.

What comes in: a context to read in, a repository, a revision. What goes out: a `Visit`, a plain
value. It has two halves: the listing of files with what the hub declares of them (`list_commit`,
`declared`), which can be stored at once; and what reading tells (`examine`). Pure of scheduling and
of the store: nothing is written, nothing is queued; what should be walked next is said in
`Visit.follow`. Cancellable at every await. One bad file is a `Problem`, and the rest goes on; only
a commit that cannot be listed at all raises (HubError).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from reseen.errors import FileError, HubBusy, HubGarbage, bulkhead
from reseen.hubs.hub import BY_NAME, FilesPage, Revision
from reseen.match.registry_index import RegistryIndex
from reseen.observed.blind_spots import ORDINARY
from reseen.records import Artifact, Confirmed, Problem, Repository
from reseen.registry import never_read
from reseen.registry.never_read import forbids
from reseen.scan import archived, inspect, priorities
from reseen.scan.commit_files import CommitFiles, Outcomes, content_of, matched_files, read_all
from reseen.scan.context import ReadContext
from reseen.scan.inspect import ArtifactResult, conclude, concluded
from reseen.scan.read_result import NOT_READ, blindness, where
from reseen.scan.shards_at_hub import ShardSet
from reseen.scan.target import Confirm, Options

NO_COMMIT = "this hub says no commit: what the name leads to was looked at, and is again next time"


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
    seen: tuple[ArtifactResult, ...]
    """Every artifact of the commit, in the hub's order."""
    problems: tuple[Problem, ...] = ()
    follow: frozenset[Follow] = frozenset()
    """Empty unless there is a match: a hint alone starts no walk. What a reading refutes leads on
    all the same: where a claim leads must not depend on when it was read."""
    bytes_by: Mapping[str, int] = field(default_factory=dict)
    """Bytes of artifacts that were read, by what for (`budget.Kind`)."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Reason -> artifacts not looked at, or not as far as they could be."""
    complete: bool = True
    """False when the listing or a reading broke off because the hub was busy, away or garbled:
    what is here holds, and another visit may find more."""
    listing_complete: bool = True
    """It was not the listing that broke off."""
    unanswered: tuple[str, ...] = ()
    """Paths of files of which the reading broke off so."""
    left: int = 0
    """Files not read as far as was asked, for a reason that passes."""
    refused: bool = False
    """Files there may not be read."""
    listed: bool = True
    """The commit's files were listed; False for `reinspect`."""
    certain: bool = True
    """They are the files of this commit; False: of what its ref leads to, as `FilesPage` says."""

    @property
    def bytes_read(self) -> int:
        return sum(self.bytes_by.values())

    @property
    def sightings(self) -> int:
        """Pairs of artifact and removal above the hint rung."""
        return sum(len(seen.matches) for seen in self.seen)


async def visit(context: ReadContext, repository: Repository, revision: Revision) -> Visit:
    """List one commit's files, match what the hub declares, read as far as the options say. Raises
    HubError when the commit cannot be listed."""
    return await examine(context, await list_commit(context, repository, revision))


async def reinspect(
    context: ReadContext,
    repository: Repository,
    artifacts: Sequence[Artifact],
    sets: Sequence[ShardSet] = (),
    beside: Sequence[Artifact] = (),
) -> Visit:
    """A visit to artifacts that are known already: something is owed to them since the registry
    knows more, or more was asked. Never asks for a listing. `sets`: models in several files that
    something is owed to; `beside`: other files that stand with the artifacts."""
    first = next(iter((*artifacts, *(one.whole for one in sets))), None)
    revision = Revision(first.ref, first.revision) if first else Revision(None, "")
    files = matched_files(context, repository, revision, artifacts, sets, beside)
    return await examine(context, replace(files, listed=False))


async def list_commit(
    context: ReadContext, repository: Repository, revision: Revision
) -> CommitFiles:
    """The first half of a visit. Raises HubError when the commit cannot be listed."""
    listing = await _list(context, repository, revision)
    files = matched_files(context, repository, revision, listing.artifacts)
    return replace(
        files,
        problems=(*listing.problems, *files.problems),
        complete=listing.complete,
        certain=listing.certain,
    )


def declared(context: ReadContext, files: CommitFiles) -> Visit:
    """What the listing alone proves, as a visit that is not complete."""
    visited = _conclude(context, files, {})
    return replace(visited, problems=(), skipped={}, complete=False)


def stated(known: RegistryIndex, repository: Repository, files: FilesPage) -> Visit:
    """What a hub says of all files of a repository without being asked for them one repository at a
    time (a list with files, an answer by hash), as a visit in which nothing was read."""
    seen: list[ArtifactResult] = []
    problems = list(files.problems)
    for artifact in files.artifacts:
        try:
            with bulkhead():
                seen.append(conclude(artifact, known.match(artifact), known, NOT_READ))
        except FileError as e:
            problems.append(Problem(where(artifact), str(e), e.remedy))
    revision = Revision("main", repository.sha or "main")
    certain = files.certain and repository.sha is not None
    told = (repository, revision, tuple(seen), tuple(problems))
    return Visit(*told, certain=certain)


async def examine(context: ReadContext, files: CommitFiles) -> Visit:
    """The second half: read what is to be read. Hub errors are problems."""
    return _conclude(context, *await read_all(context, files))


def without(visited: Visit, reason: str) -> Visit:
    """The same, as complete as it can be for now: files that were not answered for are left for
    later."""
    count = len(visited.unanswered)
    return replace(
        visited,
        complete=True,
        unanswered=(),
        left=visited.left + count,
        skipped=Counter(visited.skipped) + Counter({reason: count}),
    )


# -- the steps -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Listing:
    """A commit's files as they come."""

    artifacts: list[Artifact] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    """What could not be listed."""
    complete: bool = True
    """It came to its end."""
    certain: bool = True


async def _list(context: ReadContext, repository: Repository, revision: Revision) -> _Listing:
    most = context.options.max_artifacts
    listing = _Listing()
    artifacts, problems = listing.artifacts, listing.problems
    place = f"{repository.hub} {repository.id}"
    pages = context.hub.list_files(repository.type, repository.id, revision.commit, revision.ref)
    try:
        async for page in pages:
            artifacts.extend(page.artifacts)
            problems.extend(page.problems)
            listing.certain &= page.certain
            if len(artifacts) > most:
                del artifacts[most:]
                problems.append(Problem(place, f"only the first {most} files were looked at"))
                break
    except (HubBusy, HubGarbage) as e:
        if not artifacts:
            raise
        problems.append(Problem(place, f"the listing of files broke off: {e}", e.remedy))
        listing.complete = False
        return listing
    finally:
        if isinstance(pages, AsyncGenerator):
            await pages.aclose()
    if revision.commit == revision.ref:
        listing.certain = False
        problems.append(Problem(place, NO_COMMIT, counted=BY_NAME))
    if not artifacts and any(each.counted is None for each in problems):
        # Not a bad file among good ones: the answer as a whole makes no sense. Asked again later.
        raise HubGarbage("nothing in the listing of files could be read")
    return listing


def _conclude(context: ReadContext, files: CommitFiles, outcomes: Outcomes) -> Visit:
    known, options = context.known, context.options
    problems = list(files.problems)
    skipped = Counter(o.skipped for o in outcomes.values() if o.skipped is not None)
    seen: list[ArtifactResult] = []
    for artifact, matched in zip(files.artifacts, files.matches, strict=True):
        outcome = outcomes.get(content_of(artifact), NOT_READ)
        if files.listed or outcome.inspection or outcome.confirmed is not Confirmed.NONE:
            # What is not listed was not seen to be there, unless something of it was read.
            result, read = concluded(artifact, matched, known, outcome)
            seen.append(result)
            if read is not outcome:
                problems.append(blindness(where(artifact), read))
            try:
                with bulkhead():
                    for member, told in archived.results(artifact, outcome.members, known):
                        seen.append(member)
                        if any(spot.code not in ORDINARY for spot in told.troubles):
                            problems.append(blindness(where(member.artifact), told))
            except FileError as e:
                problems.append(Problem(where(artifact), str(e), e.remedy))
        if outcome is NOT_READ and not matched and _left_by_name(artifact, known, options):
            skipped[inspect.BY_NAME] += 1
        if outcome is NOT_READ and matched and options.confirm is not Confirm.NONE:
            skipped[never_read.SKIPPED] += forbids(known, artifact)
    for one in files.sets:
        outcome = outcomes.get(content_of(one.whole), NOT_READ)
        if outcome.inspection is not None:
            result, read = concluded(one.whole, (), known, outcome)
            seen.append(replace(result, parts=one.parts))
            if read is not outcome:
                problems.append(blindness(where(one.whole), read))
    skipped = +skipped
    unanswered: list[str] = []
    for each, outcome in outcomes.items():
        if outcome.busy:
            unanswered.append(files.wanted[each][0].path)
        elif outcome.missing and not files.listed:
            skipped[priorities.GONE] += 1
        elif outcome.problem is not None:
            problems.append(outcome.problem)
        elif any(spot.code not in ORDINARY for spot in outcome.troubles):
            problems.append(blindness(where(files.wanted[each][0]), outcome))
    return Visit(
        repository=files.repository,
        revision=files.revision,
        seen=tuple(seen),
        problems=tuple(problems),
        follow=_follow(seen, options),
        bytes_by=dict(context.budget.spent),
        skipped=dict(skipped),
        complete=files.complete and not unanswered,
        listing_complete=files.complete,
        unanswered=tuple(unanswered),
        left=sum(outcome.left for outcome in outcomes.values()),
        refused=context.budget.refused,
        listed=files.listed,
        certain=files.certain,
    )


def _follow(seen: list[ArtifactResult], options: Options) -> frozenset[Follow]:
    if options.follow and any(one.matches for one in seen):
        return frozenset(Follow)
    return frozenset()


def _left_by_name(artifact: Artifact, known: RegistryIndex, options: Options) -> bool:
    """Would it be read for altered copies if it were named otherwise?"""
    return (
        known.sketched
        and options.edited
        and options.confirm is not Confirm.NONE
        and inspect.is_plausible(artifact, known)
        and inspect.is_named_otherwise(artifact)
    )
