"""The table of exit codes, verb by verb, as a script meets it: real processes, one registry."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.cli.test_cli import LINK, NAME, SHA256, adapter, reseen, run
from tests.cli.test_stopping import environment
from tests.hostile.test_blind import WHOLE_WEIGHTS
from tests.match.updates import CAST, OTHER, REMOVED

DONE, MATCH, CANNOT, PART = 0, 1, 2, 3


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry that knows one model by its file and one by its digest; and what verbs are given.
    Nothing below changes what another one needs."""
    home = tmp_path_factory.mktemp("table")
    for name, content in (("removed", REMOVED), ("copy", CAST), ("other", OTHER)):
        (home / f"{name}.safetensors").write_bytes(content)
    (home / "torn.safetensors").write_bytes(REMOVED[:-100])
    (home / "text.txt").write_text("no model at all\n")
    for folder, file in (("damaged", "torn.safetensors"), ("odd", "odd.gguf"), ("junk", "a.bin")):
        (home / folder).mkdir()
        (home / folder / file).write_bytes(
            {
                "damaged": REMOVED[:-100],
                "odd": b"GGUF" + (99).to_bytes(4, "little") + bytes(4_000),
                "junk": bytes(range(256)) * 16,
            }[folder]
        )
    (home / "archive").mkdir()
    with zipfile.ZipFile(home / "archive" / "a.zip", "w") as archive:
        archive.writestr("torn.safetensors", REMOVED[:-100])
    (home / "checkpoint").mkdir()
    (home / "checkpoint" / "whole.safetensors").write_bytes(WHOLE_WEIGHTS)
    (home / "list.csv").write_text(f"name,SHA256,url\n{NAME},{SHA256},{LINK}\n")
    new = hashlib.sha256(b"new").hexdigest()
    (home / "part.csv").write_text(f"SHA256\nnonsense\n{new}\n")
    (home / "bad.csv").write_text("SHA256\nnonsense\nmore nonsense\n")
    (home / "nothing.csv").write_text("no column that means anything\n1\n")
    for folder in ("clean", "found", "mixed", "none"):
        (home / folder).mkdir()
    (home / "clean" / "other.safetensors").write_bytes(OTHER)
    (home / "found" / "copy.safetensors").write_bytes(REMOVED)
    adapter(home / "mixed" / "a.safetensors")
    (home / "mixed" / "empty").touch()
    reseen(home, "registry", "add", str(home / "removed.safetensors"))
    reseen(home, "registry", "import", str(home / "list.csv"))
    reseen(home, "scan", "folder", str(home / "found"), "--jobs", "1")
    reseen(home, "index", "save", str(home / "index"))
    reseen(home, "index", "save", str(home / "torn-index"))
    largest = max((home / "torn-index").iterdir(), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1] + b"?")
    reseen(home, "audit", "export", "--out", str(home / "kept.jsonl"))
    empty = ("--db", str(home / "empty.db"))
    reseen(home, "scan", "folder", str(home / "none"), "--jobs", "1", *empty)
    forged = home / "forged.db"
    reseen(home, "registry", "import", str(home / "list.csv"), "--db", str(forged))
    with sqlite3.connect(forged) as connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"
        ).fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE audit SET actor = 'somebody else' WHERE pk = 1")
    connection.close()
    return home


ROWS: list[tuple[int, str]] = [
    # nothing found, nothing to do
    (DONE, "check {home}/other.safetensors"),
    (DONE, "check {home}/text.txt"),
    (DONE, "compare {home}/removed.safetensors {home}/other.safetensors"),
    (DONE, "lookup nobody-of-this-name"),
    (DONE, "sightings --hub elsewhere"),
    (DONE, "scan folder {home}/none --jobs 1"),
    (DONE, "scan folder {home}/found --jobs 1"),
    (DONE, "scan folder {home}/clean --jobs 1 --exit-code"),
    (DONE, "scan folder {home}/clean --jobs 1 --db {home}/empty.db"),
    # a checkpoint, and what is no model, were looked at
    *(
        (DONE, f"{verb} {{home}}/{place}")
        for verb, place in (
            ("check", "checkpoint/whole.safetensors"),
            ("check", "junk/a.bin"),
            ("fingerprint", "checkpoint/whole.safetensors"),
            ("fingerprint", "junk/a.bin"),
            ("scan folder --jobs 1", "checkpoint"),
            ("scan folder --jobs 1", "junk"),
        )
    ),
    (DONE, "recheck"),
    (DONE, "read"),
    (DONE, "problems"),
    (DONE, "blind"),
    (DONE, "registry list"),
    (DONE, "registry import {home}/list.csv"),
    (DONE, "audit verify"),
    (DONE, "index verify {home}/index"),
    (DONE, "report --out {home}/report.html"),
    (DONE, "hubs"),
    (DONE, "ask civitai --db {home}/empty.db"),
    (DONE, "--version"),
    (DONE, "check --help"),
    # a match
    (MATCH, "check {home}/removed.safetensors"),
    (MATCH, "check {home}/copy.safetensors"),
    (MATCH, "check {home}/missing {home}/torn.safetensors {home}/removed.safetensors"),
    (MATCH, "compare {home}/removed.safetensors {home}/copy.safetensors"),
    (MATCH, "compare {home}/text.txt {home}/text.txt"),
    (MATCH, "scan folder {home}/found --jobs 1 --exit-code"),
    # cannot be done
    (CANNOT, "frobnicate"),
    (CANNOT, "check"),
    (CANNOT, "check --frobnicate {home}/other.safetensors"),
    (CANNOT, "check {home}/missing"),
    (CANNOT, "check {home}/found"),
    (CANNOT, "check {home}/other.safetensors {home}/missing"),
    (CANNOT, "check {home}/other.safetensors --db {home}/missing.db"),
    (CANNOT, "check {home}/other.safetensors --db {home}/empty.db"),
    (CANNOT, "check {home}/other.safetensors --db {home}/text.txt"),
    (CANNOT, "compare {home}/missing {home}/other.safetensors"),
    (CANNOT, "fingerprint {home}/missing"),
    (CANNOT, "inspect {home}/missing"),
    (CANNOT, "scan folder {home}/missing"),
    (CANNOT, "scan hf"),
    (CANNOT, "scan elsewhere --all"),
    (CANNOT, "ask"),
    (CANNOT, "ask hf"),
    (CANNOT, "ask elsewhere"),
    (CANNOT, "ask civitai --db {home}/missing.db"),
    (CANNOT, "sighting sg-000000000000"),
    (CANNOT, "problems --db {home}/missing.db"),
    (CANNOT, "report --out {home}/missing/report.html"),
    (CANNOT, "report --out {home}/report.doc"),
    (CANNOT, "recheck --removal rm-00000000"),
    (CANNOT, "read --removal rm-00000000"),
    (CANNOT, "registry import {home}/bad.csv --rejects {home}/rejects.csv"),
    (CANNOT, "registry import {home}/nothing.csv"),
    (CANNOT, "registry import {home}/missing"),
    (CANNOT, "registry add {home}/missing"),
    (CANNOT, "registry add {home}/mixed/empty"),
    (CANNOT, "registry show rm-00000000"),
    (CANNOT, "registry withdraw rm-00000000 --why x"),
    (CANNOT, "registry restore rm-00000000 --why x"),
    (CANNOT, "registry take-back rm-00000000/1 --why x"),
    (CANNOT, "registry settle rm-00000000/1 --why x"),
    (CANNOT, "registry classify rm-00000000 --class likeness --why x"),
    (CANNOT, "registry withdraw-list elsewhere --why x"),
    (CANNOT, "registry entitle elsewhere"),
    (CANNOT, "registry export-class authority --out {home}/x.csv --as nobody --why x"),
    (CANNOT, "audit verify --db {home}/forged.db"),
    (CANNOT, "audit verify --head {home}/text.txt"),
    (CANNOT, "audit export --out {home}/audit.doc"),
    (CANNOT, "index verify {home}/torn-index"),
    (CANNOT, "index verify {home}/missing"),
    (CANNOT, "index verify {home}/index --key-file {home}/missing"),
    (CANNOT, "index save {home}/clean"),
    (CANNOT, "user role nobody reader"),
    (CANNOT, "user add ada --role reader --password-file {home}/missing"),
    (CANNOT, "key revoke nobody"),
    # done in part
    *(
        (PART, f"{verb} {{home}}/{place}")
        for verb, place in (
            ("check", "damaged/torn.safetensors"),
            ("check", "odd/odd.gguf"),
            ("check", "archive/a.zip"),
            ("fingerprint", "damaged/torn.safetensors"),
            ("fingerprint", "odd/odd.gguf"),
            ("fingerprint", "archive/a.zip"),
            ("scan folder --jobs 1", "damaged"),
            ("scan folder --jobs 1", "odd"),
            ("scan folder --jobs 1", "archive"),
        )
    ),
    (PART, "scan folder {home}/junk --jobs 1 --strict"),
    (PART, "scan folder {home}/checkpoint --jobs 1 --strict"),
    (PART, "check {home}/torn.safetensors"),
    (PART, "registry import {home}/part.csv --rejects {home}/rejects.csv --db {home}/part.db"),
    (PART, "registry add {home}/mixed --db {home}/part.db"),
]


BY_ITSELF = {(code, line.split()[0]): line for code, line in reversed(ROWS)}
"""Of each verb one line for each code is run in a process of its own, as by a script."""


@pytest.mark.parametrize(("code", "line"), ROWS, ids=[line for _, line in ROWS])
def test_it_ends_by_the_table(home: Path, code: int, line: str) -> None:
    words = [part.format(home=home) for part in line.split()]
    if line in BY_ITSELF.values():
        done = subprocess.run(
            [sys.executable, "-m", "reseen", *words],
            env=environment(home), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        ended, out, err = done.returncode, done.stdout, done.stderr
    else:
        ended, out, err = run(home, *words)
    assert ended == code, out + err
    assert "Traceback" not in err
    for word in ("missing", "torn-index", "head {home}/text.txt"):
        if code == CANNOT and "{home}/" + word.rpartition("/")[2] in line and word in line:
            assert f"{home}/{word.rpartition('/')[2]}" in err, "what the person gave"
