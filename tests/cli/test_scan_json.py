"""What a scan could not judge is in what it prints for programs, too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.files import build
from tests.hostile.test_blind import CASES, LORA, WHOLE_WEIGHTS
from tests.match.made import fully_known, remove

from reseen.cli import cli
from reseen.store.database import Store


@pytest.mark.parametrize("case", ["T-LoRA", "damaged", "none"])
def test_a_scan_says_for_programs_what_it_could_not_judge(
    store: Store, tmp_path: Path, case: str
) -> None:
    root = tmp_path / "models"
    root.mkdir()
    (root / "copy.safetensors").write_bytes(build.safetensors(LORA))
    (root / "checkpoint.safetensors").write_bytes(WHOLE_WEIGHTS)
    remove(store, fully_known(build.safetensors(LORA)))
    expected: set[tuple[str, int]] = set()
    if case != "none":
        name, data, expected = CASES[case]
        (root / name).write_bytes(data)
    asked = ["scan", "folder", "--db", store.place, "--jobs", "1", "--json", str(root)]
    lines = [json.loads(line) for line in CliRunner().invoke(cli, asked).stdout.splitlines()]
    sighting, *blind, end = lines
    assert sighting["path"] == "copy.safetensors"
    assert {(s["code"], s["count"]) for b in blind for s in b["not_read"]} == expected
    assert all(b["judged_by"][0] == "bytes" and "weights" not in b["judged_by"] for b in blind)
    assert all(b["scan"] == end["scan"] for b in blind)
    assert (end["ended"], end["new_sightings"]) == (True, 1)
    counted = {each["code"]: each["files"] for each in end["not_read"]}
    assert counted == {"whole-weights": 1} | {code: 1 for code, _ in expected}
    assert end["judged_by_digests_alone"] == len(blind) + 1
