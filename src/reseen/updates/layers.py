"""The tensors of a file by layer: whose layer, in what role, and whether they make an update.

Comes in: a header's tensors. Goes out: the layers whose tensors make an update, each with its
size; everything else is counted by reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod

from reseen.files.tensors import TensorInfo
from reseen.updates.file_layer import POSITIONAL, FileLayer, named
from reseen.updates.names.plainly import plainly
from reseen.updates.names.prefixes import place
from reseen.updates.names.suffixes import EXTRAS, FACTORS, OTHER, Tensor, by_pattern, split
from reseen.updates.names.tables import flat
from reseen.updates.names.wrapped import longest
from reseen.updates.pairs import pairs
from reseen.updates.quantised import attach, unpacked_shapes
from reseen.updates.shapes import shape_of, turned
from reseen.updates.sides import Shape

_LONGEST_NAME = 512
_UNSAID = ("/absmax", "/blocks16", "/format")
"""Parts of factors whose shape the header may not say."""
_THIN = 256
_NUMBER = re.compile(r"\[?(\d{1,6})\]?")

SECOND_ADAPTER = (
    "a second adapter in the same file: of too few layers, or beyond those that are read"
)
"""Of a layer that an adapter of another name has, too."""


def file_layers(tensors: Sequence[TensorInfo], counts: Counter[str]) -> tuple[FileLayer, ...]:
    """The layers that tensors make; adds to `counts` every tensor that makes none, by reason."""
    written: dict[str, dict[str, dict[str, dict[str, TensorInfo]]]] = {}
    """By layer, by adapter, by whose ending it is, by role."""
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
        said = numbered.get(info.name) if numbered else split(plainly(info.name))
        if said is None:
            rest.append(info)
        elif said.role == "quantised":
            parts.append(info)
        elif said.role in OTHER:
            others.setdefault(said.layer, []).append((said.role, info))
        else:
            named = written.setdefault(said.layer, {}).setdefault(said.adapter, {})
            roles = named.setdefault(said.style, {})
            if said.role in roles:
                counts["a second tensor for the same part of a layer"] += 1
            else:
                roles[said.role] = info
            if said.role in FACTORS and (said.style != "lycoris" or said.layer not in styles):
                styles[said.layer] = said.style
    grouped = {
        layer: {name: roles for each in some.items() for name, roles in _by_ending(*each)}
        for layer, some in written.items()
    }
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
            layers.append(replace(made, adapter=adapter) if adapter else made)
    return tuple(layers)


def _by_ending(
    adapter: str, styles: Mapping[str, dict[str, TensorInfo]]
) -> Iterator[tuple[str, dict[str, TensorInfo]]]:
    """The tensors of one adapter of a layer; where endings of two tools name the same part twice
    (`lora_down` beside `lora_A`), those of each as an adapter of its own: a loader of either takes
    its own."""
    roles = [role for some in styles.values() for role in some]
    if len(roles) == len(set(roles)):
        yield adapter, {role: info for some in styles.values() for role, info in some.items()}
        return
    anyones = styles.get("", {})
    own = [style for style in styles if style]
    for number, style in enumerate(own):
        yield f"{adapter} {style}" if number else adapter, {**anyones, **styles[style]}


def _made(source: str, roles: dict[str, TensorInfo], styles: Mapping[str, str]) -> FileLayer | str:
    """The layer that these tensors make, or why they make none."""
    unpacked = _unpacked(source, roles)
    shape, used = shape_of(_with_shapes(roles, unpacked))
    if unpacked:
        used = {role: roles[role] for role in used}
    # A number does not say which of two goes up; other names may say it falsely.
    is_turned = styles.get(source) == POSITIONAL and _is_turned(shape)
    if (isinstance(shape, str) or is_turned) and (readings := turned(roles)):
        shape, used = readings[0]
    if isinstance(shape, str):
        return shape
    style = "lycoris" if shape.algorithm in ("loha", "lokr") else styles.get(source, "")
    layer = named(source, style, used, shape)
    return replace(layer, unpacked=unpacked) if unpacked else layer


def _free(source: str, taken: Container[str]) -> str:
    """A name that no layer of the file has."""
    while source in taken:
        source += "'"
    return source


def _unpacked(source: str, roles: dict[str, TensorInfo]) -> dict[str, tuple[int, int]]:
    """The shapes of factors that the header does not say."""
    if not any(role.endswith(_UNSAID) for role in roles):
        return {}
    where = place(source)
    return unpacked_shapes([flat(where.name), *longest(where.rest)], roles)


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
        said = by_pattern(plainly(info.name))
        if said is None or said.layer in whole or (said.style == "hcp" and not _is_thin(info)):
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


def _is_thin(info: TensorInfo) -> bool:
    """Whether a matrix can be a factor of a larger one: `W_up` may be a whole layer's name."""
    return len(info.shape) > 1 and min(info.shape[0], prod(info.shape[1:])) <= _THIN


def _factors(adapters: dict[str, dict[str, TensorInfo]]) -> bool:
    return any(role in FACTORS for roles in adapters.values() for role in roles)


def _is_turned(shape: Shape | str) -> bool:
    """Whether factors would be larger than what they make."""
    return isinstance(shape, Shape) and shape.rank > min(shape.out, shape.columns)


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
    if len(adapters) == 1:
        for name, roles in adapters.items():
            yield "" if FACTORS.isdisjoint(roles) else name, roles
        return
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
