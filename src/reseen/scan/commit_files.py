"""The files of one commit, what each is by what its hub declares, and what of them is to be read.

What comes in: the files as a hub lists them, or as they are known. What goes out: a `CommitFiles`;
and what reading all that is to be read told, each content once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reseen.errors import FileError, bulkhead
from reseen.files import limits
from reseen.hubs.hub import Revision
from reseen.observed.readings import UNREAD, file_of
from reseen.records import Artifact, Match, Problem, Repository
from reseen.scan import shard_indexes, shards_at_hub
from reseen.scan.context import ReadContext
from reseen.scan.inspect import wants_reading
from reseen.scan.read_result import ReadResult, where
from reseen.scan.read_through import read_through
from reseen.scan.shards_at_hub import ShardSet
from reseen.scan.target import Confirm

Content = tuple[bytes | str, bytes | None, bytes | None, int | None]
Outcomes = Mapping[Content, ReadResult]


@dataclass(frozen=True, slots=True)
class CommitFiles:
    """The files of a commit as the hub lists them, and what they are by what it declares."""

    repository: Repository
    revision: Revision
    artifacts: tuple[Artifact, ...]
    matches: tuple[tuple[Match, ...], ...]
    """One for each artifact."""
    wanted: Mapping[Content, tuple[Artifact, tuple[Match, ...]]]
    """What is to be read: each content once."""
    problems: tuple[Problem, ...] = ()
    complete: bool = True
    """The listing came to its end."""
    sets: tuple[ShardSet, ...] = ()
    """Models in several files that are to be read as a whole."""
    indexes: tuple[Artifact, ...] = ()
    """That may name more of these."""
    beside: tuple[Artifact, ...] = ()
    """Other files that may belong to such models."""
    listed: bool = True
    certain: bool = True

    @property
    def matched(self) -> bool:
        return any(self.matches)


def matched_files(
    context: ReadContext,
    repository: Repository,
    revision: Revision,
    artifacts: Sequence[Artifact],
    sets: Sequence[ShardSet] = (),
    beside: Sequence[Artifact] = (),
) -> CommitFiles:
    """What is known of these files, and which are to be read. `sets` and `beside`: as in
    `visit.reinspect`."""
    known, options = context.known, context.options
    matches: list[tuple[Match, ...]] = []
    wanted: dict[Content, tuple[Artifact, tuple[Match, ...]]] = {}
    problems: list[Problem] = []
    for artifact in artifacts:
        matched: tuple[Match, ...] = ()
        try:
            with bulkhead():
                matched = known.match(artifact)
                before = context.before.get(file_of(artifact), UNREAD)
                if wants_reading(artifact, matched, before, known, options):
                    wanted.setdefault(content_of(artifact), (artifact, matched))
        except FileError as e:
            problems.append(Problem(where(artifact), str(e), e.remedy))
        matches.append(matched)
    files = CommitFiles(
        repository,
        revision,
        tuple(artifacts),
        tuple(matches),
        wanted,
        tuple(problems),
        beside=tuple(beside),
    )
    if not known.sketched or not options.edited or options.confirm is Confirm.NONE:
        return files
    return _with_several(context, files, sets)


def _with_several(
    context: ReadContext, files: CommitFiles, sets: Sequence[ShardSet]
) -> CommitFiles:
    """The same with models in several files: those that are known to be left, those that the names
    of files tell, and the indexes that may name others."""
    every = (*files.artifacts, *files.beside)
    told = [
        replace(one, is_named=file_of(one.whole) in context.before)  # it was begun
        for one in shards_at_hub.sets_of(every)
        if _is_left(context, one)
    ]
    known = {one.parts for one in sets}
    sets = (*sets, *(one for one in told if one.parts not in known))
    paths = [artifact.path for artifact, _ in files.wanted.values()]
    indexes = shard_indexes.worth_a_look(every, context.before, paths)
    problems = files.problems
    if len(indexes) > shard_indexes.MOST:
        place = f"{files.repository.hub} {files.repository.id}"
        problems = (*problems, Problem(place, shard_indexes.MORE))
    indexes = indexes[: shard_indexes.MOST]
    wanted = dict(files.wanted)
    for index in indexes:
        wanted.setdefault(content_of(index), (index, ()))
    return _with_sets(
        replace(files, wanted=wanted, problems=problems, indexes=tuple(indexes)), sets
    )


def _is_left(context: ReadContext, one: ShardSet) -> bool:
    before = context.before.get(file_of(one.whole), UNREAD)
    return shards_at_hub.is_left(one.whole, before, context.known, context.options)


def _with_sets(files: CommitFiles, sets: Sequence[ShardSet]) -> CommitFiles:
    wanted = dict(files.wanted)
    wanted.update((content_of(one.whole), (one.whole, ())) for one in sets)
    return replace(files, wanted=wanted, sets=(*files.sets, *sets))


async def read_all(context: ReadContext, files: CommitFiles) -> tuple[CommitFiles, Outcomes]:
    """Read each content once, a few at a time; then models in several files, each as a whole. The
    files come back with the models that indexes name."""
    outcomes: dict[Content, ReadResult] = {}
    files = await _read_indexes(context, files, outcomes)
    sets = {content_of(one.whole): one for one in files.sets}
    paths = frozenset(part.path for one in files.sets for part in one.parts)
    keeping = replace(context, of_several=paths)
    left = iter([i for i in files.wanted.items() if i[0] not in sets and i[0] not in outcomes])

    kept = 0

    async def reader() -> None:
        nonlocal kept
        for each, (artifact, matched) in left:
            told = await read_through(keeping, artifact, matched)
            kept += 0 if told.listing is None else len(told.listing.tensors)
            # No one file may hold more, and no more is held of several: others are read again.
            outcomes[each] = told if kept <= limits.TENSORS else replace(told, listing=None)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(context.options.readers, len(files.wanted))):
            group.create_task(reader())

    def result_of(part: Artifact) -> ReadResult | None:
        return outcomes.get(content_of(part))

    for each, one in sets.items():
        if one.is_named or shards_at_hub.may_hold_layers(one, result_of, context.before):
            told = await shards_at_hub.read_set(context, one, result_of)
            if told is not None:
                outcomes[each] = told
    return files, outcomes


async def _read_indexes(
    context: ReadContext, files: CommitFiles, outcomes: dict[Content, ReadResult]
) -> CommitFiles:
    """The models that indexes name, each once. What an index told goes into `outcomes`, but where
    it is to be read for what it is itself."""
    found: dict[tuple[Artifact, ...], ShardSet] = {one.parts: one for one in files.sets}
    every = (*files.artifacts, *files.beside)
    for index in files.indexes:
        told, one = await shard_indexes.read_index(context, index, every)
        if not files.wanted[content_of(index)][1]:
            outcomes[content_of(index)] = told
        if one is not None and (one.parts in found or _is_left(context, one)):
            found[one.parts] = replace(found.get(one.parts, one), is_named=True)
    return _with_sets(replace(files, sets=()), list(found.values()))


def content_of(artifact: Artifact) -> Content:
    """Equal for two places of one repository where the same bytes stand: all that the hub says of
    them is the same. A SHA-256 that an uploader made up may be another file's."""
    return (artifact.content or artifact.path, artifact.sha256, artifact.xet, artifact.size)
