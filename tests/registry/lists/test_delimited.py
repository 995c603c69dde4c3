from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reseen.errors import ListError
from reseen.registry.lists import delimited
from reseen.registry.lists.delimited import DELIMITERS
from reseen.registry.lists.table import MAX_CELL, ListTable

TEXT = "name,sha256\nMüller,aa\n"


def read_delimited(data: bytes) -> ListTable:
    return delimited.read_delimited(io.BytesIO(data))


def rows(data: bytes) -> list[list[object]]:
    return [list(cells) for _, cells in read_delimited(data).rows]


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_the_delimiter_is_found(delimiter: str) -> None:
    data = TEXT.replace(",", delimiter).encode()
    assert rows(data) == [["Müller", "aa"]]


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", ""), ("utf-8-sig", ""), ("utf-16", ""), ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"), ("latin-1", "Latin-1"),
    ],
)  # fmt: skip
def test_the_encoding_is_found_and_said_when_assumed(encoding: str, said: str) -> None:
    table = read_delimited(TEXT.encode(encoding))
    assert [cells for _, cells in table.rows] == [["Müller", "aa"]]
    assert said in " ".join(table.notes)
    assert bool(said) == bool(table.notes)


def test_the_marks_of_windows_are_read_where_latin_1_has_none() -> None:
    assert rows("Nom,sha256\nL’œuvre – n° 1,aa\n".encode("cp1252")) == [["L’œuvre – n° 1", "aa"]]
    assert rows(b"name,sha256\nM\x81\xfcller,aa\n") == [["M\x81\xfcller", "aa"]]


def test_titles_and_blank_rows_may_come_before_the_header() -> None:
    table = read_delimited(b"Removed models\n\n name , SHA 256\nx,aa\n")
    assert table.columns == ("name ", "SHA 256")
    assert list(table.rows) == [(4, ["x", "aa"])]
    assert table.notes == ("The header was found in row 3.",)


def test_rows_are_numbered_as_a_spreadsheet_shows_them() -> None:
    table = read_delimited(b'name,sha256\n"two\nlines",aa\n\nx,bb\n')
    assert [number for number, _ in table.rows] == [2, 4]


def test_a_list_without_a_usable_header_is_refused_without_showing_it() -> None:
    with pytest.raises(ListError) as error:
        read_delimited(b"Marked,Marked example\nMarked again,12\n")
    assert "arked" not in str(error.value) + str(error.value.remedy)


@pytest.mark.parametrize("text", ['name,sha256\n"open,aa\nb,bb\n', 'name,sha256\n"a"b,aa\n'])
def test_quotes_out_of_order_lose_no_row_in_silence(text: str) -> None:
    with pytest.raises(ListError, match="row 2"):
        rows(text.encode())


def test_an_endless_cell_is_refused() -> None:
    with pytest.raises(ListError, match="more than"):
        rows(b"name,sha256\n" + b"a" * (MAX_CELL + 1) + b",aa\n")


@given(st.binary(max_size=300))
@example(b"\xff\xfea")
@example(b"sha256\n\x00\r\r\n")
def test_any_bytes_are_a_table_or_an_error(data: bytes) -> None:
    for head in (b"", b"name,sha256\n"):
        try:
            rows(head + data)
        except ListError:
            continue


CELL = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)


@given(st.lists(st.tuples(CELL, CELL), max_size=8))
def test_what_csv_wrote_is_read_back(cells: list[tuple[str, str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([("name", "sha256"), *cells])
    assert [tuple(c) for _, c in read_delimited(out.getvalue().encode()).rows] == cells
