"""A hub's own storage as a hub: S3, GCS, Azure, or a folder, through obstore (the extra `sweep`).

What comes in: an address (`s3://bucket/prefix`, `gs://`, `az://`, `file://`) or a folder's path,
and keys, which stand as the artifacts' paths. What goes out: ranges of objects, and what lies
there, listed piece by piece. Credentials are the environment's, as the makers of the store name
them (https://developmentseed.org/obstore/latest/authentication/). It has no repositories and no
versions. No error holds a key.

Requests wait in threads of ours, by obstore's plain functions: after its asynchronous ones, a
process that ends at once was aborted now and then, since its own threads outlive the interpreter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from reseen.errors import HubBusy, HubError, HubGarbage, HubMissing
from reseen.files.source import Range
from reseen.hubs import object_folder
from reseen.hubs.hub import (
    Abilities,
    FilesPage,
    RepositoryPage,
    Revisions,
    Usage,
    WantedRepositories,
)
from reseen.hubs.object_address import open_store
from reseen.hubs.object_listing import bad_key, before, behind, md5_of_etag
from reseen.records import Artifact, Digest, DigestKind, Problem, Repository, RepoType

if TYPE_CHECKING:
    from obstore import ObjectMeta

T = TypeVar("T")

STATED_BY_STORES = (
    DigestKind.MD5,
    DigestKind.SHA1,
    DigestKind.CRC32C,
    DigestKind.CRC64_NVME,
)
HUB = "storage"
"""What artifacts say of where they stand, until it is said whose storage it is."""
_CHUNK = 8 << 20
"""Bytes that are asked for at once of a whole object: they come within the client's 30 seconds."""
_MOST_SPOILED = 50
"""Pages of one listing before whose bad keys the folders are looked at: that takes requests."""
_PAGE = 100
"""Keys that are handed on together. Of a bucket's pages it is a part: what came before a page that
fails is handed on."""
_ABILITIES = Abilities(
    lists=False,
    refs=False,
    history=False,
    ranges=True,
    sizes=True,
    digests=frozenset({DigestKind.SHA256, DigestKind.XET, *STATED_BY_STORES}),
)


def artifact_at(
    key: str,
    size: int | None,
    sha256: bytes | None = None,
    xet: bytes | None = None,
    others: tuple[Digest, ...] = (),
) -> Artifact:
    """An object of a store, and what is stated of it, by the store or elsewhere."""
    return Artifact(HUB, RepoType.MODEL, "", "", None, key, size, sha256, xet, others=others)


def _listed(about: ObjectMeta) -> Artifact:
    md5 = md5_of_etag(about["e_tag"])
    others = () if md5 is None else (Digest(DigestKind.MD5, md5),)
    return artifact_at(str(about["path"]), int(about["size"]), others=others)


class ObjectStore:
    """Implements `hubs.hub.Hub`. Raises InputError for what is no address of a store."""

    def __init__(self, address: str, reads: int = 64) -> None:
        """`reads`: requests at the same time, at most."""
        self._usage = Usage()
        self._threads = ThreadPoolExecutor(reads, "store")
        opened = open_store(address)
        self.address = opened.address
        """What tells it from other stores: without anything that lets somebody in."""
        self._folder = opened.folder
        if opened.store is not None:
            self._store = opened.store
        self._prefix = opened.prefix

    @property
    def name(self) -> str:
        return HUB

    @property
    def abilities(self) -> Abilities:
        return _ABILITIES

    @property
    def usage(self) -> Usage:
        return self._usage

    async def list_repositories(
        self, wanted: WantedRepositories, cursor: str | None
    ) -> RepositoryPage:
        """None: a store has keys only."""
        return RepositoryPage((), None)

    async def repository(self, type: RepoType, repo: str) -> Repository:
        raise HubMissing("a store has no repositories")

    async def refs(self, type: RepoType, repo: str) -> Revisions:
        raise HubMissing("a store has no branches")

    async def revisions(self, type: RepoType, repo: str) -> Revisions:
        raise HubMissing("a store has no versions")

    async def list_files(
        self, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[FilesPage]:
        """Every object, a hundred at a time; nothing is held. Of digests a listing states an MD5
        at most, where the `ETag` is one. A problem for what is left out: things in a folder that
        are no files, and keys that are no paths to the client, with those before each in the
        same folder and on the same page (of a thousand at S3)."""
        if self._folder is not None:
            found = object_folder.listed(self._folder)
            while some := list(islice(found, _PAGE)):
                files = tuple(artifact_at(*each) for each in some if not isinstance(each, str))
                yield FilesPage(files, tuple(Problem(HUB, e) for e in some if isinstance(e, str)))
            return
        last, spoiled = "", 0
        while True:
            try:
                pages = self._store.list(offset=last or None, chunk_size=_PAGE)
                while page := await self._run(next, pages, None):
                    self._usage.requests += 1
                    yield FilesPage(tuple(map(_listed, page)))
                    last = str(page[-1]["path"])
                return
            except Exception as e:  # noqa: BLE001 (each store has errors of its own)
                key = (bad_key(e) or "").removeprefix(self._prefix)
                after = behind(key)
                if after is None or after.encode() <= last.encode():
                    raise _said(e) from None
            spoiled += 1
            if spoiled <= _MOST_SPOILED:
                async for earlier in self._before(last, key):
                    yield earlier
            there = await self._there(after)
            why = _NO_PATHS if spoiled <= _MOST_SPOILED else _NO_PATHS_OF_MANY
            yield FilesPage(there, (Problem(HUB, why),))
            last = after

    async def _before(self, last: str, bad: str) -> AsyncIterator[FilesPage]:
        """What stands before a key that is no path, in other folders than it."""
        pages = before(self._store, last, bad, _PAGE)
        while True:
            try:
                page = await self._run(next, pages, None)
            except Exception as e:  # noqa: BLE001 (each store has errors of its own)
                raise _said(e) from None
            if page is None:
                return
            self._usage.requests += 1
            yield FilesPage(tuple(artifact_at(*each) for each in page))

    async def _there(self, key: str) -> tuple[Artifact, ...]:
        """An object by its key, where there is one: a listing begins behind the key it is given."""
        try:
            return (artifact_at(key, await self._run(self._size, key)),)
        except HubMissing:
            return ()

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        """Raises HubGarbage too where the object has another length than is said of it."""
        key, length = artifact.path, wanted.length
        if length <= 0:
            return b""
        self._usage.requests += 1
        data, size = await self._run(self._get, key, wanted.start, length)
        if artifact.size is not None and artifact.size != size:
            raise HubGarbage(_OTHER_LENGTH)
        self._usage.bytes_read += len(data)
        return data[:length]

    async def stream(self, artifact: Artifact, limit: int) -> AsyncIterator[bytes]:
        came = 0
        while data := await self.read(artifact, Range(came, _CHUNK)):
            came += len(data)
            if came > limit:
                raise HubGarbage(_OTHER_LENGTH)
            yield data
            if len(data) < _CHUNK:
                return

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def ask_if_there(self) -> None:
        """Raises HubBusy where it does not answer at all; that it refuses, or has no such object,
        is an answer."""
        try:
            await self.read(artifact_at("reseen-asks-whether-the-store-answers", None), Range(0, 1))
        except HubBusy:
            raise
        except HubError:
            pass

    async def _run(self, act: Callable[..., T], *given: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, act, *given)

    def _get(self, key: str, start: int, length: int) -> tuple[bytes, int]:
        """Bytes of an object, and its length. Raises HubError."""
        from obstore import get

        self._check(key)
        if self._folder is not None:
            return object_folder.read(self._folder, key, Range(start, length))
        try:
            got = get(self._store, key, options={"range": (start, start + length)})
            return bytes(got.bytes()), int(got.meta["size"])
        except (FileNotFoundError, PermissionError) as e:
            raise _said(e) from None
        except Exception as e:  # noqa: BLE001 (each store has errors of its own)
            # No store says in one way that a range lies behind the end.
            size = self._size(key)
            if start < size:
                raise _said(e) from None
            return b"", size

    def _size(self, key: str) -> int:
        from obstore import head

        try:
            return int(head(self._store, key)["size"])
        except Exception as e:  # noqa: BLE001 (each store has errors of its own)
            raise _said(e) from None

    def _check(self, key: str) -> None:
        """Nothing outside a folder is read."""
        if self._folder is not None:
            object_folder.check(self._folder, key)


_NO_PATHS = (
    "keys with a control character, or with an empty step, a dot or two between slashes: left out, "
    "with those before them in the same folder on the same page"
)
_NO_PATHS_OF_MANY = (
    "keys with a control character, or with an empty step, a dot or two between slashes, beyond "
    "the first of many: left out, with those before them on the same page"
)


_OTHER_LENGTH = "the object has another length than is said of it"


def _said(error: Exception) -> HubError:
    """What went wrong, without the key and the address, which the store's own words hold."""
    from obstore import exceptions as theirs

    if isinstance(error, HubError):
        return error
    refused = (theirs.PermissionDeniedError, theirs.UnauthenticatedError, PermissionError)
    match error:
        case FileNotFoundError():
            return HubMissing("there is no such object")
        case theirs.InvalidPathError() | ValueError():
            return HubError(object_folder.NO_PATH)
        case _ if isinstance(error, refused):
            # Of this object: others may be read.
            return HubError(
                "the store refuses it", remedy="Check the credentials and what they may read."
            )
        case _:
            return HubBusy(f"the store did not answer ({type(error).__name__})")
