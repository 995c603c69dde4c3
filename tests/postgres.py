"""A PostgreSQL server of the tests' own: nothing of the machine's is touched, nothing stays.

The cluster lies in a short path (a socket's name is bounded), listens on its socket only, trusts
whoever reaches that, and does not care for power cuts. PostgreSQL refuses to run as root: then it
runs as Debian's `postgres`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
}

_SHORT = tempfile.gettempdir() if len(tempfile.gettempdir()) < 20 else "/tmp"
STORE = "fresh_store"
"""The database that every test's store is a copy of."""


class Missing(Exception):
    """There is no PostgreSQL here, or none that can be started; why."""


def programs() -> Path:
    """The folder of `initdb` and `pg_ctl`. Raises Missing."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if not folders:
        raise Missing("PostgreSQL is not installed; on Debian: apt install postgresql")
    return max(folders, key=lambda folder: int(folder.parent.name))


class Cluster:
    """A running server, stopped and deleted at the end: `with Cluster() as cluster:`."""

    def __init__(self) -> None:
        """Raises Missing."""
        self._programs = programs()
        self._as: list[str] = []
        self._has_store = False
        owner = None
        if os.getuid() == 0:
            owner = "postgres"
            if shutil.which("runuser") is None:
                raise Missing("PostgreSQL does not run as root, and there is no runuser")
            self._as = ["runuser", "-u", owner, "--"]
        self._folder = Path(tempfile.mkdtemp(prefix="reseen-pg-", dir=_SHORT))
        try:
            if owner is not None:
                try:
                    shutil.chown(self._folder, owner)
                except LookupError:
                    raise Missing("PostgreSQL does not run as root, nor has a user") from None
            data, log = self._folder / "data", self._folder / "log"
            self._run("initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8",
                      "--locale=C", "-D", str(data))  # fmt: skip
            told = " ".join(f"-c {name}='{value}'" for name, value in SETTINGS.items())
            self._run("pg_ctl", "-w", "-t", "120", "-D", str(data), "-l", str(log),
                      "-o", f"-k {self._folder} {told}", "start")  # fmt: skip
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        data = self._folder / "data"
        if (data / "postmaster.pid").exists():
            self._run("pg_ctl", "-w", "-m", "immediate", "-D", str(data), "stop", check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(self._folder), safe='')}"

    @contextmanager
    def store(self, name: str | None = None) -> Iterator[str]:
        """The URL of a fresh store (of this name): a copy of one that is made at the first call."""
        import psycopg

        from reseen.store.database import Store

        if not self._has_store:
            with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {STORE}")
            Store(self.url(STORE)).close()
            self._has_store = True
        with self.database(name, like=STORE) as url:
            yield url

    @contextmanager
    def database(self, name: str | None = None, *, like: str = "template1") -> Iterator[str]:
        """The URL of a fresh database, a copy of another: an empty one if that is not named."""
        import psycopg

        name = name or f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
            try:
                yield self.url(name)
            finally:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        # Files, not pipes: the server inherits what it is started with, and a pipe never ends.
        with tempfile.TemporaryFile() as told:
            done = subprocess.run(
                [*self._as, str(self._programs / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=told,
                cwd=self._folder,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
                check=False,
            )
            if check and done.returncode:
                told.seek(0)
                said = told.read().decode(errors="replace").strip()
                raise Missing(f"PostgreSQL did not start ({program}): {said[-500:]}")


@contextmanager
def schema_of(url: str) -> Iterator[str]:
    """A fresh schema in a database that somebody lent (RESEEN_TEST_POSTGRESQL)."""
    import psycopg

    schema = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        try:
            yield f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{schema}"
        finally:
            connection.execute(f"DROP SCHEMA {schema} CASCADE")
