"""What many tests share: a clean environment, a store, and a small Hub on loopback.

Nothing of the person who runs the tests leaks in (tokens, endpoints, proxies, home), and nothing
leaks out: the home folder is a temporary one.

Tests against a live hub are skipped unless RESEEN_LIVE_ENDPOINT names one (RESEEN_LIVE_TOKEN is
optional).
"""

from __future__ import annotations

import gc
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings as hypothesis_settings

# On a loaded machine an example may take any time, and that is no failure.
hypothesis_settings.register_profile("steady", deadline=None)
hypothesis_settings.load_profile("steady")

# In memory where there is room: most of what tests wait for is a disk.
_IN_MEMORY = Path("/dev/shm")
if (
    "TMPDIR" not in os.environ
    and _IN_MEMORY.is_dir()
    and shutil.disk_usage(_IN_MEMORY).free > 4 << 30
):
    os.environ["TMPDIR"] = str(_IN_MEMORY)
    tempfile.tempdir = None
# The Hub's client reads its environment when it is imported: before any test runs.
LIVE_ENDPOINT = os.environ.pop("RESEEN_LIVE_ENDPOINT", None)
LIVE_TOKEN = os.environ.pop("RESEEN_LIVE_TOKEN", None)
_FOREIGN = ("HF_", "HUGGING", "RESEEN_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_OURS = (
    *("RESEEN_ADAPTERS", "RESEEN_TEST_POSTGRESQL", "RESEEN_HISTORY_SEED", "RESEEN_FUZZ_SECONDS"),
    "RESEEN_FUZZ_SEED",
)
for _name in [*os.environ]:
    if _name.upper().startswith(_FOREIGN) and _name not in _OURS:
        del os.environ[_name]
# Whoever starts a run in the background ignores Ctrl-C, and so would every program that tests stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Chosen once for all processes of a run, and printed (tests/histories).
if os.environ.get("RESEEN_HISTORY_SEED", "new") == "new":
    os.environ["RESEEN_HISTORY_SEED"] = str(secrets.randbelow(1 << 40))
_CLIENT_HOME = tempfile.TemporaryDirectory(prefix="reseen-tests-")
os.environ["HF_HOME"] = _CLIENT_HOME.name
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["HF_HUB_DISABLE_XET"] = "1"  # the replica names a Xet storage and has none

if TYPE_CHECKING:
    from replica.server import Replica
    from replica.world import World
    from tests.postgres import Cluster
    from tests.replica.olah_hub import OlahHub

    from reseen.settings import Settings
    from reseen.store.database import Store


LONGEST = (
    *("histories/test_histories.py", "fuzz/test_fuzz.py", "gate/test_bench_gate.py"),
    *("replica/test_demo.py", "gate/test_file.py", "scan/test_owed.py", "registry/test_claims.py"),
    *("hostile/test_limits_reached.py", "registry/lists/test_bounds.py", "store/test_upgrades.py"),
    *("operations/test_log_check.py", "operations/test_reading.py", "fuzz/test_fuzz_readers.py"),
    "browser/",
)
"""What takes longest begins first: where two work side by side, neither waits for the other's last
file."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    from tests.long import mark_long

    mark_long(items)

    def place(item: pytest.Item) -> int:
        where = item.nodeid.removeprefix("tests/")
        return next((at for at, each in enumerate(LONGEST) if where.startswith(each)), len(LONGEST))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """All tests stay to the end: the collector need not look through them each time."""
    from tests.asked_once import ask_once
    from tests.compiled_once import compile_statements_once
    from tests.light_passwords import make_lightly

    compile_statements_once()
    ask_once()
    make_lightly()
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which histories were played: whoever runs the tests side by side sees no test print."""
    for some in terminalreporter.stats.values():
        for report in some:
            for name, value in getattr(report, "user_properties", ()):
                if name == "histories" and report.when == "call":
                    terminalreporter.write_line(str(value))


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """New homes, numbered: to ask for a new folder's name among thousands takes longer."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in count())


@pytest.fixture(autouse=True)
def clean_environment(homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for every test; its path."""
    from reseen.settings import ENVIRONMENT

    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    home = next(homes)
    home.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NO_COLOR", "1")
    return home


@pytest.fixture
def settings(clean_environment: Path) -> Settings:
    """What the (clean) environment says: everything stands in the temporary home."""
    from reseen.settings import Settings

    return Settings.from_environment()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store in an SQLite file."""
    from tests.fresh_store import fresh_store

    from reseen.store.database import Store

    opened = Store(fresh_store(tmp_path / "reseen.db"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Cluster | str]:
    """A PostgreSQL server for all tests: one of our own, or the URL in RESEEN_TEST_POSTGRESQL.
    Skips where there is none."""
    from tests.postgres import Cluster, Missing

    pytest.importorskip("psycopg")
    lent = os.environ.get("RESEEN_TEST_POSTGRESQL")
    if lent:
        yield lent
        return
    try:
        cluster = Cluster()
    except Missing as missing:
        pytest.skip(str(missing))
    with cluster:
        yield cluster


@pytest.fixture
def postgresql_url(postgresql_server: Cluster | str) -> Iterator[str]:
    """The URL of a fresh, empty PostgreSQL database, gone after the test."""
    from tests.postgres import schema_of

    server = postgresql_server
    with schema_of(server) if isinstance(server, str) else server.database() as url:
        yield url


@pytest.fixture
def postgresql_store_url(postgresql_server: Cluster | str) -> Iterator[str]:
    """The URL of a fresh store in PostgreSQL, copied from one that was made before: making the
    tables takes longer than most tests do. Where a database is lent, it is an empty one."""
    from tests.postgres import schema_of

    server = postgresql_server
    with schema_of(server) if isinstance(server, str) else server.store() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database: SQLite always, PostgreSQL too where there is one."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'reseen.db'}"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a fresh store: SQLite always, PostgreSQL too where there is one."""
    if request.param == "sqlite":
        from tests.fresh_store import fresh_store

        return fresh_store(tmp_path / "reseen.db")
    return str(request.getfixturevalue("postgresql_store_url"))


@pytest.fixture
def world() -> World:
    """The sample world with all its cases; change it as you like."""
    from replica.sample import sample_world

    return sample_world()


@pytest.fixture
def replica(world: World) -> Iterator[Replica]:
    """A Hub on loopback that serves `world`."""
    from replica.server import Replica

    with Replica(world) as hub:
        yield hub


@pytest.fixture
def live() -> tuple[str, str | None]:
    """Endpoint and token of a hub named in the environment."""
    if not LIVE_ENDPOINT:
        pytest.skip("RESEEN_LIVE_ENDPOINT names no hub")
    return LIVE_ENDPOINT, LIVE_TOKEN


@pytest.fixture(scope="session")
def olah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OlahHub]:
    """olah over the sample world's repositories: one for all tests; nobody changes it."""
    from replica.sample import sample_world
    from tests.replica.olah_hub import OlahHub

    with OlahHub(sample_world(), tmp_path_factory.mktemp("olah")) as hub:
        yield hub
