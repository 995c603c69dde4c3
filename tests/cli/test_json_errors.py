"""What cannot be done, as JSON: one shape for every verb, and the codes are those without it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from replica.server import Replica
from replica.world import World
from tests.cli.test_cli_hub import objects, reseen
from tests.scan.test_other_hubs import lacking

from reseen.operations import scans
from reseen.scan.progress import Outcome
from reseen.scan.walk import GO_ON, STOPPED

SHAPE = ["error", "kind", "remedy", "exit_code"]
SHA256 = "9f3c71d2e58a40b6" * 4


@pytest.fixture
def registry(tmp_path: Path, replica: Replica) -> Path:
    listed = tmp_path / "list.csv"
    listed.write_text(f"name,sha256\nSample person 07,{SHA256}\n")
    reseen(tmp_path, replica, "registry", "import", str(listed), "--quiet")
    return tmp_path


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        (("sighting", "sg-abcdef123456"), "NotFound", "no such sighting: sg-abcdef123456"),
        (("registry", "show", "rm-abcdef12"), "NotFound", "no such removal: rm-abcdef12"),
        (("registry", "show", "Sample person 07"), "NotFound", "no such removal"),
        (("problems", "--scan", "99"), "NotFound", "no such scan: 99"),
        (("blind", "--scan", "99"), "NotFound", "no such scan: 99"),
        (("sightings", "--nonsense"), "UsageError", "--nonsense"),
        (("lookup",), "UsageError", "QUERY"),
        (("scan", "nowhere", "a/b"), "InputError", "nowhere"),
        (("sightings", "--db", "missing.db"), "StoreMissing", "missing.db"),
        (("compare", "a.safetensors", "b.safetensors"), "FileError", "a.safetensors"),
    ],
)
def test_an_error_is_one_object_of_one_shape(
    registry: Path, replica: Replica, given: tuple[str, ...], kind: str, said: str
) -> None:
    plain, words = reseen(registry, replica, *given, code=2)
    out, err = reseen(registry, replica, *given, "--json", code=2)
    last = objects(out)[-1]
    assert list(last) == SHAPE
    assert last["kind"] == kind
    assert said in str(last["error"])
    assert last["exit_code"] == 2
    assert "Sample" not in out + err
    assert err == words  # and the words for people are what they were
    assert "exit_code" not in plain


def test_after_two_dashes_a_word_is_a_word(registry: Path, replica: Replica) -> None:
    out, _ = reseen(registry, replica, "sighting", "--", "--json", code=2)
    assert out == ""


def test_what_a_scan_could_not_look_at_of_its_target_is_an_object(
    registry: Path, replica: Replica
) -> None:
    out, err = reseen(
        registry, replica, "scan", "hf", "nobody/nothing", "--json", "--quiet", code=2
    )
    refused, end = objects(out)
    assert list(refused) == SHAPE
    assert refused["kind"] == "Refused"
    assert str(refused["error"]).startswith("nobody/nothing: ")
    assert end["ended"] is True
    assert "nobody/nothing: " in err


@pytest.mark.parametrize("verb", [("scan", "hf", "account-13/small"), ("read",)])
@pytest.mark.parametrize(
    ("stopped", "kind", "code"),
    [(STOPPED, "Stopped", 130), ("The hub hub.example does not answer.", "HubBusy", 2)],
)
def test_of_a_scan_that_did_not_end_the_last_object_says_why(
    registry: Path,
    replica: Replica,
    monkeypatch: pytest.MonkeyPatch,
    verb: tuple[str, ...],
    stopped: str,
    kind: str,
    code: int,
) -> None:
    whole = scans.scan_hub

    def broken_off(*given: Any, **more: Any) -> Outcome:
        return replace(whole(*given, **more), ended=False, stopped=stopped)

    monkeypatch.setattr(scans, "scan_hub", broken_off)
    out, err = reseen(registry, replica, *verb, "--json", "--quiet", code=code)
    end, error = objects(out)
    assert (end["ended"], end["stopped"]) == (False, stopped)
    assert list(error) == SHAPE
    assert error == {"error": stopped, "kind": kind, "remedy": GO_ON, "exit_code": code}
    assert stopped in err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("registry", "show", "rm-abcdef12"), "no such removal: rm-abcdef12"),
        (("registry", "withdraw", "rm-abcdef12", "--why", "x"), "no such removal: rm-abcdef12"),
        (("registry", "withdraw-list", "elsewhere", "--why", "x"), "no such list: elsewhere"),
        (("read", "--removal", "rm-abcdef12"), "no such removal: rm-abcdef12"),
        (("recheck", "--removal", "rm-abcdef12"), "no such removal: rm-abcdef12"),
        (("user", "disable", "somebody"), "no such user: somebody"),
        (("key", "revoke", "ky-abcdef12"), "no such key: ky-abcdef12"),
    ],
)
def test_what_is_not_there_is_named_as_it_was_given(
    registry: Path, replica: Replica, given: tuple[str, ...], said: str
) -> None:
    _, err = reseen(registry, replica, *given, code=2)
    assert said in err


@pytest.mark.parametrize("quiet", [("--quiet",), (), ("--json",)])
def test_a_registry_that_is_new_or_empty_is_said_to_be(
    tmp_path: Path, replica: Replica, quiet: tuple[str, ...]
) -> None:
    typo = str(tmp_path / "typo.db")
    given = ("scan", "hf", "account-13/small", "--db", typo, *quiet)
    for first in (True, False):
        _, err = reseen(tmp_path, replica, *given)
        assert ("new registry" in err) == first
        assert f"The registry is empty: {typo}" in err
    (tmp_path / "folder").mkdir()
    _, err = reseen(tmp_path, replica, "scan", "folder", str(tmp_path / "folder"), *quiet)
    assert "The registry is empty: " in err


def test_of_a_registry_that_is_not_empty_nothing_is_said(registry: Path, replica: Replica) -> None:
    _, err = reseen(registry, replica, "scan", "hf", "account-13/small", "--quiet")
    assert err == ""


@pytest.mark.parametrize("verb", ["sightings", "problems", "blind", "leads", "recheck", "read"])
def test_what_only_looks_makes_no_registry(tmp_path: Path, replica: Replica, verb: str) -> None:
    typo = tmp_path / "typo.db"
    _, err = reseen(tmp_path, replica, verb, "--db", str(typo), code=2)
    assert "there is no registry at" in err
    assert not typo.exists()


def test_a_type_that_the_hub_lacks_is_said_and_counts_with_strict(
    registry: Path, world: World
) -> None:
    with Replica(world, answer=lacking("spaces")) as hub:
        given = ("scan", "hf", "--since", "2020-01-01", "--types", "models,spaces", "--quiet")
        _, err = reseen(registry, hub, *given)
        assert "spaces, which this hub does not have" in err
        out, _ = reseen(registry, hub, *given, "--strict", "--json", code=3)
        last = json.loads(out.splitlines()[-1])
        assert "spaces" in str(last["not_looked_at"])
