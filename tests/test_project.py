"""What stands around the product holds: bounds, licences, extras that work alone, the workflows."""

from __future__ import annotations

import ast
import importlib
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from tests.long import SHORT

import reseen
from reseen.store.database import Store

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

OVERRIDDEN = {
    ("uvicorn.protocols.http.httptools_impl", "HttpToolsProtocol"): {
        *("connection_made", "connection_lost", "data_received", "on_message_begin"),
        *("on_headers_complete", "on_body", "on_message_complete"),
    },
    ("uvicorn.supervisors", "Multiprocess"): {"init_processes", "run"},
    ("uvicorn", "Server"): {"capture_signals", "handle_exit", "startup"},
}
"""Classes that a library does not promise to keep, and what of them our own replace or call."""


@pytest.mark.parametrize(("module", "name"), OVERRIDDEN)
def test_a_class_that_is_not_promised_is_there_and_its_library_is_bound_from_above(
    module: str, name: str
) -> None:
    found = getattr(importlib.import_module(module), name)
    for member in OVERRIDDEN[module, name]:
        assert callable(getattr(found, member)), f"{module}.{name} has no {member}"
    library = module.partition(".")[0]
    given = [*PROJECT["dependencies"]]
    for extra in PROJECT["optional-dependencies"].values():
        given += extra
    (bound,) = [r for r in map(Requirement, given) if r.name == library]
    assert any(each.operator == "<" for each in bound.specifier), f"{library} has no upper bound"
    assert bound.specifier.contains(version(library))


def test_no_other_class_of_uvicorn_is_built_upon() -> None:
    """A new one belongs into the table above."""
    known = {name for _, name in OVERRIDDEN}
    for path in (ROOT / "src").rglob("*.py"):
        text = path.read_text()
        if "uvicorn" not in text:
            continue
        tree = ast.parse(text)
        foreign = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("uvicorn")
            for alias in node.names
        }
        for node in ast.walk(tree):
            for base in node.bases if isinstance(node, ast.ClassDef) else ():
                named = ast.unparse(base)
                if named in foreign or named.startswith("uvicorn."):
                    assert named.rpartition(".")[2] in known, f"{path.name}: {named}"


def licences() -> Any:
    sys.path.insert(0, str(ROOT / "docs" / "_ext"))
    try:
        return importlib.import_module("licences")
    finally:
        del sys.path[0]


def test_every_dependency_has_a_licence_that_goes_with_ours() -> None:
    found = licences()
    assert len(found.needed()) > 30
    assert found.unfit() == []


@pytest.mark.parametrize(
    ("expression", "is_bad"),
    [
        ("MIT", False),
        ("CC0-1.0 OR GPL-3.0-only", False),
        ("MIT AND GPL-3.0-only", True),
        ("(MIT OR Apache-2.0) AND BSD-3-Clause", False),
        ("GPL-3.0-only OR AGPL-3.0-only", True),
        ("Proprietary", True),
        ("", True),
    ],
)
def test_what_does_not_go_with_ours_is_told(expression: str, is_bad: bool) -> None:
    assert licences().bad(expression) is is_bad


EXTRA_MODULES = {
    "serve": ("fastapi", "uvicorn", "argon2", "starlette", "structlog", "prometheus_client"),
    "postgresql": ("psycopg",),
    "parquet": ("pyarrow",),
    "sweep": ("obstore",),
    "crc": ("awscrt",),
    "ray": ("ray",),
    "spark": ("pyspark",),
    "gguf": ("gguf",),
    "archives": ("libarchive",),
    "pdf": ("fpdf", "uharfbuzz"),
    "yaml": ("yaml",),
}
WITHOUT = """
import contextlib, io, json, os, sys
for name in {modules!r}: sys.modules[name] = None
import click
from reseen.cli import cli, main
def verbs(command=cli, path=()):
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        if isinstance(inner, click.Group): verbs(inner, (*path, name))
verbs()
said = []
for arguments in {commands!r}:
    out, sys.argv = io.StringIO(), ["reseen", *arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try: main()
        except SystemExit as end: code = end.code
    said.append([code, out.getvalue()])
print(json.dumps(said))
"""
NEEDING = {
    ("serve",): "serve",
    ("user", "add", "ada", "--role", "reader", "--generate"): "serve",
    ("user", "list"): "serve",
    ("db", "upgrade", "--db", "postgresql://nobody@127.0.0.1/none"): "postgresql",
    ("registry", "import", "list.parquet"): "parquet",
    ("registry", "import", "list.yaml"): "yaml",
    ("report", "--out", "report.pdf"): "pdf",
    ("sweep", "list", ".", "--out", "manifest"): "sweep",
    ("sweep", "learn", "crc32c"): "crc",
}


def test_every_verb_is_there_without_any_extra_and_says_which_one_it_needs(tmp_path: Path) -> None:
    """In a process that has none of them."""
    (tmp_path / "list.parquet").write_bytes(b"PAR1" + bytes(40) + b"PAR1")
    (tmp_path / "list.yaml").write_text("- name: Sample person 07\n")
    Store(f"sqlite:///{tmp_path / 'reseen.db'}").close()
    modules = [name for names in EXTRA_MODULES.values() for name in names]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(modules=modules, commands=[*NEEDING])],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT / "src"), "RESEEN_HOME": str(tmp_path), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for (command, extra), (code, said) in zip(
        NEEDING.items(), json.loads(done.stdout), strict=True
    ):
        assert code == 2, (command, said)
        assert f"reseen[{extra}]" in said, (command, said)


def test_every_extra_is_tried_alone_and_known_to_be_missed() -> None:
    extras = set(PROJECT["optional-dependencies"])
    assert set(EXTRA_MODULES) == extras
    (tried,) = re.findall(r"\$\{EXTRAS:-([a-z ]+)\}", (ROOT / ".ci" / "wheels").read_text())
    assert set(tried.split()) == extras


def test_the_changelog_and_the_code_say_the_same_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert text.index("## [Unreleased]") < text.index(f"## [{reseen.__version__}]")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_what_a_workflow_runs_is_there(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert "permissions" in workflow
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"]
        for step in job["steps"]:
            command = step.get("run", "")
            for words in re.findall(r"^make (.+)$", command, re.MULTILINE):
                assert {w for w in words.split() if not w.startswith(".")} <= targets, words
            for file in re.findall(r"\b(?:deploy|requirements|tests)/[\w./-]+", command):
                assert (ROOT / file).exists(), file
            assert "${{" not in command, "values go into a command by its environment"


def test_the_workflow_tests_each_python_that_is_promised() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    promised = {
        each.rsplit(" ", 1)[-1] for each in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", each)
    }
    assert promised
    for job in ("tests", "wheels"):
        assert promised <= set(workflow["jobs"][job]["strategy"]["matrix"]["python"])


def test_forms_for_issues_are_whole() -> None:
    for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        form = yaml.safe_load(path.read_text())
        if path.stem != "config":
            assert {"name", "description", "body"} <= set(form)
            assert any(field.get("validations", {}).get("required") for field in form["body"])


@pytest.mark.parametrize("file", SHORT)
def test_what_is_said_of_long_cases_is_of_tests_that_are_there(file: str) -> None:
    code = (ROOT / "tests" / file).read_text()
    defined = set(re.findall(r"^(?:async )?def (test_\w+)", code, re.MULTILINE))
    assert SHORT[file].keys() <= defined
