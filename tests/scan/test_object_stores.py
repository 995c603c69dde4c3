"""Object stores: what S3 gives (moto's server), what a folder gives, what no store is."""

from __future__ import annotations

import asyncio
import http.server
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pyarrow.parquet
import pytest
from tests.match import updates
from tests.match.made import known
from tests.scan.stored import examine, make_tree, of_folder

from reseen.errors import HubBusy, InputError
from reseen.files.source import Range
from reseen.hubs.object_store import ObjectStore, artifact_at
from reseen.scan.sweep.examiner import Depth
from reseen.scan.sweep.listing import StoreListed, write_listing
from reseen.store.database import Store


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "store")


def keys_of(tree: Path) -> list[str]:
    return sorted(of_folder(tree).column("key").to_pylist())


def test_a_listing_is_a_manifest(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "manifest"
    assert write_listing(tree.as_uri(), out) == StoreListed(13)
    assert out.stat().st_mode & 0o777 == 0o600
    listed = pyarrow.parquet.read_table(out).sort_by("key")
    made = of_folder(tree).select(["key", "size"])
    assert listed.to_pylist() == sorted(made.to_pylist(), key=lambda row: row["key"])


def test_whatever_a_file_is_called_it_is_listed_and_read_or_counted(
    store: Store, tree: Path, tmp_path: Path
) -> None:
    updates.put(store, updates.REMOVED)
    names = ["m.safetensors#1", "two\nlines.bin", "tab\t.bin", "100%.bin", "pct%20.bin", "b\\s"]
    for name in names:
        (tree / name).write_bytes(updates.REMOVED)
    (Path(os.fsdecode(os.fsencode(tree) + b"/no\xff.bin"))).write_bytes(updates.REMOVED)
    (tree.parent / "outside").write_bytes(updates.REMOVED)
    (tree / "out").symlink_to(tree.parent / "outside")
    (tree / "nowhere").symlink_to(tree / "gone")
    (tree / "again").symlink_to(tree / "someone")
    os.mkfifo(tree / "pipe")
    found = write_listing(str(tree), tmp_path / "manifest")
    assert found.objects == 13 + len(names)
    assert sorted(found.left_out.values()) == [1, 1, 1, 1]
    (batch,) = pyarrow.parquet.read_table(tmp_path / "manifest").combine_chunks().to_batches()
    assert {*names} <= {*batch.column("key").to_pylist()}
    told = examine(batch, known(store, None), ObjectStore(str(tree)), Depth.FULL).to_pylist()
    assert {row["status"] for row in told if row["key"] in names} == {"match"}


BAD = ["o//dd.bin", "o/../x.bin", "o/./x", "o/.", "p/two\nlines", "p/tab\tx", "q/\x7f"]
BAD += ['p/x" contained\n\nDebug source']
GOOD = [
    *(f"a/{n:03}.bin" for n in range(100)),
    *(f"n/other/{n}.bin" for n in range(5)),
    "n.bin",
    "o-first/x/y.bin",
    "o/0",
    "o/zz",
    "p/ok.bin",
    "p/z",
    "q/ok.bin",
    "z/last.bin",
]


class _Bucket(http.server.BaseHTTPRequestHandler):
    """A bucket `models` that can be listed, a hundred keys a page."""

    def do_GET(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        asked = dict(urllib.parse.parse_qsl(url.query))
        after = asked.get("continuation-token") or asked.get("start-after", "")
        keys = sorted(f"deep/{key}" for key in [*BAD, *GOOD])
        prefix = asked.get("prefix", "")
        left = [key for key in keys if key > after and key.startswith(prefix)]
        folders = ""
        if asked.get("delimiter"):
            inner = {k: k[len(prefix) :].partition("/") for k in left}
            names = sorted({name for name, slash, _ in inner.values() if slash})
            folders = "".join(
                f"<CommonPrefixes><Prefix>{prefix}{name}/</Prefix></CommonPrefixes>"
                for name in names
            )
            left = [key for key in left if not inner[key][1]]
        rows = "".join(
            "<Contents><Key>" + "".join(f"&#{ord(c)};" for c in key) + "</Key><Size>5</Size>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>x</ETag></Contents>"
            for key in left[:100]
        )
        more = f"<NextContinuationToken>{left[99]}</NextContinuationToken>" if left[100:] else ""
        self._answer(
            200,
            f"<ListBucketResult><IsTruncated>{str(bool(more)).lower()}</IsTruncated>"
            f"<KeyCount>{len(left[:100])}</KeyCount>{rows}{folders}{more}</ListBucketResult>",
        )

    def do_HEAD(self) -> None:
        key = urllib.parse.unquote(self.path).removeprefix("/models/deep/")
        self._answer(200 if key in GOOD else 404, "12345")

    def _answer(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body.encode())))
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.send_header("ETag", "x")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.mark.parametrize("most", [50, 0])
def test_a_key_that_is_no_path_costs_those_beside_it_on_its_page_and_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Beyond the most pages of that kind, all before it."""
    monkeypatch.setattr("reseen.hubs.object_store._MOST_SPOILED", most)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Bucket)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "sample",
        "AWS_SECRET_ACCESS_KEY": "sample",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ALLOW_HTTP": "true",
        "NO_PROXY": "*",
    }.items():
        monkeypatch.setenv(name, value)
    try:
        found = write_listing("s3://models/deep", tmp_path / "manifest")
    finally:
        server.shutdown()
        server.server_close()
    listed = pyarrow.parquet.read_table(tmp_path / "manifest").column("key").to_pylist()
    beside = {"o/0", "o/zz", "p/ok.bin", "p/z", "q/ok.bin"}
    surely = set(GOOD) - beside if most else {*GOOD[:100], "z/last.bin"}
    assert surely <= set(listed) <= set(GOOD)
    assert len(listed) == len(set(listed)) == found.objects
    assert found.left_out.total() >= 4


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
    assert write_listing(address, tmp_path / "manifest").objects == 13
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
