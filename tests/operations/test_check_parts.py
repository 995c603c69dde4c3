"""What `check` says of a merge, and `compare`: with decoys enough it is evidence, else a lead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks.adapters import Adapter
from click.testing import CliRunner
from tests.match.merges import concatenated, file_of, person, put, put_decoys

from reseen.api import Registry
from reseen.cli import cli
from reseen.records import Rung
from reseen.store.database import Store


@pytest.fixture(scope="module")
def removed() -> Adapter:
    return person(7)


@pytest.fixture(scope="module")
def merge(removed: Adapter) -> bytes:
    """With another that is twenty times as strong."""
    return file_of(concatenated([removed, person(8)], [0.05, 1]))


def asked(verb: str, *given: object) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(cli, [verb, *map(str, given), "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_a_merge_is_a_match_and_a_stranger_is_none(
    store: Store, tmp_path: Path, removed: Adapter, merge: bytes
) -> None:
    (removal,) = put(store, removed)
    put_decoys(store)
    file, other = tmp_path / "merge.safetensors", tmp_path / "other.safetensors"
    file.write_bytes(merge)
    other.write_bytes(file_of(concatenated([person(9), person(8)], [0.05, 1])))

    code, told = asked("check", file, "--db", store.place)
    assert code == 1
    (match,) = told["matches"]
    assert (match["removal"], match["rung"]) == (removal, "component")
    (evidence,) = match["evidence"]
    assert evidence["figures"]["by"] == "columns"
    assert evidence["figures"]["share"] > 0.8
    assert evidence["figures"]["decoys"] >= 200
    assert evidence["figures"]["modules"] == 64
    assert evidence["figures"]["margin"] > 0.5
    assert evidence["figures"]["p_value"] <= 1e-6
    (part,) = told["parts"]
    assert (part["removal"], part["verdict"]) == (removal, "inside a merge")
    text = CliRunner().invoke(cli, ["check", str(file), "--db", store.place]).stdout
    assert f"component {removal}" in text
    assert "lead" not in text

    assert asked("check", other, "--db", store.place)[0] == 0

    first = tmp_path / "removed.safetensors"
    first.write_bytes(file_of(removed))
    code, told = asked("compare", first, file, "--db", store.place)
    assert (code, told["rung"], told["copy"], told["lead"]) == (1, "component", False, False)
    # What is inside of what was removed is not that itself.
    code, told = asked("compare", file, first, "--db", store.place)
    assert (code, told["rung"], told["lead"]) == (0, "weights", True)
    assert told["inside"]["part"] == "b"

    with Registry.open(store.place) as registry:
        checked = registry.check(file)
    assert [(m.removal, m.rung) for m in checked.matches] == [(removal, Rung.COMPONENT)]
    assert [(p.removal, p.is_sure) for p in checked.parts] == [(removal, True)]


def test_two_removals_in_one_file_are_two_matches(store: Store, tmp_path: Path) -> None:
    first, second = person(11), person(12)
    ids = put(store, first, second)
    put_decoys(store)
    file = tmp_path / "merge.safetensors"
    file.write_bytes(file_of(concatenated([first, second, person(13)], [0.1, 0.05, 1])))
    _, told = asked("check", file, "--db", store.place)
    assert {m["removal"]: m["rung"] for m in told["matches"]} == dict.fromkeys(ids, "component")


def test_without_decoys_it_is_a_lead_and_no_match(
    store: Store, tmp_path: Path, removed: Adapter, merge: bytes
) -> None:
    (removal,) = put(store, removed)
    put_decoys(store, 50)
    file = tmp_path / "merge.safetensors"
    file.write_bytes(merge)
    code, told = asked("check", file, "--db", store.place)
    assert (code, told["matches"]) == (0, [])
    (part,) = told["parts"]
    assert (part["removal"], part["verdict"]) == (removal, "may be inside a merge")
    assert not part["calibrated"]
    text = CliRunner().invoke(cli, ["check", str(file), "--db", store.place]).stdout
    assert f"lead {removal}" in text
