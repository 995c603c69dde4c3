"""Models whose sizes are the default values of their classes in diffusers: no file of them was seen.

They are read like the others, but where a proved model has all that a file has too, the file is
that one's.
"""

from __future__ import annotations

from reseen.updates.names.compact import Family

_Q = "to_q,to_k,to_v,to_out.0"
_JOINT = f"{_Q},add_q_proj,add_k_proj,add_v_proj,to_add_out"
_DOUBLE = f"""
    x_embedder                                          h 64
    context_embedder                                    h t
    transformer_blocks.{{d}}.(norm1,norm1_context).linear 6h h
    transformer_blocks.{{d}}.attn.({_JOINT})            h h
    transformer_blocks.{{d}}.(ff,ff_context).net.2      h 4h
    single_transformer_blocks.{{s}}.norm.linear         3h h
    single_transformer_blocks.{{s}}.proj_out            h 5h
    single_transformer_blocks.{{s}}.attn.(to_q,to_k,to_v) h h
    norm_out.linear                                     2h h
    proj_out                                            64 h
"""
_FEED = """
    transformer_blocks.{d}.(ff,ff_context).net.0.proj   4h h
    single_transformer_blocks.{s}.proj_mlp              4h h
"""
_WIDE_FEED = """
    transformer_blocks.{d}.(ff,ff_context).net.0.proj   8h h
    single_transformer_blocks.{s}.proj_mlp              8h h
"""
_TIMES = """
    %s.linear_1                                         h 256
    %s.linear_2                                         h h
"""

_TIME_NAMES = {
    "diffusers": """
    time_embed.timestep_embedder.(linear_1,linear_2) = time_step_proj.(linear_1,linear_2)
    """
}

LONGCAT = Family(_DOUBLE + _FEED + _TIMES % (("time_step_proj",) * 2), _TIME_NAMES)
BRIA = Family(
    _DOUBLE
    + _FEED
    + _TIMES % (("time_step_proj",) * 2)
    + "caption_projection.{0-56}.linear 1536 2048",
    _TIME_NAMES,
)
OVIS = Family(_DOUBLE + _WIDE_FEED + _TIMES % (("timestep_embedder",) * 2))

_STREAMS = "early_stream_modulations.image,early_stream_modulations.image_cond,early_stream_modulations.txt"
_SINGLE_STREAMS = _STREAMS.replace("early", "single")
FLUX3 = Family(
    f"""
    timestep_embedder.linear_1                          h 256
    timestep_embedder.linear_2                          h h
    ({_STREAMS},{_SINGLE_STREAMS}).linear               3h h
    (x_embedders.image,x_embedders.image_cond)          h 128
    context_embedder                                    h 20480
    (mode_blocks.image,mode_blocks.image_cond,txt_mode_blocks).{{m}}.attn.({_Q}) h h
    (mode_blocks.image,mode_blocks.image_cond,txt_mode_blocks).{{m}}.ff.linear_in 6h h
    (mode_blocks.image,mode_blocks.image_cond,txt_mode_blocks).{{m}}.ff.linear_out h 3h
    single_transformer_blocks.{{s}}.attn.({_Q})         h h
    single_transformer_blocks.{{s}}.ff.linear_in        6h h
    single_transformer_blocks.{{s}}.ff.linear_out       h 3h
    norm_out.linear                                     2h h
    proj_out                                            128 h
    """
)

_GATED = "to_q,to_k,to_v,to_gate,to_out.0"
KREA2 = Family(
    f"""
    x_embedder                                          h 64
    time_embed.linear_1                                 h 256
    time_embed.linear_2                                 h h
    time_mod_proj                                       6h h
    (text_fusion.layerwise_blocks,text_fusion.refiner_blocks).{{0-1}}.attn.({_GATED}) t t
    (text_fusion.layerwise_blocks,text_fusion.refiner_blocks).{{0-1}}.ff.(gate,up) 6912 t
    (text_fusion.layerwise_blocks,text_fusion.refiner_blocks).{{0-1}}.ff.down t 6912
    text_fusion.projector                               1 12
    txt_in.linear_1                                     h t
    txt_in.linear_2                                     h h
    transformer_blocks.{{n}}.attn.(to_q,to_gate,to_out.0) h h
    transformer_blocks.{{n}}.attn.(to_k,to_v)           1536 h
    transformer_blocks.{{n}}.ff.(gate,up)               16384 h
    transformer_blocks.{{n}}.ff.down                    h 16384
    proj_out                                            64 h
    """,
    {
        "diffusers": """
    img_in                              =  x_embedder
    final_layer.linear                  =  proj_out
    """,
        "native": """
    blocks.{n}.attn.(wq,wk,wv,wo,gate)  =  transformer_blocks.{n}.attn.(to_q,to_k,to_v,to_out.0,to_gate)
    blocks.{n}.mlp.(gate,up,down)       =  transformer_blocks.{n}.ff.(gate,up,down)
    """,
    },
)

IDEOGRAM4 = Family(
    f"""
    input_proj                                          h 128
    llm_cond_proj                                       h 53248
    (t_embedding.mlp_in,t_embedding.mlp_out)            h h
    adaln_proj                                          512 h
    layers.{{n}}.attention.({_Q})                       h h
    layers.{{n}}.feed_forward.(w1,w3)                   12288 h
    layers.{{n}}.feed_forward.w2                        h 12288
    layers.{{n}}.adaln_modulation                       4h 512
    final_layer.linear                                  128 h
    final_layer.adaln_modulation                        h 512
    """
)

GLM_IMAGE = Family(
    f"""
    image_projector.proj                                h 64
    glyph_projector.net.0.proj                          h 1472
    (glyph_projector.net.2,prior_projector.net.0.proj,prior_projector.net.2) h h
    time_condition_embed.(timestep_embedder,condition_embedder).linear_2 512 512
    time_condition_embed.timestep_embedder.linear_1     512 512
    time_condition_embed.condition_embedder.linear_1    512 1024
    transformer_blocks.{{n}}.norm1.linear               12h 512
    transformer_blocks.{{n}}.attn1.({_Q})               h h
    transformer_blocks.{{n}}.ff.net.0.proj              4h h
    transformer_blocks.{{n}}.ff.net.2                   h 4h
    norm_out.linear                                     2h 512
    proj_out                                            64 h
    """
)

PRX = Family(
    """
    img_in                                              h 64
    time_in.in_layer                                    h 256
    time_in.out_layer                                   h h
    txt_in                                              h 2304
    blocks.{n}.attention.img_qkv_proj                   3h h
    blocks.{n}.attention.txt_kv_proj                    2h h
    blocks.{n}.attention.to_out.0                       h h
    blocks.{n}.(gate_proj,up_proj)                      6272 h
    blocks.{n}.down_proj                                h 6272
    blocks.{n}.modulation.lin                           6h h
    final_layer.linear                                  64 h
    final_layer.adaLN_modulation.1                      2h h
    """
)

ERNIE_IMAGE = Family(
    f"""
    x_embedder.proj                                     h 128
    text_proj                                           h 2560
    (time_embedding.linear_1,time_embedding.linear_2)   h h
    adaLN_modulation.1                                  6h h
    layers.{{n}}.self_attention.({_Q})                  h h
    layers.{{n}}.mlp.(gate_proj,up_proj)                8192 h
    layers.{{n}}.mlp.linear_fc2                         h 8192
    final_norm.linear                                   2h h
    final_linear                                        128 h
    """
)
