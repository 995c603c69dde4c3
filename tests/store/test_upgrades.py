"""Stores of every released schema are brought to the head: nothing is lost, nothing is left out.

`golden/` holds what each release left, as SQL, with rows in every table. It stays for ever.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, MetaData, inspect, select, text
from sqlalchemy.exc import DBAPIError

from reseen.cli import cli
from reseen.errors import StoreError
from reseen.observed import blind_spots, sightings
from reseen.store import audit, schema
from reseen.store.database import HEAD, Store

GOLDEN = Path(__file__).parent / "golden"
GOLDENS = sorted({path.name.split(".")[0] for path in GOLDEN.iterdir()})
RELEASED = [version for version in GOLDENS if version < HEAD]


@pytest.fixture(params=RELEASED)
def released(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def old(released: str, empty_url: str) -> str:
    """The URL of a store as that release left it."""
    if empty_url.startswith("sqlite"):
        with sqlite3.connect(empty_url.removeprefix("sqlite:///")) as connection:
            connection.executescript((GOLDEN / f"{released}.sqlite.sql").read_text())
        connection.close()
        return empty_url
    import psycopg

    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute((GOLDEN / f"{released}.postgresql.sql").read_text().encode())
    return empty_url


def test_every_schema_before_the_head_has_its_golden() -> None:
    """And the head may have one already: it is made before anything of it is moved."""
    before = [f"{n:04}" for n in range(1, int(HEAD))]
    assert GOLDENS in (before, [*before, HEAD])
    for version in GOLDENS:
        assert len(list(GOLDEN.glob(f"{version}.*.sql"))) == 2


def shape(connection: Connection) -> dict[str, Any]:
    """Everything that the database says of its tables."""
    asked = inspect(connection)
    found: dict[str, Any] = {}
    for table in asked.get_table_names():
        columns = [
            (c["name"], str(c["type"]), c["nullable"], c["default"])
            for c in asked.get_columns(table)
        ]
        indexes = sorted(
            (str(i["name"]), str(i.get("expressions") or i["column_names"]), i["unique"])
            for i in asked.get_indexes(table)
        )
        keys = sorted(
            (k["constrained_columns"], k["referred_table"], k["referred_columns"])
            for k in asked.get_foreign_keys(table)
        )
        unique = sorted(u["column_names"] for u in asked.get_unique_constraints(table))
        primary = asked.get_pk_constraint(table)["constrained_columns"]
        found[table] = {
            "columns": columns, "indexes": indexes, "keys": keys, "unique": unique,
            "primary": primary,
        }  # fmt: skip
    if connection.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'index')"
        found["made"] = {n: " ".join((s or "").split()) for n, s in connection.execute(text(query))}
    else:
        query = (
            "SELECT tgname, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c "
            "ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE NOT tgisinternal AND n.nspname = current_schema()"
        )
        found["made"] = {n: d.split(".")[-1] for n, d in connection.execute(text(query))}
    return found


def rows(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    there = MetaData()
    there.reflect(connection)
    return {
        name: sorted(
            (dict(row) for row in connection.execute(select(table)).mappings()),
            key=lambda row: [repr(value) for value in row.values()],
        )
        for name, table in there.tables.items()
        if name != "alembic_version"
    }


SEALED_SINCE = {"0001": 2, "0002": 2, "0003": 1, "0004": 1} | dict.fromkeys(GOLDENS[4:], 0)
"""How many lines an upgrade writes: what was there before the log covered it is sealed by one."""
RESHAPED = {"removals", "removed_files", "digests", "sketches", "sketch_entries", "sealed_index"}
"""Tables whose rows 0003 turned into claims."""


def facts_of_removals(tables: dict[str, list[dict[str, Any]]]) -> dict[int, dict[str, Any]]:
    """Everything that is known of each removal, whichever claim says it."""
    removals = {row["pk"]: row for row in tables["removals"]}
    files = tables.get("removed_files") or tables["claims"]
    own = {row["pk"]: row["removal_pk"] for row in files}
    lists = {row["pk"]: row["name"] for row in tables.get("lists", [])}
    found: dict[int, dict[str, Any]] = {}
    for pk, removal in removals.items():
        mine = [row for row in files if row["removal_pk"] == pk]
        told = [removal] if "list" in removal else [r for r in mine if r["source"] == 0]
        claims = {row["pk"] for row in mine}

        def held(table: str, *columns: str, claims: set[int] = claims) -> set[tuple[Any, ...]]:
            return {
                tuple(row[column] for column in columns)
                for row in tables[table]
                if row.get("claim_pk", row.get("file_pk")) in claims
            }

        found[pk] = {
            "id": removal["id"],
            "withdrawn": removal["withdrawn_at"],
            "lists": {row["list"] if "list" in row else lists[row["list_pk"]] for row in told},
            "site": {row["site"] for row in told},
            "removed_on": {row["removed_on"] for row in told},
            "sealed": {row["sealed"] for row in told} - {None},
            "sizes": {row["size"] for row in mine} - {None},
            "layouts": {row["layout"] for row in mine} - {None},
            "digests": held("digests", "kind", "value"),
            "sketches": held("sketches", "version", "value"),
            "entries": held("sketch_entries", "version", "group", "slots", "code"),
            "tokens": {
                (row["token"], row["field"])
                for row in tables["sealed_index"]
                if row.get("removal_pk", own.get(row.get("claim_pk", -1))) == pk
            },
        }
    return found


def before(url: str) -> dict[str, list[dict[str, Any]]]:
    from reseen.store import backends

    engine, _ = backends.open_engine(url, 60)
    try:
        with engine.connect() as connection:
            return rows(connection)
    finally:
        engine.dispose()


def test_nothing_is_lost_and_the_chain_is_filled(old: str, released: str) -> None:
    was = before(old)
    tables = set(schema.metadata.tables)
    assert all(was[name] for name in was), "a golden has rows in every table"
    with Store(old, upgrade=True) as store, store.read() as connection:
        assert store.found == released
        now = rows(connection)
        assert set(now) == tables
        for name, old_rows in was.items():
            if name in RESHAPED and released < "0003":
                continue
            new_rows = [{column: row[column] for column in old_rows[0]} for row in now[name]]
            for _ in range(SEALED_SINCE[released] if name == "audit" else 0):
                sealed = new_rows.pop()
                assert (sealed["action"], sealed["actor"]) == ("sealed", "reseen")
            assert new_rows == old_rows, name
        assert facts_of_removals(now) == facts_of_removals(was)
        assert all(row["touched"] == 1 for row in now["sightings"])
        last = audit.START
        for row in connection.execute(select(schema.audit).order_by(schema.audit.c.pk)):
            last = audit.chained(last, *row[:6])
            assert row.hash == last


def test_it_is_the_same_as_a_new_one(
    old: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with Store(old, upgrade=True) as store, store.read() as connection:
        upgraded = shape(connection)
    if old.startswith("sqlite"):
        with Store(f"sqlite:///{tmp_path / 'new.db'}") as store, store.read() as connection:
            assert upgraded == shape(connection)
        return
    server = request.getfixturevalue("postgresql_server")
    if isinstance(server, str):
        pytest.skip("a lent database has room for one store")
    with server.database() as url, Store(url) as store, store.read() as connection:
        assert upgraded == shape(connection)


def test_it_goes_on_working(old: str, released: str) -> None:
    lines = {
        "0001": 4,
        "0002": 4,
        "0003": 6,
        "0004": 6,
        "0008": 8,
        "0009": 8,
        "0010": 9,
        "0011": 9,
        "0012": 10,
        "0013": 10,
        "0014": 11,
        "0015": 11,
        "0016": 11,
        "0017": 11,
        "0018": 11,
    }.get(released, 7)
    lines += SEALED_SINCE[released]
    with Store(old, upgrade=True) as store:
        with store.write() as connection:
            audit.write(connection, "test", "x", actor="user:sample")
            first, *_, last = audit.every(connection)
            assert (first.number, last.number, last.actor) == (1, lines + 1, "user:sample")
        for name in ("audit", "withdrawals"):
            for verb in (f"UPDATE {name} SET at = 0", f"DELETE FROM {name}"):
                with pytest.raises(DBAPIError, match="append-only"), store.write() as connection:
                    connection.execute(text(verb))


def test_what_was_there_is_sealed_by_one_line(old: str, released: str) -> None:
    """Of decisions, withdrawals, claims and their digests; what a golden says of how cases stand
    follows from nothing."""
    from reseen.operations import log_check

    def found(*statements: str) -> list[str]:
        with Store(old, upgrade=True) as store:
            with store.write() as connection:
                for statement in statements:
                    connection.execute(text(statement))
            return [x for x in log_check.verify(store).wrong if not x.startswith(("case", '"not'))]

    assert found() == []
    sealed = "line 5 (sealed): what was there before the log covered rows is another in the store"
    assert any(x.startswith(sealed) for x in found("UPDATE digests SET kind = 4 WHERE kind = 1"))
    assert found("UPDATE digests SET kind = 1 WHERE kind = 4") == []
    assert any(x.startswith(sealed) for x in found("UPDATE claims SET size = 3 WHERE pk = 1"))
    assert any(x.startswith("a claim of rm-sample01") for x in found(
        "UPDATE claims SET withdrawn_at = 9, in_force = 0 WHERE pk = 1",
        "UPDATE removals SET withdrawn_at = 9 WHERE id = 'rm-sample01'",
    ))  # fmt: skip


@pytest.mark.parametrize("released", ["0002", "0003"], indirect=True)
def test_what_was_read_before_reasons_were_kept_says_that_they_are_not_recorded(old: str) -> None:
    """And by what such a file could be judged is made from what is known of it."""
    with Store(old, upgrade=True) as store, store.read() as connection:
        (file,) = blind_spots.files(connection)
        (sighting,) = sightings.every(connection)
    assert [(spot.code, str(spot)) for spot in file.judged.not_read] == [
        ("not-recorded", "not recorded: it was looked into before that was kept")
    ]
    assert file.judged.labels == ("bytes", "weights")
    assert (sighting.not_read, sighting.judged_by) == (("not-recorded",), file.judged.rungs)


@pytest.mark.parametrize("released", ["0002"], indirect=True)
@pytest.mark.parametrize("what", ["comments", "notice_steps", "notices", "notice_items", "taught"])
def test_what_the_log_covers_since_a_later_release_is_sealed_too(
    old: str, released: str, what: str
) -> None:
    """Comments, notices, and what bytes taught: whatever of it is changed by hand is found."""
    from reseen.operations import log_check

    with Store(old, upgrade=True) as store:
        assert not [x for x in log_check.verify(store).wrong if not x.startswith(("case", '"not'))]
        with store.write() as connection:
            line = connection.scalar(text("SELECT MAX(pk) FROM audit WHERE action = 'sealed'"))
            on = "" if old.startswith("sqlite") else f" ON {what}"
            if what in ("comments", "notice_steps"):
                connection.execute(text(f"DROP TRIGGER {what}_no_update{on}"))
            connection.execute(text(BY_HAND[what]))
        wrong = log_check.verify(store).wrong
    start = f"line {line} (sealed): what "
    assert any(x.startswith(start) and "another in the store than was sealed" in x for x in wrong)


@pytest.mark.parametrize("released", ["0004"], indirect=True)
def test_what_was_sealed_may_change_in_order(old: str) -> None:
    """A line says how it stood before: the seal is proved by that."""
    from reseen.operations import log_check
    from reseen.registry import file_facts
    from reseen.review import notice_lines

    with Store(old, upgrade=True) as store:
        with store.write() as connection:
            row = connection.execute(text("SELECT * FROM notices")).one()
            change = notice_lines.begin(connection, row)
            connection.execute(text("UPDATE notices SET due_at = 99"))
            change.end(None, step="draft")
            before = file_facts.digests(connection, [3])
            connection.execute(text("UPDATE claims SET container = 'gguf' WHERE pk = 3"))
            file_facts.write_lines(connection, {3: 1}, before)
        wrong = log_check.verify(store).wrong
    assert [x for x in wrong if not x.startswith(("case", '"not'))] == []


BY_HAND = {
    "comments": "UPDATE comments SET at = 9",
    "notice_steps": "UPDATE notice_steps SET state = 'sent'",
    "notices": "UPDATE notices SET state = 'sent'",
    "notice_items": "DELETE FROM notice_items",
    "taught": "UPDATE sketches SET architecture = 'another'",
}


def test_only_who_asks_upgrades_a_postgresql_store(old: str, released: str) -> None:
    if old.startswith("sqlite"):
        with Store(old) as store:
            assert store.found == released
        return
    with pytest.raises(StoreError, match=f"schema {released}") as told:
        Store(old)
    assert "reseen db upgrade" in str(told.value.remedy)
    for found in (released, HEAD):
        with Store(old, upgrade=True) as store:
            assert store.found == found
    Store(old).close()


@pytest.mark.parametrize("released", RELEASED[:1], indirect=True)  # by way of all others
def test_two_at_once_do_it_once(old: str, released: str) -> None:
    code = (
        "import sys; from reseen.store.database import Store\n"
        "with Store(sys.argv[1], upgrade=True) as store: print(store.found)"
    )

    def run(_: int) -> tuple[str, str]:
        done = subprocess.run(
            [sys.executable, "-c", code, old], capture_output=True, text=True, check=False
        )
        return done.stdout.strip(), done.stderr

    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(run, range(3)))
    assert all(stderr == "" for _, stderr in outcomes)
    assert {stdout for stdout, _ in outcomes} <= {released, HEAD}
    assert [stdout for stdout, _ in outcomes].count(released) == 1


def test_one_that_is_stopped_leaves_the_store_as_it_was(
    old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reseen.store import migrate

    was = before(old)
    whole = migrate.upgrade

    def stopped(connection: Connection) -> None:
        whole(connection)
        raise KeyboardInterrupt

    monkeypatch.setattr(migrate, "upgrade", stopped)
    with pytest.raises(KeyboardInterrupt):
        Store(old, upgrade=True)
    assert before(old) == was


def test_the_verb_says_from_where_to_where(old: str, released: str) -> None:
    runner = CliRunner()
    told = [
        json.loads(runner.invoke(cli, ["db", "upgrade", "--db", old, "--json"]).output)
        for _ in range(2)
    ]
    assert told == [
        {"from": released, "to": HEAD, "changed": True},
        {"from": HEAD, "to": HEAD, "changed": False},
    ]
    assert "already" in runner.invoke(cli, ["db", "upgrade", "--db", old]).output


def test_the_verb_makes_a_store_where_there_is_none(empty_url: str) -> None:
    told = CliRunner().invoke(cli, ["db", "upgrade", "--db", empty_url])
    assert told.exit_code == 0
    assert told.output.startswith("Made a new registry: ")
    assert told.output.endswith(f" (schema {HEAD})\n")


def test_a_missing_driver_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        with pytest.raises(StoreError, match="driver") as told:
            Store(f"{scheme}://somebody@127.0.0.1:1/x")
        assert "reseen[postgresql]" in str(told.value.remedy)


# -- 0017: what files state of themselves ---------------------------------------------------------


@pytest.mark.parametrize("released", ["0016"], indirect=True)
def test_digests_by_which_hints_were_given_are_kept(old: str) -> None:
    """Of the evidence, which has them; no short form beside its long one, and nothing else."""
    from reseen.observed import embedded
    from reseen.store import backends

    data = bytes(range(32))
    told = {
        "embedded-data-sha256": data.hex(),
        "embedded-autov3": data[:6].hex(),
        "embedded-autov1": "0a0b0c0d",
        "filename": "equal",
    }
    engine, _ = backends.open_engine(old, 60)
    with engine.begin() as connection:
        (sighting, artifact), *_ = connection.execute(
            text("SELECT pk, artifact_pk FROM sightings ORDER BY pk")
        ).all()
        for kind, value in told.items():
            connection.execute(
                text(
                    "INSERT INTO evidence (sighting_pk, rung, kind, value, why, at, stands) "
                    "VALUES (:pk, 10, :kind, :value, 'sample', 7, 1)"
                ),
                {"pk": sighting, "kind": kind, "value": value},
            )
    engine.dispose()
    with Store(old, upgrade=True) as store, store.read() as connection:
        assert rows(connection)["embedded_digests"] == [
            {"kind": 6, "value": data, "artifact_pk": artifact},
            {"kind": 8, "value": bytes.fromhex("0a0b0c0d"), "artifact_pk": artifact},
        ]
        (kept,) = embedded.of_artifacts(connection, [artifact]).values()
        assert [str(digest) for digest in kept] == [
            f"data-sha256:{data.hex()}", "autov1:0a0b0c0d", f"autov3:{data[:6].hex()}"
        ]  # fmt: skip


# -- 0003: digests that were learned get their source --------------------------------------------

SHA256, BLAKE3, GIT, DATA = 1, 2, 5, 6
TRUE, INNOCENT = 10, 40
"""First bytes of the digests of two files."""


def value(kind: int, number: int) -> bytes:
    return bytes([number + kind]) * (20 if kind == GIT else 32)


def learned_before(old: str, said: dict[int, int], learned: dict[int, int], *reads: int) -> int:
    """Put a removal into an old store, as a release before claims left it; its pk (and its file's).

    `said`, `learned`: kind of digest -> of which file. `reads`: files that were read in full."""
    from reseen.store import backends

    engine, _ = backends.open_engine(old, 60)
    pk = 70
    try:
        with engine.begin() as connection:

            def put(table: str, **row: object) -> None:
                columns = ", ".join(f'"{name}"' for name in row)
                marks = ", ".join(f":{name}" for name in row)
                connection.execute(
                    text(f"INSERT INTO {table} ({columns}) VALUES ({marks})"),
                    row,
                )

            put("removals", pk=pk, id="rm-poisoned", list="spring", added_at=1_700_000_000_000_000)
            put("removed_files", pk=pk, removal_pk=pk, size=None, container="safetensors",
                data_size=40, layout=bytes(32))  # fmt: skip
            for is_learned, digests in enumerate((said, learned)):
                for kind, number in digests.items():
                    put("digests", kind=kind, value=value(kind, number), file_pk=pk,
                        learned=is_learned)  # fmt: skip
            put("sketches", file_pk=pk, version=1, architecture="sample", kind="adapter",
                value=bytes(40))  # fmt: skip
            put("sketch_entries", file_pk=pk, version=1, group="sample", slots=bytes(64),
                code=bytes(1024))  # fmt: skip
            for number in reads:
                put("artifacts", pk=number + 100, repository_pk=1, commit=bytes(20),
                    path=f"{number}.safetensors", size=7, git_oid=value(GIT, number + 100),
                    flags=0, seen_at=9)  # fmt: skip
                put("readings", artifact_pk=number + 100, at=9, full=1)
                for kind in (SHA256, BLAKE3, GIT, DATA):
                    put("read_digests", kind=kind, value=value(kind, number),
                        artifact_pk=number + 100)  # fmt: skip
    finally:
        engine.dispose()
    return pk


def claims_of(connection: Connection, removal_pk: int) -> list[dict[str, Any]]:
    """Its claims, each with its digests, the claims it rests on and whether it has a sketch."""
    found = []
    for claim in rows(connection)["claims"]:
        if claim["removal_pk"] != removal_pk:
            continue
        tables = rows(connection)
        mine = {
            table: [row for row in tables[table] if row["claim_pk"] == claim["pk"]]
            for table in ("digests", "sketches", "sketch_entries")
        }
        rests = [r["claim_pk"] for r in tables["learned_from"] if r["learned_pk"] == claim["pk"]]
        found.append(
            claim
            | {
                "digests": {(row["kind"], row["value"]) for row in mine["digests"]},
                "sketched": [len(mine[t]) for t in ("sketches", "sketch_entries")],
                "rests": rests,
            }
        )
    return sorted(found, key=lambda claim: claim["pk"])


def digests(said: dict[int, int]) -> set[tuple[int, bytes]]:
    return {(kind, value(kind, number)) for kind, number in said.items()}


def whole(number: int) -> dict[int, int]:
    return dict.fromkeys((SHA256, BLAKE3, GIT, DATA), number)


@pytest.mark.parametrize("released", ["0002"])
def test_what_an_innocent_taught_is_taken_out_of_use(old: str) -> None:
    """A hostile row put the innocent's BLAKE3 beside the removed file's SHA-256; then the innocent
    was read, and the removal learned its weights and its sketch."""
    from reseen.registry import learning

    said = {SHA256: TRUE, BLAKE3: INNOCENT}
    pk = learned_before(old, said, {GIT: INNOCENT, DATA: INNOCENT}, INNOCENT)
    with Store(old, upgrade=True) as store, store.write() as connection:
        listed, learned = claims_of(connection, pk)
        assert (listed["source"], listed["in_force"], listed["contradicted"]) == (0, 1, 1)
        assert listed["digests"] == digests(said)
        assert listed["sketched"] == [0, 0]
        assert (listed["container"], listed["data_size"], listed["layout"]) == (None, None, None)
        assert (learned["source"], learned["in_force"], learned["list_pk"]) == (1, 0, 0)
        assert learned["withdrawn_at"], "taken back: it is kept, and not in use"
        assert learned["digests"] == digests(whole(INNOCENT))
        assert learned["sketched"] == [1, 1]
        assert learned["rests"] == [listed["pk"]]
        # nothing that happens later brings it back
        assert learning.learn(connection) == set()
        assert claims_of(connection, pk)[1]["in_force"] == 0
        assert learning.learn(connection, removals=[pk]) == set()
        assert len(claims_of(connection, pk)) == 2


@pytest.mark.parametrize("released", ["0002"])
@pytest.mark.parametrize("known", [True, False])
def test_what_the_removed_file_taught_rests_on_what_its_list_said(old: str, known: bool) -> None:
    from reseen.registry import claims, learning

    taught = {BLAKE3: TRUE, GIT: TRUE, DATA: TRUE}
    pk = learned_before(old, {SHA256: TRUE}, taught, *([TRUE] if known else []))
    with Store(old, upgrade=True) as store, store.write() as connection:
        listed, learned = claims_of(connection, pk)
        assert (listed["in_force"], listed["contradicted"]) == (1, 0)
        assert listed["digests"] == digests({SHA256: TRUE})
        assert (learned["in_force"], learned["withdrawn_at"]) == (1, None)
        assert learned["digests"] == digests(whole(TRUE))
        assert (listed["sketched"], learned["sketched"]) == ([0, 0], [1, 1])
        assert (learned["container"], learned["data_size"]) == ("safetensors", 40)
        assert learned["layout"] == bytes(32)
        # it is what would be learned today, and stands so by the rules of today
        before = claims_of(connection, pk)
        assert pk not in learning.learn(connection)
        claims.refresh(connection, [pk])
        assert claims_of(connection, pk) == before


@pytest.mark.parametrize("released", ["0002"])
def test_a_row_of_another_file_taught_for_itself(old: str) -> None:
    """A hostile row joined by its link and brought the innocent's SHA-256 as a file of its own:
    what that taught rests on it alone, and goes when somebody takes the claim back."""
    from reseen.registry import claims
    from reseen.store.sealing import Keyring

    pk = learned_before(old, {SHA256: INNOCENT}, {BLAKE3: INNOCENT, DATA: INNOCENT}, INNOCENT)
    with Store(old, upgrade=True) as store, store.write() as connection:
        _, learned = claims_of(connection, pk)
        assert learned["in_force"] == 1
        claims.take_back(connection, Keyring(bytes(32)), "rm-poisoned", 1, "why")
        assert [claim["in_force"] for claim in claims_of(connection, pk)] == [0, 0]
