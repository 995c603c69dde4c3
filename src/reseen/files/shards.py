"""A model in several files, its shards, and the index that says which tensor is in which.

In go an index and the listings of its shards, out comes one listing, as if the shards stood one
after the other in one file. A shard stands beside its index, and nowhere else: names are checked.

Format: `{"metadata": {"total_size": n}, "weight_map": {tensor: file}}` in `NAME.index.json`, as
transformers and diffusers write it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from reseen.errors import Malformed, TooLarge
from reseen.files import limits
from reseen.files.tensors import Listing, TensorInfo
from reseen.records import Container

ENDING = ".index.json"
"""How an index is called; nothing in it tells it from other JSON as surely."""


def parse_index(data: bytes) -> Mapping[str, str]:
    """Tensor -> the file that it is in. Raises Malformed, or TooLarge."""
    if len(data) > limits.HEADER_LIMIT or sum(map(data.count, b",:{[")) > limits.HEADER_MARKS:
        raise TooLarge("the index holds too many values")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise Malformed("the index is not JSON") from None
    places = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(places, dict) or not places:
        raise Malformed("the index does not say in which file a tensor is")
    if len(places) > limits.TENSORS:
        raise TooLarge(f"the index names more than {limits.TENSORS} tensors")
    for name in places.values():
        if not isinstance(name, str) or not _is_beside(name):
            raise Malformed("the index names a file that does not stand beside it")
    if len(set(places.values())) > limits.SHARDS:
        raise TooLarge(f"the index names more than {limits.SHARDS} files")
    return places


def _is_beside(name: str) -> bool:
    plain = name.isprintable() and not set(name) & set("/\\:")
    return plain and 0 < len(name) <= 255 and name not in (".", "..") and not name.endswith(ENDING)


def names_of(index: Mapping[str, str]) -> Sequence[str]:
    """The files that an index names, in the order of their names."""
    return sorted(set(index.values()))


def joined(index: Mapping[str, str], shards: Sequence[tuple[str, int, Listing]]) -> Listing:
    """One listing of shards (name, size, listing) that stand one after the other. Raises Malformed
    where a tensor is not in the shard that it is said to be in."""
    tensors: list[TensorInfo] = []
    metadata: dict[str, str] = {}
    start = 0
    for name, size, listing in shards:
        # Of a name that two shards have, the index says which one counts.
        mine = [t for t in listing.tensors if index.get(t.name) == name]
        tensors += [replace(info, start=info.start + start) for info in mine]
        metadata = {**listing.metadata, **metadata}
        start += size
    if len(tensors) < len(index):
        raise Malformed("a tensor is not in the file in which the index says that it is")
    return Listing(Container.SAFETENSORS, tuple(tensors), metadata)
