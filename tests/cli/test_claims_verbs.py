"""Lists and single claims by the command line: shown with their source, withdrawn and put back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from reseen.cli import cli
from reseen.errors import InputError, NotFound, ReseenError

FILE = b"a removed model " * 400
SHA256 = hashlib.sha256(FILE).hexdigest()
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A registry of one removal: two lists speak of it, one with a false size, and its file was
    read."""
    (tmp_path / "seen").mkdir()
    (tmp_path / "seen" / "LORA").write_bytes(FILE)
    (tmp_path / "one.csv").write_text(f"name,sha256,size\nSample person 07,{SHA256},77\n")
    (tmp_path / "two.csv").write_text(f"sha256\n{SHA256}\n")

    def invoke(*words: str) -> Result:
        words = tuple(w.replace("@", f"{tmp_path}/") for w in words)
        return CliRunner().invoke(cli, [*words, "--db", str(tmp_path / "reseen.db")])

    assert invoke("registry", "import", "@one.csv", "@two.csv").exit_code == 0
    assert invoke("scan", "folder", "@seen").exit_code == 0
    return invoke


def removal(run: Run) -> dict[str, object]:
    shown: dict[str, object] = json.loads(
        run("registry", "list", "--withdrawn", "--json").output.splitlines()[0]
    )
    return shown


def test_every_fact_is_shown_with_its_source(run: Run) -> None:
    one = removal(run)
    first, second, learned = one["claims"]  # type: ignore[misc]
    assert (first["list"], first["size"], first["size_false"]) == ("one", 77, True)
    assert (second["list"], second["size_false"]) == ("two", False)
    assert learned["learned"]
    assert learned["rests_on"] == [first["claim"], second["claim"]]
    text = run("registry", "show", str(one["removal"])).output
    assert f"{one['removal']}/1  list one: 77 bytes, its size is FALSE" in text
    assert "Sample person" not in text


def test_what_a_list_says_leaves_with_it(run: Run) -> None:
    for name in ("one", "two"):
        assert "is withdrawn" in run("registry", "withdraw-list", name, "--why", "a test").output
        standing = run("sightings", "--json").output.splitlines()
        assert len([line for line in standing if line.startswith("{")]) == (name == "one")
    told = run("registry", "lists", "--json").output.splitlines()
    assert [json.loads(line)["withdrawn"] for line in told] == [True, True]
    assert isinstance(run("check", "@seen/LORA").exception, ReseenError)
    assert run("registry", "restore-list", "one", "--why", "a test").exit_code == 0
    assert run("check", "@seen/LORA").exit_code == 1
    assert "(it was already)" in run("registry", "restore-list", "one", "--why", "again").output
    told_ = run("registry", "withdraw-list", "none", "--why", "a test")
    assert isinstance(told_.exception, NotFound)


def test_what_was_learned_is_taken_back_and_not_learned_again(run: Run) -> None:
    learned = f"{removal(run)['removal']}/3"
    assert "out of use" in run("registry", "take-back", learned, "--why", "a test").output
    assert run("scan", "folder", "@seen").exit_code == 0
    claims = removal(run)["claims"]
    assert [c["in_force"] for c in claims] == [True, True, False]  # type: ignore[attr-defined]
    assert "in use" in run("registry", "put-back", learned, "--why", "a test").output
    claims = removal(run)["claims"]
    assert [c["in_force"] for c in claims] == [True, True, True]  # type: ignore[attr-defined]


def test_a_claim_that_a_file_contradicts_waits_for_a_person(run: Run, tmp_path: Path) -> None:
    lie = hashlib.sha1(b"another file").hexdigest()
    (tmp_path / "lie.csv").write_text(f"sha256,git-blob-sha1\n{SHA256},{lie}\n")
    assert run("registry", "import", "@lie.csv").exit_code == 0
    one = removal(run)
    assert [c["contradicted"] for c in one["claims"]][-1] is True  # type: ignore[attr-defined]
    claim = f"{one['removal']}/{len(one['claims'])}"  # type: ignore[arg-type]
    assert "looked at" in run("registry", "settle", claim, "--why", "a test").output
    assert "nothing contradicts" in run("registry", "settle", claim, "--why", "a test").output
    assert run("sightings").exit_code == 0
    assert "bytes" in run("sightings").output


@pytest.mark.parametrize("wrong", ["rm-00000000/1", "rm-1/x", "sample"])
def test_what_names_no_claim_is_told(run: Run, wrong: str) -> None:
    told = run("registry", "take-back", wrong, "--why", "a test").exception
    assert isinstance(told, InputError | NotFound)
