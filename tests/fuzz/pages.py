"""Web pages, OpenDocument files and XML: put together tag by tag, and honest ones with changes."""

from __future__ import annotations

import io
import zipfile
from html import escape
from random import Random

from tests.fuzz.cells import cell, link
from tests.fuzz.chance import MARKER, chance, digits, mutated, number_text, word
from tests.fuzz.lists import GivenList, heading, read
from tests.fuzz.play import FuzzedReader

_WORDS = (
    *(b"<", b">", b"/>", b"<table>", b"</table>", b"<tr>", b"<td>", b"</td>", b"<!--", b"-->"),
    *(b"<![CDATA[", b"<![if x]>", b"<!x", b"<?", b"]]>", b"&", b"&#x0;", b"&#x110000;", b"&amp"),
    *(b"<script>", b"</script>", b"<a href='", b'"', b"'", b"=", b"<h1>", b"\x00", b"\xff\xfe"),
    *(b' rowspan="9999"', b' table:number-columns-repeated="999999"', MARKER.encode()),
)


def _one(rng: Random) -> str:
    return rng.choice((cell, digits, link, word))(rng)


def _text(rng: Random) -> str:
    return escape("".join(c for c in _one(rng) if c.isprintable()))


def _table(rng: Random) -> str:
    rows = [[escape(heading(rng)) for _ in range(3)]]
    rows += [[_text(rng), _text(rng), digits(rng)] for _ in range(rng.randrange(4))]
    span = f' rowspan="{number_text(rng)[:6]}"' if chance(rng, 6) else ""
    tag = rng.choice(("td", "th"))
    made = "".join(
        "<tr>" + "".join(f"<{tag}{span}>{each}</{tag}>" for each in row) + "</tr>" for row in rows
    )
    inner = _table(rng) if chance(rng, 12) else ""
    return f"<table>{made}{inner}</table>"


def page(rng: Random) -> GivenList:
    """A page with tables, lists or bookmarks."""
    parts = [rng.choice(("<!doctype html>", "<html>", "<!DOCTYPE NETSCAPE-Bookmark-file-1>"))]
    for _ in range(rng.choice((1, 1, 2, 4))):
        kind = rng.randrange(4)
        if kind == 0:
            parts.append(f"<h2>{_text(rng)}</h2>")
        elif kind == 1:
            parts.append(
                f"<ul><li><a href='{escape(link(rng))}'>{_text(rng)}</a> {digits(rng)}</ul>"
            )
        elif kind == 2:
            parts.append(f"<script>{_text(rng)}</script><p>{_text(rng)}<br>{digits(rng)}</p>")
        else:
            parts.append(_table(rng))
    data = "".join(parts).encode("utf-8", "replace")
    return GivenList(mutated(data, rng, _WORDS) if chance(rng, 3) else data)


def open_document(rng: Random) -> GivenList:
    """An ODS file."""

    def made(text: str) -> str:
        times = f' t:number-columns-repeated="{number_text(rng)[:8]}"' if chance(rng, 8) else ""
        over = f' t:number-rows-spanned="{number_text(rng)[:8]}"' if chance(rng, 12) else ""
        kind = rng.choice(("string", "string", "float", "date", "boolean", ""))
        value = escape(number_text(rng), quote=True)
        return (
            f'<t:table-cell o:value-type="{kind}" o:value="{value}" o:date-value="{value}"'
            f"{times}{over}><x:p>{text}</x:p></t:table-cell>"
        )

    sheets = []
    for _ in range(rng.choice((1, 1, 2))):
        rows = [[escape(heading(rng)) for _ in range(3)]]
        rows += [[_text(rng), _text(rng), digits(rng)] for _ in range(rng.randrange(4))]
        again = f' t:number-rows-repeated="{number_text(rng)[:8]}"' if chance(rng, 6) else ""
        body = "".join(
            f"<t:table-row{again}>{''.join(map(made, row))}</t:table-row>" for row in rows
        )
        sheets.append(f'<t:table t:name="{escape(word(rng))}">{body}</t:table>')
    content = f'<o:d xmlns:o="o" xmlns:t="t" xmlns:x="x">{"".join(sheets)}</o:d>'
    data = content.encode("utf-8", "replace")
    if chance(rng, 4):
        data = mutated(data, rng, _WORDS)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        kind = "application/vnd.oasis.opendocument.spreadsheet"
        file.writestr(zipfile.ZipInfo("mimetype"), kind)
        if not chance(rng, 30):
            file.writestr(zipfile.ZipInfo("content.xml"), data)
    return GivenList(out.getvalue())


def _element(rng: Random, depth: int) -> str:
    name = rng.choice(("name", "url", "sha256", "file", "hash", "item", "status", "a:b"))
    said = f' type="{_text(rng)}"' if chance(rng, 4) else ""
    if depth and not chance(rng, 3):
        inner = "".join(_element(rng, depth - 1) for _ in range(rng.choice((1, 2, 3))))
    else:
        inner = _text(rng)
    return f"<{name}{said}>{inner}</{name}>"


def xml(rng: Random) -> GivenList:
    """An export in XML."""
    inner = "".join(_element(rng, rng.randrange(4)) for _ in range(rng.choice((1, 2, 4))))
    data = f"<?xml version='1.0'?><r xmlns:a='a'>{inner}</r>".encode("utf-8", "replace")
    return GivenList(mutated(data, rng, _WORDS) if chance(rng, 3) else data)


READERS: tuple[FuzzedReader, ...] = (
    FuzzedReader("list-page", page, read),
    FuzzedReader("list-open-document", open_document, read),
    FuzzedReader("list-xml", xml, read),
)
