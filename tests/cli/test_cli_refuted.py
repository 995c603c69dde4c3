"""What reading refuted, on the command line: last, counted apart, and never "seen again"."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from replica.lists import write_csv
from replica.server import Replica
from replica.world import World
from tests.cli.test_cli_hub import objects, reseen
from tests.review.room import Room

from reseen.cli import cli
from reseen.observed import sightings
from reseen.records import Rung
from reseen.store.database import Store


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A registry with one sighting that stands and one that is refuted; their ids."""
    monkeypatch.setenv("RESEEN_HOME", str(tmp_path))
    monkeypatch.setenv("RESEEN_KEY", "07" * 32)
    with Store(f"sqlite:///{tmp_path / 'reseen.db'}") as store:
        room = Room(store)
        room.see("a/true", read="three")
        room.refute("a/framed", removal=room.other)  # recorded last: elsewhere the newest is first
        with store.read() as connection:
            found = {one.rung: one for one in sightings.every(connection)}
        return found[Rung.BYTES].id, found[Rung.REFUTED].id


def told(*arguments: str) -> tuple[str, str]:
    result = CliRunner().invoke(cli, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def test_sightings_has_it_last_and_counts_it_apart(home: tuple[str, str]) -> None:
    true, refuted = home
    out, err = told("sightings")
    assert out.index(true) < out.index(refuted)
    assert "refuted" in out
    assert "1 sighting, and 1 refuted" in err
    assert true not in told("sightings", "--refuted")[0]
    assert refuted not in told("sightings", "--rung", "weights")[0]
    lines = [json.loads(line) for line in told("sightings", "--json")[0].splitlines()]
    assert [(x["rung"], x["counts"]) for x in lines] == [("bytes", True), ("refuted", False)]


def test_sighting_says_what_is_not_so(home: tuple[str, str]) -> None:
    out, _ = told("sighting", home[1])
    assert "refuted:" in out
    assert "the hub's statement is false" in out
    value = json.loads(told("sighting", home[1], "--json")[0])
    assert [x["holds"] for x in value["evidence"]] == [False]


def test_lookup_does_not_say_that_it_was_seen_again(home: tuple[str, str]) -> None:
    out, _ = told("lookup", home[1])
    assert "not a copy:" in out
    assert "seen again:" not in out
    assert "not seen again so far" in out


def test_a_report_tells_it_apart(home: tuple[str, str], tmp_path: Path) -> None:
    told("report", "--out", str(tmp_path / "report.jsonl"))
    lines = (tmp_path / "report.jsonl").read_text().splitlines()
    assert [json.loads(line)["rung"] for line in lines] == ["bytes", "refuted"]
    told("report", "--out", str(tmp_path / "report.html"))
    assert "1 more sighting is refuted" in (tmp_path / "report.html").read_text()


FRAMED = ("scan", "hf", "account-09/framed", "--confirm", "full", "--no-follow")


@pytest.fixture
def registry(tmp_path: Path, replica: Replica, world: World) -> Path:
    listed = tmp_path / "removed.csv"
    write_csv(listed, world.removals)
    reseen(tmp_path, replica, "registry", "import", str(listed), "--quiet")
    return tmp_path


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_a_line_that_was_shown_and_refuted_later_is_said_to_be(
    registry: Path, replica: Replica, quiet: tuple[str, ...]
) -> None:
    out, err = reseen(registry, replica, *FRAMED, "--exit-code", *quiet)
    (line,) = out.splitlines()
    assert "declared" in line
    assert f"{line.split()[0]} was refuted by reading: it is no copy" in err


def test_as_json_it_is_shown_again_as_it_stands_now(registry: Path, replica: Replica) -> None:
    out, _ = reseen(registry, replica, *FRAMED, "--json")
    rows = [each for each in objects(out) if "sighting" in each]
    assert [(each["rung"], each["counts"]) for each in rows] == [
        ("declared", True),
        ("refuted", False),
    ]
    assert len({each["sighting"] for each in rows}) == 1
    assert objects(out)[-1]["refuted"] == 1


def test_what_stands_still_ends_with_1(registry: Path, replica: Replica) -> None:
    given = ("scan", "hf", "account-09/framed", "account-01/LORA", "--confirm", "full")
    _, err = reseen(registry, replica, *given, "--no-follow", "--exit-code", code=1)
    assert sum(line.startswith("sg-") and "refuted" in line for line in err.splitlines()) == 1
