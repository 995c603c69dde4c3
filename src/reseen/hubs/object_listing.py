"""Keys of a bucket that its client takes for no paths, and what stands before one.

What comes in: what the client said, a key. What goes out: the key that spoils a page of a listing,
where to go on behind it, and what stands before it on the same page: found by listing the folders
above it, each by itself, since a page fails as a whole. What lies beside it in its own folder is
not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obstore.store import ObjectStore as AnyStore

KeySize = tuple[str, int]
_MD5 = re.compile(r'(?:W/)?"?([0-9a-f]{32})"?', re.IGNORECASE)


def md5_of_etag(etag: str | None) -> bytes | None:
    """The MD5 that an ETag is: of an object that was put in one piece, at S3 and its like, and at
    GCS. One of several parts ends in their number ("-3"), and is no digest of a file. Where the
    store encrypts with keys of its own an ETag looks the same and is none: it equals nothing."""
    found = _MD5.fullmatch(etag or "")
    return None if found is None else bytes.fromhex(found[1])


def bad_key(error: Exception) -> str | None:
    """The key that is no path to the client, as it says it itself (object_store's `path::Error`):
    first in one sentence, then once more, escaped. What an uploader puts into a key can make it
    seem longer here, but not begin otherwise."""
    _, found, rest = str(error).partition('Path "')
    if not found:
        return None
    said = rest.rpartition("\n\nDebug source")[0] or rest
    end = max(said.rfind('" contained'), said.rfind('": Encountered'), said.rfind('" Encountered'))
    return said[:end] if end >= 0 else None


def behind(key: str) -> str | None:
    """The first key behind all those that are no paths for the same reason; None: it has none."""
    bad = _bad_step(key)
    if bad is None:
        return None
    number, instead = bad
    return "/".join([*key.split("/")[:number], instead])


def _bad_step(key: str) -> tuple[int, str] | None:
    """Which step of a key makes it none, and what follows all such steps."""
    steps = key.split("/")
    for number, step in enumerate(steps):
        is_last = number == len(steps) - 1
        if not step and not is_last:
            return number, "0"  # which follows the slash
        if step in (".", ".."):
            return number, f"{step}{' ' if is_last else '0'}"
        for place, letter in enumerate(step):
            if letter < " " or letter == "\x7f":
                return number, f"{step[:place]}{' ' if letter < ' ' else chr(0x80)}"
    return None


def before(store: AnyStore, last: str, bad: str, most: int) -> Iterator[list[KeySize]]:
    """What stands behind the key `last` and before `bad`, the first that is no path there, in
    other folders than it: pages of `most` at most. Raises what the client raises."""
    from obstore import list as every
    from obstore import list_with_delimiter

    steps = bad.split("/")
    number, _ = _bad_step(bad) or (0, "")
    for level in range(number):
        branch = "/".join(steps[: level + 1]) + "/"
        found = list_with_delimiter(store, "/".join(steps[:level]) or None)
        own = [(str(each["path"]), int(each["size"])) for each in found["objects"]]
        yield [each for each in own if _is_between(last, each[0], branch)]
        for folder in found["common_prefixes"]:
            # All of a folder stands before its name and what follows the slash.
            if f"{folder}/" < branch and f"{folder}0".encode() > last.encode():
                for page in every(store, folder, offset=last or None, chunk_size=most):
                    yield [(str(each["path"]), int(each["size"])) for each in page]


def _is_between(last: str, key: str, end: str) -> bool:
    return last.encode() < key.encode() < end.encode()
