"""Lists as teams keep them who never heard of this program: what they say is no removal is none."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import xlsxwriter
from tests.registry.lists.as_read import digest, person, read, told

from reseen.registry.imports import ReadList
from reseen.registry.lists.not_removed import says_not_removed


def link(number: int) -> str:
    return f"https://civitai.com/models/{number}"


def digests(listed: ReadList) -> list[str]:
    return [each for _, _, all_ in told(listed) for each in all_]


def sheet(rows: Sequence[Sequence[str]]) -> bytes:
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        page = book.add_worksheet()
        for number, row in enumerate(rows):
            page.write_row(number, 0, row)
    return made.getvalue()


ALL = [(person(n), link(n), [digest(n)]) for n in (1, 2, 3)]


@pytest.mark.parametrize(
    "word",
    [
        "Восстановлено", "Ложное срабатывание", "已恢复", "误判", "保留", "復元済み", "誤検出",
        "복원됨", "Won't Do", "not_planned", "Do not remove", "model.restored", "restore",
        "Appeal won", "wieder freigegeben", "remis en ligne", "no retirar", "Restored on appeal",
    ],
)  # fmt: skip
def test_a_column_that_says_so_by_its_values_is_the_status(tmp_path: Path, word: str) -> None:
    assert says_not_removed(word)
    rows = [f"{person(n)},{digest(n)},{word if n == 2 else 'gone'}" for n in (1, 2, 3)]
    listed = read(tmp_path, "\n".join(["name,sha256,Ergebnis nach Einspruch", *rows]))
    assert digests(listed) == [digest(1), digest(3)]
    entries = [
        {"_source": {"sha256": digest(n), "check": {"end": word if n == 2 else "gone"}}}
        for n in (1, 2, 3)
    ]
    assert digests(read(tmp_path, json.dumps(entries))) == [digest(1), digest(3)]


def test_notes_and_names_that_begin_with_such_words_are_no_status(tmp_path: Path) -> None:
    rows = [f"Keeper {n},{digest(n)},Keep an eye on who uploaded it" for n in (1, 2)]
    listed = read(tmp_path, "\n".join(["name,sha256,remarks", *rows, f"Restored,{digest(3)},"]))
    assert digests(listed) == [digest(1), digest(2), digest(3)]


@pytest.mark.parametrize("heading", ["false_positive", "Revoked", "reinstated_at", "whitelisted"])
@pytest.mark.parametrize(("yes", "no"), [(1, 0), (True, False), ("2026-11-02", None), ("y", "-")])
def test_a_column_that_asks_whether_it_stands_again_is_answered(
    tmp_path: Path, heading: str, yes: object, no: object
) -> None:
    entries = [{"sha256": digest(n), heading: yes if n == 2 else no} for n in (1, 2, 3)]
    assert digests(read(tmp_path, json.dumps(entries))) == [digest(1), digest(3)]


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r"])
def test_russian_lists_are_read_in_their_encoding(tmp_path: Path, encoding: str) -> None:
    rows = [f"{person(n)};{link(n)};{digest(n)};{digest(-n)};Удалено" for n in (1, 2, 3)]
    text = "\n".join(["Название;Ссылка;Хеш файла;Хеш базовой модели;Статус", *rows])
    listed = read(tmp_path, text.encode(encoding))
    assert told(listed) == ALL
    assert any(f"Read as {encoding}" in note for note in listed.notes)


@pytest.mark.parametrize(
    ("headings", "encoding"),
    [
        ("モデル名,リンク,ハッシュ値,プレビューのハッシュ", "cp932"),
        ("模型名称,链接,文件哈希,底模哈希", "gb18030"),
        ("名稱,連結,哈希碼,預覽", "big5"),
        ("모델명,링크,해시값,미리보기 해시", "cp949"),
    ],
)
def test_lists_of_east_asia_are_read_in_their_encoding(
    tmp_path: Path, headings: str, encoding: str
) -> None:
    rows = [f"{person(n)},{link(n)},{digest(n)},{digest(-n)}" for n in (1, 2, 3)]
    for each in (encoding, "utf-8"):
        assert told(read(tmp_path, "\n".join([headings, *rows]).encode(each))) == ALL


@pytest.mark.parametrize("group", ["Base model", "Preview", "KEPT", "Reinstated (appeal)", "VAE"])
def test_columns_under_a_group_of_something_else_are_not_taken(tmp_path: Path, group: str) -> None:
    own = [[person(n), link(n), digest(n), person(-n), digest(-n)] for n in (1, 2, 3)]
    heads = [["Removed", "", "", group], ["Name", "URL", "SHA256", "Name", "SHA256"]]
    assert told(read(tmp_path, sheet([*heads, *own]))) == ALL
    alone = [["", "", "", group], heads[1]]  # may be the title of the whole table, then
    expected = [] if says_not_removed(group) else ALL
    assert told(read(tmp_path, sheet([*alone, *own]))) == expected


def test_a_title_above_the_header_is_no_group(tmp_path: Path) -> None:
    own = [[person(n), link(n), digest(n)] for n in (1, 2, 3)]
    for title in (["Preview of May"], ["Report", "May"], ["", "Base models are not in it"]):
        assert told(read(tmp_path, sheet([title, ["Name", "URL", "SHA256"], *own]))) == ALL


def test_a_second_table_beside_the_first_is_left_out_and_listed(tmp_path: Path) -> None:
    heads = ["Name", "URL", "SHA256", "", "Name", "URL", "SHA256"]
    own = [[*row, "", person(-n), link(-n), digest(-n)] for n, row in
           ((n, [person(n), link(n), digest(n)]) for n in (1, 2, 3))]  # fmt: skip
    listed = read(tmp_path, sheet([heads, *own]))
    assert told(listed) == ALL
    assert [c.number for _, c in listed.columns if c.field is None and "hex" in c.looks] == [7]
    several = [["Name", "SHA256", "SHA256"], ["x", digest(1), digest(2)]]
    assert digests(read(tmp_path, sheet(several))) == [digest(1), digest(2)]


@pytest.mark.parametrize(
    "made",
    [
        lambda rows: {"range": "A1:D4", "values": [["Name", "URL", "SHA256", "Decision"], *rows]},
        lambda rows: {"cols": ["name", "url", "sha256", "status"], "rows": rows},
        lambda rows: {
            "data": {
                "rows": rows,
                "cols": [{"name": n, "id": 1} for n in ("name", "url", "sha256", "status")],
            }
        },
        lambda rows: {"headers": ["name", "url", "sha256", "status"], "data": rows},
    ],
)
def test_rows_that_are_arrays_have_headings(tmp_path: Path, made: object) -> None:
    rows = [[person(n), link(n), digest(n), "kept" if n == 4 else "gone"] for n in (1, 2, 3, 4)]
    assert callable(made)
    assert told(read(tmp_path, json.dumps(made(rows)))) == ALL


def test_the_plain_heading_goes_before_what_only_ends_so(tmp_path: Path) -> None:
    rows = [f"{person(n)},{digest(-n)},{digest(n)},{link(n)}" for n in (1, 2, 3)]
    for heading in ("Prev. SHA256", "old.sha256", "Trained on no. SHA256"):
        assert told(read(tmp_path, "\n".join([f"name,{heading},sha256,url", *rows]))) == ALL
    entries = [{"_id": {"$oid": digest(n)[:24]}, "sha256": digest(n)} for n in (1, 2)]
    assert digests(read(tmp_path, json.dumps(entries))) == [digest(1), digest(2)]


def test_columns_that_only_their_ids_tell_apart_are_not_of_one_model(tmp_path: Path) -> None:
    entries = [
        {"url": link(n), "customfield_10042": digest(n), "customfield_10050": digest(-n)}
        for n in (1, 2, 3)
    ]
    listed = read(tmp_path, json.dumps(entries))
    assert digests(listed) == []
    assert len([column for _, column in listed.columns if column.field is None]) == 2


@pytest.mark.parametrize("heading", ["infohash", "Torrent hash", "btih", "Commit"])
def test_a_torrents_or_a_commits_hash_is_no_files(tmp_path: Path, heading: str) -> None:
    rows = [f"{person(n)},{link(n)},{digest(n)[:40]}" for n in (1, 2, 3)]
    assert digests(read(tmp_path, "\n".join([f"name,url,{heading}", *rows]))) == []
    lines = "".join(f"{person(n)}\n{heading}: {digest(n)[:40]}\n" for n in (1, 2, 3))
    assert digests(read(tmp_path, f"{digest(9)}\n{lines}")) == [digest(9)]


@pytest.mark.parametrize("mark", ["## {}", "{n}. {}", "* {}"])
def test_the_line_above_a_record_is_its_name(tmp_path: Path, mark: str) -> None:
    record = "{}\n- Link: {}\n- SHA256: `{}`\n- Base: `{}`\n\n"
    said = "".join(
        record.format(mark.format(person(n), n=n), link(n), digest(n), digest(-n))
        for n in (1, 2, 3)
    )
    assert told(read(tmp_path, f"# Removed\n\n{said}")) == ALL
    kept = record.format(mark.format(person(4), n=4), link(4), digest(4), digest(-4))
    assert told(read(tmp_path, f"# Removed\n\n{said}# Please do not remove\n\n{kept}")) == ALL


@pytest.mark.parametrize(
    "line",
    [
        'event=model.restored name="{}" sha256={}', "action: reinstate, model {}, hash {}",
        "{}    {}    kept", "{} {} (appeal won)",
    ],
)  # fmt: skip
def test_a_line_that_says_that_its_model_was_put_back_is_set_aside(
    tmp_path: Path, line: str
) -> None:
    removed = "".join(f"2026-11-0{n} action=remove sha256={digest(n)}\n" for n in (1, 2, 3))
    listed = read(tmp_path, removed + line.format(person(4), digest(4)) + "\n")
    assert digests(listed) == [digest(1), digest(2), digest(3)]


def test_hashes_in_an_array_of_their_own_are_of_the_file_around_them(tmp_path: Path) -> None:
    def file(kind: str, what: object) -> dict[str, object]:
        named = [{"type": "SHA256", "hash": digest(what)}, {"type": "AutoV2", "hash": "0123456789"}]
        return {"type": kind, "name": "a.safetensors", "hashes": named[: 1 + (kind == "Model")]}

    entries = [
        {"name": person(n), "files": [file("Model", n), file("Training Data", -n)]}
        for n in (1, 2, 3)
    ]
    for entry in entries:
        first = entry["files"][0]
        assert isinstance(first, dict)
        first["hashes"][1]["hash"] = first["hashes"][0]["hash"][:10]
    assert [hashes for _, _, hashes in told(read(tmp_path, json.dumps(entries)))] == [
        [digest(n)] for n in (1, 2, 3)
    ]


@pytest.mark.parametrize("aside", [{"to_ids": False}, {"deleted": True}, {"revoked": True}])
def test_an_indicator_that_is_none_to_look_for_is_left_out(
    tmp_path: Path, aside: dict[str, bool]
) -> None:
    indicators = [
        {"uuid": str(n), "type": "sha256", "value": digest(n), "to_ids": True, "comment": "x"}
        | (aside if n == 2 else {})
        for n in (1, 2, 3)
    ]
    event = {"response": [{"Event": {"info": "May", "Attribute": indicators}}]}
    assert digests(read(tmp_path, json.dumps(event))) == [digest(1), digest(3)]


def test_sizes_before_hashes_and_sums_over_all_files_are_no_hashes(tmp_path: Path) -> None:
    deep = "".join(f"{10**9 + n}  {digest(n)}  /data/a{n}.safetensors\n" for n in (1, 2, 3))
    listed = read(tmp_path, deep)
    assert digests(listed) == [digest(1), digest(2), digest(3)]
    assert [draft.size for draft in listed.drafts] == [10**9 + n for n in (1, 2, 3)]
    rows = "".join(f"{digest(n)}    {10**8 + n}  removed/a{n}.safetensors\n" for n in (1, 2, 3))
    sums = f"{digest(7)}    300000006\n\nSHA256 for data:    {digest(7)}-00000001\n"
    packed = read(tmp_path, f"7-Zip 23.01 (x64)\n\nSHA256  Size  Name\n{rows}{sums}")
    assert digests(packed) == [digest(1), digest(2), digest(3)]


@pytest.mark.parametrize("between", ["^", "~", "\x01"])
def test_rarer_signs_part_cells_too(tmp_path: Path, between: str) -> None:
    rows = [
        [person(n), link(n), digest(n), "reinstated" if n == 4 else "removed"] for n in (1, 2, 3, 4)
    ]
    text = "\n".join(map(between.join, [["name", "url", "sha256", "status"], *rows]))
    assert told(read(tmp_path, text)) == ALL


@pytest.mark.parametrize("heading", ["value", "indicator", "ioc"])
def test_rows_that_say_what_their_value_is_may_hold_other_values(
    tmp_path: Path, heading: str
) -> None:
    rows = [
        *(f"{n},sha256,{digest(n)},{person(n)},1" for n in (1, 2, 3)),
        f"4,sha256,{digest(4)},base model,0", "5,domain,example.org,,1", "6,url,http://a.example,,1",
    ]  # fmt: skip
    text = "\n".join([f"uuid,type,{heading},comment,to_ids", *rows])
    assert digests(read(tmp_path, text)) == [digest(1), digest(2), digest(3)]
