"""A hub's storage of files of all kinds, made from seeds, and a registry that knows some of them.

What comes in: a folder, and how many files. What goes out: the same files every time: adapters as
they were removed and altered in every common way, strangers, checkpoints, pickles, archives, broken
files, Git LFS pointers, pictures, texts and empty ones; a saved index with its key; a manifest.
"""

from __future__ import annotations

import hashlib
import io
import random
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
from tests.files import build
from tests.match import embedded, updates
from tests.match.made import adapter, fully_known, listed, remove, safetensors

from replica import made
from reseen.match import saved
from reseen.match.registry_index import RegistryIndex
from reseen.scan.folder import scan_folder
from reseen.scan.sweep.columns import RowStatus, told_of_all
from reseen.scan.sweep.engines import EngineSetup
from reseen.scan.sweep.processes import WorkerSetup
from reseen.store.database import Store
from reseen.store.sealing import Keyring

KEYRING = Keyring(b"benchmark " * 3 + b"ok")
PERSONS = 12
"""Removals that are known by the weights of an adapter; as many by a file's digests, and of a third
kind only the SHA-256."""
STRANGERS = 40
SECONDS_A_ROW = 0.01
EACH = 20
"""Files of one model's folder: one of every kind."""
SCHEMA = pyarrow.schema(
    [("key", pyarrow.string()), ("size", pyarrow.int64()), ("sha256", pyarrow.string())]
)


@dataclass(frozen=True, slots=True)
class SweepWorld:
    """Where everything is."""

    files: Path
    """The folder that stands for a bucket."""
    store: Path
    """The registry's."""
    index: Path
    key_file: Path
    manifest: Path
    """Without checksums."""

    @classmethod
    def at(cls, root: Path) -> SweepWorld:
        """One that is there, or is to be."""
        manifest = root / "manifest.parquet"
        return cls(root / "files", root / "reseen.db", root / "index", root / "index.key", manifest)

    @property
    def mac(self) -> str:
        return saved.mac_of(self.index)


def make(root: Path, count: int) -> SweepWorld:
    """Make it: `count` files, the registry, its index, a manifest."""
    root.mkdir(exist_ok=True)
    world = SweepWorld.at(root)
    rows: list[dict[str, Any]] = []
    for number in range(-(-count // EACH)):
        for name, data in _model(number):
            key = f"account-{number % 17:02}/model-{number}/{name}"
            path = world.files / key
            path.parent.mkdir(parents=True, exist_ok=True)
            if len(rows) < count:
                path.write_bytes(data)
                rows.append({"key": key, "size": len(data), "sha256": None})
    table = pyarrow.Table.from_pylist(rows, schema=SCHEMA)
    pyarrow.parquet.write_table(table, world.manifest)
    with Store(f"sqlite:///{world.store}") as store:
        for person in range(PERSONS):
            remove(store, updates.sketched(_removed(person)), keyring=KEYRING)
            remove(store, fully_known(_plain(person)), keyring=KEYRING)
            remove(store, listed(_listed(person)), keyring=KEYRING)
        scan_folder(store, KEYRING, _strangers(root / "strangers"), jobs=1)
        with store.read() as connection:
            RegistryIndex.load(connection).save(world.index, KEYRING.for_indexes)
    world.key_file.write_text(saved.key_text(KEYRING.for_indexes))
    world.key_file.chmod(0o600)
    return world


@dataclass(frozen=True, slots=True)
class WaitingWorker(WorkerSetup):
    """A worker that examines nothing and takes 10 ms for each row."""

    def open(self, stop: Event | None = None) -> Any:
        def wait(batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
            time.sleep(SECONDS_A_ROW * batch.num_rows)
            return told_of_all(batch, RowStatus.CLEAR, "waited")

        return wait


@dataclass(frozen=True, slots=True)
class WaitingSetup(EngineSetup):
    """The same for an engine."""

    def worker(self) -> WorkerSetup:
        return WaitingWorker(self.index, b"", self.store, self.mac, self.depth, self.reads)


def _strangers(folder: Path) -> Path:
    """A background: what p-values are measured against, in the store and in the saved index."""
    folder.mkdir()
    for number in range(STRANGERS):
        (folder / f"{number}.safetensors").write_bytes(made.adapter(5000 + number))
    return folder


def _removed(person: int) -> bytes:
    return made.adapter(person)


def _plain(person: int) -> bytes:
    return safetensors(adapter(person), {"made by": "a benchmark"})


def _listed(person: int) -> bytes:
    return made.adapter(500 + person)


def _model(number: int) -> Iterator[tuple[str, bytes]]:
    """The files of one repository."""
    person, rng = number % PERSONS, random.Random(number)
    removed, stranger = _removed(person), made.adapter(1000 + number)
    cast = made.cast_and_renamed(removed)
    yield "LORA", removed
    yield "cast.safetensors", cast
    rank, scale = 1 + number % 3, 0.5 + number % 4
    yield "small.safetensors", made.scaled_and_resized(removed, rank=rank, scale=scale)
    yield "image part.bin", made.text_encoder_dropped(removed)
    yield "edited.safetensors", made.header_edited(removed, f"note {number}")
    yield "plain.bin", safetensors(adapter(person), {"title": f"Test model {number}"})
    yield "listed.safetensors", _listed(person) if number % 2 else made.reordered(removed, number)
    yield "stranger.safetensors", stranger
    yield "wide.safetensors", made.adapter(3000 + number, rank=8)
    yield "packed.zip", build.python_zip({"a/LORA.safetensors": cast, "readme.txt": b"w " * 800})
    yield "mixed.zip", build.python_zip({"a.safetensors": stranger, "b.safetensors": cast[:9000]})
    yield "packed.tar", _tar("x/small.safetensors", removed if number % 2 else stranger)
    tensors = {t.name: build.T(t.dtype, t.shape, t.data) for t in made.opened(removed)[0]}
    yield "pickled.pt", (build.torch_zip if number % 2 else build.torch_legacy)(tensors)
    yield "checkpoint.safetensors", _checkpoint(number)
    yield "other." + ("gguf" if number % 2 else "npz"), _other_form(number)
    yield "embedding.safetensors", embedded.kohya(embedded.rows(number))
    yield "broken.safetensors", _broken(removed, rng)
    yield "pointer.safetensors", _pointer(removed if number % 3 else stranger)
    yield "picture.png", b"\x89PNG\r\n\x1a\n" + rng.randbytes(3000 + number)
    yield "small.txt", (b"", b"x" * rng.randrange(1, 900), b"words and words\n" * 400)[number % 3]


def _tar(name: str, data: bytes) -> bytes:
    out, info = io.BytesIO(), tarfile.TarInfo(name)
    info.size = len(data)
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _checkpoint(number: int) -> bytes:
    """Whole weights of some layers."""
    numbers = np.random.default_rng(number)
    tensors = []
    for name in ("to_q", "to_k", "to_v"):
        values = (numbers.standard_normal((320, 320)) * 0.05).astype("<f2")
        layer = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1"
        tensors.append(made.Tensor(f"{layer}.{name}.weight", "F16", (320, 320), values.tobytes()))
    return made.safetensors(tensors, {"format": "pt"})


def _other_form(number: int) -> bytes:
    """GGUF or npz, of no adapter."""
    if number % 2:
        ramps = {f"blk.{n}.attn_q.weight": build.ramp("F16", 64, 64, seed=n) for n in range(3)}
        return build.gguf(ramps, {"general.name": f"test {number}"})
    out = io.BytesIO()
    np.savez(out, a=np.random.default_rng(number).standard_normal((40, 40)).astype("<f4"))
    return out.getvalue()


def _broken(data: bytes, rng: random.Random) -> bytes:
    """Cut off, with a header that is none, or with bytes of chance in it."""
    kind = rng.randrange(4)
    if kind == 0:
        return data[: rng.randrange(1100, len(data))]
    if kind == 1:
        return (1 << 60).to_bytes(8, "little") + data[8:]
    if kind == 2:
        return rng.randbytes(20_000)
    at = rng.randrange(10, 400)
    return data[:at] + rng.randbytes(20) + data[at + 20 :]


def _pointer(data: bytes) -> bytes:
    sha256 = hashlib.sha256(data).hexdigest()
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {len(data)}\n"
    ).encode()
