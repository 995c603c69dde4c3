"""The sealing key is rotated: old and new are accepted until it ends, and then only the new one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st
from sqlalchemy import select
from tests.any_store import settings, store

from reseen.errors import InputError, SealError, Tampered
from reseen.match import saved
from reseen.match.registry_index import RegistryIndex
from reseen.operations import index, lists, log_check, removals, seal
from reseen.registry import lookup
from reseen.registry import removals as stored
from reseen.settings import Settings
from reseen.store import audit, audit_checkpoint, kept_keys, schema, sealing
from reseen.store.database import Store
from reseen.store.sealing import Keyring

__all__ = ["settings", "store"]
WHY = "Sample reason 04"
NEXT = "5e" * 32


def keyring_of(store: Store, settings: Settings) -> Keyring:
    found = Keyring.for_store(store, settings, create=True)
    assert found
    return found


def import_(store: Store, settings: Settings, *numbers: int) -> None:
    path = settings.home / "sample.csv"
    rows = [
        f"Sample person {n},https://models.example/{n},{n:064x},file-{n}.safetensors,words {n}"
        for n in numbers
    ]
    path.write_text("\n".join(["name,url,sha256,file,trigger words", *rows]) + "\n")
    lists.import_list(store, keyring_of(store, settings), path)


def ids(store: Store) -> list[str]:
    with store.read() as connection:
        return [one.id for one in stored.every(connection)]


def names(store: Store, keyring: Keyring) -> dict[str, str | None]:
    """By removal; also by way of its name, its link and its file's name."""
    found: dict[str, str | None] = {}
    for id in ids(store):
        told = removals.reveal(store, keyring, id)
        found[id] = told.name
        assert told.name
        assert told.url
        for said in (told.name.upper(), told.url, told.file_names[0]):
            hits = lookup.find(store, keyring, said)
            assert id in {hit.removal.id for hit in hits.found}, said
    return found


def reasons(store: Store, keyring: Keyring) -> list[str]:
    with store.read() as connection:
        return [t.why for id in ids(store) for t in stored.history(connection, keyring, id)]


def everything_sealed(store: Store) -> list[bytes]:
    tables = [t for t in schema.metadata.sorted_tables if "sealed" in t.c]
    assert len(tables) == 10
    with store.read() as connection:
        return [
            bytes(value)
            for table in tables
            for value in connection.scalars(select(table.c.sealed))
            if value is not None
        ]


def opens(keyring: Keyring, sealed: bytes, id: str) -> bool:
    for open_ in (keyring.open, keyring.open_text):
        try:
            open_(sealed, id)
        except SealError:
            continue
        return True
    return False


@pytest.fixture
def full(store: Store, settings: Settings) -> Store:
    """Two removals, of which one was withdrawn."""
    import_(store, settings, 1, 2)
    removals.withdraw(store, keyring_of(store, settings), ids(store)[0], WHY)
    return store


def test_what_was_sealed_opens_with_the_new_key_alone(full: Store, settings: Settings) -> None:
    before = names(full, keyring_of(full, settings))
    old = sealing.given_keys(settings)[0]
    done = seal.rotate(full, settings)
    assert (done.ended, done.claims) == (True, 2)
    assert done.key_file == settings.key_file
    after = keyring_of(full, settings)
    assert names(full, after) == before
    assert reasons(full, after) == [WHY]
    assert log_check.verify(full).wrong == ()
    # who has the old key and the new database opens nothing: not even with what is kept of keys
    assert done.old_key_file
    assert done.old_key_file.read_text().strip() == old.hex()
    stale = replace(settings, key=old.hex())
    with pytest.raises(SealError, match="not the key"):
        Keyring.for_store(full, stale, create=False)
    with full.read() as connection:
        kept = kept_keys.known(connection)
    with pytest.raises(SealError):
        kept_keys.opened_texts(old, kept[kept_keys.TEXTS])
    with pytest.raises(SealError):
        kept_keys.of(old, kept)
    for sealed in everything_sealed(full):
        assert not any(opens(Keyring(old), sealed, id) for id in ids(full))
        assert any(opens(after, sealed, id) for id in ids(full))
    tokens = {Keyring(old).token(sealing.SealedField.NAME, name or "") for name in before.values()}
    with full.read() as connection:
        there = set(map(bytes, connection.scalars(select(schema.sealed_index.c.token))))
    assert not tokens & there


def test_it_can_be_rotated_again_and_again(full: Store, settings: Settings) -> None:
    before = names(full, keyring_of(full, settings))
    for turn in range(3):
        seal.rotate(full, settings)
        keyring = keyring_of(full, settings)
        assert names(full, keyring) == before
        removals.withdraw(full, keyring, ids(full)[1], f"turn {turn}")
        removals.restore(full, keyring, ids(full)[1], f"turn {turn}")
    assert reasons(full, keyring_of(full, settings)) == [
        WHY, *(f"turn {n // 2}" for n in range(6)),
    ]  # fmt: skip
    import_(full, settings, 1, 2, 3)  # what is known is known again, by its tokens too
    assert len(ids(full)) == 3
    assert seal.state(full) == seal.SealState(True, False, 3)
    assert log_check.verify(full).wrong == ()
    old_files = sorted(p.name for p in settings.home.iterdir() if "old" in p.name)
    assert len(old_files) == 3


def test_both_keys_are_accepted_until_it_ends(full: Store, settings: Settings) -> None:
    old = keyring_of(full, settings)
    before = names(full, old)
    begun = seal.rotate(full, settings, only_begin=True)
    assert not begun.ended
    assert begun.key_file == sealing.next_key_file(settings)
    assert seal.state(full).under_way
    new = replace(settings, key=begun.key_file.read_text().strip())
    both = [settings, replace(settings, key=sealing.given_keys(settings)[0].hex()), new]
    for one in both:
        assert names(full, keyring_of(full, one)) == before
        removals.restore(full, keyring_of(full, one), ids(full)[0], WHY)
        removals.withdraw(full, keyring_of(full, one), ids(full)[0], WHY)
        import_(full, one, 1, 2)
        assert len(ids(full)) == 2
    with pytest.raises(SealError, match="another key is under way"):
        seal.rotate(full, replace(settings, new_key=NEXT))
    seal.rotate(full, settings)
    assert names(full, keyring_of(full, new)) == before
    with pytest.raises(SealError, match="not the key"):
        Keyring.for_store(full, both[1], create=True)


def test_with_keys_in_the_environment(full: Store, settings: Settings) -> None:
    now = replace(settings, key=sealing.given_keys(settings)[0].hex())
    settings.key_file.unlink()
    before = names(full, keyring_of(full, now))
    with pytest.raises(InputError, match="new key is not given"):
        seal.rotate(full, now)
    with pytest.raises(InputError, match="already"):
        seal.rotate(full, replace(now, new_key=now.key))
    done = seal.rotate(full, replace(now, new_key=NEXT))
    assert (done.key_file, done.old_key_file) == (None, None)
    assert names(full, keyring_of(full, replace(settings, key=NEXT))) == before
    assert not settings.key_file.exists()


def test_who_holds_the_old_key_is_stopped_when_it_ends(full: Store, settings: Settings) -> None:
    """A service that runs on would seal what nobody opens, and find nothing."""
    url = f"sqlite:///{settings.db.removeprefix('sqlite:///')}" if "sqlite" in settings.db else ""
    with Store(url or settings.db) as service:
        old = keyring_of(service, settings)
        names(service, old)
        seal.rotate(full, settings)
        with pytest.raises(SealError, match="was rotated") as told, service.read():
            pass
        assert "Start it again" in str(told.value.remedy)
        with pytest.raises(SealError, match="was rotated"):
            removals.withdraw(service, old, "rm-00000000", WHY)
        assert names(service, keyring_of(service, settings))


def test_heads_of_before_are_verified(full: Store, settings: Settings) -> None:
    heads = []
    for _ in range(3):
        keyring = keyring_of(full, settings)
        with full.read() as connection:
            heads.append(audit_checkpoint.take(connection, full.secret, keyring.for_heads))
        seal.rotate(full, settings)
    assert len({head.public_key for head in heads}) == 3
    key = keyring_of(full, settings).for_heads
    for head in heads:
        assert log_check.verify(full, head, key=key).wrong == ()
    with full.write() as connection:  # somebody without the keys writes such a line
        forged = audit_checkpoint.take(connection, full.secret, bytes(32))
        told = audit_checkpoint.handed_over(full.secret, bytes(32), bytes(range(32)))
        told["new_public_key"] = heads[2].public_key
        audit.write(connection, audit_checkpoint.ROTATED, "*", **told)
    with pytest.raises(Tampered, match="another key"):
        log_check.verify(full, forged, key=key)


def test_saved_indexes_hold_until_it_ends(full: Store, settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    index.save(full, keyring_of(full, settings), folder)
    seal.rotate(full, settings, only_begin=True)
    RegistryIndex.open(folder, keyring_of(full, settings).for_indexes)
    seal.rotate(full, settings)
    key = keyring_of(full, settings).for_indexes
    with pytest.raises(Tampered, match="was not written with this key") as told:
        RegistryIndex.open(folder, key)
    assert "save the index anew" in str(told.value.remedy)
    index.save(full, keyring_of(full, settings), tmp_path / "again")
    assert saved.key_text(key)
    RegistryIndex.open(tmp_path / "again", key)


def test_nothing_of_the_old_key_is_left_in_the_file(tmp_path: Path, settings: Settings) -> None:
    if not settings.db.startswith("sqlite"):
        return
    path = settings.home / "reseen.db"
    with Store(settings.db) as store:
        import_(store, settings, *range(1, 300))
        removals.withdraw(store, keyring_of(store, settings), ids(store)[0], WHY)
        with store.read() as connection:
            kept = kept_keys.known(connection)
            claims = list(map(bytes, connection.scalars(select(schema.claims.c.sealed))))
            tokens = list(map(bytes, connection.scalars(select(schema.sealed_index.c.token))))
        seal.rotate(store, settings)
        raw = path.read_bytes() + Path(f"{path}-wal").read_bytes()
    for old in (*claims, *tokens, kept[kept_keys.TEXTS]):
        assert old not in raw


def test_texts_of_before_there_were_text_keys_open_too(full: Store, settings: Settings) -> None:
    """As a store of an earlier release has them."""
    raw = sealing.given_keys(settings)[0]
    removal = ids(full)[1]
    removals.withdraw(full, Keyring(raw), removal, "told before")
    seal.rotate(full, settings)
    seal.rotate(full, settings)
    assert reasons(full, keyring_of(full, settings)) == [WHY, "told before"]


ROTATE = """
import os, signal, sys
from reseen.operations import seal
from reseen.settings import Settings
from reseen.store.database import Store
from sqlalchemy import event
from sqlalchemy.engine import Engine

left = int(sys.argv[1])

def step(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

for name in ("before_cursor_execute", "commit"):
    event.listen(Engine, name, step)
for name in ("replace", "link"):
    real = getattr(os, name)
    def wrapped(*args, real=real, **more):
        step()
        done = real(*args, **more)
        step()
        return done
    setattr(os, name, wrapped)
with Store(sys.argv[2]) as store:
    seal.rotate(store, Settings.from_environment())
"""


def rotate_killed(settings: Settings, after: int) -> bool:
    """A process that is killed after so many steps; whether it was."""
    environment = {
        **os.environ, "RESEEN_DB": settings.db, "RESEEN_KEY_FILE": str(settings.key_file),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", ROTATE, str(after), settings.db],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


@pytest.mark.parametrize("first", [6, 11, 17, 24, 29, 31, 32, 33, 34, 35])
def test_killed_at_any_moment_it_is_run_again(full: Store, settings: Settings, first: int) -> None:
    before = names(full, keyring_of(full, settings))
    killed = rotate_killed(settings, first)
    assert killed or not settings.db.startswith("sqlite")
    assert names(full, keyring_of(full, settings)) == before
    assert log_check.verify(full).wrong == ()
    import_(full, settings, 3)
    if seal.state(full).rotations == 1 and not sealing.next_key_file(settings).exists():
        return  # all was done in the moment before
    seal.rotate(full, settings)
    assert len(names(full, keyring_of(full, settings))) == 3
    assert seal.state(full) == seal.SealState(True, False, 1)
    assert not sealing.next_key_file(settings).exists()
    assert log_check.verify(full).wrong == ()


ACTS = st.lists(
    st.sampled_from(["import", "begin", "end", "withdraw", "restore", "reveal", "known"]),
    min_size=3, max_size=12,
)  # fmt: skip


@tried(
    max_examples=12, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(ACTS)
def test_whatever_is_done_between(
    tmp_path_factory: pytest.TempPathFactory, acts: list[str]
) -> None:
    home = tmp_path_factory.mktemp("rotating")
    settings = Settings(home, f"sqlite:///{home / 'reseen.db'}", home / "reseen.key")
    known: dict[str, str | None] = {}
    told: list[str] = []
    with Store(settings.db) as store:
        import_(store, settings, 100)
        known = names(store, keyring_of(store, settings))
        for number, act in enumerate(acts, 1):
            keyring = keyring_of(store, settings)
            first = ids(store)[0]
            if act == "import":
                import_(store, settings, number)
                known = names(store, keyring)
            elif act in ("begin", "end"):
                seal.rotate(store, settings, only_begin=act == "begin")
            elif act in ("withdraw", "restore"):
                turn = removals.withdraw if act == "withdraw" else removals.restore
                if turn(store, keyring, first, f"because {number}").changed:
                    told.append(f"because {number}")
            elif act == "known":
                import_(store, settings, 100)
            assert names(store, keyring_of(store, settings)) == known
        assert reasons(store, keyring_of(store, settings)) == told
        assert log_check.verify(store).wrong == ()


def test_the_verb(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text(f"name,sha256\nSample person 5,{'9f3c71d2e58a40b6' * 4}\n")
    environment = {**os.environ, "RESEEN_HOME": str(tmp_path)}

    def run(*args: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "reseen", *args],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    run("registry", "import", str(tmp_path / "l.csv"))
    assert "accepted" in run("seal", "rotate", "--begin")
    assert "under way" in run("seal", "status")
    told = run("seal", "rotate")
    assert "must be started again" in told
    assert "`reseen index key`" in told
    assert "1 claim sealed anew" in told
    key = (tmp_path / "reseen.key").read_text().strip()
    assert key not in told
    assert "1 rotation ended" in run("seal", "status")
    assert "rm-" in run("lookup", "sample person 5")
    assert (tmp_path / "reseen.key").stat().st_mode & 0o077 == 0
