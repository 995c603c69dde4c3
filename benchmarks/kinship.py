"""Which trained files of a folder are of one subject: kinship.csv in, a face by file name out."""

from __future__ import annotations

import csv
from pathlib import Path


def kinship(folder: Path) -> dict[str, str]:
    """File name -> face, in the order of the list; empty where the folder has none."""
    path = folder / "kinship.csv"
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as rows:
        return {row["file"]: row["face"] for row in csv.DictReader(rows)}


def origins(folder: Path) -> dict[str, str]:
    """File name -> the file that it was trained on from."""
    path = folder / "kinship.csv"
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as rows:
        return {r["file"]: r["continued_from"] for r in csv.DictReader(rows) if r["continued_from"]}
