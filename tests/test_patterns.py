"""Regular expressions over foreign text take a number of steps that grows with its length alone.

Read from our own source: every pattern, and how it is used. A pattern is refused where a match
that fails can try the same text in many ways: a repetition within a repetition, or beside one,
that could take the same characters; a lazy one; and one that begins with a repetition where every
place of the text is tried as a beginning.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from re import _constants as c
from re import _parser as parser
from typing import Any

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "reseen"
ANYWHERE = {"search", "findall", "finditer", "sub", "subn", "split"}
"""Every place of the text is tried as a beginning."""
MANY = 256
"""Times from which a repetition counts as without end; shorter ones are a constant."""
ALPHABET = [chr(n) for n in (*range(256), 0x663, 0x2028, 0x3000, 0x1F600)]
Chars = frozenset[str]
EVERY: Chars = frozenset(ALPHABET)


@dataclass(frozen=True)
class Pattern:
    where: str
    text: str
    flags: int
    uses: frozenset[str]

    def __str__(self) -> str:
        return f"{self.where} {self.text}"


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
        return node.value.decode("latin-1")
    return None


def _flags(nodes: Sequence[ast.expr]) -> int:
    found = 0
    for node in nodes:
        for name in re.findall(r"re\.([A-Z]+)", ast.unparse(node)):
            found |= int(getattr(re, name))
    return found


def patterns() -> Iterator[Pattern]:
    for path in sorted(SOURCE.rglob("*.py")):
        code = path.read_text()
        if "re." not in code:
            continue  # to take it apart takes long
        tree = ast.parse(code)
        where = path.relative_to(SOURCE).as_posix()
        uses: dict[str, set[str]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                uses.setdefault(node.value.id, set()).add(node.attr)
        named = {
            id(node.value): target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "re"):
                continue
            how = node.func.attr
            text = _text(node.args[0]) if node.args else None
            if how == "escape" or text is None:
                continue
            rest = [*node.args[1:], *(k.value for k in node.keywords)]
            if how == "compile":
                name = named.get(id(node), "")
                used = uses.get(name, ANYWHERE) if name else ANYWHERE
            else:
                used = {how}
            yield Pattern(f"{where}:{node.lineno}", text, _flags(rest), frozenset(used))


@cache
def _category(code: Any) -> Chars:
    letter = {
        c.CATEGORY_DIGIT: r"\d", c.CATEGORY_NOT_DIGIT: r"\D", c.CATEGORY_SPACE: r"\s",
        c.CATEGORY_NOT_SPACE: r"\S", c.CATEGORY_WORD: r"\w", c.CATEGORY_NOT_WORD: r"\W",
    }[code]  # fmt: skip
    return frozenset(char for char in ALPHABET if re.fullmatch(letter, char))


def _set(items: Any) -> Chars:
    found: set[str] = set()
    negated = False
    for kind, value in items:
        if kind is c.NEGATE:
            negated = True
        elif kind is c.LITERAL:
            found.add(chr(value))
        elif kind is c.RANGE:
            found |= {char for char in ALPHABET if value[0] <= ord(char) <= value[1]}
        elif kind is c.CATEGORY:
            found |= _category(value)
    return EVERY - found if negated else frozenset(found)


REPEATS = (c.MAX_REPEAT, c.MIN_REPEAT)


def _chars(sequence: Any) -> Chars:
    """Every character that some part of it can take."""
    found: Chars = frozenset()
    for kind, value in sequence:
        match kind:
            case c.LITERAL:
                found |= {chr(value)}
            case c.NOT_LITERAL:
                found |= EVERY - {chr(value)}
            case c.ANY:
                found |= EVERY
            case c.IN:
                found |= _set(value)
            case c.MAX_REPEAT | c.MIN_REPEAT | c.POSSESSIVE_REPEAT:
                found |= _chars(value[2])
            case c.SUBPATTERN:
                found |= _chars(value[3])
            case c.ATOMIC_GROUP:
                found |= _chars(value)
            case c.BRANCH:
                for each in value[1]:
                    found |= _chars(each)
    return found


def _least(sequence: Any) -> int:
    low, _ = sequence.getwidth()
    return int(low)


def _flat(sequence: Any) -> list[tuple[Any, Any]]:
    """Groups opened, so that neighbours stand beside each other."""
    found: list[tuple[Any, Any]] = []
    for kind, value in sequence:
        if kind is c.SUBPATTERN:
            found += _flat(value[3])
        else:
            found.append((kind, value))
    return found


def _endless(kind: Any, value: Any) -> bool:
    return kind in REPEATS and (value[1] is c.MAXREPEAT or value[1] >= MANY)


def trouble(sequence: Any, around: Sequence[tuple[Any, Any]] = ()) -> Iterator[str]:
    """Why a pattern can take more than linear time. `around`: what follows the sequence."""
    items = _flat(sequence)
    for at, (kind, value) in enumerate(items):
        if kind is c.BRANCH:
            for each in value[1]:
                yield from trouble(each, (*items[at + 1 :], *around))
        if kind in (*REPEATS, c.POSSESSIVE_REPEAT):
            yield from trouble(value[2], _flat(value[2]) if _endless(kind, value) else ())
        if not _endless(kind, value):
            continue
        if kind is c.MIN_REPEAT:
            yield "a lazy repetition without end"
        mine = _chars(value[2])
        for other, what in (*items[at + 1 :], *around):
            taken = _chars([(other, what)])
            if _endless(other, what) and taken & mine and not _apart(value[2], what[2]):
                yield "two repetitions without end that can take the same"
            if other is c.BRANCH:
                within = [item for each in what[1] for item in _flat(each)]
                if any(_endless(*item) and _chars([item]) & mine for item in within):
                    yield "a repetition without end, and another in what follows"
            must = other not in (*REPEATS, c.POSSESSIVE_REPEAT, c.AT, c.ASSERT, c.ASSERT_NOT)
            must |= other in (*REPEATS, c.POSSESSIVE_REPEAT) and what[0] > 0
            if must and not taken & mine:
                break  # nothing that the repetition could give back helps


def _apart(one: Any, other: Any) -> bool:
    """Whether one of two repetitions has a character in every turn that the other cannot take."""
    return any(
        kind in (c.LITERAL, c.IN) and not _chars([(kind, value)]) & _chars(others)
        for mine, others in ((one, other), (other, one))
        for kind, value in _flat(mine)
    )


def begins(sequence: Any) -> bool:
    """Whether a pattern of several parts begins with a repetition without end."""
    items = _flat(sequence)
    return len(items) > 1 and _endless(*items[0])


FOUND = list(patterns())
SHORT = {r"(\.rejects(-\d+)?)+$": "the name of a file that a person gave: 255 bytes at most"}
"""Patterns that begin with a repetition, over text that is short."""


def test_the_patterns_are_found() -> None:
    assert len(FOUND) > 40
    assert {p.text for p in FOUND} >= SHORT.keys()
    assert {p.where.split(":")[0] for p in FOUND} >= {"hubs/answers.py", "files/lfs_pointer.py"}


@pytest.mark.parametrize("pattern", FOUND, ids=str)
def test_a_pattern_takes_linear_time(pattern: Pattern) -> None:
    parsed = parser.parse(pattern.text, pattern.flags)
    assert not list(trouble(parsed)), pattern
    if pattern.uses & ANYWHERE and pattern.text not in SHORT:
        assert not begins(parsed), f"every place of the text is tried: {pattern}"


@pytest.mark.parametrize(
    "text",
    [
        *(r"(a+)+b", r"(?:<[^<]*>)*?</si>", r"a*a*b", r"[0-9a-f*]*\*[0-9a-f*]*", r"\s*(\s|x)*y"),
        *(r".*,.*,.*x", r"(\w+\s?)*z", r"(?:a|b+)*c", r"x(?:\d+,?)+y", r"(a|aa)+b"),
    ],
)
def test_what_is_not_linear_is_known(text: str) -> None:
    assert list(trouble(parser.parse(text))) or text == r"(a|aa)+b"


@pytest.mark.parametrize(
    "text", [r"(?:[a-z]+\.)*[a-z]+", r"a+b+c", r"\s*+\s*x", r"<([^<>]*)>([^,<]*)", r"[a-z]{1,40}+"]
)
def test_what_is_linear_is_let_through(text: str) -> None:
    assert not list(trouble(parser.parse(text)))
