"""Every place that reads a file's bytes asks whether it may: found by reading our own source.

A place reads where it calls one of `READS`: a range or all bytes of a file at a hub, the one pass
over a local file or an upload, a header, a sketch. The function that does so calls the guard
(`registry.never_read`), or stands in `THROUGH` with the guarded function through which alone it is
reached, or in `NO_REGISTRY` with the reason. A new reader is in neither, and fails.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "reseen"
ROOMS_BELOW = {"hubs", "files", "updates", "fingerprints"}
"""They do what they are told, and know no registry: who calls them is looked at."""

READS = {
    *("drive", "look_inside", "read_listing", "read_sketch", "read_rows"),
    *("read_files", "fingerprint", "digests_alone", "fingerprint_of", "read_upload"),
    *("listing_of", "sketch_of", "plan_of", "embedding_of"),
    *("weights_of", "read_base", "read_chosen", "read_against"),
    *("Fingerprinter", "WholeFile", "LocalFile", "Sketcher"),
    *("read_stream", "with_members", "with_parts"),
    *("step_through", "read_checkpoint"),
}
"""Functions, by the name that a file imports them under."""
METHODS = {"read", "stream"}
"""Of a hub: the first argument is an artifact or what stands beside one."""
GUARDS = {"forbids", "ended", "read_local"}

Place = tuple[str, str]
"""(file, function)."""

THROUGH: dict[Place, Place] = {
    # what stands at a hub: one door for scans, watches, rechecks, `reseen read` and the worker
    ("scan/inspect.py", "_check_header"): ("scan/inspect.py", "read"),
    ("scan/inspect.py", "_read_all"): ("scan/inspect.py", "read"),
    ("scan/screen.py", "screen"): ("scan/inspect.py", "_screen"),
    ("scan/inspect.py", "_screen"): ("scan/inspect.py", "read"),
    ("scan/screen.py", "_by_layers"): ("scan/screen.py", "screen"),
    ("scan/screen.py", "_by_rows"): ("scan/screen.py", "screen"),
    ("scan/steps.py", "step_through"): ("scan/screen.py", "_by_layers"),
    ("scan/checkpoint.py", "read_checkpoint"): ("scan/screen.py", "screen"),
    ("scan/inspect.py", "_layers"): ("scan/inspect.py", "read"),
    ("scan/context.py", "ReadContext.read"): ("scan/screen.py", "_by_layers"),
    ("scan/screen.py", "config_beside"): ("scan/inspect.py", "_config"),
    ("scan/inspect.py", "_config"): ("scan/inspect.py", "read"),
    ("scan/archive_at_hub.py", "_read_whole"): ("scan/archive_at_hub.py", "read_members"),
    ("scan/archive_at_hub.py", "_holds_one"): ("scan/archive_at_hub.py", "read_members"),
    ("scan/archive_at_hub.py", "_read_itself"): ("scan/archive_at_hub.py", "read_members"),
    ("scan/archive_at_hub.py", "_whole"): ("scan/archive_at_hub.py", "_read_itself"),
    ("scan/archive_at_hub.py", "_configs"): ("scan/archive_at_hub.py", "_read_wanted"),
    ("scan/archive_at_hub.py", "_read"): ("scan/archive_at_hub.py", "_read_wanted"),
    ("scan/archive_at_hub.py", "_read_wanted"): ("scan/archive_at_hub.py", "read_members"),
    ("scan/shards_at_hub.py", "_listing"): ("scan/shards_at_hub.py", "read_set"),
    # a checkpoint here: `_came` of scan/folder.py asks of each file before its layers are read
    ("scan/checkpoint.py", "read_here"): ("scan/bases_at_hand.py", "may_be_checkpoint"),
    ("match/checkpoint_layers.py", "read_base"): ("operations/bases.py", "add"),
    # a file that a person names at a hub
    ("scan/remote.py", "listing_of"): ("scan/remote.py", "_with_artifact"),
    ("scan/remote.py", "listing_of.read"): ("scan/remote.py", "_with_artifact"),
    ("scan/remote.py", "_planned"): ("scan/remote.py", "_with_artifact"),
    ("scan/remote.py", "weights_of"): ("scan/remote.py", "_with_artifact"),
    ("scan/remote.py", "weights_of.read"): ("scan/remote.py", "_with_artifact"),
    ("scan/remote.py", "sketch_of"): ("scan/remote.py", "_with_artifact"),
    ("scan/remote.py", "sketch_of.read"): ("scan/remote.py", "_with_artifact"),
    ("scan/remote.py", "embedding_of"): ("scan/remote.py", "_with_artifact"),
    ("scan/remote.py", "embedding_of.read"): ("scan/remote.py", "_with_artifact"),
    # two files that a person names: the verb asks before anything of them is read
    ("cli/compare.py", "_tell_checkpoint"): ("cli/compare.py", "compare"),
    ("cli/compare.py", "_sketched"): ("cli/compare.py", "_compared"),
    ("cli/compare.py", "_compared"): ("cli/compare.py", "compare"),
    ("cli/compare.py", "_tell_together"): ("cli/compare.py", "compare"),
    ("cli/compare.py", "_rows"): ("cli/compare.py", "_tell_rows"),
    ("cli/compare.py", "_tell_rows"): ("cli/compare.py", "compare"),
}
"""Readers that are reached through a guarded function alone; chains end at one that asks."""

ASK_THEMSELVES: dict[str, Place] = {
    "read_files": ("scan/pool.py", "_read"),
    "fingerprint_of": ("gate/upload.py", "fingerprint_of"),
    "read_upload": ("gate/upload_work.py", "read_upload"),
}
"""Of `READS`: those that ask before they read, and where."""

NO_REGISTRY: dict[Place, str] = {
    ("api.py", "fingerprint"): "a person's own file; no registry, nothing is kept",
    ("api.py", "_sketches"): "a person's own file; no registry, nothing is kept",
    ("cli/fingerprint.py", "fingerprint"): "a person's own file; nothing is kept",
    ("cli/fingerprint.py", "_read"): "a person's own file, or through scan/remote.py",
    ("registry/never_read.py", "read_local"): "the guard itself",
}


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function by its name, those within others by "outer.inner"."""

    def walk(node: ast.AST, within: str) -> Iterator[tuple[str, ast.FunctionDef]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{within}.{child.name}" if within else child.name
                if not isinstance(child, ast.ClassDef):
                    yield name, child  # type: ignore[misc]
                yield from walk(child, name)
            else:
                yield from walk(child, within)

    yield from walk(tree, "")


def _own_calls(function: ast.AST) -> Iterator[ast.Call]:
    """Calls of a function, without those of functions within it."""
    for child in ast.iter_child_nodes(function):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(child, ast.Call):
            yield child
        yield from _own_calls(child)


def _imported(tree: ast.Module) -> dict[str, str]:
    """What a name is called where it comes from."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reseen"):
            found.update({alias.asname or alias.name: alias.name for alias in node.names})
    return found


def _called(call: ast.Call, imported: dict[str, str]) -> str | None:
    if isinstance(call.func, ast.Name):
        return imported.get(call.func.id, call.func.id)
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return None


def _reads(call: ast.Call, imported: dict[str, str]) -> bool:
    if isinstance(call.func, ast.Name):
        return imported.get(call.func.id) in READS
    if isinstance(call.func, ast.Attribute) and call.func.attr in METHODS:
        return ast.unparse(call.func.value).endswith(("hub", "context"))
    return False


@cache
def _found() -> tuple[dict[Place, set[str]], dict[Place, set[str]]]:
    """Readers with what they call to read; and what every function calls."""
    readers: dict[Place, set[str]] = {}
    calls: dict[Place, set[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        where = path.relative_to(SOURCE).as_posix()
        if where.split("/")[0] in ROOMS_BELOW:
            continue
        tree = ast.parse(path.read_text())
        imported = _imported(tree)
        for name, function in _functions(tree):
            for call in _own_calls(function):
                calls.setdefault((where, name), set()).add(str(_called(call, imported)))
                if _reads(call, imported):
                    readers.setdefault((where, name), set()).add(ast.unparse(call.func))
    return readers, calls


def _asks(place: Place) -> bool:
    """Does it call the guard, or a function within it?"""
    calls = _found()[1]
    within = (p for p in calls if p[0] == place[0] and p[1].startswith(f"{place[1]}."))
    return any(calls.get(p, set()) & GUARDS for p in (place, *within))


def test_the_readers_that_are_known_are_found() -> None:
    """Were the search blind, nothing would fail."""
    known = {
        *(
            ("scan/inspect.py", "read"),
            ("scan/inspect.py", "_read_all"),
            ("scan/screen.py", "_by_layers"),
        ),
        *(("scan/remote.py", "sketch_of.read"), ("scan/folder.py", "_came")),
        *(("gate/upload_work.py", "read_upload"), ("gate/front.py", "answer_file")),
    }
    readers, calls = _found()
    assert known <= readers.keys()
    guarded = {place for place in calls if calls[place] & GUARDS}
    assert guarded >= {
        *(("scan/inspect.py", "read"), ("scan/inspect.py", "wants_reading")),
        *(("scan/pool.py", "_read"), ("registry/adds.py", "add_files.one")),
        *(("operations/checks.py", "Checker.check"), ("gate/upload.py", "fingerprint_of")),
        *(("gate/upload_work.py", "read_upload"), ("scan/remote.py", "_with_artifact.whole")),
    }


def test_every_reader_asks_or_is_reached_through_one_that_does() -> None:
    for place, what in _found()[0].items():
        if place in NO_REGISTRY or what <= ASK_THEMSELVES.keys():
            continue
        end, seen = place, [place]
        while not _asks(end):
            assert end in THROUGH, (
                f"{place} reads by {what} and asks nobody: see registry.never_read"
            )
            end = THROUGH[end]
            assert end not in seen, f"{place} is reached in a circle"
            seen.append(end)


def test_nobody_else_calls_what_is_reached_through_a_guard() -> None:
    """Only the functions of the chain call a reader that does not ask by itself."""
    for place, through in THROUGH.items():
        name = place[1].rpartition(".")[2]
        if not name.startswith("_") or _asks(place):
            continue
        calls = _found()[1]
        callers = {p for p in calls if p[0] == place[0] and name in calls[p]}
        for caller in callers:
            end = caller
            while not _asks(end) and end in THROUGH:
                end = THROUGH[end]
            assert _asks(end), f"{caller} calls {place}, which is reached through {through} alone"


def test_what_is_listed_is_there() -> None:
    assert all(_asks(place) for place in ASK_THEMSELVES.values())
    for place in (*THROUGH, *THROUGH.values(), *NO_REGISTRY):
        assert place in _found()[1], f"{place} is gone"
