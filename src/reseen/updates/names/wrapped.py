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
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import pairwise

from reseen.updates.names.known import DENOISERS, ENCODERS, LANGUAGE, fits, has_name, known
from reseen.updates.names.prefixes import ENCODER, REMEMBERED

_LONGEST = 256
"""Characters from the end that are searched: the longest name of a layer has 90."""
_MOST_BETWEEN = 3
"""Words in all that may stand within a name, beside those of `_TRAINING`."""
_MOST_BEHIND = 4
"""Words that may stand behind one: `to_q.base_layer`, `to_q.default`, `to_q.module.0`."""
_WORD = re.compile(r"[a-z0-9]+")
_TRAINING = ("_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_orig_mod")
"""What training code puts between any two components."""
OTHER_MODELS = frozenset({"vision", "controlnet", "vae"})
"""Words that say that a layer is of another model, whose layers have the same names."""
_IN_WRAPPERS = frozenset(
    (
        *("transformer", "model", "text", "encoder", "net", "lora", "processor", "layer", "layers"),
        *("image", "video", "motion", "face", "language", "llm", "noise", "experts"),
    )
)
"""Words of layers' names that wrappers have, too. Any other one beside a name or within it says
that it is a longer name, which no table has: `joint_transformer_blocks.0.attn.to_q`, AuraFlow's."""
_BEHIND = (["lora", "linear", "layer"], ["lora", "layer"], ["lora"])
"""What may stand behind a name: `to_q.lora.up`, without the `.weight` that ends it."""


Models = tuple[str, ...]
ALL: Models = (*DENOISERS, *ENCODERS)
_NUMBER = "#"
"""In the tree: any number. Which numbers a name may have is looked up in the end."""
_NUMBERS = re.compile(r"(?<![a-z0-9])[0-9]+(?![a-z0-9])")
_WORD_OR_NUMBER = re.compile(r"[a-z0-9]+|#")


@dataclass(slots=True)
class _Node:
    """A place in the tree of names, read backwards."""

    words: dict[str, _Node] = field(default_factory=dict)
    """By the word that comes next."""
    before: _Node | None = None
    """Where a component begins here: the place before it, where other words may stand."""
    is_name: bool = False
    """Whether a name begins here."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A layer's name that was found inside another."""

    alias: str
    """Flattened, as the tables have it."""
    model: str
    """The text encoder that has it, by its width; empty for a denoiser's."""


@lru_cache(REMEMBERED)
def longest(text: str, models: Models = ALL, *, loosely: bool = False) -> tuple[str, ...]:
    """The flattened name of these models' layer at the end of a name; further ones where the last
    words are none of it. `loosely`: whatever the words are that stand beside it and within it."""
    text = text.lower()
    for word in _TRAINING:
        text = text.replace(word, "")
    text = text[-_LONGEST:]
    found = list(_WORD.finditer(text))
    words = [match[0] for match in found]
    # Where a name has dots and underscores, a dot ends a component.
    apart = [text[a.end() : b.start()].strip("_") != "" for a, b in pairwise(found)]
    if all(apart) or not any(apart):
        apart = []
    telling = frozenset[str]() if loosely else _telling(models)
    names: list[str] = []
    for behind in range(min(_MOST_BEHIND + 1, len(words))):
        left = len(words) - behind
        tail = words[left:]
        is_none = left == len(words) or (
            telling.isdisjoint(tail) and (not apart or apart[left - 1])
        )
        if tail not in _BEHIND and not is_none:
            continue
        alias = _ending(words[:left], apart, models, loosely)
        if alias is not None:
            names.append(alias)
    return tuple(dict.fromkeys(names))


@lru_cache(REMEMBERED)
def model_of(alias: str, out: int, columns: int, models: Models = ALL) -> tuple[str, str] | None:
    """The first model that has a layer of this name and shape, and the name as that model writes
    it: some differ in the case of their letters alone. A language model's has any shape."""
    for spelled in spellings(alias, models):
        for model in models:
            if fits(known(model), spelled, out, columns) == (True, True):
                return spelled, model
    if LANGUAGE in models:
        languages = known(LANGUAGE).aliases
        return next(((each, LANGUAGE) for each in spellings(alias) if each in languages), None)
    return None


@lru_cache(REMEMBERED)
def spellings(alias: str, models: Models = ALL) -> tuple[str, ...]:
    """The flattened names of layers that differ from this one in the case of letters alone."""
    return _aliases(models).get(_key(alias), ())


@cache
def _aliases(models: Models) -> Mapping[str, tuple[str, ...]]:
    """All flattened names that the tables of these models have, by their words in small letters."""
    found: dict[str, tuple[str, ...]] = {}
    for alias in dict.fromkeys(alias for model in models for alias in known(model).aliases):
        key = _key(alias)
        found[key] = (*found.get(key, ()), alias)
    return found


def _key(alias: str) -> str:
    return "_".join(_WORD.findall(alias.lower()))


@lru_cache(REMEMBERED)
def is_name(alias: str, part: str, models: Models = ALL) -> bool:
    """Whether a flattened name as a whole is one that a part of a file may have."""
    denoisers, encoders = _by_kind(models)
    if not part:
        return has_name(denoisers, alias) or has_name(encoders, alias)
    return has_name(encoders if part.startswith(ENCODER) else denoisers, alias)


@cache
def _by_kind(models: Models) -> tuple[Models, Models]:
    """Denoisers, and encoders."""
    denoisers = tuple(model for model in models if model not in ENCODERS)
    return denoisers, tuple(model for model in models if model in ENCODERS)


def prepare(models: Models = ALL) -> None:
    """Build all that is asked here: before processes are forked that would each build it."""
    _tree(models), _telling(models), is_name("", "", models)


@cache
def _telling(models: Models = ALL) -> frozenset[str]:
    """Words that are no wrapper's."""
    words = words_of_models(models)
    return frozenset(w for w in words - _IN_WRAPPERS if len(w) > 1 and not w.isdigit())


@cache
def words_of_models(models: Models = ALL) -> frozenset[str]:
    """All words that names of these models' layers have."""
    return frozenset(word for key in _aliases(models) for word in key.split("_"))


@cache
def _tree(models: Models) -> _Node:
    root = last = _Node()
    spelled = {name for model in models for name in known(model).spelled}
    # Of tens of thousands of names only thousands are left without their numbers.
    patterns = {_NUMBERS.sub(_NUMBER, name.lower()) for name in spelled}
    for pattern in patterns:
        node = root
        for component in reversed(pattern.split(".")):
            for word in reversed(_WORD_OR_NUMBER.findall(component)):
                node = node.words.setdefault(word, _Node())
            last = node
            last.before = node = last.before or _Node()
        last.is_name = True
    return root


@cache
def _begin(models: Models) -> frozenset[str]:
    """The first components of all names."""
    spelled = (name for model in models for name in known(model).spelled)
    return frozenset(name.partition(".")[0].lower() for name in spelled)


def is_put_before(name: str, models: Models = ALL) -> bool:
    """Whether what stands before the first dot of a name is for certain no part of a layer's:
    `single.transformer_blocks.0` is not `single_transformer_blocks.0`."""
    first, dot, rest = name.partition(".")
    return bool(dot) and "_" in rest and first.lower() not in _begin(models)


def _ending(words: list[str], apart: list[bool], models: Models, loosely: bool) -> str | None:
    """`apart`: whether a component ends behind a word; empty where nothing says that."""
    tree = _tree(models)
    if not words or (_NUMBER if words[-1].isdigit() else words[-1]) not in tree.words:
        return None  # as of most names that are none
    names = _aliases(models)
    telling = frozenset[str]() if loosely else _telling(models)
    in_tree = [_NUMBER if word.isdigit() else word for word in words]
    best: tuple[int, str, int] | None = None
    """Words of the longest name, that name, and where it begins."""
    # How far a name was read, backwards: the word that is next before this one, where that is in
    # the tree, whether it stands between components, words passed over, words taken (the last
    # first). The fewest words between come first.
    waiting: deque[tuple[int, _Node, bool, int, tuple[str, ...]]]
    waiting = deque([(len(words), tree, True, 0, ())])
    seen = set()
    while waiting:
        at, node, outside, skipped, taken = waiting.pop()
        if node.is_name and (best is None or len(taken) > best[0]):
            spelled = names.get("_".join(reversed(taken)))
            if spelled:
                best = (len(taken), spelled[0], at)
        if not at or (at, id(node)) in seen:
            continue
        seen.add((at, id(node)))
        word, known_as = words[at - 1], in_tree[at - 1]
        if node.before is not None:
            waiting.append((at, node.before, True, skipped, taken))
        following = node.words.get(known_as)
        if following is not None and (outside or not (apart and apart[at - 1])):
            waiting.append((at - 1, following, False, skipped, (*taken, word)))
        wrapper = outside and at < len(words) and skipped < _MOST_BETWEEN
        if wrapper and known_as is not _NUMBER and word not in telling:
            waiting.appendleft((at - 1, node, True, skipped + 1, taken))
    if best is None:
        return None
    before = words[: best[2]]
    if loosely:
        # What an underscore joins to it is a part of a longer name.
        return best[1] if not (before and apart) or apart[best[2] - 1] else None
    beside = next((word for word in reversed(before) if not word.isdigit()), "")
    if beside in telling or not OTHER_MODELS.isdisjoint(before):
        return None
    return best[1]
