"""What a sweep is given and reads again: manifests, folders of parts, and what was found of a file
as it is carried to the store."""

from __future__ import annotations

import io
import json
import os
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import pyarrow
import pyarrow.parquet
from tests.fuzz import chance
from tests.fuzz.chance import JSON_WORDS, digits, folder, json_value, mutated, sum_of, word
from tests.fuzz.play import Broken, FuzzedReader

from reseen.hubs.object_listing import md5_of_etag
from reseen.hubs.object_store import artifact_at
from reseen.observed.artifacts import Inspection
from reseen.records import Container, Digest, DigestKind, Evidence, Match, Rung
from reseen.scan.inspect import ArtifactResult
from reseen.scan.sweep import carried, manifest, parts
from reseen.scan.sweep.columns import CHECKSUMS, RowStatus, batch_of, row_of, rows_of
from reseen.scan.sweep.parts import Sweep

_KEY = bytes(range(32))
_BYTES = (b"PAR1", b"key", b"size", b",", b"\n", b'"', b"\0")


# -- a manifest -----------------------------------------------------------------------------------


def _cell(rng: Random, name: str) -> object:
    if name == "key":
        return rng.choice((f"a/b/{rng.randrange(1000)}", word(rng), "", "x" * 5000, "../x", None))
    if name == "size":
        return rng.choice((0, 4096, 2**62, -1, None))
    length = 2 * CHECKSUMS[name].length if name in CHECKSUMS else 64
    plain = digits(rng, length)
    in_base64 = b64encode(rng.randbytes(length // 2)).decode()
    return rng.choice(
        (
            plain,
            plain.upper(),
            in_base64,
            f"{in_base64}-3",
            f'"{plain}"',
            digits(rng, 10),
            word(rng),
            None,
        )
    )


def _table(rng: Random) -> list[tuple[str, list[object]]]:
    names = [
        "key",
        "size",
        *rng.choice(((), ("sha256",), ("sha256", "xet"), ("md5", "crc32c"), ("name",))),
    ]
    if chance.chance(rng, 8):
        names.append(rng.choice(names))
    rows = rng.choice((0, 1, 3, 40))
    keys: list[object] = [f"owner/name/{n}.safetensors" for n in range(rows)]
    odd = chance.chance(rng, 3)
    return [
        (name, keys if name == "key" and not odd else [_cell(rng, name) for _ in range(rows)])
        for name in names
    ]


def a_manifest(rng: Random) -> bytes:
    table = _table(rng)
    if chance.chance(rng, 2):
        lines = [",".join(name for name, _ in table)]
        for row in zip(*(cells for _, cells in table), strict=True):
            lines.append(",".join("" if cell is None else json.dumps(cell) for cell in row))
        data = "\n".join(lines).encode("utf-8", "surrogatepass")
    else:
        kinds = {"size": pyarrow.int64()}
        arrays = [
            pyarrow.array(_plain(cells), kinds.get(name, pyarrow.string())) for name, cells in table
        ]
        made = pyarrow.Table.from_arrays(arrays, names=[name for name, _ in table])
        sink = io.BytesIO()
        pyarrow.parquet.write_table(made, sink, row_group_size=rng.choice((1, 7, 1000)))
        data = sink.getvalue()
    return mutated(data, rng, _BYTES) if chance.chance(rng, 3) else data


def _plain(cells: list[object]) -> list[object]:
    """Without what UTF-8 cannot say, which Arrow takes from nobody."""
    return [
        cell.encode("utf-8", "replace").decode() if isinstance(cell, str) else cell
        for cell in cells
    ]


@cache
def _path() -> Path:
    return folder() / f"manifest-{os.getpid()}"


def read_manifest(given: bytes) -> object:
    path = _path()
    path.write_bytes(given)
    seen = manifest.look_through(path)
    rows = []
    for batch in manifest.batches(path, 5, 0, seen.rows):
        rows += rows_of(batch)
        told = batch.column("md5").to_pylist() if "md5" in batch.schema.names else []
        etags = [md5_of_etag(each) for each in told if each is None or isinstance(each, str)]
        if any(each is not None and len(each) != 16 for each in etags):
            raise Broken("an MD5 of another length")
    if len(rows) != seen.rows:
        raise Broken("a row of the manifest is left out")
    for row in rows:
        if row.artifact.size is not None and row.artifact.size < 0:
            raise Broken("a size below nothing")
    return seen.rows, sum_of(rows)


# -- a folder of parts ----------------------------------------------------------------------------


def _found() -> tuple[ArtifactResult, ...]:
    artifact = artifact_at("owner/name/LORA.safetensors", 4096, b"s" * 32)
    why = Evidence(Rung.WEIGHTS, "sketch", "ab" * 16, "made", {"cosine": 0.98})
    seen = Inspection(
        container=Container.SAFETENSORS,
        full=True,
        digests=(Digest(DigestKind.SHA256, b"s" * 32),),
        sketch=b"made",
    )
    return (ArtifactResult(artifact, (Match("rm-1", (why,)),), inspection=seen),)


@dataclass(frozen=True)
class ChangedFile:
    name: str
    data: bytes


@cache
def _folder() -> tuple[Path, dict[str, bytes], Sweep]:
    where = folder() / f"sweep-{os.getpid()}"
    sweep = Sweep("ab" * 32, 3, 2, "cd" * 32, "ef" * 16, "folder:/made", "header")
    parts.begin(where, _KEY, sweep)
    row = row_of(artifact_at("owner/name/a", 5), RowStatus.CLEAR, None)
    match = {**row, "status": RowStatus.MATCH.value, "found": carried.packed(_found())}
    for part, rows in ((0, [match, row]), (1, [row])):
        parts.write(where, _KEY, sweep, part, batch_of(rows))
    return where, {path.name: path.read_bytes() for path in where.iterdir()}, sweep


def a_part(rng: Random) -> ChangedFile:
    files = _folder()[1]
    name = rng.choice(sorted(files))
    if chance.chance(rng, 8):
        return ChangedFile(name, files[name])
    return ChangedFile(name, mutated(files[name], rng, (*JSON_WORDS, *_BYTES)))


def read_part(given: ChangedFile) -> object:
    where, files, _ = _folder()
    try:
        (where / given.name).write_bytes(given.data)
        sweep = parts.opened(where, _KEY)
        told = []
        for mark in parts.marks(where, _KEY, sweep):
            for row in parts.rows(where, mark):
                told.append(row["found"] and carried.unpacked(row["found"]))
        return sum_of(told)
    finally:
        (where / given.name).write_bytes(files[given.name])


# -- what was found of a file ---------------------------------------------------------------------


def a_finding(rng: Random) -> bytes:
    data = carried.packed(_found())
    if chance.chance(rng, 2):
        value = json.loads(data)
        name = rng.choice(sorted(value[0]))
        value[0][name] = json_value(rng)
        data = json.dumps(value).encode()
    return mutated(data, rng, JSON_WORDS) if chance.chance(rng, 2) else data


def read_finding(given: bytes) -> object:
    return sum_of(carried.unpacked(given))


READERS = (
    FuzzedReader("sweep-manifest", a_manifest, read_manifest, tells=True),
    FuzzedReader("sweep-part", a_part, read_part),
    FuzzedReader("sweep-finding", a_finding, read_finding),
)
