"""A registry of schema 0002 in which a refuted sighting was confirmed, and is in notices: after the
upgrade it stands first in the queue, drafts lose it, and a correction to the host is ready."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from reseen.operations import consequences
from reseen.records import Rung
from reseen.review import correction_text, corrections, notice_read
from reseen.review.case_filter import CaseFilter
from reseen.review.queue import queue
from reseen.review.verdicts import CaseState, Verdict
from reseen.store.database import Store

GOLDEN = Path(__file__).parents[1] / "store" / "golden" / "0002.sqlite.sql"
OTHER = "99" * 32
"""SHA-256 of the bytes that were read; what the hub states is the removed file's."""
REFUTED = {
    "X'1111111111111111111111111111111111111111111111111111111111111111',1);": f"X'{OTHER}',1);",
    "VALUES(1,'sg-sample000001',1,1,70,'live','bytes',0": (
        "VALUES(1,'sg-sample000001',1,1,50,'live','contradicted',0"
    ),
    '"evidence" VALUES(1,70,': '"evidence" VALUES(1,50,',
    "VALUES(1,1,3,3,'none');": "VALUES(1,1,3,50,'contradicted');",
    "VALUES(1,1,3,'none',X'" + "05" * 32 + "');": f"VALUES(1,1,50,'contradicted',X'{OTHER}');",
    "VALUES(1,'sample id',1,1,'sample hub','sample account',3,3,'decided','confirm',3,"
    "3,3,3,1,3);": (
        "VALUES(1,'cs-000000000001',1,1,'hub.example','sample-account',3,3,'decided','confirm',"
        "50,3,1,3,NULL,NULL);"
    ),
    "VALUES(1,'sample id','sample hub','sample account','drafted',3,3,3,3);": (
        "VALUES(1,'nt-000000000001','hub.example','sample-account','{state}',3,3,3,3);"
    ),
    "VALUES(1,1,3,1,'drafted','sample how',X'" + "05" * 32 + "');": (
        "VALUES(1,1,3,1,'drafted',NULL,NULL);{steps}"
    ),
}
"""What is otherwise in the golden than the release left it, row by row."""


def upgraded(tmp_path: Path, state: str) -> Store:
    text = GOLDEN.read_text()
    sent = """INSERT INTO "notice_steps" VALUES(2,1,4,1,'sent','e-mail',NULL);"""
    for before, after in REFUTED.items():
        found = text.count(before)
        assert found == 1, (found, before)
        after = after.replace("{state}", state)
        text = text.replace(before, after.replace("{steps}", sent if state == "sent" else ""))
    path = tmp_path / "reseen.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(text)
    connection.close()
    store = Store(f"sqlite:///{path}")
    consequences.follow(store)  # what the worker, or the next verb, does
    return store


@pytest.mark.parametrize("state", ["drafted", "sent"])
def test_what_was_confirmed_though_it_is_refuted_is_said_first(tmp_path: Path, state: str) -> None:
    with upgraded(tmp_path, state) as store, store.read() as connection:
        page = queue(connection, CaseFilter())
        (first, *_) = page.entries
        assert first.id == "cs-000000000001"
        assert (first.rung, first.fallen) == (Rung.REFUTED, True)
        assert (first.state, first.verdict) == (CaseState.OPEN, Verdict.CONFIRM)
        held = notice_read.by_id(connection, None, "nt-000000000001")
        due = corrections.due(connection)
        if state == "drafted":
            assert held.items == ()
            assert due == []
            return
        assert held.there == ()
        assert [(one.id, one.items) for one in due] == [("nt-000000000001", 1)]
        correction = corrections.of_notice(connection, None, "nt-000000000001")
        assert correction is not None
        text = correction_text.as_text(correction)
        assert "We read every byte of it: it is another file." in text
        assert OTHER in text
