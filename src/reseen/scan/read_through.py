"""One file at a hub, read as far as it is asked for, with what is in it where it is an archive.

What comes in: a context, an artifact, and what it matches by what the hub declares. What goes out:
a `ReadResult`, whatever happens: one bad file is a problem, and nothing of it is raised.
"""

from __future__ import annotations

from reseen.errors import FileError, bulkhead
from reseen.records import Artifact, BlindSpot, Match, Problem
from reseen.scan import archive_at_hub
from reseen.scan.context import ReadContext
from reseen.scan.inspect import read
from reseen.scan.read_result import ReadResult, where, with_trouble


async def read_through(
    context: ReadContext, artifact: Artifact, matches: tuple[Match, ...]
) -> ReadResult:
    """Read as much of an artifact, and of the files in it, as decides something. A hub's error, and
    what Reseen itself fails on, are problems; what was read before stands."""
    told: ReadResult | None = None
    try:
        with bulkhead():
            told = await read(context, artifact, matches)
            if context.options.edited and archive_at_hub.is_one(told):
                told = await archive_at_hub.read_members(context, artifact, told)
            return told
    except FileError as e:
        if told is not None:
            return with_trouble(told, e)
        problem = Problem(where(artifact), str(e), e.remedy)
        return ReadResult(problem=problem, unread=BlindSpot(e.code, str(e)))
