"""The rows of q and k of language models as llama.cpp stores them, put back into their order.

For some models its converter lays the two halves of each head's rows beside each other, row by row
(`permute` in conversion/llama.py), and an adapter's up factor with them. How many rows a head has
stands in no adapter: 128, and 64 where the model is narrow. A file is compared under the other
guess, and as it is stored, too (`otherwise`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from reseen.updates.modules import ModulePlan

Matrix = NDArray[np.float32]

ARCHITECTURE = "general.architecture"
"""Where a GGUF file says it."""
_TURNED = frozenset(
    (
        *("llama", "mistral3", "granite", "granitemoe", "minicpm", "deepseek", "deci"),
        *("arcee", "smollm3", "olmo", "llada", "baichuan", "xverse"),
    )
)
_LAYERS = ("self_attn.q_proj", "self_attn.k_proj")
_NARROW = 2_304
"""Inputs up to which a head has 64 rows (MiniCPM 2B, Llama 3.2 1B, TinyLlama)."""
_HEADS = (64, 128)


def put_back(modules: Sequence[ModulePlan], metadata: Mapping[str, str]) -> tuple[ModulePlan, ...]:
    """The modules, with those marked whose rows are turned."""
    if metadata.get(ARCHITECTURE) not in _TURNED:
        return tuple(modules)
    return tuple(_marked(m, _HEADS[m.shape[1] > _NARROW]) for m in modules)


def otherwise(modules: Sequence[ModulePlan]) -> Iterator[tuple[ModulePlan, ...]]:
    """The modules if heads have as many rows as the other guess says, and as they are stored."""
    if any(module.head for module in modules):
        small, large = _HEADS
        yield tuple(_marked(m, small + large - m.head) if m.head else m for m in modules)
        yield tuple(replace(module, head=0) for module in modules)


def _marked(module: ModulePlan, head: int) -> ModulePlan:
    turned = (
        module.algorithm == "lora"
        and module.rows is None
        and module.name.startswith("language.")
        and module.name.endswith(_LAYERS)
        and not module.shape[0] % head
    )
    return replace(module, head=head if turned else 0)


def rows_put_back(matrix: Matrix, head: int) -> Matrix:
    """Of each head's rows those at even places, then those at odd places."""
    pairs = matrix.reshape(-1, head // 2, 2, matrix.shape[1])
    made: Matrix = pairs.swapaxes(1, 2).reshape(matrix.shape)
    return made
