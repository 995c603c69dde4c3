"""A model in several files, its shards, and the index that says which tensor is in which.

In go an index and the listings of its shards, out comes one listing, as if the shards stood one
after the other in one file. A shard stands beside its index, and nowhere else: names are checked.

Format: `{"metadata": {"total_size": n}, "weight_map": {tensor: file}}` in `NAME.index.json`, as
transformers and diffusers write it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from reseen.errors import Malformed, PartMissing, TooLarge
from reseen.files import limits
from reseen.files.tensors import Listing, TensorInfo

ENDING = ".index.json"
"""How an index is called; nothing in it tells it from other JSON as surely."""
_NUMBERED = re.compile(r"(.{1,200})-(\d{1,6})-of-(\d{1,6})(\.[A-Za-z0-9]{1,20})", re.ASCII)
"""How shards are called: `model-00001-of-00003.safetensors`."""


def numbered(name: str) -> tuple[str, int, int] | None:
    """The model's name, which shard this is, and of how many; None for another name."""
    found = _NUMBERED.fullmatch(name)
    if found is None:
        return None
    number, count = int(found[2]), int(found[3])
    is_one = 1 <= number <= count and 2 <= count <= limits.SHARDS
    return (found[1] + found[4], number, count) if is_one else None


def sets_in(names: Iterable[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The models of which all shards are among the files of one folder: a model's name, and its
    shards in order. Files whose numbers are written otherwise (`-001-of-003` beside
    `-00001-of-00003`) are another model, unless none is complete without them."""
    found: dict[tuple[str, int], dict[tuple[int, int], dict[int, str]]] = {}
    for name in names:
        told = numbered(name)
        if told is not None:
            whole, number, count = told
            alike = found.setdefault((whole, count), {})
            for way in {*_ways(name), _ANYHOW}:
                alike.setdefault(way, {}).setdefault(number, name)
    for (whole, count), alike in found.items():
        anyhow = alike.pop(_ANYHOW)
        every = [shards for shards in alike.values() if len(shards) == count] or [anyhow]
        for shards in {tuple(name for _, name in sorted(one.items())): None for one in every}:
            if len(shards) == count:
                yield whole, shards


_ANYHOW = (-1, -1)


def _ways(name: str) -> Iterator[tuple[int, int]]:
    """How its numbers are written: digits of the first (0: as many as it takes), and of the
    second."""
    found = _NUMBERED.fullmatch(name)
    if found is not None:
        number, count = found[2], found[3]
        yield len(number), len(count)
        if not number.startswith("0"):
            yield 0, len(count)


def parse_index(data: bytes) -> Mapping[str, str]:
    """Tensor -> the file that it is in. Raises Malformed for what is no index, PartMissing for one
    that names files elsewhere, and TooLarge."""
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
        if not isinstance(name, str):
            raise Malformed("the index does not say in which file a tensor is")
        if not _is_beside(name):
            raise PartMissing("the index names a file that does not stand beside it")
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
    """One listing of shards (name, size, listing) that stand one after the other. Of a name that
    two shards have, the index says which one counts, or else the first; what it does not name is
    there all the same. Raises Malformed where a tensor is not in the shard that it is said to be
    in, and TooLarge."""
    tensors: dict[str, TensorInfo] = {}
    second: list[TensorInfo] = []
    metadata: dict[str, str] = {}
    not_listed: Counter[str] = Counter()
    start = 0
    for name, size, listing in shards:
        for info in listing.tensors:
            placed = replace(info, start=info.start + start)
            if index.get(info.name, name) != name or info.name in tensors:
                second.append(placed)
            else:
                tensors[info.name] = placed
        if len(tensors) + len(second) > limits.TENSORS:
            raise TooLarge(f"the shards hold more than {limits.TENSORS} tensors")
        metadata = {**listing.metadata, **metadata}
        not_listed.update(listing.not_listed)
        start += size
    if not tensors.keys() >= index.keys():
        raise Malformed("a tensor is not in the file in which the index says that it is")
    return Listing(
        shards[0][2].container,
        tuple(tensors.values()),
        metadata,
        not_listed=not_listed,
        second=tuple(second),
    )
