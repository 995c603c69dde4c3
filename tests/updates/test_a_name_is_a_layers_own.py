"""A layer's name is made of its own name and size: what else the file has changes nothing."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.match.made import known, read, remove
from tests.match.updates import sketched
from tests.scan.test_screen import saved
from tests.updates import naming_tools as tools
from tests.updates.golden_headers import unknown_families
from tests.updates.naming_tools import KOHYA, PEFT, Layers, Shapes, listing
from tests.updates.test_wrapped_names import SPELLED

from reseen.store.database import Store
from reseen.updates.names.known import DENOISERS, ENCODERS, layer
from reseen.updates.names.known import known as table_of
from reseen.updates.plan import Plan, plan

FILES: dict[str, Layers] = {" ".join(key): layers for key, layers in SPELLED.items()}
FILES |= unknown_families()
WORDS = {
    "plain": lambda name: name,
    "kohya": tools.kohya("lora_unet_"),
    "wrapped": tools.dotted("my.words."),
    "encoder": tools.dotted("text_encoder."),
}


def names(found: Plan) -> dict[str, set[tuple[object, ...]]]:
    made: dict[str, set[tuple[object, ...]]] = {}
    for module in found.modules:
        made.setdefault(module.source, set()).add((module.name, module.rows, module.shape))
    return made


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from(sorted(FILES)), st.sampled_from(sorted(WORDS)), st.integers(0, 2**32),
    st.floats(0.01, 0.9), st.sampled_from(sorted(FILES)),
)  # fmt: skip
def test_any_layers_of_a_file_keep_their_names(
    file: str, word: str, seed: int, share: float, other: str
) -> None:
    """Whichever are left, and whatever of another family stands beside them."""
    draw = random.Random(seed)
    layers = dict(list(FILES[file].items())[:90])
    whole = names(plan(listing(tools.lora(layers, WORDS[word], KOHYA))))
    some = {name: size for name, size in layers.items() if draw.random() < share}
    beside = dict(list(FILES[other].items())[:90])
    more: Shapes = tools.lora(beside, tools.dotted("beside.it."), PEFT)
    for shapes in ({}, more):
        left = plan(listing(tools.lora(some, WORDS[word], KOHYA) | shapes))
        # Two layers of one name are one module: the second is said to be left out.
        others = {m.name for m in left.modules if m.source.startswith("beside.it.")}
        for source, said in names(left).items():
            if not source.startswith("beside.it."):
                assert said == {each for each in whole[source] if each[0] not in others}


@pytest.mark.parametrize("models", [DENOISERS, ENCODERS])
def test_models_that_have_a_layer_of_one_name_and_size_name_it_alike(
    models: tuple[str, ...],
) -> None:
    for model in models:
        table = table_of(model)
        for alias, cuts in table.aliases.items():
            first = table.layers[cuts[0].name]
            for out, columns in ((first.out, first.columns), *first.others):
                whole = out * cuts[0].of // sum(b - a for a, b in cuts[0].units)
                found = layer(models, alias, whole, columns)
                assert found is not None, (model, alias)
                assert model in found.models, (model, alias)
                assert found.table.part == table.part or model in ENCODERS, (model, alias)
                for one in found.models:
                    assert table_of(one).aliases[alias] == found.cuts, (model, one, alias)


def test_a_layer_whose_height_does_not_divide_is_read_under_its_own_name() -> None:
    shapes = tools.lora({"double_blocks.0.img_attn.qkv": (9215, 3072, 1)}, str, PEFT)
    found = plan(listing(shapes))
    assert [module.name for module in found.modules] == ["model.double_blocks_0_img_attn_qkv"]
    assert not found.not_read


def qwen(seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """A few layers of a family of which another's table has some names."""
    numbers = np.random.default_rng(seed)
    sizes = {"attn.to_q": (3072, 3072), "img_mlp.net.2": (3072, 12288)}
    return {
        f"transformer_blocks.{i}.{name}": (
            numbers.standard_normal((1, inn)),
            numbers.standard_normal((out, 1)),
        )
        for i in range(0, 60, 6)
        for name, (out, inn) in sizes.items()
    }


@pytest.mark.parametrize("whole", [True, False])
def test_a_copy_of_the_attention_alone_is_found(store: Store, whole: bool) -> None:
    """Whichever of the two was removed."""
    every = qwen(1)
    attention = {name: both for name, both in every.items() if ".attn." in name}
    first, second = (every, attention) if whole else (attention, every)
    removal = remove(store, sketched(saved(first)))
    (match,) = known(store).match_fingerprint(read(saved(second, "<f4")))
    assert match.removal == removal
    assert match.evidence[0].figures["modules"] == len(attention)
