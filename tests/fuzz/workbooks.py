"""Workbooks and Parquet: zips of XML put together tag by tag, and honest files with changes."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from functools import cache
from random import Random

from tests.fuzz import chance
from tests.fuzz.cells import cell, link
from tests.fuzz.chance import MARKER, digits, mutated, number_text, word
from tests.fuzz.lists import GivenList, heading, read
from tests.fuzz.play import FuzzedReader

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORDS = (
    *(
        b"<",
        b">",
        b"/>",
        b"</c>",
        b"</row>",
        b"<c",
        b"<v>",
        b'"',
        b"&amp;",
        b"&#x0;",
        b"&#x110000;",
        b"&x;",
    ),
    *(
        b"<!DOCTYPE a [<!ENTITY x 'y'>]>",
        b"<![CDATA[",
        b"]]>",
        b"<?xml version='1.0' encoding='x'?>",
    ),
    *(
        b"<!--",
        b"-->",
        b' r="A1"',
        b' t="s"',
        b' t="inlineStr"',
        b"<is><t>",
        b"\x00",
        b"\xff\xfe",
        b"<rPh>",
    ),
    *(
        b"PK\x01\x02",
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"PK\x06\x06",
        b"PK\x06\x07",
        b"\xff\xff\xff\xff",
        MARKER.encode(),
    ),
)
_ENCODINGS = (
    "UTF-8",
    "utf-16",
    "ISO-8859-1",
    "windows-1252",
    "x-unknown",
    "UTF-7",
    "shift_jis",
    "idna",
    "rot13",
    "\u00e9",
)


def _text(text: str) -> str:
    """A text within XML; at times one that does not belong there."""
    plain = "".join(c for c in text if c >= " " or c in "\t\n\r")
    plain = plain.encode("utf-8", "replace").decode()
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def _head(rng: Random) -> str:
    kind = rng.randrange(60)
    if kind == 0:
        version = rng.choice(("1.0", "1.1", "2.0", ""))
        return f'<?xml version="{version}" encoding="{rng.choice(_ENCODINGS)}"?>'
    if kind == 1:
        return "<!DOCTYPE worksheet [<!ENTITY a 'b'>]>" if chance.chance(rng, 2) else "\ufeff"
    return '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n' if kind < 40 else ""


def _place(rng: Random, row: int, column: int) -> str:
    if chance.chance(rng, 80):
        return rng.choice(
            (
                "A0",
                "1",
                "",
                "XFD1048576",
                "XFE1",
                "A1048577",
                "ZZZZ1",
                "A" + "9" * 30,
                "a1",
                "$A$1",
                "٣",
            )
        )
    return f"{chr(65 + column % 26)}{row}"


def _cell(rng: Random, row: int, column: int, said: str, shared: list[str]) -> str:
    place = f' r="{_place(rng, row, column)}"' if not chance.chance(rng, 8) else ""
    style = (
        f' s="{rng.choice(("0", "1", "2", "99", "-1", "x", "1" * 40))}"'
        if chance.chance(rng, 3)
        else ""
    )
    kind = rng.randrange(9)
    if kind <= 2:
        shared.append(said)
        at = (
            len(shared) - 1
            if not chance.chance(rng, 20)
            else rng.choice(("-1", "1e3", "99999", "", "²", "9" * 50))
        )
        return f'<c{place}{style} t="s"><v>{at}</v></c>'
    if kind <= 4:
        return f'<c{place}{style} t="inlineStr"><is><t>{_text(said)}</t></is></c>'
    if kind == 5:
        return f"<c{place}{style}><v>{_text(number_text(rng)[:300])}</v></c>"
    if kind == 6:
        formula = rng.choice(
            (f'HYPERLINK("{_text(link(rng))}","{_text(said)}")', "A1+B1", _text(word(rng)))
        )
        return f'<c{place}{style} t="str"><f>{formula}</f><v>{_text(said)}</v></c>'
    type = rng.choice(("b", "d", "e", "n", "str", "x", ""))
    return f'<c{place}{style} t="{type}"><v>{_text(said)}</v></c>'


def _sheet(rng: Random, shared: list[str]) -> str:
    width = rng.choice((1, 2, 3, 3, 5))
    rows: list[str] = []
    number = rng.choice((1, 1, 1, 1, 1, 2, 1_048_560))
    for at in range(rng.choice((0, 1, 2, 2, 3, 5))):
        make = heading if at == 0 else cell
        cells = "".join(
            _cell(rng, number, n, (digits if at and n == 0 else make)(rng), shared)
            for n in range(width)
        )
        given = str(number) if not chance.chance(rng, 60) else _text(number_text(rng)[:20])
        rows.append(f'<row r="{given}">{cells}</row>' if at % 8 else f"<row>{cells}</row>")
        number += rng.choice((1, 1, 1, 1, 2, 0, 1000, 1))
    behind = ""
    if chance.chance(rng, 3):
        links = "".join(
            f'<hyperlink ref="{_place(rng, 2, n)}" '
            + rng.choice(('r:id="rId1"', f'location="{_text(link(rng))}"'))
            + "/>"
            for n in range(rng.choice((1, 3)))
        )
        last = _place(rng, rng.choice((2, 5, 1_000_000)), 1)
        merged = f'<mergeCell ref="A{rng.choice((1, 2))}:{last}"/>'
        behind = f"<mergeCells>{merged}</mergeCells><hyperlinks>{links}</hyperlinks>"
    data = "".join(rows)
    if chance.chance(rng, 30):
        data = data.replace("<row", "<x:row", 1).replace("<c", "<c><c", 1)
    space = f'xmlns="{_MAIN}" xmlns:r="{_RELS}"' if not chance.chance(rng, 20) else ""
    return f"{_head(rng)}<worksheet {space}><sheetData>{data}</sheetData>{behind}</worksheet>"


def _parts(rng: Random) -> dict[str, str]:
    shared: list[str] = []
    count = rng.choice((1, 1, 1, 2, 3))
    sheets = {f"xl/worksheets/sheet{n}.xml": _sheet(rng, shared) for n in range(1, count + 1)}
    named = "".join(
        f'<sheet name="{_text(word(rng))}" sheetId="{n}" r:id="rId{n}"/>'
        for n in range(1, count + 1)
    )
    system = rng.choice(("", "", '<workbookPr date1904="1"/>', '<workbookPr date1904="x"/>'))
    relations = "".join(
        f'<Relationship Id="rId{n}" Type="{_RELS}/worksheet" Target="{_target(rng, n)}"/>'
        for n in range(1, count + 1)
    )
    parts = {
        "xl/workbook.xml": f'{_head(rng)}<workbook xmlns="{_MAIN}" xmlns:r="{_RELS}">{system}'
        f"<sheets>{named}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f"{_head(rng)}<Relationships>{relations}</Relationships>",
        **sheets,
    }
    texts = "".join(
        rng.choice(
            (
                "<si><t>{}</t></si>",
                "<si><r><t>{}</t></r></si>",
                "<si><t>{}</t><rPh><t>x</t></rPh></si>",
            )
        ).format(_text(t))
        for t in shared
    )
    parts["xl/sharedStrings.xml"] = (
        f'{_head(rng)}<sst xmlns="{_MAIN}" count="{number_text(rng)[:9]}">{_plain(texts)}</sst>'
    )
    if chance.chance(rng, 2):
        parts["xl/styles.xml"] = (
            f'{_head(rng)}<styleSheet><numFmts><numFmt numFmtId="164" '
            f'formatCode="{_text(word(rng))} yyyy\\-mm"/></numFmts><cellXfs><xf numFmtId="0"/>'
            f'<xf numFmtId="{rng.choice(("14", "164", "x", "9" * 30))}"/></cellXfs></styleSheet>'
        )
    if chance.chance(rng, 3):
        parts["xl/worksheets/_rels/sheet1.xml.rels"] = (
            '<Relationships><Relationship Id="rId1" TargetMode="External" '
            f'Target="{_text(link(rng))}"/></Relationships>'
        )
    if chance.chance(rng, 30):
        del parts[rng.choice([*parts])]
    if chance.chance(rng, 25):
        parts[
            rng.choice(
                (
                    "content.xml",
                    "xl/workbook.bin",
                    "XL/WORKBOOK.XML",
                    "../x",
                    "xl/worksheets/SHEET1.xml",
                )
            )
        ] = ""
    return parts


def _plain(texts: str) -> str:
    return (
        texts
        if texts.isprintable()
        else "".join(c for c in texts if c.isprintable() or c in "\n\t")
    )


def _target(rng: Random, number: int) -> str:
    usual = f"worksheets/sheet{number}.xml"
    return (
        usual
        if not chance.chance(rng, 20)
        else rng.choice((f"/xl/{usual}", f"../xl/{usual}", "", "http://x/", "sharedStrings.xml"))
    )


def _zipped(parts: dict[str, bytes], rng: Random) -> bytes:
    """The parts as a zip; now and then one whose own numbers lie."""
    out = io.BytesIO()
    packed = rng.choice(
        (zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    )
    with zipfile.ZipFile(out, "w", packed, compresslevel=1) as file:
        for name, data in parts.items():
            file.writestr(zipfile.ZipInfo(name), data, packed, 1)
    return out.getvalue()


_FIELDS = (4, 6, 8, 10, 16, 20, 24, 28, 30, 32, 34, 36, 38, 42)
"""Where the numbers of an entry of a zip's directory stand."""


def _lying(data: bytes, rng: Random) -> bytes:
    """A zip with one of the numbers of its directory or its end changed, or made the wide kind."""
    found = data.find(b"PK\x01\x02")
    end = data.rfind(b"PK\x05\x06")
    if found < 0 or end < 0:
        return data
    if chance.chance(rng, 4):  # 64-bit: sizes or place in an extra field
        value = rng.choice(chance.NUMBERS) % 2**64
        extra = struct.pack(
            "<HHQQQ", 1, rng.choice((24, 16, 8, 0, 99)), value, value, rng.choice((0, value))
        )
        length = int.from_bytes(data[found + 28 : found + 30], "little")
        fixed = bytearray(data[found : found + 46])
        fixed[30:32] = len(extra).to_bytes(2, "little")
        for at in rng.sample((20, 24, 42), rng.choice((1, 2, 3))):
            fixed[at : at + 4] = b"\xff" * 4
        rest = data[found + 46 : found + 46 + length] + extra + data[found + 46 + length : end]
        tail = bytearray(data[end:])
        size = end - found + len(extra)
        tail[12:16] = size.to_bytes(4, "little")
        return data[:found] + bytes(fixed) + rest + bytes(tail)
    at = (
        found + rng.choice(_FIELDS)
        if chance.chance(rng, 2)
        else end + rng.choice((4, 8, 10, 12, 16, 20))
    )
    form = rng.choice(("<H", "<I"))
    value = rng.choice(chance.NUMBERS) % (1 << 8 * struct.calcsize(form))
    return data[:at] + struct.pack(form, value) + data[at + struct.calcsize(form) :]


def workbook(rng: Random) -> GivenList:
    parts = {name: text.encode("utf-8", "replace") for name, text in _parts(rng).items()}
    if chance.chance(rng, 5):
        name = rng.choice([*parts])
        parts[name] = mutated(parts[name], rng, _WORDS)
    if chance.chance(rng, 30):
        name = rng.choice([*parts])
        parts[name] = (
            parts[name]
            .decode("utf-8", "replace")
            .encode(rng.choice(("utf-16", "utf-16-be", "latin-1")), "replace")
        )
    data = _zipped(parts, rng)
    kind = rng.randrange(8)
    if kind == 0:
        data = _lying(data, rng)
    elif kind == 1:
        data = mutated(data, rng, _WORDS)
    return GivenList(data)


# -- Parquet --------------------------------------------------------------------------------------


@cache
def _parquets() -> tuple[bytes, ...]:
    """Small honest tables, without compression: what is changed is the file and not its packing."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        return (b"PAR1" + bytes(20) + b"PAR1",)
    found: list[bytes] = []
    hashes = [f"{n:064x}" for n in range(1, 4)]
    tables = (
        {"name": ["a", MARKER, None], "sha256": hashes},
        {"sha256": [bytes.fromhex(h) for h in hashes], "size": [1, 2**62, None]},
        {
            "sha256": hashes,
            "removed on": [1, 2, 3],
            "files": [["a"], [], None],
            "x": [{"y": 1}] * 3,
        },
        {"hash": hashes, "size": [1.5, float("nan"), 1e300], "flag": [True, False, None]},
    )
    for columns in tables:
        for version in ("1.0", "2.6"):
            out = io.BytesIO()
            pq.write_table(pa.table(columns), out, compression="none", version=version)
            found.append(out.getvalue())
    return tuple(found)


def parquet(rng: Random) -> GivenList:
    files = _parquets()
    data = rng.choice(files)
    if chance.chance(rng, 2):  # within the footer, where the numbers stand
        at = max(0, len(data) - 8 - int.from_bytes(data[-8:-4], "little"))
        changed = mutated(
            data[at:-8], rng, (b"\x00", b"\xff", b"\x15\x02", b"\x19", b"\x1c"), most=1 << 14
        )
        return GivenList(data[:at] + changed + len(changed).to_bytes(4, "little") + b"PAR1")
    return GivenList(mutated(data, rng, (b"\x00", b"\xff", b"PAR1", b"\x15\x02"), files, 1 << 15))


def packed(rng: Random) -> GivenList:
    """A workbook whose sheet is packed anew and then damaged, or that unpacks to much."""
    rows = b"".join(
        b'<row r="%d"><c t="inlineStr"><is><t>%064x</t></is></c></row>' % (n, n)
        for n in range(1, 9)
    )
    parts = {name: text.encode("utf-8", "replace") for name, text in _parts(rng).items()}
    sheet = (
        b"<worksheet><sheetData>"
        + rows
        + b" " * rng.choice((0, 0, 0, 1000, 1000, 9_000))
        + b"</sheetData></worksheet>"
    )
    parts["xl/worksheets/sheet1.xml"] = sheet
    data = _zipped(parts, rng)
    at = (
        data.find(zlib.compress(sheet, 1)[2:10])
        if chance.chance(rng, 2)
        else rng.randrange(len(data))
    )
    cut = mutated(data[max(at, 0) : at + 60], rng, _WORDS, most=100) if at >= 0 else b""
    return GivenList(data[: max(at, 0)] + cut + data[at + 60 :])


READERS = (
    FuzzedReader("list-workbook", workbook, read),
    FuzzedReader("list-workbook-packed", packed, read),
    FuzzedReader("list-parquet", parquet, read),
)
