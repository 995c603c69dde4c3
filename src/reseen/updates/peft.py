"""What PEFT writes beside or into a file: the numbers that make the scale.

PEFT keeps alpha out of the tensors: it stands in `adapter_config.json` beside the file, or, from
diffusers, in the `lora_adapter_metadata` of a safetensors header. Both are foreign: size, depth
and count are bounded, and a pattern that is a regular expression is counted but never run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from reseen.errors import Malformed, TooLarge
from reseen.updates.json_object import json_object

_N = TypeVar("_N", int, float)

GGUF_ALPHA = "adapter.lora.alpha"
"""Where a GGUF file has it."""
LARGEST = 1 << 20
"""Bytes of a configuration: a real one has a few thousand."""
_MOST_PATTERNS = 20_000
_LARGEST_NUMBER = 1e9
_LITERAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
_FROM_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")
_PARTS = ("unet", "transformer", "transformer_2", "text_encoder", "text_encoder_2")


@dataclass(frozen=True, slots=True)
class PeftConfig:
    """The fields of a PEFT configuration that decide ΔW."""

    kind: str = "LORA"
    """PEFT's `peft_type`."""
    rank: int | None = None
    alpha: float | None = None
    rslora: bool = False
    """The scale is alpha/sqrt(rank), not alpha/rank."""
    alpha_pattern: Mapping[str, float] = field(default_factory=dict)
    """Endings of layer names, without regular expressions, in the file's order."""
    rank_pattern: Mapping[str, int] = field(default_factory=dict)
    """As alpha_pattern. Needed only where the tensors do not show the rank."""
    unreadable_patterns: int = 0
    """Patterns that are regular expressions."""
    begins: str = ""
    """`init_lora_weights`, where it is a word: pissa, gaussian ..."""
    from_nothing: bool | None = None
    """`init_weights`: whether training began from an update of zero; None where it is not said."""
    first_rank: int | None = None
    """`init_r` of AdaLoRA: what alpha is divided by, whatever ranks are left."""
    gram_schmidt: bool = False
    """`apply_GS` of HRA."""
    projections: int = 0
    """`projection_prng_key` of VeRA, which draws what is not saved."""

    _alpha_places: Mapping[str, int] = field(init=False, repr=False, compare=False)
    _rank_places: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_alpha_places", _places(self.alpha_pattern))
        object.__setattr__(self, "_rank_places", _places(self.rank_pattern))

    def alpha_of(self, layer: str) -> float | None:
        """Alpha of a layer by its dotted name, as PEFT picks it: the first pattern that ends it."""
        return _first(self.alpha_pattern, self._alpha_places, layer, self.alpha)

    def rank_of(self, layer: str) -> int | None:
        """Rank of a layer, likewise."""
        return _first(self.rank_pattern, self._rank_places, layer, self.rank)

    @property
    def begins_from_base(self) -> bool:
        """Whether what was trained began as a part of the base weight, which strangers share."""
        return self.begins.startswith(_FROM_BASE)

    def scale(self, layer: str, rank: int) -> float | None:
        """What the product of the factors is multiplied with; None where alpha is not said."""
        alpha = self.alpha_of(layer)
        if alpha is None or rank < 1:
            return None
        return alpha / (math.sqrt(rank) if self.rslora else rank)


def _places(patterns: Iterable[str]) -> dict[str, int]:
    return {pattern: place for place, pattern in enumerate(patterns)}


def _first(
    patterns: Mapping[str, _N], places: Mapping[str, int], layer: str, default: _N | None
) -> _N | None:
    """The value of the first pattern, in the file's order, that ends a layer's name: looked up by
    the layer's endings, for there may be thousands of both. `places`: of the patterns."""
    if not patterns:
        return default
    pieces = layer.split(".")
    endings = {".".join(pieces[i:]) for i in range(max(0, len(pieces) - 16), len(pieces))}
    endings |= {layer, f"^{layer}"}
    fitting = [ending for ending in endings if ending in patterns]
    if not fitting:
        return default
    if len(fitting) == 1:
        return patterns[fitting[0]]
    return patterns[min(fitting, key=places.__getitem__)]


def parse_config(data: bytes) -> PeftConfig:
    """Read an adapter_config.json. Raises TooLarge or Malformed."""
    return _config(_mapping(data))


def parse_metadata(text: str) -> dict[str, PeftConfig]:
    """Read `lora_adapter_metadata`: a configuration for each part that it names, "" for none.

    Raises TooLarge or Malformed.
    """
    by_part: dict[str, dict[str, object]] = {}
    for key, value in _mapping(text.encode("utf-8", "surrogatepass")).items():
        part, dot, rest = key.partition(".")
        if dot and part in _PARTS:
            by_part.setdefault(part, {})[rest] = value
        else:
            by_part.setdefault("", {})[key] = value
    return {part: _config(fields) for part, fields in by_part.items()}


def config_of_gguf(alpha: str) -> PeftConfig:
    """What llama.cpp's converter writes of it: one alpha, for all layers. Raises Malformed."""
    try:
        number = float(alpha)
    except ValueError:
        number = math.nan
    if not 0 < number <= _LARGEST_NUMBER:
        raise Malformed(f"{GGUF_ALPHA} is no usable number")
    return PeftConfig(alpha=number)


def _mapping(data: bytes) -> dict[str, object]:
    if len(data) > LARGEST:
        raise TooLarge("the adapter's configuration is larger than 1 MiB")
    return json_object(data, "the adapter's configuration")


def _config(fields: Mapping[str, object]) -> PeftConfig:
    kind = fields.get("peft_type", "LORA")
    if not isinstance(kind, str):
        raise Malformed("the adapter's configuration has a peft_type that is no text")
    # LoHa and LoKr call it `alpha`.
    alpha = _number(fields, "lora_alpha")
    if alpha is None:
        alpha = _number(fields, "alpha")
    rank, first_rank = _number(fields, "r"), _number(fields, "init_r")
    begins, from_nothing = fields.get("init_lora_weights"), fields.get("init_weights")
    alphas, bad = _patterns(fields, "alpha_pattern")
    ranks, bad_ranks = _patterns(fields, "rank_pattern")
    return PeftConfig(
        kind=kind[:40],
        rank=int(rank) if rank is not None else None,
        alpha=alpha,
        rslora=fields.get("use_rslora") is True,
        alpha_pattern=alphas,
        rank_pattern={key: int(value) for key, value in ranks.items()},
        unreadable_patterns=bad + bad_ranks,
        begins=begins[:40].lower() if isinstance(begins, str) else "",
        from_nothing=from_nothing if isinstance(from_nothing, bool) else None,
        first_rank=int(first_rank) if first_rank is not None else None,
        gram_schmidt=fields.get("apply_GS") is True,
        projections=int(_number(fields, "projection_prng_key") or 0) % (1 << 32),
    )


def _is_number(value: object) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and abs(value) <= _LARGEST_NUMBER
    )


def _number(fields: Mapping[str, object], key: str) -> float | None:
    value = fields.get(key)
    if value is None:
        return None
    if not isinstance(value, (int, float)) or not _is_number(value):
        raise Malformed(f"the adapter's configuration has no usable number for {key}")
    return float(value)


def _patterns(fields: Mapping[str, object], key: str) -> tuple[dict[str, float], int]:
    value = fields.get(key) or {}
    if not isinstance(value, dict):
        raise Malformed(f"the adapter's configuration has a {key} that is no object")
    if len(value) > _MOST_PATTERNS:
        raise TooLarge(f"the adapter's configuration has too many entries in {key}")
    readable: dict[str, float] = {}
    unreadable = 0
    for pattern, number in value.items():
        if not isinstance(number, (int, float)) or not _is_number(number):
            raise Malformed(f"the adapter's configuration has no usable number in {key}")
        # An unescaped dot is meant as a dot; everything else that is special is a real pattern.
        literal = str(pattern).replace("\\.", ".").removesuffix("$")
        if set(literal.removeprefix("^")) <= _LITERAL:
            readable.setdefault(literal, float(number))
        else:
            unreadable += 1
    return readable, unreadable
