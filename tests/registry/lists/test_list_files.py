from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from reseen.errors import ListError
from reseen.registry.lists import read
from reseen.registry.lists.read import open_tables


def read_tables(path: Path) -> list[list[object]]:
    """The cells of all rows."""
    with open_tables(path) as tables:
        return [list(cells) for table in tables for _, cells in table.rows]


@pytest.mark.parametrize("data", [b"", b" \r\n\t\n", b"\0\0"])
def test_an_empty_file_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(data)
    with pytest.raises(ListError, match="empty"):
        read_tables(path)


def test_what_a_file_is_tells_its_content_and_not_its_name(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    for data in (
        b"sha256\naa\n",
        b'[{"sha256": "aa"}]',
        '[{"sha256": "aa"}]'.encode("utf-16"),
    ):
        path.write_bytes(data)
        assert read_tables(path) == [["aa"]]


def test_missing_and_oversized_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ListError, match="cannot be read"):
        read_tables(tmp_path / "none.csv")
    with pytest.raises(ListError, match="cannot be read"):
        read_tables(tmp_path)
    monkeypatch.setattr(read, "MAX_FILE", 10)
    path = tmp_path / "list.csv"
    path.write_bytes(b"sha256\n" * 5)
    with pytest.raises(ListError, match="larger"):
        read_tables(path)


SHA = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "text",
    [
        f"[2025-05-01 10:00:00] removed sha256={SHA}\n",
        f"[Sample person 07](https://civitai.com/models/1) {SHA}\n",
        f"{{Sample person 07}} {SHA}\n",
        f"[[removed]]\nsha256 = '{SHA}'\n",
        f"[ {SHA} ]\n",
        f"[1] {SHA}\n",
        f"[{{name: 'Sample person 07', sha256: '{SHA}'}}]\n",
    ],
)
def test_a_text_may_begin_with_a_bracket(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list.txt"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path.write_bytes(text.encode(encoding))
        assert any(SHA in str(cell) for row in read_tables(path) for cell in row)


@pytest.mark.parametrize("text", ['{\n "a": 1,', "[", '[{"sha256": "', "[[", '[ [ "x" '])
def test_json_that_breaks_off_is_no_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list.json"
    path.write_text(text)
    with pytest.raises(ListError, match="JSON"):
        read_tables(path)


def test_a_packed_list_is_told_from_a_workbook(tmp_path: Path) -> None:
    path = tmp_path / "list.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("list.csv", f"sha256\n{SHA}\n")
    with pytest.raises(ListError, match="ZIP") as refused:
        read_tables(path)
    assert "Unpack" in (refused.value.remedy or "")
