"""What a list says of models that stand: in words nobody knows, by ids, labels, and elsewhere."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter
from tests.registry.lists.as_read import digest, link, person, read, told

from reseen.registry import imports
from reseen.registry.imports import ReadList
from reseen.registry.lists.not_removed import (
    is_no_model_name,
    says_removed,
    status_stands,
    title_stands,
)

INNOCENT = digest("of nobody's removal")
GONE = [(person(n), link(n), [digest(n)]) for n in (1, 3)]


def hash_of(number: int) -> str:
    return INNOCENT if number == 2 else digest(number)


def digests(listed: ReadList) -> list[str]:
    return [each for _, _, all_ in told(listed) for each in all_]


@pytest.mark.parametrize(
    ("heading", "gone", "other"),
    [
        ("Ergebnis", "gelöscht", "wieder eingestellt"), ("判定", "削除", "問題なし"),
        ("Moderator decision", "Remove", "Leave up"), ("Situação", "Removido", "Restabelecido"),
        ("الحالة", "محذوف", "تمت إعادته"), ("处理结果", "已下架", "申诉成功，重新上架"),
        ("Resolución", "Retirado", "Desestimada"), ("Esito", "Rimosso", "Ripristinato"),
        ("Stage", "Removed", "put back"), ("Labels", "takedown", "likeness, false_positive"),
        ("Resolution status", "Removed", "Rejected - not a match"),
        ("Durum", "Kaldırıldı", "Geri yüklendi"),
        ("What became of it", "Taken down", "Talks with the artist"),
    ],
)  # fmt: skip
def test_a_status_in_any_words_that_are_not_those_of_removal_accuses_nobody(
    tmp_path: Path, heading: str, gone: str, other: str
) -> None:
    rows = [
        f'{person(n)},{link(n)},{hash_of(n)},"{other if n == 2 else gone}"' for n in (1, 2, 3, 4)
    ]
    listed = read(tmp_path, "\n".join([f"name,link,sha256,{heading}", *rows]))
    assert INNOCENT not in digests(listed)
    assert digests(listed) == [digest(1), digest(3), digest(4)]
    assert len(listed.refusals) == 1


def test_words_of_statuses_and_titles() -> None:
    assert all(map(title_stands, ("Appeals - back up", "* Reinstated", "On hold, not removed")))
    assert not any(map(title_stands, ("Removed, none kept", "Keepers", "Batch 12 - taken down")))
    assert status_stands("takedown; false positive")
    assert not status_stands("removed; final")
    assert says_removed("Appeal dismissed")
    assert not says_removed("not removed")
    assert is_no_model_name("checkpoints/sd_xl_base_1.0.safetensors")
    assert is_no_model_name("ae.safetensors")
    assert not is_no_model_name("aerith.safetensors")


def _board(_: int) -> str:
    cards = [
        {"id": f"c{n}", "name": person(n), "desc": f"{link(n)}\nSHA256: {hash_of(n)}",
         "idList": "L2" if n == 2 else "L1"}
        for n in (1, 2, 3)
    ]  # fmt: skip
    lists = [{"id": "L1", "name": "Removed"}, {"id": "L2", "name": "Reinstated"}]
    return json.dumps({"id": "b", "name": "Board", "lists": lists, "cards": cards})


def _labels(_: int) -> str:
    each = {1: [], 2: [{"id": "y", "name": "false positive", "color": "fff"}], 3: []}
    return json.dumps(
        [
            {"title": person(n), "body": f"{link(n)}\n{hash_of(n)}",
             "labels": [{"id": "x", "name": "takedown"}, *each[n]]}
            for n in (1, 2, 3)
        ]
    )  # fmt: skip


def _appeals(_: int) -> str:
    return json.dumps(
        [
            {"name": person(n), "url": link(n), "sha256": hash_of(n),
             "appeal": {"state": "granted" if n == 2 else None}}
            for n in (1, 2, 3)
        ]
    )  # fmt: skip


def _database(_: int) -> str:
    rows = [
        f"('{person(n)}','{link(n)}','{hash_of(n)}',{'NULL' if n == 2 else repr('2026-05-01')})"
        for n in (1, 2, 3)
    ]
    columns = "(`name`, `url`, `sha256`, `deleted_at`)"
    return f"INSERT INTO `models` {columns} VALUES {','.join(rows)};\n"


def _log(_: int) -> str:
    lines = [
        {"event": "model.removed", "name": person(n), "url": link(n), "sha256": hash_of(n)}
        for n in (1, 2, 3)
    ]
    again = {"event": "model.restored", "name": person(2), "url": link(2), "sha256": INNOCENT}
    return "".join(json.dumps(line) + "\n" for line in [*lines, again])


def _sheets(_: int) -> bytes:
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        for name, numbers in (("All", (1, 2, 3)), ("Put back", (2,))):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, ["Name", "URL", "SHA256"])
            for row, n in enumerate(numbers, 1):
                sheet.write_row(row, 0, [person(n), link(n), hash_of(n)])
    return made.getvalue()


def _sections(_: int) -> str:
    rows = [f"{person(n)},{link(n)},{hash_of(n)}" for n in (1, 2, 3)]
    head = "Name,URL,SHA256"
    return "\n".join(["Batch 1 - taken down,,", head, rows[0], "Appeals - back up,,", rows[1],
                      "Batch 2 - taken down,,", rows[2]])  # fmt: skip


@pytest.mark.parametrize("made", [_board, _labels, _appeals, _database, _log, _sheets, _sections])
def test_what_a_list_says_in_another_place_counts(
    tmp_path: Path, made: Callable[[int], str | bytes]
) -> None:
    listed = read(tmp_path, made(0))
    assert [each for each in told(listed) if each[2]] == GONE
    assert listed.refusals or listed.set_aside


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_a_log_longer_than_what_is_held_at_once_is_read_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(imports, "ROWS_AT_ONCE", at_once)
    listed = read(tmp_path, _log(0))
    assert told(listed) == GONE
    assert any("the list says elsewhere" in note for note in listed.notes)


def test_a_mail_that_takes_one_back_takes_it_out_of_what_it_quotes(tmp_path: Path) -> None:
    quoted = "".join(f"> {person(n)}  {hash_of(n)}\n" for n in (1, 2, 3))
    text = (
        f"Please put the second one back, it was removed by mistake:\n{INNOCENT}\n\n"
        f"On Monday somebody wrote:\n> These were removed:\n{quoted}"
    )
    assert digests(read(tmp_path, text)) == [digest(1), digest(3)]


def test_of_a_cell_with_labelled_hashes_those_of_other_things_are_not_taken(
    tmp_path: Path,
) -> None:
    rows = "".join(
        f'{person(n)},{link(n)},"lora: {digest(n)}\nbase: {INNOCENT}\npreview: {digest(-n)}"\n'
        for n in (1, 3)
    )
    assert told(read(tmp_path, f"Name,Link,Hashes\n{rows}")) == GONE


def test_what_hangs_on_a_message_and_texts_in_runs(tmp_path: Path) -> None:
    runs = [
        [{"type": "link", "text": link(n)}, "\n", {"type": "code", "text": digest(n)}]
        for n in (1, 3)
    ]
    attached = [{"id": "7", "url": "https://cdn.example.org/7/shot.png", "fileName": "shot.png"}]
    messages = [
        {"id": n, "type": "message", "text": text, "text_entities": text, "attachments": attached}
        for n, text in enumerate(runs)
    ]
    listed = read(tmp_path, json.dumps({"messages": messages}))
    assert [(url, all_) for _, url, all_ in told(listed)] == [(u, d) for _, u, d in GONE]


@pytest.mark.parametrize("heading", ["Keep", "Back up", "Put back", "Bleibt online", "Kept?"])
@pytest.mark.parametrize("tick", ["x", "yes", "2026-06-01"])
def test_a_column_that_is_ticked_for_models_that_stand(
    tmp_path: Path, heading: str, tick: str
) -> None:
    rows = [f"{person(n)},{link(n)},{hash_of(n)},{tick if n == 2 else ''}" for n in (1, 2, 3)]
    assert told(read(tmp_path, "\n".join([f"Name,Link,SHA256,{heading}", *rows]))) == GONE


def test_what_a_patch_takes_out_and_what_stands_under_allow(tmp_path: Path) -> None:
    patch = f"--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n {digest(1)}\n-{INNOCENT}\n+{digest(3)}\n"
    assert digests(read(tmp_path, patch)) == [digest(1), digest(3)]
    both = {"block": [{"sha256": digest(n)} for n in (1, 3)], "allow": [{"sha256": INNOCENT}]}
    assert digests(read(tmp_path, json.dumps(both))) == [digest(1), digest(3)]
    posts = {f"id{n}": {"message": f"{person(n)}\n{link(n)}\n{digest(n)}"} for n in (1, 3)}
    listed = read(tmp_path, json.dumps({"order": ["id1", "id3"], "posts": posts}))
    assert [(url, all_) for _, url, all_ in told(listed)] == [(u, d) for _, u, d in GONE]


def test_words_that_may_be_tags_and_names_accuse_and_spare_nobody(tmp_path: Path) -> None:
    rows = [f'{person(n)},{link(n)},{digest(n)},"anime, style, safe"' for n in (1, 3)]
    assert told(read(tmp_path, "\n".join(["name,link,sha256,tags", *rows]))) == GONE
    names = ("Restored beauty", "Removed scene", "Kept woman", "Deleted XL")
    rows = [f"{name},{link(n)},{digest(n)}" for n, name in enumerate(names)]
    listed = read(tmp_path, "\n".join(["name,link,sha256", *rows]))
    assert [name for name, _, _ in told(listed)] == [*names]


@pytest.mark.parametrize(
    "word", ["pending", "Cancelled", "Won't do", "On hold", "審査中", "Ausstehend"]
)
def test_a_case_that_is_not_decided_or_was_elsewhere_spares_only_its_own_row(
    tmp_path: Path, word: str
) -> None:
    rows = [f"{person(n)},{link(n)},{digest(n)},Removed" for n in (1, 3)]
    again = [f"{person(3)},{link(3)},{digest(3)},{word}", f"x,{link(9)},{INNOCENT},{word}"]
    for order in ([*rows, *again], [*again, *rows]):
        listed = read(tmp_path, "\n".join(["name,link,sha256,Status", *order]))
        assert told(listed) == GONE
        assert len(listed.refusals) == 2
    text = "".join(f"{person(n)}: {digest(n)}\n" for n in (1, 3))
    kept = f"{person(3)}: {digest(3)}\n{person(9)}: {INNOCENT}\n"
    listed = read(tmp_path, f"Deleted in May\n{text}\n{word}:\n{kept}")
    assert digests(listed) == [digest(1), digest(3)]


@pytest.mark.parametrize(
    ("heading", "values"),
    [
        ("status", ("404", "Gone", "Removed by owner", "Not found")),
        ("Action taken", ("Removed", "Model deleted, user banned", "Removed", "Model removed")),
        ("Appeal", ("none", "rejected", "", "No appeal")),
        ("Resolution", ("512", "1024", "", "768")), ("Removed at", ("2026-05-01", "", "", "")),
        ("Status", ("gelöscht", "gesperrt", "erledigt", "")),
    ],
)  # fmt: skip
def test_what_does_not_say_that_a_model_stands_loses_none(
    tmp_path: Path, heading: str, values: tuple[str, ...]
) -> None:
    rows = [f'{person(n)},{link(n)},{digest(n)},"{said}"' for n, said in enumerate(values)]
    listed = read(tmp_path, "\n".join([f"name,link,sha256,{heading}", *rows]))
    assert digests(listed) == [digest(n) for n in range(len(values))]


def test_tables_one_below_the_other_in_a_sheet_of_models_that_stand_accuse_nobody(
    tmp_path: Path,
) -> None:
    head = "<tr><th>name<th>url<th>sha256</tr>"
    rows = {n: f"<tr><td>{person(n)}<td>{link(n)}<td>{hash_of(n)}</tr>" for n in (1, 2, 3)}
    other = f"<tr><th>sha256<th>name</tr><tr><td>{INNOCENT}<td>{person(2)}</tr>"
    page = (
        f"<html><body><h2>Removed</h2><table>{head}{rows[1]}</table>"
        f"<h2>Reinstated</h2><table>{head}{rows[3]}{other}</table></body></html>"
    )
    assert digests(read(tmp_path, page)) == [digest(1)]


def test_of_a_long_list_too_a_later_sheet_says_which_models_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "ROWS_AT_ONCE", 2)
    listed = read(tmp_path, _sheets(0))
    assert digests(listed) == [digest(1), digest(3)]
    assert any("says elsewhere" in note for note in listed.notes)


@pytest.mark.parametrize(("key", "left"), [("model_id", [1, 2]), ("statusId", [1])])
def test_a_models_own_number_is_no_label_of_the_same_number(
    tmp_path: Path, key: str, left: list[int]
) -> None:
    statuses = [{"id": 1, "name": "removed"}, {"id": 2, "name": "restored"}]
    models = [{"name": person(n), "sha256": digest(n), key: n} for n in (1, 2)]
    listed = read(tmp_path, json.dumps({"statuses": statuses, "models": models}))
    assert digests(listed) == [digest(n) for n in left]
