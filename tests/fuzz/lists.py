"""Lists of removals as people have them: tables, lines, JSON of every shape, and their cells.

A list is written to a file, read to its last row, merged, and its rejected rows written: all that
an import does but the store. Nothing that stood in it may stand in its account.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from random import Random

from tests.fuzz import chance
from tests.fuzz.cells import KEYRING, cell, day, link, typed_cell
from tests.fuzz.chance import (
    MARKER,
    digits,
    encoded,
    folder,
    json_text,
    json_value,
    mutated,
    number_text,
    word,
)
from tests.fuzz.play import Broken, FuzzedReader

from reseen.registry import imports
from reseen.registry.import_account import ImportSums
from reseen.registry.imports import ImportOptions, read_list
from reseen.registry.lists import list_fields
from reseen.registry.merge import merge
from reseen.registry.rejects import write_rejects
from reseen.registry.store_rows import key_token

_SPELLINGS = tuple(s for spelled in list_fields.SPELLINGS.values() for s in spelled)
_FIELDS = tuple(list_fields.ListField)


@dataclass(frozen=True)
class GivenList:
    data: bytes
    columns: tuple[tuple[str, str], ...] = ()
    """`--map`."""


def read(given: GivenList) -> object:
    """Read a list as an import does, up to the store."""
    path = folder() / f"list-{os.getpid()}"
    path.write_bytes(given.data)
    listed = read_list(path, ImportOptions(columns=dict(given.columns)))
    merged, sums = merge(listed.drafts, [], lambda _, __: _unexpected()), ImportSums()
    sums.take(merged, listed.drafts)
    sums.judge(merged)
    account = imports._account(listed, sums, of_class=0)
    for draft in listed.drafts:
        _can_be_kept(draft.list_name, draft.site)
        KEYRING.open(KEYRING.seal(draft.names, "rm-1"), "rm-1")
        KEYRING.tokens(draft.names)
        for key in (draft.source, draft.otherwise):
            if key is not None:
                key_token(KEYRING, key)
        if draft.size is not None and not 0 < draft.size < 2**63:
            raise Broken("a size that no column holds")
        if MARKER in repr(draft):
            raise Broken("a draft tells what it holds")
    if listed.refusals:
        rejects = write_rejects(folder() / f"rejects-{os.getpid()}.csv", listed.refusals)
        rejects.unlink()
    return account


def _unexpected() -> None:
    raise Broken("nothing is sealed yet")


def _can_be_kept(*plain: str | None) -> None:
    """What is kept in the clear can be written to both kinds of database."""
    for text in plain:
        if text is not None and "\0" in text:
            raise Broken("a NUL, which PostgreSQL does not take")
        if text is not None and not text.isprintable():
            raise Broken("what is kept in the clear cannot be shown")


# -- tables ---------------------------------------------------------------------------------------


def heading(rng: Random) -> str:
    kind = rng.randrange(8)
    if kind == 0:
        return word(rng)
    if kind == 1:
        return cell(rng)
    found = rng.choice(_SPELLINGS)
    return rng.choice(
        (
            found,
            found.title(),
            found.upper(),
            f" {found} ",
            found.replace(" ", "_"),
            f"files.{found}",
        )
    )


def _rows(rng: Random) -> list[list[str]]:
    width = rng.choice((1, 2, 2, 3, 4, 7))
    usual = rng.choice((("name", "sha256", "url"), ("hash",), ("model name", "link"), ()))
    heads = [*usual, *(heading(rng) for _ in range(max(0, width - len(usual))))]
    rows = [heads] if not chance.chance(rng, 5) else []
    makers = [rng.choice((cell, digits, link, word, day, number_text)) for _ in heads]
    for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 6))):
        row = [(make if not chance.chance(rng, 8) else cell)(rng) for make in makers]
        if chance.chance(rng, 12):
            row = row[: rng.randrange(len(row) + 1)] + [cell(rng)] * rng.choice((0, 1, 5))
        rows.append(row)
    if chance.chance(rng, 6):
        rows.insert(
            rng.randrange(len(rows) + 1), rng.choice(([], ["#"], [word(rng)], ["---"] * 3, heads))
        )
    return rows


_CSV_WORDS = (
    b'"',
    b",",
    b"\t",
    b";",
    b"|",
    b"\n",
    b"\r",
    b"\0",
    b'""',
    b'=""',
    b"#",
    b"\xff",
    b"\xef\xbb\xbf",
)


def table(rng: Random) -> GivenList:
    """CSV and TSV, quoted in all manners."""
    out = io.StringIO(newline="")
    mark = rng.choice((",", ",", "\t", ";", "|", ":"))
    ends = rng.choice(("\n", "\r\n", "\r"))
    rows = _rows(rng)
    if chance.chance(rng, 3):
        out.write(ends.join(mark.join(row) for row in rows))
    else:
        quoting = rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONE))
        with suppress(csv.Error):  # an empty row that may not be quoted
            writer = csv.writer(
                out, delimiter=mark, lineterminator=ends, quoting=quoting, escapechar="\\"
            )
            writer.writerows(rows)
    data = encoded(out.getvalue(), rng)
    if chance.chance(rng, 4):
        data = mutated(data, rng, _CSV_WORDS)
    return GivenList(data, _map(rng, rows))


def _map(rng: Random, rows: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    if not chance.chance(rng, 10) or not rows:
        return ()
    names = [*rows[0], "1", "2", "99", "0", "²", word(rng)]
    return tuple((rng.choice(names), rng.choice(_FIELDS).value) for _ in range(rng.choice((1, 2))))


def marked(rng: Random) -> GivenList:
    """Tables as wikis, trackers and SQL write them, and tables that are turned on their side."""
    rows = _rows(rng) or [["name"]]
    kind = rng.randrange(5)
    if kind == 0:
        out = ["||" + "||".join(rows[0]) + "||"]
        out += ["|" + "|".join(_in_jira(each, rng) for each in row) + "|" for row in rows[1:]]
    elif kind == 1:
        out = ["{|", "! " + " !! ".join(rows[0])]
        for row in rows[1:]:
            out += ["|-", rng.choice(("| ", '| style="x" | ')) + " || ".join(row)]
        out.append("|}")
    elif kind == 2:
        values = ["(" + ", ".join(f"'{each}'" for each in row) + ")" for row in rows]
        out = [rng.choice((",", ",\n", ";\n", " ")).join(values)]
    elif kind == 3:
        out = []
        for row in rows[1:]:
            pairs = zip(rows[0], row, strict=False)
            out += [f"{head}{rng.choice((': ', ' = ', chr(9)))}{each}" for head, each in pairs]
            out.append(rng.choice(("", "", "---", word(rng))))
    else:
        width = max(map(len, rows))
        turned = [[row[at] if at < len(row) else "" for row in rows] for at in range(width)]
        out = [",".join(row) for row in turned]
    data = encoded(rng.choice(("\n", "\r\n")).join(out), rng)
    return GivenList(mutated(data, rng, _MARKS) if chance.chance(rng, 4) else data, _map(rng, rows))


def _in_jira(text: str, rng: Random) -> str:
    return rng.choice((text, text, f"[{word(rng)}|{text}]", f"{{{{{text}}}}}", f"*{text}*"))


_MARKS = (
    *_CSV_WORDS,
    b"||",
    b"{|",
    b"|}",
    b"|-",
    b"!!",
    b"('",
    b"''",
    b"\\'",
    b"{{",
    b"[",
    b"]",
    b":",
)

# -- lines ----------------------------------------------------------------------------------------

_LINES: tuple[Callable[[Random], str], ...] = (
    digits,
    link,
    lambda rng: f"{digits(rng)}  {word(rng)}",
    lambda rng: f"{digits(rng)} *{word(rng)}",
    lambda rng: f"\\{digits(rng)}  {word(rng)}\\n\\\\",
    lambda rng: f"{rng.choice(('SHA256', 'MD5', 'BLAKE3', 'x'))} ({word(rng)}) = {digits(rng)}",
    lambda rng: f"SHA256          {digits(rng, 64).upper()}       C:\\{word(rng)}",
    lambda rng: f"Algorithm : {word(rng)}",
    lambda rng: f"Hash : {digits(rng)}",
    lambda rng: f"Path : {word(rng)}",
    lambda rng: f"oid sha256:{digits(rng)}",
    lambda rng: f"size {number_text(rng)}",
    lambda rng: f"version https://git-lfs.github.com/spec/{word(rng)}",
    lambda rng: f"{digits(rng)} {rng.choice('*-')} {word(rng)} ({number_text(rng)} MB)",
    lambda rng: f"100644 blob {digits(rng, 40)}\t{word(rng)}",
    lambda rng: f"100644 {digits(rng, 40)} 0\t{word(rng)}",
    lambda rng: f"{word(rng)} [{digits(rng)}] {link(rng)} {word(rng)}",
    lambda rng: rng.choice(
        ("", "", "#", "-----", "Algorithm Hash Path", "; x", "// x", "% x", "=====")
    ),
    lambda rng: f"commit {digits(rng, 40)}",
    cell,
)


def lines(rng: Random) -> GivenList:
    """One hash or link a line, what checksum tools print, and what git lists."""
    usual = rng.choice(_LINES)
    found = [
        (usual if not chance.chance(rng, 3) else rng.choice(_LINES))(rng)
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 7)))
    ]
    data = encoded(rng.choice(("\n", "\r\n", "\r", "\n\n")).join(found), rng)
    return GivenList(mutated(data, rng, _CSV_WORDS) if chance.chance(rng, 4) else data)


# -- JSON -----------------------------------------------------------------------------------------

_KEYS = (
    *(
        "sha256",
        "SHA256",
        "name",
        "url",
        "link",
        "hash",
        "hashes",
        "files",
        "items",
        "data",
        "models",
    ),
    *("modelVersions", "version", "modelId", "modelVersionId", "trainedWords", "model", "siblings"),
    *("lfs", "oid", "path", "type", "size", "sizeKB", "rfilename", "xetHash", "Hashes", "ModelId"),
    *("metadata", "images", "columns", "rows", "error", "next", "id", "downloadUrl", "deletedAt"),
    *(
        "hashes-addnet",
        "mtime",
        "algorithm",
        "value",
        "AutoV2",
        "AutoV3",
        "BLAKE3",
        "CRC32",
        "reason",
    ),
    *("list", "class", "site", "removed on", "0", "1", "model_version_id", "model_id", "filename"),
)


def _key(rng: Random) -> str:
    kind = rng.randrange(10)
    if kind == 0:
        return word(rng)
    if kind == 1:
        return digits(rng)
    return rng.choice(_KEYS)


def _entry(rng: Random, depth: int = 0) -> object:
    kind = rng.randrange(10)
    if kind == 0:
        return json_value(rng)
    if kind == 1:
        found = typed_cell(rng)
        return str(found) if isinstance(found, date) else found
    if kind == 2 or depth > 4:
        return cell(rng)
    if kind == 3:
        return [_entry(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {_key(rng): _entry(rng, depth + 1) for _ in range(rng.randrange(1, 6))}


def _civitai(rng: Random) -> object:
    def said(usual: object) -> object:
        return _entry(rng, 3) if chance.chance(rng, 6) else usual

    file = {
        "name": said(word(rng)), "sizeKB": said(rng.choice((217.9, 1, 1.5))), "type": said("Model"),
        "hashes": said({"SHA256": digits(rng), "AutoV2": digits(rng, 10), "CRC32": digits(rng, 8)}),
    }  # fmt: skip
    version = {
        "id": said(7),
        "modelId": said(8),
        "trainedWords": said([word(rng)]),
        "files": said([file]),
    }
    model = {"id": said(8), "name": said(word(rng)), "modelVersions": said([version])}
    tree = {
        "type": "file",
        "oid": digits(rng, 40),
        "path": said(f"{word(rng)}.safetensors"),
        "size": said(9),
    }
    tree["lfs"] = said({"oid": digits(rng, 64), "size": 9})
    hub = {
        "id": said("a/b"),
        "siblings": said([{"rfilename": "a.pt", "lfs": {"sha256": digits(rng, 64)}}]),
    }
    by_hash = {"modelId": said(1), "modelVersionId": said(2), "hash": said(digits(rng))}
    matrix = {
        "ModelId": said(1),
        "Hashes": said({"SHA256": digits(rng)}),
        "ModelName": said(word(rng)),
    }
    cache = {
        "hashes": {f"lora/{word(rng)}": {"mtime": 1, "sha256": said(digits(rng, 64))}},
        "hashes-addnet": said({}),
    }
    found: object = rng.choice(
        (model, version, tree, hub, by_hash, matrix, cache, {"data": model}, {"items": [model]})
    )
    return [found, tree] if chance.chance(rng, 4) else found


def document(rng: Random) -> GivenList:
    """JSON and JSON Lines: entries however nested, sites' own answers, objects keyed by hashes."""
    kind = rng.randrange(6)
    if kind == 0:
        text = json_text(_civitai(rng), rng)
    elif kind == 1:
        entries = [_entry(rng) for _ in range(rng.randrange(1, 5))]
        text = rng.choice(("\n", "\r\n")).join(json_text(entry, rng) for entry in entries)
    elif kind == 2:
        text = json_text({_key(rng): _entry(rng) for _ in range(rng.randrange(1, 5))}, rng)
    elif kind == 3:
        text = json_text({digits(rng, 64): _entry(rng, 3) for _ in range(rng.randrange(1, 4))}, rng)
    else:
        keys = [_key(rng) for _ in range(rng.randrange(1, 5))]
        some = [{key: _entry(rng, 4) for key in keys} for _ in range(rng.randrange(1, 5))]
        text = json_text(some, rng)
    data = encoded(text, rng)
    if chance.chance(rng, 5):
        data = mutated(
            data,
            rng,
            (b'"', b"{", b"}", b"[", b"]", b":", b",", b"\\u", b"\\ud800", b"null", b"\0"),
        )
    return GivenList(data)


def outline(rng: Random) -> GivenList:
    """YAML and TOML: entries of a list, keyed by names, in several documents, and broken ones."""
    keys = [_key(rng) for _ in range(rng.randrange(1, 5))]
    some = [{key: _entry(rng, 4) for key in keys} for _ in range(rng.randrange(1, 5))]
    if chance.chance(rng, 2):
        text = "\n".join(
            line
            for entry in some
            for line in ("[[removed]]", *(f"{_toml_key(k)} = {_toml(v)}" for k, v in entry.items()))
        )
    else:
        found = rng.choice((some, {"removed": some}, {_key(rng): each for each in some}))
        text = _yaml(found, rng)
        if chance.chance(rng, 6):
            text = f"---\n{text}\n---\n{text}"
    data = encoded(text, rng)
    if chance.chance(rng, 4):
        marks = (
            b"- ",
            b": ",
            b"\n  ",
            b"[",
            b"]",
            b"{",
            b"}",
            b"&a ",
            b"*a",
            b"<<",
            b"!!int ",
            b"|",
        )
        data = mutated(data, rng, (*marks, b'"', b"'", b"#", b" = ", b".", b"[[a]]\n", b"\0"))
    return GivenList(data)


def _toml_key(key: str) -> str:
    return json.dumps(key)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{_toml_key(str(k))} = {_toml(v)}" for k, v in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value if isinstance(value, int | float) else str(value))


def _yaml(value: object, rng: Random, depth: int = 0) -> str:
    pad = "  " * depth
    if isinstance(value, dict) and value:
        return "\n".join(
            f"{pad}{_scalar(k, rng)}:{_below(v, rng, depth)}" for k, v in value.items()
        )
    if isinstance(value, list) and value:
        return "\n".join(f"{pad}-{_below(v, rng, depth)}" for v in value)
    return f"{pad}{_scalar(value, rng)}"


def _below(value: object, rng: Random, depth: int) -> str:
    if isinstance(value, dict | list) and value:
        made = _yaml(value, rng, depth + 1)
        return f" {made.lstrip()}" if chance.chance(rng, 2) else f"\n{made}"
    return f" {_scalar(value, rng)}"


def _scalar(value: object, rng: Random) -> str:
    return json.dumps(value, default=str) if chance.chance(rng, 2) else str(value)


READERS = (
    FuzzedReader("list-outline", outline, read),
    FuzzedReader("list-table", table, read),
    FuzzedReader("list-marked", marked, read),
    FuzzedReader("list-lines", lines, read),
    FuzzedReader("list-document", document, read),
)
