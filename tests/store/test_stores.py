"""The store's engine: opened by many at once, left half-made, locked, damaged, too new, full."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update

from reseen.errors import StoreError
from reseen.store import audit, database, migrate, schema
from reseen.store.database import Store, insert_many, reserve, upsert

ROWS = 10

WRITER = f"""
import sys, time, pathlib
from reseen.store import audit
from reseen.store.database import Store
folder, url = pathlib.Path(sys.argv[1]), sys.argv[2]
(folder / f"ready-{{sys.argv[3]}}").touch()
while not (folder / "go").exists():
    time.sleep(0.005)
for _ in range(2):
    with Store(url) as store:
        for _ in range({ROWS // 2}):
            with store.write() as connection:
                audit.write(connection, "test", sys.argv[3])
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "reseen.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


def written(url: str) -> int:
    with Store(url) as opened, opened.read() as connection:
        return connection.scalar(select(func.count()).select_from(schema.audit)) or 0


def raw(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


def test_many_processes_may_create_it_at_the_same_moment(tmp_path: Path, url: str) -> None:
    count = 6
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), url, str(n)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(count)
    ]
    try:
        while len(list(tmp_path.glob("ready-*"))) < count:
            assert all(process.poll() is None for process in processes)
            time.sleep(0.01)
        (tmp_path / "go").touch()
        outcomes = [(process.communicate()[1], process.returncode) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert outcomes == [("", 0)] * count
    assert written(url) == count * ROWS


def test_many_threads_may_create_it_at_the_same_moment(url: str) -> None:
    count = 12
    start = threading.Barrier(count)

    def work(name: str) -> None:
        start.wait()
        with Store(url) as opened:
            for _ in range(ROWS):
                with opened.write() as connection:
                    audit.write(connection, "test", name)

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, map(str, range(count))))  # raises what a thread raised
    assert written(url) == count * ROWS


def test_threads_may_share_one(url: str) -> None:
    def work(name: str) -> None:
        for _ in range(ROWS):
            with opened.write() as connection:
                audit.write(connection, "test", name)
            with opened.read() as connection:
                connection.execute(select(schema.audit)).all()

    with Store(url) as opened, ThreadPoolExecutor(20) as pool:
        list(pool.map(work, map(str, range(20))))
    assert written(url) == 20 * ROWS


def test_the_secret_is_the_stores_own_and_stays(url: str, tmp_path: Path) -> None:
    with Store(url) as one, Store(url) as same, Store(f"sqlite:///{tmp_path / 'b.db'}") as other:
        assert len(one.secret) == 32
        assert one.secret == same.secret != other.secret


def test_opening_what_is_up_to_date_imports_little(url: str) -> None:
    Store(url).close()
    code = (
        "import sys; from reseen.store.database import Store; from reseen.registry import lookup; "
        f"Store({url!r}).close(); heavy = {{'alembic', 'cryptography', 'numpy', 'psycopg', "
        "'blake3'} & set(sys.modules); print(*heavy); sys.exit(bool(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr, done.returncode) == ("", "", 0)


def test_the_file_and_its_folder_are_their_owners_alone(url: str, path: Path) -> None:
    old = os.umask(0)
    try:
        with Store(url) as opened:
            with opened.write() as connection:
                audit.write(connection, "test", "x")
            files = sorted(path.parent.iterdir())
            modes = {stat.S_IMODE(file.stat().st_mode) for file in files}
    finally:
        os.umask(old)
    assert [file.name for file in files] == ["reseen.db", "reseen.db-shm", "reseen.db-wal"]
    assert modes == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_loose_rights_are_taken_away(url: str, path: Path) -> None:
    Store(url).close()
    path.chmod(0o666)
    Store(url).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_a_killed_creator_left_is_finished(url: str, path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    assert written(url) == 0
    connection = raw(path)
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    assert written(url) == 0


def test_a_write_stands_or_falls_as_a_whole(url: str) -> None:
    with Store(url) as opened:
        with pytest.raises(StoreError), opened.write() as connection:
            audit.write(connection, "test", "x")
            connection.execute(text("SELECT * FROM nowhere"))
        with opened.write() as connection:
            audit.write(connection, "test", "y")
            with opened.read() as reader:
                assert not reader.execute(select(schema.audit)).all()
    assert written(url) == 1


def test_a_reader_sees_one_snapshot(url: str) -> None:
    with Store(url) as opened, opened.read() as reader:
        with opened.write() as connection:
            audit.write(connection, "test", "x")
        assert not reader.execute(select(schema.audit)).all()


def test_who_waits_long_enough_gets_in(url: str, path: Path) -> None:
    with Store(url) as opened:
        other = raw(path)
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.3, lambda: other.execute("ROLLBACK"))
        release.start()
        with opened.write() as connection:
            audit.write(connection, "test", "x")
        release.join()
        other.close()


def test_a_lock_that_nobody_gives_back_is_told(url: str, path: Path) -> None:
    with Store(url, patience=0.05) as opened:
        other = raw(path)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another process") as told, opened.write():
            pass
        assert told.value.remedy
        with opened.read() as connection:
            assert connection.scalar(select(1)) == 1
        other.execute("ROLLBACK")
        with (
            opened.write(),
            pytest.raises(StoreError, match="locked by another process"),
            opened.write(),
        ):
            pass
        other.close()


def test_a_lock_on_an_empty_file_is_told(url: str, path: Path) -> None:
    path.parent.mkdir()
    other = raw(path)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="locked by another process"):
        Store(url, patience=0.05)
    other.close()
    assert written(url) == 0


@pytest.mark.parametrize(
    "content", [b"no database at all " * 500, b"SQLite format 3\0" + b"x" * 4080]
)
def test_a_damaged_file_is_told(url: str, path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged") as told:
        Store(url)
    assert told.value.remedy
    assert path.read_bytes() == content


def test_a_page_that_rotted_is_told(url: str, path: Path) -> None:
    Store(url).close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    with pytest.raises(StoreError, match="damaged"):
        written(url)


@pytest.mark.parametrize(
    "url",
    [
        *("", "nonsense", "sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory"),
        *("mysql://localhost/x", "oracle://x", "://", "postgresql+nosuch://:port/"),
    ],
)
def test_a_url_that_makes_no_sense_is_told(url: str) -> None:
    with pytest.raises(StoreError) as told:
        Store(url)
    assert told.value.remedy


def test_a_server_that_does_not_answer_is_told_without_its_password() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError) as told:
        Store("postgresql://someone:secret-word@127.0.0.1:1/x")
    assert "secret-word" not in str(told.value) + str(told.value.remedy)
    assert told.value.__cause__ is None


def test_a_folder_or_a_path_below_a_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(StoreError, match="folder"):
        Store(f"sqlite:///{tmp_path}")
    with pytest.raises(StoreError, match="cannot be made"):
        Store(f"sqlite:///{file}/reseen.db")


def test_somebody_elses_database_is_left_alone(url: str, path: Path) -> None:
    path.parent.mkdir()
    other = raw(path)
    other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreError, match="something else"):
        Store(url)
    assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    other.close()


def test_a_newer_store_is_refused(url: str) -> None:
    with Store(url) as opened, opened.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="newer"):
        Store(url)


def test_a_full_disk_is_told_and_nothing_is_lost(url: str) -> None:
    with Store(url) as opened:
        with opened.write() as connection:
            audit.write(connection, "test", "kept")
            pages = connection.execute(text("PRAGMA page_count")).scalar()
            connection.execute(text(f"PRAGMA max_page_count={pages}"))
        with pytest.raises(StoreError, match="full") as told, opened.write() as connection:
            audit.write(connection, "test", "x" * 500_000)
        assert told.value.remedy
    assert written(url) == 1


def test_a_file_that_cannot_be_written_is_told(url: str) -> None:
    with Store(url) as opened:
        with opened.read() as connection:
            connection.execute(text("PRAGMA query_only=ON"))
        with pytest.raises(StoreError, match="writing"), opened.write() as connection:
            audit.write(connection, "test", "x")


def test_foreign_keys_are_held(url: str) -> None:
    from sqlalchemy.exc import IntegrityError

    with Store(url) as opened, pytest.raises(IntegrityError), opened.write() as connection:
        insert_many(connection, schema.readings, ("artifact_pk", "at"), [(77, 1)])


def test_an_older_store_is_migrated(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(url) as opened, opened.write() as connection:
        audit.write(connection, "test", "kept")
    scripts = tmp_path / "migrations"
    (scripts / "versions").mkdir(parents=True)
    (scripts / "env.py").write_text((migrate.MIGRATIONS / "env.py").read_text())
    made = [f"{number:04}" for number in range(1, int(database.HEAD) + 1)]
    coming = f"{int(database.HEAD) + 1:04}"
    revisions = zip(
        [*made, coming], [None, *made], [*["pass"] * len(made), ADD_A_COLUMN], strict=True
    )
    for number, down, body in revisions:
        (scripts / "versions" / f"{number}.py").write_text(
            f"from alembic import op\nimport sqlalchemy as sa\n"
            f"revision = {number!r}\ndown_revision = {down!r}\n"
            f"def upgrade():\n    {body}\n"
        )
    monkeypatch.setattr(migrate, "MIGRATIONS", scripts)
    monkeypatch.setattr(database, "HEAD", coming)
    for _ in range(2):
        with Store(url) as opened, opened.read() as connection:
            assert connection.execute(text("SELECT extra, subject FROM audit")).all() == [
                (5, "kept")
            ]
            assert connection.scalar(text("SELECT version_num FROM alembic_version")) == coming


ADD_A_COLUMN = "op.add_column('audit', sa.Column('extra', sa.Integer, server_default='5'))"


def test_the_head_is_the_last_migration() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [database.HEAD]


def test_rows_are_inserted_and_updated_in_bulk(url: str) -> None:
    watermarks = schema.watermarks
    columns = ("hub", "target", "at")
    with Store(url) as opened, opened.write() as connection:
        insert_many(connection, watermarks, columns, ((f"h{n}", "t", n) for n in range(30_000)))
        insert_many(connection, watermarks, columns, [("h1", "t", 9), ("n", "t", 9)], ignore=True)
        insert_many(connection, watermarks, columns, [])
        rows = [{"hub": hub, "target": "t", "at": 77} for hub in ("h2", "new")]
        upsert(connection, watermarks, rows, key=("hub", "target"), update=("at",))
        upsert(connection, watermarks, rows, key=("hub", "target"), update=())
        upsert(connection, watermarks, [], key=("hub", "target"), update=("at",))
        table = watermarks.c
        wanted = select(table.hub, table.at).where(table.hub.in_(["h1", "h2", "n", "new"]))
        found = sorted(connection.execute(wanted).all())
        assert found == [("h1", 1), ("h2", 77), ("n", 9), ("new", 77)]
        assert connection.scalar(select(func.count()).select_from(watermarks)) == 30_002


def test_reserved_numbers_are_unused(url: str) -> None:
    with Store(url) as opened, opened.write() as connection:
        audit.write(connection, "test", "x")
        assert list(reserve(connection, schema.audit, 3)) == [2, 3, 4]
        assert list(reserve(connection, schema.scans, 0)) == []


def test_errors_hold_no_values(url: str) -> None:
    from sqlalchemy.exc import StatementError

    with Store(url) as opened, pytest.raises(StatementError) as told, opened.write() as connection:
        connection.execute(update(schema.meta).values(value=b"marked value", name=None))
    assert "marked" not in str(told.value)
