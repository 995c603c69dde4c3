"""Web pages, bookmarks, OpenDocument, XML, and tables of further wikis."""

from __future__ import annotations

import io
import json
import time
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
import xlsxwriter
from tests.registry.lists.as_read import digest, link, person, read, told

from reseen.errors import ListError
from reseen.registry.lists import web_page
from reseen.registry.lists.opendocument import _TableReader
from reseen.registry.lists.plain_entries import made_plain
from reseen.registry.lists.web_page import MAX_PAGE

NUMBERS = (1, 2, 3)
ALL = [(person(n), link(n), [digest(n)]) for n in NUMBERS]
INNOCENT = digest("of nobody's removal")
_SPACES = "urn:oasis:names:tc:opendocument:xmlns"


def ods(*sheets: tuple[str, list[str]]) -> bytes:
    """Sheets with their rows, each as tags of cells."""
    tables = "".join(
        f'<t:table t:name="{name}">{"".join(f"<t:table-row>{row}</t:table-row>" for row in rows)}'
        '<t:table-row t:number-rows-repeated="1048000"><t:table-cell '
        't:number-columns-repeated="16384"/></t:table-row></t:table>'
        for name, rows in sheets
    )
    content = (
        f'<?xml version="1.0"?><o:document-content xmlns:o="{_SPACES}:office:1.0" '
        f'xmlns:t="{_SPACES}:table:1.0" xmlns:x="{_SPACES}:text:1.0" '
        f'xmlns:l="http://www.w3.org/1999/xlink"><o:body>{tables}</o:body></o:document-content>'
    )
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        kind = "application/vnd.oasis.opendocument.spreadsheet"
        file.writestr(zipfile.ZipInfo("mimetype"), kind)
        file.writestr("content.xml", content)
    return made.getvalue()


def cell(text: str, more: str = "") -> str:
    return f'<t:table-cell o:value-type="string"{more}><x:p>{escape(text)}</x:p></t:table-cell>'


def linked(text: str, target: str) -> str:
    inner = f'<x:p><x:a l:href="{escape(target)}">{text}</x:a></x:p>'
    return f'<t:table-cell o:value-type="string">{inner}</t:table-cell>'


HEAD = "".join(map(cell, ("Name", "Link", "SHA256")))


def test_a_sheet_of_libreoffice_is_read_as_a_workbook_is(tmp_path: Path) -> None:
    rows = [cell(person(n)) + linked("page", link(n)) + cell(digest(n)) for n in NUMBERS]
    kept = [HEAD, cell(person(7)) + cell(link(7)) + cell(INNOCENT)]
    listed = read(tmp_path, ods(("Gone", [HEAD, *rows]), ("Behalten", kept)))
    assert told(listed) == ALL
    assert any("sheet 2 was passed over: its name says" in note for note in listed.notes)


def test_cells_that_go_over_rows_and_notes_behind_cells(tmp_path: Path) -> None:
    over = ' t:number-rows-spanned="2"'
    note = "<o:annotation><x:p>by the way</x:p></o:annotation>"
    first = cell(person(1), over) + cell(link(1), over) + cell(digest(1))
    second = "<t:covered-table-cell/>" * 2 + cell(digest(2)).replace("<x:p>", f"{note}<x:p>")
    listed = read(tmp_path, ods(("x", [HEAD, first, second])))
    assert told(listed) == [(person(1), link(1), [digest(n)]) for n in (1, 2)]


def page(tables: str) -> str:
    return (
        "<!doctype html><html><head><title>x</title><script>var t = '<table>';</script></head>"
        f"<body><h1>Removed</h1>{tables}</body></html>"
    )


def table(rows: list[list[str]]) -> str:
    made = ("".join(f"<td>{each}</td>" for each in row) for row in rows)
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in made)}</table>"


def html_rows(*numbers: int) -> list[list[str]]:
    return [
        [person(n), f'<a href="{escape(link(n))}">page</a>', f"<code>{digest(n)}</code>"]
        for n in numbers
    ]


HEADS = ["Name", "Link", "SHA256"]


def test_the_tables_of_a_page_are_read_and_those_under_kept_are_not(tmp_path: Path) -> None:
    kept = table([HEADS, [person(7), link(7), INNOCENT]])
    inner = table([HEADS, *html_rows(*NUMBERS)])
    laid_out = f"<table><tr><td>menu</td><td>{inner}</td></tr></table>"
    listed = read(tmp_path, page(f"{laid_out}<h2>Put back after appeal</h2>{kept}"))
    assert told(listed) == ALL


def test_a_page_without_tables_is_read_as_its_lines(tmp_path: Path) -> None:
    items = "".join(
        f'<li><a href="{escape(link(n))}">{person(n)}</a> <code>{digest(n)}</code></li>'
        for n in NUMBERS
    )
    kept = f'<h2>Kept</h2><ul><li><a href="{link(7)}">x</a> {INNOCENT}</li></ul>'
    assert told(read(tmp_path, page(f"<ul>{items}</ul>{kept}"))) == ALL


def test_bookmarks_keep_their_names_links_and_digests(tmp_path: Path) -> None:
    def marks(*numbers: int) -> str:
        return "".join(
            f'<DT><A HREF="{link(n)}" ADD_DATE="1">{person(n)}</A>\n<DD>sha256 {digest(n)}\n'
            for n in numbers
        )

    text = (
        "<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<TITLE>Bookmarks</TITLE>\n<H1>Bookmarks</H1>\n<DL><p>"
        f"<DT><H3>Removed</H3>\n<DL><p>\n{marks(*NUMBERS)}</DL><p>\n"
        f"<DT><H3>Reinstated</H3>\n<DL><p>\n{marks(8)}</DL><p>\n</DL><p>\n"
    )
    assert told(read(tmp_path, text)) == ALL


@pytest.mark.parametrize(
    "tag", ["<!--", "<a ", "</", "<![", "<![x", "<td>", "<table>", "<a href='", "<a/ /", "<h1>"]
)
def test_a_page_that_never_ends_a_tag_is_refused_or_read_soon(tmp_path: Path, tag: str) -> None:
    with pytest.raises(ListError):
        read(tmp_path, "<!doctype html>" + tag * ((512 << 10) // len(tag)))


def test_a_title_in_many_pieces_that_never_ends_is_looked_at_once(tmp_path: Path) -> None:
    began = time.process_time()
    with pytest.raises(ListError):
        read(tmp_path, "<html><body><h1>" + "<b>x" * 100_000)
    assert time.process_time() - began < 15  # a second; each piece was added up with all before it


def test_a_page_that_holds_no_list_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="web page, and it holds no list") as no:
        read(tmp_path, page("<p>Sign in, Sample person 09</p>"))
    assert "person" not in f"{no.value} {no.value.remedy}"
    with pytest.raises(ListError, match="larger than"):
        read(tmp_path, b"<!doctype html>" + bytes(MAX_PAGE))


def test_xml_is_read_as_what_its_elements_hold(tmp_path: Path) -> None:
    rows = "".join(
        f"<removal><name>{person(n)}</name><url>{escape(link(n))}</url><sha256>{digest(n)}</sha256>"
        "<status>removed</status></removal>"
        for n in NUMBERS
    )
    again = f"<removal><sha256>{INNOCENT}</sha256><status>reinstated</status></removal>"
    assert told(read(tmp_path, f"<?xml version='1.0'?><r>{rows}{again}</r>")) == ALL
    files = "".join(
        f'<file name="m{n}.safetensors"><hash type="sha-256">{digest(n)}</hash></file>'
        for n in NUMBERS
    )
    listed = read(tmp_path, f'<?xml version="1.0"?><metalink xmlns="m">{files}</metalink>')
    assert [all_ for _, _, all_ in told(listed)] == [all_ for _, _, all_ in ALL]
    bomb = "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"
    with pytest.raises(ListError):
        read(tmp_path, bomb)


def _rst(n: int) -> str:
    return f"   * - {person(n)}\n     - `page <{link(n)}>`__\n     - ``{digest(n)}``\n"


PAGES = {
    "list-table": ".. list-table:: Removed\n   :header-rows: 1\n\n   * - Name\n     - Link\n"
    "     - SHA256\n" + "".join(map(_rst, NUMBERS)),
    "DokuWiki": "====== Removed ======\n^ Name ^ Page ^ SHA256 ^\n"
    + "".join(f"| {person(n)} | [[{link(n)}|page]] | ''{digest(n)}'' |\n" for n in NUMBERS),
    "Textile": "h2. Removed\n|_. Name |_. Link |_. SHA256 |\n"
    + "".join(f'| {person(n)} | "page":{link(n)} | @{digest(n)}@ |\n' for n in NUMBERS),
    "Org": "| Name | Link | SHA256 |\n|------+------+--------|\n"
    + "".join(f"| {person(n)} | [[{link(n)}][page]] | ={digest(n)}= |\n" for n in NUMBERS)
    + f"* Reinstated\n| Name | Link | SHA256 |\n|---+---+---|\n| x | {link(7)} | {INNOCENT} |\n",
    "BBCode": "[b]Removed[/b]\n[list]\n"
    + "".join(f"[*][url={link(n)}]{person(n)}[/url] [code]{digest(n)}[/code]\n" for n in NUMBERS),
    "as Python prints it": repr(
        [{"name": person(n), "url": link(n), "sha256": digest(n), "why": None} for n in NUMBERS]
    ),
    "a chat": "".join(
        f"[02.05.26, 10:2{n}:11] Mod: {person(n)}\n[02.05.26, 10:2{n}:31] Mod: {link(n)}\n"
        f"[02.05.26, 10:2{n}:41] Mod: {digest(n)}\n"
        for n in NUMBERS
    ),
}


@pytest.mark.parametrize("form", PAGES)
def test_tables_and_lines_of_other_pages(tmp_path: Path, form: str) -> None:
    assert [each for each in told(read(tmp_path, PAGES[form])) if each[2]] == ALL


@pytest.mark.parametrize("at", [10, 32, 40, 56])
def test_a_hash_that_a_page_broke_is_one(tmp_path: Path, at: int) -> None:
    lines = "".join(f"{person(n)} {digest(n)[:at]}\n{digest(n)[at:]}\n" for n in NUMBERS)
    listed = read(tmp_path, f"Annex A\nPage 1 of 2\n{lines}Page 2 of 2\n")
    assert [(name, all_) for name, _, all_ in told(listed)] == [(n, d) for n, _, d in ALL]


def test_two_hashes_of_another_kind_are_not_put_together(tmp_path: Path) -> None:
    halves = "".join(f"{digest(n)[:32]}\n{digest(n)[32:]}\n" for n in NUMBERS)
    try:
        listed = read(tmp_path, halves)
    except ListError:
        return
    assert not [each for _, _, all_ in told(listed) for each in all_ if len(each) == 64]


def test_a_row_that_is_struck_through_is_set_aside(tmp_path: Path) -> None:
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        sheet, strike = book.add_worksheet(), book.add_format({"font_strikeout": True})
        sheet.write_row(0, 0, HEADS)
        for n in NUMBERS:
            sheet.write_row(n, 0, [person(n), link(n), digest(n)], strike if n == 2 else None)
    listed = read(tmp_path, made.getvalue())
    assert told(listed) == [ALL[0], ALL[2]]
    assert any("struck through" in note for note in listed.notes)


def test_the_page_of_a_ticket_is_not_the_models_where_another_is(tmp_path: Path) -> None:
    tickets = [
        {"url": f"https://x.zendesk.com/api/v2/tickets/{n}.json", "subject": person(n),
         "description": f"{link(n)}\n{digest(n)}", "custom_fields": [{"id": 9, "value": digest(n)}]}
        for n in NUMBERS
    ]  # fmt: skip
    assert told(read(tmp_path, json.dumps({"tickets": tickets}))) == ALL
    pages = [
        {"url": f"https://www.notion.so/{n}", "properties": {
            "Name": {"id": "t", "type": "title",
                     "title": [{"type": "text", "plain_text": person(n)}]},
            "Page": {"id": "a", "type": "url", "url": link(n)},
            "SHA256": {"id": "b", "type": "rich_text",
                       "rich_text": [{"type": "text", "plain_text": digest(n)}]},
        }}
        for n in NUMBERS
    ]  # fmt: skip
    assert told(read(tmp_path, json.dumps({"results": pages}))) == ALL


def test_what_stands_behind_a_table_is_not_read_for_it() -> None:
    reader = _TableReader(wanted=1)
    for _ in range(3):
        reader.start("table", {})
        reader.end("table")
    assert reader.ended


def test_of_a_cell_with_several_links_none_is_kept_nor_are_thousands() -> None:
    reader = _TableReader(wanted=0)
    reader.start("table", {})
    for name in ("table-row", "table-cell"):
        reader.start(name, {})
    for number in range(1_000):
        reader.start("a", {"href": f"https://example.org/{number}"})
        reader.end("a")
    assert len(reader._links) == 2


def test_long_runs_that_are_no_picture_are_looked_at_once() -> None:
    page = (b"A" * 3_999 + b"<") * 250
    assert b"".join(web_page._without_pictures(io.BytesIO(page))) == page
    assert web_page._PICTURE.pattern.startswith(b"(?<!")


def test_of_a_cell_of_a_page_with_several_links_none_is_kept_nor_are_thousands() -> None:
    parser = web_page._PageParser()
    links = "".join(f'<a href="https://example.org/{number}">x</a>' for number in range(1_000))
    parser.feed(f"<table><tr><td>{links}")
    assert len(parser._links) == 2


def test_a_property_within_itself_is_followed_no_deeper_than_rows_may_be() -> None:
    value: object = {"x": [1]}
    for _ in range(3_000):
        value = {"type": "select", "select": [value, {"x": [1]}]}
    assert made_plain(value)
