"""Python's text is up to four bytes a character: that is counted before the text is made."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.files import build
from tests.match.made import read

from reseen.errors import TooLarge
from reseen.files import limits
from reseen.files.safetensors import parse_header
from reseen.registry.lists.read import _tables
from reseen.registry.lists.table import MAX_LOOKED_AT, Cell, first_of, row_bytes

EMOJI = "\U0001f600"
SHA256 = "0123456789abcdef" * 4


@given(st.text(st.characters(exclude_categories=("Cs",))), st.booleans())
def test_a_text_takes_no_more_than_is_counted(text: str, escaped: bool) -> None:
    data = json.dumps(text, ensure_ascii=escaped).encode()
    made = limits.text_made(data)
    for each in (data.decode(), json.loads(data)):
        assert sys.getsizeof(each) <= made + 80  # what a text takes beside its characters
    assert made <= 4 * len(data)


@pytest.mark.parametrize(
    ("text", "width"),
    [
        (b"abc", 1),
        ("é".encode() + b"aa", 2),
        ("界".encode() + b"aa", 2),
        (EMOJI.encode() + b"aa", 4),
    ],
)
def test_the_widest_character_counts_for_all(text: bytes, width: int) -> None:
    assert limits.text_made(text) == 3 * width


def test_escapes_are_counted_as_what_they_become() -> None:
    assert limits.text_made(rb"\ud83d\ude00") == 4 * 12
    assert limits.text_made(rb"\u00e9") == 2 * 6
    assert limits.text_made(rb"\n") == 2


def header(text: str, values: int) -> bytes:
    pairs = {f"{number}": text for number in range(values)}
    return json.dumps({"__metadata__": pairs}, ensure_ascii=False).encode()


def test_wide_text_and_many_values_are_refused_together(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = header(EMOJI * 8, 1_000)
    narrow = header("a" * 32, 1_000)
    few = header("a" * 32_000 + EMOJI, 1)
    assert len(wide) == len(narrow)
    monkeypatch.setattr(limits, "HEADER_MADE", 445_000)
    for accepted in (narrow, few):
        parse_header(accepted, 8 + len(accepted))
    with pytest.raises(TooLarge, match="too much text"):
        parse_header(wide, 8 + len(wide))


def test_what_is_honest_is_far_from_it() -> None:
    """Tags by the ten thousand with pictures in them, and a thumbnail, beside the tensors."""
    tags = {f"tag {EMOJI} {n}": n for n in range(40_000)}
    metadata = {"ss_tag_frequency": json.dumps(tags, ensure_ascii=False), "thumb": "a" * (4 << 20)}
    found = read(build.safetensors({"x": build.ramp("F16", 4, 4)}, metadata))
    assert found.problem is None


@pytest.mark.parametrize("width", [1, 4])
def test_rows_are_looked_at_as_long_as_they_are_small(width: int) -> None:
    cell = ("a" if width == 1 else EMOJI) * (1 << 20)

    def rows() -> Iterator[list[Cell]]:
        for _ in range(1_000):
            yield [cell]

    taken = list(first_of(rows(), 500, lambda row: row))
    assert len(taken) == MAX_LOOKED_AT // (width << 20)
    assert row_bytes(taken[0]) >= width << 20


@pytest.mark.parametrize("form", ["csv", "lines", "json", "jsonl"])
def test_no_row_is_lost_beyond_what_is_looked_at(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("table", "documents"):
        monkeypatch.setattr(f"reseen.registry.lists.{module}.MAX_LOOKED_AT", 10_000)
    name = EMOJI * 100
    entries = [json.dumps({"name": name, "sha256": SHA256}) for _ in range(200)]
    text = {
        "csv": "name,sha256\n" + f"{name},{SHA256}\n" * 200,
        "lines": f"{SHA256}  {name}\n" * 200,
        "json": f"[{','.join(entries)}]",
        "jsonl": "\n".join(entries),
    }[form]
    (table,) = _tables(io.BytesIO(text.encode()), None)
    assert sum(SHA256 in cells for _, cells in table.rows) == 200
