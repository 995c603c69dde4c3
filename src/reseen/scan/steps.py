"""The steps of reading one file at a hub: its reader is driven, and its bytes are counted. Where
the next step is more than the limits allow, what is known so far is what there is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, TypeVar

from reseen.files.source import Range, Reader
from reseen.files.thread_time import FileTime
from reseen.records import Artifact
from reseen.scan.budget import SPENT, Kind
from reseen.scan.context import ReadContext
from reseen.scan.read_result import LIMIT, ReadResult, too_large

T = TypeVar("T")


def with_read(so_far: ReadResult, **more: Any) -> ReadResult:
    """The same with more that was read."""
    assert so_far.inspection is not None
    return replace(so_far, inspection=replace(so_far.inspection, **more))


def limited(
    context: ReadContext, artifact: Artifact, so_far: ReadResult, length: int
) -> ReadResult | None:
    """What is known so far, where the next step is more than the limits allow. Of a file of which
    every byte was read that is what they told, and that no more was looked at."""
    budget = context.budget
    if so_far.inspection is not None and so_far.inspection.full:
        if length > min(context.options.max_artifact_bytes, budget.left):
            return replace(so_far, unread=LIMIT)
        if length > budget.scan.left:
            return replace(so_far, unread=LIMIT, skipped=SPENT, left=True)
        return None
    if length > min(context.options.max_artifact_bytes, budget.left):
        return _unread(so_far, problem=too_large(artifact, length))
    if length > budget.scan.left:
        return _unread(so_far, skipped=SPENT, left=True)
    return None


def _unread(so_far: ReadResult, **more: Any) -> ReadResult:
    return replace(with_read(so_far, judged_by=()), unread=LIMIT, **more)


async def step_through(
    context: ReadContext, artifact: Artifact, reader: Reader[T], kind: Kind, clock: FileTime
) -> T:
    """Drive a reader over the artifact; the arithmetic happens beside the event loop, in the time
    that the file has."""
    step: Range | T = await asyncio.to_thread(clock.run, _next, reader, None)
    while isinstance(step, Range):
        data = await context.read(artifact, step)
        context.budget.spend(len(data), kind)
        step = await asyncio.to_thread(clock.run, _next, reader, data)
    return step


def _next(reader: Reader[T], data: bytes | None) -> Range | T:
    try:
        return next(reader) if data is None else reader.send(data)
    except StopIteration as stop:
        result: T = stop.value
        return result
