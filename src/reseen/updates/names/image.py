"""Image models since Flux.1, in a few lines each: see `compact`.

Sizes are those of the classes of diffusers with the configurations that its conversion scripts
have; the other names are those that these scripts, and the loaders of adapters, translate.
"""

from __future__ import annotations

from reseen.updates.names.compact import Family

_JOINT = "to_q,to_k,to_v,to_out.0,add_q_proj,add_k_proj,add_v_proj,to_add_out"
_EMBED = "(in_layer,out_layer)"
DOUBLE_QKV = """
    double_blocks.{d}.img_attn.qkv      =  transformer_blocks.{d}.attn.(to_q,to_k,to_v)
    double_blocks.{d}.txt_attn.qkv      =  transformer_blocks.{d}.attn.(add_q_proj,add_k_proj,add_v_proj)
    double_blocks.{d}.img_attn.proj     =  transformer_blocks.{d}.attn.to_out.0
    double_blocks.{d}.txt_attn.proj     =  transformer_blocks.{d}.attn.to_add_out
"""
_MLP = """
    double_blocks.{d}.img_mlp.(0,2)     =  transformer_blocks.{d}.ff.(net.0.proj,net.2)
    double_blocks.{d}.txt_mlp.(0,2)     =  transformer_blocks.{d}.ff_context.(net.0.proj,net.2)
    single_blocks.{s}.linear1           =  single_transformer_blocks.{s}.(attn.to_q,attn.to_k,attn.to_v,proj_mlp)
    single_blocks.{s}.linear2           =  single_transformer_blocks.{s}.proj_out
"""
_ENDS = """
    img_in                              =  x_embedder
    txt_in                              =  context_embedder
    final_layer.linear                  =  proj_out
"""

CHROMA = Family(
    f"""
    x_embedder                                          h 64
    context_embedder                                    h 4096
    transformer_blocks.{{d}}.attn.({_JOINT})            h h
    transformer_blocks.{{d}}.(ff,ff_context).net.0.proj 4h h
    transformer_blocks.{{d}}.(ff,ff_context).net.2      h 4h
    single_transformer_blocks.{{s}}.attn.(to_q,to_k,to_v) h h
    single_transformer_blocks.{{s}}.proj_mlp            4h h
    single_transformer_blocks.{{s}}.proj_out            h 5h
    proj_out                                            64 h
    distilled_guidance_layer.in_proj                    5120 64
    distilled_guidance_layer.layers.{{0-4}}.(linear_1,linear_2) 5120 5120
    distilled_guidance_layer.out_proj                   h 5120
    """,
    {
        "native": f"""
    {DOUBLE_QKV} {_MLP} {_ENDS}
    distilled_guidance_layer.layers.{{0-4}}.{_EMBED} = distilled_guidance_layer.layers.{{0-4}}.(linear_1,linear_2)
    """
    },
)

FLUX2 = Family(
    f"""
    x_embedder                                          h 128
    context_embedder                                    h t
    time_text_embed.(timestep_embedder,guidance_embedder).linear_1  h 256
    time_text_embed.(timestep_embedder,guidance_embedder).linear_2  h h
    (double_stream_modulation_img,double_stream_modulation_txt).linear  6h h
    single_stream_modulation.linear                     3h h
    transformer_blocks.{{d}}.attn.({_JOINT})            h h
    transformer_blocks.{{d}}.(ff,ff_context).linear_in  6h h
    transformer_blocks.{{d}}.(ff,ff_context).linear_out h 3h
    single_transformer_blocks.{{s}}.attn.to_qkv_mlp_proj 9h h
    single_transformer_blocks.{{s}}.attn.to_out         h 4h
    norm_out.linear                                     2h h
    proj_out                                            128 h
    """,
    {
        "diffusers": """
    time_guidance_embed.(timestep_embedder,guidance_embedder).(linear_1,linear_2) = time_text_embed.(timestep_embedder,guidance_embedder).(linear_1,linear_2)
    """,
        "native": f"""
    {DOUBLE_QKV} {_ENDS}
    double_blocks.{{d}}.img_mlp.(0,2)   =  transformer_blocks.{{d}}.ff.(linear_in,linear_out)
    double_blocks.{{d}}.txt_mlp.(0,2)   =  transformer_blocks.{{d}}.ff_context.(linear_in,linear_out)
    single_blocks.{{s}}.linear1         =  single_transformer_blocks.{{s}}.attn.to_qkv_mlp_proj
    single_blocks.{{s}}.linear2         =  single_transformer_blocks.{{s}}.attn.to_out
    time_in.{_EMBED}                    =  time_text_embed.timestep_embedder.(linear_1,linear_2)
    guidance_in.{_EMBED}                =  time_text_embed.guidance_embedder.(linear_1,linear_2)
    double_stream_modulation_img.lin    =  double_stream_modulation_img.linear
    double_stream_modulation_txt.lin    =  double_stream_modulation_txt.linear
    single_stream_modulation.lin        =  single_stream_modulation.linear
    final_layer.adaLN_modulation.1      ~  norm_out.linear
    """,
        # A clipped `transformer_blocks` is seen in exports.
        "clipped": f"""
    sformer_blocks.{{d}}.attn.({_JOINT}) =  transformer_blocks.{{d}}.attn.({_JOINT})
    sformer_blocks.{{d}}.(ff,ff_context).linear_in  =  transformer_blocks.{{d}}.(ff,ff_context).linear_in
    sformer_blocks.{{d}}.(ff,ff_context).linear_out =  transformer_blocks.{{d}}.(ff,ff_context).linear_out
    """,
    },
)

QWEN_IMAGE = Family(
    f"""
    x_embedder                                          h 64
    context_embedder                                    h 3584
    time_text_embed.timestep_embedder.linear_1          h 256
    time_text_embed.timestep_embedder.linear_2          h h
    transformer_blocks.{{n}}.(img_mod,txt_mod).1        6h h
    transformer_blocks.{{n}}.attn.({_JOINT})            h h
    transformer_blocks.{{n}}.(img_mlp,txt_mlp).net.0.proj 4h h
    transformer_blocks.{{n}}.(img_mlp,txt_mlp).net.2    h 4h
    norm_out.linear                                     2h h
    proj_out                                            64 h
    """,
    {
        "diffusers": """
    img_in                              =  x_embedder
    txt_in                              =  context_embedder
    """
    },
)

Z_IMAGE = Family(
    """
    x_embedder                                          h 64
    proj_out                                            64 h
    final_layer.adaLN_modulation.1                      h 256
    time_caption_embed.timestep_embedder.linear_1       1024 256
    time_caption_embed.timestep_embedder.linear_2       256 1024
    cap_embedder.1                                      h 2560
    layers.{n}.attention.(to_q,to_k,to_v,to_out.0)      h h
    layers.{n}.feed_forward.(w1,w3)                     f h
    layers.{n}.feed_forward.w2                          h f
    layers.{n}.adaLN_modulation.0                       4h 256
    (noise_refiner,context_refiner).{r}.attention.(to_q,to_k,to_v,to_out.0) h h
    (noise_refiner,context_refiner).{r}.feed_forward.(w1,w3) f h
    (noise_refiner,context_refiner).{r}.feed_forward.w2 h f
    noise_refiner.{r}.adaLN_modulation.0                4h 256
    """,
    {
        "diffusers": """
    t_embedder.mlp.(0,2)                =  time_caption_embed.timestep_embedder.(linear_1,linear_2)
    all_x_embedder.2-1                  =  x_embedder
    all_final_layer.2-1.linear          =  proj_out
    all_final_layer.2-1.adaLN_modulation.1 = final_layer.adaLN_modulation.1
    """,
        "native": """
    t_embedder.mlp.(0,2)                =  time_caption_embed.timestep_embedder.(linear_1,linear_2)
    layers.{n}.attention.qkv            =  layers.{n}.attention.(to_q,to_k,to_v)
    noise_refiner.{r}.attention.qkv     =  noise_refiner.{r}.attention.(to_q,to_k,to_v)
    context_refiner.{r}.attention.qkv   =  context_refiner.{r}.attention.(to_q,to_k,to_v)
    layers.{n}.attention.out            =  layers.{n}.attention.to_out.0
    noise_refiner.{r}.attention.out     =  noise_refiner.{r}.attention.to_out.0
    context_refiner.{r}.attention.out   =  context_refiner.{r}.attention.to_out.0
    final_layer.linear                  =  proj_out
    """,
    },
)


def _lumina(block: str) -> str:
    return f"""
    {block}.attention.qkv               =  {block}.attn.(to_q,to_k,to_v)
    {block}.attention.out               =  {block}.attn.to_out.0
    {block}.feed_forward.(w1,w2,w3)     =  {block}.feed_forward.(linear_1,linear_2,linear_3)
    {block}.adaLN_modulation.1          =  {block}.norm1.linear
    """


LUMINA2 = Family(
    "".join(
        f"""
    {block}.attn.(to_q,to_out.0)        h h
    {block}.attn.(to_k,to_v)            k h
    {block}.feed_forward.(linear_1,linear_3) 4h h
    {block}.feed_forward.linear_2       h 4h
    """
        for block in ("layers.{n}", "noise_refiner.{r}", "context_refiner.{r}")
    )
    + """
    layers.{n}.norm1.linear             4h 1024
    noise_refiner.{r}.norm1.linear      4h 1024
    x_embedder                          h 64
    time_caption_embed.timestep_embedder.linear_1 1024 256
    time_caption_embed.timestep_embedder.linear_2 1024 1024
    time_caption_embed.caption_embedder.1 h 2304
    norm_out.linear_1                   h 1024
    norm_out.linear_2                   64 h
    """,
    {
        "native": _lumina("layers.{n}")
        + _lumina("noise_refiner.{r}")
        + _lumina("context_refiner.{r}")
        + """
    t_embedder.mlp.(0,2)                =  time_caption_embed.timestep_embedder.(linear_1,linear_2)
    cap_embedder.1                      =  time_caption_embed.caption_embedder.1
    final_layer.adaLN_modulation.1      =  norm_out.linear_1
    final_layer.linear                  =  norm_out.linear_2
    """
    },
)

HIDREAM = Family(
    """
    t_embedder.timestep_embedder.linear_1               h 256
    t_embedder.timestep_embedder.linear_2               h h
    p_embedder.pooled_embedder.linear_1                 h 2048
    p_embedder.pooled_embedder.linear_2                 h h
    x_embedder.proj                                     h 64
    double_stream_blocks.{d}.block.adaLN_modulation.1   12h h
    double_stream_blocks.{d}.block.attn1.(to_q,to_k,to_v,to_out,to_q_t,to_k_t,to_v_t,to_out_t) h h
    double_stream_blocks.{d}.block.ff_t.(w1,w3)         6912 h
    double_stream_blocks.{d}.block.ff_t.w2              h 6912
    single_stream_blocks.{s}.block.adaLN_modulation.1   6h h
    single_stream_blocks.{s}.block.attn1.(to_q,to_k,to_v,to_out) h h
    final_layer.linear                                  64 h
    final_layer.adaLN_modulation.1                      2h h
    caption_projection.{0-48}.linear                    h 4096
    """
    + "".join(
        f"""
    {block}.block.ff_i.shared_experts.(w1,w3)           3584 h
    {block}.block.ff_i.shared_experts.w2                h 3584
    {block}.block.ff_i.experts.{{0-3}}.(w1,w3)          6912 h
    {block}.block.ff_i.experts.{{0-3}}.w2               h 6912
    {block}.block.ff_i.gate                             4 h
    """
        for block in ("double_stream_blocks.{d}", "single_stream_blocks.{s}")
    )
)

_FC = "linear_1,linear_2,out_projection"
_AURA = """
    double_layers.{d}.attn.(w2q,w2k,w2v,w2o) = joint_transformer_blocks.{d}.attn.(to_q,to_k,to_v,to_out.0)
    double_layers.{d}.attn.(w1q,w1k,w1v,w1o) = joint_transformer_blocks.{d}.attn.(add_q_proj,add_k_proj,add_v_proj,to_add_out)
    double_layers.{d}.(modX,modC).1     =  joint_transformer_blocks.{d}.(norm1,norm1_context).linear
    single_layers.{s}.attn.(w1q,w1k,w1v,w1o) = single_transformer_blocks.{s}.attn.(to_q,to_k,to_v,to_out.0)
    single_layers.{s}.modCX.1           =  single_transformer_blocks.{s}.norm1.linear
    t_embedder.mlp.(0,2)                =  time_step_proj.(linear_1,linear_2)
    init_x_linear                       =  pos_embed.proj
    cond_seq_linear                     =  context_embedder
    final_linear                        =  proj_out
    modF.1                              ~  norm_out.linear
"""


def _aura_mlp(words: str) -> str:
    return f"""
    double_layers.{{d}}.mlpX.({words})  =  joint_transformer_blocks.{{d}}.ff.({_FC})
    double_layers.{{d}}.mlpC.({words})  =  joint_transformer_blocks.{{d}}.ff_context.({_FC})
    single_layers.{{s}}.mlp.({words})   =  single_transformer_blocks.{{s}}.ff.({_FC})
    """


AURAFLOW = Family(
    f"""
    pos_embed.proj                                      h 16
    context_embedder                                    h 2048
    time_step_proj.linear_1                             h 256
    time_step_proj.linear_2                             h h
    joint_transformer_blocks.{{d}}.(norm1,norm1_context).linear 6h h
    joint_transformer_blocks.{{d}}.attn.({_JOINT})      h h
    joint_transformer_blocks.{{d}}.(ff,ff_context).(linear_1,linear_2) 8192 h
    joint_transformer_blocks.{{d}}.(ff,ff_context).out_projection h 8192
    single_transformer_blocks.{{s}}.norm1.linear        6h h
    single_transformer_blocks.{{s}}.attn.(to_q,to_k,to_v,to_out.0) h h
    single_transformer_blocks.{{s}}.ff.(linear_1,linear_2) 8192 h
    single_transformer_blocks.{{s}}.ff.out_projection   h 8192
    norm_out.linear                                     2h h
    proj_out                                            16 h
    """,
    {
        "native": _AURA + _aura_mlp(_FC),
        "comfyui": _AURA + _aura_mlp("c_fc1,c_fc2,c_proj"),
    },
)

_Q = "to_q,to_k,to_v,to_out.0"
PIXART = Family(
    f"""
    pos_embed.proj                                      h 4 2
    transformer_blocks.{{n}}.(attn1,attn2).({_Q})       h h
    transformer_blocks.{{n}}.ff.net.0.proj              4h h
    transformer_blocks.{{n}}.ff.net.2                   h 4h
    proj_out                                            32 h
    adaln_single.emb.timestep_embedder.linear_1         h 256
    adaln_single.emb.timestep_embedder.linear_2         h h
    adaln_single.emb.(resolution_embedder,aspect_ratio_embedder).linear_1 384 256
    adaln_single.emb.(resolution_embedder,aspect_ratio_embedder).linear_2 384 384
    adaln_single.linear                                 6h h
    caption_projection.linear_1                         h 4096
    caption_projection.linear_2                         h h
    """,
    {
        "native": """
    x_embedder.proj                     =  pos_embed.proj
    y_embedder.y_proj.(fc1,fc2)         =  caption_projection.(linear_1,linear_2)
    t_embedder.mlp.(0,2)                =  adaln_single.emb.timestep_embedder.(linear_1,linear_2)
    csize_embedder.mlp.(0,2)            =  adaln_single.emb.resolution_embedder.(linear_1,linear_2)
    ar_embedder.mlp.(0,2)               =  adaln_single.emb.aspect_ratio_embedder.(linear_1,linear_2)
    t_block.1                           =  adaln_single.linear
    blocks.{n}.attn.qkv                 =  transformer_blocks.{n}.attn1.(to_q,to_k,to_v)
    blocks.{n}.attn.proj                =  transformer_blocks.{n}.attn1.to_out.0
    blocks.{n}.mlp.(fc1,fc2)            =  transformer_blocks.{n}.ff.(net.0.proj,net.2)
    blocks.{n}.cross_attn.q_linear      =  transformer_blocks.{n}.attn2.to_q
    blocks.{n}.cross_attn.kv_linear     =  transformer_blocks.{n}.attn2.(to_k,to_v)
    blocks.{n}.cross_attn.proj          =  transformer_blocks.{n}.attn2.to_out.0
    final_layer.linear                  =  proj_out
    """
    },
)

SANA = Family(
    f"""
    patch_embed.proj                                    h 32
    time_embed.emb.timestep_embedder.linear_1           h 256
    time_embed.emb.timestep_embedder.linear_2           h h
    time_embed.linear                                   6h h
    caption_projection.linear_1                         h 2304
    caption_projection.linear_2                         h h
    transformer_blocks.{{n}}.(attn1,attn2).({_Q})       h h
    transformer_blocks.{{n}}.ff.conv_inverted           5h h
    transformer_blocks.{{n}}.ff.conv_depth              5h 1 3
    transformer_blocks.{{n}}.ff.conv_point              h 5600
    proj_out                                            32 h
    """,
    {
        "native": """
    x_embedder.proj                     =  patch_embed.proj
    y_embedder.y_proj.(fc1,fc2)         =  caption_projection.(linear_1,linear_2)
    t_embedder.mlp.(0,2)                =  time_embed.emb.timestep_embedder.(linear_1,linear_2)
    t_block.1                           =  time_embed.linear
    blocks.{n}.attn.qkv                 =  transformer_blocks.{n}.attn1.(to_q,to_k,to_v)
    blocks.{n}.attn.proj                =  transformer_blocks.{n}.attn1.to_out.0
    blocks.{n}.mlp.(inverted_conv,depth_conv,point_conv).conv = transformer_blocks.{n}.ff.(conv_inverted,conv_depth,conv_point)
    blocks.{n}.cross_attn.q_linear      =  transformer_blocks.{n}.attn2.to_q
    blocks.{n}.cross_attn.kv_linear     =  transformer_blocks.{n}.attn2.(to_k,to_v)
    blocks.{n}.cross_attn.proj          =  transformer_blocks.{n}.attn2.to_out.0
    final_layer.linear                  =  proj_out
    """
    },
)

COGVIEW4 = Family(
    f"""
    patch_embed.proj                                    h 64
    patch_embed.text_proj                               h 4096
    time_condition_embed.timestep_embedder.linear_1     512 h
    time_condition_embed.timestep_embedder.linear_2     512 512
    time_condition_embed.condition_embedder.linear_1    512 1536
    time_condition_embed.condition_embedder.linear_2    512 512
    transformer_blocks.{{n}}.norm1.linear               12h 512
    transformer_blocks.{{n}}.attn1.({_Q})               h h
    transformer_blocks.{{n}}.ff.net.0.proj              4h h
    transformer_blocks.{{n}}.ff.net.2                   h 4h
    norm_out.linear                                     2h 512
    proj_out                                            64 h
    """
)
