"""Fuzz the file readers: mutated inputs in, nothing but our own errors out.

    python -m benchmarks.fuzz_files --count N --container safetensors|torch [--seed S]

Each input is a small sound file, or a hostile one, with bits flipped, bytes inserted, cut out or
copied within it, and numbers replaced by those that break readers; every other torch file is sound
but for its pickle. It is read thoroughly and by range, fingerprinted as a stream in pieces, and
every tensor that was listed is decoded. Anything but a FileError, an input that takes more than a
second of processor time, or a process that grows beyond 256 MiB ends the run with the seed and
number of the input. The last line is a summary.
"""

from __future__ import annotations

import argparse
import random
import resource
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence

from tests.files import build
from tests.files.build import T, ramp
from tests.hostile.make import hostile

from reseen.errors import FileError
from reseen.files import containers
from reseen.files.source import Memory, Range, run
from reseen.files.values import row_major, to_float32
from reseen.fingerprints.digests import Fingerprinter, look_inside

SECONDS = 1.0
MEBIBYTES = 256
LARGEST = 1 << 16
"""Bytes of a file that is mutated; larger hostile ones have tests of their own."""

NUMBERS = [0, 1, 2, 7, 8, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32]
NUMBERS += [2**53, 2**63 - 1, 2**63, 2**64 - 1]
WORDS = [
    *(b'"', b"{", b"}", b"[", b"]", b",", b":", b"-", b"e9", b"\\ud800", b"null", b"\0", b"\xff"),
    *(b"__metadata__", b"dtype", b"shape", b"data_offsets", b"F4", b"F6_E2M3", b"C128", b"BF16"),
    *(b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08"),
    *(b"(", b"t", b"R", b"b", b"0", b"2", b"h\x00", b"q\x00", b"Q", b"}", b"]", b"u", b"e", b"."),
    *(b"\x85", b"\x86", b"\x87", b"\x93", b"\x94", b"\x81", b"\x92", b"\x8f", b"\x90", b"\x8d"),
    *(b"cos\nsystem\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch\nFloatStorage\n"),
    *(b"ctorch._utils\n_rebuild_parameter\n", b"ccollections\nOrderedDict\n"),
]


TENSORS = {
    "lora_unet_a.lora_up.weight": ramp("F16", 8, 4),
    "lora_unet_a.lora_down.weight": ramp("F32", 4, 6),
    "lora_unet_a.alpha": ramp("BF16"),
    "b": ramp("F8_E4M3", 3, 3),
    "c": ramp("U16", 4),
}
TURNED = {**TENSORS, "d": T("F32", (3, 4), bytes(48), strides=(1, 3))}


def seeds(container: str) -> list[bytes]:
    """Files to start from."""
    bad = [case.data for case in hostile() if len(case.data) <= LARGEST]
    if container == "safetensors":
        good = [
            build.safetensors(TENSORS),
            build.safetensors({}, {"a": "b"}),
            build.safetensors({**TENSORS, "e": ramp("F4", 8), "f": ramp("F6_E3M2", 8)}, {"k": "v"}),
            build.safetensors({f"t{i}": ramp("F16", 2, i) for i in range(20)}),
        ]
        return 4 * good + [data for data in bad if data[8:9] in b" {"]
    wrapped = build.dictionary(
        {"state_dict": build.state_dict(TURNED), "epoch": build.number(1), "x": b"]"}
    )
    good = [
        build.torch_zip(TURNED),
        build.torch_zip(TURNED, wrapped, byteorder="big"),
        build.torch_zip({"a": ramp("F32", 2)}, build.sequence([build.tensor("0", ramp("F32", 2))])),
        build.torch_legacy(TURNED),
        build.torch_legacy({"a": ramp("F16", 9)}),
        build.python_zip({"a/data.pkl": build.pickled(b"N"), "a/data/0": b"x"}),
    ]
    return 4 * good + [data for data in bad if data[:2] == b"PK" or data[:1] == b"\x80"]


def mutated(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    file = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 5, 9))):
        at = rng.randrange(len(file) + 1)
        kind = rng.randrange(9)
        if kind == 0 and at < len(file):
            file[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(file):
            file[at] = rng.randrange(256)
        elif kind == 2:
            file[at:at] = rng.choice(WORDS)
        elif kind == 3:
            word = rng.choice(WORDS)
            file[at : at + len(word)] = word
        elif kind == 4:
            del file[at : at + rng.choice((1, 2, 4, 8, 100))]
        elif kind == 5:
            form = rng.choice(("<B", "<H", "<I", "<Q"))
            number = rng.choice(NUMBERS) % (1 << 8 * struct.calcsize(form))
            file[at : at + struct.calcsize(form)] = struct.pack(form, number)
        elif kind == 6:
            file[at:at] = str(rng.choice(NUMBERS)).encode()
        elif kind == 7:
            start, length = rng.randrange(len(file) + 1), rng.choice((1, 4, 16, 64, 300))
            file[at:at] = file[start : start + length] * rng.choice((1, 1, 1, 2, 50))
        else:
            other = rng.choice(others)
            start = rng.randrange(len(other) + 1)
            file[at:] = other[start:]
        del file[LARGEST:]
    return bytes(file)


def safetensors_input(rng: random.Random, files: Sequence[bytes]) -> bytes:
    data = mutated(rng.choice(files), rng, files)
    if rng.random() < 0.5 and b"}}" in data[8:]:
        # Put the length right that the mutation broke, so that what comes after is reached.
        length = data.rindex(b"}}") + 2 - 8
        return struct.pack("<Q", max(length, 0)) + data[8:]
    return data


def torch_input(rng: random.Random, files: Sequence[bytes]) -> bytes:
    if rng.random() < 0.5:
        return mutated(rng.choice(files), rng, files)
    legacy = rng.random() < 0.4
    value = build.state_dict(TURNED, legacy)
    if rng.random() < 0.3:
        value = build.sequence([build.tensor(str(i), t) for i, t in enumerate(TURNED.values())])
    value = mutated(value, rng, [value, *files])
    return (build.torch_legacy if legacy else build.torch_zip)(TURNED, value)


def read(data: bytes, rng: random.Random) -> str:
    """How the input is taken: "read", or the name of the error that refuses it."""
    memory = Memory(data)
    known = rng.choice((None, run(memory, look_inside(len(data), thorough=True))))
    pass_ = Fingerprinter(len(data), known)
    piece = rng.choice((1 << 20, 1000, 64))
    for at in range(0, len(data), piece):
        pass_.update(data[at : at + piece])
    pass_.finish()
    run(memory, look_inside(len(data)))
    try:
        listing = run(memory, containers.read_listing(len(data), thorough=rng.random() < 0.5))
    except FileError as error:
        if not str(error):
            raise AssertionError("an error without words") from error
        return type(error).__name__
    for info in listing.tensors:
        if info.start < 0 or info.start + info.length > len(data):
            raise AssertionError("a tensor outside the file")
        part = memory.read(Range(info.start, info.length))
        try:
            to_float32(info, part)
            b"".join(row_major(info, part))
        except FileError:
            continue
    return "read"


def fuzz(container: str, count: int, seed: int, say: Callable[[str], None]) -> None:
    files = seeds(container)
    outcomes: Counter[str] = Counter()
    slowest, started = 0.0, time.monotonic()
    for number in range(count):
        rng = random.Random(f"{seed}/{number}")
        make = safetensors_input if container == "safetensors" else torch_input
        data = make(rng, files)
        begun = time.process_time()
        try:
            outcomes[read(data, rng)] += 1
        except Exception:
            say(f"input {number} of seed {seed} ({container}) broke the reader: {data[:200]!r}")
            raise
        taken = time.process_time() - begun
        slowest = max(slowest, taken)
        if taken > SECONDS:
            raise SystemExit(f"input {number} of seed {seed} ({container}) took {taken:.1f} s")
        # In KiB on Linux, in bytes on macOS.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak >>= 20 if sys.platform == "darwin" else 10
        if peak > MEBIBYTES:
            raise SystemExit(f"input {number} of seed {seed} ({container}): {peak} MiB")
    kinds = ", ".join(f"{kind} {n}" for kind, n in outcomes.most_common())
    say(
        f"{container}: {count} inputs, seed {seed}: {kinds}; slowest {1000 * slowest:.0f} ms, "
        f"peak {peak} MiB, {time.monotonic() - started:.0f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--container", choices=("safetensors", "torch"), default="safetensors")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    fuzz(args.container, args.count, args.seed, print)


if __name__ == "__main__":
    main()
