from __future__ import annotations

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
