"""The longest known layer's name at the end of a name, whatever stands before it and within it.

A layer's name is read backwards, word by word, along a tree of all names that the tables have.
Words that nobody knows may stand before the name and between its components: wrappers of training
code, a tool's own prefix, one doubled. Only the longest name counts: what is left of it when a
wrapper splits it may be another layer's (`transformer_blocks.0.attn.to_q` is the end of Flux's
`single_transformer_blocks.0.attn.to_q`), and so its shape must be that layer's, too.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

from reseen.updates.names.known import DENOISERS, ENCODERS, fits, known
from reseen.updates.names.prefixes import ENCODER
from reseen.updates.names.tables import flat

_LONGEST = 256
"""Characters from the end that are searched: the longest name of a layer has 90."""
_MOST_BETWEEN = 3
"""Words in all that may stand within a name, beside those of `_TRAINING`."""
_WORD = re.compile(r"[a-z0-9]+")
_TRAINING = ("_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_orig_mod")
"""What training code puts between any two components."""
_OTHER_MODELS = frozenset({"vision", "controlnet", "vae"})
"""Words that say that a layer is of another model, whose layers have the same names."""
_IN_WRAPPERS = frozenset(
    ("transformer", "model", "text", "encoder", "net", "lora", "processor", "layer", "layers")
)
"""Words of layers' names that wrappers have, too. Any other one beside a name or within it says
that it is a longer name, which no table has: `joint_transformer_blocks.0.attn.to_q`, AuraFlow's."""
_BEHIND = (["lora", "linear", "layer"], ["lora", "layer"], ["lora"])
"""What may stand behind a name: `to_q.lora.up`, without the `.weight` that ends it."""
_SECOND = ("transformer", "2")
"""Words of the second of two experts."""


@dataclass(slots=True)
class _Node:
    """A place in the tree of names, read backwards."""

    words: dict[str, _Node] = field(default_factory=dict)
    """By the word that comes next."""
    before: _Node | None = None
    """Where a component begins here: the place before it, where other words may stand."""
    name: str = ""
    """The flattened name that begins here; empty for none."""
    length: int = 0
    """Words of that name."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A layer's name that was found inside another."""

    alias: str
    """Flattened, as the tables have it."""
    model: str
    """The text encoder that has it, by its width; empty for a denoiser's."""


def longest(text: str) -> str | None:
    """The flattened name of the layer at the end of a name."""
    text = text.lower()
    for word in _TRAINING:
        text = text.replace(word, "")
    text = text[-_LONGEST:]
    found = list(_WORD.finditer(text))
    words = [match[0] for match in found]
    # Where a name has dots and underscores, a dot ends a component.
    apart = [text[a.end() : b.start()].strip("_") != "" for a, b in pairwise(found)]
    if all(apart):
        apart = [False] * len(apart)
    alias = _ending(words, apart)
    behind = next((some for some in _BEHIND if words[-len(some) :] == some), None)
    if alias is None and behind is not None:
        alias = _ending(words[: -len(behind)], apart)
    return alias


def model_of(alias: str, out: int, columns: int) -> str | None:
    """The first model that has a layer of this name and shape."""
    models = (*DENOISERS, *ENCODERS)
    return next((m for m in models if fits(known(m), alias, out, columns) == (True, True)), None)


@cache
def _aliases(models: tuple[str, ...] = (*DENOISERS, *ENCODERS)) -> frozenset[str]:
    """All flattened names that the tables of these models have."""
    return frozenset(alias for model in models for alias in known(model).aliases)


def is_name(alias: str, part: str) -> bool:
    """Whether a flattened name as a whole is one that a part of a file may have."""
    if not part:
        return alias in _aliases()
    return alias in _aliases(ENCODERS if part.startswith(ENCODER) else DENOISERS)


@cache
def _telling() -> frozenset[str]:
    """Words that are no wrapper's."""
    words = {word for alias in _aliases() for word in alias.lower().split("_")}
    return frozenset(w for w in words - _IN_WRAPPERS if len(w) > 1 and not w.isdigit())


@cache
def _tree() -> _Node:
    root = last = _Node()
    for model in (*DENOISERS, *ENCODERS):
        for spelled in known(model).spelled:
            node, length = root, 0
            for component in reversed(spelled.lower().split(".")):
                words = component.split("_")
                length += len(words)
                for word in reversed(words):
                    node = node.words.setdefault(word, _Node())
                last = node
                last.before = node = last.before or _Node()
            last.name, last.length = flat(spelled), length
    return root


def _ending(words: list[str], apart: list[bool]) -> str | None:
    """`apart`: whether a component ends behind a word, for certain."""
    if not words or words[-1] not in _tree().words:
        return None
    best: _Node | None = None
    begins = 0
    waiting = deque([(len(words), _tree(), True, 0)])  # the fewest words between come first
    seen = set()
    while waiting:
        at, node, outside, skipped = waiting.pop()
        if node.name and (best is None or node.length > best.length):
            best, begins = node, at
        if not at or (at, id(node)) in seen:
            continue
        seen.add((at, id(node)))
        word = words[at - 1]
        if node.before is not None:
            waiting.append((at, node.before, True, skipped))
        following = node.words.get(word)
        if following is not None and (outside or not apart[at - 1]):
            waiting.append((at - 1, following, False, skipped))
        wrapper = outside and at < len(words) and skipped < _MOST_BETWEEN
        if wrapper and not word.isdigit() and word not in _telling():
            waiting.appendleft((at - 1, node, True, skipped + 1))
    before = words[:begins]
    beside = next((word for word in reversed(before) if not word.isdigit()), "")
    if best is None or beside in _telling() or not _OTHER_MODELS.isdisjoint(before):
        return None
    if any(tuple(before[i : i + 2]) == _SECOND for i in range(len(before))):
        return None
    return best.name
