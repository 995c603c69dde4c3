"""Lists of removals as a person would hand them over: a table with name, link and hashes."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import xlsxwriter

from replica.world import Removed

HEADER = ("Name", "Link", "SHA256", "Size", "Git blob SHA1")


def rows(removals: Iterable[Removed]) -> list[tuple[str, str, str, int, str]]:
    return [(r.name, r.link, r.sha256.upper(), r.size, r.git_oid) for r in removals]


def write_csv(path: Path, removals: Iterable[Removed]) -> None:
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([HEADER, *rows(removals)])


def write_xlsx(path: Path, removals: Iterable[Removed]) -> None:
    """Links are text: nothing in the file invites a click."""
    with xlsxwriter.Workbook(path, {"strings_to_urls": False}) as book:
        sheet = book.add_worksheet("Removals")
        for y, row in enumerate([HEADER, *rows(removals)]):
            sheet.write_row(y, 0, row)
        sheet.set_column(0, 0, 18)
        sheet.set_column(1, 2, 66)
