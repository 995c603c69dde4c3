"""Writes the refused rows to a CSV file that can be mended and imported again.

What comes in: refusals with the columns of their tables. What goes out: a file, 0600, with the
same columns, the row's number and the reason. It holds what a list says in clear, as the list
itself does: it stands beside the list, and nothing else of the row is shown anywhere.
"""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reseen.errors import ListError
from reseen.registry.draft import Refusal
from reseen.registry.lists.list_fields import REJECT_COLUMNS
from reseen.registry.lists.table import UNREADABLE, Cell
from reseen.registry.lists.values import text_of
from reseen.store.private_files import is_no_file, written_into

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
_MOST = 1_000


def write_rejects(wanted: Path, refusals: Sequence[tuple[tuple[str, ...], Refusal]]) -> Path:
    """Write (columns, refusal) pairs and return the path: `wanted`, or one numbered beside it
    where another file stands, which somebody may be mending. Raises ListError."""
    text = rejects_as_csv(refusals)
    for number in range(1, _MOST):
        path = wanted if number == 1 else wanted.with_stem(f"{wanted.stem}-{number}")
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            if is_no_file(path):  # /dev/null: who does not want the file says so
                with _in_words(), written_into(path) as device:
                    device.write(text)
                return path
            if _holds(path, text):
                return path
            continue
        except OSError as error:
            raise _cannot(error) from None
        try:
            with _in_words(), os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, 0o600)
                file.write(text)
        except ListError:  # half a file would be taken for the whole
            path.unlink(missing_ok=True)
            raise
        return path
    raise ListError(
        "there are too many files of rejected rows beside the list",
        remedy="Delete those that you do not need, or name one with --rejects.",
    )


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _cannot(error) from None


def rejects_as_csv(refusals: Sequence[tuple[tuple[str, ...], Refusal]]) -> bytes:
    """What such a file holds.

    The sheets of a workbook may have different columns: all of them, in the order met."""
    order: dict[tuple[str, int], int] = {}
    keyed: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    for columns, _ in refusals:
        if columns in keyed:
            continue
        seen: Counter[str] = Counter()
        keyed[columns] = []
        for column in columns:
            seen[column] += 1
            key = (column, seen[column])
            keyed[columns].append(key)
            if column != UNREADABLE and column not in REJECT_COLUMNS:
                order.setdefault(key, len(order))
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([_safe(column) for column, _ in order] + list(REJECT_COLUMNS))
    for columns, refusal in refusals:
        row = [""] * len(order)
        for key, cell in zip(keyed[columns], refusal.cells, strict=False):
            if key in order:
                row[order[key]] = _safe(cell)
        where = f"{refusal.place}, row {refusal.row}" if refusal.place else str(refusal.row)
        writer.writerow([*row, where, refusal.reason])
    return out.getvalue().encode(errors="backslashreplace")  # JSON can name half a character


def _safe(cell: Cell) -> str:
    """Text that no spreadsheet takes for a formula; the quote goes when it is read again."""
    text = "; ".join(cell) if isinstance(cell, list) else text_of(cell) or ""
    return f"'{text}" if is_formula(text) else text


def is_formula(text: str) -> bool:
    """Would a spreadsheet take a cell with this text for a formula, or for a command?"""
    return text.lstrip(" ").startswith(_FORMULA)


def _holds(path: Path, text: bytes) -> bool:
    try:
        return path.stat().st_size == len(text) and path.read_bytes() == text
    except OSError:
        return False


def _cannot(error: OSError) -> ListError:
    return ListError(
        f"the file for rejected rows cannot be written: {error.strerror}",
        remedy="Name another place with --rejects; nothing was imported.",
    )
