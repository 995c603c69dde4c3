"""What a file adapts is what only one base model has; else it is one of several, each is tried."""

from __future__ import annotations

import pytest
from tests.match.made import known, read, remove
from tests.match.updates import sketched
from tests.scan.fake_hub import FakeHub
from tests.scan.test_screen import go, large, saved
from tests.updates import naming_tools as tools
from tests.updates.naming_tools import KOHYA, listing
from tests.updates.test_namings import layers_of

from reseen.fingerprints.entries import modules_of
from reseen.store.database import Store
from reseen.updates.plan import plan

TEXT = ("attn2.to_k", "attn2.to_v")
"""Layers whose width is that of the text, which the models differ in."""


def architecture(model: str, *ends: str, original: bool = False) -> str:
    layers = {n: s for n, s in layers_of(model).items() if n.endswith(ends) and s[2] == 1}
    name = tools.ldm_of(layers) if original else str
    flat = tools.kohya("lora_unet_")
    return plan(listing(tools.lora(layers, lambda n: flat(name(n)), KOHYA))).architecture


@pytest.mark.parametrize("original", [True, False])
@pytest.mark.parametrize("model", ["sd1", "sd2"])
def test_layers_that_two_models_have_alike_are_of_one_of_them(model: str, original: bool) -> None:
    assert architecture(model, "attn1.to_q", "attn1.to_k", original=original) == "sd1|sd2"
    assert architecture(model, "attn2.to_k", original=original) == model
    assert architecture(model, "attn1.to_q", *TEXT, original=original) == model


@pytest.mark.parametrize("model", ["sdxl", "flux", "sd3", "sd3.5-large"])
def test_layers_that_one_model_has_are_of_that(model: str) -> None:
    assert architecture(model, "to_q") == model


def test_layers_that_three_models_have_alike_are_of_one_of_them() -> None:
    name = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
    assert architecture("sd1", name) == "sd1|sd2|sdxl"


def test_a_file_is_searched_among_all_that_it_may_be() -> None:
    names = ["unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q"]
    assert set(modules_of("sd1|sd2", names)) == {"sd1", "sd2"}


@pytest.mark.parametrize("text", [True, False])
def test_a_copy_without_what_tells_its_model_is_found(store: Store, text: bool) -> None:
    """In either direction: the removal without it, or the copy."""
    whole = large(1, model="sd2")
    part = {n: s for n, s in whole.items() if not n.endswith(TEXT)}
    first, second = (whole, part) if text else (part, whole)
    removal = remove(store, sketched(saved(first)))
    copy = saved(second, "<f4", 0.7)
    (match,) = known(store).match_fingerprint(read(copy))
    assert match.removal == removal
    found = go(FakeHub({"x": copy}), known(store))
    assert [m.removal for m in found.seen[0].matches] == [removal]
