"""A header in; what the file is made of out, before any weight is read.

`plan` takes the names, dtypes and shapes of a file and says which architecture it adapts, how its
tensors are named, which algorithms it uses, and which modules it updates under canonical names.
What it cannot read is named with a count and never raises: a stray tensor must not hide the rest.

Canonical names (part of the published sketch) are `<part>.<name>`:

    part         name inside the part
    unet         the diffusers name of the layer (SD 1.x, SD 2.x, SDXL)
    transformer  the diffusers name of the layer, projections split (Flux.1, SD3, SD3.5)
    clip_l, clip_g, clip_h
                 the transformers name: text_model.encoder.layers.0.self_attn.q_proj
    t5           the transformers name: encoder.block.0.layer.0.SelfAttention.q
    model, text_encoder, text_encoder_2, text_encoder_3
                 an architecture that no table knows: the file's own name without the known
                 prefixes and suffixes, every dot written as an underscore
    unet.#7, text_encoder.#7
                 a positional list whose order no table explains

Fused layers (q, k and v in one) are cut into the split ones, so that a fused file and a split
file have the same modules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reseen.errors import FileError
from reseen.files.tensors import Listing, TensorInfo
from reseen.updates.by_order import NamingByOrder, by_order
from reseen.updates.canonical import Naming, Piece, naming_of, part_of
from reseen.updates.former import NamingThen, naming_then
from reseen.updates.layers import FileLayer, file_layers, layer_then
from reseen.updates.names import then as names_then
from reseen.updates.names.known import BY_ORDER
from reseen.updates.names.tables import flat
from reseen.updates.not_read import code_of
from reseen.updates.peft import PeftConfig, parse_metadata


@dataclass(frozen=True, slots=True)
class ModulePlan:
    """One canonical module of a file: how its update is made from which tensors."""

    name: str
    """Canonical."""
    source: str
    """The file's own name of the layer; the cuts of one fused layer share it."""
    algorithm: str
    """lora, loha, lokr or full."""
    shape: tuple[int, int, int, int]
    """Of the update: (out, in, kernel height, kernel width); a linear layer has kernel 1x1."""
    rank: int
    """Of the factors; 0 where the algorithm has none (full, LoKr of two full matrices)."""
    tensors: Mapping[str, TensorInfo]
    """By role: up, down, mid, alpha, scale, magnitude, hada_w1_a ..., lokr_w1 ..., diff."""
    rows: tuple[tuple[int, int], ...] | None = None
    """Which output rows of the file's layer make this module, in order; None for all of them."""
    fixed_scale: float | None = None
    """The scale where a configuration gives it; None where the tensors do (or else it is 1)."""
    reading: int = 0
    """0 for a module of the plan; else that of one of `Plan.readings`, counted from 1."""

    @property
    def length(self) -> int:
        """Bytes to read for it."""
        return sum(info.length for info in self.tensors.values())


@dataclass(frozen=True, slots=True)
class NotRead:
    """Tensors that are not part of any update here, and why."""

    reason: str
    tensors: int

    @property
    def code(self) -> str:
        """The reason in a word, for programs."""
        return code_of(self.reason)


@dataclass(frozen=True, slots=True)
class Reading:
    """A file under other names, under which it is compared too: those that its layers had in
    releases before, for what was removed then has a sketch of these names, and its weights are
    gone; or those that their order tells, marked so (`names.known.BY_ORDER`)."""

    architecture: str
    modules: tuple[ModulePlan, ...]
    """As in `Plan`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file is made of, by its header."""

    architecture: str
    """sd1, sd2, sdxl, flux, sd3, sd3.5-large; of a file with a text encoder only that encoder
    (clip_l, clip_g, clip_h, t5); "sd1|sd2" where it may be either; "unknown:" and eight digits of
    its widths; "" without modules."""
    parts: tuple[str, ...]
    """The parts that canonical names begin with, sorted."""
    modules: tuple[ModulePlan, ...]
    """Sorted by canonical name; no name twice."""
    naming: str
    """Who names layers this way: kohya, lycoris, diffusers-processor, diffusers, peft, comfyui,
    bfl, xlabs, onetrainer, cloneofsimo, hcp, stability; joined by "+" where mixed; "unknown".
    ai-toolkit writes the names of peft or comfyui."""
    algorithms: tuple[str, ...]
    ranks: tuple[int, ...]
    """The distinct ranks, ascending."""
    dtypes: tuple[str, ...]
    """Of the tensors of the modules, sorted."""
    scale_known: bool
    """False where the file leaves the scale of its updates to a configuration we do not have."""
    not_read: tuple[NotRead, ...] = ()
    remarks: tuple[str, ...] = ()
    readings: tuple[Reading, ...] = ()

    def layers(self) -> Iterator[tuple[ModulePlan, ...]]:
        """Modules that share their tensors together, so that each tensor is read once; those of
        other readings too, where they are not the plan's own under the same name."""
        together: dict[str, list[ModulePlan]] = {}
        own = {module.name: module for module in self.modules}
        for module in self.modules:
            together.setdefault(module.source, []).append(module)
        for reading in self.readings:
            for module in reading.modules:
                if not is_own(module, own):
                    together.setdefault(module.source, []).append(module)
        for group in together.values():
            yield tuple(group)


def is_own(module: ModulePlan, own: Mapping[str, ModulePlan]) -> bool:
    """Whether a module of another reading is the plan's own of that name."""
    mine = own.get(module.name)
    return mine is not None and (mine.source, mine.rows) == (module.source, module.rows)


def plan(listing: Listing, config: PeftConfig | None = None) -> Plan:
    """What the file behind a listing is made of; `config` is the adapter_config.json beside it.

    Without `config`, the one in a safetensors header is used, if any. Never raises for what a
    header says: tensors that make no update are counted in `not_read`.
    """
    counts: Counter[str] = Counter(listing.not_listed)
    remarks: list[str] = []
    layers = file_layers(listing.tensors, counts)
    naming = naming_of(layers)
    configs = {"": config} if config else _configs(listing.metadata, remarks)
    scales = {layer.source: _fixed_scale(layer, configs) for layer in layers}
    modules = _modules(layers, naming, scales, counts)
    unscaled = sum(
        scales[layer.source] is None and layer.style == "peft" and not _says_scale(layer)
        for layer in layers
    )
    if unscaled:
        remarks.append(f"{unscaled} layers leave their scale to a configuration: taken as 1")
    patterns = sum(found.unreadable_patterns for found in configs.values())
    if patterns:
        remarks.append(
            f"{patterns} patterns of the configuration are not read: their scale is open"
        )
    originals = frozenset(
        layer.place.prefix for layer in layers if flat(layer.place.name).startswith(_ORIGINAL)
    )
    infos = [info for module in modules for info in module.tensors.values()]
    readings = _readings(layers, naming, modules, scales)
    if any(reading.architecture.endswith(BY_ORDER) for reading in readings):
        remarks.append("names of layers that tell nothing: which is which is told by their order")
    return Plan(
        architecture=naming.architecture(layers),
        parts=tuple(sorted({module.name.split(".", 1)[0] for module in modules})),
        modules=modules,
        naming="+".join(sorted({_whose(layer, originals) for layer in layers})) or "unknown",
        algorithms=tuple(sorted({module.algorithm for module in modules})),
        ranks=tuple(sorted({module.rank for module in modules})),
        dtypes=tuple(sorted({info.dtype for info in infos})),
        scale_known=not unscaled and not patterns,
        not_read=tuple(NotRead(reason, n) for reason, n in sorted(counts.items())),
        remarks=tuple(remarks),
        readings=readings,
    )


def _readings(
    layers: Sequence[FileLayer],
    naming: Naming,
    modules: Sequence[ModulePlan],
    scales: Mapping[str, float | None],
) -> tuple[Reading, ...]:
    """The file under the names that its layers had, where those were others: by the last release,
    and by those before it, which saw no name behind words that they did not know. And under those
    that their order tells where they have none."""
    readings: list[Reading] = []
    seen = [{module.name for module in modules}]
    for models in (names_then.MODELS, ()):
        was = tuple(layer_then(layer, models) for layer in layers)
        named = naming_then(was, naming)
        then = _modules(was, named, scales, Counter())
        names = {module.name for module in then}
        if names not in seen:
            seen.append(names)
            number = len(readings) + 1
            marked = tuple(replace(module, reading=number) for module in then)
            readings.append(Reading(named.architecture(was), marked))
    for guessed, some in by_order(layers, naming):
        number = len(readings) + 1
        mods = _modules(some, guessed, scales, Counter())
        marked = tuple(replace(module, reading=number) for module in mods)
        readings.append(Reading(guessed.model + BY_ORDER, marked))
    return tuple(readings)


def _modules(
    layers: Sequence[FileLayer],
    naming: Naming | NamingThen | NamingByOrder,
    scales: Mapping[str, float | None],
    counts: Counter[str],
) -> tuple[ModulePlan, ...]:
    """Every layer under its canonical names; of two for one name, the one that no words wrap, then
    the one that is not fused."""
    taken: dict[str, tuple[FileLayer, Piece]] = {}
    for layer in sorted(layers, key=lambda layer: (layer.wrapped is not None, layer.source)):
        pieces = naming.pieces(layer)
        if pieces is None:
            counts["fused layers whose height does not divide"] += len(layer.tensors)
            continue
        for piece in pieces:
            other = taken.get(piece.name)
            if other is None or (
                other[1].rows is not None
                and piece.rows is None
                and (other[0].wrapped is None) == (layer.wrapped is None)
            ):
                taken[piece.name] = (layer, piece)
    used = {layer.source for layer, _ in taken.values()}
    for layer in layers:
        if layer.source not in used and naming.pieces(layer) is not None:
            counts["a second update of a module: only one is read"] += len(layer.tensors)
    return tuple(
        ModulePlan(
            name=name,
            source=layer.source,
            algorithm=layer.shape.algorithm,
            shape=piece.shape,
            rank=layer.shape.rank,
            tensors=layer.tensors,
            rows=piece.rows,
            fixed_scale=scales[layer.source],
        )
        for name, (layer, piece) in sorted(taken.items())
    )


def _configs(metadata: Mapping[str, str], remarks: list[str]) -> dict[str, PeftConfig]:
    text = metadata.get("lora_adapter_metadata")
    if text is None:
        return {}
    try:
        return parse_metadata(text)
    except FileError as e:
        remarks.append(str(e))
        return {}


def _says_scale(layer: FileLayer) -> bool:
    return "alpha" in layer.tensors or "scale" in layer.tensors


def _fixed_scale(layer: FileLayer, configs: Mapping[str, PeftConfig]) -> float | None:
    """The scale by configuration; what the tensors say of it goes first."""
    if not configs or _says_scale(layer) or layer.style not in ("peft", "lycoris"):
        return None
    part = part_of(layer)
    names = ("transformer", "unet", "") if part == "model" else (part, "")
    config = next((configs[name] for name in names if name in configs), None)
    if config is None:
        return None
    name = layer.place.name
    return config.scale(name, layer.shape.rank or config.rank_of(name) or 0)


_BY_PREFIX = {
    "lora_transformer_": "onetrainer",
    "lycoris_": "lycoris",
    "diffusion_model.": "comfyui",
    "model.diffusion_model.": "comfyui",
}
_ORIGINAL = ("double_blocks_", "single_blocks_", "joint_blocks_")
_OWN_STYLES = ("cloneofsimo", "xlabs", "diffusers-processor", "hcp", "stability")


def _whose(layer: FileLayer, originals: frozenset[str]) -> str:
    """Whose way of naming a layer has; see `Plan.naming`.

    `originals` are the prefixes under which the file has block names of an original release.
    """
    prefix = layer.place.prefix
    if layer.style in _OWN_STYLES:
        return layer.style
    if prefix in _BY_PREFIX:
        return _BY_PREFIX[prefix]
    if prefix.startswith(("text_encoders.", "clip_", "t5xxl.")):
        return "comfyui"
    if prefix.startswith("lora_"):
        return "lycoris" if layer.style == "lycoris" else "kohya"
    if prefix in originals:
        return "onetrainer" if prefix else "bfl"
    return layer.style or "unknown"
