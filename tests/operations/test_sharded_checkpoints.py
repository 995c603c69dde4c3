"""A checkpoint in several files, named by its index: as a base, as what has a removal inside, and
of the class that is never read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from tests.match.checkpoints_made import (
    Weights,
    as_adapter,
    base,
    checkpoint,
    person,
    plus,
    updates,
)
from tests.operations.test_bases import run, told

from reseen.errors import InputError, Unread

ENDING = ".safetensors.index.json"
SHARDS = 3


def in_shards(folder: Path, name: str, weights: Weights) -> None:
    """As `save_pretrained` leaves a large model: numbered files, and an index beside them."""
    places: dict[str, str] = {}
    names = list(weights)
    for number in range(SHARDS):
        some = {each: weights[each] for each in names[number::SHARDS]}
        file = f"{name}-{number + 1:05}-of-{SHARDS:05}.safetensors"
        data = checkpoint(some)
        (folder / file).write_bytes(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        places |= dict.fromkeys(header.keys() - {"__metadata__"}, file)
    (folder / f"{name}{ENDING}").write_text(json.dumps({"weight_map": places}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a base and a checkpoint in shards, and the adapter that is inside."""
    in_shards(tmp_path, "base", base())
    in_shards(tmp_path, "baked", plus(base(), updates(person(7))))
    (tmp_path / "removed.safetensors").write_bytes(as_adapter(person(7)))
    (tmp_path / "whole.safetensors").write_bytes(checkpoint(base()))
    return tmp_path


def put_in(folder: Path, file: str, name: str = "Sample base") -> Result:
    return run(folder, "registry", "base", "add", f"@{file}", "--name", name)


@pytest.mark.parametrize("known", [f"base{ENDING}", "whole.safetensors"])
def test_what_is_inside_is_found_by_the_index(folder: Path, known: str) -> None:
    run(folder, "registry", "add", "@removed.safetensors")
    assert put_in(folder, known).exit_code == 0
    found = run(folder, "check", f"@baked{ENDING}", "--json")
    assert found.exit_code == 1
    fields = told(found)
    assert fields["checkpoint"]["base"] == "Sample base"
    assert fields["checkpoint"]["modules"] == 72
    (inside,) = fields["checkpoint"]["parts"]
    assert inside["sure"]
    assert inside["strength"] == pytest.approx(1, abs=0.05)

    nothing = run(folder, "check", f"@base{ENDING}")
    assert nothing.exit_code == 0
    compared = run(folder, "compare", "@removed.safetensors", f"@baked{ENDING}", "--json")
    assert compared.exit_code == 1
    assert told(compared)["copy"] is True


def test_a_shard_that_is_missing_is_said(folder: Path) -> None:
    run(folder, "registry", "add", "@removed.safetensors")
    assert put_in(folder, f"base{ENDING}").exit_code == 0
    (folder / "baked-00002-of-00003.safetensors").unlink()
    found = run(folder, "check", f"@baked{ENDING}", "--strict")
    assert "a file that the index names is not beside it" in found.stdout + found.stderr
    assert found.exit_code == 3
    refused = put_in(folder, f"baked{ENDING}", "Another").exception
    assert "a file that the index names is not beside it" in str(refused)


def test_nothing_is_read_where_a_shard_is_of_the_class(folder: Path) -> None:
    run(folder, "registry", "add", "@removed.safetensors")
    assert put_in(folder, "whole.safetensors").exit_code == 0
    named = ("--class", "child-abuse-imagery")
    assert (
        run(folder, "registry", "add", "@baked-00002-of-00003.safetensors", *named).exit_code == 0
    )
    found = told(run(folder, "check", f"@baked{ENDING}", "--json"))
    assert found.get("checkpoint") is None
    compared = run(folder, "compare", "@removed.safetensors", f"@baked{ENDING}", "--json")
    assert isinstance(compared.exception, Unread)
    assert isinstance(put_in(folder, f"baked{ENDING}", "Another").exception, InputError)
