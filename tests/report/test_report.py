"""What a person forwards: complete, harmless, and silent about places unless asked."""

from __future__ import annotations

import csv
import json
import os
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from html import escape as html_escape
from pathlib import Path

import pytest
from openpyxl import load_workbook

from reseen.cli.findings import sighting_text
from reseen.errors import InputError, SettingsError
from reseen.observed.blind_spots import UNJUDGED, BlindFile
from reseen.records import (
    Artifact,
    BlindSpot,
    Confirmed,
    Container,
    Evidence,
    JudgedBy,
    RepoType,
    Rung,
    Sighting,
    SightingState,
)
from reseen.report import figures, in_words, pdf, pdf_report, rows, tables
from reseen.report.blind_rows import BLIND_FIELDS, SCAN_FIELDS, blind_rows, scan_rows
from reseen.report.gather import (
    Findings,
    ReportScope,
    ScanLine,
    by_account,
    by_month,
    by_removal,
    totals,
)
from reseen.report.html import MOST_ROWS, render
from reseen.report.rows import FIELDS, LOCATION_FIELDS, REPORT_FIELDS, report_row
from reseen.store.private_files import private

NASTY = '=cmd|" /C calc"!A0<script>alert(1)</script>\u202e\x07'


def sighting(number: int = 1, **changes: object) -> Sighting:
    fields: dict[str, object] = {
        "id": f"sg-{number:012d}",
        "removal": f"rm-{number % 3:08d}",
        "hub": "hub.example",
        "type": RepoType.MODEL,
        "repo": f"account-{number % 2:02d}/LORA",
        "revision": "0123456789abcdef0123456789abcdef01234567",
        "ref": "main",
        "path": "model.safetensors",
        "rung": Rung.DECLARED,
        "evidence": (Evidence(Rung.DECLARED, "sha256", "ab" * 32, "The hub states it."),),
        "why": "The hub states it.",
        "state": SightingState.LIVE,
        "confirmed": Confirmed.HEADER,
        "first_seen": datetime(2026, 1, 2, tzinfo=UTC),
        "last_seen": datetime(2026, 1, 3, tzinfo=UTC),
        "declared_sha256": "ab" * 32,
        "downloads": 7,
        "repo_created_at": datetime(2025, 11 if number % 2 else 12, 1, tzinfo=UTC),
    }
    return Sighting(**(fields | changes))  # type: ignore[arg-type]


def row(of: Sighting, *, locations: bool = True) -> dict[str, rows.Cell]:
    return report_row(of, None, locations=locations)


def findings(found: Sequence[Sighting]) -> Findings:
    return Findings(
        made_at=datetime(2026, 1, 4, tzinfo=UTC),
        sightings=tuple(found),
        removals_in_force=3,
        removals_withdrawn=1,
        scans=(),
        problems=(("files that could not be read", 2),),
    )


def test_a_row_has_exactly_the_documented_fields() -> None:
    assert list(rows.row(sighting())) == list(FIELDS)
    assert list(row(sighting())) == list(REPORT_FIELDS)


def test_without_locations_nothing_says_where_a_copy_stands() -> None:
    cells = row(sighting(), locations=False)
    assert all(cells[name] is None for name in LOCATION_FIELDS)
    page = render(findings([sighting(n) for n in range(4)]), locations=False)
    for secret in ("account-0", "LORA", "model.safetensors", "0123456789ab", "abab"):
        assert secret not in page


def test_with_locations_the_page_says_where_each_copy_stands() -> None:
    page = render(findings([sighting()]), locations=True)
    assert "account-01/LORA" in page
    assert "model.safetensors" in page


def test_the_page_escapes_what_strangers_typed_and_runs_nothing() -> None:
    page = render(findings([sighting(repo=f"a/{NASTY}", path=NASTY)]), locations=True)
    assert "<script" not in page
    assert "\u202e" not in page
    assert "\x07" not in page
    assert "default-src 'none'" in page
    assert "http-equiv" in page
    assert "src=" not in page.replace("default-src", "")


def test_the_page_of_nothing_says_so() -> None:
    page = render(findings([]), locations=False)
    assert "No sightings." in page
    assert "Nothing was found." in page


def test_a_page_of_very_many_says_what_it_leaves_out() -> None:
    page = render(findings([sighting(n) for n in range(MOST_ROWS + 5)]), locations=False)
    assert "5 more sightings" in page


def test_withdrawn_removals_do_not_count() -> None:
    found = findings([sighting(1), sighting(2, withdrawn=True)])
    assert totals(found.counting)["sightings"] == 1


def test_groups_and_months_count_what_they_say() -> None:
    found = tuple(sighting(n) for n in range(6))
    assert [g.sightings for g in by_removal(found)] == [2, 2, 2]
    assert [g.label for g in by_account(found, locations=False)] == ["account 1", "account 2"]
    assert by_account(found, locations=True)[0].downloads == 7
    assert by_month(found) == (("2025-11", 3), ("2025-12", 3))


def test_months_without_uploads_are_on_the_line() -> None:
    found = (
        sighting(1, repo_created_at=datetime(2025, 11, 3, tzinfo=UTC)),
        sighting(2, repo_created_at=datetime(2026, 2, 3, tzinfo=UTC)),
    )
    assert [n for _, n in by_month(found)] == [1, 0, 0, 1]


def test_csv_holds_no_formula(tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    tables.write_csv(out, [row(sighting(path=start + "1+1")) for start in "=+-@\t\r|%"])
    with out.open(encoding="utf-8-sig", newline="") as lines:
        for cells in csv.DictReader(lines):
            assert cells["path"][0] in "'\\"


def test_xlsx_holds_text_and_no_formula(tmp_path: Path) -> None:
    out = tmp_path / "x.xlsx"
    tables.write_xlsx(out, [row(sighting(path=NASTY)), row(sighting(2, repo="http://a/b"))])
    sheet = load_workbook(out).active
    assert sheet is not None
    heading = [cell.value for cell in sheet[1]]
    assert heading == list(REPORT_FIELDS)
    path = sheet.cell(2, heading.index("path") + 1)
    assert path.data_type == "s"
    assert str(path.value).startswith("=cmd")
    assert sheet.cell(3, heading.index("repo") + 1).hyperlink is None


def test_an_xlsx_of_nothing_has_its_heading(tmp_path: Path) -> None:
    out = tmp_path / "x.xlsx"
    tables.write_xlsx(out, [])
    sheet = load_workbook(out).active
    assert sheet is not None
    assert sheet.max_row == 1


def test_json_lines_read_back(tmp_path: Path) -> None:
    out = tmp_path / "x.jsonl"
    cells = row(sighting(path=NASTY))
    tables.write_jsonl(out, [cells])
    assert json.loads(out.read_text()) == cells


def test_a_written_file_is_whole_and_its_owners_alone(tmp_path: Path) -> None:
    out = tmp_path / "x"
    out.write_text("before")
    with pytest.raises(KeyError), private(out) as path:
        path.write_text("half")
        raise KeyError
    assert out.read_text() == "before"
    with private(out) as path:
        path.write_text("after")
    assert out.read_text() == "after"
    assert out.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [out]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"), private(tmp_path / "no" / "x"):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk here that is always full")
def test_a_full_disk_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No space left") as said, private(tmp_path / "r.csv"):
        Path("/dev/full").write_text("a report")
    assert said.value.remedy
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="No space left"):
        tables.write_xlsx(Path("/dev/full"), [row(sighting())])


@pytest.mark.parametrize("given", ["pipe", "open"])
def test_what_is_no_file_is_written_into_and_keeps_its_place(tmp_path: Path, given: str) -> None:
    """A report to /dev/null or /dev/stdout put a file where the device was, for everybody."""
    out, kept = tmp_path / "out", tmp_path / "kept"
    if given == "pipe":
        os.mkfifo(out)
        reader = os.open(out, os.O_RDWR | os.O_NONBLOCK)
    else:
        kept.write_text("before, ")
        reader = os.open(kept, os.O_RDONLY)
        out.symlink_to(f"/proc/self/fd/{reader}")
    before = out.lstat()
    with private(out) as path:
        path.write_text("after")
    assert (out.lstat().st_ino, out.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert os.read(reader, 100) == (b"after" if given == "pipe" else b"before, after")
    os.close(reader)


def test_a_pipe_that_nobody_reads_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "out")
    with pytest.raises(InputError, match="cannot write"), private(tmp_path / "out"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def refuted(number: int = 1) -> Sighting:
    return sighting(number, rung=Rung.REFUTED, confirmed=Confirmed.CONTRADICTED, why="Refuted.")


def test_the_refuted_is_counted_apart_and_last() -> None:
    found = findings([sighting(1), refuted(2)])
    assert totals(found.counting)["sightings"] == 1
    assert [s.id for s in found.refuted] == ["sg-000000000002"]
    page = render(found, locations=False)
    assert (
        "Of 3 removed models 1 was seen again on 1 account: 1 only by the hub&#39;s word." in page
    )
    assert "1 of 3 removed models was seen again" in page
    assert "1 more sighting is refuted, and is counted nowhere" in page
    assert "<li><b>1</b> sightings</li>" in page
    assert page.index("sg-000000000001") < page.index("sg-000000000002")
    assert 'class="rung rung-refuted">refuted' in page
    only = render(findings([refuted()]), locations=False)
    assert "<li><b>0</b> removals seen again</li>" in only
    assert "Nothing was found." in only


def test_a_row_of_the_refuted_says_so_in_every_table() -> None:
    cells = row(refuted())
    assert (cells["rung"], cells["rungs"], cells["counts"]) == ("refuted", "", False)
    assert cells["hash_is_false"] is True
    assert cells["why"] == "Refuted."
    weights = Evidence(Rung.WEIGHTS, "sketch", "cosine 0.999", "Alike.", {"cosine": 0.999})
    false = sighting(1).evidence[0]
    stands = row(
        sighting(rung=Rung.WEIGHTS, confirmed=Confirmed.CONTRADICTED, evidence=(false, weights))
    )
    assert (stands["rungs"], stands["counts"], stands["hash_is_false"]) == ("weights", True, True)


def test_a_false_hash_beside_what_stands_is_said() -> None:
    weights = Evidence(Rung.WEIGHTS, "sketch", "cosine 0.999", "Alike.", {"cosine": 0.999})
    found = sighting(
        rung=Rung.WEIGHTS,
        confirmed=Confirmed.CONTRADICTED,
        evidence=(*sighting().evidence, weights),
        why="Alike.",
    )
    page = render(findings([found]), locations=False)
    assert "Of 1 of them the hub states a false hash" in page
    assert "declared, not so: The hub states it." in page
    assert "hub's hash is false" in page


# -- what could not be judged --------------------------------------------------------------------


def blind_file(number: int = 1, path: str = "a/secret.safetensors", *codes: str) -> BlindFile:
    artifact = Artifact(
        *("hub.example", RepoType.MODEL, f"account-{number}/LORA", "0123456789ab" + "0" * 28),
        *("main", path, 4_096),
    )
    spots = tuple(BlindSpot(code, f"reason of {code}", 7) for code in codes or ("numpy",))
    judged = JudgedBy((Rung.DECLARED,), spots)
    return BlindFile(artifact, Container.TORCH_ZIP, judged, 3)


def blind_findings() -> Findings:
    scan = ScanLine(
        "hub.example",
        datetime(2026, 1, 3, tzinfo=UTC),
        None,
        {"skipped": {UNJUDGED: 2, "files left": 5}, "blind": {"numpy reason of numpy": 2}},
        3,
    )
    return replace(
        findings([]),
        scans=(scan,),
        not_read=((BlindSpot("numpy", "reason of numpy", 14), 2),),
        blind=(blind_file(1), blind_file(2, NASTY)),
        blind_count=9,
    )


def test_the_page_says_what_could_not_be_judged_in_words() -> None:
    page = render(blind_findings(), locations=False)
    words = " ".join(page.split())
    assert "Of 9 files the weights could not be judged." in words
    assert "7 more are not on this page" in words
    assert "reason of numpy (7)" in page
    assert "declared" in page
    for hidden in ("secret", "account-1", "0123456789ab", UNJUDGED, "[numpy]", ">numpy<"):
        assert hidden not in page
    shown = render(blind_findings(), locations=True)
    assert "a/secret.safetensors" in shown
    assert "<script" not in shown


def test_a_scan_of_before_reasons_were_kept_is_not_passed_over() -> None:
    (scan,) = blind_findings().scans
    old = replace(scan, coverage={"skipped": {UNJUDGED: 7}})
    page = render(replace(findings([]), scans=(old, scan)), locations=False)
    assert f'<td>{UNJUDGED}</td><td class="n">7</td>' in page


def test_a_page_says_where_no_altered_copy_could_be_found() -> None:
    told = "exact copies were looked for, altered ones were not"
    assert told in render(replace(findings([]), sketched=False), locations=False)
    assert told not in render(findings([]), locations=False)


def test_a_page_says_that_nothing_was_met_that_could_not_be_judged() -> None:
    assert "No file was met whose weights could not be judged." in render(
        findings([]), locations=False
    )


def test_tables_hold_each_reason_with_its_code(tmp_path: Path) -> None:
    files = [blind_file(1, "a", "numpy", "tlora"), blind_file(2, NASTY)]
    rows = list(blind_rows(files, locations=False))
    assert [(r["file"], r["code"], r["count"]) for r in rows] == [
        *((1, "numpy", 7), (1, "tlora", 7), (2, "numpy", 7))
    ]
    assert all(list(r) == list(BLIND_FIELDS) for r in rows)
    assert {r[name] for r in rows for name in ("repo", "path", "ref", "revision")} == {None}
    assert rows[0]["judged_by"] == "declared"
    assert rows[0]["by_weights"] is False
    rows = list(blind_rows(files))
    tables.write_csv(tmp_path / "x.csv", rows, BLIND_FIELDS)
    with (tmp_path / "x.csv").open(encoding="utf-8-sig", newline="") as lines:
        assert [cells["path"][0] for cells in csv.DictReader(lines)] == ["a", "a", "'"]
    tables.write_jsonl(tmp_path / "x.jsonl", rows)
    assert [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()] == rows
    scans = list(scan_rows(blind_findings()))
    assert [(r["scan"], r["code"], r["reason"], r["files"]) for r in scans] == [
        (3, "numpy", "reason of numpy", 2)
    ]
    more = (
        tables.Sheet("not read", list(BLIND_FIELDS), rows),
        tables.Sheet("not read by scan", list(SCAN_FIELDS), scans),
    )
    tables.write_xlsx(tmp_path / "x.xlsx", [row(sighting())], *more)
    book = load_workbook(tmp_path / "x.xlsx")
    assert book.sheetnames == ["sightings", "not read", "not read by scan"]
    assert [sheet.max_row for sheet in book] == [2, 4, 2]


def test_a_sighting_says_what_of_its_file_was_not_read() -> None:
    cells = row(sighting(judged_by=(Rung.BYTES, Rung.WEIGHTS), not_read=("bias",)))
    assert (cells["judged_by"], cells["not_read"]) == ("bytes weights", "bias")


def test_a_folder_is_nobodys_account() -> None:
    found = (sighting(1, hub="folder", repo="/home/somebody/models"), sighting(2))
    assert [g.label for g in by_account(found, locations=True)] == ["account-00 at hub.example"]
    assert totals(found)["accounts"] == 1
    assert by_removal(found)[1].accounts + by_removal(found)[0].accounts == 1


# -- the findings in words -----------------------------------------------------------------------


def decided_findings(seed: int) -> Findings:
    """Any mixture of rungs and of what people said."""
    rng = random.Random(seed)
    rungs = (Rung.BYTES, Rung.TENSORS, Rung.WEIGHTS, Rung.COMPONENT, Rung.DECLARED, Rung.POINTER)
    found = [
        sighting(
            n,
            rung=rng.choice((*rungs, Rung.REFUTED, Rung.UNSUPPORTED)),
            removal=f"rm-{rng.randrange(9):08d}",
            repo=f"account-{rng.randrange(6):02d}/LORA",
            withdrawn=rng.random() < 0.1,
        )
        for n in range(rng.randrange(40))
    ]
    said = ("confirm", "allowed", "not-this-model", None)
    decided = {s.id: word for s in found if (word := rng.choice(said))}
    return replace(findings(found), removals_in_force=12, decided=decided)


@pytest.mark.parametrize("seed", range(12))
def test_the_parts_of_a_sum_are_the_whole(seed: int) -> None:
    found = decided_findings(seed)
    seen = {
        s.removal
        for s in found.sightings
        if s.counts and found.decided.get(s.id) != "not-this-model"
    }
    parts = in_words.counts(found)
    assert sum(parts.values()) == len(seen)
    assert sum(part.count for part in figures.bar(found)) == found.removals_in_force
    said = in_words.headline(found)
    numbers = [int(n) for n in re.findall(r"\d+", said)]
    if seen:
        assert numbers[:2] == [12, len(seen)]
        assert sum(numbers[3:]) == len(seen)
    page = render(found, locations=False)
    assert html_escape(said, quote=False).replace("'", "&#39;") in page
    assert f"<li><b>{len(seen)}</b> removals seen again</li>" in page


def test_what_no_scan_can_find_is_not_said_to_be_gone() -> None:
    found = replace(findings([sighting(1)]), unfindable=1)
    assert in_words.headline(found).endswith(" 1 cannot be found: no full digest of it is known.")
    assert [(part.kind, part.count) for part in figures.bar(found)] == [
        ("word", 1),
        ("none", 1),
        ("unfindable", 1),
    ]
    page = render(found, locations=False)
    assert "<b>1</b> cannot be found: no full digest is known" in page
    assert 'class="is-unfindable"' in page
    none = replace(found, sightings=(), unfindable=3)
    assert in_words.headline(none) == (
        "Of 3 removed models none was seen again."
        " 3 cannot be found: no full digest of them is known."
    )
    assert [part.kind for part in figures.bar(none)] == ["unfindable"]


def test_a_model_is_told_by_the_best_that_is_known_of_any_file() -> None:
    two = [sighting(1), sighting(4, rung=Rung.BYTES), sighting(2)]
    found = findings(two)  # 1 and 4 are of one removal
    assert [one.name for one in in_words.of_removals(found).values()] == ["READ", "WORD"]
    sure = replace(found, decided={"sg-000000000001": "confirm"})
    assert [one.name for one in in_words.of_removals(sure).values()] == ["CONFIRMED", "WORD"]


def test_who_put_the_same_up_again_is_drawn_and_the_rest_is_said() -> None:
    many = [
        sighting(n, removal=f"rm-{n % 50:08d}", repo=f"account-{n % 37:02d}/LORA")
        for n in range(400)
    ]
    found = findings(many)
    grid = figures.grid(found, locations=False)
    assert grid is not None
    assert (len(grid.rows), len(grid.models)) == (figures.MOST_ACCOUNTS, figures.MOST_MODELS)
    assert grid.left_out == "Not drawn: 7 more accounts and 10 more models."
    assert grid.title.startswith("37 accounts hold more than one removed model")
    page = render(found, locations=False)
    assert grid.title in page
    assert figures.grid(findings([sighting()]), locations=True) is None


def test_every_colour_of_a_figure_is_in_its_key() -> None:
    """One account's file is confirmed, the other's of the same model is not decided."""
    one, other = (sighting(n, removal="rm-00000001", repo=f"account-{n}/LORA") for n in (1, 2))
    found = replace(findings([one, other]), decided={one.id: "confirm"})
    grid = figures.grid(found, locations=False)
    assert grid is not None
    assert [each.name for each in grid.certainties] == ["CONFIRMED", "WORD"]
    drawn = render(found, locations=False).partition("A row is an account")[0]
    keys = drawn.rpartition('<ul class="key">')[2]
    assert "confirmed by a person" in keys
    assert "only by the hub's word".replace("'", "&#39;") in keys


def test_an_account_has_one_number_wherever_it_stands() -> None:
    """Whoever holds most models is not whoever has most files."""
    files = [sighting(n, removal="rm-00000001", repo="many-files/LORA") for n in range(5)]
    models = [sighting(10 + n, removal=f"rm-{n:08d}", repo="many-models/LORA") for n in range(3)]
    found = findings([*files, *models])
    table = by_account(found.seen_again, locations=True)
    assert [group.label.split()[0] for group in table] == ["many-files", "many-models"]
    grid = figures.grid(found, locations=False)
    assert grid is not None
    assert [(label, models) for label, models, _ in grid.rows] == [
        ("account 2", 3),
        ("account 1", 1),
    ]


def test_a_report_of_a_part_counts_that_part_alone() -> None:
    part = ReportScope(ids=frozenset({"sg-000000000001"}), within=" in case cs-1", one_account=True)
    found = replace(findings([sighting(1)]), scope=part)
    assert in_words.headline(found) == (
        "1 removed model was seen again in case cs-1: 1 only by the hub's word."
    )
    assert [(one.count, one.kind) for one in figures.bar(found)] == [(1, "word")]
    page = render(found, locations=False)
    assert "<figcaption>1 removed model was seen again in case cs-1</figcaption>" in page
    assert "File by file" not in page
    assert "No scan is on record" not in page
    none = replace(found, sightings=())
    assert in_words.headline(none) == "No removed model was seen again in case cs-1."
    assert figures.bar(none) == ()


def test_what_a_person_said_has_one_word_in_every_report() -> None:
    said = {"sg-000000000001": "confirm", "sg-000000000002": "not-this-model"}
    found = replace(findings([sighting(n) for n in range(4)]), decided=said)
    words = [in_words.decided(found, one) for one in found.sightings]
    assert words == ["not yet", "confirmed", "not this model", "not yet"]
    assert in_words.decided(found, sighting(5, withdrawn=True)) == "does not count"


def test_a_pdf_says_the_same_and_breaks_on_nothing() -> None:
    pytest.importorskip("fpdf")
    found = decided_findings(3)
    nasty = replace(found, sightings=(*found.sightings, sighting(77, path=NASTY, why=NASTY)))
    for one in (nasty, findings([]), blind_findings()):
        for locations in (True, False):
            assert pdf_report.render(one, locations=locations).startswith(b"%PDF-")


@pytest.mark.parametrize("there", [True, False])
def test_what_the_font_of_a_pdf_does_not_have_is_written_as_a_number(
    there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fpdf")
    if not there:
        monkeypatch.setattr(pdf, "DEJAVU", Path("/none"))
    pages = pdf.PdfPages()
    shown = pages._shown("a \u4e2d \U0001f9ff \u05e9")
    assert "\u4e2d" not in shown
    assert "\\u4e2d" in shown
    assert pages.end().startswith(b"%PDF-")
    with pytest.raises(SettingsError):
        pdf.PdfPages(Path(__file__))


def test_what_was_checked_speaks_of_a_claim_only_where_there_is_one() -> None:
    assert "its header was read and agrees" in sighting_text(sighting())
    for rung in (Rung.WEIGHTS, Rung.COMPONENT):
        said = sighting_text(sighting(rung=rung))
        assert "its weights were read and compared" in said
        assert "agrees" not in said
