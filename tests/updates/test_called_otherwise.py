"""Names that somebody wrote otherwise than any tool does, and names of models that nobody knows."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from tests.updates.naming_tools import PEFT, Layers, listing, lora

from reseen.updates.names.plainly import plainly
from reseen.updates.plan import Plan, plan

SD1: Layers = {
    f"down_blocks.{b}.attentions.{a}.transformer_blocks.0.{attn}.to_{x}": (
        320 << b, 768 if attn == "attn2" and x in "kv" else 320 << b, 1,
    )
    for b in range(3) for a in range(2) for attn in ("attn1", "attn2") for x in "qkv"
}  # fmt: skip
TOWERS: Layers = {
    f"model.{tower}.stages.{i}.{attn}.{x}": (64, 64, 1)
    for tower, attns in (("left", ("near",)), ("right", ("near", "far")))
    for i in range(3) for attn in attns for x in "qkv"
}  # fmt: skip


def names(found: Plan) -> set[str]:
    return {module.name for module in found.modules}


def every_name(found: Plan) -> list[set[str]]:
    return [names(found), *({m.name for m in each.modules} for each in found.readings)]


def planned(layers: Layers, spell: Callable[[str], str] = str) -> Plan:
    return plan(listing({spell(name): shape for name, shape in lora(layers, str, PEFT).items()}))


SPELLINGS: dict[str, Callable[[str], str]] = {
    "letters that look alike": lambda n: n.replace("o", "\u043e").replace("a", "\u0430"),
    "of full width": lambda n: "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in n),
    "signs that nobody sees": lambda n: "\u200b".join(n),
    "as in an address": lambda n: n.replace(".", "%2E"),
    "numbers with zeros": lambda n: re.sub(r"\.(\d)\.", r".0\1.", n),
    "a word in every gap": lambda n: n.replace(".", ".zz."),
    "another word in every gap": lambda n: re.sub(r"\.", lambda m: f".q{m.start()}q.", n),
}


@pytest.mark.parametrize("how", SPELLINGS)
def test_a_name_that_is_written_otherwise_is_the_same_layer(how: str) -> None:
    told = planned(SD1)
    assert names(told) == {f"unet.{name}" for name in SD1}
    assert names(told) in every_name(planned(SD1, SPELLINGS[how]))


def test_a_plain_name_is_as_it_is() -> None:
    for name in (*SD1, "lora_unet_x.alpha", "t5.encoder.block.0.layer.0.SelfAttention.q"):
        assert plainly(name) is name


@pytest.mark.parametrize("before", ["", "model.", "lora_", "model.model.", "net."])
def test_a_model_that_nobody_knows_has_its_names_whatever_stands_before_them(before: str) -> None:
    """By one of the names that it is compared under; the name that it is kept under stays."""
    kept = names(planned(TOWERS))
    assert kept == {f"model.{name.replace('.', '_')}" for name in TOWERS}
    bare = {name.removeprefix("model."): size for name, size in TOWERS.items()}
    assert kept in every_name(planned({before + name: size for name, size in bare.items()}))
    inside = {f"thinker.{name}": size for name, size in bare.items()}
    assert names(planned(bare)) in every_name(planned(inside))


def test_towers_of_one_model_stay_apart() -> None:
    for some in every_name(planned(TOWERS)):
        assert len(some) == len(TOWERS)


def test_torchtune_names_a_language_model_as_peft_does() -> None:
    theirs = {
        f"layers.{i}.{name}": (64, 64, 1)
        for i in range(2)
        for name in ("attn.q_proj", "attn.output_proj", "mlp.w1", "mlp.w2", "mlp.w3")
    }
    ours = {
        f"language.layers.{i}.{name}"
        for i in range(2)
        for name in (
            *("self_attn.q_proj", "self_attn.o_proj"),
            *("mlp.gate_proj", "mlp.down_proj", "mlp.up_proj"),
        )
    }
    assert names(planned(theirs)) == ours


def test_ia3_of_either_library_has_the_others_names() -> None:
    peft = plan(listing({f"unet.{name}.ia3_l": (size[0], 1) for name, size in SD1.items()}))
    theirs: dict[str, tuple[int, ...]] = {}
    for name, size in SD1.items():
        layer = f"lora_unet_{name.replace('.', '_')}"
        theirs |= {f"{layer}.weight": (size[0],), f"{layer}.on_input": ()}
    lycoris = plan(listing(theirs))
    assert names(peft) in every_name(lycoris)
    assert names(lycoris) in every_name(peft)


def test_what_two_tools_endings_name_beside_each_other_are_two_adapters() -> None:
    """A loader of either takes its own: a stranger's `lora_down` hides no `lora_A`."""
    both: dict[str, tuple[int, ...]] = {}
    for name, (out, inn, _) in SD1.items():
        both |= {f"unet.{name}.lora_A.weight": (4, inn), f"unet.{name}.lora_up.weight": (out, 8)}
        both |= {f"unet.{name}.lora_down.weight": (8, inn), f"unet.{name}.lora_B.weight": (out, 4)}
    found = plan(listing(both))
    adapters = [found, *(each for each in found.readings if each.is_adapter)]
    assert [{m.rank for m in each.modules} for each in adapters] in ([{4}, {8}], [{8}, {4}])
    for each in adapters:
        assert {m.name for m in each.modules} == {f"unet.{name}" for name in SD1}
    assert not found.not_read
