"""The law of the house: a room imports only rooms to its left, and some imports are nobody's."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "reseen"

GROUND = {"records", "errors", "settings"}
MAY_IMPORT: dict[str, set[str]] = {
    "records": set(),
    "errors": set(),
    "settings": {"errors"},
    "files": GROUND,
    "updates": GROUND | {"files"},
    "fingerprints": GROUND | {"files", "updates"},
    "store": GROUND,
    "observed": GROUND | {"fingerprints", "store"},
    "registry": GROUND | {"fingerprints", "store", "observed"},
    "match": GROUND | {"updates", "fingerprints", "store", "observed", "registry"},
    "hubs": GROUND | {"files"},
    "scan": GROUND
    | {"files", "updates", "fingerprints", "store", "observed", "registry", "match", "hubs"},
    "gate": GROUND | {"files", "fingerprints", "store", "observed", "registry", "match"},
    "report": GROUND | {"store", "observed", "registry"},
    "review": GROUND | {"store", "observed", "registry", "match", "hubs", "scan", "report"},
    "client": GROUND,
    "operations": GROUND
    | {"files", "fingerprints", "store", "observed", "registry", "match", "hubs", "scan"}
    | {"gate", "report", "review"},
    "web": GROUND
    | {"store", "observed", "registry", "match", "hubs", "scan", "gate", "report", "review"}
    | {"operations"},
    "api": GROUND | {"fingerprints", "store", "observed", "registry", "match", "operations"},
    "cli": GROUND
    | {"files", "updates", "fingerprints", "store", "observed", "registry", "match", "hubs", "scan"}
    | {"gate", "report", "review", "operations", "web", "client", "api"},
    "__init__": {"api"},
    "__main__": {"cli"},
}
"""The design's picture, room by room."""

NOBODYS = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "torch"}
"""Never imported by the product: they execute, or weigh too much."""

NUMBERS = {"files", "updates", "fingerprints", "match", "gate", "api"}
"""Rooms that may import numpy: those that read tensors."""


def _modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def _room(path: Path) -> str:
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    package = ["reseen", *path.relative_to(SOURCE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found.add(module)
            found.update(f"{module}.{alias.name}" for alias in node.names if module == "reseen")
    return found


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_room_imports_only_rooms_to_its_left(path: Path) -> None:
    room = _room(path)
    assert room in MAY_IMPORT, f"{room} is not a room of the design"
    for name in _imports(path):
        parts = name.split(".")
        if parts[0] == "reseen" and len(parts) > 1 and parts[1] != room:
            assert parts[1] in MAY_IMPORT[room], f"{room} may not import {name}"
        assert parts[0] not in NOBODYS, f"{name} is imported by nobody"
        if parts[0] in ("numpy", "ml_dtypes"):
            assert room in NUMBERS, f"{room} may not import numpy"


def test_no_import_circles_between_modules() -> None:
    """At module level; an import inside a function is a choice of when to pay for it."""
    graph: dict[str, set[str]] = {}
    for path in _modules():
        name = ".".join(["reseen", *path.relative_to(SOURCE).with_suffix("").parts])
        name = name.removesuffix(".__init__")
        tree = ast.parse(path.read_text())
        graph[name] = set()
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reseen"):
                assert node.module
                graph[name].add(node.module)
                graph[name].update(f"{node.module}.{alias.name}" for alias in node.names)
    graph = {name: {to for to in tos if to in graph} for name, tos in graph.items()}

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


def test_importing_the_cli_stays_light() -> None:
    code = (
        "import sys, reseen.cli; heavy = {'numpy','ml_dtypes','sqlalchemy','alembic','httpx2',"
        "'cryptography','jinja2','fastapi','uvicorn','argon2','pydantic','rich','blake3',"
        "'xlsxwriter','asyncio'} & set(sys.modules); "
        "print(' '.join(sorted(heavy))); sys.exit(bool(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"importing reseen.cli imports {done.stdout}{done.stderr}"


CHANGES: dict[str, set[str]] = {
    "reseen.registry.imports": {"import_list"},
    "reseen.registry.adds": {"add_files"},
    "reseen.registry.removals": {"insert", "withdraw", "restore", "reveal"},
    "reseen.registry.claims": {
        *("refresh", "withdraw_removal", "withdraw_list", "take_back", "settle_contradiction"),
    },
    "reseen.registry.learning": {"learn"},
    "reseen.match.judge": {"judge_removals", "judge_artifacts"},
    "reseen.scan.lookback": {"record_past"},
    "reseen.scan.walk": {"scan", "walk"},
    "reseen.scan.folder": {"scan_folder"},
    "reseen.scan.recheck": {"recheck", "revisit"},
    "reseen.scan.watch": {"watch", "watching"},
    "reseen.observed.sightings": {"settle", "answered"},
    "reseen.review.cases": {"put", "put_all", "refresh", "settle"},
    "reseen.review.notice_updates": {"settle"},
    "reseen.review.claims": {"claim", "claim_next", "take_over", "release", "free"},
    "reseen.review.comments": {"comment"},
    "reseen.review.decide": {"decide", "undo"},
    "reseen.review.sample_views": {"look"},
    "reseen.review.mail": {"send"},
    "reseen.review.notice_write": {
        *("draft", "step", "undo", "set_clause", "take_away", "append", "drop_undone"),
    },
    "reseen.review.remembered": {"remember", "apply"},
    "reseen.review.reveal": {"reveal"},
    "reseen.review.batch_decisions": {"decide_together", "undo_together"},
    "reseen.gate.keys": {"make", "revoke"},
    "reseen.gate.policy": {"set"},
}
"""What changes things in the rooms between the store and the faces: only `operations` calls these
for a face."""
FACES = {"cli", "web", "api"}


def _uses(path: Path) -> set[tuple[str, str]]:
    """(module, name) of everything that a file imports from a module of ours, or takes of one."""
    tree = ast.parse(path.read_text())
    found: set[tuple[str, str]] = set()
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reseen"):
            for alias in node.names:
                found.add((node.module or "", alias.name))
                modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                modules[alias.asname or alias.name] = alias.name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            parts = ast.unparse(node.value)
            found.add((modules.get(parts, parts), node.attr))
    return found


@pytest.mark.parametrize(
    "path", [p for p in _modules() if _room(p) in FACES], ids=lambda p: str(p.relative_to(SOURCE))
)
def test_a_face_changes_things_by_operations_only(path: Path) -> None:
    for module, name in _uses(path):
        assert name not in CHANGES.get(module, ()), f"{module}.{name}: call reseen.operations"


def test_what_something_follows_from_is_there() -> None:
    """A name of the list above that is gone would guard nothing."""
    for module, names in CHANGES.items():
        code = importlib.import_module(module)
        assert not {name for name in names if not hasattr(code, name)}, module
