from __future__ import annotations

import base64
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseen.records import Digest, DigestKind
from reseen.registry.lists.values import (
    RefusedValue,
    date_of,
    digest_of,
    hash_digits,
    id_of,
    size_of,
    text_of,
    value_of,
    words_of,
)

SHA = "0123456789abcdef" * 3 + "fedcba9876543210"
CELLS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
    | st.datetimes() | st.lists(st.text())
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        SHA, SHA.upper(), f"0x{SHA}", f" {SHA}\n", f"sha256:{SHA}", f"SHA-256: {SHA}",
        f"{SHA[:32]} {SHA[32:]}",
    ],
)  # fmt: skip
def test_a_hash_is_one_in_any_spelling(text: str) -> None:
    for kind in (DigestKind.SHA256, None):
        assert digest_of(text, kind) == Digest(DigestKind.SHA256, bytes.fromhex(SHA))


@pytest.mark.parametrize(
    ("length", "kind"),
    [
        (64, DigestKind.SHA256),
        (40, DigestKind.GIT_BLOB),
        (12, DigestKind.AUTOV3),
        (10, DigestKind.AUTOV2),
        (8, DigestKind.AUTOV1),
    ],
)
def test_a_bare_hash_is_told_by_its_length(length: int, kind: DigestKind) -> None:
    found = digest_of(SHA[:length], None)
    assert found is not None
    assert found.kind is kind


@pytest.mark.parametrize("text", [SHA[:63], SHA + "0", "xyz", SHA[:-1] + "g", "md5:" + SHA, "1"])
def test_what_is_no_such_hash_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(RefusedValue) as error:
        digest_of(text, DigestKind.SHA256)
    assert text not in str(error.value) or len(text) < 4


def test_a_hash_that_a_spreadsheet_spoilt_is_refused() -> None:
    with pytest.raises(RefusedValue, match="spreadsheet"):
        digest_of(1.5e10, DigestKind.AUTOV2)


def test_a_whole_data_hash_may_stand_where_autov3_does() -> None:
    found = digest_of(SHA, DigestKind.AUTOV3)
    assert found is not None
    assert found.kind is DigestKind.DATA_SHA256


@pytest.mark.parametrize("nothing", [None, "", "  ", "N/A", "null", "-", "none", True])
def test_what_people_write_for_nothing_is_nothing(nothing: str | None) -> None:
    assert digest_of(nothing, None) is None
    assert size_of(nothing) is None
    assert date_of(nothing) is None
    assert id_of(nothing) is None


@pytest.mark.parametrize(
    ("cell", "size"),
    [
        (151523328, 151523328),
        (151523328.0, 151523328),
        ("151523328", 151523328),
        ("151,523,328 bytes", 151523328),
        ("144.5009765625 KB", 147969),
        ("217.9 MB", None),
        ("218 MB", None),
        ("144 KB", None),
        ("144.5 KB", None),
        ("1.2345 KB", None),
    ],
)
def test_a_size_is_exact_or_left_out(cell: str | float, size: int | None) -> None:
    assert size_of(cell) == size


def test_kilobytes_are_exact_where_their_fraction_says_so() -> None:
    assert size_of(144.5009765625, kilobytes=True) == 147969
    assert size_of(144, kilobytes=True) is None
    assert size_of("144.33", kilobytes=True) is None


@pytest.mark.parametrize("cell", ["big", "-5", "0", "1.5", "5 apples", "9" * 30, float("nan")])
def test_what_is_no_size_is_refused(cell: str | float) -> None:
    with pytest.raises(RefusedValue):
        size_of(cell)


@pytest.mark.parametrize(
    "cell",
    [
        "2025-05-23", "2025/05/23", "2025.05.23", "20250523", "2025-05-23T10:00:00Z",
        "2025-05-23 10:00", "23.05.2025", "23/05/2025", "05/23/2025", "23 May 2025",
        "May 23, 2025", "23rd may 2025", "Friday, 23 May 2025", "May. 23rd 2025", "23-May-2025",
        date(2025, 5, 23), datetime(2025, 5, 23, 8),
        datetime(2025, 5, 24, 1, tzinfo=timezone(timedelta(hours=2))),
    ],
)  # fmt: skip
def test_a_certain_date_is_taken(cell: str | date) -> None:
    assert date_of(cell) == date(2025, 5, 23)


@pytest.mark.parametrize(
    "cell",
    [
        "03/04/2025", "3-4-2025", "23.05.25", "2025-02-30", "May 2025", "soon", "1970-01-01",
        "32 May 2025", 45800,
    ],
)  # fmt: skip
def test_an_uncertain_date_is_left_out(cell: str | int) -> None:
    assert date_of(cell) is None


def test_the_same_number_twice_is_certain() -> None:
    assert date_of("04/04/2025") == date(2025, 4, 4)


def test_ids_are_plain_words() -> None:
    assert id_of(12345.0) == "12345"
    for odd in ("a b", "https://example.org", "x" * 65):
        with pytest.raises(RefusedValue):
            id_of(odd)


def test_words_come_apart_once() -> None:
    assert words_of("one two, three;one two\nfour") == ("one two", "three", "four")
    assert words_of(["a, b", "a, b", " c "]) == ("a, b", "c")


def test_the_quote_that_made_a_formula_harmless_goes() -> None:
    assert text_of("'=1+1") == "=1+1"
    assert text_of("'quoted'") == "'quoted'"


@given(CELLS)
def test_no_cell_is_a_surprise(cell: object) -> None:
    for read in (text_of, value_of, words_of, size_of, date_of, id_of):
        try:
            read(cell)  # type: ignore[operator]
        except RefusedValue:
            continue
    for kind in (None, *DigestKind):
        try:
            digest_of(cell, kind)  # type: ignore[arg-type]
        except RefusedValue:
            continue


RAW = bytes.fromhex(SHA)
PLAIN = base64.b64encode(RAW).decode()


@pytest.mark.parametrize(
    "text",
    [
        PLAIN, PLAIN.rstrip("="), base64.urlsafe_b64encode(RAW).decode(), f'"{PLAIN}"',
        f"sha256-{PLAIN}", f"sha256:{PLAIN}", f"SHA-256={PLAIN}",
    ],
)  # fmt: skip
def test_a_hash_in_base64_is_read_where_its_kind_is_said(text: str) -> None:
    assert digest_of(text, DigestKind.SHA256) == Digest(DigestKind.SHA256, RAW)
    if text.lower().startswith("sha"):
        assert digest_of(text, None) == Digest(DigestKind.SHA256, RAW)
        assert hash_digits(text) == 64
    else:
        assert hash_digits(text) == 0, "it may be anything of this length"
        with pytest.raises(RefusedValue):
            digest_of(text, None)


@given(st.binary(min_size=32, max_size=32))
def test_every_hash_in_base64_is_the_hash(raw: bytes) -> None:
    for text in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
        assert digest_of(text, DigestKind.SHA256) == Digest(DigestKind.SHA256, raw)
        assert digest_of(f"sha256-{text}", None) == Digest(DigestKind.SHA256, raw)


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(RAW[:-1]).decode(), base64.b64encode(RAW + b"x").decode(),
        PLAIN[:-2] + "B=", PLAIN + "A", PLAIN[:20], f"md5-{PLAIN}", f"blake3-{PLAIN}",
    ],
)  # fmt: skip
def test_what_is_not_just_a_hash_in_base64_is_refused(text: str) -> None:
    with pytest.raises(RefusedValue):
        digest_of(text, DigestKind.SHA256)


@pytest.mark.parametrize(
    "text",
    [f"{SHA[:12]}…", f"{SHA[:10]}...", f"{SHA[:8]}...{SHA[-6:]}", f"…{SHA[-12:]}", f"{SHA[:8]}**"],
)
def test_the_beginning_of_a_hash_is_not_taken_for_a_short_one(text: str) -> None:
    assert hash_digits(text) == 0
    for kind in (DigestKind.AUTOV3, DigestKind.SHA256, None):
        with pytest.raises(RefusedValue, match="is not the whole hash"):
            digest_of(text, kind)
    assert digest_of(f"{SHA}...", None) == Digest(DigestKind.SHA256, bytes.fromhex(SHA))
