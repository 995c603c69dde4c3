"""A watch says for programs, round by round, what a scan says: what could not be judged, where a
list may be cut, what it came to."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from replica.server import Replica
from replica.world import Repo, World, lfs
from tests.cli.test_cli_hub import objects, reseen
from tests.files import build
from tests.hostile.test_blind import LORA, WHOLE_WEIGHTS, tlora

from reseen.hubs.hub import MAY_BE_CUT, RepositoryPage
from reseen.hubs.huggingface import CUT, HuggingFace
from reseen.operations import watching
from reseen.records import Problem
from reseen.scan.watch import Round, WatchContext

NOW = datetime.now(UTC).replace(microsecond=0)
SENTENCE = f"{MAY_BE_CUT} 1: this hub never says what follows"


@pytest.fixture
def world() -> World:
    made = World()
    copy = made.add(Repo("sample-account/copy", created=NOW, modified=NOW))
    copy.commit({"copy.safetensors": lfs(build.safetensors(LORA))}, date=NOW)
    other = made.add(Repo("sample-account/other", created=NOW, modified=NOW))
    other.commit(
        {"blind.safetensors": lfs(tlora()), "checkpoint.safetensors": lfs(WHOLE_WEIGHTS)}, date=NOW
    )
    return made


def stop_after(monkeypatch: pytest.MonkeyPatch, rounds: int, *after: Any) -> None:
    """The watch is stopped after so many rounds; what is done after the first ones."""
    whole = watching.watch
    done: list[Round] = []

    def watched(context: WatchContext, open_hub: Any) -> None:
        def ended(finished: Round) -> None:
            assert context.rounds
            context.rounds(finished)
            done.append(finished)
            if len(done) <= len(after):
                after[len(done) - 1]()
            if len(done) == rounds:
                signal.raise_signal(signal.SIGTERM)

        whole(replace(context, rounds=ended), open_hub)

    monkeypatch.setattr(watching, "watch", watched)


def cut_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every list of the hub says that it may be cut."""
    whole = HuggingFace.list_repositories

    async def listed(*given: Any) -> RepositoryPage:
        page = await whole(*given)
        return replace(page, problems=(*page.problems, Problem("hub", SENTENCE, counted=CUT)))

    monkeypatch.setattr(HuggingFace, "list_repositories", listed)


def registered(tmp_path: Path, replica: Replica) -> None:
    removed = tmp_path / "removed.safetensors"
    removed.write_bytes(build.safetensors(LORA))
    reseen(tmp_path, replica, "registry", "add", str(removed))


def test_each_round_says_what_a_scan_says(
    tmp_path: Path, replica: Replica, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(tmp_path, replica)
    cut_lists(monkeypatch)
    stop_after(monkeypatch, 2)
    asked = ("watch", "hf", "--every", "1", "--no-follow", "--json")
    out, _ = reseen(tmp_path, replica, *asked, code=130)
    lines = objects(out)
    first, second = (line for line in lines if "new_sightings" in line)
    told = lines[: lines.index(first)]
    assert [line["path"] for line in told if "sighting" in line] == ["copy.safetensors"]
    (blind,) = (line for line in told if "sighting" not in line)
    assert (blind["path"], blind["scan"]) == ("blind.safetensors", first["scan"])
    assert (first["repositories"], first["new_sightings"], first["ended"]) == (2, 1, True)
    assert first["judged_by_digests_alone"] == 2
    assert first["may_be_cut"] == [SENTENCE]
    assert first["problems"] == 2  # the list, and the file that was not judged
    assert {row["reason"] for row in first["not_looked_at"]} == {CUT}
    # Nothing is new: a line that says so, and no file again.
    assert lines[lines.index(first) + 1 :] == [second]
    assert (second["new_sightings"], second["unchanged"], second["files"]) == (0, 2, 0)
    assert second["scan"] != first["scan"]


def test_its_line_has_the_fields_of_a_scans(
    tmp_path: Path, replica: Replica, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(tmp_path, replica)
    stop_after(monkeypatch, 1)
    watched, _ = reseen(tmp_path, replica, "watch", "hf", "--json", code=130)
    (tmp_path / "other").mkdir()
    registered(tmp_path / "other", replica)
    scanned, _ = reseen(tmp_path / "other", replica, "scan", "hf", "--all", "--json")
    ours, theirs = objects(watched)[-1], objects(scanned)[-1]
    differs = {"requests", "bytes_read"}
    assert {k: v for k, v in ours.items() if k not in differs} == {
        k: v for k, v in theirs.items() if k not in differs
    }
    assert ours.keys() == theirs.keys()


def test_what_is_owed_to_a_later_list_is_a_line_of_its_own(
    tmp_path: Path, replica: Replica, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_after(monkeypatch, 2, lambda: registered(tmp_path, replica))
    out, _ = reseen(tmp_path, replica, "watch", "hf", "--every", "1", "--json", code=130)
    lines = objects(out)
    ends = [line for line in lines if "new_sightings" in line]
    assert len({line["scan"] for line in ends}) == len(ends) == 3
    assert [line["bytes_read"] > 0 for line in ends[:2]] == [False, True]


def test_a_hub_that_stays_away_is_said(
    tmp_path: Path, replica: Replica, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round that was stopped before its end says so, and why."""
    registered(tmp_path, replica)
    whole = HuggingFace.list_repositories

    async def stopped(*given: Any) -> RepositoryPage:
        signal.raise_signal(signal.SIGTERM)
        return await whole(*given)

    monkeypatch.setattr(HuggingFace, "list_repositories", stopped)
    out, _ = reseen(tmp_path, replica, "watch", "hf", "--json", code=130)
    (line,) = objects(out)
    assert line["ended"] is False
    assert line["stopped"]


def test_people_are_told_too(
    tmp_path: Path, replica: Replica, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(tmp_path, replica)
    cut_lists(monkeypatch)
    stop_after(monkeypatch, 1)
    out, err = reseen(tmp_path, replica, "watch", "hf", code=130)
    assert "judged by digests alone" in err
    assert SENTENCE in err
    assert "reseen problems --scan" in err
    assert "blind.safetensors" not in out + err


def test_every_line_is_one_object(
    tmp_path: Path, replica: Replica, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(tmp_path, replica)
    stop_after(monkeypatch, 1)
    out, _ = reseen(tmp_path, replica, "watch", "hf", "--json", code=130)
    assert all(isinstance(json.loads(line), dict) for line in out.splitlines())
