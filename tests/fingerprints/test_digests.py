from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.files import build
from tests.files.build import T, ramp

from reseen.errors import FileError, Malformed
from reseen.files.source import Memory, Range, run
from reseen.fingerprints import digests
from reseen.fingerprints.digests import Fingerprinter, look_inside
from reseen.fingerprints.git import blob_sha1
from reseen.fingerprints.whole import fingerprint
from reseen.records import Container, DigestKind, Fingerprint

B = bytes.fromhex(
    "d8000000000000007b225f5f6d657461646174615f5f223a7b226b223a2276227d2c22612e776569676874223a7b22"
    "6474797065223a22463332222c227368617065223a5b312c325d2c22646174615f6f666673657473223a5b302c385d"
    "7d2c22622e776569676874223a7b226474797065223a22463332222c227368617065223a5b322c325d2c2264617461"
    "5f6f666673657473223a5b382c32345d7d2c22612e616c706861223a7b226474797065223a22463136222c22736861"
    "7065223a5b5d2c22646174615f6f666673657473223a5b32342c32365d7d7d2020202020000080bf0000003f000080"
    "3f000000400000404000008040003c"
)
"""The smaller test vector: 250 bytes."""


def prng(seed: str, length: int) -> bytes:
    blocks = -(-length // 32)
    stream = (
        hashlib.sha256(seed.encode() + i.to_bytes(8, "little")).digest() for i in range(blocks)
    )
    return b"".join(stream)[:length]


def vector_a(letters: str = "qk", metadata: str = "full") -> bytes:
    """The larger test vector, 1.3 MB: two modules of rank 128 with pseudo-random values. `letters`
    name them; the values stay those of q and k."""
    stem = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_"
    tensors = {}
    for letter, values in zip(letters, "qk", strict=True):
        tensors[f"{stem}{letter}.alpha"] = T("F16", (), b"\0\x54")
        for side, shape in (("lora_down", (128, 1280)), ("lora_up", (1280, 128))):
            data = prng(f"{stem}{values}.{side.removeprefix('lora_')}", 2 * 128 * 1280)
            tensors[f"{stem}{letter}.{side}.weight"] = T("F16", shape, data)
    told = {"ss_output_name": "vector_a", "ss_network_dim": "128", "ss_network_alpha": "64.0"}
    if metadata == "full":
        told["modelspec.title"] = "vector_a"
        told["sshs_model_hash"] = DATA_A
        told["sshs_legacy_hash"] = "b7786e29"
    ordered = dict(sorted(tensors.items()))
    return build.safetensors(ordered, None if metadata == "none" else told)


DATA_A = "5422e70e219a7feeb17f08477fc28a382f50633861b111754689732e9bd2e3a6"
VECTORS = {
    "full": (
        1311844, "3ca2f2a0921a5787d3e250e0fb3ddec7b43390852364ab49ca5009aa2532aa8c", "520aaaad",
        "60c60a29", "7876b39fe9a9dfe45ced96ec4ce22c2a94fe24e485052d1c25d9dbe52c47721a",
    ),
    "ss": (
        1311700, "37abaa7e2f9ed4505fa49f3cfd4d20878b6e62eaa56c180e614e33b2f515cec0", "b7786e29",
        "ea462830", "5fdc382eb7843e8cd1e9b03078c3fe1b3aad8246695a4bfadb10f403031b2521",
    ),
    "none": (
        1311604, "1a1edba5faadc87b8cae3d00a5917420c630d7fb480875b66fb86f9044c1cf0b", "727de88b",
        "ba23b069", "0c4c4faaad6d1ba6e1ae648080980ddd34cf04544e1e5ea9f1f4bee43705a6a9",
    ),
}  # fmt: skip


def digest_of(data: bytes, piece: int = 1 << 20) -> Fingerprint:
    pass_ = Fingerprinter(len(data))
    for at in range(0, len(data), piece):
        pass_.update(data[at : at + piece])
    return pass_.finish()


def in_full(data: bytes) -> Fingerprint:
    """With the header read out of order first."""
    pass_ = Fingerprinter(len(data), run(Memory(data), look_inside(len(data), thorough=True)))
    pass_.update(data)
    return pass_.finish()


def hexes(found: Fingerprint) -> dict[str, str]:
    return {d.kind.label: d.hex for d in found.digests}


@pytest.mark.parametrize("metadata", VECTORS)
def test_the_larger_vector_has_its_published_digests(metadata: str) -> None:
    size, sha256, autov1, crc32, blake = VECTORS[metadata]
    data = vector_a(metadata=metadata)
    found = hexes(digest_of(data))
    assert len(data) == size
    assert found["sha256"] == sha256
    assert found["autov1"] == autov1
    assert found["autov2"] == sha256[:10]
    assert found["autov3"] == DATA_A[:12]
    assert found["data-sha256"] == DATA_A
    assert found["crc32"] == crc32
    assert found["blake3"] == blake
    assert found["tensors-blake3"] == TENSORS_A


TENSORS_A = "2d9ed737dc119954875efa24be0c4832e518dcfeb31534809331f100046e5ff5"
"""A vector of ours: changing it means a new version of the tensors digest."""


def test_the_smaller_vector_has_its_published_digests() -> None:
    found = hexes(digest_of(B))
    assert found == {
        "sha256": "ac4d4d4497dc7a1fc3c90832b3d43cd0a3bbc203d92024e6456fd50eb3357e16",
        "blake3": "72091a54ed9dff198651f393c66722e7114c5790100394ce18d6aafa8bfea6df",
        "crc32": "7f436bdc",
        "git-blob-sha1": blob_sha1(B).hex(),
        "data-sha256": "60a42db079109e9436bc78c29b4f6eba6d88bf9d52f2187c4d725c01d3aebfeb",
        "autov2": "ac4d4d4497",
        "autov3": "60a42db07910",
    }  # no AutoV1, which is that of nothing, and no tensors: seven values tell nothing


def test_what_a_file_says_of_itself_is_kept_apart() -> None:
    found = digest_of(vector_a())
    assert {str(d) for d in found.embedded} == {
        f"data-sha256:{DATA_A}", "autov1:b7786e29", "autov3:5422e70e219a",
    }  # fmt: skip
    assert digest_of(vector_a(metadata="none")).embedded == ()


def test_a_rename_that_keeps_the_order_keeps_the_data_and_one_that_does_not_the_tensors() -> None:
    assert hexes(digest_of(vector_a("qk")))["data-sha256"] == DATA_A
    turned = hexes(digest_of(vector_a("zk")))
    assert hexes(digest_of(vector_a("ab")))["data-sha256"] != DATA_A
    assert turned["tensors-blake3"] == TENSORS_A


@pytest.mark.parametrize("size", [0, 1, 2**20, 2**20 + 1, 2**20 + 2**16 + 5, 5 * 2**20 + 3])
def test_any_file_has_the_digests_of_its_bytes(size: int) -> None:
    data = prng("any", size)
    found = digest_of(data, 300_007)
    expected = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "blake3": blake3(data).hexdigest(),
        "crc32": f"{zlib.crc32(data):08x}",
        "git-blob-sha1": hashlib.sha1(b"blob %d\0" % size + data).hexdigest(),
        "autov2": hashlib.sha256(data).hexdigest()[:10],
    }
    if size > 2**20:
        expected["autov1"] = hashlib.sha256(data[2**20 : 2**20 + 2**16]).hexdigest()[:8]
    assert hexes(found) == expected
    assert found.problem
    assert (found.container, found.size) == (Container.UNKNOWN, size)


def test_git_is_asked_up_to_ten_megabytes_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "GIT_LIMIT", 100)
    assert "git-blob-sha1" in hexes(digest_of(bytes(100)))
    assert "git-blob-sha1" not in hexes(digest_of(bytes(101)))


@pytest.mark.parametrize("piece", [1, 7, 100, 1000, 10**6])
def test_the_size_of_the_pieces_does_not_matter(
    piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "BLOCK", 64)
    monkeypatch.setattr(digests, "_ALONE", 2000)
    data = build.safetensors(
        {"a": ramp("F16", 40, 20), "b": T("F32", (3,), b"abcd" * 3), "c": ramp("U8", 5)},
        {"k": "v" * 500},
    )
    monkeypatch.undo()
    whole = digest_of(data)
    monkeypatch.setattr(digests, "BLOCK", 64)
    monkeypatch.setattr(digests, "_ALONE", 2000)
    assert digest_of(data, piece) == whole
    assert whole.layout
    assert whole.digest(DigestKind.TENSORS_BLAKE3)


def test_a_torch_file_and_a_safetensors_file_of_the_same_tensors_have_one_tensors_digest() -> None:
    tensors = {"a": ramp("F16", 40, 20), "b": ramp("F32", 30, 2), "c": ramp("BF16", 9)}
    turned = {
        "z": T("F16", (40, 20), _transposed(tensors["a"].data, 40, 20, 2), strides=(1, 40)),
        "y": tensors["c"],
        "x": tensors["b"],
    }
    files = [
        build.safetensors(tensors),
        build.safetensors(dict(reversed(tensors.items())), {"k": "v"}),
        build.torch_zip(tensors),
        build.torch_zip(turned),
        build.torch_legacy(turned),
    ]
    found = [in_full(data) for data in files]
    assert len({f.digest(DigestKind.TENSORS_BLAKE3) for f in found}) == 1
    assert len({f.layout for f in found}) == 1
    assert found[0].digest(DigestKind.TENSORS_BLAKE3)
    assert [f.container for f in found][2:] == [
        Container.TORCH_ZIP, Container.TORCH_ZIP, Container.TORCH_LEGACY,
    ]  # fmt: skip


def _transposed(data: bytes, rows: int, columns: int, width: int) -> bytes:
    cells = [data[i : i + width] for i in range(0, len(data), width)]
    return b"".join(cells[r * columns + c] for c in range(columns) for r in range(rows))


def test_another_value_dtype_or_shape_is_another_tensors_digest() -> None:
    a = ramp("F16", 40, 20)
    others = [
        {"a": a},
        {"a": T("BF16", (40, 20), a.data)},
        {"a": T("F16", (20, 40), a.data)},
        {"a": T("F16", (40, 20), b"\x01" + a.data[1:])},
        {"a": a, "b": ramp("F16", 1)},
        {"a": a, "b": a},
    ]
    found = [in_full(build.safetensors(t)).digest(DigestKind.TENSORS_BLAKE3) for t in others]
    assert len(set(found)) == len(others)
    empty = {"a": a, "empty": ramp("F16", 0, 7)}
    assert in_full(build.safetensors(empty)).digest(DigestKind.TENSORS_BLAKE3) == found[0]


@pytest.mark.parametrize("dtype", ["F32", "F16", "U8", "F4", "F6_E2M3", "F64"])
@pytest.mark.parametrize("block", [521, 1 << 20])
def test_constant_tensors_tell_nothing(
    dtype: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    varied = ramp(dtype, 1000)
    width = max(len(varied.data) // 1000, 1) if dtype != "F6_E2M3" else 3
    constant = T(dtype, (1000,), (b"abcdefgh"[:width] * 1000)[: len(varied.data)])
    monkeypatch.setattr(digests, "BLOCK", block)
    kind = DigestKind.TENSORS_BLAKE3
    assert digest_of(build.safetensors({"a": constant, "b": constant}), block).digest(kind) is None
    assert digest_of(build.safetensors({"a": constant, "b": varied}), block).digest(kind)
    almost = T(dtype, (1000,), constant.data[:-1] + b"\xff")
    assert digest_of(build.safetensors({"a": almost}), block).digest(kind)


def test_a_header_that_we_refuse_hides_no_data() -> None:
    data = ramp("F16", 1000).data
    entry = b'{"dtype":"F16","shape":[1000],"data_offsets":[0,2000]}'
    twice = build.with_header(b'{"a":' + entry + b',"__metadata__":{},"__metadata__":{}}', data)
    long = build.with_header(b'{"a":' + entry + b"}" + b" " * (17 << 20), data)
    for file in (twice, long):
        found = digest_of(file)
        assert found.problem
        assert found.data_size == 2000
        assert found.digest(DigestKind.DATA_SHA256) is not None
        assert hexes(found)["data-sha256"] == hashlib.sha256(data).hexdigest()
        assert "tensors-blake3" not in hexes(found)


def test_a_stream_that_breaks_off_or_goes_on_is_an_error() -> None:
    short, long = Fingerprinter(10), Fingerprinter(10)
    short.update(bytes(9))
    with pytest.raises(Malformed):
        short.finish()
    long.update(bytes(10))
    with pytest.raises(Malformed):
        long.update(b"x")


def test_shared_bytes_are_not_digested_over_and_over() -> None:
    whole = ramp("F32", 1000)
    pairs = {f"t{i}": build.tensor("0", whole) for i in range(50)}
    data = build.torch_zip({"t": whole}, build.dictionary(pairs))
    assert in_full(data).digest(DigestKind.TENSORS_BLAKE3) is None


def test_a_header_read_elsewhere_that_does_not_fit_the_stream_gives_no_tensors_digest() -> None:
    large = build.safetensors({"a": ramp("F16", 5000)})
    other = build.safetensors({"a": ramp("F16", 600)})
    pass_ = Fingerprinter(len(other), run(Memory(large), look_inside(len(large))))
    pass_.update(other)
    assert pass_.finish().digest(DigestKind.TENSORS_BLAKE3) is None


def test_a_local_file_is_fingerprinted_in_one_pass_with_progress(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(build.torch_zip({"a": ramp("F32", 900_000)}))
    steps: list[int] = []
    found = fingerprint(path, steps.append)
    assert sum(steps) == path.stat().st_size
    assert len(steps) > 1
    assert found.container is Container.TORCH_ZIP
    assert found == in_full(path.read_bytes())


def test_what_is_no_file_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "none", tmp_path / "fifo"):
        with pytest.raises(FileError):
            fingerprint(path)


def test_looking_inside_reads_a_header_and_no_weight() -> None:
    data = build.safetensors({"a": ramp("F16", 500_000)}, {"sshs_legacy_hash": "0x1234ABCD"})
    reader = look_inside(len(data))
    wanted = next(reader)
    assert wanted == Range(0, 160 * 1024)
    with pytest.raises(StopIteration) as stop:
        reader.send(data[: wanted.length])
    inside = stop.value.value
    assert (inside.container, inside.data_size) == (Container.SAFETENSORS, 1_000_000)
    assert [str(d) for d in inside.embedded] == ["autov1:1234abcd"]
    assert inside.layout == digest_of(data).layout
    assert inside.problem is None


@given(st.binary(max_size=2000), st.integers(1, 500))
@settings(deadline=None)
def test_any_bytes_have_a_fingerprint(data: bytes, piece: int) -> None:
    streamed, full = digest_of(data, piece), in_full(data)
    assert streamed.digests == full.digests
    assert (streamed.problem is None) == (full.problem is None)


def adapter(rank: int = 4) -> dict[str, T]:
    """A small adapter for Stable Diffusion 1.5: the attention of one block, pseudo-random."""
    tensors = {}
    for letter in ("q", "k", "v", "out_0"):
        stem = f"lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_{letter}"
        for side, shape in (("down", (rank, 1280)), ("up", (1280, rank))):
            count = rank * 1280
            values = prng(f"{letter}.{side}", count)
            # Small float32 numbers of both signs, whatever the bytes: 0x3c.. or 0xbc..
            data = b"".join(bytes((b, b, b & 127, 0x3C | (b & 128))) for b in values)
            tensors[f"{stem}.lora_{side}.weight"] = T("F32", shape, data)
    return tensors


def test_the_sketch_comes_from_the_same_pass_however_the_file_is_given(tmp_path: Path) -> None:
    tensors = adapter()
    plain = build.safetensors(tensors)
    told = build.safetensors(tensors, {"k": "v" * (3 << 20)})  # the header is longer than a block
    found = [
        digest_of(plain, 1000),
        in_full(plain),
        digest_of(told),
        in_full(build.torch_zip(tensors)),
        in_full(build.torch_legacy(tensors)),
    ]
    assert found[0].sketch
    assert {f.sketch for f in found} == {found[0].sketch}
    (tmp_path / "a").write_bytes(plain)
    assert fingerprint(tmp_path / "a").sketch == found[0].sketch


def test_a_file_without_a_sketch_says_why() -> None:
    for data in (b"hello", build.safetensors({"a": ramp("F16", 40, 20)}), build.with_header(b"{}")):
        found = digest_of(data)
        assert found.sketch is None
        assert found.no_sketch
