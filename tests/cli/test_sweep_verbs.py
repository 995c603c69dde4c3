"""`reseen sweep`: a store is listed, looked through without a database, and imported."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests import removals_made
from tests.match import updates
from tests.scan.stored import make_tree

from reseen.cli import cli
from reseen.observed import page_templates, sightings
from reseen.records import Names
from reseen.review.pages import page_of
from reseen.settings import Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry with one removal, its saved index and key, and a storage."""
    monkeypatch.setenv("RESEEN_HOME", str(tmp_path))
    monkeypatch.setenv("RESEEN_KEY", "ab" * 32)
    settings = Settings.from_environment()
    with Store(settings.db) as store:
        keyring = Keyring.for_store(store, settings, create=True)
        assert keyring is not None
        file = updates.sketched(updates.REMOVED)
        new = removals_made.NewRemoval("sample", None, None, Names(name="Sample"), (file,))
        with store.write() as connection:
            removals_made.insert(connection, keyring, [new])
    make_tree(tmp_path / "store")
    assert reseen("index", "save", tmp_path / "index")[0] == 0
    assert reseen("index", "key", "--out", tmp_path / "key")[0] == 0
    return tmp_path


def reseen(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(cli, [str(each) for each in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return 2, str(done.exception)
    return done.exit_code, done.output


def run(home: Path, *more: object, manifest: str = "manifest") -> tuple[int, str]:
    given = ("--index", home / "index", "--key-file", home / "key", "--store", home / "store")
    out = () if "--out" in more else ("--out", home / "out")
    return reseen("sweep", "run", home / manifest, *given, *out, "--jobs", 1, *more)


def of_json(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


def test_from_a_listing_to_sightings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reseen("sweep", "list", home / "store", "--out", home / "manifest")[0] == 0
    # As on a worker: no database, no sealing key.
    with monkeypatch.context() as worker:
        worker.delenv("RESEEN_KEY")
        worker.setenv("RESEEN_HOME", str(home / "elsewhere"))
        code, said = run(home, "--confirm", "full", "--exit-code")
        assert code == 1, said
        assert "13 rows in 1 part" in said
        code, said = run(home, "--confirm", "full", "--json")
        assert code == 3, "a damaged file was not judged"
        (told,) = of_json(said)
        assert (told["parts"], told["new"], told["rows"]) == (1, 0, 13)
        assert told["counts"]["match"] == 5
        assert not (home / "elsewhere").exists()
    code, said = reseen("sweep", "import", home / "out", "--hub-name", "Acme", "--json")
    assert code == 3, said
    *found, told = of_json(said)
    assert told["new_sightings"] == len(found) == 5
    assert {one["hub"] for one in found} == {"storage+acme"}
    assert {one["repo"] for one in found} == {"someone/test"}
    code, said = reseen("sweep", "import", home / "out", "--hub-name", "acme", "--exit-code")
    assert code == 1, "it stands there still"
    assert "imported before" in said
    assert reseen("sweep", "import", home / "out", "--hub-name", "acme")[0] == 3, "as the first"
    assert "storage+acme" in reseen("sightings")[1]


def test_other_verbs_know_that_a_storage_is_no_hub_that_can_be_asked(home: Path) -> None:
    size, sha256 = len(updates.REMOVED), hashlib.sha256(updates.REMOVED).hexdigest()
    (home / "manifest").write_text(f"key,size,sha256\nsomeone/test/LORA,{size},{sha256}\n")
    assert run(home)[0] == 0
    assert reseen("sweep", "import", home / "out", "--hub-name", "acme")[0] == 0
    code, said = reseen("recheck")
    assert code == 0
    assert "1 sighting in the storage acme: `reseen sweep run`" in said
    code, said = reseen("read")
    assert "own storage 1 known copy" in said
    assert "reseen read --confirm full" not in said
    (told,) = of_json(reseen("sightings", "--json")[1])
    assert told["confirmed"] == "none"
    assert "url" not in told or told["url"] is None


def test_a_hub_of_the_settings_has_its_pages(home: Path) -> None:
    reseen("sweep", "list", home / "store", "--out", home / "manifest")
    run(home)
    _, said = reseen("sweep", "import", home / "out", "--hub-name", "hf", "--json")
    assert {one.get("hub") for one in of_json(said)[:-1]} == {"huggingface.co"}


def test_how_a_key_becomes_a_place_is_said(home: Path) -> None:
    reseen("sweep", "list", home / "store", "--out", home / "manifest")
    run(home)
    given = ("sweep", "import", home / "out", "--hub-name", "acme")
    page = "https://acme.example/{repository}?file={path}"
    _, said = reseen(*given, "--page-template", page)
    assert "A key like OWNER/NAME/FILE is taken for FILE in OWNER/NAME, at storage+acme" in said
    assert "its page: https://acme.example/OWNER/NAME?file=FILE" in said
    with Store(Settings.from_environment().db) as store, store.read() as connection:
        assert page_templates.of(connection, "storage+acme") == page
        (one, *_) = sightings.every(connection)
        at = page_of(connection, one)
    assert at is not None
    assert at.startswith("https://acme.example/someone/test?file=")
    run(home, "--out", home / "second", "--confirm", "none")
    other = ("sweep", "import", home / "second", "--hub-name", "other", "--repository-steps", "0")
    _, said = reseen(*other)
    assert "taken for FILE, in no repository, at storage+other" in said
    code, said = reseen(*given, "--page-template", "https://acme.example/")
    assert (code, "no template" in said) == (2, True)
    code, said = reseen(*given[:3], "--hub-name", "hf", "--page-template", page)
    assert (code, "pages of its own" in said) == (2, True)


def test_rows_that_could_not_be_read_end_with_3_and_are_said(home: Path) -> None:
    (home / "manifest.csv").write_text("key,size\ngone.bin,9000\nsomeone/test/notes.txt,8000\n")
    code, said = run(home, manifest="manifest.csv")
    assert code == 3
    assert "1 not read" in said
    code, said = reseen("sweep", "import", home / "out", "--hub-name", "acme")
    assert code == 3
    code, said = reseen("problems", "--json")
    assert "no such object" in said


def test_a_part_that_came_half_is_named_and_ends_an_import_with_3(home: Path) -> None:
    rows = "".join(f"gone/a/{n},5\n" for n in range(4))
    (home / "manifest").write_text("key,size\n" + rows)
    run(home, "--part-rows", 2, "--confirm", "none")
    part = home / "out" / "part-00000001.parquet"
    part.write_bytes(part.read_bytes()[:99])
    given = ("sweep", "import", home / "out", "--hub-name", "acme")
    code, said = reseen(*given)
    assert code == 3
    assert "Not taken: part 1 is not what was written" in said
    assert "1 part with 2 rows" in said
    (told,) = of_json(reseen(*given, "--json")[1])
    assert told["damaged"] == [{"part": 1, "reason": "part 1 is not what was written"}]


def test_what_cannot_be_done_ends_with_2_and_a_sentence(home: Path) -> None:
    (home / "manifest").write_text("name,size\nx,5\n")
    assert run(home)[0] == 2
    assert "no column key" in run(home)[1]
    (home / "manifest").write_text("key,size\nx,5\n")
    for wrong in ("0/2", "3/2", "2", "a/b"):
        code, said = run(home, "--shard", wrong)
        assert code == 2, said
    code, said = run(home, "--key-file", home / "manifest")
    assert (code, "no key of indexes" in said or "others can read" in said) == (2, True)
    assert reseen("sweep", "import", home / "store", "--hub-name", "acme")[0] == 2
    assert reseen("sweep", "import", home / "out", "--hub-name", "a b")[0] == 2
    shutil.rmtree(home / "index")
    code, said = run(home)
    assert (code, "no saved index" in said) == (2, True)


def test_other_digests_are_chosen_learned_and_written(home: Path) -> None:
    assert reseen("sweep", "learn") == (0, "none\n")
    assert reseen("sweep", "learn", "md5", "crc64nvme") == (0, "md5 crc64nvme\n")
    assert reseen("sweep", "learn") == (0, "md5 crc64nvme\n")
    data = updates.OTHER
    (home / "other.safetensors").write_bytes(data)
    assert reseen("registry", "add", home / "other.safetensors")[0] == 0
    for kind, head, row in (
        ("md5", "md5,removal", hashlib.md5(data).hexdigest() + ",rm-"),
        ("crc64nvme", "crc64nvme,size,removal", f",{len(data)},rm-"),
        ("sha1", "sha1,removal", None),
    ):
        out = home / f"{kind}.csv"
        code, said = reseen("sweep", "digests", "--kind", kind, "--out", out)
        assert code == 0, said
        first, *rows = out.read_text().splitlines()
        assert first == head
        assert len(rows) == (row is not None)
        assert row is None or row in rows[0]
    assert reseen("sweep", "learn", "--none") == (0, "none\n")
    assert reseen("sweep", "learn", "--none", "md5")[0] == 2
    assert reseen("sweep", "learn", "sha512")[0] == 2


def test_the_registrys_digests_are_written_and_recorded(home: Path) -> None:
    code, said = reseen("sweep", "digests", "--out", home / "digests.csv")
    assert code == 0, said
    assert (home / "digests.csv").stat().st_mode & 0o777 == 0o600
    head, row = (home / "digests.csv").read_text().splitlines()
    assert head == "sha256,removal"
    assert row.startswith(hashlib.sha256(updates.REMOVED).hexdigest() + ",rm-")
    reseen("audit", "export", "--out", home / "audit.jsonl")
    lines = (home / "audit.jsonl").read_text()
    assert '"digests"' in lines
