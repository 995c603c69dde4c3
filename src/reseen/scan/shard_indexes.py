"""The indexes of a commit at a hub: which of its files are one model, however they are called.

What comes in: the files of a commit, and which of them are to be read. What goes out: the indexes
worth a look, and of each the model that it names, or in one reason why it names none. An index says
which files are one and no more: what is in them their headers say. What it costs: the index, once;
and again where a file beside it is to be read, or the model that it names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from reseen.errors import (
    FileError,
    HubBusy,
    HubError,
    Malformed,
    PartMissing,
    TooLarge,
    bulkhead,
)
from reseen.files import limits, shards
from reseen.files.source import Range
from reseen.match.registry_index import RegistryIndex
from reseen.observed.artifacts import Inspection
from reseen.observed.readings import UNREAD, File, ReadSoFar, file_of
from reseen.records import Artifact, BlindSpot, Container, Problem, archive_path, is_in_parts
from reseen.registry.never_read import forbids
from reseen.scan import read_result
from reseen.scan.budget import SPENT, Kind
from reseen.scan.context import ReadContext
from reseen.scan.read_result import AWAY, LIMIT, NO_SIZE, OTHERWISE, ReadResult, where
from reseen.scan.shards_at_hub import ShardSet, set_of
from reseen.scan.steps import with_read
from reseen.scan.target import Confirm, Options

MOST = 32
"""Indexes of a commit that are looked at."""
MORE = f"only the first {MOST} indexes of models in several files were looked at"


def worth_a_look(
    artifacts: Iterable[Artifact],
    before: Mapping[File, ReadSoFar],
    wanted: Collection[str],
) -> list[Artifact]:
    """The indexes that nobody looked at, those beside files that are to be read (`wanted`: their
    paths), those of models that are left to be read, and those that named a file that was not
    there, beside files of which nothing is known."""
    folders = {_folder(path) for path in wanted}
    folders |= {
        _folder(archive_path(path))
        for (path, _), read in before.items()
        if is_in_parts(path) and (not read.looked or read.near)
    }
    came = {_folder(one.path) for one in artifacts if file_of(one) not in before}
    found = []
    for one in artifacts:
        if one.path.endswith(shards.ENDING) and not one.member:
            read, folder = before.get(file_of(one), UNREAD), _folder(one.path)
            if not read.looked or folder in folders or (read.problem and folder in came):
                found.append(one)
    return found


def is_index_left(
    artifact: Artifact, before: ReadSoFar, known: RegistryIndex, options: Options
) -> bool:
    """Is it an index that nobody looked at, where models in several files are?"""
    is_asked = known.sketched and options.edited and options.confirm is not Confirm.NONE
    is_one = artifact.path.endswith(shards.ENDING) and not artifact.member
    return is_asked and is_one and not before.looked and not forbids(known, artifact)


async def read_index(
    context: ReadContext, index: Artifact, files: Sequence[Artifact]
) -> tuple[ReadResult, ShardSet | None]:
    """What reading an index told, and the model in several of these files that it names. A hub's
    error is a problem, not raised."""
    if forbids(context.known, index):
        return ReadResult(unread=read_result.CLASS), None
    refusal = _refusal(context, index)
    if refusal is not None:
        return refusal, None
    if (index.size or 0) > limits.HEADER_LIMIT:
        return _told(BlindSpot(TooLarge.code, "an index larger than any known")), None
    try:
        data = await context.hub.read(index, Range(0, index.size or 0))
        context.budget.spend(len(data), Kind.HEADERS)
        if len(data) != index.size:
            return _told(OTHERWISE), None
        with bulkhead():
            names = shards.names_of(await asyncio.to_thread(shards.parse_index, data))
            return _told(), _named(index, names, files)
    except Malformed:
        return _told(), None  # another JSON of that name
    except PartMissing as e:
        # As long as this is its problem, it may come.
        return with_read(_told(BlindSpot(e.code, str(e))), problem=str(e)), None
    except FileError as e:
        return _told(BlindSpot(e.code, str(e))), None
    except HubError as e:
        problem = Problem(where(index), str(e), e.remedy)
        return ReadResult(problem=problem, busy=isinstance(e, HubBusy), unread=AWAY), None


def _refusal(context: ReadContext, index: Artifact) -> ReadResult | None:
    """Why nothing of it is read."""
    abilities = context.hub.abilities
    if context.budget.refused:
        return ReadResult(unread=read_result.GATED)
    if context.budget.scan.left <= 0:
        return ReadResult(skipped=SPENT, left=True, unread=LIMIT)
    if index.size is None:
        return ReadResult(unread=NO_SIZE)
    if not (abilities.reads and abilities.ranges and context.storage.may_ask()):
        return ReadResult()
    return None


def _told(*blind: BlindSpot) -> ReadResult:
    return ReadResult(Inspection(Container.UNKNOWN, architecture=""), blind=blind)


def _named(index: Artifact, names: Sequence[str], files: Sequence[Artifact]) -> ShardSet | None:
    """Raises PartMissing where one of them is not there. Of one file alone no model is in
    several."""
    folder = _folder(index.path)
    there = {
        file.path.removeprefix(folder): file
        for file in reversed(files)
        if not file.member and _folder(file.path) == folder
    }
    if not there.keys() >= set(names):
        raise PartMissing("a file that the index names is not beside it")
    name = index.path.removeprefix(folder).removesuffix(shards.ENDING)
    parts = tuple(there[each] for each in names)
    return None if len(parts) < 2 else replace(set_of(_plain(name), parts), is_named=True)


def _plain(name: str) -> str:
    """As a place in a file is written, which begins with an exclamation mark."""
    return name.replace("!", "_")


def _folder(path: str) -> str:
    return path[: path.rfind("/") + 1]
