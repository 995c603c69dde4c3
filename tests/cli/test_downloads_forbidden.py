"""A setting keeps everything off the routes that count as downloads: only the API is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from replica.lists import write_csv
from replica.server import Replica
from replica.world import World
from tests.cli.test_cli_hub import objects, reseen

from reseen.scan.inspect import DOWNLOADS

FORBIDDEN = {"RESEEN_HUB_HUGGINGFACE_DOWNLOADS": "no"}
OF_FILES = {"resolve", "resolve-cache", "raw", "cdn"}


@pytest.fixture
def known(tmp_path: Path, replica: Replica, world: World) -> Path:
    names = tmp_path / "removed.csv"
    write_csv(names, world.removals)
    reseen(tmp_path, replica, "registry", "import", str(names))
    return tmp_path


def scanned(home: Path, replica: Replica, code: int, **more: str) -> dict[str, int]:
    """What was left out, by reason."""
    out, _ = reseen(home, replica, "scan", "hf", "--all", "--json", code=code, **more)
    *_, account = objects(out)
    return {each["reason"]: each["count"] for each in account["not_looked_at"]}


def test_a_scan_asks_the_api_alone_and_says_what_it_did_not_read(
    known: Path, replica: Replica
) -> None:
    left = scanned(known, replica, 3, **FORBIDDEN)
    assert left.pop(DOWNLOADS) >= 10
    assert not OF_FILES & set(replica.journal.requests)
    assert replica.journal.downloads == 0
    assert {entry.method for entry in replica.journal.entries} == {"GET"}
    seen = objects(reseen(known, replica, "sightings", "--json")[0])
    assert seen
    assert {each["confirmed"] for each in seen} == {"none"}
    # What was left is read as soon as it may be.
    assert DOWNLOADS not in scanned(known, replica, 3)
    assert replica.journal.requests["resolve"] > 0
    seen = objects(reseen(known, replica, "sightings", "--json")[0])
    assert "header" in {each["confirmed"] for each in seen}


def test_a_file_that_is_named_is_not_read_either(known: Path, replica: Replica) -> None:
    at = "hf://account-13/small/e.safetensors"
    _, err = reseen(known, replica, "compare", at, at, code=2, **FORBIDDEN)
    assert "may count that as a download" in err
    assert "RESEEN_HUB_HUGGINGFACE_DOWNLOADS" in err
    assert not OF_FILES & set(replica.journal.requests)


def test_it_is_said_of_a_hub(known: Path, replica: Replica) -> None:
    out, _ = reseen(known, replica, "hubs", **FORBIDDEN)
    assert out.count("no file is read") == 1
    hub, other = objects(reseen(known, replica, "hubs", "--json", **FORBIDDEN)[0])
    assert (hub["downloads"], other["downloads"]) == (False, True)
