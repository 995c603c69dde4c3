"""The command as a person or a script uses it: answers, errors, exit codes, nothing sealed."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from openpyxl import load_workbook
from safetensors.numpy import load_file, save_file
from tests.files import build

from reseen.cli import main
from reseen.fingerprints.git import pointer

NAME = "Sample person 07"
SHA256 = hashlib.sha256(b"a removed model").hexdigest()
LINK = "https://models.example/models/1011/sample-person-07?modelVersionId=2011"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def reseen(home: Path, *args: str, code: int = 0, key: bool = True) -> str:
    """Run the command as its console script does; standard output, then standard error."""
    ended, out, err = run(home, *args, key=key)
    said = out + err
    assert ended == code, said
    return said


def run(home: Path, *args: str, key: bool = True) -> tuple[int, str, str]:
    """The same; the exit code, standard output and standard error."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "RESEEN_HOME": str(home / "reseen"),
    }
    if not key:
        environment["RESEEN_KEY_FILE"] = str(home / "no.key")
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch.object(sys, "argv", ["reseen", *args]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out.getvalue(), err.getvalue()


def adapter(path: Path, seed: int = 1, scale: float = 1.0) -> Path:
    """A small synthetic adapter with kohya's names."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for block in range(4):
        for layer in ("q", "k", "v", "out_0"):
            name = (
                f"lora_unet_down_blocks_{block // 2}_attentions_{block % 2}"
                f"_transformer_blocks_0_attn1_to_{layer}"
            )
            width = 320 if block < 2 else 640
            tensors[f"{name}.lora_up.weight"] = (
                rng.standard_normal((width, 4)).astype(np.float16) * scale
            ).astype(np.float16)
            tensors[f"{name}.lora_down.weight"] = rng.standard_normal((4, width)).astype(np.float16)
            tensors[f"{name}.alpha"] = np.array(4, np.float16)
    save_file(tensors, path, metadata={"ss_output_name": NAME, "ss_network_dim": "4"})
    return path


@pytest.fixture
def listed(home: Path) -> Path:
    """A registry with one removal of a list, and one of a local file."""
    removed = home / "removed.csv"
    removed.write_text(f"name,link,SHA256\n{NAME},{LINK},{SHA256}\n,,nonsense\n")
    reseen(home, "registry", "import", str(removed), code=3)  # one of its rows is rejected
    reseen(home, "registry", "add", str(adapter(home / "removed.safetensors")), "--name", NAME)
    return home


def test_import_accounts_for_every_row_and_keeps_rejects(listed: Path) -> None:
    again = reseen(listed, "registry", "import", str(listed / "removed.csv"), "--json", code=3)
    account = json.loads(again.splitlines()[0])
    assert (account["rows"], account["added"], account["unchanged"]) == (2, 0, 1)
    assert account["rejects"][0]["row"] == 3
    rejects = Path(account["rejects_file"])
    assert rejects.stat().st_mode & 0o777 == 0o600


def test_lookup_answers_by_name_link_and_digest_long_or_short(listed: Path) -> None:
    for query in (NAME.upper(), LINK.replace("/sample-person-07", ""), SHA256.upper(), SHA256[:10]):
        answer = reseen(listed, "lookup", query)
        assert "not seen again so far" in answer
        assert NAME not in answer
    assert "Not in the registry." in reseen(listed, "lookup", "cd" * 32)


def test_without_the_key_all_but_names_works(listed: Path) -> None:
    assert "Not searched: names" in reseen(listed, "lookup", NAME, key=False, code=3)
    assert "rm-" in reseen(listed, "lookup", SHA256, key=False)
    error = reseen(listed, "lookup", NAME, "--reveal", key=False, code=2)
    assert "RESEEN_KEY" in error


def test_reveal_shows_names(listed: Path) -> None:
    shown = json.loads(reseen(listed, "lookup", SHA256, "--reveal", "--json").splitlines()[0])
    assert shown["names"]["name"] == NAME


def test_a_withdrawn_removal_matches_nothing_until_it_is_restored(listed: Path) -> None:
    file = str(listed / "removed.safetensors")
    found = json.loads(reseen(listed, "check", file, "--json", code=1).splitlines()[0])
    removal = found["matches"][0]["removal"]
    assert found["matches"][0]["rung"] == "bytes"
    reseen(listed, "registry", "withdraw", removal, "--why", f"not {NAME}")
    assert "no match" in reseen(listed, "check", file)
    assert removal not in reseen(listed, "registry", "list")
    reseen(listed, "registry", "restore", removal, "--why", "by mistake")
    reseen(listed, "check", file, code=1)


def test_check_says_what_it_cannot_read(listed: Path) -> None:
    assert "No such file" in reseen(listed, "check", str(listed / "nothing"), code=2)
    (listed / "empty").write_bytes(b"")
    assert "nothing, saved as a file" in reseen(listed, "check", str(listed / "empty"), code=3)
    (listed / "page").write_bytes(b"<!DOCTYPE html><html><body>Sign in</body></html>")
    assert "a web page and no model" in reseen(listed, "check", str(listed / "page"), code=3)
    told = reseen(listed, "check", str(listed / "page"), "--json", code=3)
    assert "a web page and no model" in json.loads(told)["problem"]


def test_a_scanned_folder_is_reported_without_names(listed: Path) -> None:
    folder = listed / "folder"
    folder.mkdir()
    (folder / "LORA").write_bytes((listed / "removed.safetensors").read_bytes())
    line = reseen(listed, "scan", "folder", str(folder), "--jobs", "1", "--json").splitlines()[0]
    found = json.loads(line)
    assert (found["rung"], found["path"], found["state"]) == ("bytes", "LORA", "live")
    one = json.loads(reseen(listed, "sighting", found["sighting"], "--json").splitlines()[0])
    assert one["evidence"][0]["rung"] == "bytes"
    assert found["sighting"] in reseen(listed, "sightings")
    for name in ("report.html", "report.csv", "report.jsonl", "report.xlsx"):
        out = listed / name
        reseen(listed, "report", "--out", str(out))
        assert out.stat().st_mode & 0o777 == 0o600
        assert NAME.encode() not in out.read_bytes()
    assert "LORA" not in (listed / "report.html").read_text()
    reseen(listed, "report", "--out", str(listed / "report.html"), "--locations")
    assert "LORA" in (listed / "report.html").read_text()


def test_a_report_leads_back_to_the_rows_of_who_gave_the_list(home: Path) -> None:
    file = adapter(home / "removed.safetensors")
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    rows = f"{NAME},{LINK},{SHA256}\n{NAME} II,,{sha256}\n,,{sha256}\n"
    (home / "rows.csv").write_text(f"name,link,The hash\n{rows}")
    given = ("--map", "The hash=sha256")
    reseen(home, "registry", "import", str(home / "rows.csv"), "--list", "The sheet", *given)
    folder = home / "folder"
    folder.mkdir()
    (folder / "LORA").write_bytes(file.read_bytes())
    reseen(home, "scan", "folder", str(folder), "--jobs", "1")
    out = home / "report.jsonl"
    reseen(home, "report", "--out", str(out))
    told = json.loads(out.read_text())
    assert (told["lists"], told["rows"]) == ("The sheet", "")
    assert set(told["claims"].split()) <= {f"{told['removal']}/{n}" for n in (1, 2, 3)}
    assert told["claims"]
    again = ("--rows", str(home / "rows.csv"), *given)
    reseen(home, "report", "--out", str(out), *again)
    assert json.loads(out.read_text())["rows"] == "3; 4"
    for form in ("html", "csv", "xlsx"):
        reseen(home, "report", "--out", str(home / f"report.{form}"), *again)
    page = (home / "report.html").read_text()
    assert "The sheet (rows 3; 4)" in page
    (cells,) = csv.DictReader(io.StringIO((home / "report.csv").read_text("utf-8-sig")))
    assert (cells["lists"], cells["rows"]) == ("The sheet", "3; 4")
    sheet = load_workbook(home / "report.xlsx").active
    assert sheet is not None
    assert [cell.value for cell in sheet[2]][-3] == "The sheet"
    assert NAME not in page + out.read_text()
    said = reseen(home, "report", "--out", str(out), *again, key=False, code=2)
    assert "RESEEN_KEY" in said
    (home / "other.csv").write_text("no,list\n1,2\n")
    for wrong in ("other.csv", "nothing.csv"):
        rows = str(home / wrong)
        assert wrong in reseen(home, "report", "--out", str(out), "--rows", rows, code=2)


def test_fingerprint_prints_digests(listed: Path) -> None:
    file = str(listed / "removed.safetensors")
    found = json.loads(reseen(listed, "fingerprint", file, "--json").splitlines()[0])
    assert len(found["sha256"]) == 64
    assert found["container"] == "safetensors"
    assert found["error"] is None


def test_inspect_hides_metadata_that_can_hold_a_name(listed: Path) -> None:
    file = str(listed / "removed.safetensors")
    hidden = reseen(listed, "inspect", file)
    assert NAME not in hidden
    assert "ss_network_dim = 4" in hidden
    assert NAME in reseen(listed, "inspect", file, "--reveal")


def test_compare_tells_copies_from_strangers(listed: Path) -> None:
    first = str(listed / "removed.safetensors")
    scaled = str(adapter(listed / "scaled.safetensors", scale=0.5))
    stranger = str(adapter(listed / "stranger.safetensors", seed=2))
    copied = json.loads(reseen(listed, "compare", first, scaled, "--json", code=1).splitlines()[0])
    assert copied["relation"] == "scaled"
    assert copied["calibration"] == "uncalibrated"
    plot = listed / "plot.svg"
    other = reseen(listed, "compare", first, stranger, "--plot", str(plot))
    assert "unrelated" in other
    drawn = plot.read_text()
    assert "<svg" in drawn
    for said in ("B compared with A: ", "A (removed): ", "one module", "cosine of what A and B do"):
        assert said in drawn
    assert str(listed) not in drawn, "of a file its name, and not where it lies"


def test_of_what_is_not_alike_no_sentence_begins_with_similar(listed: Path) -> None:
    stranger = str(adapter(listed / "stranger.safetensors", seed=2))
    said = reseen(listed, "compare", str(listed / "removed.safetensors"), stranger)
    assert "Not alike, no more than strangers have: cosine" in said
    assert "Similar" not in said


def test_a_chart_goes_to_a_file_that_says_it_is_one(listed: Path) -> None:
    first = str(listed / "removed.safetensors")
    for name in ("x.png", "x"):
        reseen(listed, "compare", first, first, "--plot", str(listed / name), code=2)
        assert not (listed / name).exists()
    reseen(listed, "compare", first, first, "--plot", str(listed / "x.SVG"), code=1)


def merged(path: Path, files: list[Path], weights: list[float]) -> Path:
    """Their ranks one behind the other, as mergers make it."""
    several = [load_file(file) for file in files]
    tensors = {}
    for name in several[0]:
        some = [each[name] for each in several]
        if name.endswith("lora_up.weight"):
            ups = [up * np.float16(w) for up, w in zip(some, weights, strict=True)]
            tensors[name] = np.concatenate(ups, axis=1)
        elif name.endswith("lora_down.weight"):
            tensors[name] = np.concatenate(some)
        else:
            tensors[name] = np.array(4 * len(files), np.float16)
    save_file(tensors, path)
    return path


def test_compare_says_what_may_be_inside_a_merge(listed: Path) -> None:
    first = listed / "removed.safetensors"
    others = [adapter(listed / f"{seed}.safetensors", seed=seed) for seed in (2, 3, 4)]
    merge = merged(listed / "merge.safetensors", [first, *others], [0.1, 1, 1, 1])
    told = json.loads(reseen(listed, "compare", str(first), str(merge), "--json"))
    assert (told["relation"], told["copy"], told["lead"]) == ("unrelated", False, True)
    inside = told["inside"]
    assert (inside["part"], inside["by"], inside["modules"]) == ("a", "columns", 16)
    assert (inside["verdict"], inside["calibrated"]) == ("may be inside a merge", False)
    assert inside["value"] > 0.9
    turned = reseen(
        listed, "compare", str(merge), str(first), "--db", str(listed / "reseen" / "reseen.db")
    )
    assert turned.startswith("may be inside a merge")
    assert "the second in the first" in turned
    assert "unrelated" not in turned
    assert "Do not use this result" not in turned
    stranger = adapter(listed / "5.safetensors", seed=5)
    assert (
        json.loads(reseen(listed, "compare", str(stranger), str(merge), "--json"))["inside"] is None
    )


def test_check_lists_parts_of_a_merge_as_leads(listed: Path) -> None:
    first, stranger = listed / "removed.safetensors", adapter(listed / "5.safetensors", seed=5)
    others = [adapter(listed / f"{seed}.safetensors", seed=seed) for seed in (2, 3, 4)]
    merge = merged(listed / "merge.safetensors", [first, *others], [0.1, 1, 1, 1])
    every = [str(each) for each in (merge, stranger, first)]
    lines = reseen(listed, "check", *every, "--json", code=1).splitlines()
    told, none, itself = map(json.loads, lines)
    assert told["matches"] == []
    (lead,) = told["parts"]
    assert lead["removal"] == itself["matches"][0]["removal"]
    assert (lead["verdict"], lead["by"]) == ("may be inside a merge", "columns")
    assert none["parts"] == itself["parts"] == []
    said = reseen(listed, "check", str(merge))  # and ends with 0: a lead is no match
    assert f"{merge}: no match" in said
    assert f"{merge}: lead {lead['removal']}  May be inside a merge" in said


def test_compare_knows_the_same_bytes_and_tensors_whatever_they_are_called(home: Path) -> None:
    tensors = {f"nobody.knows.{n}": build.ramp("F16", 40, 40, seed=n) for n in range(3)}
    one, other, edited = (home / name for name in ("a.safetensors", "b.bin", "c.safetensors"))
    one.write_bytes(build.safetensors(tensors))
    other.write_bytes(one.read_bytes())
    edited.write_bytes(build.safetensors(tensors, metadata={"title": "another"}))
    stranger = home / "d.safetensors"
    stranger.write_bytes(build.safetensors({"x": build.ramp("F16", 40, 40, seed=9)}))
    torn = home / "torn.safetensors"
    torn.write_bytes(one.read_bytes()[:-9])
    again = home / "again.safetensors"
    again.write_bytes(torn.read_bytes())
    for a, b, rung in ((one, other, "bytes"), (one, edited, "tensors"), (torn, again, "bytes")):
        told = json.loads(reseen(home, "compare", str(a), str(b), "--json", code=1))
        assert (told["rung"], told["copy"], told["relation"]) == (rung, True, "same")
        assert f"The same {rung}" in reseen(home, "compare", str(a), str(b), code=1)
    assert "has no sketch" in reseen(home, "compare", str(one), str(stranger), code=2)


def test_errors_are_one_sentence_with_a_remedy_and_no_traceback(home: Path) -> None:
    for args in (
        ("registry", "show", "rm-00000000"),
        ("sighting", "sg-000000000000"),
        ("scan", "hf"),
        ("scan", "hf", "non sense"),
        ("scan", "hf", "--since", "yesterday-ish"),
        ("scan", "hf", "--all", "--types", "pictures"),
        ("scan", "hf", "--all", "--endpoint", "ftp://hub.example"),
        ("scan", "folder", str(home / "nothing")),
        ("compare", str(home / "a"), str(home / "b")),
        ("inspect", "hf://nonsense"),
        ("report", "--out", str(home / "no" / "x.html")),
        ("registry", "import", str(home / "nothing.csv")),
        ("lookup", "x", "--db", f"sqlite:///{home}"),
        ("nonsense",),
    ):
        said = reseen(home, *args, code=2)
        assert "Traceback" not in said, args
        assert 0 < len(said.strip().splitlines()) <= 6, said


def test_the_version_and_the_help_are_there(home: Path) -> None:
    assert reseen(home, "--version").startswith("reseen ")
    assert "Verbs:" in reseen(home, "--help")
    assert "Did you mean 'lookup'" in reseen(home, "lokup", code=2)


def test_a_reader_that_has_seen_enough_is_no_error(listed: Path) -> None:
    command = f"{sys.executable} -m reseen registry list | head -c 1"
    environment = os.environ | {"RESEEN_HOME": str(listed / "reseen"), "PYTHONPATH": "src"}
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    assert done.stdout


def test_no_match_says_how_little_was_compared(listed: Path) -> None:
    torn = listed / "torn.safetensors"
    torn.write_bytes(b"\xff" * 5000)
    said = reseen(listed, "check", str(torn))
    assert "no match by the digests of the whole file; " in said
    assert json.loads(reseen(listed, "check", "--json", str(torn)))["problem"]
    # Where there is no registry nothing was compared: that is no "clean" (it ended with 0 before).
    none = reseen(listed, "check", str(torn), "--db", str(listed / "other.db"), code=2)
    assert "there is no registry at" in none


def test_a_report_by_an_unknown_ending_is_refused(listed: Path) -> None:
    said = reseen(listed, "report", "--out", str(listed / "report.odt"), code=2)
    assert "End the name in .html, .csv, .jsonl, .xlsx or .pdf" in said
    assert not (listed / "report.odt").exists()


def test_an_error_says_which_of_two_files_it_is_about(listed: Path) -> None:
    one, torn = adapter(listed / "one.safetensors"), listed / "torn.safetensors"
    torn.write_bytes(b"\xff" * 5000)
    assert f"{torn}: " in reseen(listed, "compare", str(one), str(torn), code=2)
    assert f"{torn}: " in reseen(listed, "inspect", str(torn), code=2)


def test_check_reads_a_git_lfs_pointer_as_what_it_states(listed: Path) -> None:
    (listed / "pointer.safetensors").write_bytes(pointer(bytes.fromhex(SHA256), 5))
    shown = reseen(listed, "check", str(listed / "pointer.safetensors"), code=1)
    assert "declared" in shown
    assert "git lfs pull" in shown
    (listed / "other").write_bytes(pointer(bytes(range(32)), 5))
    shown = reseen(listed, "check", str(listed / "other"), code=3)
    assert "no match by the SHA-256 that it states" in shown
    assert "git lfs pull" in shown
    told = json.loads(reseen(listed, "check", "--json", str(listed / "other"), code=3))
    assert "git lfs pull" in told["problem"]
