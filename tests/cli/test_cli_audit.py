"""`reseen audit`: the head, the proof, and what is taken away for others to verify."""

from __future__ import annotations

import csv
import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from reseen.cli import cli
from reseen.store import audit
from reseen.store.database import Store

DOCS = Path(__file__).parents[2] / "docs"
SNIPPET = re.findall(r"```python\n(.*?)```", (DOCS / "audit.md").read_text(), re.DOTALL)


@pytest.fixture
def db(tmp_path: Path) -> str:
    path = str(tmp_path / "store.db")
    with Store(f"sqlite:///{path}") as store, store.write() as connection:
        for n in range(5):
            audit.write(connection, "test", f"rm-{n}", actor="=Ünïcode\x1b", n=n, word='"é\\')
    return path


def reseen(*arguments: str) -> tuple[int, str]:
    """Exit code and what was printed, as `main` would end."""
    done = subprocess.run(
        [sys.executable, "-m", "reseen", *arguments], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def run(*arguments: str) -> str:
    done = CliRunner().invoke(cli, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("as_json", [True, False])
def test_a_kept_head_proves_the_log(db: str, tmp_path: Path, as_json: bool) -> None:
    kept = tmp_path / "head.json"
    kept.write_text(run("audit", "head", "--db", db, *(["--json"] if as_json else [])))
    assert json.loads(kept.read_text())["count"] == 5
    with Store(f"sqlite:///{db}") as store, store.write() as connection:
        audit.write(connection, "test", "later")
    told = run("audit", "verify", "--db", db, "--head", str(kept))
    stands = (
        "0 cases, 0 claims of lists, what bytes taught of 0 files and 0 notices stand as the log "
        "says\n"
    )
    assert told == f"6 lines, each as it was written; the head's line 5\n{stands}"
    told = json.loads(run("audit", "verify", "--db", db, "--head", str(kept), "--json"))
    nothing = {"cases": 0, "claims": 0, "files": 0, "notices": 0, "wrong": [], "wrong_in_all": 0}
    assert told == {"lines": 6, "head": 5, **nothing}
    assert run("audit", "verify", "--db", db) == f"6 lines, each as it was written\n{stands}"


def test_a_broken_log_ends_with_2_and_the_number_of_the_line_only(db: str, tmp_path: Path) -> None:
    kept = tmp_path / "head.json"
    kept.write_text(run("audit", "head", "--db", db))
    with Store(f"sqlite:///{db}") as store, store.write() as connection:
        connection.execute(text("DROP TRIGGER audit_no_update"))
        connection.execute(text("UPDATE audit SET subject = 'rm-secret' WHERE pk = 2"))
    for more in ([], ["--head", str(kept)]):
        code, said = reseen("audit", "verify", "--db", db, *more)
        assert code == 2
        assert "line 2 " in said
        assert "rm-" not in said


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{}", b"x" * 200_000])
def test_a_file_that_is_no_head_is_told(db: str, tmp_path: Path, content: bytes) -> None:
    kept = tmp_path / "head.json"
    kept.write_bytes(content)
    code, said = reseen("audit", "verify", "--db", db, "--head", str(kept))
    assert (code, "no head" in said) == (2, True)


def test_an_export_can_be_verified_with_the_lines_in_the_docs(db: str, tmp_path: Path) -> None:
    (snippet,) = SNIPPET
    assert len([line for line in snippet.splitlines() if line.strip()]) <= 25
    out = tmp_path / "audit.jsonl"
    run("audit", "export", "--db", db, "--out", str(out))
    head = tmp_path / "audit.jsonl.head.json"

    def outsider() -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-c", snippet, str(out), str(head)],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    assert outsider() == (0, "right up to line 6; the head is of line 6\n")
    for file in (out, head):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    lines = out.read_text().splitlines(keepends=True)
    assert json.loads(lines[-1])["action"] == "export"
    out.write_text("".join([*lines[:2], lines[2].replace("rm-2", "rm-9"), *lines[3:]]))
    assert outsider() == (1, "line 3 was changed\n")
    out.write_text("".join(lines[:2] + lines[3:]))
    assert outsider() == (1, "a line before 4 is missing\n")
    out.write_text("".join(lines))
    head.write_text(head.read_text().replace('"count": 6', '"count": 5'))
    assert outsider()[0] == 1


def test_an_extract_holds_the_hash_before_it(db: str, tmp_path: Path) -> None:
    with Store(f"sqlite:///{db}") as store, store.write() as connection:
        connection.execute(text("DROP TRIGGER audit_no_update"))
        connection.execute(text("UPDATE audit SET at = 1 WHERE pk <= 3"))
    out = tmp_path / "audit.jsonl"
    run("audit", "export", "--db", db, "--out", str(out), "--since", "1990-01-01")
    first = json.loads(out.read_text().splitlines()[0])
    with Store(f"sqlite:///{db}") as store, store.read() as connection:
        third = list(audit.every(connection))[2]
    assert (first["number"], first["before"]) == (4, third.hash.hex())
    run("audit", "export", "--db", db, "--out", str(out), "--until", "1970-01-01")
    assert [json.loads(line)["number"] for line in out.read_text().splitlines()] == [1, 2, 3]


def test_an_export_as_csv_is_harmless(db: str, tmp_path: Path) -> None:
    out = tmp_path / "audit.csv"
    run("audit", "export", "--db", db, "--out", str(out))
    with out.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert rows[0]["actor"] == "'=Ünïcode\\u001b"
    assert rows[1]["before"].removeprefix("'") == rows[0]["hash"].removeprefix("'")


def test_another_form_is_refused_before_anything_is_recorded(db: str, tmp_path: Path) -> None:
    code, said = reseen("audit", "export", "--db", db, "--out", str(tmp_path / "audit.xlsx"))
    assert (code, ".jsonl" in said) == (2, True)
    code, _ = reseen("audit", "export", "--db", db, "--out", str(tmp_path / "no" / "audit.csv"))
    assert code == 2
    with Store(f"sqlite:///{db}") as store, store.read() as connection:
        assert len(list(audit.every(connection))) == 5
