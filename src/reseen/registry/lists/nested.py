"""Makes rows of one JSON entry, however it is nested: each file of which it tells is a row.

What comes in: one decoded JSON value. What goes out: rows (column's name -> cell), and what was
left out. Nested objects are flattened ("hashes.SHA256"); entries in arrays ("files") become rows
of their own that say what the entry around them says too; an object may be keyed by hashes or by
names, which become cells of their rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from reseen.errors import ListError
from reseen.registry.lists import civitai, hub_answers
from reseen.registry.lists.columns import field_called
from reseen.registry.lists.list_fields import HASHES, KNOWING, ListField, plain_heading, spelled_as
from reseen.registry.lists.looks import look_of
from reseen.registry.lists.not_removed import (
    is_no_model_name,
    is_of_other_files,
    title_stands,
)
from reseen.registry.lists.plain_entries import made_plain, with_what_ids_say
from reseen.registry.lists.stacked import is_header
from reseen.registry.lists.table import UNREADABLE, Cell, as_cell
from reseen.registry.lists.values import hash_among, hash_digits

MAX_DEPTH = 32
"""Levels of nesting."""

JsonRow = dict[str, Cell]

NOT_REMOVED = "entries of models that were not removed, by the key above them, were"
OF_OTHERS = "entries of pictures, base models and what else stands beside a model were"
_PAGES = (
    *("items", "results", "data", "removals", "models", "rows", "values", "tickets", "issues"),
    *("messages", "cards", "entries", "records", "takedowns", "posts"),
)
"""Under one of these keys a page of an API's listing holds its entries."""
_OF_FILES = frozenset({"files", "file", "siblings", "modelfiles", "weights"})
"""Arrays whose entries are files: what these call their name is a file's."""
_OF_VERSIONS = frozenset({"versions", "modelversions", "variants", "releases"})
"""Arrays whose entries are of the model that the entry around them names."""
_OF_PICTURES = ("image", "gallery", "preview", "thumb", "media", "example", "sample")
_USED = frozenset({"resources", "usedresources", "civitairesources", "usedmodels", "loras"})
"""Arrays of what a picture or a merge was made with, where the entry's own hash stands beside."""
_WRAPPERS = frozenset(
    {"event", "events", "response", "result", "report", "export", "payload", "body", "list", "page"}
)
"""A key that holds all there is, and is no model's name."""
_PAGING = frozenset({"next", "nextpage", "prev", "prevpage", "previous", "self", "url", "href"})
_ERROR = frozenset({"error", "errors", "message", "status", "statusCode", "code", "success"})
_OF_A_HASH = 3
"""Keys of an entry that tells of a hash alone."""
_HASH_KINDS = ("type", "algorithm", "algo", "name", "kind")
_HASH_VALUES = ("value", "hash", "digest", "checksum")
_OF_MODELS = KNOWING | {ListField.NAME, ListField.FILE_NAME}
_WEIGHTS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf")


@dataclass(frozen=True, slots=True)
class NestedRows:
    """The rows of one entry."""

    rows: list[JsonRow]
    left_out: Counter[str] = field(default_factory=Counter)
    """What was left out on purpose, with how many."""


def rows_of(
    entry: object,
    *,
    outermost: bool = False,
    key: str | None = None,
    within: str | None = None,
) -> NestedRows:
    """The rows of an entry. `outermost`: it is all that the file holds. `key`, `within`: of a
    member of an object that is a list. Raises ListError for one that is nested too deep."""
    plain = key is None and not outermost and isinstance(entry, dict) and len(entry) > 1
    if plain and isinstance(entry, dict) and _is_plain(entry):
        return NestedRows([entry])
    if outermost and isinstance(entry, dict):
        entry = with_what_ids_say(entry)
    entry = made_plain(entry)
    if entry == {} and key is None and within is None and not outermost:
        return NestedRows([{}])
    left_out: Counter[str] = Counter()
    if key is None and not outermost and isinstance(entry, dict) and len(entry) == 1:
        ((only, value),) = entry.items()
        if spelled_as(only) is None and isinstance(value, str) and _tells(value):
            return NestedRows(list(_member(only, value, None, left_out)))  # {NAME: HASH} a line
    if within is not None and title_stands(within):
        return NestedRows([], Counter({NOT_REMOVED: 1}))
    if key is not None:
        return NestedRows(list(_member(key, entry, within, left_out)), left_out)
    if outermost and isinstance(entry, dict):
        entry = _of_removed(entry, left_out)
        return NestedRows(list(_outermost(entry, left_out)), left_out)
    rows = list(_rows(entry, {}, 0, left_out))
    if not rows and not left_out:
        rows = [{UNREADABLE: "yes"}]
    return NestedRows(rows, left_out)


def _of_removed(root: dict[str, Any], left_out: Counter[str]) -> dict[str, Any]:
    """The object without what its keys say was not removed ({"removed": [...], "kept": [...]})."""
    of_removed: dict[str, Any] = {}
    for key, value in root.items():
        entries = isinstance(value, list) or (isinstance(value, dict) and _is_keyed(value))
        if entries and title_stands(key):
            left_out[NOT_REMOVED] += len(value)
        else:
            of_removed[key] = value
    return of_removed


def too_deep() -> ListError:
    """The error for an entry beyond `MAX_DEPTH`."""
    return ListError(f"the JSON is nested deeper than {MAX_DEPTH} levels")


def _is_plain(entry: dict[str, Any]) -> bool:
    """Whether an entry is a row as it stands, as nearly all are: nothing nested, no key a value."""
    for key, value in entry.items():
        kind = type(value)
        if kind is not str and kind is not int and kind is not float and value is not None:
            return False
        if not _is_a_name(key):
            return False
    return "modelVersionId" not in entry and "oid" not in entry


@lru_cache(maxsize=4_096)
def _is_a_name(key: str) -> bool:
    return not hash_digits(key)


def _outermost(root: dict[str, Any], left_out: Counter[str]) -> Iterator[JsonRow]:
    if root and root.keys() <= _ERROR:
        raise ListError("the file holds an error that a site answered, and no list")
    if civitai.rows_of(root) is None and hub_answers.rows_of(root) is None:
        for name in _PAGES:
            inner = root.get(name)
            if isinstance(inner, dict) and isinstance(inner.get("rows"), list) and "cols" in inner:
                yield from _outermost(inner, left_out)
                return
            if isinstance(inner, list):
                header = _headings(root, inner)
                for entry in inner:
                    if entry is header:
                        continue
                    if header is not None and isinstance(entry, list):
                        yield {_heading(h): as_cell(v) for h, v in zip(header, entry, strict=False)}
                    else:
                        found = rows_of(entry)
                        left_out.update(found.left_out)
                        yield from found.rows
                return
        if _is_by_columns(root):
            yield from _by_columns(root)
            return
        if keyed := _keyed_within(root):
            for each in keyed:
                for key, value in each.items():
                    yield from _member(key, value, None, left_out)
            return
        if _is_keyed(root):
            caches = {key for key, value in root.items() if _is_cache(key, value)}
            for key, value in root.items():
                if caches and key not in caches:
                    continue
                yield from _member(key, value, None, left_out)
            return
    rows = list(_rows(root, {}, 0, left_out))
    yield from rows or ([] if left_out else [_flat(root)])


def _headings(root: Mapping[str, Any], rows: list[Any]) -> list[Any] | None:
    """The headings of rows that are arrays: under a key of their own, or the first of the rows."""
    for key in ("columns", "cols", "headers", "header"):
        if isinstance(named := root.get(key), list):
            return named
    first = rows[0] if rows else None
    return first if isinstance(first, list) and is_header(first) else None


def _heading(column: object) -> str:
    """A column's heading; where it is an object, what it calls its name."""
    return str(column.get("name") if isinstance(column, dict) else column)


def _is_by_columns(root: Mapping[str, Any]) -> bool:
    """{"name": {"0": ...}, "sha256": {"0": ...}}, as tables are written column by column."""
    inner = [value for value in root.values() if isinstance(value, dict) and value]
    if len(inner) < len(root) or not any(spelled_as(key) for key in root):
        return False
    return all(key.isdigit() for key in inner[0]) and all(
        v.keys() <= inner[0].keys() for v in inner
    )


def _by_columns(root: Mapping[str, Any]) -> Iterator[JsonRow]:
    for number in next(iter(root.values())):
        yield {name: as_cell(values.get(number)) for name, values in root.items()}


def _is_keyed(root: Mapping[str, Any]) -> bool:
    """Whether the keys of an object are values (hashes, names) and no columns."""
    if not root:
        return False
    if all(hash_digits(key) for key in root):
        return True
    if any(_is_cache(key, value) for key, value in root.items()):
        return True
    if any(spelled_as(key) is not None for key in root):
        return False
    if len(root) == 1 and plain_heading(next(iter(root))) in _WRAPPERS:
        return False
    telling = sum(_tells(value) for value in root.values())
    entries = all(isinstance(value, dict) for value in root.values())
    return telling == len(root) or (entries and 2 * telling > len(root))


def _keyed_within(root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The objects of an outermost one whose keys are values, where all else in it tells of the list
    ({"version": 2, "models": {name: {"sha256": ...}}}) and of no model."""
    within: list[Mapping[str, Any]] = []
    for key, value in root.items():
        telling = isinstance(value, list) and any(
            isinstance(each, dict | list) or _tells(each) for each in value
        )
        if telling or hash_digits(key) or spelled_as(key) in _OF_MODELS:
            return []
        if isinstance(value, dict):
            if not _is_keyed(value) or _is_cache(key, value):
                return []
            within.append(value)
    return within


def _is_cache(key: str, value: object) -> bool:
    """WebUI's cache of hashes: {"hashes": {name: {"mtime":..., "sha256":...}}, ...}."""
    if plain_heading(key) not in ("hashes", "hashesaddnet") or not isinstance(value, dict):
        return False
    return bool(value) and all(isinstance(v, dict) and "sha256" in v for v in value.values())


def _tells(value: object) -> bool:
    """Whether a value is one by which a model can be known again, or holds one."""
    if isinstance(value, str):
        return look_of(value) == "links" or hash_digits(value) > 0 or hash_among(value) is not None
    if isinstance(value, list):
        return bool(value) and all(map(_tells, value))
    if isinstance(value, dict):
        return any(_is_knowing(name, inner) for name, inner in value.items())
    return False


def _is_knowing(name: str, value: object) -> bool:
    if isinstance(value, dict | list):
        return _tells(value)
    return value is not None and (spelled_as(name) in HASHES | {ListField.LINK} or _tells(value))


def _member(
    key: str, value: object, within: str | None, left_out: Counter[str]
) -> Iterator[JsonRow]:
    """The rows of a member of an object whose keys are values."""
    if _is_cache(key, value):
        assert isinstance(value, dict)
        for name, inner in value.items():
            yield from _member(name, inner, key, left_out)
        return
    if isinstance(value, list) and spelled_as(key) is None and plain_heading(key) in _PAGES:
        for entry in value:
            yield from rows_of(entry).rows
        return
    scalar = not isinstance(value, dict | list)
    if scalar and (plain_heading(key) in _PAGING or not (hash_digits(key) or _tells(value))):
        return
    own: JsonRow = {}
    if hash_digits(key):
        own[ListField.HASH.value] = key
    elif not (isinstance(value, dict) and value.get("id") == key):
        name = key.replace("\\", "/").rpartition("/")[2]
        is_file = name.lower().endswith(_WEIGHTS)
        own[(ListField.FILE_NAME if is_file else ListField.NAME).value] = name
    if within is not None and plain_heading(within) == "hashesaddnet" and isinstance(value, dict):
        value = {"data-sha256": value.get("sha256")}
    if isinstance(value, str) and hash_digits(key) and not _tells(value):
        own[ListField.NAME.value] = value
        yield own
        return
    rows = list(_rows(value, own, 1, left_out))
    if not rows and (hash_digits(key) or not scalar):
        rows = [own]
    yield from rows


def _rows(entry: object, around: JsonRow, depth: int, left_out: Counter[str]) -> Iterator[JsonRow]:
    """The rows of an entry that stands in what `around` says."""
    if depth > MAX_DEPTH:
        raise too_deep()
    if isinstance(entry, str):
        look = look_of(entry)
        if look == "links":
            yield {**around, ListField.LINK.value: entry}
        elif hash_digits(entry) or (look is not None and len(entry) >= 32 and not depth):
            yield {**around, ListField.HASH.value: entry}
        return
    if isinstance(entry, list):
        if not depth and _is_one_row(entry):
            yield {f"column {at}": as_cell(cell) for at, cell in enumerate(entry, 1)}
            return
        for each in entry:
            if isinstance(each, str | dict | list):
                yield from _rows(each, around, depth + 1, left_out)
        return
    if not isinstance(entry, dict):
        return
    for answer in (civitai.rows_of(entry), hub_answers.rows_of(entry)):
        if answer is not None:
            left_out.update(answer.left_out)
            yield from ({**around, **row} for row in answer.rows)
            return
    yield from _of_object(entry, around, depth, left_out)


def _is_one_row(entry: list[Any]) -> bool:
    """Whether an array holds the cells of one row: values of different looks, one of them a hash or
    a link."""
    if any(isinstance(cell, dict | list) for cell in entry):
        return False
    looks = {look for cell in entry if (look := look_of(cell)) is not None}
    return len(looks) > 1 and any(look == "links" or look.endswith("hex digits") for look in looks)


def _of_object(
    entry: dict[str, Any], around: JsonRow, depth: int, left_out: Counter[str]
) -> Iterator[JsonRow]:
    own = {**around, **_flat(entry)}
    several = [(name, cell) for name, cell in own.items() if _holds_several(name, cell)]
    known = _has_hash(own)
    found = False
    arrays = list(_arrays(entry))
    alone = not depth and len(arrays) == 1 and not known
    tells = _is_known_by(own)
    for name, inner in arrays:
        if known and plain_heading(name).startswith("civitai"):
            continue  # what a site answered of the same file
        if _are_plain_hashes(name, inner):
            continue
        if is_of_other_files(name) or (not alone and _is_beside(name, known=known)):
            others = sum(map(_has_hash, _rows(inner, {}, depth + 1, Counter())))
            left_out.update({OF_OTHERS: others} if others else {})
            continue
        for row in _rows(inner, {}, depth + 1, left_out):
            if not _has_hash(row) and (known or _is_of_pictures(name) or _is_attached(name, row)):
                continue
            if tells and not _is_known_by(row):
                continue
            if plain_heading(name.rpartition(".")[2]) in _OF_FILES:
                row = _as_a_file(row)
            elif plain_heading(name.rpartition(".")[2]) in _OF_VERSIONS:
                row = _without_name(row, own)
            found = True
            beside = _besides(own, row)
            yield {**(_without_name(beside, own) if _is_chat(name) else beside), **row}
    if several:
        name, cells = several[0]
        assert isinstance(cells, list)
        yield from ({**own, name: cell} for cell in cells)
    elif not found or known:
        yield own


def _flat(entry: Mapping[str, Any]) -> JsonRow:
    flat: JsonRow = {}
    _flatten(entry, "", 0, flat)
    return flat


def _flatten(entry: Mapping[str, Any], prefix: str, depth: int, flat: JsonRow) -> None:
    if depth > MAX_DEPTH:
        raise too_deep()
    for key, value in entry.items():
        name = prefix + key
        if isinstance(value, dict) and (named := _named_hashes(name, [value])):
            flat.update(named)
        elif isinstance(value, dict):
            _flatten(value, f"{name}.", depth + 1, flat)
        elif isinstance(value, list) and any(isinstance(v, dict | list) for v in value):
            flat.update(_named_hashes(name, value))
        elif not _is_a_name(key):
            flat[ListField.HASH.value] = key  # no value is ever a column's name
        else:
            flat[name] = as_cell(value)


def _named_hashes(name: str, values: list[Any]) -> JsonRow:
    """[{"type": "SHA256", "value": ...}, ...], or one of them, as columns."""
    found: dict[str, list[str]] = {}
    for each in values:
        if not isinstance(each, dict):
            continue
        if _is_counted_out(each):
            continue
        by = {plain_heading(key): value for key, value in each.items()}
        kind = next((by[k] for k in _HASH_KINDS if isinstance(by.get(k), str)), None)
        value = next((by[k] for k in _HASH_VALUES if isinstance(by.get(k), str)), None)
        if kind is None or value is None:
            continue
        kinds = kind.split("|")  # {"type": "filename|sha256", "value": ...} says both
        told = value.rsplit("|", len(kinds) - 1)
        for one, said in zip(kinds, told, strict=False):
            if spelled_as(one) in HASHES:
                found.setdefault(f"{name}.{one}", []).append(said)
    # Several of one kind are of several files.
    return {column: cells if len(cells) > 1 else cells[0] for column, cells in found.items()}


def _is_counted_out(entry: Mapping[str, Any]) -> bool:
    """Whether one of several hashes says of itself that it is none to look for: it was taken back,
    or is there for the context (MISP's `deleted`, `to_ids`)."""
    for key, value in entry.items():
        field = spelled_as(key)
        if field is ListField.STATUS and (value is False or value == "0"):
            return True
        if value is True and (field is ListField.REINSTATED or plain_heading(key) == "deleted"):
            return True
    return False


def _are_plain_hashes(name: str, values: list[Any]) -> bool:
    """Whether an array holds the hashes of one thing and nothing else of it: they are columns of
    the entry around them, and no entries."""
    small = all(isinstance(each, dict) and len(each) <= _OF_A_HASH for each in values)
    return small and bool(_named_hashes(name, values))


def _arrays(entry: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, list[Any]]]:
    """The arrays of objects in an entry, with their names."""
    for key, value in entry.items():
        if isinstance(value, dict):
            yield from _arrays(value, f"{prefix}{key}.")
        elif isinstance(value, list) and any(isinstance(v, dict | list) for v in value):
            yield prefix + key, value


def _has_hash(row: JsonRow) -> bool:
    return any(
        cell is not None and spelled_as(name.rpartition(".")[2]) in HASHES
        for name, cell in row.items()
    )


def _is_known_by(row: JsonRow) -> bool:
    """Whether a row says anything by which a model could be known: labels and tags do not."""
    return any(
        (cell is not None and (field_called(name) in KNOWING or _tells(cell)))
        or (isinstance(cell, str) and hash_among(cell) is not None)
        for name, cell in row.items()
    )


def _holds_several(name: str, cell: Cell) -> bool:
    """Whether a cell holds the hashes of several files."""
    if not isinstance(cell, list) or len(cell) < 2:
        return False
    same = {hash_digits(each) for each in cell}
    return len(same) == 1 and 0 not in same and spelled_as(name.rpartition(".")[2]) in HASHES


def _is_beside(name: str, *, known: bool) -> bool:
    """Whether an array holds what stands beside a model. `known`: the entry has a hash itself."""
    return _is_of_pictures(name) or (known and plain_heading(name.rpartition(".")[2]) in _USED)


_ATTACHED = frozenset(
    {*("attachments", "attachment", "embeds", "comments", "reactions", "mentions", "stickers")}
)
"""Arrays of what hangs on a message."""


def _is_attached(name: str, row: JsonRow) -> bool:
    """Whether an entry of an array is what hangs on a message, or is no model by its name."""
    names = [cell for n, cell in row.items() if spelled_as(n.rpartition(".")[2]) in _NAMING]
    return plain_heading(name.rpartition(".")[2]) in _ATTACHED or any(
        isinstance(each, str) and is_no_model_name(each) for each in names
    )


_NAMING = (ListField.NAME, ListField.FILE_NAME)


def _is_chat(name: str) -> bool:
    """Whether an array holds the messages of a chat: what the chat is called names no model."""
    return plain_heading(name.rpartition(".")[2]) in ("messages", "chats", "threads")


def _is_of_pictures(name: str) -> bool:
    return any(part in name.casefold() for part in _OF_PICTURES)


def _as_a_file(row: JsonRow) -> JsonRow:
    """The row of an entry of an array of files: its name is a file's."""
    names = [name for name in row if spelled_as(name) is ListField.NAME]
    if not names:
        return row
    rest = {name: cell for name, cell in row.items() if name not in names}
    rest.setdefault(ListField.FILE_NAME.value, row[names[0]])
    return rest


def _without_name(row: JsonRow, own: JsonRow) -> JsonRow:
    """The row of a version: the model's name is the one that the entry around it says."""
    if not any(spelled_as(name) is ListField.NAME for name in own):
        return row
    return {name: cell for name, cell in row.items() if spelled_as(name) is not ListField.NAME}


def _besides(own: JsonRow, row: JsonRow) -> JsonRow:
    """What the entry around a row says that the row does not say itself; none of its hashes."""
    said = {spelled_as(name.rpartition(".")[2]) for name, cell in row.items() if cell is not None}
    return {
        name: cell
        for name, cell in own.items()
        if (field := spelled_as(name.rpartition(".")[2])) not in HASHES
        and (field is None or field not in said)
        and field not in (ListField.SIZE, ListField.SIZE_KB)
    }
