"""Text encoders: CLIP-L, CLIP-G, the encoder of SD 2.x (CLIP-H) and T5-XXL.

Canonical are the names of the transformers library. The oldest diffusers adapters say `to_q` for
`q_proj`; OpenCLIP's own code says `resblocks` and fuses q, k and v.
"""

from __future__ import annotations

from reseen.updates.names.compact import Family
from reseen.updates.names.tables import Cut, Layer, Table, table

_ATTENTION = "q_proj,k_proj,v_proj,o_proj,qkv_proj"
_FEED = "gate_proj,up_proj,down_proj,gate_up_proj"


def clip(part: str, width: int, depth: int, projection: int) -> Table:
    """A CLIP text encoder; `projection` is the width of `text_projection`, 0 for none."""
    layers: list[Layer] = []
    aliases: list[tuple[str, tuple[Cut, ...]]] = []
    for i in range(depth):
        base = f"text_model.encoder.layers.{i}"
        qkv = [f"{base}.self_attn.{x}_proj" for x in "qkv"]
        out, fc1, fc2 = f"{base}.self_attn.out_proj", f"{base}.mlp.fc1", f"{base}.mlp.fc2"
        mine = [Layer(name, width, width) for name in [*qkv, out]]
        mine += [Layer(fc1, 4 * width, width), Layer(fc2, width, 4 * width)]
        layers += mine
        # Newer transformers releases drop `text_model`.
        aliases += [(layer.name.removeprefix("text_model."), (Cut(layer.name),)) for layer in mine]
        for old, name in zip(("to_q", "to_k", "to_v", "to_out"), [*qkv, out], strict=True):
            aliases.append((f"{base}.self_attn.{old}", (Cut(name),)))
        block = f"transformer.resblocks.{i}"
        aliases += [
            (f"{block}.attn.in_proj", tuple(Cut(n, ((j, j + 1),), 3) for j, n in enumerate(qkv))),
            (f"{block}.attn.out_proj", (Cut(out),)),
            (f"{block}.mlp.c_fc", (Cut(fc1),)),
            (f"{block}.mlp.c_proj", (Cut(fc2),)),
        ]
    if projection:
        layers.append(Layer("text_projection", projection, width))
    return table(part, layers, aliases)


_LLAMA_CPP = "\n".join(
    f"blk.{{0-127}}.({theirs}{end}) = layers.{{0-127}}.{ours}"
    for theirs, ours in {
        **{f"attn_{x}": f"self_attn.{x}_proj" for x in ("q", "k", "v", "qkv")},
        "attn_output": "self_attn.o_proj",
        **{f"ffn_{x}": f"mlp.{x}_proj" for x in ("gate", "up", "down")},
    }.items()
    for end in ("", ".weight")
)
"""Names of llama.cpp (gguf-py/gguf/tensor_mapping.py); it turns rows of q and k, too
(`turned_rows`)."""


_TORCHTUNE = """
    layers.{0-127}.attn.(q_proj,k_proj,v_proj) = layers.{0-127}.self_attn.(q_proj,k_proj,v_proj)
    layers.{0-127}.attn.output_proj = layers.{0-127}.self_attn.o_proj
    layers.{0-127}.mlp.(w1,w3,w2) = layers.{0-127}.mlp.(gate_proj,up_proj,down_proj)
"""


LANGUAGE = Family(
    """
    layers.{0-127}.self_attn.(q_proj,k_proj,v_proj,o_proj,qkv_proj) 0 0
    layers.{0-127}.mlp.(gate_proj,up_proj,down_proj,gate_up_proj) 0 0
    """,
    {
        spelled: f"""
    {spelled}.layers.{{0-127}}.self_attn.({_ATTENTION}) = layers.{{0-127}}.self_attn.({_ATTENTION})
    {spelled}.layers.{{0-127}}.mlp.({_FEED}) = layers.{{0-127}}.mlp.({_FEED})
    """
        for spelled in ("model", "language_model", "language_model.model", "model.language_model")
    }
    | {"llama.cpp": _LLAMA_CPP, "torchtune": _TORCHTUNE},
    part="language",
)
"""Language models, whatever their size: adapters say where the model is (`model.layers.0`) or
leave it to who loads them (`layers.0`)."""


def t5(width: int = 4096, inner: int = 10240, depth: int = 24) -> Table:
    """T5-XXL's encoder."""
    layers: list[Layer] = []
    for i in range(depth):
        attention, dense = (f"encoder.block.{i}.layer.{j}" for j in (0, 1))
        layers += [Layer(f"{attention}.SelfAttention.{x}", width, width) for x in "qkvo"]
        layers += [Layer(f"{dense}.DenseReluDense.wi_{x}", inner, width) for x in (0, 1)]
        layers.append(Layer(f"{dense}.DenseReluDense.wo", width, inner))
    return table("t5", layers, ())
