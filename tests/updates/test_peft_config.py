from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.updates.naming_tools import listing

from reseen.errors import FileError, Malformed, TooLarge
from reseen.updates.peft import GGUF_ALPHA, LARGEST, PeftConfig, parse_config, parse_metadata
from reseen.updates.plan import plan


def config(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def test_the_numbers_that_make_the_scale_are_read() -> None:
    found = parse_config(config(peft_type="LORA", r=8, lora_alpha=16, use_rslora=True, more=[1]))
    assert (found.rank, found.alpha, found.rslora) == (8, 16.0, True)
    assert found.scale("any", 4) == 8.0


def test_loha_and_lokr_call_it_alpha() -> None:
    assert parse_config(config(peft_type="LOKR", r=8, alpha=4)).alpha == 4.0


def test_the_first_pattern_that_ends_the_name_wins() -> None:
    found = parse_config(
        config(r=8, lora_alpha=8, alpha_pattern={"to_q": 1, "attn.to_q": 2, "^a.to_k": 3})
    )
    assert found.alpha_of("block.attn.to_q") == 1
    assert found.alpha_of("a.to_k") == 3
    assert found.alpha_of("b.a.to_k") == 8
    assert found.alpha_of("block.into_q") == 8


def test_a_regular_expression_is_counted_and_never_run() -> None:
    found = parse_config(config(r=8, lora_alpha=8, alpha_pattern={"(a+)+b": 1, "to\\.q": 2}))
    assert found.unreadable_patterns == 1
    assert found.alpha_of("x.to.q") == 2
    made = plan(listing({"x.lora_A.weight": (2, 4), "x.lora_B.weight": (4, 2)}), found)
    assert not made.scale_known


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"r": "eight"}',
        b'{"r": true}',
        b'{"lora_alpha": NaN}',
        b'{"lora_alpha": 1e400}',
        b'{"r": 1' + b"0" * 5000 + b"}",
        b'{"alpha_pattern": []}'.replace(b"[]", b"[1]"),
        b'{"alpha_pattern": {"x": "y"}}',
        b'{"peft_type": 3}',
        b"[" * 100_000,
        b'{"a":' * 50 + b"1" + b"}" * 50,
    ],
)
def test_a_broken_configuration_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse_config(data)


def test_a_huge_configuration_is_too_large() -> None:
    with pytest.raises(TooLarge):
        parse_config(b" " * (LARGEST + 1))
    with pytest.raises(TooLarge):
        parse_config(config(alpha_pattern={str(i): 1 for i in range(30_000)}))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with suppress(FileError):
        parse_config(data)


PAIR = {"lora_A.weight": (2, 4), "lora_B.weight": (4, 2)}
SHAPES = {f"{part}.x.{k}": s for part in ("transformer", "text_encoder") for k, s in PAIR.items()}


def test_the_configuration_in_a_header_counts_for_its_part() -> None:
    metadata = json.dumps({"transformer.r": 2, "transformer.lora_alpha": 6, "text_encoder.r": 2})
    assert parse_metadata(metadata)["transformer"].alpha == 6
    found = plan(listing(SHAPES, lora_adapter_metadata=metadata))
    scales = {module.name: module.fixed_scale for module in found.modules}
    assert scales == {"model.x": 3.0, "text_encoder.x": None}
    assert not found.scale_known


def test_a_broken_configuration_in_a_header_is_a_remark() -> None:
    found = plan(listing(SHAPES, lora_adapter_metadata="{"))
    assert len(found.modules) == 2
    assert "the adapter's configuration is not JSON" in found.remarks


class Walked(dict[str, float]):
    """Patterns that say how often all of them were gone through."""

    times = 0

    def __iter__(self) -> Iterator[str]:
        Walked.times += 1
        return super().__iter__()

    def items(self) -> Any:
        Walked.times += 1
        return super().items()


def test_patterns_are_looked_up_and_never_gone_through_for_a_layer() -> None:
    """Thousands of patterns beside thousands of layers."""
    some = Walked({f"l{i}": 1.0 for i in range(1_000)} | {"attn.to_q": 2.0, "to_q": 3.0})
    found = PeftConfig(rank=4, alpha=1, alpha_pattern=some)
    begun = Walked.times
    assert {found.alpha_of(f"blocks.{i}.attn.to_q") for i in range(1_000)} == {2.0}
    assert found.alpha_of("blocks.0.l7") == 1.0
    assert Walked.times == begun


@pytest.mark.parametrize(
    ("alpha", "scale"), [("8.0", 2.0), ("16", 4.0), ("nan", None), ("x", None)]
)
def test_a_gguf_adapter_has_one_alpha_for_all_layers(alpha: str, scale: float | None) -> None:
    shapes = {"blk.0.attn_q.weight.lora_a": (4, 64), "blk.0.attn_q.weight.lora_b": (64, 4)}
    found = plan(replace(listing(shapes), metadata={GGUF_ALPHA: alpha}))
    assert [module.fixed_scale for module in found.modules] == [scale]
    assert found.scale_known is (scale is not None)
    assert bool(found.remarks) is (scale is None)
