"""A merge by peft itself: adapters in, the factors that its own merge makes of them out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from peft import LoraConfig, LoraModel

from benchmarks.adapters import Adapter, Factors


class _Base(torch.nn.Module):  # type: ignore[misc]
    """A base model of the right shapes and without memory: each weight is one number, repeated."""

    def __init__(self, adapter: Adapter, names: Sequence[str]) -> None:
        super().__init__()
        self.config = {"model_type": "none"}
        for name, layer in zip(names, adapter.layers.values(), strict=True):
            linear = torch.nn.Linear(1, 1, bias=False)
            linear.in_features, linear.out_features = layer.down.shape[1], len(layer.up)
            weight = torch.zeros(1, 1).expand(linear.out_features, linear.in_features)
            linear.weight = torch.nn.Parameter(weight, requires_grad=False)
            self.add_module(name, linear)


def merged(
    adapters: Sequence[Adapter],
    how: str = "cat",
    weights: Sequence[float] = (),
    seed: int = 0,
) -> dict[str, Factors]:
    """`how`: its `combination_type`, with density 0.5 where it has one; `weights`: equal ones
    without; `seed`: of what it drops at random."""
    torch.manual_seed(seed)
    first = adapters[0]
    names = [f"m{i}" for i in range(len(first.layers))]
    model: Any = None
    for number, adapter in enumerate(adapters):
        rank = next(iter(adapter.layers.values())).rank
        config = LoraConfig(r=rank, lora_alpha=rank, target_modules=names)
        if model is None:
            model = LoraModel(_Base(first, names), {"a0": config}, "a0")
        else:
            model.peft_config[f"a{number}"] = config
            model.inject_adapter(model.model, f"a{number}")
        for name, factors in zip(names, adapter.layers.values(), strict=True):
            layer = getattr(model.model, name)
            layer.lora_A[f"a{number}"].weight.data = torch.from_numpy(factors.down)
            layer.lora_B[f"a{number}"].weight.data = torch.from_numpy(factors.scaled_up)
    keys = [f"a{number}" for number in range(len(adapters))]
    shares = list(weights) or [1 / len(keys)] * len(keys)
    more = {} if how in ("cat", "linear") else {"density": 0.5}
    model.add_weighted_adapter(keys, shares, "all", combination_type=how, **more)
    made: dict[str, Factors] = {}
    for name, module in zip(names, first.layers, strict=True):
        layer = getattr(model.model, name)
        down = layer.lora_A["all"].weight.detach().numpy()
        up = layer.lora_B["all"].weight.detach().numpy() * layer.scaling["all"]
        made[module] = Factors(up, down, float(len(down)))
    return made
