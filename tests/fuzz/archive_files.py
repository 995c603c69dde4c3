"""Archives: zips in our own reader, tars in the standard library's as we use it, and what the
process says that unpacks the others."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import struct
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from random import Random
from zipfile import ZIP_DEFLATED, ZIP_STORED

import numpy as np
from tests.files import build, packed
from tests.files.build import ramp
from tests.fuzz import chance
from tests.fuzz.chance import MARKER, mutated, number, word
from tests.fuzz.containers import LARGEST, hostile_files
from tests.fuzz.play import Broken, FuzzedReader

from reseen.errors import ReseenError
from reseen.files import archives, behind, shards, unpacker
from reseen.files.archives import Packed, UnpackBudget
from reseen.files.rar_head import is_volume
from reseen.files.source import Memory, run
from reseen.files.tensors import Listing, TensorInfo
from reseen.fingerprints.digests import Fingerprinter, look_inside
from reseen.fingerprints.members import with_members
from reseen.records import BlindSpot, Container, DigestKind

WORDS = [
    *(b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08"),
    *(b"\x01\0\x10\0", b"\xff" * 4, b"\0" * 4, b"/", b"!", b"../", b"\x1b", MARKER.encode()),
]
_ADAPTER = {
    "lora_unet_a.lora_up.weight": ramp("F16", 32, 8),
    "lora_unet_a.lora_down.weight": ramp("F16", 8, 64),
}


class _Held(Memory):
    """Bytes that no other process can read."""

    descriptors = ()


@cache
def _members() -> dict[str, bytes]:
    return {
        "m.safetensors": build.safetensors(_ADAPTER),
        "old.pt": build.torch_zip(_ADAPTER),
        "notes": b"nothing " * 200,
        "g.gguf": build.gguf(_ADAPTER),
    }


@cache
def _zips() -> tuple[bytes, ...]:
    inner = build.python_zip(_members(), ZIP_DEFLATED)
    good = (
        inner,
        build.python_zip(_members()),
        build.python_zip({"in.zip": build.python_zip({"in.zip": inner}), "x": b"x" * 1500}),
        build.zipped({"a": b"a" * 1200, "m": _members()["m.safetensors"]}),
    )
    return 4 * good + hostile_files("zip")


@cache
def _arrays() -> tuple[bytes, ...]:
    """Adapters as numpy keeps and compresses them."""
    out = BytesIO()
    some = {name: np.frombuffer(t.data, "<f2").reshape(t.shape) for name, t in _ADAPTER.items()}
    np.savez_compressed(out, **some)  # type: ignore[arg-type]
    fill = BytesIO()
    np.savez_compressed(fill, a=np.zeros(200_000), b=np.array([{"x": 1}], dtype=object))
    return out.getvalue(), fill.getvalue()


def zip_file(rng: Random) -> bytes:
    files = _zips()
    if chance.chance(rng, 6):
        good = rng.choice(_arrays())
        return mutated(good, rng, WORDS, _arrays(), LARGEST) if chance.chance(rng, 1.3) else good
    if chance.chance(rng, 3):
        names = [*_members(), *(word(rng) for _ in range(2))]
        made = {
            name.encode("utf-8", "replace").decode().replace("\0", "")[:200] or "_": mutated(
                rng.choice(list(_members().values())), rng, WORDS, most=LARGEST
            )
            for name in rng.sample(names, 3)
        }
        return build.python_zip(made, rng.choice((ZIP_STORED, ZIP_DEFLATED)))
    return mutated(rng.choice(files), rng, WORDS, files, LARGEST)


def read_zip(data: bytes) -> object:
    """As a file that holds others; a pack that needs a process is none of this reader's."""
    source = _Held(data)
    inside = run(source, look_inside(len(data), thorough=True))
    pass_ = Fingerprinter(len(data), inside)
    pass_.update(data)
    before = pass_.finish()
    if before.container in archives.BY_PROCESS:
        return before.container
    budget = UnpackBudget(20, 1 << 20)
    found = with_members(source, before, budget=budget)
    # Arrays that numpy compressed have the digest of their tensors beside those of the file.
    if (
        not set(before.digests) <= set(found.digests)
        or len(found.digests) > len(before.digests) + 1
    ):
        raise Broken("what is in an archive changes the digests of the archive")
    for place, read in found.within:
        if not place.isprintable():
            raise Broken("a place that cannot be printed")
        if read.digest(DigestKind.SHA256) is None or read.size < archives.SMALLEST:
            raise Broken("a member without a digest, or too small to be one")
    if sum(read.size for _, read in found.within) > 1 << 20 or budget.unpacked < 0:
        raise Broken("more was unpacked than is allowed")
    return [(len(place), read.container) for place, read in found.within], found.blind


@cache
def _tars() -> tuple[bytes, ...]:
    files = _members()
    plain = packed.tar(files)
    gz = gzip.compress(plain, mtime=0)  # tarfile writes the time into it
    return (plain, gz, packed.tar({"a" * 300: b"x" * 2000, "b/": b""}))


@dataclass(frozen=True)
class Pack:
    kind: Container
    data: bytes


def tar_file(rng: Random) -> Pack:
    words = [b"ustar\0", b"././@LongLink", b"path=", b"GNU.sparse.map=1,2", b"x", b"L", b"g", b"S"]
    data = mutated(rng.choice(_tars()), rng, [*WORDS, *words], _tars(), LARGEST)
    return Pack(rng.choice((Container.TAR, Container.GZIP, Container.XZ, Container.BZIP2)), data)


def read_tar(pack: Pack) -> object:
    told, out = [], BytesIO()
    try:
        unpacker._send(out, pack.kind, BytesIO(pack.data), None)
        unpacker._frame(out, unpacker.DONE)
    except unpacker._FAILS:
        unpacker._frame(out, unpacker.WHY, b"malformed")
    out.seek(0)
    for each in archives._heard(archives._Words(out), UnpackBudget(20, 1 << 20)):
        told.append(_taken(each))
    return told


def _taken(each: Packed | BlindSpot) -> object:
    if isinstance(each, BlindSpot):
        return each
    try:
        length = sum(map(len, each.blocks))
    except ReseenError as e:
        return str(e)
    if each.size is not None and length != each.size:
        raise Broken("a member is not as long as it was said to be")
    return len(each.path), length


def words_of_process(rng: Random) -> bytes:
    """Frames, mostly in an order that makes sense."""
    out = b""
    for _ in range(rng.randrange(5)):
        size = rng.choice((0, 1200, 1200, 3000, number(rng)))
        name: object = word(rng)
        if chance.chance(rng, 8):
            said = chance.json_text(chance.json_value(rng), rng)
        else:
            said = json.dumps([name, rng.choice((size, size, None)) if abs(size) < 2**64 else None])
        out += _framed(b"M", said.encode("utf-8", "surrogatepass"))
        left = min(abs(size), 4000)
        while left > 0:
            step = min(left, rng.choice((1, 500, 4000)))
            out += _framed(b"D", bytes(step))
            left -= step
        if not chance.chance(rng, 9):
            out += _framed(b"E")
    codes = [code.encode() for code in unpacker.CODES]
    out += rng.choice((_framed(b"Z"), _framed(b"W", rng.choice([*codes, b"", b"\xff", b"x"])), b""))
    if chance.chance(rng, 3):
        out = mutated(out, rng, [*WORDS, _framed(b"M", b'["a",1]'), _framed(b"E"), b"\xff" * 5])
    return out


def _framed(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<cI", kind, len(data)) + data


def read_words(data: bytes) -> object:
    budget = UnpackBudget(20, 1 << 16)
    told = [_taken(each) for each in archives._heard(archives._Words(BytesIO(data)), budget)]
    heads = is_volume(data[:64]), is_volume(b"Rar!\x1a\x07\x01\0" + data[:60])
    return told, heads, archives.ends_elsewhere(data[:64], len(data))


def index(rng: Random) -> bytes:
    """The index of a model's shards."""
    names = ("model-1.safetensors", "../a", "/a", "", "a.index.json", word(rng), "x" * 300)
    places = {
        word(rng): rng.choice(names[:1] * 9 + names) if not chance.chance(rng, 9) else number(rng)
        for _ in range(rng.randrange(5))
    }
    value: object = {"metadata": {"total_size": 5}, "weight_map": places}
    if chance.chance(rng, 6):
        value = rng.choice((places, chance.json_value(rng), {"weight_map": chance.json_value(rng)}))
    try:
        return chance.json_text(value, rng).encode("utf-8", "surrogatepass")
    except ValueError:  # more digits than Python writes
        return b"{}"


def read_index(data: bytes) -> object:
    found = shards.parse_index(data)
    if any("/" in name or name in ("", "..") for name in shards.names_of(found)):
        raise Broken("a shard that does not stand beside its index")
    return len(found)


def behind_others(rng: Random) -> bytes:
    """An archive, or what looks like one, behind other bytes."""
    before = rng.choice((b"MZ", b"#!/bin/sh\n", b"\x7fELF", b"\xff\xd8", rng.randbytes(9)))
    before += rng.randbytes(rng.choice((0, 1, 300, 4_096, 9_000)))
    out = rng.choice(_behind())
    if chance.chance(rng, 3):
        marks = [b"\x1f\x8b\x08", b"\xfd7zXZ\0\0", b"1AY&SY", b"ustar", b"7z\xbc\xaf\x27\x1c"]
        out = mutated(out, rng, [mark * rng.choice((1, 40)) for mark in marks])
    return before + out + rng.randbytes(rng.choice((0, 5_000)))


@cache
def _behind() -> tuple[bytes, ...]:
    tar = packed.tar(_members())
    # Without the time of day: an input is the same whenever it is made.
    packed_tars = (gzip.compress(tar, mtime=0), lzma.compress(tar), bz2.compress(tar))
    return (tar, *packed_tars, gzip.compress(_members()["m.safetensors"], mtime=0), *_zips())


def read_behind(data: bytes) -> object:
    """In whatever pieces it comes, the same is said: that there is one, or none."""
    every = behind.Signatures()
    every.feed(data)
    pieces, at = behind.Signatures(), 0
    while at < len(data):
        length = 1 + (at * 7_919 + len(data)) % 6_000
        pieces.feed(data[at : at + length])
        at += length
    if (every.found is None) is not (pieces.found is None):
        raise Broken("an archive is found or not by the pieces that a file comes in")
    if every.found and not 0 < every.found[1] < len(data):
        raise Broken("an archive that does not begin behind other bytes")
    within = behind.archive_within(_Held(data), ends_as_zip=False)
    return None if within is None else (within[0], within[1].size)


def shard_files(rng: Random) -> bytes:
    """Names and tensors of shards, and their index."""
    names = [f"m-{n}-of-{rng.choice((2, 2, 3, 0, 501))}.bin" for n in range(1, 4)]
    shards_made = {
        rng.choice(names): {
            word(rng): [rng.randrange(9), rng.randrange(9)] for _ in range(rng.randrange(4))
        }
        for _ in range(rng.randrange(1, 4))
    }
    every = [name for some in shards_made.values() for name in some]
    places = {rng.choice(every): rng.choice(names) for _ in range(rng.randrange(3)) if every}
    return json.dumps([shards_made, places]).encode()


def read_shards(data: bytes) -> object:
    made, places = json.loads(data)
    listings = []
    for name, tensors in made.items():
        infos = tuple(TensorInfo(n, "U8", (size,), at, size) for n, (at, size) in tensors.items())
        listings.append((name, 20, Listing(Container.SAFETENSORS, infos)))
    for whole, some in shards.sets_in(made):
        if len(some) < 2 or not set(some) <= made.keys() or "/" in whole:
            raise Broken("a set of shards that are not all there")
    joined = shards.joined(places, listings)
    names = [info.name for info in joined.tensors]
    if len(set(names)) < len(names) or not set(places) <= set(names):
        raise Broken("a tensor comes twice, or is not where it is said to be")
    if any(info.start + info.length > 20 * len(listings) for info in joined.tensors):
        raise Broken("a tensor beyond its shards")
    return len(names)


READERS = (
    FuzzedReader("shard-index", index, read_index),
    FuzzedReader("shard-files", shard_files, read_shards),
    FuzzedReader("archive-behind", behind_others, read_behind),
    FuzzedReader("archive-zip", zip_file, read_zip),
    FuzzedReader("archive-tar", tar_file, read_tar),
    FuzzedReader("archive-words", words_of_process, read_words),
)
