"""`olah`, a Hub that none of us wrote, offline over real git repositories made from a world.

olah 0.5.4 answers trees, paths, refs and revisions with git's own oids and ignores Range. Its
lists are empty answers without a content type, everything missing is 401, and it has no gates,
no quota and no second host: for those there is the replica.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from replica.world import Repo, World

from replica import git

ATTEMPTS = 3
PATIENCE = 60.0
"""Seconds for one attempt to answer; importing olah is slow on a busy machine."""


class OlahHub:
    """Serves the repositories of a world that have commits, from entering to leaving.

    Raises RuntimeError with what olah printed if it does not start.
    """

    def __init__(self, world: World, folder: Path) -> None:
        """`folder`: an empty one, for repositories, cache and log."""
        self.folder = folder
        self.endpoint = ""
        self._process: subprocess.Popen[bytes] | None = None
        for repo in world.repositories.values():
            if repo.sha is not None:
                write_repository(repo, folder / "mirror" / f"{repo.type}s" / repo.id)

    def __enter__(self) -> OlahHub:
        told = ""
        for _ in range(ATTEMPTS):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            self.endpoint = f"http://127.0.0.1:{port}"
            if self._start(port):
                return self
            told = (self.folder / "output").read_text(errors="replace")[-2000:]
        raise RuntimeError(f"olah does not start: {told}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _start(self, port: int) -> bool:
        config = self.folder / "olah.toml"
        config.write_text(
            f'[basic]\nhost = "127.0.0.1"\nport = {port}\n'
            f'repos-path = "{self.folder / "cache"}"\n'
            f'mirrors-path = ["{self.folder / "mirror"}"]\n'
            "[accessibility]\noffline = true\n"
        )
        command = [str(Path(sys.executable).with_name("olah-cli")), "-c", str(config)]
        command += ["--log-path", str(self.folder / "logs")]
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder)}
        with (self.folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self._process.poll() is None:
            if self._answers():
                return True
            time.sleep(0.1)
        self._stop()
        return False

    def _answers(self) -> bool:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(f"{self.endpoint}/api/models", timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process = None


def write_repository(repo: Repo, folder: Path) -> None:
    """A git repository with the same commits, and its large files where git-lfs keeps them."""
    folder.mkdir(parents=True)
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    for command, stream in (
        (["git", "init", "-q", "-b", "main"], b""),
        (["git", "fast-import", "--quiet", "--force"], _fast_import(repo)),
    ):
        subprocess.run(command, cwd=folder, env=environment, input=stream, check=True)
    for commit in repo.commits.values():
        for blob in commit.files.values():
            if blob.lfs:
                place = folder / ".git/lfs/objects" / blob.sha256[:2] / blob.sha256[2:4]
                place.mkdir(parents=True, exist_ok=True)
                with suppress(FileExistsError), (place / blob.sha256).open("xb") as out:
                    out.write(blob.read(0, blob.size))


def _fast_import(repo: Repo) -> bytes:
    """The whole history as `git fast-import` reads it; the commits get the ids they have."""
    marks = {id: mark for mark, id in enumerate(repo.commits, start=1)}
    lines: list[bytes] = []
    for id, commit in repo.commits.items():
        who = f"{commit.user} <{commit.user}@users.example> {int(commit.date.timestamp())} +0000"
        lines += [
            b"commit refs/heads/main",
            b"mark :%d" % marks[id],
            f"author {who}".encode(),
            f"committer {who}".encode(),
            _data(commit.title.encode()),
            *([b"from :%d" % marks[commit.parent]] if commit.parent else []),
            b"deleteall",
        ]
        for path, blob in commit.files.items():
            text = git.pointer_text(blob.sha256, blob.size) if blob.lfs else blob.read(0, blob.size)
            lines += [f"M 100644 inline {path}".encode(), _data(text)]
    for ref, id in repo.refs.items():
        lines += [f"reset {ref}".encode(), b"from :%d" % marks[id]]
    return b"\n".join([*lines, b""])


def _data(value: bytes) -> bytes:
    return b"data %d\n%s" % (len(value), value)
