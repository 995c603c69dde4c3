"""What a small or crafted list asks for is counted before it is made."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from reseen.errors import ListError
from reseen.registry.imports import ImportOptions, read_list

BOOK = b'<workbook xmlns:r="r"><sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>'
RELS = b'<Relationships><Relationship Id="r1" Target="worksheets/s.xml"/></Relationships>'
MIB = 1 << 20
SHARE = 4
"""Most of these are a quarter of the longest, and may take a quarter of the memory: what grows with
a list grows as much."""


def book(sheet: bytes, shared: bytes | None = None, head: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", head + BOOK)
        archive.writestr("xl/_rels/workbook.xml.rels", RELS)
        archive.writestr("xl/worksheets/s.xml", sheet)
        if shared is not None:
            archive.writestr("xl/sharedStrings.xml", shared)
    return out.getvalue()


def rows(body: bytes) -> bytes:
    return b"<worksheet><sheetData>" + body + b"</sheetData></worksheet>"


HEADER = b"<row r='1'><c r='A1' t='str'><v>sha256</v></c></row>"

BOMBS: dict[str, Callable[[], bytes]] = {
    "objects": lambda: b"[" + b"{}," * (5 * MIB // SHARE) + b"{}]",
    "arrays": lambda: b"[" + b"[]," * (5 * MIB // SHARE) + b"[]]",
    "objects within": lambda: b'{"items":[' + b"{}," * (5 * MIB // SHARE) + b"{}]}",
    "one entry": lambda: b'[{"sha256":"x","y":[' + b"[]," * (5 * MIB // SHARE) + b"[]]}]",
    "a line": lambda: b"{}\n" + b'{"a":[' + b"{}," * (5 * MIB // SHARE) + b"{}]}",
    "texts": lambda: b"[" + b'"a",' * (5 * MIB // SHARE) + b'"a"]',
    "commas": lambda: b"sha256\n" + b"," * (16 * MIB // SHARE),
    "an open quote": lambda: b'sha256\n"' + b'a\n",' * (6 * MIB // SHARE),
    "one hash without end": lambda: b"ab" * (12 * MIB // SHARE),
    "YAML, entries": lambda: b"a:\n" + b"- b:\n" * (4 * MIB // 6),
    "YAML, nested": lambda: b"- a:" + b"[" * (2 * MIB),
    "YAML, aliases": lambda: (
        b"- a: &a [x,x]\n" + b"".join(b"- b: &b%d [*a,*a]\n" % n for n in range(99))
    ),
    "TOML, tables": lambda: b"".join(b"[[a%d]]\n" % n for n in range(400_000)),
    "TOML, one table": lambda: b"[[a]]\n" * (4 * MIB // 7),
    "TOML, one long key": lambda: b"[a]\n" + b"a." * (2 * MIB - 9) + b"a = 1",
    "INI": lambda: b"[a]\nb=c d\n" + b"c:d\n" * (4 * MIB // 5),
    "TOML, nested": lambda: b"[a]\nb = " + b"[" * MIB,
    "ends of texts": lambda: book(rows(b""), b"<sst>" + b"<si/>" * (2 * MIB) + b"</sst>"),
    "ends alone": lambda: book(rows(b""), b"</si>" * (4 * MIB)),
    "cells": lambda: book(rows(b"<c/>" * (5 * MIB // SHARE))),
    "cells that name one place": lambda: book(
        rows(b'<row r="1">' + b'<c r="A1" t="s"/>' * 14_000 + b"</row>"),
        b"<sst><si><t>" + b"a" * 150_000 + b"</t></si></sst>",
    ),
    "one long text in every cell": lambda: book(
        rows(HEADER + b'<row><c t="s"><v>0</v></c></row>' * 100_000),
        b"<sst><si><t>" + b"a" * 32_000 + b"</t></si></sst>",
    ),
    "one tag without end": lambda: book(b"<worksheet " + b'a="' + b"b" * (32 * MIB)),
    "merged ranges": lambda: book(
        rows(HEADER) + b"<mergeCells>" + b'<mergeCell ref="A1:B9999"/>' * (1 * MIB)
    ),
    "entities": lambda: book(rows(b""), head=b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;">]>'),
}

SLOW = {"objects", "arrays", "objects within", "a line", "texts", "an open quote"} | {
    "one long text in every cell"
}
"""Take seconds to read. Of each format others are left."""


def _read(path: Path) -> None:
    """Read a list to its end, or to the error that refuses it."""
    options = ImportOptions(list_name="x", keep_rejects=False)
    with suppress(ListError):
        read_list(path, options)


@pytest.mark.parametrize("bomb", ["ends alone", "cells that name one place", "entities"])
def test_a_crafted_workbook_is_refused_or_read(tmp_path: Path, bomb: str) -> None:
    path = tmp_path / "list"
    path.write_bytes(BOMBS[bomb]())
    _read(path)


CHILD = """
import resource, sys
from pathlib import Path
from tests.registry.lists.test_bounds import _read
_read(Path(sys.argv[1]))
idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[2:]:
    _read(Path(path))
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle) >> 10, path)
"""


@pytest.mark.parametrize(
    "bombs", [tuple(b for b in BOMBS if b not in SLOW), tuple(BOMBS)], ids=["read soon", "all"]
)
def test_no_list_takes_more_than_its_share_of_256_mib(
    tmp_path: Path, bombs: tuple[str, ...]
) -> None:
    plain = tmp_path / "plain"
    plain.write_text("sha256\n" + "ab" * 32 + "\n")
    paths = [plain]
    for number, bomb in enumerate(bombs):
        path = tmp_path / str(number)
        path.write_bytes(BOMBS[bomb]())
        paths.append(path)
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, paths)],
        cwd=root, env={"PYTHONPATH": f"{root}/src:{root}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    taken = [int(line.split()[0]) for line in done.stdout.splitlines()]
    assert len(taken) == len(bombs)
    assert taken[-1] <= 256 // SHARE + 16, dict(zip(bombs, taken, strict=True))
