"""What is made of a header: names, patterns, shapes and numbers that become modules and a sketch.

Adapters by a grammar of what trainers write, with odd shapes, odd values, tensors that share bytes,
and configurations beside them whose numbers have every size.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from math import prod
from random import Random

import numpy as np
from tests.files import build
from tests.files.build import T
from tests.fuzz import chance
from tests.fuzz.chance import MARKER, encoded, json_text, mutated, number, sum_of, word
from tests.fuzz.play import Broken, FuzzedReader

from reseen.errors import FileError
from reseen.files import containers
from reseen.files.source import Memory, run
from reseen.files.tensors import DTYPE_BITS
from reseen.fingerprints import sketch as sketches
from reseen.fingerprints.digests import Fingerprinter, look_inside
from reseen.fingerprints.sketcher import Sketched, probe_bytes, probes, read_sketch
from reseen.updates.names import prefixes, suffixes
from reseen.updates.peft import PeftConfig, parse_config, parse_metadata
from reseen.updates.plan import plan

_ENDINGS = tuple(sorted(suffixes._ENDINGS))
_BEGINNINGS = (
    "",
    *(p for p, _ in prefixes._PARTS),
    "base_model.model.",
    "_orig_mod.",
    "0_lora_unet_",
)
_LAYERS = (
    *(
        "down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q",
        "mid_block.attentions.0.proj_in",
    ),
    *(
        "input_blocks_4_1_transformer_blocks_0_attn2_to_k",
        "double_blocks_0_img_attn_qkv",
        "to_out.0",
    ),
    *("single_blocks_3_linear1", "transformer_blocks.3.attn.to_q", "blocks.7.self_attn.q", "x.y.z"),
    *("text_model_encoder_layers_3_self_attn_q_proj", "joint_blocks_0_x_block_attn_qkv", "0", "12"),
    *(
        "encoder.block.0.layer.0.SelfAttention.q",
        "layers.0.attention.to_q",
        "add_k_proj",
        "a" * 300,
    ),
)
_FORMS: tuple[tuple[tuple[str, tuple[str, ...]], ...], ...] = (
    (("lora_up.weight", ("o", "r")), ("lora_down.weight", ("r", "i"))),
    (("lora_up.weight", ("o", "r", "1", "1")), ("lora_down.weight", ("r", "i", "3", "3"))),
    (
        ("lora_up.weight", ("o", "r")),
        ("lora_down.weight", ("r", "i")),
        ("lora_mid.weight", ("r", "r", "3", "3")),
    ),
    (("lora_B.weight", ("o", "r")), ("lora_A.weight", ("r", "i"))),
    (
        ("lora_B.default.weight", ("o", "r")),
        ("lora_A.default.weight", ("r", "i")),
        ("lora_magnitude_vector", ("o",)),
    ),
    (("lora_embedding_B", ("o", "r")), ("lora_embedding_A", ("r", "i"))),
    (
        ("hada_w1_a", ("o", "r")),
        ("hada_w1_b", ("r", "i")),
        ("hada_w2_a", ("o", "r")),
        ("hada_w2_b", ("r", "i")),
    ),
    (
        *(("hada_w1_a", ("r", "o")), ("hada_w1_b", ("r", "i")), ("hada_t1", ("r", "r", "3", "3"))),
        *(("hada_w2_a", ("r", "o")), ("hada_w2_b", ("r", "i")), ("hada_t2", ("r", "r", "3", "3"))),
    ),
    (("lokr_w1", ("o", "i")), ("lokr_w2", ("o", "i"))),
    (("lokr_w1_a", ("o", "r")), ("lokr_w1_b", ("r", "i")), ("lokr_w2", ("o", "i", "1", "1"))),
    (
        ("lokr_w1", ("o", "i")),
        ("lokr_w2_a", ("r", "o")),
        ("lokr_w2_b", ("r", "i")),
        ("lokr_t2", ("r", "r", "3", "3")),
    ),
    (("diff", ("o", "i")), ("diff_b", ("o",))),
    (("lora_B", ("o", "r")), ("lora_A", ("r", "i")), ("lora_E", ("r", "1"))),
    (
        *(("lora_up.weight", ("o", "r")), ("lora_up.scale_weight", ())),
        *(("lora_down.weight", ("r", "i")), ("lora_down.weight_scale", ("r", "1"))),
        ("lora_down.comfy_quant", ("j",)),
    ),
    (
        *(("lora_B.weight", ("o", "r")), ("lora_B.SCB", ("o",))),
        *(("lora_A.weight", ("r", "i")), ("lora_A.weight_format", ())),
    ),
    (
        *(("lora_A.weight", ("4", "i")), ("lora_B.weight", ("h", "1"))),
        *(("lora_B.weight.absmax", ("n",)), ("lora_B.weight.quant_map", ("16",))),
        *(("lora_B.weight.nested_absmax", ("1",)), ("lora_B.weight.nested_quant_map", ("256",))),
        ("lora_B.weight.quant_state.bitsandbytes__nf4", ("j",)),
    ),
    (("oft_blocks", ("r", "4", "4")), ("rescale", ("o", "1"))),
    (("oft_blocks", ("r", "r", "4", "4")), ("rescale", ("o",))),
    (("oft_R.weight", ("r", "6")), ("oft_R.scaled_oft", ())),
    (("boft_R", ("1", "r", "4", "4")), ("boft_s", ("o", "1"))),
    (("ia3_l", ("o", "1")),),
    (("weight", ("o",)), ("on_input", ())),
    (("hra_u", ("i", "r")),),
    (
        *(("a1.weight", ("i", "r")), ("a2.weight", ("r", "i"))),
        *(("b1.weight", ("o", "r")), ("b2.weight", ("r", "i"))),
    ),
    (("vera_lambda_b", ("o",)), ("vera_lambda_d", ("r",))),
    (
        *(("vera_lambda_b", ("o",)), ("vera_lambda_d", ("r",))),
        *(("vera_A", ("r", "i")), ("vera_B", ("o", "r"))),
    ),
    (
        *(("lora_B.weight", ("o", "r")), ("lora_B.weight_scale", ("o", "1"))),
        *(("lora_A.weight", ("r", "i")), ("lora_A.weight_scale", ("128", "4"))),
    ),
    (("fourierft_spectrum", ("o",)),),
    (
        ("processor.to_q_lora.up.weight", ("o", "r")),
        ("processor.to_q_lora.down.weight", ("r", "i")),
    ),
)
_NUMERIC = (
    "F16",
    "BF16",
    "F32",
    "F32",
    "F64",
    "F8_E4M3",
    "F8_E5M2",
    "I8",
    "U8",
    "F4",
    "F6_E2M3",
    "I64",
)
_FLOATS = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    1e-8,
    6e-8,
    65504.0,
    3.4e38,
    float("inf"),
    -float("inf"),
    float("nan"),
)
_F64 = (*_FLOATS, 1e308, 1e-308, 1.7e308, 5e-324)


@dataclass(frozen=True)
class Adapter:
    data: bytes
    config: bytes | None
    """adapter_config.json beside it."""
    piece: int
    searched: bool = False
    """The modules that are searched are read by themselves, too."""


def read(adapter: Adapter) -> object:
    """A whole reading as a stream, and by range: all modules, then those that are searched."""
    memory = Memory(adapter.data)
    config = _config(adapter.config)
    pass_ = Fingerprinter(
        len(adapter.data), run(memory, look_inside(len(adapter.data), thorough=True)), config
    )
    for at in range(0, len(adapter.data), adapter.piece):
        pass_.update(adapter.data[at : at + adapter.piece])
    found = pass_.finish()
    listing = run(memory, containers.read_listing(len(adapter.data)))
    made = plan(listing, config)
    whole = run(memory, read_sketch(made))
    searched = None
    if adapter.searched:
        if probe_bytes(made) > len(adapter.data) * 2:
            raise Broken("more bytes are wanted than twice what is there")
        searched = _told(run(memory, read_sketch(made, probes(made))))
    if found.sketch is not None and whole.sketch is not None:
        _alike(found.sketch, whole)
    return found, len(made.modules), _told(whole), searched


def _config(data: bytes | None) -> PeftConfig | None:
    if data is None:
        return None
    try:
        return parse_config(data)
    except FileError:
        return None


def _told(made: Sketched) -> object:
    encoded_sketch = None
    if made.sketch is not None:
        encoded_sketch = made.sketch.encode()
        if sketches.decode(encoded_sketch).encode() != encoded_sketch:
            raise Broken("a sketch is not read as it was written")
    return made.reason, dict(made.left_out), made.blind, encoded_sketch


def _alike(stream: object, whole: Sketched) -> None:
    other = whole.sketch
    assert other is not None
    if isinstance(stream, bytes):
        stream = sketches.decode(stream)
    if isinstance(stream, sketches.Sketch) and not np.array_equal(stream.ids, other.ids):
        raise Broken("a stream gives another sketch than ranges")


def _dims(rng: Random) -> dict[str, int]:
    sizes = (1, 2, 3, 4, 6, 8, 12, 16, 24)
    found = {
        "o": rng.choice(sizes),
        "i": rng.choice(sizes),
        "r": rng.choice((1, 1, 2, 4, 8)),
        "1": 1,
        "3": 3,
        "4": 4,
        "6": 6,
        "16": 16,
        "128": 128,
        "256": 256,
        "j": len(_STATES[0]),
    }
    # Of four bits: two numbers a byte, 64 of them a block.
    found |= {"h": found["o"] * 2, "n": -(-found["o"] * 4 // 64)}
    if chance.chance(rng, 20):
        found["o"] = rng.choice((0, 320, 1280, 4096, 11_000))
    if chance.chance(rng, 40):
        found["i"], found["r"] = rng.choice((0, 768, 3072)), 1
    return found


def _values(rng: Random, dtype: str, count: int) -> bytes:
    """Bytes of numbers: usual ones, one that repeats, odd ones, noise."""
    length = DTYPE_BITS[dtype] * count // 8
    kind = rng.randrange(8)
    if kind == 0 or not length:
        return bytes(length)
    if kind == 1:
        return rng.randbytes(length)
    if kind == 2 and dtype in ("F16", "F32", "F64", "BF16"):
        form = {"F16": "<e", "F32": "<f", "F64": "<d", "BF16": "<f"}[dtype]
        odd = rng.choice(_F64 if dtype == "F64" else _FLOATS)
        if dtype == "F16" and odd == 3.4e38:
            odd = 65504.0
        packed = struct.pack(form, odd)
        packed = packed[2:] if dtype == "BF16" else packed
        return (packed * count)[:length]
    if kind == 3:
        return bytes([rng.randrange(256)]) * length
    base = rng.randbytes(64)  # small numbers of both signs, as weights are
    usual = {
        "F16": b"\x00\x20\x00\xa0\x10\x1c\x33\x9f",
        "BF16": b"\x00\x3c\x00\xbc\x40\x3b\x10\xbd",
    }
    some = usual.get(dtype, base)
    return (some * (length // len(some) + 1))[:length]


_STATES = [
    text.encode().ljust(80)
    for text in (
        '{"format": "float8_e4m3fn"}',
        '{"format": "int8_tensorwise", "convrot": true, "convrot_groupsize": 4}',
        '{"format": "int8_tensorwise", "convrot": true, "convrot_groupsize": -4e9}',
        '{"format": "convrot_w4a4", "blocksize": 64, "shape": [8, 4]}',
        '{"blocksize": 64, "nested_blocksize": 256, "nested_offset": 0.5}',
        '{"blocksize": 1e400, "nested_offset": "x", "shape": 7}',
        "[" * 64,
    )
]
"""What stands in a tensor of bytes beside a quantised one."""


def _tensor(rng: Random, letters: tuple[str, ...], dims: Mapping[str, int], odd: int) -> T:
    shape = tuple(dims[letter] for letter in letters)
    if letters == ("j",) and not chance.chance(rng, 6):
        return T("U8", shape, rng.choice(_STATES))
    if letters == ("128", "4"):
        dtype = rng.choice(("U8", "F8_E8M0", "F32"))
        return T(dtype, shape, _values(rng, dtype, prod(shape)))
    if letters in (("h", "1"), ("n",), ("16",)) and not chance.chance(rng, 4):
        return T("U8", shape, rng.randbytes(prod(shape)))
    if odd and chance.chance(rng, odd):
        kind = rng.randrange(5)
        if kind == 0:
            shape = (*shape, rng.choice((1, 1, 3, 0)))
        elif kind == 1:
            shape = shape[:-1]
        elif kind == 2 and shape:
            at = rng.randrange(len(shape))
            shape = (*shape[:at], chance.small(rng), *shape[at + 1 :])
        elif kind == 3:
            shape = tuple(reversed(shape))
        else:
            shape = (prod(shape),)
    dtype = rng.choice(_NUMERIC if chance.chance(rng, 2) else ("F16", "F32"))
    if prod(shape) > 1 << 15:
        shape = tuple(min(size, 16) for size in shape)
    if prod(shape) * DTYPE_BITS[dtype] % 8:
        dtype = "F16"
    return T(dtype, shape, _values(rng, dtype, prod(shape)))


def _tensors(rng: Random) -> dict[str, T]:
    found: dict[str, T] = {}
    odd = rng.choice((0, 0, 30, 6))
    beginning = rng.choice(_BEGINNINGS)
    form = rng.choice(_FORMS)
    for _ in range(rng.choice((1, 1, 1, 1, 2, 3))):
        layer = rng.choice(_LAYERS)
        if chance.chance(rng, 6):
            beginning, form = rng.choice(_BEGINNINGS), rng.choice(_FORMS)
        if odd and chance.chance(rng, odd):
            layer = word(rng).replace("\ud800", "").replace("\udfff", "")
        dims = _dims(rng)
        for role, letters in form:
            if odd and chance.chance(rng, 2 * odd):
                continue
            if odd and chance.chance(rng, 2 * odd):
                role = rng.choice(_ENDINGS)
            found[f"{beginning}{layer}.{role}"] = _tensor(rng, letters, dims, odd)
        for extra in ("alpha", "scale", "dora_scale"):
            if chance.chance(rng, 6):
                shape = rng.choice(((), (), (1,), (dims["o"],), (dims["o"], 1), (0,)))
                dtype = rng.choice(("F32", "F16", "BF16", "F64", "I64", "BOOL"))
                found[f"{beginning}{layer}.{extra}"] = T(
                    dtype, shape, _values(rng, dtype, prod(shape))
                )
    if chance.chance(rng, 10):
        found[f"{MARKER}.lora_up.weight"] = T("F16", (2, 2), bytes(8))
    return found


def config(rng: Random) -> bytes:
    """An adapter_config.json: each number of any size, each pattern any text."""
    return (
        encoded(json_text(_fields(rng), rng), rng)
        if not chance.chance(rng, 10)
        else mutated(
            b'{"r": 8, "lora_alpha": 16, "alpha_pattern": {"x.y": 4}, "use_rslora": true}',
            rng,
            _WORDS,
        )
    )


_WORDS = (
    b'"',
    b"{",
    b"}",
    b"[",
    b":",
    b",",
    b"e9",
    b"NaN",
    b"1e999",
    b"-",
    b"\\ud800",
    b"alpha_pattern",
)


def _plain(rng: Random) -> object:
    kind = rng.randrange(5)
    if kind == 0:
        found = number(rng)
        return found if abs(found) < 10**4000 else 10**4000
    if kind == 1:
        return rng.choice(
            (0.5, 1e9, 1e10, -1.0, float("nan"), float("inf"), 1e308, True, None, "8", [], {})
        )
    return rng.choice((1, 2, 4, 8, 16, 64))


def _patterns(rng: Random) -> object:
    if chance.chance(rng, 12):
        return chance.json_value(rng)
    keys = (*_LAYERS[:6], "^x.y", "x\\.y$", ".*attn.*", "(a+)+$", "to_q", "", MARKER)
    return {rng.choice(keys): _plain(rng) for _ in range(rng.randrange(5))}


def _fields(rng: Random) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in ("r", "lora_alpha", "alpha", "init_r", "projection_prng_key"):
        if chance.chance(rng, 1.5):
            found[name] = _plain(rng)
    for name in ("alpha_pattern", "rank_pattern"):
        if chance.chance(rng, 2):
            found[name] = _patterns(rng)
    if chance.chance(rng, 3):
        found["peft_type"] = rng.choice(("LORA", "LOHA", "LOKR", "OFT", 7, None, word(rng)))
    for name in ("init_weights", "init_lora_weights", "apply_GS"):
        if chance.chance(rng, 3):
            found[name] = rng.choice((True, True, False, 1, None, "pissa", "gaussian", word(rng)))
    if chance.chance(rng, 3):
        found["use_rslora"] = rng.choice((True, False, 1, "true"))
    part = rng.choice(("", "", "unet.", "transformer.", "text_encoder.", "x."))
    return {f"{part}{name}": value for name, value in found.items()}


def adapter(rng: Random) -> Adapter:
    tensors = _tensors(rng)
    beside = config(rng) if chance.chance(rng, 4) else None
    piece = rng.choice((1 << 20, 1 << 20, 333))
    torch = {
        n: t for n, t in tensors.items() if t.dtype in build.STORAGES or t.dtype in build.DTYPES
    }
    if chance.chance(rng, 5) and torch:
        make = rng.choice((build.torch_zip, build.torch_legacy))
        return Adapter(make(torch), beside, piece, chance.chance(rng, 4))
    said: dict[str, str] = {}
    if chance.chance(rng, 3):
        said["lora_adapter_metadata"] = config(rng).decode("utf-8", "replace")
    for name in (
        "ss_network_dim",
        "ss_network_alpha",
        "ss_network_module",
        "ss_network_args",
        "ss_base_model_version",
    ):
        if chance.chance(rng, 8):
            said[name] = chance.number_text(rng).encode("utf-8", "replace").decode()
    return Adapter(build.safetensors(tensors, said or None), beside, piece, chance.chance(rng, 4))


# -- tensors that share bytes ---------------------------------------------------------------------


def aliasing(rng: Random) -> Adapter:
    """Torch files whose tensors lie over each other, turned, spread, repeated by a step of zero."""
    storages = {str(n): rng.choice((512, 4096, 4096, 16384)) for n in range(rng.choice((1, 1, 2)))}
    pairs: list[bytes] = []
    form, odd = rng.choice(_FORMS), rng.choice((0, 0, 30, 4))
    for layer in range(rng.choice((1, 1, 1, 2, 2, 3, 9) if not chance.chance(rng, 40) else (40,))):
        dims, name = _dims(rng), f"lora_unet_{layer}_{rng.choice(_LAYERS)}"
        for role, letters in form:
            key = rng.choice([*storages])
            shape = tuple(min(dims[letter], 32) for letter in letters)
            kind = rng.randrange(6) if odd and chance.chance(rng, odd) else 6 + rng.randrange(3)
            strides: tuple[int, ...] = build.row_major(shape)
            if kind == 0:
                strides = tuple(reversed(strides))
            elif kind == 1:
                strides = tuple(rng.choice((0, 1, 2, 7)) for _ in shape)
            elif kind == 6 and shape:
                strides = (*(0 for _ in shape[1:]), 1)
                shape = (*(1 for _ in shape[1:]), shape[-1])
            elif kind == 2:
                shape = tuple(number(rng) if chance.chance(rng, 2) else n for n in shape)
            offset = rng.choice((0, 0, 0, 1, 7)) if kind != 3 else number(rng)
            pairs.append(
                build.text(f"{name}.{role}")
                + build.symbol("torch._utils", "_rebuild_tensor_v2")
                + build.values(
                    build.storage_id(build.symbol("torch", "HalfStorage"), key, storages[key] // 2),
                    _number(offset),
                    build.values(*map(_number, shape)),
                    build.values(*map(_number, strides)),
                    b"\x89",
                    b"N",
                )
                + b"R"
            )
    entries = {"a/data.pkl": build.pickled(b"}(" + b"".join(pairs) + b"u")}
    entries |= {f"a/data/{key}": _values(rng, "F16", size // 2) for key, size in storages.items()}
    return Adapter(build.zipped(entries), None, 1 << 20)


def _number(value: int) -> bytes:
    if -(2**31) <= value < 2**63:
        return build.number(value)
    raw = value.to_bytes((value.bit_length() >> 3) + 1, "little", signed=True)
    return b"\x8b" + struct.pack("<I", len(raw)) + raw


# -- configurations and sketches by themselves ----------------------------------------------------


def read_config(data: bytes) -> object:
    try:
        said = str(len(parse_metadata(data.decode("utf-8", "surrogateescape"))))
    except FileError as error:
        said = str(error)
    read_it = parse_config(data)
    scales = [(read_it.scale(layer, 4), read_it.rank_of(layer)) for layer in (*_LAYERS[:4], "x.y")]
    return said, scales, read_it.unreadable_patterns


@cache
def _sound_sketches() -> tuple[bytes, bytes]:
    """Of both versions."""
    tensors = {
        f"lora_unet_down_blocks_{n}_attentions_0_proj_in.{role}": T(
            "F16", shape, bytes(range(1, 61)) * 99
        )
        for n in range(3)
        for role, shape in (("lora_up.weight", (2970, 1)), ("lora_down.weight", (1, 2970)))
    }
    memory = Memory(build.safetensors(tensors))
    made = run(memory, read_sketch(plan(run(memory, containers.read_listing(memory.size)))))
    assert made.sketch is not None
    return replace(made.sketch, components=None).encode(), made.sketch.encode()


def sketch(rng: Random) -> bytes:
    sound = rng.choice(_sound_sketches())
    if chance.chance(rng, 3):
        return _with_other_components(rng)
    if chance.chance(rng, 3):
        return mutated(sound[: rng.randrange(len(sound))], rng, (b"RSK", b"\0\0", b"\xff" * 4))
    head = struct.pack(
        "<4sBBHH",
        sound[:4],
        rng.randrange(256),
        rng.randrange(3),
        rng.randrange(2**16),
        rng.randrange(5),
    )
    return mutated(
        rng.choice((sound, head + sound[10:])), rng, (struct.pack("<f", rng.choice(_FLOATS)),)
    )


def _with_other_components(rng: Random) -> bytes:
    """A sketch 2 whose parts say something else of themselves than they hold."""
    sound = _sound_sketches()[1]
    size, count = 143, sound[10]
    at = len(sound) - size * count
    rows = [bytearray(sound[at + n * size : at + (n + 1) * size]) for n in range(count)]
    fields = ((0, "<I"), (4, "<H"), (6, "<B"), (7, "<f"), (75, "<f"))
    for _ in range(rng.choice((1, 1, 2, 5))):
        row, (where, kind) = rng.choice(rows), rng.choice(fields)
        few = rng.choice((0, 1, 2, 3, rng.randrange(256)))
        struct.pack_into(kind, row, where, rng.choice(_FLOATS) if kind == "<f" else few)
        if chance.chance(rng, 3):
            where = rng.choice((11, 79))
            row[where : where + 64] = bytes(64)
    if chance.chance(rng, 4):
        rows = [rng.choice(rows) for _ in range(rng.randrange(6))]
    told = len(rows) if not chance.chance(rng, 4) else rng.randrange(2**16)
    return sound[:10] + struct.pack("<H", told) + sound[12:at] + b"".join(rows)


def read_bytes_of_sketch(data: bytes) -> object:
    made = sketches.decode(data)
    if made.encode() != data:
        raise Broken("a sketch is not written as it was read")
    return made.version, len(made.ids), sum_of(made.searched().tobytes())


READERS = (
    FuzzedReader("adapter", adapter, read),
    FuzzedReader("aliasing", aliasing, read),
    FuzzedReader("adapter-config", config, read_config),
    FuzzedReader("sketch", sketch, read_bytes_of_sketch),
)
