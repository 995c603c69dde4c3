"""Debian's `docker-registry` on loopback, for tests that ask a real one; and how to push to it."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from replica.oci import MANIFEST

PROGRAM = shutil.which("docker-registry") or shutil.which(
    "docker-registry", path=str(Path(__file__).parents[2] / ".venv/registry/usr/bin")
)
MISSING = "docker-registry is not installed; on Debian: apt install docker-registry"


@contextmanager
def running(folder: Path, auth: str = "") -> Iterator[str]:
    """Its endpoint. `auth`: that part of its configuration."""
    assert PROGRAM is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "config.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'stored'}}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}', secret: sample}}\n{auth}"
    )
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([PROGRAM, "serve", str(config)], stdout=log, stderr=log)
    try:
        endpoint = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                httpx2.get(f"{endpoint}/v2/", timeout=5)
                break
            except httpx2.TransportError:
                assert server.poll() is None, (folder / "log").read_text()
                time.sleep(0.05)
        yield endpoint
    finally:
        server.terminate()
        server.wait(20)


class Pusher:
    """Puts repositories into a registry, as its clients do."""

    def __init__(self, endpoint: str, headers: Mapping[str, str] | None = None) -> None:
        self._client = httpx2.Client(base_url=endpoint, headers=dict(headers or {}), timeout=30)

    def __enter__(self) -> Pusher:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def blob(self, name: str, data: bytes) -> str:
        """Its SHA-256."""
        sha256 = hashlib.sha256(data).hexdigest()
        begun = self._client.post(f"/v2/{name}/blobs/uploads/")
        assert begun.status_code == 202, begun.text
        place = httpx2.URL(begun.headers["Location"]).copy_merge_params(
            {"digest": f"sha256:{sha256}"}
        )
        assert self._client.put(place, content=data).status_code == 201
        return sha256

    def manifest(self, name: str, which: str, manifest: Mapping[str, Any]) -> str:
        """Its digest. `which`: a tag, or "" for the digest alone."""
        body = json.dumps(manifest).encode()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        kind = {"Content-Type": str(manifest.get("mediaType", MANIFEST))}
        answer = self._client.put(
            f"/v2/{name}/manifests/{which or digest}", content=body, headers=kind
        )
        assert answer.status_code == 201, answer.text
        return digest
