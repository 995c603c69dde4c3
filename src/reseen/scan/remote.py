"""One file at a hub, named by a person: its header, its plan, its sketch, by Range.

What comes in: what opens a hub, and `hf://owner/name/path`. What goes out: values; nothing is
stored. The whole file is never read: the header, and the tensors of its updates.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from reseen.errors import HubMissing, InputError
from reseen.files.containers import read_listing
from reseen.files.tensors import Listing
from reseen.fingerprints.sketcher import Sketched, read_sketch
from reseen.hubs.hub import Hub, drive
from reseen.records import Artifact, RepoType
from reseen.updates.plan import Plan, plan

T = TypeVar("T")

PREFIX = "hf://"
_TYPES = {"datasets": RepoType.DATASET, "spaces": RepoType.SPACE, "models": RepoType.MODEL}


@dataclass(frozen=True, slots=True)
class Place:
    """What `hf://[datasets/|spaces/]owner/name[@revision]/path` names."""

    type: RepoType
    repo: str
    revision: str | None
    path: str


def parse_place(given: str) -> Place:
    """Raises InputError."""
    words = given.removeprefix(PREFIX).split("/")
    type = _TYPES.get(words[0])
    if type is not None:
        words = words[1:]
    if len(words) < 3 or not all(words):
        raise InputError(
            "the place of a remote file is not complete", remedy="Write hf://OWNER/NAME/PATH."
        )
    name, _, revision = words[1].partition("@")
    return Place(
        type or RepoType.MODEL, f"{words[0]}/{name}", revision or None, "/".join(words[2:])
    )


def listing_of(open_hub: Callable[[], Hub], place: Place) -> tuple[Listing, Plan]:
    """The header of a remote file, and what it is made of. Raises HubError and FileError."""

    async def read(hub: Hub, artifact: Artifact) -> tuple[Listing, Plan]:
        listing = await drive(hub, artifact, read_listing(artifact.size or 0))
        return listing, plan(listing)

    return _with_artifact(open_hub, place, read)


def sketch_of(open_hub: Callable[[], Hub], place: Place) -> Sketched:
    """The sketch of a remote file. Raises HubError and FileError."""

    async def read(hub: Hub, artifact: Artifact) -> Sketched:
        listing = await drive(hub, artifact, read_listing(artifact.size or 0))
        return await drive(hub, artifact, read_sketch(plan(listing)))

    return _with_artifact(open_hub, place, read)


def _with_artifact(
    open_hub: Callable[[], Hub],
    place: Place,
    read: Callable[[Hub, Artifact], Awaitable[T]],
) -> T:
    async def whole() -> T:
        hub = open_hub()
        try:
            return await read(hub, await _find(hub, place))
        finally:
            await hub.close()

    return asyncio.run(whole())


async def _find(hub: Hub, place: Place) -> Artifact:
    revision = place.revision or (await hub.repository(place.type, place.repo)).sha or "main"
    async for files in hub.list_files(place.type, place.repo, revision, place.revision):
        for artifact in files.artifacts:
            if artifact.path == place.path:
                return artifact
    raise HubMissing("the repository has no such file", remedy="Look at its list of files.")
