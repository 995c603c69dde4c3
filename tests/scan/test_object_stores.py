"""Object stores: what S3 gives (moto's server), what a folder gives, what no store is."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pyarrow.parquet
import pytest
from tests.match import updates
from tests.match.made import known
from tests.scan.stored import make_tree, of_folder

from reseen.errors import HubBusy, InputError
from reseen.files.source import Range
from reseen.hubs.object_store import ObjectStore, artifact_at
from reseen.scan.sweep.examiner import Depth, examine
from reseen.scan.sweep.listing import write_listing
from reseen.store.database import Store


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "store")


def keys_of(tree: Path) -> list[str]:
    return sorted(of_folder(tree).column("key").to_pylist())


def test_a_listing_is_a_manifest(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "manifest"
    assert write_listing(tree.as_uri(), out) == 13
    assert out.stat().st_mode & 0o777 == 0o600
    listed = pyarrow.parquet.read_table(out).sort_by("key")
    made = of_folder(tree).select(["key", "size"])
    assert listed.to_pylist() == sorted(made.to_pylist(), key=lambda row: row["key"])


@pytest.mark.parametrize(
    "address",
    ["https://models.example/x", "memory:///", "ftp://x", "/nowhere/at/all", "file:///nowhere"],
)
def test_what_is_no_store_is_refused(address: str) -> None:
    with pytest.raises(InputError):
        ObjectStore(address)


def test_ranges_are_bounded_and_end_where_the_object_does(tree: Path) -> None:
    store, key = ObjectStore(str(tree)), "someone/test/LORA"
    size = len(updates.REMOVED)

    async def read(start: int, length: int) -> bytes:
        return await store.read(artifact_at(key, size), Range(start, length))

    assert asyncio.run(read(0, 10)) == updates.REMOVED[:10]
    assert asyncio.run(read(size - 1, 2)) == updates.REMOVED[-1:]
    assert asyncio.run(read(size, 2)) == b""
    assert asyncio.run(read(size + 100, 2)) == b""
    assert asyncio.run(read(5, 0)) == b""


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that speaks S3, with an empty bucket."""
    if find_spec("moto") is None or find_spec("flask_cors") is None:
        pytest.skip("moto's server is not installed (pip install 'moto[s3]' flask flask-cors)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        for name, value in {
            "AWS_ACCESS_KEY_ID": "sample",
            "AWS_SECRET_ACCESS_KEY": "sample",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ALLOW_HTTP": "true",
            "NO_PROXY": "*",
        }.items():
            monkeypatch.setenv(name, value)
        urllib.request.urlopen(urllib.request.Request(f"{endpoint}/models", method="PUT")).close()
        yield "s3://models"
    finally:
        server.terminate()
        server.wait()


def test_s3_says_what_the_folder_says(store: Store, tree: Path, tmp_path: Path, s3: str) -> None:
    from obstore import put
    from obstore.store import S3Store

    bucket = S3Store("models")
    for key in keys_of(tree):
        put(bucket, f"deep/{key}", (tree / key).read_bytes())
    updates.put(store, updates.REMOVED)
    address = f"{s3}/deep"
    assert write_listing(address, tmp_path / "manifest") == 13
    listed = pyarrow.parquet.read_table(tmp_path / "manifest")
    assert sorted(listed.column("key").to_pylist()) == keys_of(tree)
    index, batch = known(store, None), of_folder(tree)
    for depth in (Depth.HEADER, Depth.FULL):
        told = examine(batch, index, ObjectStore(address), depth)
        assert told.equals(examine(batch, index, ObjectStore(str(tree)), depth))
    gone = batch.set_column(0, "key", pyarrow.array([f"x/{n}" for n in range(batch.num_rows)]))
    told = examine(gone, index, ObjectStore(address), Depth.FULL)
    assert set(told.column("reason").to_pylist()) >= {"there is no such object"}


def test_a_server_that_is_not_there_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "sample",
        "AWS_SECRET_ACCESS_KEY": "sample",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    store = ObjectStore("s3://models")
    with pytest.raises(HubBusy) as raised:
        asyncio.run(store.ask_if_there())
    assert "127.0.0.1" not in str(raised.value)


_READS = """
import asyncio, sys
from reseen.files.source import Range
from reseen.hubs.object_store import ObjectStore, artifact_at

async def main():
    store, keys = ObjectStore(sys.argv[1]), sys.argv[2:]
    reads = (store.read(artifact_at(key, None), Range(0, 50)) for key in keys * 20)
    await asyncio.gather(*reads)

asyncio.run(main())
"""


def test_a_process_that_ends_at_once_ends_well(tree: Path) -> None:
    """Threads of the client's own once outlived the interpreter, and one in ten was aborted."""
    for _ in range(12):
        command = [sys.executable, "-c", _READS, str(tree), *keys_of(tree)]
        assert subprocess.run(command, check=False).returncode == 0
