"""docs/lists.md says what the code does: every field, spelling, bound and format."""

from __future__ import annotations

from pathlib import Path

import pytest

from reseen.registry.lists.list_fields import REJECT_COLUMNS, SPELLINGS, ListField
from reseen.registry.lists.looks import HEADER_WITHIN
from reseen.registry.lists.nested import MAX_DEPTH
from reseen.registry.lists.table import MAX_CELL, MAX_COLUMNS, MAX_FILE, MAX_ROWS

PAGE = (Path(__file__).parents[3] / "docs" / "lists.md").read_text()
ROWS = {line.split("|")[1].strip(): line for line in PAGE.splitlines() if line.startswith("| `")}


@pytest.mark.parametrize("field", list(ListField))
def test_every_field_is_documented_with_its_spellings(field: ListField) -> None:
    row = ROWS[f"`{field.value}`"]
    spellings = [s.strip() for s in row.split("|")[2].split(",")]
    assert spellings == list(SPELLINGS.get(field, ("",)))


def test_no_field_is_documented_that_is_gone() -> None:
    assert set(ROWS) == {f"`{field.value}`" for field in ListField}


def test_every_bound_is_documented() -> None:
    text = " ".join(PAGE.split())
    for said in (
        f"{MAX_FILE >> 20} MiB", f"{MAX_ROWS:,} rows", f"{MAX_COLUMNS:,} columns",
        f"{MAX_CELL:,} characters", f"{MAX_DEPTH} levels", f"first {HEADER_WITHIN} rows",
        *(f"`{column}`" for column in REJECT_COLUMNS),
    ):  # fmt: skip
        assert said in text
