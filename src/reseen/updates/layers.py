"""The tensors of a file by layer: whose layer, in what role, and whether they make an update.

Comes in: a header's tensors. Goes out: the layers whose tensors make an update, each with its
size; everything else is counted by reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reseen.files.tensors import TensorInfo
from reseen.updates.names.known import ENCODERS
from reseen.updates.names.prefixes import LayerPlace, place
from reseen.updates.names.suffixes import EXTRAS, FACTORS, OTHER, Tensor, by_pattern, split
from reseen.updates.names.tables import flat
from reseen.updates.names.wrapped import ALL, Models, Wrapped, is_name, longest, model_of
from reseen.updates.open_sides import is_open, model_of_open
from reseen.updates.pairs import pairs
from reseen.updates.quantised import attach, unpacked_shapes
from reseen.updates.shapes import shape_of, turned
from reseen.updates.sides import Shape

_LONGEST_NAME = 512
_NUMBER = re.compile(r"\[?(\d{1,6})\]?")

SECOND_ADAPTER = (
    "a second adapter in the same file: of too few layers, or beyond those that are read"
)
"""Of a layer that an adapter of another name has, too."""
POSITIONAL = "cloneofsimo"
"""The style of layers that have a number and no name: `unet#3`, `text_encoder#3`, `list#3`."""


@dataclass(frozen=True, slots=True)
class FileLayer:
    """One layer as the file has it, before it gets canonical names."""

    source: str
    """The file's own name."""
    place: LayerPlace
    style: str
    """Whose endings its tensors have."""
    tensors: dict[str, TensorInfo]
    """By role."""
    shape: Shape
    unpacked: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By role: shapes of factors that the header does not say."""
    wrapped: Wrapped | None = None
    """The layer that its name ends in, where words that nobody knows stand before or within it."""
    adapter: str = ""
    """The name of the adapter whose it is, where its tensors say one."""
    says_from_base: bool = False
    """As in `ModulePlan`."""
    is_further: bool = False
    """Whether an adapter of another name, which comes first, has this layer, too."""

    @property
    def words(self) -> str:
        """What stands before the layer's name and says nothing known: of two adapters in one file
        these are others."""
        whole = flat(self.place.rest)
        if not whole.endswith(self.alias):
            return ""
        return whole.removesuffix(self.alias).removesuffix(flat(self.place.prefix))

    @property
    def alias(self) -> str:
        """The name that tables are asked for, flattened."""
        return self.wrapped.alias if self.wrapped else flat(self.place.name)

    @property
    def length(self) -> int:
        """Bytes that it takes in the file."""
        return sum(info.length for info in self.tensors.values())


def file_layers(tensors: Sequence[TensorInfo], counts: Counter[str]) -> tuple[FileLayer, ...]:
    """The layers that tensors make; adds to `counts` every tensor that makes none, by reason."""
    grouped: dict[str, dict[str, dict[str, TensorInfo]]] = {}
    styles: dict[str, str] = {}
    rest: list[TensorInfo] = []
    others: dict[str, list[tuple[str, TensorInfo]]] = {}
    """By layer: what is recognised and not read."""
    parts: list[TensorInfo] = []
    """Of quantised weights."""
    numbered = _numbered(tensors)
    for info in tensors:
        if len(info.name) > _LONGEST_NAME:
            counts["names longer than any known"] += 1
            continue
        said = numbered.get(info.name) if numbered else split(info.name)
        if said is None:
            rest.append(info)
        elif said.role == "quantised":
            parts.append(info)
        elif said.role in OTHER:
            others.setdefault(said.layer, []).append((said.role, info))
        else:
            roles = grouped.setdefault(said.layer, {}).setdefault(said.adapter, {})
            if said.role in roles:
                counts["a second tensor for the same part of a layer"] += 1
            else:
                roles[said.role] = info
            if said.role in FACTORS and (said.style != "lycoris" or said.layer not in styles):
                styles[said.layer] = said.style
    rest = _ia3_weights(rest, grouped)
    for info in attach(parts, grouped):
        others.setdefault(info.name, []).append(("quantised", info))
    left = rest if numbered else _by_pattern(rest, grouped, styles)
    if not numbered and not any(_factors(adapters) for adapters in grouped.values()):
        paired = pairs(left)
        grouped |= {name: {"": dict(pair)} for name, pair in paired.items()}
        taken = {info.name for pair in paired.values() for info in pair.values()}
        left = [info for info in left if info.name not in taken]
    for info in left:
        counts[_why_not(info)] += 1
    for some in others.values():
        for role, info in some:
            known = role != "tlora" or any(".lambda_layer" in each.name for _, each in some)
            counts[OTHER[role] if known else _why_not(info)] += 1

    layers: list[FileLayer] = []
    for source, adapters in grouped.items():
        for number, (adapter, roles) in enumerate(_by_adapter(adapters, counts)):
            made = _made(source, roles, styles)
            if isinstance(made, str):
                if source in others and roles.keys() <= set(EXTRAS):
                    made = OTHER[others[source][0][0]]  # the alpha of what stands beside it
                counts[made] += len(roles)
                continue
            if len(made.tensors) < len(roles):
                counts["a second algorithm for one layer: only the first is read"] += len(
                    roles
                ) - len(made.tensors)
            if number:
                name = _free(f"{source} ({adapter})", grouped)
                made = replace(made, source=name, is_further=True)
            layers.append(replace(made, adapter=adapter))
    return tuple(layers)


def _made(source: str, roles: dict[str, TensorInfo], styles: Mapping[str, str]) -> FileLayer | str:
    """The layer that these tensors make, or why they make none."""
    unpacked = _unpacked(source, roles)
    shape, used = shape_of(_with_shapes(roles, unpacked))
    used = {role: roles[role] for role in used}
    # A number does not say which of two goes up; other names may say it falsely.
    is_turned = styles.get(source) == POSITIONAL and _is_turned(shape)
    if (isinstance(shape, str) or is_turned) and (readings := turned(roles)):
        shape, used = readings[0]
    if isinstance(shape, str):
        return shape
    style = "lycoris" if shape.algorithm in ("loha", "lokr") else styles.get(source, "")
    return replace(_layer(source, style, used, shape), unpacked=unpacked)


def _free(source: str, taken: Container[str]) -> str:
    """A name that no layer of the file has."""
    while source in taken:
        source += "'"
    return source


def _unpacked(source: str, roles: dict[str, TensorInfo]) -> dict[str, tuple[int, int]]:
    """The shapes of factors that the header does not say."""
    if not any(role.endswith("/absmax") for role in roles):
        return {}
    where = place(source)
    aliases = [flat(where.name), longest(where.rest)]
    return unpacked_shapes([alias for alias in aliases if alias], roles)


def _with_shapes(
    roles: dict[str, TensorInfo], shapes: dict[str, tuple[int, int]]
) -> dict[str, TensorInfo]:
    if not shapes:
        return roles
    return roles | {role: replace(roles[role], shape=shape) for role, shape in shapes.items()}


def _ia3_weights(
    tensors: list[TensorInfo], grouped: dict[str, dict[str, dict[str, TensorInfo]]]
) -> list[TensorInfo]:
    """Add the `weight` of each layer that has LyCORIS' `on_input`; what is left."""
    left: list[TensorInfo] = []
    for info in tensors:
        layer, _, last = info.name.rpartition(".")
        roles = grouped.get(layer, {}).get("", {})
        if last == "weight" and "on_input" in roles and "ia3_weight" not in roles:
            roles["ia3_weight"] = info
        else:
            left.append(info)
    return left


def _by_pattern(
    tensors: Sequence[TensorInfo],
    grouped: dict[str, dict[str, dict[str, TensorInfo]]],
    styles: dict[str, str],
) -> list[TensorInfo]:
    """Add tensors whose endings no trainer writes just so to their layers; what is left. To a layer
    that has factors under known endings nothing is added: it would be told by what it is not."""
    left: list[TensorInfo] = []
    whole = {layer for layer, adapters in grouped.items() if _factors(adapters)}
    for info in tensors:
        said = by_pattern(info.name)
        if said is None or said.layer in whole:
            left.append(info)
            continue
        roles = grouped.setdefault(said.layer, {}).setdefault("", {})
        if said.role in roles:
            left.append(info)
        else:
            roles[said.role] = info
            if said.role in FACTORS:
                styles[said.layer] = said.style
    return left


def _factors(adapters: dict[str, dict[str, TensorInfo]]) -> bool:
    return any(role in FACTORS for roles in adapters.values() for role in roles)


def _is_turned(shape: Shape | str) -> bool:
    """Whether factors would be larger than what they make."""
    return isinstance(shape, Shape) and shape.rank > min(shape.out, shape.columns)


def _layer(
    source: str, style: str, used: dict[str, TensorInfo], shape: Shape, models: Models = ALL
) -> FileLayer:
    """The layer under what its name says it is; of several ways to read its factors, the one in
    which they have that layer's shape. `models`: those whose names are looked for."""
    where = place(source)
    if style == POSITIONAL:
        return FileLayer(source, where, style, used, shape)
    plain = flat(where.name)
    named = is_name(plain, where.part, models)
    alias = plain if named else longest(where.rest, models)
    if alias is None:
        return FileLayer(source, where, style, used, shape)
    if is_open(shape):
        sized = model_of_open(alias, shape, models)
    else:
        sized = model_of(alias, shape.out, shape.columns, models)
    if sized is None:
        for other, reading in turned(used):
            sized = model_of(alias, other.out, other.columns, models)
            if sized is not None:
                used, shape = reading, other
                break
    if named or sized is None:
        return FileLayer(source, where, style, used, shape)
    alias, model = sized
    found = Wrapped(alias, model if model in ENCODERS else "")
    return FileLayer(source, where, style, used, shape, wrapped=found)


def layer_then(layer: FileLayer, models: Models) -> FileLayer:
    """The layer as it was found when these were all models that had a table."""
    if layer.wrapped is None and is_name(layer.alias, layer.place.part, models):
        return layer
    was = _layer(layer.source, layer.style, layer.tensors, layer.shape, models)
    return replace(was, unpacked=layer.unpacked)


def _numbered(tensors: Sequence[TensorInfo]) -> dict[str, Tensor]:
    """A plain list [up0, down0, up1, ...] by its names, also where pairs are missing; empty
    where it is none."""
    numbers: dict[int, str] = {}
    for info in tensors:
        if (match := _NUMBER.fullmatch(info.name)) is None:
            return {}
        numbers[int(match[1])] = info.name
    if len(numbers) < len(tensors) or any(number ^ 1 not in numbers for number in numbers):
        return {}
    return {
        name: Tensor(f"list#{i // 2}", ("up", "down")[i % 2], style=POSITIONAL)
        for i, name in numbers.items()
    }


def _by_adapter(
    adapters: dict[str, dict[str, TensorInfo]], counts: Counter[str]
) -> Iterator[tuple[str, dict[str, TensorInfo]]]:
    """The tensors of each adapter of a layer by its name, the first with what stands there without
    one."""
    with_factors = [
        name for name, roles in adapters.items() if any(role in FACTORS for role in roles)
    ]
    if not with_factors:
        yield "", {role: info for roles in adapters.values() for role, info in roles.items()}
        return
    first, *more = sorted(with_factors, key=lambda name: (name != "", name != "default", name))
    for name, roles in adapters.items():
        if name != "" and name not in with_factors:
            counts[SECOND_ADAPTER] += len(roles)
    yield first, {**adapters.get("", {}), **adapters[first]}
    for name in more:
        yield name, adapters[name]


def _why_not(info: TensorInfo) -> str:
    """Why a tensor whose name has no adapter's ending is no part of an update."""
    last = info.name.rpartition(".")[2]
    if last in ("weight", "bias"):
        return "whole weights (a checkpoint or another model): not an update, not read yet"
    return "names that no known adapter uses"
