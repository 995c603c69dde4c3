from __future__ import annotations

import builtins
import io
import random
from datetime import datetime
from typing import Any

import pytest

from reseen.errors import ListError
from reseen.registry.lists.parquet import read_parquet

SHA = "ab" * 32


def parquet(columns: dict[str, list[object]]) -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    writer = pytest.importorskip("pyarrow.parquet")
    out = io.BytesIO()
    writer.write_table(pyarrow.table(columns), out)
    return out.getvalue()


def test_columns_of_any_type_are_read() -> None:
    data = parquet(
        {
            "name": ["x", None],
            "sha256": [bytes.fromhex(SHA), None],
            "size": [5, 6],
            "removed": [datetime(2025, 5, 23), None],
            "trigger words": [["a", "b"], []],
            "other": [{"x": 1}, None],
        }
    )
    table = read_parquet(io.BytesIO(data))
    assert table.columns[0] == "name"
    assert list(table.rows) == [
        (1, ["x", SHA, 5, datetime(2025, 5, 23), ["a", "b"], None]),
        (2, [None, None, 6, None, [], None]),
    ]


def test_without_pyarrow_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ListError, match="pyarrow") as error:
        read_parquet(io.BytesIO(b"PAR1"))
    assert "reseen[parquet]" in str(error.value.remedy)


def test_long_cells_are_refused() -> None:
    with pytest.raises(ListError, match="more than"):
        list(read_parquet(io.BytesIO(parquet({"sha256": ["a" * 40_000]}))).rows)


def test_one_long_value_repeated_for_ever_is_refused() -> None:
    with pytest.raises(ListError, match="more than"):
        list(read_parquet(io.BytesIO(parquet({"sha256": ["a" * 200_000] * 200}))).rows)


def test_mutated_files_are_tables_or_errors() -> None:
    good = parquet({"name": ["x"] * 50, "sha256": [SHA] * 50})
    chance = random.Random(9)
    for _ in range(200):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            list(read_parquet(io.BytesIO(bytes(data))).rows)
        except ListError:
            continue
