"""Commands on pages are true: the walks are walked, and everywhere else they can be typed."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from replica.lists import write_csv
from replica.server import Replica
from tests.docs_commands import Reader, blocks

from reseen.cli import cli

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
WALKS = ("reporter", "hotline", "trust-and-safety", "company")
PAGES = sorted([ROOT / "README.md", *ROOT.glob("CONTRIBUTING.md"), *DOCS.rglob("*.md")])
PAGES = [page for page in PAGES if page.parent.name != "reference"]

NOT_RUN = {"tutorials/index.md": 1}
"""Blocks of commands that no test runs, by page. A new one is added here, with a reason there."""


@pytest.fixture
def reader(tmp_path: Path, replica: Replica) -> Iterator[Reader]:
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "NO_PROXY": "*",
    }
    person = Reader(tmp_path, replica.endpoint, environment)
    yield person
    person.leave()


@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_can_be_walked(walk: str, reader: Reader, replica: Replica) -> None:
    """To the letter, after the page that all walks begin with."""
    first = [b for b in blocks((DOCS / "tutorials" / "index.md").read_text()) if not b.not_run]
    (begins,) = first
    hub, *settings = begins.commands
    assert hub == "python -m replica --port 18930 --list removed.csv &"
    write_csv(reader.folder / "removed.csv", replica.world.removals)
    for command in settings:
        reader.type(command)
    assert reader.environment["HF_ENDPOINT"] == "http://127.0.0.1:18930"
    reader.environment["HF_ENDPOINT"] = replica.endpoint
    for block in blocks((DOCS / "tutorials" / f"{walk}.md").read_text()):
        if not block.not_run:
            reader.play(block)


def test_what_no_test_runs_is_marked_and_little() -> None:
    found = {}
    for page in (DOCS / "tutorials").glob("*.md"):
        marked = [block for block in blocks(page.read_text()) if block.not_run]
        if marked:
            found[str(page.relative_to(DOCS))] = len(marked)
    assert found == NOT_RUN


def commands(page: Path) -> Iterator[str]:
    """Lines of commands in blocks and indented texts, continued lines put together."""
    fence: str | None = None
    held = ""
    for line in page.read_text().splitlines():
        opened = re.match(r"^ *```+(.*)", line)
        if opened:
            fence = None if fence is not None else opened.group(1)
            continue
        if (fence is not None and fence in ("", "sh")) or line.startswith("    "):
            held += line.strip()
            if held.endswith("\\"):
                held = held[:-1]
                continue
            yield held
        held = ""


def typed(line: str) -> Iterator[list[str]]:
    """The commands of a line, without its remark and what the shell does with them."""
    line = re.sub(r"\s+#.*$", "", line)
    for part in re.split(r" && | \| | &$", line):
        command = re.split(r" [<>] ", part)[0].strip()
        try:
            words = shlex.split(command)
        except ValueError:
            continue
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words = words[1:]
        if words:
            yield words


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_on_a_page_can_be_typed(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verbs, options and arguments are taken as they stand; targets and modules are there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"words\n" * 9)))
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in commands(page):
        for words in typed(line):
            if words[0] == "reseen":
                _parse(words[1:])
            elif words[0] == "make":
                named = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
                assert {word for word in named if word != "..."} <= targets, line
            elif words[:2] == ["python", "-m"] and words[2] != "venv":
                monkeypatch.syspath_prepend(str(ROOT))
                assert importlib.util.find_spec(words[2]) is not None, line


def _parse(words: list[str]) -> None:
    """What click makes of a command line, down to its verb, which is not run."""
    command: click.Command = cli
    context: click.Context | None = None
    name: str | None = "reseen"
    while True:
        try:
            context = command.make_context(name, list(words), parent=context)
        except click.exceptions.Exit:  # --version, --help
            return
        if not isinstance(command, click.Group):
            return
        given = [*context._protected_args, *context.args]
        name, found, words = command.resolve_command(context, given)
        assert found is not None
        command = found
