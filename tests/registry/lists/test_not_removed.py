"""What a list itself says is no removed file is taken for none: whoever has it would be accused."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import xlsxwriter
from tests.registry.lists.as_read import digest, link, read

from reseen.errors import ListError
from reseen.registry.imports import ReadList
from reseen.registry.lists.not_removed import is_of_another, says_no, says_not_removed

BASE = digest("base model")
REMOVED = [digest(f"removed {number}") for number in range(4)]
INNOCENT = [digest(f"innocent {number}") for number in range(3)]


def digests(listed: ReadList) -> list[str]:
    return [each.hex for draft in listed.drafts for each in draft.digests]


@pytest.mark.parametrize(
    "heading",
    [
        "Base Model SHA256", "baseModelHash", "Parent checkpoint hash", "Preview SHA256",
        "thumbnail_sha256", "Uploader", "user id hash", "VAE hash", "Prüfsumme Basismodell",
        "Basismodellprüfsumme", "Empreinte du modèle parent", "Hash de la imagen",
    ],
)  # fmt: skip
def test_a_column_of_another_thing_is_taken_for_no_hash_and_no_link(
    tmp_path: Path, heading: str
) -> None:
    rows = [f"x,{link(n)},{INNOCENT[n % 3]}" for n in range(4)]
    listed = read(tmp_path, "\n".join([f"Title,Link,{heading}", *rows]))
    assert len(listed.drafts) == 4
    assert digests(listed) == []
    assert [column.looks for _, column in listed.columns if column.field is None] == [
        "64 hex digits in all"
    ]
    other = [f"{each},https://example.org/{n}" for n, each in enumerate(REMOVED)]
    links = read(tmp_path, "\n".join([f"SHA256,{heading}", *other]))
    assert [draft.names.url for draft in links.drafts] == [None] * 4


@pytest.mark.parametrize(
    "heading", ["Hash (SHA256)", "File checksum", "Empreinte", "Reported file", "Datei", "Database"]
)
def test_a_column_of_files_is_told_beside_those_of_others(tmp_path: Path, heading: str) -> None:
    rows = [f"{BASE},{digest(f'preview {n}')},{each}" for n, each in enumerate(REMOVED)]
    listed = read(tmp_path, "\n".join([f"Base hash,Preview hash,{heading}", *rows]))
    assert digests(listed) == REMOVED


def test_a_hash_that_comes_in_most_rows_is_no_files(tmp_path: Path) -> None:
    rows = [f"{link(n)},{BASE}" for n in range(4)]
    assert digests(read(tmp_path, "\n".join(["Lien,Modèle de départ", *rows]))) == []
    with pytest.raises(ListError, match="column 2: 64 hex digits"):
        read(tmp_path, "\n".join(["Number,Something", *(f"{n},{BASE}" for n in range(4))]))
    with pytest.raises(ListError, match="column 2: 64 hex digits"):
        read(tmp_path, "\n".join(["Title,Base SHA256", *(f"x,{each}" for each in INNOCENT)]))
    twice = [f"{link(n)},{REMOVED[n % 2]}" for n in range(4)]
    assert len(digests(read(tmp_path, "\n".join(["Lien,Empreinte", *twice])))) == 4


def test_of_two_columns_that_may_be_the_one_none_is_guessed(tmp_path: Path) -> None:
    rows = [f"{link(n)},{digest(f'a {n}')},{each}" for n, each in enumerate(REMOVED)]
    listed = read(tmp_path, "\n".join(["Lien,Gauche,Droite", *rows]))
    assert digests(listed) == []
    assert [c.number for _, c in listed.columns if c.field is None] == [2, 3]
    kinds = "Short,Empreinte SHA-256"
    rows = [f"{each[:10]},{each}" for each in REMOVED]
    assert digests(read(tmp_path, "\n".join([kinds, *rows]))) == REMOVED


def test_entries_of_json_tell_of_their_base_model_too(tmp_path: Path) -> None:
    entries = [
        {"title": "x", "baseModelHash": BASE, "page": link(n), "preview": {"sha256": INNOCENT[0]}}
        for n in range(3)
    ]
    assert digests(read(tmp_path, json.dumps(entries))) == []


@pytest.mark.parametrize(
    "headings", ["file1_sha256,file2_sha256", "SHA256 1,SHA256 2", "hash1,hash2", "Datei 1,Datei 2"]
)
def test_the_hashes_of_several_files_are_told_by_their_numbers(
    tmp_path: Path, headings: str
) -> None:
    text = f"link,{headings}\n{link(1)},{REMOVED[0]},{REMOVED[1]}\n{link(2)},{REMOVED[2]},\n"
    assert digests(read(tmp_path, text)) == REMOVED[:3]


STANDING = [
    *("Reinstated", "reinstated after appeal", "Appeal granted", "FALSE POSITIVE", "not removed"),
    *("kept", "Pending review", "rétabli", "Fehlalarm", "falso positivo", "kein Verstoß"),
    *("in Prüfung", "False positives", "No action"),
]
GONE = [
    *("Removed", "Done", "closed", "taken down", "restored, then removed again", "", "active"),
    *("keeper", "pendulum", "appeal dismissed"),
]


@pytest.mark.parametrize("status", STANDING)
def test_a_row_whose_status_says_that_the_model_stands_is_rejected(
    tmp_path: Path, status: str
) -> None:
    text = f"name,sha256,Status\na,{REMOVED[0]},removed\nb,{INNOCENT[0]},{status}\n"
    listed = read(tmp_path, text)
    assert digests(listed) == REMOVED[:1]
    (refused,) = [refusal for _, refusal in listed.refusals]
    assert (refused.row, refused.reason) == (
        3, "the list says that this model was not removed, or stands again",
    )  # fmt: skip


@pytest.mark.parametrize("status", GONE)
def test_any_other_status_is_no_hindrance(tmp_path: Path, status: str) -> None:
    text = f'name,sha256,Status\na,{REMOVED[0]},removed\nb,{REMOVED[1]},"{status}"\n'
    assert digests(read(tmp_path, text)) == REMOVED[:2]


@pytest.mark.parametrize("heading", ["removed", "deleted", "is removed", "Taken down"])
def test_no_is_an_answer_to_whether_it_was_removed(tmp_path: Path, heading: str) -> None:
    text = f"{heading},sha256\nyes,{REMOVED[0]}\nno,{INNOCENT[0]}\nFALSE,{INNOCENT[1]}\n"
    assert digests(read(tmp_path, text)) == REMOVED[:1]
    entries = [
        {heading: True, "sha256": REMOVED[0]},
        {heading: False, "sha256": INNOCENT[0]},
        {heading: None, "sha256": REMOVED[1]},
    ]
    assert digests(read(tmp_path, json.dumps(entries))) == REMOVED[:2]


def test_a_sheet_that_is_called_so_is_passed_over_and_that_is_said(tmp_path: Path) -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        for name, each in (("Removed", REMOVED[0]), ("Whitelist", INNOCENT[0])):
            page = book.add_worksheet(name)
            page.write_row(0, 0, ["Name", "SHA256"])
            page.write_row(1, 0, ["x", each])
    listed = read(tmp_path, out.getvalue())
    assert digests(listed) == REMOVED[:1]
    said = "sheet 2 was passed over: its name says that its models were not removed (2 rows)."
    assert any(said in note for note in listed.notes)


@pytest.mark.parametrize("again", ["Name,SHA256\n", "Name,SHA256,Link\n", ""])
def test_rows_below_a_title_that_says_so_are_set_aside(tmp_path: Path, again: str) -> None:
    text = (
        f"Name,SHA256\na,{REMOVED[0]}\n\nReinstated\n{again}b,{INNOCENT[0]}\nc,{INNOCENT[1]}\n"
        f"Removed later\n{again}d,{REMOVED[1]}\n"
    )
    listed = read(tmp_path, text)
    assert digests(listed) == REMOVED[:2]
    assert (
        "Set aside: a row below a title that says that its models were not removed, 2 times."
        in listed.notes
    )


def test_a_list_may_tell_of_such_models_alone(tmp_path: Path) -> None:
    text = f"Whitelist\nName,SHA256\na,{INNOCENT[0]}\n"
    assert digests(read(tmp_path, text)) == []


@pytest.mark.parametrize("title", ["Whitelist:", "# Reinstated", "## False positives ##", "kept:"])
def test_lines_below_a_title_that_says_so_are_set_aside(tmp_path: Path, title: str) -> None:
    text = "\n".join(
        ["# May", REMOVED[0], "", title, INNOCENT[0], f"{INNOCENT[1]}  x.pt", "# more", INNOCENT[2]]
    )
    listed = read(tmp_path, f"{text}\n\n# Removed in June\n{REMOVED[1]}\n")
    assert digests(listed) == REMOVED[:2]
    assert any("were not removed, 3 times." in note for note in listed.notes)
    names = read(tmp_path, f"kept {REMOVED[0]}\n{REMOVED[1]}  kept.safetensors\n")
    assert digests(names) == REMOVED[:2]


@pytest.mark.parametrize("key", ["reinstated", "false_positives", "falsePositives", "Whitelist"])
def test_entries_under_a_key_that_says_so_are_left_out(tmp_path: Path, key: str) -> None:
    innocents = [{"name": "b", "sha256": each} for each in INNOCENT]
    for entries in (innocents, INNOCENT, {each: {"name": "b"} for each in INNOCENT}):
        listed = read(
            tmp_path,
            json.dumps({"taken": [{"name": "a", "sha256": REMOVED[0]}], key: entries}),
        )
        assert digests(listed) == REMOVED[:1]
        said = "3 entries of models that were not removed, by the key above them, were left out."
        assert said in listed.notes
    # a model may be called so
    named = json.dumps({"Innocent": {"sha256": REMOVED[0]}, "Other": {"sha256": REMOVED[1]}})
    assert digests(read(tmp_path, named)) == REMOVED[:2]


def test_the_words_are_told_by_themselves() -> None:
    assert all(map(says_not_removed, STANDING))
    assert not any(map(says_not_removed, GONE))
    assert all(map(says_no, (False, "No", " false ", "nein", "0")))
    assert not any(map(says_no, (True, None, "", "2025-05-23", "yes", 0.5)))
    assert not any(map(is_of_another, ("", "database", "Reported URL", "Checkpoint", "sha256_2")))
