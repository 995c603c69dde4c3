"""Reads texts in which a model takes several lines without headings: its name or link in one, its
hash in the next.

What comes in: a text. What goes out: a `ListTable`. That lines belong together is taken from the
first of them alone: names or links and hashes have to come by turns.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from reseen.registry.lists import text as texts
from reseen.registry.lists.columns import recognise
from reseen.registry.lists.list_fields import ListField
from reseen.registry.lists.looks import SAMPLE, values_of
from reseen.registry.lists.not_removed import TitleSays, still_standing
from reseen.registry.lists.said import BESIDE, Said, is_of_chat, said_in
from reseen.registry.lists.table import (
    HEADING,
    MAX_CELL,
    MAX_ROWS,
    NOT_REMOVED,
    Cell,
    ListTable,
    StandingRow,
    first_of,
    too_long,
    too_many_rows,
)

_COLUMNS = (ListField.HASH, ListField.LINK, ListField.NAME, ListField.FILE_NAME)
_NAME_FIRST = re.compile(r"n{0,3}?(?:(?:n{0,2}lh){1,}+n{0,3}|(?:n{1,2}h|n{0,2}lh){2,}+)")
_HASH_FIRST = re.compile(r"n{0,3}(?:hn?l){2,}+n{0,3}")
_OF_TOOLS = re.compile(
    r"(?:algorithm|hash|path|oid|size|version|certutil)\b\s{0,12}:|.{0,20}hash of ", re.IGNORECASE
)
_RULE = re.compile(r"(?:[\s=_+|.>~*-]|```\w{0,20})*\Z")


@dataclass(slots=True)
class _TextBlock:
    number: int
    hash: str | None = None
    link: str | None = None
    name: str | None = None
    file_name: str | None = None
    standing: str | None = None
    """Why the lines are of no removed model, where one of them, or one above, says so."""
    heeded: bool = True
    """The model stands whatever else the list says of it."""

    def cells(self) -> list[Cell]:
        said: list[Cell] = [self.hash, self.link, self.name, self.file_name]
        if self.standing is None:
            return said
        return StandingRow(said, self.standing, heeded=self.heeded)


def hash_first(head: str, *, cut: bool) -> bool | None:
    """Whether a model's hash stands before its link; None of a text that is not made so. `cut`: the
    text goes on."""
    kinds = ""
    whole = head[: head.rfind("\n") + 1] if cut else head
    for _, line, said in _told(texts.rejoined(io.StringIO(whole)), Counter()):
        if said is not None and said.aside == NOT_REMOVED:
            continue
        if _OF_TOOLS.match(line) or said is None:
            return None
        if said.hash and (said.link or (said.words and not said.aside)):
            return None
        if not said.aside:
            kinds += "h" if said.hash else "l" if said.link else "n"
        if len(kinds) == SAMPLE:
            cut = True
            break
    for first, regular in ((False, _NAME_FIRST), (True, _HASH_FIRST)):
        found = regular.match(kinds)
        if found is not None and found.end() >= len(kinds) - (3 if cut else 0):
            return first
    return None


def read_blocks(text: io.TextIOWrapper, notes: tuple[str, ...], *, first: bool) -> ListTable:
    """The models of a text as a table; `first`: the hash stands before the link. Raises ListError
    while rows are walked."""
    set_aside: Counter[str] = Counter()
    rows = first_of(_blocks(text, Counter(), first=first), SAMPLE, _TextBlock.cells)
    sample = [block.cells() for block in rows if block.standing is None]
    values = [values_of(row[at] for row in sample) for at in range(len(_COLUMNS))]
    text.seek(0)
    return ListTable(
        columns=tuple(each.value for each in _COLUMNS),
        rows=((each.number, each.cells()) for each in _blocks(text, set_aside, first=first)),
        notes=(
            *notes,
            "There is no header: names or links and hashes come by turns, and lines that follow "
            "each other are of one model.",
        ),
        meaning=recognise([each.value for each in _COLUMNS], None, values),
        set_aside=set_aside,
        of_one_file=len(sample) == 1,
    )


def _blocks(
    text: io.TextIOWrapper, set_aside: Counter[str], *, first: bool
) -> Iterator[_TextBlock]:
    block: _TextBlock | None = None
    count = 0
    for number, line, said in _told(texts.rejoined(texts.lines(text)), set_aside):
        if block is not None and said is not None and _begins(block, said, first=first):
            count += block.hash is not None or block.link is not None
            yield from _ended(block, set_aside)
            block = None
            if count > MAX_ROWS:
                raise too_many_rows()
        if said is None:
            yield _TextBlock(number, file_name=line)
            continue
        if said.aside == BESIDE:
            set_aside[BESIDE] += 1
            continue
        if said.aside:
            yield _TextBlock(
                number, said.hash, said.link, standing=said.aside, heeded=not said.unsettled
            )
            continue
        block = block or _TextBlock(number)
        block.hash = block.hash or said.hash
        if said.link is not None:
            block.link = said.link
            block.name = said.words or block.name
        elif said.words and said.is_file:
            block.file_name = said.words
        elif said.words and not (block.hash and not first):
            block.name = said.words
    if block is not None:
        yield from _ended(block, set_aside)


def _begins(block: _TextBlock, said: Said, *, first: bool) -> bool:
    """Whether a line is of another model than those before it."""
    if said.aside:
        return False
    if first:
        return said.hash is not None or (said.link is not None and block.link is not None)
    if said.hash is not None:
        return block.hash is not None
    return block.hash is not None or (
        block.link is not None or (said.link is None and block.name is not None)
    )


def _ended(block: _TextBlock, set_aside: Counter[str]) -> Iterator[_TextBlock]:
    if block.hash is None and block.link is None:
        set_aside[HEADING] += 1
    else:
        yield block


def _told(lines: Iterable[str], set_aside: Counter[str]) -> Iterator[tuple[int, str, Said | None]]:
    """What each line says; of blank lines, rules, and those of chats nothing."""
    standing = TitleSays.NO
    for number, raw in enumerate(lines, 1):
        if len(raw) > MAX_CELL:
            raise too_long(number)
        line = raw.strip("\ufeff \t\r\n")
        if not line:
            continue
        if _RULE.match(line):
            set_aside[HEADING] += 1
            continue
        said = said_in(line)
        if said is not None and said.hash is None and said.link is None:
            is_chat = is_of_chat(line)
            standing = standing if is_chat else still_standing(line, standing)
            if is_chat or standing or not said.words:
                set_aside[HEADING] += 1
                continue
        if standing:
            said = said or Said()
            unsettled = standing is TitleSays.UNSETTLED
            yield number, line, replace(said, aside=NOT_REMOVED, unsettled=unsettled)
            continue
        yield number, line, said
