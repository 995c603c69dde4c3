"""What is wrong with a file is said first, and in one sentence by every verb."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.files import build
from tests.match.made import listed, remove, safetensors

from reseen.cli import cli
from reseen.files.identify import CUT_OFF
from reseen.store.database import Store

NUMBERS = {"x": build.ramp("F16", 64, 64)}
WHOLE = {
    "safetensors": build.safetensors(NUMBERS),
    "torch": build.torch_zip(NUMBERS),
    "legacy": build.torch_legacy(NUMBERS),
}
CUTS = [(kind, part) for kind in WHOLE for part in (0.2, 0.5, 0.99)]
VERBS = (["check"], ["check", "--json"], ["fingerprint"], ["inspect"], ["registry", "add"])


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, standalone_mode=False)


def told(ended: Result) -> str:
    return f"{ended.output} {ended.stderr} {ended.exception or ''}"


@pytest.fixture
def at(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RESEEN_DB", store.place)
    monkeypatch.setenv("RESEEN_KEY_FILE", str(tmp_path / "key"))
    remove(store, listed(safetensors({"y": bytes(64)})))
    return tmp_path / "a.safetensors"


@pytest.mark.parametrize(("kind", "part"), CUTS)
def test_a_file_that_is_cut_off_is_called_so_by_every_verb(
    at: Path, kind: str, part: float
) -> None:
    whole = WHOLE[kind]
    at.write_bytes(whole[: int(len(whole) * part)])
    for verb in VERBS:
        assert CUT_OFF in told(run(*verb, str(at))), verb


def test_one_that_is_cut_within_its_header_too(at: Path) -> None:
    at.write_bytes(WHOLE["safetensors"][:40])
    sound = at.with_name("sound.safetensors")
    sound.write_bytes(WHOLE["safetensors"])
    for verb in (*VERBS, ["compare", str(sound)]):
        assert CUT_OFF in told(run(*verb, str(at))), verb


@pytest.mark.parametrize("what", ["missing", "cut off", "a page"])
@pytest.mark.parametrize("empty", [False, True])
def test_without_a_registry_the_files_trouble_is_said_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store, what: str, empty: bool
) -> None:
    place = store.place if empty else str(tmp_path / "none.db")
    path, sound = tmp_path / "a.safetensors", tmp_path / "sound.safetensors"
    sound.write_bytes(WHOLE["safetensors"])
    content = {"cut off": WHOLE["safetensors"][:-9], "a page": b"<!doctype html><p>Sign in"}
    if what in content:
        path.write_bytes(content[what])
    why = {"missing": "No such file", "cut off": CUT_OFF, "a page": "it is a web page"}[what]
    ended = run("check", "--db", place, str(path), str(sound))
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, "and nothing of the sound one"
    assert f"{path}: " in lines[0]
    assert why in lines[0]
    assert ("is empty" if empty else "there is no registry") in str(ended.exception)
    ended = run("check", "--json", "--db", place, str(path), str(sound))
    (said,) = map(json.loads, ended.stdout.splitlines())
    assert why in said["error"]


@pytest.mark.parametrize("folder", ["models", ".", "a", "read", "list"])
def test_an_error_names_what_it_is_about_however_short_its_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store, folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESEEN_KEY_FILE", str(tmp_path / "key"))
    Path(folder).mkdir(exist_ok=True)
    ended = run("registry", "import", "--db", store.place, folder)
    assert str(ended.exception) == f"{folder}: it is a folder, and no list"


def test_a_folder_without_a_model_is_said_to_hold_none(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    ended = run("compare", str(tmp_path), str(tmp_path))
    assert f"the folder {tmp_path} holds no model file" in str(ended.exception)
