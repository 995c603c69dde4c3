"""The dearest files that are accepted: seconds and memory of each, beside the aim.

    python -m benchmarks.hostile_files [--only WORD ...] [--write]

Each file is made in a process of its own and fingerprinted there as a scan, `check` and the gate
do it, after a small sound file that loads what is loaded once: what is above that is the file's.
Time is processor time of all threads. A header is to take a second at most, a sketch 30 seconds or
four times the SHA-256 of the file, whichever is more, and either at most 256 MiB. --write puts the
table into docs/hostile-files.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import struct
import subprocess
import sys
import tarfile
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZIP_DEFLATED

import numpy as np
from tests.files import build
from tests.files.build import T

from reseen.files.source import Memory, run
from reseen.fingerprints.digests import BLOCK, Fingerprinter, look_inside
from reseen.fingerprints.members import read_stream
from reseen.updates.peft import PeftConfig, parse_config

PAGE = Path(__file__).parents[1] / "docs" / "hostile-files.md"
MEBIBYTES = 256
HEADER_SECONDS = 1.0
SKETCH_SECONDS = 30.0
TIMES_SHA256 = 4

KOHYA = "lora_unet_down_blocks_{}_attentions_{}_transformer_blocks_0_attn1_to_q"


@dataclass(frozen=True, slots=True)
class Case:
    """One hostile file."""

    name: str
    what: str
    make: Callable[[], tuple[bytes, PeftConfig | None]]
    header: bool = False
    """Its header is what costs."""


def flat(shapes: Mapping[str, tuple[int, ...]], dtype: str = "F16") -> bytes:
    """A safetensors file of small numbers."""
    header: dict[str, object] = {}
    at = 0
    width = {"F16": 2, "F32": 4, "F8_E4M3": 1}[dtype]
    for name, shape in shapes.items():
        length = int(np.prod(shape)) * width
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + length]}
        at += length
    text = json.dumps(header, separators=(",", ":")).encode()
    numbers = np.random.default_rng(0).integers(0x2000, 0x2C00, 1 << 20, np.uint16).tobytes()
    return b"".join(
        (
            struct.pack("<Q", len(text)),
            text,
            numbers * (at // len(numbers)),
            numbers[: at % len(numbers)],
        )
    )


def each(count: int, shapes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {
        f"{KOHYA.format(i % 3, i)}.{end}": shape
        for i in range(count)
        for end, shape in shapes.items()
    }


def layers(count: int, **shapes: tuple[int, ...]) -> bytes:
    names = {"down": "lora_down.weight", "up": "lora_up.weight", "mid": "lora_mid.weight"}
    return flat(each(count, {names.get(end, end): shape for end, shape in shapes.items()}))


def halves(mebibytes: int) -> bytes:
    """Small numbers in half precision."""
    return (b"\x11\x2c\x13\xac\x05\x28" * ((mebibytes << 20) // 6 + 1))[: mebibytes << 20]


def aliased(count: int, mebibytes: int) -> bytes:
    """A torch zip whose tensors all stand in one storage."""
    rows, columns = 2_048, (mebibytes << 20) // 2 // 2_048
    whole = T("F16", (rows, columns), halves(mebibytes))
    names = {f"{KOHYA.format(i % 3, i)}.diff": build.tensor("0", whole) for i in range(count)}
    return build.torch_zip({"0": whole}, build.dictionary(names))


def transposed(mebibytes: int) -> bytes:
    side = 4_096
    rows = (mebibytes << 20) // 2 // side
    whole = T("F16", (rows, side), halves(mebibytes), strides=(1, rows))
    return build.torch_zip({f"{KOHYA.format(0, 0)}.diff": whole})


def string(text: bytes, length: int, end: bytes = b"") -> bytes:
    value = text * (length // len(text)) + end
    return build.with_header(b'{"__metadata__":{"a":"' + value + b'"}}', pad=False)


def pairs_of_emoji() -> bytes:
    emoji = "\U0001f600".encode()
    pairs = b",".join(b'"%x%s":"%s"' % (n, emoji, emoji) for n in range(540_000))
    return build.with_header(b'{"__metadata__":{' + pairs + b"}}", pad=False)


def patterns() -> tuple[bytes, PeftConfig | None]:
    names = [f"transformer.transformer_blocks.{i}.attn.to_q" for i in range(9_900)]
    shapes = {f"{n}.lora_{side}.weight": (1, 1) for n in names for side in "AB"}
    some: dict[str, int] = {f"l{i}": 1 for i in range(19_000)}
    some |= {"attn.to_q": 2, "to_q": 3}
    config = json.dumps({"r": 1, "alpha_pattern": some, "rank_pattern": some, "lora_alpha": 1})
    return flat(shapes), parse_config(config.encode())


def gguf_words() -> bytes:
    pair = build.gguf_text("a") + struct.pack("<IIQ", 9, 8, 1_000_000)
    return build.gguf_header({}, [], counts=(0, 1)) + pair + bytes(8_000_000) + bytes(64)


def gguf_packed() -> bytes:
    one = np.random.default_rng(0).integers(0, 100, 4_096 * 1_280 // 256 * 98, np.uint8).tobytes()
    names = each(40, {"lora_down.weight": (1_280, 4_096), "lora_up.weight": (4_096, 1_280)})
    return build.gguf({name: T("IQ3_XXS", shape, one) for name, shape in names.items()})


def tar_bomb() -> bytes:
    """Made a piece at a time: unpacked it is larger than this machine may have memory for."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    info = tarfile.TarInfo("zeros")
    info.size = 4 << 30
    parts = [packer.compress(info.tobuf())]
    parts += [packer.compress(bytes(1 << 24)) for _ in range(1 << 8)]
    return b"".join([*parts, packer.flush()])


def plain(make: Callable[[], bytes]) -> Callable[[], tuple[bytes, PeftConfig | None]]:
    return lambda: (make(), None)


CASES = (
    Case(
        "aliased", "400 tensors over one storage of 8 MiB (torch)", plain(lambda: aliased(400, 8))
    ),
    Case(
        "aliased-once",
        "2 tensors over one storage of 120 MiB (torch)",
        plain(lambda: aliased(2, 120)),
    ),
    Case("transposed", "a transposed tensor of 63 MiB (torch)", plain(lambda: transposed(63))),
    Case(
        "lokr",
        "64 LoKr of 11,000 x 11,000 from two vectors each",
        plain(lambda: layers(64, lokr_w1_a=(11_000, 1), lokr_w1_b=(1, 11_000), lokr_w2=(1, 1))),
    ),
    Case(
        "lokr-wide",
        "64 LoKr of 262,144 x 262,144",
        plain(
            lambda: layers(
                64,
                lokr_w1_a=(512, 256),
                lokr_w1_b=(256, 512),
                lokr_w2_a=(22, 11),
                lokr_w2_b=(11, 22),
            )
        ),
    ),
    Case(
        "lokr-rank",
        "12 LoKr with a factor of rank 1,800",
        plain(
            lambda: layers(12, lokr_w1=(2, 2), lokr_w2_a=(4_200, 1_800), lokr_w2_b=(1_800, 4_200))
        ),
    ),
    Case(
        "oft",
        "60 OFT of one block of 1,200",
        plain(lambda: layers(60, oft_blocks=(1, 1_200, 1_200))),
    ),
    Case(
        "oft-small",
        "300 OFT of 60,000 blocks of 3",
        plain(lambda: flat(each(300, {"oft_R.weight": (60_000, 3)}))),
    ),
    Case(
        "boft",
        "200 BOFT of 11,008 rows in 7 stages",
        plain(lambda: layers(200, oft_blocks=(7, 2_752, 4, 4))),
    ),
    Case(
        "hra", "60 HRA of 4,000 with 400 reflections", plain(lambda: layers(60, hra_u=(4_000, 400)))
    ),
    Case(
        "loha",
        "24 LoHa of 11,000 x 11,000 at rank 77",
        plain(
            lambda: layers(
                24,
                hada_w1_a=(11_000, 77),
                hada_w2_a=(11_000, 77),
                hada_w1_b=(77, 11_000),
                hada_w2_b=(77, 11_000),
            )
        ),
    ),
    Case(
        "loha-rank",
        "5 LoHa of 2,048 x 2,048 at rank 4,096",
        plain(
            lambda: layers(
                5,
                hada_w1_a=(2_048, 4_096),
                hada_w2_a=(2_048, 4_096),
                hada_w1_b=(4_096, 2_048),
                hada_w2_b=(4_096, 2_048),
            )
        ),
    ),
    Case(
        "lora-rank",
        "40 LoRA of 4,096 x 4,096 at rank 1,300",
        plain(lambda: layers(40, down=(1_300, 4_096), up=(4_096, 1_300))),
    ),
    Case(
        "lora-wide",
        "300 LoRA of 262,144 x 262,144 at rank 1",
        plain(lambda: layers(300, down=(1, 1 << 18), up=(1 << 18, 1))),
    ),
    Case(
        "tucker",
        "20 LoRA with a core of 512 x 512 x 5 x 5",
        plain(lambda: layers(20, down=(512, 512, 1, 1), mid=(512, 512, 5, 5), up=(512, 512, 1, 1))),
    ),
    Case(
        "whole",
        "whole matrices of 126 MiB, three of them",
        plain(lambda: layers(3, diff=(21_504, 3_072))),
    ),
    Case("modules", "4,000 modules of 1 x 1", plain(lambda: layers(4_000, down=(1, 1), up=(1, 1)))),
    Case(
        "tensors",
        "19,998 tensors of 1 x 1",
        plain(lambda: layers(9_999, down=(1, 1), up=(1, 1))),
        header=True,
    ),
    Case(
        "names",
        "19,998 long names of underscores",
        plain(
            lambda: flat(
                {
                    f"lora_unet_{'down_blocks_0_' * 12}{i}.lora_{s}.weight": (1, 1)
                    for i in range(9_999)
                    for s in ("up", "down")
                }
            )
        ),
        header=True,
    ),
    Case("patterns", "38,000 patterns beside 9,900 layers", patterns, header=True),
    Case(
        "emoji",
        "a header that is one string of the longest, with one emoji",
        plain(lambda: string(b"a", (16 << 20) - 60, "\U0001f600".encode())),
        header=True,
    ),
    Case(
        "pairs",
        "a header of 540,000 short texts with an emoji in each",
        plain(pairs_of_emoji),
        header=True,
    ),
    Case(
        "ascii",
        "a header that is one string of 16 MiB",
        plain(lambda: string(b"a", (16 << 20) - 60)),
        header=True,
    ),
    Case(
        "escapes",
        "a header of escapes",
        plain(lambda: string(b"\\ud83d\\ude00", (16 << 20) - 60)),
        header=True,
    ),
    Case(
        "values",
        "a header of empty lists",
        plain(lambda: build.with_header(b'{"a":[' + b"[]," * 799_000 + b"[]]}", pad=False)),
        header=True,
    ),
    Case(
        "numbers",
        "a header of numbers",
        plain(lambda: build.with_header(b'{"a":[' + b"7.5e-9," * 1_590_000 + b"1]}", pad=False)),
        header=True,
    ),
    Case(
        "objects",
        "a header of objects",
        plain(lambda: build.with_header(b'{"a":[' + b'{"":{}},' * 390_000 + b"{}]}", pad=False)),
        header=True,
    ),
    Case(
        "pickle",
        "a pickle of 239,000 opcodes",
        plain(lambda: build.torch_zip({}, b"](" + b"}" * 238_990 + b"e")),
        header=True,
    ),
    Case(
        "symbols",
        "a pickle that names 49,000 things",
        plain(
            lambda: build.torch_zip(
                {}, b"](" + b"".join(b"ca%d\nb\n" % i for i in range(49_000)) + b"e"
            )
        ),
        header=True,
    ),
    Case(
        "gguf-words",
        "a GGUF header of 1,000,000 words",
        plain(gguf_words),
        header=True,
    ),
    Case(
        "gguf-tensors",
        "a GGUF header of 19,998 tensors",
        plain(
            lambda: build.gguf(
                {
                    f"{KOHYA.format(i % 3, i)}.lora_{s}.weight": T("F16", (1, 1), b"\1\2")
                    for i in range(9_999)
                    for s in ("up", "down")
                }
            )
        ),
        header=True,
    ),
    Case(
        "gguf-packed",
        "40 LoRA of 4,096 x 4,096 at rank 1,280 in IQ3_XXS (GGUF)",
        plain(gguf_packed),
    ),
    Case(
        "zip-bomb",
        "a zip of 1,000 files of 8 MiB of zeros",
        plain(
            lambda: build.python_zip({f"{i}": bytes(8 << 20) for i in range(1_000)}, ZIP_DEFLATED)
        ),
    ),
    Case(
        "tar-bomb",
        "a tar.gz of a file of 4 GiB of zeros",
        plain(tar_bomb),
    ),
    Case(
        "entries",
        "a torch zip of 9,000 entries",
        plain(lambda: build.torch_zip({str(i): T("F16", (1,), b"\1\2") for i in range(9_000)})),
        header=True,
    ),
)


def fingerprint(data: bytes, config: PeftConfig | None) -> str:
    inside = None
    if data[:2] == b"\x1f\x8b" or (data[:2] == b"PK" and b"data.pkl" not in data[-(1 << 20) :]):
        read = read_stream([data], len(data))
        said = "; ".join(str(spot) for spot in read.blind)
        return f"{len(read.members):,} files in it read; {said}".rstrip("; ")
    if data[:4] in (b"GGUF", b"PK\x03\x04"):
        inside = run(Memory(data), look_inside(len(data), thorough=True))
    pass_ = Fingerprinter(len(data), inside, config)
    for at in range(0, len(data), BLOCK):
        pass_.update(data[at : at + BLOCK])
    found = pass_.finish()
    if found.sketch is not None:
        return "sketched"
    return found.problem or found.no_sketch or ""


def measured(case: Case) -> dict[str, object]:
    """In a process of its own."""
    data, config = case.make()
    fingerprint(layers(4, down=(4, 64), up=(64, 4)), None)
    before = _resident()
    began = time.process_time()
    hashlib.sha256(data).digest()
    sha256 = time.process_time() - began
    began = time.process_time()
    outcome = fingerprint(data, config)
    seconds = time.process_time() - began
    return {
        "size": len(data),
        "seconds": round(seconds, 2),
        "sha256": sha256,
        "mebibytes": max(0, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10) - before),
        "outcome": outcome,
    }


def _resident() -> int:
    """The peak so far becomes what is resident now, in MiB."""
    Path("/proc/self/clear_refs").write_text("5")
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) >> 10
    raise AssertionError


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=())
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        print(json.dumps(measured(next(case for case in CASES if case.name == given.one))))
        return 0
    rows = [
        "| file | bytes | seconds | aim | MiB above idle | what came of it |",
        "|---|---|---|---|---|---|",
    ]
    missed = 0
    for case in CASES:
        if given.only and case.name not in given.only:
            continue
        command = [sys.executable, "-m", "benchmarks.hostile_files", "--one", case.name]
        alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # or waiting threads count as work
        told = json.loads(
            subprocess.run(command, check=True, capture_output=True, text=True, env=alone).stdout
        )
        aim = HEADER_SECONDS if case.header else max(SKETCH_SECONDS, TIMES_SHA256 * told["sha256"])
        late, large = told["seconds"] > aim, told["mebibytes"] > MEBIBYTES
        missed += late or large
        marks = [" **missed**" if missing else "" for missing in (late, large)]
        rows.append(
            f"| {case.what} | {told['size']:,} | {told['seconds']}{marks[0]} | {aim:.0f} "
            f"| {told['mebibytes']}{marks[1]} | {told['outcome']} |"
        )
        print(rows[-1], flush=True)
    if given.write:
        _write(rows)
    return 1 if missed else 0


def _write(rows: Sequence[str]) -> None:
    text = PAGE.read_text("utf-8")
    head = text.partition("<!-- measured -->")[0]
    at = datetime.now(UTC).strftime("%Y-%m-%d")
    about = f"Measured {at} by `make bench-hostile` ({os.cpu_count()} cores):"
    PAGE.write_text(f"{head}<!-- measured -->\n\n{about}\n\n" + "\n".join(rows) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
