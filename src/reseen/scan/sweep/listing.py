"""A manifest of what lies in a store, written while it is listed: nothing is held.

What comes in: a store's address. What goes out: a Parquet file with a key and a size for each
object, and its MD5 where the store states one, in groups of rows that later readers can begin at.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from reseen.errors import InputError
from reseen.hubs.object_store import ObjectStore
from reseen.records import Artifact, RepoType
from reseen.store.private_files import private

_GROUP = 100_000


@dataclass(slots=True)
class StoreListed:
    """What came of a listing."""

    objects: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """By the reason: what no row could be made of."""


def write_listing(store: str, out: Path) -> StoreListed:
    """Write it, for its owner alone. Raises InputError and HubError."""
    opened = ObjectStore(store)
    with private(out) as path:
        return asyncio.run(_write(opened, path))


async def _write(store: ObjectStore, path: Path) -> StoreListed:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError(
            "writing a manifest needs pyarrow, which is not installed",
            remedy="pip install 'reseen[sweep]'",
        ) from None
    columns = [("key", pyarrow.string()), ("size", pyarrow.int64())]
    if not store.address.startswith("file://"):
        columns.append(("md5", pyarrow.string()))
    schema = pyarrow.schema(columns)
    listed, held = StoreListed(), list[Artifact]()
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:

        def put() -> None:
            keys, sizes = [each.path for each in held], [each.size for each in held]
            md5s = [next((d.hex for d in each.others), None) for each in held]
            made = [keys, sizes, md5s][: len(columns)]
            writer.write_table(pyarrow.table(made, schema=schema))
            held.clear()

        async for page in store.list_files(RepoType.MODEL, "", "", None):
            held += page.artifacts
            listed.objects += len(page.artifacts)
            listed.left_out.update(each.reason for each in page.problems)
            if len(held) >= _GROUP:
                put()
        put()
    return listed
