"""Makes `own_vectors.json` by PEFT and LyCORIS, where they and torch are installed.

`make oracles` runs `test_updates_oracles.py`, which compares what is kept with what they do now;
`python -m tests.updates.own_oracles` writes it anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import peft
import torch
from lycoris.modules.boft import ButterflyOFTModule
from lycoris.modules.diag_oft import DiagOFTModule
from lycoris.modules.dylora import DyLoraModule
from lycoris.modules.glora import GLoRAModule
from lycoris.modules.ia3 import IA3Module
from lycoris.modules.locon import LoConModule
from tests.updates.own_tools import Case, stored

OUT, INN = 8, 12
SCALARS = ("use_cayley_neumann", "scaling", "lora_alpha", "r", "init_r", "init_weights")
"""What is kept of a configuration."""


def of_peft(algorithm: str, objects: tuple[str, ...], moved: float = 0.1, **options: Any) -> Case:
    torch.manual_seed(1)
    model = torch.nn.Sequential()
    model.add_module("layer", torch.nn.Linear(INN, OUT, bias=False))
    base = model.layer.weight.detach().numpy().astype("f8")
    config = peft.get_peft_config(
        {"peft_type": algorithm.upper(), "target_modules": ["layer"]} | options
    )
    made = peft.get_peft_model(model, config)
    for parameter in made.parameters():
        if parameter.requires_grad:
            parameter.data += moved * torch.randn_like(parameter)
    state = peft.get_peft_model_state_dict(made)
    shared = {}
    if algorithm == "vera":
        shared = {n: getattr(made.base_model, n)["default"] for n in ("vera_A", "vera_B")}
    if algorithm == "fourierft":
        rows, columns = made.base_model.model.layer.indices["default"]
        shared = {"places": rows * INN + columns}
    tensors = {n: t.detach().float().numpy() for n, t in state.items()}
    kept = {k: v for k, v in config.to_dict().items() if k in SCALARS and not isinstance(v, dict)}
    merged = made.merge_and_unload().layer.weight.detach().numpy().astype("f8")
    return Case(
        algorithm,
        objects,
        tensors,
        kept | {"peft_type": algorithm.upper()},
        base,
        merged - base,
        {n: t.detach().numpy().astype("f8") for n, t in shared.items()},
    )


def of_peft_butterfly(stages: int, side: int, blocks: int) -> Case:
    """BOFT of several factors, which PEFT makes where its CUDA code was built: that only lays
    blocks along a diagonal, which is done here; all else is PEFT's."""
    from peft.tuners.boft import layer as boft

    class Along:
        apply = staticmethod(lambda every: torch.stack([torch.block_diag(*one) for one in every]))

    torch.manual_seed(3)
    size = side * blocks
    model = torch.nn.Sequential()
    model.add_module("layer", torch.nn.Linear(size, OUT, bias=False))
    base = model.layer.weight.detach().numpy().astype("f8")
    config = peft.BOFTConfig(target_modules=["layer"], boft_block_size=side)
    before = boft.FastBlockDiag, boft.get_fbd_cuda
    boft.FastBlockDiag, boft.get_fbd_cuda = Along, lambda: True
    try:
        config.boft_n_butterfly_factor = stages
        made = peft.get_peft_model(model, config)
        for parameter in made.parameters():
            if parameter.requires_grad:
                parameter.data += 0.1 * torch.randn_like(parameter)
        made.base_model.model.layer.fbd_cuda_available = True
        state = peft.get_peft_model_state_dict(made)
        tensors = {n: t.detach().float().numpy().copy() for n, t in state.items()}
        merged = made.merge_and_unload().layer.weight.detach().numpy().astype("f8")
    finally:
        boft.FastBlockDiag, boft.get_fbd_cuda = before
    assert next(t for n, t in tensors.items() if "boft_R" in n).shape[0] == stages
    objects = ("rot.in", "scale.out")
    return Case("boft", objects, tensors, {"peft_type": "BOFT"}, base, merged - base, {})


def of_lycoris(
    algorithm: str,
    objects: tuple[str, ...],
    kind: Any,
    conv: bool = False,
    side: str = "",
    **options: Any,
) -> Case:
    torch.manual_seed(2)
    layer = torch.nn.Conv2d(4, 16, 3, bias=False) if conv else torch.nn.Linear(6, 16, bias=False)
    base = layer.weight.detach().numpy().astype("f8")
    module = kind("layer", layer, 1.0, **options)
    for parameter in module.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn_like(parameter)
    state = getattr(module, "custom_state_dict", lambda: None)() or module.state_dict()
    tensors = {
        f"lora_unet_layer.{n}": t.detach().float().numpy()
        for n, t in state.items()
        if not n.startswith("org")
    }
    if kind is DyLoraModule:  # draws a rank: what loads the file takes all of it
        read = (state[n] for n in ("lora_up.weight", "lora_down.weight"))
        with torch.no_grad():
            module = LoConModule.make_module_from_state_dict(
                "layer", layer, *read, None, module.alpha, None
            )
    delta = module.get_diff_weight(1.0)[0].detach().numpy().astype("f8")
    return Case(algorithm, objects, tensors, {"side": side} if side else {}, base, delta, {})


def cases() -> Iterator[tuple[str, Case]]:
    blocks = {"oft_block_size": 4, "r": 0}
    yield "peft oft", of_peft("oft", ("rot.in",), use_cayley_neumann=True, **blocks)
    # The exact rotation is of the other sign: small, for the two formulas part with its cube.
    yield (
        "peft oft exact",
        of_peft("oft", ("rot.in",), 0.005, use_cayley_neumann=False, **blocks),
    )
    yield "peft coft", of_peft("oft", ("rot.in",), coft=True, eps=0.1, **blocks)
    yield (
        "peft boft",
        of_peft("boft", ("rot.in", "scale.out"), boft_block_size=4, boft_n_butterfly_factor=1),
    )
    yield "peft boft of two factors", of_peft_butterfly(2, 4, 4)
    yield "peft boft of three factors", of_peft_butterfly(3, 6, 4)
    yield "peft ia3", of_peft("ia3", ("scale.out",), feedforward_modules=[])
    yield "peft ia3 input", of_peft("ia3", ("scale.in",), feedforward_modules=["layer"])
    yield "peft hra", of_peft("hra", ("rot.in",), r=4)
    yield "peft vera", of_peft("vera", ("scale.out",), r=4, save_projection=True)
    yield "peft vera seeded", of_peft("vera", ("scale.out",), r=4, save_projection=False)
    yield (
        "peft fourierft",
        of_peft("fourierft", ("spectrum",), n_frequency=20, scaling=150.0, init_weights=True),
    )
    yield (
        "peft adalora",
        of_peft(
            "adalora", ("",), init_r=6, target_r=4, lora_alpha=16, total_step=10, tinit=1, tfinal=1
        ),
    )
    oft, boft = DiagOFTModule, ButterflyOFTModule
    yield "lycoris oft", of_lycoris("oft", ("rot.out",), oft, lora_dim=4)
    yield "lycoris oft conv", of_lycoris("oft", ("rot.out",), oft, lora_dim=4, conv=True)
    yield "lycoris oft rescaled", of_lycoris("oft", ("rot.out",), oft, lora_dim=4, rescaled=True)
    yield "lycoris coft", of_lycoris("oft", ("rot.out",), oft, lora_dim=4, constraint=0.01)
    yield "lycoris boft", of_lycoris("boft", ("rot.out",), boft, lora_dim=4)
    yield (
        "lycoris boft rescaled",
        of_lycoris("boft", ("rot.out",), boft, lora_dim=4, rescaled=True, constraint=0.02),
    )
    both = ("", "glora.in")
    yield "lycoris glora", of_lycoris("glora", both, GLoRAModule, lora_dim=2, alpha=1)
    yield "lycoris ia3", of_lycoris("ia3", ("scale",), IA3Module, side="out")
    yield (
        "lycoris ia3 input",
        of_lycoris("ia3", ("scale",), IA3Module, side="in", train_on_input=True),
    )
    yield "lycoris dylora", of_lycoris("lora", ("",), DyLoraModule, lora_dim=4, alpha=2)


def written(made: Mapping[str, Case]) -> str:
    lines = (f"{json.dumps(n)}: {json.dumps(stored(case))}" for n, case in made.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    np.seterr(all="raise")
    Path(__file__).with_name("own_vectors.json").write_text(written(dict(cases())))
