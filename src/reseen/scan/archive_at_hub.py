"""An archive at a hub: of a zip its directory, and the files in it that may be weights, each by
Range; another whole, where its name does not say that it is an archive. A torch file, or numpy's
arrays, that is compressed is read whole; a program too that unpacks itself, and what ends as a zip
(to tell, a file of no known kind costs one range more, of its last 64 KiB, and a program its first
4 MiB).

What comes in: an artifact whose header told that it holds others. What goes out: the same reading,
with a fingerprint for each file in it that was read. Of a zip no byte of the others is asked for.
What is read passes through a temporary file that has no name.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import IO

from reseen.errors import FileError, HubBusy, HubError, Malformed, Unforeseen, bulkhead
from reseen.files import npz, system_limits, torch_zip, zip_directory
from reseen.files.archives import BY_PROCESS, Inflated, UnpackBudget, wanted_entries
from reseen.files.behind import Signatures
from reseen.files.source import OpenSpool, Range
from reseen.files.zip_directory import LOCAL_LENGTH, Windows, ZipEntry, start_told
from reseen.fingerprints.config import config_entries, folder_of
from reseen.fingerprints.digests import ENDS_OTHERWISE, whole_digests
from reseen.fingerprints.members import (
    read_spool,
    read_stream,
    shown,
    unique,
    with_members,
)
from reseen.hubs.hub import drive
from reseen.records import Artifact, BlindSpot, Container, Fingerprint, Problem
from reseen.registry.never_read import ended, forbids
from reseen.scan.budget import SPENT, Kind
from reseen.scan.context import ReadContext
from reseen.scan.inspect import OTHER_ENDINGS, is_named_otherwise, read_in_full, smallest
from reseen.scan.read_result import AWAY, LIMIT, PROGRAM, ReadResult, where, with_trouble
from reseen.updates.peft import PeftConfig, parse_config

_PIECE = 8 << 20
"""Bytes asked for at once."""
_PROGRAM = 4 << 20
"""Bytes of a program within which what it unpacks begins."""
_READ = 1 << 20
"""Bytes unpacked at once."""
_ZIPS = (Container.ZIP, Container.NPZ, Container.DDUF)
NOT_WHOLE = BlindSpot("limit", "files in an archive that are larger than the limit on bytes allows")


_PACKED = (npz.COMPRESSED, torch_zip.COMPRESSED)
"""Why a torch file, or numpy's arrays, are not read before all of them is at hand."""


def is_one(what: ReadResult) -> bool:
    """Did its header tell that it is an archive, or may it be one that says so elsewhere?"""
    header = what.inspection
    if header is None or what.busy or what.missing or what.left:
        return False
    in_others = header.container in ENDS_OTHERWISE and header.architecture is not None
    return in_others or (
        header.problem is not None
        and (header.container in (*_ZIPS, *BY_PROCESS) or header.problem in _PACKED)
    )


async def read_members(context: ReadContext, artifact: Artifact, what: ReadResult) -> ReadResult:
    """The same with what is in it. A hub's error is a problem, not raised."""
    assert artifact.size is not None
    assert what.inspection is not None
    inspection = replace(what.inspection, architecture="")  # it was looked into
    what = replace(what, inspection=inspection)
    if forbids(context.known, artifact):
        return what
    windows = Windows(artifact.size)
    try:
        if inspection.container in ENDS_OTHERWISE:
            if not await _holds_one(context, artifact, what):
                rest = tuple(spot for spot in what.blind if spot != PROGRAM)
                return replace(what, blind=rest)
            return await _read_itself(context, artifact, what)
        if inspection.problem in _PACKED:
            return await _read_itself(context, artifact, what)
        if inspection.container in BY_PROCESS:
            return await _read_whole(context, artifact, what)
        entries = await drive(context.hub, artifact, zip_directory.read_directory(windows))
        context.budget.spend(windows.read, Kind.HEADERS)
        return await _read_wanted(context, artifact, what, entries)
    except HubError as e:
        problem = Problem(where(artifact), str(e), e.remedy)
        return replace(what, problem=problem, busy=isinstance(e, HubBusy), unread=AWAY)
    except Unforeseen as e:
        return with_trouble(what, e)
    except FileError:
        return what  # why it cannot be read has been said


async def _read_wanted(
    context: ReadContext, artifact: Artifact, what: ReadResult, entries: list[ZipEntry]
) -> ReadResult:
    budget = context.budget
    unpacked = UnpackBudget.of(artifact.size or 0)
    found: dict[str, Fingerprint] = {}
    spots: dict[str, BlindSpot] = {}

    def note(spot: BlindSpot) -> None:
        before = spots.get(spot.reason)
        spots[spot.reason] = replace(spot, count=before.count + 1) if before else spot

    configs = await _configs(context, artifact, entries)
    least = smallest(context.known.has_rows)

    def may_be_weights(path: str, size: int) -> bool:
        return size >= least and not path.lower().endswith(OTHER_ENDINGS)

    for each in wanted_entries(entries, unpacked, may_be_weights):
        if isinstance(each, BlindSpot):
            note(each)
            continue
        path, entry = each
        if entry.size > min(context.options.max_artifact_bytes, budget.left):
            note(NOT_WHOLE)
            continue
        if entry.size > budget.scan.left:
            return replace(what, members=_members(found), skipped=SPENT, left=True, unread=LIMIT)
        budget.spend(entry.size, Kind.WHOLE)
        try:
            with bulkhead():
                config = configs.get(folder_of(entry))
                read = await _read(context, artifact, entry, unpacked, config)
        except FileError as e:
            note(BlindSpot(e.code, str(e)))
        else:
            found[unique(shown(path), found)] = read
    # Of an archive that was opened only this is not read; that it is no torch file was no trouble.
    inspection = what.inspection
    assert inspection is not None
    opened = replace(inspection, problem=None)
    return replace(what, inspection=opened, members=_members(found), blind=tuple(spots.values()))


async def _holds_one(context: ReadContext, artifact: Artifact, what: ReadResult) -> bool:
    """Does an archive stand in a file that does not begin as one? In a program soon after its
    beginning; in any file its last bytes may say so. Raises HubError."""
    size = artifact.size or 0
    if is_named_otherwise(artifact) or size < smallest(context.known.has_rows):
        return False
    if PROGRAM in what.blind:
        looked = Signatures()
        for at in range(0, min(size, _PROGRAM), _PIECE):
            data = await context.hub.read(artifact, Range(at, min(_PIECE, _PROGRAM - at)))
            context.budget.spend(len(data), Kind.HEADERS)
            await asyncio.to_thread(looked.feed, data)
        if looked.found is not None:
            return True
    begin = max(size - zip_directory.TAIL, 0)
    tail = await context.hub.read(artifact, Range(begin, size - begin))
    context.budget.spend(len(tail), Kind.HEADERS)
    return zip_directory.ends_as_zip(tail)


async def _read_itself(context: ReadContext, artifact: Artifact, what: ReadResult) -> ReadResult:
    """A file of which every byte is needed before any of it can be read. Raises HubError, and
    FileError where other bytes come than the hub states."""
    if limit := _limited(context, artifact, what):
        return limit
    async with _whole(context, artifact) as source:
        read = await asyncio.to_thread(_of_itself, source, context)
    told = await asyncio.to_thread(read_in_full, artifact, what.confirmed, read, context.known)
    return replace(told, members=read.within)


def _of_itself(source: OpenSpool, context: ReadContext) -> Fingerprint:
    with bulkhead(), system_limits.limits(source.size):
        return ended(context.known, read_spool(source, partial(forbids, context.known)))


async def _read_whole(context: ReadContext, artifact: Artifact, what: ReadResult) -> ReadResult:
    """Raises HubError, and FileError where other bytes come than the hub states."""
    if limit := _limited(context, artifact, what):
        return limit
    header = what.inspection
    assert header is not None
    assert header.container is not None
    async with _whole(context, artifact) as source:
        read = await asyncio.to_thread(_of_archive, source, header.container, context)
    if forbids(context.known, read):
        return what
    opened = replace(header, problem=None if read.members else read.problem)
    found = {member.path: member.fingerprint for member in read.members}
    return replace(what, inspection=opened, members=_members(found), blind=read.blind)


def _limited(context: ReadContext, artifact: Artifact, what: ReadResult) -> ReadResult | None:
    """What is known so far, where the whole file is more than the limits allow."""
    budget, size = context.budget, artifact.size or 0
    if size > min(context.options.max_artifact_bytes, budget.left):
        return replace(what, blind=(*what.blind, NOT_WHOLE))
    if size > budget.scan.left:
        return replace(what, skipped=SPENT, left=True, unread=LIMIT)
    return None


@asynccontextmanager
async def _whole(context: ReadContext, artifact: Artifact) -> AsyncIterator[OpenSpool]:
    """All bytes of a file, in one that has no name and is gone afterwards. Raises HubError, and
    Malformed where other bytes come than the hub states."""
    size = artifact.size or 0
    context.budget.spend(size, Kind.WHOLE)
    with tempfile.TemporaryFile("w+b", buffering=0, prefix="reseen-") as spool:  # 0600, no name
        came = 0
        async for chunk in context.hub.stream(artifact, size):
            came += len(chunk)
            await asyncio.to_thread(spool.write, chunk)
        if came != size:
            raise Malformed("the file broke off before its end")
        yield OpenSpool(spool.fileno(), size)


def _of_archive(source: OpenSpool, container: Container, context: ReadContext) -> Fingerprint:
    """An archive of which every byte is at hand: its digests, and what is in it."""
    told = replace(whole_digests(source), container=container)
    if forbids(context.known, told):
        return told
    with bulkhead():
        read = with_members(source, told, partial(forbids, context.known))
    return ended(context.known, read)


def _members(found: dict[str, Fingerprint]) -> tuple[tuple[str, Fingerprint], ...]:
    """Each by its place, those of archives in it too."""
    every: list[tuple[str, Fingerprint]] = []
    for path, read in found.items():
        every.append((f"!{path}", read))
        every += ((f"!{path}{inner}", each) for inner, each in read.within)
    return tuple(every)


async def _configs(
    context: ReadContext, artifact: Artifact, entries: list[ZipEntry]
) -> dict[str, PeftConfig]:
    """The PEFT configurations in a zip, by the folder in it of each: one range each. Raises
    HubError."""
    found: dict[str, PeftConfig] = {}
    for entry in config_entries(entries):
        data = await context.hub.read(artifact, Range(entry.at, entry.end - entry.at))
        context.budget.spend(len(data), Kind.HEADERS)
        with suppress(FileError), bulkhead():
            found[folder_of(entry)] = parse_config(b"".join(_unpacked(BytesIO(data), entry)))
    return found


async def _read(
    context: ReadContext,
    artifact: Artifact,
    entry: ZipEntry,
    unpacked: UnpackBudget,
    config: PeftConfig | None,
) -> Fingerprint:
    """Raises HubError, and FileError for what is in the entry."""
    with tempfile.TemporaryFile("w+b", buffering=0, prefix="reseen-") as spool:  # 0600, no name
        for at in range(entry.at, entry.end, _PIECE):
            data = await context.hub.read(artifact, Range(at, min(_PIECE, entry.end - at)))
            await asyncio.to_thread(spool.write, data)
        return await asyncio.to_thread(_of_spool, spool, context, entry, unpacked, config)


def _of_spool(
    spool: IO[bytes],
    context: ReadContext,
    entry: ZipEntry,
    unpacked: UnpackBudget,
    config: PeftConfig | None,
) -> Fingerprint:
    forbidden = partial(forbids, context.known)
    blocks = _unpacked(spool, entry)
    read = read_stream(blocks, entry.full, forbidden, budget=unpacked, depth=1, config=config)
    return ended(context.known, read)


def _unpacked(spool: IO[bytes], entry: ZipEntry) -> Iterator[bytes]:
    spool.seek(0)
    local = spool.read(LOCAL_LENGTH)
    start = start_told(entry, local) - entry.at
    spool.seek(start)
    inflated, left = Inflated(entry), entry.size
    while left:
        data = spool.read(min(_READ, left))
        if not data:
            raise Malformed("the file breaks off")
        left -= len(data)
        yield from inflated.feed(data)
    inflated.finish()
