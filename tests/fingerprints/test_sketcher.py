"""A streamed file and one that is read anywhere have the same sketch, and memory stays bounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from reseen.files.containers import read_listing
from reseen.files.source import Memory, Range, run
from reseen.fingerprints import sketcher
from reseen.fingerprints.digests import Fingerprinter, look_inside
from reseen.fingerprints.sketch import decode
from reseen.fingerprints.sketcher import Sketched, Sketcher, probe_bytes, probes, read_sketch
from reseen.fingerprints.whole import fingerprint
from reseen.updates.plan import Plan, plan


def adapter(modules: int = 24, rank: int = 4, seed: int = 0, up: type = np.float16) -> bytes:
    """A synthetic adapter with kohya's names for SD 1.x. With another dtype for one of the factors
    the two lie far apart in the file."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for n in range(modules):
        block, layer = divmod(n, 4)
        name = (
            f"lora_unet_down_blocks_{block % 3}_attentions_{block // 3 % 2}"
            f"_transformer_blocks_0_attn1_to_{('q', 'k', 'v', 'out_0')[layer]}"
        )
        width = (320, 640, 1280)[block % 3]
        tensors[f"{name}.lora_up.weight"] = rng.standard_normal((width, rank)).astype(up)
        tensors[f"{name}.lora_down.weight"] = rng.standard_normal((rank, width)).astype(np.float16)
        tensors[f"{name}.alpha"] = np.array(rank, np.float32)
    return save(tensors)


def plan_of(data: bytes) -> Plan:
    return plan(run(Memory(data), read_listing(len(data))))


def streamed(data: bytes, sizes: list[int]) -> Sketched:
    stream = Sketcher(plan_of(data))
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        buffer = bytearray(data[at : at + size])
        stream.feed(memoryview(buffer))
        buffer[:] = bytes(len(buffer))  # the giver may use its memory again
        at += size
        turn += 1
    return stream.finish()


DATA = adapter()


@given(st.lists(st.integers(1, 70_000), min_size=1, max_size=6).filter(lambda s: max(s) > 999))
@settings(max_examples=20, deadline=None)
def test_the_pieces_of_a_stream_do_not_matter(sizes: list[int]) -> None:
    whole = run(Memory(DATA), read_sketch(plan_of(DATA))).sketch
    parts = streamed(DATA, sizes).sketch
    assert whole is not None
    assert parts is not None
    assert parts.encode() == whole.encode()


def test_one_pass_gives_digests_and_sketch() -> None:
    inside = run(Memory(DATA), look_inside(len(DATA)))
    passing = Fingerprinter(len(DATA), inside)
    for at in range(0, len(DATA), 100_000):
        passing.update(DATA[at : at + 100_000])
    found = passing.finish()
    assert found.sketch is not None
    assert len(decode(found.sketch).ids) == 24
    assert found.no_sketch is None


def test_a_file_without_updates_says_why_it_has_no_sketch(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(save({"some.weight": np.ones((64, 64), np.float32)}))
    found = fingerprint(path)
    assert found.sketch is None
    assert found.no_sketch
    path.write_bytes(b"nothing of the kind")
    assert fingerprint(path).no_sketch


def test_probes_cost_a_part_of_the_file_and_few_questions() -> None:
    made = plan_of(DATA)
    asked: list[Range] = []
    reader = read_sketch(made, probes(made))
    source = Memory(DATA)
    try:
        wanted = next(reader)
        while True:
            asked.append(wanted)
            wanted = reader.send(source.read(wanted))
    except StopIteration as stop:
        found: Sketched = stop.value
    assert found.sketch is not None
    assert not found.sketch.complete
    assert set(found.sketch.slots) == set(
        run(source, read_sketch(made)).sketch.slots  # type: ignore[union-attr]
    )
    assert probe_bytes(made) <= sum(r.length for r in asked) < len(DATA)
    assert len(asked) <= 16


def test_a_file_that_is_cut_short_leaves_modules_out_with_a_reason() -> None:
    stream = Sketcher(plan_of(DATA))
    stream.feed(DATA[: len(DATA) // 2])
    found = stream.finish()
    assert found.left_out == {"its bytes did not all come": sum(found.left_out.values())}
    assert sum(found.left_out.values()) > 4


def test_layers_that_lie_scattered_over_too_much_are_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sketcher, "MOST_HELD", 100_000)
    data = adapter(up=np.float32)
    stream = Sketcher(plan_of(data))
    for at in range(0, len(data), 5_000):
        stream.feed(data[at : at + 5_000])
        assert stream._held_bytes <= 100_000
    assert sum(stream.finish().left_out.values()) > 0


def test_a_module_that_is_not_finite_is_left_out_with_a_reason() -> None:
    rng = np.random.default_rng(0)
    tensors = {}
    for n, layer in enumerate(("q", "k", "v", "out_0")):
        name = f"lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_{layer}"
        up = rng.standard_normal((1280, 4)).astype(np.float16)
        if n == 0:
            up[0, 0] = np.inf
        tensors[f"{name}.lora_up.weight"] = up
        tensors[f"{name}.lora_down.weight"] = rng.standard_normal((4, 1280)).astype(np.float16)
    found = streamed(save(tensors), [50_000])
    assert found.sketch is not None
    assert len(found.sketch.ids) == 3
    assert found.left_out == {"its update is not finite": 1}
