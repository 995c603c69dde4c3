"""Makes JSON entries plain that say simple things in many parts, as trackers and chats export them.

What comes in: one decoded JSON value. What goes out: the same, in which a text that comes in runs
is one text, a property that names its own type is its value, labels are their names, and an entry
that stands in a column or under a label of models that were not removed says so itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reseen.registry.lists.list_fields import ListField, plain_heading
from reseen.registry.lists.not_removed import title_stands

_DEEPEST = 32
_LONGEST = 40_000
"""Characters of a text that is put together: a longer cell is refused."""
_OF_A_PROPERTY = frozenset({"id", "type", "name", "has_more", "next_url"})
_LABELS = frozenset({"labels", "label", "tags", "tag", "categories", "flags"})
_NAMES = ("name", "title", "label", "text")
_OF_RUNS = ("plain_text", "text", "content")
_OF_A_RUN = frozenset(
    {*("type", "text", "plain_text", "content", "href", "annotations", "marks", "language")}
    | {*("user_id", "document_id", "collapsed")}
)
_PARAGRAPHS = frozenset({"paragraph", "heading", "codeBlock", "listItem", "tableRow", "hardBreak"})


def made_plain(value: Any, depth: int = 0) -> Any:
    """A value whose parts are plain. Changed in its place: an entry may be large. What is nested
    deeper than rows may be stays as it is."""
    if depth > _DEEPEST:
        return value
    if isinstance(value, list):
        for at, each in enumerate(value):
            if isinstance(each, dict | list):
                value[at] = made_plain(each, depth + 1)
        return value
    if not isinstance(value, dict):
        return value
    kind = value.get("type")
    if kind == "doc" and isinstance(value.get("content"), list):
        return _joined(_leaves(value["content"], 0)).strip("\n")
    if kind is not None:
        known = isinstance(kind, str) and kind in value
        if known and value.keys() <= {*_OF_A_PROPERTY, kind}:
            return _property(value[kind], depth + 1)
        if "text" in value:
            value.pop("text_entities", None)  # Telegram says all twice
    for key, each in value.items():
        if isinstance(each, dict | list):
            value[key] = _member(key, each, depth)
    return value


def _member(key: str, value: Any, depth: int) -> Any:
    if isinstance(value, list) and value:
        if (runs := _runs(value)) is not None:
            return _joined(iter(runs))
        if plain_heading(key) in _LABELS and (names := _names(value)) is not None:
            return names
    return made_plain(value, depth + 1)


def _property(value: Any, depth: int) -> Any:
    """What Notion keeps under a property: texts in runs, a choice by its name, several choices."""
    if isinstance(value, list):
        runs = _runs(value)
        if runs is not None:
            return _joined(iter(runs))
        return _names(value) or made_plain(value, depth)
    if isinstance(value, dict):
        name = value.get("name") or value.get("start")
        return name if isinstance(name, str) else made_plain(value, depth)
    return value


def _runs(values: list[Any]) -> list[str] | None:
    """The texts of a text in runs (plain ones, links, code); None where it is something else."""
    found: list[str] = []
    parts = 0
    for each in values:
        if isinstance(each, str):
            found.append(each)
            continue
        if not isinstance(each, dict) or not {"type"} < each.keys() <= _OF_A_RUN:
            return None
        text = next((said for k in _OF_RUNS if isinstance(said := each.get(k), str)), None)
        if text is None:
            return None
        parts += 1
        href = each.get("href")
        found.append(f"{text} {href} " if isinstance(href, str) and href != text else text)
    return found if parts else None


def _leaves(nodes: list[Any], depth: int) -> Iterator[str]:
    """The texts of a document as Jira keeps it, with its lines."""
    for node in nodes:
        if not isinstance(node, dict) or depth > _DEEPEST:
            continue
        if isinstance(text := node.get("text"), str):
            yield text
        attributes = node.get("attrs")
        if isinstance(attributes, dict) and isinstance(url := attributes.get("url"), str):
            yield f" {url} "
        if isinstance(inner := node.get("content"), list):
            yield from _leaves(inner, depth + 1)
        if node.get("type") in _PARAGRAPHS:
            yield "\n"


def _joined(texts: Iterator[str]) -> str:
    found: list[str] = []
    left = _LONGEST
    for text in texts:
        found.append(text)
        left -= len(text)
        if left < 0:
            break
    return "".join(found)


def _names(values: list[Any]) -> list[str] | None:
    """The names of labels; None where they are something else."""
    found: list[str] = []
    for each in values:
        name = each
        if isinstance(each, dict):
            name = next((said for k in _NAMES if isinstance(said := each.get(k), str)), None)
        if not isinstance(name, str):
            return None
        found.append(name)
    return found


def with_what_ids_say(root: dict[str, Any]) -> dict[str, Any]:
    """An export in which entries name by an id the column or label that they stand under (Trello's
    `idList` of its `lists`): those under one of models that were not removed say so."""
    standing: dict[str, list[tuple[str, str]]] = {}
    for key, value in root.items():
        for each in value if isinstance(value, list) else ():
            if not isinstance(each, dict):
                continue
            id, name = each.get("id"), each.get("name") or each.get("title")
            if isinstance(id, str | int) and isinstance(name, str) and title_stands(name):
                told = standing.setdefault(str(id), [])
                if len(told) < _ARRAYS:
                    told.append((plain_heading(key), name))
    if not standing:
        return root
    return {
        key: [_told(each, standing) for each in value] if isinstance(value, list) else value
        for key, value in root.items()
    }


def _told(entry: Any, standing: Mapping[str, list[tuple[str, str]]]) -> Any:
    if not isinstance(entry, dict):
        return entry
    for key, value in entry.items():
        named = plain_heading(key)
        if named == "id" or not (named.startswith("id") or named.endswith(("id", "ids"))):
            continue
        for each in value if isinstance(value, list) else (value,):
            if not isinstance(each, str | int):
                continue
            for array, said in standing.get(str(each), ()):
                if len(str(each)) > _SHORT or _is_id_of(named, array):
                    return {**entry, ListField.STATUS.value: said}
    return entry


_ARRAYS = 16
_SHORT = 6
"""Digits of an id that other things may have too: a model's own number may be that of a label."""


def _is_id_of(key: str, array: str) -> bool:
    """Whether a key names one of an array by its id: `idlist` of `lists`, `categoryid` of
    `categories`."""
    of = key[2:] if key.startswith("id") else key.removesuffix("s").removesuffix("id")
    return len(of) > 2 and of[:-1] in array
