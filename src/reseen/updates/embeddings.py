"""Which tensors of a file are embeddings of textual inversion: rows of a tokenizer's kind.

In goes a header, out come the tensors whose rows are read. By name, wherever else they stand (an
adapter may bring its own), or because the file holds nothing but such rows. A row is known by its
width alone: whose it is, and in which order, no two tools say alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod

from reseen.files.tensors import Listing, TensorInfo
from reseen.updates.names.suffixes import by_pattern, split
from reseen.updates.shapes import FLOATS

WIDTHS = (768, 1024, 1280, 2048, 2304, 2560, 3584, 4096)
"""Of the text encoders that embeddings are made for."""
MOST_ROWS = 75
"""Of one tensor: what a prompt holds. What is longer is a text that was encoded, or a table."""
_MOST_TENSORS = 64
"""Of a file that holds nothing else; of one that says so by name, twice as many."""

_KEYS = frozenset(("emb_params", "clip_l", "clip_g", "clip_h", "t5", "t5xxl", "llama", "qwen"))
"""What kohya, ComfyUI and OneTrainer call them, by text encoder."""
_PARAM = "string_to_param."
_PARAMS = re.compile(r"(?:.*\.)?string_to_param\.[^.].*", re.DOTALL)
_BUNDLED = "bundle_emb."
"""Before an embedding's name and, after another dot, what it is of."""
_NUMBER = re.compile(r"\d{1,4}")
"""A list of dicts, one for each text encoder."""
_OUTPUTS = "_out"
"""Behind the key of what OneTrainer adds to an encoder's output: no row of its table."""
_MARK = "<embed>"
"""What cloneofsimo's trainer writes of a tensor that is named by its token."""
_OF_LAYERS = re.compile(r"norm|bias|(?:^|[._])ln[._\d]", re.IGNORECASE)
"""Names of vectors that every file of one model shares."""


def embeddings(listing: Listing) -> tuple[TensorInfo, ...]:
    """The tensors whose rows are read, in the order of the file."""
    named = [t for t in listing.tensors if _is_named(t.name, listing.metadata)]
    if named:
        return tuple(t for t in named if _has_rows(t))[: 2 * _MOST_TENSORS]
    numbers = [t for t in listing.tensors if prod(t.shape) != 1 or len(t.shape) > 1]
    if 0 < len(numbers) <= _MOST_TENSORS and all(_is_bare(t) for t in numbers):
        return tuple(numbers)
    return ()


def _is_named(name: str, metadata: Mapping[str, str]) -> bool:
    if metadata.get(name) == _MARK or (_PARAM in name and _PARAMS.fullmatch(name)):
        return True
    if name.startswith(_BUNDLED):
        bundled, _, what = name.removeprefix(_BUNDLED).rpartition(".")
        if bundled and what:
            return not what.endswith(_OUTPUTS)
    number, _, key = name.rpartition(".")
    return key in _KEYS and (not number or _NUMBER.fullmatch(number) is not None)


def _is_bare(info: TensorInfo) -> bool:
    """A tensor that nothing but its shape tells of, and whose name is no layer's."""
    if _OF_LAYERS.search(info.name) or info.name.endswith(_OUTPUTS):
        return False
    layer = f"layer.{info.name}"  # a name may be an adapter's ending and nothing before it
    return _has_rows(info) and split(layer) is None and by_pattern(layer) is None


def _has_rows(info: TensorInfo) -> bool:
    if info.dtype not in FLOATS or not 1 <= len(info.shape) <= 2:
        return False
    rows = info.shape[0] if len(info.shape) == 2 else 1
    return info.shape[-1] in WIDTHS and 1 <= rows <= MOST_ROWS
