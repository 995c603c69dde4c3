"""Video models, in a few lines each: see `compact`, and `image` for where the facts are from."""

from __future__ import annotations

from reseen.updates.names.compact import Family
from reseen.updates.names.image import DOUBLE_QKV

_JOINT = "to_q,to_k,to_v,to_out.0,add_q_proj,add_k_proj,add_v_proj,to_add_out"
_Q = "to_q,to_k,to_v,to_out.0"

# All of Wan's siblings in one: text or image to video (36 channels), both experts of 2.2, VACE,
# Animate. Which of them a file is for changes nothing in what is compared.
WAN = Family(
    f"""
    patch_embedding                                     h p 2 | h 36 2
    vace_patch_embedding                                h 96 2
    pose_patch_embedding                                h 16 2
    condition_embedder.time_embedder.linear_1           h 256
    condition_embedder.time_embedder.linear_2           h h
    condition_embedder.time_proj                        6h h
    condition_embedder.text_embedder.linear_1           h 4096
    condition_embedder.text_embedder.linear_2           h h
    condition_embedder.image_embedder.ff.net.0.proj     1280 1280
    condition_embedder.image_embedder.ff.net.2          h 1280
    blocks.{{n}}.(attn1,attn2).({_Q})                   h h
    blocks.{{n}}.attn2.(add_k_proj,add_v_proj)          h h
    blocks.{{n}}.ffn.net.0.proj                         f h
    blocks.{{n}}.ffn.net.2                              h f
    vace_blocks.0.proj_in                               h h
    vace_blocks.{{v}}.(attn1,attn2).({_Q})              h h
    vace_blocks.{{v}}.ffn.net.0.proj                    f h
    vace_blocks.{{v}}.ffn.net.2                         h f
    vace_blocks.{{v}}.proj_out                          h h
    face_adapter.{{0-7}}.(to_q,to_k,to_v,to_out)        h h
    proj_out                                            o h
    """,
    {
        "native": """
    blocks.{n}.self_attn.(q,k,v,o)      =  blocks.{n}.attn1.(to_q,to_k,to_v,to_out.0)
    blocks.{n}.cross_attn.(q,k,v,o)     =  blocks.{n}.attn2.(to_q,to_k,to_v,to_out.0)
    blocks.{n}.cross_attn.(k_img,v_img) =  blocks.{n}.attn2.(add_k_proj,add_v_proj)
    blocks.{n}.ffn.(0,2)                =  blocks.{n}.ffn.(net.0.proj,net.2)
    vace_blocks.{v}.self_attn.(q,k,v,o) =  vace_blocks.{v}.attn1.(to_q,to_k,to_v,to_out.0)
    vace_blocks.{v}.cross_attn.(q,k,v,o) = vace_blocks.{v}.attn2.(to_q,to_k,to_v,to_out.0)
    vace_blocks.{v}.ffn.(0,2)           =  vace_blocks.{v}.ffn.(net.0.proj,net.2)
    vace_blocks.0.before_proj           =  vace_blocks.0.proj_in
    vace_blocks.{v}.after_proj          =  vace_blocks.{v}.proj_out
    time_projection.1                   =  condition_embedder.time_proj
    text_embedding.(0,2)                =  condition_embedder.text_embedder.(linear_1,linear_2)
    time_embedding.(0,2)                =  condition_embedder.time_embedder.(linear_1,linear_2)
    img_emb.proj.(1,3)                  =  condition_embedder.image_embedder.ff.(net.0.proj,net.2)
    head.head                           =  proj_out
    """
    },
)

_REFINER = "context_embedder.token_refiner.refiner_blocks.{r}"
_HUNYUAN_TEXT = f"""
    x_embedder.proj                                     h c k
    context_embedder.time_text_embed.timestep_embedder.linear_1 h 256
    context_embedder.time_text_embed.timestep_embedder.linear_2 h h
    context_embedder.time_text_embed.text_embedder.linear_1 h t
    context_embedder.time_text_embed.text_embedder.linear_2 h h
    context_embedder.proj_in                            h t
    {_REFINER}.attn.({_Q})                              h h
    {_REFINER}.ff.net.0.proj                            4h h
    {_REFINER}.ff.net.2                                 h 4h
    {_REFINER}.norm_out.linear                          2h h
    norm_out.linear                                     2h h
"""
_HUNYUAN_DOUBLE = f"""
    transformer_blocks.{{d}}.(norm1,norm1_context).linear 6h h
    transformer_blocks.{{d}}.attn.({_JOINT})            h h
    transformer_blocks.{{d}}.(ff,ff_context).net.0.proj 4h h
    transformer_blocks.{{d}}.(ff,ff_context).net.2      h 4h
"""
_HUNYUAN_SINGLE = """
    single_transformer_blocks.{s}.attn.(to_q,to_k,to_v) h h
    single_transformer_blocks.{s}.norm.linear           3h h
    single_transformer_blocks.{s}.proj_mlp              4h h
    single_transformer_blocks.{s}.proj_out              h 5h
"""
_SECOND_TEXT = """
    context_embedder_2.linear_1                         m 1472
    context_embedder_2.linear_2                         m m
    context_embedder_2.linear_3                         h m
"""
_TEXT_NATIVE = """
    img_in.proj                         =  x_embedder.proj
    txt_in.t_embedder.mlp.(0,2)         =  context_embedder.time_text_embed.timestep_embedder.(linear_1,linear_2)
    txt_in.c_embedder.(linear_1,linear_2) = context_embedder.time_text_embed.text_embedder.(linear_1,linear_2)
    txt_in.input_embedder               =  context_embedder.proj_in
    txt_in.individual_token_refiner.blocks.{r}.self_attn_qkv  = context_embedder.token_refiner.refiner_blocks.{r}.attn.(to_q,to_k,to_v)
    txt_in.individual_token_refiner.blocks.{r}.self_attn_proj = context_embedder.token_refiner.refiner_blocks.{r}.attn.to_out.0
    txt_in.individual_token_refiner.blocks.{r}.adaLN_modulation.1 = context_embedder.token_refiner.refiner_blocks.{r}.norm_out.linear
    final_layer.linear                  =  proj_out
    final_layer.adaLN_modulation.1      ~  norm_out.linear
"""
_REFINER_MLP = """
    txt_in.individual_token_refiner.blocks.{r}.mlp.(%s) = context_embedder.token_refiner.refiner_blocks.{r}.ff.(net.0.proj,net.2)
"""
_TIMES = """
    time_in.%s                          =  %s.timestep_embedder.(linear_1,linear_2)
"""
_GUIDANCE = """
    guidance_in.%s                      =  time_text_embed.guidance_embedder.(linear_1,linear_2)
    vector_in.(in_layer,out_layer)      =  time_text_embed.text_embedder.(linear_1,linear_2)
"""
_SINGLE = """
    single_blocks.{s}.linear1           =  single_transformer_blocks.{s}.(attn.to_q,attn.to_k,attn.to_v,proj_mlp)
    single_blocks.{s}.linear2           =  single_transformer_blocks.{s}.proj_out
"""
# As released: underscores where ComfyUI has dots.
_RELEASED = """
    double_blocks.{d}.img_attn_qkv      =  transformer_blocks.{d}.attn.(to_q,to_k,to_v)
    double_blocks.{d}.txt_attn_qkv      =  transformer_blocks.{d}.attn.(add_q_proj,add_k_proj,add_v_proj)
    double_blocks.{d}.(img_attn_proj,txt_attn_proj) = transformer_blocks.{d}.attn.(to_out.0,to_add_out)
    double_blocks.{d}.img_mlp.(fc1,fc2) =  transformer_blocks.{d}.ff.(net.0.proj,net.2)
    double_blocks.{d}.txt_mlp.(fc1,fc2) =  transformer_blocks.{d}.ff_context.(net.0.proj,net.2)
    double_blocks.{d}.(img_mod,txt_mod).linear = transformer_blocks.{d}.(norm1,norm1_context).linear
"""
_COMFYUI = f"""
    {DOUBLE_QKV}
    double_blocks.{{d}}.img_mlp.(0,2)   =  transformer_blocks.{{d}}.ff.(net.0.proj,net.2)
    double_blocks.{{d}}.txt_mlp.(0,2)   =  transformer_blocks.{{d}}.ff_context.(net.0.proj,net.2)
    double_blocks.{{d}}.(img_mod,txt_mod).lin = transformer_blocks.{{d}}.(norm1,norm1_context).linear
"""
_SINGLE_MODULATION = """
    single_blocks.{s}.modulation.%s     =  single_transformer_blocks.{s}.norm.linear
"""
_MLP_WORDS = ("mlp.(0,2)", "(in_layer,out_layer)")

HUNYUAN_VIDEO = Family(
    _HUNYUAN_TEXT
    + _HUNYUAN_DOUBLE
    + _HUNYUAN_SINGLE
    + """
    time_text_embed.(timestep_embedder,guidance_embedder).linear_1 h 256
    time_text_embed.(timestep_embedder,guidance_embedder).linear_2 h h
    time_text_embed.text_embedder.linear_1              h 768
    time_text_embed.text_embedder.linear_2              h h
    proj_out                                            64 h
    """,
    {
        "native": _TEXT_NATIVE
        + _REFINER_MLP % "fc1,fc2"
        + _RELEASED
        + _SINGLE
        + _SINGLE_MODULATION % "linear"
        + _TIMES % (_MLP_WORDS[0], "time_text_embed")
        + _GUIDANCE % _MLP_WORDS[0],
        "comfyui": _TEXT_NATIVE
        + _REFINER_MLP % "0,2"
        + _COMFYUI
        + _SINGLE
        + _SINGLE_MODULATION % "lin"
        + _TIMES % (_MLP_WORDS[1], "time_text_embed")
        + _GUIDANCE % _MLP_WORDS[1],
    },
)

_SPLIT = """
    double_blocks.{d}.(img_attn_q,img_attn_k,img_attn_v,img_attn_proj) = transformer_blocks.{d}.attn.(to_q,to_k,to_v,to_out.0)
    double_blocks.{d}.(txt_attn_q,txt_attn_k,txt_attn_v,txt_attn_proj) = transformer_blocks.{d}.attn.(add_q_proj,add_k_proj,add_v_proj,to_add_out)
    double_blocks.{d}.img_mlp.(fc1,fc2) =  transformer_blocks.{d}.ff.(net.0.proj,net.2)
    double_blocks.{d}.txt_mlp.(fc1,fc2) =  transformer_blocks.{d}.ff_context.(net.0.proj,net.2)
    double_blocks.{d}.(img_mod,txt_mod).linear = transformer_blocks.{d}.(norm1,norm1_context).linear
"""
_MORE_IN = """
    byt5_in.(fc1,fc2,fc3)               =  context_embedder_2.(linear_1,linear_2,linear_3)
    vision_in.proj.(1,3)                =  image_embedder.(linear_1,linear_2)
"""

HUNYUAN_VIDEO_15 = Family(
    _HUNYUAN_TEXT
    + _HUNYUAN_DOUBLE
    + _SECOND_TEXT
    + """
    image_embedder.linear_1                             1152 1152
    image_embedder.linear_2                             h 1152
    time_embed.timestep_embedder.linear_1               h 256
    time_embed.timestep_embedder.linear_2               h h
    proj_out                                            32 h
    """,
    {
        "native": _TEXT_NATIVE
        + _REFINER_MLP % "fc1,fc2"
        + _SPLIT
        + _MORE_IN
        + _TIMES % (_MLP_WORDS[0], "time_embed"),
        "comfyui": _TEXT_NATIVE
        + _REFINER_MLP % "0,2"
        + _COMFYUI
        + _MORE_IN
        + _TIMES % (_MLP_WORDS[1], "time_embed"),
    },
)

HUNYUAN_IMAGE = Family(
    _HUNYUAN_TEXT
    + _HUNYUAN_DOUBLE
    + _HUNYUAN_SINGLE
    + _SECOND_TEXT
    + """
    time_guidance_embed.timestep_embedder.linear_1      h 256
    time_guidance_embed.timestep_embedder.linear_2      h h
    proj_out                                            64 h
    """,
    {
        "native": _TEXT_NATIVE
        + _REFINER_MLP % "fc1,fc2"
        + _RELEASED
        + _SINGLE
        + _SINGLE_MODULATION % "linear"
        + _TIMES % (_MLP_WORDS[0], "time_guidance_embed"),
        "split": _SPLIT,
        "comfyui": _TEXT_NATIVE
        + _REFINER_MLP % "0,2"
        + _COMFYUI
        + _SINGLE
        + _SINGLE_MODULATION % "lin"
        + _TIMES % (_MLP_WORDS[1], "time_guidance_embed"),
    },
)

LTX = Family(
    f"""
    proj_in                                             h 128
    time_embed.emb.timestep_embedder.linear_1           h 256
    time_embed.emb.timestep_embedder.linear_2           h h
    time_embed.linear                                   6h h
    caption_projection.linear_1                         h 4096
    caption_projection.linear_2                         h h
    transformer_blocks.{{n}}.(attn1,attn2).({_Q})       h h
    transformer_blocks.{{n}}.ff.net.0.proj              4h h
    transformer_blocks.{{n}}.ff.net.2                   h 4h
    proj_out                                            128 h
    """,
    {
        "native": """
    patchify_proj                       =  proj_in
    adaln_single.emb.timestep_embedder.(linear_1,linear_2) = time_embed.emb.timestep_embedder.(linear_1,linear_2)
    adaln_single.linear                 =  time_embed.linear
    """
    },
)

_TIME = "emb.timestep_embedder.(linear_1,linear_2)"
_LTX2_TIMES = {
    "adaln_single": "time_embed",
    "audio_adaln_single": "audio_time_embed",
    "av_ca_video_scale_shift_adaln_single": "av_cross_attn_video_scale_shift",
    "av_ca_audio_scale_shift_adaln_single": "av_cross_attn_audio_scale_shift",
    "av_ca_a2v_gate_adaln_single": "av_cross_attn_video_a2v_gate",
    "av_ca_v2a_gate_adaln_single": "av_cross_attn_audio_v2a_gate",
}
LTX2 = Family(
    f"""
    proj_in                                             h 128
    audio_proj_in                                       a 128
    caption_projection.linear_1                         h 3840
    caption_projection.linear_2                         h h
    audio_caption_projection.linear_1                   a 3840
    audio_caption_projection.linear_2                   a a
    (time_embed,av_cross_attn_video_scale_shift,av_cross_attn_video_a2v_gate).emb.timestep_embedder.linear_1 h 256
    (time_embed,av_cross_attn_video_scale_shift,av_cross_attn_video_a2v_gate).emb.timestep_embedder.linear_2 h h
    (audio_time_embed,av_cross_attn_audio_scale_shift,av_cross_attn_audio_v2a_gate).emb.timestep_embedder.linear_1 a 256
    (audio_time_embed,av_cross_attn_audio_scale_shift,av_cross_attn_audio_v2a_gate).emb.timestep_embedder.linear_2 a a
    time_embed.linear                                   6h h
    audio_time_embed.linear                             6a a
    av_cross_attn_video_scale_shift.linear              4h h
    av_cross_attn_audio_scale_shift.linear              4a a
    av_cross_attn_video_a2v_gate.linear                 h h
    av_cross_attn_audio_v2a_gate.linear                 a a
    transformer_blocks.{{n}}.(attn1,attn2).({_Q})       h h
    transformer_blocks.{{n}}.(audio_attn1,audio_attn2).({_Q}) a a
    transformer_blocks.{{n}}.audio_to_video_attn.to_q   a h
    transformer_blocks.{{n}}.audio_to_video_attn.(to_k,to_v) a a
    transformer_blocks.{{n}}.audio_to_video_attn.to_out.0 h a
    transformer_blocks.{{n}}.video_to_audio_attn.(to_q,to_out.0) a a
    transformer_blocks.{{n}}.video_to_audio_attn.(to_k,to_v) a h
    transformer_blocks.{{n}}.ff.net.0.proj              4h h
    transformer_blocks.{{n}}.ff.net.2                   h 4h
    transformer_blocks.{{n}}.audio_ff.net.0.proj        4a a
    transformer_blocks.{{n}}.audio_ff.net.2             a 4a
    proj_out                                            128 h
    audio_proj_out                                      128 a
    """,
    {
        "native": """
    patchify_proj                       =  proj_in
    audio_patchify_proj                 =  audio_proj_in
    """
        + "".join(
            f"""
    {native}.{_TIME} = {ours}.{_TIME}
    {native}.linear = {ours}.linear
    """
            for native, ours in _LTX2_TIMES.items()
        )
    },
)

COGVIDEOX = Family(
    f"""
    patch_embed.proj                                    h 16 2
    patch_embed.text_proj                               h 4096
    time_embedding.linear_1                             512 h
    time_embedding.linear_2                             512 512
    transformer_blocks.{{n}}.(norm1,norm2).linear       6h 512
    transformer_blocks.{{n}}.attn1.({_Q})               h h
    transformer_blocks.{{n}}.ff.net.0.proj              4h h
    transformer_blocks.{{n}}.ff.net.2                   h 4h
    norm_out.linear                                     2h 512
    proj_out                                            64 h
    """,
    {
        "native": """
    layers.{n}.attention.query_key_value = transformer_blocks.{n}.attn1.(to_q,to_k,to_v)
    layers.{n}.attention.dense = transformer_blocks.{n}.attn1.to_out.0
    layers.{n}.mlp.(dense_h_to_4h,dense_4h_to_h) = transformer_blocks.{n}.ff.(net.0.proj,net.2)
    time_embed.(0,2)                    =  time_embedding.(linear_1,linear_2)
    mixins.patch_embed.proj             =  patch_embed.proj
    mixins.patch_embed.text_proj        =  patch_embed.text_proj
    mixins.final_layer.linear           =  proj_out
    mixins.final_layer.adaLN_modulation.1 = norm_out.linear
    """
    },
)

MOCHI = Family(
    f"""
    patch_embed.proj                                    h 12 2
    time_step_proj.linear_1                             h 256
    time_step_proj.linear_2                             h h
    time_embed.pooler.to_kv                             8192 4096
    time_embed.pooler.to_q                              4096 4096
    time_embed.pooler.to_out                            h 4096
    time_embed.caption_proj                             y 4096
    transformer_blocks.{{0-47}}.norm1.linear            4h h
    transformer_blocks.{{0-46}}.norm1_context.linear    4y h
    transformer_blocks.47.norm1_context.linear_1        y h
    transformer_blocks.{{0-47}}.attn1.({_Q})            h h
    transformer_blocks.{{0-47}}.attn1.(add_q_proj,add_k_proj,add_v_proj) h y
    transformer_blocks.{{0-46}}.attn1.to_add_out        y h
    transformer_blocks.{{0-47}}.ff.net.0.proj           16384 h
    transformer_blocks.{{0-47}}.ff.net.2                h 8192
    transformer_blocks.{{0-46}}.ff_context.net.0.proj   8192 y
    transformer_blocks.{{0-46}}.ff_context.net.2        y 4096
    norm_out.linear                                     2h h
    proj_out                                            48 h
    """,
    {
        "diffusers": """
    time_embed.timestep_embedder.(linear_1,linear_2) = time_step_proj.(linear_1,linear_2)
    """,
        "native": """
    x_embedder.proj                     =  patch_embed.proj
    t_embedder.mlp.(0,2)                =  time_step_proj.(linear_1,linear_2)
    t5_y_embedder.(to_kv,to_q,to_out)   =  time_embed.pooler.(to_kv,to_q,to_out)
    t5_yproj                            =  time_embed.caption_proj
    blocks.{0-47}.mod_x                 =  transformer_blocks.{0-47}.norm1.linear
    blocks.{0-46}.mod_y                 =  transformer_blocks.{0-46}.norm1_context.linear
    blocks.47.mod_y                     =  transformer_blocks.47.norm1_context.linear_1
    blocks.{0-47}.attn.qkv_x            =  transformer_blocks.{0-47}.attn1.(to_q,to_k,to_v)
    blocks.{0-47}.attn.qkv_y            =  transformer_blocks.{0-47}.attn1.(add_q_proj,add_k_proj,add_v_proj)
    blocks.{0-47}.attn.(proj_x,proj_y)  =  transformer_blocks.{0-47}.attn1.(to_out.0,to_add_out)
    blocks.{0-47}.mlp_x.(w1,w2)         =  transformer_blocks.{0-47}.ff.(net.0.proj,net.2)
    blocks.{0-46}.mlp_y.(w1,w2)         =  transformer_blocks.{0-46}.ff_context.(net.0.proj,net.2)
    final_layer.linear                  =  proj_out
    final_layer.mod                     ~  norm_out.linear
    """,
    },
)

# Anima is Cosmos 2 of 2B with a text part of its own.
COSMOS = Family(
    f"""
    patch_embed.proj                                    h 68 | h 72
    time_embed.t_embedder.linear_1                      h h
    time_embed.t_embedder.linear_2                      3h h
    transformer_blocks.{{n}}.(norm1,norm2,norm3).linear_1 256 h
    transformer_blocks.{{n}}.(norm1,norm2,norm3).linear_2 3h 256
    transformer_blocks.{{n}}.attn1.({_Q})               h h
    transformer_blocks.{{n}}.attn2.(to_q,to_out.0)      h h
    transformer_blocks.{{n}}.attn2.(to_k,to_v)          h 1024
    transformer_blocks.{{n}}.ff.net.0.proj              4h h
    transformer_blocks.{{n}}.ff.net.2                   h 4h
    norm_out.linear_1                                   256 h
    norm_out.linear_2                                   2h 256
    proj_out                                            64 h
    """,
    {
        "native": """
    blocks.{n}.self_attn.(q_proj,k_proj,v_proj,output_proj) = transformer_blocks.{n}.attn1.(to_q,to_k,to_v,to_out.0)
    blocks.{n}.cross_attn.(q_proj,k_proj,v_proj,output_proj) = transformer_blocks.{n}.attn2.(to_q,to_k,to_v,to_out.0)
    blocks.{n}.mlp.(layer1,layer2)      =  transformer_blocks.{n}.ff.(net.0.proj,net.2)
    blocks.{n}.adaln_modulation_self_attn.(1,2)  = transformer_blocks.{n}.norm1.(linear_1,linear_2)
    blocks.{n}.adaln_modulation_cross_attn.(1,2) = transformer_blocks.{n}.norm2.(linear_1,linear_2)
    blocks.{n}.adaln_modulation_mlp.(1,2) = transformer_blocks.{n}.norm3.(linear_1,linear_2)
    x_embedder.proj.1                   =  patch_embed.proj
    t_embedder.1.(linear_1,linear_2)    =  time_embed.t_embedder.(linear_1,linear_2)
    final_layer.linear                  =  proj_out
    final_layer.adaln_modulation.(1,2)  =  norm_out.(linear_1,linear_2)
    """,
        "first": """
    blocks.block{n}.blocks.0.block.attn.(to_q.0,to_k.0,to_v.0,to_out.0) = transformer_blocks.{n}.attn1.(to_q,to_k,to_v,to_out.0)
    blocks.block{n}.blocks.1.block.attn.(to_q.0,to_k.0,to_v.0,to_out.0) = transformer_blocks.{n}.attn2.(to_q,to_k,to_v,to_out.0)
    blocks.block{n}.blocks.2.block.(layer1,layer2) = transformer_blocks.{n}.ff.(net.0.proj,net.2)
    blocks.block{n}.blocks.0.adaLN_modulation.(1,2) = transformer_blocks.{n}.norm1.(linear_1,linear_2)
    blocks.block{n}.blocks.1.adaLN_modulation.(1,2) = transformer_blocks.{n}.norm2.(linear_1,linear_2)
    blocks.block{n}.blocks.2.adaLN_modulation.(1,2) = transformer_blocks.{n}.norm3.(linear_1,linear_2)
    x_embedder.proj.1                   =  patch_embed.proj
    t_embedder.1.(linear_1,linear_2)    =  time_embed.t_embedder.(linear_1,linear_2)
    """,
    },
)

KANDINSKY5 = Family(
    """
    time_embeddings.in_layer                            512 h
    time_embeddings.out_layer                           512 512
    text_embeddings.in_layer                            h 3584
    pooled_text_embeddings.in_layer                     512 768
    visual_embeddings.in_layer                          h 16
    text_transformer_blocks.{t}.text_modulation.out_layer 6h 512
    text_transformer_blocks.{t}.self_attention.(to_query,to_key,to_value,out_layer) h h
    text_transformer_blocks.{t}.feed_forward.in_layer   5120 h
    text_transformer_blocks.{t}.feed_forward.out_layer  h 5120
    visual_transformer_blocks.{n}.visual_modulation.out_layer 9h 512
    visual_transformer_blocks.{n}.(self_attention,cross_attention).(to_query,to_key,to_value,out_layer) h h
    visual_transformer_blocks.{n}.feed_forward.in_layer 5120 h
    visual_transformer_blocks.{n}.feed_forward.out_layer h 5120
    out_layer.modulation.out_layer                      2h 512
    out_layer.out_layer                                 16 h
    """
)

_MOTION = "transformer_blocks.0"


def _temporal(block: str) -> str:
    """A motion module of AnimateDiff with a word of the release within diffusers' names."""
    return f"""
    {block}.temporal_transformer.{_MOTION}.attn1.({_Q}) = {block}.{_MOTION}.attn1.({_Q})
    {block}.temporal_transformer.{_MOTION}.attn2.({_Q}) = {block}.{_MOTION}.attn2.({_Q})
    {block}.temporal_transformer.{_MOTION}.ff.(net.0.proj,net.2) = {block}.{_MOTION}.ff.(net.0.proj,net.2)
    """


def _motion(block: str) -> str:
    """A motion module of AnimateDiff as it was released."""
    return f"""
    {block}.temporal_transformer.(proj_in,proj_out) = {block}.(proj_in,proj_out)
    {block}.temporal_transformer.{_MOTION}.attention_blocks.0.({_Q}) = {block}.{_MOTION}.attn1.({_Q})
    {block}.temporal_transformer.{_MOTION}.attention_blocks.1.({_Q}) = {block}.{_MOTION}.attn2.({_Q})
    {block}.temporal_transformer.{_MOTION}.ff.(net.0.proj,net.2) = {block}.{_MOTION}.ff.(net.0.proj,net.2)
    """


_MOTION_BLOCKS = {
    "down_blocks.0.motion_modules.{0-1}": 320,
    "down_blocks.1.motion_modules.{0-1}": 640,
    "down_blocks.{2,3}.motion_modules.{0-1}": 1280,
    "mid_block.motion_modules.0": 1280,
    "up_blocks.{0,1}.motion_modules.{0-2}": 1280,
    "up_blocks.2.motion_modules.{0-2}": 640,
    "up_blocks.3.motion_modules.{0-2}": 320,
}
ANIMATEDIFF = Family(
    "".join(
        f"""
    {block}.(proj_in,proj_out)                          {w} {w}
    {block}.{_MOTION}.(attn1,attn2).({_Q})              {w} {w}
    {block}.{_MOTION}.ff.net.0.proj                     {8 * w} {w}
    {block}.{_MOTION}.ff.net.2                          {w} {4 * w}
    """
        for block, w in _MOTION_BLOCKS.items()
    ),
    {
        "released": "".join(_motion(block) for block in _MOTION_BLOCKS),
        "temporal": "".join(_temporal(block) for block in _MOTION_BLOCKS),
    },
    part="unet",
)
