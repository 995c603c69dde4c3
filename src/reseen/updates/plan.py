"""A header in; what the file is made of out, before any weight is read.

`plan` takes the names, dtypes and shapes of a file and says which architecture it adapts, how its
tensors are named, which algorithms it uses, and which modules it updates under canonical names.
What it cannot read is named with a count and never raises: a stray tensor must not hide the rest.

Canonical names (part of the published sketch) are `<part>.<name>`:

    part         name inside the part
    unet         the diffusers name of the layer (SD 1.x, SD 2.x, SDXL)
    transformer  the diffusers name of the layer, projections split (Flux.1, SD3 and later ones)
    transformer_2
                 the same, of the second of two experts (Wan 2.2)
    language     the transformers name from `layers` on (language models)
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
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from reseen.errors import FileError
from reseen.files.tensors import Listing, TensorInfo
from reseen.updates import readings
from reseen.updates.any_words import WaysNamed, by_any_words, called_otherwise
from reseen.updates.beside import beside
from reseen.updates.by_order import NamingByOrder, by_order, nameless_layers
from reseen.updates.canonical import Naming, Piece, naming_of, part_of, widths
from reseen.updates.embeddings import embeddings
from reseen.updates.file_layer import POSITIONAL, FileLayer, layer_then, without_core
from reseen.updates.former import NamingThen, is_as_now, naming_then
from reseen.updates.further import further_adapters
from reseen.updates.layers import file_layers
from reseen.updates.modules import ModulePlan as ModulePlan
from reseen.updates.modules import Reading as Reading
from reseen.updates.modules import is_own
from reseen.updates.names import then, wrapped
from reseen.updates.names.known import BY_ORDER, one_of
from reseen.updates.names.models import UNPROVED
from reseen.updates.names.suffixes import FACTORS, OTHER
from reseen.updates.names.tables import flat
from reseen.updates.not_read import (
    BEGINS_DRAWN,
    BEGINS_FROM_BASE,
    FEW_VALUES,
    FUSED,
    OR_BY_ORDER,
    OWN_NAMES,
    SAID_FROM_BASE,
    SECOND_UPDATE,
    WHOLE_NUMBERS,
    code_of,
)
from reseen.updates.own_objects import OwnPiece, close, own_pieces
from reseen.updates.peft import GGUF_ALPHA, PeftConfig, config_of_gguf, parse_metadata
from reseen.updates.projections import ROLE as PROJECTIONS
from reseen.updates.projections import projected
from reseen.updates.quantised import as_stored
from reseen.updates.sides import OWN
from reseen.updates.turned_rows import otherwise, put_back

_OR = "|"
FEWEST_VALUES = 256
"""Numbers of AdaLoRA that are its own; its factors are drawn from a seed. Strangers of one seed who
have 32 of them reach a mean cosine of 0.5 now and then; with these it would be eight sigma."""


_WHOLE = frozenset(f"{kind}{bits}" for kind in "IU" for bits in (8, 16, 32, 64))
_BEGUN = frozenset(("oft", "boft", "ia3", "hra", "vera", "fourierft"))
"""Algorithms of PEFT of which the configuration says how training began."""


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
class Plan:
    """What a file is made of, by its header."""

    architecture: str
    """One of `names.known.DENOISERS`; of a file with a text encoder only that encoder
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
    embeddings: tuple[TensorInfo, ...] = ()
    """Tensors whose rows are embeddings of textual inversion: compared as rows, no modules."""

    @property
    def asks_for_config(self) -> bool:
        """Whether a configuration beside the file may change what is read of it: the scale, or how
        training began, or what VeRA's projections are drawn from."""
        return (
            not self.scale_known
            or any(module.algorithm in _BEGUN for module in self.modules)
            or any(left.reason == BEGINS_DRAWN for left in self.not_read)
        )

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


def plan(listing: Listing, config: PeftConfig | None = None) -> Plan:
    """What the file behind a listing is made of; `config` is the adapter_config.json beside it.

    Without `config`, the one in a safetensors header is used, if any. Never raises for what a
    header says: tensors that make no update are counted in `not_read`.
    """
    counts: Counter[str] = Counter(listing.not_listed)
    remarks: list[str] = []
    configs = {"": config} if config else _configs(listing.metadata, remarks)
    rows = embeddings(listing)
    taken = {info.name for info in rows}
    tensors = [info for info in listing.tensors if info.name not in taken]
    every = _told_apart(file_layers(tensors, counts), configs, counts)
    if not every:
        every = beside(tensors, counts)
    by_words = by_any_words(every)
    every = by_words.layers
    layers = tuple(layer for layer in every if layer.shape.algorithm not in OWN)
    naming = naming_of(layers)
    scales = {layer.source: _fixed_scale(layer, configs) for layer in layers}
    own = close([layer for layer in every if layer.shape.algorithm in OWN])
    own_naming = naming_of(own.layers)
    first = tuple(layer for layer in layers if not layer.is_further)
    modules = _modules(first, naming, scales, counts)
    used = {module.source for module in modules}
    own_modules = _own_modules(own.layers, own_naming, counts, {m.name for m in modules})
    of_first = naming if len(first) == len(layers) else naming_of(first)
    its_own = of_first.architecture(first)
    architecture = its_own if of_first is naming else naming.architecture(first)
    if own.layers and not layers:
        architecture = naming_of(own.together).architecture(own.together)
        architecture = _OR.join(own.alike.get(architecture, (architecture,)))
    unscaled = sum(
        scales[layer.source] is None and layer.style == "peft" and not _says_scale(layer)
        for layer in first
    )
    if unscaled:
        remarks.append(f"{unscaled} layers leave their scale to a configuration: taken as 1")
    patterns = sum(found.unreadable_patterns for found in configs.values())
    if patterns:
        remarks.append(
            f"{patterns} patterns of the configuration are not read: their scale is open"
        )
    if any(layer.says_from_base for layer in layers):
        remarks.append(SAID_FROM_BASE)
    originals = frozenset(
        layer.place.prefix for layer in every if flat(layer.place.name).startswith(_ORIGINAL)
    )
    further = further_adapters(
        [layer for layer in layers if naming.pieces(layer) is not None]
        if any(layer.source not in used for layer in layers)
        else (),
        modules,
        lambda some: _modules(some, naming, scales, Counter()),
        counts,
    )
    modules = put_back(modules, listing.metadata)
    others = _readings(first, (of_first, its_own), by_words, modules, scales)
    others += tuple(
        _reading(naming.architecture(each.layers), each.modules, number, is_adapter=True)
        for number, each in enumerate(further, len(others) + 1)
    )
    key = next((found.projections for found in configs.values()), 0)
    if made := projected(own.layers, own_naming, tensors, key):
        counts.pop(OTHER[PROJECTIONS], None)
        others += (_reading(architecture, made, len(others) + 1, is_adapter=True),)
    for some in readings.of_the_other_side(own_modules):
        others += (_reading(architecture, some, len(others) + 1),) if some else ()
    modules = tuple(sorted((*modules, *own_modules), key=lambda module: module.name))
    counts[WHOLE_NUMBERS] += len({i.name for m in modules for i in _whole_numbers(m)})
    infos = [info for module in modules for info in module.tensors.values()]
    is_by_order = any(other.architecture.endswith(BY_ORDER) for other in others)
    if is_by_order:
        remarks.append("names of layers that tell nothing: which is which is told by their order")
    if by_words.is_told:
        nameless = nameless_layers(first, of_first)
    else:
        other = _added(by_words.other)
        nameless = nameless_layers(other, naming_of(other))
    reason = OR_BY_ORDER if is_by_order else OWN_NAMES
    counts[reason] += sum(len(layer.tensors) for layer in nameless)
    own_nameless = nameless_layers(own.layers, own_naming)
    counts[OWN_NAMES] += sum(len(layer.tensors) for layer in own_nameless)
    if set(one_of(architecture)) & set(UNPROVED):
        remarks.append("a model of which no file was seen: what it has is its class's default")
    return Plan(
        architecture=architecture,
        parts=tuple(sorted({module.name.split(".", 1)[0] for module in modules})),
        modules=modules,
        naming="+".join(sorted({_whose(layer, originals) for layer in every})) or "unknown",
        algorithms=tuple(sorted({module.algorithm for module in modules})),
        ranks=tuple(sorted({module.rank for module in modules})),
        dtypes=tuple(sorted({info.dtype for info in infos})),
        scale_known=not unscaled and not patterns,
        not_read=tuple(NotRead(reason, n) for reason, n in sorted(counts.items()) if n),
        remarks=tuple(remarks),
        readings=others,
        embeddings=rows,
    )


def _whole_numbers(module: ModulePlan) -> Iterator[TensorInfo]:
    """Factors that are stored as whole numbers with nothing that says what they stand for."""
    for role, info in module.tensors.items():
        is_factor = role in FACTORS and role != "on_input" and info.dtype in _WHOLE
        if is_factor and not any(each.startswith(f"{role}/") for each in module.tensors):
            yield info


def prepare() -> None:
    """Build the tables now: before processes are forked that would each build them."""
    wrapped.prepare()
    wrapped.prepare(then.MODELS)


def _added(layers: Sequence[FileLayer]) -> tuple[FileLayer, ...]:
    """Those of the first adapter whose updates are added to weights."""
    return tuple(x for x in layers if x.shape.algorithm not in OWN and not x.is_further)


def _readings(
    layers: Sequence[FileLayer],
    now: tuple[Naming, str],
    by_words: WaysNamed,
    modules: Sequence[ModulePlan],
    scales: Mapping[str, float | None],
) -> tuple[Reading, ...]:
    """The file under other names: those of `any_words`; those of the last release, and of those
    before it, which saw no name behind words that they did not know; and what `readings` and
    `by_order` tell."""
    found: list[tuple[str, tuple[ModulePlan, ...]]] = []
    other = _added(by_words.other)
    naming, architecture = now
    strictly, strict = layers, naming
    if by_words.strictly is not by_words.layers:
        strictly = _added(by_words.strictly)
        strict = naming_of(strictly)
    if other:
        named = naming_of(other)
        found.append((named.architecture(other), _modules(other, named, scales, Counter())))
    for models in () if is_as_now(strictly, strict) else (then.MODELS, ()):
        was = tuple(layer_then(layer, models) for layer in strictly)
        before = naming_then(was, strict)
        found.append((before.architecture(was), _modules(was, before, scales, Counter())))
        if not any(layer.wrapped for layer in was):
            break
    for label, some in ((architecture, modules), *(found[:1] if other else ())):
        for spelled in readings.as_before(label, some):
            found.append((f"unknown:{widths(strictly)}", spelled))
    known = [layer for layer in layers if _is_known(layer, naming)]
    for called in called_otherwise([x for x in layers if not _is_known(x, naming)]):
        every = [*known, *called]
        found.append((architecture, _modules(every, naming_of(every), scales, Counter())))
    found = _others(found, modules)
    found.append((architecture, readings.of_the_other_expert(architecture, modules)))
    found.append((architecture, as_stored(modules)))
    found += ((architecture, turned) for turned in otherwise(modules))
    coreless = [without_core(layer) for layer in layers]
    if coreless != list(layers):
        named = naming_of(coreless)
        found.append((named.architecture(coreless), _modules(coreless, named, scales, Counter())))
    nameless = (layers, naming) if by_words.is_told else (other, naming_of(other))
    found += (
        (guessed.model + BY_ORDER, _modules(some, guessed, scales, Counter()))
        for guessed, some in by_order(*nameless)
    )
    return tuple(
        _reading(label, some, number)
        for number, (label, some) in enumerate((each for each in found if each[1]), 1)
    )


def _is_known(layer: FileLayer, naming: Naming) -> bool:
    return layer.style == POSITIONAL or layer.source in naming.found


def _reading(
    label: str, modules: Sequence[ModulePlan], number: int, *, is_adapter: bool = False
) -> Reading:
    return Reading(label, tuple(replace(m, reading=number) for m in modules), is_adapter)


def _others(
    found: Sequence[tuple[str, tuple[ModulePlan, ...]]], modules: Sequence[ModulePlan]
) -> list[tuple[str, tuple[ModulePlan, ...]]]:
    """Those whose names are not the file's own, each once."""
    seen = {frozenset(module.name for module in modules)}
    others = []
    for label, some in found:
        names = frozenset(module.name for module in some)
        if names not in seen:
            seen.add(names)
            others.append((label, some))
    return others


def _modules(
    layers: Sequence[FileLayer],
    naming: Naming | NamingThen | NamingByOrder,
    scales: Mapping[str, float | None],
    counts: Counter[str],
) -> tuple[ModulePlan, ...]:
    """Every layer under its canonical names; of two for one name, the one that no words wrap, then
    the one that is not fused."""
    taken: dict[str, tuple[FileLayer, Piece]] = {}
    for layer in _in_order(layers):
        pieces = naming.pieces(layer)
        if pieces is None:
            counts[FUSED] += len(layer.tensors)
            continue
        for piece in pieces:
            other = taken.get(piece.name)
            if other is None or (
                other[1].rows is not None
                and piece.rows is None
                and (other[0].wrapped is None) == (layer.wrapped is None)
            ):
                taken[piece.name] = (layer, piece)
    return tuple(
        _module(layer, piece, scales[layer.source], layer.unpacked)
        for _, (layer, piece) in sorted(taken.items())
    )


def _in_order(layers: Iterable[FileLayer]) -> list[FileLayer]:
    """Those that no words wrap first, then those of the same words together: of two for one name
    the first is taken, and two adapters are not to be mixed."""

    def key(layer: FileLayer) -> tuple[bool, str, str]:
        words = layer.words
        return layer.wrapped is not None or bool(words), words, layer.source

    return sorted(layers, key=key)


def _module(
    layer: FileLayer,
    piece: Piece | OwnPiece,
    scale: float | None = None,
    unpacked: Mapping[str, tuple[int, int]] | None = None,
) -> ModulePlan:
    """A piece of a layer, as the layer itself says it."""
    return ModulePlan(
        name=piece.name,
        source=layer.source,
        algorithm=layer.shape.algorithm,
        shape=piece.shape,
        rank=layer.shape.rank,
        tensors=layer.tensors,
        rows=piece.rows,
        fixed_scale=scale,
        unpacked=unpacked or {},
        says_from_base=layer.says_from_base,
    )


def _own_modules(
    layers: Sequence[FileLayer], naming: Naming, counts: Counter[str], taken: Set[str]
) -> tuple[ModulePlan, ...]:
    """Every object of every layer under its name; of two for one name, the first."""
    found: dict[str, ModulePlan] = {}
    for layer in _in_order(layers):
        pieces = own_pieces(layer, naming)
        if pieces is None:
            counts[FUSED] += len(layer.tensors)
            continue
        free = [piece for piece in pieces if piece.name not in taken and piece.name not in found]
        if not free:
            counts[SECOND_UPDATE] += len(layer.tensors)
        for piece in free:
            found[piece.name] = replace(_module(layer, piece), what=piece.what)
    return tuple(found.values())


def _told_apart(
    layers: Sequence[FileLayer], configs: Mapping[str, PeftConfig], counts: Counter[str]
) -> tuple[FileLayer, ...]:
    """The layers that can be told from strangers' by what they hold: not those of which the
    configuration says that training began from something that strangers share; where the numbers
    can contradict it, that is marked."""
    values = sum(layer.shape.rank for layer in layers if layer.shape.algorithm == "adalora")
    found: list[FileLayer] = []
    for layer in layers:
        reason = _begins_alike(layer, _config_of(layer, configs))
        if reason == BEGINS_FROM_BASE and layer.shape.algorithm == "lora":
            layer, reason = replace(layer, says_from_base=True), None
        if layer.shape.algorithm == "adalora" and values < FEWEST_VALUES:
            reason = FEW_VALUES
        if reason is None:
            found.append(layer)
        else:
            counts[reason] += len(layer.tensors)
    return tuple(found)


def _begins_alike(layer: FileLayer, config: PeftConfig | None) -> str | None:
    algorithm = layer.shape.algorithm
    if algorithm == "fourierft":
        return None if config and config.from_nothing else BEGINS_DRAWN
    if config is None or layer.style != "peft":
        return None
    if algorithm == "hra" and config.gram_schmidt:
        return BEGINS_DRAWN
    if algorithm in OWN:
        return BEGINS_DRAWN if config.from_nothing is False else None
    return BEGINS_FROM_BASE if config.begins_from_base else None


def _configs(metadata: Mapping[str, str], remarks: list[str]) -> dict[str, PeftConfig]:
    text, of_gguf = metadata.get("lora_adapter_metadata"), metadata.get(GGUF_ALPHA)
    try:
        if of_gguf is not None:
            return {"": config_of_gguf(of_gguf)}
        return {} if text is None else parse_metadata(text)
    except FileError as e:
        remarks.append(str(e))
        return {}


def _says_scale(layer: FileLayer) -> bool:
    return "alpha" in layer.tensors or "scale" in layer.tensors


def _fixed_scale(layer: FileLayer, configs: Mapping[str, PeftConfig]) -> float | None:
    """The scale by configuration; what the tensors say of it goes first."""
    if not configs or _says_scale(layer) or layer.style not in ("peft", "lycoris"):
        return None
    config = _config_of(layer, configs)
    if config is None:
        return None
    name = layer.place.name
    if layer.shape.algorithm == "adalora":
        return config.scale(name, config.first_rank or layer.shape.rank)
    return config.scale(name, layer.shape.rank or config.rank_of(name) or 0)


def _config_of(layer: FileLayer, configs: Mapping[str, PeftConfig]) -> PeftConfig | None:
    """The configuration of the part that a layer is in."""
    if not configs:
        return None
    part = part_of(layer)
    names = ("transformer", "unet", "") if part == "model" else (part, "")
    return next((configs[name] for name in names if name in configs), None)


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
