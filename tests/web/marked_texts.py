"""What stands in a template, taken apart without being rendered: texts that are not marked to be
translated, and sentences that are glued from parts.

A template's syntax tree is written out as HTML in which each marked sentence and each expression is
one character of a private area; what two branches of an `if` hold is written one after the other,
and remembered as such. Then an HTML parser says what is text and what is an attribute.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from jinja2 import nodes

from reseen.web import rendering

TEMPLATES = Path(rendering.__file__).parent / "templates"
SPOKEN = {
    *("aria-label", "aria-description", "title", "placeholder", "alt", "label"),
    *("data-label", "data-copied"),
}
"""Attributes whose values are read by people."""
BLOCKS = {
    *("address", "article", "body", "button", "caption", "dd", "details", "dialog", "div", "dl"),
    *("dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "head"),
    *("header", "html", "label", "legend", "li", "main", "nav", "ol", "option", "p", "section"),
    *("select", "summary", "table", "tbody", "td", "textarea", "th", "thead", "title", "tr", "ul"),
    *("input", "br", "hr", "progress", "svg"),
}
CHIPS = {"tag", "soft", "hint", "label", "hidden-text", "claim", "cosine", "rung"}
"""Classes of a `span` that is a thing of its own beside a text: a state, a hint."""
NOT_WORDS = {"kbd", "code", "script", "style"}
PRODUCT = {"Reseen"}
_WORD = re.compile(r"[^\W\d_]{2,}")
_NO_TEXT = re.compile(r'\b[a-z-]+="[^"]*"?|(?:^|\s)/\S+')
"""What a macro makes of a tag, or an address."""
_TAG = re.compile(r"<[^<>]*>")
_FIRST = 0xF0000
"""The first character of the private area."""


@dataclass(frozen=True)
class Piece:
    """A marked sentence, or (`message` is None) an expression; `path`: in which branches of which
    `if` it stands."""

    message: str | None
    path: tuple[tuple[int, int], ...]

    def meets(self, other: Piece) -> bool:
        """Whether both can be on one page."""
        mine = dict(self.path)
        return all(mine.get(where, branch) == branch for where, branch in other.path)


@dataclass
class Flat:
    """A template written out."""

    text: list[str] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    ifs: int = 0
    whole: bool = False
    """A page from head to foot, whose blocks stand within its elements."""

    def add(self, message: str | None, path: tuple[tuple[int, int], ...]) -> None:
        self.text.append(chr(_FIRST + len(self.pieces)))
        self.pieces.append(Piece(message, path))


def flat(source: str) -> Flat:
    """A template as HTML with one character for each sentence and expression."""
    written = Flat(whole="<title>" in source)
    _write(rendering._environment().parse(source), (), written)
    return written


def _write(node: nodes.Node, path: tuple[tuple[int, int], ...], into: Flat) -> None:
    if isinstance(node, nodes.TemplateData):
        into.text.append(node.data)
    elif isinstance(node, nodes.Output):
        for each in node.nodes:
            _write(each, path, into)
    elif isinstance(node, nodes.If):
        into.ifs += 1
        number = into.ifs
        branches = [node.body, *(each.body for each in node.elif_), node.else_]
        for branch, body in enumerate(branches):
            for each in body:
                _write(each, (*path, (number, branch)), into)
    elif isinstance(node, nodes.Macro | nodes.AssignBlock | nodes.Block | nodes.CallBlock):
        edge = "" if isinstance(node, nodes.Block) and into.whole else "<div>"
        into.text.append(edge)
        for each in node.body:
            _write(each, path, into)
        into.text.append(edge)
    elif isinstance(node, nodes.Expr):
        _write_expression(node, path, into)
    elif isinstance(node, nodes.Include):
        into.add(None, path)
    elif not isinstance(node, nodes.Assign | nodes.Import | nodes.FromImport | nodes.Extends):
        for each in node.iter_child_nodes():
            if isinstance(each, nodes.Stmt):
                _write(each, path, into)


def _write_expression(node: nodes.Expr, path: tuple[tuple[int, int], ...], into: Flat) -> None:
    """A marked sentence, the words that an expression holds itself, or just "something". What a
    macro is called with is not looked into."""
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
        name = node.node.name
        if name in ("_", "gettext", "ngettext", "pgettext"):
            texts = [each.value for each in node.args if isinstance(each, nodes.Const)]
            wanted = {"pgettext": 2, "ngettext": 2}.get(name, 1)
            assert len(texts) >= wanted, f"line {node.lineno}: {name} of what is no fixed text"
            into.add(texts[1] if name == "pgettext" else texts[0], path)
            return
    if isinstance(node, nodes.TemplateData):
        into.text.append(node.data)
    elif isinstance(node, nodes.Const):
        into.text.append(str(node.value))
    elif isinstance(node, nodes.CondExpr):
        into.ifs += 1
        number = into.ifs
        for branch, each in enumerate((node.expr1, node.expr2)):
            if each is not None:
                _write_expression(each, (*path, (number, branch)), into)
    elif isinstance(node, nodes.Add):
        _write_expression(node.left, path, into)
        _write_expression(node.right, path, into)
    elif isinstance(node, nodes.Concat):
        for each in node.nodes:
            _write_expression(each, path, into)
    elif isinstance(node, nodes.Getitem) and isinstance(node.node, nodes.Dict):
        into.ifs += 1
        number = into.ifs
        for branch, pair in enumerate(node.node.items):
            _write_expression(pair.value, (*path, (number, branch)), into)
    elif isinstance(node, nodes.Filter) and node.node is not None and node.name != "fixed":
        _write_expression(node.node, path, into)
    else:
        into.add(None, path)


class _Reader(HTMLParser):
    """Texts, spoken attributes, and the runs of what stands between two edges of blocks."""

    def __init__(self, written: Flat) -> None:
        super().__init__(convert_charrefs=True)
        self.written = written
        self.unmarked: list[str] = []
        self.inside_attributes: list[str] = []
        """Sentences that are marked, and stand in an attribute."""
        self.runs: list[list[tuple[Piece, str]]] = [[]]
        """Of each piece the inline element that holds it alone, or ""."""
        self.open: list[tuple[str, str]] = []
        self.navigation = 0
        self.facts = ""
        """The tag of the line of facts that is open: each `span` in it stands for itself."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            for c in value or "":
                if ord(c) >= _FIRST and (said := self.written.pieces[ord(c) - _FIRST].message):
                    self.inside_attributes.append(said)
            if name in SPOKEN:
                self._words(value or "")
        if self._is_block(tag):
            self.runs.append([])
        else:
            self.open.append((tag, dict(attrs).get("class") or ""))
        self.navigation += tag == "nav"
        if "facts-line" in (dict(attrs).get("class") or "").split():
            self.facts = tag

    def handle_endtag(self, tag: str) -> None:
        self.navigation -= tag == "nav"
        self.facts = "" if tag == self.facts else self.facts
        if self._is_block(tag):
            self.runs.append([])
            self.open.clear()
        elif any(name == tag for name, _ in self.open):
            while self.open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        if any(name in NOT_WORDS for name, _ in self.open):
            return
        self._words(data)
        for c in data:
            if ord(c) >= _FIRST:
                self.runs[-1].append((self.written.pieces[ord(c) - _FIRST], self._holder()))

    def _is_block(self, tag: str) -> bool:
        alone = (tag == "a" and self.navigation > 0) or (tag == "span" and self.facts != "")
        return tag in BLOCKS or ord(tag[-1]) >= _FIRST or alone

    def _holder(self) -> str:
        for tag, classes in reversed(self.open):
            if tag == "span" and CHIPS & set(classes.split()):
                return "chip"
            if tag == "a":
                return "link"
        return ""

    def _words(self, text: str) -> None:
        words = _WORD.findall(_NO_TEXT.sub("", text))
        if any(word not in PRODUCT for word in words if ord(word[0]) < _FIRST):
            seen = "".join(c if ord(c) < _FIRST else "…" for c in text)
            self.unmarked.append(" ".join(seen.split()))


def read(source: str) -> _Reader:
    reader = _Reader(flat(source))
    reader.feed("".join(reader.written.text))
    reader.close()
    return reader


def unmarked(source: str) -> list[str]:
    """Texts for people that are not marked to be translated."""
    return read(source).unmarked


def glued(source: str) -> list[str]:
    """Marked texts that are no whole sentence, and stand in one run with another text or with an
    expression: a part of a sentence. Whole is what begins with a large letter (or with a place that
    is filled) and ends with a full stop, or the like. Things of their own are states and hints
    (`CHIPS`), a link whose words begin with a large letter, each link of a navigation, and each
    span of a line of facts."""
    found = []
    for run in read(source).runs:
        beside = [(piece, holder) for piece, holder in run if holder != "chip"]
        for piece, holder in beside:
            if piece.message is None or whole(piece.message):
                continue
            if holder == "link" and begins(piece.message):
                continue
            others = [other for other, _ in beside if other is not piece and piece.meets(other)]
            if others:
                found.append(piece.message)
    return found


def begins(message: str) -> bool:
    """Whether it begins as a sentence does."""
    plain = _TAG.sub("", message).strip()
    return bool(plain) and not plain[0].islower()


def whole(message: str) -> bool:
    """Whether it begins and ends as a sentence does."""
    plain = _TAG.sub("", message).strip()
    return begins(message) and plain.endswith((".", "!", "?", "…", ".”", ".)"))


def templates() -> Iterator[tuple[str, str]]:
    """Each by its name under `templates/`."""
    for path in sorted(TEMPLATES.glob("*.html")):
        yield path.name, path.read_text(encoding="utf-8")
