"""The law of the house: a room imports only rooms to its left, and some imports are nobody's."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import Table

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "reseen"
BESIDE = ("benchmarks", "demo", "replica")
"""What stands beside the product and is written by the same rules."""

GROUND = {"records", "errors", "settings"}
MAY_IMPORT: dict[str, set[str]] = {
    "records": set(),
    "errors": set(),
    "settings": {"errors"},
    "texts": set(),
    "files": {"records", "errors"},
    "updates": {"errors", "files"},
    "fingerprints": {"records", "errors", "files", "updates"},
    "store": GROUND,
    "observed": {"records", "errors", "fingerprints", "store"},
    "registry": {"records", "errors", "fingerprints", "store", "observed"},
    "match": {"records", "errors", "updates", "fingerprints", "store", "observed"},
    "hubs": GROUND | {"files"},
    "scan": {"records", "errors", "files", "updates", "fingerprints", "store", "observed"}
    | {"registry", "match", "hubs"},
    "gate": GROUND | {"files", "fingerprints", "store", "observed", "registry", "match"},
    "report": {"records", "errors", "texts", "store", "observed", "registry"},
    "review": GROUND | {"texts", "store", "observed", "registry", "match", "hubs"},
    "client": GROUND,
    "operations": GROUND
    | {
        "files",
        "store",
        "observed",
        "registry",
        "match",
        "hubs",
        "scan",
        "gate",
        "report",
        "review",
    },
    "web": GROUND
    | {"store", "observed", "registry", "match", "hubs", "scan", "gate", "report", "review"}
    | {"operations", "texts"},
    "api": GROUND | {"fingerprints", "store", "observed", "registry", "match", "operations"},
    "cli": GROUND
    | {"files", "updates", "fingerprints", "store", "observed", "registry", "match", "hubs", "scan"}
    | {"gate", "report", "review", "operations", "web", "texts"},
    "__init__": {"api"},
    "__main__": {"cli"},
}
"""The design's picture, room by room."""

NOBODYS = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "torch"}
"""Never imported by the product: they execute, or weigh too much."""

NUMBERS = {"files", "updates", "fingerprints", "match", "gate", "api"}
"""Rooms that may import numpy: those that read tensors."""


@cache
def tree_of(path: Path) -> ast.Module:
    """A file of ours, taken apart once for all tests here."""
    return ast.parse(path.read_text())


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """All that a file of ours is made of, walked through once for all tests here."""
    return tuple(ast.walk(tree_of(path)))


@cache
def _modules() -> tuple[Path, ...]:
    return tuple(sorted(SOURCE.rglob("*.py")))


def _modules_of(room: str) -> list[Path]:
    return [path for path in _modules() if _room(path) == room]


def _in_source(path: Path) -> str:
    return str(path.relative_to(SOURCE))


each_room = pytest.mark.parametrize("room", sorted(MAY_IMPORT))


def _name(path: Path) -> str:
    name = ".".join(["reseen", *path.relative_to(SOURCE).with_suffix("").parts])
    return name.removesuffix(".__init__")


def _room(path: Path) -> str:
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    package = ["reseen", *path.relative_to(SOURCE).parts[:-1]]
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found.add(module)
            found.update(f"{module}.{alias.name}" for alias in node.names if module == "reseen")
    return found


def test_every_room_is_one_of_the_design() -> None:
    assert {_room(path) for path in _modules()} == MAY_IMPORT.keys()


@each_room
def test_a_room_imports_only_rooms_to_its_left(room: str) -> None:
    for path in _modules_of(room):
        for name in _imports(path):
            parts = name.split(".")
            if parts[0] == "reseen" and len(parts) > 1 and parts[1] != room:
                assert parts[1] in MAY_IMPORT[room], f"{_in_source(path)} may not import {name}"
            assert parts[0] not in NOBODYS, f"{_in_source(path)}: {name} is imported by nobody"
            if parts[0] in ("numpy", "ml_dtypes"):
                assert room in NUMBERS, f"{_in_source(path)} may not import numpy"


def test_no_import_is_allowed_that_nobody_uses() -> None:
    """The list above is the picture as it is, not as it might have been."""
    used: dict[str, set[str]] = {room: set() for room in MAY_IMPORT}
    for path in _modules():
        for name in _imports(path):
            parts = name.split(".")
            if parts[0] == "reseen" and len(parts) > 1 and parts[1] != _room(path):
                used[_room(path)].add(parts[1])
    unused = {room: sorted(may - used[room]) for room, may in MAY_IMPORT.items()}
    assert not {room: names for room, names in unused.items() if names}


def _modules_by_name() -> dict[str, Path]:
    """Those of the product, and of what stands beside it."""
    beside = (path for folder in BESIDE for path in sorted((ROOT / folder).rglob("*.py")))
    named = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in beside}
    return {_name(path): path for path in _modules()} | {
        name.removesuffix(".__init__"): path for name, path in named.items()
    }


def test_no_import_circles_between_modules() -> None:
    """Imports inside functions count too: those only choose when to pay for a module."""
    names = _modules_by_name()
    graph: dict[str, set[str]] = {}
    for name, path in names.items():
        found = set()
        for node in nodes_of(path):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    found.add(inner if inner in names else node.module)
        graph[name] = {to for to in found if to in names}

    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path, name])
        if name in done:
            return
        for to in sorted(graph[name] - {name}):
            visit(to, (*path, name))
        done.add(name)

    for name in sorted(graph):
        visit(name, ())


def test_no_class_name_is_given_twice() -> None:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in _modules():
        for node in nodes_of(path):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(f"{path.relative_to(SOURCE)}:{node.lineno}")
    assert not {name: places for name, places in found.items() if len(places) > 1}


MOST_LINES = 300
"""Of a file in `hubs`: a hub is one idea, and what is not of it stands beside it."""


def test_a_hub_is_a_short_file() -> None:
    for path in _modules_of("hubs"):
        assert len(path.read_text().splitlines()) <= MOST_LINES, _in_source(path)


MOST_PARAMETERS = 7


def test_no_test_file_has_the_name_of_another() -> None:
    """Two of them cannot be run together."""
    names = Counter(path.name for path in Path(__file__).parent.rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


def test_no_parameter_list_is_over_seven() -> None:
    long: dict[str, int] = {}
    for path in _modules():
        for node in nodes_of(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                a = node.args
                given = [*a.posonlyargs, *a.args, *a.kwonlyargs]
                count = len([one for one in given if one.arg not in ("self", "cls")])
                if count > MOST_PARAMETERS:
                    long[f"{path.relative_to(SOURCE)} {node.name}"] = count
    assert long == {}


SAYS_NOTHING = {"besides", "told", "came", "some", "whole"}


def test_no_parameter_has_a_name_that_says_nothing() -> None:
    for path in _modules():
        for node in nodes_of(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                a = node.args
                names = {one.arg for one in [*a.posonlyargs, *a.args, *a.kwonlyargs]}
                assert not names & SAYS_NOTHING, f"{path.relative_to(SOURCE)}:{node.lineno}"


def test_importing_the_cli_stays_light() -> None:
    code = (
        "import sys, reseen.cli; heavy = {'numpy','ml_dtypes','sqlalchemy','alembic','httpx2',"
        "'cryptography','jinja2','fastapi','uvicorn','argon2','pydantic','rich','blake3',"
        "'xlsxwriter','asyncio'} & set(sys.modules); "
        "print(' '.join(sorted(heavy))); sys.exit(bool(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"importing reseen.cli imports {done.stdout}{done.stderr}"


FACES = {"cli", "web", "api"}
each_face = pytest.mark.parametrize("room", sorted(FACES))


@cache
def _uses(path: Path) -> set[tuple[str, str]]:
    """(module, name) of everything that a file imports from a module of ours, or takes of one."""
    found: set[tuple[str, str]] = set()
    modules: dict[str, str] = {}
    for node in nodes_of(path):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reseen"):
            for alias in node.names:
                found.add((node.module or "", alias.name))
                modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                modules[alias.asname or alias.name] = alias.name
    for node in nodes_of(path):
        if isinstance(node, ast.Attribute):
            parts = ast.unparse(node.value)
            found.add((modules.get(parts, parts), node.attr))
    return found


BY_OBJECTS = {
    "reseen.scan.walk": {"scan", "walk"},
    "reseen.scan.recheck": {"recheck", "revisit"},
    "reseen.scan.watch": {"watch", "watching"},
}
"""What writes by way of objects that are handed on, which `_writers` does not follow."""
FOR_FACES = {
    "reseen.review.sessions.find",  # a session's own row: when it was last used
    "reseen.store.sealing.Keyring.for_store",  # the key's own mark, in a store that has none
}


@cache
def _writers() -> frozenset[str]:
    """Every function behind the faces, `module.name` or `module.Class.name`, that begins a
    transaction that writes, writes a table or a line of the log, or calls one that does."""
    found: set[str] = set()
    calls: dict[str, set[str]] = {}
    for path in _modules():
        if _room(path) in FACES:
            continue
        module, tree = _name(path), tree_of(path)
        lines = [call.lineno for call, _ in _writes(path)]
        imported = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in nodes_of(path)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reseen")
            for alias in node.names
        }
        for name, function in _functions(tree):
            mine = calls[f"{module}.{name}"] = set()
            for node in ast.walk(function):
                if isinstance(node, ast.Call):
                    first, *rest = ast.unparse(node.func).split(".")
                    known = imported.get(first, f"{module}.{first}")
                    mine.add(".".join((known, *rest)))
            begins = any(each.endswith("store.write") for each in mine)
            if begins or any(function.lineno <= n <= (function.end_lineno or 0) for n in lines):
                found.add(f"{module}.{name}")
    found |= {f"{module}.{name}" for module, names in BY_OBJECTS.items() for name in names}
    found.add("reseen.store.audit.write")
    while more := {name for name, mine in calls.items() if name not in found and mine & found}:
        found |= more
    return frozenset(found)


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.{each.name}", each


def _changes_beside_operations(path: Path) -> set[str]:
    used = {f"{module}.{name}" for module, name in _uses(path)}
    changing = (used & _writers()) - FOR_FACES
    return {name for name in changing if not name.startswith("reseen.operations.")}


@each_face
def test_a_face_changes_things_by_operations_only(room: str) -> None:
    for path in _modules_of(room):
        beside = _changes_beside_operations(path)
        assert not beside, f"{_in_source(path)}: call reseen.operations"


@each_face
def test_a_face_begins_no_transaction_that_writes(room: str) -> None:
    """Whatever it would write there, no function of `operations` would be the act."""
    for path in _modules_of(room):
        for node in nodes_of(path):
            if isinstance(node, ast.Call):
                where = f"{_in_source(path)}, line {node.lineno}"
                writes = ast.unparse(node.func).endswith("store.write")
                assert not writes, f"{where}: call reseen.operations"


def test_every_session_begins_in_one_place() -> None:
    """With its line in the audit log, and with what the browser is given."""
    begins = [path for path in _modules() if ("reseen.review.sessions", "begin") in _uses(path)]
    assert [str(path.relative_to(SOURCE)) for path in begins] == ["operations/sign_in.py"]


def test_what_writes_is_found() -> None:
    """By its own statement, by what it calls, and by way of objects; and what only reads is not."""
    for name in (
        "reseen.registry.imports.import_list",
        "reseen.registry.removals.withdraw",
        "reseen.registry.learning.learn",
        "reseen.match.judge.judge_removals",
        "reseen.scan.folder.scan_folder",
        "reseen.review.decide.decide",
        "reseen.review.campaigns.keep",
        "reseen.review.sessions.begin",
        "reseen.gate.policy.set",
        "reseen.operations.scans.scan_hub",
    ):
        assert name in _writers(), name
    for name in ("reseen.registry.lookup.find", "reseen.observed.sightings.every"):
        assert name not in _writers(), name
    for module, names in BY_OBJECTS.items():
        assert not {name for name in names if not hasattr(importlib.import_module(module), name)}
    assert _writers() >= FOR_FACES


def test_a_face_that_calls_what_writes_is_told(tmp_path: Path) -> None:
    for number, code in enumerate(
        (
            "from reseen.review import comments; comments.comment(1)",
            "from reseen.review.comments import comment; comment(1)",
            "from reseen.review import campaigns as them; them.keep(1)",
        )
    ):
        path = tmp_path / f"{number}.py"
        path.write_text(code)
        assert _changes_beside_operations(path), code


TABLES: dict[str, tuple[str, set[str]]] = {
    "api_keys": ("gate", set()),
    "assignments": ("review", set()),
    "artifacts": ("observed", {"match", "registry", "review", "scan"}),
    "audit": ("store", {"review"}),
    "bases": ("registry", set()),
    "blind_spots": ("observed", set()),
    "campaign_accounts": ("review", set()),
    "campaign_events": ("review", set()),
    "campaigns": ("review", set()),
    "case_sightings": ("review", set()),
    "cases": ("review", set()),
    "changes": ("store", {"match", "scan"}),
    "claim_moves": ("registry", set()),
    "claims": ("registry", {"match", "review", "scan"}),
    "comments": ("review", set()),
    "decided": ("review", set()),
    "commit_habits": ("observed", set()),
    "decisions": ("review", set()),
    "digests": ("registry", {"match"}),
    "dismissals": ("review", set()),
    "embedded_digests": ("observed", set()),
    "evidence": ("observed", {"match", "scan"}),
    "factor_roles": ("review", set()),
    "fact_events": ("registry", set()),
    "frontier": ("scan", set()),
    "hints": ("observed", set()),
    "innocent_digests": ("registry", {"match"}),
    "innocent_events": ("registry", {"match"}),
    "innocent_near": ("registry", {"match"}),
    "innocent_sketches": ("registry", {"match"}),
    "innocents": ("registry", set()),
    "invitations": ("review", set()),
    "jobs": ("operations", set()),
    "learned_from": ("registry", {"match"}),
    "listings": ("scan", set()),
    "lists": ("registry", {"match"}),
    "looks": ("review", set()),
    "meta": ("store", {"scan"}),
    "near": ("observed", {"scan"}),
    "notice_items": ("review", set()),
    "notice_steps": ("review", set()),
    "notice_letters": ("review", set()),
    "notices": ("review", set()),
    "policies": ("gate", set()),
    "problems": ("scan", {"report"}),
    "quota_slices": ("scan", set()),
    "quotas": ("scan", set()),
    "read_digests": ("observed", {"match", "registry", "review"}),
    "read_entries": ("observed", {"match", "scan"}),
    "read_sketches": ("observed", {"match", "registry", "review"}),
    "readings": ("observed", {"match", "registry", "review", "scan"}),
    "recovery_codes": ("review", set()),
    "removals": ("registry", {"match", "observed", "report", "review", "scan"}),
    "repositories": ("observed", {"review", "scan"}),
    "saved_filters": ("review", set()),
    "scans": ("scan", {"report"}),
    "sealed_index": ("registry", {"match"}),
    "second_factors": ("review", set()),
    "sessions": ("review", set()),
    "sign_in_steps": ("review", set()),
    "sign_in_tries": ("review", set()),
    "sightings": ("observed", {"match", "review", "scan"}),
    "sketch_entries": ("observed", set()),
    "sketches": ("observed", {"match", "review"}),
    "stated_digests": ("observed", {"match", "registry"}),
    "users": ("review", {"operations"}),
    "walks": ("observed", {"scan"}),
    "watermarks": ("scan", set()),
    "withdrawals": ("registry", {"review"}),
}
"""Each table of the store: the room that owns it, and those that read it or join it. Nobody else
names it. The room `store` has the definitions and moves rows when a schema changes."""
_WRITING = {
    *("insert", "update", "delete", "insert_many", "insert_packed", "insert_for", "update_many"),
    *("upsert", "reserve", "Appended"),
}
OF_ONE_CONNECTION = {("registry/reseal.py", "beside")}
"""Temporary tables, which are nobody's."""


def _tables(path: Path) -> set[str]:
    schemas = tuple(
        f"reseen.store.{n}schema"
        for n in ("", "service_", "innocent_", "sign_in_", "campaign_", "queue_", "quota_")
    )
    return {name for module, name in _uses(path) if module in schemas and name in TABLES}


def _names(node: ast.AST) -> set[str]:
    """The words of a dotted name, and of a subquery or alias made of one."""
    if isinstance(node, ast.Name | ast.Attribute):
        return set(ast.unparse(node).split("."))
    if isinstance(node, ast.Call):
        return _names(node.func)
    if isinstance(node, ast.Starred):
        return _names(node.value)
    if isinstance(node, ast.Tuple | ast.List):
        return {name for each in node.elts for name in _names(each)}
    return set()


def _other_names(path: Path) -> dict[str, set[str]]:
    """What short names stand for in a file: `c = schema.claims`, `for table in (a, b)`, in pairs
    too. Of one that stands for several things, all."""
    found: defaultdict[str, set[str]] = defaultdict(set)

    def stands(target: ast.AST, value: ast.AST) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, its in zip(target.elts, value.elts, strict=False):
                stands(one, its)
        elif isinstance(target, ast.Name):
            found[target.id] |= _names(value)

    for node in nodes_of(path):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                stands(target, node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            stands(node.target, node.value)
        elif isinstance(node, ast.For | ast.comprehension):
            stands(node.target, node.iter)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.asname:
                    found[alias.asname] |= {alias.name}
    return found


@cache
def _writes(path: Path) -> list[tuple[ast.Call, set[str]]]:
    """Each call that writes, with the tables it is handed."""
    others, tables = _other_names(path), _tables(path)
    from_store = {
        alias.asname or alias.name
        for node in nodes_of(path)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith(("sqlalchemy", "reseen.store"))
        for alias in node.names
    }
    found: list[tuple[ast.Call, set[str]]] = []
    for node in nodes_of(path):
        if not (isinstance(node, ast.Call) and _names(node.func) & _WRITING):
            continue
        if ast.unparse(node.func).endswith("insert_for"):
            continue  # the insert of this database: what it is called with next is the table
        words = {name for part in (*node.args, node.func) for name in _names(part)}
        words |= {name for word in words for name in others.get(word, ())}
        if words & tables or ast.unparse(node.func).split(".")[0] in from_store:
            found.append((node, words & tables))
    return found


def _written(path: Path) -> set[str]:
    """Tables that a file hands to what writes."""
    return {table for _, tables in _writes(path) for table in tables}


COVERED = {
    *("decisions", "decided", "withdrawals", "fact_events", "comments", "notice_steps"),
    "notice_letters",
    *("claim_moves", "innocents", "innocent_digests", "innocent_sketches", "innocent_events"),
    "campaign_events",
}
"""Tables whose every row a line of the audit log covers."""


@each_room
def test_what_the_log_covers_is_appended_with_its_line(room: str) -> None:
    """Those tables are handed to nothing that writes but `audit.Appended`, with which the line is
    written that proves the row."""
    for path in _modules_of(room):
        for call, tables in _writes(path):
            if _names(call.func) & (_WRITING - {"Appended", "reserve"}):
                assert not tables & COVERED, f"{_in_source(path)}: {ast.unparse(call)}"


def test_the_log_knows_the_tables_that_it_covers() -> None:
    from reseen.store import audit_rows, schema

    assert set(audit_rows.COLUMNS) == COVERED
    for name, columns in audit_rows.COLUMNS.items():
        table = schema.metadata.tables[name]
        assert [column.name for column in table.columns] == list(columns)
        assert table.info.get("append_only")


def test_every_table_has_an_owner() -> None:
    from reseen.store import (
        campaign_schema,
        innocent_schema,
        queue_schema,
        quota_schema,
        schema,
        service_schema,
        sign_in_schema,
    )

    modules = (
        *(schema, service_schema, innocent_schema, sign_in_schema, campaign_schema),
        *(queue_schema, quota_schema),
    )
    there = {name for m in modules for name, v in vars(m).items() if type(v) is Table}
    assert there == set(TABLES)


def test_a_room_names_its_own_tables_and_those_that_it_may_read() -> None:
    named: dict[str, set[str]] = {table: set() for table in TABLES}
    for path in _modules():
        for table in _tables(path):
            named[table].add(_room(path))
    for table, (owner, readers) in TABLES.items():
        assert named[table] - {owner} == readers, f"{table} belongs to {owner}"


@each_room
def test_a_table_is_written_by_its_owner(room: str) -> None:
    for path in _modules_of(room):
        for table in _written(path):
            owner = TABLES[table][0]
            assert room == owner, f"{_in_source(path)}: {table} is written by {owner} alone"


@pytest.mark.parametrize("room", sorted(MAY_IMPORT.keys() - {"store"}))
def test_what_is_written_can_be_told(room: str) -> None:
    """A table that comes from elsewhere, as a parameter, would be nobody's."""
    for path in _modules_of(room):
        for call, tables in _writes(path):
            given = {name for part in call.args for name in _names(part)}
            beside = {name for file, name in OF_ONE_CONNECTION if path == SOURCE / file}
            where = f"{_in_source(path)}, line {call.lineno}"
            assert tables or given & beside, f"{where}: which table is it?"


def test_writing_is_told_whatever_a_table_is_called(tmp_path: Path) -> None:
    for number, code in enumerate(
        (
            "schema.claims.insert()",
            "insert(schema.claims)",
            "c, r = schema.claims, schema.removals; update(c).where(r.c.pk == 1)",
            "for t in (schema.claims,): delete(t)",
            "t: Table = schema.claims; update_many(connection, t, 'pk', (), ())",
            "insert_for(connection)(schema.claims)",
        )
    ):
        path = tmp_path / f"{number}.py"
        path.write_text(f"from sqlalchemy import *\nfrom reseen.store import schema\n{code}\n")
        assert _written(path) == {"claims"}, code
