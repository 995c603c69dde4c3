"""The end of a tensor's name: which layer it belongs to, and what it is to that layer.

The grammar is what the loaders of kohya's scripts, LyCORIS, diffusers, PEFT, ComfyUI, OneTrainer,
XLabs and cloneofsimo's first trainer write and accept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from reseen.updates.names.prefixes import REMEMBERED

_LYCORIS = (
    *("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2"),
    *("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2"),
)
MULTIPLIED = (
    *("oft_blocks", "oft_r", "boft_r", "boft_s", "ia3_l", "ia3_weight", "on_input", "hra_u"),
    *("glora_a1", "glora_a2", "glora_b1", "glora_b2", "vera_b", "vera_d", "spectrum"),
)
"""Roles of adapters that multiply the base weight, or are made of numbers of their own."""
FACTORS = frozenset(
    ("up", "down", "mid", "embedding_up", "embedding_down", "diff", *_LYCORIS, *MULTIPLIED)
)
"""Roles that an update is made of."""
EXTRAS = ("alpha", "scale", "magnitude", "singular", "rescale", "scaled")
"""Roles that say something about the factors beside them."""

OTHER = {
    "bias": "bias deltas: not part of an update matrix",
    "norm": "normalisation deltas: not part of an update matrix",
    "set": "weights that are replaced, not added to (set_weight): not read, they hold the base's",
    "orthogonal": "orthogonal adapters in an old form (oft_r, oft_diag): not read",
    "glora": "GLoRA with a core between its factors: not read",
    "vera": "the shared matrices of VeRA, in a form that is not known: not read",
    "tlora": "T-LoRA: not read, it begins from the base weight and is not known again without it",
    "randlora": "RandLoRA: not read, it is not known again without the bases that strangers share",
    "svdquant": "SVDQuant: not read, its factors are the base weight's and not an adapter's",
    "other-adapter": "an adapter of another kind (DeLoRA, C3A, VB-LoRA ...): not read yet",
    "quantised": "parts of quantised weights that are no factor's: not read",
    "hypernetwork": "biases and norms of a hypernetwork: known by its linear layers",
    "embedding": "what of an embedding of textual inversion is no row of a width that is read",
    "control": "control adapters (LLLite): not an update, not read yet",
    "general": "a general face adapter (IP-Adapter, InstantID, PhotoMaker ...): it takes any face",
}
"""Roles that are recognised and not read, with the reason."""

_ENDINGS: dict[str, tuple[str, str]] = {
    "lora_down.weight": ("down", "kohya"),
    "lora_up.weight": ("up", "kohya"),
    "lora_mid.weight": ("mid", "kohya"),
    "lora_down": ("down", "kohya"),
    "lora_up": ("up", "kohya"),
    "alpha": ("alpha", ""),
    "scale": ("scale", ""),
    "lora_A.weight": ("down", "peft"),
    "lora_B.weight": ("up", "peft"),
    "lora_A": ("down", "peft"),
    "lora_B": ("up", "peft"),
    "lora_embedding_A": ("embedding_down", "peft"),
    "lora_embedding_B": ("embedding_up", "peft"),
    "lora_magnitude_vector": ("magnitude", "peft"),
    "lora_magnitude_vector.weight": ("magnitude", "peft"),
    "magnitude": ("magnitude", "peft"),
    "dora_scale": ("magnitude", ""),
    "___.layer.lora_down.weight": ("down", "hcp"),
    "___.layer.lora_up.weight": ("up", "hcp"),
    "___.layer.W_down": ("down", "hcp"),
    "___.layer.W_up": ("up", "hcp"),
    "___.alpha": ("alpha", "hcp"),
    "down": ("down", "stability"),
    "up": ("up", "stability"),
    "diff": ("diff", "lycoris"),
    "diff_b": ("bias", ""),
    "lora_A.bias": ("bias", ""),
    "lora_B.bias": ("bias", ""),
    "lora_up.bias": ("bias", ""),
    "lora_down.bias": ("bias", ""),
    "bias_indices": ("bias", ""),
    "bias_values": ("bias", ""),
    "bias_size": ("bias", ""),
    "w_norm": ("norm", ""),
    "b_norm": ("norm", ""),
    "set_weight": ("set", ""),
    "reshape_weight": ("set", ""),
    "lora_E": ("singular", "peft"),
    "oft_blocks": ("oft_blocks", "lycoris"),
    "rescale": ("rescale", ""),
    "oft_R": ("oft_r", "peft"),
    "oft_R.weight": ("oft_r", "peft"),
    "oft_R.scaled_oft": ("scaled", ""),
    "oft_diag": ("orthogonal", ""),
    "oft_r": ("orthogonal", ""),
    "oft_embedding_R": ("orthogonal", ""),
    "oft_embedding_R.weight": ("orthogonal", ""),
    "boft_R": ("boft_r", "peft"),
    "boft_s": ("boft_s", "peft"),
    "ia3_l": ("ia3_l", "peft"),
    "on_input": ("on_input", "lycoris"),
    "a1.weight": ("glora_a1", "lycoris"),
    "a2.weight": ("glora_a2", "lycoris"),
    "b1.weight": ("glora_b1", "lycoris"),
    "b2.weight": ("glora_b2", "lycoris"),
    "bm.weight": ("glora", ""),
    "hra_u": ("hra_u", "peft"),
    "fourierft_spectrum": ("spectrum", "peft"),
    "vera_lambda_b": ("vera_b", "peft"),
    "vera_lambda_d": ("vera_d", "peft"),
    "vera_A": ("vera", ""),
    "vera_B": ("vera", ""),
    "q_layer.weight": ("tlora", ""),
    "p_layer.weight": ("tlora", ""),
    "lambda_layer": ("tlora", ""),
    "lambda_layer.weight": ("tlora", ""),
    "absmax": ("quantised", ""),
    "quant_map": ("quantised", ""),
    "nested_absmax": ("quantised", ""),
    "nested_quant_map": ("quantised", ""),
    "scale_weight": ("quantised", ""),
    "scale_input": ("quantised", ""),
    "weight_scale": ("quantised", ""),
    "weight_scale_2": ("quantised", ""),
    "input_scale": ("quantised", ""),
    "comfy_quant": ("quantised", ""),
    "qweight": ("svdquant", ""),
    "wscales": ("svdquant", ""),
    "proj_down": ("svdquant", ""),
    "proj_up": ("svdquant", ""),
    "smooth_factor": ("svdquant", ""),
    "smooth_factor_orig": ("svdquant", ""),
    "SCB": ("quantised", ""),
    "weight_format": ("quantised", ""),
    "emb_params": ("embedding", ""),
}
for _style in ("lora", "lora_layer", "lora_linear_layer"):
    for _side in ("up", "down"):
        _ENDINGS[f"{_style}.{_side}.weight"] = (_side, "diffusers")
    _ENDINGS[f"{_style}.alpha"] = ("alpha", "diffusers")
_ENDINGS |= {role: (role, "lycoris") for role in _LYCORIS}
_RANDLORA = {"randlora_lambda", "randlora_gamma", "randlora_A", "randlora_B"}
_OTHER_ADAPTERS = {
    *("shira_weight", "shira_indices", "c3a_kernel", "vblora_logits_A", "vblora_logits_B"),
    *("gralora_A", "gralora_B", "road_theta", "road_alpha", "waveft_spectrum", "psoft_R"),
    *("tinylora_v", "unilora_theta_d", "delora_A", "delora_B", "delora_lambda", "delora_w_norm"),
    *("glora_A", "glora_B", "glora_C", "glora_D", "glora_E", "miss_block", "bone_block"),
}
_ENDINGS |= dict.fromkeys(_OTHER_ADAPTERS, ("other-adapter", ""))
_ENDINGS |= dict.fromkeys(_RANDLORA, ("randlora", ""))

_PER_ADAPTER = {"lora_A", "lora_B", "lora_magnitude_vector", "oft_R"}
"""PEFT puts the adapter's name before `.weight`."""
_PER_ADAPTER_BARE = {
    "lora_embedding_A",
    "lora_embedding_B",
    "lora_magnitude_vector",
    *("lora_E", "boft_R", "boft_s", "ia3_l", "hra_u", "fourierft_spectrum"),
    *("vera_lambda_b", "vera_lambda_d", "vera_A", "vera_B"),
    *_LYCORIS,
    *_OTHER_ADAPTERS,
    *_RANDLORA,
}
"""PEFT puts the adapter's name at the very end."""

_XLABS = {f"{x}_lora{n}" for x in ("qkv", "proj") for n in ("", "1", "2")}
_INDEXED = re.compile(r"(unet|text_encoder):(\d{1,6}):(up|down)")
_CONTROL = ("lllite_", "control_model.")
_GENERAL = re.compile(
    r"ip_adapter\.\d+\.|image_proj\.|id_encoder\.|pulid_(?:ca|encoder)\.|id_adapter\."
    r"|id_adapter_attn_layers\.|.*\.to_[kv]_ip\.weight$",
    re.DOTALL,
)
"""IP-Adapter's attention by number (FaceID has factors there) or wherever it stands, its projector;
PhotoMaker's and PuLID's."""
_HYPERNETWORK = re.compile(r"(\d{3,4})\.([01])\.linear(?:([12])|\.(\d{1,2}))\.(weight|bias)")
"""By width, keys and values, layer; before layers had numbers they were linear1 and linear2."""
_EMBEDDING = ("bundle_emb.", "string_to_param", "string_to_token")


_BY_PATTERN = {
    "down": ("down", "diffusers"),
    "up": ("up", "diffusers"),
    "mid": ("mid", "diffusers"),
    "a": ("down", "peft"),
    "b": ("up", "peft"),
    "alpha": ("alpha", ""),
}
_OF_MATRIX = "hcp"
"""Whose `W_up` and `W_down` are."""
_LAST = re.compile(r"[a-z0-9]+")
_LONGEST_ENDING = 60


@dataclass(frozen=True, slots=True)
class Tensor:
    """What one tensor's name says."""

    layer: str
    """The file's own name of the layer."""
    role: str
    """One of FACTORS, EXTRAS or OTHER."""
    adapter: str = ""
    """PEFT's name of the adapter, where several may share a file."""
    style: str = ""
    """Whose ending it is; empty where many share it."""


@lru_cache(REMEMBERED)
def split(name: str) -> Tensor | None:
    """Read the end of a tensor's name; None where it is none that an adapter has."""
    if name.startswith(_CONTROL):
        return Tensor(name, "control")
    if _GENERAL.match(name):
        return Tensor(name, "general")
    if (inner := _HYPERNETWORK.fullmatch(name)) is not None:
        return _of_hypernetwork(name, *inner.groups())
    if name.startswith(_EMBEDDING):
        return Tensor(name, "embedding")
    if (indexed := _INDEXED.fullmatch(name)) is not None:
        model, index, side = indexed.groups()
        return Tensor(f"{model}#{int(index)}", side, style="cloneofsimo")
    pieces = name.rsplit(".", 4)
    if (old := _old(pieces)) is not None:
        return old
    for length in (4, 3, 2, 1):
        if length < len(pieces):
            ending = _ENDINGS.get(".".join(pieces[-length:]))
            if ending is not None:
                layer = name[: -sum(len(piece) + 1 for piece in pieces[-length:])]
                return Tensor(layer, ending[0], style=ending[1])
    return _adapter(name, pieces) or _quantised(name)


def _of_hypernetwork(
    name: str, width: str, side: str, old: str | None, number: str | None, what: str
) -> Tensor:
    """A linear layer that stands in nobody's base model: its weight is what it does."""
    if what == "bias":
        return Tensor(name, "hypernetwork")
    layer = int(number) if number is not None else int(old or 1) - 1
    return Tensor(f"hypernetwork.{width}.{'kv'[int(side)]}.linear.{layer}", "diff")


def by_pattern(name: str) -> Tensor | None:
    """Read the end of a name that `split` does not know, in whatever case and with whatever
    separators: `X.LORA_A.weight`, `X_lora_a_default`, `X.lora.down`, `X.W_down`. None where it is
    none."""
    end = name[-_LONGEST_ENDING:].lower()
    if len(end) != len(name[-_LONGEST_ENDING:]):
        return None  # a letter that changes its length with its case: no trainer's
    words = list(_LAST.finditer(end))
    said = [word[0] for word in words]
    if said and said[-1] == "weight":
        said.pop()
    if len(said) > 1 and said[-1].isdigit() and said[-2] == "default":
        said.pop()
    if said and said[-1] == "default":
        said.pop()
    if len(said) < 3 or said[-1] not in _BY_PATTERN:
        return None
    role, style = _BY_PATTERN[said[-1]]
    at = len(said) - 2
    if said[at] == "layer":
        at -= 2 if said[at - 1] == "linear" else 1
    if said[at] == "w" and said[-1] in ("up", "down"):
        style = _OF_MATRIX
    elif at < 1 or said[at] != "lora":
        return None
    start = len(name) - len(end) + words[at].start()
    layer = name[:start].rstrip("._-/: ")
    return Tensor(layer, role, style=style) if layer else None


def _adapter(name: str, pieces: list[str]) -> Tensor | None:
    """`<layer>.lora_A.<adapter>.weight` and `<layer>.hada_w1_a.<adapter>`."""
    if len(pieces) > 3 and pieces[-1] in ("weight", "bias") and pieces[-3] in _PER_ADAPTER:
        said = _ENDINGS.get(f"{pieces[-3]}.{pieces[-1]}")
        if said is not None:
            return Tensor(name.rsplit(".", 3)[0], said[0], pieces[-2], said[1])
    if len(pieces) > 2 and pieces[-2] in _PER_ADAPTER_BARE:
        layer = name.rsplit(".", 2)[0]
        role, style = _ENDINGS[pieces[-2]]
        return Tensor(layer, role, pieces[-1], style)
    return None


def _old(pieces: list[str]) -> Tensor | None:
    """`<attention>.processor.to_q_lora.up.weight`, and XLabs' `...processor.qkv_lora1...`."""
    if len(pieces) < 3:
        return None
    *front, layer, side, last = pieces
    if last == "alpha":
        front, layer, side, last = [*front, layer], side, "alpha", "weight"
    if last != "weight" or side not in ("up", "down", "alpha"):
        return None
    if layer in _XLABS:
        return Tensor(".".join([*front, layer]), side, style="xlabs")
    if layer.endswith("_lora"):
        if front and front[-1] == "processor":
            front = front[:-1]
        return Tensor(".".join([*front, layer[:-5]]), side, style="diffusers-processor")
    return None


def _quantised(name: str) -> Tensor | None:
    if ".quant_state." in name or name == "scaled_fp8":
        return Tensor(name, "quantised")
    return None
