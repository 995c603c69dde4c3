"""Base models in a store: put in, listed, taken out; and what `check` says of checkpoints."""

from __future__ import annotations

import hashlib
import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.match.checkpoints_made import (
    Weights,
    as_adapter,
    base,
    checkpoint,
    gguf_checkpoint,
    person,
    plus,
    updates,
)

from reseen.api import Registry
from reseen.cli import cli
from reseen.errors import Conflict, FileError, InputError, NotFound
from reseen.store import audit
from reseen.store.database import Store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the base's file, a removed adapter's, and a checkpoint that has it inside."""
    weights = base()
    files = {
        "base": checkpoint(weights),
        "removed": as_adapter(person(7)),
        "baked": checkpoint(plus(weights, updates(person(7)))),
        "coarse": checkpoint(weights, "F8_E4M3"),
        "other": checkpoint(base(2)),
    }
    for name, data in files.items():
        (tmp_path / f"{name}.safetensors").write_bytes(data)
    return tmp_path


def run(folder: Path, *words: str) -> Result:
    given = [word.replace("@", f"{folder}/") for word in words]
    return CliRunner().invoke(cli, [*given, "--db", str(folder / "reseen.db")])


def told(result: Result) -> dict[str, Any]:
    assert result.stdout, result.exception
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[0])
    return found


def put_in(folder: Path, file: str = "base", name: str = "Sample base 1.0") -> Result:
    return run(folder, "registry", "base", "add", f"@{file}.safetensors", "--name", name)


def test_a_base_goes_in_is_listed_and_goes_out(folder: Path) -> None:
    added = told(
        run(folder, "registry", "base", "add", "@base.safetensors", "--name", "B", "--json")
    )
    assert added["name"] == "B"
    assert added["modules"] == 72
    assert (added.pop("sightings"), added.pop("to_read")) == ([], 0)
    assert told(run(folder, "registry", "base", "list", "--json")) == added | {
        "added": told(run(folder, "registry", "base", "list", "--json"))["added"]
    }
    assert isinstance(put_in(folder, name="B").exception, Conflict)
    assert isinstance(put_in(folder, name="C").exception, Conflict)
    assert run(folder, "registry", "base", "remove", "B").exit_code == 0
    assert isinstance(run(folder, "registry", "base", "remove", "B").exception, NotFound)
    assert "No base models" in run(folder, "registry", "base", "list").stderr
    with Store(f"sqlite:///{folder}/reseen.db") as store, store.read() as connection:
        assert {"base-add", "base-remove"} <= set(audit.actions(connection))


def test_what_is_no_base_is_refused(folder: Path) -> None:
    assert run(folder, "registry", "add", "@removed.safetensors").exit_code == 0
    for file, error in (("removed", InputError), ("coarse", FileError)):
        assert isinstance(put_in(folder, file).exception, error), file
    assert put_in(folder).exit_code == 0
    refused = put_in(folder, "baked", "Sample base 2.0").exception
    assert "has a removed model inside" in str(refused)
    assert isinstance(put_in(folder, "other", "\n").exception, InputError)


def test_check_tells_the_base_and_what_is_inside(folder: Path) -> None:
    assert run(folder, "registry", "add", "@removed.safetensors").exit_code == 0
    nothing = run(folder, "check", "@baked.safetensors")
    assert nothing.exit_code == 0
    assert "no base model of its architecture is known" in nothing.stdout
    assert put_in(folder).exit_code == 0

    found = run(folder, "check", "@baked.safetensors", "--json")
    assert found.exit_code == 1
    fields = told(found)
    assert fields["checkpoint"]["base"] == "Sample base 1.0"
    assert fields["checkpoint"]["marks"] == 72
    (inside,) = fields["checkpoint"]["parts"]
    (match,) = fields["matches"]
    assert inside["removal"] == match["removal"]
    assert (inside["sure"], inside["doubt"], match["rung"]) == (True, None, "weights")
    assert inside["strength"] == pytest.approx(1, abs=0.05)
    assert "Inside a checkpoint, beside the base Sample base 1.0" in match["why"]

    assert run(folder, "check", "@base.safetensors").exit_code == 0
    cast = run(folder, "check", "@coarse.safetensors")
    assert cast.exit_code == 0
    assert "nothing but the rounding of its number format" in cast.stdout
    other = told(run(folder, "check", "@other.safetensors", "--json"))
    assert (other["checkpoint"]["base"], other["matches"]) == (None, [])
    assert "none of the known base models" in other["checkpoint"]["why"]
    assert told(run(folder, "check", "@removed.safetensors", "--json"))["checkpoint"] is None


def test_what_is_removed_is_no_base_whichever_came_first(folder: Path) -> None:
    assert run(folder, "registry", "add", "@removed.safetensors").exit_code == 0
    assert put_in(folder).exit_code == 0
    digest = hashlib.sha256((folder / "base.safetensors").read_bytes()).hexdigest()
    (folder / "list.csv").write_text(f"name,sha256\nSample person 07,{digest}\n")
    assert told(run(folder, "check", "@baked.safetensors", "--json"))["checkpoint"]["base"]
    given = ("registry", "import", "@list.csv", "--list", "sample")
    assert run(folder, *given).exit_code == 0
    seen = told(run(folder, "check", "@baked.safetensors", "--json"))["checkpoint"]
    assert (seen["base"], seen["why"][:32]) == (None, "no base model of its architectur")
    why = ("--why", "a test")
    assert run(folder, "registry", "withdraw-list", "sample", *why).exit_code == 0
    assert told(run(folder, "check", "@baked.safetensors", "--json"))["checkpoint"]["base"]


@pytest.mark.parametrize("order", [*permutations(("base", "baked", "removal"))])
def test_a_base_hides_nothing_that_is_removed_later(folder: Path, order: tuple[str, ...]) -> None:
    """Of two bases one has a removal inside: it is refused, or out of use when that is removed."""
    for what in order:
        if what == "removal":
            assert run(folder, "registry", "add", "@removed.safetensors").exit_code == 0
        elif not (what == "baked" and order[-1] == "baked"):
            assert put_in(folder, what, f"Sample {what}").exit_code == 0
    fields = told(run(folder, "check", "@baked.safetensors", "--json"))
    assert fields["checkpoint"]["base"] == "Sample base"
    assert [part["sure"] for part in fields["checkpoint"]["parts"]] == [True]
    clean = told(run(folder, "check", "@base.safetensors", "--json"))
    assert (clean["checkpoint"]["base"], clean["matches"]) == ("Sample base", [])


def test_compare_says_whether_the_first_is_inside(folder: Path) -> None:
    assert run(folder, "registry", "add", "@removed.safetensors").exit_code == 0
    unknown = run(folder, "compare", "@removed.safetensors", "@baked.safetensors")
    assert isinstance(unknown.exception, InputError)
    assert "registry base add" in str(unknown.exception.remedy)
    assert put_in(folder).exit_code == 0
    found = run(folder, "compare", "@removed.safetensors", "@baked.safetensors", "--json")
    assert (found.exit_code, told(found)["copy"], told(found)["rung"]) == (1, True, "weights")
    (part,) = told(found)["checkpoint"]["parts"]
    assert part["sure"]
    (folder / "stranger.safetensors").write_bytes(as_adapter(person(8)))
    other = run(folder, "compare", "@stranger.safetensors", "@baked.safetensors", "--json")
    assert (other.exit_code, told(other)["copy"], told(other)["lead"]) == (0, False, False)


def test_something_unknown_beside_makes_a_lead(folder: Path) -> None:
    assert run(folder, "registry", "add", "@removed.safetensors").exit_code == 0
    assert put_in(folder).exit_code == 0
    weights = plus(plus(base(), updates(person(7), 0.8)), updates(person(9), 0.9))
    (folder / "two.safetensors").write_bytes(checkpoint(weights))
    fields = told(run(folder, "check", "@two.safetensors", "--json"))
    assert [part["sure"] for part in fields["checkpoint"]["parts"]] == [False]


def test_a_quantised_file_and_python(folder: Path) -> None:
    assert run(folder, "registry", "add", "@removed.safetensors").exit_code == 0
    assert put_in(folder).exit_code == 0
    weights: Weights = plus(base(), updates(person(7)))
    gguf_checkpoint(weights, "Q8_0", str(folder / "q8.gguf"))
    with Registry.open(folder / "reseen.db") as registry:
        found = registry.check(folder / "q8.gguf")
    assert found.matched
    assert found.checkpoint is not None
    assert found.checkpoint.base == "Sample base 1.0"


def test_a_file_of_the_class_that_is_never_read_is_no_base(folder: Path) -> None:
    given = ("registry", "add", "@base.safetensors", "--class", "child-abuse-imagery")
    assert run(folder, *given).exit_code == 0
    refused = put_in(folder).exception
    assert isinstance(refused, InputError)
    assert "only digests are compared" in str(refused)
