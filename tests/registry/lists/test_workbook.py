from __future__ import annotations

import io
import random
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from reseen.errors import ListError
from reseen.registry.lists.read import open_tables
from reseen.registry.lists.table import ListTable
from reseen.registry.lists.workbook import read_workbook as read_open

SHA = "ab" * 32


def read_workbook(data: bytes) -> list[ListTable]:
    """All of a workbook: what is wrong with its rows shows when they are walked."""
    return [replace(t, rows=list(t.rows)) for t in read_open(io.BytesIO(data))]


def workbook(*sheets: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def repacked(data: bytes, change: dict[str, bytes]) -> bytes:
    """The same workbook with other parts."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new,
    ):
        for name in {**dict.fromkeys(old.namelist()), **change}:
            new.writestr(name, change.get(name) or old.read(name))
    return out.getvalue()


def sheet(body: str, prefix: str = "") -> dict[str, bytes]:
    return {
        "xl/worksheets/sheet1.xml": (
            '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/'
            f'spreadsheetml/2006/main">{prefix}<sheetData>{body}</sheetData></worksheet>'
        ).encode()
    }


BASE = workbook([["name", "sha256"], ["x", SHA]])


def test_sheets_are_tables_and_the_header_is_found() -> None:
    data = workbook(
        [["A title"], [], ["Name", "SHA256", "Removed"], ["x", SHA, date(2025, 5, 23)]],
        [["notes only"]],
        [["url", "AutoV2"], ["https://example.org/x", 12345.0]],
    )
    first, second = read_workbook(data)
    assert (first.place, first.columns) == ("sheet 1", ("Name", "SHA256", "Removed"))
    assert list(first.rows) == [(4, ["x", SHA, date(2025, 5, 23)])]
    assert second.place == "sheet 3"
    assert [number for number, _ in second.rows] == [2]


def test_what_another_writer_wrote_is_read_too() -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        page = book.add_worksheet()
        page.write_row(2, 1, ["name", "sha256"])
        page.write_row(3, 1, ["x", SHA])
        page.write_formula(4, 1, "=1+1", None, "")
        page.write(4, 2, SHA)
    (table,) = read_workbook(out.getvalue())
    assert [number for number, _ in table.rows] == [4, 5]


def test_rows_and_cells_without_a_place_count_themselves() -> None:
    body = "<row><c t='str'><v>sha256</v></c></row>" + f"<row><c t='str'><v>{SHA}</v></c></row>" * 3
    (table,) = read_workbook(repacked(BASE, sheet(body)))
    assert [cells for _, cells in table.rows] == [[SHA]] * 3


FAR = '<row r="1"><c r="A1"><v>1</v></c></row>'


@pytest.mark.parametrize(
    "body",
    [
        FAR + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        FAR + '<row r="1048576"><c s=">" r="XFD1048576"><v>1</v></c></row>',
        FAR + "<row r='1048576'><c r='XFD1048576'><v>1</v></c></row>",
        FAR + '<row r="1048576"><c s="1" r = "XFD1048576" /></row>',
        FAR + '<row r="1048576"><c r="&#88;FD1048576"><v>1</v></c></row>',
        FAR + '<row r="9999999"><c r="A9999999"><v>1</v></c></row>',
        FAR + '<row r="99999999999"><c r="A1"><v>1</v></c></row>',
        "<row/>" * 20_000 + "<row>" + "<c/>" * 16_000 + "</row>",
    ],
)
def test_a_cell_in_the_far_corner_is_refused(body: str) -> None:
    with pytest.raises(ListError):
        read_workbook(repacked(BASE, sheet(body)))


def test_a_sheet_under_another_name_is_measured_too() -> None:
    far = sheet(FAR + '<row r="1048576"><c r="XFD1048576"/></row>')
    (xml,) = far.values()
    with zipfile.ZipFile(io.BytesIO(BASE)) as old:
        rels = old.read("xl/_rels/workbook.xml.rels").replace(b"worksheets/sheet1.xml", b"x.bin")
    with pytest.raises(ListError):
        read_workbook(repacked(BASE, {"xl/x.bin": xml, "xl/_rels/workbook.xml.rels": rels}))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_xml_that_cannot_be_seen_through_is_refused(encoding: str) -> None:
    (xml,) = sheet(FAR).values()
    wide = {"xl/worksheets/sheet1.xml": xml.decode().encode(encoding)}
    with pytest.raises(ListError):
        read_workbook(repacked(BASE, wide))


def test_a_part_that_inflates_without_end_is_refused() -> None:
    with pytest.raises(ListError, match="memory"):
        read_workbook(repacked(BASE, {"xl/sharedStrings.xml": b"<sst>" + b" " * (40 << 20)}))


def test_one_long_text_in_every_cell_is_refused() -> None:
    texts = b'<sst xmlns="x"><si><t>' + b"ab" * 16_000 + b"</t></si></sst>"
    cell = '<c r="A{0}" t="s"><v>0</v></c>'
    body = "".join(f'<row r="{n}">{cell.format(n)}</row>' for n in range(1, 40_000))
    with pytest.raises(ListError, match="memory"):
        read_workbook(repacked(BASE, {**sheet(body), "xl/sharedStrings.xml": texts}))


def test_other_archives_are_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("content.xml", "<x/>")
    with pytest.raises(ListError):
        read_workbook(out.getvalue())
    with pytest.raises(ListError):
        read_workbook(repacked(BASE, {"content.xml": b"<x/>"}))


def test_a_workbook_without_a_usable_header_is_refused() -> None:
    with pytest.raises(ListError, match="no column"):
        read_workbook(workbook([["Sample person 07", "x"]]))


def test_mutated_workbooks_are_tables_or_errors() -> None:
    chance = random.Random(7)
    for _ in range(400):
        data = bytearray(BASE)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.2:
            del data[chance.randrange(len(data)) :]
        try:
            for table in read_workbook(bytes(data)):
                list(table.rows)
        except ListError:
            continue


def test_mutated_sheets_are_tables_or_errors() -> None:
    chance = random.Random(8)
    with zipfile.ZipFile(io.BytesIO(BASE)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(400):
        name = chance.choice(sorted(parts))
        part = bytearray(parts[name])
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(part))
            part[at : at + chance.randint(0, 3)] = chance.choice(
                [b"", b"<", b">", b'"', b"9", b"c", b" r=", b"</row>", b"XFD", b"-1", b"\xff"]
            )
        try:
            for table in read_workbook(repacked(BASE, {name: bytes(part)})):
                list(table.rows)
        except ListError:
            continue


def test_an_old_workbook_is_told_from_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    with pytest.raises(ListError, match="old kind"), open_tables(path):
        pass
