"""One file at a hub, named by a person: its header, its plan, its sketch, by Range.

What comes in: what opens a hub, and the address of a file (`hf://owner/name/path`). What goes out:
values; nothing is stored. The whole file is never read: the header, and the tensors of its updates.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from reseen.errors import HubMissing, InputError, Unread
from reseen.files.containers import read_listing
from reseen.files.tensors import Listing
from reseen.fingerprints.rows import EmbeddingRows, read_rows
from reseen.fingerprints.sketcher import Sketched, read_sketch
from reseen.fingerprints.weight_plan import read_plan
from reseen.fingerprints.weights_read import LayerChoice, WeightsRead, read_chosen
from reseen.hubs.addresses import Named
from reseen.hubs.hub import Hub, drive
from reseen.records import Artifact, RepoType
from reseen.registry.never_read import NeverRead, forbids
from reseen.scan.screen import config_beside
from reseen.updates.plan import Plan, plan

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file at a hub."""

    type: RepoType
    repo: str
    revision: str | None
    path: str


def remote_file(named: Named) -> RemoteFile:
    """The file that an address names. Raises InputError where it names a repository only."""
    if named.path is None:
        raise InputError(
            "the address names a repository and no file in it",
            remedy="Write hf://OWNER/NAME/PATH, or the address of the file's page.",
        )
    return RemoteFile(named.type or RepoType.MODEL, named.repo, named.revision, named.path)


def listing_of(
    open_hub: Callable[[], Hub], place: RemoteFile, never: NeverRead
) -> tuple[Listing, Plan]:
    """The header of a remote file, and what it is made of. Raises HubError and FileError; Unread
    for a file of the class of which nothing is read."""

    async def read(hub: Hub, artifact: Artifact) -> tuple[Listing, Plan]:
        return await _planned(hub, artifact)

    return _with_artifact(open_hub, place, never, read)


def sketch_of(open_hub: Callable[[], Hub], place: RemoteFile, never: NeverRead) -> Sketched:
    """The sketch of a remote file. Raises as `listing_of`."""

    async def read(hub: Hub, artifact: Artifact) -> Sketched:
        _, made = await _planned(hub, artifact)
        return await drive(hub, artifact, read_sketch(made))

    return _with_artifact(open_hub, place, never, read)


def embedding_of(
    open_hub: Callable[[], Hub], place: RemoteFile, never: NeverRead
) -> EmbeddingRows | None:
    """The rows of a remote file's embeddings; None where it has none. Raises as `listing_of`."""

    async def read(hub: Hub, artifact: Artifact) -> EmbeddingRows | None:
        listing = await drive(hub, artifact, read_listing(artifact.size or 0))
        rows, _ = await drive(hub, artifact, read_rows(plan(listing).embeddings))
        return rows

    return _with_artifact(open_hub, place, never, read)


def weights_of(
    open_hub: Callable[[], Hub], place: RemoteFile, never: NeverRead, choice: LayerChoice
) -> WeightsRead | None:
    """The sketch of a remote checkpoint's weights, of the layers that are chosen; None for what is
    none. Raises as `listing_of`."""

    async def read(hub: Hub, artifact: Artifact) -> WeightsRead | None:
        listing = await drive(hub, artifact, read_listing(artifact.size or 0))
        made = await drive(hub, artifact, read_plan(listing))
        return None if made is None else await drive(hub, artifact, read_chosen(made, choice))

    return _with_artifact(open_hub, place, never, read)


async def _planned(hub: Hub, artifact: Artifact) -> tuple[Listing, Plan]:
    """By the header, and by the configuration beside the file where that may change it."""
    listing = await drive(hub, artifact, read_listing(artifact.size or 0))
    made = plan(listing)
    if made.asks_for_config:
        config = await config_beside(hub, artifact, None)
        made = made if config is None else plan(listing, config)
    return listing, made


def _with_artifact(
    open_hub: Callable[[], Hub],
    place: RemoteFile,
    never: NeverRead,
    read: Callable[[Hub, Artifact], Awaitable[T]],
) -> T:
    async def whole() -> T:
        hub = open_hub()
        try:
            artifact = await _find(hub, place)
            if forbids(never, artifact):
                raise Unread(
                    "it is of a class of which only digests are compared: nothing of it is read",
                    remedy="`reseen sightings` shows where it stands.",
                )
            return await read(hub, artifact)
        finally:
            await hub.close()

    return asyncio.run(whole())


async def _find(hub: Hub, place: RemoteFile) -> Artifact:
    revision = place.revision or (await hub.repository(place.type, place.repo)).sha or "main"
    async for files in hub.list_files(place.type, place.repo, revision, place.revision or "main"):
        for artifact in files.artifacts:
            if artifact.path == place.path:
                return artifact
    raise HubMissing("the repository has no such file", remedy="Look at its list of files.")
