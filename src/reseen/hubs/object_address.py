"""From an address of an object store, or a folder's path, to its client (obstore).

What comes in: `s3://bucket/prefix`, `gs://`, `az://`, `file://`, or a path. What goes out: what is
read from, and an address that tells it from other stores and lets nobody in. Credentials are the
environment's, as the makers of the store name them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from reseen.errors import InputError

if TYPE_CHECKING:
    from obstore.store import ObjectStore as AnyStore
    from obstore.store import RetryConfig

SCHEMES = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl")
"""Of stores that are no folder."""
_RETRIES: RetryConfig = {"max_retries": 4, "retry_timeout": timedelta(seconds=30)}


@dataclass(frozen=True, slots=True)
class OpenedStore:
    """A client, or a folder: one of them is there."""

    address: str
    store: AnyStore | None = None
    prefix: str = ""
    """What every key there begins with to the store itself, with its slash."""
    folder: Path | None = None


def open_store(address: str) -> OpenedStore:
    """Asks nobody yet. Raises InputError for what is no address of a store."""
    try:
        from obstore.store import from_url
    except ImportError:
        raise InputError(
            "reading object stores needs obstore, which is not installed",
            remedy="pip install 'reseen[sweep]'",
        ) from None
    scheme = address.partition("://")[0] if "://" in address else ""
    if scheme in SCHEMES:
        try:
            # Without options for its client: with them it would not look at AWS_ALLOW_HTTP.
            store = from_url(address, retry_config=_RETRIES)
        except Exception as e:  # noqa: BLE001 (each store has errors of its own)
            raise InputError(
                f"the store cannot be opened: {type(e).__name__}",
                remedy="Write s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or "
                "az://CONTAINER/PREFIX, and give the credentials in the environment.",
            ) from None
        parted = urlsplit(address)
        place = f"{parted.netloc.rpartition('@')[2]}{parted.path}".rstrip("/")
        prefix = f"{parted.path.strip('/')}/".removeprefix("/")
        return OpenedStore(f"{scheme}://{place}", store, prefix)
    if scheme not in ("", "file"):
        raise InputError(
            f"{scheme[:20]!r} is no kind of store that is read here",
            remedy=f"Known are file, {', '.join(SCHEMES)}, and a folder's path.",
        )
    folder = Path(unquote(urlsplit(address).path) if scheme else address)
    if not folder.is_dir():
        raise InputError(
            "there is no such folder", remedy="Check the path, and that it may be read."
        )
    folder = folder.resolve()
    return OpenedStore(f"file://{quote(os.fsencode(folder))}", folder=folder)
