"""A checkpoint at a hub against one adapter: by parts of the file, and only where that may be."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from replica.server import Replica
from replica.world import Repo, World, lfs
from tests.cli.test_cli_hub import reseen
from tests.match.checkpoints_made import (
    WIDTH,
    as_adapter,
    base,
    checkpoint,
    person,
    plus,
    updates,
)

BAKED = checkpoint(plus(base(), updates(person(7))))
PLACE = "hf://sample-account/mix/{}.safetensors"


@pytest.fixture
def world() -> World:
    made = World()
    repo = made.add(Repo("sample-account/mix"))
    repo.commit(
        {
            "baked.safetensors": lfs(BAKED),
            "other.safetensors": lfs(checkpoint(base(2))),
            "adapter.safetensors": lfs(as_adapter(person(7))),
        }
    )
    return made


@pytest.fixture
def home(tmp_path: Path, replica: Replica) -> Path:
    """With a base model and a removal in its store."""
    (tmp_path / "base.safetensors").write_bytes(checkpoint(base()))
    (tmp_path / "removed.safetensors").write_bytes(as_adapter(person(7)))
    (tmp_path / "stranger.safetensors").write_bytes(as_adapter(person(8)))
    base_model = str(tmp_path / "base.safetensors")
    reseen(tmp_path, replica, "registry", "add", str(tmp_path / "removed.safetensors"))
    reseen(tmp_path, replica, "registry", "base", "add", base_model, "--name", "Sample base")
    return tmp_path


def compare(home: Path, replica: Replica, first: str, second: str, code: int) -> dict[str, object]:
    given = (str(home / f"{first}.safetensors"), PLACE.format(second))
    store = f"sqlite:///{home}/reseen/reseen.db"
    out, _ = reseen(home, replica, "compare", *given, "--db", store, "--json", code=code)
    found: dict[str, object] = json.loads(out)
    return found


def test_a_removal_inside_a_checkpoint_at_a_hub_is_found_by_parts_of_it(
    home: Path, replica: Replica
) -> None:
    replica.journal.clear()
    found = compare(home, replica, "removed", "baked", 1)
    assert (found["copy"], found["rung"]) == (True, "weights")
    assert "beside the base Sample base" in str(found["why"])
    seen = found["checkpoint"]
    assert isinstance(seen, dict)
    assert seen["modules"] == 64  # of 72
    ranges = [entry.sent for entry in replica.journal.entries if entry.host == "cdn"]
    assert len(ranges) == 2 + 64  # its header twice, then each layer once
    assert sum(ranges[2:]) == 64 * WIDTH * WIDTH * 2


def test_who_is_not_inside_is_not_said_to_be(home: Path, replica: Replica) -> None:
    found = compare(home, replica, "stranger", "baked", 0)
    assert (found["copy"], found["lead"]) == (False, False)


def test_a_checkpoint_of_an_unknown_base_is_said_to_be_that(home: Path, replica: Replica) -> None:
    given = (str(home / "removed.safetensors"), PLACE.format("other"))
    store = f"sqlite:///{home}/reseen/reseen.db"
    _, err = reseen(home, replica, "compare", *given, "--db", store, code=2)
    assert "none of the known base models is its base" in err
    assert "registry base add" in err


def test_an_adapter_at_a_hub_is_compared_as_before(home: Path, replica: Replica) -> None:
    found = compare(home, replica, "removed", "adapter", 1)
    assert (found["relation"], found["checkpoint"]) == ("same", None)


def test_of_the_class_that_is_never_read_nothing_is(home: Path, replica: Replica) -> None:
    digest = hashlib.sha256(BAKED).hexdigest()
    (home / "list.csv").write_text(f"sha256,class\n{digest},capable of child abuse imagery\n")
    reseen(home, replica, "registry", "import", str(home / "list.csv"))
    replica.journal.clear()
    given = (str(home / "removed.safetensors"), PLACE.format("baked"))
    store = f"sqlite:///{home}/reseen/reseen.db"
    _, err = reseen(home, replica, "compare", *given, "--db", store, code=2)
    assert "only digests are compared" in err
    assert not [entry for entry in replica.journal.entries if entry.host == "cdn"]


def test_what_was_added_to_the_base_is_drawn_block_by_block(home: Path, replica: Replica) -> None:
    drawn, nothing = home / "blocks.svg", home / "nothing.svg"
    store = ("--db", f"sqlite:///{home}/reseen/reseen.db", "--plot")
    removed, stranger = (str(home / f"{name}.safetensors") for name in ("removed", "stranger"))
    place = PLACE.format("baked")
    reseen(home, replica, "compare", removed, place, *store, str(drawn), code=1)
    text = drawn.read_text("utf-8")
    assert "beside the base Sample base, it is inside" in text
    assert "down_blocks" in text
    _, said = reseen(home, replica, "compare", stranger, place, *store, str(nothing), code=0)
    assert "was not written" in said
    assert not nothing.exists()
