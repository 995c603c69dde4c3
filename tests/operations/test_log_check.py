"""The store agrees with the log, and every way to change it by hand is found and named."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from tests.files import build
from tests.hostile.test_blind import LORA
from tests.match.made import KEYRING
from tests.postgres import Cluster
from tests.review.room import COMMIT, HUB, Room

from reseen.observed import artifacts as seen
from reseen.operations import classes, lists, log_check, removals
from reseen.records import (
    Artifact,
    Container,
    Digest,
    DigestKind,
    RemovalClass,
    Repository,
    RepoType,
)
from reseen.registry import file_facts, learning
from reseen.registry import removals as stored
from reseen.registry.imports import ImportOptions
from reseen.review import comments, notice_write
from reseen.review.notice_states import NoticeState, NoticeStep
from reseen.review.verdicts import Verdict
from reseen.store import schema
from reseen.store.database import Store

WHY = "Sample reason 03"
LIVED = "lived"


class Lived(Room):
    """A store in which everything was done that the log covers."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._folder = folder
        super().__init__(store)
        self.keyring = KEYRING
        one, two = self.removal, self.other
        self.confirmed = self.see("sample/a", read="x")
        self.say(self.confirmed, Verdict.CONFIRM)
        self.undone = self.see("sample/b", read="y")
        self.say(self.undone, Verdict.CONFIRM, self.bob)
        self.undo(self.undone, self.bob)
        self.say(self.undone, Verdict.NOT_THIS_MODEL)
        self.remembered = self.see("sample/c", read="y")  # decided by what was remembered
        self.open = self.see("sample/d", declared="z")
        self.write_to_hosts()
        for again in range(2):
            removals.withdraw(store, KEYRING, two, WHY)
            if not again:
                removals.restore(store, KEYRING, two, WHY)
        self.list("later", 1, 2, extra=",12")
        removals.take_back(store, KEYRING, f"{one}/1", WHY)
        removals.put_back(store, KEYRING, f"{one}/1", WHY)
        removals.take_back(store, KEYRING, f"{one}/2", WHY)
        self.list("gone", 7)
        removals.withdraw_list(store, KEYRING, "gone", WHY)
        removals.withdraw_list(store, KEYRING, "later", WHY)
        removals.restore_list(store, KEYRING, "later", WHY)
        classes.classify(store, KEYRING, one, RemovalClass.INTIMATE, WHY)
        classes.classify(store, KEYRING, one, RemovalClass.LIKENESS, WHY)
        classes.classify_list(store, KEYRING, "later", RemovalClass.LIKENESS, WHY)
        classes.entitle(store, "later")
        classes.entitle(store, "gone")
        classes.entitle(store, "gone", revoked=True)
        self.learn()
        self.put()

    def write_to_hosts(self) -> None:
        """Comments, and a notice: drafted, added to, changed, sent, answered; one that is given
        up."""
        with self.store.write() as connection:
            for case in (self.confirmed, self.open):
                comments.comment(connection, KEYRING, case, self.ann, WHY)
        self.notice = self.draft("sample")
        fallen = self.see("sample/fallen", declared="u")
        self.say(fallen, Verdict.CONFIRM)
        with self.store.write() as connection:
            notice_write.draft(connection, HUB, "sample", self.ann)
            notice_write.set_clause(connection, KEYRING, self.notice, "Please look.", self.ann)
        self.undo(fallen)
        for state, how in ((NoticeState.SENT, "e-mail"), (NoticeState.ACKNOWLEDGED, None)):
            with self.store.write() as connection:
                step = NoticeStep(state, how=how, note=WHY)
                notice_write.step(connection, KEYRING, self.notice, self.lea, step)
        with self.store.write() as connection:
            notice_write.undo(connection, KEYRING, self.notice, self.lea, note=WHY)
        self.say(self.see("other/a", declared="v"), Verdict.CONFIRM)
        given_up = self.draft("other")
        with self.store.write() as connection:
            notice_write.undo(connection, KEYRING, given_up, self.ann)

    def draft(self, account: str) -> str:
        with self.store.write() as connection:
            return notice_write.draft(connection, HUB, account, self.ann)

    def learn(self) -> None:
        """What bytes teach, of the first row's file: its digests, then what is in it; and a file
        here with its sketch."""
        self.read(None)
        self.read(b"layout")
        path = self._folder / "removed.safetensors"
        path.write_bytes(build.safetensors(LORA))
        (added,) = lists.add_files(self.store, KEYRING, [path]).files
        assert added.removal

    def read(self, layout: bytes | None) -> None:
        """Somewhere the first row's file is read in full."""
        read = seen.Inspection(
            full=True,
            digests=(
                Digest(DigestKind.SHA256, hashlib.sha256(bytes([1])).digest()),
                Digest(DigestKind.BLAKE3, hashlib.sha256(b"another").digest()),
            ),
            container=None if layout is None else Container.SAFETENSORS,
            data_size=None if layout is None else 7,
            layout=layout,
        )
        listed = Repository(HUB, RepoType.MODEL, "sample/taught", COMMIT)
        file = Artifact(HUB, RepoType.MODEL, listed.id, COMMIT, "main", f"{layout!r}", 12)
        with self.store.write() as connection:
            (repository_pk,) = seen.repositories(connection, [listed])
            (pk,) = seen.artifacts(connection, repository_pk, [file])
            seen.readings(connection, [(pk, read)])
            learning.learn(connection, artifacts=[pk])

    def removals(self, count: int) -> list[str]:
        self.list("sample", *range(1, count + 1))
        with self.store.read() as connection:
            return [one.id for one in stored.every(connection)]

    def list(self, name: str, *numbers: int, extra: str = "") -> None:
        path = self._folder / f"{name}.csv"
        rows = [
            f"Sample person {n},{hashlib.sha256(bytes([n])).hexdigest()}{extra}" for n in numbers
        ]
        head = "name,sha256,size" if extra else "name,sha256"
        path.write_text("\n".join([head, *rows]) + "\n")
        lists.import_list(self.store, KEYRING, path, ImportOptions())


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def lived_through(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Lived, Path | Cluster]]:
    """One life, and its database (closed): each test has a copy, for to live takes long."""
    folder = tmp_path_factory.mktemp("lived")
    if request.param == "sqlite":
        with Store(f"sqlite:///{folder / 'reseen.db'}") as store:
            lived = Lived(store, folder)
        yield lived, folder / "reseen.db"
        return
    server = request.getfixturevalue("postgresql_server")
    if isinstance(server, str):
        pytest.skip("of a lent database no copies can be made")
    with server.store(LIVED) as url:
        with Store(url) as store:
            lived = Lived(store, folder)
        yield lived, server


@pytest.fixture
def lived(lived_through: tuple[Lived, Path | Cluster], tmp_path: Path) -> Iterator[Lived]:
    made, place = lived_through
    mine = copy(made)
    if isinstance(place, Path):
        shutil.copy(place, tmp_path / "reseen.db")
        with Store(f"sqlite:///{tmp_path / 'reseen.db'}") as mine.store:
            yield mine
        return
    with place.database(like=LIVED) as url, Store(url) as mine.store:
        yield mine


def open_up(connection: Connection) -> None:
    """As somebody with all rights at the database would."""
    sqlite = connection.dialect.name == "sqlite"
    verbs = ("update", "delete", *(["replace"] if sqlite else ["truncate"]))
    for table in schema.metadata.sorted_tables:
        if table.info.get("append_only"):
            for verb in verbs:
                on = "" if sqlite else f" ON {table.name}"
                connection.execute(text(f"DROP TRIGGER {table.name}_no_{verb}{on}"))


def wrong(store: Store, *statements: str) -> tuple[str, ...]:
    """What is found after these statements."""
    with store.write() as connection:
        open_up(connection)
        for statement in statements:
            done = connection.execute(text(statement))
            assert done.rowcount, statement
    return log_check.verify(store).wrong


def test_an_honest_store_agrees(lived: Lived) -> None:
    done = log_check.verify(lived.store)
    assert done.wrong == ()
    assert (done.cases, done.wrong_in_all) == (7, 0)
    assert done.claims == 8  # five of rows, two classes, a file
    assert (done.files, done.notices) == (2, 2)
    lived.check()


DECISION = (
    "INSERT INTO decisions (pk, id, case_pk, at, user_pk, verdict, version) "
    "SELECT {pk}, 'dc-forged', case_pk, at, user_pk, 'confirm', version FROM decisions WHERE pk = 1"
)

_LEARNED = "(SELECT MIN(pk) FROM claims WHERE source = 1)"
_TAUGHT = r"what bytes taught of rm-\S+ stands otherwise than line \d+ says"
FORGED: dict[str, tuple[str, str]] = {
    "a decision put in at the end": (DECISION.format(pk=99), "decision dc-forged"),
    "a decision left out": ("DELETE FROM decided WHERE decision_pk = 1", r"line \d+ \(decide cs-"),
    "a verdict": ("UPDATE decisions SET verdict = 'allowed' WHERE pk = 1", r"\(decide cs-"),
    "who decided": ("UPDATE decisions SET user_pk = 2 WHERE pk = 1", r"\(decide cs-"),
    "when": ("UPDATE decisions SET at = 7 WHERE pk = 2", r"\(decide cs-"),
    "why": ("UPDATE decisions SET sealed = NULL WHERE pk = 1", r"\(decide cs-"),
    "an undo": ("UPDATE decisions SET undoes = 1 WHERE undoes > 1 AND user_pk = 2", r"\(undo cs-"),
    "an automatic decision": (
        "UPDATE decisions SET because = 1 WHERE because IS NOT NULL", r"\(decide cs-",
    ),
    "what was decided about": (
        "UPDATE decided SET rung = 3 WHERE decision_pk = 1", r"\(decide cs-",
    ),
    "bytes of what was decided": (
        "UPDATE decided SET sha256 = NULL WHERE decision_pk = 1", r"\(decide cs-",
    ),
    "a withdrawal taken out": ("DELETE FROM withdrawals WHERE pk = 2", r"\(restore rm-"),
    "all of them": ("DELETE FROM withdrawals", r"\(withdraw rm-"),
    "a withdrawal turned round": ("UPDATE withdrawals SET restored = 0", r"\(restore rm-"),
    "a withdrawal put in": (
        "INSERT INTO withdrawals (pk, removal_pk, at, restored) SELECT 99, pk, 5, 0 FROM removals "
        "WHERE pk = 1", r"withdrawal or restoring \(row 99, rm-",
    ),
    "an event": ("UPDATE fact_events SET what = 'list-restored'", r"\(withdraw-list\)"),
    "an event taken out": ("DELETE FROM fact_events WHERE what = 'claim-put-back'", "put-back rm-"),
    "an event put in": (
        "INSERT INTO fact_events (pk, at, what, list_pk) SELECT 99, 5, 'list-entitled', pk "
        "FROM lists WHERE name = 'gone'", r"row 99, of a list",
    ),
    "a removal withdrawn": ("UPDATE removals SET withdrawn_at = 1 WHERE pk = 1", "^rm-"),
    "a removal in force": (
        "UPDATE removals SET withdrawn_at = NULL WHERE withdrawn_at IS NOT NULL", "^rm-",
    ),
    "a removal's class": ("UPDATE removals SET class = 0 WHERE class > 0", "^rm-"),
    "a claim withdrawn": ("UPDATE claims SET withdrawn_at = 1 WHERE pk = 1", "a claim of rm-"),
    "a claim withdrawn as it came": (
        "UPDATE claims SET withdrawn_at = added_at, in_force = 0 WHERE pk = 1", "a claim of rm-",
    ),
    "all claims in force": ("UPDATE claims SET withdrawn_at = NULL", "a claim of rm-"),
    "a claim out of use": ("UPDATE claims SET in_force = 0 WHERE in_force = 1", "a claim of rm-"),
    "a claim in use": ("UPDATE claims SET in_force = 1 WHERE in_force = 0", "a claim of rm-"),
    "a class settled": ("UPDATE claims SET class_settled = 1 WHERE pk = 1", "a claim of rm-"),
    "a list in force": (
        "UPDATE lists SET withdrawn_at = NULL WHERE name = 'gone'", 'the list "gone"',
    ),
    "a list withdrawn": ("UPDATE lists SET withdrawn_at = 4 WHERE name = 'sample'", '"sample"'),
    "a list entitled": ("UPDATE lists SET entitled = 1 WHERE name = 'gone'", 'the list "gone"'),
    "a list's class": ("UPDATE lists SET class = 2 WHERE name = 'sample'", 'the list "sample"'),
    "digests": ("UPDATE digests SET value = :moved WHERE claim_pk = 1", r"claims 1 to 2"),
    "a digest taken out": ("DELETE FROM digests WHERE claim_pk = 1", r"claims 1 to 2"),
    "a digest put in": (
        "INSERT INTO digests (kind, value, claim_pk) SELECT 2, value, claim_pk FROM digests "
        "WHERE claim_pk = 1", r"claims 1 to 2",
    ),
    "a claim of another removal": (
        "UPDATE claims SET removal_pk = 2 WHERE pk = 1", "claims 1 to 2",
    ),
    "a claim's size": ("UPDATE claims SET size = 7 WHERE pk = 1", "claims 1 to 2"),
    "a claim's list": ("UPDATE claims SET list_pk = 2 WHERE pk = 1", "claims 1 to 2"),
    "a claim's class": ("UPDATE claims SET class = 1 WHERE pk = 1", "claims 1 to 2"),
    "a claim put in": (
        "INSERT INTO claims (pk, removal_pk, list_pk, added_at) VALUES (99, 1, 1, 5)",
        "a claim of rm-.* in no line of the log",
    ),
    "a case's state": ("UPDATE cases SET state = 'open' WHERE state = 'decided'", "case cs-"),
    "a case's verdict": (
        "UPDATE cases SET verdict = 'allowed' WHERE verdict = 'confirm'", "case cs-",
    ),
    "an open case": (
        "UPDATE cases SET state = 'decided', verdict = 'allowed' WHERE state = 'open'", "case cs-",
    ),
    "a comment": ("UPDATE comments SET at = 7 WHERE pk = 1", r"\(comment cs-"),
    "what a comment says": ("UPDATE comments SET sealed = :moved", r"\(comment cs-"),
    "a comment taken out": ("DELETE FROM comments WHERE pk = 1", r"\(comment cs-"),
    "a comment put in": (
        "INSERT INTO comments (pk, case_pk, at, user_pk, sealed) SELECT 99, case_pk, at, user_pk, "
        "sealed FROM comments WHERE pk = 1", r"a comment \(row 99, cs-",
    ),
    "a step of a notice": (
        "UPDATE notice_steps SET state = 'refused' WHERE how = 'e-mail'", r"\(notice nt-",
    ),
    "who made a step": (
        "UPDATE notice_steps SET user_pk = 1 WHERE how = 'e-mail'", r"\(notice nt-",
    ),
    "a step taken out": ("DELETE FROM notice_steps WHERE how = 'undo'", r"\(notice nt-"),
    "a clause": ("UPDATE notice_steps SET sealed = NULL WHERE how = 'clause'", r"\(notice nt-"),
    "a step put in": (
        "INSERT INTO notice_steps (pk, notice_pk, at, state) SELECT 99, pk, 5, 'acknowledged' FROM "
        "notices WHERE pk = 1", r"a step of a notice \(row 99, nt-",
    ),
    "a notice's state": (
        "UPDATE notices SET state = 'gone' WHERE pk = 1", "notice nt-.* otherwise than line",
    ),
    "a notice's clock": (
        "UPDATE notices SET due_at = NULL WHERE pk = 1", "notice nt-.* otherwise than line",
    ),
    "a file of a notice taken out": (
        "DELETE FROM notice_items WHERE sighting_pk = 1", "notice nt-.* otherwise than line",
    ),
    "a file put into a notice": (
        "INSERT INTO notice_items (notice_pk, sighting_pk, case_pk, added_at) SELECT 2, "
        "sighting_pk, case_pk, 5 FROM notice_items WHERE notice_pk = 1",
        "notice nt-.* otherwise than line",
    ),
    "a notice put in": (
        "INSERT INTO notices (pk, id, hub, account, state, created_at, changed_at, version) SELECT "
        "99, 'nt-forged', hub, account, state, 5, 5, 0 FROM notices WHERE pk = 1",
        "notice nt-forged .* in no line of the log",
    ),
    "a digest that was learned": (
        f"UPDATE digests SET value = :moved WHERE kind = 2 AND claim_pk = {_LEARNED}", _TAUGHT,
    ),
    "a digest put among those": (
        f"INSERT INTO digests (kind, value, claim_pk) SELECT 4, value, claim_pk FROM digests "
        f"WHERE kind = 2 AND claim_pk = {_LEARNED}", _TAUGHT,
    ),
    "what was learned, by another claim": (
        "UPDATE learned_from SET claim_pk = 99 WHERE claim_pk = 1", _TAUGHT,
    ),
    "what was learned, by none": ("DELETE FROM learned_from", _TAUGHT),
    "the layout of a file": (
        f"UPDATE claims SET layout = :moved WHERE pk = {_LEARNED}", _TAUGHT,
    ),
    "the container of a file": ("UPDATE claims SET container = 'gguf' WHERE size > 12", _TAUGHT),
    "a sketch": ("UPDATE sketches SET value = :moved", _TAUGHT),
    "an entry of a sketch put in": (
        'INSERT INTO sketch_entries (claim_pk, version, "group", slots, code) SELECT claim_pk, 1, '
        "'', value, value FROM sketches", _TAUGHT,
    ),
    "a sketch put in": (
        "INSERT INTO sketches (claim_pk, version, architecture, kind, value) SELECT 1, version, "
        "architecture, kind, value FROM sketches", "taught of rm-.* in no line of the log",
    ),
    "something learned put in": (
        "INSERT INTO claims (pk, removal_pk, source, added_at) VALUES (99, 1, 1, 5)",
        "taught of rm-.* in no line of the log",
    ),
    "what is remembered": ("UPDATE dismissals SET removal_pk = 2", "is remembered for rm-"),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGED)
def test_what_was_changed_by_hand_is_found(lived: Lived, what: str) -> None:
    statement, named = FORGED[what]
    moved = "x'07'" if lived.store.place.endswith(".db") else r"'\x07'::bytea"
    found = wrong(lived.store, statement.replace(":moved", moved))
    assert any(re.search(named, sentence) for sentence in found), found
    for sentence in found:
        assert "Sample" not in sentence
        assert "sample/" not in sentence


def test_a_line_that_covers_nothing_is_found(lived: Lived) -> None:
    """Somebody deletes a decision and all that hangs on it."""
    found = wrong(
        lived.store,
        "DELETE FROM decided WHERE decision_pk = 1",
        "DELETE FROM decisions WHERE pk = 1",
    )
    assert any(f"decide {lived.confirmed}): what it tells of is not" in one for one in found)
    assert f"case {lived.confirmed} stands otherwise than was decided about it" in found


def test_what_was_forged_is_found_after_it_was_changed_in_order(lived: Lived) -> None:
    """Whoever changes a row waits until a line covers it anew."""
    wrong(
        lived.store,
        "UPDATE notices SET due_at = 7 WHERE pk = 1",
        f"DELETE FROM digests WHERE kind = 2 AND claim_pk = {_LEARNED}",
    )
    with lived.store.write() as connection:
        step = NoticeStep(NoticeState.ACKNOWLEDGED)
        notice_write.step(connection, KEYRING, lived.notice, lived.lea, step)
        learned = connection.scalar(text(f"SELECT {_LEARNED}"))
        more = file_facts.digests(connection, [learned])
        connection.execute(text(f"UPDATE claims SET size = 13 WHERE pk = {_LEARNED}"))
        removal_pk = connection.scalar(text(f"SELECT removal_pk FROM claims WHERE pk = {learned}"))
        file_facts.write_lines(connection, {learned: removal_pk}, more)
    found = log_check.verify(lived.store).wrong
    for what in ("notice nt-", "what bytes taught of rm-"):
        assert any(
            re.search(rf"line \d+: {what}\S+ stood otherwise before than the line before", one)
            for one in found
        ), found


def test_a_notice_taken_out_is_found(lived: Lived) -> None:
    found = wrong(
        lived.store,
        "DELETE FROM notice_items",
        "DELETE FROM notice_steps WHERE notice_pk = 1",
        "DELETE FROM notices WHERE pk = 1",
    )
    assert any("what it tells of is not in the store" in sentence for sentence in found)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.setenv("RESEEN_HOME", str(tmp_path))
    (tmp_path / "list.csv").write_text(f"name,sha256\nSample person 5,{'9f3c71d2e58a40b6' * 4}\n")

    def run(*args: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "reseen", *args], capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_the_verb_ends_with_2_and_says_where(home: Callable[..., str], tmp_path: Path) -> None:
    home("registry", "import", str(tmp_path / "list.csv"))
    assert "stand as the log says" in home("audit", "verify")
    with sqlite3.connect(tmp_path / "reseen.db") as raw:
        raw.execute("UPDATE removals SET withdrawn_at = 1")
    raw.close()
    said = home("audit", "verify", code=2)
    assert re.search(r"rm-\w{8} \(withdrawn or not", said)
    assert "does not agree with the log in 1 place" in said
    first = home("audit", "verify", "--json", code=2).splitlines()[0]
    assert json.loads(first)["wrong_in_all"] == 1
