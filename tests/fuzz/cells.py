"""Cells of lists: hashes, links, sizes, dates and names in every spelling; and who reads them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from random import Random

from tests.fuzz import chance
from tests.fuzz.chance import digits, number_text, word
from tests.fuzz.play import FuzzedReader

from reseen.errors import ReseenError
from reseen.records import DigestKind
from reseen.registry.lists import columns, list_fields, values
from reseen.registry.lists.table import Cell
from reseen.registry.row_drafter import class_of
from reseen.store import links
from reseen.store.sealing import Keyring

KEYRING = Keyring(bytes(range(32)))


def cell(rng: Random) -> str:
    """What stands in a cell: hashes, links, sizes, dates, names, each in many spellings."""
    kind = rng.randrange(10)
    if kind <= 2:
        return decorated(digits(rng), rng)
    if kind == 3:
        return link(rng)
    if kind == 4:
        return number_text(rng) + rng.choice(("", "", " MB", "KiB", " bytes", "%", " 000", "'000"))
    if kind == 5:
        return day(rng)
    if kind == 6:
        return rng.choice(
            ("", "", " ", "-", "n/a", "None", "null", "#REF!", "TRUE", "=A1", "\t", "…")
        )
    if kind == 7:
        return ", ".join(word(rng) for _ in range(rng.randrange(4)))
    return word(rng)


def decorated(text: str, rng: Random) -> str:
    kind = rng.randrange(14)
    wraps: tuple[Callable[[str], str], ...] = (
        *(lambda t: f"sha256:{t}", lambda t: f'="{t}"', lambda t: f"'{t}", lambda t: f"0x{t}"),
        *(lambda t: f"{{'AutoV2': '{t[:10]}', 'SHA256': '{t}'}}", lambda t: f"{t}\u200b"),
        *(
            lambda t: f"{t[:8]}-{t[8:]}",
            lambda t: f"{t} {digits(rng)}",
            lambda t: f'=HYPERLINK("{t}","x")',
        ),
    )
    return wraps[kind](text) if kind < len(wraps) else text


_HOSTS = (
    *(
        "civitai.com",
        "www.civitai.com",
        "civarchive.com",
        "huggingface.co",
        "web.archive.org",
        "x.y",
    ),
    *(
        "[::1]",
        "[::1",
        "127.0.0.1",
        "例え.テスト",
        "xn--",
        "a..b",
        "x" * 300 + ".com",
        "",
        "user:pw@h.com",
    ),
)
_PATHS = (
    *("/models/{n}", "/models/{n}/slug?modelVersionId={n}", "/api/download/models/{n}", "/{w}/{w}"),
    *(
        "/model-versions/by-hash/{h}",
        "/web/2024{n}/https://civitai.com/models/{n}",
        "/sha256/{h}",
        "",
    ),
    *(
        "/url?q=https://civitai.com/models/{n}",
        "/{w}/resolve/main/{w}",
        "?a={w}&b=%zz",
        "/%E2%82/%00",
    ),
    "/web/https%3A%2F%2Fcivitai.com%2Fmodels%2F{n}",
)


def link(rng: Random) -> str:
    if chance.chance(rng, 8):
        return rng.choice(
            ("urn:air:sdxl:lora:civitai:{n}@{n}", "civitai: {n} @ {n}", "{n}@{n}", "air:a:b:c:{n}")
        ).format(n=number_text(rng)[:40])
    path = rng.choice(_PATHS).replace("{n}", number_text(rng)[:30])
    path = path.replace("{w}", word(rng)).replace("{h}", digits(rng))
    port = rng.choice(("", "", "", ":80", ":99999", ":x", ":"))
    scheme = rng.choice(
        ("https://", "https://", "http://", "", "HTTPS://", "hf://", "//", "ftp://", "https:/")
    )
    found = f"{scheme}{rng.choice(_HOSTS)}{port}{path}"
    return found[: rng.randrange(len(found) + 1)] if chance.chance(rng, 12) else found


def day(rng: Random) -> str:
    year = rng.choice(("2025", "2024", "1", "9999", "0000", "10000", "٢٠٢٥", number_text(rng)[:12]))
    month, of = (
        rng.choice(("05", "5", "13", "00", "May", "Sept.")),
        rng.choice(("17", "7", "31", "00", "32", "31st")),
    )
    mark = rng.choice(("-", "-", "/", ".", " ", ""))
    time = rng.choice(
        (
            "",
            "",
            "T00:00:00Z",
            "T24:00:00",
            " 12:30 UTC",
            "T12:30:00+99:00",
            "T12:30:00.1234567-14:00",
        )
    )
    if chance.chance(rng, 6):
        return f"{year}{rng.choice(('-W05-1', 'W991', '-366', '-000', '001'))}{time}"
    parts = [year, month, of] if chance.chance(rng, 2) else [of, month, year]
    return mark.join(parts) + time


def typed_cell(rng: Random) -> Cell:
    """A cell of a format that has types: as JSON, workbooks and Parquet give them."""
    kind = rng.randrange(8)
    if kind == 0:
        found = chance.number(rng)
        return found if abs(found) < 10**4000 else 10**4000
    if kind == 1:
        return rng.choice(
            (0.0, -0.0, 1.5, 1e300, -1e300, float("inf"), float("nan"), 1746057600.0, 1.7e12, 2e18)
        )
    if kind == 2:
        return rng.choice((True, False, None, date(2025, 5, 17), date(1, 1, 1), date(9999, 12, 31)))
    if kind == 3:
        return [cell(rng) for _ in range(rng.randrange(4))]
    return cell(rng)


def read_cell(given: tuple[Cell, str, str]) -> object:
    """One cell as each kind of value, and two texts as links, headings and names."""
    one, text, other = given
    said: list[object] = []
    takers: tuple[Callable[[Cell], object], ...] = (
        *(values.text_of, values.value_of, values.words_of, values.id_of, values.date_of),
        *(values.size_of, lambda c: values.size_of(c, kilobytes=True), values.named_digests),
        *(lambda c: values.digest_of(c, None), lambda c: values.digest_of(c, DigestKind.SHA256)),
        *(
            lambda c: values.digest_of(c, DigestKind.AUTOV3),
            lambda c: values.digest_of(c, DigestKind.CRC32),
        ),
    )
    for take in takers:
        try:
            said.append(_shape(take(one)))
        except values.RefusedValue as refused:
            said.append(str(refused))
    for each in (text, other):
        found = links.parse(each)
        if found is not None:
            KEYRING.source_token(found.site, found.normal)
            said.append((repr(found), bool(found.hash)))
        said.append(
            (len(links.normal_name(each)), len(links.normal_file_name(each)), class_of(each))
        )
        links.normal_site(each)
        said.append(
            (list_fields.spelled_as(each), columns.field_called(each), values.hash_digits(each))
        )
        said.append(values.hyperlink_of(each) is None)
        try:
            said.append(values.kind_called(each))
        except values.RefusedValue as refused:
            said.append(str(refused))
    with suppress(ReseenError):
        columns.parse_map([text, f"{other}=sha256"])
    return said


def _shape(value: object) -> object:
    """What kind of value came out, without a word of it."""
    return len(value) if isinstance(value, str | tuple | dict) else type(value).__name__


def some_cell(rng: Random) -> tuple[Cell, str, str]:
    return typed_cell(rng), rng.choice((link, cell, day))(rng), rng.choice((word, cell))(rng)


READERS = (FuzzedReader("list-cell", some_cell, read_cell),)
