"""Tells what the values of a column look like, and finds the header of a table.

What comes in: the first rows of a table. What goes out: where its header is, if it has one, and
what its columns mean. A row that holds values (a hash, a link) is never a header. Nothing that
stands in a cell is in what is said of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from reseen.errors import ListError
from reseen.registry.lists.columns import ColumnValues, Meaning, recognise
from reseen.registry.lists.list_fields import ListField
from reseen.registry.lists.not_removed import (
    is_of_other_files,
    is_tick,
    says_not_removed,
    says_removed,
    status_stands,
)
from reseen.registry.lists.table import MAX_COLUMNS, Cell, LinkedText
from reseen.registry.lists.values import (
    hash_among,
    hash_digits,
    is_hash_name,
    is_ticket,
    value_of,
)
from reseen.store import links

HEADER_WITHIN = 20
"""A header stands in the first so many rows: titles and blank rows may come before it."""
SAMPLE = 500
"""Rows by which columns are recognised and described."""
MOST_OF = 0.8
"""Share of a column's values that make it what they are."""

_LINK = re.compile(
    r"(?:https?://|hf://|(?:urn:)?air:|www\.)\S"
    r"|(?:[a-z][\w.-]{0,60}\s?[:/]\s?)?\d{1,20}\s?@\s?\d{1,20}\Z",
    re.IGNORECASE,
)
_BLANK = re.compile(r"\s")
_FILE_NAME = re.compile(r"\.(?:safetensors|ckpt|pt|pth|bin|gguf|onnx)\s*\Z", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,_' ]*\Z")
_DATE = re.compile(r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4})")

BEHIND = "links behind text"
"""What cells look like that workbooks keep links behind."""

DECIDED = 0.6
"""Share of a column's texts that say that models were removed, where others say something else."""

_LONGEST_STATUS, _WORDS_OF_STATUS = 40, 4
"""Characters and words."""

Row = tuple[int, Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class FoundHeader:
    """Where the rows of a table begin and what its columns mean."""

    position: int | None
    """Of the header among the rows; None where there is none."""
    names: tuple[str, ...]
    meaning: Meaning


def look_of(cell: Cell) -> str | None:
    """What one value looks like, in words; None for an empty cell."""
    if isinstance(cell, LinkedText) and not _is_link(cell.strip()):
        return BEHIND
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, int | float):
        return "numbers"
    if isinstance(cell, date):
        return "dates"
    if isinstance(cell, list):
        return "lists of words" if cell else None
    text = value_of(cell)
    if text is None:
        return None
    if digits := hash_digits(text):
        return f"{digits} hex digits"
    if _is_link(text):
        return "links"
    if _NUMBER.match(text):
        return "numbers"
    return "dates" if _DATE.match(text) else "text"


def _is_link(text: str) -> bool:
    if _LINK.match(text):
        return _BLANK.search(text) is None or ("@" in text[-42:] and "\n" not in text)
    return "/" in text and _BLANK.search(text) is None and links.parse(text) is not None


def values_of(cells: Iterable[Cell]) -> ColumnValues:
    """What the values of one column look like."""
    all_looks = [(cell, look_of(cell)) for cell in cells]
    seen = [(cell, look) for cell, look in all_looks if look is not None]
    looks = Counter(look for _, look in seen)
    total = looks.total()
    if not total:
        return ColumnValues()
    said = ", ".join(f"{look} in {_percent(n, total)}" for look, n in looks.most_common(2))
    texts = [cell for cell, look in seen if look == "text" and isinstance(cell, str)]
    if 2 * len(texts) > total and 2 * sum(hash_among(t) is not None for t in texts) >= total:
        return ColumnValues(f"{said}, with one hash among words", ListField.HASH, among=True)
    if looks["links"] >= MOST_OF * total:
        tickets = all(is_ticket(str(cell)) for cell, look in seen if look == "links")
        return ColumnValues(said, ListField.LINK, tickets=tickets)
    if looks["links"] + looks[BEHIND] >= MOST_OF * total:
        return ColumnValues(said, ListField.LINK, behind=True)
    hashes = {int(look.split()[0]): n for look, n in looks.items() if look.endswith(" hex digits")}
    if sum(hashes.values()) >= MOST_OF * total:
        digits, most = max(hashes.items(), key=lambda pair: pair[1])
        same = digits if most >= MOST_OF * total else 0
        distinct = len({str(cell).strip().casefold() for cell, _ in seen})
        return ColumnValues(
            said,
            ListField.HASH,
            same,
            repeated=2 * distinct < total,
            often=10 * distinct < 9 * total,
        )
    ticks = all(look == "dates" or is_tick(cell) for cell, look in seen)
    if len(texts) < MOST_OF * total:
        some = 3 * sum(hashes.values()) >= total
        return ColumnValues(said, some_hashes=some, empty=total < len(all_looks), ticks=ticks)
    names = len({text.strip().casefold() for text in texts}) >= MOST_OF * total
    files = all(map(_FILE_NAME.search, texts))
    kinds = 2 * sum(map(is_hash_name, texts)) >= total
    words = Counter(map(str.strip, texts))
    told = sum(n for word, n in words.items() if says_removed(word))
    decided = told >= DECIDED * len(texts)
    return ColumnValues(
        said,
        names=names,
        files=files,
        status=_is_status(words, decided=decided),
        decided=decided,
        hash_names=kinds,
        ticks=ticks,
    )


def _is_status(words: Counter[str], *, decided: bool) -> bool:
    """Whether texts are words of a status, of which some say that a model was not removed, or that
    say of most that they were. Notes may begin with any word: they are longer."""
    short = all(len(w) <= _LONGEST_STATUS and w.count(" ") < _WORDS_OF_STATUS for w in words)
    again = decided and 2 * len(words) <= words.total() + 1
    return short and (again or any(map(status_stands, words)))


def _percent(part: int, total: int) -> str:
    return "all" if part == total else f"{max(1, min(99, round(100 * part / total)))} %"


def holds_values(cells: Sequence[Cell]) -> bool:
    """Whether a row holds a hash or a link: then it is no header."""
    return any(_is_value(cell) for cell in cells)


def _is_value(cell: Cell) -> bool:
    look = look_of(cell)
    return look in ("links", BEHIND) or (look is not None and look.endswith("hex digits"))


def find(rows: Sequence[Row], given: Mapping[str, ListField] | None = None) -> FoundHeader | None:
    """The header among the first rows, and the meaning of the columns; None where no column is one
    by which a model could be known again."""
    cells = [row for _, row in rows]
    best: FoundHeader | None = None
    first_values = next((at for at, row in enumerate(cells) if holds_values(row)), len(cells))
    for at, row in enumerate(cells[:HEADER_WITHIN]):
        if at > first_values and not _only_a_title(cells[first_values], row):
            break
        names = names_of(row)
        meaning = recognise(names, given)
        better = best is None or len(meaning.fields) > len(best.meaning.fields)
        if meaning.usable and better and not holds_values(row):
            best = FoundHeader(at, names, meaning)
    if best is not None:
        at = best.position or 0
        grouped = _grouped(cells[at - 1], best.names) if at else best.names
        for names in dict.fromkeys((grouped, best.names)):
            meaning = recognise(names, given, _sampled(cells[at + 1 :], len(names)))
            if meaning.usable:  # its values may say that it is not what it is called
                return FoundHeader(at, names, meaning)
    return _by_values(cells, first_values, given)


def _grouped(above: Sequence[Cell], names: tuple[str, ...]) -> tuple[str, ...]:
    """The headings under those of groups ("Removed", "Base model"), each over the columns up to the
    next: columns of another thing, or of what was not removed, are called so too."""
    texts = [at for at, cell in enumerate(above[:MAX_COLUMNS]) if look_of(cell) is not None]
    if not texts or texts == [0] or any(look_of(above[at]) != "text" for at in texts):
        return names
    told, group = [], ""
    for at in range(max(len(names), texts[-1] + 1)):
        group = str(above[at]).strip() if at in texts else group
        own = names[at] if at < len(names) else ""
        other = is_of_other_files(group) or says_not_removed(group)
        told.append(f"{group} {own}" if other else own or (group if at in texts else ""))
    return tuple(told)


def _by_values(
    cells: Sequence[Sequence[Cell]], first: int, given: Mapping[str, ListField] | None
) -> FoundHeader | None:
    """As `find`, where no heading is usable."""
    header = _heading_above(cells, first)
    if header is None:
        header = _heading_above(cells, _first_among(cells))
    start = 0 if header is None else header + 1
    rows = cells[start:]
    width = max((len(row) for row in rows[:SAMPLE]), default=0)
    names = () if header is None else names_of(cells[header])
    meaning = recognise(names, given, _sampled(rows, max(width, len(names))))
    if not meaning.usable:
        return None
    at_field = {position: field for field, position in meaning.fields.items()}
    own = [
        at_field[at].value
        if at in at_field and (at >= len(names) or not _is_known(names[at], given))
        else (names[at] if at < len(names) else f"column {at + 1}")
        for at in range(max(width, len(names)))
    ]
    return FoundHeader(header, tuple(own), meaning)


def _first_among(cells: Sequence[Sequence[Cell]]) -> int:
    """The first row in which a hash stands among words."""
    for at, row in enumerate(cells[: HEADER_WITHIN + 1]):
        if any(isinstance(cell, str) and hash_among(cell) is not None for cell in row):
            return at
    return len(cells)


def has_headed_hashes(rows: Sequence[Row]) -> bool:
    """Whether columns of full hashes stand below headings of their own. Where none of them is taken
    (they are of other things, or nobody knows which is of files), their rows are no plain lines."""
    cells = [row for _, row in rows]
    first = next((at for at, row in enumerate(cells) if holds_values(row)), len(cells))
    header = _heading_above(cells, first)
    if header is None:
        return False
    below = _sampled(cells[header + 1 :], len(cells[header]))
    return any(look.field is ListField.HASH and look.digits >= 40 for look in below)


def _is_known(name: str, given: Mapping[str, ListField] | None) -> bool:
    return bool(recognise([name], given).fields)


def _heading_above(cells: Sequence[Sequence[Cell]], first: int) -> int | None:
    """The row of headings right above the first values: as wide as they are, and text alone."""
    if not 0 < first <= HEADER_WITHIN or first >= len(cells):
        return None
    above = [cell for cell in cells[first - 1] if look_of(cell) is not None]
    below = [cell for cell in cells[first] if look_of(cell) is not None]
    texts = all(look_of(cell) == "text" for cell in above)
    wide = len(above) >= max(2, len(below)) and len(cells[first - 1]) == len(cells[first])
    first_cell = str(above[0]).strip() if above else ""
    comment = first_cell.startswith(("#", "//")) and first_cell != "#"  # which heads numbers
    return first - 1 if texts and wide and not comment else None


def _only_a_title(values: Sequence[Cell], header: Sequence[Cell]) -> bool:
    """A row above a header may be a link to where the list is from."""
    held = [cell for cell in values if look_of(cell) is not None]
    return len(held) == 1 and look_of(held[0]) == "links" and len(header) > 1


def names_of(row: Sequence[Cell]) -> tuple[str, ...]:
    """The cells of a header, as text."""
    return tuple("" if cell is None else str(cell) for cell in row[: MAX_COLUMNS + 1])


def _sampled(cells: Sequence[Sequence[Cell]], width: int) -> list[ColumnValues]:
    sample = cells[:SAMPLE]
    return [
        values_of(row[at] for row in sample if at < len(row))
        for at in range(min(width, MAX_COLUMNS))
    ]


def no_header(head: Sequence[Row] = ()) -> ListError:
    """The error for a table of which no column is usable. It says what they look like."""
    seen = _sampled([cells for _, cells in head], max((len(c) for _, c in head), default=0))
    looks = "; ".join(f"column {at}: {v.said}" for at, v in enumerate(seen[:12], 1) if v.said)
    return ListError(
        "no column is recognised by which a model could be known again"
        + (f" ({looks})" if looks else ""),
        remedy="Put column names into the first row (name, link, sha256, ...), or say which "
        "column is what with --map, by its name or number: --map 2=sha256; docs/lists.md names "
        "them all.",
    )
